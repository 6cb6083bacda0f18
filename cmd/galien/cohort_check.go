package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"galien"
	"galien/cohort/circe"
	"galien/cohort/review"
)

func newCohortCheckCommand() *cobra.Command {
	var asJSON bool
	var lang string
	cmd := &cobra.Command{
		Use:   "check FILE.json",
		Short: "Review a cohort definition before it is run",
		Long: `Review a cohort definition as a careful colleague does: each finding has its
path in the JSON, says what is wrong and what to do about it. No hub is needed
and no data is read. docs/check.md lists what is looked for.

The exit code is 2 when there is an error (the definition selects nobody, or
cannot mean what was intended), and 0 when there are warnings and hints only.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			l, ok := map[string]review.Language{"en": review.English, "fr": review.French}[lang]
			if !ok {
				return galien.Errorf(galien.Invalid, "unknown language; write --lang en or --lang fr")
			}
			b, err := readInput(cmd.InOrStdin(), args[0])
			if err != nil {
				return err
			}
			doc, err := circe.Parse(bytes.NewReader(b))
			if err != nil {
				return fmt.Errorf("%s: %w", args[0], err)
			}
			checked := checkDefinition(doc, l)
			checked.File = filepath.Base(args[0])
			if asJSON {
				e := json.NewEncoder(cmd.OutOrStdout())
				e.SetEscapeHTML(false)
				e.SetIndent("", "  ")
				err = e.Encode(checked)
			} else {
				err = checked.print(cmd.OutOrStdout(), l)
			}
			if err == nil && checked.Errors > 0 {
				err = galien.Errorf(galien.Invalid, "%s: the review found errors (%d)", args[0], checked.Errors)
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.Flags().StringVar(&lang, "lang", "en", "language of the findings: en or fr")
	return cmd
}

// checkedDefinition is the answer of a review.
type checkedDefinition struct {
	File     string         `json:"file"`
	Hash     string         `json:"hash"`
	Errors   int            `json:"errors"`
	Warnings int            `json:"warnings"`
	Hints    int            `json:"hints"`
	Findings []shownFinding `json:"findings"`
}

type shownFinding struct {
	Level   string `json:"level"`
	Rule    string `json:"rule"`
	Path    string `json:"path"`
	Problem string `json:"problem"`
	Remedy  string `json:"remedy"`

	level review.Level
}

func checkDefinition(doc *circe.Document, l review.Language) checkedDefinition {
	c := checkedDefinition{Hash: doc.Definition.Hash(), Findings: []shownFinding{}}
	for _, f := range review.Check(doc.Definition, doc.Domains()) {
		switch f.Rule.Level {
		case review.Error:
			c.Errors++
		case review.Warning:
			c.Warnings++
		case review.Hint:
			c.Hints++
		}
		c.Findings = append(c.Findings, shownFinding{Level: f.Rule.Level.String(), Rule: f.Rule.ID, Path: doc.Path(f.Path),
			Problem: f.Problem(l), Remedy: f.Remedy(l), level: f.Rule.Level})
	}
	return c
}

// print writes one paragraph for each finding.
func (c checkedDefinition) print(w io.Writer, l review.Language) error {
	for _, f := range c.Findings {
		if _, err := fmt.Fprintf(w, "%s (%s): %s\n  %s\n  %s\n\n", f.level.In(l), f.Rule, f.Path, printable(f.Problem), printable(f.Remedy)); err != nil {
			return err
		}
	}
	format := [...]string{review.English: "Errors: %d, warnings: %d, hints: %d.\n", review.French: "Erreurs : %d, avertissements : %d, conseils : %d.\n"}[l]
	_, err := fmt.Fprintf(w, format, c.Errors, c.Warnings, c.Hints)
	return err
}
