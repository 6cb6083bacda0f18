package writer

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"galien"
	"galien/lake"
	"galien/lake/duck"
)

// conditions is a query of n conditions of a million persons.
func conditions(n int) string {
	return fmt.Sprintf(`SELECT i AS condition_occurrence_id, 1 + (hash(i) %% 1000000)::BIGINT AS person_id, (hash(i, 1) %% 500)::BIGINT AS condition_concept_id,
		DATE '2010-01-01' + (hash(i, 2) %% 4000)::INT AS condition_start_date, DATE '2010-01-09' + (hash(i, 2) %% 4000)::INT AS condition_end_date,
		32020 AS condition_type_concept_id, 'code ' || (hash(i, 3) %% 700) AS condition_source_value, (hash(i, 4) %% 1000000000)::BIGINT AS visit_occurrence_id
		FROM range(%d) t(i)`, n)
}

// BenchmarkAppend measures the staging of rows of 16 columns from Go.
func BenchmarkAppend(b *testing.B) {
	tb := table(b, "condition_occurrence")
	s, err := open(b, newLake(b), duck.Config{}).Stage(tb)
	if err != nil {
		b.Fatal(err)
	}
	r := row(b, tb, map[string]any{"person_id": int64(1), "condition_concept_id": int64(201826), "condition_start_date": galien.Date(0),
		"condition_end_date": galien.Date(9), "condition_type_concept_id": int64(32020), "condition_source_value": "E11.9", "visit_occurrence_id": int64(77)})
	for b.Loop() {
		r[0] = int64(b.N)
		if err := s.Append(1, r); err != nil {
			b.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

// BenchmarkCommit measures the staging by SQL and the commit of four million
// rows, each written twice, in a gibibyte of memory.
func BenchmarkCommit(b *testing.B) {
	const n = 4_000_000
	for b.Loop() {
		l, err := lake.Create(filepath.Join(b.TempDir(), "lake"))
		if err != nil {
			b.Fatal(err)
		}
		w := open(b, l, duck.Config{MemoryLimit: "1GiB"})
		if err := w.StageQuery(b.Context(), table(b, "condition_occurrence"), conditions(n)); err != nil {
			b.Fatal(err)
		}
		if _, _, err := w.Commit(b.Context(), Meta{Now: when}); err != nil {
			b.Fatal(err)
		}
		if err := w.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "rows/s")
}

// BenchmarkChange measures what a month costs a table of three years: a 36th of
// four million rows is added, and a tenth as many leave. It reports the time,
// and how many times the staging and commit of the whole table take as long in
// the same run.
func BenchmarkChange(b *testing.B) {
	const n, month = 4_000_000, 4_000_000 / 36
	tb := table(b, "condition_occurrence")
	var whole, changed time.Duration
	for b.Loop() {
		l, err := lake.Create(filepath.Join(b.TempDir(), "lake"))
		if err != nil {
			b.Fatal(err)
		}
		timed := func(stage func(w *Writer) error) time.Duration {
			began := time.Now()
			w := open(b, l, duck.Config{MemoryLimit: "1GiB"})
			if err := stage(w); err != nil {
				b.Fatal(err)
			}
			if _, _, err := w.Commit(b.Context(), Meta{Now: when}); err != nil {
				b.Fatal(err)
			}
			if err := w.Close(); err != nil {
				b.Fatal(err)
			}
			return time.Since(began)
		}
		whole += timed(func(w *Writer) error { return w.StageQuery(b.Context(), tb, conditions(n)) })
		changed += timed(func(w *Writer) error {
			return w.StageChange(b.Context(), tb,
				fmt.Sprintf("SELECT * REPLACE (condition_occurrence_id + %d AS condition_occurrence_id) FROM (%s)", n, conditions(month)),
				fmt.Sprintf("SELECT person_id, condition_occurrence_id FROM (%s) WHERE condition_occurrence_id %% 360 = 0", conditions(n)))
		})
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(changed.Seconds()/float64(b.N), "s")
	b.ReportMetric(whole.Seconds()/changed.Seconds(), "times-cheaper")
}

// BenchmarkRead measures the reading of three columns by the pure Go reader.
func BenchmarkRead(b *testing.B) {
	const n = 2_000_000
	w := open(b, newLake(b), duck.Config{})
	if err := w.StageQuery(b.Context(), table(b, "condition_occurrence"), conditions(n)); err != nil {
		b.Fatal(err)
	}
	s, _, err := w.Commit(b.Context(), Meta{Now: when})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		err := s.Read(b.Context(), "condition_occurrence", []string{"person_id", "condition_concept_id", "condition_start_date"}, func([]any) error { return nil })
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "rows/s")
}
