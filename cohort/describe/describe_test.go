package describe_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"galien"
	"galien/cohort"
	"galien/cohort/describe"
)

// lines returns the blocks of a section, items behind a dash for each level.
func lines(doc describe.Document, section int) []string {
	var all []string
	var walk func(list []describe.Block, dash string)
	walk = func(list []describe.Block, dash string) {
		for _, b := range list {
			all = append(all, dash+b.Text)
			walk(b.Items, dash+"- ")
		}
	}
	walk(doc.Sections[section].Body, "")
	return all
}

// expect compares a section of a definition without names with the sentences
// written by hand, in which ~ is a no-break space.
func expect(t *testing.T, name string, def *cohort.Definition, section int, en, fr []string) {
	t.Helper()
	for _, c := range []struct {
		lang describe.Language
		want []string
	}{{describe.English, en}, {describe.French, fr}} {
		got := strings.Join(lines(describe.Definition(def, c.lang, describe.Names{}), section), "\n")
		want := strings.ReplaceAll(strings.Join(c.want, "\n"), "~", "\u00a0")
		if !strings.HasPrefix(got, want) {
			t.Errorf("%s (%s):\n%s\nwant\n%s", name, c.lang, got, want)
		}
	}
}

func ref(id int) *int { return &id }

func day(s string) *galien.Date {
	d := galien.MustDate(s)
	return &d
}

func domain(name string) *cohort.Domain {
	d, ok := cohort.DomainByName(name)
	if !ok {
		panic(name)
	}
	return d
}

func operand(name, attribute string) cohort.Operand {
	a, ok := domain(name).Attribute(attribute)
	if !ok {
		panic(attribute)
	}
	return a.Operand
}

// of returns a criterion of a domain and a concept set; -1 for none.
func of(name string, set int, filters ...cohort.Filter) cohort.Criterion {
	c := cohort.Criterion{Domain: domain(name), Filters: filters}
	if set >= 0 {
		c.Codeset = ref(set)
	}
	return c
}

func definition(entry ...cohort.Criterion) *cohort.Definition {
	return &cohort.Definition{Entry: entry, ConceptSets: []cohort.ConceptSet{{ID: 0, Name: "A"}, {ID: 1, Name: "B"}}}
}

