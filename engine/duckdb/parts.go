package duckdb

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"galien/cdm"
	"galien/lake/duck"
)

// A file of an extract is sorted by all of its columns. One sort of a whole table
// takes memory, or a disk, many times the table's size, so a table of more than
// partBytes is cut by the permit's ids in its first column: all rows are read once,
// one span of persons after the other, into the files of their parts; then each
// part is sorted alone and appended. How a table is cut follows from its rows, and
// never from memory or threads, so that neither changes a byte.
const (
	// partBytes is about how much is sorted at a time.
	partBytes = 128 << 20
	// mostParts bounds the files that are written side by side. Of a table of
	// more, parts are larger, and the engine spills what does not fit.
	mostParts = 1000
)

// sorted is what becomes one file of an extract, in the order of all its columns.
type sorted struct {
	table string
	// query returns the rows of the persons of a span.
	query func(over span) string
	key   string // the column of ids that cuts; all rows are alike in those before
	parts int64
}

// cut is into how many parts a number of rows is cut.
func (x *extraction) cut(rows int64, columns []cdm.Type) int64 {
	if x.work == "" {
		return 1
	}
	return min(max(1, (rows*rowWidth(columns)+x.partBytes-1)/x.partBytes), mostParts)
}

// rowWidth is about how many bytes a row takes while it is sorted: each column
// once as a value and once in the key.
func rowWidth(columns []cdm.Type) (width int64) {
	for _, t := range columns {
		if t == cdm.Text {
			width += 48
		} else {
			width += 17
		}
	}
	return width
}

// partColumn holds the number of a row's part.
const partColumn = "galien_part"

// part is the number of an id's part, which ascends with the id: parts numbers for
// negative ids, as many for those below 2^52, as many for the rest, and the last
// for none. The ids of a permit are as good as random, either below 2^52 or among
// all others (package vault), so that the parts are about equal.
func part(id string, parts int64) string {
	const small = 1 << 52
	width := math.MaxInt64/parts + 1
	// ~id is -(id+1), which is there for every negative id.
	return fmt.Sprintf(`CASE WHEN %[1]s < 0 THEN %[2]d - (~%[1]s) // %[3]d
 WHEN %[1]s < %[4]d THEN %[5]d + %[1]s // %[6]d
 WHEN %[1]s IS NOT NULL THEN %[7]d + %[1]s // %[3]d ELSE %[8]d END`,
		id, parts-1, width, int64(small), parts, (small+parts-1)/parts, 2*parts, 3*parts)
}

// extraction writes the files of an extract.
type extraction struct {
	run    *run
	format Format
	dir    string
	work   string // the folder for parts; when it is empty nothing is cut
	spans  []span // the persons of the extract
	// partBytes is about how much is sorted at a time.
	partBytes int64
	step      func() // is told of each step
}

// steps is in how many steps a table is written, at most.
func (x *extraction) steps(s sorted) int64 {
	if s.parts == 1 {
		return 1
	}
	return int64(len(x.spans)) + s.parts
}

// write writes a table.
func (x *extraction) write(ctx context.Context, s sorted) (t ExtractedTable, err error) {
	t = ExtractedTable{Table: s.table, File: s.table + "." + string(x.format)}
	path := filepath.Join(x.dir, t.File)
	if s.parts == 1 {
		t.Rows, err = x.copy(ctx, s.query(slices.Concat(x.spans...)), path, true)
		x.step()
	} else {
		t.Rows, err = x.inParts(ctx, s, path)
	}
	if err == nil {
		err = os.Chmod(path, 0o600)
	}
	if err != nil {
		return t, fmt.Errorf("extract %s: %w", s.table, err)
	}
	return t, nil
}

// copy writes the rows of a query into a file, sorted.
func (x *extraction) copy(ctx context.Context, query, path string, header bool) (int64, error) {
	options := "(FORMAT parquet, COMPRESSION zstd)"
	if x.format == CSV {
		options = fmt.Sprintf("(FORMAT csv, HEADER %t)", header)
	}
	return x.exec(ctx, "COPY ("+query+"\nORDER BY ALL) TO "+duck.Quote(path)+" "+options)
}

func (x *extraction) exec(ctx context.Context, statement string) (int64, error) {
	res, err := x.run.conn.ExecContext(ctx, statement)
	if err != nil {
		return 0, duck.Error("write rows", err)
	}
	return res.RowsAffected()
}

// inParts writes a table part by part.
func (x *extraction) inParts(ctx context.Context, s sorted, path string) (rows int64, err error) {
	work := filepath.Join(x.work, s.table)
	if err := os.Mkdir(work, 0o700); err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	for i, over := range x.spans {
		query := fmt.Sprintf("SELECT *, %s AS %s FROM (%s)", part(duck.Ident(s.key), s.parts), partColumn, s.query(over))
		to := filepath.Join(work, fmt.Sprint(i))
		if _, err := x.exec(ctx, fmt.Sprintf("COPY (%s) TO %s (FORMAT parquet, PARTITION_BY (%s))", query, duck.Quote(to), partColumn)); err != nil {
			return 0, err
		}
		x.step()
	}
	out, err := newJoined(path, x.format)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, out.close()) }()
	one := filepath.Join(work, "sorted")
	for i, n := int64(0), int64(0); i <= 3*s.parts; i++ {
		var files []string
		for span := range x.spans {
			folder := filepath.Join(work, fmt.Sprint(span), fmt.Sprintf("%s=%d", partColumn, i))
			entries, err := os.ReadDir(folder)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return 0, err
			}
			for _, e := range entries {
				files = append(files, filepath.Join(folder, e.Name()))
			}
		}
		if len(files) == 0 {
			continue
		}
		quoted := make([]string, len(files))
		for i, f := range files {
			quoted[i] = duck.Quote(f)
		}
		r, err := x.copy(ctx, "SELECT * FROM read_parquet(["+strings.Join(quoted, ", ")+"], hive_partitioning = false)", one, n == 0)
		if err != nil {
			return 0, err
		}
		if err := out.add(one); err != nil {
			return 0, err
		}
		for _, f := range append(files, one) {
			if err := os.Remove(f); err != nil {
				return 0, err
			}
		}
		rows, n = rows+r, n+1
		if n <= s.parts { // ids of both kinds make more parts, which are smaller
			x.step()
		}
	}
	return rows, nil
}
