package snds

import (
	"fmt"
	"sort"

	"galien"
	"galien/synth/life"
)

// generator is what all persons share.
type generator struct {
	persons, years int
	seed           uint64
	start, end     galien.Date
	firstYear      int
	out            *folder

	claims   [claimTables][]*table // by month of flux since the first of care
	hospital map[int]*[hospitalTables]*table
	ben      *table
	archive  *table
	imb      *table
	vac      *table
	cci, ecd *table
	truth    [truthTables]*table

	chosen     Fields
	field      [3]map[int]*[fieldTables]*table // by field and year
	fieldNo    [3]map[string]int               // last number of a stay by establishment and year
	fieldTruth [fieldTruths]*table
	fieldIDs   int
	wards      map[string]*ward // by establishment

	forms         *formulary
	finess        []string
	finessIndex   map[string]int
	schemeWeights []int
	placeWeights  []int
	kinds         []int
	sites         [3][]int // weights of all, public and private hospitals

	bills     []int32       // last DCT_ORD_NUM by organism, flux and emitter
	stayNo    map[int][]int // last RSA_NUM by year and establishment
	visitNo   map[int][]int // last SEQ_NUM
	stayIDs   int
	visitIDs  int
	orphans   int
	rules     map[rule]*[2]int64
	statuses  map[string]int64
	effects   [2]effects // over the full truth, and over what files can show
	who       person
	mortality *life.Mortality

	waitDeath, waitConsult, waitStay, waitVisit, waitMyo, waitMeningioma *life.Waiting
}

const lastYear = 2021

// oldYears are the years of which stays alone are written.
var oldYears = []int{2009, 2012}

func newGenerator(c Config, out *folder) *generator {
	m := life.NewMortality()
	g := &generator{
		persons: c.Persons, years: c.Years, seed: c.Seed, chosen: c.Fields, out: out,
		firstYear: lastYear - c.Years + 1,
		hospital:  map[int]*[hospitalTables]*table{},
		forms:     newFormulary(),
		kinds:     []int{1000, life.BirthsPerYear * c.Years, life.ArrivalsPerYear * c.Years},
		stayNo:    map[int][]int{}, visitNo: map[int][]int{},
		rules: map[rule]*[2]int64{}, statuses: map[string]int64{},
		mortality: m,

		waitDeath:      life.NewWaiting(m.Peak()),
		waitConsult:    life.NewWaiting(consultRate.Peak()),
		waitStay:       life.NewWaiting(stayRate.Peak()),
		waitVisit:      life.NewWaiting(outpatientRate.Peak()),
		waitMyo:        life.NewWaiting(life.PerYear(myoMen * myoRatio)),
		waitMeningioma: life.NewWaiting(life.PerYear(meningiomas * meningiomaHR)),
	}
	g.start, _ = galien.NewDate(g.firstYear, 1, 1)
	g.end, _ = galien.NewDate(lastYear, 12, 31)
	for _, s := range schemeCodes {
		g.schemeWeights = append(g.schemeWeights, s.weight)
	}
	for _, p := range places {
		g.placeWeights = append(g.placeWeights, p.weight)
	}
	for _, h := range hospitals {
		public, private := h.weight, 0
		if h.private {
			public, private = 0, h.weight
		}
		g.sites[0] = append(g.sites[0], h.weight)
		g.sites[1] = append(g.sites[1], public)
		g.sites[2] = append(g.sites[2], private)
	}
	g.finess, g.finessIndex = establishments()
	months := c.Years*12 + 19
	for t := range g.claims {
		g.claims[t] = make([]*table, months)
	}
	g.bills = make([]int32, schemes*len(places)*months*2)
	for y := g.firstYear; y <= lastYear; y++ {
		g.openHospital(y, hospitalTables)
	}
	for _, y := range oldYears {
		g.openHospital(y, stayTables)
	}
	ref := func(name string, l layout) *table { return out.open("input/snds/"+name, l, lastYear) }
	g.ben, g.archive = ref("REF/IR_BEN_R", personLayout), ref("REF/IR_BEN_R_ARC", personLayout)
	g.imb, g.vac = ref("REF/IR_IMB_R", diseaseLayout), ref("REF/IR_VAC_F", vaccineLayout)
	g.cci, g.ecd = ref("DECES/KI_CCI_R", deathLayout), ref("DECES/KI_ECD_R", causeLayout)
	for i, t := range truthLayouts {
		g.truth[i] = out.open("truth/"+t.name, t.layout, lastYear)
	}
	g.openFields()
	g.openWards(c.Hospitals)
	return g
}

