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

// Circe's own test cases, with the rows that its authors expect.
func TestCirceFixtures(t *testing.T) {
	enginetest.CirceFixtures(t, enginetest.Oracle(t))
}

// The manual's examples.
func TestCases(t *testing.T) {
	enginetest.Cases(t, enginetest.Oracle(t))
}

// What Circe cannot run is refused before the engine is asked.
func TestCirceRejects(t *testing.T) {
	enginetest.CirceRejects(t)
}
