package describe

import (
	"galien/cohort"
)

// index is the event that windows are measured from: the entry event, or the
// event of the criterion that a group is nested in.
type index struct {
	nested bool
	noun   noun
}

// anchor is a day that a window is measured from.
type anchor struct {
	name     string // "the index date", "le début de ce diagnostic"
	on       string // "on the index date", "le jour du début de ce diagnostic"
	of, to   string // French only: "de la date index", "à la date index"; "du début", "au début"
	feminine bool
}

func (t *teller) anchor(ix index, end bool) anchor {
	that := t.that(ix.noun)
	switch {
	case !ix.nested && !end:
		return t.feminine(t.say("the index date", "la date index"), t.say("on the index date", "à la date index"))
	case !ix.nested:
		return t.feminine(t.say("the end of the entry event", "la fin de l'événement d'entrée"), t.say("on the day the entry event ends", "le jour de la fin de l'événement d'entrée"))
	case end:
		return t.feminine(t.say("the end of %s", "la fin de %s", that), t.say("on the day %s ends", "le jour de la fin de %s", that))
	}
	return anchor{name: t.say("the start of %s", "le début de %s", that), on: t.say("on the day %s starts", "le jour du début de %s", that),
		of: "du début de " + that, to: "au début de " + that}
}

// feminine is an anchor whose French name is feminine.
func (t *teller) feminine(name, on string) anchor {
	return anchor{name: name, on: on, of: "de " + name, to: "à " + name, feminine: true}
}

// included and excluded say whether the anchor's own day belongs to a span.
func (t *teller) included(a anchor) string {
	return t.say("(included)", agree(a.feminine, "(inclus)", "(incluse)"))
}

func (t *teller) excluded(a anchor) string {
	return t.say("(excluded)", agree(a.feminine, "(exclu)", "(exclue)"))
}

// window tells which date of an event is to lie where.
func (t *teller) window(w cohort.Window, ix index, everywhere bool) string {
	if everywhere && w.Start.Open && w.End.Open {
		return t.say("at any time", "à tout moment")
	}
	t.mark(noteEnds, w.EventEnd || w.IndexEnd)
	verb := t.say("starting", "débutant")
	if w.EventEnd {
		verb = t.say("ending", "se terminant")
	}
	text := verb + " " + t.span(w.Start, w.End, t.anchor(ix, w.IndexEnd), everywhere)
	if w.EventEnd && w.End.Open && !w.End.Before && !everywhere && !(w.Start.Open && w.Start.Before) {
		text += t.say(", and by the end of the observation period", ", et au plus tard à la fin de la période d'observation")
	}
	return text
}

// span tells the days between two bounds. An open bound is that of the
// observation period, or none at all where that is ignored.
func (t *teller) span(from, to cohort.Bound, a anchor, everywhere bool) string {
	fromOpen := from.Open && (from.Before || everywhere)
	toOpen := to.Open && (!to.Before || everywhere)
	switch {
	case from.Open && to.Open && from.Before == to.Before && !everywhere:
		if from.Before {
			return t.say("on the first day of the observation period", "le premier jour de la période d'observation")
		}
		return t.say("on the last day of the observation period", "le dernier jour de la période d'observation")
	case from.Open && !fromOpen || to.Open && !toOpen:
		return t.say("between %s and %s, both included", "entre %s et %s inclus", t.place(from, a), t.place(to, a))
	case fromOpen && toOpen:
		return t.say("at any time in the observation period", "à tout moment de la période d'observation")
	case fromOpen:
		return t.until(to.Days, a)
	case toOpen:
		return t.since(from.Days, a)
	}
	return t.between(from.Days, to.Days, a)
}

// place names one bound, for spans that no shorter phrase fits.
func (t *teller) place(b cohort.Bound, a anchor) string {
	switch {
	case b.Open && b.Before:
		return t.say("the start of the observation period", "le début de la période d'observation")
	case b.Open:
		return t.say("the end of the observation period", "la fin de la période d'observation")
	}
	return t.offset(b.Days, a)
}

// offset names the day that lies some days from an anchor.
func (t *teller) offset(days int, a anchor) string {
	switch {
	case days == 0:
		return a.name
	case days > 0:
		return t.say("%s after %s", "%s après %s", t.days(days), a.name)
	default:
		return t.say("%s before %s", "%s avant %s", t.days(-days), a.name)
	}
}

func (t *teller) until(days int, a anchor) string {
	switch days {
	case -1:
		return t.say("at any time before %[1]s", "à tout moment avant %s %s", a.name, t.excluded(a))
	case 0:
		return t.say("at any time on or before %[1]s", "à tout moment jusqu'%[3]s %[2]s", a.name, t.included(a), a.to)
	}
	return t.say("at any time up to %s", "à tout moment jusqu'à %s", t.offset(days, a))
}

func (t *teller) since(days int, a anchor) string {
	switch days {
	case 0:
		return t.say("at any time on or after %[1]s", "à tout moment à partir %[3]s %[2]s", a.name, t.included(a), a.of)
	case 1:
		return t.say("at any time after %[1]s", "à tout moment après %s %s", a.name, t.excluded(a))
	}
	return t.say("at any time from %s on", "à tout moment à partir de %s", t.offset(days, a))
}

// between tells a span of days with two bounds.
func (t *teller) between(from, to int, a anchor) string {
	switch {
	case from > to:
		return t.say("no earlier than %s and no later than %s, which no day is", "au plus tôt %s et au plus tard %s, ce qu'aucun jour ne vérifie", t.at(from, a), t.at(to, a))
	case from == to:
		return t.at(from, a)
	case from == 0 && to == 1:
		return t.say("%s or the day after", "%s ou le lendemain", a.on)
	case from == -1 && to == 0:
		return t.say("%s or the day before", "%s ou la veille", a.on)
	case from == 0:
		return t.say("from %[1]s to %[2]s after it", "dans les %[2]s suivant %[1]s %[3]s", a.name, t.days(to), t.included(a))
	case from == 1:
		return t.say("in the %s after %s %s", "dans les %s suivant %s %s", t.days(to), a.name, t.excluded(a))
	case to == 0:
		return t.say("in the %s before %s %s", "dans les %s précédant %s %s", t.days(-from), a.name, t.included(a))
	case to == -1:
		return t.say("in the %s before %s %s", "dans les %s précédant %s %s", t.days(-from), a.name, t.excluded(a))
	case from > 0:
		return t.say("from %d to %s after %s", "de %d à %s après %s", from, t.days(to), a.name)
	case to < 0:
		return t.say("from %d to %s before %s", "de %d à %s avant %s", -from, t.days(-to), a.name)
	default:
		return t.say("from %s before %s to %s after it", "entre %s avant %s et %s après (bornes incluses)", t.days(-from), a.name, t.days(to))
	}
}

// at names a single day.
func (t *teller) at(days int, a anchor) string {
	switch days {
	case 0:
		return a.on
	case 1:
		return t.say("on the day after %[2]s", "le lendemain %[1]s", a.of, a.name)
	case -1:
		return t.say("on the day before %[2]s", "la veille %[1]s", a.of, a.name)
	}
	if days > 0 {
		return t.say("exactly %s after %s", "exactement %s après %s", t.days(days), a.name)
	}
	return t.say("exactly %s before %s", "exactement %s avant %s", t.days(-days), a.name)
}
