package outputs_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"galien"
	"galien/disclosure"
	"galien/disclosure/outputs"
)

func ptr[T any](x T) *T { return &x }

// found says whether a decision has a finding at a place with these words.
func found(d outputs.Decision, at, why string) bool {
	return slices.ContainsFunc(d.Findings, func(f outputs.Finding) bool { return f.At == at && strings.Contains(f.Why, why) })
}

// value reads what may leave of a document.
func value[T any](d outputs.Document) (v T, err error) {
	if err := d.Check(); err != nil {
		return v, err
	}
	return v, json.Unmarshal(d.JSON(), &v)
}

// TestQuantiles works cases with a pencil, under a threshold of 11.
func TestQuantiles(t *testing.T) {
	q := func(p float64, below, at, above int64) outputs.Quantile {
		return outputs.Quantile{P: p, Value: ptr(1234.5), Below: &below, At: &at, Above: &above}
	}
	for _, tc := range []struct {
		name   string
		n      int64
		values []outputs.Quantile
		why    []string // "" where shown
	}{
		{"a median of 22: 11 on each side", 22, []outputs.Quantile{q(.5, 10, 1, 11)}, []string{""}},
		{"a median of 21: 10 on each side", 21, []outputs.Quantile{q(.5, 10, 1, 10)}, []string{"one side"}},
		{"least and greatest", 1000, []outputs.Quantile{q(0, 0, 1, 999), q(1, 999, 1, 0)}, []string{"one person", "one person"}},
		{"1 % of 1,000 is ten persons", 1000, []outputs.Quantile{q(.01, 9, 1, 990), q(.99, 989, 1, 10)}, []string{"one side", "one side"}},
		{"2 % of 1,000 is twenty", 1000, []outputs.Quantile{q(.02, 19, 1, 980)}, []string{""}},
		{"quartiles of 40 are ten persons apart", 40, []outputs.Quantile{q(.25, 9, 1, 30), q(.5, 19, 1, 20), q(.75, 29, 1, 10)}, []string{"one side", "", "one side"}},
		{"quartiles of 44", 44, []outputs.Quantile{q(.25, 10, 1, 33), q(.5, 21, 1, 22), q(.75, 32, 1, 11)}, []string{"", "", ""}},
		{"two near each other: the one nearer the median stays", 1000, []outputs.Quantile{q(.20, 199, 1, 800), q(.205, 204, 1, 795)}, []string{"between", ""}},
		{"nearly all persons have one value", 1000, []outputs.Quantile{q(.5, 6, 990, 4)}, []string{"one value"}},
		{"nobody is below, many are above", 1000, []outputs.Quantile{q(.5, 0, 600, 400)}, []string{""}},
	} {
		c, d, err := outputs.ClearQuantiles(outputs.Quantiles{Title: "t", Variable: "v",
			Groups: []outputs.QuantileGroup{{Name: "g", Persons: &tc.n, Values: tc.values}}}, disclosure.Rule{})
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		shown := 0
		for i, why := range tc.why {
			at := fmt.Sprintf("g, %g", tc.values[i].P)
			if why == "" {
				shown++
			} else if !found(d, at, why) {
				t.Errorf("%s: %s: %+v, want %q", tc.name, at, d.Findings, why)
			}
		}
		if d.Published != shown || d.Withheld != len(tc.why)-shown {
			t.Errorf("%s: %d shown, %d withheld", tc.name, d.Published, d.Withheld)
		}
		v, err := value[outputs.Quantiles](c)
		if (shown == 0) != (galien.KindOf(err) == galien.Withheld && err != nil) {
			t.Errorf("%s: %v", tc.name, err)
		}
		if shown > 0 {
			for i, why := range tc.why {
				x := v.Groups[0].Values[i]
				if (x.Value == nil) != (why != "") || x.Below != nil || x.At != nil || x.Above != nil {
					t.Errorf("%s: %+v leaves", tc.name, x)
				}
				// Three digits where few persons have the value itself.
				want := 1230.0
				if *tc.values[i].At >= 11 {
					want = 1234.5
				}
				if x.Value != nil && *x.Value != want {
					t.Errorf("%s: %g, want %g", tc.name, *x.Value, want)
				}
			}
		}
	}
	// Two groups that differ by five persons: the number of the second is not
	// shown.
	group := func(name string, n int64) outputs.QuantileGroup {
		return outputs.QuantileGroup{Name: name, Persons: &n, Values: []outputs.Quantile{q(.5, n/2-1, 1, n-n/2)}}
	}
	c, _, err := outputs.ClearQuantiles(outputs.Quantiles{Title: "t", Variable: "v",
		Groups: []outputs.QuantileGroup{group("women", 95), group("all", 100), group("treated", 60)}}, disclosure.Rule{})
	if err != nil {
		t.Fatal(err)
	}
	v, err := value[outputs.Quantiles](c)
	if err != nil || v.Groups[0].Persons != nil || *v.Groups[1].Persons != 100 || *v.Groups[2].Persons != 60 {
		t.Errorf("groups %+v, %v", v.Groups, err)
	}
}

