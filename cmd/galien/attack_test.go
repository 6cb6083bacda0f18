package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"galien"
	"galien/attack"
	"galien/release"
)

// readScorecard returns the report that a scorecard holds.
func readScorecard(t *testing.T, dir string) attack.Report {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, scorecardJSON))
	if err != nil {
		t.Fatal(err)
	}
	var r attack.Report
	if err := json.Unmarshal(b, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// TestAttackCommand attacks an extract, a release and the counts of one hub.
func TestAttackCommand(t *testing.T) {
	hub := gibleedHub(t)
	steward, aggregates := grant(t, hub, "steward"), grant(t, hub, "aggregates")
	celecoxib := everyEvent(t, "1 celecoxib", "DrugExposure", 1118084)
	out := t.TempDir()
	at := func(name string) string { return filepath.Join(out, name) }

	// A permit that rounds to 10 counts the persons whom another counts exactly.
	text, err := os.ReadFile(filepath.Join("..", "..", "examples", "permits", "aggregates.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(at("rounded.yaml"), bytes.Replace(text, []byte("output:\n"), []byte("output:\n  rounding: 10\n"), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	rounds := strings.TrimSpace(mustGalien(t, "permit", "grant", hub, at("rounded.yaml")))
	persons := func(permit string) (n int) {
		var answer struct{ Persons int }
		sprains := everyEvent(t, "2 sprains", "ConditionOccurrence", 81151)
		if err := json.Unmarshal([]byte(mustGalien(t, "cohort", "count", hub, "--permit", permit, sprains, "--json")), &answer); err != nil {
			t.Fatal(err)
		}
		return answer.Persons
	}
	if all, shown := persons(steward), persons(rounds); all%10 == 0 || shown != (all+5)/10*10 {
		t.Errorf("%d persons are shown as %d", all, shown)
	}

	t.Run("extract", func(t *testing.T) {
		var reports []attack.Report
		for _, format := range []string{"csv", "parquet"} {
			mustGalien(t, "extract", hub, "--permit", steward, "--cohort", celecoxib, "--out", at(format), "--format", format)
			mustGalien(t, "attack", hub, "--permit", steward, "--extract", at(format), "--targets", "100", "--out", at(format+"-1"))
			reports = append(reports, readScorecard(t, at(format+"-1")))
		}
		mustGalien(t, "attack", hub, "--permit", steward, "--extract", at("parquet"), "--targets", "100", "--out", at("parquet-2"))
		for _, name := range []string{scorecardJSON, scorecardEnglish, scorecardFrench} {
			a, errA := os.ReadFile(at(filepath.Join("parquet-1", name)))
			b, errB := os.ReadFile(at(filepath.Join("parquet-2", name)))
			if errA != nil || errB != nil || !bytes.Equal(a, b) {
				t.Errorf("two scorecards of one seed differ in %s", name)
			}
		}
		// 1,800 persons took celecoxib while observed, as published.
		if m := reports[0].Measures; m == nil || m.Persons != 1800 {
			t.Errorf("measures %+v", m)
		}
		if !reflect.DeepEqual(reports[0].Findings, reports[1].Findings) {
			t.Errorf("CSV and Parquet are attacked differently:\n%+v\n%+v", reports[0].Findings, reports[1].Findings)
		}
		if _, errs, code := galienCommand(t, "attack", hub, "--permit", aggregates, "--extract", at("csv"), "--out", at("other")); code != 2 || !strings.Contains(errs, "made under permit") {
			t.Errorf("an extract of another permit: exit %d\n%s", code, errs)
		}
		if _, errs, code := galienCommand(t, "attack", hub, "--permit", steward, "--extract", out, "--out", at("none")); code != 3 {
			t.Errorf("no extract: exit %d\n%s", code, errs)
		}
	})

	t.Run("release", func(t *testing.T) {
		mustGalien(t, "release", hub, "--permit", aggregates, "--cohort", celecoxib, "--by", "sex,age_group", "--out", at("release"))
		mustGalien(t, "attack", hub, "--permit", aggregates, "--release", at("release"), "--cohort", celecoxib, "--out", at("release-1"))
		r := readScorecard(t, at("release-1"))
		for _, f := range r.Findings {
			if f.Verdict != attack.Tight && f.Verdict != attack.NotTried {
				t.Errorf("%+v", f)
			}
			if f.Attack == attack.SubtractionName && f.Control.Attempts == 0 {
				t.Errorf("no control: %+v", f)
			}
		}
		// The release has a scorecard of its own, with what its reader could find: the
		// same again for the same release, in the register and in the audit log.
		mustGalien(t, "release", hub, "--permit", aggregates, "--cohort", celecoxib, "--by", "sex,age_group", "--out", at("release-again"))
		own := readScorecard(t, at("release"))
		if own.Inside || own.Permit != aggregates || own.Attacked != r.Attacked || own.Snapshot != r.Snapshot || len(own.Findings) != 3 || own.Leaks() {
			t.Errorf("%+v", own)
		}
		entries, err := os.ReadDir(at("release"))
		if err != nil || len(entries) != 7 {
			t.Errorf("%d files in the release, %v", len(entries), err)
		}
		register := mustGalien(t, "airlock", "register", hub)
		if strings.Count(register, "  7  ") != 2 {
			t.Errorf("register:\n%s", register)
		}
		for _, e := range entries {
			a, errA := os.ReadFile(at(filepath.Join("release", e.Name())))
			b, errB := os.ReadFile(at(filepath.Join("release-again", e.Name())))
			if errA != nil || errB != nil || !bytes.Equal(a, b) {
				t.Errorf("two releases of one table differ in %s", e.Name())
			}
		}
		if log := mustGalien(t, "audit", "show", hub, "--json"); !strings.Contains(log, "files_sha256") {
			t.Error("the log does not name what left")
		}
		// Rounded, the same table has multiples of 10.
		mustGalien(t, "release", hub, "--permit", rounds, "--cohort", celecoxib, "--by", "sex,age_group", "--out", at("rounded"))
		exact, rounded := readCSV(t, at("release/table.csv")), readCSV(t, at("rounded/table.csv"))
		changed := 0
		for i, row := range rounded {
			for _, j := range []int{2, 3} {
				n, err := strconv.Atoi(row[j])
				if was, errWas := strconv.Atoi(exact[i][j]); err == nil && (errWas != nil || n%10 != 0 || n-was > 9 || was-n > 5) {
					t.Errorf("row %d: %v, exactly %v", i, row, exact[i])
				} else if err == nil && n != was {
					changed++
				}
			}
		}
		if changed == 0 {
			t.Errorf("nothing was rounded: %v", rounded)
		}
		if r := readScorecard(t, at("rounded")); r.Leaks() || r.Findings[0].Skipped != attack.Rounded && r.Findings[0].Skipped != attack.NothingHid {
			t.Errorf("%+v", r.Findings)
		}
		mustGalien(t, "attack", hub, "--permit", rounds, "--release", at("rounded"), "--cohort", celecoxib, "--out", at("rounded-1"))
		// A table that was changed since is not the one that was released.
		table := at(filepath.Join("release", "table.csv"))
		b, err := os.ReadFile(table)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(table, append(b, '\n'), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, errs, code := galienCommand(t, "attack", hub, "--permit", aggregates, "--release", at("release"), "--out", at("release-2")); code != 7 {
			t.Errorf("a changed table: exit %d\n%s", code, errs)
		}
	})

	t.Run("questions", func(t *testing.T) { attackQuestions(t, hub, steward) })

	t.Run("endpoint", func(t *testing.T) {
		before := mustGalien(t, "ledger", "list", hub, "--json")
		mustGalien(t, "attack", hub, "--permit", aggregates, "--endpoint", "--truth", steward, "--targets", "4", "--secret", "drug 1118084", "--out", at("endpoint-1"))
		if after := mustGalien(t, "ledger", "list", hub, "--json"); after != before {
			t.Errorf("the attack left records in the ledger:\n%s", after)
		}
		r := readScorecard(t, at("endpoint-1"))
		questions := 0
		for _, f := range r.Findings {
			questions += f.Queries
			if f.Attack == attack.RefusalName || f.Attack == attack.ReconstructionName { // these do not fall back on the guess
				if f.Main.Attempts > 0 && f.Main.Rate() > f.Naive.Wilson().High {
					t.Errorf("%s recovers %+v, guessing %+v", f.Attack, f.Main, f.Naive)
				}
				continue
			}
			if f.Certain != 0 || f.Main != f.Naive {
				t.Errorf("%s computes %d of %d; %+v, guessing %+v", f.Attack, f.Certain, f.Main.Attempts, f.Main, f.Naive)
			}
		}
		if questions == 0 {
			t.Error("nothing was asked")
		}
		if log := mustGalien(t, "audit", "show", hub, "--json"); strings.Count(log, `"cohort count"`) < 2*questions {
			t.Errorf("%d questions were asked and %d entries of counts are in the log, where each has two", questions, strings.Count(log, `"cohort count"`))
		}
		left, err := filepath.Glob(filepath.Join(out, ".galien-partial-*"))
		if err != nil || len(left) > 0 {
			t.Errorf("rows were left behind: %v", left)
		}
		mustGalien(t, "fsck", hub) // which looks for every record of the ledger that the log names
	})
}

// TestLeakStays has a table of which a withheld number comes back: 60 less 55 is
// five, and nothing leaves.
func TestLeakStays(t *testing.T) {
	files := func(table string) []release.File {
		sum := sha256.Sum256([]byte(table))
		return []release.File{{Name: release.TableFile, Content: []byte(table)}, {Name: release.ProvenanceFile, Content: []byte("{}")},
			{Name: release.DecisionFile, Content: fmt.Appendf(nil, `{"threshold": 11, "table_sha256": "%x"}`, sum)}}
	}
	_, err := attackFiles(files("sex,persons\nfemale,55\nmale,withheld\n*,60\n"))
	if galien.KindOf(err) != galien.Denied {
		t.Errorf("a leak: %v", err)
	}
	pages, err := attackFiles(files("sex,persons\nfemale,40\nmale,withheld\n*,60\n"))
	if err != nil || len(pages) != 3 {
		t.Errorf("no leak: %d pages, %v", len(pages), err)
	}
	// An earlier number stands beside new ones: no attack says anything, and the
	// release is not held up.
	if pages, err = attackFiles(files("sex,persons\nfemale,63\nmale,withheld\n*,60\n")); err != nil || len(pages) != 3 || !bytes.Contains(pages[2].Content, []byte("do not add up")) {
		t.Errorf("numbers of two snapshots: %v", err)
	}
}

// attackQuestions asks random queries as cohort definitions under a permit that
// shows exact numbers: the hub counts what the table of persons counts.
func attackQuestions(t *testing.T, hub, steward string) {
	a := attackRun{truth: steward, secret: []string{"drug 1118084"}}
	a.q.permitID, a.q.memory = steward, "1GiB"
	if err := a.q.open(hub); err != nil {
		t.Fatal(err)
	}
	defer a.q.close()
	cmd := &cobra.Command{}
	cmd.SetContext(t.Context())
	cmd.SetErr(&bytes.Buffer{})
	known := []string{"sex", "year_of_birth", "first_visit", "first_drug", "death_date"}
	people, day, err := a.readTruth(cmd, t.TempDir(), known)
	if err != nil {
		t.Fatal(err)
	}
	e, stop, err := a.q.start(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	c := &hubCounter{q: &a.q, engine: e, asking: attack.Asking{Day: day, Columns: people.Table.Columns()}}
	plain := attack.NewPlain(people.Table, 0, 1)
	r := rand.New(rand.NewPCG(51, 0))
	test := func() attack.Test {
		column := r.IntN(len(people.Table.Columns()))
		x := attack.Test{Column: column, Value: people.Table.Value(r.IntN(people.Table.Len()), column)}
		if people.Table.Columns()[column].Numeric && x.Value != "" && r.IntN(2) == 0 {
			x.Op = attack.AtMost
		}
		return x
	}
	positive := 0
	for range 60 {
		var q attack.Query
		for range 1 + r.IntN(2) {
			clause := attack.Clause{All: []attack.Test{test()}}
			if r.IntN(2) == 0 {
				clause.All = append(clause.All, test())
			}
			if r.IntN(2) == 0 {
				clause.Except = [][]attack.Test{{test(), test()}}
			}
			q = append(q, clause)
		}
		want, _, _ := plain.Count(t.Context(), q)
		got, shown, err := c.Count(t.Context(), q)
		if err != nil || !shown || got != want {
			t.Fatalf("%+v: the hub counts %d (%v, %v), the rows %d", q, got, shown, err, want)
		}
		if want > 0 {
			positive++
		}
	}
	if positive < 30 {
		t.Errorf("only %d of the queries counted anybody", positive)
	}
}
