package snds

import (
	"context"
	"slices"
	"strings"

	"galien"
	"galien/lake"
	"galien/lake/duck"
	"galien/source/codes"
)

// number gives every number and rank of the beneficiary tables the short one by
// which the units' lines of care speak of it.
func (g *ingest) number(ctx context.Context) error {
	const action = "number beneficiaries"
	db := g.w.DB()
	path, salt, err := g.store.register()
	if path == "" {
		err = g.startRegister(err)
	}
	if err != nil {
		return err
	}
	query := "CREATE TABLE number (psa VARCHAR, rng BIGINT, identity INTEGER)"
	if path != "" {
		if err := g.unlock(ctx, salt); err != nil {
			return err
		}
		query = "CREATE TABLE number AS " + sealedFiles(map[string][]string{salt: {path}})
	}
	if _, err = db.ExecContext(ctx, query); err != nil {
		return duck.Error(action, err)
	}
	if err := g.openReferences(ctx, g.units); err != nil {
		return err
	}
	res, err := db.ExecContext(ctx, `INSERT INTO number
		SELECT psa, rng, ((SELECT coalesce(max(identity), 0) FROM number) + row_number() OVER (ORDER BY psa, rng))::INTEGER
		FROM (SELECT DISTINCT BEN_NIR_PSA AS psa, BEN_RNG_GEM AS rng FROM (FROM ir_ben_r UNION ALL BY NAME FROM ir_ben_r_arc) WHERE BEN_NIR_PSA IS NOT NULL) b
		ANTI JOIN number n ON n.psa = b.psa AND n.rng IS NOT DISTINCT FROM b.rng`)
	if err != nil {
		return duck.Error(action, err)
	}
	if err := g.clean(ctx, db, "04-numbers"); err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 && path != "" {
		return err
	}
	return g.store.saveRegister(ctx, db, g.salt)
}

// startRegister makes sure that no line of care speaks of the short numbers of a
// register that is not there, or is not what was written (lost says so).
func (g *ingest) startRegister(lost error) error {
	if lost != nil && galien.KindOf(lost) != galien.Corrupt {
		return lost
	}
	had, _ := g.base.Source(g.load.Name)
	others := []lake.Unit{}
	for _, u := range slices.Concat(g.units, had.Units) {
		if !isClaims(u) {
			others = append(others, u)
			continue
		}
		if _, kept := g.pages[u.Content]; kept {
			return galien.Errorf(galien.Corrupt, "open register: the store has lost whom the lines of %s are about: bring every file of the DCIR again with this delivery, or drop what it does not bring with --afresh", u.Name)
		}
	}
	return g.store.clean(others)
}

// openReferences makes the reference tables of some units.
func (g *ingest) openReferences(ctx context.Context, units []lake.Unit) error {
	for name, r := range reads {
		if r.unit != reference {
			continue
		}
		table := strings.ToLower(name)
		files := ""
		for _, u := range units {
			if k := g.pages[u.Content]; u.Name == name {
				if err := g.unlock(ctx, k.Salt); err != nil {
					return err
				}
				files = sealedFiles(map[string][]string{k.Salt: g.store.paths(u, k, table)})
			}
		}
		query := "CREATE TABLE " + table + " AS " + files
		if files == "" {
			query = "CREATE TABLE " + table + " (" + strings.Join(r.typed(tables()[strings.ToUpper(name)]), ", ") + ")"
		}
		if _, err := g.w.DB().ExecContext(ctx, query); err != nil {
			return duck.Error("open "+name, err)
		}
	}
	return nil
}

