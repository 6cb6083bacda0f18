package writer

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"galien"
	"galien/cdm"
	"galien/lake"
	"galien/lake/duck"
)

// The persons of the lake of these tests live in two buckets; those who are
// purged are one of each.
const (
	livesNear = 7
	livesFar  = lake.BucketPersons + 5
)

// step is one commit of the lake: tables staged whole, conditions that come and
// those that leave.
type step struct {
	whole      map[string]string
	come, gone string
}

// steps make three snapshots. In the second the far person has a condition in a
// layer with one other person's, which leaves in the third: what is left of that
// layer's file is then no row at all, and in the second one row.
func steps() []step {
	persons := fmt.Sprintf("(SELECT i FROM range(1, 61) t(i) UNION ALL SELECT %d + i FROM range(0, 30) t(i))", lake.BucketPersons+1)
	conditions := "SELECT 10 * i + j AS condition_occurrence_id, i AS person_id, j AS condition_concept_id, 'of ' || i AS condition_source_value FROM " + persons + " p(i), range(0, 4) r(j)"
	return []step{
		{whole: map[string]string{
			"person":               "SELECT i AS person_id, CASE WHEN i = 7 THEN 700 WHEN i = 8 THEN 701 WHEN i = " + fmt.Sprint(livesFar) + " THEN 703 ELSE 1 END AS location_id FROM " + persons + " p(i)",
			"condition_occurrence": conditions,
			"note":                 "SELECT i AS note_id, i AS person_id, 'note of ' || i AS note_text FROM " + persons + " p(i)",
			"note_nlp":             "SELECT 2 * i + j AS note_nlp_id, i AS note_id, 'note of ' || i AS snippet FROM " + persons + " p(i), range(0, 2) r(j)",
			"location":             "SELECT n AS location_id, 'place ' || n AS city FROM (VALUES (1), (700), (701), (702), (703)) p(n)",
			"location_history": "SELECT n AS location_history_id, place AS location_id, domain AS domain_id, who AS entity_id FROM (VALUES " +
				"(1, 702, 'PERSON', 7), (2, 701, 'Person', 7), (3, 1, 'person', 9), (4, 703, 'CARE_SITE', 7)) p(n, place, domain, who)",
			"care_site": "SELECT 7 AS care_site_id, 703 AS location_id",
			"cost": "SELECT n AS cost_id, event AS cost_event_id, domain AS cost_domain_id FROM (VALUES " +
				"(1, 71, 'Condition'), (2, 71, 'Drug'), (3, 81, 'Condition'), (4, 71, 'condition_occurrence')) p(n, event, domain)",
			"fact_relationship": "SELECT d AS domain_concept_id_1, f AS fact_id_1, 56 AS domain_concept_id_2, g AS fact_id_2 FROM (VALUES " +
				"(56, 7, 9), (56, 9, 7), (56, 9, 8), (19, 71, 9), (13, 71, 9)) p(d, f, g)",
		}},
		{
			come: fmt.Sprintf("SELECT 9000000 + i AS condition_occurrence_id, i AS person_id, 5 AS condition_concept_id, 'late' AS condition_source_value FROM (VALUES (7), (8), (%d), (%d)) p(i)", livesFar, livesFar+1),
			gone: "SELECT person_id, condition_occurrence_id FROM (VALUES (7, 70), (9, 92), (12, 121)) p(person_id, condition_occurrence_id)",
		},
		{
			come: "SELECT 8000000 AS condition_occurrence_id, 20 AS person_id, 6 AS condition_concept_id, 'last' AS condition_source_value",
			gone: fmt.Sprintf("SELECT person_id, id FROM (VALUES (7, 72), (13, 130), (%[1]d, %[2]d)) p(person_id, id)", livesFar+1, 9000000+livesFar+1),
		},
	}
}

