package snds

import (
	"slices"

	"galien"
	"galien/synth/life"
)

// each calls happen for every event of a process between two days, with quiet
// days after each.
func (g *generator) each(p *person, w *life.Waiting, from, to galien.Date, quiet int, rate func(day int) life.Hazard, happen func(galien.Date) galien.Date) {
	day, last := from.DaysSince(p.birth), to.DaysSince(p.birth)
	for {
		var ok bool
		if day, ok = w.Next(&p.d, max(day, 0), last, rate); !ok {
			return
		}
		day = happen(p.birth.AddDays(day)).DaysSince(p.birth) + quiet
	}
}

// care is what happens in town: consultations and what they order, and the
// treatments that come back.
func (g *generator) care(p *person) {
	g.fallIll(p)
	g.each(p, g.waitConsult, p.entry, p.exit, 3, consultRate.At, func(day galien.Date) galien.Date {
		g.consultation(p, day)
		return day
	})
	for use := diabetesDrug; use <= mindDrug; use++ {
		if p.chronic[use] {
			g.treatment(p, use)
		}
	}
	if age := p.years(p.entry); p.female && age >= 15 && age < 60 && p.chance(hormones) {
		g.hormone(p)
	}
	for y := p.entry.Year(); y <= p.exit.Year(); y++ {
		flu, _ := galien.NewDate(y, 10, 15)
		flu = flu.AddDays(p.d.Below(60))
		if age := p.years(flu); age >= 65 && p.d.Percent(52) || age < 65 && p.d.Percent(4) {
			g.pharmacyBill(p, flu, flu, []box{{p.pick(g.forms.byUse[vaccineDrug]), 1}})
		}
	}
}

// fallIll draws the treatments that last.
func (g *generator) fallIll(p *person) {
	for use, share := range lasting(p.years(p.entry)) {
		p.chronic[use] = p.chance(share)
	}
}

// lasting gives the permille of persons under each lasting treatment at an age.
func lasting(age int) [drugUses]int {
	band := 0
	switch {
	case age >= 75:
		band = 3
	case age >= 55:
		band = 2
	case age >= 35:
		band = 1
	}
	return [drugUses]int{
		diabetesDrug: []int{4, 40, 120, 170}[band],
		pressureDrug: []int{0, 80, 300, 450}[band],
		heartDrug:    []int{0, 10, 80, 220}[band],
		lungDrug:     []int{20, 30, 60, 90}[band],
		mindDrug:     []int{10, 80, 110, 160}[band],
	}
}

// town is a line of a professional in town.
func town(care galien.Date, nature, cents, executor, prescriber, specialty int) line {
	return line{care: care, nature: nature, cents: cents, executor: executor, prescriber: prescriber, specialty: specialty, prescribes: 1}
}

// consultation is a day at a doctor's, and what follows.
func (g *generator) consultation(p *person, day galien.Date) {
	d := &p.d
	l := town(day, 1111, 2500, p.doctor, p.doctor, 1)
	switch d.Pick([]int{70, 12, 18}) {
	case 1:
		l.nature = 1110
	case 2:
		specialty := []int{3, 5, 6, 7, 15, 30}[d.Below(6)]
		l = town(day, 1112, 3000, 930_000_000+d.Below(9000), p.doctor, specialty)
	}
	g.bill(p, day, l)
	if d.Percent(64) {
		use := acute
		if p.years(day) < 12 {
			use = child
		}
		g.pharmacyBill(p, day, day.AddDays(d.Below(3)), g.boxes(p, use, 1+d.Pick([]int{35, 35, 20, 10}), 1+d.Below(2)))
	}
	if d.Percent(20) {
		g.laboratory(p, day, day.AddDays(1+d.Below(12)))
	}
	if d.Percent(9) {
		care := day.AddDays(d.Below(20))
		act := town(care, 1352, 4000, 930_000_000+d.Below(9000), p.doctor, 30)
		if d.Percent(40) {
			act.nature = 1324
		}
		act.acts = g.someOf(p, townActs, 1+d.Pick([]int{92, 8}))
		g.bill(p, day, act)
	}
	if d.Percent(3) {
		care := day.AddDays(1 + d.Below(9))
		appliance := town(care, 3514, 2000, p.pharmacy, p.doctor, 0)
		appliance.devices = []device{{p.pick(devices), 1 + d.Below(4)}}
		if p.first(care, appliance.devices[0].code) {
			g.bill(p, day, appliance)
		}
	}
	if p.years(day) > 15 && d.Below(1000) < 8 {
		care := day.AddDays(5 + d.Below(20))
		hospital := line{care: care, nature: 3317, cents: 1000, prescriber: 930_000_000 + d.Below(9000), prescribes: 30}
		hospital.units = []unit{{d.Below(len(ucds)), 30}}
		hospital.site = &site{finess: hospitals[d.Pick(g.sites[1])].finess}
		if p.first(care, hospital.units[0].code) {
			g.bill(p, day, hospital)
		}
	}
}