// list returns an SQL list of texts.
func list(texts []string) string {
	quoted := make([]string, len(texts))
	for i, s := range texts {
		quoted[i] = duck.Quote(s)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// parts are the units of a load: those that the lake has and keeps, those that
// come, and those that are replaced.
type parts struct{ common, added, gone []lake.Unit }

// after returns the units of the snapshot to come.
func (p parts) after() []lake.Unit { return append(slices.Clone(p.common), p.added...) }

// files returns the SQL that reads a table of some units.
func (g *ingest) files(table string, units []lake.Unit) string {
	paths := map[string][]string{}
	for _, u := range units {
		k := g.pages[u.Content]
		paths[k.Salt] = append(paths[k.Salt], g.store.paths(u, k, table)...)
	}
	if from := sealedFiles(paths); from != "" {
		return "(" + from + ")"
	}
	return "shape_" + table
}

// openUnits makes a view unit_x of every table x of the store over the units of
// the snapshot to come, due_x over those whose rows are to be mapped, and, of
// lines of care and of what years tell of together, every_x over all.
func (g *ingest) openUnits(ctx context.Context) error {
	db := g.w.DB()
	shapes, err := g.shapes(ctx)
	if err != nil {
		return err
	}
	for _, k := range g.pages {
		if err := g.unlock(ctx, k.Salt); err != nil {
			return err
		}
	}
	after, due := g.parts.after(), g.parts.after()
	if g.grows {
		due = g.parts.added
	}
	for _, table := range shapes {
		views := map[string]string{"unit_" + table: "FROM " + g.files(table, after), "due_" + table: "FROM " + g.files(table, due)}
		if table == "care" || table == "unknown_care" || table == "amount" || strings.HasPrefix(table, "field_") {
			every := "SELECT *, 'common' AS part FROM " + g.files(table, g.parts.common)
			every += " UNION ALL BY NAME SELECT *, 'added' AS part FROM " + g.files(table, g.parts.added)
			every += " UNION ALL BY NAME SELECT *, 'gone' AS part FROM " + g.files(table, g.parts.gone)
			views["every_"+table] = every
		}
		for name, query := range views {
			if _, err := db.ExecContext(ctx, "CREATE VIEW "+name+" AS "+query); err != nil {
				return duck.Error("open units", err)
			}
		}
	}
	return nil
}

// shapes returns the names of the tables of the store.
func (g *ingest) shapes(ctx context.Context) ([]string, error) {
	return texts(ctx, g.w.DB(), "SELECT table_name[7:] FROM duckdb_tables() WHERE table_name LIKE 'shape\\_%' ESCAPE '\\' ORDER BY 1")
}

// compile makes of the units the clean_ tables that the mapping reads.
func (g *ingest) compile(ctx context.Context) error {
	db := g.w.DB()
	if err := g.nameProviders(ctx); err != nil {
		return err
	}
	if err := g.clean(ctx, db, "10-identities"); err != nil {
		return err
	}
	if err := g.assignKeys(ctx); err != nil {
		return err
	}
	if err := g.clean(ctx, db, "11-keys", "12-persons", "30-lines"); err != nil {
		return err
	}
	lines, amounts := "line", "amount"
	if g.grows {
		if err := g.clean(ctx, db, "32-touched"); err != nil {
			return err
		}
		lines, amounts = "touched_line", "touched_amount"
	}
	if err := g.clean(ctx, db, "34-field-fates"); err != nil {
		return err
	}
	if g.grows {
		if err := g.clean(ctx, db, "35-touched-fields"); err != nil {
			return err
		}
	}
	if _, err := db.ExecContext(ctx, "CREATE VIEW field_telling AS "+g.tellings("gone")); err != nil {
		return duck.Error("open stays", err)
	}
	for view, from := range map[string]string{"care_line": lines, "amount_line": amounts} {
		if _, err := db.ExecContext(ctx, "CREATE VIEW "+view+" AS FROM "+from+" WHERE part <> 'gone'"); err != nil {
			return duck.Error("open lines", err)
		}
	}
	if err := g.clean(ctx, db, "33-stays", "31-netting", "40-others", "45-fields", "46-certificates", "50-visits", "51-places", "52-amounts", "55-marks", "60-codes"); err != nil {
		return err
	}
	if err := codes.Hierarchy(ctx, db); err != nil {
		return err
	}
	if err := g.clean(ctx, db, "61-hierarchy"); err != nil {
		return err
	}
	if err := g.quarantine(ctx, db, stateOrphans); err != nil {
		return err
	}
	return codes.Conceive(ctx, db, g.base)
}

// tellings returns the SQL of the stays that years tell of together and that
// are to be mapped, without those of one part of the units.
func (g *ingest) tellings(without string) string {
	query := "SELECT s.*, h.person_id FROM every_field_stay s JOIN holder h ON h.psa = s.psa " +
		"WHERE s.removed_by IS NULL AND s.entry IS NOT NULL AND h.person_id IS NOT NULL AND s.part <> " + duck.Quote(without)
	if g.grows {
		query += " AND h.person_id IN (FROM touched_field)"
	}
	return query
}

// assignKeys exchanges the source ids of persons for the lake's keys.
func (g *ingest) assignKeys(ctx context.Context) error {
	return g.exchange(ctx, "SELECT source_id FROM person_source_id ORDER BY source_id", "person_key", "source_id VARCHAR, person_id BIGINT",
		func(id string) int64 { return int64(g.keys.Assign(id)) })
}

// nameProviders gives the professionals of the units numbers that say nothing.
func (g *ingest) nameProviders(ctx context.Context) error {
	gone := g.files("executor", g.parts.gone) // whom what the lake has may name
	return g.exchange(ctx, "SELECT DISTINCT executor FROM (SELECT executor FROM unit_executor UNION ALL SELECT executor FROM "+gone+")", "provider", "executor VARCHAR, provider_id BIGINT",
		func(number string) int64 { return g.load.Vault.Surrogate("professional", number) })
}

// exchange makes a table of the texts of a query and the number of each.
func (g *ingest) exchange(ctx context.Context, query, table, columns string, number func(text string) int64) error {
	db := g.w.DB()
	values, err := texts(ctx, db, query)
	if err != nil {
		return err
	}
	if _, err := db.ExecContext(ctx, "CREATE TABLE "+table+" ("+columns+")"); err != nil {
		return duck.Error("exchange identities", err)
	}
	next := 0
	return duck.Append(ctx, db, table, func(row []any) (bool, error) {
		if next == len(values) {
			return false, nil
		}
		row[0], row[1] = values[next], number(values[next])
		next++
		return true, nil
	})
}
