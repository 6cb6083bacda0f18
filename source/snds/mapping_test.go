package snds

import (
	"testing"

	"galien/source/mappingtest"
)

// TestMappingExamples runs every example beside the mapping.
func TestMappingExamples(t *testing.T) {
	words, err := script("cleaning/00-macros.sql", nil)
	if err != nil {
		t.Fatal(err)
	}
	mappingtest.Run(t, "mapping/examples", words, mapped(), mapping)
}
