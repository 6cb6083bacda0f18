// Package duckdb answers cohort definitions with the embedded DuckDB over the
// Parquet files of one snapshot, some buckets of persons after others, so that
// memory does not grow with the lake.
//
// It runs only on a permit.Permitted made for this snapshot and definition, and
// every table it reads passes through the permit's scope. It judges nothing:
// thresholds and releases are disclosure's.
//
//	e, err := duckdb.New(ctx, snapshot, duck.Config{MemoryLimit: "2GiB", TempDir: dir})
//	defer e.Close()
//	summary, err := e.Cohort(ctx, permitted, def, func(r cohort.Row) error {
//		return w.Write(r)
//	})
package duckdb

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"galien"
	"galien/cohort"
	"galien/engine/sqlplan"
	"galien/lake"
	"galien/lake/duck"
	"galien/permit"
)

// Version returns how provenance calls this engine: "duckdb v1.5.5".
func (e *Engine) Version(ctx context.Context) (string, error) {
	var v string
	err := e.db.QueryRowContext(ctx, "SELECT version()").Scan(&v)
	return "duckdb " + v, duck.Error("read the engine's version", err)
}

// Engine answers questions over one snapshot. Its methods may be called from
// several goroutines; each takes its own connection.
type Engine struct {
	db        *sql.DB
	snapshot  *lake.Snapshot
	temp      string // the folder for what does not fit into memory, or empty
	partBytes int64
	functions atomic.Int64
	// Progress, when set, is told how many rounds of buckets are done.
	Progress func(done, total int64)
}

// New opens an engine over a snapshot. It fails with Corrupt when a file of the
// snapshot is missing or has another size than was written; galien fsck reads
// them whole.
func New(ctx context.Context, s *lake.Snapshot, c duck.Config) (*Engine, error) {
	if err := s.Present(); err != nil {
		return nil, err
	}
	db, err := duck.Open(ctx, c)
	if err != nil {
		return nil, err
	}
	return &Engine{db: db, snapshot: s, temp: c.TempDir, partBytes: partBytes}, nil
}

// Close releases the engine's memory.
func (e *Engine) Close() error { return e.db.Close() }

// check refuses whatever the permission was not given for.
func (e *Engine) check(p permit.Permitted, def *cohort.Definition, actions ...permit.Action) error {
	if err := p.Check(actions...); err != nil {
		return err
	}
	if p.Snapshot() != e.snapshot.ID {
		return galien.Errorf(galien.Denied, "the permission is for snapshot %s, this engine reads %s", p.Snapshot(), e.snapshot.ID)
	}
	if p.Subject() != def.Hash() {
		return galien.Errorf(galien.Denied, "the permission is for another definition")
	}
	return nil
}

// run is one evaluation on a connection of its own.
type run struct {
	conn      *sql.Conn
	scope     scope
	def       *cohort.Definition
	sets      sqlplan.Sets
	functions int64  // the number in the names of an extract's functions
	person    string // the SQL of the permit's id of a row's person, where it is known
}

// start opens a connection, resolves the permit's concepts and the
// definition's concept sets.
func (e *Engine) start(ctx context.Context, p permit.Permitted, def *cohort.Definition) (*run, error) {
	if _, ok := e.snapshot.Table("concept"); !ok && len(def.ConceptSets) > 0 {
		return nil, galien.Errorf(galien.NotFound, "the lake has no vocabulary, which concept sets need: ingest the CONCEPT and CONCEPT_ANCESTOR tables")
	}
	if _, ok := e.snapshot.Table("concept_ancestor"); !ok && slices.ContainsFunc(append(p.Scope().Deny, p.Scope().Allow...), func(c permit.Concept) bool { return c.Descendants }) {
		return nil, galien.Errorf(galien.NotFound, "the lake has no CONCEPT_ANCESTOR, without which the descendants that permit %s hides or admits cannot be told: ingest that table", p.PermitID())
	}
	conn, err := e.db.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("open connection: %w", err)
	}
	r := &run{conn: conn, def: def}
	if r.scope, err = newScope(ctx, conn, e.snapshot, p.Scope()); err == nil {
		r.sets, err = resolve(ctx, conn, def, r.scope.relation(nil))
	}
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return r, nil
}

