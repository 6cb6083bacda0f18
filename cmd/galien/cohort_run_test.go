package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"galien"
	"galien/cohort"
	"galien/permit"
)

// conditions is a definition of every condition with some days of observation
// before it; it needs no vocabulary unless it names a concept set.
func conditions(priorDays int, conceptSet bool) []byte {
	sets, codeset := "[]", ""
	if conceptSet {
		sets, codeset = `[{"id":0,"expression":{"items":[{"concept":{"CONCEPT_ID":1}}]}}]`, `"CodesetId":0`
	}
	return fmt.Appendf(nil, `{"ConceptSets":%s,"PrimaryCriteria":{"CriteriaList":[{"ConditionOccurrence":{%s}}],
"ObservationWindow":{"PriorDays":%d,"PostDays":0},"PrimaryCriteriaLimit":{"Type":"All"}},"ExpressionLimit":{"Type":"All"},
"InclusionRules":[{"name":"a year","expression":{"Type":"ALL","CriteriaList":[{"Criteria":{"ConditionOccurrence":{}},
"StartWindow":{"Start":{"Days":365,"Coeff":-1},"End":{"Days":1,"Coeff":-1},"UseEventEnd":false},"Occurrence":{"Type":2,"Count":1}}]}}],
"CollapseSettings":{"CollapseType":"ERA","EraPad":0}}`, sets, codeset, priorDays)
}

// conditionsHub is a hub of 500 persons without a vocabulary.
func conditionsHub(t *testing.T, events int) string {
	t.Helper()
	hub := newTestHub(t)
	dir := export(t, 1, 500, events)
	var b bytes.Buffer
	b.WriteString("observation_period_id,person_id,observation_period_start_date,observation_period_end_date,period_type_concept_id\n")
	for i := range 500 {
		fmt.Fprintf(&b, "%d,%d,2010-01-01,2023-12-31,0\n", i+1, 1000+i*3)
	}
	writeFile(t, filepath.Join(dir, "observation_period.csv"), b.Bytes())
	mustRun(t, "ingest", hub, "omop", dir)
	return hub
}

// What is wrong with one of several definitions is listed, whoever finds it,
// and the others are answered.
func TestEveryKindOfRefusal(t *testing.T) {
	hub := conditionsHub(t, 15000)
	steward := strings.TrimSpace(mustRun(t, "permit", "grant", hub, examplePermit("steward")))
	dir := t.TempDir()
	for name, content := range map[string][]byte{
		"1.json": conditions(0, false), "2.json": conditions(0, true), "3.json": conditions(30, false),
		"4a.json": conditions(1, false), "4b.json": conditions(2, false), "5.json": []byte("{"), "none.json": conditions(0, false), "notes.txt": nil,
	} {
		writeFile(t, filepath.Join(dir, name), content)
	}
	out := filepath.Join(t.TempDir(), "out")
	absent := filepath.Join(dir, "6.json")
	mustRun(t, "cohort", "run", hub, "--permit", steward, dir, absent, filepath.Join(dir, "1.json"), "--out", out)
	var got []string
	for _, r := range readCSV(t, filepath.Join(out, "refused.csv")) {
		got = append(got, strings.Join(r, "|"))
	}
	want := []struct{ start, contains string }{
		{"cohort_definition_id|file|path|reason", ""},
		{"|none.json||", "no number of 64 bits"},
		{"2|2.json||", "no vocabulary"}, // the engine
		{"4|4a.json||cohort 4 is claimed by 2 files", "4b.json"},
		{"4|4b.json||cohort 4 is claimed by 2 files", "4a.json"},
		{"5|5.json||not JSON", ""},
		{"6|6.json||", "no such file"},
	}
	if len(got) != len(want) {
		t.Fatalf("refused.csv:\n%s", strings.Join(got, "\n"))
	}
	for i, w := range want {
		if !strings.HasPrefix(got[i], w.start) || !strings.Contains(got[i], w.contains) {
			t.Errorf("refused.csv, line %d: %s\nwant %s... %s", i+1, got[i], w.start, w.contains)
		}
	}
	rows := map[string]int{}
	for _, r := range readCSV(t, filepath.Join(out, "cohort.csv"))[1:] {
		rows[r[0]]++
	}
	if rows["1"] == 0 || rows["3"] == 0 || len(rows) != 2 {
		t.Errorf("cohort.csv has the cohorts %v, want 1 and 3", rows)
	}
	// The three that passed the gate share an entry, and so do the two that were
	// answered; the log shows each.
	show := mustRun(t, "audit", "show", hub)
	for _, want := range []string{"cohort_definition_id=2; definition_sha256=", "allowed_by_entry="} {
		if !strings.Contains(show, want) {
			t.Errorf("audit show lacks %s:\n%s", want, show)
		}
	}
	lines := strings.Split(strings.TrimSpace(show), "\n")
	var numbers []string
	for _, l := range lines[len(lines)-5:] {
		numbers = append(numbers, strings.Fields(l)[0])
	}
	if got := strings.Join(numbers, " "); got != "3.1 3.2 3.3 4.1 4.2" { // after a load's two entries and a grant
		t.Errorf("the last lines are numbered %s:\n%s", got, show)
	}
	if _, errs, code := galienCommand(t, "cohort", "run", hub, "--permit", steward, filepath.Join(dir, "4a.json"), filepath.Join(dir, "4b.json"), "--out", filepath.Join(t.TempDir(), "out")); code != 5 || !strings.Contains(errs, "none of 2 definitions") {
		t.Errorf("nothing but refused definitions: exit %d, %s", code, errs)
	}
}

