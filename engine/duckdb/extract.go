package duckdb

import (
	"context"
	"database/sql/driver"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	driverdb "github.com/duckdb/duckdb-go/v2"

	"galien"
	"galien/cdm"
	"galien/cohort"
	"galien/engine/sqlplan"
	"galien/lake"
	"galien/lake/duck"
	"galien/permit"
)

// Pseudonyms replaces person keys and row ids by those of one permit. Its
// methods are called from several goroutines.
type Pseudonyms interface {
	// Person returns the permit's id of a person, a positive number.
	Person(galien.PersonID) int64
	// Row returns the permit's id of a row of a table.
	Row(table string, id int64) int64
}

// Format is the file format of an extract.
type Format string

// The formats of an extract.
const (
	Parquet Format = "parquet"
	CSV     Format = "csv"
)

// ExtractedColumn says what one column of an extract holds.
type ExtractedColumn struct {
	Table, Column, Type string
	// Content says how the value was changed: "as recorded", "id of this permit",
	// "first day of the month, cut to the permit's window", "left out".
	Content string
}

// ExtractedTable counts what an extract holds of one table.
type ExtractedTable struct {
	Table string
	File  string
	Rows  int64
}

// Extracted is what an extract holds.
type Extracted struct {
	Persons    int64
	Periods    int64
	Members    []galien.PersonID // the cohort's persons, ascending; of an export none
	Tables     []ExtractedTable
	Dictionary []ExtractedColumn
}

// cohortTable is the table of the cohort's own periods in an extract.
const cohortTable = "cohort"

// Extract writes into dir, which must exist and be empty, one file per granted
// table that holds persons: the rows of the cohort's persons, in the permit's
// window, with its columns and dates, every person key and row id replaced by
// those of the permit; and the cohort's periods. A column that could refer to
// rows of any table is left out, for its ids could not be replaced.
func (e *Engine) Extract(ctx context.Context, p permit.Permitted, def *cohort.Definition, cohortID int64, ids Pseudonyms, format Format, dir string) (Extracted, error) {
	var out Extracted
	if err := e.check(p, def, permit.Extract); err != nil {
		return out, err
	}
	if format != Parquet && format != CSV {
		return out, galien.Errorf(galien.Invalid, "extract: unknown format %q; use parquet or csv", string(format))
	}
	r, err := e.start(ctx, p, def)
	if err != nil {
		return out, err
	}
	defer r.close()
	// A function outlives its connection, so each extract has one of its own.
	r.idFunction = fmt.Sprintf("galien_row_%d", e.functions.Add(1))
	if err := driverdb.RegisterScalarUDF(r.conn, r.idFunction, rowPseudonym{ids}); err != nil {
		return out, duck.Error("extract", err)
	}
	const members = "galien_members"
	if _, err := r.conn.ExecContext(ctx, "CREATE OR REPLACE TEMP TABLE "+members+" (person_id BIGINT, start_date DATE, end_date DATE)"); err != nil {
		return out, duck.Error("extract", err)
	}
	defer func() { _, _ = r.conn.ExecContext(context.Background(), "DROP TABLE IF EXISTS "+members) }()
	err = e.spans(ctx, r, func(_ span, plan sqlplan.Plan) error {
		_, err := r.conn.ExecContext(ctx, "INSERT INTO "+members+" SELECT person_id, start_date, end_date FROM "+plan.Periods)
		return duck.Error("extract", err)
	})
	if err != nil {
		return out, err
	}
	if err := r.conn.QueryRowContext(ctx, "SELECT count(*), count(DISTINCT person_id) FROM "+members).Scan(&out.Periods, &out.Persons); err != nil {
		return out, duck.Error("extract", err)
	}
	if out.Members, err = r.members(ctx, members); err != nil {
		return out, err
	}

	write := func(table, query string) error {
		name := table + "." + string(format)
		options := "(FORMAT parquet, COMPRESSION zstd)"
		if format == CSV {
			options = "(FORMAT csv, HEADER)"
		}
		path := filepath.Join(dir, name)
		res, err := r.conn.ExecContext(ctx, "COPY ("+query+") TO "+duck.Quote(path)+" "+options)
		if err != nil {
			return duck.Error("extract "+table, err)
		}
		n, err := res.RowsAffected()
		if err != nil {
			return fmt.Errorf("extract %s: %w", table, err)
		}
		out.Tables = append(out.Tables, ExtractedTable{table, name, n})
		return os.Chmod(path, 0o600)
	}
	if err := r.scope.findAreas(ctx, r.conn, p.Terms().LeastArea()); err != nil {
		return out, err
	}
	scope := p.Scope()
	out.Dictionary = append(out.Dictionary,
		ExtractedColumn{cohortTable, "cohort_definition_id", "integer", "as asked"},
		ExtractedColumn{cohortTable, "subject_id", "integer", "id of this permit"},
		ExtractedColumn{cohortTable, "cohort_start_date", "date", precision(scope.Dates)},
		ExtractedColumn{cohortTable, "cohort_end_date", "date", precision(scope.Dates)})
	if err := write(cohortTable, fmt.Sprintf("SELECT CAST(%d AS BIGINT) AS cohort_definition_id, %s AS subject_id, %s AS cohort_start_date, %s AS cohort_end_date FROM %s t ORDER BY ALL",
		cohortID, r.pseudonym("person", "person_id"), blur("start_date", cdm.Date, scope.Dates), blur("end_date", cdm.Date, scope.Dates), members)); err != nil {
		return out, err
	}
	everyone := r.scope.seen(r.scope.files(e.snapshot.Buckets(), lake.ByPerson), e.snapshot.Buckets())
	for _, t := range grantedTables(scope, e.snapshot) {
		columns, dictionary := r.extractColumns(t, p.Terms(), scope)
		out.Dictionary = append(out.Dictionary, dictionary...)
		query := fmt.Sprintf("SELECT %s FROM %s t WHERE t.person_id IN (SELECT person_id FROM %s)\nORDER BY ALL",
			strings.Join(columns, ", "), everyone(t.Name), members)
		if err := write(t.Name, query); err != nil {
			return out, err
		}
	}
	return out, nil
}

