package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"galien/lake"
	"galien/refdata"
)

// crashing is a kind of load with two deliveries, each the arguments that follow
// the hub, and the identities that stand in them.
type crashing struct {
	deliveries [2][]string
	identities []string
	// signs are what a load leaves on the disk as it goes on.
	signs []string
}

// unfinishedUnit is a unit of claims that a load is keeping.
var unfinishedUnit = filepath.Join("store", "*", "unfinished-*")

// claimsToCrash invents a country of forty persons, of which three months and a
// year of hospitals are kept, and leaves the second delivery a month of drugs
// without a row.
func claimsToCrash(t *testing.T) crashing {
	t.Helper()
	c := crashing{signs: slices.Insert(slices.Clone(signs), len(signs)-1, unfinishedUnit)}
	for i := range c.deliveries {
		dir := filepath.Join(t.TempDir(), "country")
		mustRun(t, "synth", "snds", "--persons", "40", "--years", "1", "--out", dir)
		c.deliveries[i] = []string{"snds", filepath.Join(dir, "input", "snds")}
		files, err := filepath.Glob(filepath.Join(dir, "input", "snds", "*", "*.csv.gz"))
		if err != nil {
			t.Fatal(err)
		}
		kept := 0
		for _, path := range files {
			name := filepath.Base(path)
			old := strings.HasPrefix(name, "ER_") && !regexp.MustCompile(`_20210[4-6]\.`).MatchString(name) || strings.HasPrefix(name, "T_") && !strings.HasPrefix(name, "T_MCO21")
			if old {
				if err := os.Remove(path); err != nil {
					t.Fatal(err)
				}
				continue
			}
			if i == 1 && name == "ER_PHA_F_202105.csv.gz" {
				onlyHeader(t, path)
			}
			kept++
		}
		if kept < 20 {
			t.Fatalf("%d files are left of the country", kept)
		}
	}
	for _, row := range refdata.Rows(t, filepath.Join(c.deliveries[0][1], "REF", "IR_BEN_R.csv.gz")) {
		for _, name := range []string{"BEN_NIR_PSA", "BEN_NIR_ANO"} {
			if len(row[name]) == 17 {
				c.identities = append(c.identities, row[name])
			}
		}
	}
	return c
}