// TestKillDuringRun kills and interrupts runs and gives the same command again
// until it ends: the answer is the one of a run that nothing disturbed. Every
// third blow falls at any instant of the command, the others once it has
// recorded something, so that there is something to go on from however fast the
// machine is. GALIEN_CRASH is the number of blows.
func TestKillDuringRun(t *testing.T) {
	blows := 6
	if n := os.Getenv("GALIEN_CRASH"); n != "" {
		var err error
		if blows, err = strconv.Atoi(n); err != nil {
			t.Fatalf("GALIEN_CRASH is not a number: %v", err)
		}
	}
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 0))
	t.Logf("%d blows, seed %d", blows, seed)

	hub := conditionsHub(t, 15000)
	steward := strings.TrimSpace(mustRun(t, "permit", "grant", hub, examplePermit("steward")))
	dir := t.TempDir()
	for i := range 96 {
		writeFile(t, filepath.Join(dir, fmt.Sprintf("%d.json", i+1)), conditions(i*10, i%7 == 3)) // 4, 11, 18... are refused
	}
	command := func(out string) []string {
		return []string{"cohort", "run", hub, "--permit", steward, dir, "--out", out}
	}
	parent := t.TempDir()
	whole := filepath.Join(parent, "whole")
	began := time.Now()
	if text, err := process(t, command(whole)...).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	took := time.Since(began)
	want := answerFiles(t, whole)
	if len(want["refused.csv"]) == 0 || len(want["cohort.csv"]) < 10_000 {
		t.Fatal("the answer is too small to test anything")
	}
	const wanted = 2 // commands that went on
	wentOn, blow := 0, 0
	for round := 0; blow < blows || wentOn < wanted && blow < blows+100; round++ {
		out := filepath.Join(parent, fmt.Sprint("out", round))
		work, err := unfinishedDir(out)
		if err != nil {
			t.Fatal(err)
		}
		for again := 0; ; again++ {
			var errs bytes.Buffer
			cmd := process(t, command(out)...)
			cmd.Stderr = &errs
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			ended := make(chan error, 1)
			go func() { ended <- cmd.Wait() }()
			if again < 3 {
				if blow%3 == 0 {
					time.Sleep(time.Duration(random.Int64N(int64(took))))
				} else {
					untilRecorded(filepath.Join(work, "journal"), 1+random.IntN(3), took)
				}
				blow++
				_ = cmd.Process.Signal([]os.Signal{syscall.SIGKILL, syscall.SIGKILL, os.Interrupt}[again]) // it may have ended already
			}
			err := <-ended
			if strings.Contains(errs.String(), "Going on after") {
				wentOn++
			}
			if err == nil {
				if _, err := os.Stat(work); err == nil {
					t.Fatal("a run that ended left its work behind")
				}
				break
			}
			if code := cmd.ProcessState.ExitCode(); code != -1 && code != 130 || again >= 3 {
				t.Fatalf("exit %d: %s", code, errs.String())
			}
			if _, err := os.Stat(out); err == nil {
				break // struck after it had delivered
			}
		}
		for name, b := range answerFiles(t, out) {
			if !bytes.Equal(b, want[name]) {
				t.Fatalf("round %d: %s is not that of an undisturbed run (%d bytes, %d there)", round, name, len(b), len(want[name]))
			}
		}
	}
	// Each of those answers is in the log with everybody who is in it, also of the
	// definitions that an earlier command finished.
	inside := map[string]bool{}
	for _, line := range strings.Split(strings.TrimSpace(string(want["cohort.csv"])), "\n")[1:] {
		inside[strings.Split(line, ",")[1]] = true
	}
	log := mustRun(t, "audit", "show", hub, "--json")
	if all, right := strings.Count(log, `"persons_in_answer":"`), len(regexp.MustCompile(fmt.Sprintf(`"persons_in_answer":"[0-9a-f]{32} %d `, len(inside))).FindAllString(log, -1)); all < 3 || right != all {
		t.Errorf("%d of %d entries of answers say that %d persons are in them", right, all, len(inside))
	}
	t.Logf("%d commands of %d went on after an earlier one", wentOn, blow)
	if wentOn < wanted {
		t.Errorf("%d commands went on after an earlier one, want %d: the blows test nothing", wentOn, wanted)
	}
	mustRun(t, "audit", "verify", hub)
}

