package synth

import (
	"math"
	"strconv"
	"testing"

	"galien"
	"galien/synth/life"
)

// The age life.Pyramid adds up to the persons born before the start, and its shares
// follow the table within five standard errors.
func TestPyramid(t *testing.T) {
	m, truth := population(t, Config{Persons: 6000, Seed: 2})
	d := read(t, m)
	var before, women int
	bands := map[int]AgeBand{}
	for _, r := range d.rows["person"] {
		female := r["gender_concept_id"] == "8532"
		if female {
			women++
		}
		y, _ := strconv.Atoi(r["year_of_birth"])
		if y >= truth.Start.Year() {
			continue
		}
		before++
		age := truth.Start.Year() - y - 1 // on the eve of the start
		if month, day := r["month_of_birth"], r["day_of_birth"]; month == "1" && day == "1" {
			age++
		}
		b := bands[min(age/5, 19)]
		if female {
			b.Women++
		} else {
			b.Men++
		}
		bands[min(age/5, 19)] = b
	}
	if women != truth.Women {
		t.Errorf("%d women, truth says %d", women, truth.Women)
	}
	sum := 0
	for i, b := range truth.AgeAtStart {
		sum += b.Men + b.Women
		if got := bands[i]; got.Men != b.Men || got.Women != b.Women || b.From != 5*i {
			t.Errorf("band %d: %+v, truth says %+v", 5*i, got, b)
		}
	}
	if sum != before {
		t.Errorf("the bands hold %d persons of %d", sum, before)
	}
	total := 0
	for _, n := range life.Pyramid {
		total += n
	}
	// Arrivals are 18 to 45 years old, so the shares are compared above 50.
	for i := 10; i < 20; i++ {
		b := truth.AgeAtStart[i]
		present := float64(truth.Persons) * 1000 / float64(1000+(life.BirthsPerYear+life.ArrivalsPerYear)*DefaultYears)
		want := present * float64(life.Pyramid[i]) / float64(total)
		if off := math.Abs(float64(b.Men+b.Women) - want); off > 5*math.Sqrt(want) {
			t.Errorf("%d persons aged %d to %d, about %.0f expected", b.Men+b.Women, b.From, b.From+4, want)
		}
	}
}

// Winters bring influenza and summers faint persons; nothing of either comes
// at the other end of the year.
func TestSeasonsAndGradients(t *testing.T) {
	m, _ := population(t, Config{Persons: 5000, Seed: 4})
	d := read(t, m)
	birth := map[string]int{}
	for _, r := range d.rows["person"] {
		birth[r["person_id"]], _ = strconv.Atoi(r["year_of_birth"])
	}
	count := map[string]int{}
	for _, r := range d.rows["condition_occurrence"] {
		when := date(t, r["condition_start_date"])
		_, month, _ := when.Civil()
		age := when.Year() - birth[r["person_id"]]
		switch r["condition_concept_id"] {
		case "4266367":
			count["influenza"]++
			if month >= 5 && month <= 11 {
				count["influenza out of season"]++
			}
		case "140586":
			count["heat"]++
			if month != 7 && month != 8 || age < 59 {
				count["heat out of season or in the young"]++
			}
		case "201826":
			count["diabetes"]++
			if age < 20 {
				count["diabetes in the young"]++
			}
		}
	}
	for what, atLeast := range map[string]int{"influenza": 500, "heat": 30, "diabetes": 600} {
		if count[what] < atLeast {
			t.Errorf("%d records of %s", count[what], what)
		}
	}
	for _, never := range []string{"influenza out of season", "heat out of season or in the young", "diabetes in the young"} {
		if count[never] > 0 {
			t.Errorf("%d records: %s", count[never], never)
		}
	}
}