// model is a logistic regression that may leave whole.
func model() outputs.Regression {
	return outputs.Regression{Title: "t", Model: "logistic", Persons: ptr(int64(400)), Events: ptr(int64(100)), Parameters: ptr(int64(4)), Patterns: ptr(int64(60)),
		Terms: []outputs.Term{
			{Variable: outputs.Intercept, Estimate: ptr(-1.5)},
			{Variable: "age", Distinct: ptr(int64(50)), Estimate: ptr(0.02)},
			{Variable: "sex", Category: "f", Reference: true, Persons: ptr(int64(200)), Events: ptr(int64(40))},
			{Variable: "sex", Category: "m", Persons: ptr(int64(200)), Events: ptr(int64(60)), Estimate: ptr(0.7)},
		},
		Statistics: map[string]float64{"aic": 431.2},
	}
}

func TestRegression(t *testing.T) {
	for _, tc := range []struct {
		name     string
		change   func(m *outputs.Regression)
		at, why  string
		withheld int
	}{
		{"as it is", func(m *outputs.Regression) {}, "", "", 0},
		{"9 residual degrees of freedom of the events", func(m *outputs.Regression) { *m.Parameters = 91 }, "model", "degrees of freedom", 5},
		{"10 of them", func(m *outputs.Regression) { *m.Parameters, *m.Patterns = 90, 200 }, "", "", 0},
		{"saturated: sex by three ages has six patterns", func(m *outputs.Regression) { *m.Parameters, *m.Patterns = 6, 6 }, "model", "saturated", 5},
		{"10 events", func(m *outputs.Regression) {
			*m.Events, *m.Terms[2].Events, *m.Terms[3].Events = 10, 5, 5
		}, "model", "fewer persons or events", 5},
		{"all but 10 have the outcome", func(m *outputs.Regression) {
			*m.Events, *m.Terms[2].Events, *m.Terms[3].Events = 390, 195, 195
		}, "model", "all but fewer", 5},
		{"10 men", func(m *outputs.Regression) {
			*m.Terms[3].Persons, *m.Terms[3].Events = 10, 5
		}, "sex = m", "the category has", 1},
		{"40 men, 10 with the outcome", func(m *outputs.Regression) {
			*m.Terms[3].Persons, *m.Terms[3].Events = 40, 10
		}, "sex = m", "the category has", 1},
		{"40 men, 30 with the outcome: 10 without", func(m *outputs.Regression) {
			*m.Terms[3].Persons, *m.Terms[3].Events = 40, 30
		}, "sex = m", "the category has", 1},
		{"few women with the outcome: neither men nor the constant", func(m *outputs.Regression) {
			*m.Terms[2].Events = 3
		}, "intercept", "compared with", 2},
		{"leverage", func(m *outputs.Regression) { m.Statistics["leverage"] = 0.4 }, "statistics.leverage", "not a summary", 1},
		{"it repeats its data", func(m *outputs.Regression) { m.Statistics["r2"] = 0.99995 }, "model", "repeats its data", 6},
	} {
		m := model()
		tc.change(&m)
		c, d, err := outputs.ClearRegression(m, disclosure.Rule{})
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		if tc.at != "" && !found(d, tc.at, tc.why) || d.Withheld != tc.withheld || tc.at == "" && len(d.Findings) > 0 {
			t.Errorf("%s: %d withheld, %+v", tc.name, d.Withheld, d.Findings)
		}
		if (c.Check() == nil) != (tc.at != "model") {
			t.Errorf("%s: %v", tc.name, c.Check())
		}
		// No count of a category leaves.
		for _, secret := range []string{"distinct", "patterns", "parameters", "leverage", `"persons": 200`, `"events": 60`} {
			if strings.Contains(string(c.JSON()), secret) {
				t.Errorf("%s: %s leaves", tc.name, secret)
			}
		}
	}
	for name, change := range map[string]func(m *outputs.Regression){
		"reference category": func(m *outputs.Regression) { m.Terms = slices.Delete(m.Terms, 2, 3) },
		"distinct":           func(m *outputs.Regression) { m.Terms[1].Distinct = ptr(int64(2)) },
		"patterns":           func(m *outputs.Regression) { m.Patterns = nil },
		"events":             func(m *outputs.Regression) { m.Events = nil },
		"parameters":         func(m *outputs.Regression) { *m.Parameters = 2 },
		"model is none":      func(m *outputs.Regression) { m.Model = "forest" },
		"more persons":       func(m *outputs.Regression) { *m.Terms[2].Persons = 201 },
		"given twice":        func(m *outputs.Regression) { m.Terms = append(m.Terms, m.Terms[3]) },
	} {
		m := model()
		change(&m)
		if _, _, err := outputs.ClearRegression(m, disclosure.Rule{}); galien.KindOf(err) != galien.Invalid || err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// follow makes a curve of n persons who have the event or are lost at random
// times, and what each reading of it is made of.
func follow(rng *rand.Rand, n int64, hazard, loss float64) outputs.Curve {
	c := outputs.Curve{Name: "g", Persons: &n}
	risk, survival := n, 1.0
	for day := 1; day <= 400 && risk > 0; day++ {
		var events, lost int64
		for range risk {
			switch x := rng.Float64(); {
			case x < hazard:
				events++
			case x < hazard+loss:
				lost++
			}
		}
		if events+lost == 0 {
			continue
		}
		survival *= 1 - float64(events)/float64(risk)
		c.Points = append(c.Points, outputs.Point{Time: float64(day), AtRisk: ptr(risk), Events: ptr(events), Censored: ptr(lost), Survival: ptr(survival)})
		risk -= events + lost
	}
	return c
}

// TestSurvivalGivesNoSingleEvent clears random curves, checks each number that
// leaves against the curve, and then makes two other curves of which the very
// same bytes leave: with all events of an interval at its end, and as few or as
// many persons lost as the rounding allows. What is lost is so never bounded
// tighter than the threshold, nor is any event told from another.
func TestSurvivalGivesNoSingleEvent(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 9))
	const threshold, base = 11, 15
	intervals, far := 0, 0.0
	for range 80 {
		curve := follow(rng, 30+rng.Int64N(600), 0.0005+rng.Float64()*0.01, rng.Float64()*0.01)
		if len(curve.Points) == 0 {
			continue
		}
		s := outputs.Survival{Title: "t", Unit: "days", Every: ptr(10.0), Curves: []outputs.Curve{curve}}
		c, d, err := outputs.ClearSurvival(s, disclosure.Rule{Threshold: threshold})
		if err != nil {
			t.Fatal(err)
		}
		if d.Published == 0 {
			if galien.KindOf(c.Check()) != galien.Withheld {
				t.Error(c.Check())
			}
			continue
		}
		v, err := value[outputs.Survival](c)
		if err != nil {
			t.Fatal(err)
		}
		start, lost := 0.0, int64(0)
		for _, p := range v.Curves[0].Points {
			intervals++
			var events int64
			left, survival := *curve.Persons, 1.0
			for _, raw := range curve.Points {
				if raw.Time > start && raw.Time <= p.Time {
					events += *raw.Events
				}
				if raw.Time <= p.Time {
					left, survival = *raw.AtRisk-*raw.Events, *raw.Survival
				}
			}
			lost += *p.Censored
			if events < threshold || left < threshold || *p.Events != events || int(p.Time)%10 != 0 ||
				lost%base != 0 || *p.AtRisk < left || *p.AtRisk-left >= base {
				t.Fatalf("interval to %g: %d events, %d left, shown as %d and %d", p.Time, events, left, *p.Events, *p.AtRisk)
			}
			if !(*p.Low < *p.Survival && *p.Survival < *p.High) {
				t.Fatalf("interval %g to %g of %g", *p.Low, *p.High, *p.Survival)
			}
			far = max(far, math.Abs(*p.Survival-survival))
			start = p.Time
		}
		for _, more := range []int64{0, base - 1} {
			other := outputs.Curve{Name: "g", Persons: curve.Persons}
			risk, survival := *curve.Persons-more, 1.0
			points := v.Curves[0].Points
			for i, p := range points {
				risk -= *p.Censored // lost before the events of the interval
				q := outputs.Point{Time: p.Time, AtRisk: ptr(risk), Events: p.Events, Censored: ptr(int64(0))}
				survival *= 1 - float64(*p.Events)/float64(risk)
				q.Survival = ptr(survival)
				risk -= *p.Events
				if i+1 < len(points) {
					q.Censored = points[i+1].Censored
				}
				other.Points = append(other.Points, q)
			}
			s.Curves = []outputs.Curve{other}
			same, _, err := outputs.ClearSurvival(s, disclosure.Rule{Threshold: threshold})
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(same.JSON(), c.JSON()) {
				t.Fatalf("with %d more persons lost:\n%s\nand not\n%s", more, same.JSON(), c.JSON())
			}
		}
	}
	t.Logf("%d intervals; the life table is at most %.4f from the curve", intervals, far)
	if intervals < 50 {
		t.Error("the curves were too small")
	}
}

