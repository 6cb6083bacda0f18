package snds

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"

	"galien"
)

// chunk is how much of a file waits, plain, before it is compressed.
const chunk = 64 << 10

// folder is the set of files in the making. Rows come from one goroutine; what
// they fill is compressed by several, piece by piece, and appended to each
// file in order, so that the bytes do not depend on their number. A file is
// opened for the time of an append only: there are hundreds.
type folder struct {
	dir    string
	tables []*table
	jobs   chan piece
	spare  sync.Pool
	group  sync.WaitGroup

	small *os.File // a file that is not compressed

	mu  sync.Mutex
	err error
}

// piece is a part of a file to compress.
type piece struct {
	t           *table
	plain       []byte
	before      <-chan struct{} // closed once what precedes is in the file
	after       chan<- struct{}
	first, last bool
}

func newFolder(dir string) (*folder, error) {
	for _, sub := range []string{"input/snds/DCIR", "input/snds/PMSI", "input/snds/REF", "input/snds/DECES", "truth"} {
		if err := os.MkdirAll(filepath.Join(dir, filepath.FromSlash(sub)), 0o755); err != nil {
			return nil, fmt.Errorf("make folder: %w", err)
		}
	}
	o := &folder{dir: dir, jobs: make(chan piece, 16)}
	for range max(2, runtime.GOMAXPROCS(0)) {
		o.group.Add(1)
		go o.compress()
	}
	return o, nil
}

// compress takes pieces until there are no more. What it writes is a gzip file
// of one member: pieces end on a byte's edge.
func (o *folder) compress() {
	defer o.group.Done()
	var packed bytes.Buffer
	z, err := flate.NewWriter(&packed, flate.BestSpeed)
	if err != nil {
		panic(err) // the level is a constant that exists
	}
	for p := range o.jobs {
		packed.Reset()
		if p.first {
			packed.Write([]byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 4, 255})
		}
		z.Reset(&packed)
		_, _ = z.Write(p.plain) // a bytes.Buffer takes everything
		if p.last {
			_ = z.Close()
		} else {
			_ = z.Flush()
		}
		<-p.before
		p.t.crc = crc32.Update(p.t.crc, crc32.IEEETable, p.plain)
		p.t.size += int64(len(p.plain))
		if p.last {
			var tail [8]byte
			binary.LittleEndian.PutUint32(tail[:4], p.t.crc)
			binary.LittleEndian.PutUint32(tail[4:], uint32(p.t.size))
			packed.Write(tail[:])
		}
		if err := p.t.append(o.dir, packed.Bytes(), p.first, p.last); err != nil {
			o.fail(err)
		}
		close(p.after)
		o.spare.Put(&p.plain)
	}
}

// append adds a piece to the file, which is open from its first to its last.
func (t *table) append(dir string, b []byte, first, last bool) (err error) {
	if first {
		t.file, err = os.OpenFile(filepath.Join(dir, filepath.FromSlash(t.path)), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	}
	if t.file == nil {
		if err != nil {
			return fmt.Errorf("write claims: %w", err)
		}
		return nil // told before
	}
	_, err = t.file.Write(b)
	if last || err != nil {
		if closing := t.file.Close(); err == nil {
			err = closing
		}
		t.file = nil
	}
	if err != nil {
		return fmt.Errorf("write claims: %w", err)
	}
	return nil
}

func (o *folder) fail(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err == nil {
		o.err = err
	}
}

// failure returns the first error so far.
func (o *folder) failure() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.err
}

// close ends every file and waits for all of them.
func (o *folder) close() error {
	for _, t := range o.tables {
		t.flush(true)
	}
	close(o.jobs)
	o.group.Wait()
	return o.failure()
}

// table is one file: rows of cells between semicolons. Cells are given in the
// order of the layout; those of columns that the year lacks are dropped.
type table struct {
	out    *folder
	path   string
	active []bool
	cell   int  // of the layout
	filled bool // a cell of this row is written
	plain  []byte
	begun  bool
	before <-chan struct{}
	rows   int64

	// What follows is the compressors'.
	file *os.File
	crc  uint32
	size int64
}

// open starts a file with the columns that the layout has in a year.
func (o *folder) open(path string, l layout, year int) *table {
	ready := make(chan struct{})
	close(ready)
	t := &table{out: o, path: path + ".csv.gz", before: ready}
	for _, c := range l {
		on := c.in(year)
		t.active = append(t.active, on)
		if on {
			if len(t.plain) > 0 {
				t.plain = append(t.plain, ';')
			}
			t.plain = append(t.plain, c.name...)
		}
	}
	t.plain = append(t.plain, '\n')
	o.tables = append(o.tables, t)
	return t
}

// flush hands what waits to the compressors.
func (t *table) flush(last bool) {
	done := make(chan struct{})
	t.out.jobs <- piece{t, t.plain, t.before, done, !t.begun, last}
	t.before, t.begun, t.plain = done, true, nil
	if !last {
		if b, ok := t.out.spare.Get().(*[]byte); ok {
			t.plain = (*b)[:0]
		}
	}
}

