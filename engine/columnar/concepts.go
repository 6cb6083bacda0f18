package columnar

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"sort"

	"galien"
	"galien/cohort"
	"galien/lake"
	"galien/permit"
)

// conceptSet is a resolved concept set.
type conceptSet struct {
	sorted []int64
	has    map[int64]struct{} // nil for a few
	sum    [sha256.Size]byte  // of the content
}

// few is how many concepts are compared one by one rather than looked up.
const few = 8

func newConceptSet(ids map[int64]bool) *conceptSet {
	s := &conceptSet{}
	for id := range ids {
		s.sorted = append(s.sorted, id)
	}
	slices.Sort(s.sorted)
	if len(s.sorted) > few {
		s.has = make(map[int64]struct{}, len(s.sorted))
		for _, id := range s.sorted {
			s.has[id] = struct{}{}
		}
	}
	b := make([]byte, 0, 8*len(s.sorted))
	for _, id := range s.sorted {
		b = binary.LittleEndian.AppendUint64(b, uint64(id))
	}
	s.sum = sha256.Sum256(b)
	return s
}

var emptySet = newConceptSet(nil)

// contains reports whether a concept is in the set; null is in none.
func (s *conceptSet) contains(id int64) bool {
	if s.has != nil {
		_, ok := s.has[id]
		return ok
	}
	for _, c := range s.sorted {
		if c == id {
			return true
		}
	}
	return false
}

// between returns the concepts from low to high.
func (s *conceptSet) between(low, high int64) []int64 {
	from := sort.Search(len(s.sorted), func(i int) bool { return s.sorted[i] >= low })
	to := sort.Search(len(s.sorted), func(i int) bool { return s.sorted[i] > high })
	return s.sorted[from:max(from, to)]
}

// vocabulary reads CONCEPT, CONCEPT_ANCESTOR and CONCEPT_RELATIONSHIP as far
// as questions need them.
type vocabulary struct{ e *Engine }

// resolve returns the concepts of a concept set: those its lines include less
// those they exclude.
func (v vocabulary) resolve(ctx context.Context, set cohort.ConceptSet) (*conceptSet, error) {
	type key struct{ sum [sha256.Size]byte }
	var b []byte
	for _, i := range set.Items {
		b = binary.LittleEndian.AppendUint64(b, uint64(i.Concept))
		for _, flag := range []bool{i.Excluded, i.Descendants, i.Mapped} {
			if flag {
				b = append(b, 1)
			} else {
				b = append(b, 0)
			}
		}
	}
	return cacheGet(v.e.columns, key{sha256.Sum256(b)}, func() (*conceptSet, int64, error) {
		included, err := v.expand(ctx, set.Items, false)
		if err != nil {
			return nil, 0, err
		}
		excluded, err := v.expand(ctx, set.Items, true)
		if err != nil {
			return nil, 0, err
		}
		for id := range excluded {
			delete(included, id)
		}
		s := newConceptSet(included)
		return s, int64(len(s.sorted)) * 48, nil
	})
}

// expand returns the concepts of the lines that are excluded, or of those that
// are not.
func (v vocabulary) expand(ctx context.Context, items []cohort.ConceptItem, excluded bool) (map[int64]bool, error) {
	var listed, ancestors, mapped, mappedAncestors []int64
	for _, i := range items {
		if i.Excluded != excluded {
			continue
		}
		id := int64(i.Concept)
		listed = append(listed, id)
		if i.Descendants {
			ancestors = append(ancestors, id)
		}
		if i.Mapped {
			mapped = append(mapped, id)
			if i.Descendants {
				mappedAncestors = append(mappedAncestors, id)
			}
		}
	}
	if len(listed) == 0 {
		return map[int64]bool{}, nil
	}
	set, err := v.closure(ctx, listed, ancestors)
	if err != nil || len(mapped) == 0 {
		return set, err
	}
	targets, err := v.closure(ctx, mapped, mappedAncestors)
	if err != nil {
		return nil, err
	}
	return set, v.eachMapping(ctx, func(from, to int64) {
		if targets[to] {
			set[from] = true
		}
	})
}

// closure returns the listed concepts that exist, and the valid descendants of
// the ancestors.
func (v vocabulary) closure(ctx context.Context, listed, ancestors []int64) (map[int64]bool, error) {
	set := map[int64]bool{}
	if err := v.each(ctx, listed, func(id int64, _ bool) { set[id] = true }); err != nil || len(ancestors) == 0 {
		return set, err
	}
	descendants, err := v.descendants(ctx, ancestors)
	if err != nil {
		return nil, err
	}
	return set, v.each(ctx, descendants, func(id int64, valid bool) {
		if valid {
			set[id] = true
		}
	})
}

