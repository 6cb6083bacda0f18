// Package identity reads what the files of a source say of who its persons are,
// for package vault/link to compare: a hospital's VID-HOSP, ANO-HOSP and RSS, its
// tables of identities, and the claims' beneficiaries and hospital stays (IR_BEN_R,
// IR_BEN_R_ARC, T_MCOaaC, T_MCOaaB).
//
// It owns the gathering of a person's lines under one id and the reading of
// dates, numbers and places as these files write them. It refuses to mix a
// hospital's files with claims, and to print an identity; it reads no diagnosis
// and no act, and writes nothing.
//
//	src, err := identity.Read(ctx, []string{"hospital/"})
//	err = src.AddTo(linker.A)
//	src.Report.Files // what was read, what was set aside
package identity

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"galien"
	"galien/source/pmsi"
	"galien/vault"
	"galien/vault/link"
)

// FileReport is what was read of one file.
type FileReport struct {
	File  string `json:"file"`
	Kind  string `json:"kind"`
	Lines int64  `json:"lines"`
	// Unread are lines that are not of the kind, or without the id of a person.
	Unread int64 `json:"unread,omitempty"`
}

// Report says what was read.
type Report struct {
	Files []FileReport `json:"files"`
	// SetAside counts files that say nothing of identities.
	SetAside int `json:"files_set_aside"`
	// DroppedStays are hospital stays of the claims whose number of a person is
	// not to be trusted (a return code that is not 0, a filling), is that of no
	// beneficiary, or that have no days.
	DroppedStays int `json:"stays_dropped,omitempty"`
	// Fictitious are beneficiaries under a fictitious number; they are nobody.
	Fictitious int `json:"fictitious_beneficiaries,omitempty"`
}

// Source is the persons of one source. It prints as "[identity]".
type Source struct {
	Report Report
	people map[string]*link.Traits
	claims bool
}

// Format writes "[identity]" whatever the verb.
func (*Source) Format(f fmt.State, _ rune) { io.WriteString(f, "[identity]") }

// Claims reports whether the source is claims: its stays are then numbered by
// year, establishment and RSA, those of a hospital by establishment and
// administrative number.
func (s *Source) Claims() bool { return s.claims }

// AddTo adds the persons to a side of a linker.
func (s *Source) AddTo(side *link.Side) error {
	for id, t := range s.people {
		if err := side.Add(vault.Seal(id), *t); err != nil {
			return err
		}
	}
	return nil
}

// StayID returns the parts of a stay's id: year, establishment and number in
// claims, else establishment and number.
func StayID(id vault.Identity) []string { return strings.Split(id.Reveal(), "|") }

// kinds of file.
const (
	kindPMSI       = "PMSI"
	kindTable      = "identities"
	kindPersons    = "IR_BEN_R"
	kindStays      = "T_MCOaaC"
	kindGeography  = "T_MCOaaB"
	longestLine    = 1 << 20
	firstBytesRead = 1 << 16
)

var (
	personsName = regexp.MustCompile(`(?i)^IR_BEN_R(_ARC)?(_[0-9]+)?\.csv(\.gz)?$`)
	staysName   = regexp.MustCompile(`(?i)^T_MCO([0-9]{2})([CB])(_[0-9]+)?\.csv(\.gz)?$`)
)

// file is one file of the source.
type file struct {
	path, name, kind, year string
}

// Read reads every file of paths, which are files or folders. A folder's files
// that say nothing of identities are set aside; a file that is named and says
// nothing is Invalid, and so is a source without any person.
func Read(ctx context.Context, paths []string) (*Source, error) {
	s := &Source{people: map[string]*link.Traits{}}
	var files []file
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				return nil, galien.Errorf(galien.NotFound, "read identities: %s does not exist", filepath.Base(path))
			}
			return nil, fmt.Errorf("read identities: %w", err)
		}
		named := !info.IsDir()
		err = filepath.WalkDir(path, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			f, err := recognise(path)
			switch {
			case err != nil:
				return err
			case f.kind == "" && named:
				return galien.Errorf(galien.Invalid, "read identities: %s is neither VID-HOSP, ANO-HOSP, RSS or RUM, nor a table of identities, nor IR_BEN_R, T_MCOaaC or T_MCOaaB", f.name)
			case f.kind == "":
				s.Report.SetAside++
			default:
				files = append(files, f)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	slices.SortFunc(files, func(a, b file) int { return strings.Compare(a.path, b.path) })
	files = slices.CompactFunc(files, func(a, b file) bool { return a.path == b.path })
	claims := slices.ContainsFunc(files, func(f file) bool { return f.kind == kindPersons || f.kind == kindStays || f.kind == kindGeography })
	hospital := slices.ContainsFunc(files, func(f file) bool { return f.kind == kindPMSI || f.kind == kindTable })
	var err error
	switch {
	case claims && hospital:
		return nil, galien.Errorf(galien.Invalid, "read identities: a hospital's files and claims are in one source; name them on one side each")
	case claims:
		s.claims = true
		err = s.readClaims(ctx, files)
	case hospital:
		err = s.readHospital(ctx, files)
	}
	if err != nil {
		return nil, err
	}
	if len(s.people) == 0 {
		return nil, galien.Errorf(galien.Invalid, "read identities: no file says who a person is; give VID-HOSP, a table of identities, or IR_BEN_R")
	}
	return s, nil
}

// recognise says of which kind a file is: claims by their names, the others by
// their first line.
func recognise(path string) (file, error) {
	f := file{path: path, name: filepath.Base(path)}
	if personsName.MatchString(f.name) {
		f.kind = kindPersons
		return f, nil
	}
	if m := staysName.FindStringSubmatch(f.name); m != nil {
		f.kind, f.year = kindStays, "20"+m[1]
		if strings.EqualFold(m[2], "B") {
			f.kind = kindGeography
		}
		return f, nil
	}
	in, err := open(path)
	if err != nil {
		return f, err
	}
	defer in.Close()
	b, err := io.ReadAll(io.LimitReader(in, firstBytesRead))
	if err != nil {
		return f, nil // no text: it says nothing of identities
	}
	first, _, _ := strings.Cut(string(bytes.TrimPrefix(b, []byte("\xef\xbb\xbf"))), "\n")
	first = strings.TrimRight(first, "\r\x1a")
	if _, problem := pmsi.Detect(first); problem == nil {
		f.kind = kindPMSI
	} else if columns := headerOf(first); columns.id() >= 0 {
		f.kind = kindTable
	}
	return f, nil
}

// reader is an open file, unpacked.
type reader struct {
	io.Reader
	file *os.File
}

func (r *reader) Close() error { return r.file.Close() }

func open(path string) (*reader, error) {
	fd, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read identities: %w", err)
	}
	b := bufio.NewReaderSize(fd, 1<<16)
	if magic, _ := b.Peek(2); len(magic) == 2 && magic[0] == 0x1f && magic[1] == 0x8b {
		z, err := gzip.NewReader(b)
		if err != nil {
			return nil, errors.Join(galien.Errorf(galien.Invalid, "read %s: damaged gzip; copy it again", filepath.Base(path)), fd.Close())
		}
		return &reader{z, fd}, nil
	}
	return &reader{b, fd}, nil
}

