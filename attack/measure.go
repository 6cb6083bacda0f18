package attack

import (
	"cmp"
	"maps"
	"math"
	"slices"
)

// Measures describe how alike the persons of a table are by some attributes
// (quasi-identifiers): who shares all of them is in one class.
type Measures struct {
	Persons int `json:"persons"`
	Classes int `json:"classes"`
	// K is the size of the smallest class: the table is k-anonymous for it.
	K int `json:"k"`
	// Unique counts persons alone in their class, and Small those in a class
	// of fewer persons than the threshold.
	Unique    int `json:"unique"`
	Small     int `json:"small"`
	Threshold int `json:"threshold"`
	// Prosecutor is the risk when the reader knows that the target is in the
	// table: of the worst placed person, and on average.
	ProsecutorMax     float64 `json:"prosecutor_max"`
	ProsecutorAverage float64 `json:"prosecutor_average"`
	// Journalist is the same when the reader knows only that the target is in
	// the population from which the table comes.
	JournalistMax     float64 `json:"journalist_max"`
	JournalistAverage float64 `json:"journalist_average"`
	// Marketer is the share of persons that a reader who links them all by
	// chance within their classes expects to get right.
	Marketer float64 `json:"marketer"`
	// OwnPopulation is set where no larger population was given, and the
	// table stands for it.
	OwnPopulation bool `json:"own_population"`
}

// UniqueShare returns the share of persons who are alone in their class.
func (m Measures) UniqueShare() float64 { return share(m.Unique, m.Persons) }

// SmallShare returns the share of persons in a class under the threshold.
func (m Measures) SmallShare() float64 { return share(m.Small, m.Persons) }

func share(n, of int) float64 {
	if of == 0 {
		return 0
	}
	return float64(n) / float64(of)
}

// Measure describes the rows of a table by the attributes known. population,
// when not nil, are the rows of the same table from which they were drawn; they
// must be among them.
func Measure(t Table, rows, known, population []int, threshold int) Measures {
	m := Measures{Persons: len(rows), Threshold: threshold, OwnPopulation: population == nil}
	if len(rows) == 0 {
		return m
	}
	classes := t.classes(rows, known)
	larger := classes
	if population != nil {
		larger = t.classes(population, known)
	}
	m.Classes, m.K = len(classes), len(rows)
	// Sums of fractions are added in the order of their sizes, so that they
	// are the same every time.
	inPopulation, sizes := 0, map[[2]int]int{}
	for key, class := range classes {
		n, of := len(class), max(len(class), len(larger[key]))
		sizes[[2]int{n, of}]++
		inPopulation += of
		m.K = min(m.K, n)
		if n == 1 {
			m.Unique++
		}
		if n < threshold {
			m.Small += n
		}
		m.JournalistMax = max(m.JournalistMax, 1/float64(of))
	}
	m.ProsecutorMax = 1 / float64(m.K)
	m.ProsecutorAverage = float64(m.Classes) / float64(len(rows))
	if m.OwnPopulation {
		m.Marketer, m.JournalistAverage = m.ProsecutorAverage, m.ProsecutorAverage
		return m
	}
	sum := 0.0
	for _, s := range slices.SortedFunc(maps.Keys(sizes), func(a, b [2]int) int { return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1])) }) {
		sum += float64(sizes[s]) * float64(s[0]) / float64(s[1])
	}
	m.Marketer = sum / float64(len(rows))
	m.JournalistAverage = max(float64(m.Classes)/float64(inPopulation), m.Marketer)
	return m
}

// Diversity says what a class gives away of a secret without anyone being told
// apart in it.
type Diversity struct {
	Secret string `json:"secret"`
	// L is the least number of values of the secret in a class, and Alike
	// counts persons in classes where all have one value.
	L     int `json:"l"`
	Alike int `json:"alike"`
	// T is the greatest distance between a class and the whole table: the
	// earth mover's, over values in order for numbers, over categories that
	// are all equally far otherwise (Li, Li and Venkatasubramanian 2007).
	T       float64 `json:"t"`
	Persons int     `json:"persons"`
}

// Diverse works out the diversity of one secret.
func Diverse(t Table, rows, known []int, secret int) Diversity {
	d := Diversity{Secret: t.columns[secret].Name, Persons: len(rows)}
	if len(rows) == 0 {
		return d
	}
	// values in their order, so that the distance of numbers has its meaning.
	order := upTo(len(t.words[secret]))
	whole := make([]float64, len(order))
	at := make([]float64, len(order))
	for _, i := range rows {
		whole[t.codes[secret][i]] += 1 / float64(len(rows))
		if t.columns[secret].Numeric {
			at[t.codes[secret][i]] = t.numbers[secret][i]
		}
	}
	order = slices.DeleteFunc(order, func(k int) bool { return whole[k] == 0 })
	if t.columns[secret].Numeric {
		slices.SortFunc(order, func(a, b int) int { return cmp.Compare(at[a], at[b]) })
	}
	d.L = len(order)
	classes := t.classes(rows, known)
	for _, key := range slices.Sorted(maps.Keys(classes)) {
		class := classes[key]
		here := make([]float64, len(whole))
		for _, i := range class {
			here[t.codes[secret][i]] += 1 / float64(len(class))
		}
		values, far, carried := 0, 0.0, 0.0
		for _, k := range order {
			if here[k] > 0 {
				values++
			}
			if t.columns[secret].Numeric {
				carried += here[k] - whole[k]
				far += math.Abs(carried)
			} else {
				far += math.Abs(here[k]-whole[k]) / 2
			}
		}
		if t.columns[secret].Numeric && len(order) > 1 {
			far /= float64(len(order) - 1)
		}
		d.L = min(d.L, values)
		if values == 1 {
			d.Alike += len(class)
		}
		d.T = max(d.T, far)
	}
	return d
}
