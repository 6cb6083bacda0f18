package cdm

import "maps"

// event names the columns of a table that say what happened and when.
type event struct {
	concept, sourceConcept, start, end string
}

// events covers every table whose rows are dated. The specification marks
// these columns by no rule that holds for all tables (drug_exposure is coded
// by drug_concept_id and dated by drug_exposure_start_date), so they are
// written out; the tests check each against the columns that exist.
//
// The concept of a payer plan, of a death's cause or of a note's type does not
// say what happened in the sense that the others do: those tables have none.
var events = map[string]event{
	"condition_era":        {"condition_concept_id", "", "condition_era_start_date", "condition_era_end_date"},
	"condition_occurrence": {"condition_concept_id", "condition_source_concept_id", "condition_start_date", "condition_end_date"},
	"cost":                 {"", "", "incurred_date", ""},
	"death":                {"", "", "death_date", ""},
	"device_exposure":      {"device_concept_id", "device_source_concept_id", "device_exposure_start_date", "device_exposure_end_date"},
	"dose_era":             {"drug_concept_id", "", "dose_era_start_date", "dose_era_end_date"},
	"drug_era":             {"drug_concept_id", "", "drug_era_start_date", "drug_era_end_date"},
	"drug_exposure":        {"drug_concept_id", "drug_source_concept_id", "drug_exposure_start_date", "drug_exposure_end_date"},
	"episode":              {"episode_concept_id", "episode_source_concept_id", "episode_start_date", "episode_end_date"},
	"location_history":     {"", "", "start_date", "end_date"},
	"measurement":          {"measurement_concept_id", "measurement_source_concept_id", "measurement_date", ""},
	"metadata":             {"", "", "metadata_date", ""},
	"note":                 {"", "", "note_date", ""},
	"note_nlp":             {"", "", "nlp_date", ""},
	"observation":          {"observation_concept_id", "observation_source_concept_id", "observation_date", ""},
	"observation_period":   {"", "", "observation_period_start_date", "observation_period_end_date"},
	"payer_plan_period":    {"", "", "payer_plan_period_start_date", "payer_plan_period_end_date"},
	"procedure_occurrence": {"procedure_concept_id", "procedure_source_concept_id", "procedure_date", "procedure_end_date"},
	"specimen":             {"specimen_concept_id", "", "specimen_date", ""},
	"visit_detail":         {"visit_detail_concept_id", "visit_detail_source_concept_id", "visit_detail_start_date", "visit_detail_end_date"},
	"visit_occurrence":     {"visit_concept_id", "visit_source_concept_id", "visit_start_date", "visit_end_date"},
}

// priced holds the tables whose rows a cost may be of, by the domain that
// cost_domain_id names. The vocabulary has one domain for both tables of visits.
var priced = map[string]string{
	"Condition":    "condition_occurrence",
	"Device":       "device_exposure",
	"Drug":         "drug_exposure",
	"Measurement":  "measurement",
	"Observation":  "observation",
	"Procedure":    "procedure_occurrence",
	"Specimen":     "specimen",
	"Visit":        "visit_occurrence",
	"Visit Detail": "visit_detail",
}

// Priced returns the tables of the events that a cost may be of, by the domain
// in cost_domain_id. The caller may keep the map.
func Priced() map[string]string { return maps.Clone(priced) }
