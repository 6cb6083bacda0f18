package snds

import (
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"galien/refdata"
)

func addDays(day string, n int) string {
	d, err := time.Parse(time.DateOnly, day)
	if err != nil {
		panic(err)
	}
	return d.AddDate(0, 0, n).Format(time.DateOnly)
}

// judge holds what the plain reader made of a folder against its truth.
type judge struct {
	*extraction
	person map[string]string // person as read -> person of the truth
}

func (j *judge) truth(name string) []record {
	return readTable(j.t, filepath.Join(j.dir, "truth", name+".csv.gz"))
}

// same compares two sums by key; keys begin with a person, as read in got and
// as in the truth in want.
func (j *judge) same(what string, want, got map[string]int) {
	j.t.Helper()
	read := map[string]int{}
	for k, n := range got {
		who, rest, _ := strings.Cut(k, " ")
		person, ok := j.person[who]
		if !ok {
			j.t.Errorf("%s: a person that the truth does not know", what)
			return
		}
		read[person+" "+rest] += n
	}
	if len(want) == 0 {
		j.t.Errorf("%s: the truth is empty, so nothing is judged", what)
	}
	wrong := 0
	for _, k := range slices.Sorted(maps.Keys(want)) {
		if want[k] != read[k] && wrong < 5 {
			wrong++
			j.t.Errorf("%s: %s: %d in the truth, %d read", what, k, want[k], read[k])
		}
	}
	for _, k := range slices.Sorted(maps.Keys(read)) {
		if _, ok := want[k]; !ok && wrong < 10 {
			wrong++
			j.t.Errorf("%s: %s: read, and not in the truth", what, k)
		}
	}
	j.t.Logf("%s: %d", what, len(want))
}

func counted(list []string) map[string]int {
	m := map[string]int{}
	for _, k := range list {
		m[k]++
	}
	return m
}

// all judges everything.
func (j *judge) all() {
	j.person = map[string]string{}
	for _, r := range j.truth("person_keys") {
		j.person[r["BEN_IDT_ANO"]] = r["person_id"]
	}
	j.people()
	j.town()
	j.hospital()
	j.longTerm()
	j.counts()
	j.laws()
}

func (j *judge) people() {
	type best struct{ born, sex, died, bornNoted, diedNoted string }
	read := map[string]*best{}
	for _, r := range j.beneficiaries() {
		who := r["BEN_NIR_ANO"]
		if who == "" {
			who = r["BEN_NIR_PSA"] + r["BEN_RNG_GEM"]
		}
		b := read[who]
		if b == nil {
			b = &best{}
			read[who] = b
		}
		for rule, yes := range map[string]bool{"P07": r["BEN_DCD_DTE"] == "1600-01-01", "P08": r["BEN_NAI_ANN"] == "1600", "P13": r["BEN_NIR_ANO"] == ""} {
			if yes {
				j.rules[rule+" IR_BEN_R+ARC"]++
			}
		}
		if r["BEN_NAI_ANN"] != "1600" && r["BEN_DTE_MAJ"] > b.bornNoted {
			b.born, b.sex, b.bornNoted = r["BEN_NAI_ANN"]+"-"+r["BEN_NAI_MOI"], r["BEN_SEX_COD"], r["BEN_DTE_MAJ"]
		}
		if r["BEN_DCD_DTE"] != "1600-01-01" && r["BEN_DTE_MAJ"] > b.diedNoted {
			b.died, b.diedNoted = r["BEN_DCD_DTE"], r["BEN_DTE_MAJ"]
		}
	}
	causes := map[string]int{}
	for _, r := range j.files("DECES/KI_CCI_R.csv.gz") {
		if who := r["BEN_IDT_ANO"]; who == "" {
			j.rules["K01 KI_CCI_R"]++
		} else {
			if b := read[who]; b.died == "" {
				b.died = r["BEN_DCD_DTE"]
			}
			causes[who+" "+r["DCD_CIM_COD"]]++
		}
	}
	// A provisional number that nothing links makes a second person, rightly.
	got, dead := map[string]int{}, map[string]int{}
	for who, b := range read {
		got[who+" "+b.born+" "+b.sex] = 1
		if b.died != "" {
			dead[who+" "+b.died] = 1
		}
	}
	want := map[string]int{}
	for _, r := range j.truth("persons") {
		month := r["birth_month"]
		if len(month) < 2 {
			month = "0" + month
		}
		n := 1
		if r["unresolved_provisional"] == "1" {
			n = 2
		}
		want[r["person_id"]+" "+r["birth_year"]+"-"+month+" "+r["sex"]] = n
	}
	j.same("persons", want, got)
	want = map[string]int{}
	wantCause := map[string]int{}
	for _, r := range j.truth("deaths") {
		if r["obtainable"] == "1" {
			want[r["person_id"]+" "+r["date"]] = 1
		}
		if r["cause_obtainable"] == "1" {
			wantCause[r["person_id"]+" "+r["cause"]] = 1
		}
	}
	j.same("deaths", want, dead)
	j.same("causes of death", wantCause, causes)
}

