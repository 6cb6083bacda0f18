package omop

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"sort"
	"sync"

	"galien"
	"galien/cdm"
	"galien/lake"
	"galien/lake/writer"
	"galien/source"
	"galien/vault"
)

// Ingest reads a delivery and commits one snapshot in which its tables replace
// those of the same name; the other tables of the hub stay as they were. The
// same content again changes nothing.
//
// It fails with Busy while another writes the hub; with Invalid for a delivery
// that is not whole or holds no table, and with Conflict for one at odds with
// the hub. A failure commits nothing.
func Ingest(ctx context.Context, load Load) (Report, error) {
	d, err := open(load.Dir)
	if err != nil {
		return Report{}, err
	}
	defer d.close()
	w, err := writer.Open(ctx, load.Lake, load.Engine)
	if err != nil {
		return Report{}, err
	}
	defer w.Close()
	g := &ingest{load: load, d: d, w: w, base: w.Base()}
	if err := g.base.AdmitSource(g.load.Name, Kind); err != nil {
		return Report{}, err
	}
	if err := g.hash(ctx); err != nil {
		return Report{}, err
	}
	same, err := g.unchanged(ctx)
	if err != nil {
		return Report{}, err
	}
	if same {
		return g.standing(), nil
	}
	rep, err := g.run(ctx)
	if err != nil {
		return Report{}, err
	}
	return rep, nil
}

// ingest is one load under way.
type ingest struct {
	load Load
	d    *delivery
	w    *writer.Writer
	base *lake.Snapshot // nil before the first

	progress sync.Mutex
	done     int64
	total    int64
	rows     int64

	keys   *vault.Keys
	intake *vault.Intake
	// sourceIDs is read before the intake holds the vault.
	sourceIDs map[galien.PersonID]string
	persons   persons
	tables    []*tableLoad
}

// previous returns the source's entry in the current snapshot.
func (g *ingest) previous() lake.Source {
	if s, ok := g.base.Source(g.load.Name); ok {
		return s
	}
	return lake.Source{Name: g.load.Name, Kind: Kind}
}

// tick reports progress. Bytes and rows are what was read since the last tick.
func (g *ingest) tick(step string, bytes, rows int64) {
	g.progress.Lock()
	defer g.progress.Unlock()
	g.done += bytes
	g.rows += rows
	if g.load.Progress != nil {
		g.load.Progress(Progress{Step: step, Done: g.done, Total: g.total, Rows: g.rows})
	}
}

func (g *ingest) start() {
	g.done, g.total = 0, 0
	for _, in := range g.d.inputs {
		g.total += in.size
	}
}

func (g *ingest) hash(ctx context.Context) error {
	g.start()
	return g.d.hashFiles(ctx, func(n int64) { g.tick("check", n, 0) })
}

// unchanged reports whether the current snapshot already is what this load
// would make: the same files, by the same rules, and no row in quarantine whose
// person has come since.
func (g *ingest) unchanged(ctx context.Context) (bool, error) {
	if g.base == nil || g.previous().Reader != ReaderVersion {
		return false, nil
	}
	for _, in := range g.d.inputs {
		t, ok := g.base.Table(in.table.Name)
		if !ok || len(t.Inputs) != 1 || t.Inputs[0] != (lake.Input{Name: in.name, SHA256: in.sha256}) {
			return false, nil
		}
	}
	names := map[string]bool{}
	for _, in := range g.d.inputs {
		names[in.table.Name] = true
	}
	n, err := waiting(ctx, g.load, g.base, names)
	return n == 0, err
}

// standing is the report of a load that changed nothing.
func (g *ingest) standing() Report {
	m := g.base.Manifest
	return Report{
		Source: g.load.Name, CDMVersion: g.previous().CDMVersion, Vocabulary: m.Vocabulary,
		Snapshot: g.base.ID, Persons: m.Persons, Tables: []TableReport{}, Ignored: g.d.ignored,
	}
}

