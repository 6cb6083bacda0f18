package disclosure_test

import (
	"encoding/json"
	"testing"

	"pgregory.net/rapid"

	"galien/disclosure"
)

func TestCount(t *testing.T) {
	for _, tc := range []struct {
		n         int64
		threshold int
		want      string
		json      string
	}{
		{0, 0, "<11", `"\u003c11"`}, {10, 0, "<11", `"\u003c11"`}, {11, 0, "11", "11"}, {1234, 11, "1234", "1234"},
		{4, 5, "<5", `"\u003c5"`}, {5, 5, "5", "5"}, {5, 1, "<11", `"\u003c11"`}, {5, -3, "<11", `"\u003c11"`},
	} {
		c := disclosure.ClearSteps([]disclosure.Step{{Persons: tc.n, Events: tc.n}}, disclosure.Rule{Threshold: tc.threshold})[0].Persons
		if c.String() != tc.want {
			t.Errorf("%d under %d: %s, want %s", tc.n, tc.threshold, c, tc.want)
		}
		if b, err := json.Marshal(c); err != nil || string(b) != tc.json {
			t.Errorf("%d under %d: JSON %s, %v", tc.n, tc.threshold, b, err)
		}
		if n, ok := c.Value(); ok != (tc.want[0] != '<') || ok && n != tc.n || !ok && n != 0 {
			t.Errorf("%d under %d: value %d, %t", tc.n, tc.threshold, n, ok)
		}
	}
	if s := (disclosure.Count{}).String(); s != "withheld" {
		t.Errorf("zero value prints %q", s)
	}
}

func TestClearSteps(t *testing.T) {
	type row struct{ events, persons string }
	for _, tc := range []struct {
		name  string
		steps []disclosure.Step
		want  []row
	}{
		{"all far apart", []disclosure.Step{{"entry", 500, 500}, {"adult", 400, 400}, {"first", 300, 300}},
			[]row{{"500", "500"}, {"400", "400"}, {"300", "300"}}},
		{"no one lost", []disclosure.Step{{"entry", 500, 500}, {"adult", 500, 500}, {"first", 300, 300}},
			[]row{{"500", "500"}, {"500", "500"}, {"300", "300"}}},
		{"last step small", []disclosure.Step{{"entry", 500, 500}, {"adult", 4, 4}},
			[]row{{"500", "500"}, {"withheld", "<11"}}},
		{"few lost at the last step: the last is kept", []disclosure.Step{{"entry", 500, 500}, {"adult", 310, 310}, {"first", 305, 305}},
			[]row{{"500", "500"}, {"withheld", "withheld"}, {"305", "305"}}},
		{"few lost across a withheld step", []disclosure.Step{{"entry", 500, 500}, {"adult", 496, 496}, {"first", 492, 492}, {"last", 100, 100}},
			[]row{{"500", "500"}, {"withheld", "withheld"}, {"withheld", "withheld"}, {"100", "100"}}},
		{"few persons with a second event", []disclosure.Step{{"entry", 503, 500}, {"adult", 420, 400}},
			[]row{{"withheld", "500"}, {"420", "400"}}},
		{"same persons, few events lost", []disclosure.Step{{"entry", 705, 500}, {"adult", 700, 500}, {"first", 300, 300}},
			[]row{{"705", "500"}, {"withheld", "500"}, {"300", "300"}}},
		{"one step", []disclosure.Step{{"entry", 500, 500}}, []row{{"500", "500"}}},
		{"none", nil, nil},
	} {
		got := disclosure.ClearSteps(tc.steps, disclosure.Rule{})
		if len(got) != len(tc.want) {
			t.Fatalf("%s: %d steps", tc.name, len(got))
		}
		for i, w := range tc.want {
			if g := got[i]; g.Reason != tc.steps[i].Reason || g.Events.String() != w.events || g.Persons.String() != w.persons {
				t.Errorf("%s: step %d: %s events, %s persons, want %+v", tc.name, i, g.Events, g.Persons, w)
			}
		}
	}
}

// TestClearStepsGivesNothingSmall subtracts every pair of shown numbers.
func TestClearStepsGivesNothingSmall(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		threshold := rapid.IntRange(2, 20).Draw(t, "threshold")
		var steps []disclosure.Step
		for range rapid.IntRange(0, 8).Draw(t, "n") {
			p := rapid.Int64Range(0, 80).Draw(t, "persons")
			steps = append(steps, disclosure.Step{Persons: p, Events: p + rapid.Int64Range(0, 30).Draw(t, "more")})
		}
		var persons, events []int64
		got := disclosure.ClearSteps(steps, disclosure.Rule{Threshold: threshold})
		for i, s := range got {
			p, shown := s.Persons.Value()
			if shown {
				persons = append(persons, p)
			}
			if e, ok := s.Events.Value(); ok {
				if !shown || e != steps[i].Events || e != p && e-p < int64(threshold) {
					t.Fatalf("step %d shows its events", i)
				}
				events = append(events, e)
			}
			if shown && p != steps[i].Persons {
				t.Fatalf("step %d shows another number", i)
			}
		}
		for _, series := range [][]int64{persons, events} {
			for i, a := range series {
				if a < int64(threshold) {
					t.Fatalf("a small number is shown")
				}
				for _, b := range series[:i] {
					if d := max(a-b, b-a); d != 0 && d < int64(threshold) {
						t.Fatalf("two shown numbers differ by a small one")
					}
				}
			}
		}
		if n := len(steps); n > 0 && steps[n-1].Persons >= int64(threshold) {
			if _, ok := got[n-1].Persons.Value(); !ok {
				t.Fatal("the last step, the cohort's own count, is withheld")
			}
		}
	})
}
