package synth

import (
	"galien"
	"galien/synth/life"
)

// streams separates what is drawn per person from what is drawn per year.
const (
	personStream = 0x9e3779b97f4a7c15
	yearStream   = 0xc2b2ae3d27d4eb4f
)

// The shapes below are approximations written down by hand: incidence follows
// the usual gradients with age. No table is copied, and no figure should be
// read as a statistic of France.

var (
	diabetesRate     = life.Gradient{{20, 0}, {40, 200}, {50, 420}, {60, 650}, {70, 700}, {80, 550}}
	hypertensionRate = life.Gradient{{25, 0}, {30, 200}, {40, 800}, {50, 1800}, {60, 3000}, {70, 4000}}
	heartFailureRate = life.Gradient{{40, 0}, {50, 60}, {60, 250}, {70, 800}, {80, 2200}, {90, 4000}}
	lungDiseaseRate  = life.Gradient{{35, 0}, {40, 60}, {50, 150}, {60, 300}, {70, 420}}
	painRate         = life.Gradient{{14, 0}, {18, 8000}, {30, 16000}, {45, 26000}, {60, 32000}, {75, 30000}, {90, 15000}}
	bleedRate        = life.Gradient{{15, 0}, {20, 900}, {40, 3000}, {60, 6500}, {75, 10000}, {90, 13000}}
	fluRate          = life.Gradient{{0, 45000}, {10, 60000}, {18, 35000}, {60, 25000}, {80, 30000}}
	consultRate      = life.Gradient{{0, 250000}, {5, 130000}, {15, 70000}, {40, 80000}, {70, 130000}, {90, 150000}}
	decompensateRate = life.Gradient{{0, 22000}}
	exacerbateRate   = life.Gradient{{0, 18000}}
	heatRate         = life.Gradient{{60, 0}, {70, 30000}, {90, 120000}}
	departRate       = life.Gradient{{17, 200}, {20, 900}, {35, 700}, {45, 200}}
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

// calendar holds the days on which the seasons of each year peak.
type calendar struct {
	first int
	flu   []galien.Date // influenza's highest day, in January to March
	heat  []galien.Date // first day of the fortnight of heat, in July or August
}

func newCalendar(first, years int, seed uint64) calendar {
	c := calendar{first: first}
	for y := first; y < first+years; y++ {
		var d life.Stream
		d.Seed(seed, yearStream, uint64(y))
		flu, _ := galien.NewDate(y, 2, 4)
		heat, _ := galien.NewDate(y, 7, 10)
		c.flu = append(c.flu, flu.AddDays(d.Bell(12)))
		c.heat = append(c.heat, heat.AddDays(d.Below(35)))
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
