package snds

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"galien/lake"
	"galien/lake/duck"
	"galien/lake/writer"
	"galien/source"
	"galien/vault"
)

// Local concepts are in the range that the model leaves to sites, below 2^31.
const (
	firstLocal = 2_000_000_000
	localRange = 1<<31 - firstLocal
)

// conceptID returns the place of a code in the local range. Codes may meet
// there; the next free place is taken then.
func conceptID(vocabulary, code string) int64 {
	sum := sha256.Sum256([]byte(vocabulary + "\x00" + code))
	return firstLocal + int64(binary.BigEndian.Uint64(sum[:8])%localRange)
}

// place gives every code of a vocabulary an id: the one it had, or the one
// that its name gives, or the next that is free. Codes are placed in order, so
// the same codes get the same ids.
func place(codes [][2]string, had map[[2]string]int64) map[[2]string]int64 {
	ids := map[[2]string]int64{}
	taken := map[int64]bool{}
	for code, id := range had {
		ids[code] = id
		taken[id] = true
	}
	slices.SortFunc(codes, func(a, b [2]string) int { return slices.Compare(a[:], b[:]) })
	for _, code := range codes {
		if _, ok := ids[code]; ok {
			continue
		}
		id := conceptID(code[0], code[1])
		for taken[id] {
			id = firstLocal + (id-firstLocal+1)%localRange
		}
		ids[code], taken[id] = id, true
	}
	return ids
}

// conceive fills local_concept: a concept for every code.
func (g *ingest) conceive(ctx context.Context) error {
	const action = "give codes their concepts"
	had, err := g.concepts(ctx)
	if err != nil {
		return err
	}
	db := g.w.DB()
	rows, err := db.QueryContext(ctx, "SELECT vocabulary, code FROM code_to_name")
	if err != nil {
		return duck.Error(action, err)
	}
	defer rows.Close()
	var codes [][2]string
	for rows.Next() {
		var c [2]string
		if err := rows.Scan(&c[0], &c[1]); err != nil {
			return duck.Error(action, err)
		}
		codes = append(codes, c)
	}
	if err := rows.Err(); err != nil {
		return duck.Error(action, err)
	}
	ids := place(codes, had)
	if _, err := db.ExecContext(ctx, "CREATE TABLE code_id (vocabulary VARCHAR, code VARCHAR, concept_id BIGINT)"); err != nil {
		return duck.Error(action, err)
	}
	for part := range slices.Chunk(codes, 500) {
		var values []any
		for _, c := range part {
			values = append(values, c[0], c[1], ids[c])
		}
		places := strings.TrimSuffix(strings.Repeat("(?, ?, ?), ", len(part)), ", ")
		if _, err := db.ExecContext(ctx, "INSERT INTO code_id VALUES "+places, values...); err != nil {
			return duck.Error(action, err)
		}
	}
	_, err = db.ExecContext(ctx, "CREATE TABLE local_concept AS SELECT i.vocabulary, i.code, i.concept_id, n.name FROM code_id i JOIN code_to_name n USING (vocabulary, code)")
	return duck.Error(action, err)
}

// concepts returns the local concepts of the current snapshot, so that a code
// keeps its id for the life of the hub.
func (g *ingest) concepts(ctx context.Context) (map[[2]string]int64, error) {
	had := map[[2]string]int64{}
	if g.base == nil {
		return had, nil
	}
	if _, ok := g.base.Table("concept"); !ok {
		return had, nil
	}
	err := g.base.Read(ctx, "concept", []string{"concept_id", "vocabulary_id", "concept_code"}, func(row []any) error {
		id, vocabulary, code := row[0].(int64), row[1].(string), row[2].(string)
		if name, ok := strings.CutPrefix(vocabulary, "SNDS "); ok && id >= firstLocal {
			had[[2]string{name, code}] = id
		}
		return nil
	})
	return had, err
}

// ledger returns what each rule did.
func (g *ingest) ledger(ctx context.Context) ([]lake.RuleCount, error) {
	rows, err := g.w.DB().QueryContext(ctx, "SELECT rule, tab, sum(touched)::BIGINT, sum(removed)::BIGINT FROM ledger GROUP BY rule, tab HAVING sum(touched) > 0 ORDER BY rule, tab")
	if err != nil {
		return nil, duck.Error("count rules", err)
	}
	defer rows.Close()
	var counts []lake.RuleCount
	for rows.Next() {
		var c lake.RuleCount
		if err := rows.Scan(&c.Rule, &c.Table, &c.Touched, &c.Removed); err != nil {
			return nil, duck.Error("count rules", err)
		}
		counts = append(counts, c)
	}
	return counts, duck.Error("count rules", rows.Err())
}

