// Package oracle answers cohort definitions in plain Go over rows in memory.
// It is written to be obviously right rather than fast: it goes through the
// persons one by one and does what the definition says, and so judges the
// engine that translates definitions to SQL.
//
// It owns no meaning of its own (package cohort and docs/cohorts.md state it),
// writes nothing, holds every row that a question touches in memory, and
// refuses to answer without a permit:
//
//	engine := oracle.New(snapshot)
//	summary, err := engine.Cohort(ctx, permitted, def, func(r cohort.Row) error {
//		fmt.Println(r.Person, r.Start, r.End)
//		return nil
//	})
//
// Rows come ordered by person and start.
package oracle

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"galien"
	"galien/cdm"
	"galien/cohort"
	"galien/lake"
	"galien/permit"
)

// Engine answers definitions over one snapshot. It is safe for several
// goroutines, each question reading what it needs on its own.
type Engine struct {
	id       string
	snapshot *lake.Snapshot // nil for an engine over data in memory
	data     *Data
}

// New returns an engine over a snapshot.
func New(s *lake.Snapshot) *Engine { return &Engine{id: s.ID, snapshot: s} }

// Over returns an engine over data in memory, which stands for the snapshot of
// that id.
func Over(id string, d *Data) *Engine { return &Engine{id: id, data: d} }

// Close does nothing: the engine holds nothing between questions.
func (e *Engine) Close() error { return nil }

// Version names the engine for the provenance of an answer.
func (e *Engine) Version(context.Context) (string, error) { return "oracle 1", nil }

// Cohort calls yield with each period of the cohort, ordered by person and
// start, and returns the summary. It fails with Denied without a permission to
// count or run a cohort on this snapshot, with Invalid for a definition that
// cannot be evaluated, and with yield's own error.
func (e *Engine) Cohort(ctx context.Context, p permit.Permitted, def *cohort.Definition, yield func(cohort.Row) error) (cohort.Summary, error) {
	q, err := e.question(ctx, p, def, nil, permit.CountCohort, permit.RunCohort, permit.Extract)
	if err != nil {
		return cohort.Summary{}, err
	}
	return q.summarise(ctx, nil, yield)
}

// Table counts the cohort and the observed population by the given dimensions,
// margins included. It fails as Cohort does.
func (e *Engine) Table(ctx context.Context, p permit.Permitted, def *cohort.Definition, by []cohort.Dimension) ([]cohort.Cell, error) {
	more := cohort.Columns{"person": {"person_id", "gender_concept_id", "year_of_birth"}}
	q, err := e.question(ctx, p, def, more, permit.Tabulate, permit.Release)
	if err != nil {
		return nil, err
	}
	return q.tabulate(ctx, by, nil)
}

// CohortMembers is Cohort that tells members who is behind its numbers.
func (e *Engine) CohortMembers(ctx context.Context, p permit.Permitted, def *cohort.Definition, members *cohort.Members, yield func(cohort.Row) error) (cohort.Summary, error) {
	q, err := e.question(ctx, p, def, nil, permit.CountCohort, permit.RunCohort)
	if err != nil {
		return cohort.Summary{}, err
	}
	return q.summarise(ctx, members, yield)
}

// TableMembers is Table that tells members who is behind its numbers.
func (e *Engine) TableMembers(ctx context.Context, p permit.Permitted, def *cohort.Definition, by []cohort.Dimension, members *cohort.Members) ([]cohort.Cell, error) {
	more := cohort.Columns{"person": {"person_id", "gender_concept_id", "year_of_birth"}}
	q, err := e.question(ctx, p, def, more, permit.Tabulate, permit.Release)
	if err != nil {
		return nil, err
	}
	return q.tabulate(ctx, by, members)
}