func TestCorrelation(t *testing.T) {
	pair := func(n int64, r float64) outputs.Pair { return outputs.Pair{A: "a", B: "b", Persons: &n, R: &r} }
	with := func(p outputs.Pair, a, b, both int64) outputs.Pair {
		p.OfA, p.OfB, p.Both = &a, &b, &both
		return p
	}
	for _, tc := range []struct {
		name string
		pair outputs.Pair
		why  string
	}{
		{"large", pair(100, 0.3), ""},
		{"11 persons have 9 degrees of freedom", pair(11, 0.3), "too few"},
		{"12 persons have 10", pair(12, 0.3), ""},
		{"a function", pair(100, -1), "gives the other"},
		{"four cells of 25", with(pair(100, 0), 50, 50, 25), ""},
		{"cells of 45, 5, 5, 45", with(pair(100, 0.8), 50, 50, 45), "small cell"},
		{"5 smokers", func() outputs.Pair { p := pair(100, 0.1); p.OfA = ptr(int64(5)); return p }(), "two values"},
	} {
		c, d, err := outputs.ClearCorrelation(outputs.Correlation{Title: "t", Pairs: []outputs.Pair{tc.pair}}, disclosure.Rule{})
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		if (c.Check() == nil) != (tc.why == "") || tc.why != "" && !found(d, "a, b", tc.why) {
			t.Errorf("%s: %v, %+v", tc.name, c.Check(), d.Findings)
		}
	}
}

