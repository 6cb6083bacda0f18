package oracle

import (
	"fmt"
	"strings"
	"testing"

	"galien"
	"galien/cohort"
)

func TestLike(t *testing.T) {
	for _, c := range []struct {
		text, pattern string
		want          bool
	}{
		{"", "", true}, {"", "%", true}, {"", "_", false}, {"a", "", false}, {"a", "A", false}, {"abc", "a%", true}, {"abc", "%c", true},
		{"abc", "%b%", true}, {"abc", "b%", false}, {"abc", "a_c", true}, {"ac", "a_c", false}, {"été", "_t_", true}, {"a%c", "a%c", true},
		{"50% b", "50%%b", true}, {`a\b`, `a\b`, true}, {"aab", "%ab", true},
	} {
		if got := like([]rune(c.text), []rune(c.pattern)); got != c.want {
			t.Errorf("%q like %q: %t", c.text, c.pattern, got)
		}
	}
}

func TestAgeGroup(t *testing.T) {
	for age, want := range map[int64]string{-1: "0-9", 0: "0-9", 9: "0-9", 10: "10-19", 89: "80-89", 90: "90+", 120: "90+"} {
		if got := ageGroup(age); got != want {
			t.Errorf("age %d: %s, not %s", age, got, want)
		}
	}
}

func TestBestEvent(t *testing.T) {
	at := func(id int64, day string) indexEvent {
		return indexEvent{event: event{id: id, start: galien.MustDate(day)}}
	}
	for _, c := range []struct {
		name   string
		events []indexEvent
		masks  []int64
		want   int
	}{
		{"most rules", []indexEvent{at(1, "2020-01-01"), at(2, "2020-01-02")}, []int64{0b100, 0b110}, 1},
		{"the first rule met comes first", []indexEvent{at(1, "2020-01-01"), at(2, "2020-01-02")}, []int64{0b110, 0b101}, 1},
		{"none met", []indexEvent{at(1, "2020-01-02"), at(2, "2020-01-01")}, []int64{0, 0}, 1},
		{"the earliest", []indexEvent{at(1, "2020-01-02"), at(2, "2020-01-01")}, []int64{0b011, 0b101}, 1},
		{"the lowest ordinal", []indexEvent{at(2, "2020-01-01"), at(1, "2020-01-01")}, []int64{1, 1}, 1},
	} {
		if got := bestEvent(c.events, c.masks); got != c.want {
			t.Errorf("%s: event %d, not %d", c.name, got, c.want)
		}
	}
}

func TestJoined(t *testing.T) {
	period := func(from, to int) galien.Period {
		first := galien.MustDate("2020-01-01")
		return galien.Period{Start: first.AddDays(from - 1), End: first.AddDays(to - 1)}
	}
	for _, c := range []struct {
		periods []galien.Period
		gap     int
		want    string
	}{
		{nil, 0, ""},
		{[]galien.Period{period(1, 5), period(5, 9)}, 0, "01-09"},
		{[]galien.Period{period(1, 5), period(6, 9)}, 0, "01-05 06-09"},
		{[]galien.Period{period(6, 9), period(1, 5)}, 1, "01-09"},
		{[]galien.Period{period(1, 20), period(2, 3), period(15, 16)}, 0, "01-20"},
		{[]galien.Period{period(1, 5), period(5, 9)}, -1, "01-05 05-09"},
		{[]galien.Period{period(10, 5), period(10, 12), period(11, 11)}, 0, "10-12"},
	} {
		var got []string
		for _, p := range joined(c.periods, c.gap) {
			got = append(got, fmt.Sprintf("%s-%s", p.Start.String()[8:], p.End.String()[8:]))
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%v with gap %d: %v, not %s", c.periods, c.gap, got, c.want)
		}
	}
}

// A distinct count that Circe has not is refused, however deep it is.
func TestRefusesImpossibleCounts(t *testing.T) {
	eras, _ := cohort.DomainByName("ConditionEra")
	visits := cohort.CountVisit
	impossible := cohort.Group{Correlated: []cohort.Correlated{{Criterion: cohort.Criterion{Domain: eras}, Distinct: &visits}}}
	inner := cohort.Group{Groups: []cohort.Group{impossible}}
	data, err := NewData(nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, def := range map[string]*cohort.Definition{
		"additional":      {Entry: []cohort.Criterion{{Domain: eras}}, Additional: &inner},
		"rule":            {Entry: []cohort.Criterion{{Domain: eras}}, Rules: []cohort.Rule{{Group: inner}}},
		"nested":          {Entry: []cohort.Criterion{{Domain: eras, Nested: &inner}}},
		"no entry events": {},
	} {
		if _, err := prepare(data, def); galien.KindOf(err) != galien.Invalid || err == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
