package link

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"galien"
	"galien/vault"
)

// TestQuality links invented persons who share no number, by sources of several
// sizes, overlaps and qualities: precision is at least 0.999 in each but for
// one wrong link, recall at least what is stated, and both are close to what
// the run itself estimates.
func TestQuality(t *testing.T) {
	for _, c := range []struct {
		name     string
		seed     uint64
		persons  int
		rates    rates
		inA, inB float64
		stays    bool
		recall   float64
	}{
		{"small", 1, 1500, usual, 0.5, 0.8, false, 0.95},
		{"usual", 2, 6000, usual, 0.5, 0.8, false, 0.95},
		{"twice the errors", 3, 6000, usual.times(2), 0.5, 0.8, false, 0.92},
		{"few in A, with stays", 4, 6000, usual, 0.1, 0.9, true, 0.95},
		{"few in both", 5, 8000, usual, 0.6, 0.08, false, 0.95},
		{"other names", 6, 6000, usual, 0.7, 0.7, false, 0.95},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := New("a", "b", Options{Sample: 300_000})
			both := newPopulation(c.seed, c.persons).files(c.rates, c.inA, c.inB, c.stays, l)
			r := run(t, l)
			j := judge(r, both)
			t.Logf("%d in both: precision %.5f (estimated %.5f), recall %.4f (estimated %.4f), %d to review", len(both), j.precision, r.Report.Precision, j.recall, r.Report.Recall, r.Report.Review)
			if wrong := (1 - j.precision) * float64(r.Report.ByLikeness); j.precision < 0.999 && wrong > 1.5 {
				t.Errorf("precision %.5f, %.0f wrong links", j.precision, wrong)
			}
			if j.recall < c.recall {
				t.Errorf("recall %.4f, want %.2f", j.recall, c.recall)
			}
			if r.Report.Precision < 0.999 || math.Abs(r.Report.Recall-j.recall) > 0.02 || math.Abs(r.Report.Matches/float64(len(both))-1) > 0.03 {
				t.Errorf("the run estimates precision %.5f, recall %.4f and %.0f matches; in truth recall %.4f and %d", r.Report.Precision, r.Report.Recall, r.Report.Matches, j.recall, len(both))
			}
		})
	}
}

// TestNothingShared links two sources without a person in common: nothing is
// accepted.
func TestNothingShared(t *testing.T) {
	l := New("a", "b", Options{Sample: 300_000})
	a, b := newPopulation(21, 1500), newPopulation(22, 1500)
	a.files(usual, 1, 0, false, l)
	b.files(usual, 0, 1, false, l)
	r := run(t, l)
	if n := r.Report.ByLikeness + r.Report.ByNumber; n > 1 {
		t.Errorf("%d links between strangers", n)
	}
}

// texts are the links of a result, without weights.
func texts(r *Result) (list []string) {
	for _, x := range r.Links {
		s := fmt.Sprint(x.A.Reveal(), " ", x.B.Reveal(), " ", x.Path, " ", x.Decision)
		for _, reason := range x.Reasons {
			s += "; " + reason.Field + ": " + reason.Level
		}
		list = append(list, s)
	}
	return list
}