// next prepares a cell and reports whether the year has it.
func (t *table) next() bool {
	on := t.active[t.cell]
	t.cell++
	if on {
		if t.filled {
			t.plain = append(t.plain, ';')
		}
		t.filled = true
	}
	return on
}

func (t *table) text(s string) *table {
	if t.next() {
		t.plain = append(t.plain, s...)
	}
	return t
}

func (t *table) int(n int) *table {
	if t.next() {
		t.plain = strconv.AppendInt(t.plain, int64(n), 10)
	}
	return t
}

// padded writes a number with zeros before it.
func (t *table) padded(n, width int) *table {
	if t.next() {
		t.plain = appendPadded(t.plain, n, width)
	}
	return t
}

func appendPadded(b []byte, n, width int) []byte {
	var digits [20]byte
	d := strconv.AppendInt(digits[:0], int64(n), 10)
	for range width - len(d) {
		b = append(b, '0')
	}
	return append(b, d...)
}

// cents writes n/100 with two decimals.
func (t *table) cents(n int) *table {
	if t.next() {
		if n < 0 {
			t.plain = append(t.plain, '-')
			n = -n
		}
		t.plain = strconv.AppendInt(t.plain, int64(n/100), 10)
		t.plain = append(t.plain, '.', byte('0'+n/10%10), byte('0'+n%10))
	}
	return t
}

// written holds the days of care and what surrounds them as AAAA-MM-JJ.
var (
	firstWritten = galien.MustDate("2008-01-01")
	lastWritten  = galien.MustDate("2025-12-31")
	written      = func() (all [][10]byte) {
		for d := firstWritten; d <= lastWritten; d++ {
			all = append(all, [10]byte(appendDay(nil, d)))
		}
		return all
	}()
)

// day writes a date as AAAA-MM-JJ.
func (t *table) day(d galien.Date) *table {
	if !t.next() {
		return t
	}
	if d >= firstWritten && d <= lastWritten {
		t.plain = append(t.plain, written[d-firstWritten][:]...)
	} else {
		t.plain = appendDay(t.plain, d)
	}
	return t
}

func appendDay(b []byte, d galien.Date) []byte {
	y, m, day := d.Civil()
	return append(appendMonth(b, y, m, "-"), '-', byte('0'+day/10), byte('0'+day%10))
}

func appendMonth(b []byte, y, m int, between string) []byte {
	b = append(b, byte('0'+y/1000), byte('0'+y/100%10), byte('0'+y/10%10), byte('0'+y%10))
	b = append(b, between...)
	return append(b, byte('0'+m/10), byte('0'+m%10))
}

// month writes a date as AAAAMM.
func (t *table) month(d galien.Date) *table {
	if !t.next() {
		return t
	}
	if d >= firstWritten && d <= lastWritten {
		text := &written[d-firstWritten]
		t.plain = append(append(t.plain, text[:4]...), text[5:7]...)
	} else {
		y, m, _ := d.Civil()
		t.plain = appendMonth(t.plain, y, m, "")
	}
	return t
}

// cells writes n cells at once, which every year has.
func (t *table) cells(text []byte, n int) *table {
	if t.next() {
		t.plain = append(t.plain, text...)
		t.cell += n - 1
	}
	return t
}

// french writes a date as JJMMAAAA.
func (t *table) french(d galien.Date) *table {
	if t.next() {
		y, m, day := d.Civil()
		t.plain = append(t.plain, byte('0'+day/10), byte('0'+day%10), byte('0'+m/10), byte('0'+m%10))
		t.plain = append(t.plain, byte('0'+y/1000), byte('0'+y/100%10), byte('0'+y/10%10), byte('0'+y%10))
	}
	return t
}

// moment writes a date as 02JAN2017:00:00:00.
func (t *table) moment(d galien.Date) *table {
	if t.next() {
		y, m, day := d.Civil()
		t.plain = append(t.plain, byte('0'+day/10), byte('0'+day%10))
		t.plain = append(t.plain, "JANFEBMARAPRMAYJUNJULAUGSEPOCTNOVDEC"[3*m-3:3*m]...)
		t.plain = append(t.plain, byte('0'+y/1000), byte('0'+y/100%10), byte('0'+y/10%10), byte('0'+y%10))
		t.plain = append(t.plain, ":00:00:00"...)
	}
	return t
}

// null leaves n cells empty.
func (t *table) null(n int) *table {
	for range n {
		t.next()
	}
	return t
}

// end writes the row. It panics when cells were forgotten: a layout and the
// code that fills it are written together.
func (t *table) end() {
	if t.cell != len(t.active) {
		panic(fmt.Sprintf("snds: %s: a row of %d cells, not %d", t.path, t.cell, len(t.active)))
	}
	t.plain = append(t.plain, '\n')
	t.cell, t.filled = 0, false
	t.rows++
	if len(t.plain) >= chunk {
		t.flush(false)
	}
}
