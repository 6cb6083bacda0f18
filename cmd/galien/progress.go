package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// progressDelay is how long a task runs before its bar appears.
const progressDelay = 2 * time.Second

// lineEvery is how often a task that is followed in lines says how far it is.
const lineEvery = 30 * time.Second

// progress shows how far a long task is: rate and time left, on a terminal, and
// only once the task has lasted two seconds. Elsewhere it is silent, or writes
// a line now and then (inLines). It is for one goroutine.
type progress struct {
	bar        *progressbar.ProgressBar // nil when no bar is to be shown
	what, unit string
	lines      io.Writer // nil when no lines are to be written
	began      time.Time // of the task
	last       time.Time // when the last line was written
	before     int64     // done by an earlier process
}

// newProgress starts the clock of a task. what names it and unit is what is
// counted ("rows", "buckets").
func newProgress(w io.Writer, what, unit string) *progress {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return &progress{what: what, unit: unit}
	}
	return &progress{bar: progressbar.NewOptions64(-1,
		progressbar.OptionSetWriter(&lateWriter{w: w, start: time.Now()}),
		progressbar.OptionSetDescription(what),
		progressbar.OptionSetItsString(unit),
		progressbar.OptionShowIts(),
		progressbar.OptionShowCount(),
		progressbar.OptionSetPredictTime(true),
		progressbar.OptionThrottle(200*time.Millisecond),
		progressbar.OptionSetWidth(24),
		progressbar.OptionClearOnFinish(),
	), what: what, unit: unit}
}

// inLines has a line written to w every half minute where there is no bar.
func (p *progress) inLines(w io.Writer) {
	if p.bar == nil {
		p.lines, p.began, p.last = w, time.Now(), time.Now()
	}
}

// from says how much an earlier process did, which tells nothing of the rate.
func (p *progress) from(done int64) {
	p.before = done
	if done > 0 {
		p.describe(fmt.Sprintf("%s after %d", p.what, done))
	}
}

// line writes how far the task is, when it is time to.
func (p *progress) line(done, total int64) {
	now := time.Now()
	if p.lines == nil || now.Sub(p.last) < lineEvery || done <= p.before {
		return
	}
	p.last = now
	each := now.Sub(p.began) / time.Duration(done-p.before)
	fmt.Fprintf(p.lines, "%s: %d of %d %s, %.1f/s, %s left\n", p.what, done, total, p.unit,
		1/each.Seconds(), (each * time.Duration(total-done)).Round(time.Second))
}

// set says how much is done, and of how much; a total under 1 is unknown.
func (p *progress) set(done, total int64) {
	if p.bar == nil {
		p.line(done, total)
		return
	}
	done, total = done-p.before, total-p.before
	if total > 0 && p.bar.GetMax64() != total {
		p.bar.ChangeMax64(total)
	}
	// A bar that cannot be drawn is no reason to stop the task.
	_ = p.bar.Set64(done)
}

// describe changes the words before the bar.
func (p *progress) describe(what string) {
	if p.bar != nil {
		p.bar.Describe(what)
	}
}

// finish takes the bar away.
func (p *progress) finish() {
	if p.bar != nil {
		_ = p.bar.Exit()
		_ = p.bar.Clear()
	}
}

// lateWriter drops what is written in a task's first moments.
type lateWriter struct {
	w     io.Writer
	start time.Time
}

func (l *lateWriter) Write(b []byte) (int, error) {
	if time.Since(l.start) < progressDelay {
		return len(b), nil
	}
	return l.w.Write(b)
}