func (j *judge) town() {
	ofLine := func(claim, _ record) int { return number(claim["PRS_ACT_QTE"]) }
	of := func(column string) func(claim, detail record) int {
		return func(_, d record) int { return number(d[column]) }
	}
	drugs := j.net("ER_PHA_F", j.longCode, of("PHA_ACT_QSN"))
	seen := map[string]bool{}
	for _, r := range j.files("REF/IR_VAC_F.csv.gz") {
		k := r["BEN_NIR_ANO"] + " " + r["EXE_SOI_DTD"] + " " + r["PHA_PRS_C13"]
		if r["BEN_NIR_ANO"] == "" {
			k = j.bare[r["BEN_NIR_PSA"]][0] + " " + r["EXE_SOI_DTD"] + " " + r["PHA_PRS_C13"]
		}
		if !seen[k] {
			drugs[k]++
		}
		seen[k] = true
	}
	want := map[string]int{}
	for _, r := range j.truth("drugs") {
		want[r["person_id"]+" "+r["date"]+" "+r["cip13"]] += number(r["quantity"])
	}
	for _, r := range j.truth("vaccinations") {
		if r["source"] == "IR_VAC_F" {
			want[r["person_id"]+" "+r["date"]+" "+r["cip13"]]++
		}
	}
	j.same("drugs", want, drugs)

	plain := func(truth, code string, only func(record) bool) map[string]int {
		want := map[string]int{}
		for _, r := range j.truth(truth) {
			if only == nil || only(r) {
				want[r["person_id"]+" "+r["date"]+" "+strings.TrimLeft(r[code], "0")] += max(1, number(r["quantity"]))
			}
		}
		return want
	}
	trimmed := func(column string) func(record) string {
		return func(d record) string { return strings.TrimLeft(d[column], "0") }
	}
	inTown := func(r record) bool { return r["source"] == "town" }
	// The judge of the reference data reads one row for a person, day and code.
	for truth, code := range map[string]string{"ucd": "ucd13", "devices": "lpp", "drugs": "cip13"} {
		for k, n := range counted(j.keysOf(truth, code)) {
			if n > 1 {
				j.t.Errorf("truth/%s: %d rows for %s", truth, n, k)
			}
		}
	}
	j.same("ucd", plain("ucd", "ucd13", nil), j.net("ER_UCD_F", trimmed("UCD_UCD_COD"), of("UCD_DLV_NBR")))
	j.same("acts in town", plain("procedures", "ccam", inTown), j.net("ER_CAM_F", trimmed("CAM_PRS_IDE"), ofLine))
	j.same("tests in town", plain("labs", "nabm", inTown), j.net("ER_BIO_F", trimmed("BIO_PRS_IDE"), of("BIO_ACT_QSN")))
	j.same("devices", plain("devices", "lpp", nil), j.net("ER_TIP_F", trimmed("TIP_PRS_IDE"), of("TIP_ACT_QSN")))

	sums := map[string]int{}
	for _, r := range j.lines {
		if person, ok := j.kept(r); ok && (r["PRS_NAT_REF"] == "1110" || r["PRS_NAT_REF"] == "1111" || r["PRS_NAT_REF"] == "1112") {
			sums[strings.Join([]string{person, r["EXE_SOI_DTD"], r["PRS_NAT_REF"], r["PFS_EXE_NUM"], r["PFS_PRE_NUM"]}, " ")] += number(r["PRS_ACT_QTE"])
		}
	}
	j.same("consultations", plain("consultations", "prs_nat_ref", nil), collapse(sums))
}

