package cohort

// Domain describes one kind of criterion: the table its events come from and
// the attributes a definition may test.
type Domain struct {
	Name  string // as Circe writes it: "ConditionOccurrence"
	Table string
	ID    string // the event's id column
	// Person is the column of the person key, person_id but for LocationRegion.
	Person string
	// Concept and SourceConcept are the columns of Codeset and SourceCodeset;
	// "" when the domain has none.
	Concept, SourceConcept string
	// SourceAttribute is the JSON name of SourceCodeset.
	SourceAttribute string
	Start           string
	// End is the end date column, "" when the table has none.
	End string
	// Ends says what the end is where the table gives none.
	Ends Ending
	// Visit is the column of the linked visit, "" when the domain has none.
	Visit string
	// FixedAdjust is set where a date adjustment always moves the start from the
	// start and the end from the end, whatever it says.
	FixedAdjust bool
	// NoFirst, NoAdjust and UserPeriod say what else a criterion may carry.
	NoFirst, NoAdjust, UserPeriod bool
	Attributes                    []Attribute
	// CountColumns are the columns that a distinct count may use, apart from
	// the start date, the end date and the visit.
	CountColumns map[CountColumn]CountOperand
	// NoVisitCount is set where Circe refuses to count distinct visits.
	NoVisitCount bool
}

// MaxDaysSupply is the largest days_supply, of either sign, that gives an
// exposure its end: beyond it there is no date, and the number is as good as
// missing.
const MaxDaysSupply = 1_000_000

// Ending is the rule for a missing end date.
type Ending uint8

const (
	// NextDay takes the day after the start.
	NextDay Ending = iota
	// DaysSupply takes start plus days_supply, and without it the next day.
	DaysSupply
	// NoEnd leaves the end missing.
	NoEnd
	// FarFuture takes 2099-12-31.
	FarFuture
)

// CountColumn is a column of a distinct count, as Circe names it.
type CountColumn string

// The count columns of every domain; the others stand in CountColumns.
const (
	CountStartDate     CountColumn = "START_DATE"
	CountEndDate       CountColumn = "END_DATE"
	CountVisit         CountColumn = "VISIT_ID"
	CountDomainConcept CountColumn = "DOMAIN_CONCEPT"
)

// CountOperand is what a distinct count counts: a column, the event's Length,
// or a constant.
type CountOperand struct {
	Column   string
	Length   bool
	Constant bool
	// NoneAsZero counts a missing value as 0 rather than not at all.
	NoneAsZero bool
	// Needs names an attribute without which Circe cannot count this column.
	Needs string
}

// AttributeKind is the JSON form of an attribute.
type AttributeKind uint8

// The attribute kinds.
const (
	DateRange AttributeKind = iota
	IntegerRange
	DecimalRange
	ConceptList
	CodesetSelection
	CodesetNumber // a bare concept set id
	Text
	AbnormalFlag
	Ignored // accepted and without effect, as in Circe
)

// Attribute is one attribute of a domain.
type Attribute struct {
	Name    string // as Circe writes it
	Kind    AttributeKind
	Operand Operand
	// Exclude is the name of the boolean that negates a ConceptList.
	Exclude string
	// Needs names an attribute without which Circe cannot evaluate this one.
	Needs string
	// RangeOf names the attribute whose range is used in place of this one's.
	RangeOf string
}

// Tests reports whether a filter is a test of this attribute. Attributes that
// Circe evaluates alike test alike.
func (a Attribute) Tests(f Filter) bool {
	switch f.(type) {
	case DateFilter:
		return a.Kind == DateRange && OperandOf(f) == a.Operand
	case NumberFilter:
		return (a.Kind == IntegerRange || a.Kind == DecimalRange) && OperandOf(f) == a.Operand
	case ConceptFilter:
		return a.Kind == ConceptList && OperandOf(f) == a.Operand
	case CodesetFilter:
		return (a.Kind == CodesetSelection || a.Kind == CodesetNumber) && OperandOf(f) == a.Operand
	case TextFilter:
		return a.Kind == Text && OperandOf(f) == a.Operand
	case AbnormalFilter:
		return a.Kind == AbnormalFlag
	}
	return false
}

// DomainByName returns the domain that Circe calls name.
func DomainByName(name string) (*Domain, bool) {
	for _, d := range domains {
		if d.Name == name {
			return d, true
		}
	}
	return nil, false
}

// Domains returns every domain, in the order of their names.
func Domains() []*Domain { return append([]*Domain(nil), domains...) }

