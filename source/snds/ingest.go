package snds

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"galien"
	"galien/cdm"
	"galien/lake"
	"galien/lake/duck"
	"galien/lake/writer"
	"galien/vault"
	"galien/vocab"
)

// Ingest reads a delivery and commits one snapshot made of it and of what the
// hub has of this source: a unit of the delivery (a month of claims, a year of
// the hospital's, a reference table) replaces the hub's unit of the same name,
// every other unit stays. The same files under the same rules change nothing.
//
// It fails with Busy while another writes the hub; with Invalid for a delivery
// that is not whole, and with Conflict for one that holds rows twice or is at
// odds with the hub. A failure commits nothing.
func Ingest(ctx context.Context, load Load) (rep Report, err error) {
	without, err := checkWithout(load.Without)
	if err != nil {
		return Report{}, err
	}
	d, err := find(load.Dir)
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
	engine.Sealed = true
	engine.File, engine.TempDir = filepath.Join(work, "stage.duckdb"), filepath.Join(work, "spill")
	w, err := writer.Open(ctx, load.Lake, engine)
	if err != nil {
		return Report{}, err
	}
	defer w.Close()
	if err := load.Vault.CleanWorkspaces(work); err != nil {
		return Report{}, err
	}
	dir, err := load.Vault.Store(load.Name)
	if err != nil {
		return Report{}, err
	}
	g := &ingest{load: load, d: d, w: w, base: w.Base(), without: without, store: store{dir},
		problems: newProblems(), read: make([]int64, len(d.inputs)), pages: map[string]kept{},
		salt: newSalt(), unlocked: map[string]bool{}}
	if err := g.base.AdmitSource(g.load.Name, Kind); err != nil {
		return Report{}, err
	}
	g.start()
	if err := d.check(ctx, func(n int64) { g.tick("check", n, 0) }); err != nil {
		return Report{}, err
	}
	g.delivered = d.batches(without)
	before, had := g.base.Source(g.load.Name)
	if err := g.store.settle(before.Units); err != nil {
		return Report{}, err
	}
	if had && !load.Afresh {
		g.before = before
	}
	if g.units, err = plan(g.before.Units, g.delivered); err != nil {
		return Report{}, err
	}
	if had && before.Reader == ReaderVersion && before.Delivery == deliveryID(g.units) && slices.Equal(before.Without, without) && g.whole() {
		return Report{Source: load.Name, Snapshot: g.base.ID, Persons: g.base.Manifest.Persons, Rules: before.Rules, Without: without,
			Files: []TableReport{}, Written: []Written{}, SetAside: d.setAside, Ignored: d.ignored}, nil
	}
	if err := g.openKept(); err != nil {
		return Report{}, err
	}
	return g.run(ctx)
}

// ingest is one load under way.
type ingest struct {
	load      Load
	d         *delivery
	w         *writer.Writer
	base      *lake.Snapshot // nil before the first
	before    lake.Source    // what the hub has of this source, and this load adds to
	without   []string
	store     store
	salt      string          // of the key of what this load keeps
	unlocked  map[string]bool // salts whose keys the engine has
	delivered []batch
	units     []lake.Unit // of the snapshot to come
	parts     parts
	grows     bool // the lake, rather than being made anew

	progress          sync.Mutex
	done, total, rows int64

	guard    sync.Mutex
	pages    map[string]kept // by content of the unit
	problems *problems
	read     []int64 // rows by input
	keys     *vault.Keys
	written  []Written
}

// openKept opens the units that the hub has and the delivery does not bring.
func (g *ingest) openKept() error {
	for _, u := range g.units {
		if slices.ContainsFunc(g.delivered, func(b batch) bool { return b.Name == u.Name }) {
			continue
		}
		if g.before.Reader != ReaderVersion || !slices.Equal(g.before.Without, g.without) {
			return galien.Errorf(galien.Conflict, "open delivery: what the hub has (%s among others) was read under other rules or by another version of this program, "+
				"and two readings do not make one lake: bring every file again with this delivery, or drop what it does not bring with --afresh", u.Name)
		}
		k, err := g.store.open(u)
		if err != nil {
			return fmt.Errorf("%w; bring the files of %s again with this delivery, or drop it with --afresh", err, u.Name)
		}
		g.pages[u.Content] = k
	}
	return nil
}

