package oracle_test

import (
	"context"
	"testing"

	"galien/cohort"
	"galien/engine/enginetest"
	"galien/engine/oracle"
)

// The oracle itself is judged by Circe.
func TestCirce(t *testing.T) {
	data, err := oracle.NewData(enginetest.CirceTables(t))
	if err != nil {
		t.Fatal(err)
	}
	run := func(ctx context.Context, def *cohort.Definition) ([]cohort.Row, cohort.Summary, error) {
		return oracle.Ask(ctx, data, def)
	}
	enginetest.Circe(t, enginetest.Library, run)
	enginetest.Circe(t, enginetest.Generated, run)
}
