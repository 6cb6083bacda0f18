package describe

import (
	"fmt"
	"strings"

	"galien/cohort"
)

// subject is what a filter tests, as the subject of a clause.
type subject struct {
	en, fr   string
	feminine bool
	in       unit
}

// columnSubjects are the operands that are a column of the event's table.
var columnSubjects = map[string]subject{
	"anatomic_site_concept_id":      {"the anatomic site", "le site anatomique", false, none},
	"condition_occurrence_count":    {"the number of diagnoses in the era", "le nombre de diagnostics de l'épisode", false, none},
	"condition_status_concept_id":   {"the status of the diagnosis", "le statut du diagnostic", false, none},
	"condition_type_concept_id":     {"the type of record", "le type d'enregistrement", false, none},
	"days_supply":                   {"the supply", "la durée de traitement fournie", true, inDays},
	"death_type_concept_id":         {"the type of record", "le type d'enregistrement", false, none},
	"device_type_concept_id":        {"the type of record", "le type d'enregistrement", false, none},
	"disease_status_concept_id":     {"the disease status of the specimen", "le statut pathologique du prélèvement", false, none},
	"dose_value":                    {"the dose", "la dose", true, none},
	"drug_exposure_count":           {"the number of drug exposures in the era", "le nombre d'expositions médicamenteuses de l'épisode", false, none},
	"drug_type_concept_id":          {"the type of record", "le type d'enregistrement", false, none},
	"gap_days":                      {"the time without exposure within the era", "la durée sans exposition au sein de l'épisode", true, inDays},
	"lot_number":                    {"the lot number", "le numéro de lot", false, none},
	"measurement_type_concept_id":   {"the type of record", "le type d'enregistrement", false, none},
	"modifier_concept_id":           {"the modifier", "le modificateur", false, none},
	"observation_type_concept_id":   {"the type of record", "le type d'enregistrement", false, none},
	"operator_concept_id":           {"the operator of the value", "l'opérateur de la valeur", false, none},
	"payer_concept_id":              {"the payer", "le payeur", false, none},
	"payer_source_concept_id":       {"the source concept of the payer", "le concept source du payeur", false, none},
	"period_type_concept_id":        {"the type of record", "le type d'enregistrement", false, none},
	"plan_concept_id":               {"the insurance plan", "le contrat", false, none},
	"plan_source_concept_id":        {"the source concept of the insurance plan", "le concept source du contrat", false, none},
	"procedure_type_concept_id":     {"the type of record", "le type d'enregistrement", false, none},
	"qualifier_concept_id":          {"the qualifier", "le qualificatif", false, none},
	"quantity":                      {"the quantity", "la quantité", true, none},
	"range_high":                    {"the upper limit of normal", "la borne supérieure de la normale", true, none},
	"range_low":                     {"the lower limit of normal", "la borne inférieure de la normale", true, none},
	"refills":                       {"the number of refills", "le nombre de renouvellements", false, none},
	"route_concept_id":              {"the route of administration", "la voie d'administration", true, none},
	"specimen_source_id":            {"the source identifier of the specimen", "l'identifiant source du prélèvement", false, none},
	"specimen_type_concept_id":      {"the type of record", "le type d'enregistrement", false, none},
	"sponsor_concept_id":            {"the sponsor", "le financeur", false, none},
	"sponsor_source_concept_id":     {"the source concept of the sponsor", "le concept source du financeur", false, none},
	"stop_reason":                   {"the reason for stopping", "le motif d'arrêt", false, none},
	"stop_reason_concept_id":        {"the reason for the end of cover", "le motif de fin de couverture", false, none},
	"stop_reason_source_concept_id": {"the source concept of the reason for the end of cover", "le concept source du motif de fin de couverture", false, none},
	"unique_device_id":              {"the unique device identifier", "l'identifiant unique du dispositif", false, none},
	"unit_concept_id":               {"the unit", "l'unité", true, none},
	"value_as_concept_id":           {"the coded value", "la valeur codée", true, none},
	"value_as_number":               {"the numeric value", "la valeur numérique", true, none},
	"value_as_string":               {"the text value", "la valeur textuelle", true, none},
	"visit_detail_type_concept_id":  {"the type of record", "le type d'enregistrement", false, none},
	"visit_type_concept_id":         {"the type of record", "le type d'enregistrement", false, none},
}

// subjects names operands: those of a criterion's event, or of the person at an
// index event.
type subjects func(o cohort.Operand) subject

func criterionSubjects(d *cohort.Domain) subjects {
	return func(o cohort.Operand) subject {
		switch o.Of {
		case cohort.StartDate:
			return subject{"the start date", "la date de début", true, none}
		case cohort.EndDate:
			return subject{"the end date", "la date de fin", true, none}
		case cohort.Length:
			return subject{"the length, from start to end,", "la durée, du début à la fin,", true, inDays}
		case cohort.AgeAtStart:
			return subject{"the age at the start", "l'âge au début", false, inYears}
		case cohort.AgeAtEnd:
			return subject{"the age at the end", "l'âge à la fin", false, inYears}
		case cohort.Ratio:
			value, over := columnSubject(d, o.Column), columnSubject(d, o.Over)
			return subject{"the ratio of " + value.en + " to " + over.en, "le rapport entre " + value.fr + " et " + over.fr, false, none}
		case cohort.OwnColumn:
			return columnSubject(d, o.Column)
		}
		return personSubject(o)
	}
}

