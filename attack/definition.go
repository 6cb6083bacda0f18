package attack

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"galien"
	"galien/cohort"
)

// Asked are the attributes that a cohort definition can ask for, in the order in
// which they are known: those most persons share first.
var Asked = []string{"sex", "race", "ethnicity", "year_of_birth", "death_date", "first_visit", "first_condition", "first_drug", "first_procedure", "first_measurement"}

// usuallyAsked are taken when none is named.
var usuallyAsked = []string{"sex", "year_of_birth", "death_date", "first_visit"}

// Asking puts queries as cohort definitions: of everyone observed on one day,
// how many meet the query.
type Asking struct {
	// Day is a day on which every person of the table was observed, and by
	// which years of birth are told.
	Day     galien.Date
	Columns []Column
}

// Everyone is the cohort of all who were ever observed.
func Everyone() *cohort.Definition {
	return &cohort.Definition{Entry: []cohort.Criterion{{Domain: domain("ObservationPeriod")}}}
}

func domain(name string) *cohort.Domain {
	d, ok := cohort.DomainByName(name)
	if !ok {
		panic("attack: no domain " + name)
	}
	return d
}

// domains are where dates and secrets are looked for.
var domains = map[string]string{
	"death_date": "Death", "first_visit": "VisitOccurrence", "first_condition": "ConditionOccurrence", "first_drug": "DrugExposure",
	"first_procedure": "ProcedureOccurrence", "first_measurement": "Measurement",
	"condition": "ConditionOccurrence", "drug": "DrugExposure", "procedure": "ProcedureOccurrence", "measurement": "Measurement",
}

// Definition writes a query as a cohort definition. It fails with Invalid for a
// test of an attribute that no definition can ask for.
func (a Asking) Definition(q Query) (*cohort.Definition, error) {
	day := a.Day
	d := &cohort.Definition{
		Entry:       []cohort.Criterion{{Domain: domain("ObservationPeriod"), UserStart: &day, UserEnd: &day}},
		ResultLimit: cohort.First,
	}
	any := cohort.Group{Type: cohort.AnyOf}
	for _, c := range q {
		g, err := a.group(d, c.All)
		if err != nil {
			return nil, err
		}
		for _, e := range c.Except {
			not, err := a.group(d, e)
			if err != nil {
				return nil, err
			}
			not.Type, not.Count = cohort.AtMost, len(e)-1
			g.Groups = append(g.Groups, not)
		}
		any.Groups = append(any.Groups, g)
	}
	d.Rules = []cohort.Rule{{Name: "described", Group: any}}
	return d, d.Validate()
}

// group is the tests, all of them.
func (a Asking) group(d *cohort.Definition, tests []Test) (cohort.Group, error) {
	g := cohort.Group{Type: cohort.AllOf}
	for _, t := range tests {
		if err := a.add(d, &g, t); err != nil {
			return g, err
		}
	}
	return g, nil
}

// add adds one test to a group.
func (a Asking) add(d *cohort.Definition, g *cohort.Group, t Test) error {
	name := a.Columns[t.Column].Name
	number, err := strconv.ParseInt(t.Value, 10, 64)
	of := map[string]cohort.OperandKind{"sex": cohort.Gender, "race": cohort.Race, "ethnicity": cohort.Ethnicity}
	word, concept, secret := strings.Cut(name, " ")
	switch operand, person := of[name]; {
	case person && err == nil && t.Op == Is:
		g.Demographics = append(g.Demographics, cohort.Demographic{Filters: []cohort.Filter{
			cohort.ConceptFilter{Operand: cohort.Operand{Of: operand}, Concepts: []galien.ConceptID{galien.ConceptID(number)}}}})
	case name == "year_of_birth" && err == nil:
		f := cohort.NumberFilter{Operand: cohort.Operand{Of: cohort.AgeAtStart}, Op: cohort.Equal, Value: cohort.Decimal(10000 * (int64(a.Day.Year()) - number))}
		if t.Op == AtMost {
			f.Op = cohort.GreaterOrEqual // born in the year or before
		}
		g.Demographics = append(g.Demographics, cohort.Demographic{Filters: []cohort.Filter{f}})
	case secret && t.Op == Is && slices.Contains([]string{Has, HasNot}, t.Value):
		id, err := strconv.ParseInt(concept, 10, 64)
		if err != nil || domains[word] == "" {
			return galien.Errorf(galien.Invalid, "%q is no secret", name)
		}
		set := conceptSet(d, galien.ConceptID(id))
		g.Correlated = append(g.Correlated, ever(cohort.Criterion{Domain: domain(domains[word]), Codeset: &set}, t.Value == Has))
	case domains[name] != "" && t.Value == "" && t.Op == Is:
		g.Correlated = append(g.Correlated, ever(cohort.Criterion{Domain: domain(domains[name])}, false))
	case domains[name] != "" && err == nil:
		f := cohort.DateFilter{Operand: cohort.Operand{Of: cohort.StartDate}, Op: cohort.Equal, Value: galien.Date(number)}
		if t.Op == AtMost {
			f.Op = cohort.LessOrEqual
		}
		c := cohort.Criterion{Domain: domain(domains[name]), Filters: []cohort.Filter{f}}
		c.First = !c.Domain.NoFirst
		g.Correlated = append(g.Correlated, ever(c, true))
	default:
		return galien.Errorf(galien.Invalid, "no definition can ask for %s; known are %s", name, strings.Join(Asked, ", "))
	}
	return nil
}

