package describe

import (
	"fmt"
	"strconv"
	"strings"

	"galien"
	"galien/cohort"
)

// noun is the word for a kind of event, in both languages. of links it to its
// concept set.
type noun struct {
	en, ens, of  string
	fr, frs, ofs string
	feminine     bool
	vowel        bool // the French word begins with a vowel
}

var nouns = map[string]noun{
	"ConditionEra":        {en: "condition era", ens: "condition eras", of: "of", fr: "épisode de maladie", frs: "épisodes de maladie", ofs: "du jeu", vowel: true},
	"ConditionOccurrence": {en: "diagnosis", ens: "diagnoses", of: "of", fr: "diagnostic", frs: "diagnostics", ofs: "de"},
	"Death":               {en: "death", ens: "deaths", of: "from", fr: "décès", frs: "décès", ofs: "de cause"},
	"DeviceExposure":      {en: "device exposure", ens: "device exposures", of: "to", fr: "exposition à un dispositif", frs: "expositions à un dispositif", ofs: "du jeu", feminine: true, vowel: true},
	"DoseEra":             {en: "dose era", ens: "dose eras", of: "of", fr: "épisode à dose constante", frs: "épisodes à dose constante", ofs: "de", vowel: true},
	"DrugEra":             {en: "drug era", ens: "drug eras", of: "of", fr: "épisode de traitement", frs: "épisodes de traitement", ofs: "par", vowel: true},
	"DrugExposure":        {en: "drug exposure", ens: "drug exposures", of: "to", fr: "exposition médicamenteuse", frs: "expositions médicamenteuses", ofs: "à", feminine: true, vowel: true},
	"LocationRegion":      {en: "place of residence", ens: "places of residence", of: "in a region of", fr: "lieu de résidence", frs: "lieux de résidence", ofs: "dans une région de"},
	"Measurement":         {en: "measurement", ens: "measurements", of: "of", fr: "mesure", frs: "mesures", ofs: "de", feminine: true},
	"Observation":         {en: "clinical observation", ens: "clinical observations", of: "of", fr: "observation clinique", frs: "observations cliniques", ofs: "de", feminine: true, vowel: true},
	"ObservationPeriod":   {en: "observation period", ens: "observation periods", fr: "période d'observation", frs: "périodes d'observation", feminine: true},
	"PayerPlanPeriod":     {en: "period of insurance", ens: "periods of insurance", fr: "période d'assurance", frs: "périodes d'assurance", feminine: true},
	"ProcedureOccurrence": {en: "procedure", ens: "procedures", of: "of", fr: "acte", frs: "actes", ofs: "de", vowel: true},
	"Specimen":            {en: "specimen", ens: "specimens", of: "of", fr: "prélèvement", frs: "prélèvements", ofs: "de"},
	"VisitDetail":         {en: "visit detail", ens: "visit details", of: "of type", fr: "détail de visite", frs: "détails de visite", ofs: "de type"},
	"VisitOccurrence":     {en: "visit", ens: "visits", of: "of type", fr: "visite", frs: "visites", ofs: "de type", feminine: true},
}

func nounOf(d *cohort.Domain) noun {
	n, ok := nouns[d.Name]
	if !ok {
		panic("describe: no word for " + d.Name)
	}
	return n
}

// number returns the noun in the number that n asks for: in French only from 2
// on, in English for all but 1.
func (t *teller) number(n noun, count int) string { return t.plural(count, n.en, n.ens, n.fr, n.frs) }

// a returns the noun with its indefinite article.
func (t *teller) a(n noun) string {
	article := "a"
	if strings.ContainsRune("aeiou", rune(n.en[0])) {
		article = "an"
	}
	return t.say(article+" "+n.en, agree(n.feminine, "un ", "une ")+n.fr)
}

// that points at an event named before.
func (t *teller) that(n noun) string {
	pointer := "ce "
	if n.vowel {
		pointer = "cet "
	}
	return t.say("that "+n.en, agree(n.feminine, pointer, "cette ")+n.fr)
}

func agree(feminine bool, masculine, other string) string {
	if feminine {
		return other
	}
	return masculine
}

// plural picks the form for a count; a form may hold %d for it.
func (t *teller) plural(n int, one, more, un, plusieurs string) string {
	form := more
	switch {
	case t.lang == French && n > -2 && n < 2:
		form = un
	case t.lang == French:
		form = plusieurs
	case n == 1 || n == -1:
		form = one
	}
	if strings.Contains(form, "%d") {
		return fmt.Sprintf(form, n)
	}
	return form
}

// days tells a number of days.
func (t *teller) days(n int) string { return t.plural(n, "%d day", "%d days", "%d jour", "%d jours") }

// and joins parts of a sentence.
func (t *teller) and(parts []string) string {
	if len(parts) < 2 {
		return strings.Join(parts, "")
	}
	last := len(parts) - 1
	return strings.Join(parts[:last], ", ") + t.say(" and ", " et ") + parts[last]
}

var (
	monthsEnglish = [...]string{"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"}
	monthsFrench  = [...]string{"janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre", "novembre", "décembre"}
)

// date writes 3 January 2021, or 3 janvier 2021.
func (t *teller) date(d galien.Date) string {
	year, month, day := d.Civil()
	if t.lang == French {
		first := ""
		if day == 1 {
			first = "er"
		}
		return fmt.Sprintf("%d%s %s %d", day, first, monthsFrench[month-1], year)
	}
	return fmt.Sprintf("%d %s %d", day, monthsEnglish[month-1], year)
}

// decimal writes a number with the decimal sign of the language.
func (t *teller) decimal(d cohort.Decimal) string {
	n := strconv.FormatInt(int64(d), 10)
	sign := ""
	if n[0] == '-' {
		sign, n = "-", n[1:]
	}
	for len(n) < 5 {
		n = "0" + n
	}
	whole, part := n[:len(n)-4], strings.TrimRight(n[len(n)-4:], "0")
	if part == "" {
		return sign + whole
	}
	return sign + whole + t.say(".", ",") + part
}

// unit is what a number counts.
type unit uint8

const (
	none unit = iota
	inDays
	inYears
)

// quantity writes a number with its unit, which agrees with it.
func (t *teller) quantity(d cohort.Decimal, u unit) string {
	one := d == 10000 || d == -10000
	if t.lang == French {
		one = d > -20000 && d < 20000
	}
	text := t.decimal(d)
	switch {
	case u == inDays && one:
		return text + t.say(" day", " jour")
	case u == inDays:
		return text + t.say(" days", " jours")
	case u == inYears && one:
		return text + t.say(" year", " an")
	case u == inYears:
		return text + t.say(" years", " ans")
	}
	return text
}
