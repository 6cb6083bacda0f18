package describe

import (
	"galien/cohort"
)

// kind tells the events that a criterion's concept sets select, after a noun in
// the number that count asks for.
func (t *teller) kind(c cohort.Criterion) string {
	n := nounOf(c.Domain)
	var text string
	switch {
	case c.Codeset != nil:
		t.mark(noteSets, true)
		text = t.say(" "+n.of+" %s", " "+n.ofs+" %s", t.set(*c.Codeset))
	case c.Domain.Concept != "" && c.SourceCodeset == nil:
		text = t.say(" of any kind", " de tout type")
		if c.Domain.Name == "Death" {
			text = t.say(" from any cause", " de toute cause")
		}
	}
	if c.SourceCodeset != nil {
		text += t.say(" with a source concept in %s", " avec un concept source dans %s", t.set(*c.SourceCodeset))
	}
	return text
}

// event tells one event of a criterion with its conditions.
func (t *teller) event(c cohort.Criterion) Block {
	n := nounOf(c.Domain)
	text := t.a(n) + t.kind(c)
	which := t.say("for which", agree(n.feminine, "pour lequel", "pour laquelle"))
	if c.First {
		t.mark(noteFirst, true)
		t.mark(noteTies, true)
		text = t.say("the first "+n.en+"%s in the person's history", agree(n.feminine, "le premier ", "la première ")+n.fr+"%s dans l'histoire de la personne", t.kind(c))
		which = t.say("kept only if", agree(n.feminine, "retenu seulement si", "retenue seulement si"))
	}
	return t.under(text, which, t.conditions(c))
}

// under puts conditions below what they apply to: one within the sentence,
// several in a list.
func (t *teller) under(text, which string, conditions []Block) Block {
	switch {
	case len(conditions) == 0:
		return Block{Text: text}
	case len(conditions) == 1:
		return Block{t.say("%s, %s %s", "%s, %s %s", text, which, conditions[0].Text), conditions[0].Items}
	}
	return Block{t.say("%s, %s all of the following hold:", "%s, %s toutes les conditions suivantes sont remplies :", text, which), conditions}
}

// conditions are the tests of a criterion, in the order of their evaluation.
func (t *teller) conditions(c cohort.Criterion) []Block {
	var list []Block
	if c.Adjust != nil {
		list = append(list, Block{Text: t.adjustment(*c.Adjust, c.Domain)})
	}
	for _, f := range c.Filters {
		list = append(list, Block{Text: t.filter(f, criterionSubjects(c.Domain))})
	}
	if c.UserStart != nil || c.UserEnd != nil {
		t.mark(noteUserPeriod, true)
		list = append(list, Block{Text: t.userPeriod(c)})
	}
	if c.Nested != nil && !c.Nested.Empty() {
		n := nounOf(c.Domain)
		header, items := t.groupOrOne(*c.Nested, index{true, n})
		list = append(list, Block{t.say("the start lies in an observation period and, relative to this event, %s",
			"le début se situe dans une période d'observation et, par rapport à cet événement, %s", header), items})
	}
	return list
}

// adjustment tells the dates that stand for an event's own.
func (t *teller) adjustment(a cohort.DateAdjustment, d *cohort.Domain) string {
	t.mark(noteEnds, true)
	t.mark(noteAdjusted, true)
	startWithEnd, endWithEnd := a.StartWithEnd, a.EndWithEnd
	if d.FixedAdjust {
		startWithEnd, endWithEnd = false, true
	}
	return t.say("%s is taken as its start and %s as its end", "%s tient lieu de début et %s tient lieu de fin", t.moved(startWithEnd, a.StartOffset), t.moved(endWithEnd, a.EndOffset))
}

func (t *teller) moved(end bool, days int) string {
	a := anchor{name: t.say("the recorded start", "le début enregistré")}
	if end {
		a = anchor{name: t.say("the recorded end", "la fin enregistrée"), feminine: true}
	}
	if days == 0 {
		return a.name
	}
	return t.say("the day %s", "le jour situé %s", t.offset(days, a))
}

// userPeriod tells the dates of a definition's own that replace a period's.
func (t *teller) userPeriod(c cohort.Criterion) string {
	t.mark(noteEnds, true)
	switch {
	case c.UserEnd == nil:
		return t.say("the period covers %s, which then counts as its start", "la période couvre le %s, qui tient ensuite lieu de début", t.date(*c.UserStart))
	case c.UserStart == nil:
		return t.say("the period covers %s, which then counts as its end", "la période couvre le %s, qui tient ensuite lieu de fin", t.date(*c.UserEnd))
	}
	return t.say("the period covers %s, which then counts as its start, and %s, which then counts as its end",
		"la période couvre le %s, qui tient ensuite lieu de début, et le %s, qui tient ensuite lieu de fin", t.date(*c.UserStart), t.date(*c.UserEnd))
}

