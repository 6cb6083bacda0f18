package check_test

import (
	"bytes"
	"path/filepath"
	"testing"

	"galien/release/check"
)

// corpus gives every file of every example to a fuzz target.
func corpus(f *testing.F, add func(b []byte)) {
	seen := map[string]bool{}
	once := func(b []byte) {
		if !seen[string(b)] && len(b) < 10_000 {
			seen[string(b)] = true
			add(b)
		}
	}
	for _, p := range pointFiles {
		for _, e := range examples(f, filepath.Join("testdata", "points", p.file+".txt")) {
			_, files := e.group(f)
			for _, file := range files {
				once(file.Bytes)
			}
		}
	}
	for _, e := range append(examples(f, "testdata/clean.txt"), examples(f, "testdata/more.txt")...) {
		_, files := e.group(f)
		for _, file := range files {
			once(file.Bytes)
		}
	}
}

// FuzzManifest reads what may be a manifest, and looks at a file by it.
func FuzzManifest(f *testing.F) {
	for _, p := range pointFiles {
		for _, e := range examples(f, filepath.Join("testdata", "points", p.file+".txt")) {
			text, _ := e.group(f)
			f.Add(text)
		}
	}
	f.Add([]byte("a: &a [*a, *a]"))
	f.Add([]byte("outputs:\n  - {file: ../x}"))
	files := []check.File{{Name: "table.csv", Bytes: []byte("sex,n,population,percent\nfemale,410,800,51.3\nmale,*,790,70.9\nall,970,1590,61.0\n")}}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := check.ParseManifest(b)
		if err != nil {
			return
		}
		sane(t, check.Group(m, files, check.Rule{}, 1))
	})
}

// FuzzFile looks at bytes as each kind of file.
func FuzzFile(f *testing.F) {
	corpus(f, func(b []byte) { f.Add(b) })
	text, _ := example{version: 1}.group(f)
	m, err := check.ParseManifest(text)
	if err != nil {
		f.Fatal(err)
	}
	base := m.Outputs[0]
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, end := range []string{".csv", ".tsv", ".json", ".html", ".svg", ".md", ".xlsx", ".png", ".jpg", ".R"} {
			o := base
			o.File = "table" + end
			m.Outputs = []check.Output{o}
			first := check.Group(m, []check.File{{Name: o.File, Bytes: b}}, check.Rule{}, 1)
			sane(t, first)
			// A file with a byte that is no part of any text is never let through
			// as one.
			if bytes.IndexByte(b, 0) >= 0 && (end == ".csv" || end == ".md" || end == ".html") && !check.Refused(first) {
				t.Errorf("%s: a file with a byte of nought is let through", end)
			}
		}
	})
}

// sane holds findings to the catalogue.
func sane(t *testing.T, findings []check.Finding) {
	t.Helper()
	for _, f := range findings {
		if c, ok := check.Lookup(f.Check); !ok || c.Severity != f.Severity || f.Count < 1 {
			t.Errorf("%+v", f)
		}
	}
}
