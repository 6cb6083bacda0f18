package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// tinyHub is three persons, known by their year of birth, whose rows are few
// enough to work out by hand what a permit shows of them. Concept 201 is under
// concept 200.
func tinyHub(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, lines := range map[string][]string{
		"PERSON.csv": {"person_id,gender_concept_id,year_of_birth,month_of_birth,race_concept_id,ethnicity_concept_id,person_source_value",
			"11,8507,1950,5,0,0,NAMEOFONE", "12,8532,1960,6,0,0,NAMEOFTWO", "13,8507,1970,7,0,0,NAMEOFTHREE"},
		"OBSERVATION_PERIOD.csv": {"observation_period_id,person_id,observation_period_start_date,observation_period_end_date,period_type_concept_id",
			"1,11,2019-01-01,2021-12-31,32817", "2,12,2020-06-01,2020-06-30,32817", "3,13,2018-01-01,2018-12-31,32817"},
		"CONDITION_OCCURRENCE.csv": {"condition_occurrence_id,person_id,condition_concept_id,condition_start_date,condition_end_date,condition_type_concept_id,condition_source_value,visit_occurrence_id",
			"1,11,100,2019-12-31,2020-01-15,32817,BEFORE,", // begins before the window of 2020
			"2,11,100,2020-01-01,2021-02-01,32817,LASTS,7", // ends after it
			"3,11,200,2020-05-05,2020-05-06,32817,HIDDEN,7",
			"4,12,201,2020-06-10,,32817,HIDDENTOO,",
			"5,12,300,2020-06-15,2020-06-20,32817,SHOWN,",
			"6,13,100,2021-01-01,,32817,AFTER,"},
		"VISIT_OCCURRENCE.csv": {"visit_occurrence_id,person_id,visit_concept_id,visit_start_date,visit_end_date,visit_type_concept_id", "7,11,9201,2020-01-01,2020-05-06,32817"},
		"COST.csv": {"cost_id,cost_event_id,cost_domain_id,cost_type_concept_id,currency_concept_id,total_paid,payer_plan_period_id",
			"1,1,Condition,32810,44818568,1.5,", // before the window of 2020
			"2,2,condition,32810,44818568,2.5,",
			"3,3,Condition,32810,44818568,3.5,", // of a hidden condition
			"4,7,Visit,32810,44818568,4.5,11",
			"5,5,Condition,32810,44818568,5.5,"},
		"DEATH.csv": {"person_id,death_date,death_type_concept_id", "13,2018-12-31,32817"},
		"CONCEPT.csv": {"concept_id,concept_name,domain_id,vocabulary_id,concept_class_id,concept_code,valid_start_date,valid_end_date",
			"100,\"a, and \"\"b\"\"\",Condition,X,X,c100,1970-01-01,2099-12-31", "200,c,Condition,X,X,c200,1970-01-01,2099-12-31", "201,d,Condition,X,X,c201,1970-01-01,2099-12-31",
			"300,e,Condition,X,X,c300,1970-01-01,2099-12-31"},
		"CONCEPT_ANCESTOR.csv": {"ancestor_concept_id,descendant_concept_id,min_levels_of_separation,max_levels_of_separation", "200,201,1,1"},
	} {
		writeFile(t, filepath.Join(dir, name), []byte(strings.Join(lines, "\n")+"\n"))
	}
	hub := newTestHub(t)
	mustRun(t, "ingest", hub, "omop", dir)
	return hub
}

// grantTerms grants a permit of rows with terms of its own.
func grantTerms(t *testing.T, hub, name string, terms ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name+".yaml")
	writeFile(t, path, []byte("name: "+name+"\npurpose: a test\npurpose_kind: research\npeople: [\"*\"]\nstarts: 2024-01-01\nexpires: 2099-12-31\n"+strings.Join(terms, "\n")+"\n"))
	return strings.TrimSpace(mustRun(t, "permit", "grant", hub, path))
}

