// Package writer turns rows into the Parquet files of a lake and commits them
// as a snapshot.
//
// It owns the sorting, the cut into person buckets, the copies of each table
// and the bytes of the files: the same rows give the same bytes, in whatever
// order they came and however many threads wrote them. It refuses values of
// identity columns, persons that have no key of the lake, and a second writer.
// It judges no value otherwise: what a row must be is the source's affair.
//
//	w, err := writer.Open(ctx, l, duck.Config{MemoryLimit: "2GiB"}) // Busy when another writes
//	defer w.Close()
//	s, err := w.Stage(conditions)
//	err = s.Append(line, row) // once a row
//	err = s.Close()
//	_, err = w.DB().ExecContext(ctx, "DELETE FROM stage_condition_occurrence WHERE ...")
//	snap, changed, err := w.Commit(ctx, writer.Meta{Sources: sources, Now: now})
//
// A table that grows by little is not staged whole: StageChange takes the rows
// to be added and the keys of those that leave, and its cost follows from them.
//
// Nothing is visible before Commit, and a process that dies at any instant
// leaves the last committed snapshot as it was.
package writer

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"

	"galien"
	"galien/cdm"
	"galien/lake"
	"galien/lake/duck"
)

// LineColumn is the column that a staging table has beside those of its
// table: the line of the source from which a row came. It is not committed.
const LineColumn = "_line"

// Writer makes one snapshot. Stages may be filled from several goroutines, one
// each; the other methods are called from one goroutine.
type Writer struct {
	tx *lake.Tx
	db *sql.DB
	// place is what stands before the name of a staging table that is made.
	place string

	mu     sync.Mutex
	stages map[string]*Stage // by table name
}

// Open takes the lake's lock, removes what an interrupted commit left, and
// starts an engine bounded by c. The staged rows and what does not fit into
// memory go to the lake's own folder for temporary files, unless c names other
// places. It fails with Busy while another writer has the lake.
func Open(ctx context.Context, l *lake.Lake, c duck.Config) (*Writer, error) {
	tx, err := l.Begin()
	if err != nil {
		return nil, err
	}
	stages, place := filepath.Join(tx.TempDir(), "stage.duckdb"), ""
	switch {
	case c.File == "":
		c.File = stages
	case c.Sealed:
		// What is staged is what the lake will hold, which is not sealed.
		c.Unsealed, place = stages, "unsealed."
	}
	if c.TempDir == "" {
		c.TempDir = filepath.Join(tx.TempDir(), "spill")
	}
	db, err := duck.Open(ctx, c)
	if err != nil {
		_ = tx.Close()
		return nil, err
	}
	return &Writer{tx: tx, db: db, place: place, stages: map[string]*Stage{}}, nil
}

// DB returns the engine with the staging tables, each named stage_ and the
// table's name, for checks across tables and the removal of rows. Its settings
// are locked.
func (w *Writer) DB() *sql.DB { return w.db }

// Base returns the current snapshot, which the commit will follow; nil when
// there is none.
func (w *Writer) Base() *lake.Snapshot { return w.tx.Base() }

// Close gives up what was not committed and releases the lake.
func (w *Writer) Close() error {
	for _, s := range w.list() {
		s.abandon()
	}
	err := w.db.Close()
	if e := w.tx.Close(); e != nil {
		return e
	}
	if err != nil {
		return duck.Error("close engine", err)
	}
	return nil
}

// list returns the stages sorted by table name.
func (w *Writer) list() []*Stage {
	w.mu.Lock()
	defer w.mu.Unlock()
	stages := make([]*Stage, 0, len(w.stages))
	for _, s := range w.stages {
		stages = append(stages, s)
	}
	sort.Slice(stages, func(i, j int) bool { return stages[i].table.Name < stages[j].table.Name })
	return stages
}

