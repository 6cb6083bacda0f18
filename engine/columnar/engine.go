// Package columnar answers cohort definitions in Go over the columns of one
// snapshot's Parquet files: each column is read once, kept as long as memory
// allows, and gone through by tight loops. It is the engine for many
// definitions at once and for a definition that is being edited.
//
// What parts have in common is worked out once: the events of a criterion, the
// index events of an entry, the events for which an inclusion rule holds, each
// under the canonical key of what it asks (cohort.KeyOf) and of what the permit
// shows. Columns are read once for all; what is worked out of them is shared
// between no two permits.
//
// It runs only on a permit.Permitted made for this snapshot and definition, and
// judges nothing: thresholds and releases are disclosure's.
//
//	e, err := columnar.New(snapshot, columnar.Config{Memory: 2 << 30})
//	summary, err := e.Cohort(ctx, permitted, def, func(r cohort.Row) error {
//		return w.Write(r)
//	})
//
// Persons are taken 65,536 at a time, in order: what is held beside the kept
// columns is what those persons need.
package columnar

import (
	"context"
	"errors"
	"runtime"
	"sync"

	"galien"
	"galien/cohort"
	"galien/lake"
	"galien/permit"
)

// errMaking is what others see of a value whose making panicked.
var errMaking = errors.New("columnar: a value that others waited for could not be made")

// Config bounds an engine.
type Config struct {
	// Memory is about how many bytes the process may take; 0 is 2 GiB. Half of
	// it is for the columns and parts of answers that are kept.
	Memory int64
	// Threads is how many cores are used; 0 means all of them.
	Threads int
}

// Engine answers questions over one snapshot. It is safe for several
// goroutines.
type Engine struct {
	snapshot *lake.Snapshot
	// columns keeps what was read, and parts what was worked out of it.
	columns, parts *cache
	threads        int
	// Progress, when set, is told how many stripes of persons are done.
	Progress func(done, total int64)
}

// New opens an engine over a snapshot. It fails with Corrupt when a file of the
// snapshot is missing or has another size than was written.
func New(s *lake.Snapshot, c Config) (*Engine, error) {
	if c.Memory < 0 || c.Threads < 0 {
		return nil, galien.Errorf(galien.Invalid, "open engine: %d bytes and %d cores cannot be; leave them at 0 for the defaults", c.Memory, c.Threads)
	}
	if err := s.Present(); err != nil {
		return nil, err
	}
	if c.Memory == 0 {
		c.Memory = 2 << 30
	}
	if c.Threads == 0 {
		c.Threads = runtime.NumCPU()
	}
	return &Engine{snapshot: s, columns: newCache(c.Memory / 8 * 3), parts: newCache(c.Memory / 8), threads: c.Threads}, nil
}

// Close forgets what was kept.
func (e *Engine) Close() error {
	e.columns, e.parts = newCache(0), newCache(0)
	return nil
}

// Version names the engine for the provenance of an answer.
func (e *Engine) Version(context.Context) (string, error) { return "columnar 1", nil }

// Question is a definition that a permission was given for.
type Question struct {
	Permitted  permit.Permitted
	Definition *cohort.Definition
	// Members, when not nil, is told who is behind the numbers, before the rows
	// of the same persons.
	Members *cohort.Members
}

// Cohort evaluates a definition and hands over its periods by person, start and
// end. It fails with Denied for a permission that was not given for this
// snapshot and definition, with Invalid for a definition that cannot be
// evaluated, and with yield's own error.
func (e *Engine) Cohort(ctx context.Context, p permit.Permitted, def *cohort.Definition, yield func(cohort.Row) error) (cohort.Summary, error) {
	return e.CohortMembers(ctx, p, def, nil, yield)
}

// CohortMembers is Cohort that tells members who is behind its numbers, unless it
// is nil.
func (e *Engine) CohortMembers(ctx context.Context, p permit.Permitted, def *cohort.Definition, members *cohort.Members, yield func(cohort.Row) error) (cohort.Summary, error) {
	var s cohort.Summary
	var failed error
	err := e.Cohorts(ctx, []Question{{p, def, members}},
		func(_ int, r cohort.Row) error { return yield(r) },
		func(_ int, summary cohort.Summary, err error) error {
			s, failed = summary, err
			return nil
		})
	if err != nil {
		return cohort.Summary{}, err
	}
	return s, failed
}

