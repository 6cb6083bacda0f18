package columnar_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"galien/cdm"
	"galien/lake"
	"galien/lake/duck"
	"galien/lake/writer"
	"galien/refdata"
)

// The reference data has 3,000 persons and ids of events below 1,000,000.
const (
	replicaPersons = 3000
	replicaIDs     = 1_000_000
)

// replicated are the columns that differ between the replicas of a person, and
// by how much; the links of a person's rows to one another are among them, the
// providers, care sites and locations are shared.
var replicated = map[string]int64{
	"person_id": replicaPersons, "entity_id": replicaPersons, "visit_occurrence_id": replicaIDs, "visit_detail_id": replicaIDs,
	"preceding_visit_occurrence_id": replicaIDs, "parent_visit_detail_id": replicaIDs, "preceding_visit_detail_id": replicaIDs,
}

// replica returns the query of a reference table, each person n times.
func replica(t cdm.Table, file string, n int) string {
	types := make([]string, 0, len(t.Columns))
	for _, c := range t.Columns {
		types = append(types, duck.Quote(c.Name)+": "+duck.Quote(map[cdm.Type]string{
			cdm.Integer: "BIGINT", cdm.Float: "DOUBLE", cdm.Date: "DATE", cdm.Datetime: "TIMESTAMP", cdm.Text: "VARCHAR"}[c.Type]))
	}
	from := "read_csv(" + duck.Quote(file) + ", header = true, auto_detect = false, delim = ',', quote = '\"', nullstr = '', columns = {" + strings.Join(types, ", ") + "})"
	if _, person := t.Column("person_id"); !person && t.Name != "location_history" {
		return "SELECT * FROM " + from
	}
	var replace []string
	for _, c := range t.Columns {
		by, ok := replicated[c.Name]
		if !ok && c.Name == t.PrimaryKey() {
			by, ok = replicaIDs, true
		}
		switch {
		case c.Identity:
			replace = append(replace, "NULL AS "+duck.Ident(c.Name))
		case ok:
			replace = append(replace, fmt.Sprintf("%[1]s + r * %[2]d AS %[1]s", duck.Ident(c.Name), by))
		}
	}
	return fmt.Sprintf("SELECT * EXCLUDE (r) REPLACE (%s) FROM %s, range(%d) n(r)", strings.Join(replace, ", "), from, n)
}

// benchData is the data of a benchmark: the reference persons, each a number
// of times, one in `of` of their events (1: all), and `more` events of concepts
// of their own for each person.
type benchData struct{ replicas, of, more int }

func (d benchData) persons() int { return d.replicas * replicaPersons }

// thinned are the tables of which only some rows are kept.
var thinned = []string{"condition_era", "condition_occurrence", "device_exposure", "dose_era", "drug_era", "drug_exposure", "measurement",
	"observation", "procedure_occurrence", "specimen", "visit_detail", "visit_occurrence", "payer_plan_period"}

// added are the tables that get more events, each a third.
var added = map[string]string{
	"condition_occurrence": "SELECT %[1]s AS condition_occurrence_id, %[2]s AS person_id, %[3]s AS condition_concept_id, %[4]s AS condition_start_date, 0 AS condition_type_concept_id",
	"drug_exposure":        "SELECT %[1]s AS drug_exposure_id, %[2]s AS person_id, %[3]s AS drug_concept_id, %[4]s AS drug_exposure_start_date, 0 AS drug_type_concept_id, 30 AS days_supply",
	"measurement":          "SELECT %[1]s AS measurement_id, %[2]s AS person_id, %[3]s AS measurement_concept_id, %[4]s AS measurement_date, 0 AS measurement_type_concept_id",
}

// commit makes a lake of the data.
func (d benchData) commit(t testing.TB, dir string) {
	t.Helper()
	data := filepath.Join(refdata.Dir(t, "circe-oracle"), "data")
	l, err := lake.Create(dir)
	must(t, err)
	w, err := writer.Open(t.Context(), l, duck.Config{MemoryLimit: "8GiB"})
	must(t, err)
	defer w.Close()
	for _, table := range cdm.Tables() {
		file := filepath.Join(data, table.Name+".csv.gz")
		if _, err := os.Stat(file); err != nil {
			continue
		}
		query := replica(table, file, d.replicas)
		if d.of > 1 && slices.Contains(thinned, table.Name) {
			query += fmt.Sprintf(" WHERE hash(%s, r) %% %d = 0", duck.Ident(table.PrimaryKey()), d.of)
		}
		if more, ok := added[table.Name]; ok && d.more > 0 {
			query += "\nUNION ALL BY NAME " + fmt.Sprintf(more, fmt.Sprintf("10000000000 + p * %d + k", d.more), "p + 1",
				"CAST(floor(pow(hash(p, k, 1) % 1000000 / 1000000.0, 3) * 5000) AS BIGINT) + 2100000000", "DATE '2008-01-01' + CAST(hash(p, k, 2) % 5000 AS INTEGER)") +
				fmt.Sprintf(" FROM range(%d) a(p), range(%d) b(k)", d.persons(), d.more/len(added))
		}
		must(t, w.StageQuery(t.Context(), table, query))
	}
	_, _, err = w.Commit(t.Context(), writer.Meta{Now: time.Unix(0, 0)})
	must(t, err)
}

// TestBenchData makes a benchmark's lake in GALIEN_BENCH_DIR. It runs as a
// process of its own, so that making the data does not count as memory of
// answering.
func TestBenchData(t *testing.T) {
	dir := os.Getenv("GALIEN_BENCH_DIR")
	if dir == "" {
		t.Skip("made by the benchmarks")
	}
	var d benchData
	_, err := fmt.Sscan(os.Getenv("GALIEN_BENCH_DATA"), &d.replicas, &d.of, &d.more)
	must(t, err)
	d.commit(t, dir)
}

var benchDirs []string

func TestMain(m *testing.M) {
	code := m.Run()
	for _, d := range benchDirs {
		_ = os.RemoveAll(d)
	}
	os.Exit(code)
}

// snapshot makes the data once for all benchmarks of a run or, where
// GALIEN_BENCH_KEEP names a folder, for all runs.
func (d benchData) snapshot(b *testing.B) *lake.Snapshot {
	b.Helper()
	if os.Getenv("GALIEN_BENCH") != "circe" {
		b.Skip("make bench-circe runs this")
	}
	dir := filepath.Join(os.TempDir(), fmt.Sprintf("galien-circe-%d", os.Getpid()))
	if kept := os.Getenv("GALIEN_BENCH_KEEP"); kept != "" {
		dir = kept
	} else if !slices.Contains(benchDirs, dir) {
		benchDirs = append(benchDirs, dir)
	}
	dir = filepath.Join(dir, fmt.Sprintf("%d-%d-%d", d.replicas, d.of, d.more))
	if _, err := os.Stat(dir); err != nil {
		began := time.Now()
		c := exec.Command(os.Args[0], "-test.run=^TestBenchData$", "-test.timeout=0")
		c.Env = append(os.Environ(), "GALIEN_BENCH_DIR="+dir+".new", fmt.Sprintf("GALIEN_BENCH_DATA=%d %d %d", d.replicas, d.of, d.more))
		if out, err := c.CombinedOutput(); err != nil {
			b.Fatalf("make the data: %v\n%s", err, out)
		}
		must(b, os.Rename(dir+".new", dir))
		fmt.Printf("# %d persons made and committed in %s\n", d.persons(), time.Since(began).Round(time.Second))
	}
	l, err := lake.Open(dir)
	must(b, err)
	s, err := l.Current()
	must(b, err)
	return s
}