// create makes the staging table of t. It fails with Conflict when t is staged
// already.
func (w *Writer) create(ctx context.Context, t cdm.Table) (*Stage, error) {
	s := &Stage{w: w, table: t, name: "stage_" + t.Name}
	w.mu.Lock()
	if w.stages[t.Name] != nil {
		w.mu.Unlock()
		return nil, galien.Errorf(galien.Conflict, "stage %s: the table is staged already", t.Name)
	}
	w.stages[t.Name] = s
	w.mu.Unlock()
	var b strings.Builder
	for _, c := range t.Columns {
		b.WriteString(duck.Ident(c.Name) + " " + duck.Type(c.Type) + ", ")
	}
	_, err := w.db.ExecContext(ctx, "CREATE TABLE "+w.place+duck.Ident(s.name)+" ("+b.String()+LineColumn+" BIGINT)")
	if err != nil {
		w.forget(s)
		return nil, duck.Error("stage "+t.Name, err)
	}
	return s, nil
}

// forget takes a stage that could not be filled, or is done, out of the writer.
func (w *Writer) forget(s *Stage) {
	w.mu.Lock()
	delete(w.stages, s.table.Name)
	w.mu.Unlock()
}

// drop removes the tables of a stage and forgets it.
func (s *Stage) drop(ctx context.Context) error {
	defer s.w.forget(s)
	tables := []string{duck.Ident(s.name)}
	if s.change != nil {
		tables = append(tables, pairsTable(s.table), positionsTable(s.table))
	}
	for _, table := range tables {
		if _, err := s.w.db.ExecContext(ctx, "DROP TABLE IF EXISTS "+table); err != nil {
			return duck.Error("drop stage of "+s.table.Name, err)
		}
	}
	if err := os.RemoveAll(s.w.cutDir(s.table)); err != nil {
		return fmt.Errorf("drop stage of %s: %w", s.table.Name, err)
	}
	return nil
}

// insert adds the rows of a query of those columns.
func (s *Stage) insert(ctx context.Context, columns []string, query string) error {
	list := strings.Join(columns, ", ")
	_, err := s.w.db.ExecContext(ctx, "INSERT INTO "+duck.Ident(s.name)+" ("+list+") SELECT "+list+" FROM ("+query+")")
	return duck.Error("stage "+s.table.Name, err)
}

// StageQuery stages the rows of an SQL query, which names its columns as t
// does; columns it leaves out are null. A column that t lacks, other than
// LineColumn, is Invalid.
func (w *Writer) StageQuery(ctx context.Context, t cdm.Table, query string) error {
	columns, err := w.columns(ctx, t, query)
	if err != nil {
		return err
	}
	s, err := w.create(ctx, t)
	if err != nil {
		return err
	}
	if err := s.insert(ctx, columns, query); err != nil {
		_ = s.drop(context.WithoutCancel(ctx))
		return err
	}
	return nil
}

// columns returns the quoted names of the columns of a query for table t.
func (w *Writer) columns(ctx context.Context, t cdm.Table, query string) ([]string, error) {
	action := "stage " + t.Name
	rows, err := w.db.QueryContext(ctx, "SELECT * FROM ("+query+") LIMIT 0")
	if err != nil {
		return nil, duck.Error(action, err)
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		return nil, duck.Error(action, err)
	}
	quoted := make([]string, len(names))
	for i, name := range names {
		if _, ok := t.Column(name); !ok && name != LineColumn {
			return nil, galien.Errorf(galien.Invalid, "%s: the query has the column %q, which the table lacks", action, name)
		}
		quoted[i] = duck.Ident(name)
	}
	if err := rows.Err(); err != nil {
		return nil, duck.Error(action, err)
	}
	return quoted, nil
}

// StageExisting stages the rows that the current snapshot has in a table, so
// that some can be added or removed; their line is null. It fails with
// NotFound when the snapshot lacks the table.
func (w *Writer) StageExisting(ctx context.Context, table string) error {
	t, ok := cdm.Lookup(table)
	base := w.tx.Base()
	if !ok || base == nil {
		return galien.Errorf(galien.NotFound, "stage %s: the lake has no such table", table)
	}
	if _, ok := base.Table(table); !ok {
		return galien.Errorf(galien.NotFound, "stage %s: the snapshot %s has no such table", table, base.ID)
	}
	return w.StageQuery(ctx, t, "SELECT * FROM "+duck.Table(t, base.Whole(table)))
}

