package writer

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/parquet/file"

	"galien"
	"galien/cdm"
	"galien/lake"
	"galien/lake/duck"
)

// Several row groups, with columns that the engine encodes each in its own
// way, read back by the pure Go reader value by value.
func TestEveryEncodingIsRead(t *testing.T) {
	const n = 150_000
	r := rand.New(rand.NewPCG(7, 8))
	tb := table(t, "measurement")
	rows := make([][]any, n)
	for i := range rows {
		values := map[string]any{
			"measurement_id":              int64(i),                          // many different integers
			"person_id":                   int64(1 + i/10),                   //
			"measurement_concept_id":      int64(3000000 + i%7),              // few different integers
			"measurement_date":            galien.Date(-25567 + i%100_000),   // many different dates
			"measurement_datetime":        time.UnixMicro(r.Int64()).UTC(),   //
			"value_as_number":             r.Float64(),                       // many different numbers
			"range_low":                   float64(i % 3),                    // few different numbers
			"measurement_source_value":    fmt.Sprintf("%x", r.Uint64()),     // many different texts
			"unit_source_value":           []string{"mg/dL", "g/L", ""}[i%3], // few different texts
			"value_source_value":          strings.Repeat("é", r.IntN(40)),   //
			"measurement_event_id":        nil,                               // nothing
			"meas_event_field_concept_id": int64(-1) << 40,                   // one value
		}
		if i%3 == 0 {
			values["provider_id"] = r.Int64() - r.Int64()
		}
		if i == n-1 {
			values["visit_occurrence_id"] = int64(5) // one value after many nulls
		}
		rows[i] = row(t, tb, values)
	}
	s, _ := commit(t, newLake(t), duck.Config{}, map[string][][]any{"measurement": rows})
	if got := read(t, s, "measurement"); !equalRows(got, rows) {
		t.Errorf("%d rows came back from %d, or other values", len(got), n)
	}

	for _, r := range rows {
		r[slices.IndexFunc(tb.Columns, func(c cdm.Column) bool { return c.Name == "measurement_datetime" })] = nil
	}
	if got := byColumns(t, s, "measurement"); !equalRows(got, rows) {
		t.Errorf("by columns %d rows came back from %d, or other values", len(got), n)
	}

	// The test holds only if the engine did use the encodings.
	seen := map[string]bool{}
	for _, order := range []lake.Order{lake.ByConcept, lake.ByPerson} {
		path, _ := s.Files("measurement", order, 0)[0].Paths()
		f, err := file.OpenParquetFile(path, false)
		if err != nil {
			t.Fatal(err)
		}
		if f.NumRowGroups() < 2 {
			t.Errorf("%d row groups", f.NumRowGroups())
		}
		for g := range f.NumRowGroups() {
			for c := range f.MetaData().Schema.NumColumns() {
				chunk, err := f.MetaData().RowGroup(g).ColumnChunk(c)
				if err != nil {
					t.Fatal(err)
				}
				for _, e := range chunk.Encodings() {
					seen[e.String()] = true
				}
				seen[chunk.Compression().String()] = true
			}
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{"RLE_DICTIONARY", "DELTA_BINARY_PACKED", "DELTA_LENGTH_BYTE_ARRAY", "BYTE_STREAM_SPLIT", "ZSTD"} {
		if !seen[want] {
			t.Errorf("no column in %s; there are %v", want, slices.Collect(maps.Keys(seen)))
		}
	}
}
