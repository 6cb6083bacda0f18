package pmsi

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"galien/refdata"
	"galien/source"
)

// The chaining number of the person below, which must not leave the vault.
const chain = "CHAINCANARY123456"

type fields = map[string]string

// with returns fields with some changed.
func with(base, change fields) fields {
	all := fields{}
	for _, m := range []fields{base, change} {
		for k, v := range m {
			all[k] = v
		}
	}
	return all
}

// anonymous is an RSA of three units, the second of which gave the main
// diagnosis: entry on 5 September 2016, one night, none, three nights.
func anonymous(t testing.TB, version string, change fields) string {
	return writeLine(t, "RSA", version, with(fields{
		"FINESS": "699900015", "NRSA": "0000000007", "VFRSSG": "122", "AGEA": "029", "AGEJ": "", "SEXE": "2", "MEPMC": "8", "PROV": "5", "MSOR": "09", "ASOR": "2016",
		"MSPMC": "9", "DUTSP": "0004", "NRUPDP": "02", "DP": "I409", "DR": "Z511", "NDA": "0003", "NZA": "00003", "NBRUM": "03",
	}, change),
		fields{"group": "RU", "DP": "I10", "NDA": "01", "NZA": "002", "DSP": "0001"},
		fields{"group": "RU", "DP": "I409", "DR": "Z511", "NDA": "00", "NZA": "000", "DSP": "0000"},
		fields{"group": "RU", "DP": "D649", "NDA": "02", "NZA": "001", "DSP": "0003"},
		fields{"group": "DA", "TDA": "E119"}, fields{"group": "DA", "TDA": "I10"}, fields{"group": "DA", "TDA": "D649"},
		fields{"group": "ZA", "DLDA": "001", "CCCAM": "DEQP003", "PHASE": "0", "ACTIV": "4", "NBREAL": "01"},
		fields{"group": "ZA", "DLDA": "001", "CCCAM": "DEQP003", "PHASE": "0", "ACTIV": "1", "NBREAL": "01"},
		fields{"group": "ZA", "DLDA": "", "CCCAM": "ZBQK002", "PHASE": "0", "ACTIV": "1", "NBREAL": "02"})
}

func link(t testing.TB, change fields) string {
	return writeLine(t, "TRA", "2016", with(fields{"NRSA": "7", "NRSS": nrss, "NDOSS": nadl, "DENTR": "05092016", "DSOR": "09092016"}, change))
}

func hashed(t testing.TB, version string, change fields) string {
	return writeLine(t, "ANO-HOSP", version, with(fields{"SIGVER": "SIGNED01", "FINES": "699900015", "NADL": nadl, "NANO": chain, "RNIA": "0", "RDNAIS": "0", "RSEXE": "0",
		"DNAIS": "03061987", "SEXE": "2", "DENT": "05092016"}, change))
}

// theAnonymousStay is worked out by hand from the RSA above and its TRA. The
// associated diagnosis D649 of the third unit is its main one too, and counts
// once; the act without a delay is dated at the entry into its unit.
var theAnonymousStay = []string{
	"1 1987 6 2",
	"1 2016-09-05 2016-09-06 ", "1 2016-09-05 2016-09-09 262",
	"1 2016-09-05 E119 DAS", "1 2016-09-05 I10 DPU",
	"1 2016-09-06 2016-09-06 ", "1 2016-09-06 2016-09-09 ",
	"1 2016-09-06 D649 DPU", "1 2016-09-06 DEQP003 1", "1 2016-09-06 I10 DAS", "1 2016-09-06 I409 DP", "1 2016-09-06 Z511 DR", "1 2016-09-06 ZBQK002 2",
}