// keysOf lists the person, day and code of every row of a table of the truth.
func (j *judge) keysOf(truth, code string) []string {
	var keys []string
	for _, r := range j.truth(truth) {
		keys = append(keys, r["person_id"]+" "+r["date"]+" "+r[code])
	}
	return keys
}

func (j *judge) hospital() {
	stays, acts := j.stays()
	got := map[string]int{}
	for _, s := range stays {
		got[strings.Join([]string{s.person, s.entry, s.exit, s.principal, s.related, s.others, s.year, s.key}, " ")]++
	}
	want := map[string]int{}
	for _, r := range j.truth("stays") {
		if r["status"] == "ok" {
			others := strings.Fields(r["das"])
			slices.Sort(others)
			want[strings.Join([]string{r["person_id"], r["entry"], r["exit"], r["dp"], r["dr"], strings.Join(others, " "), r["year"], r["ETA_NUM"], r["RSA_NUM"]}, " ")]++
		}
	}
	j.same("stays", want, got)
	visits, visitActs, visitLabs := j.visits()
	want = map[string]int{}
	for _, r := range j.truth("outpatient") {
		if r["status"] == "ok" {
			want[r["person_id"]+" "+r["entry"]+" "+r["visit_concept"]]++
		}
	}
	j.same("outpatient visits", want, counted(visits))
	stayActs, outActs := map[string]int{}, map[string]int{}
	for _, r := range j.truth("procedures") {
		if k := r["person_id"] + " " + r["date"] + " " + r["ccam"]; r["status"] == "ok" {
			switch r["source"] {
			case "stay":
				stayActs[k+" "+r["activity"]] += number(r["quantity"])
			case "outpatient":
				outActs[k] += number(r["quantity"])
			}
		}
	}
	j.same("acts of stays", stayActs, counted(acts))
	j.same("acts of visits", outActs, counted(visitActs))
	want = map[string]int{}
	for _, r := range j.truth("labs") {
		if r["status"] == "ok" && r["source"] == "outpatient" {
			want[r["person_id"]+" "+r["date"]+" "+r["nabm"]] += number(r["quantity"])
		}
	}
	j.same("tests of visits", want, counted(visitLabs))
}

// longTerm reads the histories of long-term diseases.
func (j *judge) longTerm() {
	type state struct{ start, end string }
	rows := slices.Clone(j.files("REF/IR_IMB_R.csv.gz"))
	slices.SortStableFunc(rows, func(a, b record) int { return strings.Compare(a["INS_DTE"], b["INS_DTE"]) })
	now := map[string]*state{}
	for _, r := range rows {
		if n := r["IMB_ETM_NAT"]; n != "41" && n != "43" && n != "45" {
			j.rules["A07 IR_IMB_R"]++
			continue
		}
		k := j.alias[r["BEN_NIR_PSA"]+r["BEN_RNG_GEM"]] + " " + r["MED_MTF_COD"] + " " + r["IMB_ETM_NAT"]
		s := now[k]
		if s == nil {
			now[k] = &state{r["IMB_ALD_DTD"], r["IMB_ALD_DTF"]}
			continue
		}
		if r["IMB_ALD_DTD"] != s.end {
			s.start = r["IMB_ALD_DTD"]
		}
		s.end = r["IMB_ALD_DTF"]
	}
	got := map[string]int{}
	for k, s := range now {
		got[k+" "+s.start+" "+s.end]++
	}
	want := map[string]int{}
	for _, r := range j.truth("ald") {
		want[strings.Join([]string{r["person_id"], r["cim10"], r["etm_nat"], r["start"], r["end"]}, " ")]++
	}
	j.same("long-term diseases", want, got)
}

