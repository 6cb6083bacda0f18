package writer

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"galien"
	"galien/cdm"
	"galien/lake"
	"galien/lake/duck"
)

// Purging is what a purge takes out of a lake.
type Purging struct {
	// Persons are those whose rows go, from every snapshot that is kept.
	Persons []galien.PersonID
	// Quarantine are, by the id of an index of quarantined rows, the index that
	// takes its place.
	Quarantine map[string]Quarantine
	Note       string
	Now        time.Time
}

// Quarantine is an index of quarantined rows: its id, and how many there are.
type Quarantine struct {
	Index string
	Rows  int64
}

// Purge takes every row of some persons out of every snapshot of the lake that is
// kept: each file that holds one is written anew without them, those that have
// left the table included, each removal for the new file, and each manifest for
// the new files. All of it becomes the lake's in one commit, whose record says
// what the snapshots became (lake.Purge), and then the files of before are
// removed. changed is false when no snapshot has a row of them; what an
// interrupted purge left to be removed goes all the same.
//
// Rows of tables without persons go with the rows that they are about: notes'
// terms, costs, relationships, and places where none but these persons live.
//
// It fails with NotFound for a lake without a snapshot, with Busy while another
// writer has the lake, and with Invalid for a table that the model lacks.
func Purge(ctx context.Context, l *lake.Lake, c duck.Config, q Purging) (changed bool, err error) {
	w, err := Open(ctx, l, c)
	if err != nil {
		return false, err
	}
	defer w.Close()
	if w.Base() == nil {
		return false, galien.Errorf(galien.NotFound, "purge: the lake has no snapshot yet")
	}
	p := &purge{w: w, q: q, buckets: map[int]bool{}, files: map[string]lake.File{}, positions: map[string][]int64{}}
	if p.kept, err = l.Kept(); err != nil {
		return false, err
	}
	if err := p.begin(ctx); err != nil {
		return false, err
	}
	var list []lake.Rewritten
	used := map[string]bool{}
	for _, s := range p.kept {
		r, err := p.snapshot(ctx, s)
		if err != nil {
			return false, err
		}
		if r.Was != "" {
			list = append(list, r)
		} else {
			r.Manifest = s.Manifest
		}
		for _, t := range r.Manifest.Tables {
			for _, f := range t.Files {
				used[f.Name], used[f.Removed.Name] = true, true
			}
		}
	}
	// A file without persons may have gone from one snapshot and not from another.
	gone := slices.DeleteFunc(p.gone, func(f lake.PurgedFile) bool { return used[f.Before] })
	slices.SortFunc(gone, func(a, b lake.PurgedFile) int {
		return cmp.Or(cmp.Compare(a.Before, b.Before), cmp.Compare(a.After, b.After))
	})
	gone = slices.Compact(gone)
	if gone == nil {
		gone = []lake.PurgedFile{}
	}
	return len(list) > 0, w.tx.Purge(list, gone, int64(len(q.Persons)), q.Note, q.Now)
}

// purge is one purge under way.
type purge struct {
	w    *Writer
	q    Purging
	kept []*lake.Snapshot
	// buckets are those of the persons.
	buckets map[int]bool
	// positions are the rows to go of a file, and files what is left of it, by
	// the file and those rows; zero where nothing is.
	positions map[string][]int64
	files     map[string]lake.File
	made      int
	gone      []lake.PurgedFile
}

// The tables of the purge in the engine: the persons, and the places of rows to
// go in the file at hand.
const (
	purgedPersons = "purge_persons"
	purgedRows    = "purge_rows"
)

func (p *purge) exec(ctx context.Context, statements ...string) error {
	for _, s := range statements {
		if _, err := p.w.db.ExecContext(ctx, s); err != nil {
			return duck.Error("purge", err)
		}
	}
	return nil
}

// fill makes a table of numbers.
func (p *purge) fill(ctx context.Context, table string, values []int64) error {
	if err := p.exec(ctx, "CREATE OR REPLACE TABLE "+table+" (n BIGINT)"); err != nil {
		return err
	}
	next := 0
	return duck.Append(ctx, p.w.db, table, func(row []any) (bool, error) {
		if next == len(values) {
			return false, nil
		}
		row[0] = values[next]
		next++
		return true, nil
	})
}

