package disclosure

import "galien"

// DefaultThreshold is the smallest count of persons that may leave when a rule
// states none: 11, the rule of the French national health data system.
const DefaultThreshold = 11

// What a rule asks for when it states nothing else. They are the values that
// the SACRO guide to statistical output checking (2023, part II) has for its
// own tool.
const (
	DefaultDominanceN = 2
	DefaultDominanceK = 90
	DefaultP          = 10
	DefaultResidualDF = 10
)

// Rule is what a permit asks of an output.
type Rule struct {
	// Threshold is the smallest count of persons that may leave; 0 stands for
	// DefaultThreshold. Values below 2 protect nobody and are refused.
	Threshold int `json:"threshold"`
	// MinimumPopulation withholds a row with fewer persons under observation,
	// such as a small area, whatever is counted there. 0 asks for none.
	MinimumPopulation int `json:"minimum_population,omitempty"`
	// RoundTo rounds every count that is published to a multiple of it, for
	// instance 5, after what must be is withheld. 0 rounds nothing.
	RoundTo int `json:"round_to,omitempty"`
	// DominanceN and DominanceK are the (n,k) rule for sums: a sum is withheld
	// where its n largest contributors make more than k per cent of it. 0
	// stands for the defaults.
	DominanceN int `json:"dominance_n"`
	DominanceK int `json:"dominance_k"`
	// P is the p % rule for sums: a sum is withheld where the second largest
	// contributor could estimate the largest to within p per cent of it. 0
	// stands for DefaultP.
	P int `json:"p"`
	// ResidualDF is the least number of residual degrees of freedom of a model.
	// 0 stands for DefaultResidualDF.
	ResidualDF int `json:"residual_df"`
}

// Resolved returns the rule with its defaults filled in, or Invalid for one
// that protects nobody.
func (r Rule) Resolved() (Rule, error) {
	for _, f := range []struct {
		value *int
		name  string
		zero  int // what 0 stands for
		least int
		most  int
	}{
		{&r.Threshold, "threshold", DefaultThreshold, 2, 1_000_000},
		{&r.MinimumPopulation, "minimum population", 0, 0, 1_000_000_000},
		{&r.RoundTo, "rounding", 0, 0, 1_000},
		{&r.DominanceN, "n of the (n,k) rule", DefaultDominanceN, 1, 10},
		{&r.DominanceK, "k of the (n,k) rule", DefaultDominanceK, 1, 99},
		{&r.P, "p of the p % rule", DefaultP, 1, 100},
		{&r.ResidualDF, "least number of residual degrees of freedom", DefaultResidualDF, 1, 1_000_000},
	} {
		if *f.value == 0 {
			*f.value = f.zero
		}
		if *f.value < f.least || *f.value > f.most {
			return Rule{}, galien.Errorf(galien.Invalid, "disclosure rule: the %s must be from %d to %d", f.name, f.least, f.most)
		}
	}
	return r, nil
}

// Round returns n as it is published under r: the nearest multiple of the base,
// halves away from zero, and never less than the threshold, which every count
// that is published reaches. It keeps n where r rounds nothing.
func (r Rule) Round(n int64) int64 {
	b := int64(r.RoundTo)
	if b < 2 {
		return n
	}
	for n = (n + b/2) / b * b; n < int64(r.Threshold); n += b {
	}
	return n
}

// RoundDays rounds a time of observation so that it gives no more than the
// rounded population would: to the base times a year.
func (r Rule) RoundDays(days int64) int64 {
	b := int64(r.RoundTo) * 365
	if r.RoundTo < 2 {
		return days
	}
	return max((days+b/2)/b*b, b)
}
