package synth

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"

	"galien"
)

// layouts gives each table's columns in the order of OMOP CDM 5.4.
var layouts = []struct{ table, columns string }{
	{"person", "person_id,gender_concept_id,year_of_birth,month_of_birth,day_of_birth,birth_datetime,race_concept_id,ethnicity_concept_id,location_id,provider_id,care_site_id,person_source_value,gender_source_value,gender_source_concept_id,race_source_value,race_source_concept_id,ethnicity_source_value,ethnicity_source_concept_id"},
	{"observation_period", "observation_period_id,person_id,observation_period_start_date,observation_period_end_date,period_type_concept_id"},
	{"visit_occurrence", "visit_occurrence_id,person_id,visit_concept_id,visit_start_date,visit_start_datetime,visit_end_date,visit_end_datetime,visit_type_concept_id,provider_id,care_site_id,visit_source_value,visit_source_concept_id,admitted_from_concept_id,admitted_from_source_value,discharged_to_concept_id,discharged_to_source_value,preceding_visit_occurrence_id"},
	{"condition_occurrence", "condition_occurrence_id,person_id,condition_concept_id,condition_start_date,condition_start_datetime,condition_end_date,condition_end_datetime,condition_type_concept_id,condition_status_concept_id,stop_reason,provider_id,visit_occurrence_id,visit_detail_id,condition_source_value,condition_source_concept_id,condition_status_source_value"},
	{"drug_exposure", "drug_exposure_id,person_id,drug_concept_id,drug_exposure_start_date,drug_exposure_start_datetime,drug_exposure_end_date,drug_exposure_end_datetime,verbatim_end_date,drug_type_concept_id,stop_reason,refills,quantity,days_supply,sig,route_concept_id,lot_number,provider_id,visit_occurrence_id,visit_detail_id,drug_source_value,drug_source_concept_id,route_source_value,dose_unit_source_value"},
	{"procedure_occurrence", "procedure_occurrence_id,person_id,procedure_concept_id,procedure_date,procedure_datetime,procedure_end_date,procedure_end_datetime,procedure_type_concept_id,modifier_concept_id,quantity,provider_id,visit_occurrence_id,visit_detail_id,procedure_source_value,procedure_source_concept_id,modifier_source_value"},
	{"measurement", "measurement_id,person_id,measurement_concept_id,measurement_date,measurement_datetime,measurement_time,measurement_type_concept_id,operator_concept_id,value_as_number,value_as_concept_id,unit_concept_id,range_low,range_high,provider_id,visit_occurrence_id,visit_detail_id,measurement_source_value,measurement_source_concept_id,unit_source_value,unit_source_concept_id,value_source_value,measurement_event_id,meas_event_field_concept_id"},
	{"observation", "observation_id,person_id,observation_concept_id,observation_date,observation_datetime,observation_type_concept_id,value_as_number,value_as_string,value_as_concept_id,qualifier_concept_id,unit_concept_id,provider_id,visit_occurrence_id,visit_detail_id,observation_source_value,observation_source_concept_id,unit_source_value,qualifier_source_value,value_source_value,observation_event_id,obs_event_field_concept_id"},
	{"death", "person_id,death_date,death_datetime,death_type_concept_id,cause_concept_id,cause_source_value,cause_source_concept_id"},
	{"condition_era", "condition_era_id,person_id,condition_concept_id,condition_era_start_date,condition_era_end_date,condition_occurrence_count"},
	{"drug_era", "drug_era_id,person_id,drug_concept_id,drug_era_start_date,drug_era_end_date,drug_exposure_count,gap_days"},
	{"provider", "provider_id,provider_name,npi,dea,specialty_concept_id,care_site_id,year_of_birth,gender_concept_id,provider_source_value,specialty_source_value,specialty_source_concept_id,gender_source_value,gender_source_concept_id"},
	{"care_site", "care_site_id,care_site_name,place_of_service_concept_id,location_id,care_site_source_value,place_of_service_source_value"},
	{"location", "location_id,address_1,address_2,city,state,zip,county,location_source_value,country_concept_id,country_source_value,latitude,longitude"},
	{"cdm_source", "cdm_source_name,cdm_source_abbreviation,cdm_holder,source_description,source_documentation_reference,cdm_etl_reference,source_release_date,cdm_release_date,cdm_version,cdm_version_concept_id,vocabulary_version"},
	{"vocabulary", "vocabulary_id,vocabulary_name,vocabulary_reference,vocabulary_version,vocabulary_concept_id"},
	{"concept", "concept_id,concept_name,domain_id,vocabulary_id,concept_class_id,standard_concept,concept_code,valid_start_date,valid_end_date,invalid_reason"},
	{"concept_ancestor", "ancestor_concept_id,descendant_concept_id,min_levels_of_separation,max_levels_of_separation"},
	{"concept_relationship", "concept_id_1,concept_id_2,relationship_id,valid_start_date,valid_end_date,invalid_reason"},
	{"domain", "domain_id,domain_name,domain_concept_id"},
}