// members returns the persons of a table of periods.
func (r *run) members(ctx context.Context, table string) (all []galien.PersonID, err error) {
	rows, err := r.conn.QueryContext(ctx, "SELECT DISTINCT person_id FROM "+table+" ORDER BY 1")
	if err != nil {
		return nil, duck.Error("extract", err)
	}
	defer rows.Close()
	for rows.Next() {
		var p galien.PersonID
		if err := rows.Scan(&p); err != nil {
			return nil, duck.Error("extract", err)
		}
		all = append(all, p)
	}
	return all, duck.Error("extract", rows.Err())
}

// grantedTables are the snapshot's tables of persons that the permit grants.
func grantedTables(s permit.Scope, snap *lake.Snapshot) []cdm.Table {
	var tables []cdm.Table
	for _, t := range cdm.Tables() {
		_, granted := s.Tables[t.Name]
		if _, held := snap.Table(t.Name); held && t.HasPerson() && (s.Tables == nil || granted) {
			tables = append(tables, t)
		}
	}
	return tables
}

// extractColumns returns the select list of a table and its dictionary.
func (r *run) extractColumns(t cdm.Table, terms permit.Terms, s permit.Scope) (columns []string, dictionary []ExtractedColumn) {
	granted := s.Tables[t.Name]
	for _, c := range t.Columns {
		if s.Tables != nil && !slices.Contains(granted, c.Name) {
			continue
		}
		expression, content := "t."+duck.Ident(c.Name), "as recorded"
		target, _ := cdm.Lookup(c.References)
		switch {
		case c.Identity:
			expression, content = leftOut(c), "left out: identity, kept by the vault"
		case sourceWords(c) && !terms.SourceIDs && !slices.Contains(terms.Tables[t.Name], c.Name):
			expression, content = leftOut(c), "left out: the source's own words, which the permit does not grant by name"
		case terms.LeastArea() > 1 && c.References == "location":
			expression = fmt.Sprintf("%s('location', %s)", r.idFunction, shownArea(c.Name))
			content = fmt.Sprintf("id of this permit, of an area with at least %d persons of the hub; the others of a department are one", terms.LeastArea())
		case terms.LeastArea() > 1 && t.Name == "location" && smallArea(c.Name):
			expression, content = told(expression), fmt.Sprintf("as recorded, of areas with at least %d persons of the hub", terms.LeastArea())
		case terms.LeastArea() > 1 && t.Name == "location" && point(c.Name):
			expression, content = leftOut(c), "left out: closer than an area"
		case c.PrimaryKey && c.References == "" && c.Type == cdm.Integer:
			expression, content = r.pseudonym(t.Name, c.Name), "id of this permit"
		case c.References != "" && !target.Vocabulary && c.Type == cdm.Integer:
			expression, content = r.pseudonym(c.References, c.Name), "id of this permit"
		case t.Name == "cost" && c.Name == "cost_event_id":
			expression, content = r.pricedRow(), "id of this permit, in the table of its domain"
		case strings.HasSuffix(c.Name, "event_id") || c.Name == "episode_parent_id":
			expression, content = leftOut(c), "left out: may refer to a row of any table"
		case c.Type == cdm.Date || c.Type == cdm.Datetime:
			content = precision(s.Dates)
			if s.Window != nil && t.DateColumn() != "" {
				expression, content = cut(expression, c.Type, *s.Window), content+", cut to the permit's window"
			}
			expression = blur(expression, c.Type, s.Dates)
		case strings.HasSuffix(c.Name, "_time") || c.Name == "day_of_birth" && s.Dates != permit.DatesExact ||
			c.Name == "month_of_birth" && s.Dates == permit.DatesYear:
			if s.Dates != permit.DatesExact {
				expression, content = leftOut(c), "left out: more exact than the permit's dates"
			}
		}
		columns = append(columns, expression+" AS "+duck.Ident(c.Name))
		dictionary = append(dictionary, ExtractedColumn{t.Name, c.Name, c.Type.String(), content})
	}
	return columns, dictionary
}

