package writer

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"galien"
	"galien/cdm"
	"galien/lake"
	"galien/lake/duck"
)

var when = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func newLake(t testing.TB) *lake.Lake {
	t.Helper()
	l, err := lake.Create(filepath.Join(t.TempDir(), "lake"))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func open(t testing.TB, l *lake.Lake, c duck.Config) *Writer {
	t.Helper()
	w, err := Open(t.Context(), l, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	return w
}

func table(t testing.TB, name string) cdm.Table {
	t.Helper()
	tb, ok := cdm.Lookup(name)
	if !ok {
		t.Fatalf("no table %s", name)
	}
	return tb
}

// stage fills a stage with rows.
func stage(t testing.TB, w *Writer, tb cdm.Table, rows [][]any) {
	t.Helper()
	s, err := w.Stage(tb)
	if err != nil {
		t.Fatal(err)
	}
	for i, row := range rows {
		if err := s.Append(int64(i+2), row); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// commit commits the tables, given by name, and closes the writer.
func commit(t testing.TB, l *lake.Lake, c duck.Config, tables map[string][][]any) (*lake.Snapshot, bool) {
	t.Helper()
	w := open(t, l, c)
	for name, rows := range tables {
		stage(t, w, table(t, name), rows)
	}
	s, changed, err := w.Commit(t.Context(), Meta{Now: when})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return s, changed
}

// read returns all rows of a table.
func read(t testing.TB, s *lake.Snapshot, name string, columns ...string) [][]any {
	t.Helper()
	var rows [][]any
	err := s.Read(t.Context(), name, columns, func(row []any) error {
		rows = append(rows, slices.Clone(row))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// row builds a row of a table from some of its columns.
func row(t testing.TB, tb cdm.Table, values map[string]any) []any {
	t.Helper()
	r := make([]any, len(tb.Columns))
	found := 0
	for i, c := range tb.Columns {
		if v, ok := values[c.Name]; ok {
			r[i] = v
			found++
		}
	}
	if found != len(values) {
		t.Fatalf("%s lacks a column of %v", tb.Name, values)
	}
	return r
}

// compareRows orders rows by the rule of the lake: nulls first, text by bytes.
func compareRows(a, b []any, columns []int) int {
	for _, i := range columns {
		if n := compareValues(a[i], b[i]); n != 0 {
			return n
		}
	}
	return 0
}

func compareValues(a, b any) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return -1
	case b == nil:
		return 1
	}
	switch a := a.(type) {
	case int64:
		return cmp.Compare(a, b.(int64))
	case float64:
		return cmp.Compare(a, b.(float64))
	case string:
		return cmp.Compare(a, b.(string))
	case galien.Date:
		return cmp.Compare(a, b.(galien.Date))
	case time.Time:
		return a.Compare(b.(time.Time))
	}
	panic(fmt.Sprintf("a value of the type %T", a))
}

func equalRows(a, b [][]any) bool {
	return slices.EqualFunc(a, b, func(x, y []any) bool {
		return slices.EqualFunc(x, y, func(v, w any) bool {
			if f, ok := v.(float64); ok {
				g, ok := w.(float64)
				return ok && math.Float64bits(f) == math.Float64bits(g)
			}
			return fmt.Sprintf("%T", v) == fmt.Sprintf("%T", w) && compareValues(v, w) == 0
		})
	})
}

// hostile draws values on the edges of their types.
func hostile(r *rand.Rand, c cdm.Column, nulls bool) any {
	if c.Identity || nulls && !c.Required && r.IntN(3) == 0 {
		return nil
	}
	switch c.Type {
	case cdm.Integer:
		return []int64{0, 1, -1, 1 << 31, -1 << 40, math.MaxInt64, math.MinInt64, r.Int64(), -r.Int64(), r.Int64N(50)}[r.IntN(10)]
	case cdm.Float:
		return []float64{0, -1.5, 1e-300, -1e300, math.MaxFloat64, math.SmallestNonzeroFloat64, math.Inf(1), r.NormFloat64()}[r.IntN(8)]
	case cdm.Date:
		return galien.MustDate("1900-01-01").AddDays(r.IntN(301 * 365))
	case cdm.Datetime:
		d := galien.MustDate("1900-01-01").AddDays(r.IntN(301 * 365))
		return time.Unix(int64(d)*86400, 0).UTC().Add(time.Duration(r.Int64N(86_400_000_000)) * time.Microsecond)
	default:
		return []string{"", "a", "É ü 漢字 😀", "line\nbreak", "quote ' \" \\", strings.Repeat("x", 3000), "nul\x00l", fmt.Sprint(r.IntN(20))}[r.IntN(8)]
	}
}

// Every table of the model comes back through the pure Go reader as it went
// in, whatever the values, sorted as the lake promises.
func TestEveryTableComesBack(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	l := newLake(t)
	w := open(t, l, duck.Config{})
	written := map[string][][]any{}
	for n, tb := range cdm.Tables() {
		rows := make([][]any, n*7%60)
		for i := range rows {
			rows[i] = make([]any, len(tb.Columns))
			for j, c := range tb.Columns {
				rows[i][j] = hostile(r, c, true)
				switch {
				case c.Name == "person_id":
					rows[i][j] = 1 + r.Int64N(3*lake.BucketPersons)
				case c.PrimaryKey && c.Type == cdm.Integer:
					rows[i][j] = int64(1-2*(i%2)) * (math.MaxInt64 - int64(i))
				case c.PrimaryKey:
					rows[i][j] = fmt.Sprint("key ", i)
				}
			}
		}
		stage(t, w, tb, rows)
		written[tb.Name] = rows
	}
	s, changed, err := w.Commit(t.Context(), Meta{Now: when})
	if err != nil || !changed {
		t.Fatal(changed, err)
	}
	for _, tb := range cdm.Tables() {
		want := written[tb.Name]
		entry, ok := s.Table(tb.Name)
		if !ok || entry.Rows != int64(len(want)) {
			t.Errorf("%s: %d rows in the manifest of %d, %v", tb.Name, entry.Rows, len(want), ok)
		}
		// By bucket, person, date, concept, key or all columns; worked out here
		// from the documentation, not from the writer.
		var by []int
		for _, name := range []string{"person_id", tb.DateColumn(), tb.ConceptColumn(), tb.PrimaryKey()} {
			if i := slices.IndexFunc(tb.Columns, func(c cdm.Column) bool { return c.Name == name }); i >= 0 && (tb.HasPerson() || name == tb.PrimaryKey()) {
				by = append(by, i)
			}
		}
		for i := range tb.Columns {
			by = append(by, i)
		}
		slices.SortFunc(want, func(a, b []any) int { return compareRows(a, b, by) })
		if got := read(t, s, tb.Name); !equalRows(got, want) {
			t.Errorf("%s: %d rows came back from %d, or other values, or another order", tb.Name, len(got), len(want))
		}
	}
	if _, err := l.Fsck(t.Context(), func(p lake.Problem) {
		if p.Damage {
			t.Error(p)
		}
	}); err != nil {
		t.Error(err)
	}
}

func TestTheConceptCopyIsSortedByConcept(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	tb := table(t, "measurement")
	var rows [][]any
	for i := range 5000 {
		rows = append(rows, row(t, tb, map[string]any{
			"measurement_id": int64(i * 7919 % 5000), "person_id": 1 + r.Int64N(2*lake.BucketPersons),
			"measurement_concept_id": r.Int64N(9), "measurement_date": galien.Date(r.IntN(40)), "value_as_number": r.Float64(),
		}))
	}
	s, _ := commit(t, newLake(t), duck.Config{}, map[string][][]any{"measurement": rows})
	db, err := duck.Open(t.Context(), duck.Config{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	orders := map[lake.Order]string{
		lake.ByConcept: "measurement_concept_id, person_id, measurement_date, measurement_id",
		lake.ByPerson:  "person_id, measurement_date, measurement_concept_id, measurement_id",
	}
	total := map[lake.Order]int64{}
	for order, by := range orders {
		for _, bucket := range s.Buckets() {
			files := s.Files("measurement", order, bucket)
			if len(files) != 1 {
				t.Fatalf("%d files by %s in bucket %d", len(files), order, bucket)
			}
			path, removed := files[0].Paths()
			if removed != "" {
				t.Fatalf("rows have left %s", path)
			}
			// Rows in the order of the file, against the same rows sorted.
			var rows, outOfPlace, foreign int64
			err := db.QueryRowContext(t.Context(), fmt.Sprintf(`
				SELECT count(*), count(*) FILTER (here <> place), count(*) FILTER ((person_id - 1) // 262144 <> %d) FROM (
					SELECT person_id, file_row_number + 1 AS here, row_number() OVER (ORDER BY %s) AS place
					FROM read_parquet(%s, file_row_number = true))`, bucket, by, duck.Quote(path))).Scan(&rows, &outOfPlace, &foreign)
			if err != nil {
				t.Fatal(err)
			}
			if outOfPlace > 0 || foreign > 0 {
				t.Errorf("by %s, bucket %d: %d of %d rows out of place, %d of another bucket", order, bucket, outOfPlace, rows, foreign)
			}
			total[order] += rows
		}
	}
	if total[lake.ByConcept] != 5000 || total[lake.ByPerson] != 5000 {
		t.Errorf("rows by order: %v", total)
	}
}

func TestPersonsFallIntoBuckets(t *testing.T) {
	tb := table(t, "observation_period")
	var rows [][]any
	for i, p := range []int64{1, lake.BucketPersons, lake.BucketPersons + 1, 5*lake.BucketPersons + 1} {
		rows = append(rows, row(t, tb, map[string]any{"observation_period_id": int64(i), "person_id": p}))
	}
	s, _ := commit(t, newLake(t), duck.Config{}, map[string][][]any{"observation_period": rows})
	if got := fmt.Sprint(s.Buckets()); got != "[0 1 5]" {
		t.Errorf("buckets %s", got)
	}
	entry, _ := s.Table("observation_period")
	var counts []int64
	for _, f := range entry.Files {
		if f.Order != lake.ByPerson {
			t.Errorf("a copy by %s of a table without a concept", f.Order)
		}
		counts = append(counts, f.Rows)
	}
	if fmt.Sprint(counts) != "[2 1 1]" {
		t.Errorf("rows by bucket %v", counts)
	}
}

func person(t testing.TB, id, year int64) []any {
	t.Helper()
	return row(t, table(t, "person"), map[string]any{"person_id": id, "gender_concept_id": int64(8507), "year_of_birth": year,
		"race_concept_id": int64(0), "ethnicity_concept_id": int64(0)})
}

func TestTablesAreReplacedOrCarriedOver(t *testing.T) {
	l := newLake(t)
	concept := table(t, "concept")
	concepts := [][]any{row(t, concept, map[string]any{"concept_id": int64(201826), "concept_name": "Type 2 diabetes mellitus"})}
	a, _ := commit(t, l, duck.Config{}, map[string][][]any{"person": {person(t, 1, 1950), person(t, 2, 1960)}, "concept": concepts, "death": nil})
	b, changed := commit(t, l, duck.Config{}, map[string][][]any{"person": {person(t, 1, 1950)}})
	if !changed || b.Manifest.Persons != 1 || a.Manifest.Persons != 2 {
		t.Errorf("%v, %d and %d persons", changed, a.Manifest.Persons, b.Manifest.Persons)
	}
	before, _ := a.Table("concept")
	after, ok := b.Table("concept")
	if !ok || fmt.Sprint(before) != fmt.Sprint(after) {
		t.Errorf("concept was %v and is %v", before, after)
	}
	if d, ok := b.Table("death"); !ok || d.Rows != 0 || len(d.Files) != 0 {
		t.Errorf("the table staged without rows: %v, %v", d, ok)
	}
	if _, ok := b.Table("note"); ok {
		t.Error("a table that was never staged exists")
	}
	if got := read(t, a, "person", "person_id"); len(got) != 2 {
		t.Errorf("the older snapshot has %d persons", len(got))
	}
	// Now without persons, but still with the table.
	c, _ := commit(t, l, duck.Config{}, map[string][][]any{"person": nil})
	if p, ok := c.Table("person"); !ok || c.Manifest.Persons != 0 || len(c.Buckets()) != 0 || p.Rows != 0 {
		t.Errorf("person without rows: %v, %v", p, ok)
	}
}

func TestTheSameContentIsTheSameSnapshot(t *testing.T) {
	l := newLake(t)
	rows := [][]any{person(t, 1, 1950), person(t, 2, 1960)}
	a, _ := commit(t, l, duck.Config{}, map[string][][]any{"person": rows})
	slices.Reverse(rows)
	b, changed := commit(t, l, duck.Config{}, map[string][][]any{"person": rows})
	if changed || a.ID != b.ID {
		t.Errorf("changed %v: %s, %s", changed, a.ID, b.ID)
	}
	if h, err := l.History(); err != nil || len(h) != 1 {
		t.Errorf("history %v, %v", h, err)
	}
}

func TestMetaEntersTheManifest(t *testing.T) {
	l := newLake(t)
	w := open(t, l, duck.Config{})
	stage(t, w, table(t, "person"), [][]any{person(t, 1, 1950)})
	var calls [][2]int64
	in := lake.Input{Name: "PERSON.csv", SHA256: strings.Repeat("0", 64)}
	src := lake.Source{Name: "omop", Kind: "omop", CDMVersion: "5.4", Reader: "1", Quarantined: 3}
	s, _, err := w.Commit(t.Context(), Meta{Sources: []lake.Source{src}, Vocabulary: "v5.0", Note: "ingest omop", Now: when,
		Inputs:   map[string][]lake.Input{"person": {in}},
		Progress: func(done, total int64) { calls = append(calls, [2]int64{done, total}) }})
	if err != nil {
		t.Fatal(err)
	}
	m := s.Manifest
	if len(m.Sources) != 1 || !reflect.DeepEqual(m.Sources[0], src) || m.Vocabulary != "v5.0" || len(m.Tables[0].Inputs) != 1 || m.Tables[0].Inputs[0] != in {
		t.Errorf("manifest %+v", m)
	}
	if fmt.Sprint(calls) != "[[1 1]]" {
		t.Errorf("progress %v", calls)
	}
	h, err := l.History()
	if err != nil || h[0].Note != "ingest omop" || !h[0].Time.Equal(when) {
		t.Errorf("history %v, %v", h, err)
	}
}

// TestVocabulariesAreKept: what a commit says nothing of stays, with the version
// and the files; one that says that there are none takes them away.
func TestVocabulariesAreKept(t *testing.T) {
	l := newLake(t)
	concept := [][]any{row(t, table(t, "concept"), map[string]any{"concept_id": int64(1), "concept_name": "a"})}
	files := []lake.Input{{Name: "CONCEPT.csv", SHA256: strings.Repeat("0", 64)}}
	load := &lake.Vocabularies{Delivery: "d", Loaded: []lake.Vocabulary{{ID: "B", Concepts: 1}, {ID: "A", Concepts: 2}}}
	step := func(m Meta) lake.Manifest {
		t.Helper()
		w := open(t, l, duck.Config{})
		stage(t, w, table(t, "concept"), concept)
		m.Now = when
		s, _, err := w.Commit(t.Context(), m)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return s.Manifest
	}
	first := step(Meta{Vocabulary: "v5", Vocabularies: load, Inputs: map[string][]lake.Input{"concept": files}})
	if first.Vocabularies.Loaded[0].ID != "A" {
		t.Errorf("not sorted: %+v", first.Vocabularies)
	}
	if kept := step(Meta{Sources: []lake.Source{{Name: "snds"}}}); kept.Vocabulary != "v5" || !reflect.DeepEqual(kept.Vocabularies, first.Vocabularies) || !reflect.DeepEqual(kept.Tables[0].Inputs, files) {
		t.Errorf("after a commit that says nothing: %q, %+v, %v", kept.Vocabulary, kept.Vocabularies, kept.Tables[0].Inputs)
	}
	if gone := step(Meta{Vocabulary: "v6", Vocabularies: &lake.Vocabularies{}}); gone.Vocabulary != "v6" || gone.Vocabularies != nil || len(gone.Tables[0].Inputs) > 0 {
		t.Errorf("after one that says that there are none: %q, %+v, %v", gone.Vocabulary, gone.Vocabularies, gone.Tables[0].Inputs)
	}
}

func TestOneWriterAtATime(t *testing.T) {
	l := newLake(t)
	w := open(t, l, duck.Config{})
	if _, err := Open(t.Context(), l, duck.Config{}); galien.KindOf(err) != galien.Busy || err == nil {
		t.Errorf("a second writer: %v", err)
	}
	stage(t, w, table(t, "person"), [][]any{person(t, 1, 1950)})
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Current(); galien.KindOf(err) != galien.NotFound {
		t.Errorf("a writer closed without a commit left a snapshot: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(l.Dir(), "tmp", "*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	commit(t, l, duck.Config{}, map[string][][]any{"person": nil})
}

// The same rows give the same bytes: in any order of arrival, with any number
// of threads, with little memory, appended or from a query.
func TestBytesAreDeterministic(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	tb := table(t, "condition_occurrence")
	cost := table(t, "fact_relationship")
	const n = 300_000
	rows := make([][]any, n)
	facts := make([][]any, 20_000)
	for i := range rows {
		rows[i] = row(t, tb, map[string]any{
			"condition_occurrence_id": int64(i), "person_id": 1 + r.Int64N(2*lake.BucketPersons), "condition_concept_id": r.Int64N(30),
			"condition_start_date": galien.Date(r.IntN(100)), "condition_source_value": fmt.Sprint("code ", r.IntN(300)),
			"visit_occurrence_id": r.Int64(),
		})
	}
	for i := range facts {
		facts[i] = make([]any, len(cost.Columns))
		for j := range facts[i] {
			facts[i][j] = r.Int64N(4)
		}
	}
	var ids []string
	for _, c := range []duck.Config{{Threads: 1}, {Threads: 4}, {Threads: 2, MemoryLimit: "150MiB"}} {
		s, _ := commit(t, newLake(t), c, map[string][][]any{"condition_occurrence": rows, "fact_relationship": facts})
		ids = append(ids, s.ID)
		r.Shuffle(n, func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
		r.Shuffle(len(facts), func(i, j int) { facts[i], facts[j] = facts[j], facts[i] })
	}
	if ids[0] != ids[1] || ids[0] != ids[2] {
		t.Errorf("snapshots %v", ids)
	}
}

func TestStageRefusals(t *testing.T) {
	w := open(t, newLake(t), duck.Config{})
	tb := table(t, "person")
	s, err := w.Stage(tb)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Stage(tb); galien.KindOf(err) != galien.Conflict {
		t.Errorf("staged twice: %v", err)
	}
	const secret = "1500675056042-DUPONT"
	bad := map[string][]any{
		"identity": row(t, tb, map[string]any{"person_id": int64(1), "person_source_value": secret}),
		"type":     row(t, tb, map[string]any{"person_id": secret}),
		"date":     row(t, tb, map[string]any{"person_id": int64(1), "birth_datetime": galien.Date(1)}),
		"int":      row(t, tb, map[string]any{"person_id": 1}),
		"short":    {int64(1)},
	}
	for name, r := range bad {
		err := s.Append(1, r)
		if err == nil || galien.KindOf(err) != galien.Internal || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := s.Append(1, person(t, 1, 1950)); err != nil {
		t.Errorf("a good row after bad ones: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("a second Close: %v", err)
	}
	if err := s.Append(1, person(t, 2, 1950)); err == nil {
		t.Error("a row after the end was taken")
	}
	var n int
	if err := w.DB().QueryRowContext(t.Context(), "SELECT count(*) FROM stage_person WHERE _line = 1").Scan(&n); err != nil || n != 1 {
		t.Errorf("%d rows staged, %v", n, err)
	}
}

func TestPersonsWithoutAKeyAreRefused(t *testing.T) {
	for _, id := range []any{int64(0), int64(-5), nil} {
		w := open(t, newLake(t), duck.Config{})
		stage(t, w, table(t, "death"), [][]any{row(t, table(t, "death"), map[string]any{"person_id": id})})
		if _, _, err := w.Commit(t.Context(), Meta{Now: when}); galien.KindOf(err) != galien.Invalid || err == nil {
			t.Errorf("person_id %v: %v", id, err)
		}
		_ = w.Close()
	}
}

func TestRowsRemovedInSQLAreNotCommitted(t *testing.T) {
	w := open(t, newLake(t), duck.Config{})
	stage(t, w, table(t, "person"), [][]any{person(t, 1, 1950), person(t, 1, 1951), person(t, 2, 1960)})
	if _, err := w.DB().ExecContext(t.Context(), "DELETE FROM stage_person WHERE _line = 3"); err != nil {
		t.Fatal(err)
	}
	s, _, err := w.Commit(t.Context(), Meta{Now: when})
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(read(t, s, "person", "year_of_birth", "person_id")); got != "[[1950 1] [1960 2]]" {
		t.Errorf("rows %s", got)
	}
}

func TestStageQuery(t *testing.T) {
	l := newLake(t)
	w := open(t, l, duck.Config{})
	err := w.StageQuery(t.Context(), table(t, "person"), "SELECT 1900 + i AS year_of_birth, i AS person_id, 7 AS _line FROM range(1, 4) t(i)")
	if err != nil {
		t.Fatal(err)
	}
	err = w.StageQuery(t.Context(), table(t, "death"), "SELECT 1 AS person_id, '0' AS nosuch")
	if galien.KindOf(err) != galien.Invalid || !strings.Contains(fmt.Sprint(err), "nosuch") {
		t.Errorf("an unknown column: %v", err)
	}
	err = w.StageQuery(t.Context(), table(t, "death"), "SELECT 'DUPONT' AS person_id")
	if err == nil || strings.Contains(err.Error(), "DUPONT") {
		t.Errorf("a value of another type: %v", err)
	}
	if err := w.StageQuery(t.Context(), table(t, "death"), "SELECT 1 AS person_id, DATE '2100-01-01' AS death_date WHERE false"); err != nil {
		t.Errorf("after refusals, the table cannot be staged: %v", err)
	}
	s, _, err := w.Commit(t.Context(), Meta{Now: when})
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(read(t, s, "person", "person_id", "year_of_birth", "gender_concept_id", "birth_datetime")); got != "[[1 1901 <nil> <nil>] [2 1902 <nil> <nil>] [3 1903 <nil> <nil>]]" {
		t.Errorf("rows %s", got)
	}
	_ = w.Close()

	w = open(t, l, duck.Config{})
	if err := w.StageQuery(t.Context(), table(t, "provider"), "SELECT 1 AS provider_id, 'Dr DUPONT' AS provider_name"); err != nil {
		t.Fatal(err)
	}
	_, _, err = w.Commit(t.Context(), Meta{Now: when})
	if err == nil || galien.KindOf(err) != galien.Internal || strings.Contains(err.Error(), "DUPONT") {
		t.Errorf("an identity from a query: %v", err)
	}
}

func TestStageExisting(t *testing.T) {
	l := newLake(t)
	tb := table(t, "measurement")
	m := func(id, person int64) []any {
		return row(t, tb, map[string]any{"measurement_id": id, "person_id": person, "measurement_concept_id": id % 3,
			"measurement_date": galien.Date(id), "value_as_number": 0.5, "measurement_datetime": time.UnixMicro(id).UTC()})
	}
	all := [][]any{m(1, 1), m(2, lake.BucketPersons+1), m(3, 1), m(-4, 2)}
	want, _ := commit(t, newLake(t), duck.Config{}, map[string][][]any{"measurement": all, "death": nil})

	commit(t, l, duck.Config{}, map[string][][]any{"measurement": all[:3], "death": nil})
	w := open(t, l, duck.Config{})
	for _, name := range []string{"measurement", "death"} {
		if err := w.StageExisting(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.StageExisting(t.Context(), "note"); galien.KindOf(err) != galien.NotFound {
		t.Errorf("a table the lake lacks: %v", err)
	}
	var n, lines int
	if err := w.DB().QueryRowContext(t.Context(), "SELECT count(*), count(_line) FROM stage_measurement").Scan(&n, &lines); err != nil || n != 3 || lines != 0 {
		t.Errorf("%d rows staged, %d with a line, %v", n, lines, err)
	}
	_, err := w.DB().ExecContext(t.Context(), `INSERT INTO stage_measurement (measurement_id, person_id, measurement_concept_id, measurement_date, value_as_number, measurement_datetime)
		VALUES (-4, 2, -1, DATE '1969-12-28', 0.5, make_timestamp(-4))`)
	if err != nil {
		t.Fatal(err)
	}
	got, _, err := w.Commit(t.Context(), Meta{Now: when})
	if err != nil {
		t.Fatal(err)
	}
	if got.ID != want.ID {
		t.Errorf("rows added to existing ones gave %s, all at once %s", got.ID, want.ID)
	}
}

func TestContextEndsTheCommit(t *testing.T) {
	l := newLake(t)
	w := open(t, l, duck.Config{})
	if err := w.StageQuery(t.Context(), table(t, "person"), "SELECT i AS person_id, hash(i)::VARCHAR AS gender_source_value FROM range(1, 200000) t(i)"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := w.Commit(ctx, Meta{Now: when}); err == nil || ctx.Err() == nil {
		t.Error("a commit went on without its context")
	}
	if _, err := l.Current(); galien.KindOf(err) != galien.NotFound {
		t.Errorf("current: %v", err)
	}
}