// Meta is what a commit says beside the rows.
type Meta struct {
	// Sources and Vocabulary replace those of the current snapshot.
	Sources    []lake.Source
	Vocabulary string
	// Vocabularies is the load of vocabularies that the staged vocabulary tables
	// hold; one without a delivery says that they hold none. Nil leaves what the
	// current snapshot says, its Vocabulary and the inputs of the vocabulary
	// tables too.
	Vocabularies *lake.Vocabularies
	// Inputs are, by table name, the source files of the staged tables. A
	// changed table that is not among them keeps those it had.
	Inputs map[string][]lake.Input
	// Compact rewrites every table that has layers or removed rows into one
	// file per order and bucket.
	Compact bool
	// Note says what was done, in a few words for people; it names no person.
	Note string
	// Now is the time of the commit.
	Now time.Time
	// Progress, when set, is called with the rows written so far and the rows
	// to write in all, counting each copy of a table.
	Progress func(done, total int64)
}

// Commit writes the staged tables and makes the snapshot current: staged
// tables replace those of the current snapshot, changed ones get a layer, every
// other table of it is carried over as it is. A table staged without rows is a
// table without rows. When the outcome is what the current snapshot says
// already, changed is false. The staging tables are gone afterwards, whatever
// the outcome.
//
// A bucket of a changed table that has come to more than MaxLayers layers, or of
// whose rows more than a fifth have left, is rewritten whole.
func (w *Writer) Commit(ctx context.Context, m Meta) (snap *lake.Snapshot, changed bool, err error) {
	manifest := lake.Manifest{Sources: m.Sources, Vocabulary: m.Vocabulary, Vocabularies: m.Vocabularies}
	base := w.tx.Base()
	keeps := m.Vocabularies == nil && base != nil && base.Manifest.Vocabularies != nil
	if keeps {
		manifest.Vocabulary, manifest.Vocabularies = base.Manifest.Vocabulary, base.Manifest.Vocabularies
	}
	if v := manifest.Vocabularies; v != nil && v.Delivery == "" {
		manifest.Vocabularies = nil
	}
	var plans []plan
	for _, s := range w.list() {
		if err := s.Close(); err != nil {
			return nil, false, err
		}
		p, err := w.plan(ctx, s, m.Compact)
		if err != nil {
			return nil, false, err
		}
		plans = append(plans, p)
	}
	if base != nil {
		for _, kept := range base.Manifest.Tables {
			if slices.ContainsFunc(plans, func(p plan) bool { return p.table.Name == kept.Name }) {
				continue
			}
			t, known := cdm.Lookup(kept.Name)
			if layers, removed := kept.Layers(); m.Compact && known && (layers > 1 || removed > 0) {
				plans = append(plans, plan{table: t, inputs: kept.Inputs, pieces: w.pieces(t, kept, change{}, nil, true)})
				continue
			}
			manifest.Tables = append(manifest.Tables, kept)
		}
	}
	var done, total int64
	for _, p := range plans {
		for _, one := range p.pieces {
			total += one.rows
		}
	}
	for _, p := range plans {
		table, err := w.write(ctx, p, func(rows int64) {
			done += rows
			if m.Progress != nil {
				m.Progress(done, total)
			}
		})
		if err != nil {
			return nil, false, err
		}
		table.Inputs = p.inputs
		if inputs, ok := m.Inputs[table.Name]; ok {
			table.Inputs = inputs
		}
		if keeps && p.table.Vocabulary {
			before, _ := base.Table(table.Name)
			table.Inputs = before.Inputs
		}
		manifest.Tables = append(manifest.Tables, table)
		if p.stage != nil {
			if err := p.stage.drop(ctx); err != nil {
				return nil, false, err
			}
		}
	}
	for _, t := range manifest.Tables {
		if t.Name == "person" {
			manifest.Persons = t.Rows
		}
	}
	return w.tx.Commit(manifest, m.Note, m.Now)
}
