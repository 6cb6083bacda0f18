package airlock

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"galien"
	"galien/ledger"
	"galien/release"
)

// The kinds of what is in the register.
const (
	// KindReviewed left through the airlock.
	KindReviewed = "reviewed"
	// KindTable is a table that disclosure control cleared (galien release).
	KindTable = "table"
)

// Entry is one line of the public register: what left, and nothing of who. It
// is what is in register/NNNNNN.json.
type Entry struct {
	Format int    `json:"format"`
	Number int    `json:"number"`
	Kind   string `json:"kind"`
	Title  string `json:"title"`
	Permit string `json:"permit"`
	// Purpose and PurposeKind are those of the permit.
	Purpose     string `json:"purpose"`
	PurposeKind string `json:"purpose_kind"`
	// Date is the day on which it left.
	Date galien.Date `json:"date"`
	// Group and Version name what was reviewed; empty for a table.
	Group   string         `json:"group,omitempty"`
	Version int            `json:"version,omitempty"`
	Files   []RegisterFile `json:"files"`
	// FilesSHA256 is the hash of the list of files, which the audit log has too.
	// Lines of before scorecards went with every release have none.
	FilesSHA256 string `json:"files_sha256,omitempty"`
	// NoScorecard says why no scorecard is among the files.
	NoScorecard string `json:"no_scorecard,omitempty"`
	// Ledger says how many of the numbers that left the ledger judged; nil of a
	// table, whose numbers it judged all.
	Ledger *ledger.Reviewed `json:"ledger,omitempty"`
}

// RegisterFile is a file that left.
type RegisterFile struct {
	Name   string `json:"name"`
	SHA256 string `json:"sha256"`
	Size   int64  `json:"size"`
}

// leaves lists the files of a version that its release takes out.
func (v Version) leaves() []RegisterFile {
	var out []RegisterFile
	for _, f := range v.Files {
		if !f.Stays {
			out = append(out, RegisterFile{Name: f.Name, SHA256: f.SHA256, Size: f.Size})
		}
	}
	return out
}

// FilesDetail is the detail of an audit entry that has the hash of the list of the
// files that left.
const FilesDetail = "files_sha256"

// FilesHash is the hash of a list of files: of each its SHA-256, two spaces, its
// name and a line feed.
func FilesHash(files []release.File) string {
	var all []RegisterFile
	for _, f := range files {
		all = append(all, RegisterFile{Name: f.Name, SHA256: sum(f.Content)})
	}
	return filesHash(all)
}

func filesHash(files []RegisterFile) string {
	var b strings.Builder
	for _, f := range files {
		fmt.Fprintf(&b, "%s  %s\n", f.SHA256, f.Name)
	}
	return sum([]byte(b.String()))
}

// Register returns everything that left, oldest first. It fails with Corrupt
// when a line before the last is gone.
func (a *Airlock) Register() ([]Entry, error) {
	lines, err := os.ReadDir(filepath.Join(a.dir, "register"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("airlock: %w", err)
	}
	last := 0
	for _, l := range lines {
		if n, err := strconv.Atoi(strings.TrimSuffix(l.Name(), ".json")); err == nil {
			last = max(last, n)
		}
	}
	out := []Entry{}
	for n := 1; n <= last; n++ {
		path := registerFile(n)
		b, err := os.ReadFile(filepath.Join(a.dir, path))
		if errors.Is(err, fs.ErrNotExist) {
			return nil, galien.Errorf(galien.Corrupt, "airlock: %s is gone: take it back from a backup", path)
		}
		if err != nil {
			return nil, fmt.Errorf("airlock: %w", err)
		}
		var e Entry
		if err := parse(path, b, &e); err != nil {
			return nil, err
		}
		if e.Format != format || e.Number != n {
			return nil, galien.Errorf(galien.Corrupt, "airlock: %s is of another number or format", path)
		}
		out = append(out, e)
	}
	return out, nil
}

func registerFile(n int) string { return filepath.Join("register", fmt.Sprintf("%06d.json", n)) }

// released returns the line of the register of a version, or nil.
func released(register []Entry, v Version) *Entry {
	i := slices.IndexFunc(register, func(e Entry) bool { return e.Group == v.Group && e.Version == v.Version })
	if i < 0 {
		return nil
	}
	return &register[i]
}

// add writes a line of the register after those there are, and returns it with
// its number. The caller holds the lock.
func (a *Airlock) add(register []Entry, e Entry) (Entry, error) {
	e.Format, e.Number = format, len(register)+1
	b, err := document(e)
	if err != nil {
		return Entry{}, err
	}
	return e, keep(filepath.Join(a.dir, registerFile(e.Number)), b)
}
