package snds

import (
	"slices"

	"galien"
)

// The kinds of outpatient visit.
var visitKinds = []string{"CS", "ACT", "LAB", "ER"}

const (
	consultationVisit = iota
	actVisit
	laboratoryVisit
	emergencyVisit
)

// visits are the outpatient visits of public hospitals, which DCIR repeats in
// part: for information, or because the hospital bills the insurance itself.
func (g *generator) visits(p *person) {
	g.each(p, g.waitVisit, p.entry, p.exit, 3, outpatientRate.At, func(day galien.Date) galien.Date {
		if !slices.ContainsFunc(p.stays, func(s stay) bool { return day >= s.entry && day <= s.exit }) {
			g.visit(p, day)
		}
		return day
	})
}

func (g *generator) visit(p *person, day galien.Date) {
	d := &p.d
	kind := d.Pick([]int{36, 24, 16, 24})
	var acts []string
	var labs []int
	switch kind {
	case actVisit:
		acts = g.someOf(p, technicalActs, 1)
	case emergencyVisit:
		if d.Percent(50) {
			acts = g.someOf(p, technicalActs, 1)
		}
	case laboratoryVisit:
		for n := 1 + d.Below(3); len(labs) < n; {
			if t := p.pick(tests); !slices.Contains(labs, t) {
				labs = append(labs, t)
			}
		}
	}
	h := &hospitals[d.Pick(g.sites[1])]
	who := p.identityAt(day)
	status := p.fate(who, false)
	returns := -1
	if status == badCode {
		returns = d.Below(5)
	}
	part := h.finess
	if len(h.parts) > 0 {
		part = h.parts[d.Below(len(h.parts))]
	}
	w := visitWriter{day: day, kind: kind, acts: acts, labs: labs, nir: p.shownNumber(status, &p.ids[who]), returns: returns, part: part, set: g.hospital[day.Year()],
		safety: kind == actVisit && d.Percent(30)}
	seq := g.next(g.visitNo[day.Year()], h.finess)
	w.write(h.finess, seq)
	switch status {
	case badCode:
		g.count("M01_return_code_not_zero", "T_MCOaaCSTC", 1, 1)
	case badNumber:
		g.count("M02_dummy_NIR_ANO_17", "T_MCOaaCSTC", 1, 1)
	case twinStays:
		g.count("M09_twins_share_NIR_ANO_17", "T_MCOaaCSTC", 1, 0)
	}
	if h.ambulat && day.Year() <= 2017 {
		w.write(part, 90_000_000+g.next(g.visitNo[day.Year()], part))
		const name = "M04_big_hospital_duplicate_until_2017"
		g.count(name, "T_MCOaaCSTC", 1, 1)
		g.count(name, "T_MCOaaFMSTC", len(acts), len(acts))
		g.count(name, "T_MCOaaFLSTC", len(labs), len(labs))
		g.count(name, "T_MCOaaFBSTC", w.services(), w.services())
	}
	g.visitIDs++
	visit := string(appendPadded([]byte("O"), g.visitIDs, 8))
	concept := 9202
	if kind == emergencyVisit {
		concept = 9203
	}
	g.truth[tOutpatient].text(visit).text(p.id).day(day).day(day).text(visitKinds[kind]).int(concept).int(day.Year()).text(h.finess).padded(seq, 8).text(status).end()
	for _, a := range acts {
		g.truth[tProcedures].text(p.id).day(day).text(a).int(1).int(1).text("outpatient").text(visit).text(status).end()
	}
	for _, n := range labs {
		g.truth[tLabs].text(p.id).day(day).padded(n, 4).int(1).text("outpatient").text(visit).text(status).end()
	}
	if status == twinStays {
		g.ambiguous(p, "outpatient", visit, 0, "leave unassigned (quarantine): RNG_NAI is always 1 here and cannot decide")
	}
	g.visitInClaims(p, day, h.finess, kind, acts, labs)
}

// visitWriter writes the rows of a visit under one number of establishment.
type visitWriter struct {
	day     galien.Date
	kind    int
	acts    []string
	labs    []int
	nir     string
	returns int
	part    string
	set     *[hospitalTables]*table
	safety  bool // a SE1 besides
}

// services is the number of rows of FBSTC.
func (w *visitWriter) services() int {
	if w.kind == emergencyVisit || w.safety {
		return 1
	}
	return 0
}

func (w *visitWriter) write(finess string, seq int) {
	code := func(n int) int {
		if n == w.returns {
			return 1
		}
		return 0
	}
	day := w.day
	year, month := day.Year(), monthOf(day)
	c := w.set[mcoCSTC].french(day).int(code(0)).text(finess).month(day).month(day).day(day).day(day).int(code(1)).int(code(2)).text(w.nir).int(code(3))
	c.text("000").int(1).text("00000").padded(seq, 8).int(code(4)).french(day).end()
	for _, a := range w.acts {
		w.set[mcoFMSTC].int(1).text(a).int(0).text(finess).text(w.part).text("001").int(0).padded(seq, 8).int(year).padded(month, 2).end()
	}
	if w.services() > 0 {
		service := "ATU"
		if w.safety {
			service = "SE1"
		}
		w.set[mcoFBSTC].text(service).int(1).int(0).text(finess).text(w.part).text("001").padded(seq, 8).int(year).padded(month, 2).end()
	}
	for _, n := range w.labs {
		w.set[mcoFLSTC].int(1).month(day).int(0).text(finess).text(w.part).padded(n, 4).text("001").padded(seq, 8).end()
	}
}

// visitInClaims repeats a visit in DCIR: for information (a qualifier of 71, on
// one side or both), or as billed by the hospital itself (ETE_IND_TAA 1).
func (g *generator) visitInClaims(p *person, day galien.Date, finess string, kind int, acts []string, labs []int) {
	n := p.d.Below(1000)
	if n >= forInformation+directBilling {
		return
	}
	s := &site{finess: finess}
	name, qualifier, practice := "D14_DPN_QLF_71", 71, 71
	if n >= forInformation {
		name, qualifier, practice, s.bill = "D18_ETE_IND_TAA_1", 0, 0, 1
	} else {
		switch p.d.Pick([]int{60, 20, 20}) {
		case 1:
			practice = null
		case 2:
			qualifier = null
		}
	}
	base := line{care: day, sign: 1, qualifier: qualifier, practice: practice, site: s}
	var lines []line
	add := func(nature, cents int) *line {
		l := base
		l.nature, l.cents = nature, cents
		lines = append(lines, l)
		g.count(name, "ER_PRS_F", 1, 1)
		return &lines[len(lines)-1]
	}
	switch kind {
	case consultationVisit:
		add(1112, 2500).specialty = []int{1, 3, 6}[p.d.Below(3)]
	case emergencyVisit:
		add(2238, 2500)
	case laboratoryVisit:
		add(3211, 2000).tests = labs
		g.count(name, "ER_BIO_F", len(labs), len(labs))
	}
	if len(acts) > 0 {
		add(1351, 4000).acts = acts
		g.count(name, "ER_CAM_F", len(acts), len(acts))
	}
	g.emit(p, p.identityAt(day), day, g.lag(p, day), lines)
}