// TestCurvesAreNotSubtracted puts a curve of all persons beside that of nearly
// all: the few others would be read from the two.
func TestCurvesAreNotSubtracted(t *testing.T) {
	curve := func(name string, n int64, events ...int64) outputs.Curve {
		c := outputs.Curve{Name: name, Persons: &n}
		risk, survival := n, 1.0
		for i, e := range events {
			survival *= 1 - float64(e)/float64(risk)
			c.Points = append(c.Points, outputs.Point{Time: float64(10 * (i + 1)), AtRisk: ptr(risk), Events: &e, Censored: ptr(int64(0)), Survival: ptr(survival)})
			risk -= e
		}
		return c
	}
	s := outputs.Survival{Title: "t", Unit: "days", Every: ptr(10.0), Curves: []outputs.Curve{curve("men", 480, 19, 18, 28), curve("all", 500, 20, 20, 30)}}
	for _, additive := range []bool{false, true} {
		s.Additive = additive
		c, d, err := outputs.ClearSurvival(s, disclosure.Rule{})
		if err != nil {
			t.Fatal(err)
		}
		v, err := value[outputs.Survival](c)
		if err != nil || len(v.Curves[1].Points) != 3 || (len(v.Curves[0].Points) > 0) != additive || (v.Curves[0].Persons != nil) != additive || found(d, "men", "subtraction") == additive {
			t.Errorf("additive %v: %s, %+v, %v", additive, c.JSON(), d.Findings, err)
		}
	}
}

