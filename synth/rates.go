package synth

import "galien"

// The shapes below are approximations written down by hand. The age and sex
// structure follows the pyramid of the population of France that INSEE
// publishes each January; mortality follows the form of Gompertz fitted by
// eye to INSEE's life tables; incidence follows the usual gradients with age.
// No table is copied, and no figure should be read as a statistic of France.

// pyramid gives the persons of both sexes per five-year age band, in
// thousands, from 0-4 to 95-99.
var pyramid = []int{
	3700, 4100, 4150, 4100, 3750, 3750, 4000, 4150, 4050, 4500,
	4450, 4300, 4050, 3900, 3050, 2150, 1850, 1350, 700, 200,
}

// men gives the men per thousand persons of the same bands.
var men = []int{
	511, 511, 511, 511, 506, 498, 490, 490, 494, 496,
	492, 486, 478, 474, 464, 438, 400, 340, 265, 200,
}

const (
	birthsPerYear   = 11 // per thousand persons
	arrivalsPerYear = 6  // per thousand persons
	birthsMale      = 511
)

// gradient is a yearly rate per 100,000 persons that changes with age in
// straight lines between its points, and is flat outside them.
type gradient []struct{ age, rate int }

// at returns the daily hazard at an age in days.
func (g gradient) at(days int) hazard {
	if days <= g[0].age*365 {
		return perYear(g[0].rate)
	}
	for i := 1; i < len(g); i++ {
		if hi := g[i].age * 365; days < hi {
			lo := g[i-1].age * 365
			return perYear(g[i-1].rate + (g[i].rate-g[i-1].rate)*(days-lo)/(hi-lo))
		}
	}
	return perYear(g[len(g)-1].rate)
}

// peak returns the highest daily hazard.
func (g gradient) peak() hazard {
	var top int
	for _, p := range g {
		top = max(top, p.rate)
	}
	return perYear(top)
}

var (
	diabetesRate     = gradient{{20, 0}, {40, 200}, {50, 420}, {60, 650}, {70, 700}, {80, 550}}
	hypertensionRate = gradient{{25, 0}, {30, 200}, {40, 800}, {50, 1800}, {60, 3000}, {70, 4000}}
	heartFailureRate = gradient{{40, 0}, {50, 60}, {60, 250}, {70, 800}, {80, 2200}, {90, 4000}}
	lungDiseaseRate  = gradient{{35, 0}, {40, 60}, {50, 150}, {60, 300}, {70, 420}}
	painRate         = gradient{{14, 0}, {18, 8000}, {30, 16000}, {45, 26000}, {60, 32000}, {75, 30000}, {90, 15000}}
	bleedRate        = gradient{{15, 0}, {20, 900}, {40, 3000}, {60, 6500}, {75, 10000}, {90, 13000}}
	fluRate          = gradient{{0, 45000}, {10, 60000}, {18, 35000}, {60, 25000}, {80, 30000}}
	consultRate      = gradient{{0, 250000}, {5, 130000}, {15, 70000}, {40, 80000}, {70, 130000}, {90, 150000}}
	decompensateRate = gradient{{0, 22000}}
	exacerbateRate   = gradient{{0, 18000}}
	heatRate         = gradient{{60, 0}, {70, 30000}, {90, 120000}}
	departRate       = gradient{{17, 200}, {20, 900}, {35, 700}, {45, 200}}
)

// The planted association. hazardRatio multiplies, in thousandths, the daily
// hazard of bleeding on days 1 to riskDays after the start of an episode of
// an anti-inflammatory drug.
const (
	hazardRatio = 3000
	riskDays    = 30
	eraGap      = 30 // days between two deliveries of one drug era
	bleedQuiet  = 14 // days after a bleeding without another
	priorDays   = 365
)

// winter gives deaths by month, in thousandths of the yearly mean.
var winter = [12]int{1130, 1110, 1060, 1000, 960, 940, 945, 940, 930, 965, 990, 1030}

const oldest = 110

// mortality holds the daily hazard of death by sex and whole year of age:
// Gompertz from 30, a constant below it, and a higher first year.
type mortality [2][oldest + 1]hazard

func newMortality() *mortality {
	var m mortality
	for sex, law := range [2]struct{ at30, growth int }{{52, 1100}, {14, 1118}} {
		h := perYear(law.at30)
		for age := 30; age <= oldest; age++ {
			m[sex][age] = h + perYear(15)
			h = h.times(law.growth)
		}
		for age := 1; age < 30; age++ {
			m[sex][age] = perYear(15 + law.at30*age/30)
		}
		m[sex][0] = perYear(350)
	}
	return &m
}

// peak leaves room for the worst month, a heat wave and two diseases.
func (m *mortality) peak() hazard {
	return max(m[0][oldest], m[1][oldest]).times(4500)
}

// calendar holds the days on which the seasons of each year peak.
type calendar struct {
	first int
	flu   []galien.Date // influenza's highest day, in January to March
	heat  []galien.Date // first day of the fortnight of heat, in July or August
}

func newCalendar(first, years int, seed uint64) calendar {
	c := calendar{first: first}
	for y := first; y < first+years; y++ {
		var d draws
		d.seed(seed, yearStream, uint64(y))
		flu, _ := galien.NewDate(y, 2, 4)
		heat, _ := galien.NewDate(y, 7, 10)
		c.flu = append(c.flu, flu.AddDays(d.bell(12)))
		c.heat = append(c.heat, heat.AddDays(d.below(35)))
	}
	return c
}

const fluSpread = 42 // days from the peak of influenza to its edge

// fluAt returns the strength of influenza on a day, in thousandths.
func (c calendar) fluAt(d galien.Date) int {
	off := d.DaysSince(c.flu[d.Year()-c.first])
	if off < 0 {
		off = -off
	}
	return max(0, 1000-off*1000/fluSpread)
}

// hot reports whether d lies in the fortnight of heat of its year.
func (c calendar) hot(d galien.Date) bool {
	off := d.DaysSince(c.heat[d.Year()-c.first])
	return off >= 0 && off < 14
}
