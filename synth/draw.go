package synth

import (
	"math"
	"math/bits"
	"math/rand/v2"
	"sort"
)

// draws is a stream of random integers. It uses nothing of math/rand/v2 but
// the PCG algorithm itself, and no floating-point number, so that its values
// depend on the seed alone.
type draws struct{ pcg rand.PCG }

// streams separates what is drawn per person from what is drawn per year.
const (
	personStream = 0x9e3779b97f4a7c15
	yearStream   = 0xc2b2ae3d27d4eb4f
)

// seed starts the stream number n of a family of streams.
func (d *draws) seed(seed, family, n uint64) {
	d.pcg.Seed(mix(seed^family), mix(n+family))
}

// mix spreads close integers over the whole range (the finaliser of
// SplitMix64).
func mix(z uint64) uint64 {
	z += 0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// below draws from 0 to n-1.
func (d *draws) below(n int) int {
	hi, _ := bits.Mul64(d.pcg.Uint64(), uint64(n))
	return int(hi)
}

// percent is true n times in a hundred.
func (d *draws) percent(n int) bool { return d.below(100) < n }

// bell draws from a bell-shaped law of mean 0 and standard deviation sd (the
// sum of twelve uniform draws).
func (d *draws) bell(sd int) int {
	sum := -6000
	for range 12 {
		sum += d.below(1001)
	}
	return sum * sd / 1000
}

// pick draws an index in proportion to weights.
func (d *draws) pick(weights []int) int {
	total := 0
	for _, w := range weights {
		total += w
	}
	n := d.below(total)
	for i, w := range weights {
		if n < w {
			return i
		}
		n -= w
	}
	return len(weights) - 1
}

// hazard is a daily probability in parts per billion.
type hazard uint64

const certain hazard = 1_000_000_000

// perYear turns events per 100,000 person-years into a daily hazard.
func perYear(per100000 int) hazard { return hazard(per100000) * 27379 / 1000 }

// times scales a hazard by thousandths.
func (h hazard) times(thousandths int) hazard { return h * hazard(thousandths) / 1000 }

const horizon = 1024

// waiting draws the days of events whose hazard changes from day to day and
// never passes a ceiling: candidates come at the ceiling's pace, and each is
// kept in proportion to the hazard of its own day.
type waiting struct {
	ceiling hazard
	quiet   [horizon + 1]uint64 // quiet[k]: probability of k days without a candidate, of 2^64
}

func newWaiting(ceiling hazard) *waiting {
	if ceiling == 0 || ceiling >= certain {
		panic("synth: a ceiling must lie between nothing and certainty")
	}
	w := &waiting{ceiling: ceiling}
	stay, _ := bits.Div64(uint64(certain-ceiling), 0, uint64(certain))
	w.quiet[0] = math.MaxUint64
	for k := 1; k <= horizon; k++ {
		w.quiet[k], _ = bits.Mul64(w.quiet[k-1], stay)
	}
	return w
}

// next returns the first event on or after day and on or before last, and
// false when there is none.
func (w *waiting) next(d *draws, day, last int, rate func(day int) hazard) (int, bool) {
	for day <= last {
		u := d.pcg.Uint64()
		if u < w.quiet[horizon] {
			day += horizon
			continue
		}
		day += sort.Search(horizon, func(k int) bool { return w.quiet[k+1] <= u })
		if day > last {
			return 0, false
		}
		if hazard(d.below(int(w.ceiling))) < rate(day) {
			return day, true
		}
		day++
	}
	return 0, false
}