func (g *ingest) run(ctx context.Context) (rep Report, err error) {
	if g.keys, err = g.load.Vault.Keys(ctx, g.load.Name); err != nil {
		return rep, err
	}
	if g.sourceIDs, err = g.load.Vault.SourceIDs(ctx); err != nil {
		return rep, err
	}
	if g.intake, err = g.load.Vault.Begin(ctx, g.load.Name, g.loadID()); err != nil {
		return rep, err
	}
	defer g.intake.Close()
	if err := g.readTables(ctx); err != nil {
		return rep, err
	}
	if err := g.placeCosts(ctx); err != nil {
		return rep, err
	}
	for _, t := range g.tables {
		if err := g.removeDuplicates(ctx, t); err != nil {
			return rep, err
		}
	}
	if err := g.checkCarried(ctx); err != nil {
		return rep, err
	}
	id, quarantined, err := g.writeIndex()
	if err != nil {
		return rep, err
	}
	// The vault is durable before the lake names its keys; a crash in between
	// leaves keys that the same persons get again.
	if err := g.intake.Commit(); err != nil {
		return rep, err
	}
	if err := g.keys.Commit(ctx); err != nil {
		return rep, err
	}
	meta := g.meta(id, quarantined)
	snap, changed, err := g.w.Commit(ctx, meta)
	if err != nil {
		return rep, err
	}
	if err := g.retire(ctx, snap); err != nil {
		return rep, err
	}
	rep = Report{
		Source: g.load.Name, CDMVersion: meta.Sources[0].CDMVersion, Vocabulary: meta.Vocabulary,
		Snapshot: snap.ID, Changed: changed, Persons: snap.Manifest.Persons, Ignored: g.d.ignored,
	}
	for _, t := range g.tables {
		tr := t.report()
		rep.Tables = append(rep.Tables, tr)
		rep.Read += tr.Read
		rep.Kept += tr.Kept
		rep.Quarantined += tr.Quarantined
	}
	carried := map[string]bool{}
	for _, t := range snap.Manifest.Tables {
		carried[t.Name] = true
	}
	for _, t := range g.tables {
		delete(carried, t.in.table.Name)
	}
	rep.Waiting, err = waiting(ctx, g.load, snap, carried)
	return rep, err
}

// loadID names the load by the content of its files.
func (g *ingest) loadID() string {
	h := sha256.New()
	for _, in := range g.d.inputs {
		fmt.Fprintf(h, "%s %s %s\n", in.table.Name, in.name, in.sha256)
	}
	return hex.EncodeToString(h.Sum(nil))[:16]
}

// readTables reads PERSON, then the other tables, the largest first.
func (g *ingest) readTables(ctx context.Context) error {
	g.start()
	g.tables = make([]*tableLoad, len(g.d.inputs))
	var rest []int
	person := -1
	for i, in := range g.d.inputs {
		g.tables[i] = &tableLoad{in: in, intake: g.intake}
		if in.table.Name == "person" {
			person = i
		} else {
			rest = append(rest, i)
		}
	}
	if person >= 0 {
		g.persons = persons{}
		if err := g.readTable(ctx, g.tables[person], g.admit); err != nil {
			return err
		}
		t := g.tables[person]
		if t.read > 0 && int(t.read) == len(t.rejects) {
			first := t.rejects[0]
			x := t.rejection(first)
			return galien.Errorf(galien.Invalid, "read %s: none of its %d rows can be kept; the first, on line %d, failed in %s: %s; nothing was committed",
				t.in.name, t.read, first.line, fieldOr(x.Field), x.Code.Reason())
		}
	} else {
		var err error
		if g.persons, err = personsOf(ctx, g.sourceIDs, g.base); err != nil {
			return err
		}
	}
	sort.SliceStable(rest, func(i, j int) bool { return g.d.inputs[rest[i]].size > g.d.inputs[rest[j]].size })
	return parallel(ctx, len(rest), func(ctx context.Context, i int) error {
		return g.readTable(ctx, g.tables[rest[i]], g.persons.lookup)
	})
}

func fieldOr(field string) string {
	if field == "" {
		return "the row as a whole"
	}
	return field
}

// admit gives a person of PERSON its key; the second row of one is a duplicate.
func (g *ingest) admit(id int64) (galien.PersonID, source.Code) {
	if _, twice := g.persons[id]; twice {
		return 0, source.DuplicateKey
	}
	key := g.keys.Assign(fmt.Sprint(id))
	g.persons[id] = key
	return key, ""
}

// readTable stages one file.
func (g *ingest) readTable(ctx context.Context, t *tableLoad, to exchange) (err error) {
	f, err := g.d.fsys.Open(t.in.path)
	if err != nil {
		return fmt.Errorf("read %s: %w", t.in.name, err)
	}
	defer f.Close()
	src, layout, finish, err := openRecords(ctx, t.in, f, func(n int64) { g.tick("read", n, 0) }, true)
	if err != nil {
		return err
	}
	stage, err := g.w.Stage(t.in.table)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stage.Close()) }()
	if err := t.run(src, layout, to, stage, func(n int64) { g.tick("read", 0, n) }); err != nil {
		return err
	}
	return finish()
}

// writeIndex seals the index of everything in quarantine after this load: the
// rows of its tables, and those that the carried-over tables had.
func (g *ingest) writeIndex() (id string, rows int64, err error) {
	mine := map[string]bool{}
	for _, t := range g.tables {
		mine[t.in.table.Name] = true
	}
	var carried []source.Rejection
	err = source.ReadIndex(g.load.Quarantine, g.previous().Quarantine, func(r source.Rejection) error {
		if !mine[r.Table] {
			carried = append(carried, r)
		}
		return nil
	})
	if err != nil {
		return "", 0, err
	}
	return source.WriteIndex(g.load.Quarantine, func(yield func(source.Rejection) bool) {
		for _, t := range g.tables {
			for len(carried) > 0 && carried[0].Table < t.in.table.Name {
				if !yield(carried[0]) {
					return
				}
				carried = carried[1:]
			}
			for _, r := range t.rejects {
				if !yield(t.rejection(r)) {
					return
				}
			}
		}
		for _, r := range carried {
			if !yield(r) {
				return
			}
		}
	})
}