// onlyHeader leaves a compressed file its first line.
func onlyHeader(t *testing.T, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(z).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write([]byte(line)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	writeFile(t, path, out.Bytes())
}

// pmsiToCrash is a hospital's files, and the same without some units.
func pmsiToCrash(t *testing.T) crashing {
	t.Helper()
	dir := filepath.Join(refdata.Dir(t, "snds-truth-small"), "input", "hospital")
	rss, err := os.ReadFile(filepath.Join(dir, "rss122.txt"))
	if err != nil {
		t.Fatal(err)
	}
	fewer := filepath.Join(t.TempDir(), "rss.txt")
	writeFile(t, fewer, bytes.Join(bytes.SplitAfter(rss, []byte("\n"))[20:], nil))
	vid := filepath.Join(dir, "vidhospV016.txt")
	b, err := os.ReadFile(vid)
	if err != nil {
		t.Fatal(err)
	}
	c := crashing{signs: signs, deliveries: [2][]string{{"pmsi", filepath.Join(dir, "rss122.txt"), vid}, {"pmsi", fewer, vid}}}
	for _, line := range strings.Split(strings.TrimRight(string(b), "\r\n"), "\n") {
		for _, number := range []string{line[0:13], strings.TrimSpace(line[28:48]), strings.TrimSpace(line[353:373])} {
			if len(number) > 7 && strings.Trim(number, "0X ") != "" {
				c.identities = append(c.identities, number)
			}
		}
	}
	return c
}

// signs are what every load leaves on the disk as it goes on, the earliest first.
var signs = []string{
	filepath.Join(vaultDir, "work-*"),
	filepath.Join(lakeDir, "tmp", "*"),
	filepath.Join(vaultDir, "work-*", "stage.duckdb"),
	filepath.Join(lakeDir, "tmp", "*", "*.parquet"),
}

// until waits for a new sign of a load, beside those that were there before, and
// reports false when it ended first.
func until(hub, sign string, before []string, ended <-chan error) bool {
	for {
		found, err := filepath.Glob(filepath.Join(hub, sign))
		if err != nil || slices.ContainsFunc(found, func(path string) bool { return !slices.Contains(before, path) }) {
			return err == nil
		}
		select {
		case <-ended:
			return false
		case <-time.After(time.Millisecond):
		}
	}
}

// searchIdentities fails when an identity is in a file of the folder, but for the
// vault in it.
func searchIdentities(t *testing.T, dir string, identities []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.IsDir() {
			if path == filepath.Join(dir, vaultDir) {
				return fs.SkipDir
			}
			return nil
		}
		b, err := os.ReadFile(path)
		for _, id := range identities {
			if bytes.Contains(b, []byte(id)) {
				t.Fatalf("%s holds an identity", filepath.Base(path))
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// killLoads kills loads that have begun: the hub always opens, fsck is clean,
// the snapshot is whole and one of the two, and the next load takes away what the
// killed one left. Without GALIEN_CRASH there are few kills, each at another
// sign; with it, as many as it says, at random instants after one.
func killLoads(t *testing.T, c crashing, kills int) {
	if len(c.identities) < 40 {
		t.Fatalf("%d identities to look for: the search would prove nothing", len(c.identities))
	}
	many := false
	if n := os.Getenv("GALIEN_CRASH"); n != "" {
		var err error
		if kills, err = strconv.Atoi(n); err != nil {
			t.Fatalf("GALIEN_CRASH is not a number: %v", err)
		}
		many = true
	}
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 0))
	hub, temp := newTestHub(t), t.TempDir()
	load := func(delivery int) string {
		cmd := process(t, append([]string{"ingest", hub}, c.deliveries[delivery]...)...)
		cmd.Env = append(cmd.Env, "TMPDIR="+temp)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("ingest: %v\n%s", err, out)
		}
		for _, folder := range []string{filepath.Join(hub, vaultDir, "work-*"), filepath.Join(hub, unfinishedUnit), filepath.Join(hub, lakeDir, "tmp", "*"), filepath.Join(hub, "tmp-*"), filepath.Join(temp, "*")} {
			if left, err := filepath.Glob(folder); err != nil || len(left) > 0 {
				t.Errorf("after a load there is %v (%v)", left, err)
			}
		}
		return hubStatus(t, hub).Snapshot
	}
	began := time.Now()
	ids := [2]string{load(0)}
	last := time.Since(began)
	killed, workspaces := 0, 0
	seen := map[string]bool{}
	for i := range kills {
		next := 1
		if hubStatus(t, hub).Snapshot != ids[0] {
			next = 0
		}
		cmd := process(t, append([]string{"ingest", hub}, c.deliveries[next]...)...)
		cmd.Env = append(cmd.Env, "TMPDIR="+temp)
		sign, wait := c.signs[(len(c.signs)-kills%len(c.signs)+i)%len(c.signs)], time.Duration(0)
		if many {
			n := random.IntN(len(c.signs))
			sign, wait = c.signs[n], time.Duration(random.Int64N(int64(last)/int64(n+1))) // less is left after a late one
		}
		before, err := filepath.Glob(filepath.Join(hub, sign))
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait(); close(ended) }()
		if until(hub, sign, before, ended) {
			select {
			case <-ended:
			case <-time.After(wait):
				_ = cmd.Process.Signal(syscall.SIGKILL)
			}
		}
		<-ended
		if !cmd.ProcessState.Success() {
			killed++
		}
		if left, err := filepath.Glob(filepath.Join(hub, vaultDir, "work-*")); err == nil && len(left) > 0 {
			workspaces++
		}
		if out, err := process(t, "fsck", hub).CombinedOutput(); err != nil {
			t.Fatalf("fsck after a kill at %s: %v\n%s", sign, err, out)
		}
		seen[hubStatus(t, hub).Snapshot] = true
		searchIdentities(t, hub, c.identities)
		searchIdentities(t, temp, c.identities)
	}
	t.Logf("seed %d: of %d loads %d were killed, %d left a workspace", seed, kills, killed, workspaces)
	if killed == 0 || workspaces == 0 {
		t.Error("no load was killed at work: the test proves nothing")
	}
	// Each delivery makes the snapshot that it makes without kills, and leaves
	// nothing of the killed loads. The first of the two to be loaded is the one
	// that is not there.
	if hubStatus(t, hub).Snapshot == ids[0] {
		ids[1] = load(1)
	} else {
		if again := load(0); again != ids[0] {
			t.Errorf("the same files make %s after kills, and made %s", again, ids[0])
		}
		ids[1] = load(1)
	}
	for id := range seen {
		if !slices.Contains(ids[:], id) {
			t.Errorf("after a kill the snapshot was %s, neither of %v", id, ids)
		}
	}
	if entries, err := os.ReadDir(filepath.Join(hub, vaultDir)); err != nil || slices.ContainsFunc(entries, fs.DirEntry.IsDir) {
		t.Errorf("the vault holds folders: %v (%v)", entries, err)
	}
	searchIdentities(t, hub, c.identities)
	l, err := lake.Open(filepath.Join(hub, lakeDir))
	if err != nil {
		t.Fatal(err)
	}
	if s, err := l.Current(); err != nil || s.Manifest.Persons == 0 {
		t.Errorf("the last snapshot is not whole: %v", err)
	}
}

