package writer

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"galien"
	"galien/cdm"
	"galien/lake"
	"galien/lake/duck"
)

// This test binary, run again with childEnv set, is a program that writes to
// the lake named there; what it does is told by childTask.
const (
	childEnv  = "GALIEN_TEST_LAKE"
	childTask = "GALIEN_TEST_TASK"
)

func TestMain(m *testing.M) {
	dir := os.Getenv(childEnv)
	if dir == "" {
		os.Exit(m.Run())
	}
	switch os.Getenv(childTask) {
	case "full while staging":
		fillDisk()
		fail(commitPersons(dir, 300_000, nil))
	case "full while committing":
		fail(commitPersons(dir, 300_000, fillDisk))
	case "change":
		for {
			n, err := changePersons(dir)
			if err != nil {
				panic(err)
			}
			fmt.Println(n)
		}
	}
	for n := 1; ; n++ {
		if err := commitPersons(dir, 1000*n, nil); err != nil {
			panic(err)
		}
		fmt.Println(n)
	}
}

// fillDisk makes every file that grows beyond 256 KiB fail, as on a full disk.
func fillDisk() {
	signal.Ignore(syscall.SIGXFSZ)
	limit := syscall.Rlimit{Cur: 256 << 10, Max: 256 << 10}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		panic(err)
	}
}

// fail ends the program with 3 after an error, which it prints.
func fail(err error) {
	if err == nil {
		os.Exit(0)
	}
	fmt.Println(err)
	os.Exit(3)
}

// commitPersons commits n persons, each with three conditions, and calls staged
// before the commit.
func commitPersons(dir string, n int, staged func()) error {
	ctx := context.Background()
	l, err := lake.Open(dir)
	if err != nil {
		return err
	}
	w, err := Open(ctx, l, duck.Config{Threads: 1, MemoryLimit: "300MiB"})
	if err != nil {
		return err
	}
	defer w.Close()
	person, _ := cdm.Lookup("person")
	condition, _ := cdm.Lookup("condition_occurrence")
	err = w.StageQuery(ctx, person, fmt.Sprintf("SELECT i AS person_id, hash(i)::VARCHAR AS gender_source_value FROM range(1, %d) t(i)", n+1))
	if err == nil {
		err = w.StageQuery(ctx, condition, fmt.Sprintf("SELECT i AS condition_occurrence_id, 1 + i %% %d AS person_id, i %% 10 AS condition_concept_id FROM range(%d) t(i)", n, 3*n))
	}
	if err == nil {
		if staged != nil {
			staged()
		}
		_, _, err = w.Commit(ctx, Meta{Now: time.Unix(int64(n), 0), Note: fmt.Sprint(n)})
	}
	return err
}

// changePersons commits one more step of a lake in which step n has the persons
// 100 n + 1 to 100 n + 1000, each with one condition: a hundred leave and a
// hundred come. It returns the step.
func changePersons(dir string) (step int64, err error) {
	ctx := context.Background()
	l, err := lake.Open(dir)
	if err != nil {
		return 0, err
	}
	w, err := Open(ctx, l, duck.Config{Threads: 1, MemoryLimit: "300MiB"})
	if err != nil {
		return 0, err
	}
	defer w.Close()
	from, to, gone := int64(1), int64(1001), ""
	if w.Base() != nil {
		if step, err = stepOf(w.Base()); err != nil {
			return 0, err
		}
		step++
		from, to = 100*step+901, 100*step+1001
		gone = fmt.Sprintf("SELECT i, i FROM range(%d, %d) t(i)", 100*step-99, 100*step+1)
	}
	for name, columns := range map[string]string{
		"person":               "i AS person_id, hash(i)::VARCHAR AS gender_source_value",
		"condition_occurrence": "i AS condition_occurrence_id, i AS person_id, i % 10 AS condition_concept_id",
	} {
		t, _ := cdm.Lookup(name)
		if err := w.StageChange(ctx, t, fmt.Sprintf("SELECT %s FROM range(%d, %d) t(i)", columns, from, to), gone); err != nil {
			return 0, err
		}
	}
	_, _, err = w.Commit(ctx, Meta{Now: time.Unix(step, 0)})
	return step, err
}

// stepOf returns the step at which a lake of changePersons is, by all its rows.
func stepOf(s *lake.Snapshot) (int64, error) {
	var step int64
	for i, name := range []string{"person", "condition_occurrence"} {
		var n, low, high, next int64
		err := s.Read(context.Background(), name, []string{"person_id"}, func(row []any) error {
			p := row[0].(int64)
			if n == 0 {
				low, next = p, p
			}
			if p != next {
				return fmt.Errorf("%s: person %d where %d is next", name, p, next)
			}
			high, next = p, p+1
			n++
			return nil
		})
		if err != nil {
			return 0, err
		}
		if n != 1000 || high-low != 999 || low%100 != 1 || i > 0 && low/100 != step {
			return 0, fmt.Errorf("%s: %d rows, of the persons %d to %d", name, n, low, high)
		}
		step = low / 100
	}
	return step, nil
}

