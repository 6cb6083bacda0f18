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

// testdata/format2 was written by the first version with layers and removals,
// with DuckDB 1.5.5: six measurements, of which the second commit corrected the
// third and to which it added a seventh. The values are those that were staged.
func TestFormat2IsRead(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "lake")
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("testdata", "format2"))); err != nil {
		t.Fatal(err)
	}
	l, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if damage, notes, err := problems(t, l); err != nil || len(notes) > 0 {
		t.Errorf("fsck: %q %q %v", damage, notes, err)
	}
	read := func(s *Snapshot) (rows [][]any) {
		columns := []string{"measurement_id", "measurement_concept_id", "measurement_date", "value_as_number", "value_source_value"}
		if err := s.Read(t.Context(), "measurement", columns, func(row []any) error {
			rows = append(rows, slices.Clone(row))
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return rows
	}
	check := func(s *Snapshot, want [][]any) {
		t.Helper()
		if rows := read(s); !slices.EqualFunc(rows, want, slices.Equal) {
			t.Errorf("rows %v, want %v", rows, want)
		}
		if m, _ := s.Table("measurement"); m.Rows != int64(len(want)) {
			t.Errorf("the manifest says %d rows", m.Rows)
		}
	}
	day := galien.MustDate
	s, err := l.Current()
	if err != nil {
		t.Fatal(err)
	}
	check(s, [][]any{
		{int64(1), int64(3000), day("2020-01-01"), 1.5, nil},
		{int64(3), int64(3001), day("2020-01-02"), 30.5, "corrigé"},
		{int64(2), int64(3001), day("2020-01-03"), nil, nil},
		{int64(4), int64(3002), day("2020-01-07"), 4.5, nil},
		{int64(5), int64(3000), day("2020-01-09"), 5.5, nil},
		{int64(7), int64(3000), day("2020-12-31"), 7.5, nil},
		{int64(6), int64(3000), day("2021-01-01"), -0.25, nil},
	})
	if m, _ := s.Table("measurement"); s.Manifest.Format != 2 || len(m.Files) != 8 {
		t.Errorf("format %d, %d files", s.Manifest.Format, len(m.Files))
	}
	history, err := l.History()
	if err != nil || len(history) != 2 {
		t.Fatalf("history %v, %v", history, err)
	}
	first, err := l.Snapshot(history[0].Snapshot)
	if err != nil {
		t.Fatal(err)
	}
	check(first, [][]any{
		{int64(1), int64(3000), day("2020-01-01"), 1.5, nil},
		{int64(2), int64(3001), day("2020-01-03"), nil, nil},
		{int64(3), int64(3000), day("2020-01-05"), 3.5, nil},
		{int64(4), int64(3002), day("2020-01-07"), 4.5, nil},
		{int64(5), int64(3000), day("2020-01-09"), 5.5, nil},
		{int64(6), int64(3000), day("2021-01-01"), -0.25, nil},
	})
	if next, _ := commit(t, l, 3); countPersons(t, next) != 4 {
		t.Error("a commit after the old ones is not whole")
	}
	if damage, notes, err := problems(t, l); err != nil || len(notes) > 0 {
		t.Errorf("fsck after a new commit: %q %q %v", damage, notes, err)
	}
}
