package snds

import (
	"fmt"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"galien"
	"galien/lake"
	"galien/refdata"
)

// truthRows reads a table of the truth.
func truthRows(t *testing.T, dir, name string) []map[string]string {
	t.Helper()
	return refdata.Rows(t, filepath.Join(dir, "truth", name))
}

// verdict is what the truth says of a lake: precision and recall by score, and
// counts that should be zero.
type verdict struct {
	precision, recall map[string]float64
	counts            map[string]int
}

// right reports the scores that are not 1 and the counts that are not 0.
func (v verdict) wrong() (list []string) {
	for _, name := range slices.Sorted(maps.Keys(v.precision)) {
		if v.precision[name] < 1 || v.recall[name] < 1 {
			list = append(list, fmt.Sprintf("%s: precision %.4f, recall %.4f", name, v.precision[name], v.recall[name]))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(v.counts)) {
		if v.counts[name] != 0 {
			list = append(list, fmt.Sprintf("%s: %d", name, v.counts[name]))
		}
	}
	return list
}

// judge compares a lake with the truth, by the conventions of the data set's
// own verify.py, written again.
func judge(t *testing.T, dir string, snap *lake.Snapshot, sourceIDs map[galien.PersonID]string) verdict {
	t.Helper()
	v := verdict{map[string]float64{}, map[string]float64{}, map[string]int{}}
	score := func(name string, want, got map[string]float64) {
		match := 0
		for k, x := range got {
			if y, ok := want[k]; ok && math.Abs(x-y) < 1e-9 {
				match++
			}
		}
		v.precision[name], v.recall[name] = 1, 1
		if len(got) > 0 {
			v.precision[name] = float64(match) / float64(len(got))
		}
		if len(want) > 0 {
			v.recall[name] = float64(match) / float64(len(want))
		}
	}
	read := func(table string, columns ...string) [][]string {
		var rows [][]string
		err := snap.Read(t.Context(), table, columns, func(row []any) error {
			texts := make([]string, len(row))
			for i, x := range row {
				if x != nil {
					texts[i] = fmt.Sprint(x)
				}
			}
			rows = append(rows, texts)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return rows
	}
	key := func(parts ...string) string { return strings.Join(parts, " ") }

	// Persons: the key of each row of person, by its id at the source.
	truthOf := map[string]string{}
	for _, r := range truthRows(t, dir, "person_keys.csv.gz") {
		truthOf[r["BEN_IDT_ANO"]] = r["person_id"]
		truthOf[r["BEN_NIR_PSA"]+r["BEN_RNG_GEM"]] = r["person_id"]
	}
	provisional := map[string]bool{}
	want := map[string]float64{}
	for _, r := range truthRows(t, dir, "persons.csv.gz") {
		provisional[r["person_id"]] = r["unresolved_provisional"] == "1"
		month, _ := strconv.Atoi(r["birth_month"])
		want[key(r["person_id"], map[string]string{"1": "8507", "2": "8532"}[r["sex"]], r["birth_year"], strconv.Itoa(month))] = 0
	}
	who := map[string]string{}
	seen := map[string]int{}
	got := map[string]float64{}
	for _, r := range read("person", "person_id", "gender_concept_id", "year_of_birth", "month_of_birth") {
		n, _ := strconv.ParseInt(r[0], 10, 64)
		p, ok := truthOf[sourceIDs[galien.PersonID(n)]]
		if !ok {
			v.counts["invented people"]++
			continue
		}
		who[r[0]] = p
		if seen[p]++; seen[p] > 1 {
			if !provisional[p] {
				v.counts["people split"]++
			}
			continue
		}
		got[key(p, r[1], r[2], r[3])] = 0
	}
	score("people", want, got)

	// Twins: whatever is given to one on a day when it may be the other's.
	twins := map[string]map[string]bool{}
	visitOf := map[string]map[string]string{}
	for _, name := range []string{"stays", "outpatient"} {
		for _, r := range truthRows(t, dir, name+".csv.gz") {
			visitOf[r["visit_id"]] = r
		}
	}
	candidates := map[string][]string{}
	twin := func(person, day, truth string) {
		if twins[key(person, day)] == nil {
			twins[key(person, day)] = map[string]bool{}
		}
		twins[key(person, day)][truth] = true
	}
	for _, r := range truthRows(t, dir, "ambiguous.csv.gz") {
		if r["kind"] == "stay" || r["kind"] == "outpatient" {
			candidates[r["id"]] = strings.Fields(r["candidates"])
			for _, c := range candidates[r["id"]] {
				twin(c, visitOf[r["id"]]["entry"], r["true_person"])
			}
		}
	}
	ambiguous := func(person, day string) bool {
		true_, ok := twins[key(person, day)]
		if ok && !true_[person] {
			v.counts["wrong twin"]++
		}
		return ok
	}

	// Drugs, in boxes.
	want = map[string]float64{}
	for _, r := range truthRows(t, dir, "drugs.csv.gz") {
		q, _ := strconv.ParseFloat(r["quantity"], 64)
		want[key(r["person_id"], r["date"], r["cip13"])] += q
	}
	for _, r := range truthRows(t, dir, "vaccinations.csv.gz") {
		if r["source"] == "IR_VAC_F" {
			want[key(r["person_id"], r["date"], r["cip13"])]++
		}
	}
	for _, r := range truthRows(t, dir, "ucd.csv.gz") {
		q, _ := strconv.ParseFloat(r["quantity"], 64)
		want[key(r["person_id"], r["date"], r["ucd13"])] += q
	}
	got = map[string]float64{}
	for _, r := range read("drug_exposure", "person_id", "drug_exposure_start_date", "drug_source_value", "quantity") {
		q, _ := strconv.ParseFloat(r[3], 64)
		got[key(who[r[0]], r[1], r[2])] += q
	}
	score("drugs", want, got)

	// Acts: each once, and in no greater quantity.
	want = map[string]float64{}
	most := map[string]float64{}
	for _, r := range truthRows(t, dir, "procedures.csv.gz") {
		k := key(r["person_id"], r["date"], r["ccam"])
		q, _ := strconv.ParseFloat(r["quantity"], 64)
		switch {
		case r["status"] == "ok":
			want[k] = 0
			most[k] += q
		case strings.HasPrefix(r["status"], "amb"):
			for _, c := range append(candidates[r["visit_id"]], r["person_id"]) {
				twin(c, r["date"], r["person_id"])
			}
		}
	}
	got = map[string]float64{}
	sum := map[string]float64{}
	consultations := map[string]float64{}
	for _, r := range read("procedure_occurrence", "person_id", "procedure_date", "procedure_source_value", "quantity") {
		k := key(who[r[0]], r[1], r[2])
		if len(r[2]) == 4 {
			consultations[k]++
			continue
		}
		if _, ok := want[k]; !ok && ambiguous(who[r[0]], r[1]) {
			continue
		}
		q, _ := strconv.ParseFloat(r[3], 64)
		got[k] = 0
		sum[k] += q
	}
	score("acts", want, got)
	for k, q := range sum {
		if _, ok := want[k]; ok && q > most[k] {
			v.counts["acts counted twice"]++
		}
	}
	want = map[string]float64{}
	for _, r := range truthRows(t, dir, "consultations.csv.gz") {
		want[key(r["person_id"], r["date"], r["prs_nat_ref"])]++
	}
	score("consultations", want, consultations)

	// Tests.
	want, most = map[string]float64{}, map[string]float64{}
	for _, r := range truthRows(t, dir, "labs.csv.gz") {
		n, _ := strconv.Atoi(r["nabm"])
		k := key(r["person_id"], r["date"], strconv.Itoa(n))
		q, _ := strconv.ParseFloat(r["quantity"], 64)
		switch {
		case r["status"] == "ok":
			want[k] = 0
			most[k] += q
		case strings.HasPrefix(r["status"], "amb"):
			for _, c := range candidates[r["visit_id"]] {
				twin(c, r["date"], r["person_id"])
			}
		}
	}
	got, sum = map[string]float64{}, map[string]float64{}
	for _, r := range read("measurement", "person_id", "measurement_date", "measurement_source_value") {
		n, _ := strconv.Atoi(r[2])
		k := key(who[r[0]], r[1], strconv.Itoa(n))
		if _, ok := want[k]; !ok && ambiguous(who[r[0]], r[1]) {
			continue
		}
		got[k] = 0
		sum[k]++
	}
	score("labs", want, got)
	for k, q := range sum {
		if _, ok := want[k]; ok && q > most[k] {
			v.counts["lab acts counted twice"]++
		}
	}

	// Diagnoses of stays, and long-term diseases with both their days.
	want = map[string]float64{}
	stays := truthRows(t, dir, "stays.csv.gz")
	for _, r := range stays {
		for _, code := range append([]string{r["dp"], r["dr"]}, strings.Fields(r["das"])...) {
			if code != "" && r["status"] == "ok" {
				want[key(r["person_id"], r["entry"], code)] = 0
			}
		}
	}
	got = map[string]float64{}
	diseases, dated := map[string]float64{}, map[string]float64{}
	for _, r := range read("condition_occurrence", "person_id", "condition_start_date", "condition_end_date", "condition_source_value", "visit_occurrence_id") {
		if r[4] == "" {
			diseases[key(who[r[0]], r[3])] = 0
			dated[key(who[r[0]], r[3], r[1], r[2])] = 0
			continue
		}
		k := key(who[r[0]], r[1], r[3])
		if _, ok := want[k]; !ok && ambiguous(who[r[0]], r[1]) {
			continue
		}
		got[k] = 0
	}
	score("diagnoses", want, got)
	want, got = map[string]float64{}, map[string]float64{}
	for _, r := range truthRows(t, dir, "ald.csv.gz") {
		want[key(r["person_id"], r["cim10"])] = 0
		got[key(r["person_id"], r["cim10"], r["start"], r["end"])] = 0
	}
	score("ALD", want, diseases)
	score("days of ALD", got, dated)

	// Visits.
	want = map[string]float64{}
	for _, r := range stays {
		if r["status"] == "ok" {
			want[key(r["person_id"], r["entry"], r["exit"])] = 0
		}
	}
	emergencies, care := map[string]float64{}, map[string]float64{}
	for _, r := range truthRows(t, dir, "outpatient.csv.gz") {
		if r["status"] == "ok" && r["kind"] == "ER" {
			emergencies[key(r["person_id"], r["entry"])]++
		} else if r["status"] == "ok" {
			care[key(r["person_id"], r["entry"])] = 0
		}
	}
	got = map[string]float64{}
	inpatient, urgent, found := map[string]int{}, map[string]float64{}, map[string]float64{}
	for _, r := range read("visit_occurrence", "person_id", "visit_concept_id", "visit_start_date", "visit_end_date") {
		p := who[r[0]]
		switch k := key(p, r[2]); r[1] {
		case "9201", "262":
			stay := key(p, r[2], r[3])
			if _, ok := want[stay]; !ok && ambiguous(p, r[2]) {
				continue
			}
			got[stay] = 0
			if inpatient[stay]++; inpatient[stay] == 2 {
				v.counts["stays counted twice"]++
			}
		case "9203":
			if _, ok := emergencies[k]; !ok && ambiguous(p, r[2]) {
				continue
			}
			urgent[k]++
		default:
			if _, ok := care[k]; ok {
				found[k] = 0
			}
		}
	}
	score("stays", want, got)
	score("outpatient", care, found)
	for k, n := range urgent {
		if n > emergencies[k] && emergencies[k] > 0 {
			v.counts["emergency visits counted twice"]++
			urgent[k] = emergencies[k]
		}
	}
	score("emergency", emergencies, urgent)

	// Deaths.
	want = map[string]float64{}
	optional := map[string]bool{}
	for _, r := range truthRows(t, dir, "deaths.csv.gz") {
		if r["obtainable"] == "1" {
			want[key(r["person_id"], r["date"])] = 0
		} else {
			optional[key(r["person_id"], r["date"])] = true
		}
	}
	got = map[string]float64{}
	for _, r := range read("death", "person_id", "death_date") {
		if k := key(who[r[0]], r[1]); !optional[k] {
			got[k] = 0
		}
	}
	score("deaths", want, got)
	return v
}
