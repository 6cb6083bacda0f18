package outputs

import (
	"fmt"
	"math"

	"galien"
	"galien/disclosure"
)

// Survival declares Kaplan-Meier curves.
type Survival struct {
	Kind  Kind   `json:"kind"`
	Title string `json:"title"`
	// Unit is the unit of time, such as days.
	Unit string `json:"unit"`
	// Every is the distance of the times at which curves may be read; it is
	// worked out when it is absent.
	Every  *float64 `json:"every,omitempty"`
	Curves []Curve  `json:"curves"`
}

// Curve is the curve of one group of persons, null where nothing of it leaves.
type Curve struct {
	Name    string  `json:"name"`
	Persons *int64  `json:"persons"`
	Points  []Point `json:"points"`
}

// Point is a step of a curve as it is declared, and a reading of it as it
// leaves: then Events and Censored are not there, and AtRisk, after the point,
// is rounded.
type Point struct {
	Time float64 `json:"time"`
	// AtRisk counts the persons under observation just before the time.
	AtRisk *int64 `json:"at_risk"`
	// Events counts those of them with the event then, Censored those lost
	// from then on before the next point.
	Events   *int64 `json:"events,omitempty"`
	Censored *int64 `json:"censored,omitempty"`
	// Survival is the estimate after the time; Low and High its interval.
	Survival *float64 `json:"survival"`
	Low      *float64 `json:"low,omitempty"`
	High     *float64 `json:"high,omitempty"`
}

// ClearSurvival clears curves. A Kaplan-Meier curve is a list of the persons
// with an event, each a step; what leaves is the curve read at some times:
//
//   - times are multiples of Every (a twentieth of the time of observation or
//     more, where it is not given), so that none is a person's;
//   - between two readings at least the threshold of persons have the event, and
//     after a reading at least the threshold are still under observation;
//   - numbers at risk are rounded down to a multiple of five that is not less
//     than the threshold, events and losses are not shown, and the estimate is
//     rounded so coarsely (to 0.001, or 0.002, 0.005 ...) that losing the
//     threshold of persons more or fewer could give the same reading.
//
// Sources: SDC Handbook (2019), section B, survival analysis and Kaplan-Meier;
// SACRO guide (2023), part II, survival and hazard functions.
func ClearSurvival(s Survival, r disclosure.Rule) (Cleared[Survival], Decision, error) {
	rule, err := r.Resolved()
	if err == nil {
		err = s.check()
	}
	if err != nil {
		return Cleared[Survival]{}, Decision{}, err
	}
	d := Decision{Kind: KindSurvival, Title: s.Title, Rule: rule}
	every := s.grid()
	out := Survival{Kind: KindSurvival, Title: s.Title, Unit: s.Unit, Every: &every}
	threshold := int64(rule.Threshold)
	var sizes []int64
	for _, c := range s.Curves {
		sizes = append(sizes, *c.Persons)
	}
	apart := countsApart(sizes, threshold)
	for i, c := range s.Curves {
		cleared := Curve{Name: c.Name, Points: readings(c, every, threshold)}
		d.Published += len(cleared.Points)
		if len(cleared.Points) == 0 {
			d.Withheld++
			d.note(c.Name, "no two times with the threshold of events between them and of persons at risk after")
		} else if n := rule.Round(*c.Persons); apart[i] {
			cleared.Persons = &n
		} else {
			d.note(c.Name, "the number of persons is small, or nearly that of another curve")
		}
		out.Curves = append(out.Curves, cleared)
	}
	return finish(KindSurvival, out, d)
}

// readings returns what may leave of a curve.
func readings(c Curve, every float64, threshold int64) []Point {
	base := (threshold + 4) / 5 * 5
	var out []Point
	var events int64 // since the last reading
	for i, p := range c.Points {
		events += *p.Events
		// The reading is taken at the first time after the point, when no
		// other point lies between.
		at := math.Ceil(p.Time/every-1e-9) * every
		if i+1 < len(c.Points) && c.Points[i+1].Time <= at {
			continue
		}
		left := *p.AtRisk - *p.Events
		if events < threshold || left < threshold {
			continue
		}
		unit := coarse(float64(events*threshold) / (float64(left) * float64(left)))
		if unit == 0 {
			continue
		}
		risk := left / base * base
		reading := Point{Time: *significant(&at, 9), AtRisk: &risk, Survival: toUnit(p.Survival, unit), Low: toUnit(p.Low, unit), High: toUnit(p.High, unit)}
		if risk == 0 {
			reading.AtRisk = nil
		}
		out = append(out, reading)
		events = 0
	}
	return out
}

// coarse returns the rounding unit that is at least x, or 0 when there is none.
func coarse(x float64) float64 {
	for _, unit := range []float64{0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1} {
		if x <= unit {
			return unit
		}
	}
	return 0
}

// grid returns the distance of the times at which curves are read.
func (s Survival) grid() float64 {
	if s.Every != nil {
		return *s.Every
	}
	last := 0.0
	for _, c := range s.Curves {
		for _, p := range c.Points {
			last = max(last, p.Time)
		}
	}
	power := math.Pow(10, math.Floor(math.Log10(last/20)))
	for _, k := range []float64{1, 2, 5} {
		if k*power >= last/20 {
			return k * power
		}
	}
	return 10 * power
}

func (s Survival) check() error {
	if err := checkTexts("title", s.Title, "unit", s.Unit); err != nil {
		return err
	}
	invalid := func(format string, args ...any) error {
		return galien.Errorf(galien.Invalid, "output: "+format, args...)
	}
	if len(s.Curves) == 0 {
		return invalid("survival needs curves, one at least")
	}
	last, names := 0.0, map[string]bool{}
	for i, c := range s.Curves {
		where := fmt.Sprintf("curves[%d]", i)
		if err := checkTexts(where+".name", c.Name); err != nil {
			return err
		}
		if names[c.Name] || c.Persons == nil || *c.Persons < 0 || *c.Persons > maxCount || len(c.Points) == 0 {
			return invalid("%s needs a name of its own, persons, and points", where)
		}
		names[c.Name] = true
		survival, risk, time := 1.0, *c.Persons, 0.0
		for k, p := range c.Points {
			at := fmt.Sprintf("%s.points[%d]", where, k)
			if p.AtRisk == nil || p.Events == nil || p.Censored == nil || p.Survival == nil || !finite(p.Survival, p.Low, p.High, &p.Time) {
				return invalid("%s needs time, at_risk, events, censored and survival", at)
			}
			if p.Time < time || k > 0 && p.Time == time || p.Time < 0 {
				return invalid("%s: times are not in order", at)
			}
			if min(*p.AtRisk, *p.Events, *p.Censored) < 0 || *p.AtRisk > risk || k > 0 && *p.AtRisk != risk ||
				*p.Events > *p.AtRisk || *p.Censored > *p.AtRisk-*p.Events {
				return invalid("%s: persons at risk do not agree with the events and losses before", at)
			}
			if *p.AtRisk > 0 {
				survival *= 1 - float64(*p.Events)/float64(*p.AtRisk)
			}
			if math.Abs(survival-*p.Survival) > 1e-3 {
				return invalid("%s: survival is not the Kaplan-Meier estimate of the counts", at)
			}
			risk, time = *p.AtRisk-*p.Events-*p.Censored, p.Time
		}
		last = max(last, time)
	}
	if s.Every != nil && !(*s.Every >= last/1000 && *s.Every > 0 && !math.IsInf(*s.Every, 0)) || last == 0 {
		return invalid("every is the distance of the times to read curves at, at least a hundredth of the time of observation, which is not nil")
	}
	return nil
}