// Cohorts evaluates many definitions. It calls yield with the rows of each, by
// person, start and end, and then done with its summary, in the order of the
// questions and from this goroutine. The error of a definition is handed to
// done, and the others go on; an error of yield or done, and the end of the
// context, end everything.
func (e *Engine) Cohorts(ctx context.Context, questions []Question, yield func(i int, r cohort.Row) error, done func(i int, s cohort.Summary, err error) error) error {
	stripes, err := e.stripes()
	if err != nil {
		return err
	}
	var workers sync.WaitGroup
	defer workers.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()

	// Tasks are begun in order and handed over in order; not many more of them
	// are ahead of the one that is handed over than there are workers. At the
	// end of the context, some of those ahead are never begun.
	ahead := make(chan *task, 4*e.threads)
	todo := make(chan *task)
	workers.Go(func() {
		defer close(todo)
		for i := range questions {
			q := &asked{Question: &questions[i]}
			for _, s := range stripes {
				t := &task{asked: q, stripe: s, done: make(chan struct{})}
				for _, c := range []chan *task{ahead, todo} {
					select {
					case c <- t:
					case <-ctx.Done():
						return
					}
				}
			}
		}
	})
	for range e.threads {
		workers.Go(func() {
			w := &worker{}
			for t := range todo {
				t.answer, t.err = e.answer(ctx, w, t)
				close(t.done)
			}
		})
	}
	var finished int64
	total := int64(len(questions)) * int64(len(stripes))
	for i, q := range questions {
		s := cohort.Summary{Attrition: q.Definition.Steps()}
		masks := map[[2]int64]int64{}
		var failed error
		if len(stripes) == 0 {
			_, failed = (&asked{Question: &questions[i]}).ready(ctx, e)
		}
		for range stripes {
			var t *task
			select {
			case t = <-ahead:
			case <-ctx.Done():
				return ctx.Err()
			}
			select {
			case <-t.done:
			case <-ctx.Done():
				return ctx.Err()
			}
			finished++
			if e.Progress != nil {
				e.Progress(finished, total)
			}
			if failed == nil {
				failed = t.err
			}
			if failed != nil {
				continue
			}
			for k, n := range t.answer.steps {
				s.Attrition[k].Events += n.events
				s.Attrition[k].Persons += n.persons
			}
			for k, n := range t.answer.masks {
				masks[k] += n
			}
			if q.Members != nil {
				t.answer.tell(t.stripe, q.Members)
			}
			for _, r := range t.answer.rows {
				if err := yield(i, r); err != nil {
					return err
				}
			}
		}
		if failed != nil {
			s = cohort.Summary{}
		} else {
			last := s.Attrition[len(s.Attrition)-1]
			s.Rows, s.Persons = last.Events, last.Persons
			s.Inclusion = cohort.SortMasks(masks)
		}
		if err := done(i, s, failed); err != nil {
			return err
		}
	}
	return nil
}

// task is one question about one stripe; done is closed once answer and err
// are set.
type task struct {
	*asked
	stripe stripe
	done   chan struct{}
	answer *answer
	err    error
}

// asked is a question whose plan is made once, for all stripes.
type asked struct {
	*Question
	once sync.Once
	plan *plan
	err  error
}

// ready returns the question's plan, after a look at its permission.
func (q *asked) ready(ctx context.Context, e *Engine) (*plan, error) {
	q.once.Do(func() { q.plan, q.err = e.prepare(ctx, *q.Question, permit.CountCohort, permit.RunCohort) })
	return q.plan, q.err
}

// prepare refuses whatever the permission was not given for, and makes the
// plan.
func (e *Engine) prepare(ctx context.Context, q Question, actions ...permit.Action) (*plan, error) {
	p := q.Permitted
	if err := p.Check(actions...); err != nil {
		return nil, err
	}
	if p.Snapshot() != e.snapshot.ID {
		return nil, galien.Errorf(galien.Denied, "the permission is for snapshot %s, this engine reads %s", p.Snapshot(), e.snapshot.ID)
	}
	if p.Subject() != q.Definition.Hash() {
		return nil, galien.Errorf(galien.Denied, "the permission is for another definition")
	}
	if _, ok := e.snapshot.Table("concept"); !ok && len(q.Definition.ConceptSets) > 0 {
		return nil, galien.Errorf(galien.NotFound, "the lake has no vocabulary, which concept sets need: ingest the CONCEPT and CONCEPT_ANCESTOR tables")
	}
	s, err := e.scope(ctx, p)
	if err != nil {
		return nil, err
	}
	return e.plan(ctx, q.Definition, s)
}

// answer answers a task.
func (e *Engine) answer(ctx context.Context, w *worker, t *task) (*answer, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	p, err := t.ready(ctx, e)
	if err != nil {
		return nil, err
	}
	return (&asker{e: e, w: w, plan: p, stripe: t.stripe, named: t.Members != nil}).answer()
}

// stripes returns the stripes that have persons under observation: no one else
// is in any cohort.
func (e *Engine) stripes() ([]stripe, error) {
	var list []stripe
	for _, b := range e.snapshot.Buckets() {
		segments, err := e.segments("observation_period", lake.ByPerson, b)
		if err != nil {
			return nil, err
		}
		for n := b * lake.BucketPersons / stripePersons; n < (b+1)*lake.BucketPersons/stripePersons; n++ {
			s := stripe{n}
			for _, g := range segments {
				all, err := e.bounds(g, "person_id")
				if err != nil {
					return nil, err
				}
				if b := all[g.group]; b.low <= int64(s.last()) && b.high >= int64(s.first()) {
					list = append(list, s)
					break
				}
			}
		}
	}
	return list, nil
}
