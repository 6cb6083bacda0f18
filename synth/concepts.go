package synth

import "galien"

// Concept ids of the standard vocabularies, and local ones from 2,000,000,001
// where the demo needs a concept of its own.
const (
	male   = 8507
	female = 8532

	inpatientVisit  = 9201
	outpatientVisit = 9202
	emergencyVisit  = 9203

	diabetesAny          = 201820
	diabetes             = 201826
	hypertensionAny      = 316866
	hypertension         = 320128
	heartFailure         = 316139
	congestiveFailure    = 319835
	lungDisease          = 255573
	influenza            = 4266367
	respiratoryInfection = 257011
	headache             = 378253
	backPain             = 194133
	osteoarthritis       = 80180
	heatSyncope          = 140586
	bleeding             = 192671
	melena               = 4103703
	rectalBleeding       = 197925

	antiInflammatoryClass = 21603933
	glucoseLoweringClass  = 21600744

	electrocardiogram = 4163951
	colonoscopy       = 4249893
	endoscopy         = 2000000003

	smoking     = 4275495
	smoker      = 4298794
	neverSmoked = 4144272

	claim           = 32810
	claimEnrolment  = 32813
	deathRecord     = 32815
	laboratoryType  = 32856
	pharmacyClaim   = 32869
	generalPractice = 38004446
	hospitalPlace   = 8717
	officePlace     = 8940
	percentUnit     = 8554
	milligramUnit   = 8840
	version54       = 756265
)

// product is what is delivered; its ingredient is what an era is made of.
type product int

const (
	diclofenac product = iota
	celecoxib
	metformin
	ramipril
	vaccine
)

var products = [...]struct{ concept, ingredient galien.ConceptID }{
	diclofenac: {40162359, 1124300},
	celecoxib:  {1118088, 1118084},
	metformin:  {2000000001, 1503297},
	ramipril:   {2000000002, 1334456},
	vaccine:    {40213154, 40213154},
}

func (p product) concept() galien.ConceptID    { return products[p].concept }
func (p product) ingredient() galien.ConceptID { return products[p].ingredient }
func (p product) antiInflammatory() bool       { return p == diclofenac || p == celecoxib }

// laboratory is a test.
type laboratory int

const (
	hba1c laboratory = iota
	creatinineTest
)

var laboratories = [...]struct {
	concept, unit galien.ConceptID
	low, high     int // hundredths
	unitName      string
}{
	hba1c:          {3004410, percentUnit, 400, 600, "%"},
	creatinineTest: {3016723, milligramUnit, 50, 120, "mg/dL"},
}

