package columnar

import (
	"context"
	"crypto/sha256"

	"galien"
	"galien/cdm"
	"galien/cohort"
)

// plan is a definition made ready for one scope: concept sets resolved, tests
// turned into functions, and each part that can be kept given its key.
type plan struct {
	def   *cohort.Definition
	scope *scope

	entry      []*criterion
	additional *group
	rules      []*group
	censoring  []*criterion
	eras       *eraExit
	// ordered is set where it matters which of a person's entry events comes
	// first.
	ordered bool
	// index says what of the index events the groups and the exit look at.
	index     wants
	qualified cohort.Key
}

// wants says which columns of events are worked out, beside person and start;
// ids, that their order among each other matters.
type wants struct{ end, visit, ids bool }

// criterion selects events of one table.
type criterion struct {
	*cohort.Criterion
	table         cdm.Table
	codes, source *conceptSet // nil: any concept
	wants         wants
	counted       *cohort.CountOperand
	ends          bool // the end is worked out, for the tests if for nothing else
	visit         bool // so is the visit
	plain         bool // every row is an event, of which only person and start are asked for

	cols    columns
	slots   slots
	visible []predicate
	tests   []predicate
	uses    uses
	nested  *group
	// key is that of the events, plainKey that of the events without the nested
	// group.
	key, plainKey cohort.Key
}

// slots are where the columns of a criterion's events are.
type slots struct{ person, start, end, supply, visit, counted int }

// group is a group of criteria over index events.
type group struct {
	*cohort.Group
	correlated   []*correlated
	demographics []demographic
	groups       []*group
	key          cohort.Key
}

type correlated struct {
	*cohort.Correlated
	events *criterion
	// absence is set when index events without any match can hold.
	absence bool
}

type demographic struct {
	tests []predicate
	uses  uses
}

// eraExit is an exit at the end of a drug era.
type eraExit struct {
	cohort.DrugEra
	drugs *conceptSet
	key   cohort.Key
}

// table returns a table that every lake may have.
func table(name string) cdm.Table {
	t, ok := cdm.Lookup(name)
	if !ok {
		panic("columnar: " + name + " is no table of the model")
	}
	return t
}

// planner makes the plan of one definition.
type planner struct {
	sets  map[int]*conceptSet
	scope *scope
}

// set returns a concept set; one that is not defined is empty.
func (k planner) set(id int) *conceptSet {
	if s, ok := k.sets[id]; ok {
		return s
	}
	return emptySet
}

func (k planner) chosen(id *int) *conceptSet {
	if id == nil {
		return nil
	}
	return k.set(*id)
}

func (k planner) keyOf(part any, flags ...bool) cohort.Key {
	b := make([]byte, len(flags))
	for i, f := range flags {
		if f {
			b[i] = 1
		}
	}
	return cohort.KeyOf(part, func(id int) [sha256.Size]byte { return k.set(id).sum }, k.scope.sum, b)
}

// plan makes a definition ready. It fails with Invalid for a definition that
// cannot be evaluated.
func (e *Engine) plan(ctx context.Context, def *cohort.Definition, sc *scope) (*plan, error) {
	if err := def.Validate(); err != nil {
		return nil, err
	}
	k := planner{sets: map[int]*conceptSet{}, scope: sc}
	for id, s := range def.Codesets() {
		set, err := vocabulary{e}.resolve(ctx, s)
		if err != nil {
			return nil, err
		}
		k.sets[id] = set
	}
	p := &plan{def: def, scope: sc}
	p.ordered = def.EntryLimit != cohort.All || def.ResultLimit != cohort.All || len(def.Rules) > 0 || def.Additional != nil && def.QualifiedLimit != cohort.All
	groups := []*cohort.Group{}
	if def.Additional != nil {
		groups = append(groups, def.Additional)
	}
	for i := range def.Rules {
		groups = append(groups, &def.Rules[i].Group)
	}
	var made []*group
	for _, g := range groups {
		m, index, err := k.group(g)
		if err != nil {
			return nil, err
		}
		made = append(made, m)
		p.index = p.index.or(index)
	}
	if def.Additional != nil {
		p.additional, made = made[0], made[1:]
	}
	p.rules = made
	switch x := def.Exit.(type) {
	case nil:
	case cohort.DateOffset:
		p.index.end = p.index.end || x.FromEnd
	case cohort.DrugEra:
		p.eras = &eraExit{x, k.set(x.Codeset), k.keyOf(x)}
	default:
		panic("columnar: an exit that cohort does not define")
	}
	for i := range def.Entry {
		c, err := k.criterion(&def.Entry[i], wants{p.index.end, p.index.visit, p.ordered}, nil)
		if err != nil {
			return nil, err
		}
		p.entry = append(p.entry, c)
	}
	for i := range def.Censoring {
		c, err := k.criterion(&def.Censoring[i], wants{}, nil)
		if err != nil {
			return nil, err
		}
		p.censoring = append(p.censoring, c)
	}
	p.qualified = k.keyOf(struct {
		Entry               []cohort.Criterion
		PriorDays, PostDays int
		EntryLimit          cohort.Limit
		Additional          *cohort.Group
		QualifiedLimit      cohort.Limit
	}{def.Entry, def.PriorDays, def.PostDays, def.EntryLimit, def.Additional, def.QualifiedLimit}, p.ordered, p.index.end, p.index.visit)
	return p, nil
}