// columnSubject names a column of the event's table.
func columnSubject(d *cohort.Domain, column string) subject {
	s, ok := columnSubjects[column]
	if !ok {
		panic("describe: no word for the column " + d.Table + "." + column)
	}
	return s
}

// personSubject names what is tested of the person and of what the event links
// to.
func personSubject(o cohort.Operand) subject {
	switch o.Of {
	case cohort.Gender:
		return subject{"the person's sex", "le sexe de la personne", false, none}
	case cohort.Race:
		return subject{"the person's race", "la race de la personne", true, none}
	case cohort.Ethnicity:
		return subject{"the person's ethnicity", "l'ethnicité de la personne", true, none}
	case cohort.LinkedVisit:
		return subject{"the type of the visit it belongs to", "le type de la visite correspondante", false, none}
	case cohort.Specialty:
		return subject{"the specialty of the provider", "la spécialité du professionnel de santé", true, none}
	case cohort.PlaceOfCare:
		return subject{"the type of the care site", "le type du lieu de soins", false, none}
	}
	panic(fmt.Sprintf("describe: no word for operand %d", o.Of))
}

// personSubjects names what a demographic tests.
func (t *teller) personSubjects(ix index) subjects {
	start, end := t.anchor(ix, false), t.anchor(ix, true)
	return func(o cohort.Operand) subject {
		switch o.Of {
		case cohort.StartDate:
			return subject{start.name, start.name, start.feminine, none}
		case cohort.EndDate:
			return subject{end.name, end.name, end.feminine, none}
		case cohort.AgeAtStart:
			return subject{"the person's age at " + start.name, "l'âge de la personne " + start.to, false, inYears}
		}
		return personSubject(o)
	}
}

// filter tells a test as a clause: a subject and what is said of it.
func (t *teller) filter(f cohort.Filter, name subjects) string {
	t.mark(noteMissing, true)
	o := cohort.OperandOf(f)
	t.mark(noteAge, o.Of == cohort.AgeAtStart || o.Of == cohort.AgeAtEnd)
	t.mark(noteEnds, o.Of == cohort.EndDate || o.Of == cohort.Length || o.Of == cohort.AgeAtEnd)
	t.mark(noteRatio, o.Of == cohort.Ratio)
	t.mark(noteVisit, o.Of == cohort.LinkedVisit)
	if _, ok := f.(cohort.AbnormalFilter); ok {
		low, high := cohort.AbnormalConcepts[0], cohort.AbnormalConcepts[1]
		return t.say("the numeric value is below the lower limit of normal or above the upper one, or the coded value is concept %d (abnormally low) or %d (abnormally high)",
			"la valeur numérique est inférieure à la borne inférieure de la normale ou supérieure à sa borne supérieure, ou la valeur codée est le concept %d (anormalement basse) ou %d (anormalement haute)", low, high)
	}
	s := name(o)
	var predicate string
	switch f := f.(type) {
	case cohort.DateFilter:
		predicate = t.dated(f, s.feminine)
	case cohort.NumberFilter:
		predicate = t.measured(f, s)
	case cohort.ConceptFilter:
		predicate = t.oneOf(f)
	case cohort.CodesetFilter:
		predicate = t.inSet(f, s.feminine)
	case cohort.TextFilter:
		predicate = t.text(f)
	default:
		panic("describe: a filter that cohort does not define")
	}
	return t.say(s.en, s.fr) + " " + predicate
}

func (t *teller) dated(f cohort.DateFilter, feminine bool) string {
	e := agree(feminine, "", "e")
	day, last := t.date(f.Value), t.date(f.Extent)
	switch f.Op {
	case cohort.Less:
		return t.say("is before %[2]s", "est antérieur%s au %s", e, day)
	case cohort.LessOrEqual:
		return t.say("is on or before %[2]s", "est antérieur%[1]s ou égal%[1]s au %[2]s", e, day)
	case cohort.Equal:
		return t.say("is %[2]s", "est le %[2]s", e, day)
	case cohort.NotEqual:
		return t.say("is not %[2]s", "n'est pas le %[2]s", e, day)
	case cohort.Greater:
		return t.say("is after %[2]s", "est postérieur%s au %s", e, day)
	case cohort.GreaterOrEqual:
		return t.say("is on or after %[2]s", "est postérieur%[1]s ou égal%[1]s au %[2]s", e, day)
	case cohort.Between:
		return t.say("is between %[2]s and %[3]s inclusive", "est compris%s entre le %s et le %s inclus", e, day, last) + t.reversed(f.Extent < f.Value, false)
	default:
		return t.say("is not between %[2]s and %[3]s inclusive", "n'est pas compris%s entre le %s et le %s inclus", e, day, last) + t.reversed(f.Extent < f.Value, true)
	}
}

