package snds

import (
	"slices"
	"strings"

	"galien"
)

// Fields are the fields of the PMSI that are written beside the MCO.
type Fields uint8

// Rehabilitation, hospital at home and psychiatry.
const (
	SSR Fields = 1 << iota
	HAD
	RIMP
)

// fieldNames are the words of ParseFields, in the order of the bits.
var fieldNames = []string{"ssr", "had", "rimp"}

// ParseFields reads names between commas. mco, which is always written, may stand
// among them. It fails with Invalid for another word.
func ParseFields(s string) (f Fields, err error) {
	for _, name := range strings.Split(s, ",") {
		i := slices.Index(fieldNames, strings.TrimSpace(name))
		switch {
		case i >= 0:
			f |= 1 << i
		case strings.TrimSpace(name) != "mco":
			return 0, galien.Errorf(galien.Invalid, "generate claims: %q is no field of the PMSI; choose among mco, ssr, had and rimp", name)
		}
	}
	return f, nil
}

// fieldStream is the family of random streams of these stays, apart from the
// person's own, so that everything else is the same with them and without.
const fieldStream = 0x452821e638d01377

// The rates of these stays and of their traps, in permille.
const (
	rehabilitated   = 300 // of stays of three nights or more, from 50 on
	atHome          = 80  // of stays of two nights or more
	inPsychiatry    = 250 // of persons under psychotropic drugs, and a thirtieth of it of the others
	byDay           = 250 // of stays of rehabilitation, 400 of those in psychiatry
	weekOfGroup90   = 40  // of weeks; as many sub-sequences of GHT 99
	partForBilling  = 50  // of stays: a week or sequence made for billing
	trialLeave      = 200 // of stays in psychiatry of two sequences or more
	groupedWrong    = 15  // of stays: all of their weeks or sub-sequences
	associatedTwice = 300 // of parts: the associated diagnosis of the part before
	associatedMain  = 60  // of parts: an associated diagnosis that is the main one
)

// firstOfFields is the first year of which these stays are written: the tables
// have the columns of these years.
const firstOfFields = 2015

// groupedWrongly is the status of a stay without a part that counts.
const groupedWrongly = "dropped:grouping_error"

// The fates of a part that a right reader leaves out.
const (
	kept     = ""
	badWeek  = "R01_week_of_GME_90"
	billWeek = "R02_week_made_for_billing"
	oldWeek  = "R03_week_of_the_year_before"
	badSpell = "H01_subsequence_of_GHT_99"
	leave    = "Y01_trial_leave"
	billPart = "Y02_sequence_made_for_billing"
)

// part is a week of rehabilitation, a sub-sequence at home or a sequence in
// psychiatry.
type part struct {
	first, last galien.Date
	monday      galien.Date // of a week
	days        [7]byte     // of a week: the signs of presence, Monday first
	year        int         // whose files tell of it
	what        string
	main        string
	places      []placed // other diagnoses
	acts        []fieldAct
	fate        string
}

type placed struct{ place, code string }

type fieldAct struct {
	day      galien.Date
	system   string
	code     string
	quantity int
}

// fieldStay is a stay in one of these fields.
type fieldStay struct {
	field       int // index of fieldNames
	entry, exit galien.Date
	open        bool // it goes on after the extraction; exit is the last day of it
	partial     bool // by day
	finess      string
	parts       []part
	status      string
}

// years are those that tell of the stay.
func (s *fieldStay) years() (list []int) {
	for i := range s.parts {
		if !slices.Contains(list, s.parts[i].year) {
			list = append(list, s.parts[i].year)
		}
	}
	return list
}