func (w wants) or(v wants) wants { return wants{w.end || v.end, w.visit || v.visit, w.ids || v.ids} }

// group makes a group ready, and says what of the index events it looks at.
func (k planner) group(from *cohort.Group) (*group, wants, error) {
	g := &group{Group: from, key: k.keyOf(*from)}
	var index wants
	for i := range from.Correlated {
		c := &from.Correlated[i]
		var events wants
		for _, w := range []*cohort.Window{&c.StartWindow, c.EndWindow} {
			if w != nil {
				index.end = index.end || w.IndexEnd
				events.end = events.end || w.EventEnd
			}
		}
		index.visit = index.visit || c.RestrictVisit
		events.visit = c.RestrictVisit
		var counted *cohort.CountOperand
		if c.Distinct != nil {
			o, err := c.Criterion.CountOperandOf(*c.Distinct)
			if err != nil {
				return nil, index, galien.Errorf(galien.Invalid, "distinct count: %w", err)
			}
			counted = &o
		}
		criterion, err := k.criterion(&c.Criterion, events, counted)
		if err != nil {
			return nil, index, err
		}
		g.correlated = append(g.correlated, &correlated{c, criterion, c.CountsAbsence()})
	}
	for i := range from.Demographics {
		var d demographic
		d.tests = compiler{table: table("person"), cols: &columns{}, uses: &d.uses, sets: k.set}.filters(from.Demographics[i].Filters)
		index.end = index.end || d.uses.end
		g.demographics = append(g.demographics, d)
	}
	for i := range from.Groups {
		sub, its, err := k.group(&from.Groups[i])
		if err != nil {
			return nil, index, err
		}
		g.groups = append(g.groups, sub)
		index = index.or(its)
	}
	return g, index, nil
}

// criterion makes a criterion ready whose events are asked for with some
// columns.
func (k planner) criterion(from *cohort.Criterion, w wants, counted *cohort.CountOperand) (*criterion, error) {
	d := from.Domain
	c := &criterion{Criterion: from, table: table(d.Table), codes: k.chosen(from.Codeset), source: k.chosen(from.SourceCodeset), wants: w, counted: counted}
	if from.Nested != nil && !from.Nested.Empty() {
		nested, index, err := k.group(from.Nested)
		if err != nil {
			return nil, err
		}
		c.nested, c.wants = nested, c.wants.or(index)
	}
	c.tests = compiler{table: c.table, cols: &c.cols, uses: &c.uses, sets: k.set}.filters(from.Filters)
	switch d.Table {
	case "observation_period": // a window cuts them, nothing hides them
	case "location_history": // hidden rows are left out when places are put together
	default:
		c.visible = k.scope.visible(c.table, &c.cols)
	}
	c.ends = c.wants.end || c.uses.end || from.Adjust != nil || from.UserStart != nil || from.UserEnd != nil ||
		counted != nil && (counted.Length || counted.Column == countedEnd) || d.Table == "observation_period" && k.scope.window != nil
	c.visit = d.Visit != "" && (c.wants.visit || c.uses.visit || counted != nil && counted.Column == countedVisit)

	c.slots.person, c.slots.start = c.cols.int(d.Person), c.cols.date(d.Start)
	if c.ends {
		if d.End != "" {
			c.slots.end = c.cols.date(d.End)
		}
		if d.Ends == cohort.DaysSupply {
			c.slots.supply = c.cols.int("days_supply")
		}
	}
	if c.visit {
		c.slots.visit = c.cols.int(d.Visit)
	}
	if counted != nil && !counted.Length && !counted.Constant {
		switch counted.Column {
		case countedStart, countedEnd, countedVisit: // every event has them
		default:
			if column, _ := c.table.Column(counted.Column); column.Type == cdm.Float {
				c.slots.counted = c.cols.float(counted.Column)
			} else {
				c.slots.counted = c.cols.int(counted.Column)
			}
		}
	}
	c.plain = len(c.tests) == 0 && from.Adjust == nil && from.UserStart == nil && from.UserEnd == nil && !c.ends && !c.visit && counted == nil && !c.wants.visit
	var operand cohort.CountOperand
	if counted != nil {
		operand = *counted
	}
	type asked struct {
		Criterion cohort.Criterion
		Counted   cohort.CountOperand
	}
	flags := []bool{c.wants.end, c.wants.visit, c.wants.ids, counted != nil}
	c.key = k.keyOf(asked{*from, operand}, flags...)
	unnested := *from
	unnested.Nested = nil
	c.plainKey = k.keyOf(asked{unnested, operand}, flags...)
	return c, nil
}

// What cohort.Criterion.CountOperandOf calls the columns that every event has.
const (
	countedStart = "start_date"
	countedEnd   = "end_date"
	countedVisit = "visit_occurrence_id"
)
