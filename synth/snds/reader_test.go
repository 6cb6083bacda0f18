package snds

import (
	"compress/gzip"
	"encoding/csv"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"galien/refdata"
)

// record is a row by column; what is empty is absent.
type record map[string]string

// readTable reads a file of semicolon-separated values, in gzip or not.
func readTable(t *testing.T, path string) (all []record) {
	t.Helper()
	for _, row := range refdata.Rows(t, path) {
		maps.DeleteFunc(row, func(_, v string) bool { return v == "" })
		all = append(all, row)
	}
	return all
}

func readHeader(t *testing.T, path string) []string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	r := csv.NewReader(z)
	r.Comma = ';'
	head, err := r.Read()
	if err != nil {
		t.Fatal(err)
	}
	return head
}

// extraction is a folder read by the plainest program that follows the rules of
// the reference data's README. It knows nothing of the generator.
type extraction struct {
	t     *testing.T
	dir   string
	read  map[string][]record // files by pattern, once
	alias map[string]string   // number and rank -> person
	bare  map[string][]string // number -> persons
	known map[string]bool     // long codes
	lines map[string]record   // claim lines by their nine keys
	sites map[string]record   // ER_ETE_F
	// what each rule touches, as far as files tell
	rules map[string]int
}

var nine = []string{"DCT_ORD_NUM", "FLX_DIS_DTD", "FLX_EMT_NUM", "FLX_EMT_ORD", "FLX_EMT_TYP", "FLX_TRT_DTD", "ORG_CLE_NUM", "PRS_ORD_NUM", "REM_TYP_AFF"}

func (r record) key() string {
	var k []string
	for _, c := range nine {
		k = append(k, r[c])
	}
	return strings.Join(k, " ")
}

func (x *extraction) files(pattern string) []record {
	if all, ok := x.read[pattern]; ok {
		return all
	}
	names, err := filepath.Glob(filepath.Join(x.dir, "input", "snds", pattern))
	if err != nil || len(names) == 0 {
		x.t.Fatalf("no file %s", pattern)
	}
	var all []record
	for _, n := range names {
		all = append(all, readTable(x.t, n)...)
	}
	x.read[pattern] = all
	return all
}

func openExtraction(t *testing.T, dir string) *extraction {
	x := &extraction{t: t, dir: dir, read: map[string][]record{}, alias: map[string]string{}, bare: map[string][]string{}, known: map[string]bool{}, lines: map[string]record{}, sites: map[string]record{}, rules: map[string]int{}}
	for _, r := range x.beneficiaries() {
		who := r["BEN_NIR_ANO"]
		if who == "" {
			who = r["BEN_NIR_PSA"] + r["BEN_RNG_GEM"]
		}
		x.alias[r["BEN_NIR_PSA"]+r["BEN_RNG_GEM"]] = who
		if !slices.Contains(x.bare[r["BEN_NIR_PSA"]], who) {
			x.bare[r["BEN_NIR_PSA"]] = append(x.bare[r["BEN_NIR_PSA"]], who)
		}
	}
	for _, r := range x.files("REF/IR_PHA_R.csv.gz") {
		x.known[r["PHA_CIP_C13"]] = true
	}
	for _, r := range x.files("DCIR/ER_ETE_F_*") {
		x.sites[r.key()] = r
	}
	for _, r := range x.files("DCIR/ER_PRS_F_*") {
		k := r.key()
		if _, twice := x.lines[k]; twice {
			t.Fatalf("two claim lines have the keys %s", k)
		}
		x.lines[k] = r
		x.countLine(r)
	}
	return x
}

func (x *extraction) beneficiaries() []record {
	return slices.Concat(x.files("REF/IR_BEN_R.csv.gz"), x.files("REF/IR_BEN_R_ARC.csv.gz"))
}

func (x *extraction) site(r record) string {
	if s, ok := x.sites[r.key()]; ok {
		return s["ETE_IND_TAA"]
	}
	return ""
}

func missing(r record, columns ...string) bool {
	return slices.ContainsFunc(columns, func(c string) bool { return r[c] == "" })
}

