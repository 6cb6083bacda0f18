package lake

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
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
	order := t.kept(ByPerson)
	for _, f := range t.Files {
		if f.Order != order {
			continue
		}
		if err := readFile(ctx, s.Path(f), columns, yield); err != nil {
			return err
		}
	}
	return nil
}

// readFile calls yield with each row of a Parquet file.
func readFile(ctx context.Context, path string, columns []string, yield func(row []any) error) error {
	r, err := openParquet(path)
	if err != nil {
		return err
	}
	defer r.Close()
	root := r.MetaData().Schema
	index := make([]int, len(columns))
	for i, name := range columns {
		if index[i] = root.ColumnIndexByName(name); index[i] < 0 {
			return galien.Errorf(galien.Corrupt, "read %s: the file has no column %s", path, name)
		}
	}
	row := make([]any, len(columns))
	readers := make([]*columnReader, len(columns))
	for g := 0; g < r.NumRowGroups(); g++ {
		var rows int64
		err := guarded(path, func() error {
			group := r.RowGroup(g)
			rows = group.NumRows()
			for i := range columns {
				chunk, err := group.Column(index[i])
				if err != nil {
					return err
				}
				if readers[i], err = newColumnReader(chunk, root.Column(index[i])); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		for done := int64(0); done < rows; {
			if err := ctx.Err(); err != nil {
				return err
			}
			n := int(min(batchRows, rows-done))
			err := guarded(path, func() error {
				for i, c := range readers {
					if err := c.fill(n); err != nil {
						return fmt.Errorf("column %s: %w", columns[i], err)
					}
				}
				return nil
			})
			if err != nil {
				return err
			}
			for j := range n {
				for i, c := range readers {
					row[i] = c.values[j]
				}
				if err := yield(row); err != nil {
					return err
				}
			}
			done += int64(n)
		}
	}
	return nil
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
