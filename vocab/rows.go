package vocab

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"galien"
	"galien/cdm"
)

// rows gives the rows of a file, each cut into fields, with its line from 1.
// The fields are valid until the next call; io.EOF comes after the last.
type rows interface {
	next() (fields [][]byte, line int64, err error)
}

// fault is what stops the reading of a file: its line, and the field when one
// is at fault.
func fault(in input, line int64, field, what string) error {
	if field != "" {
		field = ", " + field
	}
	return galien.Errorf(galien.Invalid, "read %s: line %d%s: %s; download the vocabulary again, nothing was committed", in.name, line, field, what)
}

// tabbed reads a file of Athena: tabs between the fields, and quotes are text.
type tabbed struct {
	in     input
	r      *bufio.Reader
	line   int64
	fields [][]byte
}

func (t *tabbed) next() ([][]byte, int64, error) {
	for {
		text, err := t.r.ReadSlice('\n')
		switch {
		case err == io.EOF && len(text) == 0:
			return nil, 0, io.EOF
		case err == io.EOF:
			return nil, 0, fault(t.in, t.line+1, "", "the line does not end, as in a file that was cut short")
		case errors.Is(err, bufio.ErrBufferFull):
			return nil, 0, fault(t.in, t.line+1, "", "the line is longer than a mebibyte")
		case err != nil:
			return nil, 0, readError(t.in.name, err)
		}
		t.line++
		text = bytes.TrimSuffix(text[:len(text)-1], []byte("\r"))
		if len(text) == 0 {
			continue
		}
		t.fields = t.fields[:0]
		for {
			field, rest, more := bytes.Cut(text, []byte("\t"))
			t.fields = append(t.fields, field)
			if !more {
				return t.fields, t.line, nil
			}
			text = rest
		}
	}
}

// quoted reads a file with commas, as other tools write the same tables.
type quoted struct {
	in     input
	csv    *csv.Reader
	last   *lastByte
	fields [][]byte
}

// lastByte remembers the last byte that passed.
type lastByte struct {
	r io.Reader
	b byte
}

func (l *lastByte) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	if n > 0 {
		l.b = p[n-1]
	}
	return n, err
}

func (q *quoted) next() ([][]byte, int64, error) {
	record, err := q.csv.Read()
	var wrong *csv.ParseError
	switch {
	case err == io.EOF && q.last.b != '\n':
		return nil, 0, galien.Errorf(galien.Invalid, "read %s: the last line does not end, as in a file that was cut short: download the vocabulary again; nothing was committed", q.in.name)
	case err == io.EOF:
		return nil, 0, io.EOF
	case errors.As(err, &wrong):
		return nil, 0, fault(q.in, int64(wrong.StartLine), "", "the quotes of the row do not close")
	case err != nil:
		return nil, 0, readError(q.in.name, err)
	}
	line, _ := q.csv.FieldPos(0)
	q.fields = q.fields[:0]
	for _, f := range record {
		q.fields = append(q.fields, []byte(f))
	}
	return q.fields, int64(line), nil
}

// openRows reads the header of a file: with a tab in it, fields are cut at tabs,
// else at commas.
func openRows(in input, r io.Reader) (rows, *layout, error) {
	b, err := text(in.name, r)
	if err != nil {
		return nil, nil, err
	}
	var source rows = &tabbed{in: in, r: b}
	start, err := b.Peek(4096)
	if err != nil && err != io.EOF {
		return nil, nil, readError(in.name, err)
	}
	header, _, _ := bytes.Cut(start, []byte("\n"))
	if bytes.IndexByte(header, '\t') < 0 {
		last := &lastByte{r: b}
		c := csv.NewReader(last)
		c.ReuseRecord, c.FieldsPerRecord = true, -1
		source = &quoted{in: in, csv: c, last: last}
	}
	fields, _, err := source.next()
	if err == io.EOF {
		return nil, nil, fault(in, 1, "", "there is no header")
	}
	if err != nil {
		return nil, nil, err
	}
	l, err := newLayout(in, fields)
	return source, l, err
}

// layout says where the columns of the table stand in a file.
type layout struct {
	in     input
	width  int
	place  []int // by column of the table
	local  []bool
	others []string // columns that the table lacks
	row    []any
}

func newLayout(in input, header [][]byte) (*layout, error) {
	l := &layout{in: in, width: len(header), row: make([]any, len(in.table.Columns))}
	var names []string
	for _, h := range header {
		names = append(names, strings.ToLower(strings.Trim(string(h), " \"")))
	}
	var missing []string
	for _, c := range in.table.Columns {
		i := slices.Index(names, c.Name)
		if i < 0 {
			missing = append(missing, c.Name)
		}
		l.place = append(l.place, i)
		l.local = append(l.local, c.Name == "concept_id" || c.References == "concept")
	}
	if len(missing) > 0 {
		return nil, fault(in, 1, "", "the header has no "+strings.Join(missing, ", "))
	}
	for _, name := range names {
		if _, ok := in.table.Column(name); !ok {
			l.others = append(l.others, name)
		}
	}
	return l, nil
}

// read turns the fields of a row into values. The slice is used again.
func (l *layout) read(fields [][]byte, line int64) ([]any, error) {
	if len(fields) != l.width {
		return nil, fault(l.in, line, "", strconv.Itoa(len(fields))+" fields where the header has "+strconv.Itoa(l.width))
	}
	for i, c := range l.in.table.Columns {
		v, what := value(c, fields[l.place[i]])
		if n, ok := v.(int64); ok && l.local[i] && (n < 0 || n >= FirstLocal) {
			what = "the id is not one of Athena's (0 to 1,999,999,999); ids from 2,000,000,000 on are local"
		}
		if what != "" {
			return nil, fault(l.in, line, c.Name, what)
		}
		l.row[i] = v
	}
	return l.row, nil
}

// value reads a field, and says what is wrong with it. An empty one is null.
func value(c cdm.Column, b []byte) (v any, what string) {
	if len(b) == 0 {
		if c.Required {
			return nil, "the field is empty"
		}
		return nil, ""
	}
	switch c.Type {
	case cdm.Integer:
		n, err := strconv.ParseInt(string(b), 10, 64)
		if err != nil {
			return nil, "the field is not a whole number"
		}
		return n, ""
	case cdm.Float:
		x, err := strconv.ParseFloat(string(b), 64)
		if err != nil || math.IsInf(x, 0) || math.IsNaN(x) {
			return nil, "the field is not a number"
		}
		return x, ""
	case cdm.Date:
		d, ok := day(string(b))
		if !ok {
			return nil, "the field is not a date (expected yyyymmdd)"
		}
		return d, ""
	}
	if !utf8.Valid(b) {
		return nil, "the text is not UTF-8"
	}
	if bytes.IndexByte(b, 0) >= 0 {
		return nil, "the text has a zero byte"
	}
	return string(b), ""
}

// day reads a date as Athena writes it, yyyymmdd, or with hyphens.
func day(s string) (galien.Date, bool) {
	if len(s) == 8 {
		s = s[:4] + "-" + s[4:6] + "-" + s[6:]
	}
	d, err := galien.ParseDate(s)
	return d, err == nil
}
