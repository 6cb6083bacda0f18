package pmsi

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"galien"
)

// longestLine is more than any line of these formats needs.
const longestLine = 1 << 20

// input is one file of a delivery.
type input struct {
	path   string
	name   string // base name, as it may be shown
	size   int64
	sha256 string
	lines  map[*Format]int64 // lines read of each format
}

// delivery is the files of one load.
type delivery struct{ inputs []*input }

// plainName is what may be shown of a name: one that begins with a letter, since
// some programs name a file after the stay that it holds.
var plainName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.-]{0,99}$`)

// find looks at the files by name.
func find(paths []string) (*delivery, error) {
	if len(paths) == 0 {
		return nil, galien.Errorf(galien.Invalid, "open delivery: no file is named")
	}
	d := &delivery{}
	for _, path := range paths {
		info, err := os.Stat(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil, galien.Errorf(galien.NotFound, "open delivery: %s does not exist", path)
		case err != nil:
			return nil, fmt.Errorf("open delivery: %w", err)
		case info.IsDir():
			return nil, galien.Errorf(galien.Invalid, "open delivery: %s is a folder: name the files in it, for example %s", path, filepath.Join(path, "*.txt"))
		case !info.Mode().IsRegular():
			return nil, galien.Errorf(galien.Invalid, "open delivery: %s is no regular file", path)
		}
		in := &input{path: path, name: filepath.Base(path), size: info.Size(), lines: map[*Format]int64{}}
		if !plainName.MatchString(in.name) {
			in.name = fmt.Sprintf("(file %d, whose name is not shown)", len(d.inputs)+1)
		}
		d.inputs = append(d.inputs, in)
	}
	return d, nil
}

// check reads every file to its end: its hash, and whether it holds any line
// that can be read.
func (d *delivery) check(ctx context.Context, read func(n int64)) error {
	bySum := map[string]*input{}
	for _, in := range d.inputs {
		if err := in.check(ctx); err != nil {
			return err
		}
		read(in.size)
		if other := bySum[in.sha256]; other != nil {
			return galien.Errorf(galien.Conflict, "open delivery: %s and %s have the same content: name one of them", other.name, in.name)
		}
		bySum[in.sha256] = in
	}
	return nil
}

// id names the content of the delivery, in whatever order the files came.
func (d *delivery) id() string {
	sums := make([]string, len(d.inputs))
	for i, in := range d.inputs {
		sums[i] = in.sha256
	}
	slices.Sort(sums)
	sum := sha256.Sum256([]byte(strings.Join(sums, "\n")))
	return hex.EncodeToString(sum[:])[:16]
}

func (in *input) check(ctx context.Context) error {
	known, first := false, ""
	sum := sha256.New()
	err := in.each(ctx, sum, func(line int64, text string) error {
		if known {
			return nil
		}
		if _, problem := Detect(text); problem == nil {
			known = true
		} else if first == "" {
			first = text
		}
		return nil
	})
	if err != nil {
		return err
	}
	in.sha256 = hex.EncodeToString(sum.Sum(nil))
	switch {
	case known:
		return nil
	case first == "":
		return galien.Errorf(galien.Invalid, "read %s: the file is empty", in.name)
	}
	found := fmt.Sprintf("the first line has %d characters and no version where these formats have it", len(latin1Of(first)))
	if kind := kindOf(latin1Of(first)); kind != "" {
		found = fmt.Sprintf("the first line seems to be %s of the version %s", kind, versionOf(kind, latin1Of(first)))
	}
	return galien.Errorf(galien.Invalid, "read %s: no line is of a known format: %s; known are %s", in.name, found, knownVersions())
}

// each yields the lines of the file that are not empty, with their number from
// 1 and without their ends. What is read goes to w, too.
func (in *input) each(ctx context.Context, w io.Writer, yield func(line int64, text string) error) (err error) {
	fd, err := os.Open(in.path)
	if err != nil {
		return fmt.Errorf("read %s: %w", in.name, withoutPath(err))
	}
	defer func() { err = errors.Join(err, fd.Close()) }()
	lines := bufio.NewScanner(io.TeeReader(fd, w))
	lines.Buffer(make([]byte, 1<<16), longestLine)
	var n int64
	for lines.Scan() {
		n++
		if n%10000 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		b := lines.Bytes()
		if n == 1 {
			b = bytes.TrimPrefix(b, []byte("\xef\xbb\xbf"))
		}
		// The end of a file of old programs.
		text := strings.TrimRight(string(b), "\r\x1a")
		if strings.TrimSpace(text) == "" {
			continue
		}
		if err := yield(n, text); err != nil {
			return err
		}
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		return galien.Errorf(galien.Invalid, "read %s: line %d is longer than a million characters: this is no file of the PMSI", in.name, n+1)
	}
	if lines.Err() != nil {
		return fmt.Errorf("read %s: %w", in.name, withoutPath(lines.Err()))
	}
	return nil
}

// withoutPath takes the path, which may hold a name that is not shown, out of
// an error.
func withoutPath(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