// A writer killed at random instants while it changes tables leaves, every
// time, a lake whose last snapshot is one of the steps, whole, and no older than
// the last that it reported. GALIEN_CRASH is the number of kills.
func TestKilledWhileChanging(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(12, 0))
	l := newLake(t)
	if _, err := changePersons(l.Dir()); err != nil {
		t.Fatal(err)
	}
	reported, layered := int64(0), false
	kills := 10
	if n := os.Getenv("GALIEN_CRASH"); n != "" {
		if kills, err = strconv.Atoi(n); err != nil {
			t.Fatalf("GALIEN_CRASH is not a number: %v", err)
		}
	}
	for range kills {
		wait := time.Duration(20+r.IntN(600)) * time.Millisecond
		cmd := exec.Command(exe)
		cmd.Env = append(os.Environ(), childEnv+"="+l.Dir(), childTask+"=change")
		var out strings.Builder
		cmd.Stdout = &out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(wait)
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		if lines := strings.Fields(out.String()); len(lines) > 0 {
			if _, err := fmt.Sscan(lines[len(lines)-1], &reported); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := l.Fsck(t.Context(), func(p lake.Problem) {
			if p.Damage {
				t.Errorf("killed after %v: %s: %s", wait, p.Path, p.Text)
			}
		}); err != nil {
			t.Errorf("killed after %v: %v", wait, err)
		}
		s, err := l.Current()
		if err != nil {
			t.Fatal(err)
		}
		step, err := stepOf(s)
		if err != nil || step < reported {
			t.Errorf("killed after %v, with step %d reported: step %d, %v", wait, reported, step, err)
		}
		kept, _ := s.Table("condition_occurrence")
		layers, removed := kept.Layers()
		layered = layered || layers > 1 && removed > 0
	}
	if !layered {
		t.Log("no layer was committed before a kill: the machine is slow, and the test says little")
	}
	if _, err := changePersons(l.Dir()); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Fsck(t.Context(), func(p lake.Problem) { t.Errorf("%s: %s", p.Path, p.Text) }); err != nil {
		t.Error(err)
	}
}

// A writer killed at random instants leaves, every time, a lake that opens,
// whose last snapshot is whole and no older than the last it reported.
func TestKilledAtAnyInstant(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	const seed = 11
	r := rand.New(rand.NewPCG(seed, 0))
	l := newLake(t)
	reported := 0
	for range 10 {
		wait := time.Duration(20+r.IntN(280)) * time.Millisecond
		cmd := exec.Command(exe)
		cmd.Env = append(os.Environ(), childEnv+"="+l.Dir())
		var out strings.Builder
		cmd.Stdout = &out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(wait)
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		done := strings.Count(out.String(), "\n")
		reported = max(reported, done)

		if _, err := l.Fsck(t.Context(), func(p lake.Problem) {
			if p.Damage {
				t.Errorf("killed after %v: %s: %s", wait, p.Path, p.Text)
			}
		}); err != nil {
			t.Errorf("killed after %v: %v", wait, err)
		}
		s, err := l.Current()
		if err != nil {
			if galien.KindOf(err) != galien.NotFound || reported > 0 {
				t.Errorf("killed after %v, with %d commits reported: %v", wait, reported, err)
			}
			continue
		}
		n := s.Manifest.Persons
		if n < 1000*int64(done) || n%1000 != 0 {
			t.Errorf("killed after %v, with %d commits reported: %d persons", wait, done, n)
		}
		persons, conditions := read(t, s, "person", "person_id"), read(t, s, "condition_occurrence", "person_id")
		if int64(len(persons)) != n || int64(len(conditions)) != 3*n {
			t.Errorf("killed after %v: %d persons and %d conditions of %d persons", wait, len(persons), len(conditions), n)
		}
	}
	if reported == 0 {
		t.Log("no commit was reported before a kill: the machine is slow, and the test says little")
	}
	// What the last kill left is in nobody's way.
	if err := commitPersons(l.Dir(), 500, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Fsck(t.Context(), func(p lake.Problem) { t.Errorf("%s: %s", p.Path, p.Text) }); err != nil {
		t.Error(err)
	}
}

// A disk that is full fails the commit with an error that says what was being
// done, and leaves the lake as it was.
func TestFullDisk(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	l := newLake(t)
	if err := commitPersons(l.Dir(), 100, nil); err != nil {
		t.Fatal(err)
	}
	before, err := l.Current()
	if err != nil {
		t.Fatal(err)
	}
	for task, want := range map[string]string{
		"full while staging":    "stage person: ",
		"full while committing": "write files of condition_occurrence: ",
	} {
		cmd := exec.Command(exe)
		cmd.Env = append(os.Environ(), childEnv+"="+l.Dir(), childTask+"="+task)
		out, err := cmd.CombinedOutput()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 3 {
			t.Fatalf("%s: the writer ended with %v: %s", task, err, out)
		}
		if !strings.HasPrefix(string(out), want) {
			t.Errorf("%s: the error does not say what failed: %s", task, out)
		}
		now, err := l.Current()
		if err != nil || now.ID != before.ID {
			t.Errorf("%s: current is %v, %v", task, now, err)
		}
		if _, err := l.Fsck(t.Context(), func(p lake.Problem) { t.Errorf("%s: %s: %s", task, p.Path, p.Text) }); err != nil {
			t.Errorf("%s: %v", task, err)
		}
	}
}