// Each criterion as the only entry event.
func TestEntryEvents(t *testing.T) {
	first := of("DrugExposure", 0, cohort.NumberFilter{Operand: operand("DrugExposure", "DaysSupply"), Op: cohort.Greater, Value: 10000})
	first.First = true
	source := of("ProcedureOccurrence", -1)
	source.SourceCodeset = ref(1)
	adjusted := of("VisitOccurrence", 0)
	adjusted.Adjust = &cohort.DateAdjustment{StartWithEnd: true, StartOffset: -1, EndWithEnd: true, EndOffset: 30}
	death := of("Death", -1)
	death.Adjust = &cohort.DateAdjustment{StartOffset: 1, EndWithEnd: true}
	period := of("ObservationPeriod", -1)
	period.UserStart, period.UserEnd = day("2019-01-01"), day("2020-12-31")
	nested := of("ConditionEra", 0)
	nested.Nested = &cohort.Group{Correlated: []cohort.Correlated{{Criterion: of("DrugEra", 1), Occurrence: cohort.NoLessThan, Count: 1,
		StartWindow: cohort.Window{Start: cohort.Bound{Days: 1}, End: cohort.Bound{Days: 7}}}}}
	both := of("Measurement", 0,
		cohort.NumberFilter{Operand: operand("Measurement", "ValueAsNumber"), Op: cohort.Between, Value: 15000, Extent: 20500},
		cohort.CodesetFilter{Operand: operand("Measurement", "UnitCS"), Codeset: ref(7), Exclude: true},
		cohort.AbnormalFilter{})
	for _, c := range []struct {
		name   string
		entry  cohort.Criterion
		en, fr []string
	}{
		{"set", of("ConditionOccurrence", 0),
			[]string{"The entry event is a diagnosis of “A”."}, []string{"L'événement d'entrée est un diagnostic de «~A~»."}},
		{"no set", of("Observation", -1),
			[]string{"The entry event is a clinical observation of any kind."}, []string{"L'événement d'entrée est une observation clinique de tout type."}},
		{"undefined set", of("Specimen", 7),
			[]string{"The entry event is a specimen of “set 7” (undefined)."}, []string{"L'événement d'entrée est un prélèvement de «~jeu n°~7~» (non défini)."}},
		{"source concept", source,
			[]string{"The entry event is a procedure with a source concept in “B”."}, []string{"L'événement d'entrée est un acte avec un concept source dans «~B~»."}},
		{"first", first,
			[]string{"The entry event is the first drug exposure to “A” in the person's history, kept only if the supply is more than 1 day."},
			[]string{"L'événement d'entrée est la première exposition médicamenteuse à «~A~» dans l'histoire de la personne, retenue seulement si la durée de traitement fournie est supérieure à 1 jour."}},
		{"adjusted", adjusted,
			[]string{"The entry event is a visit of type “A”, for which the day 1 day before the recorded end is taken as its start and the day 30 days after the recorded end as its end."},
			[]string{"L'événement d'entrée est une visite de type «~A~», pour laquelle le jour situé 1 jour avant la fin enregistrée tient lieu de début et le jour situé 30 jours après la fin enregistrée tient lieu de fin."}},
		{"death", death,
			[]string{"The entry event is a death from any cause, for which the day 1 day after the recorded start is taken as its start and the recorded end as its end."},
			[]string{"L'événement d'entrée est un décès de toute cause, pour lequel le jour situé 1 jour après le début enregistré tient lieu de début et la fin enregistrée tient lieu de fin."}},
		{"user-defined period", period,
			[]string{"The entry event is an observation period, for which the period covers 1 January 2019, which then counts as its start, and 31 December 2020, which then counts as its end."},
			[]string{"L'événement d'entrée est une période d'observation, pour laquelle la période couvre le 1er janvier 2019, qui tient ensuite lieu de début, et le 31 décembre 2020, qui tient ensuite lieu de fin."}},
		{"nested", nested,
			[]string{"The entry event is a condition era of “A”, for which the start lies in an observation period and, relative to this event, the following holds:",
				"- At least 1 drug era of “B” starting in the 7 days after the start of that condition era (excluded)."},
			[]string{"L'événement d'entrée est un épisode de maladie du jeu «~A~», pour lequel le début se situe dans une période d'observation et, par rapport à cet événement, la condition suivante est remplie~:",
				"- Au moins 1 épisode de traitement par «~B~» débutant dans les 7 jours suivant le début de cet épisode de maladie (exclu)."}},
		{"several conditions", both,
			[]string{"The entry event is a measurement of “A”, for which all of the following hold:",
				"- The numeric value is between 1.5 and 2.05 inclusive.",
				"- The unit is not in “set 7” (undefined).",
				"- The numeric value is below the lower limit of normal or above the upper one, or the coded value is concept 4155142 (abnormally low) or 4155143 (abnormally high)."},
			[]string{"L'événement d'entrée est une mesure de «~A~», pour laquelle toutes les conditions suivantes sont remplies~:",
				"- La valeur numérique est comprise entre 1,5 et 2,05 inclus.",
				"- L'unité n'est pas dans «~jeu n°~7~» (non défini).",
				"- La valeur numérique est inférieure à la borne inférieure de la normale ou supérieure à sa borne supérieure, ou la valeur codée est le concept 4155142 (anormalement basse) ou 4155143 (anormalement haute)."}},
	} {
		expect(t, c.name, definition(c.entry), 1, c.en, c.fr)
	}
}