// TestDocuments refuses what cannot be read as a declaration, quoting none of
// its numbers.
func TestDocuments(t *testing.T) {
	for name, doc := range map[string]string{
		"not one JSON":       `4711`,
		"an output: no JSON": `{"kind": "table", 4711`,
		"kind is none":       `{"kind": "microdata", "title": "4711"}`,
		"unknown field":      `{"kind": "regression", "title": "t", "residuals": [4711]}`,
		"of an output: no":   `{"kind": "quantiles", "title": "t"} {"rows": [4711]}`,
		"should be":          `{"kind": "quantiles", "title": 4711}`,
		"title is empty":     `{"kind": "correlation", "pairs": [{"a": "x", "b": "y", "persons": 4711, "r": 0}]}`,
		"starts with":        `{"kind": "correlation", "title": "=4711", "pairs": []}`,
		"agree":              `{"kind": "quantiles", "title": "t", "variable": "v", "groups": [{"name": "g", "persons": 4711, "quantiles": [{"p": 0.5, "value": 1, "below": 1, "at": 1, "above": 1}]}]}`,
		"Kaplan-Meier":       `{"kind": "survival", "title": "t", "unit": "d", "curves": [{"name": "g", "persons": 100, "points": [{"time": 1, "at_risk": 100, "events": 50, "censored": 0, "survival": 0.4711}]}]}`,
		"at risk do not":     `{"kind": "survival", "title": "t", "unit": "d", "curves": [{"name": "g", "persons": 4711, "points": [{"time": 1, "at_risk": 4712, "events": 50, "censored": 0, "survival": 0.9}]}]}`,
		"a hundredth":        `{"kind": "survival", "title": "t", "unit": "d", "every": 0.5, "curves": [{"name": "g", "persons": 4711, "points": [{"time": 100, "at_risk": 4711, "events": 0, "censored": 0, "survival": 1}]}]}`,
		"cell 1":             `{"kind": "sums", "title": "t", "variable": "v", "cells": [{"keys": [], "persons": 4711}]}`,
		"largest":            `{"kind": "sums", "title": "t", "variable": "v", "cells": [{"keys": [], "persons": 4711, "amount": 4711}]}`,
		"no cells":           `{"kind": "table", "title": "t"}`,
		"needs both":         `{"kind": "correlation", "title": "t", "pairs": [{"a": "x", "b": "y", "persons": 4711, "r": 0, "of_a": 1, "of_b": 1}]}`,
	} {
		_, _, err := outputs.Clear([]byte(doc), disclosure.Rule{})
		if galien.KindOf(err) != galien.Invalid || err == nil || !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), "4711") {
			t.Errorf("%s: %v", name, err)
		}
	}
	doc, err := json.Marshal(model())
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := outputs.Clear(doc, disclosure.Rule{}); err == nil {
		t.Error("a document without a kind is read")
	}
}

// TestRounding checks the option on a declared table.
func TestRounding(t *testing.T) {
	doc := `{"kind": "table", "title": "t", "dimensions": [{"name": "sex", "categories": ["f", "m"], "additive": true}],
		"cells": [{"keys": ["f"], "persons": 11}, {"keys": ["m"], "persons": 42}]}`
	c, _, err := outputs.Clear([]byte(doc), disclosure.Rule{RoundTo: 5})
	if err != nil {
		t.Fatal(err)
	}
	var v outputs.Table
	if err := json.Unmarshal(c.JSON(), &v); err != nil {
		t.Fatal(err)
	}
	var got []int64
	for _, x := range v.Cells {
		got = append(got, *x.Persons)
	}
	// 11 goes up, or it would be shown as less than the threshold; 53 is
	// rounded by itself, and is not 15 + 40.
	if !slices.Equal(got, []int64{15, 40, 55}) {
		t.Errorf("rounded %v", got)
	}
}
