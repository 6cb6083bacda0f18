package attack_test

import (
	"bytes"
	"fmt"
	"strconv"
	"testing"

	"galien"
	"galien/attack"
	"galien/cohort/circe"
	"galien/engine/enginetest"
)

// invented are persons in the tables of OMOP, and the same as the extract of
// them.
func invented(seed uint64) (enginetest.Tables, folder) {
	r := seeded(seed)
	tables, text := enginetest.Tables{}, folder{}
	add := func(table, columns string, row map[string]any, values ...any) {
		tables[table] = append(tables[table], row)
		if text[table] == "" {
			text[table] = columns
		}
		line := ""
		for i, v := range values {
			if i > 0 {
				line += ","
			}
			line += fmt.Sprint(v)
		}
		text[table] += "\n" + line
	}
	day := func(from int) galien.Date { return galien.MustDate("2015-01-01").AddDays(from + 60*r.IntN(20)) }
	id := int64(0)
	for p := int64(1); p <= 150; p++ {
		sex, year := int64(8507+25*r.IntN(2)), int64(1950+r.IntN(40))
		add("person", "person_id,gender_concept_id,year_of_birth", map[string]any{"person_id": p, "gender_concept_id": sex, "year_of_birth": year}, p, sex, year)
		start := day(0)
		end := start.AddDays(100 + r.IntN(1500))
		id++
		add("observation_period", "person_id,observation_period_start_date,observation_period_end_date",
			map[string]any{"observation_period_id": id, "person_id": p, "observation_period_start_date": start, "observation_period_end_date": end}, p, start, end)
		for range r.IntN(3) {
			id++
			d := day(0)
			add("visit_occurrence", "person_id,visit_start_date", map[string]any{"visit_occurrence_id": id, "person_id": p, "visit_concept_id": int64(9201), "visit_start_date": d, "visit_end_date": d}, p, d)
		}
		for range r.IntN(3) {
			id++
			d, concept := day(0), int64(70+r.IntN(3))
			add("condition_occurrence", "person_id,condition_concept_id,condition_start_date",
				map[string]any{"condition_occurrence_id": id, "person_id": p, "condition_concept_id": concept, "condition_start_date": d}, p, concept, d)
		}
		if r.IntN(5) == 0 {
			d := day(600)
			add("death", "person_id,death_date", map[string]any{"person_id": p, "death_date": d}, p, d)
		}
	}
	for c := int64(70); c < 73; c++ {
		tables["concept"] = append(tables["concept"], map[string]any{"concept_id": c})
	}
	return tables, text
}

// A query asked as a cohort definition, written as Circe JSON and read again,
// counts what going through the persons counts.
func TestDefinitions(t *testing.T) {
	open := enginetest.Oracle(t)
	asked, counted := 0, 0
	for seed := range uint64(8) {
		tables, text := invented(100 + seed)
		run, err := open(tables)
		if err != nil {
			t.Fatal(err)
		}
		day, observed, err := attack.Observed(text)
		if err != nil {
			t.Fatal(err)
		}
		people, err := attack.Persons(text, []string{"sex", "year_of_birth", "death_date", "first_visit", "first_condition"}, nil, observed)
		if err != nil {
			t.Fatal(err)
		}
		columns := people.Table.Columns()
		asking := attack.Asking{Day: day, Columns: columns}
		plain := attack.NewPlain(people.Table, 0, 1)
		r := seeded(seed)
		test := func() attack.Test {
			c := r.IntN(len(columns))
			x := attack.Test{Column: c, Value: people.Table.Value(r.IntN(people.Table.Len()), c)}
			if columns[c].Numeric && x.Value != "" && r.IntN(2) == 0 {
				x.Op = attack.AtMost
			}
			return x
		}
		for range 40 {
			var q attack.Query
			for range 1 + r.IntN(3) {
				clause := attack.Clause{}
				for range r.IntN(3) {
					clause.All = append(clause.All, test())
				}
				for range r.IntN(3) {
					clause.Except = append(clause.Except, []attack.Test{test(), test()}[:1+r.IntN(2)])
				}
				if len(clause.All)+len(clause.Except) == 0 {
					clause.All = []attack.Test{test()}
				}
				q = append(q, clause)
			}
			def, err := asking.Definition(q)
			if err != nil {
				t.Fatal(err)
			}
			var b bytes.Buffer
			if err := circe.Write(&b, def); err != nil {
				t.Fatal(err)
			}
			if def, err = circe.Read(&b); err != nil {
				t.Fatal(err)
			}
			rows, _, err := run(t.Context(), def)
			if err != nil {
				t.Fatal(err)
			}
			persons := map[string]bool{}
			for _, row := range rows {
				persons[strconv.FormatInt(int64(row.Person), 10)] = true
			}
			want, _, _ := plain.Count(t.Context(), q)
			if int64(len(persons)) != want {
				t.Fatalf("%+v of %v: the definition has %d persons, the table %d\n%s", q, columns, len(persons), want, enginetest.Describe(def))
			}
			asked++
			if want > 0 {
				counted++
			}
		}
	}
	if counted < asked/3 {
		t.Errorf("only %d of %d queries counted anybody", counted, asked)
	}
	if _, err := (attack.Asking{Columns: []attack.Column{{Name: "area"}}}).Definition(attack.Query{{All: []attack.Test{{Value: "1"}}}}); galien.KindOf(err) != galien.Invalid {
		t.Errorf("an attribute that no definition asks for: %v", err)
	}
}
