package synth

import (
	"galien"
	"galien/synth/life"
)

// simulate makes person i of the world, reusing p's memory. A person depends
// on the seed and on i alone, not on the persons before.
func (w *world) simulate(p *person, i int) {
	*p = person{
		index:  i,
		visits: p.visits[:0], conditions: p.conditions[:0], drugs: p.drugs[:0], procedures: p.procedures[:0],
		measurements: p.measurements[:0], observations: p.observations[:0],
		periods: p.periods[:0], starts: p.starts[:0], vaccinated: p.vaccinated[:0],
	}
	p.d.Seed(w.seed, personStream, uint64(i))
	entry := w.born(p)
	w.fallIll(p)
	exit := w.leave(p, entry)
	w.cover(p, entry, exit)
	for _, o := range p.periods {
		w.firstSigns(p, o)
		w.followUp(p, o)
		w.vaccinate(p, o)
		w.winters(p, o)
		w.summers(p, o)
		w.relapses(p, o)
		w.consultations(p, o)
		w.pains(p, o)
		w.bleedings(p, o)
	}
	p.order()
}

// born draws sex, birth and the first day in the country.
func (w *world) born(p *person) (entry galien.Date) {
	switch p.d.Pick(w.kinds) {
	case 1: // born in the period
		p.female = p.d.Below(1000) >= life.BirthsMale
		p.birth = w.start.AddDays(p.d.Below(w.end.DaysSince(w.start) + 1))
		return p.birth
	case 2: // arrived in the period, aged 18 to 45
		p.female = p.d.Percent(52)
		entry = w.start.AddDays(1 + p.d.Below(w.end.DaysSince(w.start)))
		p.birth = entry.AddDays(-18*365 - p.d.Below(27*365))
		return entry
	default:
		band := p.d.Pick(life.Pyramid)
		p.female = p.d.Below(1000) >= life.Men[band]
		p.birth = w.start.AddDays(-(band*1826 + p.d.Below(1826)) - 1)
		return w.start
	}
}

// fallIll draws the onset of the diseases that stay, over the whole life, and
// how they will be treated.
func (w *world) fallIll(p *person) {
	p.smoker = p.d.Percent(27)
	p.onMetformin, p.onInhibitor = p.d.Percent(82), p.d.Percent(60)
	p.hba1c = 590 + p.d.Below(280)
	last := w.end.DaysSince(p.birth)
	draw := func(wait *life.Waiting, rate func(day int) life.Hazard) onset {
		day, ok := wait.Next(&p.d, 0, last, rate)
		return onset{ok, p.birth.AddDays(day)}
	}
	p.diabetes = draw(w.waitDiabetes, diabetesRate.At)
	p.hypertension = draw(w.waitHypertension, hypertensionRate.At)
	p.heart = draw(w.waitHeart, func(day int) life.Hazard {
		h := heartFailureRate.At(day)
		if p.hypertension.by(p.birth.AddDays(day)) {
			return h.Times(1600)
		}
		return h
	})
	p.lung = draw(w.waitLung, func(day int) life.Hazard {
		if p.smoker {
			return lungDiseaseRate.At(day).Times(3000)
		}
		return lungDiseaseRate.At(day).Times(300)
	})
}

// leave draws death and departure, and returns the last day in the country.
func (w *world) leave(p *person, entry galien.Date) (exit galien.Date) {
	exit = w.end
	from, last := p.age(entry)+1, p.age(w.end)
	if day, ok := w.waitDepart.Next(&p.d, from, last, departRate.At); ok {
		exit = p.birth.AddDays(day)
	}
	sex := 0
	if p.female {
		sex = 1
	}
	day, ok := w.waitDeath.Next(&p.d, from, p.age(exit), func(day int) life.Hazard {
		date := p.birth.AddDays(day)
		h := w.deaths[sex][min(p.years(date), life.Oldest)]
		_, month, _ := date.Civil()
		h = h.Times(winter[month-1])
		if w.seasons.hot(date) && day > 75*365 {
			h = h.Times(1400)
		}
		if p.heart.by(date) {
			h = h.Times(2000)
		}
		if p.lung.by(date) {
			h = h.Times(1400)
		}
		return h
	})
	if !ok {
		return exit
	}
	p.died, p.death = true, p.birth.AddDays(day)
	switch {
	case p.heart.by(p.death) && p.d.Percent(60):
		p.cause = heartFailure
	case p.lung.by(p.death) && p.d.Percent(40):
		p.cause = lungDisease
	}
	return p.death
}

// cover cuts the time in the country into observation periods: 6 % of persons
// lose their insurance for two months to a year.
func (w *world) cover(p *person, entry, exit galien.Date) {
	if length := exit.DaysSince(entry); length > 200 && p.d.Percent(6) {
		from := entry.AddDays(60 + p.d.Below(length-120))
		to := from.AddDays(60 + p.d.Below(300))
		p.periods = append(p.periods, galien.Period{Start: entry, End: from.AddDays(-1)})
		if exit.DaysSince(to) < 30 {
			return
		}
		entry = to
	}
	p.periods = append(p.periods, galien.Period{Start: entry, End: exit})
}

