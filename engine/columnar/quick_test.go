package columnar_test

import (
	"bytes"
	"os"
	"runtime/pprof"
	"testing"
	"time"

	"galien/cohort"
	"galien/cohort/circe"
	"galien/engine/columnar"
	"galien/engine/enginetest"
	"galien/lake"
	"galien/permit"
)

func TestQuick(t *testing.T) {
	l, err := lake.Open(os.Getenv("LAKE"))
	must(t, err)
	snap, err := l.Current()
	must(t, err)
	desk := enginetest.NewDesk(t, enginetest.Everything)
	var qs []columnar.Question
	for _, a := range enginetest.CirceAnswers(t, enginetest.Library) {
		def, err := circe.Read(bytes.NewReader(a.JSON))
		must(t, err)
		p, err := desk.Allow(t.Context(), permit.RunCohort, snap.ID, def)
		must(t, err)
		qs = append(qs, columnar.Question{p, def})
	}
	if f := os.Getenv("PROF"); f != "" {
		w, _ := os.Create(f)
		pprof.StartCPUProfile(w)
		defer pprof.StopCPUProfile()
	}
	e := newEngine(t, snap, columnar.Config{Memory: 3 << 30})
	began := time.Now()
	var rows int64
	must(t, e.Cohorts(t.Context(), qs, func(int, cohort.Row) error { rows++; return nil }, func(i int, s cohort.Summary, err error) error {
		return err
	}))
	t.Log(time.Since(began), rows, peakMiB())
}
