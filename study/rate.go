package study

import "gonum.org/v1/gonum/stat/distuv"

// Rate is a number per 1,000 person-years, with a 95 % confidence interval.
type Rate struct {
	Estimate, Low, High float64
}

// PersonRate returns the rate of persons per 1,000 person-years over a time at
// risk in days, with its exact interval; false when no time was observed.
// Persons are counted once in each cell, however many events they have there,
// as the interval requires.
func PersonRate(persons, personDays int64) (Rate, bool) {
	if persons < 0 || personDays <= 0 {
		return Rate{}, false
	}
	thousands := float64(personDays) / DaysPerYear / 1000
	low, high := PoissonInterval(persons, 0.95)
	return Rate{float64(persons) / thousands, low / thousands, high / thousands}, true
}

// PoissonInterval returns the exact confidence interval, at a level such as
// 0.95, of the mean of a Poisson distribution of which n was observed. It is
// the interval of Garwood: chi-square quantiles with 2n and 2n+2 degrees of
// freedom, halved. The low end is zero for n = 0. (F. Garwood, Fiducial limits
// for the Poisson distribution, Biometrika 28, 1936, 437-442.)
func PoissonInterval(n int64, level float64) (low, high float64) {
	tail := (1 - level) / 2
	if n > 0 {
		low = distuv.ChiSquared{K: 2 * float64(n)}.Quantile(tail) / 2
	}
	return low, distuv.ChiSquared{K: 2*float64(n) + 2}.Quantile(1-tail) / 2
}
