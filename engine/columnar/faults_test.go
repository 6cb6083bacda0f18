package columnar_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"galien/cohort"
	"galien/engine/columnar"
	"galien/engine/enginetest"
	"galien/permit"
)

// A context that is over ends the questions with its error, be the tasks begun
// or not: names this long keep the caller busy until they have ended.
func TestEndedContext(t *testing.T) {
	snap := newSnapshot(t, enginetest.Hostile(2))
	def := enginetest.RandomDefinition(1)
	def.Rules = nil
	for range cohort.MaxRules {
		def.Rules = append(def.Rules, cohort.Rule{Name: strings.Repeat("x", 1<<16)})
	}
	p, err := enginetest.NewDesk(t, enginetest.Everything).Allow(t.Context(), permit.RunCohort, snap.ID, def)
	must(t, err)
	e := newEngine(t, snap, columnar.Config{Threads: 2})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 50 {
		if _, err := e.Cohort(ctx, p, def, func(cohort.Row) error { return nil }); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
}
