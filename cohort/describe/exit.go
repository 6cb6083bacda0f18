package describe

import "galien/cohort"

// exit tells when a cohort period ends.
func (t *teller) exit() []Block {
	observed := t.say("the end of the observation period in which the index date lies", "la fin de la période d'observation dans laquelle se situe la date index")
	switch x := t.def.Exit.(type) {
	case nil:
		return []Block{{Text: t.say("the cohort period runs from the index date to %s", "la période de cohorte va de la date index à %s", observed)}}
	case cohort.DateOffset:
		a := t.anchor(index{}, x.FromEnd)
		last := t.offset(x.Days, a)
		if !x.FromEnd {
			last = t.fromIndex(x.Days)
		}
		body := []Block{{Text: t.say("the cohort period runs from the index date to %s, at the latest to %s", "la période de cohorte va de la date index à %s, au plus tard à %s", last, observed)}}
		if x.FromEnd || x.Days < 0 {
			t.mark(noteEnds, x.FromEnd)
			body = append(body, Block{Text: t.say("an entry event that has no exit on or after its index date is dropped", "un événement d'entrée sans sortie à la date index ou après elle est écarté")})
		}
		return body
	case cohort.DrugEra:
		return t.drugEra(x, observed)
	}
	panic("describe: an exit that cohort does not define")
}

// fromIndex names a day some days from the index date just mentioned.
func (t *teller) fromIndex(days int) string {
	switch {
	case days == 0:
		return t.say("that same day", "ce même jour")
	case days > 0:
		return t.say("%s after it", "%s après celle-ci", t.days(days))
	default:
		return t.say("%s before it", "%s avant celle-ci", t.days(-days))
	}
}

func (t *teller) drugEra(x cohort.DrugEra, observed string) []Block {
	drugs := t.set(x.Codeset)
	steps := Block{Text: t.say("continuous exposure to %s is made of drug exposures as follows:", "l'exposition continue à %s se construit à partir des expositions médicamenteuses :", drugs),
		Items: []Block{{Text: t.say("exposures whose concept or source concept is in %s are taken", "les expositions dont le concept ou le concept source est dans %s sont prises en compte", drugs)}}}
	lasts := t.say("each lasts to its recorded end, without one to its start plus its days of supply, and without these to the day after its start",
		"chacune dure jusqu'à sa fin enregistrée, à défaut jusqu'à son début augmenté des jours de traitement fournis, à défaut jusqu'au lendemain de son début")
	if x.DaysForce != nil {
		lasts = t.say("each lasts to its start plus %s, whatever its recorded end", "chacune dure jusqu'à son début augmenté de %s, quelle que soit sa fin enregistrée", t.days(*x.DaysForce))
	}
	steps.Items = append(steps.Items, Block{Text: lasts})
	switch n := x.Offset; {
	case n > 0:
		steps.Items = append(steps.Items, Block{Text: t.plural(n, "%d day is added to each end", "%d days are added to each end", "%d jour est ajouté à chaque fin", "%d jours sont ajoutés à chaque fin")})
	case n < 0:
		steps.Items = append(steps.Items, Block{Text: t.plural(-n, "%d day is taken from each end", "%d days are taken from each end", "%d jour est retiré de chaque fin", "%d jours sont retirés de chaque fin")})
	}
	joined := t.say("exposures join when they have a day in common", "les expositions qui ont un jour en commun sont réunies")
	if x.GapDays > 0 {
		joined = t.say("exposures join when the next one starts at most %s after the latest end so far", "les expositions sont réunies lorsque la suivante débute au plus %s après la fin la plus tardive des précédentes", t.days(x.GapDays))
	}
	steps.Items = append(steps.Items, Block{Text: joined})
	return []Block{
		{Text: t.say("the cohort period runs from the index date to the end of the continuous exposure to %s that covers the index date, at the latest to %s; where no exposure covers it, to that end of observation",
			"la période de cohorte va de la date index à la fin de l'exposition continue à %s qui couvre la date index, au plus tard à %s ; si aucune exposition ne la couvre, jusqu'à cette fin d'observation", drugs, observed)},
		steps,
	}
}
