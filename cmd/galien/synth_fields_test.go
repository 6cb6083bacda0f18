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

	"galien/refdata"
)

// truthTable reads a table of the truth beside an invented extraction.
func truthTable(t *testing.T, extraction, name string) []map[string]string {
	t.Helper()
	return refdata.Rows(t, filepath.Join(extraction, "truth", name+".csv.gz"))
}

// sameLines reports what one list has more often than the other.
func sameLines(t *testing.T, what string, got, want []string) {
	t.Helper()
	if len(want) == 0 {
		t.Errorf("%s: the truth has none", what)
	}
	left := map[string]int{}
	for _, s := range want {
		left[s]++
	}
	for _, s := range got {
		left[s]--
	}
	wrong := 0
	for _, s := range slices.Sorted(maps.Keys(left)) {
		if n := left[s]; n != 0 {
			if wrong++; wrong <= 5 {
				t.Errorf("%s: %s: %d more in the truth than in the hub", what, s, n)
			}
		}
	}
	if wrong > 5 {
		t.Errorf("%s: %d such lines of %d", what, wrong, len(want))
	}
}

// TestSynthFields invents stays of rehabilitation, at home and in psychiatry,
// takes them in beside the beneficiaries, and finds all of their truth, and the rows
// of their rules.
func TestSynthFields(t *testing.T) {
	extraction := filepath.Join(t.TempDir(), "extraction")
	mustRun(t, "synth", "snds", "--persons", "6000", "--years", "4", "--seed", "3", "--fields", "mco,ssr,had,rimp", "--out", extraction)
	in := t.TempDir()
	for _, pattern := range []string{"REF/IR_BEN_R*", "PMSI/T_SSR*", "PMSI/T_HAD*", "PMSI/T_RIP*"} {
		files, err := filepath.Glob(filepath.Join(extraction, "input", "snds", filepath.FromSlash(pattern)))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %d files, %v", pattern, len(files), err)
		}
		for _, f := range files {
			if err := os.Symlink(f, filepath.Join(in, filepath.Base(f))); err != nil {
				t.Fatal(err)
			}
		}
	}
	hub := newTestHub(t)
	var report struct {
		Rules []struct {
			Rule    string
			Table   string
			Touched int64
			Removed int64
		}
	}
	if err := json.Unmarshal([]byte(mustRun(t, "ingest", hub, "snds", in, "--json")), &report); err != nil {
		t.Fatal(err)
	}
	counted := map[string]string{}
	for _, r := range report.Rules {
		counted[r.Rule+" "+r.Table] = fmt.Sprint(r.Touched, r.Removed)
	}
	rules, err := os.ReadFile(filepath.Join(extraction, "truth", "rules.csv"))
	if err != nil {
		t.Fatal(err)
	}
	tried := map[string]bool{}
	for _, line := range strings.Split(strings.TrimSpace(string(rules)), "\n")[1:] {
		f := strings.Split(line, ";")
		id, _, _ := strings.Cut(f[0], "_")
		if strings.HasPrefix(f[1], "T_SSR") || strings.HasPrefix(f[1], "T_HAD") || strings.HasPrefix(f[1], "T_RIP") || slices.Contains([]string{"rehabilitation", "home", "psychiatry"}, f[1]) {
			tried[id] = true
			if got, want := counted[id+" "+f[1]], f[2]+" "+f[3]; got != want {
				t.Errorf("%s %s: touched and removed %q, want %q", id, f[1], got, want)
			}
		}
	}
	for _, id := range []string{"M01", "M02", "M08", "R01", "R02", "R03", "H01", "Y01", "Y02", "S01", "S02", "S03"} {
		if !tried[id] {
			t.Errorf("the files do not try %s", id)
		}
	}

	steward := strings.TrimSpace(mustRun(t, "permit", "grant", hub, examplePermit("steward")))
	out := filepath.Join(t.TempDir(), "out")
	mustRun(t, "export", hub, "--permit", steward, "--out", out)
	person, visits := map[string]string{}, map[string]string{}
	keys := map[string]string{}
	for _, r := range truthTable(t, extraction, "person_keys") {
		keys[r["BEN_IDT_ANO"]] = r["person_id"]
	}
	for _, r := range exported(t, out, "person") {
		person[r["person_id"]] = keys[r["person_source_value"]]
	}
	fields := map[string]string{"rehabilitation": "ssr", "day rehabilitation": "ssr by day", "home": "had", "psychiatry": "rimp", "day psychiatry": "rimp by day"}
	got := map[string][]string{}
	for _, r := range exported(t, out, "visit_occurrence") {
		if field := fields[r["visit_source_value"]]; field != "" {
			name := person[r["person_id"]] + " " + r["visit_start_date"]
			visits[r["visit_occurrence_id"]] = name
			concept := "9201"
			if strings.HasSuffix(field, "day") {
				concept = "9202"
			} else if field == "had" {
				concept = "581476"
			}
			if r["visit_concept_id"] != concept {
				t.Errorf("a stay %s is a visit of %s", field, r["visit_concept_id"])
			}
			got["stays"] = append(got["stays"], name+" "+r["visit_end_date"]+" "+field)
		}
	}
	for _, c := range []struct {
		what, table string
		columns     []string
	}{
		{"parts", "visit_detail", []string{"visit_detail_start_date", "visit_detail_end_date", "visit_detail_source_value"}},
		{"diagnoses", "condition_occurrence", []string{"condition_start_date", "condition_status_source_value", "condition_source_value"}},
		{"acts", "procedure_occurrence", []string{"procedure_date", "procedure_source_value", "quantity"}},
	} {
		for _, r := range exported(t, out, c.table) {
			if visit := visits[r["visit_occurrence_id"]]; visit != "" {
				got[c.what] = append(got[c.what], visit+" "+shown([]map[string]string{r}, c.columns...))
			}
		}
	}

	want := map[string][]string{}
	names := map[string]string{}
	statuses := map[string]bool{}
	for _, r := range truthTable(t, extraction, "field_stays") {
		statuses[r["status"]] = true
		if r["status"] != "ok" {
			continue
		}
		names[r["visit_id"]] = r["person_id"] + " " + r["entry"]
		end := r["exit"]
		if end == "" {
			end = r["last_told"]
		}
		field := r["field"]
		if r["by_day"] == "1" {
			field += " by day"
		}
		want["stays"] = append(want["stays"], names[r["visit_id"]]+" "+end+" "+field)
	}
	for what, c := range map[string]struct {
		table   string
		columns []string
	}{
		"parts":     {"field_parts", []string{"start", "end", "what"}},
		"diagnoses": {"field_diagnoses", []string{"date", "place", "cim10"}},
		"acts":      {"field_acts", []string{"date", "code", "quantity"}},
	} {
		for _, r := range truthTable(t, extraction, c.table) {
			want[what] = append(want[what], names[r["visit_id"]]+" "+shown([]map[string]string{r}, c.columns...))
		}
	}
	for _, what := range []string{"stays", "parts", "diagnoses", "acts"} {
		sameLines(t, what, got[what], want[what])
	}
	if !statuses["dropped:bad_return_code"] || !statuses["dropped:grouping_error"] {
		t.Errorf("statuses %v", statuses)
	}
}

