package outputs

import (
	"cmp"
	"fmt"
	"math"

	"galien"
	"galien/disclosure"
)

// Correlation declares correlations between variables.
type Correlation struct {
	Kind  Kind   `json:"kind"`
	Title string `json:"title"`
	Pairs []Pair `json:"pairs"`
}

// Pair is the correlation of two variables.
type Pair struct {
	A string `json:"a"`
	B string `json:"b"`
	// Persons is the number of persons with both values. It is null where the
	// pair is withheld.
	Persons *int64   `json:"persons"`
	R       *float64 `json:"r"`
	// OfA and OfB are set for a variable of two values: the persons with the
	// first of them. Both counts those with the first of either, where both
	// variables are such. They do not leave.
	OfA  *int64 `json:"of_a,omitempty"`
	OfB  *int64 `json:"of_b,omitempty"`
	Both *int64 `json:"both,omitempty"`
}

// ClearCorrelation clears correlations, which are linear regressions of one
// variable: at least Rule.ResidualDF residual degrees of freedom and the
// threshold of persons; no variables that are a function of each other; of a
// variable with two values, the threshold of persons with either, and of two
// such variables, in each of the four cells, which the correlation gives away.
// Three decimals are shown.
//
// Sources: SDC Handbook (2019), section B, correlation coefficients; SACRO
// guide (2023), part II, linear aggregations.
func ClearCorrelation(c Correlation, r disclosure.Rule) (Document, Decision, error) {
	rule, err := r.Resolved()
	if err == nil {
		err = c.check()
	}
	if err != nil {
		return Document{}, Decision{}, err
	}
	d := Decision{Kind: KindCorrelation, Title: c.Title, Rule: rule}
	out := Correlation{Kind: KindCorrelation, Title: c.Title}
	var sizes []int64
	for _, p := range c.Pairs {
		sizes = append(sizes, *p.Persons)
	}
	apart := countsApart(sizes, int64(rule.Threshold))
	for i, p := range c.Pairs {
		pair := Pair{A: p.A, B: p.B}
		if why := p.refuse(rule); why != "" {
			d.Withheld++
			d.note(p.A+", "+p.B, why)
		} else {
			d.Published++
			pair.R = toUnit(p.R, 0.001)
			if n := rule.Round(*p.Persons); apart[i] {
				pair.Persons = &n
			}
		}
		out.Pairs = append(out.Pairs, pair)
	}
	return finish(out, d)
}

func (p Pair) refuse(r disclosure.Rule) string {
	threshold, n := int64(r.Threshold), *p.Persons
	few := func(k *int64) bool { return k != nil && min(*k, n-*k) < threshold }
	switch {
	case n < threshold || n-2 < int64(r.ResidualDF):
		return "too few persons"
	case math.Abs(*p.R) > 0.9995:
		return "one variable gives the other"
	case few(p.OfA) || few(p.OfB):
		return "a variable of two values has fewer persons than the threshold with one of them"
	case p.Both != nil && min(*p.Both, *p.OfA-*p.Both, *p.OfB-*p.Both, n-*p.OfA-*p.OfB+*p.Both) < threshold:
		return "two variables of two values make a table with a small cell"
	}
	return ""
}

func (c Correlation) check() error {
	if err := checkTexts("title", c.Title); err != nil {
		return err
	}
	if len(c.Pairs) == 0 {
		return galien.Errorf(galien.Invalid, "output: correlations need pairs, one at least")
	}
	for i, p := range c.Pairs {
		where := fmt.Sprintf("pairs[%d]", i)
		if err := checkTexts(where+".a", p.A, where+".b", p.B); err != nil {
			return err
		}
		if p.Persons == nil || *p.Persons < 0 || *p.Persons > maxCount || p.R == nil || !(math.Abs(*p.R) <= 1) {
			return galien.Errorf(galien.Invalid, "output: %s needs persons, a count, and r from -1 to 1", where)
		}
		for _, k := range []*int64{p.OfA, p.OfB, p.Both} {
			if k != nil && (*k < 0 || *k > *p.Persons) {
				return galien.Errorf(galien.Invalid, "output: %s counts more persons than there are", where)
			}
		}
		if (p.OfA != nil && p.OfB != nil) != (p.Both != nil) {
			return galien.Errorf(galien.Invalid, "output: %s needs both, where both variables have two values, and there only", where)
		}
	}
	return nil
}

func compareText(a, b string) int { return cmp.Compare(a, b) }
