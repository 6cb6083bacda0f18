package omop

import (
	"bytes"
	"io"

	"galien/source"
)

// maxRecord is the longest record that is read, in bytes.
const maxRecord = 64 << 20

// record is one row of a file. Its slices are valid until the next one.
type record struct {
	line   int64
	raw    []byte   // as it stands in the file, without the last line end
	fields [][]byte // nil when bad
	bad    source.Code
}

// records cuts delimited text into records. It follows RFC 4180, more
// forgiving in one way (a quote inside an unquoted field is text) and stricter
// in another: after a quoted field that does not end well only the line where
// the record began is lost, so that a stray quote does not swallow the rows
// that follow. encoding/csv gives neither the text of a record nor this.
type records struct {
	r       io.Reader
	delim   byte
	quotes  bool
	buf     []byte
	start   int // of what is not consumed
	end     int
	eof     bool
	line    int64
	scratch []byte
	fields  [][]byte
	limit   int
}

func newRecords(r io.Reader) *records {
	return &records{r: r, delim: ',', quotes: true, buf: make([]byte, 1<<18), line: 1, limit: maxRecord}
}

// recordsOf reads a text that is in memory already, without copying it.
func recordsOf(text []byte) *records {
	return &records{delim: ',', quotes: true, buf: text, end: len(text), eof: true, line: 1, limit: maxRecord}
}

// separate sets the separator. With a tab quotes are text, as in the files of
// the vocabulary.
func (c *records) separate(delim byte) {
	c.delim = delim
	c.quotes = delim != '\t'
}

// fill reads more; false at the end of the text or of the patience.
func (c *records) fill() (bool, error) {
	if c.eof || c.end-c.start > c.limit {
		return false, nil
	}
	if c.start > 0 {
		copy(c.buf, c.buf[c.start:c.end])
		c.end -= c.start
		c.start = 0
	}
	if c.end == len(c.buf) {
		grown := make([]byte, 2*len(c.buf))
		copy(grown, c.buf[:c.end])
		c.buf = grown
	}
	n, err := io.ReadAtLeast(c.r, c.buf[c.end:], 1)
	c.end += n
	if err == io.EOF {
		c.eof = true
		return n > 0, nil
	}
	return n > 0, err
}

// endOfLine returns the offset from start of the first line end at or after
// from, or of the end of the text; false when the line is too long.
func (c *records) endOfLine(from int) (int, bool, error) {
	for {
		if i := bytes.IndexByte(c.buf[c.start+from:c.end], '\n'); i >= 0 {
			return from + i, true, nil
		}
		from = c.end - c.start
		more, err := c.fill()
		if err != nil {
			return 0, false, err
		}
		if !more {
			return c.end - c.start, c.eof, nil
		}
	}
}

// consume drops n bytes and the line end that may follow.
func (c *records) consume(n int) {
	c.start += n
	if c.start < c.end && c.buf[c.start] == '\n' {
		c.start++
	}
}

// next returns the next record; io.EOF after the last. Empty lines are no
// records.
func (c *records) next() (record, error) {
	for {
		n, whole, err := c.endOfLine(0)
		if err != nil {
			return record{}, err
		}
		if !whole {
			return c.skipLong()
		}
		if n == 0 && c.start == c.end {
			return record{}, io.EOF
		}
		line := c.line
		text := trimCR(c.buf[c.start : c.start+n])
		if len(text) == 0 {
			c.consume(n)
			c.line++
			continue
		}
		if !c.quotes || bytes.IndexByte(text, '"') < 0 {
			c.fields = c.fields[:0]
			rec := record{line: line, raw: text}
			rec.fields = c.split(text)
			c.consume(n)
			c.line++
			return c.check(rec), nil
		}
		size, lines, ok, err := c.quoted()
		if err != nil {
			return record{}, err
		}
		if !ok {
			// The buffer may have moved.
			rec := record{line: line, raw: trimCR(c.buf[c.start : c.start+n]), bad: source.UnreadableRow}
			c.consume(n)
			c.line++
			return rec, nil
		}
		rec := record{line: line, raw: trimCR(c.buf[c.start : c.start+size]), fields: c.fields}
		c.consume(size)
		c.line += lines
		return c.check(rec), nil
	}
}

