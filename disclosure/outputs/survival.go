package outputs

import (
	"fmt"
	"math"
	"slices"

	"galien"
	"galien/disclosure"
)

// Survival declares Kaplan-Meier curves.
type Survival struct {
	Kind  Kind   `json:"kind"`
	Title string `json:"title"`
	// Unit is the unit of time, such as days.
	Unit string `json:"unit"`
	// Additive says that a person is in one curve at most, as in a table.
	Additive bool `json:"additive,omitempty"`
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

// Point is a step of a curve as it is declared, and an interval of its life
// table as it leaves, from the point before to Time.
type Point struct {
	Time float64 `json:"time"`
	// AtRisk counts the persons under observation just before the time; in
	// what leaves, after it.
	AtRisk *int64 `json:"at_risk"`
	// Events counts those of them with the event then, Censored those lost
	// from then on before the next point; in what leaves, those of the
	// interval.
	Events   *int64 `json:"events"`
	Censored *int64 `json:"censored"`
	// Survival is the estimate after the time; Low and High its 95 % interval,
	// filled in when the curve is cleared.
	Survival *float64 `json:"survival"`
	Low      *float64 `json:"low,omitempty"`
	High     *float64 `json:"high,omitempty"`
}

// ClearSurvival clears curves. A Kaplan-Meier curve is a list of the persons
// with an event, each a step, and of those lost, between the lines. What leaves
// is its life table:
//
//   - times are multiples of Every (a twentieth of the time of observation or
//     more, where it is not given), so that none is a person's;
//   - in each interval at least the threshold of persons have the event, and
//     after it at least the threshold are still under observation;
//   - the number lost since the start is rounded down to a multiple of five that
//     is not less than the threshold, numbers at risk follow from it, and
//     survival is worked out anew, by the actuarial method, from these counts
//     only: whatever is read from the heights of steps, it is not more than the
//     counts say.
//
// Of curves that are not additive the largest alone leaves: another could be a
// part of it, and the events of the rest would follow by subtraction. A curve of
// nearly as many persons as another is withheld. Sources: SDC
// Handbook (2019), section B, survival analysis; SACRO guide (2023), part II,
// survival and hazard functions. Actuarial method: S. Cutler and F. Ederer,
// Maximum utilization of the life table method, J Chronic Dis 8, 1958, 699-712;
// intervals by Greenwood's variance on the scale of log(-log S).
func ClearSurvival(s Survival, r disclosure.Rule) (Document, Decision, error) {
	rule, err := r.Resolved()
	if err == nil {
		err = s.check()
	}
	if err != nil {
		return Document{}, Decision{}, err
	}
	d := Decision{Kind: KindSurvival, Title: s.Title, Rule: rule}
	every := s.grid()
	out := Survival{Kind: KindSurvival, Title: s.Title, Unit: s.Unit, Additive: s.Additive, Every: &every}
	var sizes []int64
	for _, c := range s.Curves {
		sizes = append(sizes, *c.Persons)
	}
	largest := slices.Index(sizes, slices.Max(sizes))
	apart := countsApart(sizes, int64(rule.Threshold))
	for i, c := range s.Curves {
		cleared := Curve{Name: c.Name, Points: []Point{}}
		if !s.Additive && i != largest {
			d.note(c.Name, "nothing says that no person is in two curves (additive): what the largest has more would follow by subtraction")
		} else if !apart[i] {
			d.note(c.Name, "the number of persons is small, or nearly that of another curve")
		} else if cleared.Points = lifeTable(c, every, rule); len(cleared.Points) > 0 {
			n := rule.Round(*c.Persons)
			cleared.Persons = &n
		}
		d.Published += len(cleared.Points)
		for _, p := range cleared.Points {
			if gap := math.Abs(*p.Survival - c.at(p.Time)); gap > 0.01 {
				d.note(fmt.Sprintf("%s, %g", c.Name, p.Time), fmt.Sprintf("the life table is %.3f from the curve, for want of persons at risk", gap))
			}
		}
		if merged := len(c.Points) - len(cleared.Points); merged > 0 {
			d.Withheld += merged
			d.note(c.Name, "steps of fewer events than the threshold, or with fewer persons at risk after, are not shown by themselves")
		}
		out.Curves = append(out.Curves, cleared)
	}
	return finish(out, d)
}

// at returns the declared estimate at a time.
func (c Curve) at(time float64) float64 {
	s := 1.0
	for _, p := range c.Points {
		if p.Time <= time {
			s = *p.Survival
		}
	}
	return s
}

// lifeTable returns what may leave of a curve.
func lifeTable(c Curve, every float64, r disclosure.Rule) []Point {
	threshold := int64(r.Threshold)
	base := (threshold + 4) / 5 * 5
	out := []Point{}
	var before, events int64     // events up to the last interval, and since
	var lost int64               // up to the last interval, rounded down
	survival, variance := 1., 0. // the latter of log S
	for i, p := range c.Points {
		events += *p.Events
		// The interval ends at the first time after the point, when no other
		// point lies between.
		at := math.Ceil(p.Time/every-1e-9) * every
		if i+1 < len(c.Points) && c.Points[i+1].Time <= at {
			continue
		}
		gone := (*c.Persons - before - events - (*p.AtRisk - *p.Events)) / base * base
		left := *c.Persons - before - events - gone
		if events < threshold || left-(base-1) < threshold {
			continue
		}
		d := float64(events)
		risk := float64(*c.Persons-before) - float64(lost+gone)/2
		survival *= 1 - d/risk
		variance += d / (risk * (risk - d))
		spread := math.Exp(1.959964 * math.Sqrt(variance) / -math.Log(survival))
		low, high := math.Pow(survival, spread), math.Pow(survival, 1/spread)
		estimate, shown, had, went := survival, r.Round(left), r.Round(events), gone-lost
		out = append(out, Point{Time: *significant(&at, 9), AtRisk: &shown, Events: &had, Censored: &went,
			Survival: toUnit(&estimate, 1e-4), Low: toUnit(&low, 1e-4), High: toUnit(&high, 1e-4)})
		before, events, lost = before+events, 0, gone
	}
	return out
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
			if p.AtRisk == nil || p.Events == nil || p.Censored == nil || p.Survival == nil || p.Low != nil || p.High != nil || !finite(p.Survival, &p.Time) {
				return invalid("%s needs time, at_risk, events, censored and survival; its interval is worked out", at)
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
	if s.Every != nil && !(*s.Every >= last/100 && *s.Every > 0 && !math.IsInf(*s.Every, 0)) || last == 0 {
		return invalid("every is the distance of the times to read curves at, at least a hundredth of the time of observation, which is not nil")
	}
	return nil
}