// meta is what the snapshot says of the source.
func (g *ingest) meta(index string, quarantined int64) writer.Meta {
	s := g.previous()
	s.Kind, s.Reader, s.Quarantined, s.Quarantine = Kind, ReaderVersion, quarantined, index
	m := writer.Meta{
		Inputs: map[string][]lake.Input{},
		Note:   fmt.Sprintf("ingest %s", g.load.Name),
		Now:    g.load.Now,
		Progress: func(done, total int64) {
			if g.load.Progress != nil {
				g.load.Progress(Progress{Step: "write", Done: done, Total: total, Rows: g.rows})
			}
		},
	}
	if g.base != nil {
		m.Vocabulary = g.base.Manifest.Vocabulary
	}
	old53, vocabulary := false, false
	for _, t := range g.tables {
		m.Inputs[t.in.table.Name] = []lake.Input{{Name: t.in.name, SHA256: t.in.sha256}}
		old53 = old53 || t.layout.old53
		if t.cdmVersion != "" {
			s.CDMVersion = t.cdmVersion
		}
		if t.vocabulary != "" {
			m.Vocabulary, vocabulary = t.vocabulary, true
		}
		if t.in.table.Name == "concept" {
			m.Vocabularies = &lake.Vocabularies{} // the delivery's own replace those that were loaded
		}
	}
	for _, t := range g.tables {
		// The vocabulary's own statement counts more than the source's.
		if t.sourceVocabulary != "" && !vocabulary && (m.Vocabulary == "" || !g.carries("vocabulary")) {
			m.Vocabulary = t.sourceVocabulary
		}
	}
	if s.CDMVersion == "" {
		s.CDMVersion = "5.4"
		if old53 {
			s.CDMVersion = "5.3"
		}
	}
	m.Sources = []lake.Source{s}
	return m
}

// carries reports whether the current snapshot has a table that this load does
// not replace.
func (g *ingest) carries(table string) bool {
	if g.base == nil {
		return false
	}
	for _, t := range g.tables {
		if t.in.table.Name == table {
			return false
		}
	}
	_, ok := g.base.Table(table)
	return ok
}

// retire removes what no snapshot needs any more: raw rows that left the
// quarantine, identities of replaced rows, indexes that no snapshot names.
func (g *ingest) retire(ctx context.Context, snap *lake.Snapshot) error {
	var tables []string
	for _, t := range g.tables {
		tables = append(tables, t.in.table.Name)
	}
	return retire(ctx, g.load, snap, g.loadID(), tables)
}

func retire(ctx context.Context, load Load, snap *lake.Snapshot, loadID string, tables []string) error {
	index, err := readIndex(load.Quarantine, snap)
	if err != nil {
		return err
	}
	err = load.Vault.Retire(ctx, load.Name, loadID, tables, func(f vault.RawFile, line int64) bool {
		_, ok := index[place{f.Table, f.Name, f.SHA256, line}]
		return ok
	})
	if err != nil {
		return err
	}
	named, err := load.Lake.QuarantineIndexes()
	if err != nil {
		return err
	}
	return source.CleanIndexes(load.Quarantine, named)
}

// personsOf returns the persons of the current PERSON by the source's own id.
func personsOf(ctx context.Context, ids map[galien.PersonID]string, base *lake.Snapshot) (persons, error) {
	known := persons{}
	if base == nil {
		return known, nil
	}
	if _, ok := base.Table("person"); !ok {
		return known, nil
	}
	err := base.Read(ctx, "person", []string{"person_id"}, func(row []any) error {
		key := galien.PersonID(row[0].(int64))
		id, ok := ids[key]
		if !ok {
			return galien.Errorf(galien.Corrupt, "read person keys: the vault lacks the key of a person of the lake; restore vault/ and lake/ from the same copy")
		}
		n, code := integer([]byte(id))
		if code != "" {
			return galien.Errorf(galien.Corrupt, "read person keys: the vault holds a key for what is no OMOP person id")
		}
		known[n] = key
		return nil
	})
	return known, err
}

// keyColumns are what must be unique in a table: the primary key, and in a table
// of persons' events the key within the person, since two rows of different
// persons are two events whatever their ids.
func keyColumns(t cdm.Table) []string {
	key := t.PrimaryKey()
	switch {
	case key == "":
		return nil
	case t.HasPerson() && key != "person_id":
		return []string{key, "person_id"}
	}
	return []string{key}
}
