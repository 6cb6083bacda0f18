package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"galien"
	"galien/cohort"
	"galien/permit"
)

func newCohortRunCommand() *cobra.Command {
	var q question
	var out string
	var id int64
	var sourceIDs, explain bool
	cmd := &cobra.Command{
		Use:   "run HUB --permit P FILE.json... --out DIR",
		Short: "Run cohort definitions and write their periods",
		Long: `Run definitions and write to DIR, a new or empty folder:

  cohort.csv      cohort_definition_id,subject_id,cohort_start_date,cohort_end_date
  attrition.csv   what each step leaves, in events and persons, and why
  inclusion.csv   counts by inclusion rules met, as Circe's inclusion results
  refused.csv     the definitions that could not be evaluated, and why
  provenance.json snapshot, definitions, permit and engine

Among several definitions one that is refused does not stop the others; alone,
it is the command's error. A FILE that is a folder stands for its *.json files.
The id of a cohort is the first number in its file's name, or --id for a single
file. subject_id is the lake's person key, and dates are as exact as the
permit's. Under a permit that lets no rows out, cohort.csv and inclusion.csv are
not written; counts.csv has the numbers of persons and periods, where small ones
and those that would give one away by subtraction within a definition are
withheld.`,
		Args: cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if out == "" && !explain {
				return galien.Errorf(galien.Invalid, "name the folder of the answer with --out")
			}
			definitions, refused, err := readDefinitions(cmd.InOrStdin(), args[1:], id)
			if err != nil {
				return err
			}
			if err := q.open(args[0]); err != nil {
				return err
			}
			defer q.close()
			if explain {
				return explainDefinitions(cmd.Context(), &q, permit.RunCohort, definitions, cmd.OutOrStdout())
			}
			return runDefinitions(cmd, &q, definitions, refused, out, sourceIDs)
		},
	}
	q.flags(cmd)
	q.engineFlag(cmd)
	cmd.Flags().StringVar(&out, "out", "", "folder of the answer, new or empty")
	cmd.Flags().Int64Var(&id, "id", 0, "cohort_definition_id of a single file")
	cmd.Flags().BoolVar(&sourceIDs, "source-ids", false, "write the source's own person ids as subject_id (a steward's permit only)")
	cmd.Flags().BoolVar(&explain, "explain", false, "print the SQL instead of running it")
	return cmd
}

// refusal is a definition that was not evaluated.
type refusal struct {
	file   string // base name
	reason error
}

// readDefinitions reads files and folders of definitions. With a single file,
// its fault is the command's; among several, a faulty one is set aside.
func readDefinitions(stdin io.Reader, paths []string, id int64) ([]definition, []refusal, error) {
	var files []string
	for _, p := range paths {
		info, err := os.Stat(p)
		if err != nil || !info.IsDir() {
			files = append(files, p)
			continue
		}
		inside, err := filepath.Glob(filepath.Join(p, "*.json"))
		if err != nil {
			return nil, nil, galien.Errorf(galien.Invalid, "list definitions: %w", err)
		}
		files = append(files, inside...)
	}
	if len(files) == 0 {
		return nil, nil, galien.Errorf(galien.NotFound, "no definition: the folder holds no .json file")
	}
	if id != 0 && len(files) > 1 {
		return nil, nil, galien.Errorf(galien.Invalid, "--id names one cohort, but %d files are given", len(files))
	}
	var all []definition
	var refused []refusal
	seen := map[int64]string{}
	for _, f := range files {
		d, err := readDefinition(stdin, f, id)
		if err == nil && seen[d.id] != "" {
			err = galien.Errorf(galien.Conflict, "%s: cohort %d is also %s; rename one of the files", f, d.id, seen[d.id])
		}
		if err != nil {
			if len(files) == 1 || galien.KindOf(err) == galien.Conflict {
				return nil, nil, err
			}
			refused = append(refused, refusal{filepath.Base(f), err})
			continue
		}
		seen[d.id] = d.file
		all = append(all, d)
	}
	slices.SortFunc(all, func(a, b definition) int { return cmp.Compare(a.id, b.id) })
	return all, refused, nil
}

