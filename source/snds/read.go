package snds

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"galien"
	"galien/lake/duck"
	"galien/source"
)

// fileColumn and yearColumn are what every read table has beside its own
// columns: the mark of the input file, and the year in its name.
const (
	fileColumn = "_file"
	yearColumn = "_year"
	// lineColumn stands for the nine keys of a line of claim.
	lineColumn = "_line"
	// badColumn holds, while a file is read, the number of the column that
	// cannot be read.
	badColumn = "_bad"
)

// required are columns without which a row has no place in time, or says nothing.
var required = map[string]string{
	"ER_PRS_F": "EXE_SOI_DTD", "IR_VAC_F": "EXE_SOI_DTD", "KI_CCI_R": "BEN_DCD_DTE", "IR_IMB_R": "IMB_ALD_DTD",
	"KI_ECD_R": "ECD_CIM_COD", "T_MCOaaFCSTC": "ACT_COD",
	"T_SSRaaD": "DGN_COD", "T_SSRaaA": "CDC_ACT", "T_SSRaaCCAM": "CCAM_ACT", "T_SSRaaCSARR": "CSARR_COD",
	"T_HADaaD": "DGN_ASS", "T_HADaaDMPP": "DGN_ASS_MPP", "T_HADaaDMPA": "DGN_ASS_MPA", "T_HADaaA": "CCAM_COD",
	"T_RIPaaRSAD": "ASS_DGN", "T_RIPaaCCAM": "CDC_ACT",
}

const requiredMissing = 200

// kindOf returns how a column is read.
func (r *reading) kindOf(t Table, name string) valueKind {
	if slices.Contains(r.asText, name) {
		return text
	}
	c, _ := t.column(name)
	return c.kind
}

var columnTypes = map[valueKind]string{text: "VARCHAR", whole: "BIGINT", number: "DOUBLE", date: "DATE", dayFirst: "DATE"}

// raw returns the SQL that takes the text of the field x. Numbers are read with
// the spaces around them.
func (k valueKind) raw(x string) string {
	if k == whole || k == number {
		return x
	}
	return "nullif(trim(" + x + "), '')"
}

// value returns the SQL that reads the raw text x, null when it is empty or
// cannot be read.
func (k valueKind) value(x string) string {
	switch k {
	case whole:
		return "TRY_CAST(" + x + " AS BIGINT)"
	case number:
		return "TRY_CAST(replace(" + x + ", ',', '.') AS DOUBLE)"
	case date, dayFirst:
		eight := "%Y%m%d"
		if k == dayFirst {
			eight = "%d%m%Y"
		}
		return fmt.Sprintf("CASE length(%[1]s) WHEN 10 THEN coalesce(TRY_CAST(%[1]s AS DATE), CAST(try_strptime(%[1]s, '%%d/%%m/%%Y') AS DATE))"+
			" WHEN 8 THEN CAST(try_strptime(%[1]s, '%[2]s') AS DATE)"+
			" ELSE CAST(try_strptime(%[1]s, ['%%d%%b%%Y:%%H:%%M:%%S', '%%Y-%%m-%%d %%H:%%M:%%S', '%%Y-%%m-%%dT%%H:%%M:%%SZ', '%%d%%b%%Y']) AS DATE) END", x, eight)
	}
	return x
}

// mark is what stands for a file in the rows that came from it: the first eight
// bytes of its hash.
func (in *input) mark() uint64 {
	n, _ := strconv.ParseUint(in.sha256[:16], 16, 64) // check wrote it in hexadecimal
	return n
}

// makeTable makes the empty table into which the files of t are read. It
// belongs to its connection.
func makeTable(ctx context.Context, db executor, t Table) error {
	columns := append(reads[t.Name].typed(t), badColumn+" UTINYINT")
	_, err := db.ExecContext(ctx, "CREATE TEMP TABLE "+strings.ToLower(t.Name)+" ("+strings.Join(columns, ", ")+")")
	return duck.Error("read "+t.Name, err)
}

