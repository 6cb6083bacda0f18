package duckdb_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/bits"
	"os"
	"path/filepath"
	"testing"

	"github.com/apache/arrow-go/v18/parquet/file"

	"galien"
	"galien/engine/duckdb"
	"galien/engine/enginetest"
	"galien/lake/duck"
	"galien/permit"
)

// spreadIDs makes ids that are spread as a permit's are: over what is below 2^52,
// and over all other numbers for an id that is not.
type spreadIDs struct{}

func (spreadIDs) Person(p galien.PersonID) int64 { return spreadIDs{}.Row("person", int64(p)) }

func (spreadIDs) Row(table string, id int64) int64 {
	const small = 1 << 52
	const odd = 0x9E3779B97F4A7C15 // so that its products, cut to 52 bits, are all different
	if id > 0 && id < small {
		return int64(uint64(id) * odd % small)
	}
	for x := uint64(id); ; {
		if x = bits.RotateLeft64(x*odd, 32); int64(x) <= 0 || int64(x) >= small {
			return int64(x)
		}
	}
}

// everyone is a definition of every period of observation.
const everyone = `{"ConceptSets":[],"PrimaryCriteria":{"CriteriaList":[{"ObservationPeriod":{}}],"ObservationWindow":{"PriorDays":0,"PostDays":0},"PrimaryCriteriaLimit":{"Type":"All"}},
"QualifiedLimit":{"Type":"All"},"ExpressionLimit":{"Type":"All"},"CollapseSettings":{"CollapseType":"ERA","EraPad":0}}`

// spreadTables is the reference data with its persons in twelve buckets, three
// spans of them, and some events with ids that are no positive number of 52 bits.
func spreadTables(t testing.TB) enginetest.Tables {
	const apart = 1000
	spread := enginetest.Tables{}
	for name, rows := range enginetest.CirceTables(t) {
		for i, r := range rows {
			moved := maps.Clone(r)
			if id, ok := r["person_id"].(int64); ok {
				moved["person_id"] = id * apart
			}
			if id, ok := r["entity_id"].(int64); ok && r["domain_id"] == "PERSON" {
				moved["entity_id"] = id * apart
			}
			if id, ok := r["drug_exposure_id"].(int64); ok && i%3 > 0 {
				moved["drug_exposure_id"] = []int64{0, -id, math.MaxInt64 - id}[i%3]
			}
			spread[name] = append(spread[name], moved)
		}
	}
	return spread
}

// An extract that is sorted part by part is the one that is sorted at once: the
// same text, and as Parquet the same rows at the same places.
func TestExtractInParts(t *testing.T) {
	snap := newSnapshot(t, spreadTables(t))
	def := read(t, everyone)
	p := allow(t, steward, permit.Extract, snap, def)
	extract := func(c duck.Config, format duckdb.Format, partBytes int64) (string, duckdb.Extracted) {
		e, err := duckdb.New(t.Context(), snap, c)
		must(t, err)
		defer e.Close()
		if partBytes > 0 {
			e.SetPartBytes(partBytes)
		}
		last := [2]int64{}
		e.Progress = func(done, total int64) {
			if done <= last[0] || done > total {
				t.Errorf("progress goes from %d to %d of %d", last[0], done, total)
			}
			last = [2]int64{done, total}
		}
		dir := t.TempDir()
		out, err := e.Extract(t.Context(), p, def, 7, spreadIDs{}, format, dir)
		must(t, err)
		if c.TempDir != "" {
			if left, err := filepath.Glob(filepath.Join(c.TempDir, "extract-*")); err != nil || len(left) > 0 {
				t.Errorf("left behind: %v, %v", left, err)
			}
		}
		return dir, out
	}
	temp := filepath.Join(t.TempDir(), "temp")
	whole, want := extract(duck.Config{}, duckdb.CSV, 0)
	cut, got := extract(duck.Config{Threads: 2, TempDir: temp}, duckdb.CSV, 1<<20)
	if fmt.Sprint(got) != fmt.Sprint(want) || want.Persons == 0 {
		t.Errorf("%d persons and %v, want %d and %v", got.Persons, got.Tables, want.Persons, want.Tables)
	}
	most := int64(0)
	for _, table := range want.Tables {
		a, err := os.ReadFile(filepath.Join(whole, table.File))
		must(t, err)
		b, err := os.ReadFile(filepath.Join(cut, table.File))
		must(t, err)
		if !bytes.Equal(a, b) {
			t.Errorf("%s differs: %d bytes and %d", table.File, len(b), len(a))
		}
		most = max(most, table.Rows)
	}
	wholeParquet, _ := extract(duck.Config{}, duckdb.Parquet, 0)
	cutParquet, _ := extract(duck.Config{Threads: 2, TempDir: temp}, duckdb.Parquet, 1<<20)
	again, _ := extract(duck.Config{Threads: 1, MemoryLimit: "200MiB", TempDir: temp}, duckdb.Parquet, 1<<20)
	db, err := duck.Open(t.Context(), duck.Config{})
	must(t, err)
	defer db.Close()
	several := 0
	for _, table := range want.Tables {
		name := table.Table + ".parquet"
		rows := func(dir string) string {
			return "(SELECT * FROM read_parquet(" + duck.Quote(filepath.Join(dir, name)) + ", file_row_number = true))"
		}
		var differ int64
		must(t, db.QueryRowContext(t.Context(), fmt.Sprintf("SELECT count(*) FROM ((FROM %[1]s EXCEPT ALL FROM %[2]s) UNION ALL (FROM %[2]s EXCEPT ALL FROM %[1]s))",
			rows(wholeParquet), rows(cutParquet))).Scan(&differ))
		if differ != 0 {
			t.Errorf("%s: %d rows differ", name, differ)
		}
		a, err := os.ReadFile(filepath.Join(cutParquet, name))
		must(t, err)
		b, err := os.ReadFile(filepath.Join(again, name))
		must(t, err)
		if !bytes.Equal(a, b) {
			t.Errorf("%s: another number of threads and another memory give other bytes", name)
		}
		r, err := file.NewParquetReader(bytes.NewReader(a))
		must(t, err)
		if r.NumRows() != table.Rows {
			t.Errorf("%s: the footer tells of %d rows, want %d", name, r.NumRows(), table.Rows)
		}
		if r.NumRowGroups() > 1 {
			several++
		}
	}
	if several < 3 || most < 10_000 {
		t.Errorf("%d files have several parts, and the largest table %d rows; the test needs more", several, most)
	}
}

