package vocab

import (
	"archive/zip"
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"galien"
	"galien/cdm"
	"galien/lake"
)

// needed are the tables without which nothing is loaded; the other tables of
// the vocabulary are empty where their file is missing.
var needed = []string{"concept", "concept_ancestor", "concept_relationship", "vocabulary"}

// tables are the tables of a vocabulary download.
func tables() (list []cdm.Table) {
	for _, t := range cdm.Tables() {
		if t.Vocabulary && t.Name != "source_to_concept_map" {
			list = append(list, t)
		}
	}
	return list
}

// input is the file of one table.
type input struct {
	table  cdm.Table
	path   string // within the delivery
	name   string // base name
	size   int64
	sha256 string
}

// delivery is a folder or zip file with the tables of a vocabulary.
type delivery struct {
	fsys    fs.FS
	inputs  []input // sorted by table
	ignored []string
	close   func() error
}

// find lists the tables in dir, a folder or a zip file, at its top or in its
// only folder.
func find(dir string) (*delivery, error) {
	info, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, galien.Errorf(galien.NotFound, "open vocabulary: %s does not exist", dir)
	}
	if err != nil {
		return nil, fmt.Errorf("open vocabulary: %w", err)
	}
	d := &delivery{fsys: os.DirFS(dir), close: func() error { return nil }}
	if !info.IsDir() {
		z, err := zip.OpenReader(dir)
		if err != nil {
			return nil, galien.Errorf(galien.Invalid, "open vocabulary: %s is neither a folder nor a whole zip file; give the folder or the zip file of an Athena download", dir)
		}
		d.fsys, d.close = z, z.Close
	}
	if err := d.list(dir); err != nil {
		return nil, errors.Join(err, d.close())
	}
	return d, nil
}

func (d *delivery) list(shown string) error {
	at := "."
	for {
		entries, err := fs.ReadDir(d.fsys, at)
		if err != nil {
			return fmt.Errorf("open vocabulary: %w", err)
		}
		var folders []string
		for _, e := range entries {
			name := e.Name()
			if strings.HasPrefix(name, ".") || name == "__MACOSX" {
				continue
			}
			if e.IsDir() {
				folders = append(folders, name)
				continue
			}
			if err := d.add(path.Join(at, name)); err != nil {
				return err
			}
		}
		if len(d.inputs) > 0 || len(folders) != 1 {
			break
		}
		at = path.Join(at, folders[0])
	}
	slices.SortFunc(d.inputs, func(a, b input) int { return strings.Compare(a.table.Name, b.table.Name) })
	var missing []string
	for _, name := range needed {
		if !slices.ContainsFunc(d.inputs, func(in input) bool { return in.table.Name == name }) {
			missing = append(missing, strings.ToUpper(name)+".csv")
		}
	}
	if len(missing) > 0 {
		return galien.Errorf(galien.Invalid, "open vocabulary: %s has no %s: give the folder or the zip file of an Athena download, with all its files", shown, strings.Join(missing, ", "))
	}
	return nil
}

// add takes a file that has the name of a table, and sets others aside.
func (d *delivery) add(at string) error {
	name := path.Base(at)
	lower := strings.TrimSuffix(strings.ToLower(name), ".gz")
	base, isCSV := strings.CutSuffix(lower, ".csv")
	i := slices.IndexFunc(tables(), func(t cdm.Table) bool { return t.Name == base })
	if !isCSV || i < 0 {
		d.ignored = append(d.ignored, name)
		return nil
	}
	t := tables()[i]
	for _, other := range d.inputs {
		if other.table.Name == t.Name {
			return galien.Errorf(galien.Conflict, "open vocabulary: both %s and %s hold the table %s; keep one of them", other.name, name, t.Name)
		}
	}
	info, err := fs.Stat(d.fsys, at)
	if err != nil {
		return fmt.Errorf("open vocabulary: %w", err)
	}
	d.inputs = append(d.inputs, input{table: t, path: at, name: name, size: info.Size()})
	return nil
}

// hash sets the hash of every file and calls read with the bytes done.
func (d *delivery) hash(ctx context.Context, read func(n int64)) error {
	for i := range d.inputs {
		in := &d.inputs[i]
		f, err := d.fsys.Open(in.path)
		if err != nil {
			return readError(in.name, err)
		}
		h := sha256.New()
		_, err = io.Copy(h, &counted{ctx: ctx, r: f, read: read})
		if err = errors.Join(err, f.Close()); err != nil {
			return readError(in.name, err)
		}
		in.sha256 = hex.EncodeToString(h.Sum(nil))
	}
	return nil
}

// id names the content of the files and the rules of their reading.
func (d *delivery) id() string {
	h := sha256.New()
	fmt.Fprintf(h, "vocabulary %s\n", ReaderVersion)
	for _, in := range d.inputs {
		fmt.Fprintf(h, "%s %s %s\n", in.table.Name, in.name, in.sha256)
	}
	return hex.EncodeToString(h.Sum(nil))[:16]
}

// files are the inputs of a table, or of all tables for "".
func (d *delivery) files(table string) (list []lake.Input) {
	for _, in := range d.inputs {
		if table == "" || in.table.Name == table {
			list = append(list, lake.Input{Name: in.name, SHA256: in.sha256})
		}
	}
	return list
}

// counted reports the bytes that pass and ends when its context does.
type counted struct {
	ctx  context.Context
	r    io.Reader
	read func(n int64)
}

func (c *counted) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := c.r.Read(p)
	c.read(int64(n))
	return n, err
}

// readError says what is wrong with a file that cannot be read to its end.
func readError(name string, err error) error {
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, gzip.ErrChecksum), errors.Is(err, gzip.ErrHeader), errors.Is(err, zip.ErrChecksum), errors.Is(err, zip.ErrFormat):
		return galien.Errorf(galien.Invalid, "read %s: the file is truncated or damaged: download it again; nothing was committed", filepath.Base(name))
	}
	return fmt.Errorf("read %s: %w", filepath.Base(name), err)
}

// text opens a file as text: gunzipped where it is gzip, without byte order mark.
func text(name string, r io.Reader) (*bufio.Reader, error) {
	b := bufio.NewReaderSize(r, 1<<20)
	if start, _ := b.Peek(2); bytes.Equal(start, []byte{0x1f, 0x8b}) {
		z, err := gzip.NewReader(b)
		if err != nil {
			return nil, readError(name, err)
		}
		b = bufio.NewReaderSize(z, 1<<20)
	}
	start, err := b.Peek(3)
	switch {
	case len(start) == 0:
		if err != nil && err != io.EOF {
			return nil, readError(name, err)
		}
		return nil, galien.Errorf(galien.Invalid, "read %s: the file is empty: download it again; nothing was committed", name)
	case start[0] == 0xff || start[0] == 0xfe || bytes.IndexByte(start, 0) >= 0:
		return nil, galien.Errorf(galien.Invalid, "read %s: the file is UTF-16 or not text: convert it with iconv -f UTF-16 -t UTF-8; nothing was committed", name)
	case bytes.Equal(start, []byte{0xef, 0xbb, 0xbf}):
		if _, err := b.Discard(3); err != nil {
			return nil, readError(name, err)
		}
	}
	return b, nil
}
