package omop

import (
	"context"
	"fmt"
	"sort"
	"strings"

	"galien"
	"galien/cdm"
	"galien/lake"
	"galien/lake/duck"
	"galien/lake/writer"
	"galien/source"
	"galien/vault"
)

// place is where a quarantined row stands.
type place struct {
	table, file, sha256 string
	line                int64
}

// indexEntry is what the index says of a place, and its rank in the index.
type indexEntry struct {
	field string
	code  source.Code
	rank  int
}

// readIndex reads the quarantine of a snapshot.
func readIndex(dir string, snap *lake.Snapshot) (map[place]indexEntry, error) {
	index := map[place]indexEntry{}
	for _, s := range snap.Manifest.Sources {
		if s.Kind != Kind {
			continue
		}
		err := source.ReadIndex(dir, s.Quarantine, func(r source.Rejection) error {
			index[place{r.Table, r.File, r.SHA256, r.Line}] = indexEntry{r.Field, r.Code, len(index)}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return index, nil
}

// rawRow is a quarantined row, read again.
type rawRow struct {
	place place
	rows  *rows
	field string
	code  source.Code // "" when the row can be kept now
}

// again reads the quarantined rows of the given tables once more, by the
// present rules and persons, and yields each. The row is valid during the call.
func again(ctx context.Context, load Load, index map[place]indexEntry, tables func(table string) bool, to exchange, yield func(r rawRow) error) error {
	var current vault.RawFile
	var bound *rows
	return load.Vault.RawRows(ctx, load.Name, func(f vault.RawFile, line int64, raw []byte) error {
		at := place{f.Table, f.Name, f.SHA256, line}
		entry, ok := index[at]
		if !ok || !tables(f.Table) {
			return nil
		}
		if bound == nil || f != current {
			t, ok := cdm.Lookup(f.Table)
			if !ok {
				return galien.Errorf(galien.Corrupt, "replay: the vault holds rows of the table %s, which the model lacks", f.Table)
			}
			l, err := bind(t, f.Name, []byte(f.Header))
			if err != nil {
				return err
			}
			bound, current = newRows(l, to), f
		}
		r := rawRow{place: at, rows: bound}
		if entry.code == source.RowTooLong {
			// Its text was not kept.
			r.field, r.code = entry.field, entry.code
			return yield(r)
		}
		c := recordsOf(raw)
		c.separate(bound.delim)
		rec, err := c.next()
		if err == nil && c.start < c.end {
			rec.bad = source.UnreadableRow
		}
		if err != nil {
			rec.bad = source.UnreadableRow
		}
		r.field, r.code = bound.convert(rec)
		if r.code == "" && bound.table.Name == "cost" {
			// Who it is of is settled where COST is delivered.
			r.field, r.code = "cost_event_id", source.UnknownEvent
		}
		return yield(r)
	})
}

// waiting counts the rows of the given tables that are in quarantine for want
// of a person who is in PERSON now.
func waiting(ctx context.Context, load Load, snap *lake.Snapshot, tables map[string]bool) (int64, error) {
	index, err := readIndex(load.Quarantine, snap)
	if err != nil {
		return 0, err
	}
	for at, e := range index {
		if e.code != source.UnknownPerson || !tables[at.table] {
			delete(index, at)
		}
	}
	if len(index) == 0 {
		return 0, nil
	}
	ids, err := load.Vault.SourceIDs(ctx)
	if err != nil {
		return 0, err
	}
	known, err := personsOf(ctx, ids, snap)
	if err != nil {
		return 0, err
	}
	var n int64
	err = again(ctx, load, index, func(string) bool { return true }, known.lookup, func(r rawRow) error {
		if r.code == "" {
			n++
		}
		return nil
	})
	return n, err
}

// ReplayReport is what a replay of the quarantine did.
type ReplayReport struct {
	Snapshot string `json:"snapshot"`
	Changed  bool   `json:"changed"`
	// Tried, Recovered and Quarantined count rows; Quarantined is what is left.
	Tried       int64 `json:"rows_tried"`
	Recovered   int64 `json:"rows_recovered"`
	Quarantined int64 `json:"rows_quarantined"`
	// Tables counts the rows recovered, by table.
	Tables map[string]int64 `json:"tables"`
}

// Replay reads the quarantined rows again, against the persons and keys that
// the hub has now, and commits a snapshot with those that can be kept. Dir of
// the load is not used.
func Replay(ctx context.Context, load Load) (ReplayReport, error) {
	w, err := writer.Open(ctx, load.Lake, load.Engine)
	if err != nil {
		return ReplayReport{}, err
	}
	defer w.Close()
	base := w.Base()
	if base == nil {
		return ReplayReport{}, galien.Errorf(galien.NotFound, "replay: the hub has no snapshot yet; ingest a source first")
	}
	for _, s := range base.Manifest.Sources {
		if s.Kind == Kind {
			load.Name = s.Name
		}
	}
	p := &replay{load: load, w: w, base: base, recovered: map[string]int64{}, stages: map[string]*writer.Stage{}}
	return p.run(ctx)
}

// replay is one replay under way.
type replay struct {
	load      Load
	w         *writer.Writer
	base      *lake.Snapshot
	index     map[place]indexEntry
	recovered map[string]int64
	stages    map[string]*writer.Stage
	// places gives the staged lines their places back: a staged line is the
	// rank of the row in the index.
	places []place
	ids    []vaultIdentity
}

// vaultIdentity is an identity of a recovered row.
type vaultIdentity struct {
	table, key, column string
	value              vault.Identity
}

func (p *replay) run(ctx context.Context) (rep ReplayReport, err error) {
	if p.index, err = readIndex(p.load.Quarantine, p.base); err != nil {
		return rep, err
	}
	rep = ReplayReport{Snapshot: p.base.ID, Tried: int64(len(p.index)), Quarantined: int64(len(p.index)), Tables: map[string]int64{}}
	p.places = make([]place, len(p.index))
	for at, e := range p.index {
		p.places[e.rank] = at
	}
	ids, err := p.load.Vault.SourceIDs(ctx)
	if err != nil {
		return rep, err
	}
	known, err := personsOf(ctx, ids, p.base)
	if err != nil {
		return rep, err
	}
	// A row of PERSON that could not be kept cannot be kept now either: its
	// rules do not depend on the other tables.
	err = again(ctx, p.load, p.index, func(table string) bool { return table != "person" }, known.lookup, p.stage)
	if err != nil {
		return rep, err
	}
	if err := p.merge(ctx); err != nil {
		return rep, err
	}
	for t, n := range p.recovered {
		if n > 0 {
			rep.Tables[t] = n
			rep.Recovered += n
		}
	}
	if rep.Recovered == 0 {
		return rep, nil
	}
	snap, changed, err := p.commit(ctx)
	if err != nil {
		return rep, err
	}
	rep.Snapshot, rep.Changed = snap.ID, changed
	rep.Quarantined -= rep.Recovered
	return rep, retire(ctx, p.load, snap, "", nil)
}

// stage takes a row that can be kept now.
func (p *replay) stage(r rawRow) error {
	e := p.index[r.place]
	if r.code != "" {
		p.index[r.place] = indexEntry{r.field, r.code, e.rank}
		return nil
	}
	t := r.rows.table
	s := p.stages[t.Name]
	if s == nil {
		var err error
		if s, err = p.w.Stage(t); err != nil {
			return err
		}
		p.stages[t.Name] = s
	}
	for _, id := range r.rows.identities {
		p.ids = append(p.ids, vaultIdentity{t.Name, r.rows.rowKey, id.column, vault.Seal(id.value)})
	}
	p.recovered[t.Name]++
	return s.Append(int64(e.rank), r.rows.row)
}

// merge adds the rows that the lake has to those staged, and drops the staged
// rows whose key is taken.
func (p *replay) merge(ctx context.Context) error {
	for name, s := range p.stages {
		if err := s.Close(); err != nil {
			return err
		}
		t, _ := cdm.Lookup(name)
		stage := duck.Ident("stage_" + name)
		action := "replay " + name
		kept, _ := p.base.Table(name)
		if len(kept.Files) > 0 {
			var columns []string
			for _, c := range t.Columns {
				columns = append(columns, duck.Ident(c.Name))
			}
			list := strings.Join(columns, ", ")
			_, err := p.w.DB().ExecContext(ctx, fmt.Sprintf("INSERT INTO %s (%s) SELECT %s FROM %s", stage, list, list, duck.Table(t, p.base.Whole(name))))
			if err != nil {
				return duck.Error(action, err)
			}
		}
		if columns := keyColumns(t); columns != nil {
			lines, err := duplicateLines(ctx, p.w.DB(), stage, columns)
			if err != nil {
				return duck.Error(action, err)
			}
			if err := deleteDuplicates(ctx, p.w.DB(), stage, columns); err != nil {
				return duck.Error(action, err)
			}
			for rank := range lines {
				p.index[p.places[rank]] = indexEntry{columns[0], source.DuplicateKey, int(rank)}
			}
			p.recovered[name] -= int64(len(lines))
		}
		rows, err := p.w.DB().QueryContext(ctx, "SELECT _line FROM "+stage+" WHERE _line IS NOT NULL")
		if err != nil {
			return duck.Error(action, err)
		}
		for rows.Next() {
			var rank int64
			if err = rows.Scan(&rank); err != nil {
				break
			}
			delete(p.index, p.places[rank])
		}
		if err == nil {
			err = rows.Err()
		}
		rows.Close()
		if err != nil {
			return duck.Error(action, err)
		}
	}
	return nil
}

// commit writes what is left in quarantine, the identities, and the snapshot.
func (p *replay) commit(ctx context.Context) (*lake.Snapshot, bool, error) {
	left := make([]place, 0, len(p.index))
	for at := range p.index {
		left = append(left, at)
	}
	sort.Slice(left, func(i, j int) bool { return p.index[left[i]].rank < p.index[left[j]].rank })
	id, n, err := source.WriteIndex(p.load.Quarantine, func(yield func(source.Rejection) bool) {
		for _, at := range left {
			e := p.index[at]
			if !yield(source.Rejection{Table: at.table, File: at.file, SHA256: at.sha256, Line: at.line, Field: e.field, Code: e.code}) {
				return
			}
		}
	})
	if err != nil {
		return nil, false, err
	}
	intake, err := p.load.Vault.Begin(ctx, p.load.Name, "replay "+id)
	if err != nil {
		return nil, false, err
	}
	defer intake.Close()
	for _, v := range p.ids {
		if err := intake.Identity(v.table, v.key, v.column, v.value); err != nil {
			return nil, false, err
		}
	}
	if err := intake.Commit(); err != nil {
		return nil, false, err
	}
	m := writer.Meta{
		Vocabulary: p.base.Manifest.Vocabulary, Inputs: map[string][]lake.Input{},
		Note: "replay of the quarantine", Now: p.load.Now,
	}
	for _, s := range p.base.Manifest.Sources {
		if s.Kind == Kind {
			s.Quarantined, s.Quarantine = n, id
		}
		m.Sources = append(m.Sources, s)
	}
	for name := range p.stages {
		t, _ := p.base.Table(name)
		m.Inputs[name] = t.Inputs
	}
	if p.load.Progress != nil {
		m.Progress = func(done, total int64) { p.load.Progress(Progress{Step: "write", Done: done, Total: total}) }
	}
	return p.w.Commit(ctx, m)
}