// firstSigns records the onset of a disease that begins in the period.
func (w *world) firstSigns(p *person, o galien.Period) {
	for _, s := range []struct {
		onset   onset
		concept galien.ConceptID
	}{{p.diabetes, diabetes}, {p.hypertension, hypertension}, {p.lung, lungDisease}} {
		if s.onset.on && o.Contains(s.onset.date) {
			v := p.visit(o, s.onset.date, consultation, 0)
			p.condition(v, s.concept, 0)
		}
	}
	if p.heart.on && o.Contains(p.heart.date) {
		p.admit(o, p.heart.date, congestiveFailure, 4+p.d.Below(8))
	}
}

// admit records a hospital stay for a disease of the heart.
func (p *person) admit(o galien.Period, day galien.Date, concept galien.ConceptID, nights int) {
	v := p.visit(o, day, stay, nights)
	p.condition(v, concept, nights)
	p.procedures = append(p.procedures, procedure{electrocardiogram, day, v})
}

// followUp records the quarterly consultations of the chronically ill: the
// diagnoses, the deliveries and the laboratory.
func (w *world) followUp(p *person, o galien.Period) {
	creatinine := 92
	if p.female {
		creatinine = 74
	}
	seen := map[galien.ConceptID]bool{}
	for _, c := range p.conditions {
		seen[c.concept] = true
	}
	diagnose := func(v int, s onset, concept galien.ConceptID, day galien.Date) {
		if s.by(day) && (!seen[concept] || p.d.Percent(40)) {
			seen[concept] = true
			p.condition(v, concept, 0)
		}
	}
	for day := o.Start.AddDays(p.d.Below(80)); day <= o.End; day = day.AddDays(74 + p.d.Below(44)) {
		if !p.diabetes.by(day) && !p.hypertension.by(day) && !p.heart.by(day) && !p.lung.by(day) {
			continue
		}
		v := p.visit(o, day, consultation, 0)
		diagnose(v, p.diabetes, diabetes, day)
		diagnose(v, p.hypertension, hypertension, day)
		diagnose(v, p.heart, heartFailure, day)
		diagnose(v, p.lung, lungDisease, day)
		if p.diabetes.by(day) {
			if p.onMetformin && p.d.Percent(93) {
				p.deliver(v, metformin, day, 90)
			}
			if p.d.Percent(55) {
				p.measurements = append(p.measurements, measurement{hba1c, day, p.hba1c + p.d.Bell(45), v})
			}
		}
		if p.hypertension.by(day) && p.onInhibitor && p.d.Percent(93) {
			p.deliver(v, ramipril, day, 90)
		}
		if p.d.Percent(25) {
			drift := max(0, p.years(day)-55)
			p.measurements = append(p.measurements, measurement{creatinineTest, day, max(35, creatinine+drift+p.d.Bell(14)), v})
		}
	}
}

// vaccinate offers the influenza vaccine between October and December.
func (w *world) vaccinate(p *person, o galien.Period) {
	for y := o.Start.Year(); y <= o.End.Year(); y++ {
		day, _ := galien.NewDate(y, 10, 15)
		day = day.AddDays(p.d.Below(60))
		share := 4
		switch {
		case p.years(day) >= 65:
			share = 52
		case p.diabetes.by(day) || p.lung.by(day) || p.heart.by(day):
			share = 25
		}
		if p.d.Percent(share) && o.Contains(day) && p.age(day) > 180 {
			p.deliver(p.visit(o, day, consultation, 0), vaccine, day, 1)
			p.vaccinated = append(p.vaccinated, y)
		}
	}
}

// winters records influenza; the vaccine of the autumn before halves it.
func (w *world) winters(p *person, o galien.Period) {
	rate := func(day int) life.Hazard {
		date := p.birth.AddDays(day)
		h := fluRate.At(day).Times(w.seasons.fluAt(date))
		for _, y := range p.vaccinated {
			if y == date.Year()-1 {
				return h.Times(500)
			}
		}
		return h
	}
	for day, last := p.age(o.Start), p.age(o.End); ; day += 90 {
		var ok bool
		if day, ok = w.waitFlu.Next(&p.d, day, last, rate); !ok {
			return
		}
		date := p.birth.AddDays(day)
		if p.d.Below(110*365) < day-60*365 {
			nights := 3 + p.d.Below(7)
			p.condition(p.visit(o, date, stay, nights), influenza, nights)
		} else {
			p.condition(p.visit(o, date, consultation, 0), influenza, 5+p.d.Below(6))
		}
	}
}

// summers records what a fortnight of heat does to the old.
func (w *world) summers(p *person, o galien.Period) {
	p.each(w.waitHeat, o, 10, func(day int) life.Hazard {
		if !w.seasons.hot(p.birth.AddDays(day)) {
			return 0
		}
		return heatRate.At(day)
	}, func(date galien.Date) {
		p.condition(p.visit(o, date, emergency, 0), heatSyncope, 1)
	})
}

