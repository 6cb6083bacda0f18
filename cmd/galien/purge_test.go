package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"galien"
	"galien/cdm"
	"galien/lake"
	"galien/lake/duck"
	"galien/vault"
)

// purgeUntil names the hub that this test binary, run again, is to purge, and the
// step before which it kills itself.
const purgeUntil = "GALIEN_TEST_PURGE_UNTIL"

func purgeAndDie(hubAndStep string) {
	dir, step, _ := strings.Cut(hubAndStep, "|")
	h, err := openHub(dir)
	if err != nil {
		panic(err)
	}
	p := purge{h: h, step: func(name string) error {
		if strings.HasPrefix(name, step) {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {} // the signal is on its way
		}
		return nil
	}}
	_, err = p.run(context.Background())
	fmt.Println("not killed:", err)
}

// canaryHub is a hub of two snapshots with six persons, of whom 104 and 106 have
// values that nobody else has, in every kind of place.
func canaryHub(t *testing.T) (hub string, delivery string) {
	t.Helper()
	dir := t.TempDir()
	put := func(name string, lines ...string) {
		writeFile(t, filepath.Join(dir, name), []byte(strings.Join(lines, "\n")+"\n"))
	}
	people := []string{"person_id,gender_concept_id,year_of_birth,race_concept_id,ethnicity_concept_id,location_id,person_source_value"}
	periods := []string{"observation_period_id,person_id,observation_period_start_date,observation_period_end_date,period_type_concept_id"}
	events := []string{"condition_occurrence_id,person_id,condition_concept_id,condition_start_date,condition_type_concept_id,condition_source_value"}
	notes := []string{"note_id,person_id,note_date,note_type_concept_id,note_text"}
	terms := []string{"note_nlp_id,note_id,lexical_variant,nlp_date,snippet"}
	for i := 101; i <= 106; i++ {
		word, place := "plain", 1
		if i == 104 || i == 106 {
			word, place = fmt.Sprint("CANARY", i), i
		}
		people = append(people, fmt.Sprintf("%d,8507,19%02d,0,0,%d,%s-NAME", i, i-51, place, word))
		periods = append(periods, fmt.Sprintf("%d,%d,2019-01-01,2021-12-31,32817", i, i))
		events = append(events, fmt.Sprintf("%d,%d,200,2020-05-%02d,32817,%s-CODE", i, i, i-100, word))
		notes = append(notes, fmt.Sprintf("%d,%d,2020-05-05,44814637,%s-TEXT", i, i, word))
		terms = append(terms, fmt.Sprintf("%d,%d,%s-TERM,2020-05-05,%s-SNIPPET", i, i, word, word))
	}
	put("PERSON.csv", people...)
	put("OBSERVATION_PERIOD.csv", periods...)
	put("CONDITION_OCCURRENCE.csv", events...)
	put("NOTE.csv", notes...)
	put("NOTE_NLP.csv", terms...)
	put("LOCATION.csv", "location_id,address_1,city", "1,plain road,plain", "104,CANARY104-ROAD,CANARY104-CITY", "106,CANARY106-ROAD,CANARY106-CITY")
	put("DEATH.csv", "person_id,death_date,death_type_concept_id,cause_source_value", "104,no day,32817,CANARY104-RAW", "101,no day,32817,plain")
	put("CONCEPT.csv", "concept_id,concept_name,domain_id,vocabulary_id,concept_class_id,concept_code,valid_start_date,valid_end_date", "200,c,Condition,X,X,c200,1970-01-01,2099-12-31")
	put("CONCEPT_ANCESTOR.csv", "ancestor_concept_id,descendant_concept_id,min_levels_of_separation,max_levels_of_separation", "200,200,0,0")
	hub = newTestHub(t)
	mustRun(t, "ingest", hub, "omop", dir)
	put("CONDITION_OCCURRENCE.csv", append(events, "900,101,200,2021-01-01,32817,later", "901,104,200,2021-01-01,32817,CANARY104-LATER")...)
	mustRun(t, "ingest", hub, "omop", dir)
	return hub, dir
}