// Death follows Gompertz: deaths by age and sex agree with the expectation
// worked out from the table of hazards and the days lived.
func TestMortality(t *testing.T) {
	law := life.NewMortality()
	for sex, want := range [2]float64{1.1, 1.118} {
		if got := float64(law[sex][80]-life.PerYear(15)) / float64(law[sex][79]-life.PerYear(15)); math.Abs(got-want) > 0.002 {
			t.Errorf("sex %d: mortality grows by %.4f a year of age, want %.4f", sex, got, want)
		}
	}
	w := newWorld(Config{Persons: 20000, Years: 6, Seed: 9})
	var p person
	deaths, expected := 0, 0.0
	for i := range w.persons {
		w.simulate(&p, i)
		if p.years(w.start) < 60 || p.birth >= w.start || p.heart.on || p.lung.on {
			continue
		}
		exit := p.periods[len(p.periods)-1].End
		if len(p.periods) > 1 || !p.died && exit != w.end { // gaps and departures hide the last day
			continue
		}
		if p.died {
			deaths++
		}
		sex := 0
		if p.female {
			sex = 1
		}
		for day := w.start.AddDays(1); day <= exit; day = day.AddDays(30) {
			expected += float64(law[sex][min(p.years(day), life.Oldest)]) / float64(life.Certain) * float64(min(30, exit.DaysSince(day)+1))
		}
	}
	if deaths < 100 || math.Abs(float64(deaths)-expected) > 4.5*math.Sqrt(expected) {
		t.Errorf("%d deaths, %.0f expected", deaths, expected)
	}
}

// The waiting times of a constant hazard are geometric: the mean is one over
// the daily probability, whatever the ceiling.
func TestWaiting(t *testing.T) {
	for _, ceiling := range []life.Hazard{2_000_000, 50_000_000} {
		w := life.NewWaiting(ceiling)
		var d life.Stream
		d.Seed(1, personStream, uint64(ceiling))
		var sum float64
		const n = 20000
		for range n {
			day, ok := w.Next(&d, 0, 1<<30, func(int) life.Hazard { return 2_000_000 })
			if !ok {
				t.Fatal("an event that never came")
			}
			sum += float64(day)
		}
		// mean (1-p)/p = 499, standard error about 500/sqrt(n)
		if mean := sum / n; math.Abs(mean-499) > 5*500/math.Sqrt(n) {
			t.Errorf("ceiling %d: mean wait %.1f days, want 499", ceiling, mean)
		}
	}
	w := life.NewWaiting(1_000_000)
	var d life.Stream
	if _, ok := w.Next(&d, 10, 9, func(int) life.Hazard { return 1_000_000 }); ok {
		t.Error("an event in an empty span")
	}
	if _, ok := w.Next(&d, 0, 1_000_000, func(int) life.Hazard { return 0 }); ok {
		t.Error("an event without a hazard")
	}
}

func TestIdentitiesCannotBeReal(t *testing.T) {
	m, _ := population(t, Config{Persons: 500, Seed: 6})
	seen := map[string]bool{}
	for _, r := range read(t, m).rows["person"] {
		v := r["person_source_value"]
		if len(v) != 15 || v[13:] != "00" { // a control key is 97 minus a remainder: 01 to 97
			t.Fatal("an identity that could be a person's")
		}
		seen[v] = true
	}
	if len(seen) < 490 {
		t.Errorf("%d different identities of 500", len(seen))
	}
}

func TestAgeInYears(t *testing.T) {
	p := person{birth: galien.MustDate("1980-02-29")}
	for day, want := range map[string]int{"2020-02-28": 39, "2020-02-29": 40, "2021-02-28": 40, "2021-03-01": 41} {
		if got := p.years(galien.MustDate(day)); got != want {
			t.Errorf("age on %s: %d, want %d", day, got, want)
		}
	}
}

func BenchmarkGenerate(b *testing.B) {
	for b.Loop() {
		population(b, Config{Persons: 5000, Seed: 1})
	}
	b.ReportMetric(5000*float64(b.N)/b.Elapsed().Seconds(), "persons/s")
}