func runDefinitions(cmd *cobra.Command, q *question, definitions []definition, refused []refusal, out string, sourceIDs bool) error {
	ctx := cmd.Context()
	o, err := newOutput(q.hub.dir, out)
	if err != nil {
		return err
	}
	defer o.discard()
	bar := newProgress(cmd.ErrOrStderr(), "cohorts", "buckets")
	defer bar.finish()
	run := int64(0) // definitions done
	e, stop, err := q.start(ctx, func(done, total int64) { bar.set(run*total+done, total*int64(len(definitions))) })
	if err != nil {
		return err
	}
	defer stop()
	engine, err := e.Version(ctx)
	if err != nil {
		return err
	}
	var a answer
	var prov provenance
	var allowed []permit.Permitted
	several := len(definitions)+len(refused) > 1
	for _, d := range definitions {
		p, err := q.allow(ctx, permit.RunCohort, d, nil, map[string]string{"source_ids": strconv.FormatBool(sourceIDs)})
		if several && galien.KindOf(err) == galien.Denied {
			refused = append(refused, refusal{d.file, err})
			continue
		}
		if err != nil {
			return err
		}
		if len(allowed) == 0 {
			prov = q.provenance(engine, p)
			if err := a.open(ctx, q, o, p); err != nil {
				return err
			}
		}
		s, err := e.Cohort(ctx, p, d.def, func(r cohort.Row) error { return a.row(d.id, r) })
		if err != nil {
			return fmt.Errorf("%s: %w", d.file, err)
		}
		a.summary(d.id, p, s)
		prov.Definitions = append(prov.Definitions, d.provenance(p))
		allowed = append(allowed, p)
		run++
	}
	if len(allowed) == 0 {
		return fmt.Errorf("none of %d definitions could be run; the first: %w", len(refused), refused[0].reason)
	}
	if err := a.close(); err != nil {
		return err
	}
	if err := o.json("provenance.json", prov); err != nil {
		return err
	}
	if err := writeRefused(o, refused); err != nil {
		return err
	}
	for _, p := range allowed {
		if err := q.gate.Deliver(ctx, p, nil); err != nil {
			return err
		}
	}
	if err := o.deliver(); err != nil {
		return err
	}
	bar.finish()
	fmt.Fprintf(cmd.ErrOrStderr(), "%d definitions run, %d refused; see %s\n", len(allowed), len(refused), out)
	if len(refused) > 0 {
		fmt.Fprintln(cmd.ErrOrStderr(), "The refused definitions and the reasons are in refused.csv.")
	}
	return nil
}

func writeRefused(o *output, refused []refusal) error {
	if len(refused) == 0 {
		return nil
	}
	t, err := o.table("refused.csv", "file", "reason")
	if err != nil {
		return err
	}
	for _, r := range refused {
		t.row(r.file, r.reason.Error())
	}
	return t.close()
}

// answer is the files of a run.
type answer struct {
	tables                               []*table
	cohort, counts, attrition, inclusion *table
	names                                map[galien.PersonID]string // nil: the lake's keys
	scope                                permit.Scope
}

// open starts the files that the permit's level allows.
func (a *answer) open(ctx context.Context, q *question, o *output, p permit.Permitted) error {
	a.scope = p.Scope()
	start := func(t **table, name string, header ...string) (err error) {
		*t, err = o.table(name, header...)
		a.tables = append(a.tables, *t)
		return err
	}
	if err := start(&a.attrition, "attrition.csv", "cohort_definition_id", "step", "reason", "events", "persons"); err != nil {
		return err
	}
	if p.Level() != permit.LevelRows {
		return start(&a.counts, "counts.csv", "cohort_definition_id", "persons", "periods")
	}
	if err := start(&a.cohort, "cohort.csv", "cohort_definition_id", "subject_id", "cohort_start_date", "cohort_end_date"); err != nil {
		return err
	}
	if err := start(&a.inclusion, "inclusion.csv", "cohort_definition_id", "mode_id", "inclusion_rule_mask", "person_count"); err != nil {
		return err
	}
	if !p.SourceIDs() {
		return nil
	}
	v, err := q.hub.vault()
	if err != nil {
		return err
	}
	a.names, err = v.SourceIDs(ctx)
	return err
}

func (a *answer) row(id int64, r cohort.Row) error {
	if a.cohort == nil {
		return nil
	}
	subject := strconv.FormatInt(int64(r.Person), 10)
	if a.names != nil {
		name, ok := a.names[r.Person]
		if !ok {
			return galien.Errorf(galien.Corrupt, "a person of the lake has no source id in the vault; run galien fsck")
		}
		subject = name
	}
	a.cohort.row(strconv.FormatInt(id, 10), subject, a.scope.Day(r.Start).String(), a.scope.Day(r.End).String())
	return nil
}

func (a *answer) summary(id int64, p permit.Permitted, s cohort.Summary) {
	key := strconv.FormatInt(id, 10)
	steps := clearedSteps(p, s)
	for _, c := range steps {
		a.attrition.row(key, c.Step, c.Reason, fmt.Sprint(c.Events), fmt.Sprint(c.Persons))
	}
	if a.counts != nil {
		last := steps[len(steps)-1]
		a.counts.row(key, fmt.Sprint(last.Persons), fmt.Sprint(last.Events))
	}
	if a.inclusion != nil {
		for _, m := range s.Inclusion {
			a.inclusion.row(key, strconv.Itoa(m.Mode), strconv.FormatInt(m.Mask, 10), strconv.FormatInt(m.Persons, 10))
		}
	}
}

func (a *answer) close() error {
	for _, t := range a.tables {
		if err := t.close(); err != nil {
			return err
		}
	}
	return nil
}
