package lake

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/schema"

	"galien"
	"galien/cdm"
)

// batchRows is how many rows are decoded at a time.
const batchRows = 4096

// Read calls yield with each row of a table, of every person bucket, sorted
// by person and date within a bucket. A row holds the values of columns in the
// order asked, or of all columns of the model when columns is nil; each is
// nil, int64, float64, string, galien.Date or time.Time (UTC). The slice is
// reused: yield copies what it keeps. An error of yield ends the reading and
// is returned as it is.
//
// It fails with NotFound for a table or column that the snapshot lacks, and
// with Corrupt for a file that cannot be read as what was written.
func (s *Snapshot) Read(ctx context.Context, table string, columns []string, yield func(row []any) error) error {
	t, ok := s.Table(table)
	if !ok {
		return galien.Errorf(galien.NotFound, "the snapshot %s has no table %q", s.ID, table)
	}
	model, ok := cdm.Lookup(table)
	if !ok {
		return galien.Errorf(galien.NotFound, "the model has no table %q", table)
	}
	if columns == nil {
		for _, c := range model.Columns {
			columns = append(columns, c.Name)
		}
	}
	for _, name := range columns {
		if _, ok := model.Column(name); !ok {
			return galien.Errorf(galien.NotFound, "the table %s has no column %q", table, name)
		}
	}
	parts := s.parts(t, t.kept(ByPerson), func(File) bool { return true })
	for len(parts) > 0 {
		n := 1
		for n < len(parts) && parts[n].file.Bucket == parts[0].file.Bucket {
			n++
		}
		if err := readParts(ctx, parts[:n], model, columns, yield); err != nil {
			return err
		}
		parts = parts[n:]
	}
	return nil
}

// readParts calls yield with each row of the layers of a bucket, in the order
// of their files.
func readParts(ctx context.Context, parts []Part, model cdm.Table, columns []string, yield func(row []any) error) error {
	asked := len(columns)
	var by []int // where the columns of the sort are, when there is something to merge
	if len(parts) > 1 {
		columns = slices.Clone(columns)
		for _, name := range SortColumns(model, parts[0].file.Order) {
			i := slices.Index(columns, name)
			if i < 0 {
				i = len(columns)
				columns = append(columns, name)
			}
			by = append(by, i)
		}
	}
	var open []*scanner
	defer func() {
		for _, s := range open {
			s.close()
		}
	}()
	for _, p := range parts {
		s, err := p.scan(columns)
		if err != nil {
			return err
		}
		open = append(open, s)
		if err := s.next(ctx); err != nil {
			return err
		}
	}
	for {
		first := open[0]
		for _, s := range open[1:] {
			if s.row != nil && (first.row == nil || before(s.row, first.row, by)) {
				first = s
			}
		}
		if first.row == nil {
			return nil
		}
		if err := yield(first.row[:asked]); err != nil {
			return err
		}
		if err := first.next(ctx); err != nil {
			return err
		}
	}
}

// before compares two rows by some of their columns.
func before(a, b []any, by []int) bool {
	for _, i := range by {
		if c := compare(a[i], b[i]); c != 0 {
			return c < 0
		}
	}
	return false
}

// compare orders two values of a column as the files do: null comes first.
func compare(a, b any) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return -1
	case b == nil:
		return 1
	}
	switch a := a.(type) {
	case int64:
		return cmp.Compare(a, b.(int64))
	case galien.Date:
		return cmp.Compare(a, b.(galien.Date))
	case float64:
		return cmp.Compare(a, b.(float64))
	case string:
		return strings.Compare(a, b.(string))
	case time.Time:
		return a.Compare(b.(time.Time))
	}
	return 0
}

// scanner reads the rows of a part one after the other.
type scanner struct {
	// row is the row at hand, reused by the next; nil after the last.
	row []any

	path    string
	file    *file.Reader
	columns []string
	index   []int // of each column in the file
	readers []*columnReader

	group    int   // the row group to be read next
	undone   int64 // rows of the group at hand that are not decoded
	decoded  int   // rows decoded, of which at are done
	at       int
	position int64   // of the next row in the file
	gone     []int64 // positions of the rows that are not there, from the next row on
}

// scan opens a part before its first row.
func (p Part) scan(columns []string) (*scanner, error) {
	gone, err := p.removed()
	if err != nil {
		return nil, err
	}
	path, _ := p.Paths()
	r, err := openParquet(path)
	if err != nil {
		return nil, err
	}
	s := &scanner{row: make([]any, len(columns)), path: path, file: r, columns: columns, index: make([]int, len(columns)), readers: make([]*columnReader, len(columns)), gone: gone}
	for i, name := range columns {
		if s.index[i] = r.MetaData().Schema.ColumnIndexByName(name); s.index[i] < 0 {
			s.close()
			return nil, galien.Errorf(galien.Corrupt, "read %s: the file has no column %s", path, name)
		}
	}
	return s, nil
}

func (s *scanner) close() { _ = s.file.Close() }

// next moves to the next row that is there.
func (s *scanner) next(ctx context.Context) error {
	for {
		if s.at == s.decoded {
			more, err := s.decode(ctx)
			if err != nil {
				return err
			}
			if !more {
				s.row = nil
				return nil
			}
		}
		at := s.at
		s.at++
		s.position++
		if len(s.gone) > 0 && s.gone[0] == s.position-1 {
			s.gone = s.gone[1:]
			continue
		}
		for i, c := range s.readers {
			s.row[i] = c.values[at]
		}
		return nil
	}
}

