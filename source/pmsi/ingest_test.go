package pmsi

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"galien"
	"galien/source"
	"galien/vault"
)

// write makes a line of a format: fields by name in the first group, then the
// parts of the other groups, each a map of its fields.
func writeLine(t testing.TB, kind, version string, fields map[string]string, parts ...map[string]string) string {
	t.Helper()
	f := format(t, kind, version)
	counts := map[string]int{}
	for _, p := range parts {
		counts[p["group"]]++
	}
	fill := func(g Group, values map[string]string) string {
		b := []byte(strings.Repeat(" ", g.Length))
		for _, c := range g.Fields {
			value, said := values[c.Name]
			for _, n := range c.counts {
				if said {
					break
				}
				value = fmt.Sprintf("%0*d", c.Length, counts[f.Groups[n].Name])
			}
			if len(value) > c.Length {
				t.Fatalf("%s: %s has no place for %q", f, c.Name, value)
			}
			copy(b[c.Start:], value)
		}
		return string(b)
	}
	line := []byte(fill(f.Groups[0], fields))
	copy(line[f.at:], f.mark)
	out := string(line)
	for _, g := range f.Groups[1:] {
		for _, p := range parts {
			if p["group"] == g.Name {
				out += fill(g, p)
			}
		}
	}
	return out
}

// Identities of the stays below, which must not leave the vault.
const (
	ipp  = "IPPCANARY001"
	nir  = "2870699912345"
	nadl = "STAYCANARY7"
	nrss = "RSSCANARY77"
)

// unit is the summary of the first unit of a stay, with one associated
// diagnosis, one that only documents, and one act.
func unit(t testing.TB, kind, version string, change map[string]string) string {
	fields := map[string]string{
		"GCR": "000", "VRUM": "022", "FINESS": "699900015", "NRSS": nrss, "NADL": nadl, "NRUM": "1", "DNAIS": "03061987", "SEXE": "2", "NUM": "1001",
		"DEUM": "05092016", "MEUM": "8", "PROV": "5", "DSUM": "07092016", "MSUM": "8", "DP": "I409", "DR": "",
	}
	for k, v := range change {
		fields[k] = v
	}
	act := map[string]string{"group": "ZA", "DR": "06092016", "CCCA": "DEQP003", "PHAS": "0", "ACTI": "1", "NREAL": "01"}
	if v, ok := change["ZA.DR"]; ok {
		act["DR"] = v
	}
	return writeLine(t, kind, version, fields, map[string]string{"group": "DA", "TDA": "E119"}, map[string]string{"group": "DAD", "TDAD": "Z515"}, act)
}

func who(t testing.TB, version string, change map[string]string) string {
	fields := map[string]string{"NIA": nir, "DNAIS": "03061987", "SEXE": "2", "NADL": nadl, "FINESS": "699900015", "DENT": "05092016", "IPP": ipp}
	for k, v := range change {
		fields[k] = v
	}
	return writeLine(t, "VID-HOSP", version, fields, map[string]string{"group": "DMT", "DPRES": "174"})
}

