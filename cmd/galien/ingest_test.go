package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"context"

	"galien/lake"
	"galien/vault"
)

// TestMain lets a test run the binary as another process: the test binary
// itself, told to be galien.
func TestMain(m *testing.M) {
	if step := os.Getenv("GALIEN_TEST_STRIKE"); step != "" {
		os.Exit(struckMain(step))
	}
	if os.Getenv("GALIEN_TEST_MAIN") == "1" {
		main()
		return
	}
	if until := os.Getenv(purgeUntil); until != "" {
		purgeAndDie(until)
		return
	}
	code := m.Run()
	if gibleed.dir != "" {
		_ = os.RemoveAll(gibleed.dir)
	}
	os.Exit(code)
}

// process prepares galien as another process.
func process(t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, args...)
	cmd.Env = append(os.Environ(), "GALIEN_TEST_MAIN=1")
	return cmd
}

// export writes an OMOP export: persons, and events of them with some bad rows.
// Two versions differ in the events only.
func export(t testing.TB, version, persons, events int) string {
	t.Helper()
	dir := t.TempDir()
	var b bytes.Buffer
	b.WriteString("person_id,gender_concept_id,year_of_birth,race_concept_id,ethnicity_concept_id,person_source_value\n")
	for i := range persons {
		fmt.Fprintf(&b, "%d,8507,%d,0,0,source %d\n", 1000+i*3, 1930+i%80, i)
	}
	writeFile(t, filepath.Join(dir, "PERSON.csv"), b.Bytes())
	b.Reset()
	b.WriteString("condition_occurrence_id,person_id,condition_concept_id,condition_start_date,condition_type_concept_id,condition_source_value\n")
	for i := range events {
		day := fmt.Sprintf("20%02d-%02d-%02d", 10+i%14, 1+i%12, 1+i%31)
		fmt.Fprintf(&b, "%d,%d,%d,%s,32817,v%d\n", i, 1000+(i*7919%persons)*3, 100+i*31%977, day, version)
	}
	writeFile(t, filepath.Join(dir, "condition_occurrence.csv"), b.Bytes())
	return dir
}

