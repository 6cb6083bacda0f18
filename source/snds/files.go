package snds

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"sort"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"

	"galien"
)

// input is one extract file.
type input struct {
	table  Table
	path   string
	name   string // base name
	period string // "", "2016", "201901": flux month or year, or year of the PMSI
	part   string
	year   int // 0 when the name does not say it
	size   int64

	// Set by check.
	sha256    string
	delimiter byte
	columns   []string // as in the header, in upper case
	latin1    bool
	lines     int64
}

// delivery is the extract files that a folder holds.
type delivery struct {
	inputs   []*input // sorted by table, period and part
	setAside []string
	ignored  []string
}

var (
	// pmsiName is the name of a PMSI table: field, year, table.
	pmsiName = regexp.MustCompile(`^T_(MCO|SSR|HAD|RIP|SUP)(AA|[0-9]{2})_?([A-Z0-9_]+?)$`)
	// suffix is a period, and a part of it, at the end of a name.
	suffix = regexp.MustCompile(`^(.*?)(?:_((?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])?))?(?:_P?([0-9]{1,3}))?$`)
	// plainName is what may be shown of a name.
	plainName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.-]{0,99}$`)
)

// nameOf cuts a file name into table, period and part. ok is false for a file
// that is no CSV.
func nameOf(file string) (table, period, part string, year int, ok bool) {
	name := strings.ToUpper(file)
	name = strings.TrimSuffix(name, ".GZ")
	name, ok = strings.CutSuffix(name, ".CSV")
	if !ok {
		return "", "", "", 0, false
	}
	if m := suffix.FindStringSubmatch(name); m != nil {
		if _, known := tables()[m[1]]; known || pmsiName.MatchString(m[1]) {
			name, period, part = m[1], m[2], m[3]
		}
	}
	if m := pmsiName.FindStringSubmatch(name); m != nil {
		name = "T_" + m[1] + "AA" + m[3]
		if m[2] != "AA" {
			period = "20" + m[2]
		}
	}
	if len(period) >= 4 {
		fmt.Sscanf(period[:4], "%d", &year)
	}
	return name, period, part, year, true
}

// find lists the extract files in a folder and the folders within it.
func find(dir string) (*delivery, error) {
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil, galien.Errorf(galien.NotFound, "open delivery: %s does not exist", dir)
	}
	d := &delivery{}
	aside := map[string]int{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if strings.HasPrefix(e.Name(), ".") && path != dir {
			if e.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if e.IsDir() {
			return nil
		}
		table, period, part, year, ok := nameOf(e.Name())
		t, known := tables()[table]
		table = t.Name
		switch {
		case !ok || !known:
			d.ignored = append(d.ignored, shownName(e.Name()))
			return nil
		case reads[table] == nil:
			aside[table]++
			return nil
		}
		// Through links, since extracts are often linked rather than copied.
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		d.inputs = append(d.inputs, &input{table: t, path: path, name: e.Name(), period: period, part: part, year: year, size: info.Size()})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("open delivery: %w", err)
	}
	for table, n := range aside {
		d.setAside = append(d.setAside, fmt.Sprintf("%s (%d files)", table, n))
	}
	sort.Strings(d.setAside)
	sort.Strings(d.ignored)
	if len(d.inputs) == 0 {
		return nil, galien.Errorf(galien.Invalid,
			"open delivery: %s holds no file of a table that is read: expected names such as ER_PRS_F_201901.csv.gz, T_MCO19C.csv or IR_BEN_R.csv", dir)
	}
	sort.Slice(d.inputs, func(i, j int) bool {
		a, b := d.inputs[i], d.inputs[j]
		if a.table.Name != b.table.Name {
			return a.table.Name < b.table.Name
		}
		if a.period != b.period {
			return a.period < b.period
		}
		if a.part != b.part {
			return a.part < b.part
		}
		return a.path < b.path
	})
	return d, d.once()
}

// once refuses files that hold the same rows by their names: a table twice for
// a period, or for a year and for a month of it.
func (d *delivery) once() error {
	for i, b := range d.inputs {
		for _, a := range d.inputs[:i] {
			if a.table.Name != b.table.Name {
				continue
			}
			if a.period == b.period && a.part == b.part {
				return galien.Errorf(galien.Conflict, "open delivery: %s and %s both hold the table %s of the same period; keep one of them", a.name, b.name, b.table.Name)
			}
			if a.period != b.period && (a.period == "" || strings.HasPrefix(b.period, a.period)) {
				return galien.Errorf(galien.Conflict, "open delivery: %s holds a period that %s holds too; keep one of them", b.name, a.name)
			}
		}
	}
	return nil
}

// shownName returns a file name as it is when it looks like one of a table.
func shownName(name string) string {
	if plainName.MatchString(name) {
		return name
	}
	return "(a file whose name is not shown)"
}

// check reads every file to its end: its hash, its integrity, its encoding and
// its header. The engine's own reader takes a truncated gzip file for a whole
// one, so this cannot be left out.
func (d *delivery) check(ctx context.Context, read func(n int64)) error {
	err := parallel(ctx, len(d.inputs), func(ctx context.Context, i int) error {
		return d.inputs[i].check(ctx, read)
	})
	if err != nil {
		return err
	}
	seen := map[string]*input{}
	for _, in := range d.inputs {
		// Small tables of two years may be the same; those of persons are not.
		if other := seen[in.sha256]; other != nil && in.lines > 1 && (!reads[in.table.Name].unit.yearly() || slices.Contains(in.columns, "NIR_ANO_17")) {
			return galien.Errorf(galien.Conflict, "check files: %s and %s have the same content; take one of them away", other.name, in.name)
		}
		seen[in.sha256] = in
	}
	return nil
}

// counted reports the bytes that pass, adds them to a hash, and ends when its
// context does.
type counted struct {
	ctx  context.Context
	r    io.Reader
	sum  hash.Hash
	read func(n int64)
}

func (c *counted) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := c.r.Read(p)
	if n > 0 {
		c.sum.Write(p[:n])
		c.read(int64(n))
	}
	return n, err
}

func (in *input) check(ctx context.Context, read func(n int64)) error {
	f, err := os.Open(in.path)
	if err != nil {
		return fmt.Errorf("read %s: %w", in.name, err)
	}
	defer f.Close()
	c := &counted{ctx: ctx, r: f, sum: sha256.New(), read: read}
	r, err := in.text(bufio.NewReaderSize(c, 1<<18))
	if err != nil {
		return err
	}
	var header []byte
	buf := make([]byte, 1<<18)
	kept := 0 // bytes of a rune that the next block completes
	last := byte('\n')
	for {
		n, err := r.Read(buf[kept:])
		block := buf[:kept+n]
		if n > 0 {
			last = block[len(block)-1]
			if header == nil || header[len(header)-1] != '\n' {
				line, _, found := bytes.Cut(block[kept:], []byte("\n"))
				header = append(header, line...)
				if found {
					header = append(header, '\n')
				}
				if len(header) > 1<<20 {
					return galien.Errorf(galien.Invalid, "read %s: its first line is longer than 1 MiB, so it is no header; export the file again", in.name)
				}
			}
			if bytes.IndexByte(block[kept:], 0) >= 0 {
				return galien.Errorf(galien.Invalid, "read %s: the file is UTF-16 or not text (it holds zero bytes): convert it with iconv -f UTF-16 -t UTF-8", in.name)
			}
			in.lines += int64(bytes.Count(block[kept:], []byte("\n")))
			kept = 0
			if !in.latin1 {
				whole := len(block)
				if i := runeStart(block); !utf8.FullRune(block[i:]) {
					whole = i
				}
				in.latin1 = !utf8.Valid(block[:whole])
				if !in.latin1 {
					kept = copy(buf, block[whole:])
				}
			}
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return in.damaged(err)
		}
	}
	if kept > 0 {
		in.latin1 = true
	}
	if last != '\n' {
		in.lines++
	}
	// Whatever follows the compressed data belongs to the file and its hash.
	if _, err := io.Copy(io.Discard, c); err != nil {
		return in.damaged(err)
	}
	in.sha256 = hex.EncodeToString(c.sum.Sum(nil))
	return in.readHeader(header)
}

// runeStart returns the index of the first byte of the last rune.
func runeStart(b []byte) int {
	i := len(b) - 1
	for i > 0 && len(b)-i < utf8.UTFMax && !utf8.RuneStart(b[i]) {
		i--
	}
	return max(i, 0)
}

// text returns the decompressed bytes of a file.
func (in *input) text(r *bufio.Reader) (io.Reader, error) {
	start, err := r.Peek(2)
	if err != nil && err != io.EOF {
		return nil, in.damaged(err)
	}
	zipped := bytes.Equal(start, []byte{0x1f, 0x8b})
	switch {
	case len(start) == 0:
		return nil, galien.Errorf(galien.Invalid, "read %s: the file is empty: a table without rows still has a header line; export it again, or take the file away", in.name)
	case zipped != strings.HasSuffix(strings.ToLower(in.name), ".gz"):
		return nil, galien.Errorf(galien.Invalid, "read %s: the name says that the file is compressed and its content does not, or the other way round: give it its right name", in.name)
	case !zipped:
		return r, nil
	}
	z, err := gzip.NewReader(r)
	if err != nil {
		return nil, in.damaged(err)
	}
	return z, nil
}

// damaged says what is wrong with a file that cannot be read to its end.
func (in *input) damaged(err error) error {
	var corrupt flate.CorruptInputError
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return galien.Errorf(galien.Invalid, "read %s: the file is truncated, its compressed data end too early: copy it again and repeat the ingest; nothing was committed", in.name)
	case errors.Is(err, gzip.ErrHeader), errors.Is(err, gzip.ErrChecksum), errors.As(err, &corrupt):
		return galien.Errorf(galien.Invalid, "read %s: its compressed data are damaged: copy it again and repeat the ingest; nothing was committed", in.name)
	}
	return fmt.Errorf("read %s: %w", in.name, err)
}

// readHeader takes the names of the columns, and by what they are separated.
func (in *input) readHeader(line []byte) error {
	line = bytes.TrimRight(bytes.TrimPrefix(line, []byte("\xef\xbb\xbf")), "\r\n")
	most := -1
	for _, d := range []byte(";,\t|") {
		if n := bytes.Count(line, []byte{d}); n > most {
			in.delimiter, most = d, n
		}
	}
	known := 0
	seen := map[string]bool{}
	for _, name := range strings.Split(string(line), string(in.delimiter)) {
		name = strings.ToUpper(strings.Trim(strings.TrimSpace(name), `"`))
		if _, ok := in.table.column(name); ok {
			if seen[name] {
				return galien.Errorf(galien.Invalid, "read %s: its header has the column %s twice; export the file again", in.name, name)
			}
			seen[name] = true
			known++
		}
		in.columns = append(in.columns, name)
	}
	if known == 0 {
		return galien.Errorf(galien.Invalid, "read %s: its first line has no column of the table %s: the file must begin with a header line", in.name, in.table.Name)
	}
	return nil
}

// unknown returns the columns that the published table lacks, as they may be
// shown.
func (in *input) unknown() (names []string) {
	for i, name := range in.columns {
		if _, ok := in.table.column(name); ok {
			continue
		}
		if !plainName.MatchString(name) {
			name = fmt.Sprintf("(column %d)", i+1)
		}
		names = append(names, name)
	}
	return names
}

// parallel calls do for every number under n, as many at once as there are
// cores, and returns the first error, after which the others are cancelled.
func parallel(ctx context.Context, n int, do func(ctx context.Context, i int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	work := make(chan int)
	var wg sync.WaitGroup
	for range min(n, max(2, runtime.GOMAXPROCS(0))) {
		wg.Go(func() {
			for i := range work {
				if ctx.Err() != nil {
					continue
				}
				if err := do(ctx, i); err != nil {
					cancel(err)
				}
			}
		})
	}
	for i := range n {
		work <- i
	}
	close(work)
	wg.Wait()
	return context.Cause(ctx)
}
