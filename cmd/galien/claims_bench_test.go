package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"galien/cdm"
	"galien/lake"
	"galien/lake/duck"
)

// benchClass is the drug class of the extract: paracetamol, the commonest of the
// synthetic population.
const benchClass = "N02BE01"

// BenchmarkClaims takes in an invented extraction of GALIEN_BENCH_PERSONS
// persons and three years (GALIEN_BENCH=snds; GALIEN_BENCH_KEEP names a folder
// where the extraction stays): all months but the last, then the last alone, each
// a process of its own, beside DuckDB merely reading the same files, sorting each
// table and writing it as Parquet. Then every dispensing of a drug class is
// extracted, with its persons.
func BenchmarkClaims(b *testing.B) {
	if os.Getenv("GALIEN_BENCH") != "snds" {
		b.Skip("runs with make bench-snds")
	}
	persons := 100_000
	if n, err := strconv.Atoi(os.Getenv("GALIEN_BENCH_PERSONS")); err == nil && n > 0 {
		persons = n
	}
	dir := b.TempDir()
	kept := dir
	if k := os.Getenv("GALIEN_BENCH_KEEP"); k != "" {
		kept = k
	}
	extraction := filepath.Join(kept, fmt.Sprintf("extraction-%d", persons))
	if _, err := os.Stat(extraction); err != nil {
		spent := timed(b, "synth", "snds", "--persons", fmt.Sprint(persons), "--years", "3", "--seed", "1", "--out", extraction)
		b.ReportMetric(float64(persons)/spent.seconds, "invented-persons/s")
	}
	files, err := filepath.Glob(filepath.Join(extraction, "input", "snds", "*", "*.csv.gz"))
	if err != nil || len(files) == 0 {
		b.Fatalf("%d files, %v", len(files), err)
	}
	most, month := filepath.Join(dir, "most"), filepath.Join(dir, "month")
	for _, d := range []string{most, month} {
		if err := os.Mkdir(d, 0o700); err != nil {
			b.Fatal(err)
		}
	}
	var first []string
	for _, f := range files {
		to := most
		if strings.Contains(f, "_202111.") { // the last month with all of its lines
			to = month
		} else {
			first = append(first, f)
		}
		if err := os.Symlink(f, filepath.Join(to, filepath.Base(f))); err != nil {
			b.Fatal(err)
		}
	}

	for b.Loop() {
		hub := filepath.Join(b.TempDir(), "hub")
		timed(b, "init", hub)
		all := timed(b, "ingest", hub, "snds", most, "--json")
		one := timed(b, "ingest", hub, "snds", month, "--json")
		// Last, since a process counts what the one that starts it had in memory.
		base, lines := baseline(b, first)
		b.ReportMetric(float64(all.rows)/all.seconds, "lines/s")
		b.ReportMetric(all.seconds/base.seconds, "of-reading-and-sorting")
		b.ReportMetric(all.peak, "GiB-peak")
		b.ReportMetric(one.seconds, "month-s")
		b.ReportMetric((one.seconds/float64(one.rows))/(all.seconds/float64(all.rows)), "month-line-cost")
		fmt.Printf("# %d persons, %d lines (%d counted by DuckDB): %.1f s, %.1f GiB; DuckDB reads, sorts and writes them in %.1f s\n",
			persons, all.rows, lines, all.seconds, all.peak, base.seconds)
		fmt.Printf("# the last month, %d lines: %.1f s, %.1f GiB\n", one.rows, one.seconds, one.peak)
		drugs(b, hub)
	}
}

// spent is what a process took and said.
type spent struct {
	seconds float64
	peak    float64 // GiB
	rows    int64
	out     string
}

// timed runs a command of Galien as a process.
func timed(b *testing.B, args ...string) (s spent) {
	b.Helper()
	cmd := process(b, args...)
	var said bytes.Buffer
	cmd.Stderr = &said
	began := time.Now()
	out, err := cmd.Output()
	s.seconds, s.out = time.Since(began).Seconds(), string(out)
	if err != nil {
		b.Fatalf("galien %s: %v\n%s", strings.Join(args, " "), err, said.Bytes())
	}
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		s.peak = float64(usage.Maxrss) / (1 << 20)
	}
	if slices.Contains(args, "--json") {
		var report struct {
			Read int64 `json:"rows_read"`
		}
		if err := json.Unmarshal(out, &report); err != nil {
			b.Fatal(err)
		}
		s.rows = report.Read
	}
	return s
}