func (p *purge) begin(ctx context.Context) error {
	keys := make([]int64, len(p.q.Persons))
	for i, key := range p.q.Persons {
		keys[i] = int64(key)
		p.buckets[lake.BucketOf(key)] = true
	}
	if err := p.fill(ctx, purgedPersons, keys); err != nil {
		return err
	}
	return p.findKeys(ctx)
}

// snapshot works out what is left of a snapshot; the zero value when it loses
// nothing.
func (p *purge) snapshot(ctx context.Context, s *lake.Snapshot) (r lake.Rewritten, err error) {
	if err := p.settleKeys(ctx, s); err != nil {
		return r, err
	}
	m := s.Manifest
	m.Sources = slices.Clone(m.Sources)
	changed := false
	for i := range m.Sources {
		if x, ok := p.q.Quarantine[m.Sources[i].Quarantine]; ok {
			m.Sources[i].Quarantine, m.Sources[i].Quarantined = x.Index, x.Rows
			changed = true
		}
	}
	m.Tables = slices.Clone(m.Tables)
	lost := []lake.PurgedTable{}
	for i, t := range m.Tables {
		condition, err := p.condition(s, t)
		if err != nil {
			return r, err
		}
		if condition == "" {
			continue
		}
		left, differs, err := p.table(ctx, s, t, condition)
		if err != nil {
			return r, err
		}
		if !differs {
			continue
		}
		changed = true
		m.Tables[i] = left
		if n := t.Rows - left.Rows; n > 0 {
			lost = append(lost, lake.PurgedTable{Table: t.Name, Rows: n})
		}
		if t.Name == "person" {
			m.Persons = left.Rows
		}
	}
	if !changed {
		return r, nil
	}
	return lake.Rewritten{Was: s.ID, Manifest: m, Tables: lost}, nil
}

// table returns what is left of a table, and whether it differs from t.
func (p *purge) table(ctx context.Context, s *lake.Snapshot, t lake.Table, condition string) (left lake.Table, differs bool, err error) {
	left = t
	left.Files = nil
	type cut struct {
		order  lake.Order
		bucket int
	}
	layers := map[cut]int{}
	var rows int64
	for _, order := range []lake.Order{lake.ByConcept, lake.ByPerson, lake.Plain} {
		for _, part := range s.Copy(t.Name, order) {
			f := part.File()
			positions, err := p.find(ctx, s, part, condition)
			if err != nil {
				return left, false, err
			}
			now, err := p.rewrite(ctx, t.Name, part, positions)
			if err != nil {
				return left, false, err
			}
			differs = differs || len(positions) > 0
			if now.Name == "" {
				continue
			}
			c := cut{f.Order, f.Bucket}
			now.Layer = layers[c]
			layers[c]++
			left.Files = append(left.Files, now)
			if now.Order == left.Files[0].Order {
				rows += now.Present()
			}
		}
	}
	left.Rows = rows
	return left, differs, nil
}

// find returns the places of the rows of a data file to which a condition
// applies, those that have left it since among them.
func (p *purge) find(ctx context.Context, s *lake.Snapshot, part lake.Part, condition string) ([]int64, error) {
	data, _ := part.Paths()
	name := part.File().Name
	key := name
	if b := part.File().Bucket; b != lake.NoBucket && !p.buckets[b] {
		return nil, nil
	}
	if part.File().Order == lake.Plain {
		key += " " + s.ID // what the condition says depends on the snapshot
	}
	if list, known := p.positions[key]; known {
		return list, nil
	}
	rows, err := p.w.db.QueryContext(ctx, "SELECT file_row_number FROM read_parquet("+duck.Quote(data)+", file_row_number = true) WHERE "+condition+" ORDER BY 1")
	if err != nil {
		return nil, duck.Error("purge "+name, err)
	}
	defer rows.Close()
	var list []int64
	for rows.Next() {
		var n int64
		if err := rows.Scan(&n); err != nil {
			return nil, duck.Error("purge "+name, err)
		}
		list = append(list, n)
	}
	if err := rows.Err(); err != nil {
		return nil, duck.Error("purge "+name, err)
	}
	p.positions[key] = list
	return list, nil
}

