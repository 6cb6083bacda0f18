package attack

import (
	"slices"
	"strings"
)

// Halve splits the rows of a table at random into two halves: main, which the
// reader is given, and control, persons of the same kind of whom the reader
// has nothing.
func Halve(t Table, r Random) (main, control []int) {
	all := sample(upTo(t.rows), t.rows, r)
	half := (len(all) + 1) / 2
	main, control = all[:half:half], all[half:]
	slices.Sort(main)
	slices.Sort(control)
	return main, control
}

// The keys of the attacks on rows.
const (
	SinglingOutName = "singling-out"
	LinkageName     = "linkage"
	InferenceName   = "inference"
)

// impossible says why an attack on rows cannot be run, or nothing.
func impossible(main, control []int, known, needed int) Reason {
	switch {
	case known < needed:
		return FewColumns
	case len(main) == 0 || len(control) == 0:
		return FewPersons
	}
	return ""
}

func (t Table) names(columns []int) string {
	var all []string
	for _, c := range columns {
		all = append(all, t.columns[c].Name)
	}
	return strings.Join(all, ", ")
}

// SinglingOut builds predicates from what is known of persons: for each target
// of main, `attributes` of the known columns drawn at random, and the target's
// values of them. It succeeds when exactly one person of main fulfils it. The
// control asks the same predicate of the control half, where the target is not;
// the guesser takes each value from a person of main drawn anew.
func SinglingOut(t Table, main, control, known []int, attributes, targets int, r Random) Finding {
	f := Finding{Attack: SinglingOutName}
	attributes = min(attributes, len(known))
	f.On = t.names(known)
	if why := impossible(main, control, attributes, 1); why != "" {
		return skipped(SinglingOutName, f.On, why)
	}
	index := map[string][2]map[string]int{} // of main and control, by columns
	counts := func(columns []int) [2]map[string]int {
		at := t.names(columns)
		if m, ok := index[at]; ok {
			return m
		}
		var both [2]map[string]int
		for k, rows := range [][]int{main, control} {
			both[k] = map[string]int{}
			for _, i := range rows {
				both[k][t.key(i, columns)]++
			}
		}
		index[at] = both
		return both
	}
	for _, target := range sample(main, targets, r) {
		columns := sample(known, attributes, r)
		slices.Sort(columns)
		both := counts(columns)
		key := t.key(target, columns)
		f.Main.add(both[0][key] == 1)
		f.Control.add(both[1][key] == 1)
		guess := make([]byte, 0, len(key))
		for k := range columns {
			other := t.key(main[r.IntN(len(main))], columns)
			guess = append(guess, other[4*k:4*k+4]...)
		}
		f.Naive.add(both[0][string(guess)] == 1)
	}
	f.Certain = f.Main.Attempts
	f.close()
	return f
}

// Linkage supposes two readers of other sources, or one reader of two: each
// knows some columns of the target, and neither knows the other's. Each picks
// the rows of main that are nearest by the own columns; where the two lists
// share exactly one row, the two sources are linked by it. It succeeds when
// that row is the target's. The control counts the links that persons of the
// other half get, who are not there and whose links are therefore wrong; the
// guesser picks one row for each list.
func Linkage(t Table, main, control, known []int, targets int, r Random) Finding {
	f := Finding{Attack: LinkageName}
	if why := impossible(main, control, len(known), 2); why != "" {
		return skipped(LinkageName, t.names(known), why)
	}
	// Alternate, so that each reader has some of the telling columns.
	var sets [2][]int
	for i, c := range known {
		sets[i%2] = append(sets[i%2], c)
	}
	f.On = t.names(sets[0]) + " | " + t.names(sets[1])
	first, second := t.nearest(main, sets[0]), t.nearest(main, sets[1])
	link := func(target int) (int, bool) {
		a, b := first.to(target), second.to(target)
		found, n := 0, 0
		in := map[int]bool{}
		for _, i := range a {
			in[i] = true
		}
		for _, i := range b {
			if in[i] {
				found = i
				n++
			}
		}
		return found, n == 1
	}
	for _, target := range sample(main, targets, r) {
		found, linked := link(target)
		f.Main.add(linked && found == target)
		one, other := r.IntN(len(main)), r.IntN(len(main))
		f.Naive.add(one == other)
	}
	for _, target := range sample(control, targets, r) {
		_, linked := link(target)
		f.Control.add(linked)
	}
	f.Certain = f.Main.Attempts
	f.close()
	return f
}

// Inference guesses a secret from the known columns: the commonest value among
// the rows of main that are nearest to the target, which for a target of main
// is the class that the target is in. The control does the same for persons of
// the other half; the guesser says the commonest value of main.
func Inference(t Table, main, control, known []int, secret, targets int, r Random) Finding {
	f := Finding{Attack: InferenceName, On: t.columns[secret].Name}
	if why := impossible(main, control, len(known), 1); why != "" {
		return skipped(InferenceName, f.On, why)
	}
	like := t.nearest(main, known)
	common := t.most(main, secret)
	guess := func(target int) bool { return t.most(like.to(target), secret) == t.codes[secret][target] }
	for _, target := range sample(main, targets, r) {
		f.Main.add(guess(target))
		f.Naive.add(common == t.codes[secret][target])
	}
	for _, target := range sample(control, targets, r) {
		f.Control.add(guess(target))
	}
	f.Certain = f.Main.Attempts
	f.close()
	return f
}
