package writer

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"galien"
	"galien/cdm"
	"galien/lake"
	"galien/lake/duck"
)

// plan is how a table of the snapshot comes about.
type plan struct {
	table  cdm.Table
	stage  *Stage       // nil for a table of the base that is compacted
	inputs []lake.Input // unless the commit says otherwise
	pieces []piece
}

// piece is one file of a table: written from a query, or carried over.
type piece struct {
	order  lake.Order
	bucket int
	layer  int

	// query yields rows rows, in no order, for a new file.
	query string
	rows  int64

	// kept is the file carried over when query is empty, and leaves how many of
	// its rows leave it now.
	kept   lake.Part
	leaves int64
}

// orders returns the copies that the lake keeps of a table.
func orders(t cdm.Table) []lake.Order {
	switch {
	case !t.HasPerson():
		return []lake.Order{lake.Plain}
	case t.ConceptColumn() == "":
		return []lake.Order{lake.ByPerson}
	}
	return []lake.Order{lake.ByConcept, lake.ByPerson}
}

// bucket is a person bucket of a staged table, or the whole of a table
// without a person.
type bucket struct {
	number int
	rows   int64
	query  string
}

// plan looks at a staged table and refuses what must not enter the lake.
func (w *Writer) plan(ctx context.Context, s *Stage, compact bool) (plan, error) {
	p := plan{table: s.table, stage: s}
	buckets, err := w.buckets(ctx, s)
	if err != nil {
		return p, err
	}
	if s.change != nil {
		var kept lake.Table
		if base := w.tx.Base(); base != nil {
			kept, _ = base.Table(s.table.Name)
		}
		p.inputs = kept.Inputs
		p.pieces = w.pieces(s.table, kept, *s.change, buckets, compact)
		return p, nil
	}
	for _, o := range orders(s.table) {
		for _, b := range buckets {
			p.pieces = append(p.pieces, piece{order: o, bucket: b.number, query: b.query, rows: b.rows})
		}
	}
	return p, nil
}

// buckets cuts the rows of a stage, and refuses identities and persons without
// a key.
func (w *Writer) buckets(ctx context.Context, s *Stage) ([]bucket, error) {
	action := "plan files of " + s.table.Name
	from := " FROM " + duck.Ident(s.name)
	for _, c := range s.table.Columns {
		if !c.Identity {
			continue
		}
		var n int64
		if err := w.db.QueryRowContext(ctx, "SELECT count("+duck.Ident(c.Name)+")"+from).Scan(&n); err != nil {
			return nil, duck.Error(action, err)
		}
		if n > 0 {
			return nil, identityError(s.table, c, n)
		}
	}
	rowsOf := "SELECT " + columnList(s.table) + from
	if !s.table.HasPerson() {
		b := bucket{number: lake.NoBucket, query: rowsOf}
		if err := w.db.QueryRowContext(ctx, "SELECT count(*)"+from).Scan(&b.rows); err != nil {
			return nil, duck.Error(action, err)
		}
		if b.rows == 0 {
			return nil, nil
		}
		return []bucket{b}, nil
	}
	var keyless int64
	if err := w.db.QueryRowContext(ctx, "SELECT count(*)"+from+" WHERE person_id IS NULL OR person_id < 1").Scan(&keyless); err != nil {
		return nil, duck.Error(action, err)
	}
	if keyless > 0 {
		return nil, galien.Errorf(galien.Invalid, "%s: %d rows have no person key of the lake", action, keyless)
	}
	rows, err := w.db.QueryContext(ctx, fmt.Sprintf("SELECT (person_id - 1) // %d AS b, count(*)%s GROUP BY b ORDER BY b", lake.BucketPersons, from))
	if err != nil {
		return nil, duck.Error(action, err)
	}
	defer rows.Close()
	var list []bucket
	for rows.Next() {
		b := bucket{query: rowsOf}
		if err := rows.Scan(&b.number, &b.rows); err != nil {
			return nil, duck.Error(action, err)
		}
		list = append(list, b)
	}
	if err := rows.Err(); err != nil {
		return nil, duck.Error(action, err)
	}
	if s.cut = len(list) > 1; s.cut {
		for i := range list {
			files := filepath.Join(w.cutDir(s.table), fmt.Sprintf("%s=%d", bucketColumn, list[i].number), "*.parquet")
			list[i].query = "SELECT " + columnList(s.table) + " FROM read_parquet(" + duck.Quote(files) + ", hive_partitioning = false)"
		}
	}
	return list, nil
}