// commit makes the quarantine, the vault and the lake durable, in this order.
func (g *ingest) commit(ctx context.Context) (rep Report, err error) {
	counts, err := g.ledger(ctx)
	if err != nil {
		return rep, err
	}
	bad, err := g.problems.locate(ctx)
	if err != nil {
		return rep, err
	}
	intake, err := g.load.Vault.Begin(ctx, g.load.Name, g.d.id())
	if err != nil {
		return rep, err
	}
	defer intake.Close()
	index, err := source.NewIndex(g.load.Quarantine)
	if err != nil {
		return rep, err
	}
	defer index.Close()
	if err := keep(bad, index, intake); err != nil {
		return rep, err
	}
	id, quarantined, err := index.Seal()
	if err != nil {
		return rep, err
	}
	if err := intake.Commit(); err != nil {
		return rep, err
	}
	if err := g.keys.Commit(ctx); err != nil {
		return rep, err
	}
	meta := writer.Meta{
		Sources: []lake.Source{{Name: g.load.Name, Kind: Kind, CDMVersion: "5.4", Reader: ReaderVersion, Quarantined: quarantined, Quarantine: id,
			Delivery: g.d.id(), Rules: counts, Without: g.without}},
		Inputs: map[string][]lake.Input{},
		Note:   fmt.Sprintf("ingest %s", g.load.Name),
		Now:    g.load.Now,
		Progress: func(done, total int64) {
			if g.load.Progress != nil {
				g.load.Progress(Progress{Step: "write", Done: done, Total: total, Rows: g.rows})
			}
		},
	}
	snap, changed, err := g.w.Commit(ctx, meta)
	if err != nil {
		return rep, err
	}
	if err := g.retire(ctx, bad); err != nil {
		return rep, err
	}
	rep = Report{Source: g.load.Name, Snapshot: snap.ID, Changed: changed, Persons: snap.Manifest.Persons, Quarantined: quarantined,
		Written: g.written, Rules: counts, Without: g.without, SetAside: g.d.setAside, Ignored: g.d.ignored}
	g.report(&rep, bad)
	return rep, nil
}

// retire removes raw rows and indexes that no snapshot names any more.
func (g *ingest) retire(ctx context.Context, bad []located) error {
	type at struct {
		table, file, sha string
		line             int64
	}
	kept := map[at]bool{}
	for _, r := range bad {
		kept[at{r.Table, r.File, r.SHA256, r.Line}] = true
	}
	err := g.load.Vault.Retire(ctx, g.load.Name, g.d.id(), nil, func(f vault.RawFile, line int64) bool {
		return kept[at{f.Table, f.Name, f.SHA256, line}]
	})
	if err != nil {
		return err
	}
	history, err := g.load.Lake.History()
	if err != nil {
		return err
	}
	keep := map[string]bool{}
	for _, c := range history {
		s, err := g.load.Lake.Snapshot(c.Snapshot)
		if err != nil {
			return err
		}
		for _, src := range s.Manifest.Sources {
			keep[src.Quarantine] = true
		}
	}
	return source.CleanIndexes(g.load.Quarantine, keep)
}

// report adds what was read, by table.
func (g *ingest) report(rep *Report, bad []located) {
	byTable := map[string]*TableReport{}
	add := func(list []string, names ...string) []string {
		for _, n := range names {
			if !slices.Contains(list, n) {
				list = append(list, n)
			}
		}
		slices.Sort(list)
		return list
	}
	for i, in := range g.d.inputs {
		t := byTable[in.table.Name]
		if t == nil {
			t = &TableReport{Table: in.table.Name}
			byTable[in.table.Name] = t
		}
		t.Files++
		t.Read += g.read[i]
		rep.Read += g.read[i]
		if in.latin1 {
			t.Latin1++
		}
		t.UnknownColumns = add(t.UnknownColumns, in.unknown()...)
		for _, name := range reads[in.table.Name].others {
			c, ok := in.table.column(name)
			if ok && c.existsIn(in.year) && !slices.Contains(in.columns, name) {
				t.MissingColumns = add(t.MissingColumns, name)
			}
		}
	}
	counts := map[source.Count]int64{}
	for _, r := range bad {
		byTable[r.in.table.Name].Quarantined++
		counts[source.Count{Table: r.Table, File: r.File, Field: r.Field, Code: r.Code}]++
	}
	for c, n := range counts {
		c.Rows = n
		rep.Reasons = append(rep.Reasons, c)
	}
	slices.SortFunc(rep.Reasons, func(a, b source.Count) int {
		return slices.Compare([]string{a.Table, a.File, a.Field, string(a.Code)}, []string{b.Table, b.File, b.Field, string(b.Code)})
	})
	rep.Files = []TableReport{}
	for _, t := range byTable {
		rep.Files = append(rep.Files, *t)
	}
	slices.SortFunc(rep.Files, func(a, b TableReport) int { return strings.Compare(a.Table, b.Table) })
}