// TestAnonymousStay joins RSA, TRA and ANO-HOSP, in every version, each with a
// person of its own.
func TestAnonymousStay(t *testing.T) {
	versions := map[string][]string{}
	for _, f := range Formats() {
		versions[f.Kind] = append(versions[f.Kind], f.Version)
	}
	var lines []string
	for i, version := range versions["RSA"] {
		index, stay := fmt.Sprint(i), fmt.Sprint(nadl, i)
		lines = append(lines, anonymous(t, version, fields{"NRSA": fmt.Sprintf("%010d", i)}), link(t, fields{"NRSA": index, "NDOSS": stay}),
			hashed(t, versions["ANO-HOSP"][i%len(versions["ANO-HOSP"])], fields{"NADL": stay, "NANO": fmt.Sprintf("%s%02d", chain[:15], i)}))
	}
	h := newHub(t)
	r := h.ingest(t, put(t, "a.txt", strings.Join(lines, "\n")))
	if r.Quarantined != 0 || r.Persons != 12 || r.Unnumbered != 0 || r.WithoutStay != 0 {
		t.Errorf("report %+v", r)
	}
	got := map[string][]string{}
	for _, row := range h.care(t) {
		person, what, _ := strings.Cut(row, " ")
		got[person] = append(got[person], "1 "+what)
	}
	for person, rows := range got {
		if !slices.Equal(rows, theAnonymousStay) {
			t.Errorf("person %s has %q, want %q", person, rows, theAnonymousStay)
		}
	}
	died := h.read(t, "death", "death_date")
	if len(died) != 12 || died[0][0] != "2016-09-09" {
		t.Errorf("deaths: %v", died)
	}
	if got := h.read(t, "visit_detail", "visit_detail_id", "preceding_visit_detail_id", "visit_occurrence_id")[:3]; fmt.Sprint(got) != "[[1  1] [2 1 1] [3 2 1]]" {
		t.Errorf("units: %v", got)
	}
	if got := fmt.Sprint(h.read(t, "procedure_occurrence", "procedure_source_value", "modifier_source_value")); strings.Count(got, "[DEQP003 phase 0, activity 1+4]") != 12 {
		t.Errorf("acts: %v", got)
	}
	if got := h.read(t, "care_site", "care_site_source_value"); fmt.Sprint(got) != "[[699900015]]" {
		t.Errorf("places: %v", got)
	}
	ids, err := h.vault.SourceIDs(t.Context())
	if err != nil || len(ids) != 12 || ids[1] != "ANO|"+chain[:15]+"00" {
		t.Errorf("persons are not known by their chaining number (%v)", err)
	}
	searchOutsideVault(t, h.dir, []string{"CANARY"})
}

// TestLinksRefused gives RSA whose stay or person nothing says, each with an
// index of its own, and finds each in the quarantine by its reason, and the good
// stay beside them.
func TestLinksRefused(t *testing.T) {
	type refused struct {
		name  string
		rsa   fields // nil when there is none
		links []fields
		who   []fields
		field string
		code  source.Code
	}
	cases := []refused{
		{"no TRA line", fields{}, nil, nil, "rsa.nrsa", source.UnlinkedStay},
		{"TRA of another year", fields{}, []fields{{"DENTR": "05092017", "DSOR": "09092017"}}, []fields{{}}, "rsa.nrsa", source.UnlinkedStay},
		{"TRA of other nights", fields{}, []fields{{"DENTR": "06092016"}}, []fields{{}}, "rsa.nrsa", source.UnlinkedStay},
		{"nobody", fields{}, []fields{{}}, nil, "rsa.nrsa", source.UnknownStay},
		{"nobody in the establishment", fields{}, []fields{{}}, []fields{{"FINES": "699900016"}}, "rsa.nrsa", source.UnlinkedStay},
		{"two stays", fields{}, []fields{{}, {"NDOSS": "C"}}, []fields{{}, {"NADL": "C"}}, "rsa.nrsa", source.AmbiguousStay},
		{"two persons", fields{}, []fields{{}}, []fields{{}, {"NANO": "OTHERCANARY123456"}}, "rsa.nrsa", source.AmbiguousPerson},
		{"the same twice", fields{}, []fields{{"NDOSS": nadl}}, nil, "rsa.nrsa", source.DuplicateKey},
		{"no month", fields{"MSOR": ""}, nil, nil, "rsa.msor", source.RequiredMissing},
		{"no year", fields{"ASOR": "20x6"}, nil, nil, "rsa.asor", source.NotInteger},
		{"no index", fields{"NRSA": ""}, nil, nil, "rsa.nrsa", source.RequiredMissing},
		{"no unit", fields{"NBRUM": "00"}, nil, nil, "", source.WrongLength},
		{"no stay in a TRA", nil, []fields{{"NDOSS": ""}}, nil, "tra.ndoss", source.RequiredMissing},
		{"no stay of a person", nil, nil, []fields{{"NADL": ""}}, "ah.nadl", source.RequiredMissing},
	}
	lines := []string{anonymous(t, "229", nil), hashed(t, "V012", nil), link(t, nil)}
	at := map[int64]refused{}
	for i, c := range cases {
		index, stay := fmt.Sprintf("%010d", 100+i), fmt.Sprint("STAYCANARY", i)
		add := func(line string, bad bool) {
			lines = append(lines, line)
			if bad {
				at[int64(len(lines))] = c
			}
		}
		if c.rsa != nil {
			add(anonymous(t, "229", with(fields{"NRSA": index}, c.rsa)), true)
		}
		for _, l := range c.links {
			add(link(t, with(fields{"NRSA": index, "NDOSS": stay}, l)), c.rsa == nil)
		}
		for _, w := range c.who {
			add(hashed(t, "V012", with(fields{"NADL": stay}, w)), c.rsa == nil)
		}
	}
	h := newHub(t)
	r := h.ingest(t, put(t, "a.txt", strings.Join(lines, "\n")))
	if got := h.care(t); !slices.Equal(got, theAnonymousStay) {
		t.Errorf("the good stay is %q, want %q", got, theAnonymousStay)
	}
	snap, err := h.lake.Current()
	if err != nil {
		t.Fatal(err)
	}
	err = source.ReadIndex(filepath.Join(h.dir, "quarantine"), snap.Manifest.Sources[0].Quarantine, func(x source.Rejection) error {
		c, ok := at[x.Line]
		if !ok || x.Field != c.field || x.Code != c.code {
			t.Errorf("%q: line %d is in quarantine with field %q for %s, want %q, %s", c.name, x.Line, x.Field, x.Code, c.field, c.code)
		}
		delete(at, x.Line)
		return nil
	})
	if err != nil || len(at) > 0 || r.Quarantined != int64(len(cases)) {
		t.Errorf("%d lines in quarantine, %d of them missing: %v (%v)", r.Quarantined, len(at), at, err)
	}
	searchOutsideVault(t, h.dir, []string{"CANARY"})
}

