package enginetest

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"galien/cohort"
)

// casesPerTables is how many definitions are asked of the same tables.
const casesPerTables = 50

// Differential asks n random definitions, over hostile data, of an engine and of
// the oracle, and fails where the answers differ: rows, attrition or inclusion
// results. The counter-example is made as small as it will go. GALIEN_SEED
// replaces the seed, GALIEN_CASES the number of cases; GALIEN_SHARD, such as
// 2/8, takes the second of eight parts of them, so that they can be shared out.
func Differential(t *testing.T, seed uint64, n int, open Open) {
	t.Helper()
	seed = number(t, "GALIEN_SEED", seed)
	n = int(number(t, "GALIEN_CASES", uint64(n)))
	part, parts := shard(t)
	judge := Oracle(t)
	began := time.Now()
	var asked, nonEmpty, failures int
	for first := 0; first < n; first += casesPerTables {
		if first/casesPerTables%parts != part-1 {
			continue
		}
		block := seed + uint64(first/casesPerTables)
		tables := Hostile(block)
		want, got := opened(t, judge, tables), opened(t, open, tables)
		for i := first; i < min(n, first+casesPerTables); i++ {
			def := RandomDefinition(block*1000 + uint64(i-first))
			difference, rows := disagreement(t, want, got, def)
			asked++
			if rows > 0 {
				nonEmpty++
			}
			if difference == "" {
				continue
			}
			small, smallTables := shrink(def, tables, func(def *cohort.Definition, tables Tables, same bool) bool {
				w, g := want, got
				if !same {
					w, g = opened(t, judge, tables), opened(t, open, tables)
				}
				d, _ := disagreement(t, w, g, def)
				if d != "" {
					difference = d
				}
				return d != ""
			})
			t.Errorf("seed %d, case %d (run again with GALIEN_SEED=%d GALIEN_CASES=%d), made small:\n%s\n%s\nwant is the oracle's:\n%s",
				seed, i, block, casesPerTables, Describe(small), describeTables(smallTables), difference)
			if failures++; failures == 5 {
				t.Fatal("enough")
			}
		}
	}
	t.Logf("seed %d, shard %d/%d of %d cases: %d definitions asked, %d agree with the oracle, %d differ, %d with a non-empty cohort, %s",
		seed, part, parts, n, asked, asked-failures, failures, nonEmpty, time.Since(began).Round(time.Millisecond))
}

// shard returns which part of the cases to take, from 1, and of how many.
func shard(t *testing.T) (part, parts int) {
	t.Helper()
	text := os.Getenv("GALIEN_SHARD")
	if text == "" {
		return 1, 1
	}
	before, after, _ := strings.Cut(text, "/")
	part, err := strconv.Atoi(before)
	parts, err2 := strconv.Atoi(after)
	if err != nil || err2 != nil || part < 1 || part > parts {
		t.Fatal("GALIEN_SHARD: expected a part and a number of parts, such as 2/8")
	}
	return part, parts
}

func number(t *testing.T, variable string, otherwise uint64) uint64 {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return otherwise
	}
	v, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: not a whole number", variable)
	}
	return v
}

func opened(t *testing.T, open Open, tables Tables) Run {
	t.Helper()
	run, err := open(tables)
	if err != nil {
		t.Fatal(err)
	}
	return run
}

// disagreement describes how two engines differ on a definition, and says how
// many rows the first gives. An error of one counts as a difference.
func disagreement(t *testing.T, want, got Run, def *cohort.Definition) (string, int) {
	t.Helper()
	wantRows, wantSummary, wantErr := want(t.Context(), def)
	gotRows, gotSummary, gotErr := got(t.Context(), def)
	if wantErr != nil || gotErr != nil {
		return strings.Trim(fmt.Sprintf("errors: want %v, got %v", wantErr, gotErr), "\n"), 0
	}
	return differences(wantRows, gotRows, wantSummary, gotSummary), len(wantRows)
}
