package review

import (
	"fmt"
	"strings"
)

// Rules returns every rule, in the order of the page.
func Rules() []Rule { return append([]Rule(nil), rules...) }

var ruleByID = func() map[string]Rule {
	m := map[string]Rule{}
	for _, r := range rules {
		m[r.ID] = r
	}
	return m
}()

var rules = []Rule{
	// Concept sets.
	{
		ID: "undefined-set", Level: Error, Looks: "a reference to a concept set that the definition does not have",
		problem: Text{"Concept set %[1]d is not defined; it stands for no concept at all.",
			"Le jeu de concepts %[1]d n'est pas défini ; il ne désigne aucun concept."},
		remedy: Text{"Add the set, or refer to one that is defined.", "Ajoutez le jeu, ou désignez un jeu défini."},
	},
	{
		ID: "empty-set", Level: Error, Looks: "a concept set in use that includes no concept",
		problem: Text{"Concept set %[1]s includes no concept, so what refers to it selects nothing.",
			"Le jeu de concepts %[1]s n'inclut aucun concept : ce qui le désigne ne sélectionne rien."},
		remedy: Text{"Add the concepts that are meant.", "Ajoutez les concepts voulus."},
	},
	{
		ID: "unused-set", Level: Warning, Looks: "a concept set that nothing refers to",
		problem: Text{"Concept set %[1]s is not used.", "Le jeu de concepts %[1]s n'est pas utilisé."},
		remedy: Text{"Remove it, or use it in the criterion that it was made for.",
			"Supprimez-le, ou utilisez-le dans le critère pour lequel il a été fait."},
	},
	{
		ID: "repeated-set", Level: Warning, Looks: "two concept sets in use with the same lines",
		problem: Text{"Concept set %[1]s has the same lines as %[2]s (%[3]s).",
			"Le jeu de concepts %[1]s a les mêmes lignes que %[2]s (%[3]s)."},
		remedy: Text{"Keep one of them, or correct the one that was to differ.",
			"N'en gardez qu'un, ou corrigez celui qui devait différer."},
	},
	{
		ID: "excluded-line", Level: Warning, Looks: "a concept that one line of a set includes and another takes out again, with all that the first one added",
		problem: Text{"Concept %[1]d is included and excluded in the same set (line %[2]d); nothing of the included line remains.",
			"Le concept %[1]d est inclus et exclu dans le même jeu (ligne %[2]d) ; il ne reste rien de la ligne incluse."},
		remedy: Text{"Remove one of the two lines.", "Supprimez l'une des deux lignes."},
	},
	{
		ID: "repeated-line", Level: Hint, Looks: "the same line twice in a concept set",
		problem: Text{"Concept %[1]d has the same line twice in this set (line %[2]d).",
			"Le concept %[1]d figure deux fois à l'identique dans ce jeu (ligne %[2]d)."},
		remedy: Text{"Remove one of them.", "Supprimez l'une des deux."},
	},
	{
		ID: "other-domain", Level: Warning, Looks: "a concept set whose concepts all belong to other OMOP domains than the criterion's table, as the file states them",
		problem: Text{"The concepts of set %[1]s are of the domain %[2]s; %[3]s does not hold them.",
			"Les concepts du jeu %[1]s sont du domaine %[2]s ; %[3]s n'en contient pas."},
		remedy: Text{"Use the criterion of that domain, or the set that was meant.",
			"Utilisez le critère de ce domaine, ou le jeu voulu."},
	},

	// Criteria.
	{
		ID: "whole-domain", Level: Warning, Looks: "a criterion with neither a concept set nor a test of what happened; any death, visit or place is left alone",
		problem: Text{"This criterion names no concept set: it takes every row of %[1]s.",
			"Ce critère ne désigne aucun jeu de concepts : il prend toutes les lignes de %[1]s."},
		remedy: Text{"Give it a concept set; keep it as it is where any record will do.",
			"Donnez-lui un jeu de concepts ; laissez-le tel quel si n'importe quel enregistrement convient."},
	},
	{
		ID: "empty-text", Level: Warning, Looks: "a text test with an empty text",
		problem: Text{"The text to look for is empty.", "Le texte cherché est vide."},
		remedy:  Text{"Write the text, or remove the test.", "Écrivez le texte, ou supprimez le test."},
	},
	{
		ID: "empty-range", Level: Error, Looks: "a range whose bounds are swapped",
		problem: Text{"The range goes from %[1]v to %[2]v, which is backwards: nothing lies in it.",
			"L'intervalle va de %[1]v à %[2]v, donc à l'envers : rien ne s'y trouve."},
		remedy: Text{"Swap the two bounds.", "Échangez les deux bornes."},
	},
	{
		ID: "gap-days", Level: Warning, Looks: "a test of a drug era's gap days, which Circe compares with the range of its length",
		problem: Text{"Gap days are compared with the range given for the era's length, whatever range is given here.",
			"Les jours d'interruption sont comparés à l'intervalle donné pour la durée de l'épisode, quel que soit celui donné ici."},
		remedy: Text{"Remove the test; no definition can limit gap days alone.", "Supprimez ce test ; aucune définition ne peut limiter les seuls jours d'interruption."},
	},
	{
		ID: "impossible-value", Level: Error, Looks: "a range of ages, lengths or counts that no value can lie in",
		problem: Text{"No value meets this test: what it tests is %[1]s.", "Aucune valeur ne satisfait ce test : ce qu'il teste est %[1]s."},
		remedy:  Text{"Correct the bound or the operator.", "Corrigez la borne ou l'opérateur."},
	},
	{
		ID: "idle-range", Level: Hint, Looks: "a range of ages, lengths or counts that every value lies in",
		problem: Text{"Every value meets this test: what it tests is %[1]s. It only leaves out rows where the value is missing.",
			"Toute valeur satisfait ce test : ce qu'il teste est %[1]s. Il n'écarte que les lignes où la valeur manque."},
		remedy: Text{"Remove it, or correct the bound.", "Supprimez-le, ou corrigez la borne."},
	},
	{
		ID: "backward-dates", Level: Error, Looks: "dates of an event of which the end comes before the start",
		problem: Text{"The end that is asked for comes before the start: no event is left.",
			"La fin demandée précède le début : il ne reste aucun événement."},
		remedy: Text{"Correct the dates or the offsets.", "Corrigez les dates ou les décalages."},
	},

	// Windows.
	{
		ID: "backward-window", Level: Error, Looks: "a window that starts after it ends",
		problem: Text{"The window goes from %[1]s to %[2]s, which is backwards: no day lies in it.",
			"La fenêtre va de %[1]s à %[2]s, donc à l'envers : elle ne contient aucun jour."},
		remedy: Text{"Correct \"before\" and \"after\" (Coeff -1 and 1), or the days.",
			"Corrigez « avant » et « après » (Coeff -1 et 1), ou les jours."},
	},
	{
		ID: "edge-window", Level: Warning, Looks: "a window that starts at the end of observation, or ends at its start",
		problem: Text{"The window goes from %[1]s to %[2]s: hardly anything but the very edge of observation lies in it.",
			"La fenêtre va de %[1]s à %[2]s : elle ne contient guère que le bord de l'observation."},
		remedy: Text{"\"All days\" before is an open bound with Coeff -1, and after with Coeff 1: correct it.",
			"« Tous les jours » avant est une borne ouverte avec Coeff -1, et après avec Coeff 1 : corrigez-la."},
	},
	{
		ID: "windows-apart", Level: Error, Looks: "a start and an end window that no event meets together",
		problem: Text{"No event lies both in the start window and in the end window.",
			"Aucun événement ne se trouve à la fois dans la fenêtre de début et dans celle de fin."},
		remedy: Text{"Widen one of them, or remove the end window.", "Élargissez l'une d'elles, ou supprimez la fenêtre de fin."},
	},
	{
		ID: "unobserved-days", Level: Hint, Looks: "the absence of an event asked for over more days than PriorDays or PostDays guarantee to be observed",
		problem: Text{"The event must be absent up to %[1]d days %[2]s, but only %[3]d of them are sure to be observed: a person not yet or no longer observed passes.",
			"L'événement doit être absent jusqu'à %[1]d jours %[2]s, mais seuls %[3]d jours sont sûrement observés : une personne pas encore ou plus observée passe."},
		remedy: Text{"Ask for that many days of observation (%[4]s), or say that you accept it.",
			"Exigez autant de jours d'observation (%[4]s), ou dites que vous l'acceptez."},
	},
	{
		ID: "death-before", Level: Warning, Looks: "a death that is asked for before the index event",
		problem: Text{"A death is asked for before the index event, which only records of the dead have.",
			"Un décès est exigé avant l'événement index : seuls des enregistrements postérieurs au décès y répondent."},
		remedy: Text{"Look for the death after the event, or ask for its absence.", "Cherchez le décès après l'événement, ou exigez son absence."},
	},
	{
		ID: "after-death", Level: Warning, Looks: "an event that is asked for after an entry event that is a death",
		problem: Text{"The entry event is a death, and this event is asked for after it.",
			"L'événement d'entrée est un décès, et cet événement est exigé après lui."},
		remedy: Text{"Look for the event before the death.", "Cherchez l'événement avant le décès."},
	},
	{
		ID: "no-shared-visit", Level: Error, Looks: "\"during the same visit\" between events of which one has no visit",
		problem: Text{"The same visit is asked for, but %[1]s belongs to no visit: nothing is found.",
			"Le même séjour est exigé, mais %[1]s n'appartient à aucun séjour : rien n'est trouvé."},
		remedy: Text{"Remove RestrictVisit and use a window of days.", "Supprimez RestrictVisit et utilisez une fenêtre de jours."},
	},

	// Counts and groups.
	{
		ID: "impossible-count", Level: Error, Looks: "a count that is never reached: negative, or several of what is at most one (a first event, a death, distinct values of a constant)",
		problem: Text{"The count %[1]d is never reached: %[2]s.", "Le nombre %[1]d n'est jamais atteint : %[2]s."},
		remedy:  Text{"Correct the count, or what is counted.", "Corrigez le nombre, ou ce qui est compté."},
	},
	{
		ID: "idle-count", Level: Warning, Looks: "a count that always holds, such as at least 0",
		problem: Text{"This count always holds, whether the event is there or not.",
			"Ce nombre est toujours atteint, que l'événement soit présent ou non."},
		remedy: Text{"Write \"at least 1\" or \"exactly 0\", or remove the criterion.", "Écrivez « au moins 1 » ou « exactement 0 », ou supprimez le critère."},
	},
	{
		ID: "impossible-group", Level: Error, Looks: "a group that asks for more members than it has, or for fewer than none",
		problem: Text{"The group asks for %[1]s %[2]d of its %[3]d members, which is never so.",
			"Le groupe exige %[1]s %[2]d de ses %[3]d membres, ce qui n'arrive jamais."},
		remedy: Text{"Correct the count, or add the members that are missing.", "Corrigez le nombre, ou ajoutez les membres qui manquent."},
	},
	{
		ID: "idle-group", Level: Warning, Looks: "a group whose count always holds, such as at least 0",
		problem: Text{"The group asks for %[1]s %[2]d of its %[3]d members, which is always so.",
			"Le groupe exige %[1]s %[2]d de ses %[3]d membres, ce qui est toujours vrai."},
		remedy: Text{"Correct the count, or remove the group.", "Corrigez le nombre, ou supprimez le groupe."},
	},
	{
		ID: "empty-group", Level: Warning, Looks: "an inclusion rule, additional criteria or a group inside one without any criterion",
		problem: Text{"There is no criterion here: every event passes.", "Il n'y a aucun critère ici : tout événement passe."},
		remedy:  Text{"Add the criteria, or remove it.", "Ajoutez les critères, ou supprimez-le."},
	},
	{
		ID: "empty-demographic", Level: Warning, Looks: "a demographic criterion without any test",
		problem: Text{"This demographic criterion tests nothing: everyone meets it.", "Ce critère démographique ne teste rien : tout le monde le satisfait."},
		remedy:  Text{"Add a test of age, sex or date, or remove it.", "Ajoutez un test d'âge, de sexe ou de date, ou supprimez-le."},
	},
	{
		ID: "contradiction", Level: Error, Looks: "two criteria that must both hold, alike but for counts that exclude one another; inclusion rules are compared with one another and with the additional criteria",
		problem: Text{"This criterion and %[1]s ask for different counts of the same events, and both must hold: nobody passes.",
			"Ce critère et %[1]s exigent des nombres incompatibles des mêmes événements, et les deux doivent être vrais : personne ne passe."},
		remedy: Text{"Correct one of the counts or windows, or let either of the two do (ANY).", "Corrigez l'un des nombres ou l'une des fenêtres, ou acceptez l'un des deux (ANY)."},
	},
	{
		ID: "contradicting-demographics", Level: Error, Looks: "ages or sexes that must all hold and that nobody has; the ages of the entry events are among them",
		problem: Text{"Nobody has %[1]s that meets this criterion and the others at once.",
			"Personne n'a %[1]s qui satisfasse à la fois ce critère et les autres."},
		remedy: Text{"Correct one of them.", "Corrigez l'un d'eux."},
	},
	{
		ID: "repeated-criterion", Level: Warning, Looks: "the same member twice in a group",
		problem: Text{"This is the same as %[1]s of the same group.", "Ceci est identique à %[1]s du même groupe."},
		remedy:  Text{"Remove one of the two, or correct the one that was to differ.", "Supprimez l'un des deux, ou corrigez celui qui devait différer."},
	},
	{
		ID: "repeated-entry", Level: Warning, Looks: "the same entry event twice",
		problem: Text{"This entry event is the same as CriteriaList[%[1]d].", "Cet événement d'entrée est identique à CriteriaList[%[1]d]."},
		remedy:  Text{"Remove one of the two, or correct the one that was to differ.", "Supprimez l'un des deux, ou corrigez celui qui devait différer."},
	},
	{
		ID: "repeated-rule", Level: Warning, Looks: "an inclusion rule that asks for the same as another one, or as the additional criteria",
		problem: Text{"This rule asks for the same as %[1]s and leaves nobody more out.", "Cette règle exige la même chose que %[1]s et n'écarte personne de plus."},
		remedy:  Text{"Remove one of the two, or correct the one that was to differ.", "Supprimez l'une des deux, ou corrigez celle qui devait différer."},
	},

	// Limits, exit and censoring.
	{
		ID: "contradicting-limits", Level: Warning, Looks: "a limit (First or Last) after another one that has already left a single event per person, the other way round",
		problem: Text{"Only the %[1]s event of each person is left at this point; the limit %[2]s has nothing to choose from.",
			"Il ne reste ici que l'événement %[1]s de chaque personne ; la limite %[2]s n'a rien à choisir."},
		remedy: Text{"Keep all events before, or give the two limits the same direction.", "Gardez tous les événements auparavant, ou donnez le même sens aux deux limites."},
	},
	{
		ID: "negative-days", Level: Warning, Looks: "a number of days that is negative where a length is meant",
		problem: Text{"%[1]d days is a negative length.", "%[1]d jours est une durée négative."},
		remedy:  Text{"Write a number of days of 0 or more.", "Écrivez un nombre de jours positif ou nul."},
	},
	{
		ID: "exit-before-start", Level: Error, Looks: "an exit that comes before the start of the period",
		problem: Text{"The exit is %[1]d days from the start: every period ends before it starts and is dropped.",
			"La sortie est à %[1]d jours du début : chaque période finit avant de commencer et est écartée."},
		remedy: Text{"Write a positive number of days, or count from the end of the event.", "Écrivez un nombre de jours positif, ou comptez depuis la fin de l'événement."},
	},
	{
		ID: "one-day-periods", Level: Hint, Looks: "an exit on the day of the start",
		problem: Text{"Every period ends on the day it starts.", "Chaque période finit le jour où elle commence."},
		remedy:  Text{"Right for counting events; give days where persons are to be followed.", "Convient pour compter des événements ; donnez des jours s'il faut suivre les personnes."},
	},
	{
		ID: "no-exit", Level: Hint, Looks: "several entry events for each person and no exit: the first one lasts to the end of observation",
		problem: Text{"All events enter and none of them has an exit: from the first one on, a person stays to the end of observation, and later events change nothing.",
			"Tous les événements entrent et aucun n'a de sortie : dès le premier, la personne reste jusqu'à la fin de l'observation, et les suivants ne changent rien."},
		remedy: Text{"Choose an exit, or keep the first event only.", "Choisissez une sortie, ou ne gardez que le premier événement."},
	},
	{
		ID: "exit-without-drug", Level: Warning, Looks: "an exit by drug era whose drug no entry event is an exposure to",
		problem: Text{"Periods end with the era of drug %[1]s, but no entry event is an exposure to it: an era that does not cover the start ends nothing.",
			"Les périodes finissent avec l'épisode du médicament %[1]s, mais aucun événement d'entrée n'en est une exposition : un épisode qui ne couvre pas le début ne termine rien."},
		remedy: Text{"Use the set of the drug that persons enter by, or another exit.", "Utilisez le jeu du médicament d'entrée, ou une autre sortie."},
	},
	{
		ID: "immediate-censoring", Level: Error, Looks: "a censoring event that every event of an entry criterion is, too",
		problem: Text{"Every event of PrimaryCriteria.CriteriaList[%[1]d] is also a censoring event: the period ends on the day it starts.",
			"Tout événement de PrimaryCriteria.CriteriaList[%[1]d] est aussi un événement de censure : la période finit le jour où elle commence."},
		remedy: Text{"Censor by another event, or move the censoring event's dates (DateAdjustment).", "Censurez par un autre événement, ou décalez ses dates (DateAdjustment)."},
	},
	{
		ID: "backward-censor-window", Level: Error, Looks: "a censor window that ends before it starts",
		problem: Text{"The censor window goes from %[1]s to %[2]s, which is backwards: no period is left.",
			"La fenêtre de censure va de %[1]s à %[2]s, donc à l'envers : il ne reste aucune période."},
		remedy: Text{"Swap the two dates.", "Échangez les deux dates."},
	},
}

// Page returns docs/check.md.
func Page() string {
	var b strings.Builder
	b.WriteString(`# What a review of a definition looks for

` + "`galien cohort check FILE.json`" + ` reads a definition as a careful colleague does. It
needs no hub and no data: every finding follows from the definition alone.
` + "`--lang fr`" + ` answers in French, ` + "`--json`" + ` for programs.

An **error** selects nobody or cannot mean what was intended; the command's exit
code is then 2. A **warning** is probably a mistake. A **hint** is worth a look.
Of the 1,100 published definitions of OHDSI's phenotype library none has an
error, and one in twenty has a warning.

With ` + "`--json`" + ` the answer is one object: ` + "`file`, `hash` (of the definition), `errors`,\n`warnings`, `hints` (their numbers) and `findings`, each with `level`, `rule`,\n`path`, `problem` and `remedy`" + `.

This page is written from the rules
(` + "`go test ./cohort/review -run TestPage -update`" + `).

| rule | level | looks for |
|---|---|---|
`)
	for _, r := range rules {
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", r.ID, r.Level, r.Looks)
	}
	return b.String()
}