// relapses records the admissions of a failing heart or of bad lungs.
func (w *world) relapses(p *person, o galien.Period) {
	p.each(w.waitDecompensate, o, 20, func(day int) life.Hazard {
		if !p.heart.by(p.birth.AddDays(day - 30)) {
			return 0
		}
		return decompensateRate.At(day)
	}, func(date galien.Date) { p.admit(o, date, congestiveFailure, 3+p.d.Below(10)) })
	p.each(w.waitExacerbate, o, 20, func(day int) life.Hazard {
		date := p.birth.AddDays(day)
		if !p.lung.by(date.AddDays(-30)) {
			return 0
		}
		return exacerbateRate.At(day).Times(800 + w.seasons.fluAt(date)*8/10)
	}, func(date galien.Date) {
		if p.d.Percent(60) {
			p.condition(p.visit(o, date, emergency, 0), lungDisease, 1)
			return
		}
		nights := 2 + p.d.Below(7)
		p.condition(p.visit(o, date, stay, nights), lungDisease, nights)
	})
}

// consultations records the common complaints, more of them in winter, and
// asks adults once whether they smoke.
func (w *world) consultations(p *person, o galien.Period) {
	asked := len(p.observations) > 0
	p.each(w.waitConsult, o, 7, func(day int) life.Hazard {
		return consultRate.At(day).Times(900 + w.seasons.fluAt(p.birth.AddDays(day))*4/10)
	}, func(date galien.Date) {
		v := p.visit(o, date, consultation, 0)
		switch {
		case p.d.Below(1400) < 300+w.seasons.fluAt(date)*6/10:
			p.condition(v, respiratoryInfection, 4+p.d.Below(8))
		case p.d.Percent(25):
			p.condition(v, headache, 1)
		}
		if !asked && p.years(date) >= 18 {
			asked = true
			answer := galien.ConceptID(neverSmoked)
			if p.smoker {
				answer = smoker
			}
			p.observations = append(p.observations, observation{smoking, answer, date, v})
		}
	})
}

// pains records episodes of an anti-inflammatory drug, each at least 31 days
// after the end of the one before, so that each is a drug era of its own.
func (w *world) pains(p *person, o galien.Period) {
	first := o.Start
	if n := len(p.drugs); n > 0 { // a treatment of the period before may still last
		for _, d := range p.drugs {
			if d.product.antiInflammatory() {
				first = max(first, d.end.AddDays(eraGap+1))
			}
		}
	}
	day, last := p.age(first), p.age(o.End)
	for {
		var ok bool
		if day, ok = w.waitPain.Next(&p.d, day, last, painRate.At); !ok {
			return
		}
		date := p.birth.AddDays(day)
		p.starts = append(p.starts, date)
		what, why := diclofenac, galien.ConceptID(backPain)
		if p.d.Percent(36) {
			what = celecoxib
		}
		if p.years(date) >= 50 && p.d.Percent(60) {
			why = osteoarthritis
		}
		for {
			v := p.visit(o, date, consultation, 0)
			p.condition(v, why, 0)
			days := 14
			if p.d.Percent(40) {
				days = 30
			}
			end := p.deliver(v, what, date, days)
			day = p.age(end) + eraGap + 1
			again := end.AddDays(1 + p.d.Below(20))
			if !p.d.Percent(34) || again > o.End || p.died && again > p.death {
				break
			}
			date = again
		}
	}
}

// bleedings records gastrointestinal bleeding, with the planted association.
func (w *world) bleedings(p *person, o galien.Period) {
	p.each(w.waitBleed, o, bleedQuiet+1, func(day int) life.Hazard {
		if p.atRisk(p.birth.AddDays(day)) {
			return bleedRate.At(day).Times(hazardRatio)
		}
		return bleedRate.At(day)
	}, func(date galien.Date) {
		place, nights := emergency, 0
		if p.d.Percent(70) {
			place, nights = stay, 2+p.d.Below(7)
		}
		v := p.visit(o, date, place, nights)
		what := galien.ConceptID(bleeding)
		exam := galien.ConceptID(endoscopy)
		switch {
		case p.d.Percent(30):
			what = melena
		case p.d.Percent(25):
			what, exam = rectalBleeding, colonoscopy
		}
		p.condition(v, what, nights)
		if p.d.Percent(75) {
			p.procedures = append(p.procedures, procedure{exam, date, v})
		}
	})
}

// atRisk reports whether d is one of days 1 to riskDays after a start.
func (p *person) atRisk(d galien.Date) bool {
	for _, s := range p.starts {
		if n := d.DaysSince(s); n >= 1 && n <= riskDays {
			return true
		}
	}
	return false
}

// each calls happen for every event of a process in the period, leaving quiet
// days from one event to the next.
func (p *person) each(wait *life.Waiting, o galien.Period, quiet int, rate func(day int) life.Hazard, happen func(galien.Date)) {
	day, last := p.age(o.Start), p.age(o.End)
	for {
		var ok bool
		if day, ok = wait.Next(&p.d, day, last, rate); !ok {
			return
		}
		happen(p.birth.AddDays(day))
		day += quiet
	}
}
