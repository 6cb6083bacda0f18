package describe

import (
	"slices"

	"galien/cohort"
)

// note is something of the evaluation that the sentences take as known, told
// once at the end where a definition depends on it.
type note uint8

const (
	noteSets note = iota
	noteDescendants
	noteMapped
	noteExclusion
	noteNames
	noteDescription
	noteFirst
	noteTies
	noteUserOrder
	noteObserved
	noteMissing
	noteAge
	noteVisit
	noteRatio
	noteCase
	notePattern
	noteDistinct
	noteAdjusted
	noteUserPeriod
	noteEnds
	noteCount // the number of notes
)

// conventions are the notes in both languages.
var conventions = [noteCount][2]string{
	noteSets: {"an event is of a concept set, named in quotation marks, when its standard concept is in it, unless its source concept is mentioned",
		"un événement relève d'un jeu de concepts, nommé entre guillemets, lorsque son concept standard en fait partie, sauf mention du concept source"},
	noteDescendants: {"the descendants of a concept are those of the vocabulary's hierarchy that are still valid", "les descendants d'un concept sont ceux de la hiérarchie du vocabulaire qui sont encore valides"},
	noteMapped:      {"a concept is mapped to another by a valid relationship “Maps to” of the vocabulary", "un concept est mis en correspondance avec un autre par une relation « Maps to » valide du vocabulaire"},
	noteExclusion:   {"within a concept set, what is excluded is out even where another line includes it", "dans un jeu de concepts, ce qui est exclu l'est même si une autre ligne l'inclut"},
	noteNames:       {"names of concepts in parentheses are those that the definition's file gives; the number decides", "les noms de concepts entre parenthèses sont ceux du fichier de la définition ; le numéro fait foi"},
	noteDescription: {"the text in parentheses after the name of a rule is its author's and is not evaluated", "le texte entre parenthèses après le nom d'un critère est celui de son auteur et n'est pas évalué"},
	noteFirst: {"the first event in a person's history is looked for before any of its other conditions is tested, by its recorded start, in observation or not",
		"le premier événement dans l'histoire d'une personne est cherché avant l'examen de ses autres conditions, d'après son début enregistré, en période d'observation ou en dehors"},
	noteTies: {"of events that start on the same day, the one with the lowest identifier is taken", "parmi des événements débutant le même jour, celui dont l'identifiant est le plus petit est retenu"},
	noteUserOrder: {"entry events are put in order by their start as it was before a date of the definition took its place",
		"les événements d'entrée sont ordonnés selon leur début tel qu'il était avant qu'une date de la définition n'en tienne lieu"},
	noteObserved: {"unless stated otherwise, an event counts only if it starts in the same observation period as the event it is compared with, and a span without a first or last day goes from the start or to the end of that period",
		"sauf mention contraire, un événement ne compte que s'il débute dans la même période d'observation que l'événement auquel il est rapporté, et un intervalle sans premier ou dernier jour commence ou se termine avec cette période"},
	noteMissing: {"a missing value meets no condition, not even a negative one, unless it is asked for", "une valeur manquante ne remplit aucune condition, même négative, sauf si elle est demandée"},
	noteAge:     {"an age is the calendar year of the day less the year of birth", "un âge est l'année civile du jour considéré moins l'année de naissance"},
	noteVisit:   {"the visit of an event is the one of the same person that its record names", "la visite correspondant à un événement est celle de la même personne que son enregistrement désigne"},
	noteRatio:   {"a ratio to zero is a missing value", "un rapport à zéro est une valeur manquante"},
	noteCase:    {"texts are compared with upper and lower case as written", "les textes sont comparés en distinguant majuscules et minuscules"},
	notePattern: {"in a pattern, %% stands for any text, even none, and _ for any one character", "dans un modèle, %% remplace un texte quelconque, même vide, et _ un caractère quelconque"},
	noteDistinct: {"a count of distinct values leaves out missing ones",
		"un décompte de valeurs distinctes laisse de côté les valeurs manquantes"},
	noteAdjusted: {"an event whose dates are replaced keeps them for everything that follows; it is left out where one is missing or where the end precedes the start",
		"un événement dont les dates sont remplacées les garde pour toute la suite ; il est écarté si l'une manque ou si la fin précède le début"},
	noteUserPeriod: {"the conditions of a period are tested on its own dates, before a date of the definition takes their place",
		"les conditions d'une période sont examinées sur ses propres dates, avant qu'une date de la définition n'en tienne lieu"},
}

func (t *teller) mark(n note, when bool) {
	if when {
		t.noted[n] = true
	}
}

// notes tells the conventions that the text depends on.
func (t *teller) notes() []Block {
	// Concept sets are told later, and their conventions belong here.
	t.conceptSets()
	var list []Block
	for n := range noteCount {
		switch {
		case !t.noted[n]:
		case n == noteEnds:
			list = append(list, t.endings()...)
		default:
			list = append(list, Block{Text: t.say(conventions[n][0], conventions[n][1])})
		}
	}
	return list
}

// endings tells the end of events whose record has none, for the kinds of event
// of the definition.
func (t *teller) endings() []Block {
	byEnding := map[cohort.Ending][]string{}
	for _, c := range t.def.Criteria() {
		n := nounOf(c.Domain)
		name := t.say(n.ens, n.frs)
		if !slices.Contains(byEnding[c.Domain.Ends], name) {
			byEnding[c.Domain.Ends] = append(byEnding[c.Domain.Ends], name)
		}
	}
	var list []Block
	for _, e := range []struct {
		of     cohort.Ending
		en, fr string
	}{
		{cohort.NextDay, "where no end is recorded, %s end on the day after their start", "sans fin enregistrée, les %s se terminent le lendemain de leur début"},
		{cohort.DaysSupply, "where no end is recorded, %s end on their start plus their days of supply, or without these on the day after their start",
			"sans fin enregistrée, les %s se terminent à leur début augmenté des jours de traitement fournis, à défaut le lendemain de leur début"},
		{cohort.NoEnd, "where no end is recorded, %s have none and meet no condition on it", "sans fin enregistrée, les %s n'ont pas de fin et ne remplissent aucune condition sur celle-ci"},
		{cohort.FarFuture, "where no end is recorded, %s end on 31 December 2099", "sans fin enregistrée, les %s se terminent le 31 décembre 2099"},
	} {
		if names := byEnding[e.of]; len(names) > 0 {
			slices.Sort(names)
			list = append(list, Block{Text: t.say(e.en, e.fr, t.and(names))})
		}
	}
	return list
}
