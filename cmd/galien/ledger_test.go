package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"galien/vault"
)

// demographic writes a definition of everyone observed who meets a test of each
// rule, such as "Gender":[{"CONCEPT_ID":8507}].
func demographic(t *testing.T, rules ...string) string {
	t.Helper()
	var list []string
	for i, r := range rules {
		list = append(list, fmt.Sprintf(`{"name":"rule %d","expression":{"Type":"ALL","DemographicCriteriaList":[{%s}]}}`, i, r))
	}
	path := filepath.Join(t.TempDir(), "1.json")
	writeFile(t, path, fmt.Appendf(nil, `{"PrimaryCriteria":{"CriteriaList":[{"ObservationPeriod":{}}],"ObservationWindow":{"PriorDays":0,"PostDays":0},"PrimaryCriteriaLimit":{"Type":"First"}},
"InclusionRules":[%s],"ExpressionLimit":{"Type":"First"},"CollapseSettings":{"CollapseType":"ERA","EraPad":0}}`, strings.Join(list, ",")))
	return path
}

const men = `"Gender":[{"CONCEPT_ID":8507}]`

func aged(op string, years ...int) string {
	if len(years) == 1 {
		return fmt.Sprintf(`"Age":{"Value":%d,"Op":%q}`, years[0], op)
	}
	return fmt.Sprintf(`"Age":{"Value":%d,"Extent":%d,"Op":%q}`, years[0], years[1], op)
}

// countOf is what cohort count says of the cohort's persons: a number or a text.
func countOf(t *testing.T, hub, permit, file string) (persons any, note string) {
	t.Helper()
	var got struct {
		Persons   any
		Attrition []struct{ Note string }
	}
	if err := json.Unmarshal([]byte(mustRun(t, "cohort", "count", hub, "--permit", permit, "--json", file)), &got); err != nil {
		t.Fatal(err)
	}
	return got.Persons, got.Attrition[len(got.Attrition)-1].Note
}

