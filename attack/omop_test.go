package attack_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"galien"
	"galien/attack"
)

// folder is an extract in memory: a header line and rows, comma-separated.
type folder map[string]string

func (f folder) Columns(table string) ([]string, bool) {
	text, ok := f[table]
	return strings.Split(strings.Split(text, "\n")[0], ","), ok
}

func (f folder) Read(table string, columns []string, yield func([]string) error) error {
	lines := strings.Split(f[table], "\n")
	header := strings.Split(lines[0], ",")
	for _, line := range lines[1:] {
		fields := strings.Split(line, ",")
		var row []string
		for _, c := range columns {
			row = append(row, fields[slices.Index(header, c)])
		}
		if err := yield(row); err != nil {
			return err
		}
	}
	return nil
}

var smallExtract = folder{
	"cohort":               "subject_id,cohort_start_date\n1,2020-03-01\n2,2020-01-01\n2,2019-01-01\n3,2020-03-01",
	"person":               "person_id,gender_concept_id,year_of_birth,race_concept_id\n1,8507,1950,0\n2,8532,1950,0\n3,8532,1960,0",
	"death":                "person_id,death_date\n3,2021-05-05",
	"visit_occurrence":     "person_id,visit_start_date\n1,2020-02-02\n1,2018-02-02\n2,2020-02-02\n9,2020-02-02",
	"condition_occurrence": "person_id,condition_concept_id\n1,77\n2,77\n3,77\n1,78\n1,78\n2,79\n3,79\n3,0",
	"observation_period":   "person_id,observation_period_start_date,observation_period_end_date\n1,2018-01-01,2018-12-31\n2,2018-06-01,2020-12-31\n3,2018-12-01,2021-12-31\n1,2020-01-01,2020-12-31",
}

// Worked by hand: what is the same for all is left out (race), of several dates
// the first is taken, and persons outside the cohort are not there. Of the
// concepts, 77 is had by all, 79 by two and 78 by one of three.
func TestPersons(t *testing.T) {
	p, err := attack.Persons(smallExtract, nil, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, c := range p.Table.Columns() {
		names = append(names, c.Name)
	}
	if got := strings.Join(names, " "); got != "sex year_of_birth death_date index_date first_visit condition 78 condition 79" {
		t.Errorf("columns %s", got)
	}
	if p.Table.Len() != 3 || !slices.Equal(p.Ids, []string{"1", "2", "3"}) || !slices.Equal(p.Known, []int{0, 1, 2, 3, 4}) || !slices.Equal(p.Secrets, []int{5, 6}) {
		t.Errorf("%+v", p)
	}
	count := func(want int64, tests ...attack.Test) {
		t.Helper()
		if n, _, _ := attack.NewPlain(p.Table, 0, 1).Count(t.Context(), attack.Query{{All: tests}}); n != want {
			t.Errorf("%v: %d persons, by hand %d", tests, n, want)
		}
	}
	day := func(s string) string { return strconv.Itoa(int(galien.MustDate(s))) }
	count(2, attack.Test{Column: 0, Value: "8532"})
	count(2, attack.Test{Column: 2, Value: ""})
	count(1, attack.Test{Column: 3, Value: day("2019-01-01")})
	count(1, attack.Test{Column: 4, Value: day("2018-02-02")})
	count(2, attack.Test{Column: 4, Op: attack.AtMost, Value: day("2020-02-02")})
	count(1, attack.Test{Column: 5, Value: attack.Has})
	count(2, attack.Test{Column: 6, Value: attack.Has})

	p, err = attack.Persons(smallExtract, []string{"sex"}, []string{"condition 77", "drug 5"}, map[string]bool{"1": true, "2": true})
	if err != nil || p.Table.Len() != 2 || len(p.Known) != 1 || len(p.Secrets) != 2 {
		t.Errorf("%+v, %v", p, err)
	}
	for _, bad := range []struct{ known, secrets []string }{{[]string{"shoe size"}, nil}, {nil, []string{"condition"}}, {nil, []string{"sorrow 5"}}} {
		if _, err := attack.Persons(smallExtract, bad.known, bad.secrets, nil); galien.KindOf(err) != galien.Invalid {
			t.Errorf("%v: %v", bad, err)
		}
	}
	if _, err := attack.Persons(folder{}, nil, nil, nil); galien.KindOf(err) != galien.NotFound {
		t.Errorf("an empty folder: %v", err)
	}
}

// On the first of December 2018 all three were observed.
func TestObserved(t *testing.T) {
	day, persons, err := attack.Observed(smallExtract)
	if err != nil || day.String() != "2018-12-01" || len(persons) != 3 {
		t.Errorf("%s, %v, %v", day, persons, err)
	}
}
