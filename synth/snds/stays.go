package snds

import (
	"slices"
	"strings"

	"galien"
	"galien/synth/life"
)

// stay is a stay in hospital.
type stay struct {
	entry, exit galien.Date
	principal   string
	related     string
	others      []string // associated diagnoses of table D
	unit        string   // a diagnosis of the second unit alone
	units       int
	acts        []stayAct
	ghm         string
	site        int
	emergency   bool
	died        bool
	planted     string
	status      string
	source      string // BEN_IDT_ANO of the number it was written under
}

type stayAct struct {
	code     string
	activity int
	delay    int
}

// free reports whether a stay would keep its distance from those already
// planned.
func (p *person) free(entry, exit galien.Date) bool {
	return !slices.ContainsFunc(p.stays, func(s stay) bool {
		return entry <= s.exit.AddDays(quietDays) && s.entry <= exit.AddDays(quietDays)
	})
}

// admissions plans the stays of a person, those of the planted effects first,
// and writes them in the order of time.
func (g *generator) admissions(p *person) {
	for _, y := range oldYears {
		first, _ := galien.NewDate(y, 1, 1)
		last, _ := galien.NewDate(y, 12, 20)
		if p.resident && first < g.start && p.birth < first {
			g.ordinary(p, first, last)
		}
	}
	if p.died && p.d.Percent(55) {
		entry := max(p.entry, p.exit.AddDays(-p.d.Below(12)))
		if p.free(entry, p.exit) {
			s := stay{entry: entry, exit: p.exit, principal: fatal[p.d.Below(len(fatal))], units: 1, ghm: "23Z02Z", emergency: true, died: true, site: p.d.Pick(g.sites[1])}
			p.stays, p.deathPM = append(p.stays, s), true
		}
	}
	g.planted(p)
	g.ordinary(p, p.entry, p.exit)
	slices.SortFunc(p.stays, func(a, b stay) int { return a.entry.DaysSince(b.entry) })
	for i := range p.stays {
		g.writeStay(p, &p.stays[i])
	}
}

// shorten holds the acts of a stay to its days.
func (g *generator) shorten(s *stay) {
	for i := range s.acts {
		s.acts[i].delay = min(s.acts[i].delay, s.exit.DaysSince(s.entry))
	}
}

// myoRate is the daily hazard of myocarditis.
func (p *person) myoRate(day galien.Date) life.Hazard {
	age := p.years(day)
	if p.female || age < 12 || age >= 30 {
		return life.PerYear(myoOthers)
	}
	if len(p.doses) > 1 {
		if n := day.DaysSince(p.doses[1]); n >= 1 && n <= myoRiskDays {
			return life.PerYear(myoMen * myoRatio)
		}
	}
	return life.PerYear(myoMen)
}

// planted plans the stays of the two effects.
func (g *generator) planted(p *person) {
	d := &p.d
	g.each(p, g.waitMyo, p.entry, p.exit, quietDays, func(day int) life.Hazard { return p.myoRate(p.birth.AddDays(day)) }, func(day galien.Date) galien.Date {
		code := myocarditis[d.Below(len(myocarditis))]
		s := stay{entry: day, exit: min(p.exit, day.AddDays(2+d.Below(4))), principal: code, units: 1, ghm: "05M181", planted: "myo", emergency: d.Percent(80), site: d.Pick(g.sites[1])}
		switch n := d.Below(100); {
		case n < onlyUnit:
			s.principal, s.unit, s.units = "R074", code, 2
		case n < onlyUnit+onlySecondary:
			s.principal, s.others = "R074", []string{code}
		}
		s.acts = []stayAct{{"DEQP003", 1, 0}, {"DZQM006", 1, 1}}
		g.shorten(&s)
		if !p.free(s.entry, s.exit) {
			return day
		}
		p.stays = append(p.stays, s)
		return s.exit
	})
	if !p.female {
		return
	}
	adult := anniversary(p.birth, 18)
	ill, yes := g.waitMeningioma.Next(d, max(p.entry, adult).DaysSince(p.birth), p.exit.DaysSince(p.birth), func(day int) life.Hazard {
		if p.exposed && p.birth.AddDays(day) >= p.since {
			return life.PerYear(meningiomas * meningiomaHR)
		}
		return life.PerYear(meningiomas)
	})
	if !yes {
		return
	}
	day := p.birth.AddDays(ill)
	s := stay{entry: day, exit: min(p.exit, day.AddDays(4+d.Below(8))), principal: meningioma[d.Below(2)], units: 1, ghm: "01C041", planted: "men", site: d.Pick(g.sites[1])}
	act := excisions[d.Below(len(excisions))]
	delay := d.Below(2)
	s.acts = []stayAct{{act, 1, delay}, {act, 4, delay}}
	g.shorten(&s)
	if p.free(s.entry, s.exit) {
		p.stays = append(p.stays, s)
	}
}

