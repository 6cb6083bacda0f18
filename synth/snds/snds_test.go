package snds

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"galien"
	"galien/refdata"
)

// population makes a population in a folder of its own.
func population(t testing.TB, c Config) (string, Summary) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "out")
	s, err := Write(context.Background(), dir, c, nil)
	if err != nil {
		t.Fatal(err)
	}
	return dir, s
}

// The plain reader, which the reference data judge, finds the truth in the
// files of a population: every drug, act, test, stay, diagnosis, disease and
// death, and the rows that each rule touches.
func TestFilesGiveTheTruth(t *testing.T) {
	for _, c := range []Config{{Persons: 600, Seed: 1}, {Persons: 400, Years: 2, Seed: 9}} {
		dir, _ := population(t, c)
		j := judge{extraction: openExtraction(t, dir)}
		j.all()
	}
}

// The rules of the reference data's README.
var ruleIDs = strings.Fields(`P01 P02 P03 P04 P05 P06 P07 P08 P09 P10 P11 P12 P13 P14
	D01 D02 D03 D04 D05 D06 D07 D08 D09 D10 D11 D12 D13 D14 D15 D16 D17 D18 D19
	M01 M02 M03 M04 M05 M06 M07 M08 M09 M10 M11 A01 A02 A03 A04 A05 A06 A07 V01 K01 E01`)

func TestEveryRuleOccurs(t *testing.T) {
	dir, _ := population(t, Config{Persons: 4000, Seed: 3})
	seen := map[string]bool{}
	for _, r := range readTable(t, filepath.Join(dir, "truth", "rules.csv")) {
		id, _, _ := strings.Cut(r["rule"], "_")
		seen[id] = true
		if gone := number(r["rows_that_must_disappear"]); gone > number(r["raw_rows_affected"]) {
			t.Errorf("%s: more rows disappear than are touched", r["rule"])
		}
	}
	if got, want := slices.Sorted(maps.Keys(seen)), slices.Sorted(slices.Values(ruleIDs)); !slices.Equal(got, want) {
		t.Errorf("rules in the files\n%v\nwant\n%v", got, want)
	}
}

