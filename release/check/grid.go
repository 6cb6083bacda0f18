package check

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// grid is one table of a file: a header and rows of as many cells.
type grid struct {
	file  string
	sheet string // names one table of several, for places
	out   *Output
	// header are the names of the columns, and rows the cells as texts.
	header []string
	rows   [][]string
	// first is the number of the line or row where the rows begin.
	first int
	comma bool // decimals are written with a comma
}

// name names the table among those of its file.
func (g *grid) name() string { return g.sheet }

// column names a column by its place, and by its name where the manifest has it:
// what a header says may be a value.
func (g *grid) column(j int) string {
	s := fmt.Sprintf("column %d", j+1)
	if g.out.variable(g.header[j]) != nil {
		s += " (" + g.header[j] + ")"
	}
	if g.sheet != "" {
		s = g.sheet + ", " + s
	}
	return s
}

// at names a cell.
func (g *grid) at(i, j int) string { return fmt.Sprintf("row %d, %s", i+g.first, g.column(j)) }

// variable is what the manifest says of a column, or nil.
func (g *grid) variable(j int) *Variable { return g.out.variable(g.header[j]) }

// role is the role of a column: as declared, or else as its name suggests.
func (g *grid) role(j int) Role {
	if v := g.variable(j); v != nil && v.Role != "" {
		return v.Role
	}
	return guess(g.header[j])
}

// index returns the place of a named column, or -1.
func (g *grid) index(name string) int {
	if name == "" {
		return -1
	}
	return slices.Index(g.header, name)
}

func isCount(r Role) bool {
	return r == RoleCount || r == RolePopulation || r == RoleEvents || r == RoleAtRisk
}

var guesses = []struct {
	role Role
	name *regexp.Regexp
}{
	{RoleResidual, regexp.MustCompile(`(?i)^(.*[_. ])?(resid(ual)?s?|fitted([_. ]values?)?|predicted|hat|leverage|cooks?d?|r[eé]sidus?)$`)},
	{RoleMin, regexp.MustCompile(`(?i)^(.*[_. ])?(min|minimum|lowest|p0)([_. ].*)?$`)},
	{RoleMax, regexp.MustCompile(`(?i)^(.*[_. ])?(max|maximum|highest|p100)([_. ].*)?$`)},
	{RolePercent, regexp.MustCompile(`(?i)(^|[_. (])(pct|percent(age)?|perc|%|pourcentage|part)([_. )]|$)|%`)},
	{RoleCount, regexp.MustCompile(`(?i)^(n|nb|num|count|counts|freq|frequency|persons|patients|effectifs?|personnes|cases|cas|deaths|d[eé]c[eè]s|total|n_obs|nobs)([_. ].*)?$|^n_.*|.*[_. ](n|count|counts|persons|patients|nb)$`)},
}

// guess returns the role that a column's name suggests, or "".
func guess(name string) Role {
	name = strings.TrimSpace(name)
	for _, g := range guesses {
		if g.name.MatchString(name) {
			return g.role
		}
	}
	return ""
}

// number is a number as it is written.
type number struct {
	v float64
	// decimals are those written.
	decimals int
}

// half is half a unit of the last digit written.
func (n number) half() float64 { return 0.5 * math.Pow10(-n.decimals) }

var (
	spaces    = strings.NewReplacer(" ", "", "\u00a0", "", "\u202f", "", "'", "", "%", "")
	thousands = regexp.MustCompile(`^[+-]?[0-9]{1,3}(,[0-9]{3})+(\.[0-9]+)?$`)
	numeral   = regexp.MustCompile(`^[+-]?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]{1,3})?$`)
)

