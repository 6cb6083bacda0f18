package lake

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"galien"
)

// testdata/format1 was written by the first version of the format, with DuckDB
// 1.5.5, and every later version must read it. The values are those that were
// staged.
func TestFormat1IsRead(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "lake")
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("testdata", "format1"))); err != nil {
		t.Fatal(err)
	}
	l, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if damage, notes, err := problems(t, l); err != nil || len(notes) > 0 {
		t.Errorf("fsck: %q %q %v", damage, notes, err)
	}
	history, err := l.History()
	if err != nil {
		t.Fatal(err)
	}
	if len(history) != 2 || history[0].Snapshot != "6cbfbc651e456102" || history[1].Snapshot != "da0d337d73096ba1" ||
		history[1].Note != "second" || !history[1].Time.Equal(time.Date(2026, 3, 1, 13, 0, 0, 0, time.UTC)) {
		t.Errorf("history %+v", history)
	}
	s, err := l.Current()
	if err != nil {
		t.Fatal(err)
	}
	m := s.Manifest
	if m.Persons != 2 || m.Vocabulary != "v5.0 22-JUN-22" || len(m.Sources) != 1 || m.Sources[0].Quarantined != 2 || fmt.Sprint(s.Buckets()) != "[0 1]" {
		t.Errorf("manifest %+v", m)
	}
	if d, ok := s.Table("death"); !ok || d.Rows != 0 {
		t.Errorf("death: %v, %v", d, ok)
	}

	var rows [][]any
	columns := []string{"measurement_id", "person_id", "measurement_date", "measurement_datetime", "value_as_number", "unit_source_value", "value_source_value"}
	if err := s.Read(t.Context(), "measurement", columns, func(row []any) error {
		rows = append(rows, slices.Clone(row))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	want := [][]any{
		{int64(-9007199254740993), int64(1), galien.MustDate("2150-02-28"), time.Date(2150, 2, 28, 23, 59, 59, 123456000, time.UTC), 120.5, "mmHg", nil},
		{int64(8), int64(262145), galien.MustDate("1900-01-01"), nil, nil, nil, "élevé"},
	}
	if !slices.EqualFunc(rows, want, slices.Equal) {
		t.Errorf("rows %v, want %v", rows, want)
	}

	// And the lake goes on from there.
	if next, _ := commit(t, l, 3); countPersons(t, next) != 4 {
		t.Error("a commit after the old ones is not whole")
	}
	if damage, notes, err := problems(t, l); err != nil || len(notes) > 0 {
		t.Errorf("fsck after a new commit: %q %q %v", damage, notes, err)
	}
}
