package omop

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"galien"
	"galien/lake/writer"
	"galien/vault"
)

// nothing keeps no raw row.
func nothing(vault.RawFile, int64) bool { return false }

const conditions = conditionHeader + "1,101,10,2020-01-01,32817,x\n2,-7,11,2020-01-02,0,\n3,55,12,2020-01-03,0,\n4,101,12,2020-02-30,0,\n"

func (h *hub) replay() ReplayReport {
	h.t.Helper()
	rep, err := Replay(context.Background(), h.load(""))
	if err != nil {
		h.t.Fatalf("replay: %v", err)
	}
	return rep
}

// TestEventsBeforePersons: events first, PERSON later, a replay brings in what
// can be kept, and only that.
func TestEventsBeforePersons(t *testing.T) {
	h := newHub(t)
	events := folder(t, map[string]string{"condition_occurrence.csv": conditions,
		"provider.csv": "provider_id,provider_name\n1,Dr A\n"})
	rep := h.ingest(events)
	if rep.Persons != 0 || table(rep, "condition_occurrence").Quarantined != 4 {
		t.Fatalf("%d persons, reasons %v", rep.Persons, reasons(rep))
	}
	if got := h.replay(); got.Changed || got.Recovered != 0 || got.Tried != 4 {
		t.Errorf("replay without persons: %+v", got)
	}
	rep = h.ingest(folder(t, map[string]string{"person.csv": twoPersons}))
	h.whole()
	if rep.Waiting != 2 {
		t.Errorf("%d rows wait for a replay, want 2", rep.Waiting)
	}
	got := h.replay()
	h.whole()
	if !got.Changed || got.Tried != 4 || got.Recovered != 2 || got.Quarantined != 2 || got.Tables["condition_occurrence"] != 2 {
		t.Errorf("replay: %+v", got)
	}
	rows := map[int64]string{}
	for _, r := range h.rows("condition_occurrence", "condition_occurrence_id", "person_id", "condition_start_date", "condition_source_value") {
		rows[r[0].(int64)] = fmt.Sprint(r[1:])
	}
	if want := "map[1:[1 2020-01-01 x] 2:[2 2020-01-02 <nil>]]"; fmt.Sprint(rows) != want {
		t.Errorf("rows %v, want %v", rows, want)
	}
	if q := h.current().Manifest.Sources[0].Quarantined; q != 2 {
		t.Errorf("%d rows in quarantine, want 2", q)
	}
	replayed := h.current().ID
	if again := h.replay(); again.Changed || again.Recovered != 0 {
		t.Errorf("second replay: %+v", again)
	}
	if rep := h.ingest(events); rep.Changed || rep.Snapshot != replayed {
		t.Error("the same events again changed the hub")
	}
	// What a replay made is what a load after PERSON makes.
	other := newHub(t)
	other.ingest(folder(t, map[string]string{"person.csv": twoPersons}))
	if rep := other.ingest(events); rep.Snapshot != replayed {
		t.Error("PERSON first and PERSON later give two snapshots")
	}
}

// TestSameEventsAfterPersons: without a replay, the same events again are read
// again.
func TestSameEventsAfterPersons(t *testing.T) {
	h := newHub(t)
	events := folder(t, map[string]string{"condition_occurrence.csv": conditions})
	h.ingest(events)
	h.ingest(folder(t, map[string]string{"person.csv": twoPersons}))
	rep := h.ingest(events)
	h.whole()
	if !rep.Changed || table(rep, "condition_occurrence").Kept != 2 || rep.Waiting != 0 {
		t.Errorf("report %+v", rep)
	}
}

// TestTablesAreReplaced: a table of the delivery replaces the hub's with its
// quarantine, the others stay with theirs.
func TestTablesAreReplaced(t *testing.T) {
	h := newHub(t)
	h.ingest(folder(t, map[string]string{"person.csv": twoPersons, "condition_occurrence.csv": conditions,
		"death.csv": "person_id,death_date\n101,2020-02-30\n"}))
	first := h.current()
	rep := h.ingest(folder(t, map[string]string{"condition_occurrence.csv": conditionHeader + "9,-7,10,2021-01-01,0,\n,,,,,\n"}))
	h.whole()
	if !rep.Changed || h.current().Manifest.Sources[0].Quarantined != 2 {
		t.Errorf("%d rows in quarantine, want 1 of death and 1 of condition_occurrence", h.current().Manifest.Sources[0].Quarantined)
	}
	if rows := h.rows("condition_occurrence", "condition_occurrence_id"); len(rows) != 1 || rows[0][0] != int64(9) {
		t.Errorf("rows %v", rows)
	}
	before, _ := first.Table("person")
	after, _ := h.current().Table("person")
	if fmt.Sprint(before) != fmt.Sprint(after) {
		t.Error("a table that was not delivered changed")
	}
	// The key stays with the person, in whatever order the persons come.
	rep = h.ingest(folder(t, map[string]string{"person.csv": personHeader + "5,8507,1970,0,0,\n-7,8532,1961,0,0,b\n101,8507,1950,0,0,a\n"}))
	h.whole()
	keys := map[int64]int64{}
	for _, r := range h.rows("person", "year_of_birth", "person_id") {
		keys[r[0].(int64)] = r[1].(int64)
	}
	if rep.Persons != 3 || fmt.Sprint(keys) != "map[1950:1 1961:2 1970:3]" {
		t.Errorf("keys by year of birth %v", keys)
	}
}