// TestIndexesBeginAgain gives two establishments and two years that number their
// RSA alike: each finds its own stay.
func TestIndexesBeginAgain(t *testing.T) {
	h := newHub(t)
	r := h.ingest(t, put(t, "a.txt", strings.Join([]string{
		anonymous(t, "229", nil), link(t, nil), hashed(t, "V012", nil),
		anonymous(t, "229", fields{"FINESS": "699900016", "SEXE": "1"}), link(t, fields{"NDOSS": "B"}), hashed(t, "V012", fields{"NADL": "B", "FINES": "699900016", "NANO": "OTHERCANARY123456", "SEXE": "1"}),
		anonymous(t, "229", fields{"ASOR": "2017"}), link(t, fields{"NDOSS": "C", "DENTR": "05092017", "DSOR": "09092017"}), hashed(t, "V012", fields{"NADL": "C"}),
	}, "\n")))
	var got []string
	for _, v := range h.read(t, "visit_occurrence", "person_id", "visit_start_date", "care_site_id") {
		got = append(got, strings.Join(v, " "))
	}
	if want := []string{"1 2016-09-05 1", "1 2017-09-05 1", "2 2016-09-05 2"}; !slices.Equal(got, want) || r.Quarantined != 0 {
		t.Errorf("stays %q, want %q; in quarantine %v", got, want, r.Reasons)
	}
}

// TestStayTwice gives one stay as RSA and as RSS: it counts once, as RSS.
func TestStayTwice(t *testing.T) {
	h := newHub(t)
	r := h.ingest(t, put(t, "a.txt", strings.Join([]string{anonymous(t, "229", nil), link(t, nil), hashed(t, "V012", nil), unit(t, "RSS", "122", nil), who(t, "V016", nil)}, "\n")))
	if got := h.care(t); !slices.Equal(got, theStay) || r.Doubled != 1 || r.Quarantined != 0 || r.Persons != 1 {
		t.Errorf("%q, want %q; report %+v", got, theStay, r)
	}
}