// ever asks for at least one event at any time, or for none.
func ever(c cohort.Criterion, once bool) cohort.Correlated {
	k := cohort.Correlated{Criterion: c, IgnoreObservationPeriod: true, Occurrence: cohort.Exactly,
		StartWindow: cohort.Window{Start: cohort.Bound{Open: true, Before: true}, End: cohort.Bound{Open: true}}}
	if once {
		k.Occurrence, k.Count = cohort.NoLessThan, 1
	}
	return k
}

// conceptSet returns the number of the set of one concept, made when absent.
func conceptSet(d *cohort.Definition, concept galien.ConceptID) int {
	for _, s := range d.ConceptSets {
		if s.Items[0].Concept == concept {
			return s.ID
		}
	}
	id := len(d.ConceptSets)
	d.ConceptSets = append(d.ConceptSets, cohort.ConceptSet{ID: id, Name: "concept", Items: []cohort.ConceptItem{{Concept: concept}}})
	return id
}

// Observed finds the day on which most persons of an extract were observed, the
// first of several, and who they are.
func Observed(from Rows) (galien.Date, map[string]bool, error) {
	type span struct {
		person     string
		start, end galien.Date
	}
	var spans []span
	err := from.Read("observation_period", []string{"person_id", "observation_period_start_date", "observation_period_end_date"}, func(row []string) error {
		start, err := galien.ParseDate(row[1])
		if err != nil {
			return err
		}
		end, err := galien.ParseDate(row[2])
		if err != nil {
			return err
		}
		spans = append(spans, span{strings.Clone(row[0]), start, end})
		return nil
	})
	if err != nil {
		return 0, nil, err
	}
	// The most are observed on a day on which somebody begins to be.
	change := map[galien.Date]int{}
	for _, s := range spans {
		change[s.start]++
		change[s.end+1]--
	}
	var days []galien.Date
	for d := range change {
		days = append(days, d)
	}
	slices.Sort(days)
	best, most, now := galien.Date(0), 0, 0
	for _, d := range days {
		if now += change[d]; now > most {
			best, most = d, now
		}
	}
	persons := map[string]bool{}
	for _, s := range spans {
		if s.start <= best && best <= s.end {
			persons[s.person] = true
		}
	}
	return best, persons, nil
}

// OnEndpoint attacks the counts of an endpoint, by what is known of persons and
// for the first of their secrets. The caller fills in the provenance.
func OnEndpoint(ctx context.Context, c Counter, p People, targets, threshold int, r Random) (Report, error) {
	out := Report{Format: 1, Kind: Endpoint, Targets: targets, Threshold: threshold}
	for _, k := range p.Known {
		out.Known = append(out.Known, p.Table.columns[k].Name)
	}
	if len(p.Secrets) == 0 {
		out.Findings = []Finding{skipped(TrackerName, "", NoSecret)}
		return out, nil
	}
	var err error
	out.Findings, err = OnCounts(ctx, c, Prey{Table: p.Table, Known: p.Known, Secret: p.Secrets[0], Value: Has, Threshold: threshold, Rounding: 1}, targets, r)
	return out, err
}

// CheckAsked fails with Invalid for a name that no definition can ask for, and
// returns the usual ones for none.
func CheckAsked(known []string) ([]string, error) {
	if known == nil {
		return usuallyAsked, nil
	}
	for _, name := range known {
		if !slices.Contains(Asked, name) {
			return nil, galien.Errorf(galien.Invalid, "no definition can ask for %q; known are %s", name, strings.Join(Asked, ", "))
		}
	}
	return known, nil
}