// ordinary plans the other stays between two days.
func (g *generator) ordinary(p *person, from, to galien.Date) {
	if from > to {
		return
	}
	g.each(p, g.waitStay, from, to, quietDays+1, stayRate.At, func(day galien.Date) galien.Date {
		s := g.admission(p, day)
		s.exit = min(s.exit, to)
		g.shorten(&s)
		if !p.free(s.entry, s.exit) {
			return day
		}
		p.stays = append(p.stays, s)
		return s.exit
	})
}

// admission draws a stay that begins on a day.
func (g *generator) admission(p *person, day galien.Date) stay {
	d := &p.d
	age, sex := p.years(day), p.sexCode()
	var weights [32]int
	for i, k := range stayKinds {
		if age >= k.from && age <= k.to && (k.sex == 0 || k.sex == sex) {
			weights[i] = k.weight
		}
	}
	k := &stayKinds[d.Pick(weights[:len(stayKinds)])]
	s := stay{entry: day, principal: k.principal[d.Below(len(k.principal))], units: 1, ghm: k.ghm, emergency: d.Percent(k.emergency)}
	nights := 0
	if k.nights > 0 {
		nights = 1 + d.Below(k.nights)
	}
	s.exit = day.AddDays(nights)
	if len(k.related) > 0 {
		s.related = k.related[d.Below(len(k.related))]
	}
	if len(k.acts) > 0 {
		delay := d.Below(min(nights, 2) + 1)
		s.acts = append(s.acts, stayAct{k.acts[0], 1, delay})
		if k.anaesth {
			s.acts = append(s.acts, stayAct{k.acts[0], 4, delay})
		}
	}
	for range d.Pick([]int{50, 28, 14, 8}) {
		if c := associated[d.Below(len(associated))]; c != s.principal && c != s.related && !slices.Contains(s.others, c) && !(strings.HasSuffix(c, "+0") && d.Percent(85)) {
			s.others = append(s.others, c)
		}
	}
	if nights > 1 && p.chance(secondUnit) {
		s.units = 2
		if p.chance(unitDiagnosis) {
			if c := otherUnits[d.Below(len(otherUnits))]; c != s.principal && !slices.Contains(s.others, c) {
				s.unit = c
			}
		}
	}
	s.site = d.Pick(g.sites[0])
	if s.emergency {
		s.site = d.Pick(g.sites[1])
	}
	return s
}

// diagnoses lists the associated diagnoses of a stay, sorted.
func (s *stay) diagnoses() []string {
	all := slices.Clone(s.others)
	if s.unit != "" {
		all = append(all, s.unit)
	}
	slices.Sort(all)
	return all
}

// The statuses of what hospitals wrote.
const (
	seen      = "ok"
	badCode   = "dropped:bad_return_code"
	badNumber = "dropped:dummy_nir"
	badGroup  = "dropped:ghm90"
	twinStays = "ambiguous:twins"
)

// fate draws whether what a hospital wrote can be used.
func (p *person) fate(identity int, grouped bool) string {
	if p.mistakable(identity) {
		return twinStays
	}
	switch n := p.d.Below(1000); {
	case n < badReturnCode:
		return badCode
	case n < badReturnCode+dummyNumber:
		return badNumber
	case grouped && n < badReturnCode+dummyNumber+groupingError:
		return badGroup
	}
	return seen
}

// shownNumber is NIR_ANO_17 in the file.
func (p *person) shownNumber(status string, id *identity) string {
	if status == badNumber || status == badCode && p.d.Percent(50) {
		if p.d.Percent(50) {
			return "xxxxxxxxxxxxxxxxx"
		}
		return "XXXXXXXXXXXXXXXXD"
	}
	return id.psa
}

