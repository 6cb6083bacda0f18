package omop

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/schema"

	"galien"
)

// parquetBatch is how many values of a column are decoded at once.
const parquetBatch = 8192

// parquetRecords yields the rows of a Parquet file as records of text, so that
// one set of rules reads every format.
type parquetRecords struct {
	name    string
	file    *file.Reader
	group   int              // row groups opened
	columns []*parquetColumn // of the open row group
	left    int64            // rows left in it
	line    int64
	cells   []byte
	ends    []int
	fields  [][]byte
}

// openParquet opens a Parquet file and returns its header as a line of CSV.
func openParquet(name string, f fs.File) (p *parquetRecords, header []byte, err error) {
	at, ok := f.(parquet.ReaderAtSeeker)
	if !ok {
		return nil, nil, galien.Errorf(galien.Invalid, "read %s: a Parquet file inside a zip file: unpack the zip file first", name)
	}
	p = &parquetRecords{name: name}
	err = guarded(name, func() (err error) {
		p.file, err = file.NewParquetReader(at)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	s := p.file.MetaData().Schema
	for i := range s.NumColumns() {
		p.fields = append(p.fields, []byte(s.Column(i).Name()))
	}
	return p, p.csv(), nil
}

// guarded turns a failure of the decoder, be it an error or a panic, into
// Invalid without the decoder's text.
func guarded(name string, f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = errors.New("the decoder failed")
		}
		if err != nil && err != io.EOF && galien.KindOf(err) == galien.Internal {
			err = galien.Errorf(galien.Invalid, "read %s: the file is not a whole Parquet file: write it or copy it again; nothing was committed", name)
		}
	}()
	return f()
}

// next returns the next row; io.EOF after the last.
func (p *parquetRecords) next() (rec record, err error) {
	err = guarded(p.name, func() error {
		for p.left == 0 {
			if p.group == p.file.NumRowGroups() {
				return io.EOF
			}
			if err := p.openGroup(); err != nil {
				return err
			}
		}
		p.left--
		p.line++
		p.cells, p.ends, p.fields = p.cells[:0], p.ends[:0], p.fields[:0]
		for _, c := range p.columns {
			if p.cells, err = c.next(p.cells); err != nil {
				return err
			}
			p.ends = append(p.ends, len(p.cells))
		}
		return nil
	})
	if err != nil {
		return record{}, err
	}
	from := 0
	for _, end := range p.ends {
		p.fields = append(p.fields, p.cells[from:end])
		from = end
	}
	return record{line: p.line, fields: p.fields}, nil
}

func (p *parquetRecords) openGroup() error {
	g := p.file.RowGroup(p.group)
	p.group++
	p.left = g.NumRows()
	p.columns = p.columns[:0]
	s := p.file.MetaData().Schema
	for i := range s.NumColumns() {
		chunk, err := g.Column(i)
		if err != nil {
			return err
		}
		c, err := newParquetColumn(chunk, s.Column(i))
		if err != nil {
			return galien.Errorf(galien.Invalid, "read %s: column %d holds %w: write it as numbers, text or dates", p.name, i+1, err)
		}
		p.columns = append(p.columns, c)
	}
	return nil
}

// close releases the decoder.
func (p *parquetRecords) close() { _ = p.file.Close() }

// csv writes the fields as a line of CSV.
func (p *parquetRecords) csv() []byte {
	var line []byte
	for i, f := range p.fields {
		if i > 0 {
			line = append(line, ',')
		}
		line = append(line, '"')
		line = append(line, bytes.ReplaceAll(f, []byte{'"'}, []byte(`""`))...)
		line = append(line, '"')
	}
	return line
}

// parquetColumn decodes one column of one row group, value by value.
type parquetColumn struct {
	levels   []int16
	max      int16
	at, size int // in levels
	value    int // values used of the batch
	read     func() (levels int64, values int, err error)
	append   func(to []byte, i int) []byte
}

// next appends the next value as text, nothing for null.
func (c *parquetColumn) next(to []byte) ([]byte, error) {
	if c.at == c.size {
		n, _, err := c.read()
		if err != nil {
			return to, err
		}
		if n == 0 {
			return to, errors.New("fewer values than rows")
		}
		c.at, c.size, c.value = 0, int(n), 0
	}
	c.at++
	if c.levels[c.at-1] < c.max {
		return to, nil
	}
	c.value++
	return c.append(to, c.value-1), nil
}

