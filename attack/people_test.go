package attack_test

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"

	"galien/attack"
)

func seeded(n uint64) *rand.Rand { return rand.New(rand.NewPCG(n, 0)) }

// In a table of persons who all differ every attack succeeds on those who are
// in it, and links nobody else without error; in a table of persons who are all
// alike none gains anything.
func TestExtremes(t *testing.T) {
	var different, alike [][]string
	for i := range 400 {
		n := strconv.Itoa(i)
		different = append(different, []string{n, "b" + n, "s" + strconv.Itoa(i*7919%13)})
		alike = append(alike, []string{"1", "b", "s" + strconv.Itoa(i*7919%13)})
	}
	columns := []attack.Column{{Name: "a"}, {Name: "b"}, {Name: "secret"}}
	for name, rows := range map[string][][]string{"different": different, "alike": alike} {
		table := mustTable(t, columns, rows)
		main, control := attack.Halve(table, seeded(1))
		if len(main) != 200 || len(control) != 200 {
			t.Fatalf("halves of %d and %d", len(main), len(control))
		}
		for _, f := range []attack.Finding{
			attack.SinglingOut(table, main, control, []int{0, 1}, 1, 150, seeded(2)),
			attack.Linkage(table, main, control, []int{0, 1}, 150, seeded(3)),
			attack.Inference(table, main, control, []int{0, 1}, 2, 150, seeded(4)),
		} {
			switch {
			case name == "different" && (f.Main.Rate() != 1 || f.Control.Rate() > 0.2 || f.Verdict != attack.Strong):
				t.Errorf("%s of persons who differ: %+v", f.Attack, f)
			case name == "alike" && (f.Risk.Low > 0 || f.Verdict != attack.NoGain):
				t.Errorf("%s of persons who are alike: %+v", f.Attack, f)
			}
		}
	}
}

// What every person of a kind has is learned of persons who are not in the
// table as well: it is no risk of being in it.
func TestControlTakesPopulationOff(t *testing.T) {
	var rows [][]string
	for i := range 600 {
		rows = append(rows, []string{strconv.Itoa(i % 3), fmt.Sprint("s", i%3)})
	}
	table := mustTable(t, []attack.Column{{Name: "kind"}, {Name: "secret"}}, rows)
	main, control := attack.Halve(table, seeded(5))
	f := attack.Inference(table, main, control, []int{0}, 1, 300, seeded(6))
	if f.Main.Rate() != 1 || f.Control.Rate() != 1 || f.Naive.Rate() > 0.5 || f.Verdict != attack.NoGain {
		t.Errorf("%+v", f)
	}
}

// The fast way to the nearest rows is that of trying them all.
func TestInferenceAgainstBruteForce(t *testing.T) {
	r := seeded(7)
	var rows [][]string
	for range 120 {
		rows = append(rows, []string{strconv.Itoa(r.IntN(3)), strconv.Itoa(r.IntN(40)), "s" + strconv.Itoa(r.IntN(2))})
	}
	table := mustTable(t, []attack.Column{{Name: "a"}, {Name: "n", Numeric: true}, {Name: "secret"}}, rows)
	main, control := attack.Halve(table, seeded(8))
	low, high := 1e9, -1e9
	for _, row := range rows {
		x, _ := strconv.ParseFloat(row[1], 64)
		low, high = min(low, x), max(high, x)
	}
	right := func(target int) bool {
		least, votes := 1e9, map[string]int{}
		for _, i := range main {
			d := 0.0
			if rows[i][0] != rows[target][0] {
				d = 1
			}
			x, _ := strconv.ParseFloat(rows[i][1], 64)
			y, _ := strconv.ParseFloat(rows[target][1], 64)
			d += max(x-y, y-x) / (high - low)
			if d < least {
				least, votes = d, map[string]int{}
			}
			if d == least {
				votes[rows[i][2]]++
			}
		}
		first := rows[0][2] // of equally common values the first of the table
		other := map[string]string{"s0": "s1", "s1": "s0"}[first]
		guess := first
		if votes[other] > votes[first] {
			guess = other
		}
		return guess == rows[target][2]
	}
	want := [2]int{}
	for k, half := range [][]int{main, control} {
		for _, target := range half {
			if right(target) {
				want[k]++
			}
		}
	}
	f := attack.Inference(table, main, control, []int{0, 1}, 2, 1000, seeded(9))
	if got := [2]int{f.Main.Successes, f.Control.Successes}; got != want || f.Main.Attempts != 60 {
		t.Errorf("%v right, by trying all %v", got, want)
	}
}

// The attacks on the Adult table give the same findings for the same seed, and
// the orders of size that its classes impose.
func TestPeopleAdult(t *testing.T) {
	a := readAdult(t)
	findings := func() []attack.Finding {
		r := seeded(11)
		main, control := attack.Halve(a.table, r)
		return []attack.Finding{
			attack.SinglingOut(a.table, main, control, a.known, 1, 500, r),
			attack.SinglingOut(a.table, main, control, a.known, len(a.known), 500, r),
			attack.Linkage(a.table, main, control, a.known, 500, r),
			attack.Inference(a.table, main, control, a.known, a.salary, 500, r),
		}
	}
	first, second := findings(), findings()
	for i, f := range first {
		t.Logf("%s: main %d, control %d, naive %d of %d; risk %.3f (%.3f to %.3f), %s",
			f.Attack, f.Main.Successes, f.Control.Successes, f.Naive.Successes, f.Main.Attempts, f.Risk.Value, f.Risk.Low, f.Risk.High, f.Verdict)
		if f != second[i] {
			t.Errorf("another finding for the same seed: %+v and %+v", f, second[i])
		}
	}
	// A person of main is singled out by all columns when alone in a class of
	// main: that share, counted over all, is in the interval.
	main, _ := attack.Halve(a.table, seeded(11))
	unique := attack.Measure(a.table, main, a.known, nil, 11).UniqueShare()
	if i := first[1].Main.Wilson(); unique < i.Low || unique > i.High {
		t.Errorf("singling out by all columns %v, and %.3f of main are unique", first[1].Main, unique)
	}
}
