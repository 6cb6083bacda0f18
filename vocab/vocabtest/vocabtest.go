// Package vocabtest writes invented vocabularies in the form of an Athena
// download, for tests: the files, the separators and the dates are as Athena has
// them, and every concept, name and mapping is made up.
//
//	v := vocabtest.French()
//	v.Concept(710000090, "SNOMED", "Condition", "S", "90")
//	v.MapsTo(v.ID("CIM10", "I40.9"), 710000090)
//	dir := v.Write(t)
package vocabtest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Vocabulary is the rows of a download, by file.
type Vocabulary struct {
	Files map[string][]string
	known map[string]bool // vocabularies
	codes map[string]int  // "CIM10 I40.9" -> id
	next  int
}

// headers are the files with their columns, as Athena writes them.
var headers = map[string]string{
	"CONCEPT.csv":              "concept_id concept_name domain_id vocabulary_id concept_class_id standard_concept concept_code valid_start_date valid_end_date invalid_reason",
	"CONCEPT_ANCESTOR.csv":     "ancestor_concept_id descendant_concept_id min_levels_of_separation max_levels_of_separation",
	"CONCEPT_CLASS.csv":        "concept_class_id concept_class_name concept_class_concept_id",
	"CONCEPT_RELATIONSHIP.csv": "concept_id_1 concept_id_2 relationship_id valid_start_date valid_end_date invalid_reason",
	"CONCEPT_SYNONYM.csv":      "concept_id concept_synonym_name language_concept_id",
	"DOMAIN.csv":               "domain_id domain_name domain_concept_id",
	"DRUG_STRENGTH.csv":        "drug_concept_id ingredient_concept_id amount_value amount_unit_concept_id numerator_value numerator_unit_concept_id denominator_value denominator_unit_concept_id box_size valid_start_date valid_end_date invalid_reason",
	"RELATIONSHIP.csv":         "relationship_id relationship_name is_hierarchical defines_ancestry reverse_relationship_id relationship_concept_id",
	"VOCABULARY.csv":           "vocabulary_id vocabulary_name vocabulary_reference vocabulary_version vocabulary_concept_id",
}

// New returns a download with a version and no concept but that of "None".
func New(version string) *Vocabulary {
	v := &Vocabulary{Files: map[string][]string{}, known: map[string]bool{}, codes: map[string]int{}, next: 710_000_000}
	for name, columns := range headers {
		v.Files[name] = []string{strings.ReplaceAll(columns, " ", "\t")}
	}
	v.known["None"] = true
	v.row("VOCABULARY.csv", "None", "an invented vocabulary", "invented", version, "0")
	v.Concept(0, "None", "Metadata", "", "No matching concept")
	v.row("DOMAIN.csv", "Condition", "Condition", "19")
	v.row("CONCEPT_CLASS.csv", "invented", "invented", "0")
	v.row("RELATIONSHIP.csv", "Maps to", "is translated to", "0", "0", "Mapped from", "0")
	return v
}

func (v *Vocabulary) row(file string, fields ...string) {
	v.Files[file] = append(v.Files[file], strings.Join(fields, "\t"))
}

// Concept adds a concept with its vocabulary; standard is "S", "C" or "".
func (v *Vocabulary) Concept(id int, vocabulary, domain, standard, code string) {
	if !v.known[vocabulary] {
		v.known[vocabulary] = true
		v.row("VOCABULARY.csv", vocabulary, "invented, in place of "+vocabulary, "invented", vocabulary+" of the test", "0")
	}
	v.codes[vocabulary+" "+code] = id
	v.row("CONCEPT.csv", fmt.Sprint(id), `the "name" of `+code, domain, vocabulary, "invented", standard, code, "19700101", "20991231", "")
}

// Code adds a source concept, and its translations where there are some.
func (v *Vocabulary) Code(vocabulary, domain, code string, standard ...int) {
	v.next++
	v.Concept(v.next, vocabulary, domain, "", code)
	for _, s := range standard {
		v.MapsTo(v.next, s)
	}
}