// TestLedger asks of a hub, as two people under two permits, what would isolate
// few persons by subtraction, with an opposition in between, as counts, tables
// and releases; then looks at what the ledger tells of it.
func TestLedger(t *testing.T) {
	hub := newTestHub(t)
	dir, _ := population(t, 1)
	mustRun(t, "ingest", hub, "omop", dir)
	steward, mine := grant(t, hub, "steward"), grant(t, hub, "aggregates")
	theirs := grantTerms(t, hub, "theirs", "level: aggregates", `tables: "*"`)
	windowed := grantTerms(t, hub, "windowed", "level: cohort", `tables: "*"`, "window: {start: 1900-01-01, end: 2090-01-01}")

	all := demographic(t, men)
	exact, _ := countOf(t, hub, steward, all)
	before, _ := countOf(t, hub, mine, all)
	if before != exact || exact.(float64) < 300 {
		t.Fatalf("%v men, %v under the permit of aggregates", exact, before)
	}
	few := 0
	for age := 20; age < 90 && few == 0; age++ {
		if n, _ := countOf(t, hub, steward, demographic(t, men, aged("bt", age, age))); n.(float64) > 0 && n.(float64) < 11 {
			few = age
		}
	}
	if few == 0 {
		t.Fatal("no age has few men")
	}

	// The tracker: all men, and all but a few, by whoever asks.
	tracker := demographic(t, men, aged("!bt", few, few))
	if n, _ := countOf(t, hub, steward, tracker); n == exact {
		t.Fatal("the tracker takes nobody away: the rest proves nothing")
	}
	for _, permit := range []string{mine, theirs, windowed} {
		if n, note := countOf(t, hub, permit, tracker); n != "withheld" || !strings.Contains(note, "fewer persons than the threshold lie between") {
			t.Errorf("%s: the tracker counts %v, %q", permit, n, note)
		}
	}
	// The same question has the same answer, under a permit that shows the same.
	for _, permit := range []string{mine, theirs} {
		if n, _ := countOf(t, hub, permit, all); n != exact {
			t.Errorf("%s: %v men, want %v", permit, n, exact)
		}
	}
	// Editing goes on: ages whose counts differ by many.
	answered := 0
	for age := 20; age <= 80; age += 10 {
		if n, _ := countOf(t, hub, mine, demographic(t, men, aged("gte", age))); n != "withheld" && n != "<11" {
			answered++
		}
	}
	if answered < 5 {
		t.Errorf("%d of 7 edits answered", answered)
	}

	// Somebody opposes: the number of men tells nothing about them.
	v, err := vault.Open(filepath.Join(hub, vaultDir))
	if err != nil {
		t.Fatal(err)
	}
	names, err := v.SourceIDs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	v.Close()
	persons := filepath.Join(t.TempDir(), "out")
	mustRun(t, "cohort", "run", hub, "--permit", steward, "--out", persons, all)
	var opposer string
	for key, id := range names {
		if fmt.Sprint(key) == readCSV(t, filepath.Join(persons, "cohort.csv"))[1][1] {
			opposer = id
		}
	}
	for _, action := range []string{"add", "withdraw"} {
		if code, _, stderr := galienRun(t, opposer, "opposition", action, hub, "--source", "omop"); code != 0 {
			t.Fatalf("opposition %s: %s", action, stderr)
		}
		n, note := countOf(t, hub, mine, all)
		if now, _ := countOf(t, hub, steward, all); action == "add" {
			if now != exact.(float64)-1 || n != "withheld" || !strings.Contains(note, "somebody opposed since") {
				t.Errorf("after an opposition: %v men, under the permit of aggregates %v, %q", now, n, note)
			}
		} else if n != exact {
			t.Errorf("after it was withdrawn: %v, want %v", n, exact)
		}
	}

	// Runs of several definitions, and every engine, are bound by the same.
	for i, engine := range engines {
		out := filepath.Join(t.TempDir(), "out")
		mustRun(t, "cohort", "run", hub, "--permit", theirs, "--engine", engine, "--out", out, tracker, "--id", fmt.Sprint(i+1))
		if rows := readCSV(t, filepath.Join(out, "counts.csv")); rows[1][1] != "withheld" {
			t.Errorf("%s: %v", engine, rows)
		}
		if rows := readCSV(t, filepath.Join(out, "withheld.csv")); len(rows) < 2 {
			t.Errorf("%s: no reason why a number is withheld: %v", engine, rows)
		}
	}

	// Tables: of all, then of all but a few.
	table := mustRun(t, "table", hub, "--permit", mine, "--cohort", all, "--by", "age_group")
	if again := mustRun(t, "table", hub, "--permit", theirs, "--cohort", all, "--by", "age_group"); again != table {
		t.Errorf("the same table again:\n%s\n%s", table, again)
	}
	if !regexp.MustCompile(`(?m)^\S+ +\d+ +\d+ `).MatchString(table) {
		t.Errorf("no row is shown:\n%s", table)
	}
	near := mustRun(t, "table", hub, "--permit", theirs, "--cohort", tracker, "--by", "age_group")
	if !strings.Contains(near, "rows withheld beside what was released before") || regexp.MustCompile(`(?m)^\S+ +\d+ +\d+ `).MatchString(near) {
		t.Errorf("a table of all but a few shows rows:\n%s", near)
	}
	out := filepath.Join(t.TempDir(), "out")
	if code, stdout, stderr := galienRun(t, "", "release", hub, "--permit", theirs, "--cohort", tracker, "--by", "age_group", "--out", out); code != 4 || !strings.Contains(stderr, "beside what was released before") {
		t.Errorf("a release of all but a few: exit %d, %s%s", code, stdout, stderr)
	}
	if _, err := os.Stat(out); err == nil {
		t.Error("the release was written")
	}
	mustRun(t, "release", hub, "--permit", mine, "--cohort", all, "--by", "age_group", "--out", out)
	released := readCSV(t, filepath.Join(out, "table.csv"))
	for _, row := range released[1:] {
		if row[1] != "withheld" && !regexp.MustCompile(`(?m)^`+regexp.QuoteMeta(row[0])+` +`+row[1]+` +`+row[2]+` `).MatchString(table) {
			t.Errorf("released, and not shown before: %v\n%s", row, table)
		}
	}
	// A release under a permit that lets rows out is bound too.
	if code, _, _ := galienRun(t, "", "release", hub, "--permit", steward, "--cohort", tracker, "--by", "age_group", "--out", filepath.Join(t.TempDir(), "out")); code != 4 {
		t.Errorf("a steward's release of all but a few: exit %d", code)
	}

	// What the ledger tells: records, and no number.
	list := mustRun(t, "ledger", "list", hub)
	if !strings.Contains(list, mine) || !strings.Contains(list, theirs) || strings.Contains(list, steward+" ") && !strings.Contains(list, "release") {
		t.Errorf("ledger list:\n%s", list)
	}
	var records []ledgerLine
	if err := json.Unmarshal([]byte(mustRun(t, "ledger", "list", hub, "--json")), &records); err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		show := mustRun(t, "ledger", "show", hub, fmt.Sprint(r.Record))
		if regexp.MustCompile(fmt.Sprintf(`\b%v\b`, exact)).MatchString(show) {
			t.Errorf("ledger show tells a number:\n%s", show)
		}
	}
	at := slices.IndexFunc(records, func(r ledgerLine) bool { return r.Withheld > 0 && r.Permit == theirs })
	if at < 0 {
		t.Fatalf("no record of the second permit's: %+v", records)
	}
	if show := mustRun(t, "ledger", "show", hub, fmt.Sprint(records[at].Record)); !strings.Contains(show, "permit "+mine+", definition ") {
		t.Errorf("it does not name the answer in the way:\n%s", show)
	}
	for _, args := range [][]string{{"ledger", "show", hub, "x"}, {"ledger", "show", hub, "99999"}} {
		if code, _, _ := galienRun(t, "", args...); code != 2 && code != 3 {
			t.Errorf("galien %v: exit %d", args, code)
		}
	}

	// The audit log refers to the ledger: an older one put back is found.
	mustRun(t, "fsck", hub)
	for _, name := range []string{"", "records.ndjson", "sets"} {
		if info, err := os.Stat(filepath.Join(hub, releasedDir, name)); err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("others may read %q of the ledger: %v", name, err)
		}
	}
	old := t.TempDir()
	if err := os.CopyFS(old, os.DirFS(filepath.Join(hub, releasedDir))); err != nil {
		t.Fatal(err)
	}
	countOf(t, hub, mine, demographic(t, aged("gte", 55)))
	if err := os.RemoveAll(filepath.Join(hub, releasedDir)); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(filepath.Join(hub, releasedDir), os.DirFS(old)); err != nil {
		t.Fatal(err)
	}
	if code, stdout, _ := galienRun(t, "", "fsck", hub); code != 7 || !strings.Contains(stdout, "an older ledger was put back") {
		t.Errorf("fsck of a hub with an older ledger: exit %d\n%s", code, stdout)
	}
}
