package enginetest

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"

	"galien"
	"galien/cdm"
)

// Growth is one commit of tables that grow: the rows that come, by table, and
// the person and key of those that leave.
type Growth struct {
	Added   Tables
	Removed map[string][][2]int64
}

// Grown says how tables could have come about: the first tables and changes
// which together leave exactly the rows of tables. Some rows come later than
// others, and rows that are not in tables are there for a while. Only tables of
// persons with a primary key change.
func Grown(tables Tables, seed uint64) (first Tables, changes []Growth) {
	const commits = 4
	r := rand.New(rand.NewPCG(seed, 17))
	first = Tables{}
	for range commits {
		changes = append(changes, Growth{Tables{}, map[string][][2]int64{}})
	}
	for _, name := range slices.Sorted(maps.Keys(tables)) {
		rows := tables[name]
		t, _ := cdm.Lookup(name)
		key := t.PrimaryKey()
		if !t.HasPerson() || key == "" {
			first[name] = rows
			continue
		}
		first[name] = []map[string]any{}
		// Half of the rows are there from the start, with decoys among them.
		for i, row := range rows {
			n := r.IntN(2*commits) - commits
			if n < 0 {
				first[name] = append(first[name], row)
			} else {
				changes[n].Added[name] = append(changes[n].Added[name], row)
			}
			if r.IntN(8) > 0 {
				continue
			}
			decoy := maps.Clone(row)
			decoy[key] = int64(1_000_000_000 + i)
			if name == "person" {
				decoy["person_id"] = int64(200_000 + i)
			}
			comes := r.IntN(commits) - 1
			leaves := comes + 1 + r.IntN(commits-comes-1)
			if comes < 0 {
				first[name] = append(first[name], decoy)
			} else {
				changes[comes].Added[name] = append(changes[comes].Added[name], decoy)
			}
			changes[leaves].Removed[name] = append(changes[leaves].Removed[name], [2]int64{whole(decoy["person_id"]), whole(decoy[key])})
		}
	}
	return first, changes
}

// whole returns an integer of a table.
func whole(v any) int64 {
	switch v := v.(type) {
	case int:
		return int64(v)
	case float64:
		return int64(v)
	}
	return v.(int64)
}

// Queries writes a change of a table as the SQL that lake/writer takes: the
// rows that come, and those that leave.
func (g Growth) Queries(t cdm.Table) (added, removed string) {
	if rows := g.Added[t.Name]; len(rows) > 0 {
		list := make([]string, len(rows))
		for i, row := range rows {
			values := make([]string, len(t.Columns))
			for j, c := range t.Columns {
				values[j] = "CAST(" + literal(row[c.Name]) + " AS " + sqlTypes[c.Type] + ") AS " + c.Name
				if c.Identity {
					values[j] = "CAST(NULL AS VARCHAR) AS " + c.Name
				}
			}
			list[i] = "SELECT " + strings.Join(values, ", ")
		}
		added = strings.Join(list, " UNION ALL ")
	}
	if rows := g.Removed[t.Name]; len(rows) > 0 {
		list := make([]string, len(rows))
		for i, row := range rows {
			list[i] = fmt.Sprintf("(%d, %d)", row[0], row[1])
		}
		removed = "SELECT * FROM (VALUES " + strings.Join(list, ", ") + ")"
	}
	return added, removed
}

var sqlTypes = map[cdm.Type]string{
	cdm.Integer: "BIGINT", cdm.Float: "DOUBLE", cdm.Date: "DATE", cdm.Datetime: "TIMESTAMP", cdm.Text: "VARCHAR",
}

// literal writes a value of a table in SQL.
func literal(v any) string {
	switch v := v.(type) {
	case nil:
		return "NULL"
	case string:
		return "'" + strings.ReplaceAll(v, "'", "''") + "'"
	case galien.Date:
		return "'" + v.String() + "'"
	}
	return fmt.Sprint(v)
}
