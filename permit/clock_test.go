package permit

import (
	"strings"
	"testing"
	"time"

	"galien"
)

// TestClocks works through the legal times of both processes; the days are counted
// by hand on the calendar.
func TestClocks(t *testing.T) {
	type move struct {
		account, step, on, opinion string
		due                        string // "" when nothing is due
	}
	const none = ""
	for _, c := range []struct {
		process string
		moves   []move
	}{
		{ProcessFR, []move{
			{"olga", StepComplete, "2026-01-31", "", "opinion of the committee 2026-02-28"}, // no 31 February
			{"emma", StepExtend, "2026-02-28", "", "opinion of the committee 2026-03-31"},
			{"emma", StepOpinion, "2026-03-30", Favourable, "decision 2026-05-30"},
			{"olga", StepExtend, "2026-05-30", "", "decision 2026-07-30"},
			{"olga", StepDecide, "2026-07-01", "", none},
			{"sonia", StepAgree, "2026-07-02", "", none},
			{"sonia", StepActivate, "2026-07-03", "", none},
			{"marie", StepClose, "2026-08-31", "", none},
		}},
		{ProcessEHDS, []move{
			{"olga", StepComplete, "2026-01-30", "", "decision 2026-04-30"},
			{"olga", StepExtend, "2026-04-01", "", "decision 2026-07-30"},
			{"emma", StepOpinion, "2026-05-01", Reserved, "decision 2026-07-30"},
			{"olga", StepDecide, "2026-06-30", "", "data made available 2026-08-30"},
			{"sonia", StepAgree, "2026-07-02", "", "data made available 2026-08-30"},
			{"sonia", StepActivate, "2026-07-03", "", none},
			{"marie", StepClose, "2026-08-31", "", "destruction of what was handed out 2027-02-28"}, // no 31 February
			{"sonia", StepPurge, "2026-09-01", "", none},
		}},
		{ProcessEHDS, []move{ // nobody closes it: it expires on 31 December
			{"olga", StepComplete, "2026-01-30", "", "decision 2026-04-30"},
			{"emma", StepOpinion, "2026-01-30", Favourable, "decision 2026-04-30"},
			{"olga", StepDecide, "2026-01-30", "", "data made available 2026-03-30"},
			{"sonia", StepAgree, "2026-01-30", "", "data made available 2026-03-30"},
			{"sonia", StepActivate, "2026-01-30", "", none},
			{"", "", "2027-01-01", "", "destruction of what was handed out 2027-06-30"},
			{"sonia", StepPurge, "2027-01-02", "", none},
		}},
	} {
		o := newOffice(t, time.Date(2026, 1, 15, 9, 0, 0, 0, time.UTC))
		id := o.draft(t, narrow, c.process, "")
		for _, m := range c.moves {
			day := galien.MustDate(m.on)
			o.now = noon(day)
			if m.step != "" {
				a := actOf(m.step)
				if m.opinion != "" {
					a.Outcome = m.opinion
				}
				o.take(t, m.account, id, a)
			}
			p, err := o.store.Get(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			d, ok := p.Due(o.now)
			if ok {
				got = d.What + " " + d.On.String()
			}
			if got != m.due || ok && d.Source == "" {
				t.Errorf("%s, after %s on %s: due %q (%s), want %q", c.process, m.step, m.on, got, d.Source, m.due)
			}
			if m.step == StepExtend {
				if err := o.as(m.account).Take(t.Context(), id, actOf(StepExtend)); galien.KindOf(err) != galien.Conflict || !strings.Contains(err.Error(), "once") {
					t.Errorf("extended twice: %v", err)
				}
			}
		}
	}
}

func noon(d galien.Date) time.Time {
	y, m, day := d.Civil()
	return time.Date(y, time.Month(m), day, 12, 0, 0, 0, time.UTC)
}

// TestDueIsACivilDay: the same instant is another day in another zone, also where
// clocks change, and a deadline passes at midnight of the hub's.
func TestDueIsACivilDay(t *testing.T) {
	paris, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Fatal(err)
	}
	o := newOffice(t, time.Date(2026, 2, 25, 12, 0, 0, 0, paris))
	id := o.draft(t, narrow, ProcessFR, "")
	a := actOf(StepComplete)
	o.take(t, "olga", id, a)
	o.now = time.Date(2026, 2, 28, 23, 30, 0, 0, time.UTC).In(paris) // 1 March in Paris
	o.take(t, "emma", id, actOf(StepOpinion))
	p, err := o.store.Get(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if last := p.Steps[len(p.Steps)-1]; last.Day != galien.MustDate("2026-03-01") {
		t.Errorf("the opinion is of %s", last.Day)
	}
	for _, c := range []struct {
		at   time.Time
		late int
		want string
	}{
		{time.Date(2026, 3, 29, 0, 0, 0, 0, paris), -33, "decision due on 2026-05-01: 33 days left"}, // clocks change on this day
		{time.Date(2026, 4, 30, 21, 59, 59, 0, time.UTC).In(paris), -1, "decision due on 2026-05-01: 1 day left"},
		{time.Date(2026, 4, 30, 22, 0, 0, 0, time.UTC).In(paris), 0, "decision due today, 2026-05-01"},
		{time.Date(2026, 5, 1, 21, 59, 59, 0, time.UTC).In(paris), 0, "decision due today, 2026-05-01"},
		{time.Date(2026, 5, 1, 22, 0, 0, 0, time.UTC).In(paris), 1, "decision overdue by 1 day: was due on 2026-05-01"},
		{time.Date(2026, 10, 25, 12, 0, 0, 0, paris), 177, "decision overdue by 177 days: was due on 2026-05-01"},
	} {
		d, ok := p.Due(c.at)
		today := galien.DateOf(c.at)
		if !ok || d.Late(today) != c.late || d.Words(today) != c.want {
			t.Errorf("%s: %q (%d), want %q", c.at, d.Words(today), d.Late(today), c.want)
		}
	}
}

// TestActsOnTheirDay: an act is of its own day, in the order of the life and never
// of a day to come; a committee is silent only after its time.
func TestActsOnTheirDay(t *testing.T) {
	o := newOffice(t, testDay) // 1 March
	take := func(account, id, step, on, opinion string) error {
		a := actOf(step)
		a.Day = galien.MustDate(on)
		if opinion != "" {
			a.Outcome = opinion
		}
		return o.as(account).Take(t.Context(), id, a)
	}
	id := o.draft(t, named("a"), ProcessFR, "")
	if err := take("olga", id, StepComplete, "2026-03-02", ""); galien.KindOf(err) != galien.Invalid {
		t.Errorf("of tomorrow: %v", err)
	}
	if err := take("olga", id, StepComplete, "2026-02-28", ""); galien.KindOf(err) != galien.Invalid {
		t.Errorf("before it was drafted: %v", err)
	}
	if err := take("olga", id, StepComplete, "2026-03-01", ""); err != nil {
		t.Fatal(err)
	}
	o.now = noon(galien.MustDate("2026-04-01"))
	if err := take("emma", id, StepOpinion, "2026-04-01", Tacit); galien.KindOf(err) != galien.Invalid {
		t.Errorf("tacit on the last day: %v", err)
	}
	o.now = noon(galien.MustDate("2026-04-02"))
	if err := take("emma", id, StepExtend, "2026-04-02", ""); galien.KindOf(err) != galien.Conflict {
		t.Errorf("extended after the time: %v", err)
	}
	if err := take("emma", id, StepOpinion, "2026-04-02", "enthusiastic"); galien.KindOf(err) != galien.Invalid {
		t.Errorf("an opinion that there is not: %v", err)
	}
	if err := take("emma", id, StepOpinion, "2026-04-02", Tacit); err != nil {
		t.Errorf("tacit after the time: %v", err)
	}

	// The European process knows no silence, and an unfavourable opinion ends here.
	id = o.draft(t, named("b"), ProcessEHDS, "")
	if err := take("olga", id, StepComplete, "2026-04-02", ""); err != nil {
		t.Fatal(err)
	}
	o.now = noon(galien.MustDate("2026-08-01"))
	if err := take("emma", id, StepOpinion, "2026-08-01", Tacit); galien.KindOf(err) != galien.Invalid {
		t.Errorf("tacit in the European process: %v", err)
	}
	if err := take("emma", id, StepOpinion, "2026-08-01", Unfavourable); err != nil {
		t.Fatal(err)
	}
	if err := take("olga", id, StepDecide, "2026-08-01", ""); galien.KindOf(err) != galien.Denied {
		t.Errorf("decided for after an unfavourable opinion: %v", err)
	}
	if err := take("olga", id, StepRefuse, "2026-08-01", ""); err != nil {
		t.Error(err)
	}

	// A permit is not made active after its last day.
	id = o.draft(t, named("c"), ProcessFR, "")
	for _, step := range paths[Agreed] {
		o.take(t, byWhom[step], id, actOf(step))
	}
	o.now = noon(galien.MustDate("2027-01-01"))
	if err := o.as("sonia").Take(t.Context(), id, actOf(StepActivate)); galien.KindOf(err) != galien.Conflict {
		t.Errorf("made active after its last day: %v", err)
	}
}