// exported reads an exported table: rows of column to value.
func exported(t *testing.T, dir, table string) (rows []map[string]string) {
	t.Helper()
	records := readCSV(t, filepath.Join(dir, table+".csv"))
	for _, rec := range records[1:] {
		row := map[string]string{}
		for i, c := range records[0] {
			row[c] = rec[i]
		}
		rows = append(rows, row)
	}
	return rows
}

// shown returns some columns of exported rows, sorted.
func shown(rows []map[string]string, columns ...string) string {
	var lines []string
	for _, r := range rows {
		var values []string
		for _, c := range columns {
			values = append(values, r[c])
		}
		lines = append(lines, strings.Join(values, " "))
	}
	slices.Sort(lines)
	return strings.Join(lines, "; ")
}

// born adds the year of birth of each row's person, by which a person is known
// whatever the ids of the permit.
func born(t *testing.T, dir string, rows []map[string]string) []map[string]string {
	t.Helper()
	years := map[string]string{}
	for _, p := range exported(t, dir, "person") {
		years[p["person_id"]] = p["year_of_birth"]
	}
	for _, r := range rows {
		if r["born"] = years[r["person_id"]]; r["born"] == "" {
			t.Error("a row is of nobody in the exported person")
		}
	}
	return rows
}

// TestExportHonoursThePermit exports under a permit with a window, few columns
// and a hidden concept; every value is worked out by hand.
func TestExportHonoursThePermit(t *testing.T) {
	hub := tinyHub(t)
	const narrow = `level: rows
tables:
  person: [month_of_birth]
  observation_period: "*"
  condition_occurrence: [condition_concept_id, condition_start_date, condition_end_date, visit_occurrence_id]
  visit_occurrence: [visit_start_date]
  cost: [cost_event_id, cost_domain_id, total_paid, payer_plan_period_id]
concepts:
  deny: [{concept: 200, descendants: true}]
window: {start: 2020-01-01, end: 2020-12-31}`
	exact, months := grantTerms(t, hub, "exact", narrow, "dates: exact"), grantTerms(t, hub, "months", narrow, "dates: month")

	dir := filepath.Join(t.TempDir(), "out")
	if out := mustRun(t, "export", hub, "--permit", exact, "--out", dir); !strings.Contains(out, "3 persons") || !strings.Contains(out, "condition_occurrence.csv") {
		t.Errorf("said: %s", out)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	for _, e := range entries {
		files = append(files, e.Name())
		if info, err := e.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has the mode %v (%v)", e.Name(), info.Mode(), err)
		}
	}
	if want := []string{"concept.csv", "concept_ancestor.csv", "condition_occurrence.csv", "cost.csv", "dictionary.csv", "observation_period.csv", "person.csv", "provenance.json", "visit_occurrence.csv"}; !slices.Equal(files, want) {
		t.Errorf("files %v, want %v", files, want)
	}
	if got := fmt.Sprint(readCSV(t, filepath.Join(dir, "condition_occurrence.csv"))[0]); got != "[condition_occurrence_id person_id condition_concept_id condition_start_date condition_end_date visit_occurrence_id]" {
		t.Errorf("columns of condition_occurrence: %s", got)
	}
	for _, c := range []struct{ what, got, want string }{
		{"persons", shown(exported(t, dir, "person"), "year_of_birth", "month_of_birth", "gender_concept_id"), "1950 5 8507; 1960 6 8532; 1970 7 8507"},
		{"periods", shown(born(t, dir, exported(t, dir, "observation_period")), "born", "observation_period_start_date", "observation_period_end_date"),
			"1950 2020-01-01 2020-12-31; 1960 2020-06-01 2020-06-30"},
		{"conditions", shown(born(t, dir, exported(t, dir, "condition_occurrence")), "born", "condition_concept_id", "condition_start_date", "condition_end_date"),
			"1950 100 2020-01-01 2020-12-31; 1960 300 2020-06-15 2020-06-20"},
		{"visits", shown(born(t, dir, exported(t, dir, "visit_occurrence")), "born", "visit_start_date", "visit_end_date"), "1950 2020-01-01 "},
		{"costs", shown(exported(t, dir, "cost"), "cost_domain_id", "total_paid"), "Condition 2.5; Condition 5.5; Visit 4.5"},
		{"concepts", shown(exported(t, dir, "concept"), "concept_id", "concept_name"), `100 a, and "b"; 200 c; 201 d; 300 e`},
		{"hierarchy", shown(exported(t, dir, "concept_ancestor"), "ancestor_concept_id", "descendant_concept_id"), "200 201"},
	} {
		if c.got != c.want {
			t.Errorf("%s are %q, want %q", c.what, c.got, c.want)
		}
	}
	visit, refers := exported(t, dir, "visit_occurrence")[0]["visit_occurrence_id"], ""
	for _, r := range exported(t, dir, "condition_occurrence") {
		refers += r["visit_occurrence_id"]
	}
	if visit == "7" || refers != visit {
		t.Errorf("the visit is %q and a condition refers to %q; want one number, and not the hub's", visit, refers)
	}
	if got := fmt.Sprint(readCSV(t, filepath.Join(dir, "cost.csv"))[0]); got != "[cost_id cost_event_id cost_domain_id total_paid payer_plan_period_id]" {
		t.Errorf("columns of cost: %s", got)
	}
	for _, r := range exported(t, dir, "cost") {
		if r["cost_domain_id"] == "Visit" && (r["cost_event_id"] != visit || r["payer_plan_period_id"] == "11") {
			t.Errorf("a cost of the visit %s is of %s, under the plan %s", visit, r["cost_event_id"], r["payer_plan_period_id"])
		}
	}
	for _, row := range readCSV(t, filepath.Join(dir, "dictionary.csv")) {
		if fmt.Sprint(row[:2]) == "[condition_occurrence condition_end_date]" && row[3] != "as recorded, cut to the permit's window" {
			t.Errorf("the dictionary says of the end: %q", row[3])
		}
	}

	// Months: the first day of each, and a condition and its visit keep theirs.
	other := filepath.Join(t.TempDir(), "out")
	mustRun(t, "export", hub, "--permit", months, "--out", other)
	if got := shown(exported(t, other, "condition_occurrence"), "condition_start_date", "condition_end_date"); got != "2020-01-01 2020-12-01; 2020-06-01 2020-06-01" {
		t.Errorf("under a permit of months: %q", got)
	}
	for _, a := range exported(t, dir, "person") {
		for _, b := range exported(t, other, "person") {
			if a["person_id"] == b["person_id"] {
				t.Error("a person has one id under two permits")
			}
		}
	}
	for _, folder := range []string{dir, other} {
		for _, name := range files {
			b, err := os.ReadFile(filepath.Join(folder, name))
			if err != nil {
				t.Fatal(err)
			}
			for _, word := range []string{"NAMEOF", "HIDDEN", "SHOWN", "LASTS", "BEFORE", "AFTER"} {
				if strings.Contains(string(b), word) {
					t.Errorf("%s holds %s, which no permit granted", name, word)
				}
			}
		}
	}
}

