package main

import (
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// progressDelay is how long a task runs before its bar appears.
const progressDelay = 2 * time.Second

// progress shows how far a long task is: rate and time left, on a terminal
// only, and only once the task has lasted two seconds. It is for one goroutine.
type progress struct {
	bar *progressbar.ProgressBar // nil when nothing is to be shown
}

// newProgress starts the clock of a task. what names it and unit is what is
// counted ("rows", "buckets").
func newProgress(w io.Writer, what, unit string) *progress {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return &progress{}
	}
	return &progress{progressbar.NewOptions64(-1,
		progressbar.OptionSetWriter(&lateWriter{w: w, start: time.Now()}),
		progressbar.OptionSetDescription(what),
		progressbar.OptionSetItsString(unit),
		progressbar.OptionShowIts(),
		progressbar.OptionShowCount(),
		progressbar.OptionSetPredictTime(true),
		progressbar.OptionThrottle(200*time.Millisecond),
		progressbar.OptionSetWidth(24),
		progressbar.OptionClearOnFinish(),
	)}
}

// set says how much is done, and of how much; a total under 1 is unknown.
func (p *progress) set(done, total int64) {
	if p.bar == nil {
		return
	}
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
