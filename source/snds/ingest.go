package snds

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"sync"

	"galien"
	"galien/cdm"
	"galien/lake"
	"galien/lake/duck"
	"galien/lake/writer"
	"galien/source"
	"galien/source/codes"
	"galien/vault"
)

// Ingest reads a delivery and commits one snapshot made of it alone: the tables
// that the mapping fills replace those of the hub. The same files under the
// same rules change nothing.
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
	engine.File, engine.TempDir = filepath.Join(work, "stage.duckdb"), filepath.Join(work, "spill")
	w, err := writer.Open(ctx, load.Lake, engine)
	if err != nil {
		return Report{}, err
	}
	defer w.Close()
	if err := load.Vault.CleanWorkspaces(work); err != nil {
		return Report{}, err
	}
	g := &ingest{load: load, d: d, w: w, base: w.Base(), without: without, problems: newProblems(), read: make([]int64, len(d.inputs))}
	if err := g.base.AdmitSource(g.load.Name, Kind); err != nil {
		return Report{}, err
	}
	g.start()
	if err := d.check(ctx, func(n int64) { g.tick("check", n, 0) }); err != nil {
		return Report{}, err
	}
	if p, ok := g.base.Source(g.load.Name); ok && p.Reader == ReaderVersion && p.Delivery == d.id() && slices.Equal(p.Without, without) {
		return Report{Source: load.Name, Snapshot: g.base.ID, Persons: g.base.Manifest.Persons, Rules: p.Rules, Without: without,
			Files: []TableReport{}, Written: []Written{}, SetAside: d.setAside, Ignored: d.ignored}, nil
	}
	return g.run(ctx)
}

// ingest is one load under way.
type ingest struct {
	load    Load
	d       *delivery
	w       *writer.Writer
	base    *lake.Snapshot // nil before the first
	without []string

	progress          sync.Mutex
	done, total, rows int64

	problems *problems
	read     []int64 // rows by input
	keys     *vault.Keys
	assign   sync.Mutex
	written  []Written
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
	if err := g.clean(ctx, db, "00-macros"); err != nil {
		return rep, err
	}
	if err := g.readReferences(ctx); err != nil {
		return rep, err
	}
	if err := g.identify(ctx); err != nil {
		return rep, err
	}
	if err := g.clean(ctx, db, "18-hospital-tables", "19-care"); err != nil {
		return rep, err
	}
	units := g.units()
	err = parallel(ctx, len(units), func(ctx context.Context, i int) error { return g.readUnit(ctx, units[i]) })
	if err != nil {
		return rep, err
	}
	if err := g.clean(ctx, db, "12-persons", "30-netting", "40-others", "50-visits", "60-codes"); err != nil {
		return rep, err
	}
	if err := codes.Hierarchy(ctx, db); err != nil {
		return rep, err
	}
	if err := g.clean(ctx, db, "61-hierarchy"); err != nil {
		return rep, err
	}
	if err := g.quarantine(ctx, db, referenceOrphans); err != nil {
		return rep, err
	}
	if err := codes.Conceive(ctx, db, g.base); err != nil {
		return rep, err
	}
	if err := g.stage(ctx); err != nil {
		return rep, err
	}
	return g.commit(ctx)
}