// untilRecorded waits until the journal has gained records, at most the limit.
func untilRecorded(journal string, records int, limit time.Duration) {
	lines := func() int {
		b, _ := os.ReadFile(journal) // absent at first
		return bytes.Count(b, []byte("\n"))
	}
	first := max(1, lines()) // its head
	for until := time.Now().Add(limit); lines() < first+records && time.Now().Before(until); {
		time.Sleep(200 * time.Microsecond)
	}
}

// answerFiles reads an answer, provenance.json without what tells of the run.
func answerFiles(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if e.Name() == "provenance.json" {
			var p provenance
			if err := json.Unmarshal(b, &p); err != nil {
				t.Fatal(err)
			}
			p.AnsweredAt = time.Time{}
			for i := range p.Definitions {
				p.Definitions[i].AuditIndex = 0
			}
			if b, err = json.Marshal(p); err != nil {
				t.Fatal(err)
			}
		}
		files[e.Name()] = b
	}
	return files
}

// What an interrupted run left is not read on when the permit has ended, and
// one answer is made by one process at a time.
func TestUnfinishedAnswersAreGuarded(t *testing.T) {
	hub := conditionsHub(t, 1000)
	steward := strings.TrimSpace(mustRun(t, "permit", "grant", hub, examplePermit("steward")))
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "1.json"), conditions(0, false))
	writeFile(t, filepath.Join(dir, "2.json"), conditions(9, false))
	out := filepath.Join(t.TempDir(), "out")
	run := func() (string, int) {
		_, errs, code := galienCommand(t, "cohort", "run", hub, "--permit", steward, dir, "--out", out)
		return errs, code
	}
	u := interrupted(t, hub, out, askedFor{"snapshot": "another"})
	if errs, code := run(); code != 6 || !strings.Contains(errs, "another galien works on this answer") {
		t.Errorf("while another process has it: exit %d, %s", code, errs)
	}
	u.discard()
	if errs, code := run(); code != 0 || !strings.Contains(errs, "dropped: it was for another") || !strings.Contains(errs, "snapshot") {
		t.Errorf("after another question: exit %d, %s", code, errs)
	}
	if err := os.RemoveAll(out); err != nil {
		t.Fatal(err)
	}
	u = interrupted(t, hub, out, askedFor{})
	u.discard()
	mustRun(t, "permit", "revoke", hub, steward)
	if errs, code := run(); code != 4 {
		t.Errorf("under a permit that ended: exit %d, %s", code, errs)
	}
	if _, err := os.Stat(u.scratch.dir); err == nil {
		t.Error("what was read under a permit that ended is still there")
	}
	// A folder that others can read, or that is elsewhere, is not written to.
	if err := os.Symlink(t.TempDir(), u.scratch.dir); err != nil {
		t.Fatal(err)
	}
	if errs, code := run(); code != 5 || !strings.Contains(errs, "not a folder of this account alone") {
		t.Errorf("a link for a folder: exit %d, %s", code, errs)
	}
}