// lines yields the lines of a file that are not empty.
func lines(ctx context.Context, f file, yield func(line string)) (err error) {
	in, err := open(f.path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	scan := bufio.NewScanner(in)
	scan.Buffer(make([]byte, 1<<16), longestLine)
	for n := 0; scan.Scan(); n++ {
		if n%10000 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		b := scan.Bytes()
		if n == 0 {
			b = bytes.TrimPrefix(b, []byte("\xef\xbb\xbf"))
		}
		if text := strings.TrimRight(string(b), "\r\x1a"); strings.TrimSpace(text) != "" {
			yield(text)
		}
	}
	if scan.Err() != nil {
		return galien.Errorf(galien.Invalid, "read %s: it cannot be read to its end: truncated, or a line is too long", f.name)
	}
	return nil
}

// columns are the names of a header, by their place.
type columns map[string]int

// delimiterOf returns the separator of a header.
func delimiterOf(header string) rune {
	best := ';'
	for _, c := range ";,\t|" {
		if strings.Count(header, string(c)) > strings.Count(header, string(best)) {
			best = c
		}
	}
	return best
}

func headerOf(header string) columns {
	c := columns{}
	for i, name := range strings.Split(header, string(delimiterOf(header))) {
		c[strings.ToUpper(strings.Trim(strings.TrimSpace(name), `"`))] = i
	}
	return c
}

// row is one line of a table.
type row struct {
	columns columns
	fields  []string
}

// get returns the first of the columns that is there and filled.
func (r row) get(names ...string) string {
	for _, name := range names {
		if i, ok := r.columns[name]; ok && i < len(r.fields) {
			if s := strings.TrimSpace(r.fields[i]); s != "" {
				return s
			}
		}
	}
	return ""
}

// rows yields the rows of a CSV file.
func rows(ctx context.Context, f file, needs []string, yield func(row)) (count int64, err error) {
	in, err := open(f.path)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	b := bufio.NewReaderSize(in, 1<<16)
	head, err := b.ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, galien.Errorf(galien.Invalid, "read %s: its header cannot be read", f.name)
	}
	head = strings.TrimRight(strings.TrimPrefix(head, "\ufeff"), "\r\n")
	names := headerOf(head)
	for _, need := range needs {
		if _, ok := names[need]; !ok {
			return 0, galien.Errorf(galien.Invalid, "read %s: the column %s is missing", f.name, need)
		}
	}
	table := csv.NewReader(b)
	table.Comma, table.LazyQuotes, table.ReuseRecord, table.FieldsPerRecord = delimiterOf(head), true, true, len(names)
	for {
		fields, err := table.Read()
		switch {
		case errors.Is(err, io.EOF):
			return count, nil
		case errors.Is(err, csv.ErrFieldCount):
			return count, galien.Errorf(galien.Invalid, "read %s: row %d has more or fewer fields than the header", f.name, count+1)
		case err != nil:
			return count, galien.Errorf(galien.Invalid, "read %s: row %d cannot be read: truncated or damaged", f.name, count+1)
		}
		if count++; count%10000 == 0 && ctx.Err() != nil {
			return count, ctx.Err()
		}
		for i, x := range fields {
			if !utf8.ValidString(x) {
				fields[i] = utf8Of(x)
			}
		}
		yield(row{names, fields})
	}
}

// utf8Of turns ISO-8859-1 into UTF-8.
func utf8Of(s string) string {
	r := make([]rune, len(s))
	for i := range len(s) {
		r[i] = rune(s[i])
	}
	return string(r)
}

// person returns the traits of a person, which are made when they are new.
func (s *Source) person(id string) *link.Traits {
	t := s.people[id]
	if t == nil {
		t = &link.Traits{}
		s.people[id] = t
	}
	return t
}

// add appends a value that is not there yet.
func add[T comparable](list *[]T, x T) {
	var none T
	if x != none && !slices.Contains(*list, x) {
		*list = append(*list, x)
	}
}
