package snds

import (
	"fmt"
	"math"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"galien"
	"galien/cdm"
	"galien/refdata"
)

// claimRows yields every row of the files of a table of the extract.
func claimRows(t *testing.T, dir, table string, yield func(r map[string]string)) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "input", "snds", "*", table+"[._]*csv.gz"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files of %s: %v", len(files), table, err)
	}
	for _, path := range files {
		for _, row := range refdata.Rows(t, path) {
			yield(row)
		}
	}
}

// money is a sum of amounts in cents: the expense and the refund.
type money struct{ paid, refund int64 }

func (m money) plus(n money) money { return money{m.paid + n.paid, m.refund + n.refund} }

// cents reads an amount of a file.
func cents(t *testing.T, s string) int64 {
	t.Helper()
	if s == "" {
		return 0
	}
	x, err := strconv.ParseFloat(s, 64)
	if err != nil {
		t.Fatalf("%q is no amount", s)
	}
	return int64(math.Round(x * 100))
}

// act names what is netted together; a drug is known by its CIP7.
type act struct{ kind, person, day, code, executor, prescriber string }

// visit is a person, a day and a professional.
func (a act) visit() act { return act{kind: "PRS", person: a.person, day: a.day, executor: a.executor} }

// costs holds the law of amounts on the extract: what cost holds of a person is
// the sum of the lines of claim of that person, less those that a rule removes
// whole (counted apart) and those that no act or visit of the day can bear. It is
// worked out from the files alone. It returns what rule F01 should have counted.
func costs(t *testing.T, dir string, h hub) map[string]string {
	t.Helper()
	// Who a number and rank is: the anonymous number, or else number and rank; an
	// extract may hold a number of two persons, who are nobody then.
	anonymous := map[[2]string]map[string]bool{}
	for _, table := range []string{"IR_BEN_R", "IR_BEN_R_ARC"} {
		claimRows(t, dir, table, func(r map[string]string) {
			k := [2]string{r["BEN_NIR_PSA"], r["BEN_RNG_GEM"]}
			if anonymous[k] == nil {
				anonymous[k] = map[string]bool{}
			}
			if r["BEN_NIR_ANO"] != "" {
				anonymous[k][r["BEN_NIR_ANO"]] = true
			}
		})
	}
	person := func(r map[string]string) string {
		k := [2]string{r["BEN_NIR_PSA"], r["BEN_RNG_GEM"]}
		switch names, known := anonymous[k]; {
		case !known || len(names) > 1:
			return ""
		case len(names) == 1:
			for n := range names {
				return n
			}
		}
		return k[0] + k[1]
	}
	key := func(r map[string]string) (s string) {
		for _, k := range strings.Fields(nineKeys) {
			s += r[k] + "|"
		}
		return s
	}
	type detail struct{ kind, code, quantity string }
	details := map[string][]detail{}
	for _, d := range []struct{ kind, code, quantity string }{
		{"PHA", "", "PHA_ACT_QSN"}, {"UCD", "UCD_UCD_COD", "UCD_DLV_NBR"}, {"CAM", "CAM_PRS_IDE", ""}, {"BIO", "BIO_PRS_IDE", "BIO_ACT_QSN"}, {"TIP", "TIP_PRS_IDE", "TIP_ACT_QSN"},
	} {
		claimRows(t, dir, "ER_"+d.kind+"_F", func(r map[string]string) {
			code := strings.TrimLeft(r[d.code], "0")
			if c13 := r["PHA_PRS_C13"]; d.kind == "PHA" {
				switch {
				case strings.Trim(c13, "0") == "":
					code = r["PHA_PRS_IDE"]
				case strings.HasPrefix(c13, "000000"):
					code = c13[6:]
				default:
					code = c13[5:12]
				}
			}
			details[key(r)] = append(details[key(r)], detail{d.kind, code, r[d.quantity]})
		})
	}
	establishment := map[string]string{}
	claimRows(t, dir, "ER_ETE_F", func(r map[string]string) { establishment[key(r)] = r["ETE_IND_TAA"] })

	type line struct {
		acts       []act
		supplement bool
		money      money
	}
	var lines []line
	net, sum, corrected := map[act]float64{}, map[act]money{}, map[act]bool{}
	apart := map[string]money{}
	positive := map[act]int{}
	claimRows(t, dir, "ER_PRS_F", func(r map[string]string) {
		m := money{cents(t, r["PRS_PAI_MNT"]), cents(t, r["BSE_REM_MNT"]) + cents(t, r["CPL_REM_MNT"])}
		top, _ := strconv.Atoi(r["CPL_MAJ_TOP"])
		l := line{supplement: top >= 2 || r["CPL_AFF_COD"] == "16", money: m}
		who := person(r)
		removed := ""
		switch taa := establishment[key(r)]; {
		case r["BEN_CDI_NIR"] == "08" || r["RGM_COD"] == "888":
			removed = "P05"
		case who == "":
			removed = "P06"
		case r["DPN_QLF"] == "71" || r["PRS_DPN_QLP"] == "71":
			removed = "D14"
		case taa == "1":
			removed = "D18"
		case taa == "2" && !l.supplement:
			removed = "D17"
		}
		if removed != "" {
			apart[removed] = apart[removed].plus(m)
			return
		}
		of := details[key(r)]
		if n := r["PRS_NAT_REF"]; n == "1110" || n == "1111" || n == "1112" {
			of = append(of, detail{"PRS", n, r["PRS_ACT_QTE"]})
		}
		for _, d := range of {
			a := act{d.kind, who, r["EXE_SOI_DTD"], d.code, r["PFS_EXE_NUM"], r["PFS_PRE_NUM"]}
			l.acts = append(l.acts, a)
			if d.quantity == "" {
				d.quantity = r["PRS_ACT_QTE"]
			}
			q, err := strconv.ParseFloat(d.quantity, 64)
			if err != nil {
				t.Fatalf("%q is no quantity", d.quantity)
			}
			if l.supplement {
				continue
			}
			net[a] += q
			corrected[a] = corrected[a] || q < 0
			if q > 0 {
				positive[a]++
			}
		}
		if len(of) == 0 {
			l.acts = []act{{kind: "", person: who, day: r["EXE_SOI_DTD"], executor: r["PFS_EXE_NUM"], prescriber: r["PFS_PRE_NUM"]}}
		}
		lines = append(lines, l)
	})
	visits := map[act]bool{}
	for a, n := range net {
		if a.kind == "PRS" && n > 0 {
			visits[a.visit()] = true
		}
	}

	// What is borne, by person; what comes to other acts and to visits.
	want := map[string]money{}
	loose, lost := 0, 0
	place := func(a act, m money) {
		if m == (money{}) {
			return
		}
		loose++
		if net[a] > 0 || visits[a.visit()] {
			want[a.person] = want[a.person].plus(m)
		} else {
			lost++
			apart["F01"] = apart["F01"].plus(m)
		}
	}
	for _, l := range lines {
		if l.supplement || l.acts[0].kind == "" {
			for _, a := range l.acts[1:] {
				if (net[a] > 0) != (net[l.acts[0]] > 0) {
					t.Fatal("one detail of a supplement is undone and another is not: the sum is not known")
				}
			}
			place(l.acts[0], l.money)
			continue
		}
		for _, a := range l.acts[1:] {
			if (net[a] > 0) != (net[l.acts[0]] > 0) {
				t.Fatal("one detail of a line is undone and another is not: the sum is not known")
			}
		}
		sum[l.acts[0]] = sum[l.acts[0]].plus(l.money)
	}
	for a, m := range sum {
		if net[a] > 0 {
			want[a.person] = want[a.person].plus(m)
		} else {
			place(act{person: a.person, day: a.day, executor: a.executor}, m)
		}
	}

	snap, err := h.lake.Current()
	if err != nil {
		t.Fatal(err)
	}
	ids, err := h.vault.SourceIDs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	type event struct {
		domain     string
		id, person int64
		day        galien.Date
	}
	events := map[event]bool{}
	for domain, name := range cdm.Priced() {
		model, _ := cdm.Lookup(name)
		if _, held := snap.Table(name); !held {
			continue
		}
		err := snap.Read(t.Context(), name, []string{model.PrimaryKey(), "person_id", model.DateColumn()}, func(row []any) error {
			events[event{domain, row[0].(int64), row[1].(int64), row[2].(galien.Date)}] = true
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	got := map[string]money{}
	domains := map[string]int{}
	plans := 0
	err = snap.Read(t.Context(), "cost", []string{"person_id", "total_paid", "paid_by_payer", "cost_domain_id", "cost_event_id", "incurred_date", "currency_concept_id", "payer_plan_period_id"}, func(row []any) error {
		who := ids[galien.PersonID(row[0].(int64))]
		var m money
		for i, into := range []*int64{&m.paid, &m.refund} {
			if x, ok := row[i+1].(float64); ok {
				*into = int64(math.Round(x * 100))
			}
		}
		got[who] = got[who].plus(m)
		if e := (event{row[3].(string), row[4].(int64), row[0].(int64), row[5].(galien.Date)}); !events[e] {
			t.Errorf("a cost is of no row of the domain %s of that person and day", e.domain)
		}
		domains[row[3].(string)]++
		if row[6] != int64(44818568) {
			t.Errorf("the currency is %v", row[6])
		}
		if row[7] != nil {
			plans++
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var total money
	for who, m := range want {
		total = total.plus(m)
		if got[who] != m {
			t.Errorf("a person's costs are %v cents, want %v", got[who], m)
		}
	}
	for who := range got {
		if _, ok := want[who]; !ok {
			t.Error("somebody without a line of claim has costs")
		}
	}
	for _, domain := range []string{"Drug", "Procedure", "Measurement", "Device"} {
		if domains[domain] == 0 {
			t.Errorf("no cost of the domain %s", domain)
		}
	}
	if total.paid == 0 || plans == 0 || apart["D14"].paid == 0 || apart["D18"].paid == 0 || apart["D17"].paid == 0 || loose == 0 {
		t.Errorf("the extract does not try the law: %v, %d with a plan, apart %v, %d loose", total, plans, apart, loose)
	}
	t.Logf("cents in cost: %v, in rows of %v; apart: %v", total, domains, apart)
	return map[string]string{"F01 ER_PRS_F": fmt.Sprint(loose, lost)}
}

// TestCost reads a hand-made extract, at once and in two months of which the
// second changes what acts of the first cost. Every amount was worked out by hand.
func TestCost(t *testing.T) {
	const (
		lines = "DCT_ORD_NUM;FLX_DIS_DTD;FLX_EMT_NUM;FLX_EMT_ORD;FLX_EMT_TYP;FLX_TRT_DTD;ORG_CLE_NUM;PRS_ORD_NUM;REM_TYP_AFF;BEN_NIR_PSA;BEN_RNG_GEM;EXE_SOI_DTD;" +
			"PRS_NAT_REF;PRS_ACT_QTE;CPL_MAJ_TOP;CPL_AFF_COD;PFS_EXE_NUM;PFS_PRE_NUM;PRS_PAI_MNT;BSE_REM_BSE;BSE_REM_MNT;CPL_REM_MNT\n"
		someone = ";AAAAAAAAAAAAAAAA1;1;2020-01-06;"
	)
	january := func(bill int) string { return fmt.Sprintf("%d;2020-02-01;1;1;1;2020-01-20;01C750000;1;0", bill) }
	february := func(bill int) string { return fmt.Sprintf("%d;2020-03-01;1;1;1;2020-02-20;01C750000;1;0", bill) }
	first := map[string]string{
		"IR_BEN_R.csv": "BEN_NIR_PSA;BEN_RNG_GEM;BEN_NIR_ANO;BEN_CDI_NIR;BEN_NAI_ANN;BEN_NAI_MOI;BEN_SEX_COD;BEN_DCD_DTE;ORG_AFF_BEN;BEN_RES_DPT;BEN_RES_COM;BEN_DTE_MAJ\n" +
			"AAAAAAAAAAAAAAAA1;1;aaaaaaaaaaaaaaaa1;00;1950;3;2;1600-01-01;01C750000;075;101;2020-01-01\n",
		"ER_PRS_F_202001.csv": lines +
			january(1) + someone + "1111;1;0;0;E1;E1;25,00;25.00;17.50;\n" + // a consultation
			january(2) + someone + "1321;1;0;0;E2;E1;100.10;100;70.05;0.02\n" + // two acts, of which one bears all
			january(3) + someone + "2211;1;0;0;T1;E1;50;50;32.50;\n" + // no act, and nobody was visited
			january(4) + someone + "3221;1;0;0;E1;E1;10;10;;\n" + // no act: the visit bears it
			january(5) + someone + "3313;3;0;0;P1;E1;30;30;15;\n", // three boxes
		"ER_CAM_F_202001.csv": strings.ReplaceAll(nineKeys, " ", ";") + ";CAM_PRS_IDE\n" + january(2) + ";ZZZZ001\n" + january(2) + ";AAAA001\n",
		"ER_PHA_F_202001.csv": strings.ReplaceAll(nineKeys, " ", ";") + ";PHA_ACT_QSN;PHA_PRS_C13\n" + january(5) + ";3;3400930000014\n",
	}
	second := map[string]string{
		"ER_PRS_F_202002.csv": lines +
			february(6) + someone + "1111;1;2;0;E1;E1;3;3;2.10;\n" + // a supplement of the consultation
			february(7) + someone + "3313;-1;0;0;P1;E1;-10;-10;-5;\n" + // a box was given back
			february(8) + someone + "3313;1;0;16;P1;E1;1;1;0;\n" + // a contribution to a drug that was not dispensed
			february(9) + someone + "1111;0;0;0;E1;E1;2;2;1;\n", // a regularisation
		"ER_PHA_F_202002.csv": strings.ReplaceAll(nineKeys, " ", ";") + ";PHA_ACT_QSN;PHA_PRS_C13\n" + february(7) + ";-1;3400930000014\n" + february(8) + ";1;3400930000021\n",
	}
	// Lines of no consequence, so that the second month is a small part.
	for i := range 200 {
		first["ER_PRS_F_202001.csv"] += january(100+i) + someone + "3313;1;0;0;P1;E1;;;;\n"
	}
	told := func(h hub) (list []string) {
		snap, err := h.lake.Current()
		if err != nil {
			t.Fatal(err)
		}
		what := map[string]string{}
		for table, columns := range map[string][2]string{"procedure_occurrence": {"Procedure", "procedure_source_value"}, "drug_exposure": {"Drug", "drug_source_value"}, "visit_occurrence": {"Visit", "visit_source_value"}} {
			err := snap.Read(t.Context(), table, []string{table + "_id", columns[1]}, func(row []any) error {
				what[fmt.Sprint(columns[0], row[0])] = fmt.Sprint(row[1])
				return nil
			})
			if err != nil && galien.KindOf(err) != galien.NotFound {
				t.Fatal(err)
			}
		}
		err = snap.Read(t.Context(), "cost", []string{"cost_domain_id", "cost_event_id", "total_charge", "total_paid", "amount_allowed", "paid_by_payer", "incurred_date", "cost_id"}, func(row []any) error {
			list = append(list, fmt.Sprint(row[0], " ", what[fmt.Sprint(row[0], row[1])], " ", row[2], " ", row[3], " ", row[4], " ", row[5], " ", row[6]))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	loose := func(r Report) string {
		for _, c := range r.Rules {
			if c.Rule == "F01" {
				return fmt.Sprint(c.Table, " ", c.Touched, " ", c.Removed)
			}
		}
		return ""
	}
	h := newHub(t)
	r := h.ingest(t, folder(t, first))
	sameRows(t, "January", told(h),
		"Procedure 1111 25 25 25 17.5 2020-01-06",
		"Procedure AAAA001 100.1 100.1 100 70.07 2020-01-06",
		"Visit town 10 10 10 <nil> 2020-01-06",
		"Drug 3400930000014 30 30 30 15 2020-01-06")
	if got := loose(r); got != "ER_PRS_F 2 1" {
		t.Errorf("in January F01 counts %s", got)
	}
	r = h.ingest(t, folder(t, second))
	want := []string{
		"Procedure 1111 25 25 25 17.5 2020-01-06",
		"Procedure 1111 5 5 5 3.1 2020-01-06",
		"Procedure AAAA001 100.1 100.1 100 70.07 2020-01-06",
		"Visit town 10 10 10 <nil> 2020-01-06",
		"Drug 3400930000014 20 20 20 10 2020-01-06",
	}
	sameRows(t, "February", told(h), want...)
	if got := loose(r); !r.Grown || got != "ER_PRS_F 5 2" {
		t.Errorf("in February the lake grew %v, and F01 counts %s", r.Grown, got)
	}
	all := newHub(t)
	for name, text := range second {
		first[name] = text
	}
	r = all.ingest(t, folder(t, first))
	sameRows(t, "at once", told(all), want...)
	if got := loose(r); got != "ER_PRS_F 5 2" {
		t.Errorf("at once F01 counts %s", got)
	}
}

// sameRows says which rows are missing and which are too much.
func sameRows(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	lost, gained := differences(want, got)
	if len(lost)+len(gained) > 0 {
		t.Errorf("%s: missing %q, too much %q", what, lost, gained)
	}
}

// TestCostOfStays takes in the stays of a public hospital and of a private clinic
// and outpatient care, with what they cost, and then another year. Every amount
// was worked out by hand.
func TestCostOfStays(t *testing.T) {
	const (
		linkage = "ETA_NUM;RSA_NUM;NIR_ANO_17;NIR_RET;NAI_RET;SEX_RET;SEJ_RET;FHO_RET;PMS_RET;DAT_RET;COH_NAI_RET;COH_SEX_RET;EXE_SOI_DTD;EXE_SOI_DTF\n"
		someone = ";AAAAAAAAAAAAAAAA1;0;0;0;0;0;0;0;0;0;"
	)
	first := map[string]string{
		"IR_BEN_R.csv": "BEN_NIR_PSA;BEN_RNG_GEM;BEN_NIR_ANO;BEN_CDI_NIR;BEN_NAI_ANN;BEN_NAI_MOI;BEN_SEX_COD;BEN_DCD_DTE;ORG_AFF_BEN;BEN_RES_DPT;BEN_RES_COM;BEN_DTE_MAJ\n" +
			"AAAAAAAAAAAAAAAA1;1;aaaaaaaaaaaaaaaa1;00;1950;3;2;1600-01-01;01C750000;075;101;2020-01-01\n",
		"T_MCO21C.csv": linkage +
			"750000001;0000001" + someone + "2021-03-01;2021-03-04\n" + // valued
			"750000001;0000002" + someone + "2021-04-01;2021-04-02\n" + // not valued
			"750000001;0000003" + someone + "2021-05-01;2021-05-02\n" + // nobody says whether
			"750000002;0000001" + someone + "2021-06-01;2021-06-03\n" + // in a private clinic
			"750000002;0000009" + strings.Replace(someone, ";0;", ";1;", 1) + "2021-07-01;2021-07-03\n", // whose linkage failed
		"T_MCO21B.csv": "ETA_NUM;RSA_NUM;DGN_PAL;GRG_GHM\n750000001;0000001;I10;05M091\n750000001;0000002;I10;05M091\n750000001;0000003;I10;05M091\n750000002;0000001;I10;05M091\n",
		"T_MCO21VALO.csv": "ETA_NUM;RSA_NUM;VALO;MNT_TOT_AM;MNT_TOT_BR\n750000001;0000001;1;1600.40;2000,50\n750000001;0000002;0;900;1000\n750000001;0000003;;10;20\n" +
			"750000001;0000077;1;5;5\n", // of a stay that is not there
		"T_MCO21FA.csv": "ETA_NUM;RSA_NUM;PH_MNT;HON_MNT;PH_BRM;PH_AMO_MNR;HON_AM_MNR\n750000002;0000001;900;300;800;640;180\n750000002;0000009;1;1;1;1;1\n",
		"T_MCO21FC.csv": "ETA_NUM;RSA_NUM;REM_BAS\n750000002;0000001;100\n750000002;0000001;150\n",
		"T_MCO21CSTC.csv": "ETA_NUM;SEQ_NUM;NIR_ANO_17;NIR_RET;NAI_RET;SEX_RET;IAS_RET;ENT_DAT_RET;EXE_SOI_DTD;EXE_SOI_DTF\n" +
			"750000001;00000001;AAAAAAAAAAAAAAAA1;0;0;0;0;0;2021-08-01;2021-08-01\n750000001;00000002;AAAAAAAAAAAAAAAA1;0;0;0;0;0;2021-08-02;2021-08-02\n",
		"T_MCO21VALOACE.csv": "ETA_NUM;SEQ_NUM;VALO;MNT_BR;MNT_REMB\n750000001;00000001;1;25;17.50\n750000001;00000002;0;30;21\n",
	}
	second := map[string]string{ // with the names of now
		"T_MCO22C.csv":    linkage + "750000001;0000001" + someone + "2022-03-01;2022-03-04\n",
		"T_MCO22B.csv":    "ETA_NUM;RSA_NUM;DGN_PAL;GRG_GHM\n750000001;0000001;I10;05M091\n",
		"T_MCO22VALO.csv": "ETA_NUM;RSA_NUM;VALO;MT_TOT_AM;MT_TOT_BR\n750000001;0000001;1;80;100\n",
	}
	told := func(h hub) (list []string) {
		snap, err := h.lake.Current()
		if err != nil {
			t.Fatal(err)
		}
		visits := map[string]bool{}
		err = snap.Read(t.Context(), "visit_occurrence", []string{"visit_occurrence_id"}, func(row []any) error {
			visits[fmt.Sprint(row[0])] = true
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		err = snap.Read(t.Context(), "cost", []string{"incurred_date", "total_charge", "amount_allowed", "paid_by_payer", "cost_domain_id", "cost_event_id"}, func(row []any) error {
			list = append(list, fmt.Sprint(row[0], " ", row[1], " ", row[2], " ", row[3]))
			if row[4] != "Visit" || !visits[fmt.Sprint(row[5])] {
				t.Errorf("a cost of no visit: %v", row)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	want := []string{"2021-03-01 <nil> 2000.5 1600.4", "2021-05-01 <nil> 20 10", "2021-06-01 1200 1050 820", "2021-08-01 25 25 17.5"}
	h := newHub(t)
	r := h.ingest(t, folder(t, first))
	sameRows(t, "one year", told(h), want...)
	counts := map[string]string{}
	for _, c := range r.Rules {
		counts[c.Rule+" "+c.Table] = fmt.Sprint(c.Touched, " ", c.Removed)
	}
	for rule, n := range map[string]string{"F02 T_MCOaaVALO": "1 1", "F02 T_MCOaaVALOACE": "1 1", "M11 T_MCOaaVALO": "1 1", "M01 T_MCOaaFA": "1 1"} {
		if counts[rule] != n {
			t.Errorf("%s is counted %q, want %q", rule, counts[rule], n)
		}
	}
	if r.Quarantined != 1 || len(r.Reasons) != 1 || r.Reasons[0].Table != "t_mcoaavalo" {
		t.Errorf("in quarantine: %d, %v", r.Quarantined, r.Reasons)
	}
	h.ingest(t, folder(t, second))
	sameRows(t, "a year more", told(h), append(want, "2022-03-01 <nil> 100 80")...)

	all := newHub(t)
	for name, text := range second {
		first[name] = text
	}
	all.ingest(t, folder(t, first), "F02")
	sameRows(t, "at once, without F02", told(all), append(want, "2022-03-01 <nil> 100 80", "2021-04-01 <nil> 1000 900", "2021-08-02 30 30 21")...)
}