// reversed warns of a range whose first bound is the greater one: read as
// written, nothing lies in it.
func (t *teller) reversed(is, negated bool) string {
	switch {
	case !is:
		return ""
	case negated:
		return t.say(" (in that order: every recorded value passes)", " (dans cet ordre : toute valeur renseignée convient)")
	}
	return t.say(" (in that order: no value passes)", " (dans cet ordre : aucune valeur ne convient)")
}

func (t *teller) measured(f cohort.NumberFilter, s subject) string {
	e := agree(s.feminine, "", "e")
	value := t.quantity(f.Value, s.in)
	switch f.Op {
	case cohort.Less:
		return t.say("is less than %[2]s", "est inférieur%s à %s", e, value)
	case cohort.LessOrEqual:
		return t.say("is at most %[2]s", "est inférieur%[1]s ou égal%[1]s à %[2]s", e, value)
	case cohort.Equal:
		return t.say("is exactly %[2]s", "est égal%s à %s", e, value)
	case cohort.NotEqual:
		return t.say("is not %[2]s", "est différent%s de %s", e, value)
	case cohort.Greater:
		return t.say("is more than %[2]s", "est supérieur%s à %s", e, value)
	case cohort.GreaterOrEqual:
		return t.say("is at least %[2]s", "est supérieur%[1]s ou égal%[1]s à %[2]s", e, value)
	case cohort.Between:
		return t.say("is between %[2]s and %[3]s inclusive", "est compris%s entre %s et %s inclus", e, t.decimal(f.Value), t.quantity(f.Extent, s.in)) + t.reversed(f.Extent < f.Value, false)
	default:
		return t.say("is not between %[2]s and %[3]s inclusive", "n'est pas compris%s entre %s et %s inclus", e, t.decimal(f.Value), t.quantity(f.Extent, s.in)) + t.reversed(f.Extent < f.Value, true)
	}
}

func (t *teller) oneOf(f cohort.ConceptFilter) string {
	var names []string
	for _, c := range f.Concepts {
		names = append(names, t.concept(c))
	}
	list := strings.Join(names, ", ")
	switch {
	case len(names) == 1 && f.Exclude:
		return t.say("is not concept %s", "n'est pas le concept %s", list)
	case len(names) == 1:
		return t.say("is concept %s", "est le concept %s", list)
	case f.Exclude:
		return t.say("is none of the concepts %s", "n'est aucun des concepts %s", list)
	}
	return t.say("is one of the concepts %s", "est l'un des concepts %s", list)
}

func (t *teller) inSet(f cohort.CodesetFilter, feminine bool) string {
	if f.Codeset != nil {
		t.mark(noteSets, true)
		if f.Exclude {
			return t.say("is not in %s", "n'est pas dans %s", t.set(*f.Codeset))
		}
		return t.say("is in %s", "est dans %s", t.set(*f.Codeset))
	}
	if !f.Exclude {
		return t.say("is recorded", agree(feminine, "est renseigné", "est renseignée"))
	}
	switch f.Operand.Of {
	case cohort.LinkedVisit:
		return t.say("is missing, the visit itself being known", "n'est pas renseigné, la visite elle-même étant connue")
	case cohort.PlaceOfCare:
		return t.say("is missing, the care site itself being known", "n'est pas renseigné, le lieu lui-même étant connu")
	case cohort.Specialty:
		return t.say("is missing, or the provider is unknown", "n'est pas renseignée, ou le professionnel est inconnu")
	}
	return t.say("is missing", agree(feminine, "n'est pas renseigné", "n'est pas renseignée"))
}

// text tells a LIKE pattern in words where it has no wildcard but one at either
// end.
func (t *teller) text(f cohort.TextFilter) string {
	t.mark(noteCase, true)
	inner, starts := strings.CutSuffix(f.Pattern, "%")
	inner, ends := strings.CutPrefix(inner, "%")
	text := t.quote(exact(inner))
	switch {
	case strings.ContainsAny(inner, "%_") || inner == "" && (starts || ends):
		t.mark(notePattern, true)
		if f.Exclude {
			return t.say("does not match the pattern %s", "ne correspond pas au modèle %s", t.quote(exact(f.Pattern)))
		}
		return t.say("matches the pattern %s", "correspond au modèle %s", t.quote(exact(f.Pattern)))
	case starts && ends && f.Exclude:
		return t.say("does not contain %s", "ne contient pas %s", text)
	case starts && ends:
		return t.say("contains %s", "contient %s", text)
	case starts && f.Exclude:
		return t.say("does not begin with %s", "ne commence pas par %s", text)
	case starts:
		return t.say("begins with %s", "commence par %s", text)
	case ends && f.Exclude:
		return t.say("does not end with %s", "ne se termine pas par %s", text)
	case ends:
		return t.say("ends with %s", "se termine par %s", text)
	case f.Exclude:
		return t.say("is not the text %s", "n'est pas le texte %s", text)
	}
	return t.say("is the text %s", "est le texte %s", text)
}
