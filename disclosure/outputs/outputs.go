// Package outputs decides what may leave of a declared output: a table, a table
// of sums, quantiles, a regression, a survival curve, a correlation. It is
// pure, like the package disclosure, whose rule it applies.
//
// It owns the form in which an output is declared (docs/formats/outputs.md),
// the counts that each kind has to come with, and the rules of each kind. What
// it returns holds only what may leave: a number that is withheld is null, and
// was dropped. It refuses a document that lacks a count it needs, or has a
// field it does not know, since what it does not know it cannot clear.
//
//	cleared, decision, err := outputs.Clear(document, disclosure.Rule{Threshold: 11})
//	if err != nil {
//		return err // Invalid: the document cannot be read or does not hold together
//	}
//	if err := cleared.Check(); err != nil {
//		return err // Withheld: nothing of it may leave; decision.Findings says why
//	}
//	write(cleared.JSON())
//
// Findings say why a number is withheld. They are for people inside the hub.
package outputs

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"galien"
	"galien/disclosure"
)

// Kind is what an output is.
type Kind string

// The kinds of outputs.
const (
	KindTable       Kind = "table"
	KindSums        Kind = "sums"
	KindQuantiles   Kind = "quantiles"
	KindRegression  Kind = "regression"
	KindSurvival    Kind = "survival"
	KindCorrelation Kind = "correlation"
)

// Kinds lists them.
var Kinds = []Kind{KindTable, KindSums, KindQuantiles, KindRegression, KindSurvival, KindCorrelation}

// maxCount bounds every count, so that no sum overflows.
const maxCount = int64(1) << 50

// Document is an output of any kind that has been cleared. Its zero value is
// refused wherever something is released.
type Document struct {
	ok   bool
	body []byte // nil when nothing may leave
}

// Check returns nil when something of the output may leave, a Withheld error
// when nothing may, and a Denied error for the zero value.
func (d Document) Check() error {
	switch {
	case !d.ok:
		return galien.Errorf(galien.Denied, "release: this output has not been through disclosure control")
	case d.body == nil:
		return galien.Errorf(galien.Withheld, "release: nothing of this output may leave")
	}
	return nil
}

// JSON returns what may leave, in the form of docs/formats/outputs.md, or nil
// when nothing may. The same output and rule give the same bytes.
func (d Document) JSON() []byte {
	return bytes.Clone(d.body)
}

// Finding is one reason why something of an output is withheld or changed.
type Finding struct {
	// At says where: a row, a term, a point in time.
	At string `json:"at"`
	// Why says what the rule is.
	Why string `json:"why"`
}

// Decision explains a clearing to people inside the hub. It must not leave: to
// know why one of two numbers is withheld narrows both.
type Decision struct {
	Kind  Kind            `json:"kind"`
	Title string          `json:"title"`
	Rule  disclosure.Rule `json:"rule"`
	// Published and Withheld count what the kind is made of: rows, quantiles,
	// coefficients, points, pairs.
	Published int       `json:"published"`
	Withheld  int       `json:"withheld"`
	Findings  []Finding `json:"findings"`
}

// note adds a finding.
func (d *Decision) note(at, why string) { d.Findings = append(d.Findings, Finding{at, why}) }

// head is what every document starts with.
type head struct {
	Kind  Kind   `json:"kind"`
	Title string `json:"title"`
}

// Clear reads a declared output, the bytes of one JSON document, and returns
// what of it may leave under r, with the decision that explains it to people
// inside the hub. A document that cannot be read, that lacks a count or that
// does not hold together is Invalid. That nothing may leave is no error here:
// the document's Check says so.
func Clear(document []byte, r disclosure.Rule) (Document, Decision, error) {
	var h head
	if err := json.Unmarshal(document, &h); err != nil {
		return Document{}, Decision{}, galien.Errorf(galien.Invalid, "output: not one JSON document of an output: %w", plain(err))
	}
	switch h.Kind {
	case KindTable:
		return clearAs(document, r, ClearTable)
	case KindSums:
		return clearAs(document, r, ClearSums)
	case KindQuantiles:
		return clearAs(document, r, ClearQuantiles)
	case KindRegression:
		return clearAs(document, r, ClearRegression)
	case KindSurvival:
		return clearAs(document, r, ClearSurvival)
	case KindCorrelation:
		return clearAs(document, r, ClearCorrelation)
	}
	return Document{}, Decision{}, galien.Errorf(galien.Invalid, "output: the field kind is none of %v", Kinds)
}

// clearAs reads a document as a T and clears it.
func clearAs[T any](document []byte, r disclosure.Rule, clear func(T, disclosure.Rule) (Document, Decision, error)) (Document, Decision, error) {
	var v T
	dec := json.NewDecoder(bytes.NewReader(document))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&v); err != nil {
		return Document{}, Decision{}, galien.Errorf(galien.Invalid, "output: %w", plain(err))
	}
	return clear(v, r)
}

// plain drops what an error of encoding/json quotes of the document.
func plain(err error) error {
	var value *json.UnmarshalTypeError
	if errors.As(err, &value) {
		return errors.New("the field " + value.Field + " should be a " + value.Type.String())
	}
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return errors.New("no JSON")
	}
	return err
}

// finish seals what may leave. Nothing is kept of v when nothing is published.
func finish(v any, d Decision) (Document, Decision, error) {
	out := Document{ok: true}
	if d.Published > 0 {
		body, err := json.MarshalIndent(v, "", "  ")
		if err != nil {
			return Document{}, Decision{}, galien.Errorf(galien.Internal, "output: %w", err)
		}
		out.body = append(body, '\n')
	}
	if d.Findings == nil {
		d.Findings = []Finding{}
	}
	return out, d, nil
}

// checkTexts refuses texts that could not be shown safely in a file that
// leaves. It takes pairs: the name of a field, and the text.
func checkTexts(pairs ...string) error {
	for i := 0; i < len(pairs); i += 2 {
		s := pairs[i+1]
		if s == "" || len(s) > 200 || strings.ContainsFunc(s, unicode.IsControl) || strings.ContainsAny(s[:1], "=+-@") {
			return galien.Errorf(galien.Invalid, "output: %s is empty, longer than 200 bytes, has a control character or starts with one of = + - @", pairs[i])
		}
	}
	return nil
}

// countsApart says which of several counts may be shown beside each other: not
// small, and differing from every other one that is shown by nothing or by the
// threshold at least. The greatest goes first.
func countsApart(counts []int64, threshold int64) []bool {
	order := make([]int, len(counts))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(counts[b], counts[a]) })
	shown := make([]bool, len(counts))
	for _, i := range order {
		ok := counts[i] >= threshold
		for j, s := range shown {
			if gap := max(counts[i]-counts[j], counts[j]-counts[i]); s && gap != 0 && gap < threshold {
				ok = false
			}
		}
		shown[i] = ok
	}
	return shown
}

// significant rounds x to so many significant digits; it leaves nil.
func significant(x *float64, digits int) *float64 {
	if x == nil {
		return nil
	}
	r, err := strconv.ParseFloat(strconv.FormatFloat(*x, 'e', digits-1, 64), 64)
	if err != nil {
		return nil
	}
	return &r
}

// toUnit rounds x to a multiple of unit; it leaves nil.
func toUnit(x *float64, unit float64) *float64 {
	if x == nil {
		return nil
	}
	// Dividing by the inverse, a whole number, gives the shortest decimals.
	per := math.Round(1 / unit)
	r := math.Round(*x*per) / per
	return &r
}
