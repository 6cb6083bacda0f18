package link

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"sync/atomic"
)

// pair is two records that were compared.
type pair struct {
	a, b    int32
	pattern pattern
	weight  float64 // bits, with the frequency of the values; set by weigh
}

// blocks are the pairs that share a key.
type blocks struct {
	patterns []count // of all pairs compared, in the order of the pattern
	kept     []pair  // those that may be of one person
	compared int64
	skipped  int64 // pairs in blocks that are too large
}

// count is how many pairs show a pattern.
type count struct {
	pattern pattern
	pairs   float64
}

// Records are taken in pieces of this many; the pieces do not depend on the
// number of workers.
const piece = 2048

// The rules by which records share a key. A pair is compared when it shares one
// under any rule; each rule bears an error that the others do not.
const (
	byNumber        = iota
	byBirthAndSex   // name, places; day and month exchanged
	bySoundsAndYear // day, month, sex, places
	bySoundsAndDay  // year, sex, places
	bySounds        // where a source has no dates of birth
	byMonthAndSound // first name, day, sex, places
	byMonthAndPlace // names, day
	byKnownMonth    // the same by department, where a day of birth is not known
	byStay          // everything else
	byStayDay       // one day of the stay
)

// hasher makes the keys of blocks.
type hasher uint64

func (h *hasher) mix(v uint64) {
	x := uint64(*h) ^ v
	x *= 0x9e3779b97f4a7c15
	x ^= x >> 32
	x *= 0xd6e8feb86659fd93
	x ^= x >> 32
	*h = hasher(x)
}

func (h *hasher) text(s string) {
	v := uint64(14695981039346656037) // FNV-1a
	for i := range len(s) {
		v = (v ^ uint64(s[i])) * 1099511628211
	}
	h.mix(v)
}

func key(rule int, values ...uint64) uint64 {
	h := hasher(rule + 1)
	for _, v := range values {
		h.mix(v)
	}
	return uint64(h)
}

// keys returns the keys of every record of a side. Which side it is matters
// where a record that knows its day of birth meets one that does not.
func (c *comparer) keys(s *side, sounds []uint64) *list[uint64] {
	all := &list[uint64]{}
	k := &keyList{}
	undated := undated(c.a) || undated(c.b)
	mine, theirs := uint64(1), uint64(2)
	if s == c.b {
		mine, theirs = theirs, mine
	}
	for i := range int32(len(s.ids)) {
		k.keys = k.keys[:0]
		if !c.o.WithoutNumbers {
			for _, n := range s.numbers.of(i) {
				k.add(byNumber, uint64(n.value))
			}
		}
		possible := []uint64{uint64(s.sexes[i])}
		if s.sexes[i] == UnknownSex {
			possible = []uint64{uint64(Male), uint64(Female)}
		}
		names, firsts, homes := s.names.of(i), s.firsts.of(i), s.homes.of(i)
		for _, n := range names {
			if len(firsts) > 0 {
				// Either order, so that exchanged names share the key.
				x, y := sounds[n.core], sounds[firsts[0]]
				x, y = min(x, y), max(x, y)
				for _, b := range s.births.of(i) {
					k.add(bySoundsAndYear, x, y, uint64(b.Year))
					k.add(bySoundsAndDay, x, y, uint64(min(b.Month, b.Day)), uint64(max(b.Month, b.Day)))
				}
				if undated {
					k.add(bySounds, x, y)
				}
			}
			for _, b := range s.births.of(i) {
				k.add(byMonthAndSound, uint64(b.Year), uint64(b.Month), sounds[n.core])
			}
		}
		for _, b := range s.births.of(i) {
			year, month, day := uint64(b.Year), uint64(b.Month), uint64(b.Day)
			if year == 0 || month == 0 {
				continue
			}
			for _, sex := range possible {
				if day > 0 {
					// The lesser of day and month first: exchanged, they share the key.
					k.add(byBirthAndSex, year, min(month, day), max(month, day), sex)
					for _, h := range homes {
						k.add(byMonthAndPlace, year, month, sex, uint64(h.code))
						k.add(byKnownMonth, theirs, year, month, sex, uint64(h.department))
						if day <= 12 {
							k.add(byKnownMonth, theirs, year, day, sex, uint64(h.department))
						}
					}
				} else {
					for _, h := range homes {
						k.add(byKnownMonth, mine, year, month, sex, uint64(h.department))
						k.add(byKnownMonth, 0, year, month, sex, uint64(h.department))
					}
				}
				for _, o := range s.origins.of(i) {
					k.add(byMonthAndPlace, year, month, sex, uint64(o))
				}
			}
		}
		for _, t := range s.stays.of(i) {
			if !c.visited[t.establishment] {
				continue
			}
			k.add(byStay, uint64(t.establishment), uint64(t.entry), uint64(t.exit))
			for _, b := range s.births.of(i) {
				k.add(byStayDay, uint64(t.establishment), 0, uint64(t.entry), uint64(b.Year))
				k.add(byStayDay, uint64(t.establishment), 1, uint64(t.exit), uint64(b.Year))
			}
		}
		all.add(k.keys...)
	}
	return all
}

// keyList gathers the keys of a record, each once.
type keyList struct{ keys []uint64 }

func (l *keyList) add(rule int, values ...uint64) {
	if k := key(rule, values...); !slices.Contains(l.keys, k) {
		l.keys = append(l.keys, k)
	}
}

// undated reports whether more than half of a side's records have no date of
// birth.
func undated(s *side) bool {
	n := 0
	for i := range int32(len(s.ids)) {
		if len(s.births.of(i)) == 0 {
			n++
		}
	}
	return 2*n > len(s.ids)
}