func resolve(ctx context.Context, conn *sql.Conn, def *cohort.Definition, rel sqlplan.Relation) (sqlplan.Sets, error) {
	sets := sqlplan.Sets{}
	rows, err := conn.QueryContext(ctx, sqlplan.ResolveSets(def.ConceptSets, rel))
	if err != nil {
		return nil, duck.Error("resolve concept sets", err)
	}
	defer rows.Close()
	for rows.Next() {
		var set int
		var concept galien.ConceptID
		if err := rows.Scan(&set, &concept); err != nil {
			return nil, duck.Error("resolve concept sets", err)
		}
		sets[set] = append(sets[set], concept)
	}
	return sets, duck.Error("resolve concept sets", rows.Err())
}

// close drops what the run left in the engine.
func (r *run) close() {
	for _, t := range sqlplan.TemporaryTables {
		_, _ = r.conn.ExecContext(context.Background(), "DROP TABLE IF EXISTS "+t)
	}
	r.scope.close(r.conn)
	_ = r.conn.Close()
}

// bucketsAtOnce is how many buckets are evaluated together: a million persons,
// since each round of statements has a cost of its own.
const bucketsAtOnce = 4

// spans evaluates the definition span by span and calls done after each, while
// its temporary tables are there.
func (e *Engine) spans(ctx context.Context, r *run, done func(over span, plan sqlplan.Plan) error) error {
	all := spans(e.snapshot)
	for i, over := range all {
		plan := sqlplan.Compile(r.def, r.sets, r.scope.relation(over))
		statements := plan.Statements
		if i == 0 {
			statements = append(plan.Setup, statements...)
		}
		for _, s := range statements {
			if _, err := r.conn.ExecContext(ctx, s); err != nil {
				return duck.Error("evaluate definition", err)
			}
		}
		if err := done(over, plan); err != nil {
			return err
		}
		if e.Progress != nil {
			e.Progress(int64(i+1), int64(len(all)))
		}
	}
	return nil
}

// Cohort evaluates a definition and hands over its periods by person, start and
// end. It fails with Denied for a permission that was not given for this
// snapshot and definition.
func (e *Engine) Cohort(ctx context.Context, p permit.Permitted, def *cohort.Definition, yield func(cohort.Row) error) (cohort.Summary, error) {
	var s cohort.Summary
	if err := e.check(p, def, permit.CountCohort, permit.RunCohort); err != nil {
		return s, err
	}
	r, err := e.start(ctx, p, def)
	if err != nil {
		return s, err
	}
	defer r.close()
	masks := map[[2]int64]int64{}
	s.Attrition = sqlplan.Compile(def, r.sets, r.scope.relation(nil)).StepNames
	err = e.spans(ctx, r, func(_ span, plan sqlplan.Plan) error {
		if err := r.steps(ctx, plan, s.Attrition); err != nil {
			return err
		}
		if err := r.masks(ctx, plan, masks); err != nil {
			return err
		}
		return r.rows(ctx, plan, yield)
	})
	if err != nil {
		return cohort.Summary{}, err
	}
	last := s.Attrition[len(s.Attrition)-1]
	s.Rows, s.Persons = last.Events, last.Persons
	s.Inclusion = cohort.SortMasks(masks)
	return s, nil
}

func (r *run) steps(ctx context.Context, plan sqlplan.Plan, into []cohort.Step) error {
	rows, err := r.conn.QueryContext(ctx, plan.Steps)
	if err != nil {
		return duck.Error("count attrition", err)
	}
	defer rows.Close()
	for rows.Next() {
		var step int
		var events, persons int64
		if err := rows.Scan(&step, &events, &persons); err != nil {
			return duck.Error("count attrition", err)
		}
		into[step-1].Events += events
		into[step-1].Persons += persons
	}
	return duck.Error("count attrition", rows.Err())
}