// bucketColumn holds the bucket of a row while a stage is cut.
const bucketColumn = "_bucket"

// cutStage writes the rows of a stage to a folder, each bucket to files of its own,
// from which each copy of the bucket is then read: the stage is read once, however
// many buckets there are.
func (w *Writer) cutStage(ctx context.Context, s *Stage) error {
	query := fmt.Sprintf("SELECT %s, (person_id - 1) // %d AS %s FROM %s", columnList(s.table), lake.BucketPersons, bucketColumn, duck.Ident(s.name))
	_, err := w.db.ExecContext(ctx, "COPY ("+query+") TO "+duck.Quote(w.cutDir(s.table))+" (FORMAT parquet, PARTITION_BY ("+bucketColumn+"))")
	return duck.Error("write files of "+s.table.Name, err)
}

// cutDir is the folder of a stage that was cut.
func (w *Writer) cutDir(t cdm.Table) string { return filepath.Join(w.tx.TempDir(), "cut-"+t.Name) }

func identityError(t cdm.Table, c cdm.Column, rows int64) error {
	return galien.Errorf(galien.Internal, "stage %s: %d values of the identity column %s were to enter the lake; they belong to the vault", t.Name, rows, c.Name)
}

// columnList returns the quoted columns of a table, in the order of the model.
func columnList(t cdm.Table) string {
	columns := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		columns[i] = duck.Ident(c.Name)
	}
	return strings.Join(columns, ", ")
}

// sortBy returns the SQL of a file's sort.
func sortBy(t cdm.Table, o lake.Order) string {
	columns := lake.SortColumns(t, o)
	for i, c := range columns {
		columns[i] = duck.Ident(c) + " NULLS FIRST"
	}
	return strings.Join(columns, ", ")
}

// write writes the files of a table and adds them to the transaction.
func (w *Writer) write(ctx context.Context, p plan, wrote func(rows int64)) (lake.Table, error) {
	table := lake.Table{Name: p.table.Name}
	if p.stage != nil && p.stage.cut {
		if err := w.cutStage(ctx, p.stage); err != nil {
			return table, err
		}
	}
	for _, one := range p.pieces {
		f := one.kept.File()
		var err error
		switch {
		case one.query != "":
			f, err = w.writeFile(ctx, p.table, one)
			wrote(one.rows)
		case one.leaves > 0:
			f, err = w.writeRemoval(ctx, p.table, one)
		}
		if err != nil {
			return table, err
		}
		f.Layer = one.layer
		if slices.ContainsFunc(table.Files, func(g lake.File) bool { return g.Name == f.Name }) {
			return table, galien.Errorf(galien.Conflict, "change %s: the %d rows to be added to bucket %d are there already", p.table.Name, f.Rows, f.Bucket)
		}
		table.Files = append(table.Files, f)
		if f.Order == p.pieces[0].order {
			table.Rows += f.Present()
		}
	}
	return table, nil
}

// parquet says how the lake's files are written.
const parquet = "FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 3, PARQUET_VERSION v2, ROW_GROUP_SIZE 122880"

// path returns a place in the transaction's folder for the file of a piece.
func (w *Writer) path(t cdm.Table, one piece, what string) string {
	return filepath.Join(w.tx.TempDir(), fmt.Sprintf("%s-%s-%d-%d%s.parquet", t.Name, one.order, one.bucket, one.layer, what))
}

// writeFile writes a new data file.
func (w *Writer) writeFile(ctx context.Context, t cdm.Table, one piece) (lake.File, error) {
	path := w.path(t, one, "")
	_, err := w.db.ExecContext(ctx, "COPY ("+one.query+" ORDER BY "+sortBy(t, one.order)+") TO "+duck.Quote(path)+" ("+parquet+")")
	if err != nil {
		return lake.File{}, duck.Error("write files of "+t.Name, err)
	}
	return w.tx.Add(path, t.Name, one.order, one.bucket, one.rows)
}
