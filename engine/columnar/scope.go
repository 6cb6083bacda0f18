package columnar

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"galien"
	"galien/cdm"
	"galien/lake"
	"galien/permit"
)

// scope is what a permit lets be seen of the tables. Rows that start outside
// the window do not exist, nor rows that name a denied concept in any column
// or, when some concepts are allowed, rows about any other; observation
// periods are cut to the window. Nothing exists of a person who is opposed, or who
// does not live in an area of the permit.
type scope struct {
	window      *galien.Period
	deny, allow *conceptSet       // nil for none
	opposed     []galien.PersonID // who is not there, for either reason; ascending
	// sum tells scopes apart: what is worked out under one sum is used under no
	// other. It begins with the permit, so that two permits share nothing even
	// where they see the same.
	sum []byte
}

func (e *Engine) scope(ctx context.Context, permitted permit.Permitted) (*scope, error) {
	p := permitted.Scope()
	s := &scope{window: p.Window, opposed: p.Opposed, sum: append([]byte(permitted.PermitID()), 0)}
	for _, c := range []struct {
		concepts []permit.Concept
		into     **conceptSet
	}{{p.Deny, &s.deny}, {p.Allow, &s.allow}} {
		if len(c.concepts) == 0 {
			s.sum = append(s.sum, 0)
			continue
		}
		set, err := vocabulary{e}.named(ctx, c.concepts)
		if err != nil {
			return nil, fmt.Errorf("resolve the permit's concepts: %w", err)
		}
		*c.into = set
		s.sum = append(append(s.sum, 1), set.sum[:]...)
	}
	// Who is opposed, as long as the answers that were kept: one is not used
	// again once the other changed.
	persons := sha256.New()
	for _, key := range s.opposed {
		_ = binary.Write(persons, binary.LittleEndian, int64(key))
	}
	s.sum = persons.Sum(s.sum)
	// Who lives elsewhere is the same as long as the snapshot and the permit are,
	// which keys are of.
	if len(p.Areas) > 0 {
		elsewhere, err := e.elsewhere(p.Areas)
		if err != nil {
			return nil, err
		}
		s.opposed = union(s.opposed, elsewhere)
	}
	if s.window != nil {
		s.sum = binary.LittleEndian.AppendUint32(s.sum, uint32(s.window.Start))
		s.sum = binary.LittleEndian.AppendUint32(s.sum, uint32(s.window.End))
	}
	return s, nil
}

// elsewhere returns the persons whose home is not known to be in one of the areas,
// ascending.
func (e *Engine) elsewhere(areas []string) ([]galien.PersonID, error) {
	type areaKey string
	return cacheGet(e.columns, areaKey(strings.Join(areas, "\x00")), func() ([]galien.PersonID, int64, error) {
		inside, err := e.placesIn(areas)
		if err != nil {
			return nil, 0, err
		}
		var all []galien.PersonID
		for _, bucket := range e.snapshot.Buckets() {
			segments, err := e.segments("person", lake.ByPerson, bucket)
			if err != nil {
				return nil, 0, err
			}
			for _, g := range segments {
				persons, err := e.ints(g, "person_id")
				if err != nil {
					return nil, 0, err
				}
				homes, err := e.ints(g, "location_id")
				if err != nil {
					return nil, 0, err
				}
				for i, p := range persons {
					if !inside[homes[i]] {
						all = append(all, galien.PersonID(p))
					}
				}
			}
		}
		slices.Sort(all)
		return all, 8 * int64(len(all)), nil
	})
}

// placesIn returns the locations of the areas.
func (e *Engine) placesIn(areas []string) (map[int64]bool, error) {
	inside := map[int64]bool{}
	if _, ok := e.snapshot.Table("location"); !ok {
		return inside, nil
	}
	segments, err := e.segments("location", lake.Plain, lake.NoBucket)
	if err != nil {
		return nil, err
	}
	for _, g := range segments {
		ids, err := e.ints(g, "location_id")
		if err != nil {
			return nil, err
		}
		states, err := e.texts(g, "state")
		if err != nil {
			return nil, err
		}
		for i, id := range ids {
			if id != lake.NoInt64 && slices.Contains(areas, states[i].Value) {
				inside[id] = true
			}
		}
	}
	return inside, nil
}

// union merges two ascending lists.
func union(a, b []galien.PersonID) []galien.PersonID {
	all := make([]galien.PersonID, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0] < b[0]:
			all, a = append(all, a[0]), a[1:]
		case a[0] > b[0]:
			all, b = append(all, b[0]), b[1:]
		default:
			all, a, b = append(all, a[0]), a[1:], b[1:]
		}
	}
	return append(append(all, a...), b...)
}

// opposes reports whether a person does not exist for this scope.
func (s *scope) opposes(person int64) bool {
	_, found := slices.BinarySearch(s.opposed, galien.PersonID(person))
	return found
}

// visible returns the tests that a row of a table passes to be seen.
func (s *scope) visible(t cdm.Table, c *columns) []predicate {
	var tests []predicate
	column := "person_id"
	if t.Name == "location_history" {
		column = "entity_id" // of whatever domain: those of persons alone are read
	}
	if len(s.opposed) > 0 && (t.HasPerson() || t.Name == "location_history") {
		slot := c.int(column)
		tests = append(tests, func(cur *cursor) bool { return !s.opposes(cur.ints[slot][cur.row]) })
	}
	if s.window != nil && t.DateColumn() != "" {
		slot, from, to := c.date(t.DateColumn()), s.window.Start, s.window.End
		tests = append(tests, func(cur *cursor) bool {
			d := cur.dates[slot][cur.row]
			return from <= d && d <= to
		})
	}
	if s.deny != nil {
		for _, column := range t.ConceptColumns() {
			slot, deny := c.int(column), s.deny
			tests = append(tests, func(cur *cursor) bool { return !deny.contains(cur.ints[slot][cur.row]) })
		}
	}
	if column := t.MeaningColumn(); s.allow != nil && column != "" {
		slot, allow := c.int(column), s.allow
		tests = append(tests, func(cur *cursor) bool { return allow.contains(cur.ints[slot][cur.row]) })
	}
	return tests
}