// TestUnitsWithoutNights gives units whose nights the RSA does not say, or says to
// be more than those of the stay: no unit leaves the days of the stay.
func TestUnitsWithoutNights(t *testing.T) {
	for nights, want := range map[[2]string]string{
		{"", ""}:         "[[2016-09-05 2016-09-05] [2016-09-05 2016-09-09]]",
		{"0001", ""}:     "[[2016-09-05 2016-09-06] [2016-09-06 2016-09-09]]",
		{"0009", "0001"}: "[[2016-09-05 2016-09-09] [2016-09-09 2016-09-09]]",
	} {
		line := writeLine(t, "RSA", "229", fields{"FINESS": "699900015", "NRSA": "7", "VFRSSG": "122", "MSOR": "09", "ASOR": "2016", "NDA": "0000", "NZA": "00000", "DP": "I409"},
			fields{"group": "RU", "DSP": nights[0]}, fields{"group": "RU", "DSP": nights[1]})
		h := newHub(t)
		h.ingest(t, put(t, "a.txt", strings.Join([]string{line, link(t, nil), hashed(t, "V012", nil)}, "\n")))
		if got := fmt.Sprint(h.read(t, "visit_detail", "visit_detail_start_date", "visit_detail_end_date")); got != want {
			t.Errorf("units of %q nights: %s, want %s", nights, got, want)
		}
	}
}

// TestChained says who is one person by ANO-HOSP: pairs of stays, each pair in a
// year of its own.
func TestChained(t *testing.T) {
	cases := []struct {
		name    string
		a, b    fields
		version string
		persons string // of the two stays, "" when both are in quarantine
	}{
		{"one chaining number", fields{}, fields{}, "V012", "one"},
		{"in two establishments", fields{}, fields{"FINES": "699900016"}, "V012", "one"},
		{"two chaining numbers", fields{}, fields{"NANO": "OTHERCANARY123456"}, "V012", "two"},
		{"a number that failed controls", fields{}, fields{"RDNAIS": "1"}, "V012", "two"},
		{"a number that is none", fields{}, fields{"NANO": "XXXXXXXXXXXXXXXXD"}, "V012", "two"},
		{"no number since 2021", fields{"NANO": ""}, fields{"NANO": ""}, "V016", "two"},
		{"one IPP since 2021", fields{"NANO": "", "IPP": ipp}, fields{"NANO": "", "IPP": ipp}, "V016", "one"},
		{"twins", fields{"RGN": "1"}, fields{"RGN": "2"}, "V012", ""},
		{"twins with IPP", fields{"RGN": "1", "IPP": "IPPCANARY002"}, fields{"RGN": "2", "IPP": "IPPCANARY003"}, "V014", "two"},
		{"one rank, and none", fields{"RGN": "1"}, fields{"RGN": "0"}, "V012", "one"},
	}
	var lines []string
	for i, c := range cases {
		year := fmt.Sprint(2000 + i)
		for side, change := range []fields{c.a, c.b} {
			index, stay := fmt.Sprint(2*i+side), fmt.Sprint(nadl, i, side)
			id := with(fields{"NANO": fmt.Sprintf("%s%02d", chain[:15], i), "NADL": stay, "FINES": "699900015"}, change)
			lines = append(lines, anonymous(t, "229", fields{"NRSA": index, "ASOR": year, "FINESS": id["FINES"]}),
				link(t, fields{"NRSA": index, "NDOSS": stay, "DENTR": "0509" + year, "DSOR": "0909" + year}), hashed(t, c.version, id))
		}
	}
	h := newHub(t)
	r := h.ingest(t, put(t, "a.txt", strings.Join(lines, "\n")))
	persons := map[string][]string{}
	for _, v := range h.read(t, "visit_occurrence", "visit_start_date", "person_id") {
		persons[v[0][:4]] = append(persons[v[0][:4]], v[1])
	}
	for i, c := range cases {
		got := map[bool]string{true: "one", false: "two"}
		switch p := persons[fmt.Sprint(2000+i)]; {
		case len(p) == 0 && c.persons != "", len(p) > 0 && len(p) != 2, len(p) == 2 && got[p[0] == p[1]] != c.persons:
			t.Errorf("%s: the stays are of %v, want %s", c.name, p, c.persons)
		}
	}
	if r.Unnumbered != 4 || r.Quarantined != 2 || r.Reasons[0].Code != source.AmbiguousPerson {
		t.Errorf("%d stays without a number, want 4; in quarantine %v, want the two of twins", r.Unnumbered, r.Reasons)
	}
	// The IPP of a VID-HOSP and that of an ANO-HOSP are one number.
	h = newHub(t)
	r = h.ingest(t, put(t, "a.txt", strings.Join([]string{anonymous(t, "229", nil), link(t, nil), hashed(t, "V016", fields{"NANO": "", "IPP": ipp}),
		unit(t, "RSS", "122", fields{"NADL": "B"}), who(t, "V016", fields{"NADL": "B"})}, "\n")))
	if r.Persons != 1 || r.Quarantined != 0 || len(h.read(t, "visit_occurrence", "person_id")) != 2 {
		t.Errorf("one person in RSA and RSS: %+v", r)
	}
	// An RSS whose stay only an ANO-HOSP names.
	h = newHub(t)
	h.ingest(t, put(t, "a.txt", unit(t, "RSS", "122", nil)+"\n"+hashed(t, "V012", nil)))
	if got := h.care(t); !slices.Equal(got, theStay) {
		t.Errorf("an RSS with an ANO-HOSP is %q, want %q", got, theStay)
	}
}

