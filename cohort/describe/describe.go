// Package describe tells a cohort definition in plain sentences, as the
// protocol of a study would state it, in English and in French.
//
// The text is exact: whatever can change the answer is said, as it is evaluated
// and not as its name in Circe suggests, and nothing else is said. Whoever reads
// it could write the definition again. It owns no meaning of its own (package
// cohort states it), and reads no file:
//
//	doc := describe.Definition(def, describe.French, describe.Names{})
//	fmt.Print(doc.Text())
//
// The model holds concepts by number; Names adds what the definition's file
// calls them. Names are shown beside the numbers and are not part of the
// meaning.
package describe

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"galien"
	"galien/cohort"
)

// Language is a language the text comes in, by its ISO 639-1 code.
type Language string

// The languages.
const (
	English Language = "en"
	French  Language = "fr"
)

// ParseLanguage reads "en" or "fr".
func ParseLanguage(s string) (Language, error) {
	switch l := Language(s); l {
	case English, French:
		return l, nil
	}
	return "", galien.Errorf(galien.Invalid, "unknown language %q; use en or fr", s)
}

// Names is what a definition's file calls things that the model leaves out.
type Names struct {
	// Title heads the text; "" for a general one.
	Title string
	// Concepts are names of concepts; a concept without one is told by number.
	Concepts map[galien.ConceptID]string
}

// Document is a definition told: sections in the order of their evaluation.
type Document struct {
	Title    string
	Sections []Section
}

// Section is one numbered part of a document.
type Section struct {
	Heading string
	Body    []Block
}

// Block is one sentence or several. Those of a section are paragraphs; Items
// are a list below the sentence that introduces it.
type Block struct {
	Text  string
	Items []Block
}

// Definition tells a definition that Validate accepts.
func Definition(def *cohort.Definition, lang Language, names Names) Document {
	t := &teller{lang: lang, def: def, names: names, sets: def.Codesets(), used: map[int]bool{}, noted: map[note]bool{}}
	t.nameSets()
	var told []Section
	section := func(en, fr string, body []Block) {
		if len(body) == 0 {
			return
		}
		for i := range body {
			body[i] = sentence(body[i])
		}
		told = append(told, Section{t.say(en, fr), body})
	}
	section("Entry events", "Événements d'entrée", t.entry())
	section("Additional criteria", "Critères supplémentaires", t.additional())
	section("Inclusion rules", "Critères d'inclusion", t.rules())
	section("Exit from the cohort", "Sortie de la cohorte", t.exit())
	section("Censoring events", "Événements de censure", t.censoring())
	section("Cohort periods", "Périodes de cohorte", t.collapse())
	section("Calendar window", "Fenêtre calendaire", t.censorWindow())
	section("How this is to be read", "Conventions de lecture", t.notes())
	// Concept sets come first in the text, and last in the telling: only now is
	// it known which are used.
	sections := told
	told = nil
	section("Concept sets", "Jeux de concepts", t.conceptSets())
	title := clean(names.Title)
	if title == "" {
		title = t.say("Cohort definition", "Définition de cohorte")
	}
	return Document{title, append(told, sections...)}
}

// teller tells one definition in one language.
type teller struct {
	lang  Language
	def   *cohort.Definition
	names Names
	sets  map[int]cohort.ConceptSet
	// called is how the text refers to each defined set.
	called map[int]string
	// used holds the sets that were referred to, noted what the conventions
	// have to explain.
	used  map[int]bool
	noted map[note]bool
}

// say formats the sentence of the teller's language.
func (t *teller) say(en, fr string, args ...any) string {
	if t.lang == French {
		return fmt.Sprintf(french(fr), args...)
	}
	return fmt.Sprintf(en, args...)
}

var frenchSpaces = strings.NewReplacer(" :", "\u00a0:", " ;", "\u00a0;", " ?", "\u00a0?", " !", "\u00a0!", "« ", "«\u00a0", " »", "\u00a0»", "n° ", "n°\u00a0")

// french puts no-break spaces where French typography asks for them.
func french(s string) string { return frenchSpaces.Replace(s) }