// TestOrderAndWorkers adds the records in another order, and compares on one
// worker or three: every link, reason, weight and figure is the same.
func TestOrderAndWorkers(t *testing.T) {
	type rec struct {
		id string
		t  Traits
	}
	var as, bs []rec
	p := newPopulation(7, 800)
	for i, x := range p.people {
		as = append(as, rec{fmt.Sprintf("A%05d", i), p.record(x, usual, true)})
		bs = append(bs, rec{fmt.Sprintf("B%05d", i), p.record(x, usual, true)})
	}
	var first *Result
	for n, workers := range []int{1, 3, 2} {
		l := New("a", "b", Options{Workers: workers, Sample: 50_000})
		p.rand.Shuffle(len(as), func(i, j int) { as[i], as[j] = as[j], as[i] })
		p.rand.Shuffle(len(bs), func(i, j int) { bs[i], bs[j] = bs[j], bs[i] })
		for _, x := range as {
			must(l.A.Add(vault.Seal(x.id), x.t))
		}
		for _, x := range bs {
			must(l.B.Add(vault.Seal(x.id), x.t))
		}
		r := run(t, l)
		if n == 0 {
			first = r
			continue
		}
		if !slices.Equal(texts(r), texts(first)) {
			t.Fatal("another order of the records, or number of workers, gives other links")
		}
		for i := range r.Links {
			if r.Links[i].Weight != first.Links[i].Weight || r.Links[i].Probability != first.Links[i].Probability {
				t.Fatal("another order of the records, or number of workers, gives other weights")
			}
		}
		if fmt.Sprint(r.Report) != fmt.Sprint(first.Report) {
			t.Fatal("another order of the records, or number of workers, gives another report")
		}
	}
}

// TestUnrelated adds a person who has nothing in common with anybody, on either
// side: the links of the others and their reasons stay.
func TestUnrelated(t *testing.T) {
	stranger := Traits{BirthNames: []string{"ZYWKOWSKI"}, FirstNames: []string{"QUITERIE"}, Sex: Female, Births: []Birth{BirthOf(1899, 12, 31)}, BirthPlaces: []string{"99345"}, Places: []Place{{Code: "97411"}}}
	var results []*Result
	for n := range 3 {
		l := New("a", "b", Options{})
		newPopulation(8, 900).files(usual, 0.6, 0.6, false, l)
		switch n {
		case 1:
			must(l.A.Add(vault.Seal("0 stranger"), stranger))
		case 2:
			must(l.B.Add(vault.Seal("Z stranger"), stranger))
		}
		results = append(results, run(t, l))
	}
	for _, r := range results[1:] {
		if !slices.Equal(texts(r), texts(results[0])) {
			t.Error("a stranger changed the links of others")
		}
	}
	if results[0].Report.ByLikeness < 200 {
		t.Errorf("only %d links: the law says little", results[0].Report.ByLikeness)
	}
}

// TestRefused lists what a linker does not take.
func TestRefused(t *testing.T) {
	for name, o := range map[string]Options{
		"precision": {Precision: 1}, "low precision": {Precision: 0.2}, "band": {Band: 0.95}, "both paths off": {WithoutNumbers: true, NumbersOnly: true}, "block": {MaxBlock: -1},
	} {
		if _, err := New("a", "b", o).Run(t.Context()); galien.KindOf(err) != galien.Invalid {
			t.Errorf("%s: %v, want an invalid request", name, err)
		}
	}
	l := New("a", "b", Options{})
	must(l.A.Add(vault.Seal("1"), Traits{}))
	for _, id := range []string{"1", ""} {
		if err := l.A.Add(vault.Seal(id), Traits{}); galien.KindOf(err) != galien.Invalid {
			t.Errorf("id %q twice or empty: %v", id, err)
		}
	}
	r := run(t, l)
	if len(r.Links) > 0 || r.Report.RecordsB != 0 {
		t.Error("a source without records has links")
	}
}

// TestHidden prints all that holds identities.
func TestHidden(t *testing.T) {
	const canary = "CANARY"
	l := New("a", "b", Options{})
	traits := Traits{BirthNames: []string{canary}, Numbers: []Number{{System: HolderChain, Value: canary}}}
	must(l.A.Add(vault.Seal(canary), traits))
	must(l.B.Add(vault.Seal(canary), traits))
	r := run(t, l)
	if len(r.Links) != 1 {
		t.Fatalf("%d links, want 1", len(r.Links))
	}
	for _, x := range []any{traits, &traits, l, l.A, r.Links[0], r} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
			if s := fmt.Sprintf(verb, x); strings.Contains(s, canary) {
				t.Errorf("%T printed with %s shows an identity", x, verb)
			}
		}
	}
}
