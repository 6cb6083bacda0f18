package link

import (
	"testing"
)

func TestQuality(t *testing.T) {
	for _, c := range []struct {
		seed     uint64
		n        int
		r        rates
		inA, inB float64
		stays    bool
	}{
		{1, 4000, usual, 0.5, 0.8, false}, {2, 20000, usual, 0.5, 0.8, false}, {3, 20000, usual.times(2), 0.5, 0.8, false}, {4, 20000, usual, 0.1, 0.9, true}, {5, 20000, usual, 0.7, 0.05, false},
		{6, 1000, usual, 0.5, 0.5, false}, {6, 1000, usual, 0.5, 0.5, false}, {17, 30000, usual, 0.6, 0.6, false},
	} {
		l := New("a", "b", Options{})
		both := newPopulation(c.seed, c.n).files(c.r, c.inA, c.inB, c.stays, l)
		r := run(t, l)
		j := judge(r, both)
		for _, x := range r.Links {
			if x.Decision == Accepted && !both[[2]string{x.A.Reveal(), x.B.Reveal()}] {
				t.Log(x.Probability, x.Weight, x.Reasons)
			}
		}
		t.Logf("seed %d n %d both %d: precision %.5f (est %.5f) recall %.4f (est %.4f) links %d review %d matches %.0f thr %.3f cmp %d", c.seed, c.n, len(both), j.precision, r.Report.Precision, j.recall, r.Report.Recall, r.Report.ByLikeness, r.Report.Review, r.Report.Matches, r.Report.Threshold, r.Report.Compared)
	}
}
