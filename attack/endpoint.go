package attack

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"gonum.org/v1/gonum/mat"
)

// The keys of the attacks on counts.
const (
	TrackerName        = "tracker"
	GeneralTrackerName = "general-tracker"
	DifferencingName   = "differencing"
	RefusalName        = "refusal"
	BorderName         = "border"
	ReconstructionName = "reconstruction"
)

// reconstructed is how many persons a reconstruction is tried on at once.
const reconstructed = 60

// Prey is whom the attacks on counts are tried on: persons of a table, what is
// known of them and what is not. The table is the truth by which the attacks
// are judged, and what a population of that kind is known to be like.
type Prey struct {
	Table Table
	// Known are the columns known of the targets, the most telling last.
	Known []int
	// Secret is a column with the values Has and HasNot, or any two or more.
	Secret int
	// Value is the secret's value that is asked for.
	Value string
	// Threshold is the smallest number that the endpoint shows, and Rounding
	// what it rounds to, 1 for nothing: both are published.
	Threshold, Rounding int
}

// Alone returns the rows of persons who are alone in their values of columns.
func (t Table) Alone(columns []int) []int {
	var alone []int
	for _, class := range t.classes(upTo(t.rows), columns) {
		if len(class) == 1 {
			alone = append(alone, class[0])
		}
	}
	slices.Sort(alone)
	return alone
}

// hunt is one attack on one endpoint.
type hunt struct {
	Prey
	*asker
	random Random
	common int32            // the commonest value of the secret
	pads   map[int32]Clause // by the target's value of the first known column
}

// tests are what is known of a target, by columns.
func (h *hunt) tests(target int, columns []int) []Test {
	var all []Test
	for _, c := range columns {
		all = append(all, Test{c, Is, h.Table.Value(target, c)})
	}
	return all
}

func (h *hunt) secret() Test { return Test{h.Secret, Is, h.Value} }

func with(tests []Test, more ...Test) []Test {
	return append(slices.Clip(slices.Clone(tests)), more...)
}

// way is one attack: whether the target has the secret's value, and whether
// that was computed.
type way func(h *hunt, ctx context.Context, target int) (has, certain bool, err error)

// OnCounts tries the attacks on the endpoint c, and each again on a plain
// endpoint over the same persons, which shows what it can do.
func OnCounts(ctx context.Context, c Counter, p Prey, targets int, r Random) ([]Finding, error) {
	var out []Finding
	alone := sample(p.Table.Alone(p.Known), targets, r)
	individual := way((*hunt).individual)
	if p.Rounding > 1 {
		individual = (*hunt).rounded
	}
	for _, a := range []struct {
		name string
		way  way
	}{{TrackerName, individual}, {GeneralTrackerName, (*hunt).general}, {DifferencingName, (*hunt).differencing}, {RefusalName, (*hunt).refusal}} {
		f, err := p.each(ctx, a.name, a.way, c, alone, r)
		if err != nil {
			return nil, err
		}
		out = append(out, f)
	}
	for _, attack := range []func(context.Context, Counter, []int, int, Random) (Finding, error){p.border, p.reconstruction} {
		f, err := attack(ctx, c, alone, targets, r)
		if err != nil {
			return nil, err
		}
		out = append(out, f)
	}
	return out, nil
}

// each runs an attack on each target.
func (p Prey) each(ctx context.Context, name string, a way, c Counter, targets []int, r Random) (Finding, error) {
	secret := p.Table.columns[p.Secret].Name
	if len(targets) == 0 {
		return skipped(name, secret, NoTarget), nil
	}
	if len(p.Known) < 2 {
		return skipped(name, secret, FewColumns), nil
	}
	f := Finding{Attack: name, On: secret}
	common := p.Table.most(upTo(p.Table.rows), p.Secret)
	for _, on := range []struct {
		c       Counter
		outcome *Trial
	}{{c, &f.Main}, {NewPlain(p.Table, p.Threshold, p.Rounding), &f.Plain}} {
		h := &hunt{p, newAsker(on.c), r, common, map[int32]Clause{}}
		var spent []int
		for _, target := range targets {
			if err := h.begin(ctx); err != nil {
				return Finding{}, err
			}
			has, certain, err := a(h, ctx, target)
			if err != nil {
				return Finding{}, err
			}
			truly := p.Table.Value(target, p.Secret) == p.Value
			if !certain {
				has = p.Table.words[p.Secret][common] == p.Value
			}
			on.outcome.add(has == truly)
			spent = append(spent, h.spent)
			if on.outcome == &f.Main && certain {
				f.Certain++
			}
		}
		if on.outcome == &f.Main {
			f.Queries, f.Refused, f.MedianQueries = h.asked, h.refused, median(spent)
		}
	}
	crowd := p.crowd()
	for _, target := range targets {
		f.Naive.add(p.right(target, common))
		f.Control.add(p.right(target, crowd.like(target, p.Secret)))
	}
	f.close()
	return f, nil
}

