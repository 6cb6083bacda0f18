package omop

import (
	"archive/zip"
	"bytes"
	"path/filepath"
	"testing"

	"galien"
)

// archive writes a zip file, its entries not compressed.
func archive(t testing.TB, files map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, content := range files {
		w, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestZip: a zip file is a delivery, its folder or an Apple entry no matter; a
// damaged one is refused whole.
func TestZip(t *testing.T) {
	whole := archive(t, map[string]string{"export/PERSON.csv": twoPersons, "export/condition_occurrence.csv": conditions, "__MACOSX/export/._PERSON.csv": "x"})
	dir := t.TempDir()
	path := filepath.Join(dir, "export.zip")
	write(t, dir, "export.zip", whole)
	h := newHub(t)
	if rep := h.ingest(path); rep.Persons != 2 || table(rep, "condition_occurrence").Kept != 2 {
		t.Errorf("report %+v", rep)
	}
	h.whole()
	if rep := h.ingest(dir); rep.Changed {
		t.Error("the folder around the zip file holds another content")
	}
	before := h.current().ID
	changed := bytes.Clone(whole)
	changed[bytes.Index(changed, []byte("2020-01-02"))] = '3'
	write(t, dir, "export.zip", changed)
	h.fails(path, galien.Invalid, "condition_occurrence.csv", "damaged")
	write(t, dir, "export.zip", whole[:len(whole)-10])
	h.fails(path, galien.Invalid, "export.zip", "zip")
	write(t, dir, "export.zip", archive(t, map[string]string{"PERSON.parquet": "x"}))
	h.fails(path, galien.Invalid, "PERSON.parquet", "unpack")
	if h.current().ID != before {
		t.Error("a refused delivery changed the hub")
	}
	h.whole()
}
