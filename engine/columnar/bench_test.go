package columnar_test

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"galien/cdm"
	"galien/cohort"
	"galien/cohort/circe"
	"galien/engine/columnar"
	"galien/engine/duckdb"
	"galien/engine/enginetest"
	"galien/lake"
	"galien/lake/duck"
	"galien/permit"
)

// benchMemory is what the process may take in the benchmarks, as --memory says
// it to the command.
const benchMemory = 3 << 30

// benchEngine opens the engine as the command does.
func benchEngine(b *testing.B, snap *lake.Snapshot) *columnar.Engine {
	b.Helper()
	debug.SetMemoryLimit(benchMemory)
	debug.FreeOSMemory()
	// The peak is counted from here on, where the system can.
	_ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0)
	return newEngine(b, snap, columnar.Config{Memory: benchMemory})
}

// circeSeconds is what Circe's own SQL takes for the library on 100 replicas of
// the reference data, in DuckDB on a machine of two cores: the figure of the
// README of the reference data (circe-oracle).
const circeSeconds = 153.6

// asked is a definition of the library with its permission.
type asked struct {
	id   int
	rows int64 // that Circe gives for one replica
	columnar.Question
}

// library returns every definition of the phenotype library, permitted.
func library(b *testing.B, snapshot string) []asked {
	b.Helper()
	desk := enginetest.NewDesk(b, enginetest.Everything)
	var list []asked
	for _, a := range enginetest.CirceAnswers(b, enginetest.Library) {
		def, err := circe.Read(bytes.NewReader(a.JSON))
		must(b, err)
		list = append(list, asked{a.ID, int64(len(a.Rows)), permitted(b, desk, snapshot, def)})
	}
	return list
}

func permitted(b *testing.B, desk *enginetest.Desk, snapshot string, def *cohort.Definition) columnar.Question {
	b.Helper()
	p, err := desk.Allow(b.Context(), permit.RunCohort, snapshot, def)
	must(b, err)
	return columnar.Question{Permitted: p, Definition: def}
}

// calibration is three plain queries over a lake's files, for comparing
// machines: a filtered count, a window over persons, a join by person.
var calibration = []struct{ name, query string }{
	{"persons with a condition in a tenth of the concepts", `SELECT count(DISTINCT person_id) FROM %condition_occurrence% WHERE condition_concept_id % 10 = 0`},
	{"first exposure of each person and drug", `SELECT count(*) FROM (SELECT person_id, drug_concept_id, row_number() OVER (PARTITION BY person_id, drug_concept_id ORDER BY drug_exposure_start_date, drug_exposure_id) AS n FROM %drug_exposure%) WHERE n = 1`},
	{"measurements under observation", `SELECT count(*) FROM %measurement% m JOIN %observation_period% o ON o.person_id = m.person_id AND m.measurement_date BETWEEN o.observation_period_start_date AND o.observation_period_end_date`},
}

// calibrate times the three queries, warm, and prints them.
func calibrate(b *testing.B, snap *lake.Snapshot) {
	b.Helper()
	db, err := duck.Open(b.Context(), duck.Config{MemoryLimit: "2GiB", TempDir: b.TempDir()})
	must(b, err)
	defer db.Close()
	for _, c := range calibration {
		query := c.query
		for _, t := range snap.Manifest.Tables {
			model, _ := cdm.Lookup(t.Name)
			var parts []lake.Part
			for _, bucket := range snap.Buckets() {
				parts = append(parts, snap.Files(t.Name, lake.ByConcept, bucket)...)
			}
			query = strings.ReplaceAll(query, "%"+t.Name+"%", duck.Table(model, parts))
		}
		var n int64
		var took time.Duration
		for range 2 {
			began := time.Now()
			must(b, db.QueryRowContext(b.Context(), query).Scan(&n))
			took = time.Since(began)
		}
		fmt.Printf("# calibration: %-52s %6.0f ms\n", c.name, took.Seconds()*1000)
	}
}

// BenchmarkLibrary runs the whole phenotype library over 100 replicas of the
// reference data, 300,000 persons, with nothing kept from before, and compares
// it with the same by the SQL engine, and with what Circe's SQL took elsewhere.
func BenchmarkLibrary(b *testing.B) {
	data := benchData{100, 1, 0}
	snap := data.snapshot(b)
	calibrate(b, snap)
	list := library(b, snap.ID)
	questions := make([]columnar.Question, len(list))
	for i, a := range list {
		questions[i] = a.Question
	}
	b.Run("together", func(b *testing.B) {
		var took time.Duration
		var rows int64
		n := 0
		for b.Loop() {
			e := benchEngine(b, snap)
			rows = 0
			began := time.Now()
			must(b, e.Cohorts(b.Context(), questions, func(int, cohort.Row) error { rows++; return nil },
				func(i int, s cohort.Summary, err error) error {
					if err == nil && s.Rows != int64(data.replicas)*list[i].rows {
						return fmt.Errorf("cohort %d: %d rows, not %d times %d", list[i].id, s.Rows, data.replicas, list[i].rows)
					}
					return err
				}))
			took += time.Since(began)
			n++
		}
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(took.Seconds()/float64(n), "s")
		b.ReportMetric(circeSeconds/(took.Seconds()/float64(n)), "times-circe")
		b.ReportMetric(float64(rows), "rows")
		b.ReportMetric(peakMiB(), "peak-MiB")
	})
	b.Run("one_by_one", func(b *testing.B) { oneByOne(b, benchEngine(b, snap), list) })
	b.Run("sql_engine", func(b *testing.B) {
		e, err := duckdb.New(b.Context(), snap, duck.Config{MemoryLimit: "2GiB", TempDir: b.TempDir()})
		must(b, err)
		defer e.Close()
		oneByOne(b, e, list)
	})
}

