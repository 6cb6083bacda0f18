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
// Nothing is visible before Commit, and a process that dies at any instant
// leaves the last committed snapshot as it was.
package writer

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
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
	if c.File == "" {
		c.File = filepath.Join(tx.TempDir(), "stage.duckdb")
	}
	if c.TempDir == "" {
		c.TempDir = filepath.Join(tx.TempDir(), "spill")
	}
	db, err := duck.Open(ctx, c)
	if err != nil {
		_ = tx.Close()
		return nil, err
	}
	return &Writer{tx: tx, db: db, stages: map[string]*Stage{}}, nil
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

// sqlTypes are the engine's types of the model's.
var sqlTypes = map[cdm.Type]string{
	cdm.Integer: "BIGINT", cdm.Float: "DOUBLE", cdm.Date: "DATE", cdm.Datetime: "TIMESTAMP", cdm.Text: "VARCHAR",
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
		b.WriteString(duck.Ident(c.Name) + " " + sqlTypes[c.Type] + ", ")
	}
	_, err := w.db.ExecContext(ctx, "CREATE TABLE "+duck.Ident(s.name)+" ("+b.String()+LineColumn+" BIGINT)")
	if err != nil {
		w.forget(s)
		return nil, duck.Error("stage "+t.Name, err)
	}
	return s, nil
}

