// Package life holds the chances of an invented life, for the packages that
// make populations: random draws that depend on a seed alone, hazards and
// waiting times, and who lives and dies in a country shaped like France.
//
// It uses integers only, so that the same seed gives the same life on every
// machine and with every compiler. Its figures are shapes, not statistics.
//
//	var d life.Stream
//	d.Seed(seed, family, number)
//	band := d.Pick(life.Pyramid)
package life

import (
	"math"
	"math/bits"
	"math/rand/v2"
	"sort"
)

// Stream is a stream of random integers. It uses nothing of math/rand/v2 but
// the PCG algorithm itself, and no floating-point number, so that its values
// depend on the seed alone.
type Stream struct{ pcg rand.PCG }

// Seed starts the stream number n of a family of streams.
func (d *Stream) Seed(seed, family, n uint64) {
	d.pcg.Seed(Mix(seed^family), Mix(n+family))
}

// Mix spreads close integers over the whole range (the finaliser of
// SplitMix64).
func Mix(z uint64) uint64 {
	z += 0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// Below draws from 0 to n-1.
func (d *Stream) Below(n int) int {
	hi, _ := bits.Mul64(d.pcg.Uint64(), uint64(n))
	return int(hi)
}

// Percent is true n times in a hundred.
func (d *Stream) Percent(n int) bool { return d.Below(100) < n }

// Bell draws from a bell-shaped law of mean 0 and standard deviation sd (the
// sum of twelve uniform draws).
func (d *Stream) Bell(sd int) int {
	sum := -6000
	for range 12 {
		sum += d.Below(1001)
	}
	return sum * sd / 1000
}

// Pick draws an index in proportion to weights.
func (d *Stream) Pick(weights []int) int {
	total := 0
	for _, w := range weights {
		total += w
	}
	n := d.Below(total)
	for i, w := range weights {
		if n < w {
			return i
		}
		n -= w
	}
	return len(weights) - 1
}

// Hazard is a daily probability in parts per billion.
type Hazard uint64

// Certain is the hazard of what happens on its day.
const Certain Hazard = 1_000_000_000

// PerYear turns events per 100,000 person-years into a daily hazard.
func PerYear(per100000 int) Hazard { return Hazard(per100000) * 27379 / 1000 }

// Times scales a hazard by thousandths.
func (h Hazard) Times(thousandths int) Hazard { return h * Hazard(thousandths) / 1000 }

const horizon = 1024

// Waiting draws the days of events whose hazard changes from day to day and
// never passes a ceiling: candidates come at the ceiling's pace, and each is
// kept in proportion to the hazard of its own day.
type Waiting struct {
	ceiling Hazard
	quiet   [horizon + 1]uint64 // quiet[k]: probability of k days without a candidate, of 2^64
}

// NewWaiting prepares waiting times under a ceiling, which panics when it is
// nothing or certainty.
func NewWaiting(ceiling Hazard) *Waiting {
	if ceiling == 0 || ceiling >= Certain {
		panic("life: a ceiling must lie between nothing and certainty")
	}
	w := &Waiting{ceiling: ceiling}
	stay, _ := bits.Div64(uint64(Certain-ceiling), 0, uint64(Certain))
	w.quiet[0] = math.MaxUint64
	for k := 1; k <= horizon; k++ {
		w.quiet[k], _ = bits.Mul64(w.quiet[k-1], stay)
	}
	return w
}

// Next returns the first event on or after day and on or before last, and
// false when there is none.
func (w *Waiting) Next(d *Stream, day, last int, rate func(day int) Hazard) (int, bool) {
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
		if Hazard(d.Below(int(w.ceiling))) < rate(day) {
			return day, true
		}
		day++
	}
	return 0, false
}

// Gradient is a yearly rate per 100,000 persons that changes with age in
// straight lines between its points, and is flat outside them.
type Gradient []struct{ Age, Rate int }

// At returns the daily hazard at an age in days.
func (g Gradient) At(days int) Hazard {
	if days <= g[0].Age*365 {
		return PerYear(g[0].Rate)
	}
	for i := 1; i < len(g); i++ {
		if hi := g[i].Age * 365; days < hi {
			lo := g[i-1].Age * 365
			return PerYear(g[i-1].Rate + (g[i].Rate-g[i-1].Rate)*(days-lo)/(hi-lo))
		}
	}
	return PerYear(g[len(g)-1].Rate)
}

// Peak returns the highest daily hazard.
func (g Gradient) Peak() Hazard {
	var top int
	for _, p := range g {
		top = max(top, p.Rate)
	}
	return PerYear(top)
}
