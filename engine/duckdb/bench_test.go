package duckdb_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"galien/cdm"
	"galien/cohort"
	"galien/engine/duckdb"
	"galien/lake"
	"galien/lake/duck"
	"galien/lake/writer"
	"galien/permit"
)

// benchMemory is what the engine may use in the benchmarks.
const benchMemory = "1536MiB"

// benchPersons is the size of the benchmark's population: GALIEN_BENCH_PERSONS,
// or 100,000. Each person has 200 events.
func benchPersons() int {
	if n, err := strconv.Atoi(os.Getenv("GALIEN_BENCH_PERSONS")); err == nil && n > 0 {
		return n
	}
	return 100_000
}

// benchTables are the queries that make a population of n persons: 80
// conditions, 70 exposures and 50 measurements each, over ten years, of
// concepts whose frequency falls as a power of their rank.
func benchTables(n int) map[string]string {
	event := func(prefix, id, start string, each, salt int, extra string) string {
		return fmt.Sprintf(`SELECT p * %[4]d + k AS %[2]s, p + 1 AS person_id,
 CAST(floor(pow(hash(p, k, %[5]d) %% 1000000 / 1000000.0, 3) * 5000) AS BIGINT) + 1000 AS %[1]s_concept_id,
 DATE '2012-01-01' + CAST(hash(p, k, %[5]d + 1) %% 3650 AS INTEGER) AS %[3]s, 0 AS %[1]s_type_concept_id%[6]s
FROM range(%[7]d) a(p), range(%[4]d) b(k)`, prefix, id, start, each, salt, extra, n)
	}
	return map[string]string{
		"person": fmt.Sprintf(`SELECT p + 1 AS person_id, CASE WHEN hash(p) %% 2 = 0 THEN 8507 ELSE 8532 END AS gender_concept_id,
 1930 + CAST(hash(p, 1) %% 80 AS BIGINT) AS year_of_birth, 0 AS race_concept_id, 0 AS ethnicity_concept_id FROM range(%d) a(p)`, n),
		"observation_period": fmt.Sprintf(`SELECT p + 1 AS observation_period_id, p + 1 AS person_id, DATE '2012-01-01' + CAST(hash(p, 2) %% 700 AS INTEGER) AS observation_period_start_date,
 DATE '2021-12-31' - CAST(hash(p, 3) %% 700 AS INTEGER) AS observation_period_end_date, 0 AS period_type_concept_id FROM range(%d) a(p)`, n),
		"condition_occurrence": event("condition", "condition_occurrence_id", "condition_start_date", 80, 10, ""),
		"drug_exposure":        event("drug", "drug_exposure_id", "drug_exposure_start_date", 70, 20, ", 30 AS days_supply"),
		"measurement":          event("measurement", "measurement_id", "measurement_date", 50, 30, ", (hash(p, k) % 1000) / 10.0 AS value_as_number"),
		"concept":              "SELECT c + 1000 AS concept_id, 'concept ' || c AS concept_name FROM range(5000) a(c)",
	}
}

// TestBenchData makes the benchmark's snapshot in GALIEN_BENCH_DIR. It runs as a
// process of its own, so that making the data does not count as memory of
// answering.
func TestBenchData(t *testing.T) {
	dir := os.Getenv("GALIEN_BENCH_DIR")
	if dir == "" {
		t.Skip("made by the benchmarks")
	}
	l, err := lake.Create(dir)
	must(t, err)
	w, err := writer.Open(t.Context(), l, duck.Config{})
	must(t, err)
	defer w.Close()
	for name, query := range benchTables(benchPersons()) {
		table, _ := cdm.Lookup(name)
		must(t, w.StageQuery(t.Context(), table, query))
	}
	_, _, err = w.Commit(t.Context(), writer.Meta{Now: time.Unix(0, 0)})
	must(t, err)
}

// benchSnapshot makes the data once for all benchmarks of a run.
func benchSnapshot(b *testing.B) *lake.Snapshot {
	b.Helper()
	dir := filepath.Join(os.TempDir(), fmt.Sprintf("galien-bench-%d-%d", os.Getpid(), benchPersons()))
	if _, err := os.Stat(dir); err != nil {
		began := time.Now()
		c := exec.Command(os.Args[0], "-test.run=^TestBenchData$")
		c.Env = append(os.Environ(), "GALIEN_BENCH_DIR="+dir)
		if out, err := c.CombinedOutput(); err != nil {
			b.Fatalf("make the data: %v\n%s", err, out)
		}
		b.Logf("%d persons, %d events made and committed in %s", benchPersons(), benchPersons()*200, time.Since(began).Round(time.Second))
		benchDirs = append(benchDirs, dir)
	}
	l, err := lake.Open(dir)
	must(b, err)
	s, err := l.Current()
	must(b, err)
	return s
}

