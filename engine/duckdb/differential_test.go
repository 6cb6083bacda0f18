package duckdb_test

import (
	"testing"

	"galien/engine/enginetest"
)

// Random definitions over hostile data have the oracle's answers.
func TestDifferential(t *testing.T) {
	enginetest.Differential(t, 1, 500, open(t))
}