// writeStay writes a stay in the files of its year of discharge, twice when its
// group did so, and its truth.
func (g *generator) writeStay(p *person, s *stay) {
	year := s.exit.Year()
	who := p.identityAt(s.entry)
	id := &p.ids[who]
	s.source, s.status = id.idt(), p.fate(who, true)
	h := &hospitals[s.site]
	number := p.shownNumber(s.status, id)
	returns, wrong := -1, 9
	if year < 2013 {
		wrong = 7
	}
	if s.status == badCode {
		returns = p.d.Below(wrong)
	}
	rank := 1
	if s.status == twinStays {
		rank = p.twin
		switch n := p.d.Below(100); {
		case n >= 94:
			rank = 3 - rank
		case n >= 82:
			rank = 0
		}
	}
	g.stayIDs++
	visit := string(appendPadded([]byte("S"), g.stayIDs, 8))
	twice, same := 0, 0
	if s.status == seen {
		if len(s.others) > 0 && p.chance(diagnosisTwice) {
			twice = 1
		}
		if p.chance(sameAsMain) {
			same = 1
		}
	}
	undated := s.status == seen && p.chance(datesMissing)
	part := h.finess
	if len(h.parts) > 0 {
		part = h.parts[p.d.Below(len(h.parts))]
	}
	w := stayWriter{g: g, p: p, s: s, set: g.hospital[year], year: year, nir: number, returns: returns, rank: rank, part: part, twice: twice == 1, same: same == 1, undated: undated,
		ticket: p.d.Below(100_000), post: places[p.homeAt(s.entry)].post}
	rsa := g.next(g.stayNo[year], h.finess)
	w.write(h.finess, rsa)
	g.countStay(s, twice, same, undated)
	if len(h.parts) > 0 && year <= 2017 {
		w.write(part, g.next(g.stayNo[year], part))
		const name = "M04_big_hospital_duplicate_until_2017"
		g.count(name, "T_MCOaaB", 1, 1)
		g.count(name, "T_MCOaaC", 1, 1)
		g.count(name, "T_MCOaaUM", s.units, s.units)
		g.count(name, "T_MCOaaD", len(s.others)+twice+same, len(s.others)+twice+same)
		g.count(name, "T_MCOaaA", len(s.acts), len(s.acts))
	}
	g.stayTruth(p, s, visit, year, h.finess, rsa)
	g.inWard(p, s, year, rsa)
	if s.status == twinStays {
		g.ambiguous(p, "stay", visit, rank, "leave unassigned (quarantine), or assign to the true twin by RNG_NAI or other evidence, never to the wrong twin")
	}
	if h.private && year >= g.firstYear && s.entry >= g.start {
		g.clinicBill(p, s)
	}
}

// next gives the next number of a series of an establishment.
func (g *generator) next(series []int, finess string) int {
	at := g.finessIndex[finess]
	series[at]++
	return series[at]
}

// stayWriter writes the rows of one stay under one number of establishment.
type stayWriter struct {
	g       *generator
	p       *person
	s       *stay
	set     *[hospitalTables]*table
	year    int
	nir     string
	returns int // the return code that is not 0, or -1
	rank    int
	part    string
	twice   bool
	same    bool
	undated bool
	ticket  int
	post    string
}

// code is a return code: 1 for the one that is wrong.
func (w *stayWriter) code(n int) int {
	if n == w.returns {
		return 1
	}
	return 0
}

func (w *stayWriter) write(finess string, rsa int) {
	s, g := w.s, w.g
	rss := 204 + w.year - 2000
	days := s.exit.DaysSince(s.entry)
	group := s.ghm
	if s.status == badGroup {
		group = "90Z00Z"
	}
	extra := 0
	if w.twice {
		extra++
	}
	if w.same {
		extra++
	}
	b := w.set[mcoB]
	b.int(w.p.years(s.entry)).text(w.post).text(w.post[:2]).int(w.p.sexCode()).text(s.principal).text(s.related).int(8)
	if s.emergency {
		b.int(5)
	} else {
		b.null(1)
	}
	out, sessions := 8, 0
	if s.died {
		out = 9
	}
	if s.principal == "Z511" {
		sessions = 1
	}
	b.text(finess).int(1234).int(1234).text(group).int(0).int(len(s.acts)).int(len(s.others) + extra).int(s.units).int(sessions).int(rsa).int(rss)
	b.int(days).int(1).int(w.year).int(out).padded(int(monthOf(s.exit)), 2).null(1).end()

	c := w.set[mcoC]
	c.int(w.code(7)).int(w.code(8)).int(w.code(6)).french(s.entry).text(finess).month(s.entry).month(s.exit)
	if w.undated {
		c.null(2)
	} else {
		c.moment(s.entry).moment(s.exit)
	}
	c.int(w.code(4)).text("012").int(w.code(1)).text(w.nir).int(w.code(0)).int(w.code(5)).text("000")
	if w.rank == 0 {
		c.null(1)
	} else {
		c.int(w.rank)
	}
	c.int(rsa).padded(w.ticket, 5).int(w.code(3)).int(w.code(2)).int(w.year).french(s.exit).padded(monthOf(s.exit), 2).month(s.entry).month(s.exit).end()

	n := 0
	associate := func(code string) {
		n++
		w.set[mcoD].text(code).int(n).text(finess).int(rsa).int(rss).end()
	}
	for _, code := range s.others {
		associate(code)
	}
	if w.twice {
		associate(s.others[0])
	}
	if w.same {
		associate(s.principal)
	}
	for u := 1; u <= s.units; u++ {
		code, length, acts, others, kind := s.principal, days, len(s.acts), len(s.others)+extra, 53
		if s.units == 2 {
			length = days / 2
		}
		if u == 2 {
			acts, others, kind, length = 0, 0, 29, days-days/2
			if s.unit != "" {
				code = s.unit
			}
		}
		w.set[mcoUM].int(acts).int(kind).int(others).text(code).text(s.related).text(finess).text(w.part).int(length).int(rsa).int(rss).int(u).text(w.part).int(kind).int(length).end()
	}
	for _, a := range s.acts {
		w.set[mcoA].int(a.activity).text(a.code).int(a.delay).text(finess).int(1).int(0).int(rsa).int(rss).end()
	}
	if w.year < 2010 {
		g.count("M10_renamed_columns", "T_MCOaaB", 1, 0)
	}
	if w.year < 2013 {
		g.count("M10_renamed_columns", "T_MCOaaUM", s.units, 0)
	}
}

