// Package attack measures what a determined reader could learn of single
// persons from what a permit gives: an extract, a released table, or the counts
// of an endpoint. Each attack is run beside a control (the same attack on
// persons of whom the reader holds nothing, or the best that honest statistics
// tell) and beside a naive guesser, because an attack that does no better than
// those has learned nothing of the person.
//
// It owns the attacks, their scores and the report of one page that tells them.
// It is pure: randomness is a parameter, it reads no file and no clock, and it
// asks no hub; whoever asks hands over a Counter. It holds values of persons
// while it runs, and none is in a Report: a report counts.
//
// It does not prove safety. An attack that fails here is one attack that
// failed; docs/attack.md says what was not tried.
//
//	main, control := attack.Halve(table, random)
//	f := attack.Inference(table, main, control, known, secret, 500, random)
//	// f.Main: 431 of 500 right; f.Control: 402 of 500; f.Naive: 409 of 500
//	// f.Risk: (0.862 - 0.804) / (1 - 0.804) = 0.296, with its 95 % interval
package attack

import "math"

// Random draws numbers; *rand.Rand of math/rand/v2 is one. The same draws give
// the same findings.
type Random interface {
	// IntN returns a number from 0 to n-1.
	IntN(n int) int
}

// sample returns k of the numbers, in random order, without repetition; all of
// them when there are fewer.
func sample(of []int, k int, r Random) []int {
	all := append([]int(nil), of...)
	k = min(k, len(all))
	for i := range k {
		j := i + r.IntN(len(all)-i)
		all[i], all[j] = all[j], all[i]
	}
	return all[:k]
}

// upTo returns the numbers from 0 to n-1.
func upTo(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}

// z is the normal quantile of a two-sided interval of 95 %.
const z = 1.959963984540054

// Trial counts attempts and how many succeeded.
type Trial struct {
	Attempts  int `json:"attempts"`
	Successes int `json:"successes"`
}

// add counts one attempt.
func (t *Trial) add(success bool) {
	t.Attempts++
	if success {
		t.Successes++
	}
}

// Rate returns the share of successes, 0 without attempts.
func (t Trial) Rate() float64 {
	if t.Attempts == 0 {
		return 0
	}
	return float64(t.Successes) / float64(t.Attempts)
}

