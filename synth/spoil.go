package synth

import "galien"

// spoilKey says what is wrong with a row that is wrong on purpose; reason is
// the code that the quarantine of an ingest gives it.
type spoilKey struct{ file, field, reason string }

// spoiler writes the rows that are wrong on purpose, group by group, as the
// persons pass, so that they lie in the middle of the files.
type spoiler struct{ done int }

var spoils = []func(o *output, p *person) bool{
	// Events of persons that PERSON lacks: a table exported later than the other.
	func(o *output, p *person) bool {
		for i := range 5 {
			o.tables["measurement"].id().int(p.sourceID() + 1).int(3016723).date(lastDay).null(2).int(laboratoryType).null(1).hundredths(90 + i)
			o.spoilt1("measurement", "person_id", "unknown_person")
		}
		return true
	},
	func(o *output, p *person) bool {
		for range 3 {
			o.tables["observation_period"].id().int(p.sourceID() + 2).date(lastDay.AddDays(-300)).date(lastDay).int(claimEnrolment)
			o.spoilt1("observation_period", "person_id", "unknown_person")
		}
		return true
	},
	// Days that are not in the calendar, and the date of a system that knew none.
	func(o *output, p *person) bool {
		for range 2 {
			o.tables["condition_occurrence"].id().int(p.sourceID()).int(headache).text("2021-02-30").null(1).text("2021-03-02").null(1).int(claim)
			o.spoilt1("condition_occurrence", "condition_start_date", "not_date")
		}
		return true
	},
	func(o *output, p *person) bool {
		o.tables["procedure_occurrence"].id().int(p.sourceID()).int(colonoscopy).text("0001-01-01").null(3).int(claim)
		o.spoilt1("procedure_occurrence", "procedure_date", "implausible_date")
		return true
	},
	// A delivery exported again and again.
	func(o *output, p *person) bool {
		if len(p.drugs) == 0 {
			return false
		}
		t, last := o.tables["drug_exposure"], p.drugs[len(p.drugs)-1]
		for range 3 {
			t.int(t.lastID).int(p.sourceID()).int(int64(last.product.concept())).date(last.start).null(1).date(last.end).null(2).int(pharmacyClaim)
			o.spoilt1("drug_exposure", "drug_exposure_id", "duplicate_key")
		}
		return true
	},
	// A decimal comma.
	func(o *output, p *person) bool {
		for range 4 {
			o.tables["measurement"].id().int(p.sourceID()).int(3004410).date(lastDay).null(2).int(laboratoryType).null(1).text("7,2").null(1).int(percentUnit)
			o.spoilt1("measurement", "value_as_number", "not_number")
		}
		return true
	},
	// A stay without its first day.
	func(o *output, p *person) bool {
		for range 2 {
			o.tables["visit_occurrence"].id().int(p.sourceID()).int(inpatientVisit).null(2).date(lastDay).null(1).int(claim)
			o.spoilt1("visit_occurrence", "visit_start_date", "required_missing")
		}
		return true
	},
}

var lastDay = galien.MustDate("2023-12-29")

func (s *spoiler) spoil(o *output, p *person, done, persons int) {
	// A group that cannot be written yet waits for the next person.
	for s.done < len(spoils) && done >= persons*(s.done+1)/(len(spoils)+1) {
		if !spoils[s.done](o, p) && done < persons {
			return
		}
		s.done++
	}
}

// spoilt1 ends a wrong row and counts it.
func (o *output) spoilt1(table, field, reason string) {
	o.tables[table].spoiltEnd()
	o.spoilt[spoilKey{table + ".csv", field, reason}]++
}