// readReferences reads the tables that say who and what, each on one core.
func (g *ingest) readReferences(ctx context.Context) error {
	var names []string
	for name, r := range reads {
		if r.unit == reference {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	return parallel(ctx, len(names), func(ctx context.Context, i int) error {
		t := tables()[strings.ToUpper(names[i])]
		conn, err := g.w.DB().Conn(ctx)
		if err != nil {
			return duck.Error("read "+t.Name, err)
		}
		defer conn.Close()
		if err := makeTable(ctx, conn, t, false); err != nil {
			return err
		}
		for n, in := range g.d.inputs {
			if in.table.Name != t.Name {
				continue
			}
			if err := g.readInput(ctx, conn, n); err != nil {
				return err
			}
		}
		return nil
	})
}

// readInput reads one file on a connection.
func (g *ingest) readInput(ctx context.Context, conn *sql.Conn, n int) error {
	rows, err := readFile(ctx, conn, g.d.inputs[n], n, g.problems)
	if err != nil {
		return err
	}
	g.read[n] = rows
	g.tick("read", g.d.inputs[n].size, rows)
	return nil
}

// identify exchanges the numbers of the beneficiaries for person keys.
func (g *ingest) identify(ctx context.Context) error {
	db := g.w.DB()
	if err := g.clean(ctx, db, "10-identities"); err != nil {
		return err
	}
	if _, err := db.ExecContext(ctx, "CREATE TABLE person_key (source_id VARCHAR, person_id BIGINT)"); err != nil {
		return duck.Error("exchange identities", err)
	}
	if err := g.assignKeys(ctx, db, "SELECT DISTINCT source_id FROM identified WHERE source_id IS NOT NULL ORDER BY source_id"); err != nil {
		return err
	}
	return g.clean(ctx, db, "11-keys")
}

// assignKeys gives every source id of a query its person key, and puts the
// pairs into person_key.
func (g *ingest) assignKeys(ctx context.Context, db executor, query string) error {
	const action = "exchange identities"
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return duck.Error(action, err)
	}
	defer rows.Close()
	const batch = 500
	var values []any
	flush := func() error {
		if len(values) == 0 {
			return nil
		}
		places := strings.TrimSuffix(strings.Repeat("(?, ?), ", len(values)/2), ", ")
		_, err := g.w.DB().ExecContext(ctx, "INSERT INTO person_key VALUES "+places, values...)
		values = values[:0]
		return duck.Error(action, err)
	}
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return galien.Errorf(galien.Internal, "%s: the engine's answer cannot be read", action)
		}
		values = append(values, id, int64(g.keys.Assign(id)))
		if len(values) == 2*batch {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	if err := rows.Err(); err != nil {
		return duck.Error(action, err)
	}
	return flush()
}

// period is one unit of reading: files of one group that are joined with each
// other and with no other.
type period struct {
	unit   unit
	inputs []int
}

// units groups the files: claims by flux month, or by year where any table of
// that year comes as one file, or all together where a file has no period; the
// hospital's by year.
func (g *ingest) units() []period {
	whole := map[unit]bool{}
	yearly := map[string]bool{}
	for _, in := range g.d.inputs {
		switch u := reads[in.table.Name].unit; {
		case in.period == "":
			whole[u] = true
		case u == claims && len(in.period) == 4:
			yearly[in.period] = true
		}
	}
	groups := map[string]*period{}
	var names []string
	for i, in := range g.d.inputs {
		u := reads[in.table.Name].unit
		if u == reference {
			continue
		}
		name := in.period
		if u == claims && len(name) == 6 && yearly[name[:4]] {
			name = name[:4]
		}
		if whole[u] {
			name = ""
		}
		name = fmt.Sprintf("%d %s", u, name)
		if groups[name] == nil {
			groups[name] = &period{unit: u}
			names = append(names, name)
		}
		groups[name].inputs = append(groups[name].inputs, i)
	}
	sort.Strings(names)
	var list []period
	for _, name := range names {
		list = append(list, *groups[name])
	}
	return list
}

// readUnit reads the files of a unit into tables of one connection, and leaves
// what the cleaning keeps of them in tables of all.
func (g *ingest) readUnit(ctx context.Context, p period) (err error) {
	conn, err := g.w.DB().Conn(ctx)
	if err != nil {
		return duck.Error("read claims", err)
	}
	defer conn.Close()
	defer func() {
		if e := dropTemporary(context.WithoutCancel(ctx), conn); err == nil {
			err = e
		}
	}()
	for name, r := range reads {
		if r.unit != p.unit {
			continue
		}
		if err := makeTable(ctx, conn, tables()[strings.ToUpper(name)], true); err != nil {
			return err
		}
	}
	for _, n := range p.inputs {
		if err := g.readInput(ctx, conn, n); err != nil {
			return err
		}
	}
	script, orphans := "20-claims", claimOrphans
	if p.unit == hospital {
		script, orphans = "21-hospital", hospitalOrphans
	}
	if err := g.invent(ctx, conn, p.unit); err != nil {
		return err
	}
	if err := g.clean(ctx, conn, script); err != nil {
		return err
	}
	return g.quarantine(ctx, conn, orphans)
}

// dropTemporary removes the tables of a connection, which may serve again.
func dropTemporary(ctx context.Context, conn *sql.Conn) error {
	const action = "end of a unit"
	rows, err := conn.QueryContext(ctx, "SELECT table_name FROM duckdb_tables() WHERE temporary")
	if err != nil {
		return duck.Error(action, err)
	}
	defer rows.Close()
	var names []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return duck.Error(action, err)
		}
		names = append(names, name)
	}
	if err := rows.Err(); err != nil {
		return duck.Error(action, err)
	}
	for _, name := range names {
		if _, err := conn.ExecContext(ctx, "DROP TABLE temp."+duck.Ident(name)); err != nil {
			return duck.Error(action, err)
		}
	}
	return nil
}

