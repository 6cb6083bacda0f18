package omop

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"sort"
	"strings"

	"galien"
	"galien/cdm"
)

// input is a file that holds a table.
type input struct {
	table   cdm.Table
	path    string // within the delivery
	name    string // base name
	size    int64
	parquet bool
	sha256  string // of the file's bytes, set by hashing
}

// delivery is the tables that a folder or zip file holds.
type delivery struct {
	fsys    fs.FS
	inputs  []input // sorted by table
	ignored []string
	close   func() error
}

// open finds the tables in dir: a folder, a zip file, or a folder that holds
// nothing but a zip file or a folder of tables.
func open(dir string) (*delivery, error) {
	info, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, galien.Errorf(galien.NotFound, "open delivery: %s does not exist", dir)
	}
	if err != nil {
		return nil, fmt.Errorf("open delivery: %w", err)
	}
	if !info.IsDir() {
		return openZip(dir)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("open delivery: %w", err)
	}
	zipped := ""
	zips := 0
	for _, e := range entries {
		if !hidden(e.Name()) && strings.EqualFold(filepath.Ext(e.Name()), ".zip") {
			zips++
			zipped = filepath.Join(dir, e.Name())
		}
	}
	d, err := find(os.DirFS(dir), dir)
	if galien.KindOf(err) == galien.Invalid && zips == 1 {
		return openZip(zipped)
	}
	return d, err
}

func openZip(path string) (*delivery, error) {
	z, err := zip.OpenReader(path)
	if err != nil {
		return nil, galien.Errorf(galien.Invalid, "open delivery: %s is neither a folder nor a whole zip file; give a folder of OMOP tables, or copy the zip file again", path)
	}
	d, err := find(z, path)
	if err != nil {
		return nil, errors.Join(err, z.Close())
	}
	d.close = z.Close
	return d, nil
}

// hidden reports whether a file is not part of a delivery.
func hidden(name string) bool { return strings.HasPrefix(name, ".") || name == "__MACOSX" }

// find lists the tables of the top folder, or of its only folder when the top
// has none.
func find(fsys fs.FS, shown string) (*delivery, error) {
	at := "."
	for {
		d, sub, err := list(fsys, at)
		if err != nil {
			return nil, err
		}
		if len(d.inputs) > 0 {
			return d, nil
		}
		if len(sub) != 1 {
			return nil, galien.Errorf(galien.Invalid,
				"open delivery: %s holds no OMOP CDM table: expected files such as PERSON.csv, person.csv.gz or person.parquet", shown)
		}
		at = path.Join(at, sub[0])
	}
}

func list(fsys fs.FS, at string) (d *delivery, folders []string, err error) {
	entries, err := fs.ReadDir(fsys, at)
	if err != nil {
		return nil, nil, fmt.Errorf("open delivery: %w", err)
	}
	d = &delivery{fsys: fsys, close: func() error { return nil }}
	seen := map[string]string{}
	for _, e := range entries {
		name := e.Name()
		if hidden(name) {
			continue
		}
		if e.IsDir() {
			folders = append(folders, name)
			continue
		}
		base, kind, ok := tableName(name)
		if !ok {
			continue
		}
		t, ok := cdm.Lookup(base)
		if !ok {
			d.ignored = append(d.ignored, safeFileName(name))
			continue
		}
		if other := seen[t.Name]; other != "" {
			return nil, nil, galien.Errorf(galien.Conflict,
				"open delivery: both %s and %s hold the table %s; keep one of them", other, name, t.Name)
		}
		seen[t.Name] = name
		info, err := fs.Stat(fsys, path.Join(at, name))
		if err != nil {
			return nil, nil, fmt.Errorf("open delivery: %w", err)
		}
		d.inputs = append(d.inputs, input{table: t, path: path.Join(at, name), name: name, size: info.Size(), parquet: kind == "parquet"})
	}
	sort.Slice(d.inputs, func(i, j int) bool { return d.inputs[i].table.Name < d.inputs[j].table.Name })
	return d, folders, nil
}

// tableName cuts a file name into table and kind; false for other files.
func tableName(name string) (table, kind string, ok bool) {
	lower := strings.ToLower(name)
	for _, k := range []string{"csv", "csv.gz", "parquet"} {
		if table, ok := strings.CutSuffix(lower, "."+k); ok {
			return table, k, true
		}
	}
	return "", "", false
}