// parseNumber reads a number in the English or the French manner.
func parseNumber(s string, comma bool) (number, bool) {
	s = spaces.Replace(strings.TrimSpace(s))
	switch {
	case comma:
		s = strings.Replace(s, ",", ".", 1)
	case thousands.MatchString(s):
		s = strings.ReplaceAll(s, ",", "")
	}
	if len(s) > 40 || !numeral.MatchString(s) {
		return number{}, false
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsInf(v, 0) {
		return number{}, false
	}
	n := number{v: v}
	mantissa, exponent, _ := strings.Cut(strings.ToLower(s), "e")
	if _, fraction, ok := strings.Cut(mantissa, "."); ok {
		n.decimals = len(fraction)
	}
	if e, err := strconv.Atoi(exponent); err == nil {
		n.decimals -= e
	}
	return n, true
}

// num returns the number in a cell.
func (g *grid) num(i, j int) (number, bool) { return parseNumber(g.rows[i][j], g.comma) }

// addGrid keeps a table for the checks, after its size and its persons.
func (c *run) addGrid(g *grid) {
	if len(g.rows) > maxRows || len(g.header) > maxColumns || len(c.grids) >= maxGrids {
		c.found("file-size", g.file, g.sheet)
		return
	}
	if len(g.rows) > 500 || len(g.header) > 50 {
		c.found("rows-many", g.file, g.sheet)
	}
	for i, row := range g.rows {
		for j, cell := range row {
			if len(cell) > maxCell {
				c.found("file-size", g.file, g.at(i, j))
				return
			}
		}
	}
	c.patients(g)
	c.grids = append(c.grids, g.split())
}

var both = regexp.MustCompile(`^\s*([0-9][0-9 ,.\x{00a0}\x{202f}]*?)\s*\(\s*([0-9]+(?:[.,][0-9]+)?)\s*%?\s*\)\s*$`)

// split returns the table with each column of "count (percent)" as two.
func (g *grid) split() *grid {
	if !slices.ContainsFunc(g.header, func(name string) bool { v := g.out.variable(name); return v != nil && v.Role == RoleBoth }) {
		return g
	}
	out := *g
	o := *g.out
	o.Variables = slices.Clone(o.Variables)
	out.out, out.header, out.rows = &o, nil, make([][]string, len(g.rows))
	for j, name := range g.header {
		v := g.variable(j)
		if v == nil || v.Role != RoleBoth {
			out.header = append(out.header, name)
			for i := range g.rows {
				out.rows[i] = append(out.rows[i], g.rows[i][j])
			}
			continue
		}
		count, percent := *v, *v
		count.Name, count.Role = name+": count", RoleCount
		percent.Name, percent.Role, percent.Count = name+": percent", RolePercent, count.Name
		o.Variables = append(o.Variables, count, percent)
		out.header = append(out.header, count.Name, percent.Name)
		for i := range g.rows {
			cell := g.rows[i][j]
			if m := both.FindStringSubmatch(cell); m != nil {
				out.rows[i] = append(out.rows[i], m[1], m[2])
			} else {
				out.rows[i] = append(out.rows[i], cell, cell)
			}
		}
	}
	return &out
}

// delimited reads CSV and TSV.
func (c *run) delimited(name string, o *Output, s, end string) {
	r := csv.NewReader(strings.NewReader(s))
	r.Comma = separator(s, end)
	var header []string
	g := &grid{file: name, out: o, first: 2, comma: r.Comma == ';'}
	for {
		row, err := r.Read()
		if row == nil && err != nil {
			if err.Error() != "EOF" {
				line := len(g.rows) + 2
				if p, ok := err.(*csv.ParseError); ok {
					line = p.Line
				}
				c.found("file-read", name, lineWhere(line))
			}
			break
		}
		if err != nil { // another number of cells
			line, _ := r.FieldPos(0)
			c.found("file-read", name, lineWhere(line))
			return
		}
		if header == nil {
			header = row
			continue
		}
		for j, cell := range row {
			if isFormula(cell) {
				c.found("formula", name, fmt.Sprintf("row %d, column %d", len(g.rows)+g.first, j+1))
			}
		}
		if g.rows = append(g.rows, row); len(g.rows) > maxRows {
			break
		}
	}
	c.lines(name, s)
	if header == nil {
		c.found("file-read", name, "empty")
		return
	}
	g.header = trimAll(header)
	c.addGrid(g)
}

// isFormula reports whether a spreadsheet would run a cell.
func isFormula(cell string) bool {
	if cell == "" || !strings.ContainsRune("=@+-", rune(cell[0])) {
		return false
	}
	_, ok := parseNumber(cell, true)
	return !ok && len(cell) > 1 && (cell[0] == '=' || cell[0] == '@' || strings.ContainsAny(cell, "(!|"))
}

func separator(s, end string) rune {
	if end == ".tsv" {
		return '\t'
	}
	line, _, _ := strings.Cut(s, "\n")
	best, most := ',', 0
	for _, r := range ",;\t" {
		if n := strings.Count(line, string(r)); n > most {
			best, most = r, n
		}
	}
	return best
}

func trimAll(list []string) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = strings.TrimSpace(s)
	}
	return out
}

