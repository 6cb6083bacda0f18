package attack

import (
	"context"
	"math/bits"
	"strconv"
	"strings"
)

// Op is how a test compares.
type Op uint8

const (
	// Is asks for one value; the empty text for its absence.
	Is Op = iota
	// AtMost asks for numbers up to a value; the absence of one is not among
	// them.
	AtMost
)

// Test is one condition on an attribute, by the place of its column.
type Test struct {
	Column int
	Op     Op
	Value  string
}

// Clause asks for persons who meet all tests and, for each list of Except, do
// not meet all of that list.
type Clause struct {
	All    []Test
	Except [][]Test
}

// Query asks how many persons meet at least one of its clauses.
type Query []Clause

// key is the same for the same query.
func (q Query) key() string {
	var b strings.Builder
	tests := func(all []Test) {
		for _, t := range all {
			b.WriteString(strconv.Itoa(t.Column))
			b.WriteByte("=<"[t.Op])
			b.WriteString(strconv.Quote(t.Value))
			b.WriteByte('&')
		}
	}
	for _, c := range q {
		tests(c.All)
		for _, e := range c.Except {
			b.WriteByte('-')
			tests(e)
		}
		b.WriteByte('|')
	}
	return b.String()
}

// Counter is an endpoint that counts persons.
type Counter interface {
	// Count returns the number of persons, and false when it is withheld or
	// the question refused. An error ends the attack.
	Count(ctx context.Context, q Query) (n int64, shown bool, err error)
}

// Resetter is a Counter that keeps account of what was asked and can forget what
// the attack asked: each target is then attacked from the state in which the
// attack found the endpoint, which is the attacker's best.
type Resetter interface {
	Reset(ctx context.Context) error
}

// set is a set of rows.
type set []uint64

func (t Table) all() set {
	s := make(set, (t.rows+63)/64)
	for i := range s {
		s[i] = ^uint64(0)
	}
	if left := t.rows % 64; left > 0 {
		s[len(s)-1] = 1<<left - 1
	}
	return s
}

// Plain is an endpoint in memory that protects by a threshold alone, or by a
// threshold and rounding: what attacks are known to defeat. It shows that an
// attack that fails elsewhere works.
type Plain struct {
	table     Table
	threshold int64
	rounding  int64
	sets      map[Test]set
}

// NewPlain returns the endpoint of a table: counts under the threshold are
// withheld and others rounded to the nearest multiple of rounding, 1 for none.
func NewPlain(t Table, threshold, rounding int) *Plain {
	return &Plain{t, int64(threshold), int64(rounding), map[Test]set{}}
}

// Count answers a question.
func (p *Plain) Count(_ context.Context, q Query) (int64, bool, error) {
	n := p.exact(q)
	if n < p.threshold {
		return 0, false, nil
	}
	return (n + p.rounding/2) / p.rounding * p.rounding, true, nil
}

func (p *Plain) exact(q Query) int64 {
	any := make(set, (p.table.rows+63)/64)
	for _, c := range q {
		rows := p.met(c.All)
		for _, e := range c.Except {
			for i, w := range p.met(e) {
				rows[i] &^= w
			}
		}
		for i, w := range rows {
			any[i] |= w
		}
	}
	n := 0
	for _, w := range any {
		n += bits.OnesCount64(w)
	}
	return int64(n)
}

func (p *Plain) met(tests []Test) set {
	rows := p.table.all()
	for _, t := range tests {
		for i, w := range p.meets(t) {
			rows[i] &= w
		}
	}
	return rows
}

func (p *Plain) meets(t Test) set {
	if s, ok := p.sets[t]; ok {
		return s
	}
	s := make(set, (p.table.rows+63)/64)
	limit, _ := strconv.ParseFloat(t.Value, 64)
	for i := range p.table.rows {
		met := p.table.Value(i, t.Column) == t.Value
		if t.Op == AtMost {
			met = p.table.numbers[t.Column][i] <= limit && p.table.numbers[t.Column][i] != missing
		}
		if met {
			s[i/64] |= 1 << (i % 64)
		}
	}
	p.sets[t] = s
	return s
}

// asker puts questions to an endpoint, each once, and keeps account.
type asker struct {
	counter Counter
	answers map[string]answer
	asked   int
	refused int
	spent   int // questions about this target, asked before or not
}

// begin turns to another target.
func (a *asker) begin(ctx context.Context) error {
	a.spent = 0
	if r, ok := a.counter.(Resetter); ok {
		a.answers = map[string]answer{}
		return r.Reset(ctx)
	}
	return nil
}

type answer struct {
	n     int64
	shown bool
}

func newAsker(c Counter) *asker { return &asker{counter: c, answers: map[string]answer{}} }

func (a *asker) ask(ctx context.Context, q Query) (answer, error) {
	a.spent++
	key := q.key()
	if known, ok := a.answers[key]; ok {
		return known, nil
	}
	n, shown, err := a.counter.Count(ctx, q)
	if err != nil {
		return answer{}, err
	}
	a.asked++
	if !shown {
		a.refused++
	}
	a.answers[key] = answer{n, shown}
	return answer{n, shown}, nil
}

// difference returns how many persons the first query has more than the second,
// and false where one of them is not answered.
func (a *asker) difference(ctx context.Context, more, less Query) (int64, bool, error) {
	x, err := a.ask(ctx, more)
	if err != nil || !x.shown {
		return 0, false, err
	}
	y, err := a.ask(ctx, less)
	return x.n - y.n, y.shown, err
}
