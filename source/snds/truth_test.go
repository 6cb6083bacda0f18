package snds

import (
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"galien"
	"galien/lake"
	"galien/lake/duck"
	"galien/refdata"
	"galien/vault"
)

// hub is a lake and a vault in a folder of their own.
type hub struct {
	dir   string
	lake  *lake.Lake
	vault *vault.Vault
}

func newHub(t testing.TB) hub {
	t.Helper()
	dir := t.TempDir()
	l, err := lake.Create(filepath.Join(dir, "lake"))
	if err != nil {
		t.Fatal(err)
	}
	v, err := vault.Create(filepath.Join(dir, "vault"), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { v.Close() })
	return hub{dir, l, v}
}

func (h hub) load(dir string, without ...string) Load {
	return Load{Lake: h.lake, Vault: h.vault, Quarantine: filepath.Join(h.dir, "quarantine"), Dir: dir, Name: "snds", Without: without,
		Now: time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC), Engine: duck.Config{MemoryLimit: "1GiB", Threads: 2}}
}

func (h hub) ingest(t testing.TB, dir string, without ...string) Report {
	t.Helper()
	r, err := Ingest(t.Context(), h.load(dir, without...))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (h hub) judge(t *testing.T, dir string) verdict {
	t.Helper()
	snap, err := h.lake.Current()
	if err != nil {
		t.Fatal(err)
	}
	ids, err := h.vault.SourceIDs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return judge(t, dir, snap, ids)
}

// TestTruth reads the extract whose truth is known and finds all of it, and
// counts what each rule did as its maker counted it.
func TestTruth(t *testing.T) {
	dir := refdata.Dir(t, "snds-truth-small")
	h := newHub(t)
	report := h.ingest(t, filepath.Join(dir, "input", "snds"))
	for _, wrong := range h.judge(t, dir).wrong() {
		t.Error(wrong)
	}

	unlinked, open := 0, 0
	for _, r := range truthRows(t, dir, "persons.csv.gz") {
		if r["unresolved_provisional"] == "1" {
			unlinked++
		}
	}
	for _, r := range truthRows(t, dir, "ald.csv.gz") {
		if r["end"] == "2099-12-31" {
			open++
		}
	}
	got := map[string]string{}
	for _, c := range report.Rules {
		got[c.Rule+" "+c.Table] = fmt.Sprint(c.Touched, c.Removed)
	}
	for _, r := range truthRows(t, dir, "rules.csv") {
		id, _, _ := strings.Cut(r["rule"], "_")
		touched, removed := r["raw_rows_affected"], r["rows_that_must_disappear"]
		switch id {
		case "P01":
			// The maker knows which persons the provisional numbers belong to that
			// nothing links: two rows each, which no reader can see.
			n, _ := strconv.Atoi(touched)
			touched = strconv.Itoa(n - 2*unlinked)
		case "A04":
			// The maker leaves out those whose end would have come after the
			// extract; in its files, and in its own ald.csv, they are open.
			touched = strconv.Itoa(open)
		}
		name := id + " " + r["table"]
		if want := touched + " " + removed; got[name] != want {
			t.Errorf("rule %s: touched and removed %q, want %q", name, got[name], want)
		}
		delete(got, name)
	}
	for name, counts := range got {
		t.Errorf("rule %s counted %s, and the truth does not know it", name, counts)
	}

	again := h.ingest(t, filepath.Join(dir, "input", "snds"))
	if again.Changed || again.Snapshot != report.Snapshot {
		t.Errorf("the same files a second time gave the snapshot %s after %s", again.Snapshot, report.Snapshot)
	}
	noIdentityOutside(t, h, dir)
}

// noIdentityOutside looks for every number of a person in every file that is
// not the vault's.
func noIdentityOutside(t *testing.T, h hub, dir string) {
	t.Helper()
	numbers := map[string]bool{}
	for _, r := range truthRows(t, dir, "person_keys.csv.gz") {
		for _, column := range []string{"BEN_NIR_PSA", "BEN_NIR_ANO", "BEN_IDT_ANO"} {
			if n := r[column]; len(n) >= 17 {
				numbers[n[:17]] = true
			}
		}
	}
	searched := 0
	err := filepath.WalkDir(h.dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() || strings.HasPrefix(path, filepath.Join(h.dir, "vault")) {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		searched++
		for i := 0; i+17 <= len(b); i++ {
			if numbers[string(b[i:i+17])] {
				t.Errorf("%s holds the number of a person", filepath.Base(path))
				return nil
			}
		}
		return nil
	})
	if err != nil || searched < 10 || len(numbers) < 1000 {
		t.Fatalf("searched %d files for %d numbers: %v", searched, len(numbers), err)
	}
	// The lake is compressed, so text columns are read too.
	snap, err := h.lake.Current()
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range snap.Manifest.Tables {
		var columns []string
		for _, c := range textColumns(table.Name) {
			columns = append(columns, c)
		}
		if len(columns) == 0 {
			continue
		}
		err := snap.Read(t.Context(), table.Name, columns, func(row []any) error {
			for i, x := range row {
				if s, ok := x.(string); ok && len(s) >= 17 && numbers[s[:17]] {
					return galien.Errorf(galien.Internal, "%s.%s holds the number of a person", table.Name, columns[i])
				}
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
}

// merged makes a folder with the same rows in fewer files: each table of the
// claims in one, without a period in its name.
func merged(t testing.TB, dir string) string {
	t.Helper()
	out := t.TempDir()
	for _, group := range []string{"PMSI", "REF", "DECES"} {
		if err := os.Symlink(filepath.Join(dir, "input", "snds", group), filepath.Join(out, group+".link")); err != nil {
			t.Fatal(err)
		}
		files, err := os.ReadDir(filepath.Join(dir, "input", "snds", group))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if err := os.Symlink(filepath.Join(dir, "input", "snds", group, f.Name()), filepath.Join(out, f.Name())); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Remove(filepath.Join(out, group+".link")); err != nil {
			t.Fatal(err)
		}
	}
	d, err := find(filepath.Join(dir, "input", "snds", "DCIR"))
	if err != nil {
		t.Fatal(err)
	}
	headers := map[string]string{}
	for _, in := range d.inputs {
		text := plainText(t, in)
		header, rows, _ := strings.Cut(text, "\n")
		name := in.table.Name + ".csv"
		if headers[name] == "" {
			headers[name] = header
			rows = header + "\n" + rows
		}
		if headers[name] != header {
			t.Fatalf("%s has another header than the files before", in.name)
		}
		f, err := os.OpenFile(filepath.Join(out, name), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteString(rows); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// TestEachRuleMatters switches rules off, as the data set's README lists them,
// and sees the verdict change where it says so.
func TestEachRuleMatters(t *testing.T) {
	dir := refdata.Dir(t, "snds-truth-small")
	if testing.Short() {
		t.Skip("reads the extract two dozen times")
	}
	in := merged(t, dir)
	for _, c := range []struct {
		without string
		// changes are the scores that fall under 1 and the counts that rise above 0.
		changes []string
	}{
		{"", nil},
		{"D02", []string{"drugs", "acts", "labs", "consultations"}},
		{"D03", []string{"drugs"}},
		{"D04", []string{"drugs"}},
		{"D05", []string{"drugs"}},
		{"D06", []string{"drugs"}},
		{"D07", []string{"drugs"}},
		{"D11", []string{"drugs"}},
		{"D12", []string{"drugs", "acts", "labs", "consultations"}},
		{"D14", []string{"acts", "consultations", "acts counted twice", "lab acts counted twice"}},
		{"D18", []string{"acts", "consultations", "acts counted twice", "lab acts counted twice"}},
		{"D15", []string{"consultations", "acts counted twice"}},
		{"D16", []string{"drugs", "consultations"}},
		{"D08", []string{"drugs"}},
		{"D09", []string{"drugs"}},
		{"D17", []string{"acts", "stays", "acts counted twice", "stays counted twice"}},
		{"P05", []string{"invented people"}},
		{"P06", []string{"invented people"}},
		{"P01", []string{"people split", "diagnoses", "stays"}},
		{"P02", []string{"people split"}},
		{"P03", []string{"people", "drugs"}},
		{"P14", []string{"drugs", "acts", "labs", "diagnoses", "ALD", "stays", "emergency"}},
		{"P07", []string{"deaths"}},
		{"P08", []string{"people"}},
		{"P11", []string{"deaths"}},
		{"P12", []string{"deaths"}},
		{"M01", []string{"acts", "diagnoses", "stays", "emergency"}},
		{"M02", []string{"invented people"}},
		{"M03", []string{"acts", "diagnoses", "stays"}},
		{"M04", []string{"acts counted twice", "emergency visits counted twice", "lab acts counted twice", "stays counted twice"}},
		{"M07", []string{"diagnoses"}},
		{"M08", []string{"acts", "diagnoses", "stays"}},
		{"M09", []string{"wrong twin"}},
		{"A02", []string{"days of ALD"}},
		{"A05", []string{"days of ALD"}},
		{"A07", []string{"ALD"}},
		{"V01", []string{"drugs"}},
	} {
		t.Run("without "+c.without, func(t *testing.T) {
			var off []string
			if c.without != "" {
				off = strings.Split(c.without, ",")
			}
			h := newHub(t)
			report := h.ingest(t, in, off...)
			v := h.judge(t, dir)
			if len(off) == 0 {
				for _, wrong := range v.wrong() {
					t.Error(wrong)
				}
			}
			for _, name := range c.changes {
				if p, ok := v.precision[name]; ok && p == 1 && v.recall[name] == 1 || !ok && v.counts[name] == 0 {
					t.Errorf("%s is as if the rule were on; all: %v", name, v.wrong())
				}
			}
			for _, count := range report.Rules {
				if slices.Contains(off, count.Rule) && count.Removed > 0 {
					t.Errorf("the rule is off and removed %d rows of %s", count.Removed, count.Table)
				}
			}
		})
	}
}