// group returns what introduces a group's members, and the members; "" where
// there is one member only, which says it all.
func (t *teller) group(g cohort.Group, ix index) (header string, members []Block) {
	for _, c := range g.Correlated {
		members = append(members, t.correlated(c, ix))
	}
	for _, d := range g.Demographics {
		members = append(members, t.demographic(d, ix))
	}
	for _, s := range g.Groups {
		members = append(members, t.subgroup(s, ix))
	}
	n := len(members)
	switch {
	case g.Type == cohort.AllOf && n == 1, g.Type == cohort.AnyOf && n == 1:
		return "", members
	case g.Type == cohort.AllOf:
		return t.say("all of the following %d conditions hold:", "les %d conditions suivantes sont toutes remplies :", n), members
	case g.Type == cohort.AnyOf:
		return t.say("at least one of the following %d conditions holds:", "au moins une des %d conditions suivantes est remplie :", n), members
	}
	of := t.say("the following %d conditions", "des %d conditions suivantes", n)
	if n == 1 {
		of = t.say("the following conditions (a single one)", "des conditions suivantes (une seule est posée)")
	}
	if g.Type == cohort.AtMost && g.Count == 0 {
		return t.say("none of %s holds:", "aucune %s n'est remplie :", of), members
	}
	if g.Type == cohort.AtMost {
		return t.say("at most %d of %s %s:", "au plus %d %s %s :", g.Count, of, t.plural(g.Count, "holds", "hold", "est remplie", "sont remplies")), members
	}
	return t.say("at least %d of %s %s%s:", "au moins %d %s %s%s :", g.Count, of, t.plural(g.Count, "holds", "hold", "est remplie", "sont remplies"), t.alwaysMet(g.Count <= 0)), members
}

// groupOrOne is group with words for a single member too.
func (t *teller) groupOrOne(g cohort.Group, ix index) (header string, members []Block) {
	header, members = t.group(g, ix)
	if header == "" {
		header = t.say("the following holds:", "la condition suivante est remplie :")
	}
	return header, members
}

func (t *teller) subgroup(g cohort.Group, ix index) Block {
	if g.Empty() {
		return Block{Text: t.say("no condition is set, which always holds", "aucune condition n'est posée, ce qui est toujours le cas")}
	}
	header, members := t.group(g, ix)
	if header == "" {
		return members[0]
	}
	return Block{header, members}
}

// demographic tells the tests of the person at the index event.
func (t *teller) demographic(d cohort.Demographic, ix index) Block {
	var clauses []Block
	for _, f := range d.Filters {
		clauses = append(clauses, Block{Text: t.filter(f, t.personSubjects(ix))})
	}
	switch len(clauses) {
	case 0:
		return Block{Text: t.say("nothing is asked of the person, which always holds", "rien n'est demandé de la personne, ce qui est toujours le cas")}
	case 1:
		return clauses[0]
	}
	return Block{t.say("all of the following %d conditions hold:", "les %d conditions suivantes sont toutes remplies :", len(clauses)), clauses}
}

// correlated tells how many events of a criterion are to lie where.
func (t *teller) correlated(c cohort.Correlated, ix index) Block {
	n := nounOf(c.Criterion.Domain)
	text := t.occurrence(c, n) + " "
	if c.Criterion.First {
		t.mark(noteFirst, true)
		t.mark(noteTies, true)
		text += t.say("(counting only the first in the person's history) ", agree(n.feminine,
			"(en ne comptant que le premier dans l'histoire de la personne) ", "(en ne comptant que la première dans l'histoire de la personne) "))
	}
	text += t.window(c.StartWindow, ix, c.IgnoreObservationPeriod)
	unbounded := func(w cohort.Window) bool { return c.IgnoreObservationPeriod && w.Start.Open && w.End.Open }
	if w := c.EndWindow; w != nil && !unbounded(*w) {
		text += t.say(" and ", " et ") + t.window(*w, ix, c.IgnoreObservationPeriod)
	}
	if c.RestrictVisit {
		visit := t.say("the entry event", "l'événement d'entrée")
		if ix.nested {
			visit = t.that(ix.noun)
		}
		text += t.say(", during the same visit as %s", ", pendant la même visite que %s", visit)
	}
	if c.IgnoreObservationPeriod {
		text += t.say(", inside or outside the observation period", ", dans la période d'observation ou en dehors")
	} else {
		t.mark(noteObserved, true)
	}
	which := t.say("for which", agree(n.feminine, "pour lequel", "pour laquelle"))
	if c.Count >= 2 || c.Distinct != nil {
		which = t.say("for which", agree(n.feminine, "pour lesquels", "pour lesquelles"))
	}
	return t.under(text, which, t.conditions(c.Criterion))
}