// typed returns the columns of the rows that are read of a table, with types.
func (r *reading) typed(t Table) (list []string) {
	for _, name := range r.columns() {
		list = append(list, name+" "+columnTypes[r.kindOf(t, name)])
	}
	if r.unit == claims {
		list = append(list, lineColumn+" UBIGINT")
	}
	return append(list, fileColumn+" UBIGINT", yearColumn+" INTEGER")
}

// readFile appends the rows of a file to the table of its name, and leaves in
// p what could not be read. Conn must be one connection throughout.
//
// The engine's reader takes whole numbers itself, which is cheaper than taking them
// as text first. It says less of what it cannot take: a file in which there is such
// a value is read again as text.
func readFile(ctx context.Context, conn *sql.Conn, in *input, number int, p *problems) (rows int64, err error) {
	rows, clean, err := readAs(ctx, conn, in, number, whole, p)
	if err != nil || clean {
		return rows, err
	}
	rows, _, err = readAs(ctx, conn, in, number, text, p)
	return rows, err
}

// readAs reads a file with its whole numbers taken as such, or as text. Clean is
// false where the former cannot be done, and nothing was read.
func readAs(ctx context.Context, conn *sql.Conn, in *input, number int, numbers valueKind, p *problems) (rows int64, clean bool, err error) {
	r := reads[in.table.Name]
	action := "read " + in.name
	table := strings.ToLower(in.table.Name)
	// Each value is worked out once: the text r of a column, its value v, and
	// above both what is kept and tested.
	var raw, values, selected, tests, nine []string
	layout := make([]string, len(in.columns))
	for i := range in.columns {
		layout[i] = fmt.Sprintf("'c%d': 'VARCHAR'", i)
	}
	columns := r.columns()
	for i, name := range columns {
		at := slices.Index(in.columns, name)
		kind := r.kindOf(in.table, name)
		if at < 0 {
			if slices.Contains(r.keys, name) {
				return 0, false, galien.Errorf(galien.Invalid, "%s: the column %s is missing, and without it a row of %s says nothing; export the table whole", action, name, in.table.Name)
			}
			selected = append(selected, fmt.Sprintf("CAST(NULL AS %s)", columnTypes[kind]))
			continue
		}
		r0, v := fmt.Sprintf("r%d", i), fmt.Sprintf("v%d", i)
		if kind == whole && numbers == whole {
			layout[at] = fmt.Sprintf("'c%d': 'BIGINT'", at)
			raw = append(raw, fmt.Sprintf("c%d AS %s", at, v))
			values = append(values, v)
		} else {
			raw = append(raw, fmt.Sprintf("%s AS %s", kind.raw(fmt.Sprintf("c%d", at)), r0))
			values = append(values, r0, fmt.Sprintf("%s AS %s", kind.value(r0), v))
			if kind != text {
				tests = append(tests, fmt.Sprintf("WHEN %s IS NULL AND trim(%s) <> '' THEN %d", v, r0, i+1))
			}
		}
		selected = append(selected, v)
		if r.unit == claims && i < len(strings.Fields(nineKeys)) {
			nine = append(nine, v)
		}
		if required[in.table.Name] == name {
			tests = append(tests, fmt.Sprintf("WHEN %s IS NULL THEN %d", v, requiredMissing))
		}
	}
	if r.unit == claims {
		selected = append(selected, "hash("+strings.Join(nine, ", ")+")")
	}
	bad := "NULL"
	if len(tests) > 0 {
		bad = "CASE " + strings.Join(tests, " ") + " END"
	}
	options := ""
	if in.latin1 {
		options = ", encoding = 'latin-1'"
	}
	if strings.HasSuffix(strings.ToLower(in.name), ".gz") {
		options += ", compression = 'gzip'"
	}
	errorsTable, scansTable := fmt.Sprintf("rejected_%d", number), fmt.Sprintf("rejected_scan_%d", number)
	query := fmt.Sprintf("INSERT INTO %s SELECT %s, %d::UBIGINT, %d, %s FROM (SELECT %s FROM (SELECT %s FROM read_csv(%s, delim = '%s', header = true, auto_detect = false, columns = {%s}, quote = '\"', escape = '\"'%s, "+
		"store_rejects = true, rejects_limit = 0, rejects_table = '%s', rejects_scan = '%s')))",
		table, strings.Join(selected, ", "), in.mark(), in.year, bad, strings.Join(values, ", "), strings.Join(raw, ", "),
		duck.Quote(in.path), string(in.delimiter), strings.Join(layout, ", "), options, errorsTable, scansTable)
	res, err := conn.ExecContext(ctx, query)
	if err != nil {
		return 0, false, duck.Error(action, err)
	}
	if rows, err = res.RowsAffected(); err != nil {
		return 0, false, fmt.Errorf("%s: %w", action, err)
	}
	defer func() {
		for _, t := range []string{errorsTable, scansTable} {
			if _, e := conn.ExecContext(context.WithoutCancel(ctx), "DROP TABLE IF EXISTS "+t); err == nil {
				err = duck.Error(action, e)
			}
		}
	}()
	if numbers == whole {
		var refused bool
		if err := conn.QueryRowContext(ctx, "SELECT count(*) > 0 FROM "+errorsTable+" WHERE error_type = 'CAST'").Scan(&refused); err != nil {
			return 0, false, duck.Error(action, err)
		}
		if refused {
			_, err := conn.ExecContext(ctx, fmt.Sprintf("DELETE FROM %s WHERE %s = %d", table, fileColumn, in.mark()))
			return 0, false, duck.Error(action, err)
		}
	}
	n, err := structural(ctx, conn, in, errorsTable, p)
	if err != nil {
		return 0, false, duck.Error(action, err)
	}
	if len(tests) > 0 {
		if err := unreadable(ctx, conn, in, columns, p); err != nil {
			return 0, false, duck.Error(action, err)
		}
	}
	return rows + n, true, nil
}

