package snds

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"galien"
	"galien/lake/duck"
	"galien/source"
)

//go:embed cleaning/*.sql mapping/*.sql
var sqlFiles embed.FS

var (
	ruleSwitch = regexp.MustCompile(`\$([A-Z][0-9]{2})\b`)
	lineJoin   = regexp.MustCompile(`\$on\(([a-z]+), ([a-z]+)\)`)
)

// lineKeys tell one line of claim from another: the hash of its nine keys, and
// two of the keys, so that two lines that share a hash stay two.
var lineKeys = []string{lineColumn, "DCT_ORD_NUM", "PRS_ORD_NUM"}

// script returns the text of an SQL file with its words replaced.
func script(name string, without []string) (string, error) {
	b, err := sqlFiles.ReadFile(name)
	if err != nil {
		return "", galien.Errorf(galien.Internal, "read %s: %w", name, err)
	}
	text, err := expand(string(b), without)
	if err != nil {
		return "", galien.Errorf(galien.Internal, "read %s: %w", name, err)
	}
	return text, nil
}

// expand replaces the words of the cleaning files: $D14 by whether the rule is
// on, $line by what names a line of claim, $on(a, b) by the equality of two.
func expand(text string, without []string) (_ string, err error) {
	text = strings.ReplaceAll(text, "$line", strings.Join(lineKeys, ", "))
	text = lineJoin.ReplaceAllStringFunc(text, func(s string) string {
		m := lineJoin.FindStringSubmatch(s)
		var equal []string
		for _, k := range lineKeys {
			equal = append(equal, fmt.Sprintf("%s.%s IS NOT DISTINCT FROM %s.%s", m[1], k, m[2], k))
		}
		return strings.Join(equal, " AND ")
	})
	text = ruleSwitch.ReplaceAllStringFunc(text, func(s string) string {
		id := s[1:]
		if _, ok := ruleOf(id); !ok && err == nil {
			err = fmt.Errorf("the rule %s does not exist", id)
		}
		if slices.Contains(without, id) {
			return "false"
		}
		return "true"
	})
	return text, err
}

// executor runs SQL: a database, or one connection of it.
type executor interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// run executes a cleaning file, statement by statement.
func run(ctx context.Context, db executor, name string, without []string) error {
	text, err := script("cleaning/"+name+".sql", without)
	if err != nil {
		return err
	}
	for _, statement := range source.Statements(text) {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return duck.Error("clean ("+name+")", err)
		}
	}
	return nil
}

// mapping returns the query that fills an OMOP table.
func mapping(table string) (string, error) { return script("mapping/"+table+".sql", nil) }

// mapped are the OMOP tables that have a mapping, in the order of their making.
func mapped() []string {
	entries, err := sqlFiles.ReadDir("mapping")
	if err != nil {
		panic("snds: the mapping is not embedded")
	}
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".sql"))
	}
	return names
}