// forget takes a stage that could not be filled out of the writer.
func (w *Writer) forget(s *Stage) {
	w.mu.Lock()
	delete(w.stages, s.table.Name)
	w.mu.Unlock()
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
	list := strings.Join(columns, ", ")
	_, err = w.db.ExecContext(ctx, "INSERT INTO "+duck.Ident(s.name)+" ("+list+") SELECT "+list+" FROM ("+query+")")
	if err != nil {
		_, _ = w.db.ExecContext(context.WithoutCancel(ctx), "DROP TABLE "+duck.Ident(s.name))
		w.forget(s)
		return duck.Error("stage "+t.Name, err)
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
	kept, ok := base.Table(table)
	if !ok {
		return galien.Errorf(galien.NotFound, "stage %s: the snapshot %s has no such table", table, base.ID)
	}
	paths := lastCopy(base, kept)
	if len(paths) == 0 {
		_, err := w.create(ctx, t)
		return err
	}
	for i, p := range paths {
		paths[i] = duck.Quote(p)
	}
	return w.StageQuery(ctx, t, "SELECT * FROM read_parquet(["+strings.Join(paths, ", ")+"])")
}

// lastCopy returns the paths of the files of one copy of a table.
func lastCopy(s *lake.Snapshot, t lake.Table) []string {
	if len(t.Files) == 0 {
		return nil
	}
	order := t.Files[len(t.Files)-1].Order
	var paths []string
	for _, f := range t.Files {
		if f.Order == order {
			paths = append(paths, s.Path(f))
		}
	}
	return paths
}

// Meta is what a commit says beside the rows.
type Meta struct {
	// Sources and Vocabulary replace those of the current snapshot.
	Sources    []lake.Source
	Vocabulary string
	// Inputs are, by table name, the source files of the staged tables.
	Inputs map[string][]lake.Input
	// Note says what was done, in a few words for people; it names no person.
	Note string
	// Now is the time of the commit.
	Now time.Time
	// Progress, when set, is called with the rows written so far and the rows
	// to write in all, counting each copy of a table.
	Progress func(done, total int64)
}

// Commit writes the staged tables and makes the snapshot current: staged
// tables replace those of the current snapshot, every other table of it is
// carried over as it is. A table staged without rows is a table without rows.
// When the outcome is what the current snapshot says already, changed is
// false. The staging tables are gone afterwards, whatever the outcome.
func (w *Writer) Commit(ctx context.Context, m Meta) (snap *lake.Snapshot, changed bool, err error) {
	manifest := lake.Manifest{Sources: m.Sources, Vocabulary: m.Vocabulary}
	stages := w.list()
	var total int64
	plans := make([]plan, len(stages))
	for i, s := range stages {
		if err := s.Close(); err != nil {
			return nil, false, err
		}
		if plans[i], err = w.plan(ctx, s); err != nil {
			return nil, false, err
		}
		total += plans[i].rows * int64(len(plans[i].copies))
	}
	var done int64
	for i, s := range stages {
		table, err := w.write(ctx, plans[i], func(rows int64) {
			done += rows
			if m.Progress != nil {
				m.Progress(done, total)
			}
		})
		if err != nil {
			return nil, false, err
		}
		table.Inputs = m.Inputs[s.table.Name]
		manifest.Tables = append(manifest.Tables, table)
		if _, err := w.db.ExecContext(ctx, "DROP TABLE "+duck.Ident(s.name)); err != nil {
			return nil, false, duck.Error("drop stage of "+s.table.Name, err)
		}
		w.forget(s)
	}
	if base := w.tx.Base(); base != nil {
		for _, t := range base.Manifest.Tables {
			if !has(manifest.Tables, t.Name) {
				manifest.Tables = append(manifest.Tables, t)
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

func has(tables []lake.Table, name string) bool {
	for _, t := range tables {
		if t.Name == name {
			return true
		}
	}
	return false
}

// plan is how a staged table is cut into files.
type plan struct {
	stage   *Stage
	rows    int64
	copies  []copyOf
	buckets []bucket
}

// copyOf is one sorted copy of a table; by are the quoted columns of its sort.
type copyOf struct {
	order lake.Order
	by    []string
}

// bucket is a person bucket of a staged table, or the whole of a table
// without a person.
type bucket struct {
	number int
	rows   int64
}

// plan looks at a staged table and refuses what must not enter the lake.
func (w *Writer) plan(ctx context.Context, s *Stage) (plan, error) {
	p := plan{stage: s, copies: copies(s.table)}
	action := "plan files of " + s.table.Name
	from := " FROM " + duck.Ident(s.name)
	for _, c := range s.table.Columns {
		if !c.Identity {
			continue
		}
		var n int64
		if err := w.db.QueryRowContext(ctx, "SELECT count("+duck.Ident(c.Name)+")"+from).Scan(&n); err != nil {
			return p, duck.Error(action, err)
		}
		if n > 0 {
			return p, identityError(s.table, c, n)
		}
	}
	if !s.table.HasPerson() {
		if err := w.db.QueryRowContext(ctx, "SELECT count(*)"+from).Scan(&p.rows); err != nil {
			return p, duck.Error(action, err)
		}
		if p.rows > 0 {
			p.buckets = []bucket{{lake.NoBucket, p.rows}}
		}
		return p, nil
	}
	var keyless int64
	if err := w.db.QueryRowContext(ctx, "SELECT count(*)"+from+" WHERE person_id IS NULL OR person_id < 1").Scan(&keyless); err != nil {
		return p, duck.Error(action, err)
	}
	if keyless > 0 {
		return p, galien.Errorf(galien.Invalid, "%s: %d rows have no person key of the lake", action, keyless)
	}
	rows, err := w.db.QueryContext(ctx, fmt.Sprintf("SELECT (person_id - 1) // %d AS b, count(*)%s GROUP BY b ORDER BY b", lake.BucketPersons, from))
	if err != nil {
		return p, duck.Error(action, err)
	}
	defer rows.Close()
	for rows.Next() {
		var b bucket
		if err := rows.Scan(&b.number, &b.rows); err != nil {
			return p, duck.Error(action, err)
		}
		p.rows += b.rows
		p.buckets = append(p.buckets, b)
	}
	if err := rows.Err(); err != nil {
		return p, duck.Error(action, err)
	}
	return p, nil
}

func identityError(t cdm.Table, c cdm.Column, rows int64) error {
	return galien.Errorf(galien.Internal, "stage %s: %d values of the identity column %s were to enter the lake; they belong to the vault", t.Name, rows, c.Name)
}

// copies returns the copies that the lake keeps of a table. The last columns of
// each sort make it total: the primary key, or all columns where there is none.
func copies(t cdm.Table) []copyOf {
	var last []string
	if key := t.PrimaryKey(); key != "" {
		last = []string{key}
	} else {
		for _, c := range t.Columns {
			last = append(last, c.Name)
		}
	}
	if !t.HasPerson() {
		return []copyOf{{lake.Plain, sortBy(last)}}
	}
	concept, date := t.ConceptColumn(), t.DateColumn()
	if concept == "" {
		return []copyOf{{lake.ByPerson, sortBy(last, "person_id", date)}}
	}
	return []copyOf{
		{lake.ByConcept, sortBy(last, concept, "person_id", date)},
		{lake.ByPerson, sortBy(last, "person_id", date, concept)},
	}
}

// sortBy returns the quoted columns of first and last, each once.
func sortBy(last []string, first ...string) []string {
	seen := map[string]bool{"": true}
	var out []string
	for _, c := range append(first, last...) {
		if !seen[c] {
			seen[c] = true
			out = append(out, duck.Ident(c)+" NULLS FIRST")
		}
	}
	return out
}

// write writes the files of a staged table and adds them to the transaction.
func (w *Writer) write(ctx context.Context, p plan, wrote func(rows int64)) (lake.Table, error) {
	t := p.stage.table
	table := lake.Table{Name: t.Name, Rows: p.rows}
	columns := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		columns[i] = duck.Ident(c.Name)
	}
	for _, c := range p.copies {
		for _, b := range p.buckets {
			path := filepath.Join(w.tx.TempDir(), fmt.Sprintf("%s-%s-%d.parquet", t.Name, c.order, b.number))
			where := ""
			if len(p.buckets) > 1 {
				first := int64(b.number)*lake.BucketPersons + 1
				where = fmt.Sprintf(" WHERE person_id BETWEEN %d AND %d", first, first+lake.BucketPersons-1)
			}
			_, err := w.db.ExecContext(ctx, "COPY (SELECT "+strings.Join(columns, ", ")+" FROM "+duck.Ident(p.stage.name)+where+
				" ORDER BY "+strings.Join(c.by, ", ")+") TO "+duck.Quote(path)+
				" (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 3, PARQUET_VERSION v2, ROW_GROUP_SIZE 122880)")
			if err != nil {
				return table, duck.Error("write files of "+t.Name, err)
			}
			f, err := w.tx.Add(path, t.Name, c.order, b.number, b.rows)
			if err != nil {
				return table, err
			}
			table.Files = append(table.Files, f)
			wrote(b.rows)
		}
	}
	return table, nil
}