// each calls found with those of the concepts that CONCEPT has.
func (v vocabulary) each(ctx context.Context, ids []int64, found func(id int64, valid bool)) error {
	ids = slices.Clone(ids)
	slices.Sort(ids)
	ids = slices.Compact(ids)
	return v.lookup(ctx, "concept", "concept_id", ids, func(g segment, from, to int) error {
		keys, err := v.e.ints(g, "concept_id")
		if err != nil {
			return err
		}
		reasons, err := v.e.texts(g, "invalid_reason")
		if err != nil {
			return err
		}
		for i := from; i < to; i++ {
			found(keys[i], !reasons[i].Known)
		}
		return nil
	})
}

// descendants returns what CONCEPT_ANCESTOR has under the ancestors, in order;
// an ancestor itself only where the table says so.
func (v vocabulary) descendants(ctx context.Context, ancestors []int64) ([]int64, error) {
	ancestors = slices.Clone(ancestors)
	slices.Sort(ancestors)
	ancestors = slices.Compact(ancestors)
	var list []int64
	err := v.lookup(ctx, "concept_ancestor", "ancestor_concept_id", ancestors, func(g segment, from, to int) error {
		ids, err := v.e.ints(g, "descendant_concept_id")
		if err != nil {
			return err
		}
		for _, id := range ids[from:to] {
			if id != lake.NoInt64 {
				list = append(list, id)
			}
		}
		return nil
	})
	slices.Sort(list)
	return slices.Compact(list), err
}

// lookup calls found with the rows of a vocabulary table whose key is in a
// sorted list; the table is sorted by that key.
func (v vocabulary) lookup(ctx context.Context, table, column string, keys []int64, found func(g segment, from, to int) error) error {
	if _, ok := v.e.snapshot.Table(table); !ok {
		return nil
	}
	segments, err := v.e.segments(table, lake.Plain, lake.NoBucket)
	if err != nil {
		return err
	}
	for _, g := range segments {
		if err := ctx.Err(); err != nil {
			return err
		}
		all, err := v.e.bounds(g, column)
		if err != nil {
			return err
		}
		from := sort.Search(len(keys), func(i int) bool { return keys[i] >= all[g.group].low })
		to := sort.Search(len(keys), func(i int) bool { return keys[i] > all[g.group].high })
		wanted := keys[from:max(from, to)]
		if len(wanted) == 0 {
			continue
		}
		values, err := v.e.ints(g, column)
		if err != nil {
			return err
		}
		at := 0
		for _, key := range wanted {
			at += sort.Search(len(values)-at, func(i int) bool { return values[at+i] >= key })
			to := at
			for to < len(values) && values[to] == key {
				to++
			}
			if at < to {
				if err := found(g, at, to); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// mapping is a valid "Maps to" relationship.
type mapping struct{ from, to int64 }

// eachMapping calls yield with every valid "Maps to" relationship.
func (v vocabulary) eachMapping(ctx context.Context, yield func(from, to int64)) error {
	type key struct{}
	all, err := cacheGet(v.e.columns, key{}, func() ([]mapping, int64, error) {
		var list []mapping
		if _, ok := v.e.snapshot.Table("concept_relationship"); !ok {
			return nil, 0, nil
		}
		segments, err := v.e.segments("concept_relationship", lake.Plain, lake.NoBucket)
		if err != nil {
			return nil, 0, err
		}
		for _, g := range segments {
			if err := ctx.Err(); err != nil {
				return nil, 0, err
			}
			from, err := g.file.Int64s(g.group, "concept_id_1")
			if err != nil {
				return nil, 0, err
			}
			to, err := g.file.Int64s(g.group, "concept_id_2")
			if err != nil {
				return nil, 0, err
			}
			kind, err := g.file.Texts(g.group, "relationship_id")
			if err != nil {
				return nil, 0, err
			}
			reason, err := g.file.Texts(g.group, "invalid_reason")
			if err != nil {
				return nil, 0, err
			}
			for i := range from {
				if kind[i].Value == "Maps to" && !reason[i].Known && from[i] != lake.NoInt64 && to[i] != lake.NoInt64 {
					list = append(list, mapping{from[i], to[i]})
				}
			}
		}
		return slices.Clip(list), int64(len(list)) * 16, nil
	})
	for _, m := range all {
		yield(m.from, m.to)
	}
	return err
}

// named returns the concepts that a permit names, with all their descendants,
// withdrawn ones too, where it says so.
func (v vocabulary) named(ctx context.Context, concepts []permit.Concept) (*conceptSet, error) {
	if len(concepts) == 0 {
		return emptySet, nil
	}
	set := map[int64]bool{}
	var ancestors []int64
	for _, c := range concepts {
		set[int64(c.ID)] = true
		if c.Descendants {
			ancestors = append(ancestors, int64(c.ID))
		}
	}
	if len(ancestors) > 0 {
		if _, ok := v.e.snapshot.Table("concept_ancestor"); !ok {
			return nil, galien.Errorf(galien.NotFound, "the lake has no CONCEPT_ANCESTOR, without which the descendants that the permit hides or admits cannot be told: ingest that table")
		}
		below, err := v.descendants(ctx, ancestors)
		if err != nil {
			return nil, err
		}
		for _, id := range below {
			set[id] = true
		}
	}
	return newConceptSet(set), nil
}