func newParquetColumn(chunk file.ColumnChunkReader, column *schema.Column) (*parquetColumn, error) {
	c := &parquetColumn{levels: make([]int16, parquetBatch), max: column.MaxDefinitionLevel()}
	if column.MaxRepetitionLevel() > 0 || c.max > 1 {
		return nil, errors.New("lists or structures")
	}
	integer, err := integerText(column.LogicalType())
	if err != nil {
		return nil, err
	}
	switch chunk := chunk.(type) {
	case *file.BooleanColumnChunkReader:
		buf := make([]bool, parquetBatch)
		c.read = func() (int64, int, error) { return chunk.ReadBatch(parquetBatch, buf, c.levels, nil) }
		c.append = func(to []byte, i int) []byte {
			if buf[i] {
				return append(to, '1')
			}
			return append(to, '0')
		}
	case *file.Int32ColumnChunkReader:
		buf := make([]int32, parquetBatch)
		c.read = func() (int64, int, error) { return chunk.ReadBatch(parquetBatch, buf, c.levels, nil) }
		c.append = func(to []byte, i int) []byte { return integer(to, int64(buf[i])) }
	case *file.Int64ColumnChunkReader:
		buf := make([]int64, parquetBatch)
		c.read = func() (int64, int, error) { return chunk.ReadBatch(parquetBatch, buf, c.levels, nil) }
		c.append = func(to []byte, i int) []byte { return integer(to, buf[i]) }
	case *file.Int96ColumnChunkReader:
		buf := make([]parquet.Int96, parquetBatch)
		c.read = func() (int64, int, error) { return chunk.ReadBatch(parquetBatch, buf, c.levels, nil) }
		c.append = func(to []byte, i int) []byte { return buf[i].ToTime().UTC().AppendFormat(to, datetimeText) }
	case *file.Float32ColumnChunkReader:
		buf := make([]float32, parquetBatch)
		c.read = func() (int64, int, error) { return chunk.ReadBatch(parquetBatch, buf, c.levels, nil) }
		c.append = func(to []byte, i int) []byte { return strconv.AppendFloat(to, float64(buf[i]), 'g', -1, 32) }
	case *file.Float64ColumnChunkReader:
		buf := make([]float64, parquetBatch)
		c.read = func() (int64, int, error) { return chunk.ReadBatch(parquetBatch, buf, c.levels, nil) }
		c.append = func(to []byte, i int) []byte { return strconv.AppendFloat(to, buf[i], 'g', -1, 64) }
	case *file.ByteArrayColumnChunkReader:
		buf := make([]parquet.ByteArray, parquetBatch)
		c.read = func() (int64, int, error) { return chunk.ReadBatch(parquetBatch, buf, c.levels, nil) }
		c.append = func(to []byte, i int) []byte { return append(to, buf[i]...) }
		if d, ok := column.LogicalType().(schema.DecimalLogicalType); ok {
			c.append = func(to []byte, i int) []byte { return appendDecimal(to, buf[i], int(d.Scale())) }
		}
	case *file.FixedLenByteArrayColumnChunkReader:
		d, ok := column.LogicalType().(schema.DecimalLogicalType)
		if !ok {
			return nil, errors.New("bytes of a fixed length")
		}
		buf := make([]parquet.FixedLenByteArray, parquetBatch)
		c.read = func() (int64, int, error) { return chunk.ReadBatch(parquetBatch, buf, c.levels, nil) }
		c.append = func(to []byte, i int) []byte { return appendDecimal(to, buf[i], int(d.Scale())) }
	default:
		return nil, errors.New("values of an unknown type")
	}
	return c, nil
}

const datetimeText = "2006-01-02 15:04:05.999999"

// integerText says how the integers of a logical type are written.
func integerText(t schema.LogicalType) (func(to []byte, n int64) []byte, error) {
	switch t := t.(type) {
	case schema.DateLogicalType:
		return func(to []byte, n int64) []byte {
			return time.Unix(n*86400, 0).UTC().AppendFormat(to, "2006-01-02")
		}, nil
	case schema.TimestampLogicalType:
		unit := map[schema.TimeUnitType]int64{schema.TimeUnitMillis: 1e3, schema.TimeUnitMicros: 1e6, schema.TimeUnitNanos: 1e9}[t.TimeUnit()]
		if unit == 0 {
			return nil, errors.New("times of an unknown unit")
		}
		return func(to []byte, n int64) []byte {
			seconds, rest := n/unit, n%unit
			return time.Unix(seconds, rest*(1e9/unit)).UTC().AppendFormat(to, datetimeText)
		}, nil
	case schema.DecimalLogicalType:
		scale := int(t.Scale())
		return func(to []byte, n int64) []byte {
			return appendDecimal(to, binary.BigEndian.AppendUint64(nil, uint64(n)), scale)
		}, nil
	case *schema.IntLogicalType:
		if !t.IsSigned() && t.BitWidth() == 64 {
			return func(to []byte, n int64) []byte { return strconv.AppendUint(to, uint64(n), 10) }, nil
		}
		if !t.IsSigned() && t.BitWidth() == 32 {
			return func(to []byte, n int64) []byte { return strconv.AppendUint(to, uint64(uint32(n)), 10) }, nil
		}
	}
	return func(to []byte, n int64) []byte { return strconv.AppendInt(to, n, 10) }, nil
}

// appendDecimal appends a big-endian two's complement number with scale digits
// after the point.
func appendDecimal(to, bytes []byte, scale int) []byte {
	n := new(big.Int).SetBytes(bytes)
	if len(bytes) > 0 && bytes[0] >= 0x80 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(bytes))))
	}
	if scale <= 0 {
		return n.Append(to, 10)
	}
	if n.Sign() < 0 {
		to = append(to, '-')
		n.Neg(n)
	}
	return append(to, decimalText(n, scale)...)
}

func decimalText(n *big.Int, scale int) string {
	s := n.String()
	s = strings.Repeat("0", max(0, scale+1-len(s))) + s
	return s[:len(s)-scale] + "." + s[len(s)-scale:]
}
