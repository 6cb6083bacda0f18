package ledger_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"

	"galien"
	"galien/cohort"
	"galien/cohort/circe"
	"galien/engine/enginetest"
	"galien/engine/oracle"
	"galien/ledger"
	"galien/permit"
)

func memoryLedger(t testing.TB) *ledger.Ledger {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "galien-ledger-")
	if err != nil {
		dir = t.TempDir()
	} else {
		t.Cleanup(func() { _ = os.RemoveAll(dir) })
	}
	l, err := ledger.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// tallied says how ordinary questions fare.
type tallied struct {
	questions, large, shown int // cohorts; not small; their own count is shown
	numbers, numbersShown   int // of all steps, not small
	reasons                 map[ledger.Reason]int
}

func (c *tallied) add(ask ledger.Ask, v ledger.Verdict) {
	if c.reasons == nil {
		c.reasons = map[ledger.Reason]int{}
	}
	c.questions++
	for i, d := range v.Numbers {
		if ask.Numbers[i].Of.Total() < ask.Threshold {
			continue
		}
		c.numbers++
		if d.Open() {
			c.numbersShown++
		}
		if i == 0 {
			c.large++
			c.reasons[d.Reason]++
			if d.Open() {
				c.shown++
			}
		}
	}
}

func (c *tallied) String() string {
	return fmt.Sprintf("%d questions, %d of them not small, %d of those shown; with all steps %d numbers not small, %d shown; of the cohorts' own counts: %v", c.questions, c.large, c.shown, c.numbers, c.numbersShown, c.reasons)
}

// TestLibrary asks the 1,100 definitions of the phenotype library one after the
// other, as one hub would be asked by everybody, and prints how many get an
// answer. GALIEN_LEDGER=library runs it.
func TestLibrary(t *testing.T) {
	if os.Getenv("GALIEN_LEDGER") != "library" {
		t.Skip("set GALIEN_LEDGER=library")
	}
	data, err := oracle.NewData(enginetest.CirceTables(t))
	if err != nil {
		t.Fatal(err)
	}
	engine, desk, l := oracle.Over("tables", data), enginetest.NewDesk(t, enginetest.Everything), memoryLedger(t)
	var c tallied
	for _, a := range enginetest.CirceAnswers(t, enginetest.Library) {
		def, err := circe.Read(bytes.NewReader(a.JSON))
		if err != nil {
			continue
		}
		p, err := desk.Allow(t.Context(), permit.CountCohort, "tables", def)
		if err != nil {
			t.Fatal(err)
		}
		keys := def.Counts().Steps
		persons, events := make([]ledger.Builder, len(keys)), make([]ledger.Builder, len(keys))
		var observed ledger.Builder
		_, err = engine.CohortMembers(t.Context(), p, def, &cohort.Members{
			Observed: func(who []galien.PersonID) { observed.Add(who, nil) },
			Left: func(step int, who []galien.PersonID, n []int64) {
				persons[step].Add(who, nil)
				events[step].Add(who, n)
			},
		}, func(cohort.Row) error { return nil })
		if err != nil {
			continue
		}
		ask := ledger.Ask{Ground: ledger.Ground{Snapshot: "s"}, Threshold: 11, Leads: true}
		if ask.Everyone, err = observed.Vector(); err != nil {
			t.Fatal(err)
		}
		last := len(keys) - 1
		for i := range keys {
			step := (last + i) % len(keys) // the last comes first
			v, err := persons[step].Vector()
			if err != nil {
				t.Fatal(err)
			}
			ask.Numbers = append(ask.Numbers, ledger.Number{Key: ledger.Key(keys[step].Persons), What: "persons", Of: v})
		}
		periods, err := events[last].Vector()
		if err != nil {
			t.Fatal(err)
		}
		ask.Numbers = append(ask.Numbers, ledger.Number{Key: ledger.Key(keys[last].Events), What: "periods", Of: periods})
		v, err := l.Decide(t.Context(), ask)
		if err != nil {
			t.Fatal(err)
		}
		c.add(ask, v)
		if c.questions%100 == 0 {
			t.Log(&c)
		}
	}
	t.Log(&c)
}

// editor is a population with attributes of many kinds, and somebody who edits a
// definition on it: adds a test, takes one away, moves a bound.
type editor struct {
	r       *rand.Rand
	persons int
	values  [][]float64 // of each attribute
}

func newEditor(seed uint64, persons, attributes int) *editor {
	e := &editor{r: rand.New(rand.NewPCG(seed, 1)), persons: persons}
	for range attributes {
		v := make([]float64, persons)
		for p := range v {
			v[p] = e.r.Float64()
		}
		e.values = append(e.values, v)
	}
	return e
}

// test asks for values of one attribute under a bound, in steps of a tenth.
type test struct{ attribute, bound int }

func (e *editor) meets(p int, tests []test) bool {
	for _, c := range tests {
		if e.values[c.attribute][p] >= float64(c.bound)/10 {
			return false
		}
	}
	return true
}

// edits is a series of edits, a test each time.
func (e *editor) edits(n int) (all [][]test) {
	now := []test{{e.r.IntN(len(e.values)), 3 + e.r.IntN(5)}}
	for range n {
		all = append(all, append([]test(nil), now...))
		next := append([]test(nil), now...)
		switch at := e.r.IntN(len(next)); {
		case len(next) < 2 || len(next) < 5 && e.r.IntN(2) == 0:
			next = append(next, test{e.r.IntN(len(e.values)), 2 + e.r.IntN(8)})
		case e.r.IntN(2) == 0:
			next[at].bound = max(1, next[at].bound+1-2*e.r.IntN(2))
		default:
			next = append(next[:at], next[at+1:]...)
		}
		now = next
	}
	return all
}

// ask is the count of a definition: with the tests in any order it is the same.
func (e *editor) ask(t testing.TB, tests []test) ledger.Ask {
	t.Helper()
	var who, everyone ledger.Builder
	for p := range e.persons {
		everyone.Add([]galien.PersonID{galien.PersonID(p)}, nil)
		if e.meets(p, tests) {
			who.Add([]galien.PersonID{galien.PersonID(p)}, nil)
		}
	}
	a := ledger.Ask{Ground: ledger.Ground{Snapshot: "s"}, Threshold: 11}
	var err error
	if a.Everyone, err = everyone.Vector(); err != nil {
		t.Fatal(err)
	}
	v, err := who.Vector()
	if err != nil {
		t.Fatal(err)
	}
	least := map[int]int{} // by attribute: the lowest bound decides
	for _, c := range tests {
		if b, ok := least[c.attribute]; !ok || c.bound < b {
			least[c.attribute] = c.bound
		}
	}
	var key ledger.Key
	for a, b := range least {
		if b < 10 { // 10 asks nothing
			key[a] = byte(b)
		}
	}
	a.Numbers = []ledger.Number{{Key: key, What: "persons", Of: v}}
	return a
}

// TestEditing has several people edit definitions, a dozen variants each, on one
// hub: nearly all that is not small is answered.
func TestEditing(t *testing.T) {
	var c tallied
	e, l := newEditor(1, 20_000, 8), memoryLedger(t)
	for range 12 {
		for _, tests := range e.edits(12) {
			ask := e.ask(t, tests)
			v, err := l.Decide(t.Context(), ask)
			if err != nil {
				t.Fatal(err)
			}
			c.add(ask, v)
		}
	}
	t.Log(&c)
	if c.large < 100 || c.shown*10 < c.large*9 {
		t.Error("fewer than nine of ten are answered")
	}
}
