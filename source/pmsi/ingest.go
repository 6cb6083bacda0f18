package pmsi

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"path/filepath"
	"strings"

	"galien"
	"galien/cdm"
	"galien/lake"
	"galien/lake/duck"
	"galien/lake/writer"
	"galien/source"
	"galien/source/codes"
	"galien/vault"
	"galien/vocab"
)

//go:embed cleaning/*.sql mapping/*.sql
var sqlFiles embed.FS

// Ingest reads a delivery and commits one snapshot made of it alone: the tables
// that the mapping fills replace those of the hub. The same files change
// nothing.
//
// It fails with Busy while another writes the hub, with Invalid for a file that
// holds no line of these formats or a delivery without any stay to map, and
// with Conflict for a file that is there twice or a hub that holds another
// source. A failure commits nothing.
func Ingest(ctx context.Context, load Load) (rep Report, err error) {
	d, err := find(load.Files)
	if err != nil {
		return Report{}, err
	}
	work, remove, err := load.Vault.Workspace()
	if err != nil {
		return Report{}, err
	}
	defer func() {
		if e := remove(); err == nil {
			err = e
		}
	}()
	engine := load.Engine
	engine.File, engine.TempDir = filepath.Join(work, "stage.duckdb"), filepath.Join(work, "spill")
	engine.Sealed = true
	w, err := writer.Open(ctx, load.Lake, engine)
	if err != nil {
		return Report{}, err
	}
	defer w.Close()
	if err := load.Vault.CleanWorkspaces(work); err != nil {
		return Report{}, err
	}
	g := &ingest{load: load, d: d, w: w, base: w.Base(), bad: newRejected()}
	if err := g.base.AdmitSource(g.load.Name, Kind); err != nil {
		return Report{}, err
	}
	g.start()
	if err := d.check(ctx, func(n int64) { g.tick("check", n, 0) }); err != nil {
		return Report{}, err
	}
	if p, ok := g.base.Source(g.load.Name); ok && p.Reader == ReaderVersion && p.Delivery == d.id() {
		return Report{Source: load.Name, Snapshot: g.base.ID, Persons: g.base.Manifest.Persons, Files: []FileReport{}, Written: []Written{}}, nil
	}
	return g.run(ctx)
}

// ingest is one load under way.
type ingest struct {
	load Load
	d    *delivery
	w    *writer.Writer
	base *lake.Snapshot // nil before the first

	done, total, rows int64

	bad     *rejected
	odd     map[Odd]int64
	keys    *vault.Keys
	written []Written
}

func (g *ingest) start() {
	g.done, g.total = 0, 0
	for _, in := range g.d.inputs {
		g.total += in.size
	}
}

// tick reports progress: bytes and lines read since the last one.
func (g *ingest) tick(step string, bytes, lines int64) {
	g.done += bytes
	g.rows += lines
	if g.load.Progress != nil {
		g.load.Progress(Progress{Step: step, Done: g.done, Total: g.total, Rows: g.rows})
	}
}

func (g *ingest) run(ctx context.Context) (rep Report, err error) {
	if g.keys, err = g.load.Vault.Keys(ctx, g.load.Name); err != nil {
		return rep, err
	}
	if err := g.read(ctx); err != nil {
		return rep, err
	}
	if err := g.checkStays(); err != nil {
		return rep, err
	}
	if err := g.clean(ctx, "10-stays"); err != nil {
		return rep, err
	}
	if err := g.identify(ctx); err != nil {
		return rep, err
	}
	if err := g.refuse(ctx); err != nil {
		return rep, err
	}
	if err := g.clean(ctx, "20-care"); err != nil {
		return rep, err
	}
	if err := codes.Hierarchy(ctx, g.w.DB()); err != nil {
		return rep, err
	}
	if err := g.clean(ctx, "30-codes"); err != nil {
		return rep, err
	}
	if err := codes.Conceive(ctx, g.w.DB(), g.base); err != nil {
		return rep, err
	}
	if err := g.stage(ctx); err != nil {
		return rep, err
	}
	if err := vocab.Standardise(ctx, g.w); err != nil {
		return rep, err
	}
	return g.commit(ctx)
}