// decode decodes the next rows, and reports whether there are any.
func (s *scanner) decode(ctx context.Context) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	for s.undone == 0 {
		if s.group == s.file.NumRowGroups() {
			return false, nil
		}
		err := guarded(s.path, func() error {
			group := s.file.RowGroup(s.group)
			s.undone = group.NumRows()
			for i := range s.columns {
				chunk, err := group.Column(s.index[i])
				if err != nil {
					return err
				}
				if s.readers[i], err = newColumnReader(chunk, s.file.MetaData().Schema.Column(s.index[i])); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return false, err
		}
		s.group++
	}
	s.at, s.decoded = 0, int(min(batchRows, s.undone))
	s.undone -= int64(s.decoded)
	return true, guarded(s.path, func() error {
		for i, c := range s.readers {
			if err := c.fill(s.decoded); err != nil {
				return fmt.Errorf("column %s: %w", s.columns[i], err)
			}
		}
		return nil
	})
}

// guarded calls f and turns its failure, be it an error or a panic of the
// decoder on bytes that are not what was written, into Corrupt.
func guarded(path string, f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = galien.Errorf(galien.Corrupt, "read %s: not the Parquet file that was written", path)
		}
	}()
	if err := f(); err != nil {
		return galien.Errorf(galien.Corrupt, "read %s: %w", path, err)
	}
	return nil
}

// openParquet opens a Parquet file of the lake.
func openParquet(path string) (*file.Reader, error) {
	var r *file.Reader
	err := guarded(path, func() (err error) {
		r, err = file.OpenParquetFile(path, false)
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, galien.Errorf(galien.Corrupt, "read %s: the file is missing", path)
	}
	return r, err
}

// parquetRows returns the number of rows that the footer of a file states.
func parquetRows(path string) (int64, error) {
	r, err := openParquet(path)
	if err != nil {
		return 0, err
	}
	n := r.NumRows()
	if err := r.Close(); err != nil {
		return 0, err
	}
	return n, nil
}

// columnReader decodes one column of one row group.
type columnReader struct {
	// values are the decoded rows of the last fill.
	values []any
	// levels are the definition levels; a value is present at the level max.
	levels []int16
	max    int16
	// decode reads up to n levels, stores the values present from the start of
	// its own buffer and returns the number of levels and values read.
	decode func(n int) (levels int64, values int, err error)
	// at returns the i-th value present.
	at func(i int) any
}

func newColumnReader(chunk file.ColumnChunkReader, c *schema.Column) (*columnReader, error) {
	r := &columnReader{
		values: make([]any, batchRows),
		levels: make([]int16, batchRows),
		max:    c.MaxDefinitionLevel(),
	}
	if r.max > 1 || c.MaxRepetitionLevel() > 0 {
		return nil, errors.New("a nested column")
	}
	switch chunk := chunk.(type) {
	case *file.Int64ColumnChunkReader:
		r.int64s(chunk, isTimestamp(c))
	case *file.Int32ColumnChunkReader:
		if _, ok := c.LogicalType().(schema.DateLogicalType); !ok {
			return nil, fmt.Errorf("a column of the type %s", c.LogicalType())
		}
		buf := make([]int32, batchRows)
		r.decode = func(n int) (int64, int, error) { return chunk.ReadBatch(int64(n), buf, r.levels, nil) }
		r.at = func(i int) any { return galien.Date(buf[i]) }
	case *file.Float64ColumnChunkReader:
		buf := make([]float64, batchRows)
		r.decode = func(n int) (int64, int, error) { return chunk.ReadBatch(int64(n), buf, r.levels, nil) }
		r.at = func(i int) any { return buf[i] }
	case *file.ByteArrayColumnChunkReader:
		buf := make([]parquet.ByteArray, batchRows)
		r.decode = func(n int) (int64, int, error) { return chunk.ReadBatch(int64(n), buf, r.levels, nil) }
		r.at = func(i int) any { return string(buf[i]) }
	default:
		return nil, fmt.Errorf("a column of the physical type %s", c.PhysicalType())
	}
	return r, nil
}

// int64s decodes integers, and datetimes as microseconds since 1970.
func (r *columnReader) int64s(chunk *file.Int64ColumnChunkReader, timestamps bool) {
	buf := make([]int64, batchRows)
	r.decode = func(n int) (int64, int, error) { return chunk.ReadBatch(int64(n), buf, r.levels, nil) }
	if timestamps {
		r.at = func(i int) any { return time.UnixMicro(buf[i]).UTC() }
		return
	}
	r.at = func(i int) any { return buf[i] }
}

// isTimestamp reports whether a column of 64-bit integers holds microseconds.
func isTimestamp(c *schema.Column) bool {
	t, ok := c.LogicalType().(schema.TimestampLogicalType)
	return ok && t.TimeUnit() == schema.TimeUnitMicros
}

// fill decodes the next n rows into values. A batch may end before n with the
// page that holds it.
func (r *columnReader) fill(n int) error {
	for done := 0; done < n; {
		levels, present, err := r.decode(n - done)
		if err != nil {
			return err
		}
		if levels == 0 {
			return errors.New("fewer values than rows")
		}
		next := 0
		for i := range int(levels) {
			if r.max > 0 && r.levels[i] < r.max {
				r.values[done+i] = nil
				continue
			}
			r.values[done+i] = r.at(next)
			next++
		}
		if next != present {
			return errors.New("more or fewer values than the levels state")
		}
		done += int(levels)
	}
	return nil
}
