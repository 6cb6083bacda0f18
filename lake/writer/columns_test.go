package writer

import (
	"math"
	"math/rand/v2"
	"os"
	"testing"

	"galien"
	"galien/cdm"
	"galien/lake"
	"galien/lake/duck"
)

// byColumns reads a table column by column and puts the rows together again;
// datetimes, which no engine asks for by column, stay out.
func byColumns(t *testing.T, s *lake.Snapshot, name string) [][]any {
	t.Helper()
	tb := table(t, name)
	order := lake.ByPerson
	if !tb.HasPerson() {
		order = lake.Plain
	}
	var rows [][]any
	for _, bucket := range append(s.Buckets(), lake.NoBucket) {
		for _, part := range s.Files(name, order, bucket) {
			if tb.HasPerson() == (bucket == lake.NoBucket) {
				continue // a table without persons stands for any bucket
			}
			f, err := part.Open()
			if err != nil {
				t.Fatal(err)
			}
			for g := range f.Groups() {
				group := make([][]any, f.Rows(g))
				for i := range group {
					group[i] = make([]any, len(tb.Columns))
				}
				for j, c := range tb.Columns {
					set := func(i int, v any, null bool) {
						if !null {
							group[i][j] = v
						}
					}
					var err error
					switch c.Type {
					case cdm.Integer:
						var values []int64
						values, err = f.Int64s(g, c.Name)
						for i, v := range values {
							set(i, v, v == lake.NoInt64)
						}
						if low, high, stated := f.Bounds(g, c.Name); stated {
							for _, v := range values {
								if v != lake.NoInt64 && (v < low || v > high) {
									t.Fatalf("%s.%s: %d is outside of the bounds %d and %d", name, c.Name, v, low, high)
								}
							}
						}
					case cdm.Float:
						var values []float64
						values, err = f.Floats(g, c.Name)
						for i, v := range values {
							set(i, v, math.IsNaN(v))
						}
					case cdm.Date:
						var values []galien.Date
						values, err = f.Dates(g, c.Name)
						for i, v := range values {
							set(i, v, v == lake.NoDate)
						}
					case cdm.Text:
						var values []lake.Text
						values, err = f.Texts(g, c.Name)
						for i, v := range values {
							set(i, v.Value, !v.Known)
						}
					}
					if err != nil {
						t.Fatalf("%s.%s: %v", name, c.Name, err)
					}
				}
				rows = append(rows, group...)
			}
		}
	}
	return rows
}

// Every table read by columns is what is read by rows.
func TestColumnsAreTheRows(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	tables := map[string][][]any{}
	for n, tb := range cdm.Tables() {
		rows := make([][]any, 20+n)
		for i := range rows {
			rows[i] = make([]any, len(tb.Columns))
			for j, c := range tb.Columns {
				rows[i][j] = hostile(r, c, true)
				switch {
				case c.Name == "person_id":
					rows[i][j] = 1 + r.Int64N(3*lake.BucketPersons)
				case c.PrimaryKey && c.Type == cdm.Integer:
					rows[i][j] = int64(i)
				case rows[i][j] == int64(math.MinInt64), c.Type == cdm.Datetime:
					rows[i][j] = nil
				}
			}
		}
		tables[tb.Name] = rows
	}
	s, _ := commit(t, newLake(t), duck.Config{}, tables)
	for name := range tables {
		if got, want := byColumns(t, s, name), read(t, s, name); !equalRows(got, want) {
			t.Errorf("%s: %d rows by columns, %d by rows, or other values", name, len(got), len(want))
		}
	}
}

// What cannot be read as it was written is an error, never another value.
func TestColumnsRefuse(t *testing.T) {
	tb := table(t, "measurement")
	rows := [][]any{row(t, tb, map[string]any{"measurement_id": int64(1), "person_id": int64(1), "measurement_concept_id": int64(1),
		"measurement_date": galien.Date(1), "visit_occurrence_id": int64(math.MinInt64)})}
	s, _ := commit(t, newLake(t), duck.Config{}, map[string][][]any{"measurement": rows})
	part := s.Files("measurement", lake.ByPerson, 0)[0]
	path, _ := part.Paths()
	f, err := part.Open()
	if err != nil {
		t.Fatal(err)
	}
	refused := func(what string, err error) {
		t.Helper()
		if galien.KindOf(err) != galien.Corrupt {
			t.Errorf("%s: %v", what, err)
		}
	}
	_, err = f.Int64s(0, "visit_occurrence_id")
	refused("-2^63", err)
	_, err = f.Int64s(0, "no_such_column")
	refused("a column that is not there", err)
	_, err = f.Floats(0, "person_id")
	refused("a column of another type", err)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b[:len(b)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = part.Open()
	refused("half a file", err)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	_, err = f.Int64s(0, "person_id")
	refused("a file that is gone", err)
}
