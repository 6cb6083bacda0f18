package vocab_test

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"galien"
	"galien/lake"
	"galien/lake/duck"
	"galien/refdata"
	"galien/vocab"
	"galien/vocab/vocabtest"
)

// place is a lake and the ledger beside it.
type place struct {
	dir  string
	lake *lake.Lake
}

func newPlace(t testing.TB) place {
	t.Helper()
	dir := t.TempDir()
	l, err := lake.Create(filepath.Join(dir, "lake"))
	if err != nil {
		t.Fatal(err)
	}
	return place{dir, l}
}

func (p place) ledger() string { return filepath.Join(p.dir, "vocabularies.ndjson") }

func (p place) ingest(t testing.TB, dir string, accepted ...string) (vocab.Report, error) {
	t.Helper()
	return vocab.Ingest(t.Context(), vocab.Load{Lake: p.lake, Dir: dir, Ledger: p.ledger(), By: "operator", Accepted: accepted,
		Now: time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC), Engine: duck.Config{Threads: 2, MemoryLimit: "1GiB"}})
}

func (p place) load(t testing.TB, dir string, accepted ...string) vocab.Report {
	t.Helper()
	r, err := p.ingest(t, dir, accepted...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (p place) current(t testing.TB) *lake.Snapshot {
	t.Helper()
	s, err := p.lake.Current()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// empty fails when the lake has a snapshot or the ledger an entry.
func (p place) empty(t *testing.T) {
	t.Helper()
	if _, err := p.lake.Current(); galien.KindOf(err) != galien.NotFound {
		t.Errorf("there is a snapshot: %v", err)
	}
	if e, err := vocab.ReadLedger(p.ledger()); len(e) > 0 || err != nil {
		t.Errorf("the ledger has %d entries, %v", len(e), err)
	}
}

// TestFilesThatAreNotWhole: nothing is committed of a download with one fault,
// and the error says where it is.
func TestFilesThatAreNotWhole(t *testing.T) {
	line := func(dir, file string, n int, change func(string) string) {
		path := filepath.Join(dir, file)
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.SplitAfter(string(b), "\n")
		lines[n-1] = change(lines[n-1])
		if err := os.WriteFile(path, []byte(strings.Join(lines, "")), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	field := func(file string, n, at int, value string) func(string) {
		return func(dir string) {
			line(dir, file, n, func(s string) string {
				fields := strings.Split(strings.TrimSuffix(s, "\n"), "\t")
				fields[at] = value
				return strings.Join(fields, "\t") + "\n"
			})
		}
	}
	rewrite := func(file string, change func([]byte) []byte) func(string) {
		return func(dir string) {
			b, err := os.ReadFile(filepath.Join(dir, file))
			if err == nil {
				err = os.WriteFile(filepath.Join(dir, file), change(b), 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, c := range map[string]struct {
		spoil func(dir string)
		want  string
		kind  galien.Kind
	}{
		"cut within a row": {rewrite("CONCEPT_RELATIONSHIP.csv", func(b []byte) []byte { return b[:len(b)-40] }), "CONCEPT_RELATIONSHIP.csv: line ", galien.Invalid},
		"cut at a field":   {rewrite("CONCEPT.csv", func(b []byte) []byte { return b[:len(b)-1] }), "the line does not end", galien.Invalid},
		"a field too few": {func(dir string) {
			line(dir, "CONCEPT.csv", 3, func(s string) string { return strings.Replace(s, "\t", " ", 1) })
		}, "CONCEPT.csv: line 3: 9 fields", galien.Invalid},
		"a row twice":  {func(dir string) { line(dir, "CONCEPT.csv", 4, func(s string) string { return s + s }) }, "CONCEPT.csv: line 5", galien.Invalid},
		"a pair twice": {func(dir string) { line(dir, "CONCEPT_ANCESTOR.csv", 2, func(s string) string { return s + s }) }, "CONCEPT_ANCESTOR.csv: line 3", galien.Invalid},
		"ISO-8859-1":   {field("CONCEPT.csv", 5, 1, "gr\xe8ve"), "CONCEPT.csv: line 5, concept_name: the text is not UTF-8", galien.Invalid},
		"UTF-16": {rewrite("VOCABULARY.csv", func(b []byte) []byte {
			return append([]byte{0xff, 0xfe}, bytes.Join(bytes.Split(b, nil), []byte{0})...)
		}),
			"VOCABULARY.csv: the file is UTF-16", galien.Invalid},
		"an empty file":     {rewrite("CONCEPT_ANCESTOR.csv", func([]byte) []byte { return nil }), "CONCEPT_ANCESTOR.csv: the file is empty", galien.Invalid},
		"a day that is not": {field("CONCEPT.csv", 3, 7, "20230230"), "CONCEPT.csv: line 3, valid_start_date: the field is not a date", galien.Invalid},
		"no number":         {field("CONCEPT_ANCESTOR.csv", 2, 1, "7100x"), "CONCEPT_ANCESTOR.csv: line 2, descendant_concept_id: the field is not a whole number", galien.Invalid},
		"a needed field":    {field("CONCEPT.csv", 3, 3, ""), "CONCEPT.csv: line 3, vocabulary_id: the field is empty", galien.Invalid},
		"a local id":        {field("CONCEPT_RELATIONSHIP.csv", 2, 1, "2000000000"), "CONCEPT_RELATIONSHIP.csv: line 2, concept_id_2: the id is not one of Athena's", galien.Invalid},
		"no such column":    {field("CONCEPT.csv", 1, 6, "code"), "CONCEPT.csv: line 1: the header has no concept_code", galien.Invalid},
		"half a gzip": {rewrite("CONCEPT.csv", func(b []byte) []byte {
			var z bytes.Buffer
			w := gzip.NewWriter(&z)
			_, _ = w.Write(b)
			_ = w.Close()
			return z.Bytes()[:z.Len()/2]
		}), "CONCEPT.csv: the file is truncated", galien.Invalid},
		"no ancestors": {func(dir string) { _ = os.Remove(filepath.Join(dir, "CONCEPT_ANCESTOR.csv")) }, "has no CONCEPT_ANCESTOR.csv", galien.Invalid},
		"a table twice": {func(dir string) { _ = os.WriteFile(filepath.Join(dir, "concept.CSV"), []byte("concept_id\n"), 0o600) },
			"hold the table concept", galien.Conflict},
	} {
		t.Run(name, func(t *testing.T) {
			dir := vocabtest.French().Write(t)
			c.spoil(dir)
			p := newPlace(t)
			_, err := p.ingest(t, dir)
			if err == nil || galien.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.want) {
				t.Errorf("the error is %v, want one that says %q", err, c.want)
			}
			p.empty(t)
		})
	}
}

// TestForms: a folder, a zip file of it, a zip file of a folder, gzip files,
// line ends of Windows and a byte order mark hold the same rows.
func TestForms(t *testing.T) {
	plain := vocabtest.French().Write(t)
	each := func(change func(name string, b []byte) (string, []byte)) string {
		dir := t.TempDir()
		for name := range vocabtest.French().Files {
			b, err := os.ReadFile(filepath.Join(plain, name))
			if err != nil {
				t.Fatal(err)
			}
			name, b = change(name, b)
			if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return dir
	}
	zipped := func(folder string) string {
		path := filepath.Join(t.TempDir(), "download.zip")
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		z := zip.NewWriter(f)
		for name := range vocabtest.French().Files {
			b, err := os.ReadFile(filepath.Join(plain, name))
			if err != nil {
				t.Fatal(err)
			}
			w, err := z.Create(folder + name)
			if err == nil {
				_, err = w.Write(b)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		return path
	}
	want := content(t, func() *lake.Snapshot { p := newPlace(t); p.load(t, plain); return p.current(t) }())
	for name, dir := range map[string]string{
		"zip": zipped(""), "zip of a folder": zipped("vocabulary_download_v5/"),
		"gzip": each(func(name string, b []byte) (string, []byte) {
			var z bytes.Buffer
			w := gzip.NewWriter(&z)
			_, _ = w.Write(b)
			_ = w.Close()
			return strings.ToLower(name) + ".gz", z.Bytes()
		}),
		"Windows": each(func(name string, b []byte) (string, []byte) {
			return name, append([]byte("\ufeff"), bytes.ReplaceAll(b, []byte("\n"), []byte("\r\n"))...)
		}),
		"commas": each(func(name string, b []byte) (string, []byte) {
			b = bytes.ReplaceAll(b, []byte(`the "name" of `), []byte(`"the ""name"" of `))
			lines := strings.Split(string(b), "\n")
			for i, l := range lines {
				fields := strings.Split(l, "\t")
				for k, f := range fields {
					if strings.HasPrefix(f, `"`) {
						fields[k] += `"`
					} else if strings.Contains(f, ",") {
						fields[k] = `"` + f + `"`
					}
				}
				lines[i] = strings.Join(fields, ",")
			}
			return name, []byte(strings.Join(lines, "\n"))
		}),
	} {
		p := newPlace(t)
		p.load(t, dir)
		if got := content(t, p.current(t)); got != want {
			t.Errorf("%s gives other rows:\n%s\nthan the plain folder:\n%s", name, got, want)
		}
	}
}

// content is the rows of every table of a snapshot, named by their files'
// hashes, which follow from the rows alone.
func content(t testing.TB, s *lake.Snapshot) string {
	t.Helper()
	var b strings.Builder
	for _, table := range s.Manifest.Tables {
		b.WriteString(table.Name)
		for _, f := range table.Files {
			b.WriteString(" " + f.SHA256[:12])
		}
		b.WriteString("\n")
	}
	return b.String()
}

// TestRealFiles reads the vocabulary tables of two published data sets; the
// numbers of rows are those of their files (README, wc -l).
func TestRealFiles(t *testing.T) {
	gibleed := refdata.Dir(t, "omop-gibleed")
	only := t.TempDir()
	for _, name := range []string{"CONCEPT", "CONCEPT_ANCESTOR", "CONCEPT_CLASS", "CONCEPT_RELATIONSHIP", "CONCEPT_SYNONYM", "DOMAIN", "DRUG_STRENGTH", "RELATIONSHIP", "VOCABULARY"} {
		if err := os.Symlink(filepath.Join(gibleed, name+".csv.gz"), filepath.Join(only, name+".csv.gz")); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		dir, version string
		rows         map[string]int64
	}{
		{only, "v5.0 18-JAN-19", map[string]int64{"concept": 444, "concept_ancestor": 65690, "concept_relationship": 8, "concept_synonym": 1064, "domain": 45, "relationship": 480, "vocabulary": 125}},
		{filepath.Join(refdata.Dir(t, "omop-synthea27nj"), "Synthea27Nj_5.4.zip"), "v5.0 09-APR-22*", map[string]int64{"concept": 2294, "concept_relationship": 266588, "vocabulary": 1}},
	} {
		p := newPlace(t)
		if _, err := p.ingest(t, c.dir); galien.KindOf(err) != galien.Denied || !strings.Contains(err.Error(), "SNOMED") {
			t.Errorf("without a licence: %v", err)
		}
		p.empty(t)
		r := p.load(t, c.dir, "SNOMED")
		if r.Version != c.version {
			t.Errorf("version %q, want %q", r.Version, c.version)
		}
		s := p.current(t)
		for _, table := range s.Manifest.Tables {
			if table.Rows != c.rows[table.Name] {
				t.Errorf("%s has %d rows, want %d", table.Name, table.Rows, c.rows[table.Name])
			}
		}
		if again := p.load(t, c.dir); again.Changed || again.Snapshot != r.Snapshot {
			t.Errorf("a second load: %+v", again)
		}
		if i := slices.IndexFunc(s.Manifest.Vocabularies.Loaded, func(v lake.Vocabulary) bool { return v.ID == "SNOMED" }); i < 0 {
			t.Error("the manifest does not name SNOMED")
		}
	}
}
