package snds

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"galien/lake"
	"galien/lake/duck"
	"galien/lake/writer"
	"galien/source"
	"galien/vault"
)

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
	delivery := deliveryID(g.units)
	intake, err := g.load.Vault.Begin(ctx, g.load.Name, delivery)
	if err != nil {
		return rep, err
	}
	defer intake.Close()
	old, err := g.oldRejections()
	if err != nil {
		return rep, err
	}
	if err := keep(bad, intake); err != nil {
		return rep, err
	}
	id, quarantined, err := source.WriteIndex(g.load.Quarantine, func(yield func(source.Rejection) bool) {
		for _, r := range bad {
			if !yield(r.Rejection) {
				return
			}
		}
		for _, r := range old {
			if !yield(r) {
				return
			}
		}
	})
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
			Delivery: delivery, Units: g.units, Rules: counts, Without: g.without}},
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
	if err := g.retire(ctx, delivery, bad, old); err != nil {
		return rep, err
	}
	if err := g.store.clean(g.units); err != nil {
		return rep, err
	}
	rep = Report{Source: g.load.Name, Snapshot: snap.ID, Changed: changed, Grown: g.grows, Persons: snap.Manifest.Persons, Quarantined: quarantined,
		Written: g.written, Rules: counts, Without: g.without, SetAside: g.d.setAside, Ignored: g.d.ignored}
	g.report(&rep, bad)
	return rep, nil
}

// oldRejections returns the rows in quarantine of the units that the delivery
// does not bring.
func (g *ingest) oldRejections() (list []source.Rejection, err error) {
	stays := map[string]bool{}
	for _, u := range g.units {
		for _, f := range u.Files {
			stays[f.SHA256] = true
		}
	}
	for _, in := range g.d.inputs {
		delete(stays, in.sha256)
	}
	err = source.ReadIndex(g.load.Quarantine, g.before.Quarantine, func(r source.Rejection) error {
		if stays[r.SHA256] {
			list = append(list, r)
		}
		return nil
	})
	return list, err
}

// retire removes raw rows and indexes that no snapshot names any more.
func (g *ingest) retire(ctx context.Context, delivery string, bad []located, old []source.Rejection) error {
	type at struct {
		table, file, sha string
		line             int64
	}
	kept := map[at]bool{}
	for _, r := range bad {
		kept[at{r.Table, r.File, r.SHA256, r.Line}] = true
	}
	for _, r := range old {
		kept[at{r.Table, r.File, r.SHA256, r.Line}] = true
	}
	err := g.load.Vault.Retire(ctx, g.load.Name, delivery, nil, func(f vault.RawFile, line int64) bool {
		return kept[at{f.Table, f.Name, f.SHA256, line}]
	})
	if err != nil {
		return err
	}
	named, err := g.load.Lake.QuarantineIndexes()
	if err != nil {
		return err
	}
	return source.CleanIndexes(g.load.Quarantine, named)
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
	counts := source.Tally{}
	for _, r := range bad {
		byTable[r.in.table.Name].Quarantined++
		counts.Add(r.Rejection)
	}
	rep.Reasons = counts.Counts()
	rep.Files = []TableReport{}
	for _, t := range byTable {
		rep.Files = append(rep.Files, *t)
	}
	slices.SortFunc(rep.Files, func(a, b TableReport) int { return strings.Compare(a.Table, b.Table) })
}
