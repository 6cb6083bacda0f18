package lake

import (
	"errors"
	"io/fs"
	"math"
	"os"

	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/metadata"

	"galien"
)

// What stands for null in the columns that Columns reads: a NaN among floats,
// which the lake holds none of, and these.
const (
	NoInt64 = math.MinInt64
	NoDate  = galien.Date(math.MinInt32)
)

// Columns reads a file of the lake column by column, a row group at a time,
// for engines that go through few columns of many rows. It holds the file's
// footer and nothing else, and may be used by several goroutines.
//
// Rows that have left the file since are not there for it. Row groups have at
// most 122,880 rows. A slice that a method returns belongs to the caller.
type Columns struct {
	path string
	meta *metadata.FileMetaData
	gone [][]int32 // places of the rows that are not there, by group; nil for none
}

// Open reads the footer of the data file, and which of its rows are there. It
// fails with Corrupt when a file is missing or not one that was written.
func (p Part) Open() (*Columns, error) {
	path, _ := p.Paths()
	r, err := openParquet(path)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	c := &Columns{path: path, meta: r.MetaData()}
	positions, err := p.removed()
	if err != nil {
		return nil, err
	}
	c.gone = inGroups(positions, c.Groups(), func(g int) int64 { return c.meta.RowGroup(g).NumRows() })
	return c, nil
}

// Groups returns the number of row groups.
func (c *Columns) Groups() int { return c.meta.NumRowGroups() }

// Rows returns the number of rows of a group, which may be 0 where all have
// left.
func (c *Columns) Rows(group int) int { return c.held(group) - len(c.left(group)) }

// held returns the number of rows of a group in the file.
func (c *Columns) held(group int) int { return int(c.meta.RowGroup(group).NumRows()) }

// left returns the places of the rows of a group that are not there.
func (c *Columns) left(group int) []int32 {
	if c.gone == nil {
		return nil
	}
	return c.gone[group]
}

// without returns values without those at some places, in the same memory.
func without[T any](values []T, gone []int32) []T {
	if len(gone) == 0 {
		return values
	}
	n := int(gone[0])
	for i, place := range gone {
		next := len(values)
		if i+1 < len(gone) {
			next = int(gone[i+1])
		}
		n += copy(values[n:], values[place+1:next])
	}
	return values[:n]
}

// Bounds returns values of an integer column that no row of a group is below
// or above, and false when the file does not state them or all are null. Rows
// that have left may have set them.
func (c *Columns) Bounds(group int, column string) (low, high int64, stated bool) {
	i := c.meta.Schema.ColumnIndexByName(column)
	if i < 0 {
		return 0, 0, false
	}
	err := guarded(c.path, func() error {
		chunk, err := c.meta.RowGroup(group).ColumnChunk(i)
		if err != nil {
			return err
		}
		set, err := chunk.StatsSet()
		if err != nil || !set {
			return err
		}
		stats, err := chunk.Statistics()
		if err != nil {
			return err
		}
		if s, ok := stats.(*metadata.Int64Statistics); ok && s.HasMinMax() {
			low, high, stated = s.Min(), s.Max(), true
		}
		return nil
	})
	return low, high, stated && err == nil
}

// Int64s returns an integer column of a group, NoInt64 for null. It fails for
// a value that is NoInt64 itself, which could not be told from null.
func (c *Columns) Int64s(group int, column string) ([]int64, error) {
	values := make([]int64, c.held(group))
	err := readChunk(c, group, column, values, NoInt64,
		func(r *file.Int64ColumnChunkReader, into []int64, levels []int16) (int64, int, error) {
			total, n, err := r.ReadBatch(int64(len(into)), into, levels, nil)
			for _, v := range into[:n] {
				if v == NoInt64 {
					return 0, 0, errors.New("the column " + column + " holds -2^63, which stands for no value here")
				}
			}
			return total, n, err
		})
	return without(values, c.left(group)), err
}

// Dates returns a date column of a group, NoDate for null.
func (c *Columns) Dates(group int, column string) ([]galien.Date, error) {
	raw := make([]int32, c.held(group))
	err := readChunk(c, group, column, raw, int32(NoDate),
		func(r *file.Int32ColumnChunkReader, into []int32, levels []int16) (int64, int, error) {
			return r.ReadBatch(int64(len(into)), into, levels, nil)
		})
	raw = without(raw, c.left(group))
	values := make([]galien.Date, len(raw))
	for i, v := range raw {
		values[i] = galien.Date(v)
	}
	return values, err
}

// Floats returns a floating-point column of a group, NaN for null.
func (c *Columns) Floats(group int, column string) ([]float64, error) {
	values := make([]float64, c.held(group))
	err := readChunk(c, group, column, values, math.NaN(),
		func(r *file.Float64ColumnChunkReader, into []float64, levels []int16) (int64, int, error) {
			return r.ReadBatch(int64(len(into)), into, levels, nil)
		})
	return without(values, c.left(group)), err
}

// Text is a value of a text column, which may be null.
type Text struct {
	Value string
	Known bool
}

// Texts returns a text column of a group.
func (c *Columns) Texts(group int, column string) ([]Text, error) {
	values := make([]Text, c.held(group))
	raw := make([]parquet.ByteArray, batchRows)
	err := readChunk(c, group, column, values, Text{},
		func(r *file.ByteArrayColumnChunkReader, into []Text, levels []int16) (int64, int, error) {
			total, n, err := r.ReadBatch(int64(min(len(into), batchRows)), raw, levels, nil)
			for i, v := range raw[:n] {
				into[i] = Text{string(v), true}
			}
			return total, n, err
		})
	return without(values, c.left(group)), err
}

// readChunk decodes a column of a row group into values, whose type is the
// column's. decode reads up to len(into) levels, puts the values present at
// the start of into, and returns the number of levels and of values.
func readChunk[T any, R file.ColumnChunkReader](c *Columns, group int, column string, values []T, null T, decode func(r R, into []T, levels []int16) (int64, int, error)) error {
	f, err := os.Open(c.path)
	if errors.Is(err, fs.ErrNotExist) {
		return galien.Errorf(galien.Corrupt, "read %s: the file is missing", c.path)
	}
	if err != nil {
		return err
	}
	defer f.Close()
	return guarded(c.path, func() error {
		r, err := file.NewParquetReader(f, file.WithMetadata(c.meta))
		if err != nil {
			return err
		}
		i := c.meta.Schema.ColumnIndexByName(column)
		if i < 0 {
			return errors.New("the file has no column " + column)
		}
		chunk, err := r.RowGroup(group).Column(i)
		if err != nil {
			return err
		}
		typed, ok := chunk.(R)
		if !ok {
			return errors.New("the column " + column + " has another type")
		}
		most := c.meta.Schema.Column(i).MaxDefinitionLevel()
		levels := make([]int16, len(values))
		for done := 0; done < len(values); {
			total, present, err := decode(typed, values[done:], levels)
			if err != nil {
				return err
			}
			if total == 0 {
				return errors.New("fewer values than rows")
			}
			// The values present stand together at the start: spread them out
			// from the last to the first.
			if most > 0 && present < int(total) {
				next := present - 1
				for j := int(total) - 1; j >= 0; j-- {
					if levels[j] < most {
						values[done+j] = null
						continue
					}
					if next < 0 {
						return errors.New("fewer values than the levels state")
					}
					values[done+j] = values[done+next]
					next--
				}
			}
			done += int(total)
		}
		return nil
	})
}
