package pmsi

import (
	"testing"

	"galien/source/mappingtest"
)

// TestMappingExamples runs every example beside the mapping.
func TestMappingExamples(t *testing.T) { mappingtest.Run(t, "mapping/examples", "", mapped(), mapping) }