// concepts is the vocabulary of the population. Ids and codes are facts of the
// standard vocabularies; the names are the demo's own wording.
var concepts = []struct {
	id                              galien.ConceptID
	name, domain, vocabulary, class string
	code                            string
	classification                  bool // a class, not a standard concept
	parents                         []galien.ConceptID
}{
	{0, "No matching concept", "Metadata", "None", "Undefined", "No matching concept", false, nil},
	{male, "Male", "Gender", "Gender", "Gender", "M", false, nil},
	{female, "Female", "Gender", "Gender", "Gender", "F", false, nil},
	{inpatientVisit, "Hospital stay", "Visit", "Visit", "Visit", "IP", false, nil},
	{outpatientVisit, "Consultation", "Visit", "Visit", "Visit", "OP", false, nil},
	{emergencyVisit, "Emergency room visit", "Visit", "Visit", "Visit", "ER", false, nil},
	{diabetesAny, "Diabetes mellitus", "Condition", "SNOMED", "Clinical Finding", "73211009", false, nil},
	{diabetes, "Type 2 diabetes", "Condition", "SNOMED", "Clinical Finding", "44054006", false, []galien.ConceptID{diabetesAny}},
	{hypertensionAny, "Hypertension of any kind", "Condition", "SNOMED", "Clinical Finding", "38341003", false, nil},
	{hypertension, "Essential hypertension", "Condition", "SNOMED", "Clinical Finding", "59621000", false, []galien.ConceptID{hypertensionAny}},
	{heartFailure, "Heart failure", "Condition", "SNOMED", "Clinical Finding", "84114007", false, nil},
	{congestiveFailure, "Congestive heart failure", "Condition", "SNOMED", "Clinical Finding", "42343007", false, []galien.ConceptID{heartFailure}},
	{lungDisease, "Chronic obstructive lung disease", "Condition", "SNOMED", "Clinical Finding", "13645005", false, nil},
	{influenza, "Influenza", "Condition", "SNOMED", "Clinical Finding", "6142004", false, nil},
	{respiratoryInfection, "Acute infection of the upper airways", "Condition", "SNOMED", "Clinical Finding", "54398005", false, nil},
	{headache, "Headache", "Condition", "SNOMED", "Clinical Finding", "25064002", false, nil},
	{backPain, "Low back pain", "Condition", "SNOMED", "Clinical Finding", "279039007", false, nil},
	{osteoarthritis, "Osteoarthritis", "Condition", "SNOMED", "Clinical Finding", "396275006", false, nil},
	{heatSyncope, "Fainting from heat", "Condition", "SNOMED", "Clinical Finding", "89797005", false, nil},
	{bleeding, "Gastrointestinal bleeding", "Condition", "SNOMED", "Clinical Finding", "74474003", false, nil},
	{melena, "Melena", "Condition", "SNOMED", "Clinical Finding", "2901004", false, []galien.ConceptID{bleeding}},
	{rectalBleeding, "Bleeding of rectum or anus", "Condition", "SNOMED", "Clinical Finding", "266464001", false, []galien.ConceptID{bleeding}},
	{antiInflammatoryClass, "Non-steroidal anti-inflammatory drugs", "Drug", "ATC", "ATC 3rd", "M01A", true, nil},
	{glucoseLoweringClass, "Glucose-lowering drugs other than insulins", "Drug", "ATC", "ATC 3rd", "A10B", true, nil},
	{1124300, "Diclofenac", "Drug", "RxNorm", "Ingredient", "3355", false, []galien.ConceptID{antiInflammatoryClass}},
	{1118084, "Celecoxib", "Drug", "RxNorm", "Ingredient", "140587", false, []galien.ConceptID{antiInflammatoryClass}},
	{1503297, "Metformin", "Drug", "RxNorm", "Ingredient", "6809", false, []galien.ConceptID{glucoseLoweringClass}},
	{1334456, "Ramipril", "Drug", "RxNorm", "Ingredient", "35296", false, nil},
	{40162359, "Diclofenac 75 mg delayed-release tablet", "Drug", "RxNorm", "Clinical Drug", "855926", false, []galien.ConceptID{1124300}},
	{1118088, "Celecoxib 200 mg capsule", "Drug", "RxNorm", "Branded Drug", "213469", false, []galien.ConceptID{1118084}},
	{2000000001, "Metformin 1000 mg tablet (demo)", "Drug", "Galien demo", "Clinical Drug", "DEMO-1", false, []galien.ConceptID{1503297}},
	{2000000002, "Ramipril 5 mg tablet (demo)", "Drug", "Galien demo", "Clinical Drug", "DEMO-2", false, []galien.ConceptID{1334456}},
	{40213154, "Seasonal influenza vaccine for injection", "Drug", "CVX", "CVX", "140", false, nil},
	{electrocardiogram, "Electrocardiography", "Procedure", "SNOMED", "Procedure", "29303009", false, nil},
	{colonoscopy, "Colonoscopy", "Procedure", "SNOMED", "Procedure", "73761001", false, nil},
	{endoscopy, "Upper digestive endoscopy (demo)", "Procedure", "Galien demo", "Procedure", "DEMO-3", false, nil},
	{3004410, "Haemoglobin A1c share in blood", "Measurement", "LOINC", "Lab Test", "4548-4", false, nil},
	{3016723, "Creatinine in serum or plasma", "Measurement", "LOINC", "Lab Test", "2160-0", false, nil},
	{percentUnit, "Percent", "Unit", "UCUM", "Unit", "%", false, nil},
	{milligramUnit, "Milligram per decilitre", "Unit", "UCUM", "Unit", "mg/dL", false, nil},
	{smoking, "Tobacco smoking behaviour", "Observation", "SNOMED", "Clinical Finding", "365981007", false, nil},
	{smoker, "Smoker", "Observation", "SNOMED", "Clinical Finding", "77176002", false, nil},
	{neverSmoked, "Never smoked tobacco", "Observation", "SNOMED", "Clinical Finding", "266919005", false, nil},
	{claim, "Claim", "Type Concept", "Type Concept", "Type Concept", "OMOP4976890", false, nil},
	{claimEnrolment, "Enrolment record of an insurer", "Type Concept", "Type Concept", "Type Concept", "OMOP4976893", false, nil},
	{deathRecord, "Death certificate", "Type Concept", "Type Concept", "Type Concept", "OMOP4976895", false, nil},
	{laboratoryType, "Laboratory", "Type Concept", "Type Concept", "Type Concept", "OMOP4976936", false, nil},
	{pharmacyClaim, "Pharmacy claim", "Type Concept", "Type Concept", "Type Concept", "OMOP4976949", false, nil},
	{generalPractice, "General practice", "Provider", "Medicare Specialty", "Physician Specialty", "08", false, nil},
	{hospitalPlace, "Hospital", "Visit", "CMS Place of Service", "Visit", "21", false, nil},
	{officePlace, "Doctor's office", "Visit", "CMS Place of Service", "Visit", "11", false, nil},
	{version54, "OMOP CDM version 5.4", "Metadata", "CDM", "CDM", "CDM v5.4.0", false, nil},
}
