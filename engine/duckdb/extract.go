package duckdb

import (
	"context"
	"database/sql/driver"
	"fmt"
	"maps"
	"os"
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
	if err := e.pseudonyms(r, ids); err != nil {
		return out, duck.Error("extract", err)
	}
	if _, err := r.conn.ExecContext(ctx, "CREATE OR REPLACE TEMP TABLE "+members+" (person_id BIGINT, start_date DATE, end_date DATE)"); err != nil {
		return out, duck.Error("extract", err)
	}
	defer func() {
		for _, t := range []string{members, persons} {
			_, _ = r.conn.ExecContext(context.Background(), "DROP TABLE IF EXISTS "+t)
		}
	}()
	err = e.spans(ctx, r, func(_ span, plan sqlplan.Plan) error {
		_, err := r.conn.ExecContext(ctx, "INSERT INTO "+members+" SELECT person_id, start_date, end_date FROM "+plan.Periods)
		return duck.Error("extract", err)
	})
	if err != nil {
		return out, err
	}
	if err := r.conn.QueryRowContext(ctx, "SELECT count(*) FROM "+members).Scan(&out.Periods); err != nil {
		return out, duck.Error("extract", err)
	}
	if _, err := r.conn.ExecContext(ctx, fmt.Sprintf("CREATE OR REPLACE TEMP TABLE %s AS SELECT person_id, %s AS id FROM (SELECT DISTINCT person_id FROM %s) t",
		persons, r.pseudonym("person", "person_id"), members)); err != nil {
		return out, duck.Error("extract", err)
	}
	if out.Members, err = r.members(ctx); err != nil {
		return out, err
	}
	out.Persons = int64(len(out.Members))

	x := &extraction{run: r, format: format, dir: dir, spans: spansOf(out.Members), partBytes: e.partBytes}
	if e.temp != "" {
		if err := os.MkdirAll(e.temp, 0o700); err != nil {
			return out, fmt.Errorf("extract: %w", err)
		}
		if x.work, err = os.MkdirTemp(e.temp, "extract-"); err != nil {
			return out, fmt.Errorf("extract: %w", err)
		}
		defer os.RemoveAll(x.work)
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
	files := []sorted{{table: cohortTable, key: "subject_id", parts: x.cut(out.Periods, []cdm.Type{cdm.Integer, cdm.Integer, cdm.Date, cdm.Date}),
		query: func(over span) string {
			return fmt.Sprintf("SELECT CAST(%d AS BIGINT) AS cohort_definition_id, p.id AS subject_id, %s AS cohort_start_date, %s AS cohort_end_date FROM %s t JOIN %s USING (person_id)",
				cohortID, blur("t.start_date", cdm.Date, scope.Dates), blur("t.end_date", cdm.Date, scope.Dates), members, over.persons())
		}}}
	r.person = "p.id"
	for _, t := range grantedTables(scope, e.snapshot) {
		columns, dictionary := r.extractColumns(t, p.Terms(), scope)
		out.Dictionary = append(out.Dictionary, dictionary...)
		from := func(over span) string {
			return r.scope.seen(r.scope.files(over, lake.ByPerson), over)(t.Name) + " t JOIN " + over.persons() + " USING (person_id)"
		}
		var rows int64
		if err := r.conn.QueryRowContext(ctx, "SELECT count(*) FROM "+from(slices.Concat(x.spans...))).Scan(&rows); err != nil {
			return out, duck.Error("extract "+t.Name, err)
		}
		var types []cdm.Type
		for _, c := range dictionary {
			column, _ := t.Column(c.Column)
			types = append(types, column.Type)
		}
		files = append(files, sorted{table: t.Name, key: dictionary[0].Column, parts: x.cut(rows, types), query: func(over span) string {
			return "SELECT " + strings.Join(columns, ", ") + " FROM " + from(over)
		}})
	}
	x.step = e.steps(x, files)
	for _, f := range files {
		t, err := x.write(ctx, f)
		if err != nil {
			return out, err
		}
		out.Tables = append(out.Tables, t)
	}
	return out, nil
}

// Temporary tables of an extract: the cohort's periods, and each of its persons
// once with the permit's id.
const (
	members = "galien_members"
	persons = "galien_persons"
)

// persons is the persons of an extract who are in a span, as p.
func (s span) persons() string {
	where := "false"
	if len(s) > 0 {
		where = fmt.Sprintf("person_id BETWEEN %d AND %d", int64(s[0])*lake.BucketPersons+1, int64(s[len(s)-1]+1)*lake.BucketPersons)
	}
	return "(SELECT * FROM " + persons + " WHERE " + where + ") p"
}

// spansOf cuts the buckets of ascending persons into what is read together.
func spansOf(persons []galien.PersonID) (all []span) {
	var buckets []int
	for _, p := range persons {
		if b := lake.BucketOf(p); len(buckets) == 0 || buckets[len(buckets)-1] != b {
			buckets = append(buckets, b)
		}
	}
	for chunk := range slices.Chunk(buckets, bucketsAtOnce) {
		all = append(all, span(chunk))
	}
	return all
}

// steps returns what tells Progress of each step of the writing of files, which
// follow those of the evaluation.
func (e *Engine) steps(x *extraction, files []sorted) func() {
	if e.Progress == nil {
		return func() {}
	}
	done := int64(len(spans(e.snapshot)))
	total := done
	for _, f := range files {
		total += x.steps(f)
	}
	return func() {
		done++
		e.Progress(done, total)
	}
}

// members returns the persons of an extract, ascending.
func (r *run) members(ctx context.Context) (all []galien.PersonID, err error) {
	rows, err := r.conn.QueryContext(ctx, "SELECT person_id FROM "+persons+" ORDER BY 1")
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
			expression = fmt.Sprintf("%s(%s)", r.idFunction("location"), shownArea(c.Name))
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

// pseudonym is the permit's id of what a column names a row of.
func (r *run) pseudonym(table, column string) string {
	if column == "person_id" && r.person != "" {
		return r.person
	}
	return fmt.Sprintf("%s(t.%s)", r.idFunction(table), duck.Ident(column))
}

// pricedRow is the permit's id of the row that a cost is of.
func (r *run) pricedRow() string {
	id := "CASE t.cost_domain_id"
	for _, domain := range slices.Sorted(maps.Keys(cdm.Priced())) {
		id += " WHEN " + duck.Quote(domain) + " THEN " + r.pseudonym(cdm.Priced()[domain], "cost_event_id")
	}
	return id + " END"
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

// pseudonyms gives the run its SQL functions, one for each table that has ids: id
// -> id of the permit. A function outlives its connection, so that each extract
// has its own.
func (e *Engine) pseudonyms(r *run, ids Pseudonyms) error {
	r.functions = e.functions.Add(1)
	for _, t := range cdm.Tables() {
		of := func(id int64) int64 { return ids.Row(t.Name, id) }
		if t.Name == "person" {
			of = func(id int64) int64 { return ids.Person(galien.PersonID(id)) }
		}
		if err := driverdb.RegisterScalarUDF(r.conn, r.idFunction(t.Name), rowPseudonym{of}); err != nil {
			return err
		}
	}
	return nil
}

// idFunction is the name of the function of a table.
func (r *run) idFunction(table string) string { return fmt.Sprintf("galien_%d_%s", r.functions, table) }

// rowPseudonym is the SQL function id -> id of the permit.
type rowPseudonym struct{ of func(id int64) int64 }

func (f rowPseudonym) Config() driverdb.ScalarFuncConfig {
	number, err := driverdb.NewTypeInfo(driverdb.TYPE_BIGINT)
	if err != nil {
		panic("duckdb: the driver lacks BIGINT")
	}
	return driverdb.ScalarFuncConfig{InputTypeInfos: []driverdb.TypeInfo{number}, ResultTypeInfo: number}
}

func (f rowPseudonym) Executor() driverdb.ScalarFuncExecutor {
	return driverdb.ScalarFuncExecutor{RowExecutor: func(values []driver.Value) (any, error) {
		return f.of(values[0].(int64)), nil
	}}
}
