package ledger

import (
	"cmp"
	"slices"

	"github.com/RoaringBitmap/roaring/v2"
)

// atoms is the partition of persons by what is asked of them: two persons are in
// one atom when every vector adds the same amount of both. Atoms are numbered by
// the vectors alone, whatever the keys of the persons.
type atoms struct {
	of    []uint32 // the atom of each person key
	sizes []uint32 // of each atom

	counts []uint32 // of each atom, zero between calls
}

// grow makes room for a person key. Whoever is new is in atom 0, of those whom no
// vector knows, and is not counted in its size.
func (a *atoms) grow(v Vector) {
	if len(a.sizes) == 0 {
		a.sizes = []uint32{0}
	}
	for _, l := range v.levels {
		if most := int(l.persons.Maximum()); most >= len(a.of) {
			a.of = append(a.of, make([]uint32, most+1-len(a.of))...)
		}
	}
}

// each calls fn for every person of a set.
func each(s *roaring.Bitmap, fn func(person uint32)) {
	var buffer [1024]uint32
	for it := s.ManyIterator(); ; {
		n := it.NextMany(buffer[:])
		if n == 0 {
			return
		}
		for _, p := range buffer[:n] {
			fn(p)
		}
	}
}

// counted calls fn with the number of persons of a set in each atom where there
// are any, by the number of the atom.
func (a *atoms) counted(s *roaring.Bitmap, fn func(atom, persons uint32)) {
	if more := len(a.sizes) - len(a.counts); more > 0 {
		a.counts = append(a.counts, make([]uint32, more)...)
	}
	var touched []uint32
	each(s, func(p uint32) {
		i := a.of[p]
		if a.counts[i] == 0 {
			touched = append(touched, i)
		}
		a.counts[i]++
	})
	tell := func(i uint32) {
		if n := a.counts[i]; n > 0 {
			a.counts[i] = 0
			fn(i, n)
		}
	}
	if many := len(a.counts); len(touched) > many/16 {
		for i := range many { // quicker than to sort
			tell(uint32(i))
		}
		return
	}
	slices.Sort(touched)
	for _, i := range touched {
		tell(i)
	}
}

// refine parts the atoms by one more vector.
func (a *atoms) refine(v Vector) {
	a.grow(v)
	for _, l := range v.levels {
		cut := false
		child := make([]uint32, len(a.sizes)) // of the atoms that are cut
		a.counted(l.persons, func(i, n uint32) {
			if i == 0 || n < a.sizes[i] {
				cut = true
				child[i] = uint32(len(a.sizes))
				a.sizes = append(a.sizes, n)
				if i != 0 {
					a.sizes[i] -= n
				}
			}
		})
		if !cut {
			continue
		}
		each(l.persons, func(p uint32) {
			if c := child[a.of[p]]; c != 0 {
				a.of[p] = c
			}
		})
	}
}

// piece is the persons of one atom of whom a vector adds the same amount.
type piece struct {
	atom   uint32
	amount int64
	size   int64
	person uint32 // one of them
}

// least is the number of persons whom every combination of a vector with those
// of the atoms concerns, at the least: in each atom all but the largest piece into
// which the vector cuts it, since the rest of a combination adds the same amount
// of everyone there. Atom 0, of whom nothing was asked, is spared wholly by the
// rest.
func (a *atoms) least(v Vector) (n int64) {
	a.grow(v)
	seen := make([]uint32, len(a.sizes)) // of each atom, counted in some level
	most := make([]uint32, len(a.sizes)) // of each atom, in one level
	for _, l := range v.levels {
		a.counted(l.persons, func(i, persons uint32) {
			seen[i] += persons
			most[i] = max(most[i], persons)
		})
	}
	for i, s := range seen {
		if i > 0 && s > 0 {
			n += int64(a.sizes[i] - max(most[i], a.sizes[i]-s))
		}
	}
	return n + int64(seen[0])
}

// split returns the pieces into which a vector cuts the atoms, by atom and
// amount.
func (a *atoms) split(v Vector) []piece {
	a.grow(v)
	var pieces []piece
	rest := slices.Clone(a.sizes)
	rest[0] = 0
	for _, l := range v.levels {
		a.counted(l.persons, func(i, persons uint32) {
			if i > 0 {
				rest[i] -= persons
			}
			pieces = append(pieces, piece{atom: i, amount: l.amount, size: int64(persons)})
		})
	}
	// Of each level they come by atom already.
	if len(v.levels) > 1 {
		slices.SortStableFunc(pieces, func(x, y piece) int { return cmp.Compare(x.atom, y.atom) })
	}
	all := make([]piece, 0, len(pieces)+len(rest))
	for i, size := range rest {
		if size > 0 {
			all = append(all, piece{atom: uint32(i), size: int64(size)})
		}
		for ; len(pieces) > 0 && pieces[0].atom == uint32(i); pieces = pieces[1:] {
			all = append(all, pieces[0])
		}
	}
	return all
}

// name finds one person of each of some pieces.
func (a *atoms) name(v Vector, pieces []piece) {
	wanted := make([][]int, len(a.sizes)) // the pieces of each atom that are not named
	left := len(pieces)
	for k, p := range pieces {
		wanted[p.atom] = append(wanted[p.atom], k)
	}
	for person, i := range a.of {
		if left == 0 {
			return
		}
		if len(wanted[i]) == 0 {
			continue
		}
		amount := v.amount(uint32(person))
		for at, k := range wanted[i] {
			if pieces[k].amount == amount {
				pieces[k].person = uint32(person)
				wanted[i] = slices.Delete(wanted[i], at, at+1)
				left--
				break
			}
		}
	}
}