// interrupted makes the work that a run interrupted after two definitions
// leaves, of which the second was refused.
func interrupted(t *testing.T, hub, out string, asked askedFor) *unfinished {
	t.Helper()
	u, err := openUnfinished(hub, out)
	if err != nil {
		t.Fatal(err)
	}
	if done, _, lost, err := u.resume(asked); done != 0 || lost != "" || err != nil {
		t.Fatal(done, lost, err)
	}
	tab, err := u.table("cohort.csv", "a", "b")
	if err != nil {
		t.Fatal(err)
	}
	for done := 1; done <= 2; done++ {
		r := record{Done: done, Tables: map[string]mark{}}
		if done == 1 {
			_ = tab.row("first", "row")
		} else {
			r.Refused = []engineRefusal{{1, "not found", "no vocabulary"}}
		}
		if r.Tables["cohort.csv"], err = tab.mark(); err != nil {
			t.Fatal(err)
		}
		if err := u.save([]*table{tab}, r); err != nil {
			t.Fatal(err)
		}
	}
	_ = tab.row("of an unfinished", "definition")
	if err := tab.close(); err != nil {
		t.Fatal(err)
	}
	return u
}

// Work goes on from the last record that the tables bear out.
func TestJournal(t *testing.T) {
	asked := askedFor{"snapshot": "a", "permit": "p"}
	const header, row = "a,b\n", "first,row\n"
	for what, c := range map[string]struct {
		damage func(t *testing.T, dir string)
		done   int
		lost   string
		table  string
	}{
		"whole":          {func(*testing.T, string) {}, 2, "", header + row},
		"a torn record":  {func(t *testing.T, dir string) { cutFile(t, filepath.Join(dir, "journal"), -3) }, 1, "", header + row},
		"another record": {func(t *testing.T, dir string) { change(t, filepath.Join(dir, "journal"), `"done":2`, `"done":7`) }, 1, "", header + row},
		"a short table":  {func(t *testing.T, dir string) { cutFile(t, filepath.Join(dir, "answer", "cohort.csv"), 6) }, 0, "its files are not what", ""},
		"another row": {func(t *testing.T, dir string) {
			change(t, filepath.Join(dir, "answer", "cohort.csv"), "first", "fi\xffst")
		}, 0, "its files are not what", ""},
		"no answer": {func(t *testing.T, dir string) {
			if err := os.RemoveAll(filepath.Join(dir, "answer")); err != nil {
				t.Fatal(err)
			}
		}, 0, "its files are not what", ""},
		"no first line":    {func(t *testing.T, dir string) { cutFile(t, filepath.Join(dir, "journal"), 5) }, 0, "its journal cannot be read", ""},
		"another question": {nil, 0, "it was for another permit, snapshot", ""},
	} {
		t.Run(what, func(t *testing.T) {
			hub, out := t.TempDir(), filepath.Join(t.TempDir(), "out")
			first := asked
			if c.damage == nil {
				first = askedFor{"snapshot": "b", "permit": "q"}
			}
			u := interrupted(t, hub, out, first)
			writeFile(t, u.path("provenance.json"), nil)
			u.discard()
			if c.damage != nil {
				c.damage(t, u.scratch.dir)
			}
			for range 2 { // what is taken up can be taken up again
				u, err := openUnfinished(hub, out)
				if err != nil {
					t.Fatal(err)
				}
				done, refused, lost, err := u.resume(asked)
				if err != nil || done != c.done || !strings.Contains(lost, c.lost) || lost == "" && c.lost != "" {
					t.Fatalf("%d done, %q, %v; want %d, %q", done, lost, err, c.done, c.lost)
				}
				if wantRefused := max(0, done-1); len(refused) != wantRefused || wantRefused == 1 && galien.KindOf(refused[0].err()) != galien.NotFound {
					t.Errorf("refused: %v", refused)
				}
				if done > 0 {
					table, err := u.table("cohort.csv", "never written")
					if err != nil {
						t.Fatal(err)
					}
					if err := table.close(); err != nil {
						t.Fatal(err)
					}
					b, err := os.ReadFile(u.path("cohort.csv"))
					if err != nil || string(b) != c.table {
						t.Errorf("the table goes on from %q, %v; want %q", b, err, c.table)
					}
				}
				if entries, err := os.ReadDir(u.files); err != nil || len(entries) != min(1, done) {
					t.Errorf("the answer holds %v, %v", entries, err)
				}
				u.discard()
				c.lost = ""
			}
		})
	}
}

// What was written after a mark can be forgotten, whether it was still waiting
// or already in the file.
func TestRewind(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.csv")
	tab, err := createTable(path, "head")
	if err != nil {
		t.Fatal(err)
	}
	want := "head\n"
	for _, n := range []int{1, 50_000, 2} {
		_ = tab.row("kept")
		want += "kept\n"
		at, err := tab.mark()
		if err != nil || at.Bytes != int64(len(want)) || at.Sum != crc32.Checksum([]byte(want), castagnoli) {
			t.Fatalf("%+v after %d bytes, %v", at, len(want), err)
		}
		for range n {
			_ = tab.row("forgotten")
		}
		if err := tab.rewind(at); err != nil {
			t.Fatal(err)
		}
	}
	if err := tab.close(); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != want {
		t.Errorf("%d bytes, want %q (%v)", len(b), want, err)
	}
}

