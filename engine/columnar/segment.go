package columnar

import (
	"math"
	"slices"
	"sort"
	"unsafe"

	"galien"
	"galien/lake"
)

// stripePersons is how many consecutive person keys are evaluated together:
// few enough that what is counted by person stays in a core's own cache, and a
// person's place in the stripe in two bytes.
const stripePersons = 1 << 16

// stripe is a number of consecutive persons of one bucket.
type stripe struct {
	number int // (person - 1) / stripePersons
}

func (s stripe) bucket() int { return s.number / (lake.BucketPersons / stripePersons) }

// first is the person at place 0.
func (s stripe) first() galien.PersonID { return galien.PersonID(s.number)*stripePersons + 1 }

func (s stripe) last() galien.PersonID { return s.first() + stripePersons - 1 }

// place returns a person's place in the stripe.
func (s stripe) place(person int64) uint16 { return uint16(person - int64(s.first())) }

// segment is a row group of a file, or a small table in memory.
type segment struct {
	file   *lake.Columns
	path   string
	group  int
	memory *memory // not nil: the rows are here
}

// same reports whether two segments are the same rows.
func (s segment) same(t segment) bool {
	return s.path == t.path && s.group == t.group && s.memory == t.memory
}

// memory is rows that were put together from several tables.
type memory struct {
	ints  map[string][]int64
	dates map[string][]galien.Date
}

// rows is a run of rows of a segment.
type rows struct {
	segment
	from, to int
}

// The columns of segments, each read once and kept.
type (
	chunkKey struct {
		path   string
		group  int
		column string
	}
	runsKey struct {
		path   string
		group  int
		column string
	}
)

// open returns the file of a part, by its footer and what has left it.
func (e *Engine) open(part lake.Part) (*lake.Columns, error) {
	return cacheGet(e.columns, part, func() (*lake.Columns, int64, error) {
		c, err := part.Open()
		if err != nil {
			return nil, 0, err
		}
		return c, int64(c.Groups())*20_000 + 4*part.File().Removed.Rows + 4096, nil
	})
}

// bounds are the smallest and largest value of a column in a row group.
type bounds struct{ low, high int64 }

// bounds returns those of each row group of a file; a group whose file states
// none may hold any value.
func (e *Engine) bounds(s segment, column string) ([]bounds, error) {
	type boundsKey struct{ path, column string }
	return cacheGet(e.columns, boundsKey{s.path, column}, func() ([]bounds, int64, error) {
		list := make([]bounds, s.file.Groups())
		for g := range list {
			low, high, stated := s.file.Bounds(g, column)
			if !stated {
				low, high = math.MinInt64, math.MaxInt64
			}
			list[g] = bounds{low, high}
		}
		return list, int64(len(list)) * 16, nil
	})
}

func (e *Engine) ints(s segment, column string) ([]int64, error) {
	if s.memory != nil {
		return s.memory.ints[column], nil
	}
	return chunk(e, s, column, s.file.Int64s)
}

func (e *Engine) dates(s segment, column string) ([]galien.Date, error) {
	if s.memory != nil {
		return s.memory.dates[column], nil
	}
	return chunk(e, s, column, s.file.Dates)
}

func (e *Engine) floats(s segment, column string) ([]float64, error) {
	return chunk(e, s, column, s.file.Floats)
}

func (e *Engine) texts(s segment, column string) ([]lake.Text, error) {
	return cacheGet(e.columns, chunkKey{s.path, s.group, column}, func() ([]lake.Text, int64, error) {
		v, err := s.file.Texts(s.group, column)
		size := int64(len(v)) * int64(unsafe.Sizeof(lake.Text{}))
		for _, t := range v {
			size += int64(len(t.Value))
		}
		return v, size, err
	})
}

func chunk[T any](e *Engine, s segment, column string, read func(int, string) ([]T, error)) ([]T, error) {
	return cacheGet(e.columns, chunkKey{s.path, s.group, column}, func() ([]T, int64, error) {
		v, err := read(s.group, column)
		var one T
		return v, int64(len(v)) * int64(unsafe.Sizeof(one)), err
	})
}

// coded is a column of concepts by what it holds: row i has dictionary[code[i]].
type coded struct {
	dictionary []int64 // ascending
	code       []uint32
}

// coded returns a column of concepts, so that a set is looked up once for each
// of them rather than for each row.
func (e *Engine) coded(s segment, column string) (*coded, error) {
	if s.memory != nil {
		return newCoded(s.memory.ints[column]), nil
	}
	type codedKey chunkKey
	return cacheGet(e.columns, codedKey{s.path, s.group, column}, func() (*coded, int64, error) {
		values, err := s.file.Int64s(s.group, column)
		if err != nil {
			return nil, 0, err
		}
		c := newCoded(values)
		return c, int64(len(c.code))*4 + int64(len(c.dictionary))*8, nil
	})
}

func newCoded(values []int64) *coded {
	places := map[int64]uint32{}
	c := &coded{code: make([]uint32, len(values))}
	for i, v := range values {
		if i > 0 && v == values[i-1] {
			c.code[i] = c.code[i-1]
			continue
		}
		code, ok := places[v]
		if !ok {
			code = uint32(len(c.dictionary))
			places[v] = code
			c.dictionary = append(c.dictionary, v)
		}
		c.code[i] = code
	}
	// Codes in ascending order of what they stand for.
	sorted := slices.Clone(c.dictionary)
	slices.Sort(sorted)
	renamed := make([]uint32, len(sorted))
	for i, v := range sorted {
		renamed[places[v]] = uint32(i)
	}
	for i, code := range c.code {
		c.code[i] = renamed[code]
	}
	c.dictionary = sorted
	return c
}