// TestExportRefused asks for more than permits give: an exit code, an entry in
// the log, and no file.
func TestExportRefused(t *testing.T) {
	hub := tinyHub(t)
	aggregates := strings.TrimSpace(mustRun(t, "permit", "grant", hub, examplePermit("aggregates")))
	rows := grantTerms(t, hub, "rows", "level: rows\ntables: {person: \"*\"}\ndates: exact")
	late := grantTerms(t, hub, "revoked", "level: rows\ntables: {person: \"*\"}\ndates: year")
	mustRun(t, "permit", "revoke", hub, late)
	for name, c := range map[string]struct {
		args []string
		code int
	}{
		"a permit of aggregates":       {[]string{"--permit", aggregates}, 4},
		"a permit that does not exist": {[]string{"--permit", "none-12345678"}, 3},
		"a revoked permit":             {[]string{"--permit", late}, 4},
		"source ids of a researcher":   {[]string{"--permit", rows, "--source-ids"}, 4},
		"another format":               {[]string{"--permit", rows, "--format", "csv"}, 2},
	} {
		out := filepath.Join(t.TempDir(), "out")
		if code, stdout, stderr := galienRun(t, "", append([]string{"export", hub, "--out", out}, c.args...)...); code != c.code || stdout != "" {
			t.Errorf("%s: exit %d, want %d\n%s%s", name, code, c.code, stdout, stderr)
		}
		if _, err := os.Stat(out); err == nil {
			t.Errorf("%s: a folder was written", name)
		}
	}
	mustRun(t, "export", hub, "--permit", rows, "--out", filepath.Join(t.TempDir(), "out"))
	type entry struct {
		Action, Outcome, Permit, Snapshot string
		Details                           map[string]string
	}
	var got []string
	for _, line := range strings.Split(strings.TrimSpace(mustRun(t, "audit", "show", hub, "--json")), "\n") {
		var e entry
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if e.Action == "extract" {
			got = append(got, e.Outcome)
			if e.Snapshot == "" || e.Outcome != "denied" && (e.Permit != rows || e.Details["export"] != "omop" && e.Outcome == "allowed") {
				t.Errorf("entry %+v", e)
			}
		}
	}
	slices.Sort(got)
	if want := []string{"allowed", "delivered", "denied", "denied", "denied", "denied"}; !slices.Equal(got, want) {
		t.Errorf("the log says %v, want %v", got, want)
	}
}

