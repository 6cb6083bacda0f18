// Package cdm holds the tables of the OMOP Common Data Model 5.4: their
// columns, types, keys, and which of their columns carry the concept, the
// dates and the identities.
//
// It is generated from the published field and table specification
// (tables_gen.go, by cdm/gen) and holds no data: it reads no file, knows no
// source, and judges no row. It refuses to be a place for local columns. Three
// extensions are kept on purpose: the column location.region_concept_id and the
// table location_history, because cohort definitions on a region need them, and
// the person and day of a cost, so that a permit, an opposition and a window hold
// for its rows as for those of any event (docs/decisions/0012-cost.md).
// The tables of the results schema (cohort, cohort_definition) are answers,
// not input, and are absent.
//
//	t, ok := cdm.Lookup("condition_occurrence")
//	t.PrimaryKey()    // "condition_occurrence_id"
//	t.ConceptColumn() // "condition_concept_id"
//	t.DateColumn()    // "condition_start_date"
//	for _, c := range t.Columns {
//		if c.Identity {
//			// the lake's copy of this column is always NULL
//		}
//	}
//
// Integers are 64-bit whatever the specification says, since sources use such
// keys, and lengths of text are not enforced.
package cdm

import "sort"

//go:generate go run ./gen

// Type is how the values of a column are held.
type Type uint8

const (
	// Integer is a 64-bit signed integer (int64).
	Integer Type = iota + 1
	// Float is a 64-bit floating-point number (float64).
	Float
	// Date is a civil date (galien.Date).
	Date
	// Datetime is a date and time of day without a zone, to the microsecond
	// (time.Time in UTC).
	Datetime
	// Text is a UTF-8 string (string).
	Text
)

// String returns the type's name in lower case.
func (t Type) String() string {
	switch t {
	case Integer:
		return "integer"
	case Float:
		return "float"
	case Date:
		return "date"
	case Datetime:
		return "datetime"
	case Text:
		return "text"
	}
	return "unknown"
}

// Column is one column of a table.
type Column struct {
	// Name is in lower case.
	Name string
	Type Type
	// Required columns hold no null.
	Required bool
	// PrimaryKey marks the column that identifies a row of its table.
	PrimaryKey bool
	// References names the table, in lower case, whose key this column holds,
	// and is empty for a column that is no foreign key.
	References string
	// Identity marks a column whose values may tell who a person is. Its values
	// belong to the vault, and the lake's copy of the column is always null.
	Identity bool
	// LakeOnly marks a column that the lake adds to the published table: no source
	// brings it, and an export of the model does not write it.
	LakeOnly bool
}

// Table is one table of the model.
type Table struct {
	// Name is in lower case.
	Name string
	// Vocabulary marks the tables of the vocabulary, which describe no person.
	Vocabulary bool
	// Columns are in the order of the specification.
	Columns []Column
}

// Tables returns the tables of the model, sorted by name. The caller may keep
// the slice, and must not change the columns.
func Tables() []Table {
	return append([]Table(nil), tables...)
}

// Lookup returns the table of a lower-case name.
func Lookup(name string) (Table, bool) {
	i := sort.Search(len(tables), func(i int) bool { return tables[i].Name >= name })
	if i < len(tables) && tables[i].Name == name {
		return tables[i], true
	}
	return Table{}, false
}

// Column returns the column of a lower-case name.
func (t Table) Column(name string) (Column, bool) {
	for _, c := range t.Columns {
		if c.Name == name {
			return c, true
		}
	}
	return Column{}, false
}

// HasPerson reports whether the rows of t belong each to one person, named by
// a person_id column.
func (t Table) HasPerson() bool {
	_, ok := t.Column("person_id")
	return ok
}

// PrimaryKey returns the name of the column that identifies a row, and "" for
// a table that has none. The key of death, which the specification leaves out,
// is person_id: a person dies once.
func (t Table) PrimaryKey() string {
	for _, c := range t.Columns {
		if c.PrimaryKey {
			return c.Name
		}
	}
	return ""
}

// ConceptColumn returns the column that says what happened in a row of an
// event table, such as condition_concept_id, and "" for a table that is not
// one of events with a concept. Other columns that hold concepts are those
// whose References is "concept".
func (t Table) ConceptColumn() string { return events[t.Name].concept }

// MeaningColumn returns the column of the concept that a row is about: the
// ConceptColumn, and for a death its cause.
func (t Table) MeaningColumn() string {
	if t.Name == "death" {
		return "cause_concept_id"
	}
	return t.ConceptColumn()
}

// ConceptColumns returns every column that refers to a concept: what the row is
// about, and its type, value, unit, route and so on.
func (t Table) ConceptColumns() []string {
	var all []string
	for _, c := range t.Columns {
		if c.References == "concept" {
			all = append(all, c.Name)
		}
	}
	return all
}

// SourceConceptColumn returns the column that says what happened in the
// source's own coding, such as condition_source_concept_id, and "" when there
// is none.
func (t Table) SourceConceptColumn() string { return events[t.Name].sourceConcept }

// DateColumn returns the column of the day on which what a row tells began,
// such as condition_start_date, and "" when there is none.
func (t Table) DateColumn() string { return events[t.Name].start }

// EndDateColumn returns the column of the last day of what a row tells, such
// as condition_end_date, and "" when there is none. Its value may be null.
func (t Table) EndDateColumn() string { return events[t.Name].end }
