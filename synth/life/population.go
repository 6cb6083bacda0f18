package life

// The age and sex structure follows the pyramid of the population of France
// that INSEE publishes each January; mortality follows the form of Gompertz
// fitted by eye to INSEE's life tables. No table is copied, and no figure
// should be read as a statistic of France.

// Pyramid gives the persons of both sexes per five-year age band, in
// thousands, from 0-4 to 95-99.
var Pyramid = []int{
	3700, 4100, 4150, 4100, 3750, 3750, 4000, 4150, 4050, 4500,
	4450, 4300, 4050, 3900, 3050, 2150, 1850, 1350, 700, 200,
}

// Men gives the men per thousand persons of the same bands.
var Men = []int{
	511, 511, 511, 511, 506, 498, 490, 490, 494, 496,
	492, 486, 478, 474, 464, 438, 400, 340, 265, 200,
}

// Who joins a population, and the share of boys among births.
const (
	BirthsPerYear   = 11  // per thousand persons
	ArrivalsPerYear = 6   // per thousand persons
	BirthsMale      = 511 // per thousand births
)

// Oldest is the last age of the table, in years.
const Oldest = 110

// Mortality holds the daily hazard of death by sex and whole year of age:
// Gompertz from 30, a constant below it, and a higher first year.
type Mortality [2][Oldest + 1]Hazard

// NewMortality works the table out.
func NewMortality() *Mortality {
	var m Mortality
	for sex, law := range [2]struct{ at30, growth int }{{52, 1100}, {14, 1118}} {
		h := PerYear(law.at30)
		for age := 30; age <= Oldest; age++ {
			m[sex][age] = h + PerYear(15)
			h = h.Times(law.growth)
		}
		for age := 1; age < 30; age++ {
			m[sex][age] = PerYear(15 + law.at30*age/30)
		}
		m[sex][0] = PerYear(350)
	}
	return &m
}

// Peak leaves room for the worst month, a heat wave and two diseases.
func (m *Mortality) Peak() Hazard {
	return max(m[0][Oldest], m[1][Oldest]).Times(4500)
}