// first reports whether a day has nothing of this code yet, and notes it: a
// device or a unit is dispensed once a day, so that its quantity is one row's.
func (p *person) first(day galien.Date, code int) bool {
	x := dispensed{day: day, form: code}
	if slices.Contains(p.once, x) {
		return false
	}
	p.once = append(p.once, x)
	return true
}

// someOf draws n different codes.
func (g *generator) someOf(p *person, codes []string, n int) []string {
	var some []string
	for len(some) < n {
		if c := codes[p.d.Below(len(codes))]; !slices.Contains(some, c) {
			some = append(some, c)
		}
	}
	return some
}

// boxes draws n different presentations of a use.
func (g *generator) boxes(p *person, use, n, quantity int) []box {
	var some []box
	for len(some) < n {
		form := p.pick(g.forms.byUse[use])
		if use == acute && p.chance(absentFromRef) {
			form = p.pick(g.forms.unknown)
		}
		if !slices.ContainsFunc(some, func(b box) bool { return b.form == form }) {
			some = append(some, box{form, quantity})
		}
	}
	return some
}

// laboratory is a blood sample.
func (g *generator) laboratory(p *person, ordered, care galien.Date) {
	l := town(care, 3211, 2000, 960_000_000+p.d.Below(4000), p.doctor, 30)
	n := 1 + p.d.Pick([]int{25, 30, 25, 20})
	for len(l.tests) < n {
		if t := p.pick(tests); !slices.Contains(l.tests, t) {
			l.tests = append(l.tests, t)
		}
	}
	g.bill(p, ordered, l)
}

// pharmacyBill is a visit to the pharmacy: a claim line for each nature, and
// sometimes appliances on a line of drugs. A day has one bill: the next free day
// is taken.
func (g *generator) pharmacyBill(p *person, ordered, care galien.Date, boxes []box) {
	care, open := g.openDay(p, care)
	if !open {
		return
	}
	var lines []line
	for _, b := range boxes {
		nature := g.forms.all[b.form].nature
		if len(lines) == 0 || lines[len(lines)-1].nature != nature {
			lines = append(lines, town(care, nature, 0, p.pharmacy, p.doctor, 50))
		}
		l := &lines[len(lines)-1]
		l.boxes = append(l.boxes, b)
		l.cents += 650 * b.quantity
	}
	if p.chance(15) {
		l := &lines[0]
		for _, code := range g.twoDevices(p) {
			if p.first(care, code) {
				l.devices = append(l.devices, device{code, 1})
			}
		}
	}
	g.bill(p, ordered, lines...)
}

// openDay takes the first day from care on that has no bill of the pharmacy.
func (g *generator) openDay(p *person, care galien.Date) (galien.Date, bool) {
	for ; care <= p.exit; care++ {
		if g.buy(p, care) {
			return care, true
		}
	}
	return 0, false
}

func (g *generator) twoDevices(p *person) []int {
	first := p.d.Below(len(devices))
	if p.d.Percent(70) {
		return devices[first : first+1]
	}
	return []int{devices[first], devices[(first+1)%len(devices)]}
}

// treatment is dispensed every month or every three months until the end.
func (g *generator) treatment(p *person, use int) {
	boxes := g.boxes(p, use, 1+p.d.Pick([]int{40, 40, 20}), 1)
	gap := 28
	if p.d.Percent(35) {
		gap = 84
		for i := range boxes {
			boxes[i].quantity = 3
		}
	}
	for day := p.entry.AddDays(p.d.Below(gap)); day <= p.exit; day = day.AddDays(gap + p.d.Below(5)) {
		g.pharmacyBill(p, day.AddDays(-min(day.DaysSince(p.entry), p.d.Below(10))), day, slices.Clone(boxes))
		if p.d.Percent(12) {
			g.laboratory(p, day, day.AddDays(1+p.d.Below(10)))
		}
	}
}

