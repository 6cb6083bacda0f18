package sqlplan

import (
	"fmt"
	"strings"

	"galien"
	"galien/cohort"
)

// ResolveSets returns the query that resolves concept sets: codeset_id,
// concept_id, each pair once. The rules are Circe's: a listed concept counts
// when CONCEPT has it; a descendant when its own row there is valid; a mapped
// one over valid "Maps to" rows; excluded lines are resolved alike and taken off.
func ResolveSets(sets []cohort.ConceptSet, rel Relation) string {
	var parts []string
	for _, s := range sets {
		included := expand(s.Items, false, rel)
		if included == "" {
			continue
		}
		query := "(" + included + ")"
		if excluded := expand(s.Items, true, rel); excluded != "" {
			query += " EXCEPT (" + excluded + ")"
		}
		parts = append(parts, fmt.Sprintf("SELECT %d AS codeset_id, concept_id FROM (%s)", s.ID, query))
	}
	if len(parts) == 0 {
		return "SELECT 0 AS codeset_id, CAST(0 AS BIGINT) AS concept_id WHERE false"
	}
	return strings.Join(parts, "\nUNION ALL\n") + "\nORDER BY 1, 2"
}

// expand returns the concepts of the lines that are excluded, or of those that
// are not; "" when there is none.
func expand(items []cohort.ConceptItem, excluded bool, rel Relation) string {
	var listed, ancestors, mapped, mappedAncestors []galien.ConceptID
	for _, i := range items {
		if i.Excluded != excluded {
			continue
		}
		listed = append(listed, i.Concept)
		if i.Descendants {
			ancestors = append(ancestors, i.Concept)
		}
		if i.Mapped {
			mapped = append(mapped, i.Concept)
			if i.Descendants {
				mappedAncestors = append(mappedAncestors, i.Concept)
			}
		}
	}
	if len(listed) == 0 {
		return ""
	}
	query := closure(listed, ancestors, rel)
	if len(mapped) > 0 {
		query += fmt.Sprintf("\nUNION SELECT CR.concept_id_1 FROM (%s) M JOIN %s CR ON CR.concept_id_2 = M.concept_id AND CR.relationship_id = 'Maps to' AND CR.invalid_reason IS NULL",
			closure(mapped, mappedAncestors, rel), rel("concept_relationship"))
	}
	return query
}

func closure(listed, ancestors []galien.ConceptID, rel Relation) string {
	query := fmt.Sprintf("SELECT concept_id FROM %s WHERE concept_id IN (%s)", rel("concept"), list(listed))
	if len(ancestors) > 0 {
		query += "\nUNION " + descendants(ancestors, rel)
	}
	return query
}

// descendants returns the query of the valid descendants of concepts, the
// concepts themselves included where concept_ancestor says so.
func descendants(of []galien.ConceptID, rel Relation) string {
	return fmt.Sprintf("SELECT C.concept_id FROM %s C JOIN %s CA ON CA.descendant_concept_id = C.concept_id WHERE C.invalid_reason IS NULL AND CA.ancestor_concept_id IN (%s)",
		rel("concept"), rel("concept_ancestor"), list(of))
}