// oneByOne asks every definition alone, and reports how long they take.
func oneByOne(b *testing.B, e enginetest.Engine, list []asked) {
	b.Helper()
	var each []time.Duration
	for b.Loop() {
		each = each[:0]
		for _, a := range list {
			began := time.Now()
			_, err := e.Cohort(b.Context(), a.Permitted, a.Definition, func(cohort.Row) error { return nil })
			must(b, err)
			each = append(each, time.Since(began))
		}
	}
	report(b, each)
}

// report reports a sum, a median, a 95th percentile and a maximum.
func report(b *testing.B, each []time.Duration) {
	b.Helper()
	slices.Sort(each)
	var sum time.Duration
	for _, d := range each {
		sum += d
	}
	ms := func(d time.Duration) float64 { return d.Seconds() * 1000 }
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(sum.Seconds(), "s")
	b.ReportMetric(ms(each[len(each)/2]), "median-ms")
	b.ReportMetric(ms(each[len(each)*95/100]), "p95-ms")
	b.ReportMetric(ms(each[len(each)-1]), "max-ms")
	b.ReportMetric(peakMiB(), "peak-MiB")
}

// BenchmarkMillion asks the library, one definition after the other, of a
// million persons with 200 million events, and then changed definitions again.
func BenchmarkMillion(b *testing.B) {
	snap := benchData{334, 1, 102}.snapshot(b)
	var events int64
	for _, t := range snap.Manifest.Tables {
		events += t.Rows
	}
	fmt.Printf("# %d persons, %d rows\n", snap.Manifest.Persons, events)
	calibrate(b, snap)
	list := library(b, snap.ID)
	b.Run("one_by_one", func(b *testing.B) { oneByOne(b, benchEngine(b, snap), list) })
	for _, change := range edits {
		b.Run("edit_"+change.name, func(b *testing.B) {
			e := benchEngine(b, snap)
			desk := enginetest.NewDesk(b, enginetest.Everything)
			var each []time.Duration
			for b.Loop() {
				each = each[:0]
				for i := 0; i < len(list); i += 10 {
					def := edited(list[i].Definition, change.apply)
					if def == nil {
						continue
					}
					q := permitted(b, desk, snap.ID, def)
					for _, q := range []columnar.Question{list[i].Question, q} {
						began := time.Now()
						_, err := e.Cohort(b.Context(), q.Permitted, q.Definition, func(cohort.Row) error { return nil })
						must(b, err)
						if q.Definition == def {
							each = append(each, time.Since(began))
						}
					}
				}
			}
			report(b, each)
		})
	}
}

// edits are what one changes of an inclusion rule while editing.
var edits = []struct {
	name  string
	apply func(def *cohort.Definition, c *cohort.Correlated)
}{
	{"window", func(_ *cohort.Definition, c *cohort.Correlated) {
		c.StartWindow.Start = cohort.Bound{Before: true, Days: -77}
	}},
	{"count", func(_ *cohort.Definition, c *cohort.Correlated) { c.Occurrence, c.Count = cohort.NoLessThan, c.Count+2 }},
	{"concepts", func(def *cohort.Definition, c *cohort.Correlated) {
		// The criterion looks for the entry's concepts in place of its own.
		if c.Criterion.Codeset != nil {
			c.Criterion.Codeset = &def.ConceptSets[0].ID
		}
		c.Criterion.First = !c.Criterion.First && !c.Criterion.Domain.NoFirst
	}},
}

// edited returns a copy of a definition with the first correlated criterion of
// an inclusion rule changed, nil for one without any.
func edited(def *cohort.Definition, apply func(*cohort.Definition, *cohort.Correlated)) *cohort.Definition {
	copied := *def
	copied.Rules = slices.Clone(def.Rules)
	for i := range copied.Rules {
		g := &copied.Rules[i].Group
		if len(g.Correlated) == 0 {
			continue
		}
		g.Correlated = slices.Clone(g.Correlated)
		apply(&copied, &g.Correlated[0])
		return &copied
	}
	return nil
}

// BenchmarkGrowth asks every fifth definition of the library of 0.1, 1 and 10
// million persons with a tenth of their events, and reports how the cost grows:
// a slope of 1 is in proportion.
func BenchmarkGrowth(b *testing.B) {
	for _, replicas := range []int{34, 334, 3334} {
		data := benchData{replicas, 10, 0}
		b.Run(fmt.Sprintf("%d_persons", data.persons()), func(b *testing.B) {
			snap := data.snapshot(b)
			var list []asked
			for i, a := range library(b, snap.ID) {
				if i%5 == 0 {
					list = append(list, a)
				}
			}
			runtime.GC()
			oneByOne(b, benchEngine(b, snap), list)
		})
	}
}

// peakMiB is the process's peak resident memory; 0 where it cannot be told.
func peakMiB() float64 {
	f, err := os.Open("/proc/self/status")
	if err != nil {
		return 0
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		var kib float64
		if n, _ := fmt.Sscanf(s.Text(), "VmHWM: %f kB", &kib); n == 1 {
			return kib / 1024
		}
	}
	return 0
}