// Every comparison and every kind of filter, and what Circe makes of attributes
// whose names promise something else.
func TestFilters(t *testing.T) {
	attribute := func(name, attribute string) func(cohort.Filter) cohort.Criterion {
		return func(f cohort.Filter) cohort.Criterion { return of(name, 0, f) }
	}
	number := func(name, a string, op cohort.Comparison, value, extent cohort.Decimal) cohort.Criterion {
		return attribute(name, a)(cohort.NumberFilter{Operand: operand(name, a), Op: op, Value: value, Extent: extent})
	}
	date := func(name, a string, op cohort.Comparison) cohort.Criterion {
		return attribute(name, a)(cohort.DateFilter{Operand: operand(name, a), Op: op, Value: *day("2020-02-01"), Extent: *day("2020-03-15")})
	}
	concepts := func(name, a string, exclude bool, list ...galien.ConceptID) cohort.Criterion {
		return attribute(name, a)(cohort.ConceptFilter{Operand: operand(name, a), Concepts: list, Exclude: exclude})
	}
	selection := func(name, a string, set *int, exclude bool) cohort.Criterion {
		return attribute(name, a)(cohort.CodesetFilter{Operand: operand(name, a), Codeset: set, Exclude: exclude})
	}
	text := func(pattern string, exclude bool) cohort.Criterion {
		return attribute("DrugExposure", "LotNumber")(cohort.TextFilter{Operand: operand("DrugExposure", "LotNumber"), Pattern: pattern, Exclude: exclude})
	}
	for _, c := range []struct {
		entry  cohort.Criterion
		en, fr string
	}{
		{number("ConditionOccurrence", "Age", cohort.Less, 180000, 0), "the age at the start is less than 18 years", "l'âge au début est inférieur à 18 ans"},
		{number("ConditionOccurrence", "Age", cohort.LessOrEqual, 10000, 0), "the age at the start is at most 1 year", "l'âge au début est inférieur ou égal à 1 an"},
		{number("ConditionOccurrence", "Age", cohort.Equal, 0, 0), "the age at the start is exactly 0 years", "l'âge au début est égal à 0 an"},
		{number("ConditionOccurrence", "Age", cohort.NotBetween, 180000, 640000), "the age at the start is not between 18 and 64 years inclusive", "l'âge au début n'est pas compris entre 18 et 64 ans inclus"},
		{number("VisitDetail", "Age", cohort.GreaterOrEqual, 180000, 0), "the age at the end is at least 18 years", "l'âge à la fin est supérieur ou égal à 18 ans"},
		{number("DrugEra", "GapDays", cohort.NotEqual, 20000, 0), "the time without exposure within the era is not 2 days", "la durée sans exposition au sein de l'épisode est différente de 2 jours"},
		{number("DrugEra", "EraLength", cohort.Between, 640000, 180000), "the length, from start to end, is between 64 and 18 days inclusive (in that order: no value passes)",
			"la durée, du début à la fin, est comprise entre 64 et 18 jours inclus (dans cet ordre~: aucune valeur ne convient)"},
		{number("Measurement", "RangeHighRatio", cohort.Greater, 12346, 0), "the ratio of the numeric value to the upper limit of normal is more than 1.2346",
			"le rapport entre la valeur numérique et la borne supérieure de la normale est supérieur à 1,2346"},
		{number("Measurement", "ValueAsNumber", cohort.Less, -5000, 0), "the numeric value is less than -0.5", "la valeur numérique est inférieure à -0,5"},
		{date("ConditionOccurrence", "OccurrenceEndDate", cohort.Less), "the end date is before 1 February 2020", "la date de fin est antérieure au 1er février 2020"},
		{date("DrugExposure", "OccurrenceEndDate", cohort.GreaterOrEqual), "the start date is on or after 1 February 2020", "la date de début est postérieure ou égale au 1er février 2020"},
		{date("Death", "OccurrenceStartDate", cohort.LessOrEqual), "the start date is on or before 1 February 2020", "la date de début est antérieure ou égale au 1er février 2020"},
		{date("Death", "OccurrenceStartDate", cohort.Equal), "the start date is 1 February 2020", "la date de début est le 1er février 2020"},
		{date("Death", "OccurrenceStartDate", cohort.NotEqual), "the start date is not 1 February 2020", "la date de début n'est pas le 1er février 2020"},
		{date("Death", "OccurrenceStartDate", cohort.Greater), "the start date is after 1 February 2020", "la date de début est postérieure au 1er février 2020"},
		{date("Death", "OccurrenceStartDate", cohort.Between), "the start date is between 1 February 2020 and 15 March 2020 inclusive", "la date de début est comprise entre le 1er février 2020 et le 15 mars 2020 inclus"},
		{date("Death", "OccurrenceStartDate", cohort.NotBetween), "the start date is not between 1 February 2020 and 15 March 2020 inclusive", "la date de début n'est pas comprise entre le 1er février 2020 et le 15 mars 2020 inclus"},
		{concepts("ConditionOccurrence", "Gender", false, 8532), "the person's sex is concept 8532 (female)", "le sexe de la personne est le concept 8532 (femme)"},
		{concepts("ConditionOccurrence", "ConditionType", true, 3, 4), "the type of record is none of the concepts 3, 4", "le type d'enregistrement n'est aucun des concepts 3, 4"},
		{concepts("ConditionOccurrence", "ConditionType", true, 3), "the type of record is not concept 3", "le type d'enregistrement n'est pas le concept 3"},
		{concepts("DrugExposure", "VisitType", false, 9201, 9203), "the type of the visit it belongs to is one of the concepts 9201 (inpatient visit), 9203 (emergency room visit)",
			"le type de la visite correspondante est l'un des concepts 9201 (hospitalisation), 9203 (passage aux urgences)"},
		{concepts("VisitOccurrence", "VisitType", false, 5), "the type of record is concept 5", "le type d'enregistrement est le concept 5"},
		{selection("Measurement", "UnitCS", ref(1), false), "the unit is in “B”", "l'unité est dans «~B~»"},
		{selection("Measurement", "UnitCS", nil, false), "the unit is recorded", "l'unité est renseignée"},
		{selection("Measurement", "OperatorCS", nil, true), "the operator of the value is missing", "l'opérateur de la valeur n'est pas renseigné"},
		{selection("Measurement", "ProviderSpecialtyCS", nil, true), "the specialty of the provider is missing, or the provider is unknown", "la spécialité du professionnel de santé n'est pas renseignée, ou le professionnel est inconnu"},
		{selection("PayerPlanPeriod", "PayerConcept", ref(1), false), "the payer is in “B”", "le payeur est dans «~B~»"},
		{text("ab%", false), "the lot number begins with “ab”", "le numéro de lot commence par «~ab~»"},
		{text("%ab", true), "the lot number does not end with “ab”", "le numéro de lot ne se termine pas par «~ab~»"},
		{text("%ab%", false), "the lot number contains “ab”", "le numéro de lot contient «~ab~»"},
		{text("", false), "the lot number is the text “”", "le numéro de lot est le texte «~~»"},
		{text("a\n”\\", false), `the lot number is the text “a\u000A\u201D\u005C”`, `le numéro de lot est le texte «~a\u000A\u201D\u005C~»`},
		{text("a_%", true), "the lot number does not match the pattern “a_%”", "le numéro de lot ne correspond pas au modèle «~a_%~»"},
	} {
		for lang, want := range map[describe.Language]string{describe.English: c.en, describe.French: strings.ReplaceAll(c.fr, "~", "\u00a0")} {
			if got := lines(describe.Definition(definition(c.entry), lang, describe.Names{}), 1)[0]; !strings.HasSuffix(got, " "+want+".") {
				t.Errorf("%s\nwant %s", got, want)
			}
		}
	}
}

