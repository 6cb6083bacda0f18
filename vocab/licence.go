package vocab

import (
	"slices"
	"strings"
)

// Licence is the condition under which Athena hands a vocabulary out.
type Licence string

// The classes, in Athena's own terms but for ClickThrough and Unknown.
const (
	// Open: Athena states no condition.
	Open Licence = "open"
	// ClickThrough: whoever uses Athena accepts the licence by doing so; the
	// licence limits the use.
	ClickThrough Licence = "click-through licence"
	// EULA: an end user agreement is to be accepted first.
	EULA Licence = "EULA required"
	// Required: a licence is to be had of its publisher.
	Required Licence = "licence required"
	// Unavailable: Athena does not hand it out.
	Unavailable Licence = "not available from Athena"
	// Unknown: the vocabulary is none of those that this program knows.
	Unknown Licence = "unknown"
)

// Needed reports whether the operator is to state that the licence is held.
func (l Licence) Needed() bool { return l != Open }

// conditioned are the vocabularies that Athena hands out under a condition.
//
// Source: the table vocabulary_conversion, column available, as the program of
// Athena has it (github.com/OHDSI/Athena, Apache-2.0,
// src/test/resources/testdata/db/migration/athena/V20450101010000, of 2024).
// That SNOMED and HemOnc are click-through licences: forums.ohdsi.org, topic
// 3147; SNOMED's covers use within OHDSI's products, and no other.
var conditioned = map[string]Licence{
	"SNOMED": ClickThrough, "SNOMED Veterinary": ClickThrough, "Nebraska Lexicon": ClickThrough, "HemOnc": ClickThrough,
	"CPT4": EULA, "MedDRA": EULA,
	"CAP": Required, "CDT": Required, "DA_France": Required, "ETC": Required, "Gemscript": Required, "GPI": Required, "GRR": Required,
	"Indication": Required, "ISBT": Required, "ISBT Attribute": Required, "LPD_Australia": Required, "LPD_Belgium": Required, "Multilex": Required,
	"AMIS": Unavailable, "CCS": Unavailable, "COSMIC": Unavailable, "EU Product": Unavailable,
}

// open are the vocabularies for which the same table states no condition.
var open = strings.Split(`ABMS|AMT|APC|ATC|BDPM|CCAM|CDM|CGI|CIEL|CIM10|CIViC|CMS Place of Service|CO-CONNECT|CO-CONNECT MIABIS|CO-CONNECT TWINS|CTD|CVX|Cancer Modifier|ClinVar|Cohort|Cohort Type|Concept Class|Condition Status|Condition Type|Cost|Cost Type|Currency|DPD|DRG|Death Type|Device Type|Domain|Drug Type|EDI|Episode|Episode Type|EphMRA ATC|Ethnicity|GCN_SEQNO|GGR|Gender|HCPCS|HES Specialty|HGNC|ICD10|ICD10CM|ICD10CN|ICD10GM|ICD10PCS|ICD9CM|ICD9Proc|ICD9ProcCN|ICDO3|JAX|JMDC|KCD7|KDC|KNHIS|Korean Revenue Code|LOINC|Language|MDC|MEDRT|MMI|Meas Type|Medicare Specialty|MeSH|Metadata|Multum|NAACCR|NCCD|NCIt|NDC|NDFRT|NFC|NHS Ethnic Category|NHS Place of Service|NUCC|None|Note Type|OMOP Extension|OMOP Genomic|OMOP Invest Drug|OPCS4|OPS|OSM|OXMIS|Obs Period Type|Observation Type|OncoKB|OncoTree|PCORNet|PHDSC|PPI|Plan|Plan Stop Reason|Procedure Type|Provider|Race|Read|Relationship|Revenue Code|RxNorm|RxNorm Extension|SMQ|SOPT|SPL|SUS|Specimen Type|Sponsor|Supplier|Type Concept|UB04 Point of Origin|UB04 Pri Typ of Adm|UB04 Pt dis status|UB04 Typ bill|UCUM|UK Biobank|US Census|VA Class|VA Product|VANDF|Visit|Visit Type|Vocabulary|dm+d`, "|")

// LicenceOf returns the class of a vocabulary of Athena.
func LicenceOf(vocabulary string) Licence {
	if l, ok := conditioned[vocabulary]; ok {
		return l
	}
	if slices.Contains(open, vocabulary) {
		return Open
	}
	return Unknown
}
