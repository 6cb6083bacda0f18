package oracle_test

import (
	"testing"

	"galien/engine/enginetest"
)

// The oracle itself is judged by Circe.
func TestCirce(t *testing.T) {
	run, err := enginetest.Oracle(t)(enginetest.CirceTables(t))
	if err != nil {
		t.Fatal(err)
	}
	enginetest.Circe(t, enginetest.Library, run)
	enginetest.Circe(t, enginetest.Generated, run)
}