// cutFile cuts a file to n bytes, or by -n.
func cutFile(t *testing.T, path string, n int64) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if n < 0 {
		n += info.Size()
	}
	if err := os.Truncate(path, n); err != nil {
		t.Fatal(err)
	}
}

func change(t *testing.T, path, from, to string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil || !bytes.Contains(b, []byte(from)) {
		t.Fatalf("no %s in %s (%v)", from, path, err)
	}
	writeFile(t, path, bytes.Replace(b, []byte(from), []byte(to), 1))
}

// Off a terminal a long run says now and then how far it is.
func TestProgressInLines(t *testing.T) {
	var b bytes.Buffer
	p := newProgress(&b, "cohorts", "definitions")
	p.from(100)
	p.inLines(&b)
	p.set(101, 300)
	if b.Len() > 0 {
		t.Errorf("a line at once: %s", &b)
	}
	p.began, p.last = time.Now().Add(-100*time.Second), time.Now().Add(-31*time.Second)
	p.set(150, 300) // 50 in 100 s: 150 more take 300 s
	p.set(151, 300)
	if got, want := b.String(), "cohorts: 150 of 300 definitions, 0.5/s, 5m0s left\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// Fields and dates are written as encoding/csv and Date write them.
func FuzzCSVField(f *testing.F) {
	for _, s := range []string{"", "a", "a,b", `"`, `a"b""`, "\r\n", " a", "a ", `\.`, "\u2003x", "\xff", "é,"} {
		f.Add(s, int32(len(s)*9999))
	}
	f.Fuzz(func(t *testing.T, s string, day int32) {
		var want bytes.Buffer
		w := csv.NewWriter(&want)
		_ = w.Write([]string{s, galien.Date(day).String()})
		w.Flush()
		tab := table{}
		tab.text(s)
		tab.date(galien.Date(day))
		_ = tab.end()
		if !bytes.Equal(tab.buf, want.Bytes()) {
			t.Errorf("%q, encoding/csv writes %q", tab.buf, want.Bytes())
		}
	})
}

func BenchmarkCohortRows(b *testing.B) {
	path := filepath.Join(b.TempDir(), "cohort.csv")
	tab, err := createTable(path, "cohort_definition_id", "subject_id", "cohort_start_date", "cohort_end_date")
	if err != nil {
		b.Fatal(err)
	}
	a := answer{cohort: tab, scope: permit.Scope{Dates: permit.DatesExact}}
	row := cohort.Row{Person: 1234567, Start: galien.MustDate("2019-12-20"), End: galien.MustDate("2020-01-31")}
	b.SetBytes(int64(len("1001,1234567,2019-12-20,2020-01-31\n")))
	for b.Loop() {
		if err := a.row(1001, row); err != nil {
			b.Fatal(err)
		}
	}
	if err := tab.close(); err != nil {
		b.Fatal(err)
	}
}

// FuzzJournal gives a journal of any content: it is Corrupt, or a cut of it says a
// beginning of the same records.
func FuzzJournal(f *testing.F) {
	head, err := journalLine(journalHead{Format: unfinishedFormat})
	if err != nil {
		f.Fatal(err)
	}
	line, err := journalLine(record{})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(slices.Concat(head, line, line), 3)
	f.Add(slices.Concat(head, line[:len(line)-1]), 0)
	f.Add([]byte("00000000 {}\n"), 0)
	f.Add([]byte(" \n"), 0)
	f.Fuzz(func(t *testing.T, content []byte, cut int) {
		path := filepath.Join(t.TempDir(), "journal")
		read := func(b []byte) ([]record, error) {
			writeFile(t, path, b)
			_, records, err := readJournal(path)
			if err != nil && galien.KindOf(err) != galien.Corrupt {
				t.Fatalf("%v, want Corrupt", err)
			}
			return records, err
		}
		all, err := read(content)
		if cut < 0 || cut > len(content) {
			return
		}
		some, errCut := read(content[:cut])
		if err != nil && errCut == nil || len(some) > len(all) || len(some) > 0 && !reflect.DeepEqual(some, all[:len(some)]) {
			t.Fatalf("%d records, and %d of a part of it", len(all), len(some))
		}
	})
}
