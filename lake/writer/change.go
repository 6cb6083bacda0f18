package writer

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"galien"
	"galien/cdm"
	"galien/lake"
	"galien/lake/duck"
)

// MaxLayers is how many files an order and bucket of a table may come to have.
const MaxLayers = 8

// maxRemoved is the part of the rows in the files of a bucket, one in so many,
// that may have left before the bucket is rewritten.
const maxRemoved = 5

// change is what leaves a table of the current snapshot.
type change struct {
	// leaves counts the rows that leave each file, by its name; positionsTable
	// holds their positions.
	leaves map[string]int64
}

// pairsTable names the rows that leave a table, by person and key, and
// positionsTable their places in the files.
func pairsTable(t cdm.Table) string     { return duck.Ident("stage_" + t.Name + "_pairs") }
func positionsTable(t cdm.Table) string { return duck.Ident("stage_" + t.Name + "_positions") }

// StageChange stages a change of a table of the current snapshot: the rows of
// the query added come to it, as in StageQuery, and the rows that removed names
// leave it. removed yields two columns, a person_id and the primary key of t,
// and names each row once; an empty query adds or removes nothing. A row that
// changes is removed and added. The queries run now, on DB.
//
// It fails with Invalid for a table without persons or without a primary key,
// and with Conflict, naming counts only, when t is staged already or a row to
// be removed is not there, or there or named more than once. The added rows may
// be looked at in the staging table of t until Commit. That no added row has a
// key that is there is the caller's affair.
func (w *Writer) StageChange(ctx context.Context, t cdm.Table, added, removed string) (err error) {
	if !t.HasPerson() || t.PrimaryKey() == "" {
		return galien.Errorf(galien.Invalid, "change %s: only a table of persons with a primary key can be changed; stage it whole", t.Name)
	}
	var columns []string
	if added != "" {
		if columns, err = w.columns(ctx, t, added); err != nil {
			return err
		}
	}
	s, err := w.create(ctx, t)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = s.drop(context.WithoutCancel(ctx))
		}
	}()
	s.change = &change{leaves: map[string]int64{}}
	if added != "" {
		if err := s.insert(ctx, columns, added); err != nil {
			return err
		}
	}
	if removed == "" {
		return nil
	}
	return s.find(ctx, removed)
}

// find finds the rows that leave, in every copy of the table.
func (s *Stage) find(ctx context.Context, removed string) error {
	t, db := s.table, s.w.db
	action := "change " + t.Name
	leaving, found := pairsTable(t), positionsTable(t)
	if n, err := s.w.width(ctx, action, removed); err != nil {
		return err
	} else if n != 2 {
		return galien.Errorf(galien.Invalid, "%s: the query of rows to be removed has %d columns instead of a person and a key", action, n)
	}
	for _, statement := range []string{
		"CREATE TABLE " + leaving + " AS SELECT CAST(person AS BIGINT) AS person, CAST(key AS BIGINT) AS key FROM (" + removed + ") q(person, key)",
		"CREATE TABLE " + found + " (file VARCHAR, position BIGINT, pair BIGINT)",
	} {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return duck.Error(action, err)
		}
	}
	var rows, pairs int64
	err := db.QueryRowContext(ctx, "SELECT (SELECT count(*) FROM "+leaving+"), (SELECT count(*) FROM (SELECT DISTINCT person, key FROM "+leaving+"))").Scan(&rows, &pairs)
	if err != nil {
		return duck.Error(action, err)
	}
	if pairs < rows {
		return galien.Errorf(galien.Conflict, "%s: of the %d rows to be removed %d are named more than once", action, rows, rows-pairs)
	}
	buckets, err := s.leavingBuckets(ctx, leaving)
	if err != nil {
		return duck.Error(action, err)
	}
	for i, order := range orders(t) {
		var names []string
		for _, b := range buckets {
			if s.w.tx.Base() == nil {
				break
			}
			for _, part := range s.w.tx.Base().Files(t.Name, order, b) {
				name := part.File().Name
				res, err := db.ExecContext(ctx, fmt.Sprintf("INSERT INTO %s SELECT %s, d.file_row_number, l.rowid FROM %s d JOIN %s l ON d.person_id = l.person AND d.%s = l.key",
					found, duck.Quote(name), duck.Positions(part), leaving, duck.Ident(t.PrimaryKey())))
				if err != nil {
					return duck.Error(action, err)
				}
				n, err := res.RowsAffected()
				if err != nil {
					return fmt.Errorf("%s: %w", action, err)
				}
				if n > 0 {
					s.change.leaves[name] = n
				}
				names = append(names, duck.Quote(name))
			}
		}
		var all, distinct int64
		if len(names) > 0 {
			err := db.QueryRowContext(ctx, "SELECT count(*), count(DISTINCT pair) FROM "+found+" WHERE file IN ("+strings.Join(names, ", ")+")").Scan(&all, &distinct)
			if err != nil {
				return duck.Error(action, err)
			}
		}
		switch {
		case all == rows && distinct == rows:
		case i > 0:
			return galien.Errorf(galien.Corrupt, "%s: %d rows to be removed are in one copy and %d in another; check the lake with galien fsck", action, rows, all)
		case distinct < rows:
			return galien.Errorf(galien.Conflict, "%s: of the %d rows to be removed %d are not in the snapshot", action, rows, rows-distinct)
		default:
			return galien.Errorf(galien.Conflict, "%s: the %d rows to be removed are %d in the snapshot, where some have the same person and key", action, rows, all)
		}
	}
	return nil
}