// What a joined file says of its row groups is true: a reader that leaves out by it
// what cannot match finds each row.
func TestJoinedFileIsFoundIn(t *testing.T) {
	snap := newSnapshot(t, small())
	def := read(t, nsaid)
	e, err := duckdb.New(t.Context(), snap, duck.Config{TempDir: t.TempDir()})
	must(t, err)
	defer e.Close()
	e.SetPartBytes(1)
	dir := t.TempDir()
	_, err = e.Extract(t.Context(), allow(t, steward, permit.Extract, snap, def), def, 7, spreadIDs{}, duckdb.Parquet, dir)
	must(t, err)
	db, err := duck.Open(t.Context(), duck.Config{})
	must(t, err)
	defer db.Close()
	for id, start := range map[int64]string{1: "2020-03-05", 2: "2021-03-06", 3: "2020-08-09", 4: "2021-12-30"} {
		var found string
		must(t, db.QueryRowContext(t.Context(), fmt.Sprintf("SELECT string_agg(CAST(drug_exposure_start_date AS VARCHAR)) FROM read_parquet(%s) WHERE drug_exposure_id = %d",
			duck.Quote(filepath.Join(dir, "drug_exposure.parquet")), spreadIDs{}.Row("drug_exposure", id))).Scan(&found))
		if found != start {
			t.Errorf("exposure %d: %s, want %s", id, found, start)
		}
	}
}

// An extract that is stopped, wherever it is, leaves nothing in the workspace.
func TestExtractStopped(t *testing.T) {
	snap := newSnapshot(t, spreadTables(t))
	def := read(t, everyone)
	p := allow(t, steward, permit.Extract, snap, def)
	temp := filepath.Join(t.TempDir(), "temp")
	for _, at := range []int64{3, 7, 20} {
		e, err := duckdb.New(t.Context(), snap, duck.Config{TempDir: temp})
		must(t, err)
		e.SetPartBytes(1 << 20)
		ctx, cancel := context.WithCancel(t.Context())
		e.Progress = func(done, _ int64) {
			if done == at {
				cancel()
			}
		}
		_, err = e.Extract(ctx, p, def, 7, spreadIDs{}, duckdb.Parquet, t.TempDir())
		if !errors.Is(err, context.Canceled) {
			t.Errorf("stopped at step %d: %v", at, err)
		}
		if left, err := filepath.Glob(filepath.Join(temp, "*")); err != nil || len(left) > 0 {
			t.Errorf("stopped at step %d, left behind: %v, %v", at, left, err)
		}
		cancel()
		must(t, e.Close())
	}
}