// read cuts the lines into the tables of the engine.
func (g *ingest) read(ctx context.Context) error {
	c, err := newCutter(ctx, g.w.DB())
	if err != nil {
		return err
	}
	g.start()
	err = g.d.read(ctx, c, g.bad, func(bytes, lines int64) { g.tick("read", bytes, lines) })
	if e := c.close(); err == nil {
		err = e
	}
	if err != nil {
		return err
	}
	g.odd = c.odd
	return nil
}

// checkStays refuses a delivery of which nothing can be mapped, and RSA without
// what says whose they are: those of a stay that is there as RSS too would count
// it twice.
func (g *ingest) checkStays() error {
	kinds := map[string]int64{}
	for _, in := range g.d.inputs {
		for f, n := range in.lines {
			kinds[f.Kind] += n
		}
	}
	stays, rsa := kinds["RUM"]+kinds["RSS"], kinds["RSA"]
	switch {
	case stays+rsa == 0:
		return galien.Errorf(galien.Invalid, "ingest: no RUM, RSS or RSA in these files (VID-HOSP: %d lines, ANO-HOSP: %d, TRA: %d): bring the RSS of the same stays",
			kinds["VID-HOSP"], kinds["ANO-HOSP"], kinds["TRA"])
	case kinds["VID-HOSP"]+kinds["ANO-HOSP"] == 0:
		return galien.Errorf(galien.Invalid, "ingest: %d lines of RUM, RSS or RSA and no VID-HOSP or ANO-HOSP: nothing says who stayed; bring the VID-HOSP of the same stays", stays+rsa)
	case rsa > 0 && kinds["TRA"] == 0:
		return galien.Errorf(galien.Invalid, "ingest: %d RSA and no TRA: nothing says which stay each is of; bring the TRA that was made with them, or leave the RSA out", rsa)
	}
	return nil
}

// clean executes a cleaning file, statement by statement.
func (g *ingest) clean(ctx context.Context, name string) error {
	b, err := sqlFiles.ReadFile("cleaning/" + name + ".sql")
	if err != nil {
		return galien.Errorf(galien.Internal, "clean: %w", err)
	}
	for _, statement := range source.Statements(string(b)) {
		if _, err := g.w.DB().ExecContext(ctx, statement); err != nil {
			return duck.Error("clean ("+name+")", err)
		}
	}
	return nil
}

// identify exchanges the numbers of the patients for person keys, in the order
// of the numbers, so that the same files give the same keys.
func (g *ingest) identify(ctx context.Context) error {
	const action = "exchange identities"
	ids, err := texts(ctx, g.w.DB(), "SELECT DISTINCT source_id FROM stay_identity WHERE problem IS NULL ORDER BY source_id")
	if err != nil {
		return duck.Error(action, err)
	}
	if _, err := g.w.DB().ExecContext(ctx, "CREATE TABLE person_key (source_id VARCHAR, person_id BIGINT)"); err != nil {
		return duck.Error(action, err)
	}
	const batch = 500
	for len(ids) > 0 {
		n := min(batch, len(ids))
		values := make([]any, 0, 2*n)
		for _, id := range ids[:n] {
			values = append(values, id, int64(g.keys.Assign(id)))
		}
		places := strings.TrimSuffix(strings.Repeat("(?, ?), ", n), ", ")
		if _, err := g.w.DB().ExecContext(ctx, "INSERT INTO person_key VALUES "+places, values...); err != nil {
			return duck.Error(action, err)
		}
		ids = ids[n:]
	}
	return nil
}

// texts returns the one text column of a query.
func texts(ctx context.Context, db *sql.DB, query string) (list []string, err error) {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			return nil, galien.Errorf(galien.Internal, "the engine's answer cannot be read")
		}
		list = append(list, s)
	}
	return list, rows.Err()
}