// Attribute returns the attribute that Circe calls name.
func (d *Domain) Attribute(name string) (Attribute, bool) {
	for _, a := range d.Attributes {
		if a.Name == name {
			return a, true
		}
	}
	return Attribute{}, false
}

// DemographicAttributes are the attributes of a demographic criterion. Race and
// ethnicity concept sets are tested against the gender column, as Circe does.
var DemographicAttributes = []Attribute{
	{Name: "Age", Kind: IntegerRange, Operand: Operand{Of: AgeAtStart}},
	{Name: "Gender", Kind: ConceptList, Operand: Operand{Of: Gender}},
	{Name: "GenderCS", Kind: CodesetSelection, Operand: Operand{Of: Gender}},
	{Name: "Race", Kind: ConceptList, Operand: Operand{Of: Race}},
	{Name: "RaceCS", Kind: CodesetSelection, Operand: Operand{Of: Gender}},
	{Name: "Ethnicity", Kind: ConceptList, Operand: Operand{Of: Ethnicity}},
	{Name: "EthnicityCS", Kind: CodesetSelection, Operand: Operand{Of: Gender}},
	{Name: "OccurrenceStartDate", Kind: DateRange, Operand: Operand{Of: StartDate}},
	{Name: "OccurrenceEndDate", Kind: DateRange, Operand: Operand{Of: EndDate}},
}

func own(column string) Operand { return Operand{Of: OwnColumn, Column: column} }

// both gives an attribute in its two forms: a list of concepts and a concept
// set selection (suffix CS).
func both(name string, of Operand) []Attribute {
	return []Attribute{
		{Name: name, Kind: ConceptList, Operand: of},
		{Name: name + "CS", Kind: CodesetSelection, Operand: of},
	}
}

// typed is both with a ...Exclude flag on the list.
func typed(name, column string) []Attribute {
	a := both(name, own(column))
	a[0].Exclude = name + "Exclude"
	return a
}

func dates(name string, of OperandKind) Attribute {
	return Attribute{Name: name, Kind: DateRange, Operand: Operand{Of: of}}
}

func integers(name string, of Operand) Attribute {
	return Attribute{Name: name, Kind: IntegerRange, Operand: of}
}

func decimals(name string, of Operand) Attribute {
	return Attribute{Name: name, Kind: DecimalRange, Operand: of}
}

func text(name, column string) Attribute {
	return Attribute{Name: name, Kind: Text, Operand: own(column)}
}

func attributes(parts ...any) []Attribute {
	var all []Attribute
	for _, p := range parts {
		switch p := p.(type) {
		case Attribute:
			all = append(all, p)
		case []Attribute:
			all = append(all, p...)
		}
	}
	return all
}

var (
	age       = integers("Age", Operand{Of: AgeAtStart})
	ages      = []Attribute{integers("AgeAtStart", Operand{Of: AgeAtStart}), integers("AgeAtEnd", Operand{Of: AgeAtEnd})}
	gender    = both("Gender", Operand{Of: Gender})
	specialty = both("ProviderSpecialty", Operand{Of: Specialty})
	visit     = both("VisitType", Operand{Of: LinkedVisit})
	starts    = dates("OccurrenceStartDate", StartDate)
)