// occurrence tells the count and what is counted.
func (t *teller) occurrence(c cohort.Correlated, n noun) string {
	k := c.Criterion
	if c.Distinct != nil {
		t.mark(noteDistinct, true)
		t.mark(noteEnds, *c.Distinct == cohort.CountEndDate || *c.Distinct == "DURATION")
		v, remark := t.counted(k, *c.Distinct)
		among := t.say(n.ens, n.frs) + t.kind(k) + remark
		if c.Count == 0 && c.Occurrence != cohort.NoLessThan {
			return t.say("no "+v.en+" recorded among the %s", agree(v.feminine, "aucun ", "aucune ")+v.fr+agree(v.feminine, " renseigné", " renseignée")+" parmi les %s", among)
		}
		distinct := t.plural(c.Count, "distinct "+v.en, "distinct "+v.ens,
			v.fr+agree(v.feminine, " distinct", " distincte"), v.frs+agree(v.feminine, " distincts", " distinctes"))
		return t.say("%s %s%s among the %s", "%s %s%s parmi les %s", t.howMany(c), distinct, t.noneToo(c, v.feminine), among)
	}
	if c.Count == 0 && c.Occurrence != cohort.NoLessThan {
		return t.say("no "+n.en+"%s", agree(n.feminine, "aucun ", "aucune ")+n.fr+"%s", t.kind(k))
	}
	return t.say("%s %s%s%s", "%s %s%s%s", t.howMany(c), t.number(n, c.Count), t.kind(k), t.noneToo(c, n.feminine))
}

func (t *teller) howMany(c cohort.Correlated) string {
	switch c.Occurrence {
	case cohort.Exactly:
		return t.say("exactly %d", "exactement %d", c.Count)
	case cohort.NoMoreThan:
		return t.say("at most %d", "au plus %d", c.Count)
	}
	return t.say("at least %d", "au moins %d", c.Count)
}

// noneToo says where a count holds without any event.
func (t *teller) noneToo(c cohort.Correlated, feminine bool) string {
	switch {
	case c.Occurrence == cohort.NoMoreThan && c.Count > 0:
		return t.say(" (possibly none)", agree(feminine, " (éventuellement aucun)", " (éventuellement aucune)"))
	case c.Occurrence == cohort.NoLessThan && c.Count <= 0:
		return t.alwaysMet(true)
	}
	return ""
}

// countedWord is what a distinct count counts, one and several.
type countedWord struct {
	en, ens, fr, frs string
	feminine         bool
}

var countedWords = map[cohort.CountColumn]countedWord{
	cohort.CountStartDate:     {"start date", "start dates", "date de début", "dates de début", true},
	cohort.CountEndDate:       {"end date", "end dates", "date de fin", "dates de fin", true},
	cohort.CountVisit:         {"visit", "visits", "visite", "visites", true},
	cohort.CountDomainConcept: {"concept", "concepts", "concept", "concepts", false},
	"DURATION":                {"length", "lengths", "durée", "durées", true},
	"ERA_OCCURRENCES":         {"number of occurrences", "numbers of occurrences", "nombre d'occurrences", "nombres d'occurrences", false},
	"QUANTITY":                {"quantity", "quantities", "quantité", "quantités", true},
	"DAYS_SUPPLY":             {"number of days of supply", "numbers of days of supply", "nombre de jours de traitement fournis", "nombres de jours de traitement fournis", false},
	"REFILLS":                 {"number of refills", "numbers of refills", "nombre de renouvellements", "nombres de renouvellements", false},
	"UNIT":                    {"unit", "units", "unité", "unités", true},
	"VALUE_AS_NUMBER":         {"numeric value", "numeric values", "valeur numérique", "valeurs numériques", true},
	"GAP_DAYS":                {"number of days without exposure", "numbers of days without exposure", "nombre de jours sans exposition", "nombres de jours sans exposition", false},
	"RANGE_LOW":               {"lower limit of normal", "lower limits of normal", "borne inférieure de la normale", "bornes inférieures de la normale", true},
	"RANGE_HIGH":              {"upper limit of normal", "upper limits of normal", "borne supérieure de la normale", "bornes supérieures de la normale", true},
}

// columnWords are count columns that mean something else in some domains, by
// the column of the table.
var columnWords = map[string]countedWord{
	"payer_concept_id":       {"payer", "payers", "payeur", "payeurs", false},
	"period_type_concept_id": {"type of record", "types of record", "type d'enregistrement", "types d'enregistrement", false},
	"dose_value":             {"dose", "doses", "dose", "doses", true},
}

// counted returns the word for what a distinct count counts, and a remark where
// Circe does not count what the word says.
func (t *teller) counted(c cohort.Criterion, column cohort.CountColumn) (w countedWord, remark string) {
	w, ok := countedWords[column]
	if !ok {
		panic("describe: no word for the column " + string(column))
	}
	switch o := c.Domain.CountColumns[column]; {
	case o.Constant:
		return w, t.say(" (whose lengths all count as the same)", " (dont toutes les durées comptent pour la même)")
	case o.NoneAsZero:
		return w, t.say(" (a missing one counting as concept 0)", " (un concept manquant comptant comme le concept 0)")
	default:
		if own, ok := columnWords[o.Column]; ok {
			w = own
		}
		return w, ""
	}
}