// refuse notes the lines that the joining keeps out.
func (g *ingest) refuse(ctx context.Context) error {
	const action = "find lines for the quarantine"
	rows, err := g.w.DB().QueryContext(ctx, "SELECT file, line, field, problem FROM refused_line ORDER BY file, line")
	if err != nil {
		return duck.Error(action, err)
	}
	defer rows.Close()
	for rows.Next() {
		var file int
		var line int64
		var field, code string
		if err := rows.Scan(&file, &line, &field, &code); err != nil {
			return galien.Errorf(galien.Internal, "%s: the engine's answer cannot be read", action)
		}
		g.bad.add(file, line, &Problem{field, source.Code(code)})
	}
	return duck.Error(action, rows.Err())
}

// mapping returns the query that fills an OMOP table.
func mapping(table string) (string, error) {
	b, err := sqlFiles.ReadFile("mapping/" + table + ".sql")
	if err != nil {
		return "", galien.Errorf(galien.Internal, "mapping: %w", err)
	}
	return string(b), nil
}

// mapped are the OMOP tables that have a mapping, in the order of their making.
func mapped() []string {
	entries, err := sqlFiles.ReadDir("mapping")
	if err != nil {
		panic("pmsi: the mapping is not embedded")
	}
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".sql"))
	}
	return names
}

// stage runs the mapping, a table at a time.
func (g *ingest) stage(ctx context.Context) error {
	for _, name := range mapped() {
		t, ok := cdm.Lookup(name)
		if !ok {
			return galien.Errorf(galien.Internal, "mapping: %s is no OMOP table", name)
		}
		query, err := mapping(name)
		if err != nil {
			return err
		}
		if err := g.w.StageQuery(ctx, t, query); err != nil {
			return err
		}
		var rows int64
		if err := g.w.DB().QueryRowContext(ctx, "SELECT count(*) FROM "+duck.Ident("stage_"+name)).Scan(&rows); err != nil {
			return duck.Error("stage "+name, err)
		}
		g.written = append(g.written, Written{name, rows})
	}
	return nil
}

// commit makes the quarantine, the vault and the lake durable, in this order.
func (g *ingest) commit(ctx context.Context) (rep Report, err error) {
	bad, err := g.bad.locate(ctx, g.d)
	if err != nil {
		return rep, err
	}
	rep = Report{Source: g.load.Name, Written: g.written, Files: []FileReport{}}
	err = g.w.DB().QueryRowContext(ctx, "SELECT unnumbered, without_stay, doubled FROM identity_count").Scan(&rep.Unnumbered, &rep.WithoutStay, &rep.Doubled)
	if err != nil {
		return rep, duck.Error("count identities", err)
	}
	intake, err := g.load.Vault.Begin(ctx, g.load.Name, g.d.id())
	if err != nil {
		return rep, err
	}
	defer intake.Close()
	if err := keep(bad, intake); err != nil {
		return rep, err
	}
	id, quarantined, err := source.WriteIndex(g.load.Quarantine, func(yield func(source.Rejection) bool) {
		for _, l := range bad {
			if !yield(l.Rejection) {
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
	snap, changed, err := g.w.Commit(ctx, writer.Meta{
		Sources: []lake.Source{{Name: g.load.Name, Kind: Kind, CDMVersion: "5.4", Reader: ReaderVersion, Quarantined: quarantined, Quarantine: id, Delivery: g.d.id()}},
		Inputs:  map[string][]lake.Input{},
		Note:    fmt.Sprintf("ingest %s", g.load.Name),
		Now:     g.load.Now,
		Progress: func(done, total int64) {
			if g.load.Progress != nil {
				g.load.Progress(Progress{Step: "write", Done: done, Total: total, Rows: g.rows})
			}
		},
	})
	if err != nil {
		return rep, err
	}
	if err := g.retire(ctx, bad); err != nil {
		return rep, err
	}
	rep.Snapshot, rep.Changed, rep.Persons = snap.ID, changed, snap.Manifest.Persons
	rep.Read, rep.Quarantined = g.rows, quarantined
	g.report(&rep, bad)
	return rep, nil
}