// output holds the open files and the number of rows of each.
type output struct {
	create Create
	tables map[string]*table
	spoilt map[spoilKey]int64
}

func newOutput(create Create) *output {
	return &output{create: create, tables: map[string]*table{}, spoilt: map[spoilKey]int64{}}
}

// table is one CSV file.
type table struct {
	name   string
	width  int
	file   io.WriteCloser
	buf    *bufio.Writer
	row    []byte
	cells  int
	rows   int64 // without the spoilt ones
	lastID int64
}

func (o *output) open() error {
	for _, l := range layouts {
		f, err := o.create(l.table + ".csv")
		if err != nil {
			return fmt.Errorf("create %s.csv: %w", l.table, err)
		}
		t := &table{name: l.table, width: strings.Count(l.columns, ",") + 1, file: f, buf: bufio.NewWriterSize(f, 1<<16)}
		o.tables[l.table] = t
		t.buf.WriteString(l.columns) // a bufio.Writer keeps its first error for Flush
		t.buf.WriteByte('\n')
	}
	return nil
}

func (o *output) close() error {
	var first error
	for _, l := range layouts {
		t := o.tables[l.table]
		if err := t.buf.Flush(); err != nil && first == nil {
			first = fmt.Errorf("write %s.csv: %w", l.table, err)
		}
		if err := t.file.Close(); err != nil && first == nil {
			first = fmt.Errorf("write %s.csv: %w", l.table, err)
		}
	}
	return first
}

// abandon closes what is open after an error that is already on its way.
func (o *output) abandon() {
	for _, t := range o.tables {
		t.file.Close()
	}
}

func (t *table) cell() *table {
	if t.cells > 0 {
		t.row = append(t.row, ',')
	}
	t.cells++
	return t
}

func (t *table) int(n int64) *table {
	t.cell()
	t.row = strconv.AppendInt(t.row, n, 10)
	return t
}

// id writes the next key of the table.
func (t *table) id() *table {
	t.lastID++
	return t.int(t.lastID)
}

// date writes a date as YYYY-MM-DD.
func (t *table) date(d galien.Date) *table {
	t.cell()
	t.row = appendDate(t.row, d)
	return t
}

func appendDate(b []byte, d galien.Date) []byte {
	y, m, day := d.Civil()
	return append(b, byte('0'+y/1000), byte('0'+y/100%10), byte('0'+y/10%10), byte('0'+y%10), '-',
		byte('0'+m/10), byte('0'+m%10), '-', byte('0'+day/10), byte('0'+day%10))
}

// moment writes a date and a time of day in minutes.
func (t *table) moment(d galien.Date, minute int) *table {
	t.date(d)
	h, m := minute/60, minute%60
	t.row = append(t.row, ' ', byte('0'+h/10), byte('0'+h%10), ':', byte('0'+m/10), byte('0'+m%10), ':', '0', '0')
	return t
}

// hundredths writes n/100 with two decimals.
func (t *table) hundredths(n int) *table {
	t.int(int64(n / 100))
	t.row = append(t.row, '.', byte('0'+n/10%10), byte('0'+n%10))
	return t
}

func (t *table) text(s string) *table {
	t.cell()
	if strings.ContainsAny(s, ",\"\n") {
		s = `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
	}
	t.row = append(t.row, s...)
	return t
}

// null leaves n cells empty.
func (t *table) null(n int) *table {
	for range n {
		t.cell()
	}
	return t
}

// end writes the row, with the cells not given left empty.
func (t *table) end() {
	t.spoiltEnd()
	t.rows++
}

// spoiltEnd writes a row that is wrong on purpose.
func (t *table) spoiltEnd() {
	t.null(t.width - t.cells)
	t.row = append(t.row, '\n')
	t.buf.Write(t.row)
	t.row, t.cells = t.row[:0], 0
}