func months(date string) int {
	y, _ := strconv.Atoi(date[:4])
	m, _ := strconv.Atoi(date[5:7])
	return 12*y + m
}

// countLine counts what a claim line alone shows of the rules.
func (x *extraction) countLine(r record) {
	note := func(name string, yes bool) {
		if yes {
			x.rules[name+" ER_PRS_F"]++
		}
	}
	info := r["DPN_QLF"] == "71" || r["PRS_DPN_QLP"] == "71"
	note("D01", months(r["FLX_DIS_DTD"])-months(r["EXE_SOI_DTD"]) > 6)
	note("D12", !info && r["CPL_AFF_COD"] != "16" && r["CPL_MAJ_TOP"] < "2" && missing(r, "DPN_QLF", "PRS_DPN_QLP", "CPL_MAJ_TOP", "CPL_AFF_COD"))
	note("D14", info)
	note("D15", r["CPL_MAJ_TOP"] >= "2")
	note("D16", r["CPL_AFF_COD"] == "16")
	note("D18", !info && x.site(r) == "1")
	note("P05", r["BEN_CDI_NIR"] == "08")
	note("P06", r["BEN_CDI_NIR"] != "08" && x.alias[r["BEN_NIR_PSA"]+r["BEN_RNG_GEM"]] == "")
}

// kept returns the person of a claim line that is to be kept, and its sign.
func (x *extraction) kept(r record) (person string, ok bool) {
	if r["BEN_CDI_NIR"] == "08" || r["RGM_COD"] == "888" || r["DPN_QLF"] == "71" || r["PRS_DPN_QLP"] == "71" ||
		r["CPL_MAJ_TOP"] >= "2" || r["CPL_AFF_COD"] == "16" {
		return "", false
	}
	if s := x.site(r); s == "1" || s == "2" {
		return "", false
	}
	person = x.alias[r["BEN_NIR_PSA"]+r["BEN_RNG_GEM"]]
	return person, person != ""
}

func number(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}

// net sums the quantities of a detail table by person, day, code and
// professionals, and gives those above zero by person, day and code.
func (x *extraction) net(table string, code func(record) string, quantity func(claim, detail record) int) map[string]int {
	sums := map[string]int{}
	perLine := map[string]int{}
	details := x.files("DCIR/" + table + "_*")
	for _, d := range details {
		perLine[d.key()]++
	}
	for _, d := range details {
		k := d.key()
		r, ok := x.lines[k]
		if perLine[k] > 1 {
			x.rules["D13 "+table]++
		}
		if !ok {
			x.rules["D19 "+table]++
			continue
		}
		x.countDetail(table, r, d)
		if person, ok := x.kept(r); ok {
			sums[strings.Join([]string{person, r["EXE_SOI_DTD"], code(d), r["PFS_EXE_NUM"], r["PFS_PRE_NUM"]}, " ")] += quantity(r, d)
		}
	}
	return collapse(sums)
}

// collapse drops the professionals from the keys, and what is not above zero.
func collapse(sums map[string]int) map[string]int {
	net := map[string]int{}
	for k, n := range sums {
		if n > 0 {
			net[strings.Join(strings.Split(k, " ")[:3], " ")] += n
		}
	}
	return net
}

// countDetail counts what a row of a detail table and its claim line show.
func (x *extraction) countDetail(table string, r, d record) {
	note := func(name string, yes bool) {
		if yes {
			x.rules[name+" "+table]++
		}
	}
	info := r["DPN_QLF"] == "71" || r["PRS_DPN_QLP"] == "71"
	note("D14", info)
	note("D15", r["CPL_MAJ_TOP"] >= "2")
	note("D16", r["CPL_AFF_COD"] == "16")
	note("D18", !info && x.site(r) == "1")
	note("P05", r["BEN_CDI_NIR"] == "08")
	if table == "ER_CAM_F" {
		note("D17", x.site(r) == "2")
	}
	if table == "ER_PHA_F" {
		long := d["PHA_PRS_C13"]
		note("D08", strings.HasPrefix(long, "000000"))
		note("D09", long == "")
		note("D10", !x.known[x.longCode(d)])
	}
}

