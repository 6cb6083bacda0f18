// Package source holds what all readers of sources share: the quarantine, the
// index of the rows that could not be kept.
//
// The index says where such a row stood, in which field it failed and why, and
// never what stood there: the text of the row, which may hold an identity, is
// in the vault. An index is a file named by its content, and a snapshot of the
// lake names the index that belongs to it, so that both change in one step.
// This package refuses to judge rows: the readers do.
//
//	b, err := source.NewIndex(dir)
//	err = b.Add(source.Rejection{Table: "death", File: "DEATH.csv", SHA256: sum,
//		Line: 12, Field: "death_date", Code: source.NotDate})
//	id, rows, err := b.Seal()           // durable
//	err = source.ReadIndex(dir, id, func(r source.Rejection) error { ... })
package source

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"galien"
	"galien/durable"
)

// Code says why a row is in quarantine. The list is closed.
type Code string

// The reasons for which a row is kept out.
const (
	UnreadableRow   Code = "unreadable_row"
	RowTooLong      Code = "row_too_long"
	WrongFieldCount Code = "wrong_field_count"
	NotUTF8         Code = "not_utf8"
	RequiredMissing Code = "required_missing"
	NotInteger      Code = "not_integer"
	OutOfRange      Code = "out_of_range"
	NotNumber       Code = "not_number"
	NotDate         Code = "not_date"
	ImplausibleDate Code = "implausible_date"
	DuplicateKey    Code = "duplicate_key"
	UnknownPerson   Code = "unknown_person"
	UnknownEvent    Code = "unknown_event"

	UnknownBeneficiary Code = "unknown_beneficiary"
	AmbiguousPerson    Code = "ambiguous_person"
	OrphanDetail       Code = "orphan_detail"

	UnknownFormat Code = "unknown_format"
	WrongLength   Code = "wrong_length"
	UnknownStay   Code = "unknown_stay"
	UnlinkedStay  Code = "unlinked_stay"
	AmbiguousStay Code = "ambiguous_stay"
)

// reasons are the codes in words, each with what can be done.
var reasons = map[Code]string{
	UnreadableRow:   "the row cannot be cut into fields (a quote that does not close, or a zero byte): mend the export",
	RowTooLong:      "the row is longer than 64 MiB, as after a quote that does not close: mend the export",
	WrongFieldCount: "the row has more or fewer fields than the header: quote the fields that hold the separator",
	NotUTF8:         "the text is not UTF-8: convert the file, for example with iconv -f ISO-8859-1 -t UTF-8",
	RequiredMissing: "a field without which the row says nothing is empty",
	NotInteger:      "the field is not a whole number",
	OutOfRange:      "the number does not fit into 64 bits",
	NotNumber:       "the field is not a number (the decimal sign is a point)",
	NotDate:         "the field is not a date of the calendar (expected YYYY-MM-DD)",
	ImplausibleDate: "the year is before 1800 or after 2300",
	DuplicateKey:    "an earlier row has the same key",
	UnknownPerson:   "PERSON has no such person: bring PERSON, then galien quarantine HUB --replay",

	UnknownEvent: "neither the delivery nor the hub has the row that the cost is of (cost_domain_id, cost_event_id), or two persons have it: bring COST with the tables of events",

	UnknownBeneficiary: "no beneficiary table has this number: bring IR_BEN_R and IR_BEN_R_ARC, then ingest again",
	AmbiguousPerson:    "the number is that of several persons (twins of the same sex), and the row does not say which",
	OrphanDetail:       "the line of claim that this row details is not in the extract: bring the whole flux month, then ingest again",

	UnknownFormat: "the line says no kind and version that this program knows (docs/sources/pmsi.md lists them)",
	WrongLength:   "the line is not as long as its version and its counters say: export the file again",
	UnknownStay:   "no VID-HOSP or ANO-HOSP line has this administrative number of stay: bring the VID-HOSP of the same stays, then ingest again",
	UnlinkedStay:  "no TRA line has the index of this RSA with days in its month and as many as its nights: bring the TRA that was made with it, then ingest again",
	AmbiguousStay: "several TRA lines fit this RSA, and name different stays: ingest one establishment and one transmission at a time",
}

// Reason returns the code in words, with what can be done about it.
func (c Code) Reason() string { return reasons[c] }

// Known reports whether c is in the closed list.
func (c Code) Known() bool { return reasons[c] != "" }

// Rejection says which row was kept out and why, without any value of it.
type Rejection struct {
	// Table is the CDM table, in lower case.
	Table string `json:"table"`
	// File is the base name of the input file, and SHA256 its hash.
	File   string `json:"file"`
	SHA256 string `json:"sha256"`
	// Line is the line on which the row begins, from 1, the header included;
	// in a Parquet file the number of the row, from 1.
	Line int64 `json:"line"`
	// Field is the column that failed, in lower case; empty when it was the row
	// as a whole.
	Field string `json:"field,omitempty"`
	Code  Code   `json:"code"`
}

const (
	indexExt = ".ndjson"
	idLen    = 16
)

// Index is an index being written. It is used from one goroutine.
type Index struct {
	dir  string
	f    *os.File
	w    *bufio.Writer
	sum  hash.Hash
	rows int64
	done bool
}