func writeFile(t testing.TB, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func hubStatus(t testing.TB, hub string) status {
	t.Helper()
	out, err := process(t, "status", hub, "--json").Output()
	if err != nil {
		t.Fatalf("status: %v", err)
	}
	var s status
	if err := json.Unmarshal(out, &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// TestKillDuringIngest kills loads at random instants: the hub always opens,
// fsck is clean, and the current snapshot is one of the two whole ones.
// GALIEN_CRASH is the number of kills.
func TestKillDuringIngest(t *testing.T) {
	kills := 5
	if n := os.Getenv("GALIEN_CRASH"); n != "" {
		var err error
		if kills, err = strconv.Atoi(n); err != nil {
			t.Fatalf("GALIEN_CRASH is not a number: %v", err)
		}
	}
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 0))
	t.Logf("%d kills, seed %d", kills, seed)

	hub := newTestHub(t)
	versions := []string{export(t, 1, 500, 15000), export(t, 2, 500, 15000)}
	ids := map[string]string{}
	var last time.Duration
	for _, dir := range versions {
		began := time.Now()
		if out, err := process(t, "ingest", hub, "omop", dir).CombinedOutput(); err != nil {
			t.Fatalf("ingest: %v\n%s", err, out)
		}
		last = time.Since(began)
		ids[hubStatus(t, hub).Snapshot] = dir
	}
	if len(ids) != 2 {
		t.Fatal("the two versions make one snapshot")
	}
	killed, finished := 0, 0
	for range kills {
		current := ids[hubStatus(t, hub).Snapshot]
		next := versions[0]
		if next == current {
			next = versions[1]
		}
		cmd := process(t, "ingest", hub, "omop", next)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(random.Int64N(int64(last))))
		_ = cmd.Process.Kill() // SIGKILL; it may have ended already
		if err := cmd.Wait(); err != nil {
			killed++
		} else {
			finished++
		}
		if out, err := process(t, "fsck", hub).CombinedOutput(); err != nil {
			t.Fatalf("fsck after a kill: %v\n%s", err, out)
		}
		s := hubStatus(t, hub)
		if ids[s.Snapshot] == "" {
			t.Fatalf("after a kill the snapshot is %s, neither of the two that were committed", s.Snapshot)
		}
		if s.Persons != 500 || s.Quarantine.Rows == 0 {
			t.Fatalf("after a kill the snapshot has %d persons and %d rows in quarantine", s.Persons, s.Quarantine.Rows)
		}
	}
	t.Logf("%d killed, %d had ended", killed, finished)
	for id, dir := range ids {
		if out, err := process(t, "ingest", hub, "omop", dir).CombinedOutput(); err != nil {
			t.Fatalf("ingest after kills: %v\n%s", err, out)
		}
		if got := hubStatus(t, hub).Snapshot; got != id {
			t.Errorf("the same content makes %s after kills, and made %s", got, id)
		}
	}
	if entries, err := os.ReadDir(filepath.Join(hub, quarantineDir)); err != nil || len(entries) != 2 {
		t.Errorf("%d files in the quarantine folder, want the index of each snapshot (%v)", len(entries), err)
	}
	if left, err := filepath.Glob(filepath.Join(hub, lakeDir, "tmp", "*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestLoadsAtOnce: of loads that start together some wait their turn with
// Busy, and none spoils another.
func TestLoadsAtOnce(t *testing.T) {
	hub := newTestHub(t)
	dir := export(t, 1, 200, 4000)
	codes := make([]int, 4)
	var wg sync.WaitGroup
	for i := range codes {
		wg.Add(1)
		go func() {
			defer wg.Done()
			err := process(t, "ingest", hub, "omop", dir).Run()
			var exit *exec.ExitError
			if errors.As(err, &exit) {
				codes[i] = exit.ExitCode()
			} else if err != nil {
				codes[i] = -1
			}
		}()
	}
	wg.Wait()
	done := 0
	for _, c := range codes {
		switch c {
		case 0:
			done++
		case 6:
		default:
			t.Errorf("exit %d, want 0 or 6 (busy)", c)
		}
	}
	if done == 0 {
		t.Error("no load succeeded")
	}
	mustRun(t, "fsck", hub)
	if s := hubStatus(t, hub); len(s.Snapshots) != 1 || s.Persons != 200 {
		t.Errorf("%d snapshots, %d persons", len(s.Snapshots), s.Persons)
	}
}

// TestIngestCommands walks through the commands of a load.
func TestIngestCommands(t *testing.T) {
	hub := newTestHub(t)
	if out := mustRun(t, "status", hub); !strings.Contains(out, "no snapshot yet") {
		t.Errorf("status of an empty hub: %s", out)
	}
	mustRun(t, "fsck", hub)
	dir := export(t, 1, 10, 310)
	var report struct {
		Snapshot    string
		Changed     bool
		Persons     int64
		Read        int64 `json:"rows_read"`
		Quarantined int64 `json:"rows_quarantined"`
	}
	if err := json.Unmarshal([]byte(mustRun(t, "ingest", hub, "omop", dir, "--json")), &report); err != nil {
		t.Fatal(err)
	}
	// Of 372 (the period of 31 days and 12 months) days 7 do not exist in a
	// common year: those of 310 are counted by hand below.
	bad := 0
	for i := range 310 {
		y, m, d := 2010+i%14, 1+i%12, 1+i%31
		if time.Date(y, time.Month(m), d, 0, 0, 0, 0, time.UTC).Day() != d {
			bad++
		}
	}
	if !report.Changed || report.Persons != 10 || report.Read != 320 || report.Quarantined != int64(bad) {
		t.Errorf("report %+v, want %d in quarantine", report, bad)
	}
	if out := mustRun(t, "ingest", hub, "omop", dir); !strings.Contains(out, "Nothing changed") {
		t.Errorf("second ingest: %s", out)
	}
	var q quarantined
	if err := json.Unmarshal([]byte(mustRun(t, "quarantine", hub, "--json", "--limit", "2")), &q); err != nil {
		t.Fatal(err)
	}
	if q.Rows != int64(bad) || len(q.Listed) != 2 || q.Listed[0].Field != "condition_start_date" || q.Listed[0].Code != "not_date" {
		t.Errorf("quarantine %+v", q)
	}
	if out := mustRun(t, "quarantine", hub, "--replay"); !strings.Contains(out, "Nothing changed") {
		t.Errorf("replay: %s", out)
	}
	s := hubStatus(t, hub)
	if s.Snapshot != report.Snapshot || len(s.Tables) != 2 || s.Tables[1].Name != "person" || s.Tables[1].Rows != 10 || s.Bytes == 0 {
		t.Errorf("status %+v", s)
	}
	if code, _, stderr := galienRun(t, "", "ingest", hub, "fhir", dir); code != 2 || !strings.Contains(stderr, "omop") {
		t.Errorf("another kind of source: exit %d, %s", code, stderr)
	}
	if code, _, _ := galienRun(t, "", "ingest", hub, "omop", filepath.Join(dir, "none")); code != 3 {
		t.Errorf("a folder that does not exist: exit %d, want 3", code)
	}
	out := mustRun(t, "audit", "show", hub, "--json")
	for _, outcome := range []string{`"started"`, `"done"`, `"failed"`} {
		if !strings.Contains(out, outcome) {
			t.Errorf("the audit log does not say %s", outcome)
		}
	}
	// Damage anywhere ends with 7 and is named.
	files, err := filepath.Glob(filepath.Join(hub, lakeDir, "files", "person-*"))
	if err != nil || len(files) == 0 {
		t.Fatal("no file of the table person")
	}
	b, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := os.Chmod(files[0], 0o600); err != nil {
		t.Fatal(err)
	}
	writeFile(t, files[0], b)
	if code, stdout, _ := galienRun(t, "", "fsck", hub); code != 7 || !strings.Contains(stdout, filepath.Base(files[0])) {
		t.Errorf("fsck of a damaged file: exit %d\n%s", code, stdout)
	}
}

// canaries are identities that stand in the source and may be found in the
// vault alone, and there by who opens it.
var canaries = []string{
	"ZZDUPONTCANARI", "185077512345678", "Dr ZZMARTINCANARI", "12 rue du Canari", "ZZBOITECANARI", "1999888777", "DEA-ZZ-777",
	"ZZLIEUCANARI", "ZZFOURNISSEURCANARI", "ZZLIGNECANARI", "9007199254740993", "ZZ-2001-99-99",
}

// TestCanary pushes known identities through a load with every kind of row,
// good and bad, and searches every output and every file, the vault's included:
// what is in the vault is sealed.
func TestCanary(t *testing.T) {
	hub := newTestHub(t)
	dir := t.TempDir()
	files := map[string]string{
		"PERSON.csv": "person_id,gender_concept_id,year_of_birth,race_concept_id,ethnicity_concept_id,person_source_value\n" +
			"9007199254740993,8507,1950,0,0,ZZDUPONTCANARI\n2,8507,1951,0,0,185077512345678\n2,8507,1951,0,0,185077512345678\n" +
			"ZZDUPONTCANARI,8507,1950,0,0,x\n3,8507,ZZ-2001-99-99,0,0,x\n\"ZZLIGNECANARI\n",
		"PROVIDER.csv": "provider_id,provider_name,npi,dea,provider_source_value\n" +
			"1,Dr ZZMARTINCANARI,1999888777,DEA-ZZ-777,ZZFOURNISSEURCANARI\n1,Dr ZZMARTINCANARI,,,\nx,Dr ZZMARTINCANARI,,,\n",
		"LOCATION.csv": "location_id,address_1,address_2,city,location_source_value\n" +
			"1,12 rue du Canari,ZZBOITECANARI,Lyon,ZZLIEUCANARI\n2,12 rue du Canari\n3,12 rue du Canari,,Lyon\xe9,\n",
		"CONDITION_OCCURRENCE.csv": "condition_occurrence_id,person_id,condition_concept_id,condition_start_date,condition_type_concept_id\n" +
			"1,9007199254740993,10,2020-01-01,0\n1,9007199254740993,10,2020-01-01,0\n2,185077512345678,10,2020-01-01,0\n" +
			"3,ZZDUPONTCANARI,10,2020-01-01,0\n4,2,10,ZZ-2001-99-99,0\nZZLIGNECANARI\n5,2,\"ZZDUPONTCANARI,2020-01-01,0\n6,2,10,\xe9ZZLIGNECANARI,0\n",
		"DEATH.csv": "person_id,death_date,ZZDUPONTCANARI 185077512345678\n2,2020-01-01,x\n",
	}
	for name, content := range files {
		writeFile(t, filepath.Join(dir, name), []byte(content))
	}
	var out bytes.Buffer
	do := func(args ...string) {
		code, stdout, stderr := galienRun(t, "", args...)
		fmt.Fprintf(&out, "%d %s %s", code, stdout, stderr)
	}
	do("ingest", hub, "omop", dir)
	do("ingest", hub, "omop", dir, "--json")
	do("quarantine", hub, "--limit", "0")
	do("quarantine", hub, "--json", "--limit", "0")
	do("quarantine", hub, "--replay", "--json")
	do("status", hub)
	do("status", hub, "--json")
	do("fsck", hub, "--json")
	do("audit", "show", hub, "--json")
	// Loads that fail: a header that is data, and no person at all.
	for name, content := range map[string]string{
		"person.csv": "ZZDUPONTCANARI,185077512345678,ZZLIGNECANARI\n",
		"PERSON.csv": "person_id,gender_concept_id,year_of_birth\nZZDUPONTCANARI,8507,185077512345678\n",
		"Person.csv": "person_id,gender_concept_id,ZZDUPONTCANARI\n",
	} {
		bad := t.TempDir()
		writeFile(t, filepath.Join(bad, name), []byte(content))
		do("ingest", hub, "omop", bad)
	}
	search := func(where string, b []byte) {
		for i, c := range canaries {
			if bytes.Contains(b, []byte(c)) {
				t.Errorf("identity number %d is in %s", i, where)
			}
		}
	}
	search("the output", out.Bytes())
	if !strings.Contains(out.String(), "wrong_field_count") || !strings.Contains(out.String(), "unknown_person") || !strings.Contains(out.String(), "not_utf8") {
		t.Error("the bad rows did not reach the quarantine: the search proves nothing")
	}
	err := filepath.WalkDir(hub, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		search(path, b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	// The vault, opened, has them all: there is something to find.
	v, err := vault.Open(filepath.Join(hub, vaultDir))
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	var kept bytes.Buffer
	ids, err := v.SourceIDs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintln(&kept, ids)
	err = errors.Join(
		v.Identities(t.Context(), "omop", func(i vault.IdentityValue) error {
			_, err := fmt.Fprintln(&kept, i.RowKey.Reveal(), i.Value.Reveal())
			return err
		}),
		v.RawRows(t.Context(), "omop", func(f vault.RawFile, _ int64, raw []byte) error {
			_, err := fmt.Fprintf(&kept, "%s\n%s\n", f.Header, raw)
			return err
		}))
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range canaries {
		if !bytes.Contains(kept.Bytes(), []byte(c)) {
			t.Errorf("identity number %d is not in the vault: the search proves nothing", i)
		}
	}
	// The lake's files are compressed: look at their values too.
	l, err := lake.Open(filepath.Join(hub, lakeDir))
	if err != nil {
		t.Fatal(err)
	}
	snap, err := l.Current()
	if err != nil {
		t.Fatal(err)
	}
	rows := 0
	for _, table := range snap.Manifest.Tables {
		err := snap.Read(context.Background(), table.Name, nil, func(row []any) error {
			rows++
			search("the lake's table "+table.Name, fmt.Appendf(nil, "%v", row))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if rows < 5 {
		t.Errorf("%d rows are in the lake: the search proves nothing", rows)
	}
}
