package snds

import (
	"compress/gzip"
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"galien"
)

// Answer is one row of truth/cohorts.csv.gz: a person that a definition of the
// folder examples/cohorts must select, by the name of its file, and the day
// that brings the person in. Source is BEN_IDT_ANO.
//
// A person counts as files can show it: under the identities that the
// referentials link, with the stays that can be attributed, and with an age
// that is reached in the calendar year, as OMOP tools count it.
type Answer struct {
	Cohort string
	Person string
	Source string
	Day    galien.Date
}

// The definitions whose answers are known, in the order of their numbers.
const (
	SecondDose                 = "1-second-dose-men-12-29"
	MyocarditisAfterSecondDose = "2-myocarditis-after-second-dose"
	MyocarditisAfterFirstDose  = "3-myocarditis-after-first-dose"
	NewCyproteroneUsers        = "4-new-cyproterone-users"
	FirstDose                  = "5-first-dose"
	MeningiomaAfterCyproterone = "6-meningioma-surgery-after-cyproterone"
)

// Answers reads the truth of an extraction that Write made: the rows of each
// definition, by its name. A definition that nobody meets has none.
func Answers(dir string) (byCohort map[string][]Answer, err error) {
	const action = "read the truth"
	f, err := os.Open(filepath.Join(dir, "truth", "cohorts.csv.gz"))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", action, err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", action, err)
	}
	r := csv.NewReader(z)
	r.Comma = ';'
	rows, err := r.ReadAll()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", action, err)
	}
	byCohort = map[string][]Answer{}
	for _, row := range rows[1:] {
		day, err := galien.ParseDate(row[3])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", action, err)
		}
		byCohort[row[0]] = append(byCohort[row[0]], Answer{row[0], row[1], row[2], day})
	}
	return byCohort, nil
}

// answers notes what the example definitions must find of a person.
func (g *generator) answers(p *person) {
	say := func(cohort, source string, day galien.Date) {
		g.truth[tCohorts].text(cohort).text(p.id).text(source).day(day).end()
	}
	// A dose is always written under the person's own number.
	if len(p.doses) > 0 {
		say(FirstDose, p.ano, p.doses[0])
	}
	if !p.female {
		for i, day := range p.doses {
			if age := day.Year() - p.birth.Year(); age < 12 || age > 29 {
				continue
			}
			ill := p.inHospital(p.ano, day.AddDays(1), day.AddDays(myoRiskDays), func(s *stay) bool {
				return s.diagnosed("I40") || s.diagnosed("I41") || s.diagnosed("I514")
			})
			switch {
			case i == 0 && ill:
				say(MyocarditisAfterFirstDose, p.ano, day)
			case i == 1 && ill:
				say(SecondDose, p.ano, day)
				say(MyocarditisAfterSecondDose, p.ano, day)
			case i == 1:
				say(SecondDose, p.ano, day)
			}
		}
	}
	for _, f := range p.hormones {
		say(NewCyproteroneUsers, f.source, f.day)
		if p.inHospital(f.source, f.day, g.end, func(s *stay) bool {
			return s.diagnosed("D32") && slices.ContainsFunc(s.acts, func(a stayAct) bool { return slices.Contains(excisions, a.code) })
		}) {
			say(MeningiomaAfterCyproterone, f.source, f.day)
		}
	}
}

// firstBox is the first dispensing of cyproterone that remains under one
// source id: a provisional number that was never linked is another person to
// whoever reads the files.
type firstBox struct {
	source string
	day    galien.Date
}

// takesHormone notes a dispensing; the days of a person come in order.
func (p *person) takesHormone(source string, day galien.Date) {
	if !slices.ContainsFunc(p.hormones, func(f firstBox) bool { return f.source == source }) {
		p.hormones = append(p.hormones, firstBox{source, day})
	}
}

// inHospital reports whether files show a stay of a kind that begins between
// two days under a source id.
func (p *person) inHospital(source string, from, to galien.Date, of func(s *stay) bool) bool {
	return slices.ContainsFunc(p.stays, func(s stay) bool {
		return s.status == seen && s.source == source && s.entry >= from && s.entry <= to && of(&s)
	})
}

// diagnosed reports whether the stay has a diagnosis of a category or code, in
// any position.
func (s *stay) diagnosed(code string) bool {
	return strings.HasPrefix(s.principal, code) || strings.HasPrefix(s.related, code) ||
		slices.ContainsFunc(s.diagnoses(), func(c string) bool { return strings.HasPrefix(c, code) })
}
