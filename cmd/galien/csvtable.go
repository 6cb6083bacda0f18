package main

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"galien"
)

// tableBuffer is how many bytes of a table wait before they are written.
const tableBuffer = 1 << 16

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// table is a CSV file in the making: fields are appended one by one, and a line
// is ended. An error is kept, and every later call does nothing but return it.
type table struct {
	f    *os.File
	name string
	buf  []byte // not yet written
	at   mark   // what is written
	err  error
}

// mark is a place in a table, after a whole line: how many bytes precede it,
// and their CRC-32C.
type mark struct {
	Bytes int64  `json:"bytes"`
	Sum   uint32 `json:"crc32c"`
}

// createTable makes a file that must not exist, with its header.
func createTable(path string, header ...string) (*table, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", filepath.Base(path), err)
	}
	t := &table{f: f, name: filepath.Base(path)}
	return t, t.row(header...)
}

// reopenTable goes on with a file from a mark, and cuts off what follows it.
func reopenTable(path string, from mark) (*table, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", filepath.Base(path), err)
	}
	t := &table{f: f, name: filepath.Base(path)}
	if err := t.rewind(from); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return t, nil
}

// number, date and text append a field to the line.
func (t *table) number(v int64) { t.buf = append(strconv.AppendInt(t.buf, v, 10), ',') }

func (t *table) date(d galien.Date) { t.buf = append(appendDate(t.buf, d), ',') }

func (t *table) text(s string) { t.buf = append(appendField(t.buf, s), ',') }

// end ends the line.
func (t *table) end() error {
	t.buf[len(t.buf)-1] = '\n'
	if len(t.buf) >= tableBuffer {
		t.flush()
	}
	return t.err
}

// row writes a line of texts.
func (t *table) row(fields ...string) error {
	for _, s := range fields {
		t.text(s)
	}
	return t.end()
}

func (t *table) flush() {
	if t.err != nil {
		t.buf = t.buf[:0]
		return
	}
	n, err := t.f.Write(t.buf)
	t.at.Bytes += int64(n)
	t.at.Sum = crc32.Update(t.at.Sum, castagnoli, t.buf[:n])
	t.buf = t.buf[:0]
	if err != nil {
		t.err = fmt.Errorf("write %s: %w", t.name, err)
	}
}

// mark returns the place after the last line.
func (t *table) mark() (mark, error) {
	t.flush()
	return t.at, t.err
}

// rewind forgets every line after a mark.
func (t *table) rewind(to mark) error {
	t.buf = t.buf[:0]
	if t.err != nil {
		return t.err
	}
	err := t.f.Truncate(to.Bytes)
	if err == nil {
		_, err = t.f.Seek(to.Bytes, io.SeekStart)
	}
	if err != nil {
		t.err = fmt.Errorf("cut %s: %w", t.name, err)
	}
	t.at = to
	return t.err
}

// close writes what waits and closes the file.
func (t *table) close() error {
	t.flush()
	if err := t.f.Close(); err != nil && t.err == nil {
		t.err = fmt.Errorf("write %s: %w", t.name, err)
	}
	return t.err
}

// appendDate appends YYYY-MM-DD.
func appendDate(b []byte, d galien.Date) []byte {
	y, m, day := d.Civil()
	if y < 0 || y > 9999 {
		return append(b, d.String()...)
	}
	return append(b, byte('0'+y/1000), byte('0'+y/100%10), byte('0'+y/10%10), byte('0'+y%10), '-',
		byte('0'+m/10), byte('0'+m%10), '-', byte('0'+day/10), byte('0'+day%10))
}

// appendField appends a field, in quotes where it could be taken for something
// else: the rules, and the bytes, are those of encoding/csv.
func appendField(b []byte, s string) []byte {
	if !needsQuotes(s) {
		return append(b, s...)
	}
	b = append(b, '"')
	for {
		before, after, more := strings.Cut(s, `"`)
		b = append(b, before...)
		if !more {
			return append(b, '"')
		}
		b, s = append(b, `""`...), after
	}
}

func needsQuotes(s string) bool {
	if s == "" {
		return false
	}
	if s == `\.` || strings.ContainsAny(s, ",\"\r\n") {
		return true
	}
	first, _ := utf8.DecodeRuneInString(s)
	return unicode.IsSpace(first)
}