// A demographic's race and ethnicity sets are tested against the sex.
func TestDemographics(t *testing.T) {
	def := definition(of("ConditionOccurrence", 0))
	raceCS := cohort.DemographicAttributes[4]
	if raceCS.Name != "RaceCS" {
		t.Fatal(raceCS.Name)
	}
	def.Rules = []cohort.Rule{{Name: "r", Group: cohort.Group{Type: cohort.AtMost, Count: 1, Demographics: []cohort.Demographic{
		{Filters: []cohort.Filter{cohort.CodesetFilter{Operand: raceCS.Operand, Codeset: ref(1)}}},
		{Filters: []cohort.Filter{cohort.NumberFilter{Operand: cohort.Operand{Of: cohort.AgeAtStart}, Op: cohort.Greater, Value: 650000},
			cohort.DateFilter{Operand: cohort.Operand{Of: cohort.EndDate}, Op: cohort.Less, Value: *day("2021-05-01")}}},
		{},
	}}}}
	expect(t, "demographics", def, 2, []string{
		"An event is included if it meets the following rule:",
		"- Rule 1, “r”: at most 1 of the following 3 conditions holds:",
		"- - The person's sex is in “B”.",
		"- - All of the following 2 conditions hold:",
		"- - - The person's age at the index date is more than 65 years.",
		"- - - The end of the entry event is before 1 May 2021.",
		"- - Nothing is asked of the person, which always holds.",
	}, []string{
		"Un événement est inclus s'il satisfait le critère suivant~:",
		"- Critère 1, «~r~»~: au plus 1 des 3 conditions suivantes est remplie~:",
		"- - Le sexe de la personne est dans «~B~».",
		"- - Les 2 conditions suivantes sont toutes remplies~:",
		"- - - L'âge de la personne à la date index est supérieur à 65 ans.",
		"- - - La fin de l'événement d'entrée est antérieure au 1er mai 2021.",
		"- - Rien n'est demandé de la personne, ce qui est toujours le cas.",
	})
}

// Windows, by their two bounds.
func TestWindows(t *testing.T) {
	d := func(n int) cohort.Bound { return cohort.Bound{Days: n} }
	fromStart, toEnd := cohort.Bound{Open: true, Before: true}, cohort.Bound{Open: true}
	for _, c := range []struct {
		from, to cohort.Bound
		en, fr   string
	}{
		{d(0), d(0), "on the index date", "à la date index"},
		{d(0), d(1), "on the index date or the day after", "à la date index ou le lendemain"},
		{d(-1), d(0), "on the index date or the day before", "à la date index ou la veille"},
		{d(1), d(1), "on the day after the index date", "le lendemain de la date index"},
		{d(-1), d(-1), "on the day before the index date", "la veille de la date index"},
		{d(5), d(5), "exactly 5 days after the index date", "exactement 5 jours après la date index"},
		{d(0), d(30), "from the index date to 30 days after it", "dans les 30 jours suivant la date index (incluse)"},
		{d(1), d(30), "in the 30 days after the index date (excluded)", "dans les 30 jours suivant la date index (exclue)"},
		{d(31), d(60), "from 31 to 60 days after the index date", "de 31 à 60 jours après la date index"},
		{d(-365), d(-1), "in the 365 days before the index date (excluded)", "dans les 365 jours précédant la date index (exclue)"},
		{d(-365), d(0), "in the 365 days before the index date (included)", "dans les 365 jours précédant la date index (incluse)"},
		{d(-60), d(-31), "from 60 to 31 days before the index date", "de 60 à 31 jours avant la date index"},
		{d(-7), d(1), "from 7 days before the index date to 1 day after it", "entre 7 jours avant la date index et 1 jour après (bornes incluses)"},
		{d(3), d(-2), "no earlier than exactly 3 days after the index date and no later than exactly 2 days before the index date, which no day is",
			"au plus tôt exactement 3 jours après la date index et au plus tard exactement 2 jours avant la date index, ce qu'aucun jour ne vérifie"},
		{fromStart, d(-1), "at any time before the index date", "à tout moment avant la date index (exclue)"},
		{fromStart, d(0), "at any time on or before the index date", "à tout moment jusqu'à la date index (incluse)"},
		{fromStart, d(30), "at any time up to 30 days after the index date", "à tout moment jusqu'à 30 jours après la date index"},
		{d(0), toEnd, "at any time on or after the index date", "à tout moment à partir de la date index (incluse)"},
		{d(1), toEnd, "at any time after the index date", "à tout moment après la date index (exclue)"},
		{d(-30), toEnd, "at any time from 30 days before the index date on", "à tout moment à partir de 30 jours avant la date index"},
		{fromStart, toEnd, "at any time in the observation period", "à tout moment de la période d'observation"},
		{fromStart, fromStart, "on the first day of the observation period", "le premier jour de la période d'observation"},
		{toEnd, d(9), "between the end of the observation period and 9 days after the index date, both included", "entre la fin de la période d'observation et 9 jours après la date index inclus"},
	} {
		def := definition(of("ConditionOccurrence", 0))
		def.Additional = &cohort.Group{Correlated: []cohort.Correlated{{Criterion: of("ConditionOccurrence", 1), Occurrence: cohort.NoLessThan, Count: 2,
			StartWindow: cohort.Window{Start: c.from, End: c.to}}}}
		expect(t, c.en, def, 2, []string{"An entry event qualifies if the following holds:", "- At least 2 diagnoses of “B” starting " + c.en + "."},
			[]string{"Un événement d'entrée satisfait ces critères si la condition suivante est remplie~:", "- Au moins 2 diagnostics de «~B~» débutant " + c.fr + "."})
	}
}