// TestExportComesBack exports everything as the steward may see it, loads it
// into another hub, and exports that: the same rows, but for the ids.
func TestExportComesBack(t *testing.T) {
	first := tinyHub(t)
	steward := strings.TrimSpace(mustRun(t, "permit", "grant", first, examplePermit("steward")))
	a := filepath.Join(t.TempDir(), "out")
	mustRun(t, "export", first, "--permit", steward, "--out", a)
	names := exported(t, a, "person")
	if got := shown(names, "person_source_value", "year_of_birth"); got != "11 1950; 12 1960; 13 1970" {
		t.Errorf("the source's own ids are %q", got)
	}
	without := filepath.Join(t.TempDir(), "out")
	mustRun(t, "export", first, "--permit", steward, "--source-ids=false", "--out", without)
	if got := shown(exported(t, without, "person"), "person_source_value"); got != "; ; " {
		t.Errorf("without source ids: %q", got)
	}

	second := newTestHub(t)
	out := mustRun(t, "ingest", second, "omop", a)
	if !strings.Contains(out, "3 persons") || !strings.Contains(out, "dictionary.csv") || strings.Contains(out, "In quarantine") {
		t.Errorf("said: %s", out)
	}
	mustRun(t, "permit", "grant", second, examplePermit("steward"))
	b := filepath.Join(t.TempDir(), "out")
	mustRun(t, "export", second, "--permit", steward, "--out", b)
	// The ids that the first hub gave out are those of the second one's source.
	back := map[string]string{}
	for _, p := range names {
		back[p["person_id"]] = p["person_source_value"]
	}
	for _, p := range exported(t, b, "person") {
		if back[p["person_source_value"]] == "" {
			t.Errorf("the second hub has a person that the first did not export")
		}
	}
	tables := 0
	for _, file := range slices.Sorted(maps.Keys(map[string]bool{"person": true, "observation_period": true, "condition_occurrence": true, "visit_occurrence": true, "death": true, "cost": true,
		"concept": true, "concept_ancestor": true})) {
		header := readCSV(t, filepath.Join(a, file+".csv"))[0]
		var columns []string
		for _, c := range header {
			if !slices.Contains([]string{"person_id", "person_source_value", file + "_id", "visit_occurrence_id", "cost_event_id", "payer_plan_period_id"}, c) {
				columns = append(columns, c)
			}
		}
		x, y := exported(t, a, file), exported(t, b, file)
		switch {
		case strings.HasPrefix(file, "concept"):
			columns = header
		case file != "cost": // the model's own has no person
			x, y, columns = born(t, a, x), born(t, b, y), append(columns, "born")
		}
		if got, want := shown(y, columns...), shown(x, columns...); got != want || len(x) == 0 {
			t.Errorf("%s comes back as\n%s\nand was\n%s", file, got, want)
		}
		tables++
	}
	if tables != 8 {
		t.Errorf("%d tables", tables)
	}
}