// structural notes the lines that could not be cut into fields.
func structural(ctx context.Context, conn *sql.Conn, in *input, table string, p *problems) (lines int64, err error) {
	rows, err := conn.QueryContext(ctx, "SELECT line, min(error_type::VARCHAR) FROM "+table+" GROUP BY line ORDER BY line")
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	for rows.Next() {
		var line int64
		var kind string
		if err := rows.Scan(&line, &kind); err != nil {
			return 0, err
		}
		code := source.UnreadableRow
		switch kind {
		case "MISSING COLUMNS", "TOO MANY COLUMNS":
			code = source.WrongFieldCount
		case "INVALID ENCODING":
			code = source.NotUTF8
		case "LINE SIZE OVER MAXIMUM":
			code = source.RowTooLong
		}
		p.atLine(in, line, code)
		lines++
	}
	return lines, rows.Err()
}

// unreadable takes the rows with a value that is not of its column's type out
// of the table.
func unreadable(ctx context.Context, conn *sql.Conn, in *input, columns []string, p *problems) error {
	table := strings.ToLower(in.table.Name)
	rows, err := conn.QueryContext(ctx, fmt.Sprintf("SELECT %s, count(*) FROM %s WHERE %s IS NOT NULL AND %s = %d GROUP BY 1 ORDER BY 1", badColumn, table, badColumn, fileColumn, in.mark()))
	if err != nil {
		return err
	}
	defer rows.Close()
	found := false
	for rows.Next() {
		var which int
		var n int64
		if err := rows.Scan(&which, &n); err != nil {
			return err
		}
		found = true
		if which == requiredMissing {
			p.inField(in, required[in.table.Name], source.RequiredMissing, n)
			continue
		}
		name := columns[which-1]
		code := source.NotNumber
		switch reads[in.table.Name].kindOf(in.table, name) {
		case whole:
			code = source.NotInteger
		case date, dayFirst:
			code = source.NotDate
		}
		p.inField(in, name, code, n)
	}
	if err := rows.Err(); err != nil || !found {
		return err
	}
	_, err = conn.ExecContext(ctx, fmt.Sprintf("DELETE FROM %s WHERE %s IS NOT NULL AND %s = %d", table, badColumn, fileColumn, in.mark()))
	return err
}