// fields plans and writes the stays of a person in the chosen fields.
func (g *generator) fields(p *person) {
	if g.chosen == 0 {
		return
	}
	own := p.d
	defer func() { p.d = own }()
	p.d.Seed(g.seed, fieldStream, uint64(p.index))
	first, _ := galien.NewDate(firstOfFields, 1, 1)
	first = max(first, p.entry)
	var stays []fieldStay
	free := func(from, to galien.Date) bool {
		return from >= first && from <= to && !slices.ContainsFunc(stays, func(s fieldStay) bool { return from <= s.exit && s.entry <= to }) &&
			!slices.ContainsFunc(p.stays, func(s stay) bool { return from < s.exit && s.entry < to })
	}
	add := func(field int, entry galien.Date, length int) {
		exit := entry.AddDays(length - 1)
		open := exit > g.end
		if exit = min(exit, p.exit); g.chosen&(1<<field) == 0 || !free(entry, exit) {
			return
		}
		s := fieldStay{field: field, entry: entry, exit: exit, open: open && exit == g.end}
		s.finess = fieldSites[field][p.d.Below(len(fieldSites[field]))]
		g.plan(p, &s)
		if len(s.parts) > 0 {
			stays = append(stays, s)
		}
	}
	for i := range p.stays {
		s := &p.stays[i]
		nights := s.exit.DaysSince(s.entry)
		switch {
		case s.died:
		case nights >= 3 && p.years(s.exit) >= 50 && p.chance(rehabilitated):
			add(0, s.exit, 6+p.d.Below(60))
		case nights >= 2 && p.chance(atHome):
			add(1, s.exit.AddDays(1), 4+p.d.Below(45))
		}
	}
	if share := inPsychiatry; p.years(p.exit) >= 12 && (p.chronic[mindDrug] && p.chance(share) || p.chance(share/30)) {
		if span := p.exit.DaysSince(first); span > 0 {
			add(2, first.AddDays(p.d.Below(span)), 5+p.d.Below(150))
		}
	}
	slices.SortFunc(stays, func(a, b fieldStay) int { return a.entry.DaysSince(b.entry) })
	for i := range stays {
		g.writeField(p, &stays[i])
	}
}

// plan cuts a stay into parts, and gives them what they tell.
func (g *generator) plan(p *person, s *fieldStay) {
	switch s.field {
	case 0:
		s.partial = p.chance(byDay)
		g.weeks(p, s)
	case 1:
		g.spells(p, s)
	default:
		s.partial = p.chance(byDay + 150)
		g.sequences(p, s)
	}
	if len(s.parts) == 0 {
		return
	}
	// A diagnosis that is told again, one that is the main one, one that is new.
	fresh := []string{"E119", "I10", "N390", "L899", "F03", "Z740", "R13", "D649"}
	place := []string{"DAS", "DA", "DA"}[s.field]
	for i := range s.parts {
		q := &s.parts[i]
		if i > 0 && p.chance(associatedTwice) {
			for _, d := range s.parts[i-1].places {
				if d.place == place && d.code != q.main {
					q.places = append(q.places, d)
				}
			}
		}
		if p.d.Percent(40) {
			q.add(placed{place, fresh[p.d.Below(len(fresh))]})
		}
		if p.chance(associatedMain) {
			q.add(placed{place, q.main})
		}
	}
	g.spoil(p, s)
}

// add notes a diagnosis once.
func (q *part) add(d placed) {
	if !slices.Contains(q.places, d) {
		q.places = append(q.places, d)
	}
}

// weeks are those of a calendar: the first begins with the entry. A week belongs
// to the year of its Sunday.
func (g *generator) weeks(p *person, s *fieldStay) {
	main := []string{"G811", "M170", "S7200", "I694", "J449"}[p.d.Below(5)]
	purpose, cause := []string{"Z501", "Z5080", "Z540"}[p.d.Below(3)], []string{"I634", "M160", "", "S7200"}[p.d.Below(4)]
	pattern := []string{"1010100", "0101000", "1111100"}[p.d.Below(3)]
	monday := s.entry.AddDays(-(int(s.entry) + 3) % 7) // 1970-01-01 was a Thursday
	for ; monday <= s.exit; monday = monday.AddDays(7) {
		q := part{monday: monday, days: [7]byte([]byte("0000000")), year: min(monday.AddDays(6).Year(), lastYear), what: "50A", main: main}
		for d := range 7 {
			day := monday.AddDays(d)
			if day < s.entry || day > s.exit || s.partial && pattern[d] == '0' {
				continue
			}
			q.days[d] = '1'
			if q.first == 0 {
				q.first = day
			}
			q.last = day
		}
		if q.first == 0 {
			continue
		}
		q.add(placed{"FPP", purpose})
		if cause != "" {
			q.add(placed{"AE", cause})
		}
		for range 1 + p.d.Below(3) {
			day := q.first.AddDays(p.d.Below(q.last.DaysSince(q.first) + 1))
			q.acts = append(q.acts, fieldAct{day, "CSARR", []string{"ZZR+001", "PBR+256", "ALQ+236", "NKR+130"}[p.d.Below(4)], 1 + p.d.Below(2)})
		}
		if p.d.Percent(8) {
			q.acts = append(q.acts, fieldAct{q.first, "CCAM", "DEQP003", 1})
		}
		s.parts = append(s.parts, q)
		if p.d.Percent(7) {
			main = []string{"G811", "M170", "Z509"}[p.d.Below(3)]
		}
	}
	if n := len(s.parts); s.partial && n > 0 {
		// By day one enters and leaves on a day of care.
		s.entry = s.parts[0].first
		if !s.open {
			s.exit = s.parts[n-1].last
		}
	}
}