// sourceWords reports whether a column holds what the source wrote itself: its
// codes, but with them its record numbers and whatever people typed. Such a
// column is extracted only where the permit names it, or is the data steward's.
func sourceWords(c cdm.Column) bool {
	switch c.Name {
	case "note_text", "note_title", "unique_device_id", "production_id", "specimen_source_id":
		return true
	}
	return c.Type == cdm.Text && strings.HasSuffix(c.Name, "_source_value")
}

func (r *run) pseudonym(table, column string) string {
	return fmt.Sprintf("%s(%s, t.%s)", r.idFunction, duck.Quote(table), duck.Ident(column))
}

// pricedRow is the permit's id of the row that a cost is of.
func (r *run) pricedRow() string {
	table := "CASE t.cost_domain_id"
	for _, domain := range slices.Sorted(maps.Keys(cdm.Priced())) {
		table += " WHEN " + duck.Quote(domain) + " THEN " + duck.Quote(cdm.Priced()[domain])
	}
	return fmt.Sprintf("%s(%s END, t.cost_event_id)", r.idFunction, table)
}

// cut moves a date outside a window to its edge. A row is there because it
// began in the window; what ended later did so on a day that is hidden.
func cut(expression string, t cdm.Type, w galien.Period) string {
	return fmt.Sprintf("CASE WHEN CAST(%[1]s AS DATE) > %[2]s THEN CAST(%[2]s AS %[4]s) WHEN CAST(%[1]s AS DATE) < %[3]s THEN CAST(%[3]s AS %[4]s) ELSE %[1]s END",
		expression, day(w.End), day(w.Start), duck.Type(t))
}

func leftOut(c cdm.Column) string { return "CAST(NULL AS " + duck.Type(c.Type) + ")" }

// blur cuts a date to the permit's precision.
func blur(expression string, t cdm.Type, dates string) string {
	part := map[string]string{permit.DatesMonth: "month", permit.DatesYear: "year"}[dates]
	if part == "" {
		return expression
	}
	return fmt.Sprintf("CAST(date_trunc('%s', %s) AS %s)", part, expression, duck.Type(t))
}

func precision(dates string) string {
	switch dates {
	case permit.DatesMonth:
		return "first day of the month"
	case permit.DatesYear:
		return "first day of the year"
	}
	return "as recorded"
}

// rowPseudonym is the SQL function (table, id) -> id of the permit.
type rowPseudonym struct{ ids Pseudonyms }

func (f rowPseudonym) Config() driverdb.ScalarFuncConfig {
	text, errText := driverdb.NewTypeInfo(driverdb.TYPE_VARCHAR)
	number, errNumber := driverdb.NewTypeInfo(driverdb.TYPE_BIGINT)
	if errText != nil || errNumber != nil {
		panic("duckdb: the driver lacks VARCHAR or BIGINT")
	}
	return driverdb.ScalarFuncConfig{InputTypeInfos: []driverdb.TypeInfo{text, number}, ResultTypeInfo: number}
}

func (f rowPseudonym) Executor() driverdb.ScalarFuncExecutor {
	return driverdb.ScalarFuncExecutor{RowExecutor: func(values []driver.Value) (any, error) {
		table, id := values[0].(string), values[1].(int64)
		if table == "person" {
			return f.ids.Person(galien.PersonID(id)), nil
		}
		return f.ids.Row(table, id), nil
	}}
}
