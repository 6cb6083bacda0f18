package circe

import (
	"encoding/json"

	"galien"
)

// Names is what the JSON of a definition calls things, and the model leaves out.
type Names struct {
	Title    string // of WebAPI's envelope; "" without one
	Concepts map[galien.ConceptID]string
}

// ReadNames finds the names in the JSON of a definition that Read accepts. They
// have no part in its meaning: what is no name is passed over.
func ReadNames(b []byte) Names {
	names := Names{Concepts: map[galien.ConceptID]string{}}
	var v any
	if json.Unmarshal(b, &v) != nil {
		return names
	}
	if top, ok := v.(map[string]any); ok {
		names.Title, _ = top["name"].(string)
	}
	names.collect(v)
	return names
}

// collect keeps one name of each concept: of several, the first by alphabet.
func (n Names) collect(v any) {
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			n.collect(item)
		}
	case map[string]any:
		id, hasID := v["CONCEPT_ID"].(float64)
		name, hasName := v["CONCEPT_NAME"].(string)
		if hasID && hasName {
			key := galien.ConceptID(id)
			if old, ok := n.Concepts[key]; !ok || name < old {
				n.Concepts[key] = name
			}
		}
		for _, member := range v {
			n.collect(member)
		}
	}
}
