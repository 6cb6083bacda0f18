package attack

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strconv"
	"strings"
)

// Kind is what was attacked.
type Kind string

// The kinds.
const (
	Extract  Kind = "extract"
	Released Kind = "release"
	Endpoint Kind = "endpoint"
	// Reviewed is a group of outputs that people made.
	Reviewed Kind = "reviewed"
)

// Report is the scorecard of one run. It holds counts and names of columns, and
// no value of a person; the same attack with the same seed gives the same bytes.
type Report struct {
	Format int  `json:"format"` // 1
	Kind   Kind `json:"kind"`
	// Attacked is the SHA-256 of what was attacked: of the release's table, or of
	// the list of the extract's or the group's files; empty for an endpoint.
	Attacked  string `json:"attacked_sha256,omitempty"`
	Snapshot  string `json:"snapshot,omitempty"`
	Permit    string `json:"permit"`
	Galien    string `json:"galien"`
	Seed      uint64 `json:"seed"`
	Targets   int    `json:"targets"`
	Threshold int    `json:"threshold"`
	// Known are the attributes that the reader is supposed to know.
	Known     []string    `json:"known,omitempty"`
	Measures  *Measures   `json:"measures,omitempty"`
	Diversity []Diversity `json:"diversity,omitempty"`
	Findings  []Finding   `json:"findings"`
	// Inside says that the report tells more than what was attacked shows, and
	// is not to leave with it.
	Inside bool `json:"inside,omitempty"`
}

// Language is a language of the page.
type Language string

// The languages.
const (
	English Language = "en"
	French  Language = "fr"
)

// JSON returns the report as an indented document.
func (r Report) JSON() ([]byte, error) {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write the report: %w", err)
	}
	return append(b, '\n'), nil
}

// Worst returns the finding with the greatest risk among those with a gain, and
// false when no attack gained anything.
func (r Report) Worst() (Finding, bool) {
	var worst Finding
	found := false
	for _, f := range r.Findings {
		if !slices.Contains([]Verdict{NoGain, Tight, NotTried}, f.Verdict) && (!found || f.Risk.Value > worst.Risk.Value) {
			worst, found = f, true
		}
	}
	return worst, found
}

// Leaks reports whether an attack got withheld numbers back: then what was
// attacked is not to leave.
func (r Report) Leaks() bool {
	return slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Verdict == Leaks })
}

// Kinds returns the attacks of the report, each once.
func (r Report) Kinds() []string {
	var all []string
	for _, f := range r.Findings {
		if !slices.Contains(all, f.Attack) {
			all = append(all, f.Attack)
		}
	}
	return all
}

//go:embed report.html.tmpl
var pageText string

// HTML writes the report as a page that stands alone: no script, no other file.
// other is the address of the same page in the other language.
func (r Report) HTML(w io.Writer, l Language, other string) error {
	words := words[l]
	pick := func(key string) (string, error) {
		s, ok := words[key]
		if !ok {
			return "", fmt.Errorf("write the report: nothing is said of %q in %s", key, l)
		}
		return s, nil
	}
	t, err := template.New("report").Funcs(template.FuncMap{
		"say":     func(key any) (string, error) { return pick(fmt.Sprint(key)) },
		"percent": func(x float64) string { return percent(x, l) },
		"number":  func(n int) string { return grouped(n, l) },
		"bar":     bar,
		"list":    func(all []string) string { return strings.Join(all, ", ") },
		"lines": func(key any) ([]string, error) {
			s, err := pick(fmt.Sprint(key))
			return strings.Split(s, "\n"), err
		},
		"tried": func(f Finding) bool { return f.Verdict != NotTried },
		"known": func(t Trial) bool { return t.Attempts > 0 },
	}).Parse(pageText)
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	worst, gained := r.Worst()
	if err := t.Execute(w, struct {
		Report
		Language, Other Language
		Address         string
		Worst           Finding
		Gained          bool
	}{r, l, map[Language]Language{English: French, French: English}[l], other, worst, gained}); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

// percent writes a share with one decimal, as the language does.
func percent(x float64, l Language) string {
	s := strconv.FormatFloat(100*x, 'f', 1, 64)
	if l == French {
		s = strings.Replace(s, ".", ",", 1)
	}
	return s + "\u00a0%"
}

// grouped writes a number in groups of three digits.
func grouped(n int, l Language) string {
	s := strconv.Itoa(n)
	space := map[Language]string{English: ",", French: "\u202f"}[l]
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + space + s[i:]
	}
	return s
}

// bar is where a risk and its interval stand on a line of 100.
func bar(e Estimate) map[string]float64 {
	return map[string]float64{"low": 100 * e.Low, "width": max(1, 100*(e.High-e.Low)), "value": 100 * e.Value}
}
