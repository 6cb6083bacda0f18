package duck

import (
	"strings"

	"galien/cdm"
	"galien/lake"
)

// Table returns the rows of some parts of a table as SQL to select from: those
// that are there, and no others. A table without parts has its columns and no
// row.
func Table(t cdm.Table, parts []lake.Part) string {
	var whole, selects []string
	for _, p := range parts {
		if data, removed := p.Paths(); removed == "" {
			whole = append(whole, Quote(data))
		} else {
			selects = append(selects, "SELECT * EXCLUDE (file_row_number) FROM "+Positions(p))
		}
	}
	read := "read_parquet([" + strings.Join(whole, ", ") + "])"
	switch {
	case len(parts) == 0:
		return none(t)
	case len(selects) == 0:
		return read
	case len(whole) > 0:
		selects = append([]string{"SELECT * FROM " + read}, selects...)
	}
	return "(" + strings.Join(selects, " UNION ALL BY NAME ") + ")"
}

// Positions returns the rows of a part that are there as SQL to select from,
// with the place of each in its data file, from 0, in the column
// file_row_number.
func Positions(p lake.Part) string {
	data, removed := p.Paths()
	from := "read_parquet(" + Quote(data) + ", file_row_number = true)"
	if removed == "" {
		return from
	}
	return "(SELECT * FROM " + from + " d ANTI JOIN read_parquet(" + Quote(removed) + ") r ON d.file_row_number = r." + lake.PositionColumn + ")"
}

// none is a table without rows.
func none(t cdm.Table) string {
	columns := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		columns[i] = "CAST(NULL AS " + Type(c.Type) + ") AS " + Ident(c.Name)
	}
	return "(SELECT " + strings.Join(columns, ", ") + " WHERE false)"
}

// Type returns the engine's type of the model's.
func Type(t cdm.Type) string {
	switch t {
	case cdm.Integer:
		return "BIGINT"
	case cdm.Float:
		return "DOUBLE"
	case cdm.Date:
		return "DATE"
	case cdm.Datetime:
		return "TIMESTAMP"
	}
	return "VARCHAR"
}