// question checks the permission, reads what the question needs of the
// snapshot, and hides what is outside the permission's scope.
func (e *Engine) question(ctx context.Context, p permit.Permitted, def *cohort.Definition, more cohort.Columns, actions ...permit.Action) (*question, error) {
	if err := p.Check(actions...); err != nil {
		return nil, err
	}
	if p.Snapshot() != e.id {
		return nil, galien.Errorf(galien.Denied, "not permitted: permission was given for another snapshot")
	}
	if p.Subject() != def.Hash() {
		return nil, galien.Errorf(galien.Denied, "not permitted: permission was given for another definition")
	}
	if err := def.Validate(); err != nil {
		return nil, fmt.Errorf("check definition: %w", err)
	}
	scope := p.Scope()
	needed := def.Reads()
	for table, columns := range more {
		needed[table] = append(needed[table], columns...)
	}
	if err := granted(scope, needed); err != nil {
		return nil, err
	}
	if e.snapshot == nil {
		return prepare(e.data.within(scope), def)
	}
	if err := e.hasVocabulary(def, scope); err != nil {
		return nil, err
	}
	if len(def.ConceptSets)+len(scope.Deny)+len(scope.Allow) > 0 {
		maps.Copy(needed, vocabularyColumns)
	}
	if len(scope.Areas) > 0 {
		needed["person"] = append(needed["person"], "person_id", "location_id")
		needed["location"] = append(needed["location"], "location_id", "state")
	}
	data, err := Load(ctx, e.snapshot, needed)
	if err != nil {
		return nil, fmt.Errorf("read snapshot: %w", err)
	}
	return prepare(data.within(scope), def)
}

// granted refuses what the scope leaves out.
func granted(s permit.Scope, needed cohort.Columns) error {
	if s.Tables == nil {
		return nil
	}
	for _, table := range slices.Sorted(maps.Keys(needed)) {
		columns, ok := s.Tables[table]
		if !ok {
			return galien.Errorf(galien.Denied, "not permitted: table %s", table)
		}
		for _, c := range needed[table] {
			if !slices.Contains(columns, c) {
				return galien.Errorf(galien.Denied, "not permitted: column %s of table %s", c, table)
			}
		}
	}
	return nil
}

// vocabularyColumns are what concept sets need.
var vocabularyColumns = cohort.Columns{
	"concept":              {"concept_id", "invalid_reason"},
	"concept_ancestor":     {"ancestor_concept_id", "descendant_concept_id"},
	"concept_relationship": {"concept_id_1", "concept_id_2", "relationship_id", "invalid_reason"},
}

// hasVocabulary refuses a question whose concepts the snapshot cannot resolve.
func (e *Engine) hasVocabulary(def *cohort.Definition, s permit.Scope) error {
	if _, ok := e.snapshot.Table("concept"); !ok && len(def.ConceptSets) > 0 {
		return galien.Errorf(galien.NotFound, "the lake has no vocabulary, which concept sets need: ingest the CONCEPT and CONCEPT_ANCESTOR tables")
	}
	_, ok := e.snapshot.Table("concept_ancestor")
	for _, c := range slices.Concat(s.Deny, s.Allow) {
		if c.Descendants && !ok {
			return galien.Errorf(galien.NotFound, "the lake has no CONCEPT_ANCESTOR table, without which the descendants that the permit names cannot be told: ingest that table")
		}
	}
	return nil
}

// Load reads columns of tables from a snapshot, with the columns by which a
// permit hides rows. A table that the snapshot lacks is empty.
func Load(ctx context.Context, s *lake.Snapshot, needed cohort.Columns) (*Data, error) {
	tables := map[string][]row{}
	for name, columns := range needed {
		if _, ok := s.Table(name); !ok {
			continue
		}
		table, ok := cdm.Lookup(name)
		if !ok {
			return nil, galien.Errorf(galien.Internal, "the model has no table %q", name)
		}
		columns = slices.Clone(columns)
		columns = append(columns, table.ConceptColumns()...)
		if c := table.DateColumn(); c != "" {
			columns = append(columns, c)
		}
		slices.Sort(columns)
		columns = slices.Compact(columns)
		index := map[string]int{}
		for i, c := range columns {
			index[c] = i
		}
		err := s.Read(ctx, name, columns, func(values []any) error {
			tables[name] = append(tables[name], row{index, slices.Clone(values)})
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return assemble(tables), nil
}