// TestPersonsGone: a new PERSON may not leave events behind without a person.
func TestPersonsGone(t *testing.T) {
	h := newHub(t)
	h.ingest(folder(t, map[string]string{"person.csv": twoPersons, "condition_occurrence.csv": conditions}))
	before := h.current().ID
	one := map[string]string{"person.csv": personHeader + "101,8507,1950,0,0,a\n"}
	h.fails(folder(t, one), galien.Conflict, "1 persons", "condition_occurrence", "nothing was committed")
	if h.current().ID != before {
		t.Error("a refused load changed the hub")
	}
	h.whole()
	one["condition_occurrence.csv"] = conditions
	rep := h.ingest(folder(t, one))
	h.whole()
	if rep.Persons != 1 || table(rep, "condition_occurrence").Kept != 1 {
		t.Errorf("report %+v", rep)
	}
}

func TestOneSource(t *testing.T) {
	h := newHub(t)
	dir := folder(t, map[string]string{"person.csv": twoPersons})
	h.ingest(dir)
	load := h.load(dir)
	load.Name = "other"
	if _, err := Ingest(context.Background(), load); galien.KindOf(err) != galien.Conflict || !strings.Contains(err.Error(), "--name omop") {
		t.Errorf("a second source: %v, want Conflict with the remedy", err)
	}
	for _, name := range []string{"", "a b", "../x", strings.Repeat("x", 65)} {
		load.Name = name
		if _, err := Ingest(context.Background(), load); galien.KindOf(err) != galien.Invalid {
			t.Errorf("source named %q: %v, want Invalid", name, err)
		}
	}
	if _, err := Replay(context.Background(), newHub(t).load("")); galien.KindOf(err) != galien.NotFound {
		t.Errorf("replay of an empty hub: %v, want NotFound", err)
	}
}