func TestKillDuringClaims(t *testing.T) { killLoads(t, claimsToCrash(t), 2) }

func TestKillDuringPMSI(t *testing.T) { killLoads(t, pmsiToCrash(t), len(signs)) }

// TestSecondLoadIsBusy stops a load at work, so that no speed decides, and starts
// another: it is Busy, takes nothing of the first away, and leaves nothing; the
// first then goes on as if alone.
func TestSecondLoadIsBusy(t *testing.T) {
	for name, prepare := range map[string]func(*testing.T) crashing{"snds": claimsToCrash, "pmsi": pmsiToCrash} {
		t.Run(name, func(t *testing.T) {
			c := prepare(t)
			hub := newTestHub(t)
			args := append([]string{"ingest", hub}, c.deliveries[0]...)
			first := process(t, args...)
			if err := first.Start(); err != nil {
				t.Fatal(err)
			}
			ended := make(chan error, 1)
			go func() { ended <- first.Wait(); close(ended) }()
			if !until(hub, filepath.Join(vaultDir, "work-*", "stage.duckdb"), nil, ended) {
				t.Fatal("the first load ended before anything was seen of it")
			}
			if err := first.Process.Signal(syscall.SIGSTOP); err != nil {
				t.Fatal(err)
			}
			second, stdout, stderr := galienRun(t, "", args...)
			left, err := filepath.Glob(filepath.Join(hub, vaultDir, "work-*"))
			if e := first.Process.Signal(syscall.SIGCONT); e != nil {
				t.Fatal(e)
			}
			if second != 6 || !strings.Contains(stderr, "try again") {
				t.Errorf("the second load: exit %d\n%s%s", second, stdout, stderr)
			}
			if err != nil || len(left) != 1 {
				t.Errorf("%d workspaces beside the second load, want that of the first (%v)", len(left), err)
			}
			if err := <-ended; err != nil {
				t.Errorf("the first load: %v", err)
			}
			mustRun(t, "fsck", hub)
			if s := hubStatus(t, hub); len(s.Snapshots) != 1 || s.Persons == 0 {
				t.Errorf("%d snapshots, %d persons", len(s.Snapshots), s.Persons)
			}
		})
	}
}