var plainFile = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.-]{0,99}$`)

// safeFileName returns a name as it is when it looks like one of a table.
func safeFileName(name string) string {
	if plainFile.MatchString(name) {
		return name
	}
	return "(a file whose name is not shown)"
}

// hashFiles sets the hash of every file and calls read with the bytes done.
func (d *delivery) hashFiles(ctx context.Context, read func(n int64)) error {
	return parallel(ctx, len(d.inputs), func(ctx context.Context, i int) error {
		in := &d.inputs[i]
		f, err := d.fsys.Open(in.path)
		if err != nil {
			return fmt.Errorf("read %s: %w", in.name, err)
		}
		defer f.Close()
		h := sha256.New()
		if _, err := io.Copy(h, &counted{ctx: ctx, r: f, read: read}); err != nil {
			return readError(in.name, err)
		}
		in.sha256 = hex.EncodeToString(h.Sum(nil))
		return nil
	})
}

// counted reports the bytes that pass and ends when its context does.
type counted struct {
	ctx  context.Context
	r    io.Reader
	read func(n int64)
	sum  hash.Hash // nil when not wanted
}

func (c *counted) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := c.r.Read(p)
	if n > 0 {
		c.read(int64(n))
		if c.sum != nil {
			c.sum.Write(p[:n])
		}
	}
	return n, err
}

// readError says what is wrong with a file that cannot be read to its end.
func readError(name string, err error) error {
	var corrupt flate.CorruptInputError
	switch {
	case err == nil:
		return nil
	case galien.KindOf(err) != galien.Internal, errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.Is(err, io.ErrUnexpectedEOF):
		return galien.Errorf(galien.Invalid, "read %s: the file is truncated, its compressed data end too early: copy it again and repeat the ingest; nothing was committed", name)
	case errors.Is(err, gzip.ErrHeader), errors.Is(err, gzip.ErrChecksum), errors.Is(err, zip.ErrChecksum), errors.Is(err, zip.ErrFormat), errors.As(err, &corrupt):
		return galien.Errorf(galien.Invalid, "read %s: its compressed data are damaged: copy it again and repeat the ingest; nothing was committed", name)
	}
	return fmt.Errorf("read %s: %w", name, err)
}

// text opens a CSV file as text: gunzipped where it is gzip, without byte order
// mark. A file that is empty, gzip in name only, or UTF-16 is Invalid.
func text(name string, r io.Reader) (io.Reader, error) {
	start := make([]byte, 4)
	n, err := io.ReadFull(r, start)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return nil, readError(name, err)
	}
	if n == 0 {
		return nil, galien.Errorf(galien.Invalid, "read %s: the file is empty: a table without rows still has a header line; export it again, or take the file away", name)
	}
	start = start[:n]
	gz := bytes.HasPrefix(start, []byte{0x1f, 0x8b})
	if strings.HasSuffix(strings.ToLower(name), ".gz") && !gz {
		return nil, galien.Errorf(galien.Invalid, "read %s: the file is not gzip: give it its right name, or compress it", name)
	}
	r = io.MultiReader(bytes.NewReader(start), r)
	if gz {
		z, err := gzip.NewReader(r)
		if err != nil {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return nil, readError(name, err)
		}
		start = make([]byte, 4)
		if n, err = io.ReadFull(z, start); err != nil && err != io.EOF && (err != io.ErrUnexpectedEOF || n == 0) {
			return nil, readError(name, err)
		}
		if n == 0 {
			return nil, galien.Errorf(galien.Invalid, "read %s: the file is empty: a table without rows still has a header line; export it again, or take the file away", name)
		}
		start = start[:n]
		r = io.MultiReader(bytes.NewReader(start), z)
	}
	switch {
	case bytes.HasPrefix(start, []byte{0xff, 0xfe}), bytes.HasPrefix(start, []byte{0xfe, 0xff}), bytes.IndexByte(start, 0) >= 0:
		return nil, galien.Errorf(galien.Invalid, "read %s: the file is UTF-16 or not text: convert it with iconv -f UTF-16 -t UTF-8", name)
	case bytes.HasPrefix(start, []byte{0xef, 0xbb, 0xbf}):
		if _, err := io.ReadFull(r, make([]byte, 3)); err != nil {
			return nil, readError(name, err)
		}
	}
	return r, nil
}
