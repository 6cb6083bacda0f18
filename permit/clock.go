package permit

import (
	"fmt"
	"time"

	"galien"
)

// Deadline is the day by which the next act of a permit's life is due.
type Deadline struct {
	// What is due, in words.
	What string `json:"what"`
	// On is the last day that is in time.
	On galien.Date `json:"on"`
	// Since is the day from which the time runs.
	Since galien.Date `json:"since"`
	// Source is the text of law that sets the time.
	Source string `json:"source"`
	// Silence says what the law makes of a deadline that passes; it is never done
	// by itself.
	Silence string `json:"silence,omitempty"`
	// Extended is set once the time was extended, which is possible once.
	Extended bool `json:"extended,omitempty"`
}

// Late returns by how many days a deadline has passed; negative while days are
// left, zero on the last one.
func (d Deadline) Late(today galien.Date) int { return today.DaysSince(d.On) }

// clock is the time that a law gives for what follows a state.
type clock struct {
	process string
	in      []State
	what    string
	since   []string // the steps from which the time runs, the last one done
	months  int
	more    int // months of the one extension; 0 where there is none
	source  string
	silence string
}

// clocks are the legal clocks. A step without one is due by no law that this
// table knows. docs/permits.md says which figures are to be checked again.
var clocks = []clock{
	{
		process: ProcessFR, in: []State{Complete}, what: "opinion of the committee", since: []string{StepComplete}, months: 1, more: 1,
		source: "décret n° 2019-536 du 29 mai 2019, art. 90", silence: "the opinion is deemed favourable (--opinion tacit)",
	},
	{
		process: ProcessFR, in: []State{InEthics}, what: "decision", since: []string{StepOpinion}, months: 2, more: 2,
		source: "loi n° 78-17 du 6 janvier 1978, art. 66, V", silence: "deemed authorised only where the opinion was expressly favourable; record the receipt with galien permit decide",
	},
	{
		process: ProcessEHDS, in: []State{Complete, InEthics}, what: "decision", since: []string{StepComplete}, months: 3, more: 3,
		source: "Regulation (EU) 2025/327, art. 68",
	},
	{
		process: ProcessEHDS, in: []State{Decided, Agreed}, what: "data made available", since: []string{StepDecide}, months: 2,
		source: "Regulation (EU) 2025/327, art. 68 (from the reception of the data, which a hub holds when it decides)",
	},
	{
		process: ProcessEHDS, in: []State{Closed, Expired, Revoked, Amended}, what: "destruction of what was handed out", since: []string{StepClose, StepRevoke, StepAmend}, months: 6,
		source: "Regulation (EU) 2025/327, art. 68",
	},
}

// Due returns what is due next by law, at an instant whose zone is the hub's;
// false when nothing is. Days are civil days. A time in months ends on the day of
// the same number, or on the last of a shorter month. A last day that is no
// working day is not moved: the hub's date is never later than the law's.
func (p Permit) Due(now time.Time) (Deadline, bool) {
	state := p.State(now)
	for _, c := range clocks {
		for _, in := range c.in {
			if c.process != p.Process || in != state {
				continue
			}
			begun, ok := p.last(c.since...)
			since := begun.Day
			if state == Expired {
				since, ok = p.Terms.Expires, true
			}
			if !ok {
				return Deadline{}, false
			}
			d := Deadline{What: c.what, Since: since, Source: c.source, Silence: c.silence}
			months := c.months
			if c.more > 0 && p.extended() {
				months, d.Extended = months+c.more, true
			}
			d.On = addMonths(since, months)
			return d, true
		}
	}
	return Deadline{}, false
}

// extended reports whether the time that runs was extended: since the step that
// began it.
func (p Permit) extended() bool {
	begins := StepComplete
	if p.Process == ProcessFR && p.stage() == InEthics {
		begins = StepOpinion
	}
	for i := len(p.Steps) - 1; i >= 0 && p.Steps[i].Name != begins; i-- {
		if p.Steps[i].Name == StepExtend {
			return true
		}
	}
	return false
}

// extendable fails when the time that runs cannot be extended on a day.
func (p Permit) extendable(now time.Time, day galien.Date) error {
	d, ok := p.Due(now)
	switch {
	case !ok:
		return galien.Errorf(galien.Conflict, "permit %s: no legal time runs that could be extended", p.ID)
	case d.Extended:
		return galien.Errorf(galien.Conflict, "permit %s: the time was extended already, to %s; the law extends it once (%s)", p.ID, d.On, d.Source)
	case d.Late(day) > 0:
		return galien.Errorf(galien.Conflict, "permit %s: the time ended on %s; it can be extended while it runs only", p.ID, d.On)
	}
	return nil
}

// Words tells a deadline to people, on a day.
func (d Deadline) Words(today galien.Date) string {
	late := d.Late(today)
	switch {
	case late > 0:
		return fmt.Sprintf("%s overdue by %s: was due on %s", d.What, days(late), d.On)
	case late == 0:
		return fmt.Sprintf("%s due today, %s", d.What, d.On)
	}
	return fmt.Sprintf("%s due on %s: %s left", d.What, d.On, days(-late))
}

func days(n int) string {
	if n == 1 {
		return "1 day"
	}
	return fmt.Sprintf("%d days", n)
}

// addMonths returns the day of the same number n months later, or the last day of
// that month when it is shorter.
func addMonths(d galien.Date, n int) galien.Date {
	year, month, day := d.Civil()
	month += n
	year, month = year+(month-1)/12, (month-1)%12+1
	for ; ; day-- {
		if later, ok := galien.NewDate(year, month, day); ok {
			return later
		}
	}
}