// longCode is the long code of a dispensing.
func (x *extraction) longCode(d record) string {
	c := d["PHA_PRS_C13"]
	if c == "" {
		c = d["PHA_PRS_IDE"]
	}
	if c = strings.TrimPrefix(c, "000000"); len(c) == 7 {
		return longOf(c)
	}
	return c
}

// longOf makes a long code of a short one: 34009, and the check digit that
// brings the sum of the digits, every second one times three, to a ten.
func longOf(short string) string {
	long, sum := "34009"+short, 0
	for i, c := range long {
		sum += int(c-'0') * (1 + 2*(i%2))
	}
	return long + strconv.Itoa((1000-sum)%10)
}

// french turns JJMMAAAA into AAAA-MM-JJ.
func frenchDate(s string) string { return s[4:] + "-" + s[2:4] + "-" + s[:2] }

// hospitalRow joins a row of an identity table (C or CSTC) with its person, and
// says why it is to be dropped, if it is.
func (x *extraction) hospitalRow(r record, returns []string) (person, why string) {
	for _, c := range returns {
		if v := r[c]; v != "" && v != "0" {
			return "", "M01"
		}
	}
	nir := r["NIR_ANO_17"]
	if nir == "xxxxxxxxxxxxxxxxx" || nir == "XXXXXXXXXXXXXXXXD" {
		return "", "M02"
	}
	switch who := x.bare[nir]; len(who) {
	case 0:
		x.t.Errorf("a hospital's number is in no referential")
		return "", "unknown"
	case 1:
		return who[0], ""
	}
	return "", "M09"
}

// geographic are the parts of the big groups that the two data sets use, out
// of the 46 of the documentation.
var geographic = []string{"750100042", "750100125", "940100027", "130783236", "690784137"}

func copied(r record, year int) bool {
	return year <= 2017 && slices.Contains(geographic, r["ETA_NUM"])
}

// stayRead is a stay as read.
type stayRead struct{ person, entry, exit, principal, related, others, year, key string }

// stays reads the stays that can be used, and their acts as person, day, code
// and activity.
func (x *extraction) stays() (stays []stayRead, acts []string) {
	names, _ := filepath.Glob(filepath.Join(x.dir, "input", "snds", "PMSI", "T_MCO??B.csv.gz"))
	for _, name := range names {
		yy := filepath.Base(name)[5:7]
		year := 2000 + number(yy)
		by := func(table string) map[string][]record {
			m := map[string][]record{}
			for _, r := range x.files("PMSI/T_MCO" + yy + table + ".csv.gz") {
				k := r["ETA_NUM"] + " " + r["RSA_NUM"]
				m[k] = append(m[k], r)
			}
			return m
		}
		b, d, um, a := by("B"), by("D"), by("UM"), by("A")
		for _, c := range x.files("PMSI/T_MCO" + yy + "C.csv.gz") {
			k := c["ETA_NUM"] + " " + c["RSA_NUM"]
			if copied(c, year) {
				x.rules["M04 T_MCOaaC"]++
				for table, rows := range map[string]map[string][]record{"B": b, "D": d, "UM": um, "A": a} {
					x.rules["M04 T_MCOaa"+table] += len(rows[k])
				}
				continue
			}
			if len(b[k]) != 1 {
				x.t.Fatalf("%d rows of B for one of C", len(b[k]))
			}
			main := b[k][0]
			others := map[string]bool{}
			for _, r := range d[k] {
				if r["ASS_DGN"] == main["DGN_PAL"] {
					x.rules["M06 T_MCOaaD"]++
				} else if others[r["ASS_DGN"]] {
					x.rules["M05 T_MCOaaD"]++
				}
				others[r["ASS_DGN"]] = true
			}
			for _, r := range um[k] {
				if c := r["DGN_PAL"]; c != "" && c != main["DGN_PAL"] && !others[c] {
					x.rules["M07 T_MCOaaUM"]++
				}
				others[r["DGN_PAL"]] = true
				others[r["DGN_REL"]] = true
			}
			delete(others, main["DGN_PAL"])
			delete(others, main["DGN_REL"])
			delete(others, "")
			person, why := x.hospitalRow(c, []string{"NIR_RET", "NAI_RET", "SEX_RET", "SEJ_RET", "FHO_RET", "PMS_RET", "DAT_RET", "COH_NAI_RET", "COH_SEX_RET"})
			if (why == "" || why == "M09") && strings.HasPrefix(main["GRG_GHM"], "90") {
				why = "M03"
			}
			switch why {
			case "":
			case "M09":
				x.rules["M09 T_MCOaaC"]++
				continue
			default:
				for table, rows := range map[string]map[string][]record{"B": b, "D": d, "A": a} {
					x.rules[why+" T_MCOaa"+table] += len(rows[k])
				}
				continue
			}
			if why == "" && missing(c, "EXE_SOI_DTD") {
				x.rules["M08 T_MCOaaC"]++
			}
			s := stayRead{person: person, entry: frenchDate(c["ENT_DAT"]), exit: frenchDate(c["SOR_DAT"]), principal: main["DGN_PAL"], related: main["DGN_REL"], year: strconv.Itoa(year), key: k}
			s.others = strings.Join(slices.Sorted(maps.Keys(others)), " ")
			stays = append(stays, s)
			for _, r := range a[k] {
				acts = append(acts, fmt.Sprintf("%s %s %s %s", person, addDays(s.entry, number(r["ENT_DAT_DEL"])), r["CDC_ACT"], r["ACV_ACT"]))
			}
		}
	}
	return stays, acts
}

