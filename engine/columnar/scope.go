package columnar

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"

	"galien"
	"galien/cdm"
	"galien/permit"
)

// scope is what a permit lets be seen of the tables. Rows that start outside
// the window do not exist, nor rows that name a denied concept in any column
// or, when some concepts are allowed, rows about any other; observation
// periods are cut to the window. Nothing exists of a person who is opposed.
type scope struct {
	window      *galien.Period
	deny, allow *conceptSet // nil for none
	opposed     []galien.PersonID
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
	if s.window != nil {
		s.sum = binary.LittleEndian.AppendUint32(s.sum, uint32(s.window.Start))
		s.sum = binary.LittleEndian.AppendUint32(s.sum, uint32(s.window.End))
	}
	return s, nil
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