// make3 makes a lake of the steps, of all their tables or of those named.
func make3(t testing.TB, dir string, only ...string) *lake.Lake {
	t.Helper()
	l, err := lake.Create(dir)
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range steps() {
		w := open(t, l, duck.Config{Threads: 1, MemoryLimit: "300MiB"})
		for name, query := range s.whole {
			if len(only) > 0 && !slices.Contains(only, name) {
				continue
			}
			if err := w.StageQuery(t.Context(), table(t, name), query); err != nil {
				t.Fatal(err)
			}
		}
		if s.come != "" {
			if err := w.StageChange(t.Context(), table(t, "condition_occurrence"), s.come, s.gone); err != nil {
				t.Fatal(err)
			}
		}
		if _, changed, err := w.Commit(t.Context(), Meta{Now: when.Add(time.Duration(i) * time.Hour), Note: fmt.Sprint("step ", i)}); err != nil || !changed {
			t.Fatal(changed, err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return l
}

func purging() Purging {
	return Purging{Persons: []galien.PersonID{livesNear, livesFar}, Note: "purge", Now: when.Add(24 * time.Hour)}
}

// rowsOfAll reads every table of a snapshot, each row as a text.
func rowsOfAll(t testing.TB, s *lake.Snapshot) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	for _, x := range s.Manifest.Tables {
		tb := table(t, x.Name)
		all[x.Name] = []string{}
		for _, r := range read(t, s, x.Name, columnNames(tb)...) {
			all[x.Name] = append(all[x.Name], fmt.Sprint(r...))
		}
		slices.Sort(all[x.Name])
	}
	return all
}

func columnNames(tb cdm.Table) []string {
	var list []string
	for _, c := range tb.Columns {
		list = append(list, c.Name)
	}
	return list
}

// survivors are the rows, by table and key, of the tables without persons, worked
// out by hand: 700 and 702 are where the near person alone lives; 701 is
// another's too, and 703 a care site's.
var survivors = map[string]string{
	"location":          "location_id IN (1, 701, 703)",
	"location_history":  "location_history_id IN (3, 4)",
	"cost":              "cost_id IN (2, 3)",
	"fact_relationship": "(fact_id_1, fact_id_2, domain_concept_id_1) IN ((9, 8, 56), (71, 9, 13))",
	"note_nlp":          fmt.Sprintf("note_id NOT IN (%d, %d)", livesNear, livesFar),
	"care_site":         "true",
}

// wanted are the rows that a purge must leave of a snapshot, by the engine's SQL
// over the files of before.
func wanted(t testing.TB, w *Writer, s *lake.Snapshot) map[string]int {
	t.Helper()
	counts := map[string]int{}
	for _, x := range s.Manifest.Tables {
		tb := table(t, x.Name)
		where := survivors[x.Name]
		if tb.HasPerson() {
			where = fmt.Sprintf("person_id NOT IN (%d, %d)", livesNear, livesFar)
		}
		var n int
		if err := w.DB().QueryRowContext(t.Context(), "SELECT count(*) FROM "+duck.Table(tb, s.Whole(x.Name))+" WHERE "+where).Scan(&n); err != nil {
			t.Fatal(err)
		}
		counts[x.Name] = n
	}
	return counts
}

// TestPurge takes two persons out of three snapshots: nothing else changes in
// any, no file has a row of theirs, left or not, and the ids of before are
// explained.
func TestPurge(t *testing.T) {
	ctx := context.Background()
	l := make3(t, filepath.Join(t.TempDir(), "lake"))
	before, err := l.Kept()
	if err != nil || len(before) != 3 {
		t.Fatal(len(before), err)
	}
	rows := make([]map[string][]string, 3)
	counts := make([]map[string]int, 3)
	w := open(t, l, duck.Config{})
	for i, s := range before {
		rows[i], counts[i] = rowsOfAll(t, s), wanted(t, w, s)
	}
	w.Close()
	changed, err := Purge(ctx, l, duck.Config{}, purging())
	if err != nil || !changed {
		t.Fatal(changed, err)
	}
	checkFsck(t, l)
	noRowOf(t, l)
	history, err := l.History()
	if err != nil || len(history) != 4 {
		t.Fatal(len(history), err)
	}
	record := history[3].Purge
	if record == nil || record.Persons != 2 || len(record.Snapshots) != 3 {
		t.Fatalf("the record says %+v", record)
	}
	became := lake.Became(history)
	for i, s := range before {
		if _, err := l.Snapshot(s.ID); galien.KindOf(err) != galien.NotFound || !strings.Contains(err.Error(), became[s.ID]) {
			t.Errorf("the snapshot of before: %v", err)
		}
		now, err := l.Snapshot(became[s.ID])
		if err != nil {
			t.Fatal(err)
		}
		if record.Snapshots[i].Was != s.ID || record.Snapshots[i].Is != now.ID {
			t.Errorf("the record says of snapshot %d %+v", i, record.Snapshots[i])
		}
		lost := map[string]int64{}
		for _, x := range record.Snapshots[i].Tables {
			lost[x.Table] = x.Rows
		}
		for name, got := range rowsOfAll(t, now) {
			was := rows[i][name]
			// What is left is part of what was, and as much as it must be.
			left := slices.DeleteFunc(slices.Clone(was), func(r string) bool { _, found := slices.BinarySearch(got, r); return !found })
			if !slices.Equal(left, got) || len(got) != counts[i][name] {
				t.Errorf("snapshot %d, %s: %d rows of %d, want %d, of those that were there", i, name, len(got), len(was), counts[i][name])
			}
			if int(lost[name]) != len(was)-len(got) {
				t.Errorf("snapshot %d, %s: the record says that %d rows went, and %d did", i, name, lost[name], len(was)-len(got))
			}
		}
	}
	current, err := l.Current()
	if err != nil || current.ID != became[before[2].ID] {
		t.Fatal("the current snapshot is another", err)
	}
	// A purge that finds nothing leaves no trace.
	if changed, err := Purge(ctx, l, duck.Config{}, purging()); err != nil || changed {
		t.Fatal(changed, err)
	}
	if again, _ := l.History(); len(again) != 4 {
		t.Errorf("a purge of nothing is a commit")
	}
	// What grew and was purged is compacted to what it would have been without
	// the two from the start.
	compacted, _, err := Compact(ctx, l, duck.Config{}, when, nil)
	if err != nil {
		t.Fatal(err)
	}
	never, err := lake.Create(filepath.Join(t.TempDir(), "never"))
	if err != nil {
		t.Fatal(err)
	}
	v := open(t, never, duck.Config{})
	for _, x := range current.Manifest.Tables {
		if err := v.StageQuery(ctx, table(t, x.Name), "FROM "+duck.Table(table(t, x.Name), current.Whole(x.Name))); err != nil {
			t.Fatal(err)
		}
	}
	s, _, err := v.Commit(ctx, Meta{Now: when})
	v.Close()
	if err != nil || s.ID != compacted.ID {
		t.Errorf("the compacted snapshot is %s, and %s had the two never been there (%v)", compacted.ID, s.ID, err)
	}
	// A later commit keeps what the record explains.
	if now, err := l.Snapshot(became[before[0].ID]); err != nil || now.ID != became[before[0].ID] {
		t.Error(err)
	}
	checkFsck(t, l)
}

// checkFsck fails unless the lake is sound and holds nothing beside.
func checkFsck(t testing.TB, l *lake.Lake) {
	t.Helper()
	if _, err := l.Fsck(t.Context(), func(p lake.Problem) { t.Errorf("%s: %s", p.Path, p.Text) }); err != nil {
		t.Error(err)
	}
}

// noRowOf reads every file that lies in the lake, without regard to removals.
func noRowOf(t testing.TB, l *lake.Lake) {
	t.Helper()
	w := open(t, l, duck.Config{})
	defer w.Close()
	files, err := filepath.Glob(filepath.Join(l.Dir(), "files", "*.parquet"))
	if err != nil || len(files) == 0 {
		t.Fatal(len(files), err)
	}
	for i, f := range files {
		files[i] = duck.Quote(f)
	}
	var n int
	row := fmt.Sprintf("SELECT count(*) FROM (SELECT to_json(r)::VARCHAR AS text FROM read_parquet([%s], union_by_name = true) r) WHERE regexp_matches(text, '\"(person_id|note_id)\":(%[2]d|%[3]d)[,}]|(of|place) (%[2]d|%[3]d|700|702)\"')",
		strings.Join(files, ", "), livesNear, livesFar)
	if err := w.DB().QueryRowContext(t.Context(), row).Scan(&n); err != nil {
		t.Fatal(err)
	}
	if n > 0 {
		t.Errorf("the files have %d rows of those who were purged", n)
	}
}

// TestPurgeEndsAtEveryStep stops a purge before each of its durable steps: the
// lake is the one of before or the purged one, whole, and the next purge ends
// what was begun.
func TestPurgeEndsAtEveryStep(t *testing.T) {
	ctx := context.Background()
	base := filepath.Join(t.TempDir(), "lake")
	few := []string{"person", "condition_occurrence", "note", "note_nlp"}
	first, err := make3(t, base, few...).Current()
	if err != nil {
		t.Fatal(err)
	}
	small := duck.Config{Threads: 1, MemoryLimit: "300MiB"}
	copied := func() *lake.Lake {
		dir := filepath.Join(t.TempDir(), "copy")
		if err := os.CopyFS(dir, os.DirFS(base)); err != nil {
			t.Fatal(err)
		}
		l, err := lake.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	whole := copied()
	if _, err := Purge(ctx, whole, small, purging()); err != nil {
		t.Fatal(err)
	}
	noRowOf(t, whole)
	want := allFiles(t, whole)
	seen := map[string]bool{}
	for stop, ended := 0, false; !ended; stop++ {
		l := copied()
		at, name := 0, ""
		l.Watch(func(step string) error {
			at++
			if at-1 < stop || name != "" {
				return nil
			}
			// A step of the same kind was stopped before.
			what, of, _ := strings.Cut(step, " ")
			if kind := what + " " + filepath.Dir(of); !seen[kind] {
				seen[kind], name = true, step
				return fmt.Errorf("stop")
			}
			return nil
		})
		_, err = Purge(ctx, l, small, purging())
		ended = name == ""
		if ended != (err == nil) {
			t.Fatalf("stopped before %q: %v", name, err)
		}
		l.Watch(nil)
		now, err := l.Current()
		if err != nil {
			t.Fatal(err)
		}
		if ended {
			break
		}
		done := now.ID != first.ID
		if _, err := l.Fsck(ctx, func(p lake.Problem) {
			if p.Damage {
				t.Errorf("stopped before %q: %s: %s", name, p.Path, p.Text)
			}
		}); err != nil {
			t.Error(err)
		}
		changed, err := Purge(ctx, l, small, purging())
		if err != nil || changed == done {
			t.Errorf("stopped before %q, committed %v: the next purge changed %v, %v", name, done, changed, err)
		}
		if got := allFiles(t, l); !slices.Equal(got, want) {
			t.Errorf("stopped before %q: the files are %q, want %q", name, got, want)
		}
		checkFsck(t, l)
	}
	if len(seen) < 12 {
		t.Errorf("only the steps %v were stopped", seen)
	}
}

// allFiles lists the files of a lake.
func allFiles(t testing.TB, l *lake.Lake) (list []string) {
	t.Helper()
	err := filepath.WalkDir(l.Dir(), func(path string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			list = append(list, strings.TrimPrefix(path, l.Dir()))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}