// invent makes persons of the numbers that stand for none, where the rules that
// keep them out (P05, P06, M02) are off.
func (g *ingest) invent(ctx context.Context, conn *sql.Conn, u unit) error {
	off := func(id string) string {
		if slices.Contains(g.without, id) {
			return "true"
		}
		return "false"
	}
	if !slices.Contains(g.without, "P05") && !slices.Contains(g.without, "P06") && !slices.Contains(g.without, "M02") {
		return nil
	}
	g.assign.Lock()
	defer g.assign.Unlock()
	from := fmt.Sprintf(`SELECT DISTINCT p.BEN_NIR_PSA AS psa, p.BEN_RNG_GEM AS rng FROM er_prs_f p
		ANTI JOIN beneficiary b ON b.psa = p.BEN_NIR_PSA AND b.rng IS NOT DISTINCT FROM p.BEN_RNG_GEM
		WHERE p.BEN_NIR_PSA IS NOT NULL AND CASE WHEN p.BEN_CDI_NIR = '08' OR p.RGM_COD = 888 THEN %s ELSE %s END`, off("P05"), off("P06"))
	if u == hospital {
		from = fmt.Sprintf(`SELECT DISTINCT p.NIR_ANO_17 AS psa, NULL::BIGINT AS rng
			FROM (SELECT NIR_ANO_17 FROM t_mcoaac UNION ALL SELECT NIR_ANO_17 FROM t_mcoaacstc) p
			ANTI JOIN holder h ON h.psa = p.NIR_ANO_17
			WHERE p.NIR_ANO_17 IS NOT NULL AND CASE WHEN dummy_number(p.NIR_ANO_17) THEN %s ELSE %s END`, off("M02"), off("P06"))
	}
	_, err := conn.ExecContext(ctx, "CREATE TEMP TABLE invented AS "+from)
	if err == nil {
		err = g.assignKeys(ctx, conn, "SELECT DISTINCT psa || coalesce(rng::VARCHAR, '') AS id FROM invented ANTI JOIN person_key k ON k.source_id = psa || coalesce(rng::VARCHAR, '') ORDER BY id")
	}
	for _, s := range []string{
		"INSERT INTO beneficiary SELECT -1, i.psa, i.rng, k.person_id, false FROM invented i JOIN person_key k ON k.source_id = i.psa || coalesce(i.rng::VARCHAR, '')",
		"INSERT INTO holder SELECT i.psa, 1, min(k.person_id) FROM invented i JOIN person_key k ON k.source_id = i.psa || coalesce(i.rng::VARCHAR, '') ANTI JOIN holder h ON h.psa = i.psa GROUP BY i.psa",
	} {
		if err == nil {
			_, err = conn.ExecContext(ctx, s)
		}
	}
	return duck.Error("take unknown numbers for persons", err)
}

// orphans finds rows that cannot be kept by what other tables say of them: a
// query that yields the input's number and the plain values of key columns.
type orphans struct {
	table string // empty when the query's second column says it
	keys  string
	why   failure
	query string
}

var claimOrphans = []orphans{
	{"ER_PRS_F", nineKeys, failure{"BEN_NIR_PSA", source.UnknownBeneficiary}, "SELECT _file, $keys FROM claim WHERE removed_by = 'P06'"},
	{"ER_*_F", nineKeys, failure{"", source.OrphanDetail}, "SELECT _file, $keys FROM detailed WHERE orphan"},
}

