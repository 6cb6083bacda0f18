package lake

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"sort"

	"galien"
)

// Snapshot is the state of the lake after one commit. It never changes.
type Snapshot struct {
	// ID is the first 16 hexadecimal digits of the SHA-256 of the manifest.
	ID       string
	Manifest Manifest
	lake     *Lake
}

// Present fails with Corrupt when a file of the snapshot is missing or has
// another size than was written; fsck reads the files whole.
func (s *Snapshot) Present() error {
	for _, t := range s.Manifest.Tables {
		for _, f := range t.Files {
			if err := s.present(f.Name, f.Bytes); err != nil {
				return err
			}
			if r := f.Removed; r.Name != "" {
				if err := s.present(r.Name, r.Bytes); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (s *Snapshot) present(name string, bytes int64) error {
	info, err := os.Stat(s.lake.path(filesDir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return galien.Errorf(galien.Corrupt, "open snapshot %s: %s is missing; restore it from a backup", s.ID, name)
	}
	if err != nil {
		return fmt.Errorf("open snapshot %s: %w", s.ID, err)
	}
	if info.Size() != bytes {
		return galien.Errorf(galien.Corrupt, "open snapshot %s: %s has %d bytes where %d were written; restore it from a backup", s.ID, name, info.Size(), bytes)
	}
	return nil
}

// Source returns what the snapshot says of the source of a name, and false when
// it has none of it. s may be nil, the lake before its first commit.
func (s *Snapshot) Source(name string) (Source, bool) {
	if s != nil {
		for _, one := range s.Manifest.Sources {
			if one.Name == name {
				return one, true
			}
		}
	}
	return Source{}, false
}

// sourceName is the form of a source's name.
var sourceName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// AdmitSource reports whether a load of a source may follow the snapshot, which
// may be nil: a lake holds one source, which keeps its kind. It fails with
// Invalid for a name that is none, and with Conflict beside another source.
func (s *Snapshot) AdmitSource(name, kind string) error {
	if !sourceName.MatchString(name) {
		return galien.Errorf(galien.Invalid, "ingest: the name of a source is 1 to 64 letters, digits, points, underscores and hyphens, the first a letter or digit")
	}
	if s == nil {
		return nil
	}
	for _, one := range s.Manifest.Sources {
		switch {
		case one.Kind != kind:
			return galien.Errorf(galien.Conflict, "ingest: the hub holds the source %q of kind %s, and a hub holds one source: make another hub", one.Name, one.Kind)
		case one.Name != name:
			return galien.Errorf(galien.Conflict, "ingest: the hub holds the source %q, and a hub holds one source: use --name %s to replace its tables, or make another hub", one.Name, one.Name)
		}
	}
	return nil
}

// Table returns the table of a name, and false when the snapshot lacks it.
func (s *Snapshot) Table(name string) (Table, bool) {
	i := sort.Search(len(s.Manifest.Tables), func(i int) bool { return s.Manifest.Tables[i].Name >= name })
	if i < len(s.Manifest.Tables) && s.Manifest.Tables[i].Name == name {
		return s.Manifest.Tables[i], true
	}
	return Table{}, false
}

// Files returns the files of a table in one order and person bucket, oldest
// layer first. A table kept in fewer orders gives what it has: asked by
// concept, a table without a concept gives its files by person; a table without
// a person gives all its rows for any order and bucket. No file means no row.
// Each file is sorted, and the rows of several are in no common order.
func (s *Snapshot) Files(table string, order Order, bucket int) []Part {
	t, _ := s.Table(table)
	return s.parts(t, t.kept(order), func(f File) bool { return f.Bucket == bucket || f.Bucket == NoBucket })
}

// Whole returns the files of one copy of a table: each of its rows once.
func (s *Snapshot) Whole(table string) []Part {
	t, _ := s.Table(table)
	return s.parts(t, t.kept(ByPerson), func(File) bool { return true })
}

// Copy returns the files that a table has in one order, whatever the bucket; none
// when it is not kept in that order.
func (s *Snapshot) Copy(table string, order Order) []Part {
	t, _ := s.Table(table)
	return s.parts(t, order, func(File) bool { return true })
}

func (s *Snapshot) parts(t Table, order Order, which func(File) bool) []Part {
	var list []Part
	for _, f := range t.Files {
		if f.Order == order && which(f) {
			list = append(list, Part{file: f, dir: s.lake.path(filesDir)})
		}
	}
	return list
}

// kept returns the order in which t holds all its rows, order itself if it can.
func (t Table) kept(order Order) Order {
	for _, o := range []Order{order, ByPerson, Plain} {
		if slices.ContainsFunc(t.Files, func(f File) bool { return f.Order == o }) {
			return o
		}
	}
	return order
}

// Buckets returns the person buckets in use, ascending. Every row that belongs
// to a person is in one of them.
func (s *Snapshot) Buckets() []int {
	seen := map[int]bool{}
	var buckets []int
	for _, t := range s.Manifest.Tables {
		for _, f := range t.Files {
			if f.Bucket != NoBucket && !seen[f.Bucket] {
				seen[f.Bucket] = true
				buckets = append(buckets, f.Bucket)
			}
		}
	}
	sort.Ints(buckets)
	return buckets
}
