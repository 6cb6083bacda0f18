package source

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"galien"
)

func read(t *testing.T, dir, id string) []Rejection {
	t.Helper()
	var out []Rejection
	if err := ReadIndex(dir, id, func(r Rejection) error { out = append(out, r); return nil }); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestIndexIsNamedByItsContent(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "quarantine")
	want := []Rejection{
		{Table: "death", File: "d.csv", SHA256: "aa", Line: 3, Field: "death_date", Code: NotDate},
		{Table: "death", File: "d.csv", SHA256: "aa", Line: 9, Code: UnreadableRow},
	}
	var ids []string
	for range 2 {
		x, err := NewIndex(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range want {
			if err := x.Add(r); err != nil {
				t.Fatal(err)
			}
		}
		id, rows, err := x.Seal()
		if err != nil || rows != 2 {
			t.Fatalf("Seal: %d rows, %v", rows, err)
		}
		if err := x.Close(); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	if ids[0] != ids[1] {
		t.Errorf("the same content has the names %s and %s", ids[0], ids[1])
	}
	if got := read(t, dir, ids[0]); len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("read %+v", got)
	}
	empty, err := NewIndex(dir)
	if err != nil {
		t.Fatal(err)
	}
	if id, rows, err := empty.Seal(); id != "" || rows != 0 || err != nil {
		t.Errorf("an empty index: %q, %d, %v", id, rows, err)
	}
	if got := read(t, dir, ""); len(got) != 0 {
		t.Errorf("the empty index has %d rows", len(got))
	}
	if _, err := NewIndex(dir); err != nil {
		t.Fatal(err)
	}
	if err := CleanIndexes(dir, map[string]bool{ids[0]: true}); err != nil {
		t.Fatal(err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("%d files after cleaning, want the index that is in use", len(entries))
	}
	if err := CleanIndexes(dir, nil); err != nil {
		t.Fatal(err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 0 {
		t.Errorf("%d files after cleaning, want none", len(entries))
	}
}

// TestWriteIndex writes the same index in one call, and counts what is in it.
func TestWriteIndex(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "quarantine")
	rows := []Rejection{
		{Table: "death", File: "b.csv", Line: 3, Field: "death_date", Code: NotDate},
		{Table: "death", File: "a.csv", Line: 4, Field: "death_date", Code: NotDate},
		{Table: "death", File: "b.csv", Line: 5, Field: "death_date", Code: NotDate},
		{Table: "death", File: "b.csv", Line: 6, Code: UnreadableRow},
	}
	id, n, err := WriteIndex(dir, slices.Values(rows))
	if err != nil || n != 4 || !slices.Equal(read(t, dir, id), rows) {
		t.Errorf("%d rows in %s: %v", n, id, err)
	}
	counts := Tally{}
	for _, r := range rows {
		counts.Add(r)
	}
	want := []Count{{"death", "a.csv", "death_date", NotDate, 1}, {"death", "b.csv", "", UnreadableRow, 1}, {"death", "b.csv", "death_date", NotDate, 2}}
	if got := counts.Counts(); !slices.Equal(got, want) {
		t.Errorf("counts %v, want %v", got, want)
	}
	if id, n, err := WriteIndex(dir, slices.Values(rows[:0])); id != "" || n != 0 || err != nil {
		t.Errorf("no rows: %q, %d, %v", id, n, err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("%d files, want the index (%v)", len(entries), err)
	}
}

func TestDamagedIndex(t *testing.T) {
	id := "6acf5f022406febe"
	whole, err := os.ReadFile(filepath.Join("testdata", "format1", id+indexExt))
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"cut":     string(whole[:len(whole)-5]),
		"changed": strings.Replace(string(whole), "not_date", "not_data", 1),
		"empty":   "",
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, id+indexExt), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := ReadIndex(dir, id, func(Rejection) error { return nil }); galien.KindOf(err) != galien.Corrupt {
			t.Errorf("%s: %v, want Corrupt", name, err)
		}
	}
	if err := ReadIndex(t.TempDir(), id, nil); galien.KindOf(err) != galien.Corrupt {
		t.Errorf("missing: %v, want Corrupt", err)
	}
	stop := errors.New("stop")
	if err := ReadIndex(filepath.Join("testdata", "format1"), id, func(Rejection) error { return stop }); err != stop {
		t.Errorf("the reader's own error came back as %v", err)
	}
}

// TestIndexOfFormat1 reads a file written by the first version. The file is
// never written again.
func TestIndexOfFormat1(t *testing.T) {
	got := read(t, filepath.Join("testdata", "format1"), "6acf5f022406febe")
	want := []Rejection{
		{Table: "death", File: "DEATH.csv.gz", SHA256: "00ff", Line: 12, Field: "death_date", Code: NotDate},
		{Table: "person", File: "person.csv", SHA256: "01fe", Line: 2, Code: WrongFieldCount},
	}
	if len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("read %+v", got)
	}
}

// TestReasons holds the closed list and that each reason is in words.
func TestReasons(t *testing.T) {
	doc, err := os.ReadFile(filepath.Join("..", "docs", "formats", "quarantine.md"))
	if err != nil {
		t.Fatal(err)
	}
	if len(reasons) != 21 {
		t.Errorf("%d codes, want the 21 that the format's page lists", len(reasons))
	}
	for code := range reasons {
		if !strings.Contains(string(doc), "| `"+string(code)+"` |") {
			t.Errorf("the format's page does not say what %s is", code)
		}
	}
	if Code("other").Known() {
		t.Error("a code outside the list is known")
	}
}

// FuzzIndex gives an index of any content under the name of its hash: rejections of
// the closed list, or Corrupt.
func FuzzIndex(f *testing.F) {
	f.Add([]byte(`{"table":"death","file":"d.csv","sha256":"aa","line":3,"field":"death_date","code":"not_date"}` + "\n"))
	f.Add([]byte("{}\n"))
	f.Add([]byte(`{"code":"not_date","more":1}`))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, content []byte) {
		dir := t.TempDir()
		sum := sha256.Sum256(content)
		id := hex.EncodeToString(sum[:])[:idLen]
		if err := os.WriteFile(filepath.Join(dir, id+indexExt), content, 0o600); err != nil {
			t.Fatal(err)
		}
		err := ReadIndex(dir, id, func(r Rejection) error {
			if !r.Code.Known() {
				t.Fatal("a rejection has a code outside the list")
			}
			return nil
		})
		if err != nil && galien.KindOf(err) != galien.Corrupt {
			t.Fatalf("%v, want Corrupt", err)
		}
	})
}
