// Package mappingtest runs the worked examples beside the mapping of a source,
// so that what a data engineer reads is what the program does.
//
// An example is an SQL file: the tables under "-- given" go in, and the rows
// under "-- expect" must come out of the mapping, row for row, in the columns
// that the example names.
//
//	mappingtest.Run(t, "mapping/examples", "", tables, mapping)
package mappingtest

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"galien/lake/duck"
	"galien/source"
)

// Run runs the example of every table in dir against the query that fills it.
// Words are SQL statements, such as macros, that all of them use.
func Run(t *testing.T, dir, words string, tables []string, mapping func(table string) (string, error)) {
	for _, table := range tables {
		t.Run(table, func(t *testing.T) {
			b, err := os.ReadFile(filepath.Join(dir, table+".sql"))
			if err != nil {
				t.Fatalf("the mapping of %s has no example: %v", table, err)
			}
			given, expect, ok := strings.Cut(string(b), "-- expect\n")
			if !ok {
				t.Fatal("the example expects nothing")
			}
			ctx := context.Background()
			db, err := duck.Open(ctx, duck.Config{Threads: 1, TempDir: t.TempDir()})
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			for _, s := range source.Statements(words + given) {
				if _, err := db.Exec(s); err != nil {
					t.Fatal(err)
				}
			}
			query, err := mapping(table)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := db.Exec("CREATE TABLE expected AS " + strings.TrimSuffix(strings.TrimSpace(expect), ";")); err != nil {
				t.Fatal(err)
			}
			if _, err := db.Exec("CREATE TABLE mapped AS " + query); err != nil {
				t.Fatal(err)
			}
			var columns string
			if err := db.QueryRow("SELECT string_agg(column_name, ', ') FROM (DESCRIBE expected)").Scan(&columns); err != nil {
				t.Fatal(err)
			}
			for _, c := range [][3]string{{"expected", "mapped", "is missing"}, {"mapped", "expected", "is too much"}} {
				rows, err := db.Query("SELECT row(" + columns + ")::VARCHAR FROM (SELECT " + columns + " FROM " + c[0] + " EXCEPT ALL SELECT " + columns + " FROM " + c[1] + ")")
				if err != nil {
					t.Fatal(err)
				}
				for rows.Next() {
					var text string
					if err := rows.Scan(&text); err != nil {
						t.Fatal(err)
					}
					t.Errorf("%s %s", text, c[2])
				}
				if err := rows.Close(); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}