func (r *run) masks(ctx context.Context, plan sqlplan.Plan, into map[[2]int64]int64) error {
	if plan.Inclusion == "" {
		return nil
	}
	rows, err := r.conn.QueryContext(ctx, plan.Inclusion)
	if err != nil {
		return duck.Error("count inclusion rules", err)
	}
	defer rows.Close()
	for rows.Next() {
		var mode, mask, n int64
		if err := rows.Scan(&mode, &mask, &n); err != nil {
			return duck.Error("count inclusion rules", err)
		}
		into[[2]int64{mode, mask}] += n
	}
	return duck.Error("count inclusion rules", rows.Err())
}

func (r *run) rows(ctx context.Context, plan sqlplan.Plan, yield func(cohort.Row) error) error {
	rows, err := r.conn.QueryContext(ctx, "SELECT person_id, CAST(start_date - DATE '1970-01-01' AS INTEGER), CAST(end_date - DATE '1970-01-01' AS INTEGER) FROM ("+plan.Rows+")")
	if err != nil {
		return duck.Error("read cohort", err)
	}
	defer rows.Close()
	for rows.Next() {
		var row cohort.Row
		if err := rows.Scan(&row.Person, &row.Start, &row.End); err != nil {
			return duck.Error("read cohort", err)
		}
		if err := yield(row); err != nil {
			return err
		}
	}
	return duck.Error("read cohort", rows.Err())
}

// Table counts cohort periods by dimensions, with the population and days of
// observation of each cell, margins included, sorted by keys.
func (e *Engine) Table(ctx context.Context, p permit.Permitted, def *cohort.Definition, by []cohort.Dimension) ([]cohort.Cell, error) {
	if err := e.check(p, def, permit.Tabulate, permit.Release); err != nil {
		return nil, err
	}
	if err := cohort.CheckDimensions(by); err != nil {
		return nil, err
	}
	r, err := e.start(ctx, p, def)
	if err != nil {
		return nil, err
	}
	defer r.close()
	cells := cohort.NewTabulation(len(by))
	err = e.spans(ctx, r, func(over span, plan sqlplan.Plan) error {
		t := plan.Tabulate(by, r.scope.relation(over))
		if err := r.cells(ctx, t.Entries, len(by), func(keys []string, persons, n int64) {
			c := cells.Cell(keys)
			c.Persons += persons
			c.Events += n
		}); err != nil {
			return err
		}
		return r.cells(ctx, t.Population, len(by), func(keys []string, persons, n int64) {
			c := cells.Cell(keys)
			c.Population += persons
			c.PersonDays += n
		})
	})
	if err != nil {
		return nil, err
	}
	return cells.Sorted(), nil
}

func (r *run) cells(ctx context.Context, query string, dimensions int, add func(keys []string, persons, n int64)) error {
	rows, err := r.conn.QueryContext(ctx, query)
	if err != nil {
		return duck.Error("tabulate", err)
	}
	defer rows.Close()
	keys := make([]string, dimensions)
	var persons int64
	var n sql.NullInt64
	into := make([]any, 0, dimensions+2)
	for i := range keys {
		into = append(into, &keys[i])
	}
	into = append(into, &persons, &n)
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return duck.Error("tabulate", err)
		}
		add(keys, persons, n.Int64)
	}
	return duck.Error("tabulate", rows.Err())
}

// Explain returns the SQL that Cohort runs for the first buckets of persons.
func (e *Engine) Explain(ctx context.Context, p permit.Permitted, def *cohort.Definition) (string, error) {
	if err := e.check(p, def, permit.CountCohort, permit.RunCohort); err != nil {
		return "", err
	}
	r, err := e.start(ctx, p, def)
	if err != nil {
		return "", err
	}
	defer r.close()
	var over span
	if all := spans(e.snapshot); len(all) > 0 {
		over = all[0]
	}
	plan := sqlplan.Compile(def, r.sets, r.scope.relation(over))
	var b strings.Builder
	for _, s := range append(plan.Setup, plan.Statements...) {
		b.WriteString(s)
		b.WriteString(";\n\n")
	}
	fmt.Fprintf(&b, "%s;\n\n%s;\n", plan.Rows, plan.Steps)
	if plan.Inclusion != "" {
		fmt.Fprintf(&b, "\n%s;\n", plan.Inclusion)
	}
	return b.String(), nil
}