var tableOf = regexp.MustCompile(`^(.*?)(?:_[0-9]{4}(?:[0-9]{2})?)?\.csv\.gz$`)

// baseline has the engine read the files as text, sort each table by its first
// columns and write it.
func baseline(b *testing.B, files []string) (s spent, lines int64) {
	b.Helper()
	dir := b.TempDir()
	db, err := duck.Open(b.Context(), duck.Config{File: filepath.Join(dir, "base.duckdb"), TempDir: filepath.Join(dir, "spill"), MemoryLimit: claimsMemory})
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	tables := map[string][]string{}
	for _, f := range files {
		name := tableOf.FindStringSubmatch(filepath.Base(f))[1]
		name = regexp.MustCompile(`^T_MCO[0-9]{2}`).ReplaceAllString(name, "T_MCO")
		tables[name] = append(tables[name], duck.Quote(f))
	}
	began := time.Now()
	for name, list := range tables {
		from := "read_csv([" + strings.Join(list, ", ") + "], delim = ';', header = true, all_varchar = true, union_by_name = true)"
		res, err := db.ExecContext(b.Context(), "COPY (SELECT * FROM "+from+" ORDER BY 1, 2, 3) TO "+duck.Quote(filepath.Join(dir, name+".parquet"))+
			" (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 3)")
		if err != nil {
			b.Fatal(err)
		}
		n, err := res.RowsAffected()
		if err != nil {
			b.Fatal(err)
		}
		lines += n
	}
	return spent{seconds: time.Since(began).Seconds()}, lines
}

// drugs extracts every dispensing of a class.
func drugs(b *testing.B, hub string) {
	b.Helper()
	l, err := lake.Open(filepath.Join(hub, "lake"))
	if err != nil {
		b.Fatal(err)
	}
	snap, err := l.Current()
	if err != nil {
		b.Fatal(err)
	}
	var concept int64
	err = snap.Read(b.Context(), "concept", []string{"concept_id", "vocabulary_id", "concept_code"}, func(row []any) error {
		if row[1] == "SNDS ATC" && row[2] == benchClass {
			concept = row[0].(int64)
		}
		return nil
	})
	if err != nil || concept == 0 {
		b.Fatalf("no concept of %s: %v", benchClass, err)
	}
	table, _ := snap.Table("drug_exposure")
	permit := strings.TrimSpace(timed(b, "permit", "grant", hub, examplePermit("steward")).out)
	definition := filepath.Join(b.TempDir(), "1.json")
	text := fmt.Sprintf(`{"ConceptSets":[{"id":0,"name":"class","expression":{"items":[{"concept":{"CONCEPT_ID":%d},"includeDescendants":true}]}}],
		"PrimaryCriteria":{"CriteriaList":[{"DrugExposure":{"CodesetId":0}}],"ObservationWindow":{"PriorDays":0,"PostDays":0},"PrimaryCriteriaLimit":{"Type":"All"}},
		"QualifiedLimit":{"Type":"All"},"ExpressionLimit":{"Type":"All"},"InclusionRules":[],"CensoringCriteria":[],"CollapseSettings":{"CollapseType":"ERA","EraPad":0},"CensorWindow":{}}`, concept)
	if err := os.WriteFile(definition, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	s := timed(b, "cohort", "run", hub, "--permit", permit, definition, "--out", filepath.Join(b.TempDir(), "cohort"))
	x := timed(b, "extract", hub, "--permit", permit, "--cohort", definition, "--out", filepath.Join(b.TempDir(), "extract"))
	// The steward's permit grants every table of persons, and each is scanned.
	var scanned int64
	for _, held := range snap.Manifest.Tables {
		if t, _ := cdm.Lookup(held.Name); t.HasPerson() {
			scanned += held.Rows
		}
	}
	b.ReportMetric(float64(table.Rows)/s.seconds, "dispensings/s")
	b.ReportMetric(float64(scanned)/x.seconds, "extract-lines/s")
	b.ReportMetric(x.peak, "extract-GiB-peak")
	fmt.Printf("# dispensings of %s among %d: the cohort in %.2f s\n", benchClass, table.Rows, s.seconds)
	fmt.Printf("# every permitted row of its persons: %d lines scanned in %.1f s, %.0f lines a second, %.1f GiB\n%s",
		scanned, x.seconds, float64(scanned)/x.seconds, x.peak, x.out)
}