// markdownTables collects the tables of a text that are drawn with bars.
func (c *run) markdownTables(name string, o *Output, s string) {
	lines := strings.Split(s, "\n")
	cells := func(line string) []string {
		return trimAll(strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|"))
	}
	for i := 1; i < len(lines); i++ {
		if !rule.MatchString(lines[i]) || !strings.Contains(lines[i-1], "|") {
			continue
		}
		g := &grid{file: name, out: o, header: cells(lines[i-1]), first: i + 2, sheet: fmt.Sprintf("table at line %d", i)}
		for i++; i < len(lines) && strings.Contains(lines[i], "|"); i++ {
			row := cells(lines[i])
			if len(row) != len(g.header) {
				c.found("file-read", name, lineWhere(i+1))
				return
			}
			g.rows = append(g.rows, row)
		}
		c.addGrid(g)
	}
}

var rule = regexp.MustCompile(`^\s*\|?\s*:?-{2,}:?\s*(\|\s*:?-{2,}:?\s*)*\|?\s*$`)

// json reads a JSON document: each list of objects is a table, and so is each
// object of plain values.
func (c *run) json(name string, o *Output, b []byte) {
	var v any
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	if err := dec.Decode(&v); err != nil || dec.More() {
		c.found("file-read", name, "")
		return
	}
	if repeats(b) {
		c.found("file-read", name, "a key is there twice")
	}
	c.lines(name, string(b))
	if c.declares(o) || c.cleared(name, o, b) {
		return
	}
	c.value(name, o, "", v)
}

// repeats reports whether an object of a JSON document has a key twice: readers
// see one of the two values, and not all of them the same.
func repeats(b []byte) bool {
	type level struct {
		keys map[string]bool // nil in a list
		key  bool            // a key was read, and its value comes next
	}
	var open []level
	dec := json.NewDecoder(bytes.NewReader(b))
	for {
		token, err := dec.Token()
		if err != nil {
			return false
		}
		if n := len(open); n > 0 && token != json.Delim('}') && token != json.Delim(']') {
			top := &open[n-1]
			if key, ok := token.(string); ok && top.keys != nil && !top.key {
				if top.keys[key] {
					return true
				}
				top.keys[key], top.key = true, true
				continue
			}
			top.key = false
		}
		switch token {
		case json.Delim('{'):
			open = append(open, level{keys: map[string]bool{}})
		case json.Delim('['):
			open = append(open, level{})
		case json.Delim('}'), json.Delim(']'):
			open = open[:len(open)-1]
		}
	}
}

func (c *run) value(name string, o *Output, at string, v any) {
	switch v := v.(type) {
	case []any:
		var objects []map[string]any
		plain := 0
		for i, item := range v {
			switch item := item.(type) {
			case map[string]any:
				objects = append(objects, item)
			case []any:
				c.value(name, o, fmt.Sprintf("%s[%d]", at, i+1), item)
			default:
				plain++
			}
		}
		if plain > maxRows {
			c.found("file-size", name, at)
		} else if plain > 100 {
			c.found("person-rows", name, at) // a long list of single values
		}
		if len(objects) > 0 {
			c.objects(name, o, at, objects)
		}
	case map[string]any:
		c.objects(name, o, at, []map[string]any{v})
	}
}

// objects makes a table of objects, one a row, and follows what is inside.
func (c *run) objects(name string, o *Output, at string, objects []map[string]any) {
	columns := map[string]bool{}
	for _, object := range objects {
		for key, v := range object {
			switch v.(type) {
			case map[string]any, []any:
			default:
				columns[key] = true
			}
		}
	}
	g := &grid{file: name, out: o, sheet: at, first: 1, header: slices.Sorted(maps.Keys(columns))}
	for i, object := range objects {
		row := make([]string, len(g.header))
		for j, key := range g.header {
			switch v := object[key].(type) {
			case nil:
			case string:
				row[j] = v
				c.person(name, at, v) // without the escapes of JSON
				c.sentence(name, at, v)
			case json.Number:
				row[j] = v.String()
			default:
				row[j] = fmt.Sprint(v)
			}
		}
		g.rows = append(g.rows, row)
		for _, key := range slices.Sorted(maps.Keys(object)) {
			c.value(name, o, fmt.Sprintf("%s[%d]", at, i+1), object[key])
		}
	}
	if len(g.header) > 0 {
		c.addGrid(g)
	}
}