// Counts, second windows, visits and the observation period.
func TestCorrelated(t *testing.T) {
	column := func(c cohort.CountColumn) *cohort.CountColumn { return &c }
	open := cohort.Window{Start: cohort.Bound{Open: true, Before: true}, End: cohort.Bound{Open: true}}
	onEnd := cohort.Window{IndexEnd: true, EventEnd: true}
	endWindow := cohort.Window{Start: cohort.Bound{}, End: cohort.Bound{Open: true}, EventEnd: true}
	first := of("DrugExposure", 1)
	first.First = true
	for _, c := range []struct {
		name   string
		c      cohort.Correlated
		en, fr string
	}{
		{"none", cohort.Correlated{Criterion: of("DrugExposure", 1), Occurrence: cohort.Exactly},
			"no drug exposure to “B” starting on the index date", "aucune exposition médicamenteuse à «~B~» débutant à la date index"},
		{"one", cohort.Correlated{Criterion: of("DrugExposure", 1), Occurrence: cohort.Exactly, Count: 1},
			"exactly 1 drug exposure to “B” starting on the index date", "exactement 1 exposition médicamenteuse à «~B~» débutant à la date index"},
		{"at most", cohort.Correlated{Criterion: of("DrugExposure", 1), Occurrence: cohort.NoMoreThan, Count: 2},
			"at most 2 drug exposures to “B” (possibly none) starting on the index date", "au plus 2 expositions médicamenteuses à «~B~» (éventuellement aucune) débutant à la date index"},
		{"at least none", cohort.Correlated{Criterion: of("DrugExposure", 1), Occurrence: cohort.NoLessThan},
			"at least 0 drug exposures to “B” (which is always so) starting on the index date", "au moins 0 exposition médicamenteuse à «~B~» (ce qui est toujours le cas) débutant à la date index"},
		{"first", cohort.Correlated{Criterion: first, Occurrence: cohort.NoLessThan, Count: 1},
			"at least 1 drug exposure to “B” (counting only the first in the person's history) starting on the index date",
			"au moins 1 exposition médicamenteuse à «~B~» (en ne comptant que la première dans l'histoire de la personne) débutant à la date index"},
		{"several with a condition", cohort.Correlated{Criterion: of("DrugExposure", 1, cohort.NumberFilter{Operand: operand("DrugExposure", "Refills"), Value: 20000}), Occurrence: cohort.Exactly, Count: 2},
			"exactly 2 drug exposures to “B” starting on the index date, for which the number of refills is less than 2",
			"exactement 2 expositions médicamenteuses à «~B~» débutant à la date index, pour lesquelles le nombre de renouvellements est inférieur à 2"},
		{"distinct", cohort.Correlated{Criterion: of("Measurement", 1), Occurrence: cohort.NoLessThan, Count: 2, Distinct: column(cohort.CountStartDate)},
			"at least 2 distinct start dates among the measurements of “B” starting on the index date", "au moins 2 dates de début distinctes parmi les mesures de «~B~» débutant à la date index"},
		{"no distinct", cohort.Correlated{Criterion: of("Measurement", 1), Occurrence: cohort.NoMoreThan, Distinct: column("VALUE_AS_NUMBER")},
			"no numeric value recorded among the measurements of “B” starting on the index date", "aucune valeur numérique renseignée parmi les mesures de «~B~» débutant à la date index"},
		{"ends", cohort.Correlated{Criterion: of("VisitOccurrence", 1), Occurrence: cohort.NoLessThan, Count: 1, StartWindow: onEnd},
			"at least 1 visit of type “B” ending on the day the entry event ends", "au moins 1 visite de type «~B~» se terminant le jour de la fin de l'événement d'entrée"},
		{"two windows", cohort.Correlated{Criterion: of("VisitOccurrence", 1), Occurrence: cohort.NoLessThan, Count: 1, StartWindow: open, EndWindow: &endWindow, RestrictVisit: true},
			"at least 1 visit of type “B” starting at any time in the observation period and ending at any time on or after the index date, and by the end of the observation period, during the same visit as the entry event",
			"au moins 1 visite de type «~B~» débutant à tout moment de la période d'observation et se terminant à tout moment à partir de la date index (incluse), et au plus tard à la fin de la période d'observation, pendant la même visite que l'événement d'entrée"},
		{"anywhere", cohort.Correlated{Criterion: of("Death", 1), Occurrence: cohort.NoLessThan, Count: 1, StartWindow: open, IgnoreObservationPeriod: true},
			"at least 1 death from “B” at any time, inside or outside the observation period", "au moins 1 décès de cause «~B~» à tout moment, dans la période d'observation ou en dehors"},
	} {
		def := definition(of("ConditionOccurrence", 0))
		def.Rules = []cohort.Rule{{Group: cohort.Group{Type: cohort.AnyOf, Correlated: []cohort.Correlated{c.c, c.c}}}}
		expect(t, c.name, def, 2, []string{"An event is included if it meets the following rule:", "- Rule 1: at least one of the following 2 conditions holds:", "- - " + strings.ToUpper(c.en[:1]) + c.en[1:] + "."},
			[]string{"Un événement est inclus s'il satisfait le critère suivant~:", "- Critère 1~: au moins une des 2 conditions suivantes est remplie~:", "- - " + strings.ToUpper(c.fr[:1]) + c.fr[1:] + "."})
	}
}

