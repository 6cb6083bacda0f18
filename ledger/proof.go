package ledger

import (
	"cmp"
	"encoding/binary"
	"math/bits"
	"slices"
)

// What a proof may cost.
const (
	// maxColumns bounds the pieces that are weighed against one another.
	maxColumns = 1024
	// maxWork bounds the multiplications.
	maxWork = 200_000_000
	// maxRounds bounds how often they are.
	maxRounds = 32
	// maxKnown bounds the vectors that give equations.
	maxKnown = 4096
	// maxAmount, maxPart bound the numbers of an exact check, so that none of its
	// sums leaves 63 bits.
	maxAmount = 1 << 14
	maxPart   = 1 << 20
)

// A proof that a vector v is far from everything that known ones can be combined
// to is a number of groups of persons without a person in common, such that on
// each group no combination of the known vectors equals v. Then every combination
// of v with them concerns a person of each group at the least: as many persons as
// there are groups.
//
// Two persons of one atom of whom v adds different amounts are such a group, and
// split counts as many of those as there are. What they leave is looked through
// for groups of several atoms, the largest atoms first: known vectors make a
// system of linear equations, and a group is a dependency between its columns
// that v breaks.

// farther adds to least, which split proved, the groups of several atoms that are
// needed for least to reach t, or as many as are found.
func farther(a *atoms, v Vector, known []Vector, pieces []piece, least, t int64) int64 {
	if len(known) > maxKnown {
		return least
	}
	columns := leftover(pieces)
	a.name(v, columns)
	rows := equations(columns, known)
	work := 0
	for range maxRounds {
		e := elimination{rows: rows, work: work}
		again := false
		for k := range columns {
			if columns[k].size == 0 {
				continue
			}
			group := e.add(columns, k)
			if work = e.work; work > maxWork {
				return least
			}
			if group == nil {
				continue
			}
			n := columns[k].size
			for _, g := range group {
				n = min(n, columns[g].size)
			}
			least += n
			if least >= t {
				return least
			}
			for _, g := range group {
				columns[g].size -= n
				again = again || columns[g].size == 0 && g != k
			}
			if again {
				break
			}
		}
		if !again {
			break
		}
	}
	return least
}

// together is how many persons one combination of v with the known vectors
// concerns, if all pieces could be looked at: a small number shows that v must
// not be told.
func together(a *atoms, v Vector, known []Vector, pieces []piece) (persons int64, ok bool) {
	if len(pieces) > maxColumns || len(known) > maxKnown {
		return 0, false
	}
	columns := slices.Clone(pieces)
	slices.SortStableFunc(columns, func(x, y piece) int { return cmp.Compare(y.size, x.size) })
	a.name(v, columns)
	e := elimination{rows: equations(columns, known)}
	for k, c := range columns {
		if e.add(columns, k) != nil {
			persons += c.size
		}
		if e.work > maxWork {
			return 0, false
		}
	}
	return persons, true
}

// leftover is the largest pieces without the persons whom split paired, those
// that v concerns and those that it does not alike.
func leftover(pieces []piece) []piece {
	var with, without largest
	for from := 0; from < len(pieces); {
		to, largest, all := from, from, int64(0)
		for ; to < len(pieces) && pieces[to].atom == pieces[from].atom; to++ {
			all += pieces[to].size
			if pieces[to].size > pieces[largest].size {
				largest = to
			}
		}
		p := pieces[largest]
		p.size -= all - p.size
		from = to
		switch {
		case p.size <= 0 || p.atom == 0:
		case p.amount != 0:
			with.add(p)
		default:
			without.add(p)
		}
	}
	// Half of the columns are of each kind, unless there are fewer of one.
	few := with.first(maxColumns / 2)
	many := without.first(maxColumns - len(few))
	all := append(slices.Clone(with.first(maxColumns-len(many))), many...)
	slices.SortFunc(all, larger)
	return all
}

// larger orders pieces, the largest first; the keys of persons do not count.
func larger(x, y piece) int {
	return cmp.Or(cmp.Compare(y.size, x.size), cmp.Compare(x.atom, y.atom), cmp.Compare(x.amount, y.amount))
}

// largest keeps the largest pieces of many.
type largest struct {
	list  []piece
	worst *piece // of the maxColumns kept, once there were more
}

func (l *largest) add(p piece) {
	if l.worst != nil && larger(*l.worst, p) < 0 {
		return
	}
	if l.list = append(l.list, p); len(l.list) == 4*maxColumns {
		worst := l.first(maxColumns)[maxColumns-1]
		l.list, l.worst = l.list[:maxColumns], &worst
	}
}

// first returns the n largest, or as many as there are.
func (l *largest) first(n int) []piece {
	slices.SortFunc(l.list, larger)
	return l.list[:min(n, len(l.list))]
}