// spells are sub-sequences of a week at most, which do not go over the new year.
func (g *generator) spells(p *person, s *fieldStay) {
	main, mode := []string{"C509", "L890", "C61", "O990"}[p.d.Below(4)], "04"
	for day := s.entry; day <= s.exit; {
		last := min(day.AddDays(2+p.d.Below(5)), s.exit, lastOf(day.Year()))
		q := part{first: day, last: last, year: day.Year(), what: mode, main: main}
		if p.d.Percent(30) {
			q.add(placed{"MPP", "L899"})
		}
		if p.d.Percent(15) {
			q.add(placed{"MPA", "R53"})
		}
		if p.d.Percent(12) {
			q.acts = append(q.acts, fieldAct{day.AddDays(p.d.Below(last.DaysSince(day) + 1)), "CCAM", "EBLA003", 1})
		}
		s.parts = append(s.parts, q)
		if day = last.AddDays(1); p.d.Percent(25) {
			main, mode = []string{"C793", "R522", "C509"}[p.d.Below(3)], []string{"04", "09", "13"}[p.d.Below(3)]
		}
	}
}

// sequences are of some weeks, and do not go over the new year.
func (g *generator) sequences(p *person, s *fieldStay) {
	main := []string{"F200", "F329", "F102", "F603"}[p.d.Below(4)]
	for day := s.entry; day <= s.exit; {
		last := min(day.AddDays(6+p.d.Below(35)), s.exit, lastOf(day.Year()))
		q := part{first: day, last: last, year: day.Year(), what: "01", main: main}
		if s.partial {
			q.what = "20"
		}
		if day.Year() >= 2017 && p.d.Percent(15) {
			q.acts = append(q.acts, fieldAct{day.AddDays(p.d.Below(last.DaysSince(day) + 1)), "CCAM", "AAQP007", 1})
		}
		s.parts = append(s.parts, q)
		day = last.AddDays(1)
	}
}

func lastOf(year int) galien.Date {
	d, _ := galien.NewDate(year, 12, 31)
	return d
}

// spoil draws which parts a right reader leaves out. Each year keeps one.
func (g *generator) spoil(p *person, s *fieldStay) {
	wrong := []string{badWeek, badSpell, ""}[s.field]
	if wrong != "" && p.chance(groupedWrong) {
		s.status = groupedWrongly
		for i := range s.parts {
			s.parts[i].fate = wrong
		}
		return
	}
	good := func(year int) (n int) {
		for i := range s.parts {
			if s.parts[i].year == year && s.parts[i].fate == kept {
				n++
			}
		}
		return n
	}
	for i := range s.parts {
		if wrong != "" && p.chance(weekOfGroup90) && good(s.parts[i].year) > 1 {
			s.parts[i].fate = wrong
		}
	}
	if s.field == 2 && len(s.parts) > 1 && p.chance(trialLeave) {
		if i := 1 + p.d.Below(len(s.parts)-1); good(s.parts[i].year) > 1 {
			s.parts[i].fate, s.parts[i].acts = leave, nil // an act does not name its sequence
		}
	}
	if s.field != 1 && p.chance(partForBilling) {
		last := s.parts[len(s.parts)-1]
		last.fate, last.acts, last.places, last.main = []string{billWeek, "", billPart}[s.field], nil, nil, "Z769"
		s.parts = append(s.parts, last)
	}
}