// TestBirthByAge takes the birth from ages where no line says its day. Somebody
// of 29 years on 5 September 2016 was born between 6 September 1986 and 5
// September 1987, in the middle on 6 March 1987.
func TestBirthByAge(t *testing.T) {
	cases := []struct {
		name          string
		first, second fields
		want          string
	}{
		{"years", fields{"AGEA": "029"}, nil, "[1987  2]"},
		// From 28 March 2016: born between 29 March 1986 and 28 March 1987, and so
		// between 6 September 1986 and 28 March 1987.
		{"two stays narrow the days", fields{"AGEA": "029"}, fields{"AGEA": "029", "MSOR": "04"}, "[1986  2]"},
		{"days in one stay and years in another", fields{"AGEA": "000", "AGEJ": "100"}, fields{"AGEA": "001", "MSOR": "04", "ASOR": "2018"}, "[2016 5 2]"},
		{"days of a newborn", fields{"AGEA": "000", "AGEJ": "000"}, nil, "[2016 9 2]"},
		{"days below one year", fields{"AGEA": "   ", "AGEJ": "100"}, nil, "[2016 5 2]"},
		{"nothing", fields{"AGEA": "", "SEXE": "3"}, nil, "[  3]"},
	}
	var lines []string
	for i, c := range cases {
		add := func(index int, change, days fields) {
			stay := fmt.Sprint(nadl, index)
			lines = append(lines, anonymous(t, "229", with(change, fields{"NRSA": fmt.Sprint(index)})), link(t, with(days, fields{"NRSA": fmt.Sprint(index), "NDOSS": stay})),
				hashed(t, "V012", fields{"DNAIS": "", "SEXE": "", "NADL": stay, "NANO": fmt.Sprintf("%s%02d", chain[:15], i)}))
		}
		add(i, c.first, nil)
		if c.second != nil {
			year := with(fields{"ASOR": "2016"}, c.second)["ASOR"]
			add(100+i, c.second, fields{"DENTR": "2803" + year, "DSOR": "0104" + year})
		}
	}
	h := newHub(t)
	h.ingest(t, put(t, "a.txt", strings.Join(lines, "\n")))
	// Keys are given in the order of the numbers.
	for i, row := range h.read(t, "person", "year_of_birth", "month_of_birth", "gender_source_value") {
		if c := cases[i]; fmt.Sprint(row) != c.want {
			t.Errorf("%s: born %s, want %s", c.name, row, c.want)
		}
	}
}