// right reports whether a guess of the secret's code says rightly whether the
// target has the value.
func (p Prey) right(target int, guess int32) bool {
	return (guess >= 0 && p.Table.words[p.Secret][guess] == p.Value) == (p.Table.Value(target, p.Secret) == p.Value)
}

// crowd is the persons of a table by the known columns, fewer and fewer.
type crowd struct {
	p       Prey
	classes []map[string][]int // by the first n known columns
}

func (p Prey) crowd() crowd {
	c := crowd{p: p}
	for n := range len(p.Known) + 1 {
		c.classes = append(c.classes, p.Table.classes(upTo(p.Table.rows), p.Known[:n]))
	}
	return c
}

// like returns what honest statistics say of a person who is not in the data:
// the commonest value of a column among the others of the smallest class that
// has as many other persons as the threshold. Known columns are left out from
// the last. It returns -1 where there are too few persons at all.
func (c crowd) like(target, column int) int32 {
	for n := len(c.p.Known); n >= 0; n-- {
		class := c.classes[n][c.p.Table.key(target, c.p.Known[:n])]
		if len(class) > c.p.Threshold {
			others := slices.DeleteFunc(slices.Clone(class), func(i int) bool { return i == target })
			return c.p.Table.most(others, column)
		}
	}
	return -1
}

func median(of []int) int {
	s := slices.Sorted(slices.Values(of))
	return s[len(s)/2]
}

// divisions are the ways to divide the known columns in two parts of which the
// first is asked for: each column alone, then each pair, then three.
func (h *hunt) divisions() [][2][]int {
	var all [][2][]int
	n := len(h.Known)
	var choose func(from int, taken []int, left int)
	choose = func(from int, taken []int, left int) {
		if left == 0 {
			var rest []int
			for _, c := range h.Known {
				if !slices.Contains(taken, c) {
					rest = append(rest, c)
				}
			}
			all = append(all, [2][]int{slices.Clone(taken), rest})
			return
		}
		for i := from; i < n; i++ {
			choose(i+1, append(slices.Clip(taken), h.Known[i]), left-1)
		}
	}
	for size := 1; size < min(n, 4); size++ {
		choose(0, nil, size)
	}
	return all
}

// tries is how many divisions an attack tries before it gives a target up.
const tries = 30

// individual is the tracker of Schlörer (1975) and Denning: of who shares some
// attributes with the target, ask for all, and for all but those who share the
// rest; then the same of those with the secret.
func (h *hunt) individual(ctx context.Context, target int) (bool, bool, error) {
	verified := false
	for k, d := range h.divisions() {
		if k == tries {
			break
		}
		some, rest := h.tests(target, d[0]), h.tests(target, d[1])
		ask := func(more ...Test) (int64, bool, error) {
			return h.difference(ctx, Query{{All: with(some, more...)}}, Query{{All: with(some, more...), Except: [][]Test{rest}}})
		}
		if !verified {
			n, shown, err := ask()
			if err != nil {
				return false, false, err
			}
			if !shown {
				continue
			}
			if n != 1 {
				return false, false, nil // not there, or not alone
			}
			verified = true
		}
		n, shown, err := ask(h.secret())
		if err != nil || shown {
			return n == 1, shown && (n == 0 || n == 1), err
		}
		// The others may be answered where those with the secret are too few.
		n, shown, err = h.difference(ctx, Query{{All: some, Except: [][]Test{{h.secret()}}}},
			Query{{All: some, Except: [][]Test{{h.secret()}, rest}}})
		if err != nil || shown {
			return n == 0, shown && (n == 0 || n == 1), err
		}
	}
	return false, false, nil
}

// rounded finds a group whose rounded count changes when the target is added,
// then adds the target only if it has the secret.
func (h *hunt) rounded(ctx context.Context, target int) (bool, bool, error) {
	all := h.tests(target, h.Known)
	divisions := h.divisions()
	for k, i := range sample(upTo(len(divisions)), len(divisions), h.random) {
		if k == 4*tries {
			break
		}
		some, rest := h.tests(target, divisions[i][0]), h.tests(target, divisions[i][1])
		others := Clause{All: some, Except: [][]Test{rest}}
		n, shown, err := h.difference(ctx, Query{{All: some}}, Query{others})
		if err != nil {
			return false, false, err
		}
		if !shown || n == 0 {
			continue
		}
		m, shown, err := h.difference(ctx, Query{others, {All: with(all, h.secret())}}, Query{others})
		if err != nil || shown {
			return m == n, shown, err
		}
	}
	return false, false, nil
}