var benchDirs []string

func TestMain(m *testing.M) {
	code := m.Run()
	for _, d := range benchDirs {
		_ = os.RemoveAll(d)
	}
	os.Exit(code)
}

// question is a definition and the query that a person would write for it.
type question struct {
	name, definition, byHand string
}

func criterion(domain string, codeset int) string {
	return fmt.Sprintf(`{"%s":{"CodesetId":%d}}`, domain, codeset)
}

func questions() []question {
	set := func(id int, concepts ...int) string {
		var items []string
		for _, c := range concepts {
			items = append(items, fmt.Sprintf(`{"concept":{"CONCEPT_ID":%d}}`, c))
		}
		return fmt.Sprintf(`{"id":%d,"expression":{"items":[%s]}}`, id, strings.Join(items, ","))
	}
	many := make([]int, 200)
	for i := range many {
		many[i] = 1500 + 7*i
	}
	base := `{"ConceptSets":[%s],"PrimaryCriteria":{"CriteriaList":[%s],"ObservationWindow":{"PriorDays":%d,"PostDays":0},"PrimaryCriteriaLimit":{"Type":"%s"}},
"QualifiedLimit":{"Type":"First"},"ExpressionLimit":{"Type":"%s"},"InclusionRules":[%s],"EndStrategy":{"DateOffset":{"DateField":"StartDate","Offset":0}},"CollapseSettings":{"CollapseType":"ERA","EraPad":0}}`
	rule := func(name, criterion string, from, to, occurrence, count int) string {
		bound := func(d int) string {
			if d < 0 {
				return fmt.Sprintf(`{"Days":%d,"Coeff":-1}`, -d)
			}
			return fmt.Sprintf(`{"Days":%d,"Coeff":1}`, d)
		}
		return fmt.Sprintf(`{"name":"%s","expression":{"Type":"ALL","CriteriaList":[{"Criteria":%s,"StartWindow":{"Start":%s,"End":%s},"Occurrence":{"Type":%d,"Count":%d}}]}}`,
			name, criterion, bound(from), bound(to), occurrence, count)
	}
	return []question{
		{"persons with any of 200 concepts", fmt.Sprintf(base, set(0, many...), criterion("ConditionOccurrence", 0), 0, "First", "First", ""),
			`SELECT c.person_id, min(c.condition_start_date) AS s, s FROM condition_occurrence c
JOIN observation_period o ON o.person_id = c.person_id AND c.condition_start_date BETWEEN o.observation_period_start_date AND o.observation_period_end_date
WHERE c.condition_concept_id IN (` + strings.Trim(strings.Join(strings.Fields(fmt.Sprint(many)), ","), "[]") + `) GROUP BY c.person_id ORDER BY 1`},
		{"first X with a year before, Y within 30 days, no Z in the year before",
			fmt.Sprintf(base, strings.Join([]string{set(0, 1030, 1031, 1032), set(1, 1001, 1002, 1003, 1004), set(2, 1500, 1501)}, ","), criterion("ConditionOccurrence", 0), 365, "First", "First",
				rule("Y after", criterion("DrugExposure", 1), 0, 30, 2, 1)+","+rule("no Z before", criterion("Measurement", 2), -365, -1, 0, 0)),
			`WITH x AS (SELECT c.person_id, min(c.condition_start_date) AS s, min(o.observation_period_start_date) AS os, min(o.observation_period_end_date) AS oe FROM condition_occurrence c
JOIN observation_period o ON o.person_id = c.person_id AND c.condition_start_date BETWEEN o.observation_period_start_date + 365 AND o.observation_period_end_date
WHERE c.condition_concept_id IN (1030,1031,1032) GROUP BY c.person_id)
SELECT person_id, s, s FROM x WHERE EXISTS (SELECT 1 FROM drug_exposure d WHERE d.drug_concept_id IN (1001,1002,1003,1004) AND d.person_id = x.person_id
 AND d.drug_exposure_start_date BETWEEN x.s AND x.s + 30 AND d.drug_exposure_start_date BETWEEN x.os AND x.oe)
AND NOT EXISTS (SELECT 1 FROM measurement m WHERE m.measurement_concept_id IN (1500,1501) AND m.person_id = x.person_id
 AND m.measurement_date BETWEEN x.s - 365 AND x.s - 1 AND m.measurement_date BETWEEN x.os AND x.oe) ORDER BY 1`},
		{"eras of a common drug in persons of 40 and over", strings.Replace(strings.Replace(
			fmt.Sprintf(base, set(0, 1000), `{"DrugExposure":{"CodesetId":0,"Age":{"Value":40,"Op":"gte"}}}`, 0, "All", "All", ""), `"Offset":0`, `"Offset":30`, 1), `"EraPad":0`, `"EraPad":30`, 1),
			`WITH x AS (SELECT d.person_id, d.drug_exposure_start_date AS s, least(d.drug_exposure_start_date + 30, o.observation_period_end_date) AS e
FROM drug_exposure d JOIN person p ON p.person_id = d.person_id
JOIN observation_period o ON o.person_id = d.person_id AND d.drug_exposure_start_date BETWEEN o.observation_period_start_date AND o.observation_period_end_date
WHERE d.drug_concept_id IN (1000) AND year(d.drug_exposure_start_date) - p.year_of_birth >= 40),
y AS (SELECT *, CASE WHEN s <= 30 + max(e) OVER (PARTITION BY person_id ORDER BY s, e ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) THEN 0 ELSE 1 END AS fresh FROM x),
z AS (SELECT *, sum(fresh) OVER (PARTITION BY person_id ORDER BY s, e, fresh DESC ROWS UNBOUNDED PRECEDING) AS era FROM y)
SELECT person_id, min(s), max(e) FROM z GROUP BY person_id, era ORDER BY 1, 2`},
	}
}

