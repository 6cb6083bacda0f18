package outputs

import (
	"fmt"
	"slices"

	"galien"
	"galien/disclosure"
)

// Regression declares a fitted model.
type Regression struct {
	Kind  Kind   `json:"kind"`
	Title string `json:"title"`
	// Model is linear, logistic, poisson or cox.
	Model string `json:"model"`
	// Persons is the number of distinct persons, Events that of those with the
	// outcome; a linear model has none.
	Persons *int64 `json:"persons"`
	Events  *int64 `json:"events,omitempty"`
	// Parameters is the number of parameters estimated, the constant
	// included; Patterns that of different combinations of the explanatory
	// variables in the data. They do not leave.
	Parameters *int64 `json:"parameters,omitempty"`
	Patterns   *int64 `json:"patterns,omitempty"`
	// ResidualDF is filled in when the model is cleared.
	ResidualDF *int64             `json:"residual_df,omitempty"`
	Terms      []Term             `json:"terms"`
	Statistics map[string]float64 `json:"statistics,omitempty"`
}

// Term is one coefficient, or the reference category of a variable, which has
// none.
type Term struct {
	Variable string `json:"variable"`
	// Category is set for a variable that has categories. Persons and Events
	// count those in it; they do not leave.
	Category  string `json:"category,omitempty"`
	Reference bool   `json:"reference,omitempty"`
	Persons   *int64 `json:"persons,omitempty"`
	Events    *int64 `json:"events,omitempty"`
	// Distinct is the number of different values of a variable without
	// categories; it does not leave.
	Distinct *int64 `json:"distinct,omitempty"`

	Withheld bool     `json:"withheld,omitempty"`
	Estimate *float64 `json:"estimate,omitempty"`
	SE       *float64 `json:"se,omitempty"`
	Low      *float64 `json:"low,omitempty"`
	High     *float64 `json:"high,omitempty"`
	P        *float64 `json:"p,omitempty"`
}

// Intercept is the variable of the constant of a model.
const Intercept = "intercept"

// statistics are what may be said of a model as a whole.
var statistics = []string{"r2", "adjusted_r2", "pseudo_r2", "rmse", "sigma", "f", "f_p", "chi2", "chi2_p", "wald", "wald_p", "score", "score_p",
	"log_likelihood", "null_log_likelihood", "deviance", "null_deviance", "aic", "bic", "c_statistic", "dispersion", "hosmer_lemeshow_p", "proportional_hazards_p"}

// perfect is the share of variance from which a model repeats its data.
const perfect = 0.9999

// ClearRegression clears a model:
//
//   - at least Rule.ResidualDF residual degrees of freedom (persons less
//     parameters, and events less parameters where there are events), else
//     nothing leaves;
//   - no saturated model, which has as many parameters as there are patterns of
//     the explanatory variables and so repeats a table, and none that repeats
//     its data;
//   - no coefficient of a category with fewer persons than the threshold, in or
//     out of it, or fewer with or without the outcome; where that is the
//     reference category, none of the variable's, nor the constant, which is its
//     mean;
//   - of the model as a whole, summary statistics by name; residuals, fitted
//     values, leverage and influence are one person's each and have no field.
//
// Sources: SDC Handbook (2019), section B, regressions, residuals and summary
// and test statistics; SACRO guide (2023), part II, regression; Guidelines for
// the checking of output based on microdata research (ESSnet SDC 2010, DwB
// 2015), regression coefficients and estimation residuals.
func ClearRegression(m Regression, r disclosure.Rule) (Document, Decision, error) {
	rule, err := r.Resolved()
	if err == nil {
		err = m.check()
	}
	if err != nil {
		return Document{}, Decision{}, err
	}
	d := Decision{Kind: KindRegression, Title: m.Title, Rule: rule}
	out := Regression{Kind: KindRegression, Title: m.Title, Model: m.Model}
	if why := m.refuse(rule); why != "" {
		d.note("model", why)
		d.Withheld = len(m.Terms) + len(m.Statistics)
		return finish(out, d)
	}
	threshold := int64(rule.Threshold)
	persons := rule.Round(*m.Persons)
	out.Persons = &persons
	if m.Events != nil && *m.Persons-*m.Events >= threshold {
		events := rule.Round(*m.Events)
		out.Events = &events
	}
	if df := m.residual(); rule.RoundTo == 0 && (m.Events == nil || out.Events != nil) {
		out.ResidualDF = &df
	}
	few := map[string]bool{} // variables with a small reference category
	for _, t := range m.Terms {
		if t.Reference && m.small(t, threshold) {
			few[t.Variable], few[Intercept] = true, true
		}
	}
	for _, t := range m.Terms {
		c := Term{Variable: t.Variable, Category: t.Category, Reference: t.Reference}
		switch {
		case t.Reference:
		case few[t.Variable]:
			c.Withheld = true
			d.note(t.name(), "it is compared with a category of fewer persons or events than the threshold")
		case t.Category != "" && m.small(t, threshold):
			c.Withheld = true
			d.note(t.name(), "the category has, or leaves, fewer persons or events than the threshold")
		default:
			c.Estimate, c.SE = significant(t.Estimate, 6), significant(t.SE, 6)
			c.Low, c.High, c.P = significant(t.Low, 6), significant(t.High, 6), significant(t.P, 4)
		}
		if c.Withheld {
			d.Withheld++
		} else if !c.Reference {
			d.Published++
		}
		out.Terms = append(out.Terms, c)
	}
	for name, x := range m.Statistics {
		if !slices.Contains(statistics, name) {
			d.note("statistics."+name, "it is not a summary statistic of the model that is known")
			d.Withheld++
			continue
		}
		if out.Statistics == nil {
			out.Statistics = map[string]float64{}
		}
		out.Statistics[name] = *significant(&x, 6)
	}
	slices.SortStableFunc(d.Findings, func(a, b Finding) int { return compareText(a.At, b.At) })
	return finish(out, d)
}