func (g *ingest) start() {
	g.done, g.total = 0, 0
	for _, in := range g.d.inputs {
		g.total += in.size
	}
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

func (g *ingest) clean(ctx context.Context, db executor, names ...string) error {
	for _, name := range names {
		if err := run(ctx, db, name, g.without); err != nil {
			return err
		}
	}
	return nil
}

func (g *ingest) run(ctx context.Context) (rep Report, err error) {
	if g.keys, err = g.load.Vault.Keys(ctx, g.load.Name); err != nil {
		return rep, err
	}
	db := g.w.DB()
	g.start()
	if err := g.unlock(ctx, g.salt); err != nil {
		return rep, err
	}
	if err := g.clean(ctx, db, "00-macros", "02-shapes", "03-field-shapes"); err != nil {
		return rep, err
	}
	if err := g.readBatches(ctx, func(u unit) bool { return u == reference }); err != nil {
		return rep, err
	}
	if err := g.number(ctx); err != nil {
		return rep, err
	}
	if err := g.readBatches(ctx, func(u unit) bool { return u != reference }); err != nil {
		return rep, err
	}
	g.partition()
	if err := g.openUnits(ctx); err != nil {
		return rep, err
	}
	if err := g.compile(ctx); err != nil {
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

// readBatches reads the units of the delivery that are of some kinds, several at
// once. What an earlier load read of the same files, beside the same
// beneficiaries, is not read again.
func (g *ingest) readBatches(ctx context.Context, of func(u unit) bool) error {
	var list []batch
	for _, b := range g.delivered {
		if of(b.kind) {
			list = append(list, b)
		}
	}
	return parallel(ctx, len(list), func(ctx context.Context, i int) error {
		b := list[i]
		k, err := g.stored(b)
		if err == nil {
			for _, n := range b.inputs {
				in := g.d.inputs[n]
				g.read[n] = k.Rows[in.sha256]
				g.problems.take(in, k.Problems[in.sha256])
				g.tick("read", in.size, g.read[n])
			}
		} else if k, err = g.readBatch(ctx, b); err != nil {
			return err
		}
		g.guard.Lock()
		defer g.guard.Unlock()
		g.pages[b.Content] = k
		return nil
	})
}

// stored opens what the store has of a unit of the delivery. It fails with
// NotFound also where that was read beside other beneficiaries, since the unit
// says which numbers nobody had.
func (g *ingest) stored(b batch) (kept, error) {
	k, err := g.store.open(b.Unit)
	if err == nil && k.Numbers != g.numbers(b) {
		err = galien.Errorf(galien.NotFound, "open %s: the store has it beside other beneficiaries", b.Name)
	}
	return k, err
}

// numbers names the beneficiary tables beside which a unit is read, where that
// matters.
func (g *ingest) numbers(b batch) string {
	var names []string
	for _, u := range g.units {
		if b.kind == claims && (u.Name == "IR_BEN_R" || u.Name == "IR_BEN_R_ARC") {
			names = append(names, u.Content)
		}
	}
	return strings.Join(names, " ")
}

// whole reports whether the store has every unit of the delivery as it would be
// read now, and the register.
func (g *ingest) whole() bool {
	path, _, err := g.store.register()
	return err == nil && path != "" && !slices.ContainsFunc(g.delivered, func(b batch) bool {
		_, err := g.stored(b)
		return err != nil
	})
}

// readBatch reads the files of a unit into tables of one connection, and leaves
// what the cleaning keeps of them in the store.
func (g *ingest) readBatch(ctx context.Context, b batch) (k kept, err error) {
	action := "read " + b.Name
	conn, err := g.w.DB().Conn(ctx)
	if err != nil {
		return k, duck.Error(action, err)
	}
	defer conn.Close()
	defer func() {
		if e := dropTemporary(context.WithoutCancel(ctx), conn); err == nil {
			err = e
		}
	}()
	for name, r := range reads {
		if r.unit != b.kind || r.unit == reference && name != b.Name {
			continue
		}
		if err := makeTable(ctx, conn, tables()[strings.ToUpper(name)]); err != nil {
			return k, err
		}
	}
	k = kept{Salt: g.salt, Numbers: g.numbers(b), Rows: map[string]int64{}, Problems: map[string]*fileProblems{}}
	for _, n := range b.inputs {
		in := g.d.inputs[n]
		if g.read[n], err = readFile(ctx, conn, in, n, g.problems); err != nil {
			return k, err
		}
		k.Rows[in.sha256] = g.read[n]
		g.tick("read", in.size, g.read[n])
	}
	dir, err := g.store.begin(b.Unit)
	if err != nil {
		return k, err
	}
	if err := g.leave(ctx, conn, b, dir); err != nil {
		return k, err
	}
	for _, n := range b.inputs {
		in := g.d.inputs[n]
		if p := g.problems.give(in); p != nil {
			k.Problems[in.sha256] = p
		}
	}
	err = g.store.seal(b.Unit, &k)
	return k, err
}

// scripts are the cleaning files of each kind of unit.
var scripts = map[unit][]string{
	claims:         {"20-claims", "27-coverage"},
	hospital:       {"21-hospital"},
	rehabilitation: {"23-rehabilitation"},
	home:           {"24-home"},
	psychiatry:     {"25-psychiatry"},
}

// leave cleans a unit that was read, notes what cannot be kept, and writes the
// rest to a folder.
func (g *ingest) leave(ctx context.Context, conn *sql.Conn, b batch, dir string) error {
	if b.kind == reference {
		table := strings.ToLower(b.Name)
		return copyTo(ctx, conn, "SELECT * EXCLUDE ("+badColumn+") FROM "+table, filepath.Join(dir, table+parquetExt), g.salt)
	}
	if err := g.clean(ctx, conn, scripts[b.kind]...); err != nil {
		return err
	}
	if err := g.quarantine(ctx, conn, unitOrphans[b.kind]); err != nil {
		return err
	}
	names, err := texts(ctx, conn, "SELECT view_name FROM duckdb_views() WHERE temporary AND view_name LIKE 'out\\_%' ESCAPE '\\' ORDER BY 1")
	if err != nil {
		return err
	}
	for _, name := range names {
		name = strings.TrimPrefix(name, "out_")
		query := "SELECT * FROM shape_" + name + " UNION ALL BY NAME SELECT * FROM out_" + name
		if name != "care" {
			if err := copyTo(ctx, conn, query, filepath.Join(dir, name+parquetExt), g.salt); err != nil {
				return err
			}
			continue
		}
		// A file for each kind, so that who asks for one reads no other.
		for _, kind := range []string{"PHA", "UCD", "CAM", "BIO", "TIP", "PRS"} {
			of := "SELECT * FROM (" + query + ") WHERE kind = " + duck.Quote(kind)
			if err := copyTo(ctx, conn, of, filepath.Join(dir, name+"-"+strings.ToLower(kind)+parquetExt), g.salt); err != nil {
				return err
			}
		}
	}
	return nil
}

// texts returns the only column of a query.
func texts(ctx context.Context, db executor, query string) (list []string, err error) {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return nil, duck.Error("list names", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			return nil, duck.Error("list names", err)
		}
		list = append(list, s)
	}
	return list, duck.Error("list names", rows.Err())
}

// dropTemporary removes the tables and views of a connection, which may serve
// again.
func dropTemporary(ctx context.Context, conn *sql.Conn) error {
	const action = "end of a unit"
	for _, kind := range []string{"view", "table"} {
		names, err := texts(ctx, conn, fmt.Sprintf("SELECT %[1]s_name FROM duckdb_%[1]ss() WHERE temporary AND NOT internal", kind))
		if err != nil {
			return err
		}
		for _, name := range names {
			if _, err := conn.ExecContext(ctx, "DROP "+kind+" temp."+duck.Ident(name)); err != nil {
				return duck.Error(action, err)
			}
		}
	}
	return nil
}

// stage runs the mapping, a table at a time.
func (g *ingest) stage(ctx context.Context) error {
	if g.grows {
		conn, err := g.w.DB().Conn(ctx)
		if err != nil {
			return duck.Error("recall the lake", err)
		}
		err = g.recall(ctx, conn)
		if err := errors.Join(err, conn.Close()); err != nil {
			return err
		}
	}
	for _, name := range mapped() {
		t, ok := cdm.Lookup(name)
		if !ok {
			return galien.Errorf(galien.Internal, "mapping: %s is no OMOP table", name)
		}
		query, err := mapping(name)
		if err != nil {
			return err
		}
		if g.grows && slices.Contains(still, name) {
			continue
		}
		if g.grows && slices.Contains(changed, name) {
			err = g.change(ctx, t, query)
		} else {
			err = g.w.StageQuery(ctx, t, query)
		}
		if err != nil {
			return err
		}
		var rows int64
		if err := g.w.DB().QueryRowContext(ctx, "SELECT count(*) FROM stage_"+name).Scan(&rows); err != nil {
			return duck.Error("stage "+name, err)
		}
		g.written = append(g.written, Written{name, rows})
	}
	return nil
}