// general is the general tracker of Denning, Denning and Schwartz (1979): a set
// and its complement, each joined with the target, count everybody and the
// target once more.
func (h *hunt) general(ctx context.Context, target int) (bool, bool, error) {
	tracker := h.tests(target, h.Known[:1])
	inside, outside := Clause{All: tracker}, Clause{Except: [][]Test{tracker}}
	count := func(target Clause) (int64, bool, error) {
		a, shown, err := h.difference(ctx, Query{inside, target}, Query{inside})
		if err != nil || !shown {
			return 0, false, err
		}
		b, shown, err := h.difference(ctx, Query{outside, target}, Query{outside})
		return a + b, shown, err
	}
	all := h.tests(target, h.Known)
	n, shown, err := count(Clause{All: all})
	if err != nil || !shown || n != 1 {
		return false, false, err
	}
	n, shown, err = count(Clause{All: with(all, h.secret())})
	return n == 1, shown, err
}

// pad is a group that the target is not in: the largest with another value of
// the first known column.
func (h *hunt) pad(target int) Clause {
	c := h.Known[0]
	own := h.Table.codes[c][target]
	if pad, ok := h.pads[own]; ok {
		return pad
	}
	var others []int
	for i := range h.Table.rows {
		if h.Table.codes[c][i] != own {
			others = append(others, i)
		}
	}
	if len(others) == 0 {
		return Clause{Except: [][]Test{h.tests(target, h.Known)}}
	}
	h.pads[own] = Clause{All: []Test{{c, Is, h.Table.words[c][h.Table.most(others, c)]}}}
	return h.pads[own]
}

// differencing compares two cohorts of which one has the target more.
func (h *hunt) differencing(ctx context.Context, target int) (bool, bool, error) {
	pad, all := h.pad(target), h.tests(target, h.Known)
	n, shown, err := h.difference(ctx, Query{pad, {All: all}}, Query{pad})
	if err != nil || !shown || n != 1 {
		return false, false, err
	}
	n, shown, err = h.difference(ctx, Query{pad, {All: with(all, h.secret())}}, Query{pad})
	return n == 1, shown, err
}

// refusal reads what is withheld: of two groups with the secret of which one has
// the target more, if the target has the secret, the second is refused or shown
// for that reason. Shown, the target is told not to have it; refused, to have it.
func (h *hunt) refusal(ctx context.Context, target int) (bool, bool, error) {
	for k, d := range h.divisions() {
		if k == tries {
			break
		}
		some, rest := with(h.tests(target, d[0]), h.secret()), h.tests(target, d[1])
		all, err := h.ask(ctx, Query{{All: some}})
		if err != nil {
			return false, false, err
		}
		if !all.shown {
			continue
		}
		others, err := h.ask(ctx, Query{{All: some, Except: [][]Test{rest}}})
		if err != nil {
			return false, false, err
		}
		if others.shown {
			return others.n != all.n, true, nil
		}
		// Refused: is it for the target? The same without the secret would be
		// refused whether or not the target has it, so it is worth a guess only.
		return true, true, nil
	}
	return false, false, nil
}

