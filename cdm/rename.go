package cdm

// renamed maps the column names of OMOP CDM 5.3, by table, to those of 5.4.
// cost.reveue_code_source_value is the spelling of the published 5.3 table
// definitions.
var renamed = map[string]map[string]string{
	"cost": {
		"reveue_code_source_value": "revenue_code_source_value",
	},
	"visit_detail": {
		"admitting_source_concept_id": "admitted_from_concept_id",
		"admitting_source_value":      "admitted_from_source_value",
		"discharge_to_concept_id":     "discharged_to_concept_id",
		"discharge_to_source_value":   "discharged_to_source_value",
		"visit_detail_parent_id":      "parent_visit_detail_id",
	},
	"visit_occurrence": {
		"admitting_source_concept_id": "admitted_from_concept_id",
		"admitting_source_value":      "admitted_from_source_value",
		"discharge_to_concept_id":     "discharged_to_concept_id",
		"discharge_to_source_value":   "discharged_to_source_value",
	},
}

// Rename53 returns the 5.4 name of a column that OMOP CDM 5.3 calls otherwise,
// and false for a column whose name did not change. Both names are in lower
// case. A source may hold the old name or the new one, not both.
func Rename53(table, column string) (newName string, ok bool) {
	newName, ok = renamed[table][column]
	return newName, ok
}