// lakeRows reads every table of the current snapshot, each row as a text; rows of
// persons begin with the person's key.
func lakeRows(t *testing.T, hub string) map[string][]string {
	t.Helper()
	l, err := lake.Open(filepath.Join(hub, lakeDir))
	if err != nil {
		t.Fatal(err)
	}
	s, err := l.Current()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]string{}
	for _, x := range s.Manifest.Tables {
		tb, _ := cdm.Lookup(x.Name)
		var columns []string
		if tb.HasPerson() {
			columns = append(columns, "person_id")
		}
		for _, c := range tb.Columns {
			if c.Name != "person_id" {
				columns = append(columns, c.Name)
			}
		}
		all[x.Name] = []string{}
		err := s.Read(t.Context(), x.Name, columns, func(row []any) error {
			all[x.Name] = append(all[x.Name], fmt.Sprint(row...))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(all[x.Name])
	}
	return all
}

// tracesOf looks for a word, and for rows of person keys, in everything that a
// hub holds: in every byte of every file, in every row of every Parquet file of
// the lake whether or not it has left its table, and in what the vault opens.
func tracesOf(t *testing.T, hub, word string, keys ...galien.PersonID) (found []string) {
	t.Helper()
	err := filepath.WalkDir(hub, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		if err == nil && strings.Contains(string(b), word) {
			found = append(found, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	db, err := duck.Open(t.Context(), duck.Config{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	files, err := filepath.Glob(filepath.Join(hub, lakeDir, "files", "*.parquet"))
	if err != nil || len(files) == 0 {
		t.Fatal(len(files), err)
	}
	for i, f := range files {
		files[i] = duck.Quote(f)
	}
	list := make([]string, len(keys))
	for i, key := range keys {
		list[i] = fmt.Sprint(int64(key))
	}
	rows, err := db.QueryContext(t.Context(), fmt.Sprintf("SELECT text FROM (SELECT to_json(r)::VARCHAR AS text FROM read_parquet([%s], union_by_name = true) r) WHERE contains(text, %s) OR regexp_matches(text, '\"person_id\":(%s)[,}]')",
		strings.Join(files, ", "), duck.Quote(word), strings.Join(list, "|")))
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			t.Fatal(err)
		}
		found = append(found, "a row of the lake")
	}
	v, err := vault.Open(filepath.Join(hub, vaultDir))
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	err = v.Identities(t.Context(), "omop", func(x vault.IdentityValue) error {
		if strings.Contains(x.Value.Reveal(), word) {
			found = append(found, "an identity value")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	err = v.RawRows(t.Context(), "omop", func(_ vault.RawFile, _ int64, raw []byte) error {
		if strings.Contains(string(raw), word) {
			found = append(found, "a quarantined row")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestForgetAndPurge forgets two of six persons and purges them: no trace of their
// values is left in any file of the hub, all that the hub holds of the others is
// as it was, and so are the answers; the log, fsck and the ids of before say what
// happened.
func TestForgetAndPurge(t *testing.T) {
	hub, delivery := canaryHub(t)
	ok := func(stdin, want string, args ...string) string {
		t.Helper()
		code, stdout, stderr := galienRun(t, stdin, args...)
		if code != 0 || !strings.Contains(stdout, want) {
			t.Fatalf("galien %s: exit %d\n%s%s, want %q", strings.Join(args, " "), code, stdout, stderr, want)
		}
		return stdout
	}
	fails := func(code int, stdin, want string, args ...string) {
		t.Helper()
		got, stdout, stderr := galienRun(t, stdin, args...)
		if got != code || !strings.Contains(stderr, want) {
			t.Errorf("galien %s: exit %d, want %d\n%s%s, want %q", strings.Join(args, " "), got, code, stdout, stderr, want)
		}
	}
	cohort := everyEvent(t, "conditions", "ConditionOccurrence", 200)
	steward := grant(t, hub, "steward")
	persons := func() (ids []string) {
		out := filepath.Join(t.TempDir(), "out")
		mustRun(t, "cohort", "run", hub, "--permit", steward, cohort, "--id", "1", "--source-ids", "--out", out)
		for _, row := range readCSV(t, filepath.Join(out, "cohort.csv"))[1:] {
			ids = append(ids, row[1])
		}
		slices.Sort(ids)
		return slices.Compact(ids)
	}
	if got := persons(); fmt.Sprint(got) != "[101 102 103 104 105 106]" {
		t.Fatalf("before, the persons are %v", got)
	}
	before, old := lakeRows(t, hub), hubStatus(t, hub)
	if found := tracesOf(t, hub, "CANARY", 4, 6); len(found) < 10 {
		t.Fatalf("the search finds only %q where everything is", found)
	}

	fails(2, "x\n", "whole number", "vault", "forget", hub, "--source", "omop")
	fails(3, "104\n107\n", "line 2", "vault", "forget", hub, "--source", "omop")
	fails(3, "104\n", "no source", "vault", "forget", hub, "--source", "omap")
	ok("", "Nothing to do", "purge", hub)
	if got := persons(); len(got) != 6 {
		t.Fatalf("what failed forgot somebody: %v", got)
	}
	if out := ok("104\n0106\n", "2 persons forgotten: 4 identity values, 1 quarantined rows, 0 links", "vault", "forget", hub, "--source", "omop"); strings.Contains(strings.ReplaceAll(out, hub, ""), "104") {
		t.Errorf("the command names a person: %s", out)
	}
	// They are in no answer from now on, whatever a law sets aside, and no load
	// comes between.
	mustRun(t, "opposition", "override", hub, "--permit", steward, "--law", "a law")
	if got := persons(); fmt.Sprint(got) != "[101 102 103 105]" {
		t.Errorf("forgotten and not purged, the persons are %v", got)
	}
	mustRun(t, "opposition", "override", hub, "--permit", steward, "--end")
	fails(3, "104\n", "no such person", "vault", "forget", hub, "--source", "omop")
	fails(5, "", "galien purge", "ingest", hub, "omop", delivery)
	ok("", "OK", "fsck", hub)
	ok("", "2 persons were forgotten.\nThe lake still has rows of 2", "vault", "status", hub)

	paper := filepath.Join(t.TempDir(), "certificate.json")
	ok("", "2 persons purged from 2 snapshots", "purge", hub, "--certificate", paper)
	if found := tracesOf(t, hub, "CANARY", 4, 6); len(found) > 0 {
		t.Errorf("traces are left: %q", found)
	}
	if got := persons(); fmt.Sprint(got) != "[101 102 103 105]" {
		t.Errorf("purged, the persons are %v", got)
	}
	for table, rows := range lakeRows(t, hub) {
		tb, _ := cdm.Lookup(table)
		want := slices.DeleteFunc(slices.Clone(before[table]), func(row string) bool {
			return strings.Contains(row, "CANARY") || tb.HasPerson() && (strings.HasPrefix(row, "4 ") || strings.HasPrefix(row, "6 "))
		})
		if !slices.Equal(rows, want) {
			t.Errorf("%s has %d rows, and of the others there were %d", table, len(rows), len(want))
		}
	}
	if out := ok("", "OK", "fsck", hub); strings.Contains(out, "note") {
		t.Errorf("fsck has something to say: %s", out)
	}
	ok("", "", "audit", "verify", hub)
	ok("", "Nothing to do", "purge", hub)

	// The ids of before are explained.
	status := hubStatus(t, hub)
	if len(status.Snapshots) != 3 || status.Snapshots[2].ID != status.Snapshot || status.Persons != 4 {
		t.Fatalf("the snapshots are %+v", status.Snapshots)
	}
	for i, was := range old.Snapshots {
		if s := status.Snapshots[i]; s.ID != was.ID || s.PurgedAs == "" || s.PurgedAs == was.ID {
			t.Errorf("snapshot %d is now %+v", i, s)
		}
	}
	if status.Snapshots[1].PurgedAs != status.Snapshot {
		t.Error("the current snapshot is not what became of the last one")
	}
	ok("", "persons were purged from it, and "+status.Snapshot+" is left", "status", hub)

	// The certificate is in the log as on paper, and names nobody.
	b, err := os.ReadFile(paper)
	if err != nil {
		t.Fatal(err)
	}
	var c certificate
	if err := json.Unmarshal(b, &c); err != nil {
		t.Fatal(err)
	}
	rows := map[string]int64{}
	for _, x := range c.Snapshots[1].Tables {
		rows[x.Table] = x.Rows
	}
	if c.Persons != 2 || c.Quarantined != 1 || len(c.Snapshots) != 2 || c.Snapshots[1].Was != old.Snapshot || c.Snapshots[1].Is != status.Snapshot ||
		fmt.Sprint(rows) != "map[condition_occurrence:3 location:2 note:2 note_nlp:2 observation_period:2 person:2]" {
		t.Errorf("the certificate says %s", b)
	}
	for _, f := range c.Files {
		if len(f.BeforeSHA256) != 64 || f.After != "" && len(f.AfterSHA256) != 64 || f.Rows == 0 {
			t.Errorf("the certificate says of a file %+v", f)
		}
	}
	certified := 0
	for line := range strings.Lines(mustRun(t, "audit", "show", hub, "--json")) {
		var e struct {
			Outcome string
			Details map[string]string
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		if e.Outcome == "certified" {
			certified++
			var logged certificate
			if err := json.Unmarshal([]byte(e.Details["certificate"]), &logged); err != nil || len(logged.Files) != len(c.Files) || logged.Snapshot != c.Snapshot {
				t.Errorf("the certificate of the log is %v, %v", e.Details, err)
			}
		}
	}
	if certified != 1 {
		t.Errorf("%d certificates are in the log", certified)
	}

	// The same files change nothing; others bring the person back as a new one,
	// unless an opposition was entered for the number.
	ok("", "Nothing changed", "ingest", hub, "omop", delivery)
	ok("106\n", "1 of them are not here yet", "opposition", "add", hub, "--source", "omop", "--not-yet-here")
	more := filepath.Join(delivery, "CONDITION_OCCURRENCE.csv")
	b, err = os.ReadFile(more)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, more, append(b, "902,104,200,2021-02-01,32817,again\n903,106,200,2021-02-01,32817,again\n"...))
	person := filepath.Join(delivery, "PERSON.csv")
	if b, err = os.ReadFile(person); err != nil {
		t.Fatal(err)
	}
	writeFile(t, person, append(b, '\n'))
	mustRun(t, "ingest", hub, "omop", delivery)
	if got := persons(); fmt.Sprint(got) != "[101 102 103 104 105]" {
		t.Errorf("after another delivery the persons are %v", got)
	}
	ok("106\n", "1 of 1 withdrawn", "opposition", "withdraw", hub, "--source", "omop")
	if got := persons(); fmt.Sprint(got) != "[101 102 103 104 105 106]" {
		t.Errorf("with the opposition withdrawn the persons are %v", got)
	}
	if found := tracesOf(t, hub, "no such word", 4, 6); len(found) > 0 {
		t.Errorf("somebody has the key of a person who was forgotten: %q", found)
	}
	ok("", "OK", "fsck", hub)
}

// TestPurgeKilled kills a purge before each of its own steps after the first, and
// before and after the commit of the lake, of whose other steps package writer has
// the test: the hub is the one of before or the purged one, and the next purge
// ends it, with the certificate.
func TestPurgeKilled(t *testing.T) {
	base, _ := canaryHub(t)
	if code, _, stderr := galienRun(t, "104\n106\n", "vault", "forget", base, "--source", "omop"); code != 0 {
		t.Fatal(stderr)
	}
	copied := func() string {
		hub := filepath.Join(t.TempDir(), "hub")
		if out, err := exec.Command("cp", "-a", base, hub).CombinedOutput(); err != nil {
			t.Fatal(err, string(out))
		}
		return hub
	}
	first := hubStatus(t, base).Snapshot
	whole := copied()
	mustRun(t, "purge", whole)
	purged := hubStatus(t, whole).Snapshot
	for _, c := range []struct {
		step string
		done bool // whether the lake is the purged one
	}{
		{"indexes", false}, {"rename CURRENT", false}, {"sync CURRENT", true}, {"leftovers", true}, {"ledger", true}, {"certificate", true}, {"tombstones", true}, {"end", true},
	} {
		hub := copied()
		child := process(t)
		child.Env = append(os.Environ(), purgeUntil+"="+hub+"|"+c.step)
		out, err := child.CombinedOutput()
		if status, ok := child.ProcessState.Sys().(syscall.WaitStatus); !ok || !status.Signaled() || status.Signal() != syscall.SIGKILL {
			t.Fatalf("before %q: %v\n%s", c.step, err, out)
		}
		h, err := openHub(hub)
		if err != nil {
			t.Fatal(err)
		}
		r, err := h.fsck(t.Context())
		if err != nil || !r.OK {
			t.Errorf("killed before %q: %+v, %v", c.step, r, err)
		}
		s, err := h.snapshot()
		if err != nil || s.ID != map[bool]string{false: first, true: purged}[c.done] {
			t.Errorf("killed before %q: the snapshot is %s, %v", c.step, s.ID, err)
		}
		h.close()
		// Killed before the journal went, there is a certificate already; one more
		// says the same.
		if out := mustRun(t, "purge", hub); !strings.Contains(out, "persons purged from 2 snapshots") {
			t.Errorf("killed before %q, the next purge says %s", c.step, out)
		}
		if out := mustRun(t, "fsck", hub); strings.Contains(out, "note") {
			t.Errorf("killed before %q: %s", c.step, out)
		}
		if out := mustRun(t, "status", hub); !strings.Contains(out, "Snapshot "+purged) {
			t.Errorf("killed before %q: the end is not %s", c.step, purged)
		}
		if n := strings.Count(mustRun(t, "audit", "show", hub), "certified"); n < 1 {
			t.Errorf("killed before %q: no certificate", c.step)
		}
	}
}

// TestUnfinishedAnswersOfOpposed enters an opposition: unfinished answers, which
// may have the person's rows, are removed, or named while a command works on them.
func TestUnfinishedAnswersOfOpposed(t *testing.T) {
	hub, _ := canaryHub(t)
	out := filepath.Join(t.TempDir(), "answer")
	u := interrupted(t, hub, out, askedFor{"snapshot": "a"})
	dir := u.scratch.dir
	oppose := func(id string) string {
		code, stdout, stderr := galienRun(t, id+"\n", "opposition", "add", hub, "--source", "omop")
		if code != 0 {
			t.Fatal(stderr)
		}
		return stdout
	}
	if s := oppose("101"); !strings.Contains(s, dir) || strings.Contains(s, "removed,") {
		t.Errorf("while a command works on it: %s", s)
	}
	u.discard()
	if _, err := os.Stat(dir); err != nil {
		t.Fatal("the unfinished answer was not kept:", err)
	}
	if s := oppose("102"); !strings.Contains(s, "1 unfinished answers were removed") {
		t.Errorf("when it is left: %s", s)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("the unfinished answer is still there")
	}
	if s := oppose("103"); strings.Contains(s, "unfinished") {
		t.Errorf("when none is there: %s", s)
	}
}

// TestOlderLedger restores a copy of meta.db, and of the vault, of before they were
// changed: nobody who opposed meanwhile is in an answer, and fsck says why.
func TestOlderLedger(t *testing.T) {
	hub, delivery := canaryHub(t)
	steward := grant(t, hub, "steward")
	cohort := everyEvent(t, "conditions", "ConditionOccurrence", 200)
	copies := t.TempDir()
	keep := func(name string) string {
		to := filepath.Join(copies, filepath.Base(name))
		if out, err := exec.Command("cp", "-a", filepath.Join(hub, name), to).CombinedOutput(); err != nil {
			t.Fatal(err, string(out))
		}
		return to
	}
	put := func(name, from string) {
		for _, suffix := range []string{"", "-wal", "-shm"} {
			os.Remove(filepath.Join(hub, name) + suffix)
		}
		if out, err := exec.Command("cp", "-a", from, filepath.Join(hub, name)).CombinedOutput(); err != nil {
			t.Fatal(err, string(out))
		}
	}
	ledger, store := keep(metaFile), keep(filepath.Join(vaultDir, "vault.db"))
	if code, _, stderr := galienRun(t, "101\n", "opposition", "add", hub, "--source", "omop"); code != 0 {
		t.Fatal(stderr)
	}
	newer := filepath.Join(copies, "newer.db")
	if out, err := exec.Command("cp", "-a", filepath.Join(hub, metaFile), newer).CombinedOutput(); err != nil {
		t.Fatal(err, string(out))
	}
	put(metaFile, ledger)
	for _, args := range [][]string{{"cohort", "count", hub, "--permit", steward, cohort}, {"fsck", hub}, {"ingest", hub, "omop", delivery}} {
		code, stdout, stderr := galienRun(t, "", args...)
		if code != 7 || !strings.Contains(stdout+stderr, "meta.db is an older copy") {
			t.Errorf("galien %s over an older ledger: exit %d, %s%s", args[0], code, stdout, stderr)
		}
	}
	put(metaFile, newer)
	mustRun(t, "fsck", hub)
	// The vault of before somebody was forgotten.
	if code, _, stderr := galienRun(t, "104\n", "vault", "forget", hub, "--source", "omop"); code != 0 {
		t.Fatal(stderr)
	}
	put(filepath.Join(vaultDir, "vault.db"), store)
	for _, args := range [][]string{{"purge", hub}, {"fsck", hub}, {"ingest", hub, "omop", delivery}} {
		code, stdout, stderr := galienRun(t, "", args...)
		if code != 7 || !strings.Contains(stdout+stderr, "before 1 persons were forgotten") {
			t.Errorf("galien %s over an older vault: exit %d, %s%s", args[0], code, stdout, stderr)
		}
	}
}

// TestBackupInsideHub keeps a copy of the vault from being lost with it.
func TestBackupInsideHub(t *testing.T) {
	hub := newTestHub(t)
	for _, at := range []string{filepath.Join(hub, "copy.db"), filepath.Join(hub, vaultDir, "copy.db"), filepath.Join(hub, "new", "copy.db")} {
		if code, _, stderr := galienRun(t, "", "vault", "backup", hub, at); code != 2 || !strings.Contains(stderr, "inside the hub") {
			t.Errorf("a backup to %s: exit %d, %s", strconv.Quote(at), code, stderr)
		}
	}
}

// TestForgettingInterrupted ends a forgetting when the quarantined rows are gone
// and the person is not: no load is taken in, and the same command ends it.
func TestForgettingInterrupted(t *testing.T) {
	hub, delivery := canaryHub(t)
	h, err := openHub(hub)
	if err != nil {
		t.Fatal(err)
	}
	v, err := h.vault()
	if err == nil {
		var rows int64
		if _, rows, err = h.forgetMentions(t.Context(), v, "omop", []string{"104"}); err == nil && rows != 1 {
			t.Errorf("%d quarantined rows were forgotten, want 1", rows)
		}
	}
	h.close()
	if err != nil {
		t.Fatal(err)
	}
	mustRun(t, "fsck", hub)
	if code, _, stderr := galienRun(t, "", "ingest", hub, "omop", delivery); code != 5 || !strings.Contains(stderr, "vault forget was interrupted") {
		t.Errorf("a load: exit %d, %s", code, stderr)
	}
	if code, stdout, stderr := galienRun(t, "104\n", "vault", "forget", hub, "--source", "omop"); code != 0 || !strings.HasPrefix(stdout, "1 persons forgotten") {
		t.Fatalf("again: exit %d, %s%s", code, stdout, stderr)
	}
	if s := mustRun(t, "purge", hub); !strings.Contains(s, "1 rows of the quarantine") {
		t.Errorf("the purge says: %s", s)
	}
	if found := tracesOf(t, hub, "CANARY104", 4); len(found) > 0 {
		t.Errorf("traces are left: %q", found)
	}
	mustRun(t, "fsck", hub)
	mustRun(t, "ingest", hub, "omop", delivery)
}