// Concept sets, limits, exits and periods: a definition with all of them.
func TestWholeDefinition(t *testing.T) {
	def := definition(of("ConditionOccurrence", 0), of("DrugExposure", 3))
	def.ConceptSets[0].Items = []cohort.ConceptItem{{Concept: 10, Descendants: true}, {Concept: 11, Descendants: true}, {Concept: 8532},
		{Concept: 12, Descendants: true, Mapped: true}, {Concept: 13, Excluded: true}, {Concept: 14, Mapped: true}}
	def.PriorDays, def.PostDays, def.EntryLimit = 365, 1, cohort.Last
	def.Additional, def.QualifiedLimit = &cohort.Group{Type: cohort.AnyOf}, cohort.First
	def.Rules = []cohort.Rule{{Name: "a\nb", Description: "c"}}
	def.Exit = cohort.DateOffset{Days: 30}
	def.Censoring = []cohort.Criterion{of("Death", -1)}
	def.EraPad, def.CensorStart, def.CensorEnd = 1, day("2010-01-01"), day("2019-12-31")
	for section, c := range []struct{ en, fr []string }{
		{[]string{"The definition uses the following concept sets:",
			"- Set 0, “A”:", "- - Concept 8532 (female), without its descendants.", "- - Concepts 10, 11, with their descendants.", "- - Concept 14, with the concepts mapped to it.",
			"- - Concept 12, with its descendants and the concepts mapped to any of these.", "- - Except concept 13, without its descendants.",
			"- Set 1, “B” (not used): empty, nothing is in it.", "- Set 3 is not defined: it is empty, and nothing is in it."},
			[]string{"La définition utilise les jeux de concepts suivants~:",
				"- Jeu n°~0, «~A~»~:", "- - Concept 8532 (femme), sans ses descendants.", "- - Concepts 10, 11, avec leurs descendants.", "- - Concept 14, avec les concepts mis en correspondance avec lui.",
				"- - Concept 12, avec ses descendants et les concepts mis en correspondance avec lui ou avec eux.", "- - À l'exclusion du concept 13, sans ses descendants.",
				"- Jeu n°~1, «~B~» (non utilisé)~: vide, rien n'en fait partie.", "- Le jeu n°~3 n'est pas défini~: il est vide, et rien n'en fait partie."}},
		{[]string{"Each of the following events is an entry event:", "- A diagnosis of “A”.", "- A drug exposure to “set 3” (undefined).",
			"The index date is the start of the entry event; it lies in an observation period of the person, with at least 365 days of continuous observation before it and at least 1 day of continuous observation after it, in that same period.",
			"For each person, only the latest of the entry events is kept."},
			[]string{"Chacun des événements suivants est un événement d'entrée~:", "- Un diagnostic de «~A~».", "- Une exposition médicamenteuse à «~jeu n°~3~» (non défini).",
				"La date index est le début de l'événement d'entrée~; elle se situe dans une période d'observation de la personne, avec au moins 365 jours d'observation continue avant et au moins 1 jour d'observation continue après, dans cette même période.",
				"Pour chaque personne, seul le plus tardif des événements d'entrée est conservé."}},
		{[]string{"No condition is set: every entry event qualifies.", "For each person, only the earliest of the events that qualify is kept."},
			[]string{"Aucune condition n'est posée~: tout événement d'entrée satisfait ces critères.", "Pour chaque personne, seul le plus précoce des événements qui satisfont ces critères est conservé."}},
		{[]string{"An event is included if it meets the following rule:", "- Rule 1, “a b” (“c”): no condition is set, every event meets it.", "For each person, all included events are kept."},
			[]string{"Un événement est inclus s'il satisfait le critère suivant~:", "- Critère 1, «~a b~» («~c~»)~: aucune condition n'est posée, tout événement le satisfait.", "Pour chaque personne, tous les événements inclus sont conservés."}},
		{[]string{"The cohort period runs from the index date to 30 days after it, at the latest to the end of the observation period in which the index date lies."},
			[]string{"La période de cohorte va de la date index à 30 jours après celle-ci, au plus tard à la fin de la période d'observation dans laquelle se situe la date index."}},
		{[]string{"A cohort period ends earlier, on the day it starts, with the first of the following events to start on or after the index date and within the same observation period:", "- A death from any cause."},
			[]string{"La période de cohorte se termine plus tôt, le jour de son début, au premier des événements suivants qui débute à la date index ou après elle, dans la même période d'observation~:", "- Un décès de toute cause."}},
		{[]string{"A person's cohort periods become one when they overlap, or when the next one starts at most 1 day after the one before has ended."},
			[]string{"Les périodes de cohorte d'une même personne sont réunies en une seule lorsqu'elles se chevauchent, ou lorsque la suivante débute au plus 1 jour après la fin de la précédente."}},
		{[]string{"The finished cohort periods are cut to the days from 1 January 2010 to 31 December 2019 inclusive; a period without any day among them is dropped."},
			[]string{"Les périodes de cohorte ainsi obtenues sont limitées aux jours du 1er janvier 2010 au 31 décembre 2019 inclus~; une période qui n'en compte aucun est supprimée."}},
	} {
		expect(t, "whole", def, section, c.en, c.fr)
	}
}

