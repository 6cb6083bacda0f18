package lake

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/schema"

	"galien"
	"galien/cdm"
)

// removal writes a removal file by hand.
func removal(t testing.TB, path, from string, positions ...int64) {
	t.Helper()
	root, err := schema.NewGroupNode("schema", parquet.Repetitions.Required, schema.FieldList{
		schema.NewInt64Node(PositionColumn, parquet.Repetitions.Optional, -1)}, -1)
	if err != nil {
		t.Fatal(err)
	}
	fd, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := file.NewParquetWriter(fd, root)
	if err := w.AppendKeyValueMetadata(RemovedFrom, from); err != nil {
		t.Fatal(err)
	}
	c, err := w.AppendRowGroup().NextColumn()
	if err != nil {
		t.Fatal(err)
	}
	levels := slices.Repeat([]int16{1}, len(positions))
	if _, err := c.(*file.Int64ColumnChunkWriter).WriteBatch(positions, levels, nil); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(c.Close(), w.Close()); err != nil {
		t.Fatal(err)
	}
}

// draftChange makes n+1 persons of those of the base, which draft made: the
// first and third of the first bucket leave, and the rest comes to it.
func draftChange(t testing.TB, tx *Tx, n int64) (Manifest, error) {
	t.Helper()
	m := tx.Base().Manifest
	m.Tables = slices.Clone(m.Tables)
	person := &m.Tables[1]
	person.Files = slices.Clone(person.Files)
	path := filepath.Join(tx.TempDir(), "removed")
	removal(t, path, person.Files[0].SHA256, 0, 2)
	f, err := tx.Remove(path, person.Files[0], 2)
	if err != nil {
		return m, err
	}
	person.Files[0] = f
	path = filepath.Join(tx.TempDir(), "layer")
	more := n + 1 - (person.Rows - 2)
	persons(t, path, 100, more)
	if f, err = tx.Add(path, "person", ByPerson, 0, more); err != nil {
		return m, err
	}
	f.Layer = 1
	person.Files = append(person.Files, f)
	person.Rows, m.Persons = n+1, n+1
	return m, nil
}

