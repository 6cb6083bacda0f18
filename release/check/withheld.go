package check

import (
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"
)

// isWithheld reports whether a cell says that its number is withheld.
func isWithheld(cell string) bool {
	switch strings.ToLower(strings.Trim(strings.TrimSpace(cell), "[]()")) {
	case "withheld", "redacted", "suppressed", "retenu", "masqué", "secret", "*", "**", "***", "x", "c", "ss", "s", "n.d.", "nd", "na", "n/a", "-", "–", "—", "..", "...":
		return true
	}
	return false
}

var (
	below  = regexp.MustCompile(`^(<|<=|≤)\s*([0-9]+)$`)
	within = regexp.MustCompile(`^([0-9]+)\s*(?:-|–|to|à)\s*([0-9]+)$`)
)

// span reads what says that a number is in a range, "<5" or "1-10": its lowest
// and highest value.
func span(cell string, comma bool) (low, high float64, ok bool) {
	cell = strings.TrimSpace(cell)
	if m := below.FindStringSubmatch(cell); m != nil {
		n, _ := parseNumber(m[2], comma)
		if m[1] == "<" {
			n.v--
		}
		return 0, n.v, true
	}
	if m := within.FindStringSubmatch(cell); m != nil {
		a, _ := parseNumber(m[1], comma)
		b, _ := parseNumber(m[2], comma)
		return a.v, b.v, true
	}
	return 0, 0, false
}

// withheld looks at what is withheld in a table, and whether it can be had
// from what is shown.
func (c *run) withheld(g *grid) {
	dims := g.dims()
	for j := range g.header {
		role := g.role(j)
		if !isCount(role) {
			continue
		}
		for i := range g.rows {
			cell := strings.TrimSpace(g.rows[i][j])
			if low, high, ok := span(cell, g.comma); ok && high-low+1 < float64(c.threshold) {
				c.found("withheld-narrow", g.file, g.at(i, j))
			}
			if g.hides(i, j) {
				c.partly(g, i, j)
			}
		}
		if len(dims) > 0 {
			c.bounds(g, j, dims)
		}
	}
}

// hides reports whether a count is not shown: it is withheld, by a word or by a
// range, or missing.
func (g *grid) hides(i, j int) bool {
	cell := strings.TrimSpace(g.rows[i][j])
	_, _, ranged := span(cell, g.comma)
	return cell == "" || ranged || isWithheld(cell)
}

// partly looks for numbers of a row that are made from a count that is
// withheld.
func (c *run) partly(g *grid, i, j int) {
	for k := range g.header {
		v := g.variable(k)
		if v == nil || k == j {
			continue
		}
		switch v.Role {
		case RolePercent, RoleProportion, RoleRate, RoleMean, RoleSD, RoleQuantile, RoleSurvival:
			if _, shown := g.num(i, k); shown && (v.Count == g.header[j] || v.Of == g.header[j] || v.Count == "") {
				c.found("withheld-partly", g.file, g.at(i, k))
			}
		}
	}
}

// cell is what a reader knows of one number of a table: where it lies.
type cell struct {
	low, high float64
	withheld  bool
	ranged    bool    // it is withheld by a range, such as <11
	value     float64 // what is shown
	row       int
}