// TestOneWriter: while one writes, another gets Busy and changes nothing.
func TestOneWriter(t *testing.T) {
	ctx := context.Background()
	h := newHub(t)
	dir := folder(t, map[string]string{"person.csv": twoPersons})
	w, err := writer.Open(ctx, h.lake, h.load("").Engine)
	if err != nil {
		t.Fatal(err)
	}
	h.fails(dir, galien.Busy)
	if _, err := Replay(ctx, h.load("")); galien.KindOf(err) != galien.Busy {
		t.Errorf("replay: %v, want Busy", err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	h.ingest(dir)
	h.whole()
}

// TestCancelled: an interrupted load commits nothing and can be repeated.
func TestCancelled(t *testing.T) {
	h := newHub(t)
	dir := folder(t, map[string]string{"person.csv": twoPersons, "condition_occurrence.csv": conditions})
	ctx, cancel := context.WithCancel(context.Background())
	load := h.load(dir)
	load.Progress = func(p Progress) {
		if p.Step == "read" {
			cancel()
		}
	}
	if _, err := Ingest(ctx, load); err == nil {
		t.Error("a cancelled load succeeded")
	}
	if _, err := h.lake.Current(); galien.KindOf(err) != galien.NotFound {
		t.Error("a cancelled load committed")
	}
	h.ingest(dir)
	h.whole()
}

// TestCheckNamesDamage: what the parts of a hub say of each other is verified.
func TestCheckNamesDamage(t *testing.T) {
	ctx := context.Background()
	h := newHub(t)
	h.ingest(folder(t, map[string]string{"person.csv": twoPersons, "condition_occurrence.csv": conditions}))
	check := func(word string) {
		t.Helper()
		var found []string
		err := Check(ctx, h.lake, h.vault, h.quarantine, func(s string) { found = append(found, s) })
		if galien.KindOf(err) != galien.Corrupt || !strings.Contains(strings.Join(found, "\n"), word) {
			t.Errorf("Check: %v, %q, want damage of %s", err, found, word)
		}
	}
	if err := h.vault.Retire(ctx, "omop", "", nil, nothing); err != nil {
		t.Fatal(err)
	}
	check("the text of 2 quarantined rows")
	index := h.current().Manifest.Sources[0].Quarantine + ".ndjson"
	write(t, h.quarantine, index, []byte("{}\n"))
	check(index)
	other := newHub(t)
	h.vault = other.vault
	check("2 persons of the lake have no key")
}

// TestPlacesOfPersonsGone: the same for a column that holds a person only where
// the domain says so.
func TestPlacesOfPersonsGone(t *testing.T) {
	places := "location_history_id,location_id,relationship_type_concept_id,domain_id,entity_id,start_date,end_date\n"
	for _, c := range []struct {
		row  string
		kind galien.Kind
	}{
		{"1,1,,PERSON,-7,2020-01-01,\n", galien.Conflict},
		{"1,1,,PERSON,101,2020-01-01,\n", galien.Internal},
		{"1,1,,CARE_SITE,-7,2020-01-01,\n", galien.Internal},
	} {
		h := newHub(t)
		h.ingest(folder(t, map[string]string{"person.csv": twoPersons, "location_history.csv": places + c.row}))
		without := folder(t, map[string]string{"person.csv": personHeader + "101,8507,1950,0,0,a\n"})
		if c.kind == galien.Conflict {
			h.fails(without, galien.Conflict, "location_history")
		} else {
			h.ingest(without)
		}
		h.whole()
	}
}

// TestEndBeforeStart: such a row is kept as it is.
func TestEndBeforeStart(t *testing.T) {
	h := newHub(t)
	rep := h.ingest(folder(t, map[string]string{"person.csv": twoPersons,
		"condition_occurrence.csv": "condition_occurrence_id,person_id,condition_concept_id,condition_start_date,condition_end_date,condition_type_concept_id\n1,101,10,2020-01-02,2020-01-01,0\n"}))
	rows := h.rows("condition_occurrence", "condition_start_date", "condition_end_date")
	if rep.Quarantined != 0 || len(rows) != 1 || rows[0][0] != galien.MustDate("2020-01-02") || rows[0][1] != galien.MustDate("2020-01-01") {
		t.Errorf("rows %v, reasons %v", rows, reasons(rep))
	}
}

// TestCosts: a cost has the person and the day of the row that it is of, in the
// delivery or in the hub; one of nothing, or of two persons' rows, is kept out, and
// a replay does not bring it in.
func TestCosts(t *testing.T) {
	h := newHub(t)
	const header = "cost_id,cost_event_id,cost_domain_id,cost_type_concept_id,total_paid,person_id\n"
	rep := h.ingest(folder(t, map[string]string{
		"person.csv":               twoPersons,
		"condition_occurrence.csv": conditionHeader + "1,101,10,2020-01-01,32817,x\n2,-7,11,2020-01-02,0,\n3,101,12,2020-01-03,0,\n3,-7,12,2020-01-04,0,\n",
		"visit_occurrence.csv":     "visit_occurrence_id,person_id,visit_concept_id,visit_start_date,visit_end_date,visit_type_concept_id\n1,-7,9201,2020-02-01,2020-02-03,0\n",
		// The last column is that of CDM 6.0, and is not believed.
		"cost.csv": header + "1,1,condition,0,1.5,-7\n2,2,Condition,0,2.5,-7\n3,3,Condition,0,3.5,-7\n4,1,Visit,0,4.5,101\n5,9,Visit,0,5.5,101\n6,1,Payment,0,6.5,101\n1,1,Condition,0,7.5,-7\n7,,Visit,0,8.5,101\n",
	}))
	h.whole()
	costs := func() string {
		names := map[any]string{}
		ids, err := h.vault.SourceIDs(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		for key, id := range ids {
			names[int64(key)] = id
		}
		rows := map[int64]string{}
		for _, r := range h.rows("cost", "cost_id", "person_id", "incurred_date", "cost_domain_id", "total_paid") {
			rows[r[0].(int64)] = fmt.Sprint(names[r[1]], " ", r[2], " ", r[3], " ", r[4])
		}
		return fmt.Sprint(rows)
	}
	if got, want := costs(), "map[1:101 2020-01-01 Condition 1.5 2:-7 2020-01-02 Condition 2.5 4:-7 2020-02-01 Visit 4.5]"; got != want {
		t.Errorf("costs %s, want %s", got, want)
	}
	cost := table(rep, "cost")
	if got, want := fmt.Sprint(reasons(rep)), "map[cost.cost_event_id required_missing:1 cost.cost_event_id unknown_event:3 cost.cost_id duplicate_key:1]"; got != want || cost.Kept != 3 {
		t.Errorf("%d rows kept, and %s; want %s", cost.Kept, got, want)
	}
	if fmt.Sprint(cost.UnknownColumns, cost.EmptyRequired) != "[person_id] map[]" {
		t.Errorf("unknown columns %v, empty %v", cost.UnknownColumns, cost.EmptyRequired)
	}
	if got := h.replay(); got.Changed || got.Recovered != 0 || got.Quarantined != 5 {
		t.Errorf("replay: %+v", got)
	}
	// Delivered alone: its events are those of the hub.
	h.ingest(folder(t, map[string]string{"cost.csv": header + "8,1,Visit,0,9.5,\n"}))
	h.whole()
	if got, want := costs(), "map[8:-7 2020-02-01 Visit 9.5]"; got != want {
		t.Errorf("costs delivered alone %s, want %s", got, want)
	}
}