var hospitalOrphans = []orphans{
	{"T_MCOaaC", "ETA_NUM RSA_NUM", failure{"NIR_ANO_17", source.AmbiguousPerson}, "SELECT _file, ETA_NUM, RSA_NUM FROM stay WHERE removed_by = 'M09'"},
	{"T_MCOaaC", "ETA_NUM RSA_NUM", failure{"NIR_ANO_17", source.UnknownBeneficiary}, "SELECT _file, ETA_NUM, RSA_NUM FROM stay WHERE removed_by = 'P06'"},
	{"T_MCOaaC", "ETA_NUM RSA_NUM", failure{"EXE_SOI_DTD", source.RequiredMissing}, "SELECT _file, ETA_NUM, RSA_NUM FROM stay WHERE removed_by = 'undated'"},
	{"T_MCOaaCSTC", "ETA_NUM SEQ_NUM", failure{"NIR_ANO_17", source.AmbiguousPerson}, "SELECT _file, ETA_NUM, SEQ_NUM FROM visit WHERE removed_by = 'M09'"},
	{"T_MCOaaCSTC", "ETA_NUM SEQ_NUM", failure{"NIR_ANO_17", source.UnknownBeneficiary}, "SELECT _file, ETA_NUM, SEQ_NUM FROM visit WHERE removed_by = 'P06'"},
	{"T_MCOaaCSTC", "ETA_NUM SEQ_NUM", failure{"EXE_SOI_DTD", source.RequiredMissing}, "SELECT _file, ETA_NUM, SEQ_NUM FROM visit WHERE removed_by = 'undated'"},
}

var referenceOrphans = []orphans{
	{"IR_IMB_R", "BEN_NIR_PSA BEN_RNG_GEM", failure{"BEN_NIR_PSA", source.UnknownBeneficiary},
		"SELECT DISTINCT i._file, i.BEN_NIR_PSA, i.BEN_RNG_GEM FROM ir_imb_r i ANTI JOIN beneficiary b ON b.psa = i.BEN_NIR_PSA AND b.rng IS NOT DISTINCT FROM i.BEN_RNG_GEM"},
	{"IR_VAC_F", "BEN_NIR_PSA EXE_SOI_DTD PHA_PRS_C13", failure{"BEN_NIR_PSA", source.UnknownBeneficiary},
		"SELECT DISTINCT _file, psa, day, code FROM vaccine_row WHERE person_id IS NULL"},
	{"KI_CCI_R", "BEN_IDT_ANO", failure{"BEN_IDT_ANO", source.UnknownBeneficiary},
		"SELECT DISTINCT k._file, k.BEN_IDT_ANO FROM ki_cci_r k ANTI JOIN anonymous a ON a.ano = k.BEN_IDT_ANO WHERE k.BEN_IDT_ANO IS NOT NULL"},
}

// quarantine notes the rows that the queries find.
func (g *ingest) quarantine(ctx context.Context, db executor, list []orphans) error {
	for _, o := range list {
		keys := strings.Fields(o.keys)
		rows, err := db.QueryContext(ctx, strings.ReplaceAll(o.query, "$keys", strings.Join(keys, ", ")))
		if err != nil {
			return duck.Error("find rows for the quarantine", err)
		}
		err = func() error {
			defer rows.Close()
			for rows.Next() {
				var n int
				values := make([]sql.NullString, len(keys))
				into := []any{&n}
				for i := range values {
					into = append(into, &values[i])
				}
				if err := rows.Scan(into...); err != nil {
					return galien.Errorf(galien.Internal, "find rows for the quarantine: the engine's answer cannot be read")
				}
				texts := make([]string, len(values))
				for i, v := range values {
					texts[i] = v.String
					// The driver writes a date with its time.
					if k := reads[g.d.inputs[n].table.Name].kindOf(g.d.inputs[n].table, keys[i]); (k == date || k == dayFirst) && len(texts[i]) > 10 {
						texts[i] = texts[i][:10]
					}
				}
				g.problems.atKeys(g.d.inputs[n], keys, texts, o.why)
			}
			return duck.Error("find rows for the quarantine", rows.Err())
		}()
		if err != nil {
			return err
		}
	}
	return nil
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
		if err := g.w.DB().QueryRowContext(ctx, "SELECT count(*) FROM stage_"+name).Scan(&rows); err != nil {
			return duck.Error("stage "+name, err)
		}
		g.written = append(g.written, Written{name, rows})
	}
	return nil
}
