package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"galien/cohort"
	"galien/disclosure"
	"galien/permit"
	"galien/study"
)

func newTableCommand() *cobra.Command {
	var q question
	var file, by string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "table HUB --permit P --cohort FILE.json --by sex,age_group,year",
		Short: "Count a cohort by sex, age and year, with rates",
		Long: `Count the persons who enter a cohort by sex, ten-year age group and calendar year
of entry, among the persons observed, with all margins, and the rate per 1,000
person-years with its exact 95 % interval.

Under a permit that lets rows out the table is shown as it is, for work inside
the house. Under any other it is shown as galien release would let it leave.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			t, err := tabulate(ctx, cmd, &q, args[0], file, by, permit.Tabulate)
			if err != nil {
				return err
			}
			defer q.close()
			lines, bound, err := t.lines(ctx, &q)
			if err != nil {
				return err
			}
			outcome := map[string]string{"by": by}
			if bound.reference != "" {
				outcome["ledger"] = bound.reference
			}
			if err := q.deliver(ctx, t.permitted, nil, outcome); err != nil {
				return err
			}
			if asJSON {
				answer := map[string]any{"by": t.by, "cells": lines, "snapshot": q.snapshot.ID, "permit": t.permitted.PermitID()}
				if notes := bound.notes(); len(notes) > 0 {
					answer["notes"] = notes
				}
				return json.NewEncoder(cmd.OutOrStdout()).Encode(answer)
			}
			if err := printTable(cmd.OutOrStdout(), t.by, lines); err != nil {
				return err
			}
			for i, n := range bound.notes() {
				if i == 0 {
					fmt.Fprintln(cmd.OutOrStdout())
				}
				fmt.Fprintln(cmd.OutOrStdout(), n)
			}
			return nil
		},
	}
	q.flags(cmd)
	q.engineFlag(cmd)
	tableFlags(cmd, &file, &by)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func tableFlags(cmd *cobra.Command, file, by *string) {
	cmd.Flags().StringVar(file, "cohort", "", "the cohort definition (required)")
	cmd.Flags().StringVar(by, "by", "sex,age_group,year", "dimensions of the table, of sex, age_group, year")
	_ = cmd.MarkFlagRequired("cohort")
}

// tabulated is the table of a cohort, not yet delivered.
type tabulated struct {
	permitted  permit.Permitted
	definition definition
	engine     string
	by         []cohort.Dimension
	cells      []cohort.Cell
	behind     *behind // nil where the ledger has no say
}

// tabulate opens the hub, asks for permission and counts. The caller closes q
// when it succeeds.
func tabulate(ctx context.Context, cmd *cobra.Command, q *question, dir, file, by string, action permit.Action) (_ *tabulated, err error) {
	dims, err := dimensions(by)
	if err != nil {
		return nil, err
	}
	d, err := readDefinition(cmd.InOrStdin(), file, 1)
	if err != nil {
		return nil, err
	}
	if err := q.open(dir); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			q.close()
		}
	}()
	if err = q.restate(&d); err != nil {
		return nil, err
	}
	strata := cohort.Columns{"person": {"gender_concept_id", "year_of_birth"}}
	p, err := q.allow(ctx, action, d, strata, map[string]string{"by": by})
	if err != nil {
		return nil, err
	}
	bar := newProgress(cmd.ErrOrStderr(), "table", "buckets")
	defer bar.finish()
	e, stop, err := q.start(ctx, bar.set)
	if err != nil {
		return nil, err
	}
	defer stop()
	t := &tabulated{permitted: p, definition: d, by: dims}
	var members *cohort.Members
	if ledgerBound(p) {
		t.behind = newBehind(d.def)
		members = t.behind.members()
	}
	if t.cells, err = e.TableMembers(ctx, p, d.def, dims, members); err != nil {
		return nil, err
	}
	t.engine, err = e.Version(ctx)
	return t, err
}

// clear passes the table through disclosure control.
func (t *tabulated) clear() (disclosure.Cleared, disclosure.Decision, error) {
	table, err := study.Table(t.by, t.cells)
	if err != nil {
		return disclosure.Cleared{}, disclosure.Decision{}, err
	}
	return disclosure.Clear(table, ruleOf(t.permitted.Terms()))
}

// ruleOf is what a permit asks of numbers that leave or may leave.
func ruleOf(t permit.Terms) disclosure.Rule {
	return disclosure.Rule{Threshold: t.Threshold, RoundTo: t.Rounding}
}

// tableLine is a cell as it is shown; its numbers are null when withheld.
type tableLine struct {
	Keys       []string    `json:"keys"`
	Withheld   bool        `json:"withheld"`
	Persons    *int64      `json:"persons"`
	Population *int64      `json:"population"`
	PersonDays *int64      `json:"person_days"`
	Rate       *study.Rate `json:"rate_per_1000_person_years"`
}

// lines is the table as the permit lets it be shown.
func (t *tabulated) lines(ctx context.Context, q *question) ([]tableLine, boundTable, error) {
	var all []tableLine
	add := func(keys []string, withheld bool, persons, population, days int64) {
		l := tableLine{Keys: keys, Withheld: withheld}
		if !withheld {
			l.Persons, l.Population, l.PersonDays = &persons, &population, &days
			if r, ok := study.PersonRate(persons, days); ok {
				l.Rate = &r
			}
		}
		all = append(all, l)
	}
	if t.permitted.Level() == permit.LevelRows {
		for _, c := range t.cells {
			add(c.Keys, false, c.Persons, c.Population, c.PersonDays)
		}
		return all, boundTable{}, nil
	}
	cleared, _, err := t.clear()
	if err != nil {
		return nil, boundTable{}, err
	}
	bound, err := q.bind(ctx, t, cleared)
	if err != nil {
		return nil, boundTable{}, err
	}
	for _, c := range bound.Cells() {
		add(c.Keys, c.Withheld, c.Persons, c.Population, c.PersonDays)
	}
	return all, bound, nil
}

func printTable(w io.Writer, by []cohort.Dimension, lines []tableLine) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, d := range by {
		fmt.Fprintf(t, "%s\t", d)
	}
	fmt.Fprintln(t, "persons\tpopulation\tperson-years\tper 1,000 person-years (95 % CI)")
	for _, l := range lines {
		fmt.Fprintf(t, "%s\t", strings.Join(l.Keys, "\t"))
		if l.Withheld {
			fmt.Fprintln(t, "withheld\twithheld\twithheld\twithheld")
			continue
		}
		rate := "-"
		if l.Rate != nil {
			rate = fmt.Sprintf("%.2f (%.2f-%.2f)", l.Rate.Estimate, l.Rate.Low, l.Rate.High)
		}
		fmt.Fprintf(t, "%d\t%d\t%.1f\t%s\n", *l.Persons, *l.Population, float64(*l.PersonDays)/study.DaysPerYear, rate)
	}
	return t.Flush()
}
