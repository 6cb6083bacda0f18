package writer

import (
	"database/sql"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"galien"
	"galien/cdm"
	"galien/lake"
	"galien/lake/duck"
)

// pair names a row of a table.
type pair struct{ person, id int64 }

// model is a table in memory: what the lake must say after each change.
type model struct {
	table cdm.Table
	rows  map[pair][]any
}

// sorted returns the rows by person and date, as Read gives them.
func (m model) sorted() [][]any {
	list := slices.Collect(maps.Values(m.rows))
	var by []int
	for _, name := range lake.SortColumns(m.table, lake.ByPerson) {
		by = append(by, slices.IndexFunc(m.table.Columns, func(c cdm.Column) bool { return c.Name == name }))
	}
	bucket := func(row []any) int {
		return lake.BucketOf(galien.PersonID(row[slices.IndexFunc(m.table.Columns, func(c cdm.Column) bool { return c.Name == "person_id" })].(int64)))
	}
	slices.SortFunc(list, func(a, b []any) int {
		if n := bucket(a) - bucket(b); n != 0 {
			return n
		}
		return compareRows(a, b, by)
	})
	return list
}

// draw makes a row of the table with values of every type in it.
func (m model) draw(t *testing.T, r *rand.Rand, p pair) []any {
	row := make([]any, len(m.table.Columns))
	for i, c := range m.table.Columns {
		if c.Identity || !c.Required && r.IntN(3) == 0 {
			continue
		}
		switch c.Type {
		case cdm.Integer:
			row[i] = r.Int64N(9)
		case cdm.Float:
			row[i] = float64(r.IntN(1000)) / 8
		case cdm.Date:
			row[i] = galien.MustDate("2020-01-01").AddDays(r.IntN(40))
		case cdm.Datetime:
			row[i] = when.AddDate(0, 0, -r.IntN(40))
		case cdm.Text:
			row[i] = fmt.Sprintf("text ' %d", r.IntN(20))
		}
		switch c.Name {
		case "person_id":
			row[i] = p.person
		case m.table.PrimaryKey():
			row[i] = p.id
		}
	}
	return row
}

// literal writes rows as an SQL query.
func literal(tb cdm.Table, rows [][]any) string {
	if len(rows) == 0 {
		return ""
	}
	var b strings.Builder
	names := make([]string, len(tb.Columns))
	for i, c := range tb.Columns {
		names[i] = fmt.Sprintf("CAST(c%d AS %s) AS %s", i, duck.Type(c.Type), duck.Ident(c.Name))
	}
	b.WriteString("SELECT " + strings.Join(names, ", ") + " FROM (VALUES ")
	for i, row := range rows {
		if i > 0 {
			b.WriteString(", ")
		}
		for j, v := range row {
			b.WriteString([]string{"(", ", "}[min(j, 1)])
			switch v := v.(type) {
			case nil:
				b.WriteString("NULL")
			case string:
				b.WriteString(duck.Quote(v))
			case galien.Date:
				b.WriteString(duck.Quote(v.String()))
			case interface{ Format(string) string }:
				b.WriteString(duck.Quote(v.Format("2006-01-02 15:04:05.999999")))
			default:
				fmt.Fprint(&b, v)
			}
		}
		b.WriteString(")")
	}
	b.WriteString(") v(")
	for i := range tb.Columns {
		fmt.Fprintf(&b, "%sc%d", []string{"", ", "}[min(i, 1)], i)
	}
	b.WriteString(")")
	return b.String()
}

// named writes the keys of rows as an SQL query.
func named(pairs []pair) string {
	if len(pairs) == 0 {
		return ""
	}
	values := make([]string, len(pairs))
	for i, p := range pairs {
		values[i] = fmt.Sprintf("(%d, %d)", p.person, p.id)
	}
	return "SELECT * FROM (VALUES " + strings.Join(values, ", ") + ")"
}

