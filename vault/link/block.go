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
// under any rule.
const (
	byNumber = iota
	byBirthAndSex
	bySounds
	byMonthAndPlace
	byMonthAndSound
	byStay
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

// keys returns the keys of every record of a side.
func (c *comparer) keys(s *side, sounds []uint64) *list[uint64] {
	all := &list[uint64]{}
	var k []uint64
	add := func(x uint64) {
		if !slices.Contains(k, x) {
			k = append(k, x)
		}
	}
	for i := range int32(len(s.ids)) {
		k = k[:0]
		if !c.o.WithoutNumbers {
			for _, n := range s.numbers.of(i) {
				add(key(byNumber, uint64(n.value)))
			}
		}
		possible := []Sex{s.sexes[i]}
		if s.sexes[i] == UnknownSex {
			possible = []Sex{Male, Female}
		}
		for _, b := range s.births.of(i) {
			if b.Year == 0 || b.Month == 0 {
				continue
			}
			// The lesser of day and month first: exchanged, they share the key.
			if first, second := uint64(min(b.Month, b.Day)), uint64(max(b.Month, b.Day)); first > 0 {
				for _, sex := range possible {
					add(key(byBirthAndSex, uint64(b.Year), first, second, uint64(sex)))
				}
			}
			months := []uint8{b.Month}
			if b.Day > 0 && b.Day <= 12 {
				months = append(months, b.Day)
			}
			for _, month := range months {
				for _, sex := range possible {
					for _, h := range s.homes.of(i) {
						add(key(byMonthAndPlace, uint64(b.Year), uint64(month), uint64(sex), uint64(h.department)))
					}
					for _, o := range s.origins.of(i) {
						add(key(byMonthAndPlace, uint64(b.Year), uint64(month), uint64(sex), uint64(o), 1))
					}
				}
			}
			for _, n := range s.names.of(i) {
				add(key(byMonthAndSound, uint64(b.Year), uint64(b.Month), sounds[n.core]))
			}
		}
		if f := s.firsts.of(i); len(f) > 0 {
			for _, n := range s.names.of(i) {
				// Either order, so that exchanged names share the key.
				x, y := sounds[n.core], sounds[f[0]]
				add(key(bySounds, min(x, y), max(x, y)))
			}
		}
		for _, t := range s.stays.of(i) {
			if c.visited[t.establishment] {
				add(key(byStay, uint64(t.establishment), uint64(t.entry)))
				add(key(byStay, uint64(t.establishment), uint64(t.exit), 1))
			}
		}
		all.add(k...)
	}
	return all
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
