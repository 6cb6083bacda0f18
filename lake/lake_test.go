package lake

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/schema"

	"galien"
)

var when = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func newLake(t testing.TB) *Lake {
	t.Helper()
	l, err := Create(filepath.Join(t.TempDir(), "lake"))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// persons writes a Parquet file of n persons with the keys first, first+1...
func persons(t testing.TB, path string, first, n int64) {
	t.Helper()
	var fields schema.FieldList
	for _, name := range []string{"person_id", "year_of_birth"} {
		fields = append(fields, schema.NewInt64Node(name, parquet.Repetitions.Optional, -1))
	}
	root, err := schema.NewGroupNode("schema", parquet.Repetitions.Required, fields, -1)
	if err != nil {
		t.Fatal(err)
	}
	fd, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := file.NewParquetWriter(fd, root)
	group := w.AppendRowGroup()
	for column := range 2 {
		values := make([]int64, n)
		levels := make([]int16, n)
		for i := range values {
			levels[i] = 1
			values[i] = first + int64(i)
			if column == 1 {
				values[i] = 1900 + values[i]%100
			}
		}
		c, err := group.NextColumn()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.(*file.Int64ColumnChunkWriter).WriteBatch(values, levels, nil); err != nil {
			t.Fatal(err)
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// draft adds two buckets of persons to a transaction, n in the first and one in
// the second, and returns the manifest that holds them and the tables of the
// base.
func draft(t testing.TB, tx *Tx, n int64) (Manifest, error) {
	t.Helper()
	table := Table{Name: "person", Rows: n + 1, Inputs: []Input{{Name: "person.csv", SHA256: fmt.Sprint(n)}}}
	for bucket, rows := range []int64{n, 1} {
		path := filepath.Join(tx.TempDir(), fmt.Sprint(bucket))
		persons(t, path, 1+int64(bucket)*BucketPersons, rows)
		f, err := tx.Add(path, "person", ByPerson, bucket, rows)
		if err != nil {
			return Manifest{}, err
		}
		table.Files = append(table.Files, f)
	}
	return Manifest{
		Sources: []Source{{Name: "omop", Kind: "omop", CDMVersion: "5.4", Reader: "1"}},
		Persons: n + 1,
		Tables:  []Table{table, {Name: "death"}},
	}, nil
}

// commit commits a snapshot of n+1 persons.
func commit(t testing.TB, l *Lake, n int64) (*Snapshot, bool) {
	t.Helper()
	tx, err := l.Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Close()
	m, err := draft(t, tx, n)
	if err != nil {
		t.Fatal(err)
	}
	s, changed, err := tx.Commit(m, fmt.Sprintf("%d persons", n+1), when)
	if err != nil {
		t.Fatal(err)
	}
	return s, changed
}

// countPersons reads all rows of person.
func countPersons(t testing.TB, s *Snapshot) int64 {
	t.Helper()
	var n int64
	err := s.Read(t.Context(), "person", []string{"year_of_birth", "person_id"}, func(row []any) error {
		if row[0].(int64) != 1900+row[1].(int64)%100 {
			return errors.New("columns do not belong together")
		}
		n++
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// problems runs fsck and returns what it reports, damage and notes apart.
func problems(t testing.TB, l *Lake) (damage, notes []string, err error) {
	t.Helper()
	_, err = l.Fsck(t.Context(), func(p Problem) {
		if p.Damage {
			damage = append(damage, p.Path+": "+p.Text)
		} else {
			notes = append(notes, p.Path+": "+p.Text)
		}
	})
	if (len(damage) > 0) != (galien.KindOf(err) == galien.Corrupt && err != nil) {
		t.Errorf("fsck reports %q and returns %v", damage, err)
	}
	return damage, notes, err
}

func wantKind(t testing.TB, err error, kind galien.Kind) {
	t.Helper()
	if err == nil || galien.KindOf(err) != kind {
		t.Errorf("error %v, want one of the kind %s", err, kind)
	}
}

func TestCreateAndOpen(t *testing.T) {
	dir := t.TempDir()
	_, err := Open(dir)
	wantKind(t, err, galien.NotFound)
	_, err = Open(filepath.Join(dir, "absent"))
	wantKind(t, err, galien.NotFound)

	l, err := Create(filepath.Join(dir, "hub", "lake"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Create(l.Dir()); galien.KindOf(err) != galien.Conflict {
		t.Errorf("a second Create: %v", err)
	}
	if l, err = Open(l.Dir()); err != nil {
		t.Fatal(err)
	}
	_, err = l.Current()
	wantKind(t, err, galien.NotFound)
	if h, err := l.History(); err != nil || len(h) != 0 {
		t.Errorf("history of an empty lake: %v, %v", h, err)
	}
	if damage, notes, err := problems(t, l); err != nil || len(damage)+len(notes) > 0 {
		t.Errorf("fsck of an empty lake: %q %q %v", damage, notes, err)
	}
}

func TestMissingCurrentIsNoEmptyLake(t *testing.T) {
	l := newLake(t)
	commit(t, l, 2)
	if err := os.Remove(l.path(currentName)); err != nil {
		t.Fatal(err)
	}
	_, err := Open(l.Dir())
	wantKind(t, err, galien.Corrupt)
	_, err = l.Current()
	wantKind(t, err, galien.Corrupt)
	_, err = l.Begin()
	wantKind(t, err, galien.Corrupt)
	if n, _ := filepath.Glob(l.path(filesDir, "*")); len(n) != 2 {
		t.Errorf("%d files left, want 2: a writer removed what it could not know", len(n))
	}
}

func TestCommitsFollowEachOther(t *testing.T) {
	l := newLake(t)
	a, changed := commit(t, l, 3)
	if !changed || a.Manifest.Persons != 4 {
		t.Errorf("first commit: changed %v, %d persons", changed, a.Manifest.Persons)
	}
	if again, changed := commit(t, l, 3); changed || again.ID != a.ID {
		t.Error("the same content made another snapshot")
	}
	b, _ := commit(t, l, 5)
	back, changed := commit(t, l, 3)
	if !changed || back.ID != a.ID {
		t.Errorf("going back to the first content: %v, %s instead of %s", changed, back.ID, a.ID)
	}

	l, err := Open(l.Dir())
	if err != nil {
		t.Fatal(err)
	}
	history, err := l.History()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for i, c := range history {
		got = append(got, c.Snapshot+"<"+c.Parent)
		if c.Seq != int64(i+1) || !c.Time.Equal(when) || !strings.HasSuffix(c.Note, " persons") {
			t.Errorf("commit %+v", c)
		}
	}
	want := fmt.Sprint([]string{a.ID + "<", b.ID + "<" + a.ID, a.ID + "<" + b.ID})
	if fmt.Sprint(got) != want {
		t.Errorf("history %v, want %v", got, want)
	}

	for id, n := range map[string]int64{a.ID: 4, b.ID: 6} {
		s, err := l.Snapshot(id)
		if err != nil {
			t.Fatal(err)
		}
		if got := countPersons(t, s); got != n {
			t.Errorf("snapshot %s has %d persons, want %d", id, got, n)
		}
	}
	_, err = l.Snapshot("0123456789abcdef")
	wantKind(t, err, galien.NotFound)
	if damage, notes, err := problems(t, l); err != nil || len(damage)+len(notes) > 0 {
		t.Errorf("fsck: %q %q %v", damage, notes, err)
	}
}

// The second bucket holds one person in every draft: its file is the same.
func TestUnchangedFilesAreShared(t *testing.T) {
	l := newLake(t)
	commit(t, l, 3)
	commit(t, l, 5)
	files, err := filepath.Glob(l.path(filesDir, "*"))
	if err != nil || len(files) != 3 {
		t.Errorf("%d files after two snapshots of two buckets, one of them the same; want 3", len(files))
	}
}

func TestBucketsAndFiles(t *testing.T) {
	for p, want := range map[galien.PersonID]int{1: 0, 262144: 0, 262145: 1, 524288: 1, 524289: 2} {
		if got := BucketOf(p); got != want {
			t.Errorf("BucketOf(%d) = %d, want %d", p, got, want)
		}
	}
	l := newLake(t)
	s, _ := commit(t, l, 3)
	if b := s.Buckets(); fmt.Sprint(b) != "[0 1]" {
		t.Errorf("buckets %v", b)
	}
	for _, order := range []Order{ByPerson, ByConcept} {
		for bucket, n := range map[int]int{0: 1, 1: 1, 2: 0} {
			if files := s.Files("person", order, bucket); len(files) != n {
				t.Errorf("files of person by %s in bucket %d: %v", order, bucket, files)
			}
		}
	}
	if f := s.Files("death", ByPerson, 0); f != nil {
		t.Errorf("files of a table without rows: %v", f)
	}
	if f := s.Files("nosuch", ByPerson, 0); f != nil {
		t.Errorf("files of no table: %v", f)
	}
	if d, ok := s.Table("death"); !ok || d.Rows != 0 {
		t.Errorf("the table without rows: %v, %v", d, ok)
	}
	if err := s.Read(t.Context(), "death", nil, func([]any) error { return errors.New("a row") }); err != nil {
		t.Errorf("read of a table without rows: %v", err)
	}
}

func TestReadRefusals(t *testing.T) {
	l := newLake(t)
	s, _ := commit(t, l, 3)
	none := func([]any) error { return nil }
	wantKind(t, s.Read(t.Context(), "note", nil, none), galien.NotFound)
	wantKind(t, s.Read(t.Context(), "person", []string{"nosuch"}, none), galien.NotFound)
	// A column of the model that the file lacks is damage, not absence.
	wantKind(t, s.Read(t.Context(), "person", []string{"location_id"}, none), galien.Corrupt)
	stop := errors.New("enough")
	if err := s.Read(t.Context(), "person", []string{"person_id"}, func([]any) error { return stop }); err != stop {
		t.Errorf("an error of yield came back as %v", err)
	}
}

func TestOneWriterAtATime(t *testing.T) {
	l := newLake(t)
	tx, err := l.Begin()
	if err != nil {
		t.Fatal(err)
	}
	other, err := Open(l.Dir())
	if err != nil {
		t.Fatal(err)
	}
	_, err = other.Begin()
	wantKind(t, err, galien.Busy)
	if _, err := os.Stat(tx.TempDir()); err != nil {
		t.Errorf("the refused writer removed the other's folder: %v", err)
	}
	if err := tx.Close(); err != nil {
		t.Fatal(err)
	}
	if err := tx.Close(); err != nil {
		t.Errorf("a second Close: %v", err)
	}
	tx, err = other.Begin()
	if err != nil {
		t.Fatal(err)
	}
	if err := tx.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestCommitRefusesWhatDoesNotAddUp(t *testing.T) {
	l := newLake(t)
	tx, err := l.Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Close()
	path := filepath.Join(tx.TempDir(), "p")
	persons(t, path, 1, 3)
	if _, err := tx.Add(path, "person", ByPerson, 0, 4); galien.KindOf(err) != galien.Internal || err == nil {
		t.Errorf("a file of 3 rows was added as one of 4: %v", err)
	}
	f, err := tx.Add(path, "person", ByPerson, 0, 3)
	if err != nil {
		t.Fatal(err)
	}
	stranger := f
	stranger.SHA256 = strings.Repeat("0", hashLen)
	stranger.Name = fileName("person", ByPerson, 0, stranger.SHA256)
	misnamed := f
	misnamed.Name = "../" + f.Name
	for name, m := range map[string]Manifest{
		"rows":      {Persons: 4, Tables: []Table{{Name: "person", Rows: 4, Files: []File{f}}}},
		"persons":   {Persons: 2, Tables: []Table{{Name: "person", Rows: 3, Files: []File{f}}}},
		"no file":   {Persons: 3, Tables: []Table{{Name: "person", Rows: 3}}},
		"twice":     {Persons: 3, Tables: []Table{{Name: "person", Rows: 3, Files: []File{f}}, {Name: "person"}}},
		"bucket":    {Persons: 6, Tables: []Table{{Name: "person", Rows: 6, Files: []File{f, f}}}},
		"not added": {Persons: 3, Tables: []Table{{Name: "person", Rows: 3, Files: []File{stranger}}}},
		"misnamed":  {Persons: 3, Tables: []Table{{Name: "person", Rows: 3, Files: []File{misnamed}}}},
	} {
		if _, _, err := tx.Commit(m, "", when); err == nil || galien.KindOf(err) != galien.Internal {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := l.Current(); galien.KindOf(err) != galien.NotFound {
		t.Errorf("a refused commit became current: %v", err)
	}
}

// The bytes of a manifest and so the ids of snapshots are a promise: this one
// was written by hand from docs/formats/lake.md.
func TestManifestBytes(t *testing.T) {
	sha := strings.Repeat("ab", 32)
	m := Manifest{Format: 1, Vocabulary: "v5.0 <22-JUN-22>", Persons: 2,
		Sources: []Source{{Name: "omop", Kind: "omop", CDMVersion: "5.4", Reader: "1", Quarantined: 7, Quarantine: "q1"}},
		Tables: []Table{
			{Name: "person", Rows: 2, Inputs: []Input{{Name: "PERSON.csv", SHA256: sha}},
				Files: []File{{Name: "person-person-0-abababababababab.parquet", Order: ByPerson, Rows: 2, Bytes: 99, SHA256: sha}}},
			{Name: "death"},
		}}
	want := `{
 "format": 1,
 "sources": [
  {
   "name": "omop",
   "kind": "omop",
   "cdm_version": "5.4",
   "reader": "1",
   "quarantined": 7,
   "quarantine": "q1"
  }
 ],
 "vocabulary": "v5.0 <22-JUN-22>",
 "persons": 2,
 "tables": [
  {
   "name": "death",
   "rows": 0,
   "inputs": [],
   "files": []
  },
  {
   "name": "person",
   "rows": 2,
   "inputs": [
    {
     "name": "PERSON.csv",
     "sha256": "` + sha + `"
    }
   ],
   "files": [
    {
     "name": "person-person-0-abababababababab.parquet",
     "order": "person",
     "bucket": 0,
     "rows": 2,
     "bytes": 99,
     "sha256": "` + sha + `"
    }
   ]
  }
 ]
}
`
	got, err := encode(m.canonical())
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("manifest\n%swant\n%s", got, want)
	}
	back, err := decodeManifest(got)
	if err != nil {
		t.Fatal(err)
	}
	if again, _ := encode(back.canonical()); string(again) != want {
		t.Errorf("read and written again:\n%s", again)
	}
}

func TestManifestOfAnotherFormat(t *testing.T) {
	_, err := decodeManifest([]byte(`{"format": 3, "novelty": true}`))
	wantKind(t, err, galien.Invalid)
	_, err = decodeManifest([]byte(`{"format": 1, "novelty": true}`))
	wantKind(t, err, galien.Corrupt)
	_, err = decodeManifest([]byte(`{"format": 2, "sources": [], "tables": []}`))
	wantKind(t, err, galien.Corrupt) // a form that is not the only one
	_, err = decodeManifest([]byte(`{"format": 1} {"format": 1}`))
	wantKind(t, err, galien.Corrupt)
}

func FuzzManifest(f *testing.F) {
	f.Add([]byte(`{"format":1,"sources":[],"vocabulary":"","persons":0,"tables":[{"name":"death","rows":0,"inputs":[],"files":[]}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := decodeManifest(b)
		if err != nil {
			return
		}
		first, err := encode(m.canonical())
		if err != nil {
			t.Fatal(err)
		}
		again, err := decodeManifest(first)
		if err != nil {
			t.Skip("sorted, it contradicts itself")
		}
		if second, _ := encode(again.canonical()); string(second) != string(first) {
			t.Errorf("not canonical:\n%s\n%s", first, second)
		}
	})
}

// A lake holds one source, which keeps its name and its kind.
func TestAdmitSource(t *testing.T) {
	held := &Snapshot{Manifest: Manifest{Sources: []Source{{Name: "snds", Kind: "snds", Reader: "7"}}}}
	for _, c := range []struct {
		s          *Snapshot
		name, kind string
		want       galien.Kind
		refused    bool
	}{
		{nil, "omop", "omop", 0, false},
		{nil, "", "omop", galien.Invalid, true},
		{nil, "../x", "omop", galien.Invalid, true},
		{held, "snds", "snds", 0, false},
		{held, "omop", "omop", galien.Conflict, true},
		{held, "other", "snds", galien.Conflict, true},
		// The name of another kind's source is not a way into it.
		{held, "snds", "omop", galien.Conflict, true},
	} {
		if err := c.s.AdmitSource(c.name, c.kind); (err != nil) != c.refused || c.refused && galien.KindOf(err) != c.want {
			t.Errorf("source %q of kind %s: %v", c.name, c.kind, err)
		}
	}
	if s, ok := held.Source("snds"); !ok || s.Reader != "7" {
		t.Errorf("the source is %+v, %v", s, ok)
	}
	if _, ok := (*Snapshot)(nil).Source("snds"); ok {
		t.Error("an empty lake has a source")
	}
}
