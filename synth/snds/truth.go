package snds

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path"
	"path/filepath"
	"sort"
	"strings"

	"galien"
)

// tallies writes what no person has alone: the counts of rules and effects.
func (g *generator) tallies() {
	t := g.out.openPlain("truth/rules.csv")
	fmt.Fprintln(t, "rule;table;raw_rows_affected;rows_that_must_disappear")
	for _, r := range g.sortedRules() {
		c := g.rules[r]
		fmt.Fprintf(t, "%s;%s;%d;%d\n", r.name, r.table, c[0], c[1])
	}
	g.out.endPlain(t)
	g.out.json("truth/effects.json", map[string]any{
		"planted":        planted(),
		"full_truth":     g.effects[0].estimates(),
		"linkable_truth": g.effects[1].estimates(),
	})
	t = g.out.openPlain("README.txt")
	fmt.Fprintf(t, "Invented: nothing here describes a real person. Made by galien synth snds (%d persons, %d years, seed %d).\nWhat is in it: docs/synthetic-snds.md of Galien.\n", g.persons, g.years, g.seed)
	g.out.endPlain(t)
}

// finish counts what was written, and writes the counts.
func (g *generator) finish() (Summary, error) {
	s := Summary{Persons: g.persons, Years: g.years, Seed: g.seed, Files: len(g.out.tables), Rows: map[string]int64{}, Stays: g.statuses}
	for _, t := range g.out.tables {
		s.Rows[t.name()] += t.rows
		s.bytes += t.size
	}
	g.out.json("truth/summary.json", s)
	return s, g.out.failure()
}

// name is the table that a file belongs to.
func (t *table) name() string {
	folder, file := path.Split(strings.TrimSuffix(t.path, ".csv.gz"))
	switch folder {
	case "truth/":
		return folder + file
	case "input/snds/DCIR/":
		return file[:len("ER_PRS_F")]
	case "input/snds/PMSI/":
		return file[:len("T_MCO")] + "aa" + file[len("T_MCO00"):]
	}
	return file
}

// openPlain starts a small file that is not compressed.
func (o *folder) openPlain(name string) *bufio.Writer {
	f, err := os.OpenFile(filepath.Join(o.dir, filepath.FromSlash(name)), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		o.fail(fmt.Errorf("write claims: %w", err))
		return bufio.NewWriter(discard{})
	}
	o.small = f
	return bufio.NewWriter(f)
}

// endPlain ends the file that openPlain started.
func (o *folder) endPlain(w *bufio.Writer) {
	err := w.Flush()
	if o.small != nil {
		if closing := o.small.Close(); err == nil {
			err = closing
		}
		o.small = nil
	}
	if err != nil {
		o.fail(fmt.Errorf("write claims: %w", err))
	}
}

// discard takes what has nowhere to go after a failure.
type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }

func (o *folder) json(name string, value any) {
	b, err := json.MarshalIndent(value, "", " ")
	if err == nil {
		err = os.WriteFile(filepath.Join(o.dir, filepath.FromSlash(name)), append(b, '\n'), 0o644)
	}
	if err != nil {
		o.fail(fmt.Errorf("write %s: %w", name, err))
	}
}

// planted says what was planted.
func planted() map[string]any {
	return map[string]any{
		"myocarditis": map[string]any{
			"population": "men aged 12 to 29 on the day", "baseline_per_person_year": float64(myoMen) / 100_000, "irr": myoRatio, "dose1_irr": 1,
			"risk_window": "days 1 to 7 after dose 2 (day of the dose = 0)", "codes": myocarditis,
			"position":    "any (84 % principal, 10 % associated in D, 6 % only in UM)",
			"others":      "women, boys under 12 and men of 30 and over: 0.0008 per person-year, irr 1",
			"observation": "2021-01-01 to 2021-12-31, alive and aged 12 to 29",
			"recurrences": "independent; a second admission within 8 days of a stay is not simulated",
		},
		"meningioma": map[string]any{
			"population": "women from age 18 or the first day of care, to death, surgery or 2021-12-31", "baseline_per_person_year": float64(meningiomas) / 100_000,
			"hr": meningiomaHR, "exposure": "ever-exposed from the day of the first net dispensing of G03HA01, time dependent",
			"outcome": "first stay with D32 in any position and one of the excision codes", "ccam": excisions,
			"decoys": "D32 stays without surgery, surgery for C71, dispensings that are cancelled",
		},
	}
}

// effects is what the two studies find in the truth.
type effects struct {
	doses   [2]sccs
	exposed int // women
	events  [2]int
	days    [2]int // unexposed, exposed
}

// sccs is a self-controlled case series: persons by events and days in the
// window at risk and outside.
type sccs struct {
	cases  map[caseDays]int
	events [2]int // control, risk
	days   [2]int
}

type caseDays struct{ risk, control, riskDays, controlDays int }

var observed = galien.Period{Start: galien.MustDate("2021-01-01"), End: galien.MustDate("2021-12-31")}

