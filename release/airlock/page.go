package airlock

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"

	"galien"
	"galien/ledger"
)

//go:embed register.html.tmpl
var pageText string

// words are the texts of one language of the page.
type words struct {
	Lang, Heading, Intro, Empty, Caption, Number, Date, Title, Purpose, Permit, Files, Reviewed, Table, JSON string
	Kinds                                                                                                    map[string]string
	// NoScorecard says that there is no scorecard, and Why why; Judged, of how many
	// numbers the ledger said what.
	NoScorecard, Judged string
	Why                 map[string]string
}

// Of says how many numbers of a group the ledger judged.
func (w words) Of(r *ledger.Reviewed) string {
	return fmt.Sprintf(w.Judged, r.Numbers, r.Judged, r.Unjudged(), r.Unread)
}

var pageWords = []words{
	{
		Lang: "fr", Heading: "Registre public des sorties",
		Intro:   "Tout ce qui est sorti de cet entrepôt de données de santé : quand, pourquoi, sous quelle autorisation, et l'empreinte SHA-256 de chaque fichier. Rien n'y désigne une personne.",
		Empty:   "Rien n'est encore sorti.",
		Caption: "Les sorties, de la plus récente à la plus ancienne",
		Number:  "Numéro", Date: "Date", Title: "Titre", Purpose: "Finalité", Permit: "Autorisation", Files: "Fichiers et empreintes",
		Reviewed: "Contrôles automatiques, puis deux relecteurs qui ne voient pas leurs avis respectifs", Table: "Tableau d'effectifs passé par le contrôle de divulgation, sans intervention humaine",
		JSON:        "Le même registre existe en JSON : galien airlock register HUB --out register.json.",
		Kinds:       map[string]string{"research": "recherche", "public-health": "santé publique", "quality": "qualité des soins", "management": "pilotage", "steward": "tenue des données"},
		NoScorecard: "Pas d'épreuve d'attaques :",
		Judged:      "Nombres de personnes ou d'événements : %d ; déjà jugés par le registre : %d ; non jugés, seulement comparés à ce qui est déjà sorti : %d. Autres fichiers de nombres, lus par les seuls relecteurs : %d.",
		Why:         map[string]string{NoTable: "aucun tableau d'effectifs par catégories n'en sort, et aucune attaque ne lit autre chose", NoneThen: "le groupe a été soumis avant qu'il y en ait"},
	},
	{
		Lang: "en", Heading: "Public register of what left",
		Intro:   "Everything that left this health data hub: when, why, under which permit, and the SHA-256 of each file. Nothing here names a person.",
		Empty:   "Nothing has left yet.",
		Caption: "What left, newest first",
		Number:  "Number", Date: "Date", Title: "Title", Purpose: "Purpose", Permit: "Permit", Files: "Files and hashes",
		Reviewed: "Automatic checks, then two reviewers who do not see each other's verdict", Table: "A table of counts that passed disclosure control, by machine alone",
		JSON:        "The same register exists as JSON: galien airlock register HUB --out register.json.",
		Kinds:       map[string]string{"research": "research", "public-health": "public health", "quality": "quality of care", "management": "management", "steward": "data stewardship"},
		NoScorecard: "No scorecard:",
		Judged:      "Numbers of persons or events: %d; judged by the ledger before: %d; not judged, only compared with what left before: %d. Other files of numbers, read by the reviewers alone: %d.",
		Why:         map[string]string{NoTable: NoTable, NoneThen: NoneThen},
	},
}

var page = template.Must(template.New("register").Parse(pageText))

// Page writes the register as a page for everybody: French and English, no
// script, nothing fetched from elsewhere.
func Page(entries []Entry) ([]byte, error) {
	newest := make([]Entry, 0, len(entries))
	for i := len(entries) - 1; i >= 0; i-- {
		newest = append(newest, entries[i])
	}
	var b bytes.Buffer
	if err := page.Execute(&b, map[string]any{"Languages": pageWords, "Entries": newest}); err != nil {
		return nil, galien.Errorf(galien.Internal, "airlock: write the register: %w", err)
	}
	return b.Bytes(), nil
}

// JSON writes the register for machines.
func JSON(entries []Entry) ([]byte, error) {
	b, err := document(struct {
		Format  int     `json:"format"`
		Entries []Entry `json:"entries"`
	}{format, entries})
	if err != nil {
		return nil, fmt.Errorf("write the register: %w", err)
	}
	return b, nil
}
