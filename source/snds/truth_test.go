package snds

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"galien"
	"galien/cdm"
	"galien/lake"
	"galien/lake/duck"
	"galien/lake/writer"
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
	return newHubIn(t, t.TempDir())
}

func newHubIn(t testing.TB, dir string) hub {
	t.Helper()
	l, err := lake.Create(filepath.Join(dir, "lake"))
	if err != nil {
		t.Fatal(err)
	}
	// The same secret everywhere, so that two hubs name professionals alike.
	v, err := vault.Create(filepath.Join(dir, "vault"), strings.NewReader(strings.Repeat("secret", 100)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { v.Close() })
	return hub{dir, l, v}
}

// tinyHub returns a hub that has read tiny: a copy of one that is made once.
func tinyHub(t testing.TB) hub {
	t.Helper()
	made.Do(func() {
		dir, err := os.MkdirTemp("", "galien-tiny")
		if err != nil {
			t.Fatal(err)
		}
		first := newHubIn(t, dir)
		first.ingest(t, write(t, nil))
		if err := first.vault.Close(); err != nil {
			t.Fatal(err)
		}
		made.dir = dir
	})
	if made.dir == "" {
		t.Fatal("the hub that others are copies of could not be made")
	}
	return copyOf(t, made.dir)
}

// copyOf returns a copy of the hub in a folder, whose vault is closed.
func copyOf(t testing.TB, of string) hub {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(of)); err != nil {
		t.Fatal(err)
	}
	// The modes too: a vault that others may read does not open.
	err := filepath.WalkDir(of, func(path string, e os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		name, err := filepath.Rel(of, path)
		if err != nil {
			return err
		}
		return os.Chmod(filepath.Join(dir, name), info.Mode().Perm())
	})
	if err != nil {
		t.Fatal(err)
	}
	l, err := lake.Open(filepath.Join(dir, "lake"))
	if err != nil {
		t.Fatal(err)
	}
	v, err := vault.Open(filepath.Join(dir, "vault"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { v.Close() })
	return hub{dir, l, v}
}

// made is the hub that tinyHub copies.
var made struct {
	sync.Once
	dir string
}

// TestMain removes what tests have in common.
func TestMain(m *testing.M) {
	code := m.Run()
	if made.dir != "" {
		os.RemoveAll(made.dir)
	}
	os.Exit(code)
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
	// What the truth does not count: certificates of all causes, marks, and amounts.
	uncounted := marked(t, dir, h)
	maps.Copy(uncounted, costs(t, dir, h))
	for name, want := range uncounted {
		if got[name] != want {
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
	translated(t, h, dir)
}

// noIdentityOutside looks for every number of a person in every file, the vault's
// and the store's too; the store's Parquet files must be sealed.
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
	searched, kept := 0, 0
	err := filepath.WalkDir(h.dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		searched++
		if strings.HasPrefix(path, filepath.Join(h.dir, "store")) && filepath.Ext(path) == ".parquet" {
			if kept++; !strings.HasPrefix(string(b), "PARE") { // the first bytes of an encrypted one
				t.Errorf("%s in the store is not sealed", filepath.Base(path))
			}
		}
		for i := 0; i+17 <= len(b); i++ {
			if numbers[string(b[i:i+17])] {
				t.Errorf("%s holds the number of a person", filepath.Base(path))
				return nil
			}
		}
		return nil
	})
	if err != nil || searched < 10 || kept < 10 || len(numbers) < 1000 {
		t.Fatalf("searched %d files, %d of the store, for %d numbers: %v", searched, kept, len(numbers), err)
	}
	// The lake is compressed, so text columns are read too.
	snap, err := h.lake.Current()
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range snap.Manifest.Tables {
		columns := textColumns(table.Name)
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

// part makes a folder with a part of the extract: the folders named, the claims
// merged into one file a table without a period in its name, and of the
// hospital's years those given.
func part(t testing.TB, dir string, years string, groups ...string) string {
	t.Helper()
	out := t.TempDir()
	for _, group := range groups {
		from := filepath.Join(dir, "input", "snds", group)
		if group == "DCIR" {
			mergeClaims(t, from, out)
			continue
		}
		files, err := os.ReadDir(from)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if group == "PMSI" && !strings.Contains(years, f.Name()[5:7]) {
				continue
			}
			if err := os.Symlink(filepath.Join(from, f.Name()), filepath.Join(out, f.Name())); err != nil {
				t.Fatal(err)
			}
		}
	}
	return out
}

func mergeClaims(t testing.TB, from, out string) {
	t.Helper()
	d, err := find(from)
	if err != nil {
		t.Fatal(err)
	}
	headers := map[string]string{}
	for _, in := range d.inputs {
		if reads[in.table.Name].unit != claims {
			continue
		}
		header, rows, _ := strings.Cut(plainText(t, in), "\n")
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
}

// TestMergedMonths gives the claims as one file a table: the lake is the same
// whatever months the rows came in.
func TestMergedMonths(t *testing.T) {
	dir := refdata.Dir(t, "snds-truth-small")
	in := part(t, dir, "17", "REF", "PMSI")
	months, merged := newHub(t), newHub(t)
	for _, f := range []string{"ER_PRS_F", "ER_PHA_F", "ER_CAM_F", "ER_BIO_F", "ER_ETE_F"} {
		for _, period := range []string{"201910", "201911", "201912"} {
			name := fmt.Sprintf("%s_%s.csv.gz", f, period)
			if err := os.Symlink(filepath.Join(dir, "input", "snds", "DCIR", name), filepath.Join(in, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	months.ingest(t, in)
	whole := part(t, dir, "17", "REF", "PMSI")
	mergeClaims(t, in, whole)
	merged.ingest(t, whole)
	a, err := months.lake.Current()
	if err != nil {
		t.Fatal(err)
	}
	b, err := merged.lake.Current()
	if err != nil {
		t.Fatal(err)
	}
	for i, table := range a.Manifest.Tables {
		other := b.Manifest.Tables[i]
		if table.Name != other.Name || !slices.Equal(table.Files, other.Files) {
			t.Errorf("%s: the files differ", table.Name)
		}
	}
	if a.Manifest.Persons < 2000 {
		t.Errorf("%d persons", a.Manifest.Persons)
	}
}

// TestMonthByMonth brings an extract in parts: months that correct earlier ones,
// half a month and a year without a table that come again whole, files that are
// there already, and a reference after the care. It ends with the lake of all
// files at once, and with that lake's bytes once it is compacted.
func TestMonthByMonth(t *testing.T) {
	dir := refdata.Dir(t, "snds-truth-small")
	from := filepath.Join(dir, "input", "snds")
	all := t.TempDir()
	grown := newHub(t)
	var last Report
	for i, part := range []struct {
		patterns []string
		half     string // of this month only the first half of the claims comes
		grows    bool
	}{
		{[]string{"REF/IR_[BIP]*", "DECES/*", "PMSI/T_MCO1[57]*", "DCIR/*_201[5-9]*"}, "", false},
		{[]string{"DCIR/*_202001*"}, "", true},
		{[]string{"DCIR/*_202002*", "DCIR/*_201911*"}, "", true},
		{[]string{"DCIR/*_202003*", "PMSI/T_MCO19[BCAE]*"}, "202003", true},
		{[]string{"DCIR/*_202003*", "PMSI/T_MCO19*"}, "", true},
		{[]string{"DCIR/*_202004*", "REF/IR_VAC_F*"}, "", false},
		{[]string{"DCIR/*_202005*", "REF/*"}, "", true},
	} {
		in := t.TempDir()
		for _, pattern := range part.patterns {
			files, err := filepath.Glob(filepath.Join(from, pattern))
			if err != nil || len(files) == 0 {
				t.Fatalf("%s: %d files, %v", pattern, len(files), err)
			}
			for _, f := range files {
				if part.half != "" && strings.Contains(f, "ER_") {
					text := plainText(t, &input{path: f, name: filepath.Base(f)})
					put(t, in, strings.TrimSuffix(filepath.Base(f), ".gz"), text[:max(strings.IndexByte(text, '\n'), strings.LastIndexByte(text[:len(text)/2], '\n'))+1])
					continue
				}
				if err := os.Symlink(f, filepath.Join(in, filepath.Base(f))); err != nil {
					t.Fatal(err)
				}
				if err := os.Symlink(f, filepath.Join(all, filepath.Base(f))); err != nil && !os.IsExist(err) {
					t.Fatal(err)
				}
			}
		}
		last = grown.ingest(t, in)
		if !last.Changed || last.Grown != part.grows {
			t.Fatalf("part %d: the lake changed %v, and grew %v", i, last.Changed, last.Grown)
		}
	}
	whole := newHub(t)
	once := whole.ingest(t, all)
	if !slices.Equal(last.Rules, once.Rules) {
		t.Errorf("the rules counted %v, and at once %v", last.Rules, once.Rules)
	}
	a, err := grown.lake.Current()
	if err != nil {
		t.Fatal(err)
	}
	b, err := whole.lake.Current()
	if err != nil {
		t.Fatal(err)
	}
	if len(a.Manifest.Tables) != len(b.Manifest.Tables) {
		t.Fatalf("%d tables, and at once %d", len(a.Manifest.Tables), len(b.Manifest.Tables))
	}
	for i, table := range a.Manifest.Tables {
		if got, want := rowsOf(t, a, table.Name), rowsOf(t, b, b.Manifest.Tables[i].Name); !maps.Equal(got, want) {
			t.Errorf("%s: the rows differ (%d and %d)", table.Name, len(got), len(want))
		}
	}
	a, _, err = writer.Compact(t.Context(), grown.lake, duck.Config{TempDir: t.TempDir()}, time.Date(2024, 1, 2, 0, 0, 0, 0, time.UTC), nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, table := range a.Manifest.Tables {
		if !slices.Equal(table.Files, b.Manifest.Tables[i].Files) {
			t.Errorf("%s: compacted, its files are not those of all at once", table.Name)
		}
	}
	if a.Manifest.Sources[0].Quarantined != b.Manifest.Sources[0].Quarantined {
		t.Errorf("%d rows in quarantine, and at once %d", a.Manifest.Sources[0].Quarantined, b.Manifest.Sources[0].Quarantined)
	}
	if again := grown.ingest(t, all); again.Changed {
		t.Error("all files at once, brought again, changed the lake")
	}
}

// rowsOf counts the rows of a table, by their content.
func rowsOf(t *testing.T, s *lake.Snapshot, table string) map[string]int {
	t.Helper()
	def, ok := cdm.Lookup(table)
	if !ok {
		t.Fatalf("no table %s", table)
	}
	var columns []string
	for _, c := range def.Columns {
		columns = append(columns, c.Name)
	}
	rows := map[string]int{}
	err := s.Read(t.Context(), table, columns, func(row []any) error {
		rows[fmt.Sprint(row...)]++
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// TestEachRuleMatters switches rules off, as the data set's README lists them,
// and sees the verdict change where it says so. Each rule is tried on the part
// of the extract that it is about, beside the verdict on that part with all
// rules on. Each trial reads the part again, so one rule in eighteen is tried, from
// a start that changes from day to day (printed), or all of them where
// GALIEN_RULES is "all" (make rules).
func TestEachRuleMatters(t *testing.T) {
	dir := refdata.Dir(t, "snds-truth-small")
	step, next := 18, int(time.Now().Unix()/86400%18)
	if os.Getenv("GALIEN_RULES") == "all" {
		step, next = 1, 0
	}
	t.Logf("every %dth rule from %d", step, next)
	for _, group := range []struct {
		name, in string
		rules    map[string][]string // by rule, the scores that fall and the counts that rise
	}{
		{"references", part(t, dir, "", "REF", "DECES"), map[string][]string{
			"P07": {"deaths"},
			"P08": {"people"},
			"P11": {"deaths"},
			"P12": {"deaths"},
			"A02": {"days of ALD"},
			"A05": {"days of ALD"},
			"A07": {"ALD"},
			"V01": {"drugs"},
		}},
		{"claims", part(t, dir, "", "REF", "DCIR"), map[string][]string{
			"D02": {"drugs", "acts", "labs", "consultations"},
			"D03": {"drugs"},
			"D04": {"drugs"},
			"D05": {"drugs"},
			"D06": {"drugs"},
			"D07": {"drugs"},
			"D11": {"drugs"},
			"D12": {"drugs", "acts", "labs", "consultations"},
			"D15": {"consultations", "acts counted twice"},
			"D16": {"drugs", "consultations"},
			"D08": {"drugs"},
			"D09": {"drugs"},
			"P05": {"invented people"},
			"P06": {"invented people"},
			"P01": {"people split", "drugs"},
			"P02": {"people split", "drugs"},
			"P03": {"people", "drugs"},
			"P14": {"drugs", "acts", "labs", "ALD"},
		}},
		{"hospital", part(t, dir, "16 17 20", "REF", "PMSI"), map[string][]string{
			"M01": {"acts", "diagnoses", "stays"},
			"M02": {"invented people"},
			"M03": {"acts", "diagnoses", "stays"},
			"M04": {"acts counted twice", "emergency visits counted twice", "lab acts counted twice", "stays counted twice"},
			"M07": {"diagnoses"},
			"M08": {"acts", "diagnoses", "stays"},
			"M09": {"wrong twin"},
		}},
		{"both", part(t, dir, "15 16 17", "REF", "PMSI", "DCIR"), map[string][]string{
			"D14": {"consultations", "acts counted twice", "lab acts counted twice"},
			"D18": {"consultations", "acts counted twice", "lab acts counted twice"},
			"D17": {"acts counted twice", "stays counted twice"},
		}},
	} {
		var chosen []string
		for _, rule := range slices.Sorted(maps.Keys(group.rules)) {
			if next == 0 {
				chosen, next = append(chosen, rule), step
			}
			next--
		}
		if len(chosen) == 0 {
			continue
		}
		all := newHub(t)
		all.ingest(t, group.in)
		on := all.judge(t, dir)
		for _, rule := range chosen {
			changes := group.rules[rule]
			t.Run(group.name+" without "+rule, func(t *testing.T) {
				h := newHub(t)
				report := h.ingest(t, group.in, rule)
				off := h.judge(t, dir)
				for _, name := range changes {
					if _, isScore := on.precision[name]; isScore {
						if off.precision[name] >= on.precision[name] && off.recall[name] >= on.recall[name] {
							t.Errorf("%s: precision %.4f and recall %.4f, and with the rule %.4f and %.4f", name,
								off.precision[name], off.recall[name], on.precision[name], on.recall[name])
						}
					} else if off.counts[name] <= on.counts[name] {
						t.Errorf("%s: %d, and with the rule %d", name, off.counts[name], on.counts[name])
					}
				}
				for _, count := range report.Rules {
					if count.Rule == rule && count.Removed > 0 {
						t.Errorf("the rule is off and removed %d rows of %s", count.Removed, count.Table)
					}
				}
			})
		}
	}
}