// visits reads the outpatient visits that can be used: person, entry and kind
// of service; their acts and tests as person, day and code.
func (x *extraction) visits() (visits, acts, labs []string) {
	names, _ := filepath.Glob(filepath.Join(x.dir, "input", "snds", "PMSI", "T_MCO??CSTC.csv.gz"))
	for _, name := range names {
		yy := filepath.Base(name)[5:7]
		year := 2000 + number(yy)
		by := func(table string) map[string][]record {
			m := map[string][]record{}
			for _, r := range x.files("PMSI/T_MCO" + yy + table + ".csv.gz") {
				k := r["ETA_NUM"] + " " + r["SEQ_NUM"]
				m[k] = append(m[k], r)
			}
			return m
		}
		fm, fb, fl := by("FMSTC"), by("FBSTC"), by("FLSTC")
		for _, c := range x.files("PMSI/T_MCO" + yy + "CSTC.csv.gz") {
			k := c["ETA_NUM"] + " " + c["SEQ_NUM"]
			if copied(c, year) {
				x.rules["M04 T_MCOaaCSTC"]++
				for table, rows := range map[string]map[string][]record{"FMSTC": fm, "FBSTC": fb, "FLSTC": fl} {
					x.rules["M04 T_MCOaa"+table] += len(rows[k])
				}
				continue
			}
			person, why := x.hospitalRow(c, []string{"NIR_RET", "NAI_RET", "SEX_RET", "IAS_RET", "ENT_DAT_RET"})
			if why != "" {
				x.rules[why+" T_MCOaaCSTC"]++
				continue
			}
			day, kind := frenchDate(c["ENT_DAT"]), "9202"
			for _, r := range fb[k] {
				if r["ACT_COD"] == "ATU" {
					kind = "9203"
				}
			}
			visits = append(visits, person+" "+day+" "+kind)
			for _, r := range fm[k] {
				acts = append(acts, person+" "+addDays(day, number(r["DEL_DAT_ENT"]))+" "+r["CCAM_COD"])
			}
			for _, r := range fl[k] {
				labs = append(labs, person+" "+addDays(day, number(r["DEL_DAT_ENT"]))+" "+r["NABM_COD"])
			}
		}
	}
	return visits, acts, labs
}