// add counts one person, over all stays or over those that files can show.
func (e *effects) add(g *generator, p *person, linkable bool) {
	usable := func(s *stay, what string) bool { return s.planted == what && (!linkable || s.status == seen) }
	if !p.female {
		lo, hi := max(observed.Start, anniversary(p.birth, 12)), min(observed.End, p.exit, anniversary(p.birth, 30).AddDays(-1))
		for dose := range p.doses {
			if lo > hi {
				break
			}
			a, z := max(lo, p.doses[dose].AddDays(1)), min(hi, p.doses[dose].AddDays(myoRiskDays))
			c := caseDays{riskDays: max(0, z.DaysSince(a)+1)}
			c.controlDays = hi.DaysSince(lo) + 1 - c.riskDays
			for i := range p.stays {
				if s := &p.stays[i]; usable(s, "myo") && s.entry >= lo && s.entry <= hi {
					if c.riskDays > 0 && s.entry >= a && s.entry <= z {
						c.risk++
					} else {
						c.control++
					}
				}
			}
			e.doses[dose].add(c)
		}
		return
	}
	lo, hi, ill := max(g.start, anniversary(p.birth, 18)), p.exit, 0
	for i := range p.stays {
		if s := &p.stays[i]; usable(s, "men") && s.entry <= hi {
			hi, ill = s.entry, 1
		}
	}
	if lo >= hi {
		return
	}
	if p.exposed && p.since < hi {
		e.exposed++
		since := max(lo, p.since)
		e.days[0] += since.DaysSince(lo)
		e.days[1] += hi.DaysSince(since)
		e.events[1] += ill
		return
	}
	e.days[0] += hi.DaysSince(lo)
	e.events[0] += ill
}

func (s *sccs) add(c caseDays) {
	s.days[0] += c.controlDays
	s.days[1] += c.riskDays
	s.events[0] += c.control
	s.events[1] += c.risk
	if c.riskDays > 0 && c.risk+c.control > 0 {
		if s.cases == nil {
			s.cases = map[caseDays]int{}
		}
		s.cases[c]++
	}
}

// estimates are the counts with their ratios.
func (e *effects) estimates() map[string]any {
	years := func(days int) float64 { return math.Round(float64(days)/36.525) / 10 }
	m := map[string]any{
		"events_exposed": e.events[1], "events_unexposed": e.events[0], "exposed_women": e.exposed,
		"years_exposed": years(e.days[1]), "years_unexposed": years(e.days[0]),
	}
	if e.events[0] > 0 && e.events[1] > 0 {
		rr := float64(e.events[1]) / float64(e.days[1]) / (float64(e.events[0]) / float64(e.days[0]))
		m["rate_ratio"] = interval("rr", rr, math.Sqrt(1/float64(e.events[0])+1/float64(e.events[1])))
	}
	return map[string]any{"dose1": e.doses[0].estimate(), "dose2": e.doses[1].estimate(), "meningioma": m}
}

// estimate fits the conditional Poisson model by bisection. Its sums are in a
// fixed order, and products are rounded before they are added, so that every
// machine finds the same digits.
func (s *sccs) estimate() map[string]any {
	cases := 0
	var list []caseDays
	for c, n := range s.cases {
		list = append(list, c)
		cases += n
	}
	sort.Slice(list, func(i, j int) bool {
		a, b := list[i], list[j]
		switch {
		case a.riskDays != b.riskDays:
			return a.riskDays < b.riskDays
		case a.controlDays != b.controlDays:
			return a.controlDays < b.controlDays
		case a.risk != b.risk:
			return a.risk < b.risk
		}
		return a.control < b.control
	})
	m := map[string]any{"cases": cases, "events_control": s.events[0], "events_risk": s.events[1], "person_days_control": s.days[0], "person_days_risk": s.days[1]}
	events := 0
	for c, n := range s.cases {
		events += n * c.risk
	}
	expected := func(ratio float64) (sum, information float64) {
		for _, c := range list {
			weight := float64(float64(c.riskDays) * ratio)
			q := weight / (weight + float64(c.controlDays))
			n := float64(s.cases[c] * (c.risk + c.control))
			sum += float64(n * q)
			information += float64(float64(n*q) * (1 - q))
		}
		return sum, information
	}
	if events == 0 || s.events[0] == 0 {
		return m
	}
	low, high := 1e-6, 1e6
	for range 200 {
		middle := math.Sqrt(low * high)
		if sum, _ := expected(middle); sum < float64(events) {
			low = middle
		} else {
			high = middle
		}
	}
	_, information := expected(low)
	m["sccs"] = interval("irr", low, 1/math.Sqrt(information))
	return m
}

// interval is a ratio with its 95 % interval.
func interval(name string, ratio, se float64) map[string]float64 {
	wide := exp(float64(1.96 * se))
	round := func(x float64) float64 { return math.Round(x*10_000) / 10_000 }
	return map[string]float64{name: round(ratio), "lo": round(ratio / wide), "hi": round(ratio * wide)}
}

// exp is e to the power of x, for x of a few units, by its series: the library's
// own differs between machines.
func exp(x float64) float64 {
	sum, term := 1.0, 1.0
	for k := 1; k < 200; k++ {
		term = float64(term*x) / float64(k)
		sum += term
	}
	return sum
}