// Interval is a 95 % interval.
type Interval struct {
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

// Wilson returns the score interval of the rate (Wilson 1927): from 0 to 1
// without attempts.
func (t Trial) Wilson() Interval {
	n, s := float64(t.Attempts), float64(t.Successes)
	if t.Attempts == 0 {
		return Interval{0, 1}
	}
	centre := (s + z*z/2) / (n + z*z)
	half := z / (n + z*z) * math.Sqrt(s*(n-s)/n+z*z/4)
	i := Interval{max(0, centre-half), min(1, centre+half)}
	// What rounding leaves at the ends.
	if t.Successes == 0 {
		i.Low = 0
	}
	if t.Successes == t.Attempts {
		i.High = 1
	}
	return i
}

// Estimate is a number with its 95 % interval.
type Estimate struct {
	Value float64 `json:"value"`
	Interval
}

// Risk returns what the attack gains over the control, as a share of what the
// control leaves to gain: (main - control) / (1 - control), as in Giomi and
// others (2023), never below 0. The interval is of the ratio of the two shares
// of failures, from their Wilson intervals (Donner and Zou 2012).
func Risk(main, control Trial) Estimate {
	missed := 1 - main.Rate()
	left := 1 - control.Rate()
	m, c := main.Wilson(), control.Wilson()
	missedLow, missedHigh := 1-m.High, 1-m.Low
	leftLow, leftHigh := 1-c.High, 1-c.Low
	if left == 0 || main.Attempts == 0 || control.Attempts == 0 {
		return Estimate{0, Interval{0, 1}} // nothing to gain, or nothing known
	}
	product := missed * left
	wide := leftHigh * (2*left - leftHigh)
	narrow := leftLow * (2*left - leftLow)
	low, high := 0.0, math.Inf(1)
	if wide > 0 {
		low = (product - math.Sqrt(max(0, product*product-missedLow*(2*missed-missedLow)*wide))) / wide
	}
	if narrow > 0 {
		high = (product + math.Sqrt(max(0, product*product-missedHigh*(2*missed-missedHigh)*narrow))) / narrow
	}
	clamp := func(x float64) float64 { return min(1, max(0, x)) }
	return Estimate{clamp(1 - missed/left), Interval{clamp(1 - high), clamp(1 - low)}}
}

// Verdict says in a word how much an attack gains.
type Verdict string

// The verdicts, from the mildest.
const (
	// NoGain: the interval of the risk reaches 0, or nothing succeeded.
	NoGain Verdict = "no gain"
	// Weak: the risk is certainly above 0, and below a tenth.
	Weak Verdict = "weak"
	// Clear: the risk is at least a tenth.
	Clear Verdict = "clear"
	// Strong: the risk is at least a half.
	Strong Verdict = "strong"
	// Tight: no withheld number came back.
	Tight Verdict = "tight"
	// Leaks: withheld numbers came back.
	Leaks Verdict = "leaks"
	// NotTried: the attack could not be run; the finding says why.
	NotTried Verdict = "not tried"
)

// Finding is what one attack achieved.
type Finding struct {
	// Attack is the attack's key, such as "inference"; the report has its
	// description under it.
	Attack string `json:"attack"`
	// On is what was attacked, by names of columns or concepts: no value of a
	// person.
	On string `json:"on,omitempty"`
	// Attributes is how many known attributes a description uses.
	Attributes int `json:"attributes,omitempty"`
	// Main, Control and Naive are the attack, its control and the guesser.
	Main    Trial `json:"main"`
	Control Trial `json:"control"`
	Naive   Trial `json:"naive"`
	// Plain is the same attack on an endpoint over the same persons that
	// protects by the published threshold and rounding alone: it shows that the
	// attack works.
	Plain Trial `json:"plain,omitzero"`
	// Certain counts the attempts in which the attack computed its answer and
	// did not fall back on the guess; where an attack never guesses it is all.
	Certain int      `json:"certain"`
	Risk    Estimate `json:"risk"`
	Verdict Verdict  `json:"verdict"`
	// Queries is how many questions an endpoint was asked, and MedianQueries
	// how many for one target.
	Queries       int `json:"queries,omitempty"`
	MedianQueries int `json:"median_queries,omitempty"`
	// Refused counts the questions that were not answered with a number.
	Refused int `json:"refused,omitempty"`
	// Skipped says why an attack was not run.
	Skipped Reason `json:"skipped,omitempty"`
}

// Reason is why an attack was not run.
type Reason string

// The reasons.
const (
	FewColumns Reason = "too few known attributes"
	FewPersons Reason = "too few persons"
	NoSecret   Reason = "no secret to guess"
	NoTarget   Reason = "nobody is alone in what is known of them"
	NothingHid Reason = "nothing is withheld"
	NoSums     Reason = "the numbers do not add up"
	Rounded    Reason = "the numbers are rounded"
	Unsolved   Reason = "no programme was solved"
	Unread     Reason = "no attack reads it"
)

// close works out risk and verdict.
func (f *Finding) close() {
	f.Risk = Risk(f.Main, f.Control)
	f.Verdict = verdict(f.Risk, f.Main.Attempts)
}

func verdict(risk Estimate, attempts int) Verdict {
	switch {
	case attempts == 0:
		return NotTried
	case risk.Value == 0 || risk.Low == 0:
		return NoGain
	case risk.Value < 0.1:
		return Weak
	case risk.Value < 0.5:
		return Clear
	}
	return Strong
}

// skipped is the finding of an attack that was not run.
func skipped(name, on string, why Reason) Finding {
	return Finding{Attack: name, On: on, Verdict: NotTried, Skipped: why, Risk: Estimate{0, Interval{0, 1}}}
}