// width returns the number of columns of a query.
func (w *Writer) width(ctx context.Context, action, query string) (int, error) {
	rows, err := w.db.QueryContext(ctx, "SELECT * FROM ("+query+") LIMIT 0")
	if err != nil {
		return 0, duck.Error(action, err)
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err == nil {
		err = rows.Err()
	}
	return len(names), duck.Error(action, err)
}

// leavingBuckets returns the buckets of the persons of whom rows leave.
func (s *Stage) leavingBuckets(ctx context.Context, leaving string) ([]int, error) {
	rows, err := s.w.db.QueryContext(ctx, fmt.Sprintf("SELECT DISTINCT (person - 1) // %d AS b FROM %s WHERE person > 0 ORDER BY b", lake.BucketPersons, leaving))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []int
	for rows.Next() {
		var b int
		if err := rows.Scan(&b); err != nil {
			return nil, err
		}
		list = append(list, b)
	}
	return list, rows.Err()
}

// pieces returns the files of a changed table: those of the base less what
// leaves them, the added rows as one more layer, and one file in their place
// where a bucket has become too much of a patchwork, or compact is set.
func (w *Writer) pieces(t cdm.Table, kept lake.Table, c change, added []bucket, compact bool) []piece {
	numbers := map[int]bool{}
	for _, f := range kept.Files {
		numbers[f.Bucket] = true
	}
	news := map[int]bucket{}
	for _, b := range added {
		numbers[b.number] = true
		news[b.number] = b
	}
	var list []piece
	for _, o := range orders(t) {
		for _, number := range slices.Sorted(maps.Keys(numbers)) {
			var stay []piece
			held, gone := news[number].rows, int64(0)
			if len(kept.Files) > 0 {
				for _, part := range w.tx.Base().Files(t.Name, o, number) {
					f := part.File()
					one := piece{order: o, bucket: number, layer: len(stay), kept: part, leaves: c.leaves[f.Name]}
					if one.leaves == f.Present() {
						continue // no row is left
					}
					stay = append(stay, one)
					held += f.Rows
					gone += f.Rows - f.Present() + one.leaves
				}
			}
			if b := news[number]; b.rows > 0 {
				stay = append(stay, piece{order: o, bucket: number, layer: len(stay), query: b.query, rows: b.rows})
			}
			if patched := len(stay) > 1 || gone > 0; patched && (compact || len(stay) > MaxLayers || gone*maxRemoved > held) {
				stay = []piece{joined(t, stay, held-gone)}
			}
			list = append(list, stay...)
		}
	}
	return list
}

// joined returns the one file of the rows of several pieces of a bucket.
func joined(t cdm.Table, pieces []piece, rows int64) piece {
	columns := columnList(t)
	queries := make([]string, len(pieces))
	for i, one := range pieces {
		switch {
		case one.query != "":
			queries[i] = one.query
		case one.leaves == 0:
			queries[i] = "SELECT " + columns + " FROM " + duck.Table(t, []lake.Part{one.kept})
		default:
			queries[i] = "SELECT " + columns + " FROM " + duck.Positions(one.kept) + " d ANTI JOIN (" + one.leaving(t) + ") l ON d.file_row_number = l.position"
		}
	}
	return piece{order: pieces[0].order, bucket: pieces[0].bucket, query: "SELECT " + columns + " FROM (" + strings.Join(queries, " UNION ALL ") + ")", rows: rows}
}

// leaving returns the query of the positions that leave the file of a piece.
func (p piece) leaving(t cdm.Table) string {
	return "SELECT position FROM " + positionsTable(t) + " WHERE file = " + duck.Quote(p.kept.File().Name)
}

// writeRemoval writes the removal of a file that is carried over: what has left
// it before, and what leaves now.
func (w *Writer) writeRemoval(ctx context.Context, t cdm.Table, one piece) (lake.File, error) {
	f := one.kept.File()
	query := one.leaving(t)
	if _, before := one.kept.Paths(); before != "" {
		query += " UNION ALL SELECT " + lake.PositionColumn + " FROM read_parquet(" + duck.Quote(before) + ")"
	}
	path := w.path(t, one, "-removed")
	_, err := w.db.ExecContext(ctx, "COPY ("+query+" ORDER BY position) TO "+duck.Quote(path)+
		" ("+parquet+", KV_METADATA {"+duck.Ident(lake.RemovedFrom)+": "+duck.Quote(f.SHA256)+"})")
	if err != nil {
		return f, duck.Error("write removals of "+t.Name, err)
	}
	return w.tx.Remove(path, f, f.Removed.Rows+one.leaves)
}