// sums are the SHA-256 of every file of a folder.
func sums(t *testing.T, dir string) map[string]string {
	t.Helper()
	m := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		h := sha256.Sum256(b)
		rel, err := filepath.Rel(dir, path)
		m[rel] = hex.EncodeToString(h[:])
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestSameSeedSameBytes(t *testing.T) {
	c := Config{Persons: 300, Years: 3, Seed: 5}
	dir, _ := population(t, c)
	first := sums(t, dir)
	before := runtime.GOMAXPROCS(1)
	again, _ := population(t, c)
	runtime.GOMAXPROCS(8)
	parallel, _ := population(t, c)
	runtime.GOMAXPROCS(before)
	if !maps.Equal(first, sums(t, again)) || !maps.Equal(first, sums(t, parallel)) {
		t.Error("one seed gives different bytes")
	}
	c.Seed++
	other, _ := population(t, c)
	for name, sum := range sums(t, other) {
		if sum == first[name] && strings.Contains(name, "ER_PRS_F") {
			t.Errorf("%s is the same for two seeds", name)
		}
	}
}

// Fields and hospitals are written beside everything else, which they do not
// change, but for the lists that they add to.
func TestFieldsChangeNothingElse(t *testing.T) {
	c := Config{Persons: 300, Years: 3, Seed: 5}
	dir, _ := population(t, c)
	c.Fields, c.Hospitals = SSR|HAD|RIMP, 2
	with, _ := population(t, c)
	beside := sums(t, with)
	added := []string{"truth/ambiguous.csv.gz", "truth/hospital_link.csv.gz", "truth/rules.csv", "truth/summary.json"}
	for name, sum := range sums(t, dir) {
		if beside[name] != sum && !slices.Contains(added, name) {
			t.Errorf("%s differs", name)
		}
	}
	again, _ := population(t, c)
	if !maps.Equal(beside, sums(t, again)) {
		t.Error("one seed gives different bytes")
	}
	for _, words := range []string{"mco", "mco,ssr,had,rimp", "had, rimp"} {
		if _, err := ParseFields(words); err != nil {
			t.Error(err)
		}
	}
	if _, err := ParseFields("mco,usld"); galien.KindOf(err) != galien.Invalid {
		t.Errorf("a field that is none: %v", err)
	}
}

// Pieces of a file are compressed side by side, and stay in order.
func TestPiecesKeepTheirOrder(t *testing.T) {
	before := runtime.GOMAXPROCS(8)
	defer runtime.GOMAXPROCS(before)
	dir := t.TempDir()
	out, err := newFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	const rows = 200_000
	var tables []*table
	for i := range 3 {
		tables = append(tables, out.open("truth/t"+string(rune('0'+i)), columns("n mixed"), 2021))
	}
	for n := range rows {
		for i, table := range tables {
			mixed := 0
			if n/7000%2 == 0 { // hard to compress, and therefore slow
				mixed = n * 7919 * (i + 1) % 1_000_003
			}
			table.int(n).int(mixed).end()
		}
	}
	if err := out.close(); err != nil {
		t.Fatal(err)
	}
	for i := range tables {
		read := readTable(t, filepath.Join(dir, "truth", "t"+string(rune('0'+i))+".csv.gz"))
		if len(read) != rows {
			t.Fatalf("%d rows of %d", len(read), rows)
		}
		for n, r := range read {
			if number(r["n"]) != n {
				t.Fatalf("row %d is row %s", n, r["n"])
			}
		}
	}
}

// No two lines share nine keys, which openExtraction fails on, and every detail
// row has its line but those of rule D19.
func TestDetailsHaveTheirLine(t *testing.T) {
	dir, _ := population(t, Config{Persons: 800, Years: 2, Seed: 11})
	x := openExtraction(t, dir)
	orphans, details := 0, 0
	for _, table := range []string{"PHA", "UCD", "CAM", "BIO", "TIP", "ETE"} {
		for _, r := range x.files("DCIR/ER_" + table + "_F_*") {
			details++
			line, ok := x.lines[r.key()]
			if !ok {
				orphans++
				continue
			}
			if line["ORG_CLE_NEW"] != r["ORG_CLE_NEW"] {
				t.Fatalf("a row of ER_%s_F and its line name two organisms", table)
			}
		}
	}
	told := 0
	for _, r := range readTable(t, filepath.Join(dir, "truth", "rules.csv")) {
		if strings.HasPrefix(r["rule"], "D19") {
			told = number(r["raw_rows_affected"])
		}
	}
	if orphans != told || told == 0 || details < 1000 {
		t.Errorf("%d detail rows of %d without a line; rules.csv tells %d", orphans, details, told)
	}
}

// Keys with fewer than nine columns join wrongly: DCT_ORD_NUM restarts.
func TestBillNumbersRestart(t *testing.T) {
	dir, _ := population(t, Config{Persons: 200, Years: 1, Seed: 2})
	seen := map[string]int{}
	x := openExtraction(t, dir)
	for _, r := range x.lines {
		seen[r["DCT_ORD_NUM"]+" "+r["PRS_ORD_NUM"]]++
	}
	if len(seen) == len(x.lines) {
		t.Error("the number of the bill alone is enough")
	}
}

// Every column of a file is one of its table in the published schema, for the
// file's year.
func TestColumnsAreOfTheSchema(t *testing.T) {
	schema := filepath.Join(refdata.Dir(t, "snds-schema"), "schemas")
	dir, _ := population(t, Config{Persons: 60, Years: MaxYears, Seed: 1})
	type field struct {
		Name        string `json:"name"`
		DateCreated string `json:"dateCreated"`
		DateDeleted string `json:"dateDeleted"`
	}
	tables := map[string]map[string]field{}
	err := filepath.WalkDir(schema, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var s struct {
			Fields []field `json:"fields"`
		}
		if err := json.Unmarshal(b, &s); err != nil {
			return err
		}
		columns := map[string]field{}
		for _, f := range s.Fields {
			columns[f.Name] = f
		}
		tables[strings.TrimSuffix(filepath.Base(path), ".json")] = columns
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	files, _ := filepath.Glob(filepath.Join(dir, "input", "snds", "*", "*.csv.gz"))
	for _, file := range files {
		base := strings.TrimSuffix(filepath.Base(file), ".csv.gz")
		name, year := base, "2021"
		switch {
		case strings.HasPrefix(base, "ER_"):
			name, year = base[:8], base[9:13]
		case strings.HasPrefix(base, "T_MCO"):
			name, year = "T_MCOaa"+base[7:], "20"+base[5:7]
		case base == "IR_BEN_R_ARC":
			name = "IR_BEN_R"
		case base == "IR_VAC_F" || base == "IR_PHA_R":
			continue // not in the schema
		}
		columns, ok := tables[name]
		if !ok {
			t.Errorf("%s: no table %s in the schema", base, name)
			continue
		}
		for _, c := range readHeader(t, file) {
			f, ok := columns[c]
			checked++
			switch {
			case !ok:
				t.Errorf("%s: no column %s", base, c)
			case f.DateCreated != "" && len(f.DateCreated) >= 4 && f.DateCreated[:4] > year, len(f.DateDeleted) >= 4 && f.DateDeleted[:4] <= year:
				t.Errorf("%s: column %s exists from %q to %q", base, c, f.DateCreated, f.DateDeleted)
			}
		}
	}
	if checked < 1000 {
		t.Errorf("only %d columns checked", checked)
	}
}

// The truth has the files and columns that the reference data's judge reads.
func TestTruthHasTheJudgesColumns(t *testing.T) {
	reference := filepath.Join(refdata.Dir(t, "snds-truth-small"), "truth")
	dir, _ := population(t, Config{Persons: 40, Years: 1, Seed: 1})
	names, _ := filepath.Glob(filepath.Join(reference, "*.csv.gz"))
	if len(names) < 10 {
		t.Fatalf("%d files of truth to compare with", len(names))
	}
	for _, n := range names {
		want, got := readHeader(t, n), readHeader(t, filepath.Join(dir, "truth", filepath.Base(n)))
		if !slices.Equal(got, want) {
			t.Errorf("%s: columns %v, want %v", filepath.Base(n), got, want)
		}
	}
	top := func(dir, file string) []string {
		b, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			t.Fatal(err)
		}
		var m map[string]json.RawMessage
		if err := json.Unmarshal(b, &m); err != nil {
			t.Fatal(err)
		}
		return slices.Sorted(maps.Keys(m))
	}
	if got, want := top(filepath.Join(dir, "truth"), "effects.json"), top(reference, "effects.json"); !slices.Equal(got, want) {
		t.Errorf("effects.json: %v, want %v", got, want)
	}
	head := func(dir string) string {
		b, err := os.ReadFile(filepath.Join(dir, "rules.csv"))
		if err != nil {
			t.Fatal(err)
		}
		line, _, _ := strings.Cut(string(b), "\n")
		return line
	}
	if got, want := head(filepath.Join(dir, "truth")), head(reference); got != want {
		t.Errorf("rules.csv: %q, want %q", got, want)
	}
}

// Long codes end in the check digit of EAN-13, worked out by hand for one:
// 3+4*3+0+0+9*3... = 3400999100014 has digits 3,4,0,0,9,9,9,1,0,0,0,1 and the
// sum 3+12+0+0+9+27+9+3+0+0+0+3 = 66, so the digit is 4.
func TestCheckDigit(t *testing.T) {
	if got := cip13(9_910_001); got != "3400999100014" {
		t.Errorf("long code %s", got)
	}
	for _, f := range newFormulary().all {
		if f.cip13 != longOf(string(appendPadded(nil, f.cip7, 7))) {
			t.Errorf("long code %s", f.cip13)
		}
	}
}

// Each scheme writes a commune overseas in its own way; the README of the
// reference data gives the three forms.
func TestAddresses(t *testing.T) {
	at := func(commune string) int {
		return slices.IndexFunc(places, func(p place) bool { return p.commune == commune })
	}
	for _, c := range []struct {
		scheme                        int
		commune, department, com, org string
	}{
		{general, "97209", "097", "209", "01C972000"},
		{farmers, "97209", "972", "209", "02A972000"},
		{selfEmployed, "97209", "972", "009", "03A972000"},
		{general, "2A004", "209", "004", "01C201000"},
		{mutual, "2B033", "209", "033", "91A202000"},
		{general, "13055", "013", "055", "01C013000"},
	} {
		d, com := address(c.scheme, at(c.commune))
		if org := organism(c.scheme, at(c.commune)); d != c.department || com != c.com || org != c.org {
			t.Errorf("%s under scheme %d: %s %s %s", c.commune, c.scheme, d, com, org)
		}
	}
}

func TestRefusals(t *testing.T) {
	full := t.TempDir()
	if err := os.WriteFile(filepath.Join(full, "x"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		dir  string
		c    Config
		kind galien.Kind
	}{
		{full, Config{Persons: 1}, galien.Conflict},
		{filepath.Join(full, "a"), Config{Persons: -1}, galien.Invalid},
		{filepath.Join(full, "b"), Config{Persons: MaxPersons + 1}, galien.Invalid},
		{filepath.Join(full, "c"), Config{Years: MaxYears + 1}, galien.Invalid},
	} {
		if _, err := Write(context.Background(), c.dir, c.c, nil); galien.KindOf(err) != c.kind {
			t.Errorf("%+v: %v", c.c, err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Write(ctx, filepath.Join(full, "d"), Config{Persons: 100}, nil); err == nil {
		t.Error("a cancelled run ended well")
	}
}

// A large population takes no more memory than a small one, and shows the
// planted effect: five times the myocarditis on the days after the second dose,
// and none after the first.
func TestLargePopulation(t *testing.T) {
	peak := func(persons int) (top uint64, dir string) {
		dir = filepath.Join(t.TempDir(), "out")
		_, err := Write(context.Background(), dir, Config{Persons: persons, Years: 1, Seed: 4}, func(done, _ int) {
			if done%1024 == 0 {
				runtime.GC()
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				top = max(top, m.HeapAlloc)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		return top, dir
	}
	few, _ := peak(2000)
	many, dir := peak(20_000)
	t.Logf("2,000 persons: %.1f MiB; 20,000 persons: %.1f MiB", float64(few)/(1<<20), float64(many)/(1<<20))
	// Every file holds at most one piece back; 2,000 persons do not fill them.
	if limit := few + 400*chunk; many > limit {
		t.Errorf("20,000 persons take %d bytes, over %d", many, limit)
	}

	// The doses and the stays, from the truth; the days from the persons.
	born, sex, died := map[string]string{}, map[string]string{}, map[string]string{}
	for _, r := range readTable(t, filepath.Join(dir, "truth", "persons.csv.gz")) {
		born[r["person_id"]], sex[r["person_id"]], died[r["person_id"]] = r["birth_year"], r["sex"], r["death_date"]
	}
	doses := map[string][2]string{}
	for _, r := range readTable(t, filepath.Join(dir, "truth", "vaccinations.csv.gz")) {
		// Born in these years, a man is 12 to 29 during all of 2021.
		if who := r["person_id"]; r["source"] == "IR_VAC_F" && sex[who] == "1" && born[who] >= "1992" && born[who] <= "2008" && died[who] == "" {
			d := doses[who]
			d[number(r["dose"])-1] = r["date"]
			doses[who] = d
		}
	}
	var events, days [2][2]int // by dose; outside, at risk
	ill := map[string][]string{}
	for _, r := range readTable(t, filepath.Join(dir, "truth", "stays.csv.gz")) {
		if r["planted"] == "myo" && r["year"] == "2021" {
			ill[r["person_id"]] = append(ill[r["person_id"]], r["entry"])
		}
	}
	for who, given := range doses {
		for dose, day := range given {
			if day == "" || addDays(day, 7) > "2021-12-31" {
				continue
			}
			days[dose][0] += 365 - 7
			days[dose][1] += 7
			for _, entry := range ill[who] {
				if entry > day && entry <= addDays(day, 7) {
					events[dose][1]++
				} else {
					events[dose][0]++
				}
			}
		}
	}
	for dose, want := range []float64{1, 5} {
		e, d := events[dose], days[dose]
		ratio := float64(e[1]) / float64(d[1]) / (float64(e[0]) / float64(d[0]))
		// The logarithm of a ratio of rates has this standard error.
		se := math.Sqrt(1/float64(max(1, e[0])) + 1/float64(max(1, e[1])))
		t.Logf("dose %d: %d events in %d days at risk, %d in %d others: %.2f", dose+1, e[1], d[1], e[0], d[0], ratio)
		if off := math.Abs(math.Log(ratio / want)); off > 1.96*se || e[0] < 50 {
			t.Errorf("dose %d: a ratio of %.2f, not of about %.0f", dose+1, ratio, want)
		}
	}
}

func BenchmarkWrite(b *testing.B) {
	const persons = 4000
	var rows, size int64
	for b.Loop() {
		s, err := Write(context.Background(), filepath.Join(b.TempDir(), "out"), Config{Persons: persons, Years: 3, Seed: 1}, nil)
		if err != nil {
			b.Fatal(err)
		}
		rows, size = s.RawRows(), s.Bytes()
	}
	b.SetBytes(size)
	each := float64(b.N) / b.Elapsed().Seconds()
	b.ReportMetric(persons*each, "persons/s")
	b.ReportMetric(float64(rows)*each, "rows/s")
}
