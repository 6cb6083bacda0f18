package duckdb_test

import (
	"testing"

	"galien/engine/enginetest"
	"galien/lake"
)

// Random definitions over hostile data have the oracle's answers.
func TestDifferential(t *testing.T) {
	enginetest.Differential(t, 1, 500, open(t))
}

// The manual's examples.
func TestCases(t *testing.T) {
	enginetest.Cases(t, open(t))
}

// Circe's own test cases.
func TestCirceFixtures(t *testing.T) {
	enginetest.CirceFixtures(t, open(t))
}

// Permits hide the same from both engines, and tables are the same.
func TestScopes(t *testing.T) {
	enginetest.Scopes(t, 1, 100, func(tables enginetest.Tables) (*lake.Snapshot, enginetest.Engine, error) {
		snap := newSnapshot(t, tables)
		return snap, newEngine(t, snap), nil
	})
}

// What the vocabulary cannot resolve is refused.
func TestWithoutVocabulary(t *testing.T) {
	enginetest.WithoutVocabulary(t, func(tables enginetest.Tables) (*lake.Snapshot, enginetest.Engine, error) {
		snap := newSnapshot(t, tables)
		return snap, newEngine(t, snap), nil
	})
}