// ID returns the concept of a code.
func (v *Vocabulary) ID(vocabulary, code string) int { return v.codes[vocabulary+" "+code] }

// MapsTo adds a translation and its reverse.
func (v *Vocabulary) MapsTo(from, to int) {
	v.row("CONCEPT_RELATIONSHIP.csv", fmt.Sprint(from), fmt.Sprint(to), "Maps to", "19700101", "20991231", "")
	v.row("CONCEPT_RELATIONSHIP.csv", fmt.Sprint(to), fmt.Sprint(from), "Mapped from", "19700101", "20991231", "")
}

// Above adds a line of the hierarchy.
func (v *Vocabulary) Above(ancestor, descendant, levels int) {
	v.row("CONCEPT_ANCESTOR.csv", fmt.Sprint(ancestor), fmt.Sprint(descendant), fmt.Sprint(levels), fmt.Sprint(levels))
}

// Write writes the files into a new folder.
func (v *Vocabulary) Write(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	for name, lines := range v.Files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// Standard concepts of French.
const (
	Myocarditis = 710_900_001
	HeartIll    = 710_900_002 // above Myocarditis
	Session     = 710_900_003
	Drug        = 710_900_004
	Tumour      = 710_900_005
	Withdrawn   = 710_900_006
	Breast      = 710_900_007
	Excision    = 710_900_008
	Pill        = 710_900_009
	OtherPill   = 710_900_010
)

// French returns a download that has some French codes:
//   - four codes of I40 and one outside of it have one translation;
//   - Z51.1 has two, and so has the CIP7 9961793;
//   - C50.9 is translated by the CIM10 and, otherwise, by the WHO's edition; C18.9
//     by the latter alone;
//   - R07.4 leads to a withdrawn concept, O80.0 to one that is not standard, and
//     K57.3 has a translation that was taken back: none is translated.
func French() *Vocabulary {
	v := New("v5.0 of the test")
	for id, domain := range map[int]string{Myocarditis: "Condition", HeartIll: "Condition", Session: "Observation", Drug: "Condition", Tumour: "Condition", Breast: "Condition",
		Excision: "Procedure", Pill: "Drug", OtherPill: "Drug"} {
		v.Concept(id, "OMOP Extension", domain, "S", fmt.Sprint("X", id))
		v.Above(id, id, 0)
	}
	v.row("CONCEPT.csv", fmt.Sprint(Withdrawn), "withdrawn", "Condition", "OMOP Extension", "invented", "S", "X0", "19700101", "20200101", "D")
	v.Above(HeartIll, Myocarditis, 1)
	for _, code := range []string{"I40.0", "I40.1", "I40.8", "I40.9", "I51.4"} {
		v.Code("CIM10", "Condition", code, Myocarditis)
	}
	v.Code("CIM10", "Condition", "I40")
	v.Code("CIM10", "Observation", "Z51.1", Session, Drug)
	v.Code("CIM10", "Condition", "C50.9", Breast)
	v.Code("CIM10", "Condition", "C18.9")
	v.Code("CIM10", "Condition", "R07.4", Withdrawn)
	v.Code("CIM10", "Condition", "O80.0", v.ID("CIM10", "I40"))
	v.Code("CIM10", "Condition", "K57.3")
	v.row("CONCEPT_RELATIONSHIP.csv", fmt.Sprint(v.ID("CIM10", "K57.3")), fmt.Sprint(Tumour), "Maps to", "19700101", "20200101", "D")
	v.Code("ICD10", "Condition", "C50.9", Tumour)
	v.Code("ICD10", "Condition", "C18.9", Tumour)
	v.Code("CCAM", "Procedure", "DEQP003", Excision)
	v.Code("CCAM", "Procedure", "PAQK001")
	v.Code("BDPM", "Drug", "9960687", Pill)
	v.Code("BDPM", "Drug", "9961793", Pill, OtherPill)
	v.Concept(711_000_000, "ATC", "Drug", "C", "G03HA01")
	v.Above(711_000_000, Pill, 1)
	return v
}
