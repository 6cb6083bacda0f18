package oracle

import (
	"galien"
	"galien/cohort"
)

// conceptSet is a set of concepts, resolved.
type conceptSet map[galien.ConceptID]bool

// vocabulary is the part of the vocabulary that concept sets need.
type vocabulary struct {
	// valid holds every concept of CONCEPT: whether it is still valid.
	valid map[galien.ConceptID]bool
	// descendants are those of CONCEPT_ANCESTOR, the concept itself among them
	// where the table says so.
	descendants map[galien.ConceptID][]galien.ConceptID
	// mapped are the concepts that valid 'Maps to' relationships lead from, by
	// the concept they lead to.
	mapped map[galien.ConceptID][]galien.ConceptID
}

func newVocabulary(tables map[string][]row) vocabulary {
	v := vocabulary{map[galien.ConceptID]bool{}, map[galien.ConceptID][]galien.ConceptID{}, map[galien.ConceptID][]galien.ConceptID{}}
	for _, r := range tables["concept"] {
		if id, ok := r.concept("concept_id"); ok {
			v.valid[id] = r.value("invalid_reason") == nil
		}
	}
	for _, r := range tables["concept_ancestor"] {
		ancestor, okA := r.concept("ancestor_concept_id")
		descendant, okD := r.concept("descendant_concept_id")
		if okA && okD {
			v.descendants[ancestor] = append(v.descendants[ancestor], descendant)
		}
	}
	for _, r := range tables["concept_relationship"] {
		if kind, _ := r.text("relationship_id"); kind != "Maps to" || r.value("invalid_reason") != nil {
			continue
		}
		from, okF := r.concept("concept_id_1")
		to, okT := r.concept("concept_id_2")
		if okF && okT {
			v.mapped[to] = append(v.mapped[to], from)
		}
	}
	return v
}

// resolve returns the concepts of a concept set: those its lines include less
// those they exclude.
func (v vocabulary) resolve(s cohort.ConceptSet) conceptSet {
	var included, excluded []cohort.ConceptItem
	for _, i := range s.Items {
		if i.Excluded {
			excluded = append(excluded, i)
		} else {
			included = append(included, i)
		}
	}
	set := v.expand(included)
	for c := range v.expand(excluded) {
		delete(set, c)
	}
	return set
}

// expand returns the concepts of some lines, descendants and mapped concepts
// added where a line asks for them.
func (v vocabulary) expand(items []cohort.ConceptItem) conceptSet {
	set := conceptSet{}
	for _, i := range items {
		if _, exists := v.valid[i.Concept]; exists {
			set[i.Concept] = true
		}
		if i.Descendants {
			for _, d := range v.validDescendants(i.Concept) {
				set[d] = true
			}
		}
		if i.Mapped {
			var targets []galien.ConceptID
			if _, exists := v.valid[i.Concept]; exists {
				targets = append(targets, i.Concept)
			}
			if i.Descendants {
				targets = append(targets, v.validDescendants(i.Concept)...)
			}
			for _, to := range targets {
				for _, from := range v.mapped[to] {
					set[from] = true
				}
			}
		}
	}
	return set
}

func (v vocabulary) validDescendants(c galien.ConceptID) []galien.ConceptID {
	var list []galien.ConceptID
	for _, d := range v.descendants[c] {
		if v.valid[d] {
			list = append(list, d)
		}
	}
	return list
}