// change draws a change of the table, makes it in memory and stages it.
func (m model) change(t *testing.T, r *rand.Rand, w *Writer, adds, removes int) {
	t.Helper()
	old := slices.SortedFunc(maps.Keys(m.rows), func(a, b pair) int { return int(a.person-b.person)*100_000 + int(a.id-b.id) })
	r.Shuffle(len(old), func(i, j int) { old[i], old[j] = old[j], old[i] })
	gone := old[:min(removes, len(old))]
	for _, p := range gone {
		delete(m.rows, p)
	}
	var added [][]any
	for range adds {
		p := pair{1 + r.Int64N(40) + r.Int64N(3)*lake.BucketPersons, r.Int64N(4000)}
		if m.table.Name == "person" {
			p.id = p.person
		}
		// Some rows that leave come again, changed.
		if len(gone) > 0 && r.IntN(4) == 0 {
			p = gone[r.IntN(len(gone))]
		}
		if _, there := m.rows[p]; there {
			continue
		}
		m.rows[p] = m.draw(t, r, p)
		added = append(added, m.rows[p])
	}
	if err := w.StageChange(t.Context(), m.table, literal(m.table, added), named(gone)); err != nil {
		t.Fatal(err)
	}
}

// digest reads one copy of a table in SQL: how many rows, and a sum of all.
func digest(t *testing.T, db *sql.DB, s *lake.Snapshot, tb cdm.Table, o lake.Order) string {
	t.Helper()
	var parts []lake.Part
	for _, b := range s.Buckets() {
		parts = append(parts, s.Files(tb.Name, o, b)...)
	}
	var out string
	err := db.QueryRowContext(t.Context(), "SELECT count(*) || ' rows, ' || coalesce(sum(hash(t)::HUGEINT), 0) FROM (SELECT "+columnList(tb)+" FROM "+duck.Table(tb, parts)+") t").Scan(&out)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// check compares a snapshot with the model, by every reader of the lake, and
// with a lake that was staged whole.
func (m model) check(t *testing.T, db *sql.DB, s, whole *lake.Snapshot) {
	t.Helper()
	want := m.sorted()
	if kept, _ := s.Table(m.table.Name); kept.Rows != int64(len(want)) {
		t.Errorf("%s: the manifest says %d rows of %d", m.table.Name, kept.Rows, len(want))
	}
	if got := read(t, s, m.table.Name); !equalRows(got, want) {
		t.Errorf("%s: %d rows came back of %d, or others", m.table.Name, len(got), len(want))
	}
	var persons []int64
	for _, row := range read(t, s, m.table.Name, "person_id") {
		persons = append(persons, row[0].(int64))
	}
	if !slices.IsSorted(persons) {
		t.Errorf("%s: a column alone is not in the order of persons", m.table.Name)
	}
	for _, o := range orders(m.table) {
		if got, want := digest(t, db, s, m.table, o), digest(t, db, whole, m.table, o); got != want {
			t.Errorf("%s by %s: %s in SQL instead of %s", m.table.Name, o, got, want)
		}
	}
	got, columns := byColumns(t, s, m.table.Name), byColumns(t, whole, m.table.Name)
	all := make([]int, len(m.table.Columns))
	for i := range all {
		all[i] = i
	}
	for _, rows := range [][][]any{got, columns} {
		slices.SortFunc(rows, func(a, b []any) int { return compareRows(a, b, all) })
	}
	if !equalRows(got, columns) {
		t.Errorf("%s: by columns %d rows instead of %d, or others", m.table.Name, len(got), len(columns))
	}
}

// A table that is changed in many commits holds, by every reader, the rows that
// a table in memory holds; and compacted it has the files, byte for byte, of
// one that was staged whole.
func TestChanges(t *testing.T) {
	db, err := duck.Open(t.Context(), duck.Config{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for seed := range uint64(2) {
		r := rand.New(rand.NewPCG(31, seed))
		l := newLake(t)
		models := []model{}
		for _, name := range []string{"measurement", "observation_period", "person"} {
			models = append(models, model{table(t, name), map[pair][]any{}})
		}
		var deepest int
		var removals bool
		for step := range 6 {
			w := open(t, l, duck.Config{})
			for _, m := range models {
				switch {
				case step == 0 || r.IntN(8) == 0:
					m.change(t, r, w, 300, r.IntN(200))
				case r.IntN(4) == 0: // carried over
				default:
					m.change(t, r, w, r.IntN(12), r.IntN(12))
				}
			}
			compact := step == 4
			s, _, err := w.Commit(t.Context(), Meta{Now: when, Compact: compact})
			if err != nil {
				t.Fatal(err)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			rows := map[string][][]any{}
			for _, m := range models {
				rows[m.table.Name] = m.sorted()
			}
			whole, _ := commit(t, newLake(t), duck.Config{}, rows)
			if compact && s.ID != whole.ID {
				t.Errorf("seed %d: compacted, the snapshot is %s, and %s staged whole", seed, s.ID, whole.ID)
			}
			for _, m := range models {
				m.check(t, db, s, whole)
				kept, _ := s.Table(m.table.Name)
				layers, removed := kept.Layers()
				deepest, removals = max(deepest, layers), removals || removed > 0
				if layers > MaxLayers {
					t.Errorf("%d layers of %s", layers, m.table.Name)
				}
			}
			if _, err := l.Fsck(t.Context(), func(p lake.Problem) { t.Errorf("%s: %s", p.Path, p.Text) }); err != nil {
				t.Error(err)
			}
			if t.Failed() {
				t.Fatalf("seed %d, step %d", seed, step)
			}
		}
		if deepest < 3 || !removals {
			t.Errorf("seed %d: at most %d layers, removals %v: the test says little", seed, deepest, removals)
		}
	}
}

// commitChange commits one change of a table.
func commitChange(t testing.TB, l *lake.Lake, tb cdm.Table, added, removed string) (*lake.Snapshot, bool, error) {
	t.Helper()
	w := open(t, l, duck.Config{Threads: 1})
	defer w.Close()
	if err := w.StageChange(t.Context(), tb, added, removed); err != nil {
		return nil, false, err
	}
	return w.Commit(t.Context(), Meta{Now: when})
}

// What cannot be changed, and what is not there to be removed, is refused, in
// counts alone, and leaves the lake as it was.
func TestChangeRefusals(t *testing.T) {
	l := newLake(t)
	note := table(t, "note")
	kept := func(ids ...int64) (rows [][]any) {
		for _, id := range ids {
			rows = append(rows, row(t, note, map[string]any{"note_id": id, "person_id": int64(7), "note_text": "x"}))
		}
		return rows
	}
	before, _ := commit(t, l, duck.Config{}, map[string][][]any{"note": append(kept(1, 2, 3, 3, 4, 5, 6), kept(8, 9)...), "death": nil})
	const two = "VALUES (7, 1), (7, 2)"
	for _, c := range []struct {
		table, added, removed string
		kind                  galien.Kind
		says                  string
	}{
		{"location_history", "", "", galien.Invalid, "primary key"},
		{"concept", "", "", galien.Invalid, "primary key"},
		{"fact_relationship", "", "", galien.Invalid, "primary key"},
		{"note", "SELECT 1 AS nonsense", "", galien.Invalid, "nonsense"},
		{"note", "", "SELECT 1, 2, 3", galien.Invalid, "3 columns"},
		{"note", "", two + ", (7, 7)", galien.Conflict, "of the 3 rows to be removed 1 are not"},
		{"note", "", two + ", (6, 3)", galien.Conflict, "of the 3 rows to be removed 1 are not"},
		{"note", "", two + ", (NULL, 2), (7, NULL)", galien.Conflict, "of the 4 rows to be removed 2 are not"},
		{"note", "", two + ", (7, 1)", galien.Conflict, "of the 3 rows to be removed 1 are named more than once"},
		{"note", "", two + ", (7, 3)", galien.Conflict, "the 3 rows to be removed are 4 in the snapshot"},
		{"person", "", "VALUES (7, 7)", galien.Conflict, "of the 1 rows to be removed 1 are not"},
	} {
		_, _, err := commitChange(t, l, table(t, c.table), c.added, c.removed)
		if galien.KindOf(err) != c.kind || !strings.Contains(fmt.Sprint(err), c.says) {
			t.Errorf("%+v: %v", c, err)
		}
	}
	// A refused change can be staged anew, and then not once more.
	w := open(t, l, duck.Config{Threads: 1})
	for range 2 {
		if err := w.StageChange(t.Context(), note, "", "VALUES (7, 77)"); galien.KindOf(err) != galien.Conflict {
			t.Error(err)
		}
	}
	if err := w.StageChange(t.Context(), note, "", ""); err != nil {
		t.Error(err)
	}
	if err := w.StageChange(t.Context(), note, "", ""); !strings.Contains(fmt.Sprint(err), "staged already") {
		t.Error(err)
	}
	// A change with nothing in it is none.
	s, changed, err := w.Commit(t.Context(), Meta{Now: when})
	if err != nil || changed || s.ID != before.ID {
		t.Errorf("a change without rows: %v %v", changed, err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	// Rows that stand in a layer already are not added again.
	if _, _, err := commitChange(t, l, note, literal(note, kept(10, 11)), ""); err != nil {
		t.Fatal(err)
	}
	if _, _, err := commitChange(t, l, note, literal(note, kept(11, 10)), ""); galien.KindOf(err) != galien.Conflict {
		t.Errorf("the same rows again: %v", err)
	}
	// What left can come again, and leave again.
	for _, c := range [][2]string{{"", "VALUES (7, 10), (7, 11)"}, {literal(note, kept(10, 11)), ""}, {literal(note, kept(10)), "VALUES (7, 10)"}} {
		if _, _, err := commitChange(t, l, note, c[0], c[1]); err != nil {
			t.Errorf("%v: %v", c, err)
		}
	}
	if _, _, err := Compact(t.Context(), newLake(t), duck.Config{}, when, nil); galien.KindOf(err) != galien.NotFound {
		t.Errorf("compaction of nothing: %v", err)
	}
}

// A bucket is rewritten at the ninth layer, and when more than a fifth of its
// rows have left, and the other buckets are not.
func TestWhenABucketIsRewritten(t *testing.T) {
	l := newLake(t)
	tb := table(t, "note")
	far := int64(lake.BucketPersons + 1)
	notes := func(person, from, to int64) string {
		return fmt.Sprintf("SELECT i AS note_id, %d AS person_id FROM range(%d, %d) t(i)", person, from, to)
	}
	shape := func(added, removed string) string {
		t.Helper()
		s, _, err := commitChange(t, l, tb, added, removed)
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		kept, _ := s.Table("note")
		for _, f := range kept.Files {
			out = append(out, fmt.Sprintf("%d/%d:%d-%d", f.Bucket, f.Layer, f.Rows, f.Removed.Rows))
		}
		return strings.Join(out, " ")
	}
	if got := shape(notes(1, 0, 100)+" UNION ALL "+notes(far, 100, 120), ""); got != "0/0:100-0 1/0:20-0" {
		t.Fatal(got)
	}
	// 20 of 100 are a fifth and no more.
	if got := shape("", "SELECT 1, i FROM range(20) t(i)"); got != "0/0:100-20 1/0:20-0" {
		t.Error(got)
	}
	if got := shape("", "VALUES (1, 20)"); got != "0/0:79-0 1/0:20-0" {
		t.Error(got)
	}
	want := "0/0:79-0 1/0:20-0"
	for n := int64(1); n < MaxLayers; n++ {
		want += fmt.Sprintf(" 1/%d:1-0", n)
		if got := shape(notes(far, 200+n, 201+n), ""); got != want {
			t.Fatal(got)
		}
	}
	// A file that every row leaves is not there, and the layers close up.
	if got := shape(notes(far, 300, 301), fmt.Sprintf("VALUES (%d, 203)", far)); got != want {
		t.Errorf("%s instead of %s", got, want)
	}
	if got := shape(notes(far, 301, 302), ""); got != "0/0:79-0 1/0:28-0" {
		t.Error(got)
	}
}