// counts compares what was counted from the files with rules.csv.
func (j *judge) counts() {
	told := map[string]int{}
	for _, r := range readTable(j.t, filepath.Join(j.dir, "truth", "rules.csv")) {
		id, _, _ := strings.Cut(r["rule"], "_")
		told[id+" "+r["table"]] = number(r["raw_rows_affected"])
	}
	for _, k := range slices.Sorted(maps.Keys(j.rules)) {
		if strings.HasPrefix(k, "D13 ER_TIP_F") || j.rules[k] == 0 && told[k] == 0 {
			continue // counts appliances on a line of drugs too
		}
		if told[k] != j.rules[k] {
			j.t.Errorf("rules.csv: %s: %d rows told, %s counted in the files", k, told[k], strconv.Itoa(j.rules[k]))
		}
	}
	j.t.Logf("rules counted in the files: %d of %d", len(j.rules), len(told))
}

// laws holds rules.csv to arithmetic: the rows of a table less those that must
// disappear are what the truth lists. Rules that count again the rows of
// another (E01 and A05), or that choose a value and keep the row (P12), are
// left out.
func (j *judge) laws() {
	gone := map[string]int{}
	for _, r := range readTable(j.t, filepath.Join(j.dir, "truth", "rules.csv")) {
		if id, _, _ := strings.Cut(r["rule"], "_"); id != "E01" && id != "A05" && id != "P12" {
			gone[r["table"]] += number(r["rows_that_must_disappear"])
		}
	}
	rows := func(truth string, only func(record) bool) int {
		n := 0
		for _, r := range j.truth(truth) {
			if only == nil || only(r) {
				n++
			}
		}
		return n
	}
	dispensings, unlinked := 0, 0
	for _, r := range j.truth("drugs") {
		dispensings += number(r["dispensings"])
	}
	for _, r := range j.truth("persons") {
		unlinked += number(r["unresolved_provisional"])
	}
	town := func(r record) bool { return r["source"] == "town" }
	usable := func(r record) bool { return !strings.HasPrefix(r["status"], "dropped") }
	for _, law := range []struct {
		table string
		raw   int
		left  int
	}{
		{"ER_PHA_F", len(j.files("DCIR/ER_PHA_F_*")), dispensings},
		{"ER_UCD_F", len(j.files("DCIR/ER_UCD_F_*")), rows("ucd", nil)},
		{"ER_CAM_F", len(j.files("DCIR/ER_CAM_F_*")), rows("procedures", town)},
		{"ER_BIO_F", len(j.files("DCIR/ER_BIO_F_*")), rows("labs", town)},
		{"ER_TIP_F", len(j.files("DCIR/ER_TIP_F_*")), rows("devices", nil)},
		{"IR_VAC_F", len(j.files("REF/IR_VAC_F.csv.gz")), rows("vaccinations", func(r record) bool { return r["source"] == "IR_VAC_F" })},
		{"IR_IMB_R", len(j.files("REF/IR_IMB_R.csv.gz")), rows("ald", nil)},
		{"IR_BEN_R+ARC", len(j.beneficiaries()), rows("persons", nil) + unlinked},
		{"T_MCOaaB", len(j.files("PMSI/T_MCO??B.csv.gz")), rows("stays", usable)},
		{"T_MCOaaCSTC", len(j.files("PMSI/T_MCO??CSTC.csv.gz")), rows("outpatient", usable)},
	} {
		if law.raw-gone[law.table] != law.left {
			j.t.Errorf("%s: %d rows, %d must disappear, and the truth lists %d", law.table, law.raw, gone[law.table], law.left)
		}
	}
}

// The reader itself is judged: on data that another program made.
func TestReaderOnReferenceData(t *testing.T) {
	dir := refdata.Dir(t, "snds-truth-small")
	j := judge{extraction: openExtraction(t, dir)}
	j.all()
}
