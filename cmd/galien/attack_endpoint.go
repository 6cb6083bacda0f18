package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"github.com/spf13/cobra"

	"galien"
	"galien/attack"
	"galien/cohort"
	"galien/cohort/circe"
	"galien/disclosure"
	"galien/ledger"
)

// onEndpoint attacks the hub's counts. Rows that judge the attacks are read
// beside the output, in parent, and removed.
func (a *attackRun) onEndpoint(cmd *cobra.Command, parent string) (attack.Report, error) {
	ctx := cmd.Context()
	known, err := attack.CheckAsked(a.known)
	if err != nil {
		return attack.Report{}, err
	}
	threshold, err := a.threshold(ctx)
	if err != nil {
		return attack.Report{}, err
	}
	if err := a.announce(cmd, attack.Endpoint, a.q.snapshot.ID, ""); err != nil {
		return attack.Report{}, err
	}
	people, day, err := a.readTruth(cmd, parent, known)
	if err != nil {
		return attack.Report{}, err
	}
	e, stop, err := a.q.start(ctx, nil)
	if err != nil {
		return attack.Report{}, err
	}
	defer stop()
	s, err := newScratch(a.q.hub.dir, "tmp-")
	if err != nil {
		return attack.Report{}, err
	}
	defer s.remove()
	c := &hubCounter{q: &a.q, engine: e, asking: attack.Asking{Day: day, Columns: people.Table.Columns()}, dry: s.dir}
	report, err := attack.OnEndpoint(ctx, c, people, a.targets, threshold, a.random())
	if err == nil && c.answered == 0 && c.denial != nil {
		err = c.denial // no question at all was allowed: the permit, not the counts, stopped the attack
	}
	report.Snapshot = a.q.snapshot.ID
	return report, err
}

// readTruth extracts everyone under the permit for the truth, as galien extract
// does, and makes a table of those who were observed on one day.
func (a *attackRun) readTruth(cmd *cobra.Command, parent string, known []string) (attack.People, galien.Date, error) {
	ctx := cmd.Context()
	fail := func(err error) (attack.People, galien.Date, error) { return attack.People{}, 0, err }
	s, err := newScratch(parent, ".galien-partial-")
	if err != nil {
		return fail(err)
	}
	defer s.remove()
	text, err := circeText(attack.Everyone())
	if err != nil {
		return fail(err)
	}
	file, dir := filepath.Join(s.dir, "1-everyone.json"), filepath.Join(s.dir, "truth")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return fail(err)
	}
	extract := newExtractCommand()
	extract.SetArgs([]string{a.q.hub.dir, "--permit", a.truth, "--cohort", file, "--out", dir})
	extract.SetOut(io.Discard)
	extract.SetErr(cmd.ErrOrStderr())
	extract.SilenceUsage, extract.SilenceErrors = true, true
	if err := extract.ExecuteContext(ctx); err != nil {
		return fail(err)
	}
	config, remove, err := a.q.config()
	if err != nil {
		return fail(err)
	}
	defer remove()
	x, err := openExtract(ctx, dir, config)
	if err != nil {
		return fail(err)
	}
	defer x.close()
	day, observed, err := attack.Observed(x)
	if err != nil {
		return fail(err)
	}
	people, err := attack.Persons(x, known, a.secret, observed)
	return people, day, err
}

func circeText(def *cohort.Definition) ([]byte, error) {
	var b bytes.Buffer
	err := circe.Write(&b, def)
	return b.Bytes(), err
}

// hubCounter is the hub's counts as an attack asks for them: each question goes
// the way of galien cohort count, through the gate and the audit log.
type hubCounter struct {
	q        *question
	engine   counter
	asking   attack.Asking
	dry      string // the folder of copies of the ledger
	copies   int
	answered int
	denial   error // the first
}

// Reset puts the ledger back: questions of an attack are judged by a copy of the
// hub's ledger of everything released, and the hub's own learns nothing of them.
// Else an attack would use up what readers may still be shown.
func (c *hubCounter) Reset(context.Context) error {
	from, to := c.q.hub.path(releasedDir), filepath.Join(c.dry, strconv.Itoa(c.copies))
	if c.copies++; c.copies > 1 {
		if err := os.RemoveAll(filepath.Join(c.dry, strconv.Itoa(c.copies-2))); err != nil {
			return err
		}
	}
	if _, err := os.Stat(from); err == nil {
		if err := os.CopyFS(to, os.DirFS(from)); err != nil {
			return fmt.Errorf("copy the ledger: %w", err)
		}
	}
	var err error
	c.q.rehearsal, err = ledger.Open(to)
	return err
}

// Count puts one question.
func (c *hubCounter) Count(ctx context.Context, query attack.Query) (int64, bool, error) {
	def, err := c.asking.Definition(query)
	if err != nil {
		return 0, false, err
	}
	text, err := circeText(def)
	if err != nil {
		return 0, false, err
	}
	d, err := parseDefinition("attack.json", text, 1)
	if err != nil {
		return 0, false, err
	}
	counted, err := c.q.count(ctx, d, func() (counter, func(), error) { return c.engine, func() {}, nil })
	switch galien.KindOf(err) {
	case galien.Denied, galien.Withheld:
		if c.denial == nil {
			c.denial = err
		}
		return 0, false, nil
	}
	if err != nil {
		return 0, false, err
	}
	c.answered++
	switch n := counted.steps[len(counted.steps)-1].Persons.(type) {
	case int64:
		return n, true, nil
	case disclosure.Count:
		shown, ok := n.Value()
		return shown, ok, nil
	}
	return 0, false, nil
}
