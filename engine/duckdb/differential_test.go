package duckdb_test

import (
	"os"
	"slices"
	"testing"

	"galien/engine/enginetest"
	"galien/lake"
)

// Random definitions over hostile data have the oracle's answers. Each takes a
// tenth of a second here: a fixed sample, of two sets of tables, is asked, and
// any number by `make differential`.
func TestDifferential(t *testing.T) {
	enginetest.Differential(t, 1, 100, open(t))
}

// Every part of the model changes some answer. Those of single domains, which
// are columns in the SQL (sqlplan's TestEveryPartHasSQL), take minutes and are
// left to `make differential`.
func TestEffects(t *testing.T) {
	parts := enginetest.Parts()
	if os.Getenv("GALIEN_EFFECTS") != "all" {
		parts = slices.DeleteFunc(parts, enginetest.OfDomain)
	}
	enginetest.Effects(t, open(t), parts)
}

// The manual's examples.
func TestCases(t *testing.T) {
	enginetest.Cases(t, open(t))
}

// Circe's own test cases.
func TestCirceFixtures(t *testing.T) {
	enginetest.CirceFixtures(t, open(t))
}

// Permits hide the same from both engines, and tables are the same. Each takes a
// third of a second here: a fixed sample, of four sets of tables, is asked, and any
// number by `make differential`. Of what a permit may hide (days, areas, concepts
// and their descendants) each is hidden in several of them.
func TestScopes(t *testing.T) {
	enginetest.Scopes(t, 1, 40, func(tables enginetest.Tables) (*lake.Snapshot, enginetest.Engine, error) {
		snap := newSnapshot(t, tables)
		return snap, newEngine(t, snap), nil
	})
}

// Persons who oppose are not there, and come back.
func TestOppositions(t *testing.T) {
	enginetest.Oppositions(t, 1, 5, func(tables enginetest.Tables) (*lake.Snapshot, enginetest.Engine, error) {
		snap := newSnapshot(t, tables)
		return snap, newEngine(t, snap), nil
	})
}

// Only residents of the permit's areas are there.
func TestAreas(t *testing.T) {
	enginetest.Areas(t, 1, 5, func(tables enginetest.Tables) (*lake.Snapshot, enginetest.Engine, error) {
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

// What Circe cannot run is refused before the engine is asked.
func TestCirceRejects(t *testing.T) {
	enginetest.CirceRejects(t)
}
