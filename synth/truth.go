package synth

import (
	"cmp"
	"slices"

	"galien"
)

// Truth is what the generator knows of a population: the content of
// truth.json.
type Truth struct {
	Seed        uint64           `json:"seed"`
	Persons     int              `json:"persons"`
	Women       int              `json:"women"`
	Deaths      int              `json:"deaths"`
	Start       galien.Date      `json:"start"`
	End         galien.Date      `json:"end"`
	AgeAtStart  []AgeBand        `json:"age_at_start"` // of the persons born before the start
	Rows        map[string]int64 `json:"rows"`         // per table, without the wrong rows
	Wrong       []Wrong          `json:"wrong"`        // rows wrong on purpose
	WrongRows   int64            `json:"wrong_rows"`
	Association Association      `json:"association"`
	Cohorts     []Cohort         `json:"cohorts"`
}

// AgeBand counts the persons of five years of age.
type AgeBand struct {
	From  int `json:"from"`
	Men   int `json:"men"`
	Women int `json:"women"`
}

// Wrong counts the rows of one file that are wrong on purpose, with the
// reason an ingest must find.
type Wrong struct {
	File   string `json:"file"`
	Field  string `json:"field"`
	Reason string `json:"reason"`
	Rows   int64  `json:"rows"`
}

// Association is the planted effect and what came of it. Days are the covered
// days of all persons; a bleeding counts as exposed on days 1 to RiskDays
// after the start of an episode of an anti-inflammatory drug.
type Association struct {
	HazardRatio    float64 `json:"hazard_ratio"`
	RiskDays       int     `json:"risk_days"`
	Episodes       int64   `json:"episodes"`
	ExposedDays    int64   `json:"exposed_days"`
	ExposedBleeds  int64   `json:"exposed_bleeds"`
	OtherDays      int64   `json:"other_days"`
	OtherBleeds    int64   `json:"other_bleeds"`
	BleedPersons   int64   `json:"bleed_persons"`
	ExposedPersons int64   `json:"exposed_persons"`
}

// Cohort is the answer one definition of the folder cohorts must give.
type Cohort struct {
	File    string `json:"file"`
	Entry   int64  `json:"entry"` // persons with a qualifying entry event
	Steps   []Step `json:"steps"` // persons left after each inclusion rule
	Persons int64  `json:"persons"`
	Days    int64  `json:"days"` // of all cohort entries, both ends included
}

// Step is the number of persons left after an inclusion rule and those before
// it.
type Step struct {
	Rule    string `json:"rule"`
	Persons int64  `json:"persons"`
}

// tally counts while the persons pass.
type tally struct {
	women, deaths int
	bands         [20][2]int
	association   Association
	users         Cohort
	bled          Cohort
	diabetics     Cohort
}

func (t *tally) add(w *world, p *person) {
	sex := 0
	if p.female {
		sex = 1
		t.women++
	}
	if p.died {
		t.deaths++
	}
	if p.birth < w.start {
		t.bands[min(p.years(w.start)/5, 19)][sex]++
	}
	t.addAssociation(p)
	t.addUsers(p)
	t.addDiabetics(p)
}

func isBleeding(c galien.ConceptID) bool {
	return c == bleeding || c == melena || c == rectalBleeding
}

func (t *tally) addAssociation(p *person) {
	a := &t.association
	a.Episodes += int64(len(p.starts))
	if len(p.starts) > 0 {
		a.ExposedPersons++
	}
	var total, exposed int64
	for _, o := range p.periods {
		total += int64(o.End.DaysSince(o.Start)) + 1
		for _, s := range p.starts { // episodes are at least 45 days apart: their risk days never meet
			if from, to := max(s.AddDays(1), o.Start), min(s.AddDays(riskDays), o.End); from <= to {
				exposed += int64(to.DaysSince(from)) + 1
			}
		}
	}
	a.ExposedDays += exposed
	a.OtherDays += total - exposed
	var bled bool
	for _, c := range p.conditions {
		if isBleeding(c.concept) {
			bled = true
			if p.atRisk(c.start) {
				a.ExposedBleeds++
			} else {
				a.OtherBleeds++
			}
		}
	}
	if bled {
		a.BleedPersons++
	}
}

