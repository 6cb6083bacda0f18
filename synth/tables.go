package synth

import (
	"fmt"

	"galien"
	"galien/synth/life"
)

var (
	validFrom, validTo = galien.MustDate("1970-01-01"), galien.MustDate("2099-12-31")
	released           = galien.MustDate("2024-01-15")
)

// vocabulary writes the tables that do not depend on the population.
func (o *output) vocabulary() {
	o.tables["cdm_source"].text("Galien demonstration population").text("galien-demo").text("Nobody: every person in it is invented").
		text("Synthetic claims of an invented insurer, with known truth").null(2).
		date(released).date(released).text("v5.4").int(version54).text("galien-demo 1").end()
	named := map[string]bool{}
	parents := map[galien.ConceptID][]galien.ConceptID{}
	for _, c := range concepts {
		parents[c.id] = c.parents
		t := o.tables["concept"].int(int64(c.id)).text(c.name).text(c.domain).text(c.vocabulary).text(c.class)
		switch {
		case c.id == 0:
			t.null(1)
		case c.classification:
			t.text("C")
		default:
			t.text("S")
		}
		t.text(c.code).date(validFrom).date(validTo).end()
		if !named["vocabulary "+c.vocabulary] {
			named["vocabulary "+c.vocabulary] = true
			o.tables["vocabulary"].text(c.vocabulary).text(c.vocabulary).null(1).text("galien-demo 1").int(0).end()
		}
		if !named["domain "+c.domain] {
			named["domain "+c.domain] = true
			o.tables["domain"].text(c.domain).text(c.domain).int(0).end()
		}
	}
	for _, c := range concepts {
		if c.id == 0 {
			continue
		}
		depth := map[galien.ConceptID]int{c.id: 0}
		for level, now := 0, []galien.ConceptID{c.id}; len(now) > 0; level++ {
			var above []galien.ConceptID
			for _, id := range now {
				o.tables["concept_ancestor"].int(int64(id)).int(int64(c.id)).int(int64(level)).int(int64(level)).end()
				for _, up := range parents[id] {
					if _, ok := depth[up]; !ok {
						depth[up] = level + 1
						above = append(above, up)
					}
				}
			}
			now = above
		}
		for _, up := range c.parents {
			r := o.tables["concept_relationship"]
			r.int(int64(c.id)).int(int64(up)).text("Is a").date(validFrom).date(validTo).end()
			r.int(int64(up)).int(int64(c.id)).text("Subsumes").date(validFrom).date(validTo).end()
		}
	}
}

// departments are the numbers and names of twelve French departments, with
// their weight.
var departments = []struct {
	number, name string
	weight       int
}{
	{"75", "Paris", 21}, {"69", "Rhône", 19}, {"13", "Bouches-du-Rhône", 20}, {"59", "Nord", 26}, {"33", "Gironde", 16}, {"31", "Haute-Garonne", 14},
	{"44", "Loire-Atlantique", 14}, {"67", "Bas-Rhin", 11}, {"35", "Ille-et-Vilaine", 11}, {"34", "Hérault", 12}, {"63", "Puy-de-Dôme", 7}, {"48", "Lozère", 1},
}

func departmentWeights() []int {
	w := make([]int, len(departments))
	for i, d := range departments {
		w[i] = d.weight
	}
	return w
}

// syllables make invented family names.
var syllables = []string{"bar", "cel", "dor", "fan", "gui", "lor", "mor", "nau", "pel", "rou", "sau", "tav", "ver", "yvo", "zel", "bri"}

var (
	givenMale   = []string{"Armand", "Basile", "Côme", "Désiré", "Elzéar", "Fulbert", "Gatien", "Honoré"}
	givenFemale = []string{"Apolline", "Blandine", "Clélia", "Domitille", "Édith", "Flavie", "Gersende", "Hermine"}
)

// invent returns a family name that a number spells.
func invent(n uint64) string {
	name := syllables[n%16] + syllables[n/16%16] + syllables[n/256%16] + "eau"
	return string(name[0]-'a'+'A') + name[1:]
}

// places writes hospitals, offices and doctors.
func (o *output) places(w *world) {
	for i := range w.sites {
		id := int64(i + 1)
		dep := departments[i%len(departments)]
		o.tables["location"].int(id).null(3).text(dep.number).null(1).text(dep.name).text(fmt.Sprintf("SITE-%03d", id)).null(1).text("France").end()
		place, name := int64(hospitalPlace), "Hôpital inventé de %s n° %d"
		if i%2 == 1 {
			place, name = officePlace, "Maison de santé inventée de %s n° %d"
		}
		o.tables["care_site"].int(id).text(fmt.Sprintf(name, dep.name, id)).int(place).int(id).text(fmt.Sprintf("FINESS-DEMO-%05d", id)).end()
	}
	for i := range w.doctors {
		id := int64(i + 1)
		h := life.Mix(w.seed ^ uint64(i)<<20)
		gender, given := int64(male), givenMale
		if h%2 == 1 {
			gender, given = female, givenFemale
		}
		o.tables["provider"].int(id).text("Dr " + given[h/2%8] + " " + invent(h>>8)).text(fmt.Sprintf("000%08d", id)).null(1).
			int(generalPractice).int(int64(1 + (2*i+1)%w.sites)).int(int64(1958 + h>>16%32)).int(gender).
			text(fmt.Sprintf("RPPS-DEMO-%05d", id)).null(2).end()
	}
}