// domains is in the order of the names. Sources of every line: the criteria
// classes of circe-be 1.12, and the list of its behaviour kept with the
// reference answers.
var domains = []*Domain{
	{
		Name: "ConditionEra", Table: "condition_era", ID: "condition_era_id", Person: "person_id",
		Concept: "condition_concept_id", Start: "condition_era_start_date", End: "condition_era_end_date", Ends: NoEnd,
		Attributes: attributes(dates("EraStartDate", StartDate), dates("EraEndDate", EndDate),
			integers("OccurrenceCount", own("condition_occurrence_count")), integers("EraLength", Operand{Of: Length}), ages, gender),
		CountColumns: map[CountColumn]CountOperand{
			CountDomainConcept: {Column: "condition_concept_id"}, "DURATION": {Length: true},
			"ERA_OCCURRENCES": {Column: "condition_occurrence_count"},
		},
		NoVisitCount: true,
	},
	{
		Name: "ConditionOccurrence", Table: "condition_occurrence", ID: "condition_occurrence_id", Person: "person_id",
		Concept: "condition_concept_id", SourceConcept: "condition_source_concept_id", SourceAttribute: "ConditionSourceConcept",
		Start: "condition_start_date", End: "condition_end_date", Ends: NextDay, Visit: "visit_occurrence_id",
		Attributes: attributes(starts, dates("OccurrenceEndDate", EndDate), typed("ConditionType", "condition_type_concept_id"),
			both("ConditionStatus", own("condition_status_concept_id")), text("StopReason", "stop_reason"), age, gender, specialty, visit),
		CountColumns: map[CountColumn]CountOperand{CountDomainConcept: {Column: "condition_concept_id"}, "DURATION": {Length: true}},
	},
	{
		Name: "Death", Table: "death", ID: "person_id", Person: "person_id",
		Concept: "cause_concept_id", SourceConcept: "cause_source_concept_id", SourceAttribute: "DeathSourceConcept",
		Start: "death_date", Ends: NextDay, NoFirst: true, FixedAdjust: true,
		Attributes:   attributes(starts, typed("DeathType", "death_type_concept_id"), age, gender),
		CountColumns: map[CountColumn]CountOperand{CountDomainConcept: {Column: "cause_concept_id", NoneAsZero: true}, "DURATION": {Constant: true}},
	},
	{
		Name: "DeviceExposure", Table: "device_exposure", ID: "device_exposure_id", Person: "person_id",
		Concept: "device_concept_id", SourceConcept: "device_source_concept_id", SourceAttribute: "DeviceSourceConcept",
		Start: "device_exposure_start_date", End: "device_exposure_end_date", Ends: NextDay, Visit: "visit_occurrence_id",
		Attributes: attributes(starts, dates("OccurrenceEndDate", EndDate), typed("DeviceType", "device_type_concept_id"),
			text("UniqueDeviceId", "unique_device_id"), integers("Quantity", own("quantity")), age, gender, specialty, visit),
		CountColumns: map[CountColumn]CountOperand{
			CountDomainConcept: {Column: "device_concept_id"}, "DURATION": {Length: true}, "QUANTITY": {Column: "quantity"},
		},
	},
	{
		Name: "DoseEra", Table: "dose_era", ID: "dose_era_id", Person: "person_id",
		Concept: "drug_concept_id", Start: "dose_era_start_date", End: "dose_era_end_date", Ends: NoEnd,
		Attributes: attributes(dates("EraStartDate", StartDate), dates("EraEndDate", EndDate), both("Unit", own("unit_concept_id")),
			decimals("DoseValue", own("dose_value")), integers("EraLength", Operand{Of: Length}), ages, gender),
		CountColumns: map[CountColumn]CountOperand{
			CountDomainConcept: {Column: "drug_concept_id"}, "DURATION": {Length: true},
			"UNIT": {Column: "unit_concept_id"}, "VALUE_AS_NUMBER": {Column: "dose_value"},
		},
	},
	{
		Name: "DrugEra", Table: "drug_era", ID: "drug_era_id", Person: "person_id",
		Concept: "drug_concept_id", Start: "drug_era_start_date", End: "drug_era_end_date", Ends: NoEnd,
		Attributes: attributes(dates("EraStartDate", StartDate), dates("EraEndDate", EndDate),
			integers("OccurrenceCount", own("drug_exposure_count")), integers("EraLength", Operand{Of: Length}),
			Attribute{Name: "GapDays", Kind: IntegerRange, Operand: own("gap_days"), Needs: "EraLength", RangeOf: "EraLength"}, ages, gender),
		CountColumns: map[CountColumn]CountOperand{
			CountDomainConcept: {Column: "drug_concept_id"}, "DURATION": {Length: true},
			"ERA_OCCURRENCES": {Column: "drug_exposure_count"}, "GAP_DAYS": {Column: "gap_days"},
		},
	},
	{
		Name: "DrugExposure", Table: "drug_exposure", ID: "drug_exposure_id", Person: "person_id",
		Concept: "drug_concept_id", SourceConcept: "drug_source_concept_id", SourceAttribute: "DrugSourceConcept",
		Start: "drug_exposure_start_date", End: "drug_exposure_end_date", Ends: DaysSupply, Visit: "visit_occurrence_id",
		// OccurrenceEndDate is tested against the start date, as Circe does.
		Attributes: attributes(starts, dates("OccurrenceEndDate", StartDate), typed("DrugType", "drug_type_concept_id"),
			text("StopReason", "stop_reason"), integers("Refills", own("refills")), decimals("Quantity", own("quantity")),
			integers("DaysSupply", own("days_supply")), both("RouteConcept", own("route_concept_id")), text("LotNumber", "lot_number"),
			age, gender, specialty, visit),
		CountColumns: map[CountColumn]CountOperand{
			CountDomainConcept: {Column: "drug_concept_id"}, "DURATION": {Length: true}, "QUANTITY": {Column: "quantity"},
			"DAYS_SUPPLY": {Column: "days_supply"}, "REFILLS": {Column: "refills"},
		},
	},
	{
		Name: "LocationRegion", Table: "location_history", ID: "location_history_id", Person: "entity_id",
		Concept: "region_concept_id", Start: "start_date", End: "end_date", Ends: FarFuture, NoFirst: true, NoAdjust: true,
		Attributes:   []Attribute{{Name: "StartDate", Kind: Ignored}, {Name: "EndDate", Kind: Ignored}, {Name: "DateAdjustment", Kind: Ignored}},
		CountColumns: map[CountColumn]CountOperand{CountDomainConcept: {Column: "region_concept_id"}},
	},
	{
		Name: "Measurement", Table: "measurement", ID: "measurement_id", Person: "person_id",
		Concept: "measurement_concept_id", SourceConcept: "measurement_source_concept_id", SourceAttribute: "MeasurementSourceConcept",
		Start: "measurement_date", Ends: NextDay, Visit: "visit_occurrence_id",
		Attributes: attributes(starts, typed("MeasurementType", "measurement_type_concept_id"), both("Operator", own("operator_concept_id")),
			decimals("ValueAsNumber", own("value_as_number")), both("ValueAsConcept", own("value_as_concept_id")), both("Unit", own("unit_concept_id")),
			decimals("RangeLow", own("range_low")), decimals("RangeHigh", own("range_high")),
			decimals("RangeLowRatio", Operand{Of: Ratio, Column: "value_as_number", Over: "range_low"}),
			decimals("RangeHighRatio", Operand{Of: Ratio, Column: "value_as_number", Over: "range_high"}),
			Attribute{Name: "Abnormal", Kind: AbnormalFlag, Needs: "ValueAsConcept"}, age, gender, specialty, visit),
		CountColumns: map[CountColumn]CountOperand{
			CountDomainConcept: {Column: "measurement_concept_id"}, "DURATION": {Constant: true},
			"VALUE_AS_NUMBER": {Column: "value_as_number"}, "RANGE_HIGH": {Column: "range_high"}, "RANGE_LOW": {Column: "range_low"},
		},
	},
	{
		Name: "Observation", Table: "observation", ID: "observation_id", Person: "person_id",
		Concept: "observation_concept_id", SourceConcept: "observation_source_concept_id", SourceAttribute: "ObservationSourceConcept",
		Start: "observation_date", Ends: NextDay, Visit: "visit_occurrence_id",
		Attributes: attributes(starts, typed("ObservationType", "observation_type_concept_id"), decimals("ValueAsNumber", own("value_as_number")),
			text("ValueAsString", "value_as_string"), both("ValueAsConcept", own("value_as_concept_id")), both("Qualifier", own("qualifier_concept_id")),
			both("Unit", own("unit_concept_id")), age, gender, specialty, visit),
		CountColumns: map[CountColumn]CountOperand{
			CountDomainConcept: {Column: "observation_concept_id"}, "DURATION": {Constant: true}, "VALUE_AS_NUMBER": {Column: "value_as_number"},
		},
	},
	{
		Name: "ObservationPeriod", Table: "observation_period", ID: "observation_period_id", Person: "person_id",
		Start: "observation_period_start_date", End: "observation_period_end_date", Ends: NoEnd, UserPeriod: true,
		Attributes: attributes(dates("PeriodStartDate", StartDate), dates("PeriodEndDate", EndDate),
			both("PeriodType", own("period_type_concept_id")), integers("PeriodLength", Operand{Of: Length}), ages),
		CountColumns: map[CountColumn]CountOperand{CountDomainConcept: {Column: "period_type_concept_id"}, "DURATION": {Length: true}},
	},
	{
		Name: "PayerPlanPeriod", Table: "payer_plan_period", ID: "payer_plan_period_id", Person: "person_id",
		Start: "payer_plan_period_start_date", End: "payer_plan_period_end_date", Ends: NoEnd, UserPeriod: true,
		Attributes: attributes(dates("PeriodStartDate", StartDate), dates("PeriodEndDate", EndDate), integers("PeriodLength", Operand{Of: Length}),
			ages, gender,
			Attribute{Name: "PayerConcept", Kind: CodesetNumber, Operand: own("payer_concept_id")},
			Attribute{Name: "PlanConcept", Kind: CodesetNumber, Operand: own("plan_concept_id")},
			Attribute{Name: "SponsorConcept", Kind: CodesetNumber, Operand: own("sponsor_concept_id")},
			Attribute{Name: "StopReasonConcept", Kind: CodesetNumber, Operand: own("stop_reason_concept_id")},
			Attribute{Name: "PayerSourceConcept", Kind: CodesetNumber, Operand: own("payer_source_concept_id")},
			Attribute{Name: "PlanSourceConcept", Kind: CodesetNumber, Operand: own("plan_source_concept_id")},
			Attribute{Name: "SponsorSourceConcept", Kind: CodesetNumber, Operand: own("sponsor_source_concept_id")},
			Attribute{Name: "StopReasonSourceConcept", Kind: CodesetNumber, Operand: own("stop_reason_source_concept_id")}),
		CountColumns: map[CountColumn]CountOperand{CountDomainConcept: {Column: "payer_concept_id", Needs: "PayerConcept"}},
	},
	{
		Name: "ProcedureOccurrence", Table: "procedure_occurrence", ID: "procedure_occurrence_id", Person: "person_id",
		Concept: "procedure_concept_id", SourceConcept: "procedure_source_concept_id", SourceAttribute: "ProcedureSourceConcept",
		Start: "procedure_date", Ends: NextDay, Visit: "visit_occurrence_id",
		Attributes: attributes(starts, typed("ProcedureType", "procedure_type_concept_id"), both("Modifier", own("modifier_concept_id")),
			integers("Quantity", own("quantity")), age, gender, specialty, visit),
		CountColumns: map[CountColumn]CountOperand{
			CountDomainConcept: {Column: "procedure_concept_id"}, "DURATION": {Constant: true}, "QUANTITY": {Column: "quantity"},
		},
	},
	{
		Name: "Specimen", Table: "specimen", ID: "specimen_id", Person: "person_id",
		Concept: "specimen_concept_id",
		Start:   "specimen_date", Ends: NextDay, NoAdjust: true,
		Attributes: attributes(starts, typed("SpecimenType", "specimen_type_concept_id"), decimals("Quantity", own("quantity")),
			both("Unit", own("unit_concept_id")), both("AnatomicSite", own("anatomic_site_concept_id")),
			both("DiseaseStatus", own("disease_status_concept_id")), text("SourceId", "specimen_source_id"), age, gender,
			Attribute{Name: "SpecimenSourceConcept", Kind: Ignored}, Attribute{Name: "DateAdjustment", Kind: Ignored}),
		CountColumns: map[CountColumn]CountOperand{
			CountDomainConcept: {Column: "specimen_concept_id"}, "DURATION": {Constant: true},
		},
	},
	{
		Name: "VisitDetail", Table: "visit_detail", ID: "visit_detail_id", Person: "person_id",
		Concept: "visit_detail_concept_id", SourceConcept: "visit_detail_source_concept_id", SourceAttribute: "VisitDetailSourceConcept",
		Start: "visit_detail_start_date", End: "visit_detail_end_date", Ends: NoEnd, Visit: "visit_occurrence_id", NoVisitCount: true,
		// Age is measured at the end, as Circe does.
		Attributes: attributes(dates("VisitDetailStartDate", StartDate), dates("VisitDetailEndDate", EndDate),
			Attribute{Name: "VisitDetailTypeCS", Kind: CodesetSelection, Operand: own("visit_detail_type_concept_id")},
			integers("VisitDetailLength", Operand{Of: Length}), integers("Age", Operand{Of: AgeAtEnd}),
			Attribute{Name: "GenderCS", Kind: CodesetSelection, Operand: Operand{Of: Gender}},
			Attribute{Name: "ProviderSpecialtyCS", Kind: CodesetSelection, Operand: Operand{Of: Specialty}},
			Attribute{Name: "PlaceOfServiceCS", Kind: CodesetSelection, Operand: Operand{Of: PlaceOfCare}}),
		CountColumns: map[CountColumn]CountOperand{CountDomainConcept: {Column: "visit_detail_concept_id"}, "DURATION": {Length: true}},
	},
	{
		Name: "VisitOccurrence", Table: "visit_occurrence", ID: "visit_occurrence_id", Person: "person_id",
		Concept: "visit_concept_id", SourceConcept: "visit_source_concept_id", SourceAttribute: "VisitSourceConcept",
		Start: "visit_start_date", End: "visit_end_date", Ends: NoEnd, Visit: "visit_occurrence_id",
		Attributes: attributes(starts, dates("OccurrenceEndDate", EndDate), typed("VisitType", "visit_type_concept_id"),
			both("PlaceOfService", Operand{Of: PlaceOfCare}), integers("VisitLength", Operand{Of: Length}), age, gender, specialty),
		CountColumns: map[CountColumn]CountOperand{CountDomainConcept: {Column: "visit_concept_id"}, "DURATION": {Length: true}},
	},
}