func (g *generator) openHospital(year, tables int) {
	var set [hospitalTables]*table
	for i := range tables {
		set[i] = g.out.open(fmt.Sprintf("input/snds/PMSI/T_MCO%02d%s", year%100, hospitalLayouts[i].name), hospitalLayouts[i].layout, year)
	}
	g.hospital[year] = &set
	g.stayNo[year], g.visitNo[year] = make([]int, len(g.finess)), make([]int, len(g.finess))
}

// month counts months from the first of the years of care.
func (g *generator) month(d galien.Date) int {
	y, m, _ := d.Civil()
	return (y-g.firstYear)*12 + m - 1
}

// firstOf is the first day of a month so counted.
func (g *generator) firstOf(month int) galien.Date {
	d, _ := galien.NewDate(g.firstYear+month/12, month%12+1, 1)
	return d
}

// claim is the file of a table that holds a month of flux: one a year up to
// 2018, one a month after.
func (g *generator) claim(t, month int) *table {
	if g.claims[t][month] == nil {
		y, m := g.firstYear+month/12, month%12+1
		name := "input/snds/DCIR/" + claimLayouts[t].name
		if y > 2018 {
			g.claims[t][month] = g.out.open(fmt.Sprintf("%s_%d%02d", name, y, m), claimLayouts[t].layout, y)
		} else {
			file := g.out.open(fmt.Sprintf("%s_%d", name, y), claimLayouts[t].layout, y)
			for i := month - m + 1; i <= month-m+12; i++ {
				g.claims[t][i] = file
			}
		}
	}
	return g.claims[t][month]
}

// rule is a trap in a table.
type rule struct{ name, table string }

// count notes rows that a rule touches, and how many of them must disappear.
func (g *generator) count(name, table string, affected, gone int) {
	r := rule{name, table}
	c := g.rules[r]
	if c == nil {
		c = new([2]int64)
		g.rules[r] = c
	}
	c[0] += int64(affected)
	c[1] += int64(gone)
}

// sortedRules lists what was counted by name and table.
func (g *generator) sortedRules() []rule {
	var all []rule
	for r, c := range g.rules {
		if c[0] > 0 {
			all = append(all, r)
		}
	}
	sort.Slice(all, func(i, j int) bool {
		if all[i].name != all[j].name {
			return all[i].name < all[j].name
		}
		return all[i].table < all[j].table
	})
	return all
}

// live simulates person i and writes it, reusing the memory of the one before.
func (g *generator) live(i int) {
	p := &g.who
	*p = person{index: i, id: string(appendPadded([]byte("P"), i+1, 8)), ids: p.ids[:0], drugs: p.drugs[:0], once: p.once[:0], doses: p.doses[:0], stays: p.stays[:0], hormones: p.hormones[:0]}
	g.born(p)
	g.rights(p)
	p.pharmacy, p.doctor = 920_000_000+p.d.Below(20_000), 910_000_000+p.d.Below(50_000)
	g.inject(p)
	g.care(p)
	g.admissions(p)
	g.visits(p)
	g.fields(p)
	g.death(p)
	g.diseases(p)
	g.register(p)
	g.nobodies(p)
	g.answers(p)
	g.effects[0].add(g, p, false)
	g.effects[1].add(g, p, true)
}
