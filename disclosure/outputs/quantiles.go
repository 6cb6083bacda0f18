package outputs

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"

	"galien"
	"galien/disclosure"
)

// Quantiles declares quantiles of a variable, in one or more groups of persons.
type Quantiles struct {
	Kind     Kind            `json:"kind"`
	Title    string          `json:"title"`
	Variable string          `json:"variable"`
	Groups   []QuantileGroup `json:"groups"`
}

// QuantileGroup has the quantiles of one group. Persons is null where too few
// to be shown.
type QuantileGroup struct {
	Name    string     `json:"name"`
	Persons *int64     `json:"persons"`
	Values  []Quantile `json:"quantiles"`
}

// Quantile is the value that a share P of the persons do not exceed, null
// where it is withheld. Below, At and Above count the persons with a smaller
// value, with this one and with a greater one.
type Quantile struct {
	P     float64  `json:"p"`
	Value *float64 `json:"value"`
	Below *int64   `json:"below,omitempty"`
	At    *int64   `json:"at,omitempty"`
	Above *int64   `json:"above,omitempty"`
}

// quantileDigits is how many digits of a quantile are shown where fewer persons
// than the threshold have its very value.
const quantileDigits = 3

// ClearQuantiles clears quantiles. A quantile is a value of a person, so:
//
//   - the least and the greatest value are refused;
//   - at least the threshold of persons are on each side, and between two
//     quantiles that are shown, the nearest to the median first;
//   - a value that fewer than the threshold of persons have is shown with three
//     significant digits, and a quantile that no one near it differs from is
//     refused: when at least P per cent of a group has one value it says so of
//     each of them.
//
// Sources: SACRO guide (2023), part II, position statistics; SDC Handbook
// (Secure Data Access Professionals, 2019), section B, percentiles and maxima
// and minima; ABS DataLab, minimum contributors for quantiles.
func ClearQuantiles(q Quantiles, r disclosure.Rule) (Document, Decision, error) {
	rule, err := r.Resolved()
	if err == nil {
		err = q.check()
	}
	if err != nil {
		return Document{}, Decision{}, err
	}
	d := Decision{Kind: KindQuantiles, Title: q.Title, Rule: rule}
	out := Quantiles{Kind: KindQuantiles, Title: q.Title, Variable: q.Variable}
	threshold := int64(rule.Threshold)
	var sizes []int64
	for _, g := range q.Groups {
		sizes = append(sizes, *g.Persons)
	}
	apart := countsApart(sizes, threshold)
	for i, g := range q.Groups {
		cleared := QuantileGroup{Name: g.Name}
		if apart[i] {
			n := rule.Round(*g.Persons)
			cleared.Persons = &n
		} else {
			d.note(g.Name, "the number of persons is small, or nearly that of another group")
		}
		var shown []Quantile
		for _, at := range byMiddle(g.Values) {
			if why := refuse(at, shown, threshold); why != "" {
				d.Withheld++
				d.note(at.name(g), why)
				continue
			}
			shown = append(shown, at)
		}
		for _, at := range g.Values {
			c := Quantile{P: at.P}
			for _, s := range shown {
				if s.P == at.P {
					c.Value = at.Value
					if *at.At < threshold {
						c.Value = significant(at.Value, quantileDigits)
					}
					if *c.Value != *at.Value {
						d.note(at.name(g), "shown with three significant digits: few persons have the very value")
					}
					d.Published++
				}
			}
			cleared.Values = append(cleared.Values, c)
		}
		out.Groups = append(out.Groups, cleared)
	}
	return finish(out, d)
}

func (at Quantile) name(g QuantileGroup) string {
	return g.Name + ", " + strconv.FormatFloat(at.P, 'g', -1, 64)
}

// refuse says why a quantile is withheld, given those that are shown.
func refuse(at Quantile, shown []Quantile, threshold int64) string {
	// Persons with the value itself may stand on either side of it.
	n := *at.Below + *at.At + *at.Above
	low, high := int64(math.Floor(at.P*float64(n))), int64(math.Floor((1-at.P)*float64(n)))
	switch {
	case at.P <= 0 || at.P >= 1:
		return "the least or greatest value is one person's"
	case min(low, high) < threshold:
		return "fewer persons than the threshold on one side of it"
	case *at.Below < threshold && *at.Above < threshold:
		return "all but few persons have this one value"
	}
	for _, s := range shown {
		if between := math.Abs(s.P-at.P) * float64(n); between < float64(threshold) {
			return "fewer persons than the threshold between it and another quantile that is shown"
		}
	}
	return ""
}

// byMiddle orders quantiles from the median outwards.
func byMiddle(values []Quantile) []Quantile {
	out := slices.Clone(values)
	slices.SortFunc(out, func(a, b Quantile) int {
		return cmp.Or(cmp.Compare(math.Abs(a.P-0.5), math.Abs(b.P-0.5)), cmp.Compare(a.P, b.P))
	})
	return out
}

func (q Quantiles) check() error {
	if err := checkTexts("title", q.Title, "variable", q.Variable); err != nil {
		return err
	}
	if len(q.Groups) == 0 {
		return galien.Errorf(galien.Invalid, "output: quantiles need groups, one at least")
	}
	names := map[string]bool{}
	for i, g := range q.Groups {
		if err := checkTexts(fmt.Sprintf("groups[%d].name", i), g.Name); err != nil {
			return err
		}
		if names[g.Name] {
			return galien.Errorf(galien.Invalid, "output: groups[%d].name is given twice", i)
		}
		names[g.Name] = true
		if g.Persons == nil || *g.Persons < 0 || *g.Persons > maxCount || len(g.Values) == 0 {
			return galien.Errorf(galien.Invalid, "output: groups[%d] needs persons, and quantiles", i)
		}
		seen := map[float64]bool{}
		for k, at := range g.Values {
			where := fmt.Sprintf("groups[%d].quantiles[%d]", i, k)
			if at.Value == nil || at.Below == nil || at.At == nil || at.Above == nil {
				return galien.Errorf(galien.Invalid, "output: %s needs value, and below, at and above: the persons with a smaller value, with this one and with a greater one", where)
			}
			if at.P < 0 || at.P > 1 || seen[at.P] {
				return galien.Errorf(galien.Invalid, "output: %s has a p that is not from 0 to 1, or is given twice", where)
			}
			seen[at.P] = true
			n := *g.Persons
			if min(*at.Below, *at.At, *at.Above) < 0 || max(*at.Below, *at.At, *at.Above) > n || *at.Below+*at.At+*at.Above != n ||
				float64(*at.Below) > at.P*float64(n)+1 || float64(*at.Above) > (1-at.P)*float64(n)+1 {
				return galien.Errorf(galien.Invalid, "output: %s does not agree with the number of persons", where)
			}
		}
	}
	return nil
}