func example(t *testing.T, name string) *cohort.Definition {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "synth", "cohorts", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	return read(t, b)
}

// The three definitions of the synthetic population.
func TestExamples(t *testing.T) {
	expect(t, "1", example(t, "1-new-nsaid-users"), 3, []string{
		"The cohort period runs from the index date to the end of the continuous exposure to “Anti-inflammatory drugs” that covers the index date, at the latest to the end of the observation period in which the index date lies; where no exposure covers it, to that end of observation.",
		"Continuous exposure to “Anti-inflammatory drugs” is made of drug exposures as follows:",
		"- Exposures whose concept or source concept is in “Anti-inflammatory drugs” are taken.",
		"- Each lasts to its recorded end, without one to its start plus its days of supply, and without these to the day after its start.",
		"- Exposures join when the next one starts at most 30 days after the latest end so far.",
	}, []string{
		"La période de cohorte va de la date index à la fin de l'exposition continue à «~Anti-inflammatory drugs~» qui couvre la date index, au plus tard à la fin de la période d'observation dans laquelle se situe la date index~; si aucune exposition ne la couvre, jusqu'à cette fin d'observation.",
		"L'exposition continue à «~Anti-inflammatory drugs~» se construit à partir des expositions médicamenteuses~:",
		"- Les expositions dont le concept ou le concept source est dans «~Anti-inflammatory drugs~» sont prises en compte.",
		"- Chacune dure jusqu'à sa fin enregistrée, à défaut jusqu'à son début augmenté des jours de traitement fournis, à défaut jusqu'au lendemain de son début.",
		"- Les expositions sont réunies lorsque la suivante débute au plus 30 jours après la fin la plus tardive des précédentes.",
	})
	expect(t, "2", example(t, "2-bleeding-after-nsaid"), 2, []string{
		"An event is included if it meets the following 2 rules:",
		"- Rule 1, “no gastrointestinal bleeding before” (“No bleeding from the start of observation to the day before the first delivery.”):",
		"- - No diagnosis of “Gastrointestinal bleeding” starting at any time before the index date.",
		"- Rule 2, “gastrointestinal bleeding within 30 days” (“A bleeding from the day of the first delivery to 30 days after it.”):",
		"- - At least 1 diagnosis of “Gastrointestinal bleeding” starting from the index date to 30 days after it.",
		"For each person, only the earliest of the included events is kept.",
	}, []string{
		"Un événement est inclus s'il satisfait les 2 critères suivants~:",
		"- Critère 1, «~no gastrointestinal bleeding before~» («~No bleeding from the start of observation to the day before the first delivery.~»)~:",
		"- - Aucun diagnostic de «~Gastrointestinal bleeding~» débutant à tout moment avant la date index (exclue).",
		"- Critère 2, «~gastrointestinal bleeding within 30 days~» («~A bleeding from the day of the first delivery to 30 days after it.~»)~:",
		"- - Au moins 1 diagnostic de «~Gastrointestinal bleeding~» débutant dans les 30 jours suivant la date index (incluse).",
		"Pour chaque personne, seul le plus précoce des événements inclus est conservé.",
	})
	expect(t, "3", example(t, "3-diabetes-metformin-hba1c"), 1, []string{
		"The entry event is the first diagnosis of “Type 2 diabetes” in the person's history, kept only if the age at the start is at least 18 years.",
		"The index date is the start of the entry event; it lies in an observation period of the person.",
		"For each person, only the earliest of the entry events is kept.",
	}, []string{
		"L'événement d'entrée est le premier diagnostic de «~Type 2 diabetes~» dans l'histoire de la personne, retenu seulement si l'âge au début est supérieur ou égal à 18 ans.",
		"La date index est le début de l'événement d'entrée~; elle se situe dans une période d'observation de la personne.",
		"Pour chaque personne, seul le plus précoce des événements d'entrée est conservé.",
	})
}

