package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"galien"
	"galien/api"
	"galien/audit"
	"galien/cohort"
	"galien/disclosure"
	"galien/permit"
)

func newCohortCountCommand() *cobra.Command {
	var q question
	var asJSON, explain bool
	cmd := &cobra.Command{
		Use:   "count HUB --permit P FILE.json",
		Short: "Count a cohort's persons and periods, with attrition",
		Long: `Count the persons and periods of a cohort, and what each step leaves. Under a
permit that lets no rows out, small numbers are withheld, and numbers that would
give one away by arithmetic with anything that the hub let out before.

When galien serve answers for the hub, the question is put to it, and the answer
is the same. --engine, --memory, --threads and --explain ask in this process.`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			text, err := readInput(cmd.InOrStdin(), args[1])
			if err != nil {
				return err
			}
			d, err := parseDefinition(args[1], text, 1)
			if err != nil {
				return err
			}
			if !explain && !slices.ContainsFunc([]string{"engine", "memory", "threads"}, cmd.Flags().Changed) {
				c, err := q.countServed(ctx, args[0], d, text)
				if err == nil {
					return c.print(cmd.OutOrStdout(), asJSON)
				}
				if !errors.Is(err, api.ErrNoServer) {
					return err
				}
			}
			if err := q.open(args[0]); err != nil {
				return err
			}
			defer q.close()
			if explain {
				if err := q.restate(&d); err != nil {
					return err
				}
				return explainDefinitions(ctx, &q, permit.CountCohort, []definition{d}, cmd.OutOrStdout())
			}
			bar := newProgress(cmd.ErrOrStderr(), "count", "buckets")
			defer bar.finish()
			c, err := q.count(ctx, d, func() (counter, func(), error) {
				e, stop, err := q.start(ctx, bar.set)
				return e, stop, err
			})
			if err != nil {
				return err
			}
			bar.finish()
			return c.print(cmd.OutOrStdout(), asJSON)
		},
	}
	q.flags(cmd)
	q.engineFlag(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.Flags().BoolVar(&explain, "explain", false, "print the SQL instead of running it")
	return cmd
}

// counter is what a count asks of an engine.
type counter interface {
	CohortMembers(ctx context.Context, p permit.Permitted, def *cohort.Definition, m *cohort.Members, yield func(cohort.Row) error) (cohort.Summary, error)
}

// counted is a cohort's counts as its permit lets them be shown.
type counted struct {
	snapshot  string // its id
	permit    string // its id
	steps     []shownStep
	inclusion []cohort.MaskCount // only under a permit that lets rows out
}

// count asks for permission, counts and delivers. start gives the engine, and
// what lets it go; it is called once the permission is written down.
func (q *question) count(ctx context.Context, d definition, start func() (counter, func(), error)) (counted, error) {
	if err := q.restate(&d); err != nil {
		return counted{}, err
	}
	p, err := q.allow(ctx, permit.CountCohort, d, nil, nil)
	if err != nil {
		return counted{}, err
	}
	e, stop, err := start()
	if err != nil {
		return counted{}, err
	}
	defer stop()
	var in audit.Persons
	var who *behind
	var members *cohort.Members
	if ledgerBound(p) {
		who = newBehind(d.def)
		members = who.members()
	}
	s, err := e.CohortMembers(ctx, p, d.def, members, func(r cohort.Row) error { in.Add(r.Person); return nil })
	if err != nil {
		return counted{}, err
	}
	c := counted{snapshot: p.Snapshot(), permit: p.PermitID()}
	outcome := map[string]string{}
	if q.rehearsal != nil {
		outcome["for"] = "attack"
	}
	if who != nil {
		var reference string
		if c.steps, reference, err = q.boundSteps(ctx, p, d.def, s, who); err != nil {
			return counted{}, err
		}
		if q.rehearsal == nil {
			outcome["ledger"] = reference
		}
	} else {
		c.steps, _ = stepsOf(s)
		c.inclusion = s.Inclusion
	}
	if err := q.deliver(ctx, p, &in, outcome); err != nil {
		return counted{}, err
	}
	return c, nil
}

// countServed puts the question to the server of the hub in dir. It fails with
// api.ErrNoServer when none answers it. What is wrong with the hub itself is
// told as without a server, by the name that the folder has here.
func (q *question) countServed(ctx context.Context, dir string, d definition, text []byte) (counted, error) {
	a, err := api.NewClient(dir, version()).Count(ctx, api.CountQuestion{Permit: q.permitID, File: d.file, Definition: text})
	switch galien.KindOf(err) {
	case galien.NotFound, galien.Corrupt:
		if own := q.open(dir); own != nil {
			return counted{}, own
		}
		q.close()
	}
	return counted{snapshot: a.Snapshot, permit: a.Permit, steps: a.Attrition}, err
}

// shownStep is a step of attrition as a permit lets it be shown.
type shownStep = api.Step

// stepsOf is the attrition in full, to be shown and to be cleared.
func stepsOf(s cohort.Summary) (all []shownStep, raw []disclosure.Step) {
	for _, a := range s.Attrition {
		all = append(all, shownStep{Step: a.Name, Reason: a.Reason, Events: a.Events, Persons: a.Persons})
		raw = append(raw, disclosure.Step{Reason: a.Reason, Events: a.Events, Persons: a.Persons})
	}
	return all, raw
}

func (c counted) print(w io.Writer, asJSON bool) error {
	if !asJSON {
		return printSteps(w, c.steps)
	}
	last := c.steps[len(c.steps)-1]
	return json.NewEncoder(w).Encode(map[string]any{
		"persons": last.Persons, "periods": last.Events, "attrition": c.steps, "snapshot": c.snapshot, "permit": c.permit})
}

func printSteps(w io.Writer, steps []shownStep) error {
	last := steps[len(steps)-1]
	fmt.Fprintf(w, "%v persons, %v periods\n\n", last.Persons, last.Events)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "step\tevents\tpersons\treason")
	for _, s := range steps {
		fmt.Fprintf(t, "%s\t%v\t%v\t%s\n", printable(s.Step), s.Events, s.Persons, s.Reason)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	told := map[string]bool{}
	for _, s := range steps {
		if s.Note == "" || told[s.Note] {
			continue
		}
		if told[s.Note] = true; len(told) == 1 {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "%s: %s\n", printable(s.Step), s.Note)
	}
	return nil
}
