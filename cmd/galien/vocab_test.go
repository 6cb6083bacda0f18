package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"galien/lake"
	"galien/refdata"
	"galien/vocab"
	"galien/vocab/vocabtest"
)

// localConcepts are the local concepts of a hub by code.
func localConcepts(t *testing.T, hub string) map[string]int64 {
	t.Helper()
	l, err := lake.Open(filepath.Join(hub, lakeDir))
	if err != nil {
		t.Fatal(err)
	}
	s, err := l.Current()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]int64{}
	err = s.Read(t.Context(), "concept", []string{"concept_id", "vocabulary_id", "concept_code"}, func(row []any) error {
		if system, ok := vocab.System(row[1].(string)); ok {
			all[system+" "+row[2].(string)] = row[0].(int64)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// anyDay is a window without bounds.
const anyDay = `"StartWindow":{"Start":{"Coeff":-1},"End":{"Coeff":1},"UseEventEnd":false}`

// atLeast is a rule that counts events of a criterion, of any day.
func atLeast(n int, criterion, distinct string) string {
	if distinct != "" {
		distinct = fmt.Sprintf(`,"IsDistinct":true,"CountColumn":"%s"`, distinct)
	}
	return fmt.Sprintf(`{"name":"at least %[1]d","expression":{"Type":"ALL","CriteriaList":[{"Criteria":{%[2]s},%[3]s,"Occurrence":{"Type":2,"Count":%[1]d%[4]s}}]}}`, n, criterion, anyDay, distinct)
}

// defined writes a definition whose concept sets have one line each.
func defined(t *testing.T, dir string, id int, entry string, rules []string, descendants bool, concepts ...any) {
	t.Helper()
	var sets []string
	for i, c := range concepts {
		sets = append(sets, fmt.Sprintf(`{"id":%d,"name":"set","expression":{"items":[{"concept":{"CONCEPT_ID":%v},"includeDescendants":%v}]}}`, i, c, descendants))
	}
	text := fmt.Sprintf(`{"ConceptSets":[%s],"PrimaryCriteria":{"CriteriaList":[%s],"ObservationWindow":{"PriorDays":0,"PostDays":0},"PrimaryCriteriaLimit":{"Type":"All"}},
"ExpressionLimit":{"Type":"All"},"InclusionRules":[%s],"EndStrategy":{"DateOffset":{"DateField":"StartDate","Offset":0}},"CollapseSettings":{"CollapseType":"ERA","EraPad":0}}`,
		strings.Join(sets, ","), entry, strings.Join(rules, ","))
	writeFile(t, filepath.Join(dir, fmt.Sprintf("%d.json", id)), []byte(text))
}

// TestCohortsAfterAVocabulary takes a hospital's hub through a load of an
// invented vocabulary: cohorts on local concepts select the same events on every
// engine, those on standard ones the events of their codes, and the ledger and
// the log say what was done.
func TestCohortsAfterAVocabulary(t *testing.T) {
	data := filepath.Join(refdata.Dir(t, "snds-truth-small"), "input", "hospital")
	hub := newTestHub(t)
	mustRun(t, "ingest", hub, "pmsi", filepath.Join(data, "rss122.txt"), filepath.Join(data, "vidhospV016.txt"))
	steward := strings.TrimSpace(mustRun(t, "permit", "grant", hub, examplePermit("steward")))
	local := localConcepts(t, hub)

	definitions := t.TempDir()
	condition, entry := `"ConditionOccurrence":{"CodesetId":0}`, `{"ConditionOccurrence":{"CodesetId":0}}`
	defined(t, definitions, 1, entry, nil, true, local["CIM10 chapter 02"])
	defined(t, definitions, 2, entry, []string{atLeast(3, condition, "")}, false, local["CIM10 Z511"])
	defined(t, definitions, 3, `{"ConditionOccurrence":{"CodesetId":0,"First":true}}`, nil, true, local["CIM10 chapter 21"])
	defined(t, definitions, 4, entry, []string{atLeast(2, condition, "DOMAIN_CONCEPT")}, true, local["CIM10 chapter 09"])
	defined(t, definitions, 5, entry, nil, true, local["CIM10 I40"])
	defined(t, definitions, 6, `{"ConditionOccurrence":{}}`, []string{atLeast(6, `"ConditionOccurrence":{}`, "")}, true)
	defined(t, definitions, 7, `{"ProcedureOccurrence":{"CodesetId":0}}`, []string{atLeast(1, `"ConditionOccurrence":{"CodesetId":1}`, "")}, true, local["CCAM D"], local["CIM10 chapter 09"])
	answers := func() map[string]string {
		all := map[string]string{}
		for _, engine := range engines {
			out := filepath.Join(t.TempDir(), "answer")
			mustRun(t, "cohort", "run", hub, "--permit", steward, "--engine", engine, definitions, "--out", out)
			for _, file := range []string{"cohort.csv", "attrition.csv"} {
				b, err := os.ReadFile(filepath.Join(out, file))
				if err != nil {
					t.Fatal(err)
				}
				all[engine+" "+file] = string(b)
			}
		}
		return all
	}
	before := answers()
	for id := 1; id <= 7; id++ {
		if !strings.Contains(before[engineColumnar+" cohort.csv"], fmt.Sprintf("\n%d,", id)) {
			t.Errorf("definition %d selects nobody, and shows nothing", id)
		}
	}

	french := vocabtest.French()
	french.Concept(712_000_000, "SNOMED", "Condition", "S", "a code")
	french.MapsTo(french.ID("CIM10", "R07.4"), 712_000_000)
	dir := french.Write(t)
	if code, _, stderr := galienRun(t, "", "vocab", "load", hub, dir); code != 4 || !strings.Contains(stderr, "SNOMED (click-through licence)") {
		t.Errorf("without a licence: exit %d, %s", code, stderr)
	}
	var report vocab.Report
	if err := json.Unmarshal([]byte(mustRun(t, "vocab", "load", hub, dir, "--accept-licence", "SNOMED", "--json")), &report); err != nil {
		t.Fatal(err)
	}
	if i := slices.IndexFunc(report.Events, func(e vocab.EventReport) bool {
		return e.Table == "condition_occurrence" && e.Standard > 200 && e.Further > 20
	}); i < 0 {
		t.Fatalf("the vocabulary translates little of these data: %+v", report.Events)
	}
	for name, after := range answers() {
		if after != before[name] {
			t.Errorf("%s is another after the vocabulary:\n%s\nbefore:\n%s", name, after, before[name])
		}
	}

	// The standard concept stands for five codes, one of them outside of I40.
	counted := func(name string) string {
		return strings.SplitN(mustRun(t, "cohort", "count", hub, "--permit", steward, filepath.Join(definitions, name)), "\n", 2)[0]
	}
	writeSet := func(id int, criterion string, items ...string) string {
		for i, c := range items {
			items[i] = fmt.Sprintf(`{"concept":{"CONCEPT_ID":%s},"includeDescendants":true}`, c)
		}
		writeFile(t, filepath.Join(definitions, fmt.Sprintf("%d.json", id)), fmt.Appendf(nil, `{"ConceptSets":[{"id":0,"expression":{"items":[%s]}}],
"PrimaryCriteria":{"CriteriaList":[{"ConditionOccurrence":{"%s":0}}],"ObservationWindow":{"PriorDays":0,"PostDays":0},"PrimaryCriteriaLimit":{"Type":"All"}},
"ExpressionLimit":{"Type":"All"},"CollapseSettings":{"CollapseType":"ERA","EraPad":0}}`, strings.Join(items, ","), criterion))
		return fmt.Sprintf("%d.json", id)
	}
	standard := counted(writeSet(8, "CodesetId", fmt.Sprint(vocabtest.HeartIll)))
	five := counted(writeSet(9, "CodesetId", fmt.Sprint(local["CIM10 I40"]), fmt.Sprint(local["CIM10 I514"])))
	four := counted(writeSet(10, "CodesetId", fmt.Sprint(local["CIM10 I40"])))
	athena := counted(writeSet(11, "ConditionSourceConcept", fmt.Sprint(french.ID("CIM10", "I40"))))
	if standard != five || four == five || athena != four {
		t.Errorf("the standard concept gives %s, its codes %s; I40 %s, and by Athena's concept of it %s", standard, five, four, athena)
	}
	code, _, stderr := galienRun(t, "", "cohort", "count", hub, "--permit", steward, filepath.Join(definitions, writeSet(12, "CodesetId", fmt.Sprint(local["CIM10 I40"]), fmt.Sprint(vocabtest.HeartIll))))
	if code != 2 || !strings.Contains(stderr, "concept set 0 mixes") {
		t.Errorf("a mixed set: exit %d, %s", code, stderr)
	}

	// A permit that denied a local concept hides every reading of its events.
	terms, err := os.ReadFile(examplePermit("steward"))
	if err != nil {
		t.Fatal(err)
	}
	denying := filepath.Join(t.TempDir(), "denying.yaml")
	writeFile(t, denying, fmt.Appendf(terms, "\nconcepts:\n  deny:\n    - {concept: %d}\n", local["CIM10 Z511"]))
	denied := strings.TrimSpace(mustRun(t, "permit", "grant", hub, denying))
	for _, c := range []int{vocabtest.Session, vocabtest.Drug} {
		file := filepath.Join(definitions, writeSet(13, "CodesetId", fmt.Sprint(c)))
		if seen, hidden := mustRun(t, "cohort", "count", hub, "--permit", steward, file), mustRun(t, "cohort", "count", hub, "--permit", denied, file); strings.HasPrefix(seen, "0 persons") || !strings.HasPrefix(hidden, "0 persons") {
			t.Errorf("of the concept %d, with its code denied: %s, without: %s", c, hidden, seen)
		}
	}

	list := mustRun(t, "vocab", "list", hub)
	for _, want := range []string{"v5.0 of the test", "CIM10           CIM10 of the test", "click-through licence, accepted", account() + " " + vocab.Statement + ": SNOMED"} {
		if !strings.Contains(list, want) {
			t.Errorf("vocab list does not say %q:\n%s", want, list)
		}
	}
	var listed vocabularyList
	if err := json.Unmarshal([]byte(mustRun(t, "vocab", "list", hub, "--json")), &listed); err != nil || listed.Delivery != report.Delivery || len(listed.Ledger) != 1 {
		t.Errorf("vocab list --json: %+v, %v", listed, err)
	}
	log := mustRun(t, "audit", "show", hub)
	if !strings.Contains(log, "vocab load") || !strings.Contains(log, "SNOMED") {
		t.Errorf("the log does not tell of the load:\n%s", log)
	}
	mustRun(t, "fsck", hub)
	if again := mustRun(t, "vocab", "load", hub, dir); !strings.HasPrefix(again, "Nothing changed") {
		t.Errorf("a second load: %s", again)
	}
	if again := mustRun(t, "ingest", hub, "pmsi", filepath.Join(data, "rss122.txt"), filepath.Join(data, "vidhospV016.txt")); !strings.HasPrefix(again, "Nothing changed") {
		t.Errorf("the claims again: %s", again)
	}
	if err := os.Remove(filepath.Join(hub, ledgerFile)); err != nil {
		t.Fatal(err)
	}
	if code, out, _ := galienRun(t, "", "fsck", hub); code != 7 || !strings.Contains(out, "damage: vocabularies") {
		t.Errorf("fsck without the ledger: exit %d, %s", code, out)
	}
}

// TestKillDuringVocabLoad kills loads of vocabularies: the hub has the snapshot
// before or the next, whole, and fsck is clean.
func TestKillDuringVocabLoad(t *testing.T) {
	data := filepath.Join(refdata.Dir(t, "snds-truth-small"), "input", "hospital")
	hub := newTestHub(t)
	mustRun(t, "ingest", hub, "pmsi", filepath.Join(data, "rss122.txt"), filepath.Join(data, "vidhospV016.txt"))
	dirs := []string{vocabtest.French().Write(t), vocabtest.New("v6").Write(t)}
	known := map[string]bool{}
	var longest time.Duration
	for _, dir := range dirs {
		began := time.Now()
		mustRun(t, "vocab", "load", hub, dir)
		longest = max(longest, time.Since(began))
		known[hubStatus(t, hub).Snapshot] = true
	}
	const kills = 4
	for i := range kills {
		cmd := process(t, "vocab", "load", hub, dirs[i%2])
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(longest * time.Duration(i+1) / kills)
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if out, err := process(t, "fsck", hub).CombinedOutput(); err != nil {
			t.Fatalf("fsck after a kill: %v\n%s", err, out)
		}
		if s := hubStatus(t, hub); !known[s.Snapshot] {
			t.Fatalf("after a kill the snapshot is %s, which no load made", s.Snapshot)
		}
	}
	mustRun(t, "vocab", "load", hub, dirs[0])
	mustRun(t, "fsck", hub)
}