// in tells which codes are in a set; nil for none.
func (c *coded) in(set *conceptSet) []bool {
	if len(c.dictionary) == 0 {
		return nil
	}
	some := set.between(c.dictionary[0], c.dictionary[len(c.dictionary)-1])
	var in []bool
	if len(some) < len(c.dictionary)/16 {
		for _, id := range some {
			if i, ok := slices.BinarySearch(c.dictionary, id); ok {
				if in == nil {
					in = make([]bool, len(c.dictionary))
				}
				in[i] = true
			}
		}
		return in
	}
	k := 0
	for i, id := range c.dictionary {
		for k < len(some) && some[k] < id {
			k++
		}
		if k < len(some) && some[k] == id {
			if in == nil {
				in = make([]bool, len(c.dictionary))
			}
			in[i] = true
		}
	}
	return in
}

// run is consecutive rows of one concept.
type run struct {
	concept  int64
	from, to int32
}

// runs returns the runs of a segment that is sorted by a column.
func (e *Engine) runs(s segment, column string) ([]run, error) {
	return cacheGet(e.columns, runsKey{s.path, s.group, column}, func() ([]run, int64, error) {
		concepts, err := s.file.Int64s(s.group, column)
		if err != nil {
			return nil, 0, err
		}
		var list []run
		for i, c := range concepts {
			if n := len(list); n > 0 && list[n-1].concept == c {
				list[n-1].to = int32(i + 1)
				continue
			}
			list = append(list, run{c, int32(i), int32(i + 1)})
		}
		list = slices.Clip(list)
		return list, int64(len(list)) * int64(unsafe.Sizeof(run{})), nil
	})
}

// segments returns the row groups of a table's files in an order and bucket
// that have rows. Those of one file are in its order; several files, the layers
// of a table that has grown, are in no order among each other.
func (e *Engine) segments(table string, order lake.Order, bucket int) ([]segment, error) {
	var list []segment
	for _, part := range e.snapshot.Files(table, order, bucket) {
		f, err := e.open(part)
		if err != nil {
			return nil, err
		}
		path, _ := part.Paths()
		for g := range f.Groups() {
			if f.Rows(g) == 0 {
				continue
			}
			list = append(list, segment{file: f, path: path, group: g})
		}
	}
	return list, nil
}

// ofStripe returns the rows of a stripe in a table's copy that is sorted by
// person.
func (e *Engine) ofStripe(table string, s stripe) ([]rows, error) {
	segments, err := e.segments(table, lake.ByPerson, s.bucket())
	if err != nil {
		return nil, err
	}
	var list []rows
	for _, g := range segments {
		all, err := e.bounds(g, "person_id")
		if err != nil {
			return nil, err
		}
		b := all[g.group]
		if b.high < int64(s.first()) || b.low > int64(s.last()) {
			continue
		}
		r := rows{g, 0, g.file.Rows(g.group)}
		if b.low < int64(s.first()) || b.high > int64(s.last()) {
			if r, err = e.within(r, s); err != nil {
				return nil, err
			}
		}
		if r.from < r.to {
			list = append(list, r)
		}
	}
	return list, nil
}

// within cuts rows that are sorted by person to those of a stripe.
func (e *Engine) within(r rows, s stripe) (rows, error) {
	persons, err := e.ints(r.segment, "person_id")
	if err != nil {
		return r, err
	}
	some := persons[r.from:r.to]
	first, last := int64(s.first()), int64(s.last())
	if len(some) > 0 && some[0] >= first && some[len(some)-1] <= last {
		return r, nil
	}
	from := sort.Search(len(some), func(i int) bool { return some[i] >= first })
	to := from + sort.Search(len(some)-from, func(i int) bool { return some[from+i] > last })
	return rows{r.segment, r.from + from, r.from + to}, nil
}

// ofConcepts returns the rows of a stripe whose concept is in a set, from a
// table's copy that is sorted by that column.
func (e *Engine) ofConcepts(table, column string, set *conceptSet, s stripe) ([]rows, error) {
	segments, err := e.segments(table, lake.ByConcept, s.bucket())
	if err != nil || len(set.sorted) == 0 {
		return nil, err
	}
	var list []rows
	for _, g := range segments {
		all, err := e.bounds(g, column)
		if err != nil {
			return nil, err
		}
		some := set.between(all[g.group].low, all[g.group].high)
		if len(some) == 0 {
			continue
		}
		runs, err := e.runs(g, column)
		if err != nil {
			return nil, err
		}
		for _, r := range common(runs, some) {
			in, err := e.within(rows{g, int(r.from), int(r.to)}, s)
			if err != nil {
				return nil, err
			}
			if in.from < in.to {
				list = append(list, in)
			}
		}
	}
	return list, nil
}

// common returns the runs whose concept is in a sorted list.
func common(runs []run, concepts []int64) []run {
	var list []run
	i := 0
	for _, c := range concepts {
		// Gallop: both lists can be much longer than the other.
		step := 1
		for i+step < len(runs) && runs[i+step].concept < c {
			step *= 2
		}
		i += sort.Search(min(step+1, len(runs)-i), func(k int) bool { return runs[i+k].concept >= c })
		if i == len(runs) {
			break
		}
		if runs[i].concept == c {
			list = append(list, runs[i])
		}
	}
	return list
}