// TestAnonymousTruth makes the RSA, TRA and ANO-HOSP of the hospital whose stays
// are known from its RSS and VID-HOSP, and finds the same care by both ways.
func TestAnonymousTruth(t *testing.T) {
	dir := filepath.Join(refdata.Dir(t, "snds-truth-small"), "input", "hospital")
	read := func(name string) (records []Record) {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range strings.Split(strings.TrimRight(string(b), "\r\n"), "\r\n") {
			f, problem := Detect(line)
			if problem != nil {
				t.Fatal(problem)
			}
			rec, problem := f.Parse(line)
			if problem != nil {
				t.Fatal(problem)
			}
			records = append(records, rec)
		}
		return records
	}
	day := func(s string) time.Time {
		d, err := time.Parse("02012006", s)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	nights := func(from, to string) int { return int(day(to).Sub(day(from)).Hours() / 24) }

	var order []string
	stays := map[string][]Record{}
	for _, rec := range read("rss122.txt") {
		n := rec.First().Text("NRSS")
		if stays[n] == nil {
			order = append(order, n)
		}
		stays[n] = append(stays[n], rec)
	}
	var lines []string
	for i, n := range order {
		first, last := stays[n][0].First(), stays[n][len(stays[n])-1].First()
		entry, leaving := first.Text("DEUM"), last.Text("DSUM")
		var units, das, acts []fields
		for _, rec := range stays[n] {
			r := rec.First()
			units = append(units, fields{"group": "RU", "DP": r.Text("DP"), "DR": r.Text("DR"), "NDA": fmt.Sprintf("%02d", len(rec.Of("DA"))),
				"NZA": fmt.Sprintf("%03d", len(rec.Of("ZA"))), "DSP": fmt.Sprintf("%04d", nights(r.Text("DEUM"), r.Text("DSUM")))})
			for _, d := range rec.Of("DA") {
				das = append(das, fields{"group": "DA", "TDA": d.Text("TDA")})
			}
			for _, z := range rec.Of("ZA") {
				delay := ""
				if z.Text("DR") != "" {
					delay = fmt.Sprintf("%03d", nights(entry, z.Text("DR")))
				}
				acts = append(acts, fields{"group": "ZA", "DLDA": delay, "CCCAM": z.Text("CCCA"), "XTPMSI": z.Text("XPMSI"), "PHASE": z.Text("PHAS"), "ACTIV": z.Text("ACTI"),
					"NBREAL": z.Text("NREAL")})
			}
		}
		left := day(leaving)
		lines = append(lines, writeLine(t, "RSA", "229", fields{"FINESS": first.Text("FINESS"), "NRSA": fmt.Sprintf("%010d", i+1), "SEXE": first.Text("SEXE"),
			"MEPMC": first.Text("MEUM"), "PROV": first.Text("PROV"), "PSUR": first.Text("PSUR"), "MSPMC": last.Text("MSUM"), "MSOR": left.Format("01"), "ASOR": left.Format("2006"),
			"DUTSP": fmt.Sprintf("%04d", nights(entry, leaving)), "NRUPDP": "01", "DP": first.Text("DP"), "DR": first.Text("DR"),
			"NDA": fmt.Sprintf("%04d", len(das)), "NZA": fmt.Sprintf("%05d", len(acts))}, slices.Concat(units, das, acts)...),
			writeLine(t, "TRA", "2016", fields{"NRSA": fmt.Sprint(i + 1), "NRSS": n, "NDOSS": first.Text("NADL"), "DENTR": entry, "DSOR": leaving}))
	}
	for _, rec := range read("vidhospV016.txt") {
		r := rec.First()
		lines = append(lines, hashed(t, "V016", fields{"FINES": r.Text("FINESS"), "NADL": r.Text("NADL"), "NANO": "", "IPP": r.Text("IPP"), "DNAIS": r.Text("DNAIS"),
			"SEXE": r.Text("SEXE"), "DENT": r.Text("DENT")}))
	}
	a, b := newHub(t), newHub(t)
	want := a.ingest(t, filepath.Join(dir, "rss122.txt"), filepath.Join(dir, "vidhospV016.txt"))
	got := b.ingest(t, put(t, "anonymous.txt", strings.Join(lines, "\n")))
	if got.Quarantined != 0 || got.Persons != want.Persons || want.Persons == 0 {
		t.Fatalf("%d persons, %d lines in quarantine %v; want %d and none", got.Persons, got.Quarantined, got.Reasons, want.Persons)
	}
	for table, columns := range map[string][]string{
		"person":               {"person_id", "gender_concept_id", "year_of_birth", "month_of_birth"},
		"observation_period":   {"person_id", "observation_period_start_date", "observation_period_end_date"},
		"visit_occurrence":     {"person_id", "visit_start_date", "visit_end_date", "visit_concept_id", "admitted_from_source_value", "discharged_to_source_value"},
		"visit_detail":         {"person_id", "visit_detail_start_date", "visit_detail_end_date", "visit_occurrence_id"},
		"condition_occurrence": {"person_id", "condition_start_date", "condition_source_value", "condition_status_source_value", "visit_detail_id"},
		"procedure_occurrence": {"person_id", "procedure_date", "procedure_source_value", "modifier_source_value", "quantity", "visit_detail_id"},
		"death":                {"person_id", "death_date"},
	} {
		x, y := fmt.Sprint(a.read(t, table, columns...)), fmt.Sprint(b.read(t, table, columns...))
		if x != y || len(x) < 10 {
			t.Errorf("%s differs when it comes from RSA", table)
		}
	}
}