func monthOf(d galien.Date) int {
	_, m, _ := d.Civil()
	return m
}

// countStay counts what the rules say of a stay, copies apart.
func (g *generator) countStay(s *stay, twice, same int, undated bool) {
	g.statuses[s.status]++
	g.count("M05_repeated_associated_diagnosis", "T_MCOaaD", twice, twice)
	g.count("M06_associated_equals_principal", "T_MCOaaD", same, same)
	if s.unit != "" {
		g.count("M07_diagnosis_only_in_UM", "T_MCOaaUM", 1, 0)
	}
	for _, c := range s.others {
		if strings.Contains(c, "+") {
			g.count("M11_code_with_extension_keep", "T_MCOaaD", 1, 0)
		}
	}
	if undated {
		g.count("M08_EXE_SOI_DTD_missing_use_ENT_DAT", "T_MCOaaC", 1, 0)
	}
	name := ""
	switch s.status {
	case badCode:
		name = "M01_return_code_not_zero"
	case badNumber:
		name = "M02_dummy_NIR_ANO_17"
	case badGroup:
		name = "M03_GHM_90"
	case twinStays:
		g.count("M09_twins_share_NIR_ANO_17", "T_MCOaaC", 1, 0)
		return
	default:
		return
	}
	g.count(name, "T_MCOaaB", 1, 1)
	g.count(name, "T_MCOaaD", len(s.others), len(s.others))
	g.count(name, "T_MCOaaA", len(s.acts), len(s.acts))
}

func (g *generator) stayTruth(p *person, s *stay, visit string, year int, finess string, rsa int) {
	ghm := s.ghm
	if s.status == badGroup {
		ghm = "90Z00Z"
	}
	concept, died := 9201, 0
	if s.emergency {
		concept = 262
	}
	if s.died {
		died = 1
	}
	t := g.truth[tStays].text(visit).text(p.id).day(s.entry).day(s.exit).text(s.principal).text(s.related).text(strings.Join(s.diagnoses(), " ")).text(ghm)
	t.int(concept).int(died).int(year).text(finess).int(rsa).text(s.status).text(s.planted).end()
	for _, a := range s.acts {
		g.truth[tProcedures].text(p.id).day(s.entry.AddDays(a.delay)).text(a.code).int(a.activity).int(1).text("stay").text(visit).text(s.status).end()
	}
}

// ambiguous notes what cannot be attributed to one of two twins.
func (g *generator) ambiguous(p *person, kind, visit string, rank int, advice string) {
	first := p.index &^ 1
	candidates := string(appendPadded([]byte("P"), first+1, 8)) + " " + string(appendPadded([]byte("P"), first+2, 8))
	t := g.truth[tAmbiguous].text(kind).text(visit).text(p.id).text(candidates).text(advice)
	if rank == 0 {
		t.null(1)
	} else {
		t.int(rank)
	}
	t.end()
}

// clinicBill writes what a private clinic and its surgeon bill in DCIR for a
// stay that the PMSI has already.
func (g *generator) clinicBill(p *person, s *stay) {
	finess := hospitals[s.site].finess
	send := func(l line) {
		l.sign = 1
		g.emit(p, p.identityAt(l.care), s.entry, g.lag(p, l.care), []line{l})
	}
	const name = "D17_private_stay_also_in_DCIR"
	g.count(name, "ER_ETE_F", 1, 1)
	send(line{care: s.entry, nature: 2111, cents: 90_000, site: &site{finess, 1234, 2, true}})
	if len(s.acts) > 0 {
		g.count(name, "ER_CAM_F", 1, 1)
		send(line{care: s.entry.AddDays(s.acts[0].delay), nature: 1321, cents: 20_000, executor: 930_000_000 + p.d.Below(9000), specialty: 4,
			acts: []string{s.acts[0].code}, site: &site{finess, 0, 2, true}})
	}
}