// identity returns a number with the look of a French social security number
// whose control key, 00, no real number has.
func (p *person) identity(department string, h uint64) string {
	y, m, _ := p.birth.Civil()
	sex := 1
	if p.female {
		sex = 2
	}
	return fmt.Sprintf("%d%02d%02d%s%03d%03d00", sex, y%100, m, department, h%1000, p.index%1000)
}

// person writes one life.
func (o *output) person(w *world, p *person) {
	id := p.sourceID()
	h := life.Mix(w.seed ^ uint64(p.index)<<8 ^ personStream)
	dep := departments[p.d.Pick(departmentWeights())]
	home := int64(w.sites + 1 + p.index)
	doctor := int64(1 + h%uint64(w.doctors))
	hospital := int64(1 + 2*(h>>20%uint64((w.sites+1)/2)))
	o.tables["location"].int(home).text(fmt.Sprintf("%d rue %s", 1+h>>30%180, invent(h>>12))).null(1).text("Ville-" + invent(h>>5)).
		text(dep.number).text(fmt.Sprintf("%s%03d", dep.number, h>>40%1000)).text(dep.name).text(fmt.Sprintf("ADR-%08d", home)).null(1).text("France").end()
	sex, code := int64(male), "1"
	if p.female {
		sex, code = female, "2"
	}
	y, m, d := p.birth.Civil()
	o.tables["person"].int(id).int(sex).int(int64(y)).int(int64(m)).int(int64(d)).moment(p.birth, 0).int(0).int(0).
		int(home).int(doctor).null(1).text(p.identity(dep.number, h>>50)).text(code).int(0).end()
	for _, period := range p.periods {
		o.tables["observation_period"].id().int(id).date(period.Start).date(period.End).int(claimEnrolment).end()
	}
	if p.died {
		t := o.tables["death"].int(id).date(p.death).null(1).int(deathRecord)
		if p.cause != 0 {
			t.int(int64(p.cause))
		}
		t.end()
	}
	for i := range p.visits {
		v := &p.visits[i]
		t := o.tables["visit_occurrence"].id().int(id)
		v.id = t.lastID
		minute := 480 + int((h>>(i%40))%600)
		switch v.place {
		case consultation:
			t.int(outpatientVisit).date(v.start).moment(v.start, minute).date(v.end).moment(v.end, minute+15).int(claim).int(doctor).null(1).text("C")
		case emergency:
			t.int(emergencyVisit).date(v.start).moment(v.start, minute).date(v.end).moment(v.end, minute+180).int(claim).null(1).int(hospital).text("URG")
		default:
			t.int(inpatientVisit).date(v.start).moment(v.start, minute).date(v.end).moment(v.end, minute+200).int(claim).null(1).int(hospital).text("HOSP")
		}
		t.int(0).end()
	}
	o.events(p, id)
}

func (o *output) events(p *person, id int64) {
	for _, c := range p.conditions {
		o.tables["condition_occurrence"].id().int(id).int(int64(c.concept)).date(c.start).null(1).date(c.end).null(1).
			int(claim).null(3).int(p.visits[c.visit].id).null(1).text(sourceCode(c.concept)).int(0).end()
	}
	for _, d := range p.drugs {
		o.tables["drug_exposure"].id().int(id).int(int64(d.product.concept())).date(d.start).null(1).date(d.end).null(2).
			int(pharmacyClaim).null(1).int(0).int(int64(d.days)).int(int64(d.days)).null(4).int(p.visits[d.visit].id).null(1).
			text(sourceCode(d.product.concept())).int(0).end()
	}
	for _, q := range p.procedures {
		o.tables["procedure_occurrence"].id().int(id).int(int64(q.concept)).date(q.date).null(3).int(claim).null(1).int(1).null(1).
			int(p.visits[q.visit].id).null(1).text(sourceCode(q.concept)).int(0).end()
	}
	for _, m := range p.measurements {
		test := laboratories[m.test]
		o.tables["measurement"].id().int(id).int(int64(test.concept)).date(m.date).null(2).int(laboratoryType).null(1).
			hundredths(m.value).null(1).int(int64(test.unit)).hundredths(test.low).hundredths(test.high).null(1).
			int(p.visits[m.visit].id).null(1).text(sourceCode(test.concept)).int(0).text(test.unitName).end()
	}
	for _, b := range p.observations {
		o.tables["observation"].id().int(id).int(int64(b.concept)).date(b.date).null(1).int(claim).null(2).int(int64(b.value)).null(3).
			int(p.visits[b.visit].id).null(1).text("TABAC").end()
	}
	for _, e := range p.conditionEras() {
		o.tables["condition_era"].id().int(id).int(int64(e.concept)).date(e.start).date(e.end).int(int64(e.count)).end()
	}
	for _, e := range p.drugEras() {
		o.tables["drug_era"].id().int(id).int(int64(e.concept)).date(e.start).date(e.end).int(int64(e.count)).int(int64(e.gaps)).end()
	}
}

// sourceCode is what the invented insurer writes for a concept.
func sourceCode(c galien.ConceptID) string { return "D" + fmt.Sprint(int64(c)%100000) }