// addUsers answers cohorts 1 and 2: the first delivery of an
// anti-inflammatory drug ever, with 365 days of observation before it.
func (t *tally) addUsers(p *person) {
	first := slices.IndexFunc(p.drugs, func(d drug) bool { return d.product.antiInflammatory() })
	if first < 0 {
		return
	}
	start, end := p.drugs[first].start, p.drugs[first].end
	o, ok := p.covering(start)
	if !ok || start.DaysSince(o.Start) < priorDays {
		return
	}
	for _, d := range p.drugs[first+1:] {
		if d.product.antiInflammatory() && d.start.DaysSince(end) <= eraGap {
			end = max(end, d.end)
		}
	}
	t.users.Entry++
	t.users.count(start, min(end, o.End))
	t.bled.Entry++
	var before, within bool
	for _, c := range p.conditions {
		if isBleeding(c.concept) && o.Contains(c.start) {
			before = before || c.start < start
			within = within || c.start >= start && c.start <= start.AddDays(30)
		}
	}
	if before {
		return
	}
	t.bled.step(0, "no gastrointestinal bleeding before")
	if within {
		t.bled.step(1, "gastrointestinal bleeding within 30 days")
		t.bled.count(start, min(start.AddDays(30), o.End))
	}
}

// addDiabetics answers cohort 3.
func (t *tally) addDiabetics(p *person) {
	first := slices.IndexFunc(p.conditions, func(c condition) bool { return c.concept == diabetes })
	if first < 0 {
		return
	}
	start := p.conditions[first].start
	o, ok := p.covering(start)
	if !ok || start.Year()-p.birth.Year() < 18 {
		return
	}
	t.diabetics.Entry++
	year := galien.Period{Start: start, End: min(start.AddDays(365), o.End)}
	if !slices.ContainsFunc(p.drugs, func(d drug) bool { return d.product == metformin && year.Contains(d.start) }) {
		return
	}
	t.diabetics.step(0, "metformin within a year")
	if !slices.ContainsFunc(p.measurements, func(m measurement) bool {
		return m.test == hba1c && m.value >= 700 && year.Contains(m.date)
	}) {
		return
	}
	t.diabetics.step(1, "HbA1c of 7 % or more within a year")
	if slices.ContainsFunc(p.conditions, func(c condition) bool {
		return (c.concept == heartFailure || c.concept == congestiveFailure) && c.start >= o.Start && c.start < start
	}) {
		return
	}
	t.diabetics.step(2, "no heart failure before")
	t.diabetics.count(start, o.End)
}

func (c *Cohort) count(start, end galien.Date) {
	c.Persons++
	c.Days += int64(end.DaysSince(start)) + 1
}

func (c *Cohort) step(i int, rule string) {
	for len(c.Steps) <= i {
		c.Steps = append(c.Steps, Step{})
	}
	c.Steps[i].Rule = rule
	c.Steps[i].Persons++
}

func (w *world) truth(o *output) Truth {
	t := &w.tally
	t.association.HazardRatio = float64(hazardRatio) / 1000
	t.association.RiskDays = riskDays
	t.users.File, t.bled.File, t.diabetics.File = "1-new-nsaid-users.json", "2-bleeding-after-nsaid.json", "3-diabetes-metformin-hba1c.json"
	truth := Truth{
		Seed: w.seed, Persons: w.persons, Women: t.women, Deaths: t.deaths, Start: w.start, End: w.end,
		Rows: map[string]int64{}, Association: t.association, Cohorts: []Cohort{t.users, t.bled, t.diabetics},
	}
	for i, b := range t.bands {
		truth.AgeAtStart = append(truth.AgeAtStart, AgeBand{From: 5 * i, Men: b[0], Women: b[1]})
	}
	for name, table := range o.tables {
		truth.Rows[name] = table.rows
	}
	for key, rows := range o.spoilt {
		truth.Wrong = append(truth.Wrong, Wrong{key.file, key.field, key.reason, rows})
		truth.WrongRows += rows
	}
	slices.SortFunc(truth.Wrong, func(a, b Wrong) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Field, b.Field), cmp.Compare(a.Reason, b.Reason))
	})
	return truth
}
