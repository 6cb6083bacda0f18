package omop

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"slices"
	"strings"

	"galien"
	"galien/cdm"
	"galien/lake"
	"galien/lake/duck"
	"galien/source"
)

// removeDuplicates sends to quarantine every staged row whose key an earlier
// row has, and counts the keys that several persons share.
func (g *ingest) removeDuplicates(ctx context.Context, t *tableLoad) error {
	name := t.in.table.Name
	columns := keyColumns(t.in.table)
	if columns == nil || name == "person" {
		return nil
	}
	stage := duck.Ident("stage_" + name)
	action := "check keys of " + name
	surplus, err := surplusKeys(ctx, g.w.DB(), stage, columns[0])
	if err != nil || surplus == 0 {
		return duck.Error(action, err)
	}
	lines, err := duplicateLines(ctx, g.w.DB(), stage, columns)
	if err != nil {
		return duck.Error(action, err)
	}
	t.shared = surplus - int64(len(lines))
	if len(lines) == 0 {
		return nil
	}
	if err := deleteDuplicates(ctx, g.w.DB(), stage, columns); err != nil {
		return duck.Error(action, err)
	}
	return g.keepLines(ctx, t, lines, columns[0], source.DuplicateKey)
}

// surplusKeys returns how many rows have a key that another row has too, less
// the first of each.
func surplusKeys(ctx context.Context, db *sql.DB, stage, key string) (n int64, err error) {
	err = db.QueryRowContext(ctx, fmt.Sprintf("SELECT count(%[1]s) - count(DISTINCT %[1]s) FROM %[2]s", duck.Ident(key), stage)).Scan(&n)
	return n, err
}

// numbered selects the rows of a stage after the first of each key. Rows that
// were in the lake already have no line and come first.
func numbered(stage string, columns []string) string {
	var by []string
	for _, c := range columns {
		by = append(by, duck.Ident(c))
	}
	return fmt.Sprintf(`SELECT rowid AS r, _line FROM %s QUALIFY row_number() OVER (PARTITION BY %s ORDER BY _line NULLS FIRST) > 1`,
		stage, strings.Join(by, ", "))
}

func duplicateLines(ctx context.Context, db *sql.DB, stage string, columns []string) (map[int64]bool, error) {
	rows, err := db.QueryContext(ctx, "SELECT _line FROM ("+numbered(stage, columns)+") WHERE _line IS NOT NULL")
	if err != nil {
		return nil, err
	}
	return lineSet(rows)
}

// lineSet reads rows of line numbers.
func lineSet(rows *sql.Rows) (map[int64]bool, error) {
	defer rows.Close()
	lines := map[int64]bool{}
	for rows.Next() {
		var line int64
		if err := rows.Scan(&line); err != nil {
			return nil, err
		}
		lines[line] = true
	}
	return lines, rows.Err()
}

func deleteDuplicates(ctx context.Context, db *sql.DB, stage string, columns []string) error {
	_, err := db.ExecContext(ctx, "DELETE FROM "+stage+" WHERE rowid IN (SELECT r FROM ("+numbered(stage, columns)+") WHERE _line IS NOT NULL)")
	return err
}

// keepLines reads a file again to keep the text of the given lines, and
// rejects them for what is wrong in a field.
func (g *ingest) keepLines(ctx context.Context, t *tableLoad, lines map[int64]bool, field string, code source.Code) error {
	f, err := g.d.fsys.Open(t.in.path)
	if err != nil {
		return fmt.Errorf("read %s: %w", t.in.name, err)
	}
	defer f.Close()
	src, _, finish, err := openRecords(ctx, t.in, f, func(int64) {}, true)
	if err != nil {
		return err
	}
	for {
		rec, err := src.next()
		if err == io.EOF {
			return finish()
		}
		if err != nil {
			return readError(t.in.name, err)
		}
		if lines[rec.line] {
			if err := t.reject(rec, src, field, code); err != nil {
				return err
			}
		}
	}
}

// checkCarried refuses a new PERSON without persons of whom tables that stay
// as they were still speak.
func (g *ingest) checkCarried(ctx context.Context) error {
	replaced := false
	for _, t := range g.tables {
		replaced = replaced || t.in.table.Name == "person"
	}
	if !replaced || g.base == nil {
		return nil
	}
	for _, t := range g.base.Manifest.Tables {
		if !g.carries(t.Name) || len(t.Files) == 0 {
			continue
		}
		model, _ := cdm.Lookup(t.Name)
		if model.HasPerson() && slices.ContainsFunc(t.Files, func(f lake.File) bool { return f.Bucket == lake.NoBucket }) {
			return galien.Errorf(galien.Conflict, "ingest: an earlier version of this program took the table %s in without its persons: deliver it again with this PERSON; nothing was committed", t.Name)
		}
		column := ""
		where := ""
		for _, in := range carriedPersonColumns(t.Name) {
			column, where = in[0], in[1]
			var gone int64
			err := g.w.DB().QueryRowContext(ctx, fmt.Sprintf(
				"SELECT count(DISTINCT %[1]s) FROM %[2]s t WHERE %[3]s AND %[1]s NOT IN (SELECT person_id FROM stage_person)",
				column, duck.Table(model, g.base.Whole(t.Name)), where)).Scan(&gone)
			if err != nil {
				return duck.Error("check persons of "+t.Name, err)
			}
			if gone > 0 {
				return galien.Errorf(galien.Conflict,
					"ingest: the new PERSON lacks %d persons of whom the table %s, which this delivery does not replace, still speaks: deliver %s with it; nothing was committed",
					gone, t.Name, t.Name)
			}
		}
	}
	return nil
}

// carriedPersonColumns are the columns of a table of the lake that hold
// persons, each with the condition under which it does.
func carriedPersonColumns(table string) [][2]string {
	switch table {
	case "fact_relationship":
		return [][2]string{
			{"fact_id_1", fmt.Sprintf("domain_concept_id_1 IN (%d, %d)", personDomain, personTable)},
			{"fact_id_2", fmt.Sprintf("domain_concept_id_2 IN (%d, %d)", personDomain, personTable)},
		}
	case "location_history":
		return [][2]string{{"entity_id", fmt.Sprintf("lower(domain_id) IN ('person', '%d', '%d')", personDomain, personTable)}}
	}
	if t, ok := cdm.Lookup(table); ok && t.HasPerson() {
		return [][2]string{{"person_id", "true"}}
	}
	return nil
}