// commitChange commits n+1 persons by draftChange.
func commitChange(t *testing.T, l *Lake, n int64) *Snapshot {
	t.Helper()
	if _, stopped := attempt(t, l, draftChange, n, -1, false); stopped {
		t.Fatal("the commit was stopped")
	}
	s, err := l.Current()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// ids reads the persons of a snapshot, by row and by column.
func ids(t *testing.T, s *Snapshot) (byRow, byColumn []int64) {
	t.Helper()
	err := s.Read(t.Context(), "person", []string{"person_id"}, func(row []any) error {
		byRow = append(byRow, row[0].(int64))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range s.Whole("person") {
		c, err := part.Open()
		if err != nil {
			t.Fatal(err)
		}
		for g := range c.Groups() {
			some, err := c.Int64s(g, "person_id")
			if err != nil {
				t.Fatal(err)
			}
			if len(some) != c.Rows(g) {
				t.Errorf("%d values for %d rows", len(some), c.Rows(g))
			}
			byColumn = append(byColumn, some...)
		}
	}
	return byRow, byColumn
}

// The rows of a table with layers and removals are those of its files but the
// removed ones; the snapshots before keep theirs.
func TestLayersAndRemovals(t *testing.T) {
	l := newLake(t)
	first, _ := commit(t, l, 4)
	s := commitChange(t, l, 6)
	byRow, byColumn := ids(t, s)
	if want := []int64{2, 4, 100, 101, 102, 103, BucketPersons + 1}; !slices.Equal(byRow, want) || !slices.Equal(byColumn, want) {
		t.Errorf("persons %v by row, %v by column, instead of %v", byRow, byColumn, want)
	}
	if s.Manifest.Format != 2 || first.Manifest.Format != 1 {
		t.Errorf("formats %d and %d", first.Manifest.Format, s.Manifest.Format)
	}
	person, _ := s.Table("person")
	if layers, removed := person.Layers(); layers != 2 || removed != 2 {
		t.Errorf("%d layers, %d removed", layers, removed)
	}
	if before, _ := ids(t, first); !slices.Equal(before, []int64{1, 2, 3, 4, BucketPersons + 1}) {
		t.Errorf("the snapshot before has the persons %v", before)
	}
	// The layer is of persons that the file before reaches too, in between.
	again := commitChangeOf(t, l, func(t testing.TB, tx *Tx) Manifest {
		m, err := draft(t, tx, 4)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(tx.TempDir(), "between")
		persons(t, path, 3, 1)
		f, err := tx.Add(path, "person", ByPerson, 0, 1)
		if err != nil {
			t.Fatal(err)
		}
		f.Layer = 1
		m.Tables[0].Files = append(m.Tables[0].Files, f)
		m.Tables[0].Rows, m.Persons = 6, 6
		return m
	})
	if byRow, _ := ids(t, again); !slices.Equal(byRow, []int64{1, 2, 3, 3, 4, BucketPersons + 1}) {
		t.Errorf("layers are not read in the order of persons: %v", byRow)
	}
}

func commitChangeOf(t *testing.T, l *Lake, draft func(testing.TB, *Tx) Manifest) *Snapshot {
	t.Helper()
	tx, err := l.Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Close()
	s, _, err := tx.Commit(draft(t, tx), "", when)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Every bit of a removal file that flips is found by fsck, and stops whoever
// reads the table.
func TestFlippedBitOfARemoval(t *testing.T) {
	l := newLake(t)
	commit(t, l, 4)
	s := commitChange(t, l, 6)
	_, path := s.Whole("person")[0].Paths()
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, fileMode); err != nil {
		t.Fatal(err)
	}
	name := filesDir + "/" + filepath.Base(path)
	for i := 0; i < len(good); i += 7 {
		bad := slices.Clone(good)
		bad[i] ^= 1 << (i % 8)
		if err := os.WriteFile(path, bad, fileMode); err != nil {
			t.Fatal(err)
		}
		if damage, _, err := problems(t, l); galien.KindOf(err) != galien.Corrupt || !named(damage, name) || len(damage) != 1 {
			t.Fatalf("byte %d flipped: %q, %v", i, damage, err)
		}
		_, err := s.Whole("person")[0].Open()
		wantKind(t, err, galien.Corrupt)
		err = s.Read(t.Context(), "person", nil, func([]any) error { return nil })
		wantKind(t, err, galien.Corrupt)
	}
	for what, damage := range map[string]func() error{
		"shorter": func() error { return os.WriteFile(path, good[:len(good)-1], fileMode) },
		"missing": func() error { return os.Remove(path) },
	} {
		if err := damage(); err != nil {
			t.Fatal(err)
		}
		if found, _, err := problems(t, l); err == nil || !named(found, name) {
			t.Errorf("%s: %q, %v", what, found, err)
		}
		wantKind(t, s.Present(), galien.Corrupt)
		_, err := s.Whole("person")[0].Open()
		wantKind(t, err, galien.Corrupt)
		if err := os.WriteFile(path, good, fileMode); err != nil {
			t.Fatal(err)
		}
	}
}

// A removal is of one file: that of another is refused when it is committed,
// and by its name, its footer and its hash when somebody puts it in place.
func TestRemovalOfAnotherFile(t *testing.T) {
	l := newLake(t)
	commit(t, l, 4)
	tx, err := l.Begin()
	if err != nil {
		t.Fatal(err)
	}
	files := tx.Base().Manifest.Tables[1].Files
	for what, c := range map[string]struct {
		from      string
		rows      int64
		positions []int64
	}{
		"of another file": {files[1].SHA256, 1, []int64{0}},
		"of no file":      {"", 1, []int64{0}},
		"beyond the rows": {files[0].SHA256, 1, []int64{4}},
		"before them":     {files[0].SHA256, 1, []int64{-1}},
		"out of order":    {files[0].SHA256, 2, []int64{2, 1}},
		"twice":           {files[0].SHA256, 2, []int64{1, 1}},
		"of more rows":    {files[0].SHA256, 1, []int64{1, 2}},
	} {
		path := filepath.Join(tx.TempDir(), "removal")
		removal(t, path, c.from, c.positions...)
		if _, err := tx.Remove(path, files[0], c.rows); galien.KindOf(err) != galien.Internal {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := tx.Close(); err != nil {
		t.Fatal(err)
	}

	// A later file of the table, of the same number of rows, under the removal
	// of the former.
	s := commitChange(t, l, 6)
	part := s.Whole("person")[0]
	other := part
	other.file = s.Whole("person")[1].file
	other.file.Removed = part.file.Removed
	_, err = other.Open()
	wantKind(t, err, galien.Corrupt)
	m := s.Manifest
	m.Tables = slices.Clone(m.Tables)
	m.Tables[1].Files = slices.Clone(m.Tables[1].Files)
	m.Tables[1].Files[1].Removed = m.Tables[1].Files[0].Removed
	m.Tables[1].Rows, m.Persons = m.Tables[1].Rows-2, m.Persons-2
	if err := m.check(); err == nil || !strings.Contains(err.Error(), "not named by its file") {
		t.Errorf("a manifest with the removal of another file: %v", err)
	}
}

// A manifest whose layers contradict one another is refused.
func TestLayersThatContradict(t *testing.T) {
	sum := func(c string) string { return strings.Repeat(c, hashLen) }
	good := func() Manifest {
		f := func(o Order, bucket, layer int, rows int64, c string) File {
			return File{Name: fileName("note", o, bucket, sum(c)), Order: o, Bucket: bucket, Layer: layer, Rows: rows, SHA256: sum(c)}
		}
		t := Table{Name: "note", Rows: 9, Files: []File{f(ByConcept, 0, 0, 6, "a"), f(ByConcept, 0, 1, 4, "b"), f(ByPerson, 0, 0, 6, "c"), f(ByPerson, 0, 1, 4, "d")}}
		for _, i := range []int{0, 2} {
			t.Files[i].Removed = Removal{Rows: 1, Bytes: 9, SHA256: sum("e")}
			t.Files[i].Removed.Name = removalName(t.Files[i])
		}
		return Manifest{Format: 2, Tables: []Table{t}}
	}
	if err := good().check(); err != nil {
		t.Fatal(err)
	}
	for what, spoil := range map[string]func(m *Manifest, files []File){
		"format 1":             func(m *Manifest, files []File) { m.Format = 1 },
		"a gap":                func(m *Manifest, files []File) { files[1].Layer = 2 },
		"a layer twice":        func(m *Manifest, files []File) { files[1].Layer = 0 },
		"no first layer":       func(m *Manifest, files []File) { files[0].Layer = 1; files[1].Layer = 2 },
		"a file twice":         func(m *Manifest, files []File) { files[1] = files[0]; files[1].Layer = 1 },
		"other rows in a copy": func(m *Manifest, files []File) { files[0].Rows++; files[1].Rows-- },
		"all rows removed":     func(m *Manifest, files []File) { files[0].Removed.Rows = 6; m.Tables[0].Rows = 4 },
		"removal without rows": func(m *Manifest, files []File) { files[0].Removed.Rows = 0; m.Tables[0].Rows = 10 },
		"removal of another":   func(m *Manifest, files []File) { files[0].Removed = files[2].Removed },
		"rows of the removed":  func(m *Manifest, files []File) { m.Tables[0].Rows = 10 },
	} {
		m := good()
		spoil(&m, m.Tables[0].Files)
		if err := m.check(); err == nil {
			t.Errorf("%s: not refused", what)
		}
	}
}

// Values at some places are taken out, wherever those are.
func TestWithout(t *testing.T) {
	all := []int64{10, 11, 12, 13, 14}
	for mask := range 1 << len(all) {
		var gone []int32
		var want []int64
		for i, v := range all {
			if mask>>i&1 == 1 {
				gone = append(gone, int32(i))
			} else {
				want = append(want, v)
			}
		}
		if got := without(slices.Clone(all), gone); !slices.Equal(got, want) {
			t.Errorf("%v without %v: %v", all, gone, got)
		}
	}
	groups := inGroups([]int64{0, 3, 4, 9}, 4, func(g int) int64 { return []int64{4, 1, 2, 3}[g] })
	if fmt.Sprint(groups) != "[[0 3] [0] [] [2]]" {
		t.Errorf("positions by group: %v", groups)
	}
}

// The sorts are those of docs/formats/lake.md.
func TestSortColumns(t *testing.T) {
	for _, c := range []struct {
		table string
		order Order
		want  string
	}{
		{"drug_exposure", ByConcept, "[drug_concept_id person_id drug_exposure_start_date drug_exposure_id]"},
		{"drug_exposure", ByPerson, "[person_id drug_exposure_start_date drug_concept_id drug_exposure_id]"},
		{"person", ByPerson, "[person_id]"},
		{"care_site", Plain, "[care_site_id]"},
		{"fact_relationship", Plain, "[domain_concept_id_1 fact_id_1 domain_concept_id_2 fact_id_2 relationship_concept_id]"},
	} {
		table, _ := cdm.Lookup(c.table)
		if got := fmt.Sprint(SortColumns(table, c.order)); got != c.want {
			t.Errorf("%s by %s: %s", c.table, c.order, got)
		}
	}
}