// sentence capitalises a block and its items and ends them with their sign.
func sentence(b Block) Block {
	first, size := utf8.DecodeRuneInString(b.Text)
	b.Text = string(unicode.ToUpper(first)) + b.Text[size:]
	if len(b.Items) == 0 {
		if !strings.HasSuffix(b.Text, ".") {
			b.Text += "."
		}
		return b
	}
	items := make([]Block, len(b.Items))
	for i, item := range b.Items {
		items[i] = sentence(item)
	}
	return Block{b.Text, items}
}

// clean makes one line of a name from a file, without control characters and
// without the marks that the text puts around names.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unprintable(r):
			return ' '
		case strings.ContainsRune(quotationMarks, r):
			return '"'
		}
		return r
	}, s)
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == ' ' }), " ")
}

const quotationMarks = "“”«»"

// unprintable are the runes that could make a text look like another.
func unprintable(r rune) bool {
	return unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp)
}

// exact writes a text that is compared, so that no two look the same.
func exact(s string) string {
	var w strings.Builder
	for _, r := range s {
		if unprintable(r) || r == '\\' || strings.ContainsRune(quotationMarks, r) {
			fmt.Fprintf(&w, "\\u%04X", r)
			continue
		}
		w.WriteRune(r)
	}
	return w.String()
}

// quote puts a name or text in the quotation marks of the language.
func (t *teller) quote(s string) string { return t.say("“%s”", "« %s »", s) }

func (t *teller) entry() []Block {
	var body []Block
	if len(t.def.Entry) == 1 {
		b := t.event(t.def.Entry[0])
		b.Text = t.say("the entry event is %s", "l'événement d'entrée est %s", b.Text)
		body = append(body, b)
	} else {
		b := Block{Text: t.say("each of the following events is an entry event:", "chacun des événements suivants est un événement d'entrée :")}
		for _, c := range t.def.Entry {
			b.Items = append(b.Items, t.event(c))
		}
		body = append(body, b)
	}
	observed := t.say("the index date is the start of the entry event; it lies in an observation period of the person",
		"la date index est le début de l'événement d'entrée ; elle se situe dans une période d'observation de la personne")
	var required []string
	if n := t.def.PriorDays; n != 0 {
		required = append(required, t.say("at least %s of continuous observation before it", "au moins %s d'observation continue avant", t.days(n))+t.alwaysMet(n < 0))
	}
	if n := t.def.PostDays; n != 0 {
		required = append(required, t.say("at least %s of continuous observation after it", "au moins %s d'observation continue après", t.days(n))+t.alwaysMet(n < 0))
	}
	if len(required) > 0 {
		observed = t.say("%s, with %s, in that same period", "%s, avec %s, dans cette même période", observed, t.and(required))
	}
	limits := Block{Text: t.limit(t.def.EntryLimit, t.say("entry events", "événements d'entrée"))}
	if t.def.EntryLimit != cohort.All {
		for _, c := range t.def.Entry {
			t.mark(noteUserOrder, c.UserStart != nil)
		}
	}
	return append(body, Block{Text: observed}, limits)
}

func (t *teller) alwaysMet(always bool) string {
	if !always {
		return ""
	}
	return t.say(" (which is always so)", " (ce qui est toujours le cas)")
}

// limit says which of each person's events are kept.
func (t *teller) limit(l cohort.Limit, events string) string {
	t.mark(noteTies, l != cohort.All)
	switch l {
	case cohort.First:
		return t.say("for each person, only the earliest of the %s is kept", "pour chaque personne, seul le plus précoce des %s est conservé", events)
	case cohort.Last:
		return t.say("for each person, only the latest of the %s is kept", "pour chaque personne, seul le plus tardif des %s est conservé", events)
	}
	return t.say("for each person, all %s are kept", "pour chaque personne, tous les %s sont conservés", events)
}