// BenchmarkCohort runs each question through the engine and by hand, in turn,
// on the same files, and reports the ratio of the two, warm.
func BenchmarkCohort(b *testing.B) {
	snap := benchSnapshot(b)
	for _, q := range questions() {
		b.Run(strings.ReplaceAll(q.name, " ", "_"), func(b *testing.B) {
			ctx := context.Background()
			config := duck.Config{MemoryLimit: benchMemory, TempDir: b.TempDir()}
			e, err := duckdb.New(ctx, snap, config)
			must(b, err)
			defer e.Close()
			def := read(b, q.definition)
			p := allow(b, steward, permit.RunCohort, snap, def)
			db, err := duck.Open(ctx, config)
			must(b, err)
			defer db.Close()
			for _, t := range snap.Manifest.Tables {
				model, _ := cdm.Lookup(t.Name)
				var parts []lake.Part
				for _, bucket := range append(snap.Buckets(), lake.NoBucket) {
					for _, part := range snap.Files(t.Name, lake.ByConcept, bucket) {
						if !slices.Contains(parts, part) {
							parts = append(parts, part)
						}
					}
				}
				_, err := db.ExecContext(ctx, "CREATE VIEW "+t.Name+" AS SELECT * FROM "+duck.Table(model, parts))
				must(b, err)
			}
			var engine, hand time.Duration
			var rows, byHand int64
			ask := func() {
				began := time.Now()
				s, err := e.Cohort(ctx, p, def, func(cohort.Row) error { return nil })
				must(b, err)
				engine += time.Since(began)
				rows = s.Rows
				began = time.Now()
				byHand = 0
				answer, err := db.QueryContext(ctx, q.byHand)
				must(b, err)
				for answer.Next() {
					var person int64
					var start, end time.Time
					must(b, answer.Scan(&person, &start, &end))
					byHand++
				}
				must(b, errors.Join(answer.Err(), answer.Close()))
				hand += time.Since(began)
			}
			ask()
			if rows != byHand {
				b.Fatalf("engine %d rows, by hand %d", rows, byHand)
			}
			engine, hand = 0, 0
			n := 0
			for b.Loop() {
				ask()
				n++
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(engine.Seconds()*1000/float64(n), "engine-ms")
			b.ReportMetric(hand.Seconds()*1000/float64(n), "byhand-ms")
			b.ReportMetric(engine.Seconds()/hand.Seconds(), "ratio")
			b.ReportMetric(float64(rows), "rows")
			b.ReportMetric(peakMiB(), "peak-MiB")
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
