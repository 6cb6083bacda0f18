package attack_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"galien/attack"
)

// The intervals are those of Newcombe (1998, table I, method 3).
func TestWilson(t *testing.T) {
	for _, c := range []struct {
		successes, attempts int
		low, high           float64
	}{{81, 263, 0.2553, 0.3662}, {15, 148, 0.0624, 0.1605}, {0, 20, 0, 0.1611}, {1, 29, 0.0061, 0.1718}} {
		i := attack.Trial{Attempts: c.attempts, Successes: c.successes}.Wilson()
		if math.Abs(i.Low-c.low) > 5e-5 || math.Abs(i.High-c.high) > 5e-5 {
			t.Errorf("%d of %d: %.4f to %.4f, published %.4f to %.4f", c.successes, c.attempts, i.Low, i.High, c.low, c.high)
		}
	}
}

// The interval of a risk holds its estimate, and in at least 93 of 100 draws
// the risk from which they were drawn.
func TestRiskInterval(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	draw := func(n int, p float64) (x attack.Trial) {
		for x.Attempts = range n {
			if r.Float64() < p {
				x.Successes++
			}
		}
		x.Attempts = n
		return x
	}
	for _, c := range []struct{ main, control float64 }{{0.5, 0.4}, {0.9, 0.8}, {0.3, 0.05}, {0.95, 0.1}} {
		held, rounds := 0, 1500
		truth := (c.main - c.control) / (1 - c.control)
		for range rounds {
			e := attack.Risk(draw(300, c.main), draw(300, c.control))
			if e.Value < e.Low || e.Value > e.High {
				t.Fatalf("the interval %v does not hold its estimate", e)
			}
			if e.Low <= truth && truth <= e.High {
				held++
			}
		}
		if share := float64(held) / float64(rounds); share < 0.93 {
			t.Errorf("main %v, control %v: %.3f of the intervals hold the truth", c.main, c.control, share)
		}
	}
	if e := attack.Risk(attack.Trial{Attempts: 50, Successes: 50}, attack.Trial{Attempts: 50, Successes: 50}); e.Value != 0 {
		t.Errorf("a control that is always right leaves nothing to gain: %v", e)
	}
	if e := attack.Risk(attack.Trial{Attempts: 500, Successes: 431}, attack.Trial{Attempts: 500, Successes: 402}); math.Abs(e.Value-29./98) > 1e-12 {
		t.Errorf("431 and 402 of 500: %v, want 29/98", e.Value)
	}
}
