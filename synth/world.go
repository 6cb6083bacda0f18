package synth

import (
	"galien"
	"galien/synth/life"
)

// lastYear is the last calendar year of every population.
const lastYear = 2023

// world is what all persons share.
type world struct {
	persons    int
	seed       uint64
	start, end galien.Date
	seasons    calendar
	deaths     *life.Mortality
	kinds      []int // weights: present at the start, born later, arrived later
	sites      int   // care sites; the first is a hospital
	doctors    int   // general practitioners
	tally      tally

	waitDeath, waitDiabetes, waitHypertension, waitHeart, waitLung, waitPain, waitBleed,
	waitFlu, waitConsult, waitDecompensate, waitExacerbate, waitHeat, waitDepart *life.Waiting
}

func newWorld(c Config) *world {
	first := lastYear - c.Years + 1
	start, _ := galien.NewDate(first, 1, 1)
	end, _ := galien.NewDate(lastYear, 12, 31)
	m := life.NewMortality()
	return &world{
		persons: c.Persons, seed: c.Seed, start: start, end: end,
		seasons: newCalendar(first, c.Years, c.Seed), deaths: m,
		kinds:   []int{1000, life.BirthsPerYear * c.Years, life.ArrivalsPerYear * c.Years},
		sites:   2 + c.Persons/2000,
		doctors: 4 + c.Persons/600,

		waitDeath:        life.NewWaiting(m.Peak()),
		waitDiabetes:     life.NewWaiting(diabetesRate.Peak()),
		waitHypertension: life.NewWaiting(hypertensionRate.Peak()),
		waitHeart:        life.NewWaiting(heartFailureRate.Peak().Times(1600)),
		waitLung:         life.NewWaiting(lungDiseaseRate.Peak().Times(3000)),
		waitPain:         life.NewWaiting(painRate.Peak()),
		waitBleed:        life.NewWaiting(bleedRate.Peak().Times(hazardRatio)),
		waitFlu:          life.NewWaiting(fluRate.Peak()),
		waitConsult:      life.NewWaiting(consultRate.Peak().Times(1300)),
		waitDecompensate: life.NewWaiting(decompensateRate.Peak()),
		waitExacerbate:   life.NewWaiting(exacerbateRate.Peak().Times(1600)),
		waitHeat:         life.NewWaiting(heatRate.Peak()),
		waitDepart:       life.NewWaiting(departRate.Peak()),
	}
}

// The kinds of place where care happens.
const (
	consultation = iota // a general practitioner's consultation
	emergency           // an emergency room
	stay                // a hospital stay
)

// Every event holds the index of its visit in the person's visits.
type (
	visit struct {
		start, end galien.Date
		place      int
		id         int64 // given when written
	}
	condition struct {
		concept    galien.ConceptID
		start, end galien.Date
		visit      int
	}
	drug struct {
		product    product
		start, end galien.Date
		days       int // days of supply
		visit      int
	}
	procedure struct {
		concept galien.ConceptID
		date    galien.Date
		visit   int
	}
	measurement struct {
		test  laboratory
		date  galien.Date
		value int // in hundredths of the unit
		visit int
	}
	observation struct {
		concept, value galien.ConceptID
		date           galien.Date
		visit          int
	}
)

// person is one simulated life, as far as insurance saw it.
type person struct {
	d            life.Stream
	index        int
	female       bool
	birth        galien.Date
	died         bool
	death        galien.Date
	cause        galien.ConceptID
	periods      []galien.Period
	smoker       bool
	diabetes     onset
	hypertension onset
	heart        onset
	lung         onset
	onMetformin  bool // if diabetic
	onInhibitor  bool // if hypertensive
	hba1c        int  // mean, if diabetic, in hundredths of a percent

	visits       []visit
	conditions   []condition
	drugs        []drug
	procedures   []procedure
	measurements []measurement
	observations []observation
	starts       []galien.Date // starts of episodes of an anti-inflammatory drug
	vaccinated   []int         // years of an influenza vaccine
}

// onset is the day a disease that stays begins.
type onset struct {
	on   bool
	date galien.Date
}

func (o onset) by(d galien.Date) bool { return o.on && o.date <= d }

func (p *person) sourceID() int64 { return 40_000_117 + int64(p.index)*13 }

func (p *person) age(d galien.Date) int { return d.DaysSince(p.birth) }

// years is the age in whole years at a date.
func (p *person) years(d galien.Date) int {
	by, bm, bd := p.birth.Civil()
	y, m, day := d.Civil()
	n := y - by
	if m < bm || m == bm && day < bd {
		n--
	}
	return n
}

// covering returns the observation period that holds d.
func (p *person) covering(d galien.Date) (galien.Period, bool) {
	for _, o := range p.periods {
		if o.Contains(d) {
			return o, true
		}
	}
	return galien.Period{}, false
}