func put(t testing.TB, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// care returns what the lake holds, a line each.
func (h hub) care(t testing.TB) (list []string) {
	t.Helper()
	for table, columns := range map[string][]string{
		"visit_detail":         {"person_id", "visit_detail_start_date", "visit_detail_end_date", "visit_detail_source_value"},
		"visit_occurrence":     {"person_id", "visit_start_date", "visit_end_date", "visit_concept_id"},
		"condition_occurrence": {"person_id", "condition_start_date", "condition_source_value", "condition_status_source_value"},
		"procedure_occurrence": {"person_id", "procedure_date", "procedure_source_value", "quantity"},
		"person":               {"person_id", "year_of_birth", "month_of_birth", "gender_source_value"},
	} {
		for _, row := range h.read(t, table, columns...) {
			list = append(list, strings.Join(row, " "))
		}
	}
	slices.Sort(list)
	return list
}

var theStay = []string{
	"1 1987 6 2",
	"1 2016-09-05 2016-09-07 1001", "1 2016-09-05 2016-09-07 262",
	"1 2016-09-05 E119 DAS", "1 2016-09-05 I409 DP",
	"1 2016-09-06 DEQP003 1",
}

// TestEveryVersionIsMapped gives the same stay to many persons, in every version
// of the summary, grouped or not, and of VID-HOSP, and gets the same rows of
// each.
func TestEveryVersionIsMapped(t *testing.T) {
	var hospital, units []*Format
	for _, f := range Formats() {
		switch f.Kind {
		case "VID-HOSP":
			hospital = append(hospital, f)
		case "RUM", "RSS":
			units = append(units, f)
		}
	}
	var lines []string
	for n, f := range units {
		v := hospital[n%len(hospital)]
		own := fmt.Sprintf("%s%d", nadl, n)
		lines = append(lines, unit(t, f.Kind, f.Version, map[string]string{"NADL": own}),
			who(t, v.Version, map[string]string{"NADL": own, "IPP": fmt.Sprintf("%s%d", ipp, n), "NIA": fmt.Sprintf("28706999%05d", n)}))
	}
	h := newHub(t)
	r := h.ingest(t, put(t, "a.txt", strings.Join(lines, "\n")))
	if r.Quarantined != 0 || r.Persons != int64(len(units)) {
		t.Errorf("%d lines in quarantine (%v), %d persons of %d", r.Quarantined, r.Reasons, r.Persons, len(units))
	}
	got := map[string][]string{}
	for _, row := range h.care(t) {
		person, what, _ := strings.Cut(row, " ")
		got[person] = append(got[person], "1 "+what)
	}
	for person, rows := range got {
		if !slices.Equal(rows, theStay) {
			t.Errorf("person %s has %q, want %q", person, rows, theStay)
		}
	}
}

// TestWaysOfWriting gives the same two lines in the ways in which programs
// write them.
func TestWaysOfWriting(t *testing.T) {
	rss, vid := unit(t, "RSS", "122", nil), who(t, "V016", nil)
	latin := []byte(vid)
	v := format(t, "VID-HOSP", "V016").Groups[0]
	copy(latin[v.Fields[v.index["NMMT"]].Start:], "L\xe9ON")
	for name, content := range map[string]string{
		"line ends of Unix":      rss + "\n" + vid + "\n",
		"line ends of Windows":   rss + "\r\n" + vid + "\r\n",
		"no line end at the end": rss + "\n" + vid,
		"a byte order mark":      "\xef\xbb\xbf" + rss + "\n" + vid + "\n",
		"empty lines":            "\n" + rss + "\n\n   \n" + vid + "\n\x1a",
		"Latin-1":                rss + "\n" + string(latin) + "\n",
		"UTF-8":                  rss + "\n" + utf8Of(string(latin)) + "\n",
		"blanks at the end":      rss + "    \n" + vid + " \n",
		"identities first":       vid + "\n" + rss + "\n",
		"identities twice":       vid + "\n" + rss + "\n" + who(t, "V015", nil) + "\n",
	} {
		h := newHub(t)
		r := h.ingest(t, put(t, "a.txt", content))
		if got := h.care(t); !slices.Equal(got, theStay) || r.Quarantined != 0 {
			t.Errorf("%s: %q, %d in quarantine %v", name, got, r.Quarantined, r.Reasons)
		}
	}
}

// TestMixedVersions gives a second unit in another version, in another file.
func TestMixedVersions(t *testing.T) {
	h := newHub(t)
	second := unit(t, "RUM", "019", map[string]string{"NRUM": "2", "NUM": "1101", "DEUM": "07092016", "DSUM": "09092016", "MEUM": "6", "PROV": "1", "MSUM": "9",
		"DP": "D649", "ZA.DR": ""})
	r := h.ingest(t, put(t, "a.txt", unit(t, "RSS", "122", nil)+"\n"), put(t, "b.txt", who(t, "V011", nil)+"\n"+second+"\n"))
	want := []string{
		"1 1987 6 2",
		"1 2016-09-05 2016-09-07 1001", "1 2016-09-05 2016-09-09 262",
		"1 2016-09-05 E119 DAS", "1 2016-09-05 I409 DP",
		"1 2016-09-06 DEQP003 1",
		"1 2016-09-07 2016-09-09 1101", "1 2016-09-07 D649 DPU", "1 2016-09-07 DEQP003 1", "1 2016-09-07 E119 DAS",
	}
	if got := h.care(t); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if got := h.read(t, "death", "person_id", "death_date"); fmt.Sprint(got) != "[[1 2016-09-09]]" {
		t.Errorf("deaths %v", got)
	}
	var formats []string
	for _, f := range r.Files {
		formats = append(formats, fmt.Sprint(f.File, " ", f.Format, " ", f.Lines))
	}
	if want := []string{"a.txt RSS 122 1", "b.txt RUM 019 1", "b.txt VID-HOSP V011 1"}; !slices.Equal(formats, want) {
		t.Errorf("formats %q, want %q", formats, want)
	}
}

// TestQuarantine spoils lines and finds each by file, line, field and reason;
// the good stay beside them is kept, and no value leaves the vault.
func TestQuarantine(t *testing.T) {
	good := unit(t, "RSS", "122", nil)
	other := func(change map[string]string) string {
		fields := map[string]string{"NADL": "STAYCANARY8"}
		for k, v := range change {
			fields[k] = v
		}
		return unit(t, "RSS", "122", fields)
	}
	counter := []byte(other(nil))
	copy(counter[133:], "1x")
	type spoilt struct {
		line, table, field string
		code               source.Code
	}
	var names []string
	var bad []spoilt
	lines := []string{good, who(t, "V016", nil)}
	for name, c := range map[string]spoilt{
		"no date":               {other(map[string]string{"DSUM": ""}), "rss", "rum.dsum", source.RequiredMissing},
		"a date":                {other(map[string]string{"DEUM": "30022016"}), "rss", "rum.deum", source.NotDate},
		"the date of an act":    {other(map[string]string{"ZA.DR": "99999999"}), "rss", "za.dr", source.NotDate},
		"a counter":             {string(counter), "rss", "rum.nda", source.NotInteger},
		"a truncated line":      {other(nil)[:150], "rss", "", source.WrongLength},
		"a line too long":       {other(nil) + "I10", "rss", "", source.WrongLength},
		"an unknown version":    {strings.Replace(other(nil), "122000", "123000", 1), "pmsi", "", source.UnknownFormat},
		"no line of the PMSI":   {"STAYCANARY8;2870699912345;DUPONT", "pmsi", "", source.UnknownFormat},
		"a zero byte":           {strings.Replace(other(nil), "I409", "I4\x009", 1), "rss", "", source.UnreadableRow},
		"nobody":                {other(map[string]string{"NADL": "STAYCANARY9"}), "rss", "rum.nadl", source.UnknownStay},
		"a summary twice":       {strings.Replace(good, "I409", "I401", 1), "rss", "rum.nrum", source.DuplicateKey},
		"a birth":               {who(t, "V016", map[string]string{"NADL": "STAYCANARY8", "DNAIS": "31061987"}), "vid-hosp", "vh.dnais", source.NotDate},
		"no administrative one": {who(t, "V016", map[string]string{"NADL": ""}), "vid-hosp", "vh.nadl", source.RequiredMissing},
	} {
		names = append(names, name)
		bad = append(bad, c)
		lines = append(lines, c.line)
	}
	h := newHub(t)
	r := h.ingest(t, put(t, "a.txt", strings.Join(lines, "\n")))
	if got := h.care(t); !slices.Equal(got, theStay) {
		t.Errorf("the good stay is %q", got)
	}
	if r.Quarantined != int64(len(bad)) {
		t.Errorf("%d lines in quarantine, want %d: %v", r.Quarantined, len(bad), r.Reasons)
	}
	snap, err := h.lake.Current()
	if err != nil {
		t.Fatal(err)
	}
	found := map[int64]bool{}
	err = source.ReadIndex(filepath.Join(h.dir, "quarantine"), snap.Manifest.Sources[0].Quarantine, func(x source.Rejection) error {
		n := x.Line - 3
		if n < 0 || n >= int64(len(bad)) || found[n] {
			t.Fatalf("line %d is in quarantine", x.Line)
		}
		found[n] = true
		if c := bad[n]; x.Table != c.table || x.File != "a.txt" || x.Field != c.field || x.Code != c.code {
			t.Errorf("%s: the line is said to be in %s of %s, field %q, for %s", names[n], x.Table, x.File, x.Field, x.Code)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	searchOutsideVault(t, h.dir, []string{ipp, nir, "CANARY", "DUPONT"})
	raw := 0
	err = h.vault.RawRows(t.Context(), "pmsi", func(_ vault.RawFile, line int64, text []byte) error {
		raw++
		if string(text) != lines[line-1] {
			t.Errorf("the vault holds another text than that of line %d", line)
		}
		return nil
	})
	if err != nil || raw != len(bad) {
		t.Errorf("the vault holds %d lines (%v)", raw, err)
	}
	if again := h.ingest(t, put(t, "a.txt", good+"\n"+who(t, "V016", nil))); again.Quarantined != 0 {
		t.Errorf("%d lines stay in quarantine", again.Quarantined)
	}
	err = h.vault.RawRows(t.Context(), "pmsi", func(vault.RawFile, int64, []byte) error {
		t.Error("a line that is in no quarantine stays in the vault")
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// TestPersons says who is one person: by the hospital's number, else by the
// national one, else by that of the holder of rights with birth, sex and rank.
func TestPersons(t *testing.T) {
	id := func(change map[string]string, stay string) string {
		change["NADL"] = stay
		f := format(t, "VID-HOSP", "V016")
		rec, problem := f.Parse(who(t, "V016", change))
		if problem != nil {
			t.Fatal(problem)
		}
		s, _ := sourceID(rec.First(), "699900015", stay)
		return s
	}
	type fields = map[string]string
	for name, c := range map[string]struct {
		a, b fields
		same bool
	}{
		"one IPP, another NIR":         {fields{}, fields{"NIA": "1111111111111"}, true},
		"two IPP, one NIR":             {fields{}, fields{"IPP": "IPPCANARY002"}, false},
		"no IPP, one INS":              {fields{"IPP": "", "INS": nir + "12"}, fields{"IPP": "", "INS": nir + "12", "NIA": "1111111111111"}, true},
		"no IPP, INS and own NIR":      {fields{"IPP": "", "INS": nir + "12"}, fields{"IPP": "", "NIMI": nir}, true},
		"no IPP, one holder, two ages": {fields{"IPP": ""}, fields{"IPP": "", "DNAIS": "01012010"}, false},
		"no IPP, twins by rank":        {fields{"IPP": "", "RGN": "1"}, fields{"IPP": "", "RGN": "2"}, false},
		"no IPP, one holder":           {fields{"IPP": "", "RGN": "1"}, fields{"IPP": "", "RGN": "1"}, true},
		"no number at all":             {fields{"IPP": "", "NIA": ""}, fields{"IPP": "", "NIA": "0000000000000"}, false},
	} {
		if got := id(c.a, "A") == id(c.b, "B"); got != c.same {
			t.Errorf("%s: one person is %v, want %v", name, got, c.same)
		}
	}
}

// TestAmbiguousStay gives one administrative number to two patients: the stay
// is given to neither.
func TestAmbiguousStay(t *testing.T) {
	h := newHub(t)
	other := unit(t, "RSS", "122", map[string]string{"NADL": "B"})
	r := h.ingest(t, put(t, "a.txt", strings.Join([]string{unit(t, "RSS", "122", nil), other, who(t, "V016", nil),
		who(t, "V016", map[string]string{"IPP": "IPPCANARY002"}), who(t, "V016", map[string]string{"NADL": "B"})}, "\n")))
	if r.Quarantined != 1 || r.Reasons[0].Code != source.AmbiguousPerson || r.Reasons[0].Field != "rum.nadl" {
		t.Errorf("in quarantine: %v", r.Reasons)
	}
	if got := h.care(t); !slices.Equal(got, theStay) {
		t.Errorf("the other stay is %q", got)
	}
}

// TestRefused gives deliveries of which nothing can be made: an error that names
// the file and what was found, and the hub as it was.
func TestRefused(t *testing.T) {
	rss, vid := unit(t, "RSS", "122", nil), who(t, "V016", nil)
	rsa := makeLine(format(t, "RSA", "229"), func(string) int { return 1 }).line
	ano := makeLine(format(t, "ANO-HOSP", "V016"), func(string) int { return 1 }).line
	good := put(t, "good.txt", rss+"\n"+vid+"\n")
	for name, c := range map[string]struct {
		files []string
		kind  galien.Kind
		says  string
	}{
		"an unknown version":  {[]string{good, put(t, "v.txt", strings.Replace(vid, "V016", "V099", 1))}, galien.Invalid, "v.txt: no line is of a known format: the first line seems to be VID-HOSP of the version V099"},
		"no file of the PMSI": {[]string{good, put(t, "c.csv", "a;b\n1;"+nir+"\n")}, galien.Invalid, "known are VID-HOSP V011 to V016, RSS 115 to 122"},
		"an empty file":       {[]string{good, put(t, "e.txt", "\n\n")}, galien.Invalid, "e.txt: the file is empty"},
		"no line ends":        {[]string{good, put(t, "l.txt", strings.Repeat(nir, 100000))}, galien.Invalid, "l.txt: line 1 is longer"},
		"the same twice":      {[]string{good, put(t, "again.txt", rss+"\n"+vid+"\n")}, galien.Conflict, "same content"},
		"a folder":            {[]string{t.TempDir()}, galien.Invalid, "is a folder"},
		"nothing there":       {[]string{filepath.Join(t.TempDir(), "none.txt")}, galien.NotFound, "does not exist"},
		"no identities":       {[]string{put(t, "r.txt", rss)}, galien.Invalid, "no VID-HOSP"},
		"no stays":            {[]string{put(t, "v.txt", vid+"\n"+ano)}, galien.Invalid, "VID-HOSP: 1 lines, ANO-HOSP: 1, TRA: 0"},
		"RSA and no TRA":      {[]string{put(t, "v.txt", rss+"\n"+vid+"\n"+rsa)}, galien.Invalid, "1 RSA and no TRA"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHub(t)
			before := h.ingest(t, put(t, "first.txt", rss+"\n"+vid+"\n"))
			_, err := Ingest(t.Context(), h.load(c.files...))
			if galien.KindOf(err) != c.kind || !strings.Contains(fmt.Sprint(err), c.says) {
				t.Errorf("error %v of kind %s; want %s and %q in it", err, galien.KindOf(err), c.kind, c.says)
			}
			for _, canary := range []string{ipp, nir, "CANARY"} {
				if strings.Contains(fmt.Sprint(err), canary) {
					t.Error("the error holds an identity")
				}
			}
			snap, err := h.lake.Current()
			if err != nil || snap.ID != before.Snapshot {
				t.Errorf("the snapshot is %v (%v), and was %s", snap, err, before.Snapshot)
			}
			left, err := filepath.Glob(filepath.Join(h.dir, "vault", "work-*"))
			if err != nil || len(left) > 0 {
				t.Errorf("the load left %d workspaces in the vault (%v)", len(left), err)
			}
		})
	}
}

// TestOddFields counts the values that are not of their type where nothing reads
// them, and keeps their line.
func TestOddFields(t *testing.T) {
	h := newHub(t)
	r := h.ingest(t, put(t, "a.txt", unit(t, "RSS", "122", nil)+"\n"+who(t, "V016", map[string]string{"DFAMO": "31022016"})))
	if got := h.care(t); !slices.Equal(got, theStay) {
		t.Errorf("%q, want %q", got, theStay)
	}
	if len(r.Odd) != 1 || r.Odd[0] != (Odd{"VID-HOSP V016", "vh.dfamo", source.NotDate, 1}) {
		t.Errorf("odd fields: %v", r.Odd)
	}
}

// TestOddSigns gives a unit's number made of signs that other formats give a
// meaning: they arrive as they are.
func TestOddSigns(t *testing.T) {
	for _, number := range []string{`"1;,`, `'\N`, "é#--"} {
		h := newHub(t)
		r := h.ingest(t, put(t, "a.txt", unit(t, "RSS", "122", map[string]string{"NUM": latin1Of(number)})+"\n"+who(t, "V016", nil)))
		if got := h.read(t, "visit_detail", "visit_detail_source_value"); fmt.Sprint(got) != "[["+number+"]]" || r.Quarantined != 0 {
			t.Errorf("the unit %q arrives as %q", number, got)
		}
	}
	h := newHub(t)
	h.ingest(t, put(t, "a.txt", unit(t, "RSS", "122", map[string]string{"NUM": "1\t2"})+"\n"+who(t, "V016", nil)))
	if got := h.read(t, "visit_detail", "visit_detail_source_value"); fmt.Sprint(got) != "[[1 2]]" {
		t.Errorf("a tab in a number arrives as %q", got)
	}
}

// TestSecondSource refuses to mix a hub of another source.
func TestSecondSource(t *testing.T) {
	h := newHub(t)
	file := put(t, "a.txt", unit(t, "RSS", "122", nil)+"\n"+who(t, "V016", nil))
	h.ingest(t, file)
	load := h.load(file)
	load.Name = "other"
	if _, err := Ingest(t.Context(), load); galien.KindOf(err) != galien.Conflict {
		t.Errorf("a second source: %v", err)
	}
	load.Name = "no name"
	if _, err := Ingest(t.Context(), load); galien.KindOf(err) != galien.Invalid {
		t.Errorf("a name with a blank: %v", err)
	}
	if r := h.ingest(t, file); r.Changed {
		t.Error("the same file changes the hub")
	}
	more := put(t, "b.txt", unit(t, "RSS", "122", map[string]string{"NADL": "B"})+"\n"+who(t, "V016", map[string]string{"NADL": "B"}))
	if r := h.ingest(t, file, more); !r.Changed || r.Persons != 1 || len(h.read(t, "visit_occurrence", "person_id")) != 2 {
		t.Errorf("one stay more: %+v", r)
	}
}