// bounds works out, from the totals of a table, how closely each withheld cell
// is bounded, and how much each total exceeds what is shown of it: line by line,
// and in a table of exact counts by all lines at once.
func (c *run) bounds(g *grid, j int, dims []int) {
	slack := float64(c.base() / 2) // a rounded number is known to so much
	cells, ok := g.cells(j, dims, slack)
	if !ok {
		return
	}
	lines := map[string]*line{}
	for _, d := range dims {
		if own := g.lines(d, dims, g.total(d), cells); additive(own) {
			maps.Copy(lines, own)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(lines)) {
		l := lines[id]
		// What is shown of a whole line, taken from its total, is what is not.
		rest, shown := l.total.high-slack, !l.total.withheld
		for _, p := range l.parts {
			rest -= p.high - slack
			shown = shown && !p.withheld
		}
		if shown && rest > float64(len(l.parts)+1)*slack && rest < float64(c.threshold) {
			c.found("remainder-small", g.file, g.at(l.total.row, j))
		}
	}
	for range 50 {
		moved := false
		for _, l := range lines {
			moved = l.narrow() || moved
		}
		if !moved {
			break
		}
	}
	if slack == 0 {
		c.together(g, j, cells, lines)
	}
	for _, key := range slices.Sorted(maps.Keys(cells)) {
		x := cells[key]
		width := x.high - x.low
		if x.ranged {
			width++ // "<11" is as wide as the threshold
		}
		if x.withheld && width < float64(c.threshold) {
			c.found("withheld-bounded", g.file, g.at(x.row, j))
		}
	}
}

// total returns the category of a dimension that is the total of the others, or "".
func (g *grid) total(d int) string {
	if v := g.variable(d); v != nil && v.Total != "" {
		return v.Total
	}
	for i := range g.rows {
		switch s := strings.TrimSpace(g.rows[i][d]); strings.ToLower(s) {
		case "*", "all", "total", "ensemble", "overall", "tous", "any":
			return s
		}
	}
	return ""
}

// place names a row by its categories, with another one of dimension d.
func (g *grid) place(i int, dims []int, d int, value string) string {
	var parts []string
	for _, k := range dims {
		if k == d {
			parts = append(parts, value)
		} else {
			parts = append(parts, strings.TrimSpace(g.rows[i][k]))
		}
	}
	return strings.Join(parts, "\x00")
}

// cells returns what a reader knows of each number of a column, by its place, and
// false where the rows are no table of counts.
func (g *grid) cells(j int, dims []int, slack float64) (map[string]*cell, bool) {
	cells := map[string]*cell{}
	for i := range g.rows {
		key := g.place(i, dims, -1, "")
		if cells[key] != nil {
			return nil, false // a row for each of several things: not one table
		}
		x := &cell{low: 0, high: math.Inf(1), row: i}
		text := g.rows[i][j]
		if n, ok := g.num(i, j); ok {
			x.value, x.low, x.high = n.v, n.v-slack, n.v+slack
		} else if low, high, ok := span(text, g.comma); ok {
			x.low, x.high, x.withheld, x.ranged = low, high, true, true
		} else if isWithheld(text) || strings.TrimSpace(text) == "" {
			x.withheld = true
		} else {
			return nil, false
		}
		cells[key] = x
	}
	return cells, true
}

// lines returns the totals over a dimension with what each is the total of; all is
// the category of the totals, or "".
func (g *grid) lines(d int, dims []int, all string, cells map[string]*cell) map[string]*line {
	own := map[string]*line{}
	for i := range g.rows {
		if all == "" || strings.TrimSpace(g.rows[i][d]) == all {
			continue
		}
		key := g.place(i, dims, d, all)
		if cells[key] == nil {
			continue
		}
		id := g.header[d] + "\x00" + key
		if own[id] == nil {
			own[id] = &line{total: cells[key]}
		}
		own[id].parts = append(own[id].parts, cells[g.place(i, dims, -1, "")])
	}
	return own
}

// maxTogether is how many withheld cells that hang together are looked at at
// once.
const maxTogether = 60

// together bounds withheld cells by all lines at once: the least and the greatest
// value of each in any table without negative counts that agrees with what is
// shown. Cells that share no line are looked at apart.
func (c *run) together(g *grid, j int, cells map[string]*cell, lines map[string]*line) {
	group := map[*cell]*cell{}
	root := func(x *cell) *cell {
		for group[x] != nil && group[x] != x {
			x = group[x]
		}
		return x
	}
	ids := slices.Sorted(maps.Keys(lines))
	for _, id := range ids {
		var first *cell
		for _, x := range append([]*cell{lines[id].total}, lines[id].parts...) {
			switch {
			case !x.withheld:
			case first == nil:
				first = root(x)
			default:
				if r := root(x); r != first {
					group[r] = first
				}
			}
		}
	}
	members := map[*cell][]*cell{}
	for _, key := range slices.Sorted(maps.Keys(cells)) {
		if x := cells[key]; x.withheld {
			members[root(x)] = append(members[root(x)], x)
		}
	}
	for _, list := range members {
		if len(list) < 2 {
			continue // the lines alone bound it
		}
		if len(list) > maxTogether {
			c.found("withheld-many", g.file, g.column(j))
			continue
		}
		at := map[*cell]int{}
		for i, x := range list {
			at[x] = i
		}
		var equations []equation
		for _, id := range ids {
			e := equation{terms: map[int]float64{}}
			l := lines[id]
			put := func(x *cell, sign float64) {
				if i, ok := at[x]; ok {
					e.terms[i] += sign
				} else {
					e.sum -= sign * x.value
				}
			}
			put(l.total, -1)
			for _, x := range l.parts {
				put(x, 1)
			}
			if len(e.terms) > 0 {
				equations = append(equations, e)
			}
		}
		if len(equations) == 0 {
			continue
		}
		p, ok := newPolytope(len(list), equations)
		if !ok {
			c.found("withheld-many", g.file, g.column(j))
			continue
		}
		if p == nil {
			continue // no table agrees: the totals are no sums
		}
		for i, x := range list {
			low, high, ok := p.bounds(i)
			if !ok {
				c.found("withheld-many", g.file, g.column(j))
				break
			}
			x.low, x.high = max(x.low, low-tiny), min(x.high, high+tiny)
		}
	}
}

// line is a total and what it is the total of.
type line struct {
	total *cell
	parts []*cell
}

// additive reports whether the totals of a dimension may be the sums of their
// parts. One that is less says that a person is in several of them, as over
// years: then nothing is a sum there.
func additive(lines map[string]*line) bool {
	for _, l := range lines {
		least := 0.0
		for _, p := range l.parts {
			least += p.low
		}
		if least > l.total.high {
			return false
		}
	}
	return true
}

// narrow bounds each cell of a line by the others, and reports whether any
// moved. The sums are those before anything moved, which bounds no less rightly.
func (l *line) narrow() (moved bool) {
	low, high, open := 0.0, 0.0, 0
	for _, p := range l.parts {
		low += p.low
		if math.IsInf(p.high, 1) {
			open++
		} else {
			high += p.high
		}
	}
	set := func(x *cell, low, high float64) {
		if low > x.low+1e-9 {
			x.low, moved = low, true
		}
		if high < x.high-1e-9 {
			x.high, moved = high, true
		}
	}
	if open == 0 {
		set(l.total, low, high)
	} else {
		set(l.total, low, math.Inf(1))
	}
	for _, p := range l.parts {
		least, others := 0.0, high
		switch {
		case open == 0:
			others -= p.high
			least = l.total.low - others
		case open == 1 && math.IsInf(p.high, 1):
			least = l.total.low - others
		}
		set(p, least, l.total.high-(low-p.low))
	}
	return moved
}

// between compares the tables of a group that are cut in the same way.
func (c *run) between() {
	for a, g := range c.grids {
		for _, h := range c.grids[a+1:] {
			c.compare(g, h)
		}
	}
}

// compare looks for a cell that one table withholds and the other shows, and for
// counts of the two whose difference is small.
func (c *run) compare(g, h *grid) {
	gd, hd := g.dims(), h.dims()
	if len(gd) == 0 || !slices.Equal(sortedHeaders(g, gd), sortedHeaders(h, hd)) {
		return
	}
	rows := map[string]int{}
	for i := range g.rows {
		rows[g.key(i, gd)] = i
	}
	for j, name := range g.header {
		k := h.index(name)
		if k < 0 || !isCount(g.role(j)) || !isCount(h.role(k)) {
			continue
		}
		for i := range h.rows {
			at, ok := rows[h.key(i, hd)]
			if !ok {
				continue
			}
			a, aShown := g.num(at, j)
			b, bShown := h.num(i, k)
			switch {
			case aShown && bShown:
				d := math.Abs(a.v - b.v)
				if d > 0 && d < float64(c.threshold) && c.base() == 0 {
					c.found("difference-small", h.file, h.at(i, k))
				}
			case aShown && h.hides(i, k):
				c.found("withheld-elsewhere", h.file, h.at(i, k))
			case bShown && g.hides(at, j):
				c.found("withheld-elsewhere", g.file, g.at(at, j))
			}
		}
	}
}

func sortedHeaders(g *grid, dims []int) []string {
	var out []string
	for _, j := range dims {
		out = append(out, g.header[j])
	}
	slices.Sort(out)
	return out
}