// Every domain and every attribute has its words: none may panic.
func TestEveryAttributeIsTold(t *testing.T) {
	for _, d := range cohort.Domains() {
		for _, a := range d.Attributes {
			var f cohort.Filter
			switch a.Kind {
			case cohort.DateRange:
				f = cohort.DateFilter{Operand: a.Operand}
			case cohort.IntegerRange, cohort.DecimalRange:
				f = cohort.NumberFilter{Operand: a.Operand}
			case cohort.ConceptList:
				f = cohort.ConceptFilter{Operand: a.Operand, Concepts: []galien.ConceptID{1}}
			case cohort.CodesetSelection, cohort.CodesetNumber:
				f = cohort.CodesetFilter{Operand: a.Operand, Codeset: ref(0)}
			case cohort.Text:
				f = cohort.TextFilter{Operand: a.Operand}
			case cohort.AbnormalFlag:
				f = cohort.AbnormalFilter{}
			default:
				continue
			}
			checkText(t, d.Name+"."+a.Name, definition(of(d.Name, -1, f)))
		}
		for column := range d.CountColumns {
			def := definition(of(d.Name, -1))
			c := cohort.Correlated{Criterion: of(d.Name, -1), Occurrence: cohort.NoLessThan, Count: 2, Distinct: &column}
			def.Rules = []cohort.Rule{{Group: cohort.Group{Correlated: []cohort.Correlated{c}}}}
			checkText(t, d.Name+" "+column.String(), def)
		}
	}
}

// Names come from a file: they can neither begin a line nor leave their
// quotation marks, and no name hides which set is meant.
func TestNames(t *testing.T) {
	def := definition(of("ConditionOccurrence", 0, cohort.ConceptFilter{Operand: operand("ConditionOccurrence", "ConditionType"), Concepts: []galien.ConceptID{7, 8}}),
		of("ConditionOccurrence", 1), of("ConditionOccurrence", 2))
	def.ConceptSets = []cohort.ConceptSet{{ID: 0, Name: "flu”.\n2. Exit\x1b[31m"}, {ID: 1, Name: "set 2"}, {ID: 2}}
	doc := describe.Definition(def, describe.English, describe.Names{Title: "A\tB", Concepts: map[galien.ConceptID]string{7: "x\u202ey"}})
	want := []string{"Each of the following events is an entry event:",
		`- A diagnosis of “flu". 2. Exit [31m”, for which the type of record is one of the concepts 7 (x y), 8.`,
		"- A diagnosis of “set 2” (set 1).", "- A diagnosis of “set 2” (set 2)."}
	if got := lines(doc, 1)[:4]; doc.Title != "A B" || strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%s\n%s\nwant\n%s", doc.Title, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestRendering(t *testing.T) {
	doc := describe.Document{Title: "T*", Sections: []describe.Section{{Heading: "H", Body: []describe.Block{
		{Text: "One:", Items: []describe.Block{{Text: "A_b:", Items: []describe.Block{{Text: "C."}}}}}, {Text: "Two."}}}}}
	if got, want := doc.Text(), "T*\n\n1. H\n   One:\n   - A_b:\n     - C.\n   Two.\n"; got != want {
		t.Errorf("text\n%s\nwant\n%s", got, want)
	}
	if got, want := doc.Markdown(), "# T\\*\n\n## 1. H\n\nOne:\n\n- A\\_b:\n  - C.\n\nTwo.\n"; got != want {
		t.Errorf("markdown\n%s\nwant\n%s", got, want)
	}
}

func TestParseLanguage(t *testing.T) {
	if l, err := describe.ParseLanguage("fr"); l != describe.French || err != nil {
		t.Error(l, err)
	}
	if _, err := describe.ParseLanguage("de"); galien.KindOf(err) != galien.Invalid {
		t.Error(err)
	}
}
