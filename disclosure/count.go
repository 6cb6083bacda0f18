package disclosure

import (
	"encoding/json"
	"strconv"
)

// Count is a plain count that has been through disclosure control. Its zero
// value is withheld.
type Count struct {
	n         int64
	threshold int // shown as "<threshold" when not zero
	clear     bool
}

// Value returns the count, and false when it is withheld.
func (c Count) Value() (int64, bool) { return c.n, c.clear }

// String returns the number, "<11" for a count known to be under the
// threshold, or "withheld" for one that would give another away.
func (c Count) String() string {
	switch {
	case c.clear:
		return strconv.FormatInt(c.n, 10)
	case c.threshold > 0:
		return "<" + strconv.Itoa(c.threshold)
	}
	return "withheld"
}

// MarshalJSON writes the number, or the text of String when it is withheld.
func (c Count) MarshalJSON() ([]byte, error) {
	if c.clear {
		return json.Marshal(c.n)
	}
	return json.Marshal(c.String())
}

// limit returns the threshold to use where no error can be returned.
func (r Rule) limit() int64 {
	resolved, err := r.Resolved()
	if err != nil {
		return DefaultThreshold
	}
	return int64(resolved.Threshold)
}

// Step is what is left of a cohort after one step of its definition.
type Step struct {
	// Reason names the step.
	Reason string
	// Events is the number of events left, Persons that of their distinct
	// persons.
	Events, Persons int64
}

// ClearedStep is a step as it may be shown.
type ClearedStep struct {
	Reason  string `json:"reason"`
	Events  Count  `json:"events"`
	Persons Count  `json:"persons"`
}

// ClearSteps clears the steps of an attrition. A number is shown when it is
// not under the threshold and when subtracting any other shown number of the
// series, next to it or not, gives zero or at least the threshold. The last
// step is cleared first, since it is the cohort's own count and may be shown
// elsewhere, then the first, then the others in order. Events are shown only
// where persons are, and where persons with more than one event are not few:
// events less persons is zero or at least the threshold.
func ClearSteps(steps []Step, r Rule) []ClearedStep {
	t := r.limit()
	out := make([]ClearedStep, len(steps))
	far := func(a, b int64) bool {
		d := max(a-b, b-a)
		return d == 0 || d >= t
	}
	var persons, events []int64
	clear := func(i int) {
		s := steps[i]
		out[i].Reason = s.Reason
		if s.Persons < t {
			out[i].Persons = Count{threshold: int(t)}
			return
		}
		for _, x := range persons {
			if !far(s.Persons, x) {
				return
			}
		}
		persons = append(persons, s.Persons)
		out[i].Persons = Count{n: s.Persons, clear: true}
		if !far(s.Events, s.Persons) {
			return
		}
		for _, x := range events {
			if !far(s.Events, x) {
				return
			}
		}
		events = append(events, s.Events)
		out[i].Events = Count{n: s.Events, clear: true}
	}
	for k := range steps {
		switch k {
		case 0:
			clear(len(steps) - 1)
		case 1:
			clear(0)
		default:
			clear(k - 1)
		}
	}
	return out
}
