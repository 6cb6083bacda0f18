package study_test

import (
	"math"
	"slices"
	"testing"

	"galien"
	"galien/cohort"
	"galien/disclosure"
	"galien/study"
)

// TestPoissonInterval compares with published tables of exact limits (95 %:
// n = 0, 1, 5, 10, 50, 100).
func TestPoissonInterval(t *testing.T) {
	for _, tc := range []struct {
		n         int64
		low, high float64
	}{
		{0, 0, 3.689}, {1, 0.0253, 5.572}, {5, 1.623, 11.668}, {10, 4.795, 18.390}, {50, 37.111, 65.919}, {100, 81.364, 121.627},
	} {
		low, high := study.PoissonInterval(tc.n, 0.95)
		if math.Abs(low-tc.low) > 0.0006 || math.Abs(high-tc.high) > 0.0006 {
			t.Errorf("n = %d: %.4f to %.4f, want %.4f to %.4f", tc.n, low, high, tc.low, tc.high)
		}
	}
}

// TestPoissonIntervalDefinition sums the Poisson distribution itself: at each
// end of the interval, what was observed or beyond has probability 2.5 %.
func TestPoissonIntervalDefinition(t *testing.T) {
	below := func(n int64, mean float64) float64 { // P(X <= n)
		var sum float64
		for k := range n + 1 {
			g, _ := math.Lgamma(float64(k) + 1)
			sum += math.Exp(float64(k)*math.Log(mean) - mean - g)
		}
		return sum
	}
	for _, n := range []int64{1, 2, 3, 11, 47, 365, 2000} {
		low, high := study.PoissonInterval(n, 0.95)
		if p := 1 - below(n-1, low); math.Abs(p-0.025) > 1e-6 {
			t.Errorf("n = %d: at the low end, n or more has probability %g", n, p)
		}
		if p := below(n, high); math.Abs(p-0.025) > 1e-6 {
			t.Errorf("n = %d: at the high end, n or fewer has probability %g", n, p)
		}
	}
}

func TestPersonRate(t *testing.T) {
	// 10 persons in 1,461 days, which are 4 person-years.
	r, ok := study.PersonRate(10, 1461)
	if !ok || math.Abs(r.Estimate-2500) > 1e-9 || math.Abs(r.Low-4795.39/4) > 0.01 || math.Abs(r.High-18390.36/4) > 0.01 {
		t.Errorf("rate %+v, %t", r, ok)
	}
	if _, ok := study.PersonRate(10, 0); ok {
		t.Error("a rate without any time")
	}
}

func TestTable(t *testing.T) {
	cell := func(persons, population int64, keys ...string) cohort.Cell {
		return cohort.Cell{Keys: keys, Persons: persons, Events: persons * 2, Population: population, PersonDays: population * 365}
	}
	cells := []cohort.Cell{
		cell(20, 200, "female", "5-9"), cell(30, 300, "female", "10-14"), cell(40, 400, "male", "5-9"),
		cell(50, 500, "male", "10-14"), cell(0, 0, "unknown", "5-9"), cell(0, 0, "unknown", "*"),
		cell(45, 450, "female", "*"), cell(85, 850, "male", "*"),
		cell(60, 600, "*", "5-9"), cell(80, 800, "*", "10-14"), cell(130, 1300, "*", "*"),
	}
	table, err := study.Table([]cohort.Dimension{cohort.Sex, cohort.AgeGroup}, cells)
	if err != nil {
		t.Fatal(err)
	}
	if got := table.Dimensions; len(got) != 2 || !got[0].Additive || got[1].Additive ||
		!slices.Equal(got[0].Categories, []string{"female", "male"}) || !slices.Equal(got[1].Categories, []string{"5-9", "10-14"}) {
		t.Errorf("dimensions %+v", got)
	}
	cleared, decision, err := disclosure.Clear(table, disclosure.Rule{})
	if err != nil || decision.Published != 9 || len(decision.Cells) != 9 {
		t.Fatalf("%+v, %v", decision, err)
	}
	for _, c := range cleared.Cells() {
		if slices.Equal(c.Keys, []string{"female", "*"}) && (c.Persons != 45 || c.Population != 450 || c.PersonDays != 450*365) {
			t.Errorf("women: %+v", c)
		}
	}
	if _, err := study.Table([]cohort.Dimension{cohort.Sex}, cells); galien.KindOf(err) != galien.Invalid || err == nil {
		t.Errorf("wrong number of keys: %v", err)
	}
	if _, err := study.Table([]cohort.Dimension{cohort.Sex}, nil); galien.KindOf(err) != galien.NotFound {
		t.Errorf("no cell: %v", err)
	}
	// A margin that is missing from a dimension where persons overlap is not
	// guessed.
	missing, err := study.Table([]cohort.Dimension{cohort.Sex, cohort.AgeGroup}, cells[:5])
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := disclosure.Clear(missing, disclosure.Rule{}); galien.KindOf(err) != galien.Invalid || err == nil {
		t.Errorf("missing margin: %v", err)
	}
}