// hormone is a treatment with cyproterone, or a single dispensing that is
// cancelled: a woman who was never exposed.
func (g *generator) hormone(p *person) {
	length := p.exit.DaysSince(p.entry)
	if length < 60 {
		return
	}
	day, open := g.openDay(p, p.entry.AddDays(p.d.Below(length)))
	if !open {
		return
	}
	form := p.pick(g.forms.byUse[cyproterone])
	dispensing := func(day galien.Date) line {
		l := town(day, 3313, 650, p.pharmacy, p.doctor, 50)
		l.boxes, l.sign = []box{{form, 1}}, 1
		return l
	}
	if p.chance(phantoms) {
		l := dispensing(day)
		id, flux := p.identityAt(day), g.lag(p, day)
		g.correct(p, fullCancellation, id, id, day, day, flux, min(flux+p.d.Below(3), g.month(day)+18), []line{l}, 0)
		return
	}
	p.exposed, p.since = true, day
	for last := min(p.exit, day.AddDays(360+p.d.Below(1000))); open && day <= last; day, open = g.openDay(p, day.AddDays(28+p.d.Below(4))) {
		l := dispensing(day)
		g.happened(p, &l)
		who := p.identityAt(day)
		p.takesHormone(p.ids[who].idt(), day)
		g.emit(p, who, day, g.lag(p, day), []line{l})
	}
}

// inject gives the vaccine of 2021, from the old to the young, in centres.
func (g *generator) inject(p *person) {
	first, _ := galien.NewDate(2021, 1, 18)
	if p.ano == "" || p.exit < first {
		return
	}
	age := p.years(first)
	span := 90
	switch {
	case age >= 75:
	case age >= 50:
		first, span = first.AddDays(56), 100
	case age >= 18:
		first, span = first.AddDays(112), 110
	case age >= 12:
		first, span = first.AddDays(150), 80
	default:
		return
	}
	if !p.d.Percent(85) {
		return
	}
	first = first.AddDays(p.d.Below(span))
	product := p.d.Pick([]int{injections[0].weight, injections[1].weight, injections[2].weight})
	if age < 55 && product == 2 {
		product = 0
	}
	for dose := 1; dose <= 2; dose++ {
		day := first
		if dose == 2 {
			day = first.AddDays(21 + p.d.Below(25))
			if p.d.Percent(5) {
				return
			}
		}
		if day > p.exit || day < p.entry {
			return
		}
		p.doses = append(p.doses, day)
		g.writeInjection(p, day, product, dose)
	}
}

// writeInjection writes a row of IR_VAC_F, which has no rank: BEN_NIR_ANO tells
// twins apart.
func (g *generator) writeInjection(p *person, day galien.Date, product, dose int) {
	id := &p.ids[p.identityAt(day)]
	if id.ano == "" {
		id = &p.ids[p.lastIdentity()]
	}
	f := &g.forms.all[g.forms.centres[product]]
	times, nurse := 1, 940_000_000+p.d.Below(20_000)
	if p.chance(injectionTwice) {
		times = 2
		g.count("V01_exact_duplicate_injection", "IR_VAC_F", 2, 1)
	}
	for range times {
		g.vac.text(id.psa).text(id.ano).int(p.years(day)).int(p.sexCode()).text("CO").day(day).month(day).day(day).month(day)
		g.vac.text(f.name).text(f.cip13).int(nurse).int(1).int(11).end()
	}
	g.truth[tVaccinations].text(p.id).day(day).text(f.cip13).text(f.atc).text(f.name).int(dose).text("IR_VAC_F").end()
}

// happened notes the truth of a line in town.
func (g *generator) happened(p *person, l *line) {
	for _, b := range l.boxes {
		p.drugs = append(p.drugs, dispensed{l.care, b.form, b.quantity})
	}
	for _, u := range l.units {
		g.truth[tUCD].text(p.id).day(l.care).text(ucds[u.code]).int(u.quantity).end()
	}
	for _, a := range l.acts {
		g.truth[tProcedures].text(p.id).day(l.care).text(a).int(1).int(1).text("town").null(1).text("ok").end()
	}
	for _, n := range l.tests {
		g.truth[tLabs].text(p.id).day(l.care).padded(n, 4).int(1).text("town").null(1).text("ok").end()
	}
	for _, d := range l.devices {
		g.truth[tDevices].text(p.id).day(l.care).int(d.code).int(d.quantity).end()
	}
	if isConsultation(l.nature) {
		g.truth[tConsultations].text(p.id).day(l.care).int(l.nature).int(l.specialty).end()
	}
}
