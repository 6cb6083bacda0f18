package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/spf13/cobra"

	"galien"
	"galien/audit"
	"galien/cohort"
	"galien/engine/columnar"
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
it is the command's error. A run of several that was interrupted, by whatever
cause, goes on where it was when the same command is given again. A FILE that is
a folder stands for its *.json files. The id of a cohort is the first number in
its file's name, or --id for a single file. subject_id is the lake's person key,
and dates are as exact as the permit's. Under a permit that lets no rows out,
cohort.csv and inclusion.csv are not written; counts.csv has the numbers of
persons and periods, where small ones are withheld, and those that would give one
away by arithmetic with anything that the hub let out before; withheld.csv says
why.`,
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
			if definitions, refused, err = q.restateAll(definitions, refused); err != nil {
				return err
			}
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

// cohortQuestion is one definition of a run, permitted.
type cohortQuestion struct {
	definition
	permitted permit.Permitted
}

// eachAlone answers questions one after the other: yield is given the rows of
// question i, then done its summary, or the error of a definition that is
// refused. It stops at the first error of yield, of done, or of another kind.
func eachAlone(ctx context.Context, e cohortEngine, questions []cohortQuestion, members func(i int) *cohort.Members, yield func(i int, r cohort.Row) error, done func(i int, s cohort.Summary, err error) error) error {
	for i, q := range questions {
		var stopped error
		s, err := e.CohortMembers(ctx, q.permitted, q.def, members(i), func(r cohort.Row) error {
			stopped = yield(i, r)
			return stopped
		})
		switch {
		case stopped != nil:
			return stopped
		case err != nil && !refusable(err):
			return fmt.Errorf("%s: %w", q.file, err)
		}
		if err := done(i, s, err); err != nil {
			return err
		}
	}
	return nil
}

// together is eachAlone with an engine that answers many questions at once.
func together(ctx context.Context, e *columnar.Engine, questions []cohortQuestion, members func(i int) *cohort.Members, yield func(i int, r cohort.Row) error, done func(i int, s cohort.Summary, err error) error) error {
	all := make([]columnar.Question, len(questions))
	for i, q := range questions {
		all[i] = columnar.Question{Permitted: q.permitted, Definition: q.def, Members: members(i)}
	}
	return e.Cohorts(ctx, all, yield, func(i int, s cohort.Summary, err error) error {
		if err != nil && !refusable(err) {
			return fmt.Errorf("%s: %w", questions[i].file, err)
		}
		return done(i, s, err)
	})
}

// refusable reports whether an engine's error is about the definition, so that
// the others can go on; anything else ends the run.
func refusable(err error) bool {
	switch galien.KindOf(err) {
	case galien.Invalid, galien.NotFound, galien.Denied, galien.Withheld:
		return !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded)
	}
	return false
}

// runDefinitions runs one definition, whose fault is the command's, or several,
// which go on where an interrupted command of the same question left them.
func runDefinitions(cmd *cobra.Command, q *question, definitions []definition, refused []refusal, out string, sourceIDs bool) error {
	if len(definitions) == 0 {
		return noneRun(refused)
	}
	r := cohortRun{q: q, stderr: cmd.ErrOrStderr(), refused: refused}
	var o *output
	var err error
	if len(definitions)+len(refused) == 1 {
		if o, err = newOutput(q.hub.dir, out); err != nil {
			return err
		}
		defer o.discard()
	} else {
		if r.work, err = openUnfinished(q.hub.dir, out); err != nil {
			return err
		}
		defer r.work.discard()
		o = r.work.output
	}
	if err := r.run(cmd.Context(), o, definitions, sourceIDs); err != nil {
		r.keep()
		return err
	}
	fmt.Fprintf(r.stderr, "%d definitions run, %d refused; see %s\n", len(r.answered), len(r.refused), out)
	if len(r.refused) > 0 {
		fmt.Fprintln(r.stderr, "The refused definitions and the reasons are in refused.csv.")
	}
	return nil
}

// cohortRun is a run of definitions under one permit.
type cohortRun struct {
	q         *question
	stderr    io.Writer
	work      *unfinished // nil for a single definition
	questions []cohortQuestion
	finished  int             // questions
	in        audit.Persons   // of every definition
	unsaved   []engineRefusal // refused since the last record of the journal
	marks     map[string]mark // of the tables, after the last finished question
	answer    answer
	answered  []permit.Permitted
	refused   []refusal
	prov      []definitionProvenance
	behind    *behind // the numbers of the question that is being answered
	reference string  // of the ledger
}

// noneRun is the error of a run without an answer.
func noneRun(refused []refusal) error {
	return fmt.Errorf("none of %d definitions could be run; the first, %s: %w", len(refused), refused[0].file, refused[0].reason)
}

// keep says what is left of a run that did not end. Where nothing was finished
// nothing is left.
func (r *cohortRun) keep() {
	if r.work == nil || r.work.journal == nil || !r.work.keep {
		return
	}
	if r.work.keep = r.finished > 0; r.work.keep {
		fmt.Fprintf(r.stderr, "%d of %d definitions are finished and kept in %s. The same command goes on from there; to give up, remove that folder.\n",
			r.finished, len(r.questions), r.work.scratch.dir)
	}
}

func (r *cohortRun) run(ctx context.Context, o *output, definitions []definition, sourceIDs bool) error {
	unit := "definitions"
	if r.work == nil {
		unit = "buckets"
	}
	bar := newProgress(r.stderr, "cohorts", unit)
	defer bar.finish()
	e, stop, err := r.q.start(ctx, func(done, total int64) {
		if r.work == nil {
			bar.set(done, total)
		}
	})
	if err != nil {
		return err
	}
	defer stop()
	engine, err := e.Version(ctx)
	if err != nil {
		return err
	}
	if err := r.allow(ctx, definitions, sourceIDs); err != nil {
		return err
	}
	if err := r.resume(engine, sourceIDs); err != nil {
		return err
	}
	if err := r.answer.open(ctx, r.q, r.table(o), r.questions[0].permitted); err != nil {
		return err
	}
	if r.finished == 0 {
		if r.marks, err = r.answer.mark(); err != nil {
			return err
		}
	}
	if r.work != nil {
		bar.from(int64(r.finished))
		bar.inLines(r.stderr)
	}
	first := r.finished
	row := func(i int, row cohort.Row) error {
		r.in.Add(row.Person)
		return r.answer.row(r.questions[first+i].id, row)
	}
	// Questions are told of one after the other.
	members := func(i int) *cohort.Members {
		c := r.questions[first+i]
		if !ledgerBound(c.permitted) {
			return nil
		}
		return &cohort.Members{
			Observed: func(persons []galien.PersonID) { r.gather(c).Observed(persons) },
			Left:     func(step int, persons []galien.PersonID, events []int64) { r.gather(c).Left(step, persons, events) },
		}
	}
	done := func(i int, s cohort.Summary, err error) error {
		if err := r.finish(ctx, first+i, s, err); err != nil {
			return err
		}
		if r.work != nil {
			bar.set(int64(r.finished), int64(len(r.questions)))
		}
		return nil
	}
	if many, ok := e.(*columnar.Engine); ok {
		err = together(ctx, many, r.questions[first:], members, row, done)
	} else {
		err = eachAlone(ctx, e, r.questions[first:], members, row, done)
	}
	if err != nil {
		if r.work != nil && r.finished > first {
			err = errors.Join(err, r.save())
		}
		return errors.Join(err, r.answer.close())
	}
	if err := r.answer.close(); err != nil {
		return err
	}
	bar.finish()
	return r.deliver(ctx, o, engine)
}

// allow asks the gate about every definition, and writes down its decisions
// before anything is read. Among several, those it denies are set aside.
func (r *cohortRun) allow(ctx context.Context, definitions []definition, sourceIDs bool) error {
	requests := make([]permit.Request, len(definitions))
	for i, d := range definitions {
		requests[i] = r.q.request(permit.RunCohort, d, nil, map[string]string{"source_ids": strconv.FormatBool(sourceIDs)})
	}
	decisions, err := r.q.gate.AllowAll(ctx, r.q.permitID, requests)
	if err != nil {
		return err
	}
	for i, d := range definitions {
		switch refusal := decisions[i].Refusal; {
		case refusal == nil:
			r.questions = append(r.questions, cohortQuestion{d, decisions[i].Permitted})
		case r.work == nil || galien.KindOf(refusal) != galien.Denied:
			return refusal
		default:
			r.refuse(d, refusal)
		}
	}
	if len(r.questions) == 0 {
		if r.work != nil {
			r.work.keep = false // what an earlier command read is no longer permitted
		}
		return noneRun(r.refused)
	}
	return nil
}

func (r *cohortRun) refuse(d definition, reason error) {
	r.refused = append(r.refused, refusal{id: strconv.FormatInt(d.id, 10), file: d.file, reason: reason})
}

// resume takes up what an interrupted command finished of the same question.
func (r *cohortRun) resume(engine string, sourceIDs bool) error {
	if r.work == nil {
		return nil
	}
	all := sha256.New()
	for _, c := range r.questions {
		fmt.Fprintln(all, c.id, c.permitted.Subject())
	}
	done, refused, lost, err := r.work.resume(askedFor{
		"snapshot": r.q.snapshot.ID, "permit": r.q.permitID, "engine": engine, "version_of_galien": version(),
		"ledger_of_oppositions": strconv.FormatInt(r.questions[0].permitted.OppositionsAsOf(), 10),
		"choice_of_source_ids":  strconv.FormatBool(sourceIDs), "list_of_definitions": hex.EncodeToString(all.Sum(nil)),
	})
	if err != nil {
		return err
	}
	if lost != "" {
		fmt.Fprintf(r.stderr, "The unfinished run of this answer was dropped: %s. All definitions are run; to keep an unfinished run, name another folder with --out.\n", lost)
	}
	if done == 0 {
		return nil
	}
	fmt.Fprintf(r.stderr, "Going on after %d of %d definitions that an interrupted run finished.\n", done, len(r.questions))
	r.finished, r.marks = done, r.work.marks
	if err := r.work.persons(&r.in); err != nil {
		return err
	}
	for _, c := range r.questions[:done] {
		if len(refused) > 0 && r.questions[refused[0].Question].id == c.id {
			r.refuse(c.definition, refused[0].err())
			refused = refused[1:]
			continue
		}
		r.answers(c)
	}
	return nil
}

func (r *cohortRun) answers(c cohortQuestion) {
	r.answered = append(r.answered, c.permitted)
	r.prov = append(r.prov, c.definition.provenance(c.permitted))
}

// table is how the files of the answer are started.
func (r *cohortRun) table(o *output) func(name string, header ...string) (*table, error) {
	if r.work != nil {
		return r.work.table
	}
	return o.table
}

// gather is told who is behind the numbers of the question that is being
// answered.
func (r *cohortRun) gather(c cohortQuestion) *cohort.Members {
	if r.behind == nil {
		r.behind = newBehind(c.def)
	}
	return r.behind.members()
}

// steps is what is shown of a question's attrition.
func (r *cohortRun) steps(ctx context.Context, c cohortQuestion, s cohort.Summary) (steps []shownStep, err error) {
	if !ledgerBound(c.permitted) {
		steps, _ = stepsOf(s)
		return steps, nil
	}
	r.gather(c)
	steps, r.reference, err = r.q.boundSteps(ctx, c.permitted, c.def, s, r.behind)
	return steps, err
}

// finish ends question i with its summary, or with the reason why the engine
// refused its definition. What the answer shows is in the ledger before it is
// written anywhere else.
func (r *cohortRun) finish(ctx context.Context, i int, s cohort.Summary, reason error) error {
	c := r.questions[i]
	defer func() { r.behind = nil }()
	switch {
	case reason == nil:
		steps, err := r.steps(ctx, c, s)
		if err != nil {
			return err
		}
		r.answers(c)
		if err := r.answer.summary(c.id, steps, s); err != nil {
			return err
		}
	case r.work == nil:
		return fmt.Errorf("%s: %w", c.file, reason)
	default:
		if err := r.answer.rewind(r.marks); err != nil {
			return err
		}
		r.refuse(c.definition, reason)
		r.unsaved = append(r.unsaved, engineRefusal{i, galien.KindOf(reason).String(), reason.Error()})
	}
	marks, err := r.answer.mark()
	if err != nil {
		return err
	}
	r.marks, r.finished = marks, i+1
	if r.work != nil && r.work.due() {
		return r.save()
	}
	return nil
}

// save records what is finished.
func (r *cohortRun) save() error {
	if err := r.answer.rewind(r.marks); err != nil {
		return err
	}
	if err := r.work.keepPersons(&r.in); err != nil {
		return err
	}
	err := r.work.save(r.answer.tables, record{r.finished, r.marks, r.unsaved})
	r.unsaved = nil
	return err
}

// deliver completes the answer, has the permit checked again and hands it over.
func (r *cohortRun) deliver(ctx context.Context, o *output, engine string) error {
	if len(r.answered) == 0 {
		r.work.keep = false
		return noneRun(r.refused)
	}
	prov := r.q.provenance(engine, r.answered[0])
	prov.Definitions = r.prov
	if err := o.json("provenance.json", prov); err != nil {
		return err
	}
	if err := writeRefused(o, r.refused); err != nil {
		return err
	}
	var outcome map[string]string
	if r.reference != "" {
		outcome = map[string]string{"ledger": r.reference}
	}
	if err := r.q.deliverAll(ctx, r.answered, &r.in, outcome); err != nil {
		if r.work != nil && galien.KindOf(err) == galien.Denied {
			r.work.keep = false // the permit ended: nothing of the answer stays
		}
		return err
	}
	if err := o.deliver(); err != nil {
		return err
	}
	if r.work != nil {
		r.work.keep = false
	}
	return nil
}

// answer is the files of a run.
type answer struct {
	tables                               []*table
	cohort, counts, attrition, inclusion *table
	withheld                             *table
	names                                map[galien.PersonID]string // nil: the lake's keys
	scope                                permit.Scope
}

// open starts the files that the permit's level allows.
func (a *answer) open(ctx context.Context, q *question, newTable func(name string, header ...string) (*table, error), p permit.Permitted) error {
	a.scope = p.Scope()
	start := func(into **table, name string, header ...string) error {
		t, err := newTable(name, header...)
		if err != nil {
			return err
		}
		*into, a.tables = t, append(a.tables, t)
		return nil
	}
	if err := start(&a.attrition, "attrition.csv", "cohort_definition_id", "step", "reason", "events", "persons"); err != nil {
		return err
	}
	if p.Level() != permit.LevelRows {
		if err := start(&a.counts, "counts.csv", "cohort_definition_id", "persons", "periods"); err != nil {
			return err
		}
		return start(&a.withheld, "withheld.csv", "cohort_definition_id", "step", "note")
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
	a.cohort.number(id)
	if a.names == nil {
		a.cohort.number(int64(r.Person))
	} else {
		name, ok := a.names[r.Person]
		if !ok {
			return galien.Errorf(galien.Corrupt, "a person of the lake has no source id in the vault; run galien fsck")
		}
		a.cohort.text(name)
	}
	a.cohort.date(a.scope.Day(r.Start))
	a.cohort.date(a.scope.Day(r.End))
	return a.cohort.end()
}

// summary writes what is said of a cohort as a whole.
func (a *answer) summary(id int64, steps []shownStep, s cohort.Summary) error {
	var err error
	for _, c := range steps {
		if a.withheld != nil && c.Note != "" {
			a.withheld.number(id)
			err = cmp.Or(err, a.withheld.row(c.Step, c.Note))
		}
		a.attrition.number(id)
		err = cmp.Or(err, a.attrition.row(c.Step, c.Reason, fmt.Sprint(c.Events), fmt.Sprint(c.Persons)))
	}
	if a.counts != nil {
		last := steps[len(steps)-1]
		a.counts.number(id)
		err = cmp.Or(err, a.counts.row(fmt.Sprint(last.Persons), fmt.Sprint(last.Events)))
	}
	if a.inclusion != nil {
		for _, m := range s.Inclusion {
			a.inclusion.number(id)
			a.inclusion.number(int64(m.Mode))
			a.inclusion.number(m.Mask)
			a.inclusion.number(m.Persons)
			err = cmp.Or(err, a.inclusion.end())
		}
	}
	return err
}

// mark returns where each table stands.
func (a *answer) mark() (map[string]mark, error) {
	marks := map[string]mark{}
	for _, t := range a.tables {
		m, err := t.mark()
		if err != nil {
			return nil, err
		}
		marks[t.name] = m
	}
	return marks, nil
}

// rewind forgets what was written after the marks.
func (a *answer) rewind(to map[string]mark) error {
	var err error
	for _, t := range a.tables {
		err = cmp.Or(err, t.rewind(to[t.name]))
	}
	return err
}

// close writes out every table and closes it.
func (a *answer) close() error {
	var err error
	for _, t := range a.tables {
		err = cmp.Or(err, t.close())
	}
	return err
}