// NewIndex begins an index in dir, which it creates.
func NewIndex(dir string) (*Index, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("write quarantine: %w", err)
	}
	f, err := os.CreateTemp(dir, "writing-*.tmp")
	if err != nil {
		return nil, fmt.Errorf("write quarantine: %w", err)
	}
	x := &Index{dir: dir, f: f, sum: sha256.New()}
	x.w = bufio.NewWriterSize(io.MultiWriter(f, x.sum), 1<<16)
	return x, nil
}

// Add appends a rejection.
func (x *Index) Add(r Rejection) error {
	line, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("write quarantine: %w", err)
	}
	x.rows++
	if _, err := x.w.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("write quarantine: %w", err)
	}
	return nil
}

// Seal makes the index durable and returns its id, the first 16 digits of the
// SHA-256 of its content, and its rows. An empty index leaves no file and has
// the id "".
func (x *Index) Seal() (id string, rows int64, err error) {
	if x.rows == 0 {
		return "", 0, x.Close()
	}
	x.done = true
	err = errors.Join(x.w.Flush(), x.f.Sync(), x.f.Close())
	if err == nil {
		id = hex.EncodeToString(x.sum.Sum(nil))[:idLen]
		err = os.Rename(x.f.Name(), filepath.Join(x.dir, id+indexExt))
	}
	if err == nil {
		err = durable.SyncFolder(x.dir)
	}
	if err != nil {
		return "", 0, fmt.Errorf("write quarantine: %w", errors.Join(err, removeIfThere(x.f.Name())))
	}
	return id, x.rows, nil
}

// Close drops an index that was not sealed.
func (x *Index) Close() error {
	if x.done {
		return nil
	}
	x.done = true
	if err := errors.Join(x.f.Close(), os.Remove(x.f.Name())); err != nil {
		return fmt.Errorf("drop quarantine: %w", err)
	}
	return nil
}

// WriteIndex makes an index of rejections durable and returns its id and its
// rows, as Seal does.
func WriteIndex(dir string, rows iter.Seq[Rejection]) (id string, n int64, err error) {
	x, err := NewIndex(dir)
	if err != nil {
		return "", 0, err
	}
	for r := range rows {
		if err := x.Add(r); err != nil {
			return "", 0, errors.Join(err, x.Close())
		}
	}
	return x.Seal()
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// ReadIndex yields the rejections of an index, in the order of writing. The id
// "" is the empty index. A file that is missing, or whose content is not what
// its name says, is Corrupt.
func ReadIndex(dir, id string, yield func(Rejection) error) error {
	if id == "" {
		return nil
	}
	name := id + indexExt
	f, err := os.Open(filepath.Join(dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return galien.Errorf(galien.Corrupt, "read quarantine: the index %s is missing", name)
	}
	if err != nil {
		return fmt.Errorf("read quarantine: %w", err)
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return fmt.Errorf("read quarantine: %w", err)
	}
	if got := hex.EncodeToString(sum.Sum(nil)); !strings.HasPrefix(got, id) || len(id) != idLen {
		return galien.Errorf(galien.Corrupt, "read quarantine: the content of the index %s is not what its name says", name)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("read quarantine: %w", err)
	}
	lines := bufio.NewReaderSize(f, 1<<16)
	for n := 1; ; n++ {
		line, err := lines.ReadBytes('\n')
		if err == io.EOF && len(line) == 0 {
			return nil
		}
		if err != nil && err != io.EOF {
			return fmt.Errorf("read quarantine: %w", err)
		}
		var r Rejection
		d := json.NewDecoder(bytes.NewReader(line))
		d.DisallowUnknownFields()
		if err := d.Decode(&r); err != nil || !r.Code.Known() {
			return galien.Errorf(galien.Corrupt, "read quarantine: line %d of the index %s is not a rejection", n, name)
		}
		if err := yield(r); err != nil {
			return err
		}
	}
}

// Count is how many rows of a file are in quarantine for one field and reason.
type Count struct {
	Table string `json:"table"`
	File  string `json:"file"`
	Field string `json:"field,omitempty"`
	Code  Code   `json:"code"`
	Rows  int64  `json:"rows"`
}

// Tally counts rejections by table, file, field and code.
type Tally map[Count]int64

// Add counts a rejection.
func (t Tally) Add(r Rejection) {
	t[Count{Table: r.Table, File: r.File, Field: r.Field, Code: r.Code}]++
}

// Counts returns the counts by table, file, field and code.
func (t Tally) Counts() []Count {
	list := make([]Count, 0, len(t))
	for c, n := range t {
		c.Rows = n
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b Count) int {
		return cmp.Or(cmp.Compare(a.Table, b.Table), cmp.Compare(a.File, b.File), cmp.Compare(a.Field, b.Field), cmp.Compare(a.Code, b.Code))
	})
	return list
}

// CleanIndexes removes from dir the indexes that keep does not name and what an
// interrupted writer left. Only the holder of the lake's lock may call it.
func CleanIndexes(dir string, keep map[string]bool) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("clean quarantine: %w", err)
	}
	for _, e := range entries {
		id, isIndex := strings.CutSuffix(e.Name(), indexExt)
		left := strings.HasPrefix(e.Name(), "writing-") && strings.HasSuffix(e.Name(), ".tmp")
		if left || isIndex && len(id) == idLen && !keep[id] {
			if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
				return fmt.Errorf("clean quarantine: %w", err)
			}
		}
	}
	return nil
}
