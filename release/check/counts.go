package check

import (
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// columns looks at whether the columns of a table are described, and are what
// they are said to be.
func (c *run) columns(g *grid) {
	for j, name := range g.header {
		v := g.variable(j)
		if v == nil {
			c.found("context-columns", g.file, g.column(j))
			if noName.MatchString(name) {
				c.found("context-names", g.file, g.column(j))
			}
			continue
		}
		if by := guess(name); by != "" && by != v.Role && doubtful(by, v.Role) {
			c.found("role-doubt", g.file, g.column(j))
		}
		switch v.Role {
		case RoleDimension:
			c.categories(g, j, v)
		case RoleText, "":
		default:
			for i := range g.rows {
				cell := strings.TrimSpace(g.rows[i][j])
				if _, ok := g.num(i, j); ok || isWithheld(cell) {
					continue
				}
				if cell == "" {
					if isCount(v.Role) {
						c.found("withheld-blank", g.file, g.at(i, j))
					}
				} else if _, _, narrow := span(cell, g.comma); !narrow && v.Role != RoleInterval && v.Role != RolePValue {
					c.found("role-doubt", g.file, g.at(i, j))
				}
			}
		}
	}
}

// doubtful reports whether a declared role loses what the name suggests.
func doubtful(by, declared Role) bool {
	switch by {
	case RoleCount:
		return !isCount(declared) && declared != RoleBoth && declared != RoleFreedom
	case RolePercent:
		return declared != RoleProportion && declared != RoleBoth && declared != RoleInterval && declared != RoleRate && declared != RoleSE
	case RoleMin, RoleMax:
		return declared != RoleMin && declared != RoleMax
	}
	return true
}

// categories looks at whether the categories of a dimension speak for
// themselves.
func (c *run) categories(g *grid, j int, v *Variable) {
	codes := 0
	for i := range g.rows {
		cell := strings.TrimSpace(g.rows[i][j])
		_, explained := v.Values[cell]
		if n, ok := g.num(i, j); ok && !explained && n.decimals == 0 && n.v >= 0 && n.v < 100 && v.Unit == "" {
			codes++
		}
	}
	if codes >= 2 {
		c.found("context-codes", g.file, g.column(j))
	}
}

// counts looks at every number of persons of a table, and at what is made from
// them.
func (c *run) counts(g *grid) {
	base := c.base()
	for j := range g.header {
		role, v := g.role(j), g.variable(j)
		if v == nil {
			v = &Variable{}
		}
		for i := range g.rows {
			n, ok := g.num(i, j)
			if !ok {
				continue
			}
			switch {
			case isCount(role):
				c.count(g, i, j, n, role, v, base)
			case role == RolePercent, role == RoleProportion, role == RoleRate:
				c.share(g, i, j, n, role, v, base)
			case role == RoleMean:
				of, ok := g.persons(i, v)
				if ok && of > 0 && of*2*n.half() < 0.999999 && n.decimals > 0 {
					c.found("mean-total", g.file, g.at(i, j))
				}
			}
		}
		c.needs(g, j, role, v)
	}
}

// persons returns how many persons a summary in a row is of: a column, or the
// number of the whole output.
func (g *grid) persons(i int, v *Variable) (float64, bool) {
	if k := g.index(v.Count); k >= 0 {
		n, ok := g.num(i, k)
		return n.v, ok
	}
	if g.out == nil {
		return 0, false
	}
	return float64(g.out.Persons), g.out.Persons > 0
}

// population returns the column of the persons among whom a column counts: the
// one that is named, or the only one there is.
func (g *grid) population(j int, v *Variable) int {
	if v.Of != "" || v.Denominator > 0 || g.role(j) != RoleCount {
		return g.index(v.Of)
	}
	found := -1
	for k := range g.header {
		if g.role(k) == RolePopulation {
			if found >= 0 {
				return -1
			}
			found = k
		}
	}
	return found
}

// count looks at one number of persons.
func (c *run) count(g *grid, i, j int, n number, role Role, v *Variable, base int64) {
	where := g.at(i, j)
	difference := n.v < 0
	if difference {
		c.found("count-negative", g.file, where)
	}
	whole := n.v == math.Trunc(n.v)
	switch {
	case base > 0 && (!whole || int64(n.v)%base != 0), !whole && role != RoleEvents:
		c.found("count-unrounded", g.file, where)
	}
	// The curve of survival begins with no events.
	start := role == RoleEvents && n.v == 0 && i == 0 && g.out != nil && g.out.Kind == KindSurvival
	if !difference && n.v < float64(c.threshold) && !start {
		c.found("count-small", g.file, where)
	}
	if d := g.population(j, v); d >= 0 && d != j {
		if of, ok := g.num(i, d); ok && of.v-n.v < float64(c.threshold) {
			c.found("count-complement", g.file, where)
		}
	} else if of := float64(v.Denominator); of > 0 && of-n.v < float64(c.threshold) {
		c.found("count-complement", g.file, where)
	}
}

// share looks at one percentage, proportion or rate: which numbers of persons
// it can come from, and whether any of them is rounded and large enough.
func (c *run) share(g *grid, i, j int, p number, role Role, v *Variable, base int64) {
	of, ok := c.denominator(g, i, v)
	if !ok || of.v <= 0 {
		return
	}
	per := v.Per
	if per == 0 {
		per = map[Role]float64{RolePercent: 100, RoleProportion: 1}[role]
	}
	if per == 0 {
		return
	}
	where := g.at(i, j)
	scale := of.v / per
	// A hair more than half a unit, for what was written by another program.
	low, high := (p.v-1.001*p.half())*scale, (p.v+1.001*p.half())*scale
	first, last := math.Ceil(low-1e-9), math.Floor(high+1e-9)
	if first < 0 {
		first = 0
	}
	if k := g.index(v.Count); k >= 0 {
		if n, ok := g.num(i, k); ok && (n.v < first-1e-9 && n.v < low || n.v > high+1e-9) {
			c.found("derived-unrounded", g.file, where)
		}
		return // the count itself is looked at where it is
	}
	if last < float64(c.threshold) {
		c.found("derived-small", g.file, where)
	}
	if role != RoleRate && of.v-first < float64(c.threshold) {
		c.found("count-complement", g.file, where)
	}
	switch {
	case last < first:
		c.found("derived-unrounded", g.file, where) // no whole number of persons gives it
	case base > 0 && last-first+1 < float64(base) && math.Floor(last/float64(base)) < math.Ceil(first/float64(base)):
		c.found("derived-unrounded", g.file, where)
	}
}

// denominator returns what a share is of: a column, or the number of the
// manifest.
func (c *run) denominator(g *grid, i int, v *Variable) (number, bool) {
	if d := g.index(v.Of); d >= 0 {
		return g.num(i, d)
	}
	return number{v: float64(v.Denominator)}, v.Denominator > 0
}

// needs looks at whether a column has the numbers beneath it.
func (c *run) needs(g *grid, j int, role Role, v *Variable) {
	switch role {
	case RolePercent, RoleProportion, RoleRate:
		if g.index(v.Of) < 0 && v.Denominator == 0 {
			c.found("denominator", g.file, g.column(j))
		}
		if role == RoleRate && v.Per <= 0 {
			c.found("denominator", g.file, g.column(j)+": per")
		}
	case RoleMean, RoleSD, RoleQuantile:
		if g.index(v.Count) < 0 && (g.out == nil || g.out.Persons == 0) {
			c.found("underlying-count", g.file, g.column(j))
		}
	case RoleMin, RoleMax:
		c.found("extreme", g.file, g.column(j))
	case RoleResidual:
		c.found("residuals", g.file, g.column(j))
	}
}

// kinds looks at what is peculiar to one kind of output.
func (c *run) kinds(g *grid) {
	if g.out == nil {
		return
	}
	for j := range g.header {
		if g.role(j) == RoleQuantile {
			c.quantile(g, j)
		}
	}
	switch g.out.Kind {
	case KindRegression, KindModel:
		c.regression(g)
	case KindSurvival:
		c.survival(g)
	}
}

// quantile looks at how many persons lie beyond a quantile.
func (c *run) quantile(g *grid, j int) {
	v := g.variable(j)
	if v == nil {
		return
	}
	level := v.Level
	if level <= 0 || level >= 1 {
		c.found("extreme", g.file, g.column(j)+": level")
		return
	}
	tail := min(level, 1-level)
	for i := range g.rows {
		persons, known := g.persons(i, v)
		if _, shown := g.num(i, j); shown && known && persons*tail < float64(c.threshold) {
			c.found("quantile-small", g.file, g.at(i, j))
		}
	}
}

// minFreedom is the smallest number of residual degrees of freedom (SACRO).
const minFreedom = 10

func (c *run) regression(g *grid) {
	m := g.out.Model
	switch {
	case m.Observations <= 0 || m.Parameters <= 0:
		c.found("regression-numbers", g.file, "model")
	case m.Observations-m.Parameters < minFreedom:
		c.found("regression-freedom", g.file, "model")
	}
	for j := range g.header {
		role := g.role(j)
		for i := range g.rows {
			n, ok := g.num(i, j)
			if !ok {
				continue
			}
			switch {
			case role == RoleFreedom && n.v < minFreedom && residual.MatchString(g.header[j]):
				c.found("regression-freedom", g.file, g.at(i, j))
			case exactFit.MatchString(g.header[j]) && n.v >= 0.9999:
				c.found("regression-freedom", g.file, g.at(i, j))
			case (role == RoleEstimate || role == RoleSE || role == RoleInterval) && math.Abs(n.v) > 1000:
				c.found("regression-separation", g.file, g.at(i, j))
			}
		}
	}
}

var (
	residual = regexp.MustCompile(`(?i)res`)
	exactFit = regexp.MustCompile(`(?i)^(adj[._ ]?)?r[._ ]?(2|sq|squared)$`)
)

// survival looks at a curve: the persons at risk, and what its steps give back.
func (c *run) survival(g *grid) {
	risk, curve := -1, -1
	for j := range g.header {
		switch g.role(j) {
		case RoleAtRisk:
			risk = j
		case RoleSurvival:
			curve = j
		}
	}
	if risk < 0 {
		c.found("survival-numbers", g.file, g.name())
		return
	}
	if curve < 0 {
		return
	}
	was := number{v: 1}
	for i := range g.rows {
		s, ok1 := g.num(i, curve)
		n, ok2 := g.num(i, risk)
		if !ok1 || !ok2 {
			continue
		}
		// Of n persons at risk, events are n (1 - S/S'): the most that the
		// digits allow.
		if s.v < was.v && was.v > 0 {
			most := n.v * (1 - (s.v-s.half())/(was.v+was.half()))
			if most < float64(c.threshold) {
				c.found("survival-steps", g.file, g.at(i, curve))
			}
		}
		was = s
	}
}

var (
	// Numbers of persons in a sentence.
	size     = regexp.MustCompile(`(?:^|[^\p{L}\p{N}])[nN]\s*=\s*([0-9][0-9 ,\x{00a0}\x{202f}]*)`)
	people   = regexp.MustCompile(`(?i)(?:^|[^\p{L}\p{N}.,-])([0-9]{1,3}(?:[ ,\x{00a0}\x{202f}][0-9]{3})+|[0-9]+)\s+(?:\p{L}+\s+)?(?:patients?|persons?|people|personnes?|participants?|subjects?|sujets?|individuals?|individus?|women|men|femmes?|hommes?|children|enfants?|cases|cas|deaths|décès|bénéficiaires?)\b`)
	fraction = regexp.MustCompile(`(?:^|[^0-9/.,-])([0-9]+)\s*/\s*([0-9]+)(?:$|[^0-9/])`)
)

// sentence looks at the numbers of persons in a line of text.
func (c *run) sentence(name, where, line string) {
	base := c.base()
	look := func(text string) {
		n, err := strconv.ParseInt(strings.NewReplacer(" ", "", ",", "", "\u00a0", "", "\u202f", "").Replace(text), 10, 64)
		if err != nil {
			return
		}
		if base > 0 && n%base != 0 {
			c.found("text-unrounded", name, where)
		}
		if n < c.threshold {
			c.found("text-small", name, where)
		}
	}
	for _, pattern := range []*regexp.Regexp{size, people} {
		for _, m := range pattern.FindAllStringSubmatch(line, -1) {
			look(strings.TrimRight(m[1], " ,"))
		}
	}
	for _, m := range fraction.FindAllStringSubmatch(line, -1) {
		a, err1 := strconv.ParseInt(m[1], 10, 64)
		b, err2 := strconv.ParseInt(m[2], 10, 64)
		// 12/2021 is a month, 120/80 a pressure, 24/7 an idiom.
		if err1 == nil && err2 == nil && a < b && b >= c.threshold && (b < 1900 || b > 2100) {
			look(m[1])
			look(m[2])
		}
	}
}

// dims are the places of the columns that cut a table.
func (g *grid) dims() []int {
	var out []int
	for j := range g.header {
		if g.role(j) == RoleDimension {
			out = append(out, j)
		}
	}
	return out
}

// key names a row by the categories of its dimensions.
func (g *grid) key(i int, dims []int) string {
	var parts []string
	for _, j := range dims {
		parts = append(parts, g.header[j]+"="+strings.TrimSpace(g.rows[i][j]))
	}
	slices.Sort(parts)
	return strings.Join(parts, "\x00")
}