// residual returns the residual degrees of freedom.
func (m Regression) residual() int64 {
	n := *m.Persons
	if m.Events != nil {
		n = min(n, *m.Events)
	}
	return n - *m.Parameters
}

// refuse says why nothing of a model may leave.
func (m Regression) refuse(r disclosure.Rule) string {
	threshold := int64(r.Threshold)
	switch {
	case *m.Persons < threshold || m.Events != nil && *m.Events < threshold:
		return "fewer persons or events than the threshold"
	case m.Events != nil && *m.Persons-*m.Events < threshold && m.Model != "cox":
		return "all but fewer persons than the threshold have the outcome"
	case m.residual() < int64(r.ResidualDF):
		return "too few residual degrees of freedom"
	case *m.Parameters >= *m.Patterns:
		return "the model is saturated: it repeats the table of its explanatory variables"
	case max(m.Statistics["r2"], m.Statistics["pseudo_r2"]) > perfect:
		return "the model repeats its data"
	}
	return ""
}

// small says whether a category has, or leaves, few persons, or few with or
// without the outcome.
func (m Regression) small(t Term, threshold int64) bool {
	if min(*t.Persons, *m.Persons-*t.Persons) < threshold {
		return true
	}
	if m.Events == nil {
		return false
	}
	in, out := *t.Events, *m.Events-*t.Events
	if min(in, out) < threshold {
		return true
	}
	return m.Model != "cox" && min(*t.Persons-in, *m.Persons-*t.Persons-out) < threshold
}

func (t Term) name() string {
	if t.Category == "" {
		return t.Variable
	}
	return t.Variable + " = " + t.Category
}

func (m Regression) check() error {
	if err := checkTexts("title", m.Title); err != nil {
		return err
	}
	invalid := func(format string, args ...any) error {
		return galien.Errorf(galien.Invalid, "output: "+format, args...)
	}
	if !slices.Contains([]string{"linear", "logistic", "poisson", "cox"}, m.Model) {
		return invalid("model is none of linear, logistic, poisson, cox")
	}
	for _, f := range []struct {
		name  string
		value *int64
	}{{"persons", m.Persons}, {"parameters", m.Parameters}, {"patterns", m.Patterns}} {
		if f.value == nil || *f.value < 0 || *f.value > maxCount {
			return invalid("a regression needs the field %s, a count", f.name)
		}
	}
	if m.ResidualDF != nil {
		return invalid("residual_df is worked out from persons, events and parameters; leave it out")
	}
	if (m.Model == "linear") != (m.Events == nil) || m.Events != nil && (*m.Events < 0 || *m.Events > *m.Persons) {
		return invalid("events is the number of persons with the outcome, at most persons; every model but a linear one has it")
	}
	if len(m.Terms) == 0 {
		return invalid("a regression needs terms")
	}
	references := map[string]int{}
	for _, t := range m.Terms {
		if t.Reference {
			references[t.Variable]++
		}
	}
	estimated, sorted := int64(0), map[string]int64{}
	seen := map[string]bool{}
	for i, t := range m.Terms {
		where := fmt.Sprintf("terms[%d]", i)
		if err := checkTexts(where+".variable", t.Variable); err != nil {
			return err
		}
		if seen[t.name()] || t.Withheld || !finite(t.Estimate, t.SE, t.Low, t.High, t.P) {
			return invalid("%s is given twice, or withheld already", where)
		}
		seen[t.name()] = true
		if t.Reference != (t.Estimate == nil) {
			return invalid("%s: a term has an estimate, a reference category has none", where)
		}
		if !t.Reference {
			estimated++
		}
		switch {
		case t.Category != "":
			if err := checkTexts(where+".category", t.Category); err != nil {
				return err
			}
			if references[t.Variable] != 1 {
				return invalid("%s: the variable needs one reference category, with its persons and events", where)
			}
			if t.Persons == nil || *t.Persons < 0 || *t.Persons > *m.Persons ||
				m.Events != nil && (t.Events == nil || *t.Events < 0 || *t.Events > *t.Persons || *t.Events > *m.Events) {
				return invalid("%s: a category needs its persons and, where the model has events, its events", where)
			}
			if sorted[t.Variable] += *t.Persons; sorted[t.Variable] > *m.Persons {
				return invalid("%s: the categories of the variable have more persons than the model", where)
			}
		case t.Reference:
			return invalid("%s: a reference needs its category", where)
		case t.Variable != Intercept && (t.Distinct == nil || *t.Distinct < 3):
			return invalid("%s: a variable without categories needs distinct, the number of its values, 3 or more; with fewer give it categories, and their counts", where)
		}
	}
	if *m.Parameters < estimated {
		return invalid("parameters is less than the number of terms that are estimated")
	}
	return nil
}