// soundsOf returns how each text of the dictionary sounds, as a number.
func (c *comparer) soundsOf() []uint64 {
	sounds := make([]uint64, len(c.l.words.texts)+1)
	for i, text := range c.l.words.texts {
		h := hasher(0)
		h.text(sound(text))
		sounds[i+1] = uint64(h)
	}
	return sounds
}

// entry is a record under a key.
type entry struct {
	key    uint64
	record int32
}

// index lists the records of a side by key, within a key by their ids.
func index(s *side, keys *list[uint64]) []entry {
	entries := make([]entry, 0, len(keys.values))
	for _, r := range s.order {
		for _, k := range keys.of(r) {
			entries = append(entries, entry{k, r})
		}
	}
	slices.SortStableFunc(entries, func(x, y entry) int { return cmp.Compare(x.key, y.key) })
	return entries
}

// span is a block in the index of B.
type span struct{ from, to int32 }

// block compares every pair that shares a key, once. Pairs that the first model
// finds out of the question are counted and not kept.
func (c *comparer) block(ctx context.Context, first *Model) (*blocks, error) {
	sounds := c.soundsOf()
	keysA, keysB := c.keys(c.a, sounds), c.keys(c.b, sounds)
	inB := index(c.b, keysB)
	sizeA := make(map[uint64]int32, len(keysA.values))
	for _, k := range keysA.values {
		sizeA[k]++
	}
	spans := make(map[uint64]span, len(sizeA))
	tooLarge := map[uint64]bool{}
	result := &blocks{}
	for from := 0; from < len(inB); {
		k, to := inB[from].key, from+1
		for to < len(inB) && inB[to].key == k {
			to++
		}
		if n := int64(sizeA[k]) * int64(to-from); n > int64(c.o.MaxBlock) {
			tooLarge[k] = true
			result.skipped += n
		} else if n > 0 {
			spans[k] = span{int32(from), int32(to)}
		}
		from = to
	}

	pieces := (len(c.a.order) + piece - 1) / piece
	kept := make([][]pair, pieces)
	table, err := c.tabulate(ctx, pieces, func(p int, seen []uint32) {
		for _, a := range c.a.order[p*piece : min((p+1)*piece, len(c.a.order))] {
			own := keysA.of(a)
			for i, k := range own {
				at, ok := spans[k]
				if !ok {
					continue
				}
				for _, e := range inB[at.from:at.to] {
					if i > 0 && sharesAny(own[:i], keysB.of(e.record), tooLarge) {
						continue
					}
					found := c.pattern(a, e.record)
					seen[found]++
					if first.mayMatch(found) {
						kept[p] = append(kept[p], pair{a: a, b: e.record, pattern: found})
					}
				}
			}
		}
	})
	if err != nil {
		return nil, err
	}
	for p, n := range table {
		if n > 0 {
			result.patterns = append(result.patterns, count{pattern(p), float64(n)})
			result.compared += int64(n)
		}
	}
	result.kept = slices.Concat(kept...)
	return result, nil
}

// tabulate counts patterns over pieces of work, on every worker, and returns
// how often each was seen.
func (c *comparer) tabulate(ctx context.Context, pieces int, do func(piece int, seen []uint32)) ([]uint64, error) {
	var next atomic.Int64
	var wait sync.WaitGroup
	tables := make([][]uint32, c.o.Workers)
	for w := range tables {
		tables[w] = make([]uint32, radix[fields])
		wait.Go(func() {
			for p := int(next.Add(1)) - 1; p < pieces && ctx.Err() == nil; p = int(next.Add(1)) - 1 {
				do(p, tables[w])
			}
		})
	}
	wait.Wait()
	sum := make([]uint64, radix[fields])
	for _, t := range tables {
		for p, n := range t {
			sum[p] += uint64(n)
		}
	}
	return sum, ctx.Err()
}

// sharesAny reports whether two records met under an earlier key.
func sharesAny(earlier, keys []uint64, tooLarge map[uint64]bool) bool {
	for _, k := range earlier {
		for _, x := range keys {
			if k == x && !(len(tooLarge) > 0 && tooLarge[k]) {
				return true
			}
		}
	}
	return false
}

// chance is what pairs taken at random show.
type chance struct {
	patterns []count
	sampled  float64
	total    float64 // all pairs of the two sides
}

// most returns the greatest possible number of matches, when each record has at
// most one.
func (c *comparer) most() float64 { return float64(min(len(c.a.ids), len(c.b.ids))) }

// sample compares pairs taken at random from all, or all when they are few. The
// draw depends on nothing but the order of the ids.
func (c *comparer) sample(ctx context.Context) (chance, error) {
	na, nb := uint64(len(c.a.order)), uint64(len(c.b.order))
	result := chance{total: float64(na) * float64(nb)}
	draw := func(i uint64) (uint64, uint64) { return i / nb, i % nb }
	n := na * nb
	if n > uint64(c.o.Sample) {
		n = uint64(c.o.Sample)
		draw = func(i uint64) (uint64, uint64) { return key(0, i, 1) % na, key(0, i, 2) % nb }
	}
	const each = 1 << 14
	table, err := c.tabulate(ctx, int((n+each-1)/each), func(p int, seen []uint32) {
		for i := uint64(p) * each; i < min(uint64(p+1)*each, n); i++ {
			a, b := draw(i)
			seen[c.pattern(c.a.order[a], c.b.order[b])]++
		}
	})
	if err != nil {
		return chance{}, err
	}
	result.sampled = float64(n)
	for p, x := range table {
		if x > 0 {
			result.patterns = append(result.patterns, count{pattern(p), float64(x)})
		}
	}
	return result, nil
}