// TestSynthHospitals takes in the files that two invented hospitals made
// themselves, and finds the stays of the truth, whatever became of their linkage.
func TestSynthHospitals(t *testing.T) {
	extraction := filepath.Join(t.TempDir(), "extraction")
	mustRun(t, "synth", "snds", "--persons", "1500", "--years", "4", "--seed", "3", "--hospitals", "2", "--out", extraction)
	hub := newTestHub(t)
	files, err := filepath.Glob(filepath.Join(extraction, "input", "hospital", "*", "*.txt"))
	if err != nil || len(files) != 4 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	var report struct {
		Quarantined int              `json:"lines_quarantined"`
		Odd         []map[string]any `json:"odd"`
	}
	if err := json.Unmarshal([]byte(mustRun(t, append(append([]string{"ingest", hub, "pmsi"}, files...), "--json")...)), &report); err != nil {
		t.Fatal(err)
	}
	if len(report.Odd) != 0 {
		t.Errorf("odd values: %v", report.Odd)
	}

	stays, units, acts := map[string]map[string]string{}, map[string]int{}, map[string]map[string]bool{}
	for _, r := range truthTable(t, extraction, "stays") {
		stays[r["year"]+" "+r["ETA_NUM"]+" "+r["RSA_NUM"]] = r
	}
	for _, r := range truthTable(t, extraction, "procedures") {
		if r["source"] == "stay" {
			if acts[r["visit_id"]] == nil {
				acts[r["visit_id"]] = map[string]bool{}
			}
			acts[r["visit_id"]][r["date"]+" "+r["ccam"]] = true
		}
	}
	words := func(who, concept, entry, exit, dp, dr string, das map[string]bool, acts map[string]bool) string {
		delete(das, dp)
		delete(das, dr)
		return fmt.Sprint(who, " ", concept, " ", entry, " ", exit, " ", dp, " ", dr, " ", slices.Sorted(maps.Keys(das)), " ", slices.Sorted(maps.Keys(acts)))
	}
	var want []string
	errors := map[string]int{}
	person := map[string]string{}
	for _, l := range truthTable(t, extraction, "hospital_link") {
		errors[l["hospital_error"]]++
		person["IPP|"+l["FINESS"]+"|"+l["IPP"]] = l["person_id"]
		if l["hospital_error"] == "no_vidhosp" {
			continue
		}
		s := stays[l["claims_year"]+" "+l["claims_ETA_NUM"]+" "+l["claims_RSA_NUM"]]
		if s == nil {
			t.Fatalf("the stay %s is in no claims", l["NADL"])
		}
		das := map[string]bool{}
		for _, c := range strings.Fields(s["das"]) {
			das[c] = true
		}
		want = append(want, words(l["person_id"], s["visit_concept"], s["entry"], s["exit"], s["dp"], s["dr"], das, acts[s["visit_id"]]))
	}
	// A stay that nobody is named of has one line or two.
	if errors["no_vidhosp"] == 0 || errors["summary_twice"] == 0 || errors["nir_missing"] == 0 ||
		report.Quarantined < errors["no_vidhosp"]+errors["summary_twice"] || report.Quarantined > 2*errors["no_vidhosp"]+errors["summary_twice"] {
		t.Errorf("%d lines in quarantine, of stays with the errors %v", report.Quarantined, errors)
	}

	steward := strings.TrimSpace(mustRun(t, "permit", "grant", hub, examplePermit("steward")))
	out := filepath.Join(t.TempDir(), "out")
	mustRun(t, "export", hub, "--permit", steward, "--out", out)
	who := map[string]string{}
	for _, r := range exported(t, out, "person") {
		if who[r["person_id"]] = person[r["person_source_value"]]; who[r["person_id"]] == "" {
			t.Error("a person is not known by the number of a hospital")
		}
	}
	dp, dr, das, done := map[string]string{}, map[string]string{}, map[string]map[string]bool{}, map[string]map[string]bool{}
	for _, r := range exported(t, out, "condition_occurrence") {
		switch v := r["visit_occurrence_id"]; r["condition_status_source_value"] {
		case "DP":
			dp[v] = r["condition_source_value"]
		case "DR":
			dr[v] = r["condition_source_value"]
		default:
			if das[v] == nil {
				das[v] = map[string]bool{}
			}
			das[v][r["condition_source_value"]] = true
		}
	}
	for _, r := range exported(t, out, "procedure_occurrence") {
		v := r["visit_occurrence_id"]
		if done[v] == nil {
			done[v] = map[string]bool{}
		}
		done[v][r["procedure_date"]+" "+r["procedure_source_value"]] = true
	}
	for _, r := range exported(t, out, "visit_detail") {
		units[r["visit_occurrence_id"]]++
	}
	var got []string
	several := 0
	for _, r := range exported(t, out, "visit_occurrence") {
		v := r["visit_occurrence_id"]
		got = append(got, words(who[r["person_id"]], r["visit_concept_id"], r["visit_start_date"], r["visit_end_date"], dp[v], dr[v], das[v], done[v]))
		if units[v] > 1 {
			several++
		}
	}
	sameLines(t, "stays", got, want)
	if several == 0 {
		t.Error("no stay has two units")
	}
}