// check refuses a record that no text has.
func (c *records) check(rec record) record {
	if bytes.IndexByte(rec.raw, 0) >= 0 {
		rec.fields, rec.bad = nil, source.UnreadableRow
	}
	return rec
}

func trimCR(b []byte) []byte {
	if n := len(b); n > 0 && b[n-1] == '\r' {
		return b[:n-1]
	}
	return b
}

// split cuts a line without quotes.
func (c *records) split(text []byte) [][]byte {
	for {
		i := bytes.IndexByte(text, c.delim)
		if i < 0 {
			c.fields = append(c.fields, text)
			return c.fields
		}
		c.fields = append(c.fields, text[:i])
		text = text[i+1:]
	}
}

// skipLong passes over a line that is too long, keeping nothing of it.
func (c *records) skipLong() (record, error) {
	rec := record{line: c.line, bad: source.RowTooLong}
	for {
		c.start = c.end
		more, err := c.fill()
		if err != nil {
			return record{}, err
		}
		if !more {
			break
		}
		if i := bytes.IndexByte(c.buf[c.start:c.end], '\n'); i >= 0 {
			c.consume(i)
			break
		}
	}
	c.line++
	return rec, nil
}

// span is a field's place from the record's start; escaped when it holds
// doubled quotes.
type span struct {
	from, to int
	escaped  bool
}

// quoted cuts the record at start, which has quotes and may run over several
// lines. It returns its length without the line end and its number of lines;
// false when a quoted field does not end well.
func (c *records) quoted() (size int, lines int64, ok bool, err error) {
	var spans [64]span
	cut := spans[:0]
	pos, lines := 0, int64(1)
	for {
		// at returns the byte at an offset, 0 at the end of the text.
		at := func(i int) (byte, error) {
			for c.start+i >= c.end {
				more, err := c.fill()
				if err != nil || !more {
					return 0, err
				}
			}
			return c.buf[c.start+i], nil
		}
		b, err := at(pos)
		if err != nil {
			return 0, 0, false, err
		}
		if b != '"' {
			// An unquoted field: to the separator or the end of the line.
			end, whole, err := c.endOfLine(pos)
			if err != nil || !whole {
				return 0, 0, false, err
			}
			rest := c.buf[c.start+pos : c.start+end]
			i := bytes.IndexByte(rest, c.delim)
			if i >= 0 {
				cut = append(cut, span{from: pos, to: pos + i})
				pos += i + 1
				continue
			}
			cut = append(cut, span{from: pos, to: pos + len(trimCR(rest))})
			size = end
			break
		}
		field := span{from: pos + 1}
		i := pos + 1
		for {
			j := bytes.IndexByte(c.buf[c.start+i:c.end], '"')
			if j < 0 {
				i = c.end - c.start
				more, err := c.fill()
				if err != nil || !more {
					return 0, 0, false, err
				}
				continue
			}
			i += j + 1
			b, err := at(i)
			if err != nil {
				return 0, 0, false, err
			}
			if b == '"' && c.start+i < c.end {
				field.escaped = true
				i++
				continue
			}
			break
		}
		field.to = i - 1
		lines += int64(bytes.Count(c.buf[c.start+field.from:c.start+field.to], []byte{'\n'}))
		cut = append(cut, field)
		if b, err = at(i); err != nil {
			return 0, 0, false, err
		}
		if c.start+i < c.end && b == c.delim {
			pos = i + 1
			continue
		}
		if c.start+i < c.end && b == '\r' {
			if b, err = at(i + 1); err != nil {
				return 0, 0, false, err
			}
			i++
		}
		if c.start+i < c.end && b != '\n' {
			return 0, 0, false, nil
		}
		size = i
		break
	}
	c.fields, c.scratch = c.fields[:0], c.scratch[:0]
	for _, s := range cut {
		f := c.buf[c.start+s.from : c.start+s.to]
		if s.escaped {
			f = c.unescape(f)
		}
		c.fields = append(c.fields, f)
	}
	return size, lines, true, nil
}

// unescape returns a field with single quotes for doubled ones.
func (c *records) unescape(f []byte) []byte {
	from := len(c.scratch)
	for {
		i := bytes.IndexByte(f, '"')
		if i < 0 {
			c.scratch = append(c.scratch, f...)
			return c.scratch[from:len(c.scratch):len(c.scratch)]
		}
		c.scratch = append(c.scratch, f[:i+1]...)
		f = f[i+2:]
	}
}