// border finds a number of persons, such as a year of birth, by moving the
// border of a range across it.
func (p Prey) border(ctx context.Context, c Counter, _ []int, targets int, r Random) (Finding, error) {
	at := slices.IndexFunc(p.Known, func(c int) bool { return p.Table.columns[c].Numeric })
	if at < 0 || len(p.Known) < 2 {
		return skipped(BorderName, "", FewColumns), nil
	}
	number := p.Known[at]
	others := slices.Delete(slices.Clone(p.Known), at, at+1)
	f := Finding{Attack: BorderName, On: p.Table.columns[number].Name}
	alone := sample(slices.DeleteFunc(p.Table.Alone(others), func(i int) bool { return p.Table.numbers[number][i] == missing }), targets, r)
	if len(alone) == 0 {
		return skipped(BorderName, f.On, NoTarget), nil
	}
	p.Known = others
	common := p.Table.most(upTo(p.Table.rows), number)
	values := map[float64]string{}
	for i := range p.Table.rows {
		if x := p.Table.numbers[number][i]; x != missing {
			values[x] = p.Table.Value(i, number)
		}
	}
	order := slices.Sorted(maps.Keys(values))
	for _, on := range []struct {
		c       Counter
		outcome *Trial
	}{{c, &f.Main}, {NewPlain(p.Table, p.Threshold, p.Rounding), &f.Plain}} {
		h := &hunt{p, newAsker(on.c), r, common, map[int32]Clause{}}
		var spent []int
		for _, target := range alone {
			if err := h.begin(ctx); err != nil {
				return Finding{}, err
			}
			pad, all := h.pad(target), h.tests(target, others)
			below := func(x float64) (bool, bool, error) {
				n, shown, err := h.difference(ctx, Query{pad, {All: with(all, Test{number, AtMost, values[x]})}}, Query{pad})
				return n > 0, shown, err
			}
			n, certain, err := h.difference(ctx, Query{pad, {All: all}}, Query{pad})
			if err != nil {
				return Finding{}, err
			}
			certain = certain && n == 1
			low, high := 0, len(order)-1
			for low < high && certain {
				middle := (low + high) / 2
				under, shown, err := below(order[middle])
				if err != nil {
					return Finding{}, err
				}
				certain = shown
				if under {
					high = middle
				} else {
					low = middle + 1
				}
			}
			guess := p.Table.words[number][common]
			if certain {
				guess = values[order[low]]
			}
			on.outcome.add(guess == p.Table.Value(target, number))
			spent = append(spent, h.spent)
			if on.outcome == &f.Main && certain {
				f.Certain++
			}
		}
		if on.outcome == &f.Main {
			f.Queries, f.Refused, f.MedianQueries = h.asked, h.refused, median(spent)
		}
	}
	crowd := p.crowd()
	for _, target := range alone {
		f.Naive.add(p.Table.codes[number][target] == common)
		f.Control.add(p.Table.codes[number][target] == crowd.like(target, number))
	}
	f.close()
	return f, nil
}

// reconstruction asks for random subsets of known persons, those with the
// secret only, and solves for who has it (Dinur and Nissim 2003), by least
// squares drawn towards the commonest value.
func (p Prey) reconstruction(ctx context.Context, c Counter, alone []int, _ int, r Random) (Finding, error) {
	secret := p.Table.columns[p.Secret].Name
	group := alone[:min(len(alone), reconstructed)]
	if len(group) < 2*p.Threshold {
		return skipped(ReconstructionName, secret, NoTarget), nil
	}
	f := Finding{Attack: ReconstructionName, On: secret}
	common := p.Table.most(upTo(p.Table.rows), p.Secret)
	crowd := p.crowd()
	value := p.Table.words[p.Secret][common] // is asked for: its counts are the larger
	for _, on := range []struct {
		c       Counter
		outcome *Trial
	}{{c, &f.Main}, {NewPlain(p.Table, p.Threshold, p.Rounding), &f.Plain}} {
		h := &hunt{p, newAsker(on.c), r, common, map[int32]Clause{}}
		if err := h.begin(ctx); err != nil {
			return Finding{}, err
		}
		n := len(group)
		// (A'A + w I) x = A'b + w 1, where 1 says that all have the commonest.
		const w = 0.05
		left, right := mat.NewSymDense(n, nil), mat.NewVecDense(n, nil)
		for i := range n {
			left.SetSym(i, i, w)
			right.SetVec(i, w)
		}
		shown := 0
		for range 3 * n {
			var members []int
			var q Query
			for i := range n {
				if r.IntN(2) == 0 {
					members = append(members, i)
					q = append(q, Clause{All: with(h.tests(group[i], p.Known), Test{p.Secret, Is, value})})
				}
			}
			a, err := h.ask(ctx, q)
			if err != nil {
				return Finding{}, err
			}
			if !a.shown {
				continue
			}
			shown++
			for _, i := range members {
				right.SetVec(i, right.AtVec(i)+float64(a.n))
				for _, j := range members {
					if j >= i {
						left.SetSym(i, j, left.At(i, j)+1)
					}
				}
			}
		}
		var solver mat.Cholesky
		var x mat.VecDense
		solved := solver.Factorize(left) && solver.SolveVecTo(&x, right) == nil
		for i, target := range group {
			has := !solved || x.AtVec(i) >= 0.5
			on.outcome.add(has == (p.Table.codes[p.Secret][target] == common))
			if on.outcome == &f.Main {
				if shown >= n {
					f.Certain++
				}
				f.Naive.add(p.Table.codes[p.Secret][target] == common)
				f.Control.add((crowd.like(target, p.Secret) == common) == (p.Table.codes[p.Secret][target] == common))
			}
		}
		if on.outcome == &f.Main {
			f.Queries, f.Refused, f.MedianQueries = h.asked, h.refused, cmp.Or(h.spent/n, 1)
		}
	}
	f.close()
	return f, nil
}