// equations holds, for each known vector that is unlike the others there, what
// it adds of each column's persons.
func equations(columns []piece, known []Vector) [][]int64 {
	seen := map[string]bool{}
	var rows [][]int64
	var text []byte
	for _, q := range known {
		row := make([]int64, len(columns))
		text = text[:0]
		some := false
		for k, c := range columns {
			row[k] = q.amount(c.person)
			some = some || row[k] != 0
			text = binary.AppendVarint(text, row[k])
		}
		if some && !seen[string(text)] {
			seen[string(text)] = true
			rows = append(rows, row)
		}
	}
	return rows
}

// prime is the field of the elimination. What is found there is checked in whole
// numbers, so that nothing hangs on it but speed.
const prime = 1<<61 - 1

func mul(a, b uint64) uint64 {
	high, low := bits.Mul64(a, b)
	return sum(low&prime, low>>61|high<<3)
}

func sum(a, b uint64) uint64 {
	s := a + b
	if s >= prime {
		s -= prime
	}
	return s
}

func minus(a, b uint64) uint64 { return sum(a, prime-b) }

func inverse(a uint64) uint64 {
	r := uint64(1)
	for e := uint64(prime - 2); e > 0; e >>= 1 {
		if e&1 == 1 {
			r = mul(r, a)
		}
		a = mul(a, a)
	}
	return r
}

// elimination holds independent columns in reduced form.
type elimination struct {
	rows  [][]int64
	basis []reduced
	work  int // multiplications so far
}

// reduced is a column less multiples of those before it.
type reduced struct {
	column int
	values []uint64 // by row; the one at pivot is 1
	pivot  int
	target uint64   // of v
	parts  []uint64 // the column as a sum of the basis: what it takes of each
}

// add takes column k. When it depends on those before it in the known vectors
// and not in v, it returns the columns of that dependency, k among them; a
// dependency that holds in v too adds nothing.
func (e *elimination) add(columns []piece, k int) (group []int) {
	values := make([]uint64, len(e.rows))
	for i, row := range e.rows {
		values[i] = uint64(row[k]) % prime
	}
	target := uint64(columns[k].amount) % prime
	factors := make([]uint64, len(e.basis))
	for j, b := range e.basis {
		f := values[b.pivot]
		if f == 0 {
			continue
		}
		factors[j] = f
		e.work += len(values)
		for i := range values {
			if b.values[i] != 0 {
				values[i] = minus(values[i], mul(f, b.values[i]))
			}
		}
		target = minus(target, mul(f, b.target))
	}
	// What is taken of each column of the basis.
	taken := func() []uint64 {
		t := make([]uint64, len(e.basis))
		for j, f := range factors {
			if f == 0 {
				continue
			}
			for i, p := range e.basis[j].parts {
				if p != 0 {
					t[i] = sum(t[i], mul(f, p))
				}
			}
		}
		return t
	}
	pivot := slices.IndexFunc(values, func(x uint64) bool { return x != 0 })
	if pivot < 0 {
		if target == 0 {
			return nil
		}
		return e.exact(columns, k, taken())
	}
	scale := inverse(values[pivot])
	for i := range values {
		values[i] = mul(values[i], scale)
	}
	parts := taken()
	for i := range parts {
		parts[i] = mul(minus(0, parts[i]), scale)
	}
	e.basis = append(e.basis, reduced{column: k, values: values, pivot: pivot, target: mul(target, scale), parts: append(parts, scale)})
	return nil
}

// exact checks in whole numbers that column k is the sum of the parts of the
// basis in every known vector and not in v, and returns the columns that take
// part; nil when it cannot tell.
func (e *elimination) exact(columns []piece, k int, parts []uint64) []int {
	group := []int{k}
	over := int64(1) // the common denominator
	type fraction struct{ above, below int64 }
	var list []fraction
	for j, p := range parts {
		if p == 0 {
			continue
		}
		above, below, ok := rational(p)
		if !ok {
			return nil
		}
		if over = over / gcd(over, below) * below; over > maxPart {
			return nil
		}
		list = append(list, fraction{above, below})
		group = append(group, e.basis[j].column)
	}
	holds := func(of func(column int) int64) (equal, ok bool) {
		left := of(k)
		if left > maxAmount {
			return false, false
		}
		left *= over
		for i, f := range list {
			x := of(group[i+1])
			if x > maxAmount {
				return false, false
			}
			left -= f.above * (over / f.below) * x
		}
		return left == 0, true
	}
	for _, row := range e.rows {
		if equal, ok := holds(func(c int) int64 { return row[c] }); !equal || !ok {
			return nil
		}
	}
	if equal, ok := holds(func(c int) int64 { return columns[c].amount }); equal || !ok {
		return nil
	}
	return group
}

// rational returns the fraction of small numbers that x is in the field.
func rational(x uint64) (above, below int64, ok bool) {
	r0, r1 := int64(prime), int64(x)
	t0, t1 := int64(0), int64(1)
	for r1 > maxPart {
		q := r0 / r1
		r0, r1 = r1, r0-q*r1
		t0, t1 = t1, t0-q*t1
	}
	if t1 < 0 {
		r1, t1 = -r1, -t1
	}
	return r1, t1, t1 > 0 && t1 <= maxPart
}

func gcd(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