func (t *teller) additional() []Block {
	if t.def.Additional == nil {
		return nil
	}
	limit := Block{Text: t.limit(t.def.QualifiedLimit, t.say("events that qualify", "événements qui satisfont ces critères"))}
	if t.def.Additional.Empty() {
		return []Block{{Text: t.say("no condition is set: every entry event qualifies", "aucune condition n'est posée : tout événement d'entrée satisfait ces critères")}, limit}
	}
	header, items := t.groupOrOne(*t.def.Additional, index{})
	return []Block{{t.say("an entry event qualifies if %s", "un événement d'entrée satisfait ces critères si %s", header), items}, limit}
}

func (t *teller) rules() []Block {
	if len(t.def.Rules) == 0 {
		if t.def.ResultLimit == cohort.All {
			return nil
		}
		return []Block{{Text: t.say("there is no inclusion rule", "aucun critère d'inclusion n'est posé")},
			{Text: t.limit(t.def.ResultLimit, t.say("remaining events", "événements restants"))}}
	}
	intro := Block{Text: t.say("an event is included if it meets the following %s:", "un événement est inclus s'il satisfait %s :",
		t.plural(len(t.def.Rules), "rule", "%d rules", "le critère suivant", "les %d critères suivants"))}
	for i, r := range t.def.Rules {
		intro.Items = append(intro.Items, t.rule(i+1, r))
	}
	return []Block{intro, {Text: t.limit(t.def.ResultLimit, t.say("included events", "événements inclus"))}}
}

func (t *teller) rule(number int, r cohort.Rule) Block {
	name := t.say("rule %d", "critère %d", number)
	if n := clean(r.Name); n != "" {
		name = t.say("%s, %s", "%s, %s", name, t.quote(n))
	}
	if d := clean(r.Description); d != "" {
		t.mark(noteDescription, true)
		name = t.say("%s (%s)", "%s (%s)", name, t.quote(d))
	}
	if r.Group.Empty() {
		return Block{Text: t.say("%s: no condition is set, every event meets it", "%s : aucune condition n'est posée, tout événement le satisfait", name)}
	}
	header, items := t.group(r.Group, index{})
	if header == "" {
		return Block{t.say("%s:", "%s :", name), items}
	}
	return Block{t.say("%s: %s", "%s : %s", name, header), items}
}

func (t *teller) censoring() []Block {
	if len(t.def.Censoring) == 0 {
		return nil
	}
	b := Block{Text: t.say("a cohort period ends earlier, on the day it starts, with the first of the following events to start on or after the index date and within the same observation period:",
		"la période de cohorte se termine plus tôt, le jour de son début, au premier des événements suivants qui débute à la date index ou après elle, dans la même période d'observation :")}
	for _, c := range t.def.Censoring {
		b.Items = append(b.Items, t.event(c))
	}
	return []Block{b}
}

func (t *teller) collapse() []Block {
	if n := t.def.EraPad; n > 0 {
		return []Block{{Text: t.say("a person's cohort periods become one when they overlap, or when the next one starts at most %s after the one before has ended",
			"les périodes de cohorte d'une même personne sont réunies en une seule lorsqu'elles se chevauchent, ou lorsque la suivante débute au plus %s après la fin de la précédente", t.days(n))}}
	}
	return []Block{{Text: t.say("a person's cohort periods become one when they have a day in common",
		"les périodes de cohorte d'une même personne sont réunies en une seule lorsqu'elles ont un jour en commun")}}
}

func (t *teller) censorWindow() []Block {
	from, to := t.def.CensorStart, t.def.CensorEnd
	var span string
	switch {
	case from == nil && to == nil:
		return nil
	case to == nil:
		span = t.say("the days from %s on", "aux jours à partir du %s", t.date(*from))
	case from == nil:
		span = t.say("the days up to and including %s", "aux jours jusqu'au %s inclus", t.date(*to))
	default:
		span = t.say("the days from %s to %s inclusive", "aux jours du %s au %s inclus", t.date(*from), t.date(*to))
	}
	return []Block{{Text: t.say("the finished cohort periods are cut to %s; a period without any day among them is dropped",
		"les périodes de cohorte ainsi obtenues sont limitées %s ; une période qui n'en compte aucun est supprimée", span)}}
}