// rewrite returns a part without the rows at some positions; the zero value when
// no row of it is there any more.
func (p *purge) rewrite(ctx context.Context, table string, part lake.Part, positions []int64) (lake.File, error) {
	f := part.File()
	if len(positions) == 0 {
		return f, nil
	}
	if err := p.fill(ctx, purgedRows, positions); err != nil {
		return lake.File{}, err
	}
	data, removed := part.Paths()
	key := fmt.Sprintf("%s %x", f.Name, sha256.Sum256(fmt.Append(nil, positions)))
	now, known := p.files[key]
	if !known {
		if left := f.Rows - int64(len(positions)); left > 0 {
			// The order of the rows stays, and so their places can be worked out.
			path := p.path()
			err := p.exec(ctx, "COPY (SELECT * EXCLUDE (file_row_number) FROM read_parquet("+duck.Quote(data)+", file_row_number = true) d ANTI JOIN "+
				purgedRows+" r ON d.file_row_number = r.n ORDER BY d.file_row_number) TO "+duck.Quote(path)+" ("+parquet+")")
			if err != nil {
				return lake.File{}, err
			}
			if now, err = p.w.tx.Add(path, table, f.Order, f.Bucket, left); err != nil {
				return lake.File{}, err
			}
		}
		p.files[key] = now
		p.gone = append(p.gone, lake.PurgedFile{Before: f.Name, BeforeSHA256: f.SHA256, After: now.Name, AfterSHA256: now.SHA256, Rows: int64(len(positions))})
	}
	if removed == "" || now.Name == "" {
		if removed != "" {
			p.gone = append(p.gone, lake.PurgedFile{Before: f.Removed.Name, BeforeSHA256: f.Removed.SHA256, Rows: f.Removed.Rows})
		}
		return now, nil
	}
	return p.removal(ctx, f, now, removed)
}

func (p *purge) path() string {
	p.made++
	return filepath.Join(p.w.tx.TempDir(), fmt.Sprintf("purge-%d.parquet", p.made))
}

// removal writes the removal of a file that became another: the positions of
// the rows that are left, less one for each row before them that went.
func (p *purge) removal(ctx context.Context, f, now lake.File, removed string) (lake.File, error) {
	query := strings.NewReplacer("$removed", duck.Quote(removed), "$rows", purgedRows, "$position", lake.PositionColumn).Replace(`
		SELECT CAST($position - went AS BIGINT) AS $position FROM (
			SELECT $position, goes, sum(goes) OVER (ORDER BY $position ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS went FROM (
				SELECT $position, 0 AS goes FROM read_parquet($removed) r ANTI JOIN $rows g ON r.$position = g.n
				UNION ALL SELECT n, 1 FROM $rows))
		WHERE goes = 0`)
	var left int64
	if err := p.w.db.QueryRowContext(ctx, "SELECT count(*) FROM ("+query+")").Scan(&left); err != nil {
		return lake.File{}, duck.Error("purge "+f.Removed.Name, err)
	}
	gone := lake.PurgedFile{Before: f.Removed.Name, BeforeSHA256: f.Removed.SHA256, Rows: f.Removed.Rows - left}
	switch left {
	case 0:
	case now.Rows:
		now = lake.File{} // every row that is left had left before
	default:
		path := p.path()
		err := p.exec(ctx, "COPY ("+query+" ORDER BY 1) TO "+duck.Quote(path)+" ("+parquet+", KV_METADATA {"+duck.Ident(lake.RemovedFrom)+": "+duck.Quote(now.SHA256)+"})")
		if err != nil {
			return lake.File{}, err
		}
		if now, err = p.w.tx.Remove(path, now, left); err != nil {
			return lake.File{}, err
		}
		gone.After, gone.AfterSHA256 = now.Removed.Name, now.Removed.SHA256
	}
	p.gone = append(p.gone, gone)
	return now, nil
}

// ofPersons reports whether the files of a table have a person. A table may have
// got one in the model since they were written.
func ofPersons(t lake.Table, model cdm.Table) bool {
	return model.HasPerson() && len(t.Files) > 0 && t.Files[0].Order != lake.Plain
}

// condition returns which rows of a table go, in SQL; empty for none.
func (p *purge) condition(s *lake.Snapshot, t lake.Table) (string, error) {
	if len(t.Files) == 0 {
		return "", nil
	}
	model, known := cdm.Lookup(t.Name)
	if !known {
		return "", galien.Errorf(galien.Invalid, "purge: the snapshot %s has the table %s, which this program does not know: use the one that wrote it, or a newer one", s.ID, t.Name)
	}
	if ofPersons(t, model) {
		return "person_id IN (FROM " + purgedPersons + ")", nil
	}
	return p.aboutPersons(model), nil
}
