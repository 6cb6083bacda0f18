package lake

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"

	"github.com/apache/arrow-go/v18/parquet/file"

	"galien"
	"galien/cdm"
)

// Part is a file of a table and the rows that have left it since: the table's
// rows are those of its parts, without those.
type Part struct {
	file File
	dir  string
}

// File returns what the manifest says of the part.
func (p Part) File() File { return p.file }

// Paths returns the path of the data file, and that of its removal: a Parquet
// file whose column PositionColumn holds the places of the rows that are not
// there any more, ascending, the first row of the data file being 0. removed is
// empty when all rows are there.
func (p Part) Paths() (data, removed string) {
	data = filepath.Join(p.dir, p.file.Name)
	if p.file.Removed.Name != "" {
		removed = filepath.Join(p.dir, p.file.Removed.Name)
	}
	return data, removed
}

// What a removal file holds: a column of positions, and in its footer the hash
// of the data file that it is about.
const (
	PositionColumn = "position"
	RemovedFrom    = "galien.removed_from"
)

// removed reads the positions of the rows that are not there, and fails with
// Corrupt when the removal is not the one that was written for this file.
func (p Part) removed() ([]int64, error) {
	_, path := p.Paths()
	if path == "" {
		return nil, nil
	}
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, galien.Errorf(galien.Corrupt, "read %s: the file is missing", path)
	}
	if err != nil {
		return nil, fmt.Errorf("read removal: %w", err)
	}
	if hash(b) != p.file.Removed.SHA256 {
		return nil, galien.Errorf(galien.Corrupt, "read %s: not the file that was written", path)
	}
	positions, from, err := readRemoval(path, b)
	if err != nil {
		return nil, err
	}
	if err := p.file.admits(positions, from); err != nil {
		return nil, galien.Errorf(galien.Corrupt, "read %s: %w", path, err)
	}
	return positions, nil
}

// readRemoval decodes the bytes of a removal file: its positions, and the hash
// of the data file that it is about.
func readRemoval(path string, b []byte) (positions []int64, from string, err error) {
	err = guarded(path, func() error {
		r, err := file.NewParquetReader(bytes.NewReader(b))
		if err != nil {
			return err
		}
		defer r.Close()
		if v := r.MetaData().KeyValueMetadata().FindValue(RemovedFrom); v != nil {
			from = *v
		}
		for g := range r.NumRowGroups() {
			chunk, err := r.RowGroup(g).Column(0)
			if err != nil {
				return err
			}
			column, err := newColumnReader(chunk, r.MetaData().Schema.Column(0))
			if err != nil {
				return err
			}
			for left := r.RowGroup(g).NumRows(); left > 0; {
				n := int(min(batchRows, left))
				if err := column.fill(n); err != nil {
					return err
				}
				for _, v := range column.values[:n] {
					position, ok := v.(int64)
					if !ok {
						return errors.New("a position that is no number")
					}
					positions = append(positions, position)
				}
				left -= int64(n)
			}
		}
		return nil
	})
	return positions, from, err
}

// admits refuses positions that are not those of f's removal.
func (f File) admits(positions []int64, from string) error {
	if from != f.SHA256 {
		return errors.New("it is about another file")
	}
	if int64(len(positions)) != f.Removed.Rows {
		return fmt.Errorf("it holds %d positions instead of %d", len(positions), f.Removed.Rows)
	}
	for i, n := range positions {
		if n < 0 || n >= f.Rows || i > 0 && n <= positions[i-1] {
			return errors.New("a position is out of place")
		}
	}
	return nil
}

// inGroups cuts positions in a file into places within its row groups, of which
// rows gives the length.
func inGroups(positions []int64, groups int, rows func(group int) int64) [][]int32 {
	if len(positions) == 0 {
		return nil
	}
	list := make([][]int32, groups)
	first := int64(0)
	for g := range groups {
		n := rows(g)
		end := sort.Search(len(positions), func(i int) bool { return positions[i] >= first+n })
		for _, p := range positions[:end] {
			list[g] = append(list[g], int32(p-first))
		}
		positions = positions[end:]
		first += n
	}
	return list
}

// SortColumns returns the columns by which the files of a table are sorted in
// an order, nulls first. The last ones make the order total: the primary key,
// or all columns where there is none.
func SortColumns(t cdm.Table, o Order) []string {
	var columns []string
	switch o {
	case ByConcept:
		columns = []string{t.ConceptColumn(), "person_id", t.DateColumn()}
	case ByPerson:
		columns = []string{"person_id", t.DateColumn(), t.ConceptColumn()}
	}
	if key := t.PrimaryKey(); key != "" {
		columns = append(columns, key)
	} else {
		for _, c := range t.Columns {
			columns = append(columns, c.Name)
		}
	}
	seen := map[string]bool{"": true}
	n := 0
	for _, c := range columns {
		if !seen[c] {
			seen[c] = true
			columns[n] = c
			n++
		}
	}
	return columns[:n]
}
