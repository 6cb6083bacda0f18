package snds

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"galien"
	"galien/lake/duck"
	"galien/refdata"
	"galien/source"
)

// tiny is an extract of one woman with one dispensing, written as files.
var tiny = map[string]string{
	"IR_BEN_R.csv": "BEN_NIR_PSA;BEN_RNG_GEM;BEN_NIR_ANO;BEN_CDI_NIR;BEN_NAI_ANN;BEN_NAI_MOI;BEN_SEX_COD;BEN_DCD_DTE;ORG_AFF_BEN;BEN_RES_DPT;BEN_RES_COM;BEN_DTE_MAJ\n" +
		"PSAPSAPSAPSAPSA01;1;ANOANOANOANOANO01;00;1950;03;2;1600-01-01;01C016000;016;097;2022-01-20\n",
	"IR_PHA_R.csv": "PHA_CIP_C13;PHA_PRS_IDE;PHA_ATC_C07;PHA_NOM_COURT\n3400999003728;9900372;A02BC01;DRUG 1\n",
	"ER_PRS_F_201901.csv": strings.ReplaceAll(nineKeys, " ", ";") + ";BEN_NIR_PSA;BEN_RNG_GEM;EXE_SOI_DTD;PRS_NAT_REF;PRS_ACT_QTE\n" +
		"1;2019-01-01;1;1;1;2018-12-20;01C001000;1;0;PSAPSAPSAPSAPSA01;1;2018-12-19;3313;2\n",
	"ER_PHA_F_201901.csv": strings.ReplaceAll(nineKeys, " ", ";") + ";PHA_PRS_C13;PHA_PRS_IDE;PHA_ACT_QSN\n" +
		"1;2019-01-01;1;1;1;2018-12-20;01C001000;1;0;3400999003728;0;2\n",
}

// write puts the files of tiny, changed, into a folder.
func write(t testing.TB, change map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range tiny {
		if _, ok := change[name]; ok {
			continue
		}
		put(t, dir, name, text)
	}
	for name, text := range change {
		if text != "" {
			put(t, dir, name, text)
		}
	}
	return dir
}

// empty stands for the text of a file without a byte.
const empty = "empty"

func put(t testing.TB, dir, name, text string) {
	t.Helper()
	if text == empty {
		text = ""
	}
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func zipped(text string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	z.Write([]byte(text))
	z.Close()
	return b.String()
}

// drugs returns the rows of drug_exposure.
func (h hub) drugs(t testing.TB) (rows []string) {
	t.Helper()
	snap, err := h.lake.Current()
	if err != nil {
		t.Fatal(err)
	}
	err = snap.Read(t.Context(), "drug_exposure", []string{"person_id", "drug_exposure_start_date", "drug_source_value", "quantity"}, func(row []any) error {
		rows = append(rows, fmt.Sprint(row...))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// inMonth changes the claims of tiny into those of the month that comes so many
// later, with a day of care of their own.
func inMonth(text string, later int) string {
	return strings.NewReplacer("2018-12-19", careDay(later).Format(time.DateOnly), "2019-01-01", fmt.Sprintf("%d-%02d-01", 2019+later/12, later%12+1)).Replace(text)
}

func careDay(later int) time.Time { return time.Date(2018, 12, 19+30*later, 0, 0, 0, 0, time.UTC) }

// monthFile is the name of a file of claims of that month.
func monthFile(table string, later int) string {
	return fmt.Sprintf("%s_%d%02d.csv", table, 2019+later/12, later%12+1)
}

// TestWaysOfWriting gives the same rows in the ways in which extracts write
// them, and gets the same dispensing. Each way is a month of one extract: the day
// of care tells it from the others.
func TestWaysOfWriting(t *testing.T) {
	type month struct {
		prs, pha string
		day      time.Time
	}
	dates := func(layout string) func(m *month) {
		return func(m *month) {
			m.prs = strings.ReplaceAll(m.prs, m.day.Format(time.DateOnly), strings.ToUpper(m.day.Format(layout)))
		}
	}
	ways := map[string]func(m *month){
		"plain":                func(*month) {},
		"gzip":                 func(m *month) { m.prs = zipped(m.prs) },
		"a byte order mark":    func(m *month) { m.prs = "\xef\xbb\xbf" + m.prs },
		"line ends of Windows": func(m *month) { m.prs = strings.ReplaceAll(m.prs, "\n", "\r\n") },
		"commas":               func(m *month) { m.prs = strings.ReplaceAll(m.prs, ";", ",") },
		"quotes":               dates(`"2006-01-02"`),
		"dates of SAS":         dates("02Jan2006:00:00:00"),
		"dates without signs":  dates("20060102"),
		"French dates":         dates("02/01/2006"),
		"spaces at a number":   func(m *month) { m.prs = strings.ReplaceAll(m.prs, ";3313;", "; 3313 ;") },
		"zeros at a number":    func(m *month) { m.prs = strings.ReplaceAll(m.prs, ";3313;", ";003313;") },
		"a number as 3313.0":   func(m *month) { m.prs = strings.ReplaceAll(m.prs, ";3313;", ";3313.0;") },
		"a decimal comma":      func(m *month) { m.prs = strings.ReplaceAll(m.prs, ";3313;2\n", ";3313;2,00\n") },
		"a column more": func(m *month) {
			m.prs = strings.Replace(strings.Replace(m.prs, "PRS_ACT_QTE\n", "PRS_ACT_QTE;NEW_COL\n", 1), ";2\n", ";2;x\n", 1)
		},
		"a CIP7 after zeros":  func(m *month) { m.pha = strings.ReplaceAll(m.pha, "3400999003728", "0000009900372") },
		"a CIP7 alone":        func(m *month) { m.pha = strings.ReplaceAll(m.pha, ";3400999003728;0;", ";;9900372;") },
		"the quantity as 2.0": func(m *month) { m.pha = strings.ReplaceAll(m.pha, ";0;2\n", ";0;2.0\n") },
		"a cancelled box more": func(m *month) {
			line := strings.SplitAfter(m.pha, "\n")[1]
			m.pha += strings.Replace(line, ";0;2\n", ";0;1\n", 1) + strings.Replace(line, ";0;2\n", ";0;-1\n", 1)
		},
	}
	dir := write(t, map[string]string{"ER_PRS_F_201901.csv": "", "ER_PHA_F_201901.csv": ""})
	want := map[string]string{}
	for later, name := range slices.Sorted(maps.Keys(ways)) {
		plain := month{inMonth(tiny["ER_PRS_F_201901.csv"], later), inMonth(tiny["ER_PHA_F_201901.csv"], later), careDay(later)}
		m := plain
		ways[name](&m)
		if (m == plain) != (name == "plain") {
			t.Fatalf("%s is written as the plain one", name)
		}
		prs := monthFile("ER_PRS_F", later)
		if name == "gzip" {
			prs += ".gz"
		}
		put(t, dir, prs, m.prs)
		put(t, dir, monthFile("ER_PHA_F", later), m.pha)
		want[fmt.Sprint(int64(1), galien.DateOf(m.day), "3400999003728", 2.0)] = name
	}
	h := newHub(t)
	r := h.ingest(t, dir)
	for _, row := range h.drugs(t) {
		if want[row] == "" {
			t.Errorf("too much: %s", row)
		}
		delete(want, row)
	}
	for row, name := range want {
		t.Errorf("%s: missing %s", name, row)
	}
	if r.Quarantined != 0 {
		t.Errorf("%d rows in quarantine: %v", r.Quarantined, r.Reasons)
	}
	for _, f := range r.Files {
		var unknown []string
		if f.Table == "ER_PRS_F" {
			unknown = []string{"NEW_COL"}
		}
		if !slices.Equal(f.UnknownColumns, unknown) {
			t.Errorf("unknown columns of %s: %v", f.Table, f.UnknownColumns)
		}
	}
}

// TestWaysOfDelivering gives the files under other names, and a table of codes
// in another encoding, and gets the same dispensing.
func TestWaysOfDelivering(t *testing.T) {
	want := []string{fmt.Sprint(int64(1), galien.Date(17884), "3400999003728", 2.0)}
	prs := tiny["ER_PRS_F_201901.csv"]
	for name, change := range map[string]map[string]string{
		"a yearly file": {"ER_PRS_F_201901.csv": "", "ER_PRS_F_2019.csv": prs},
		"no period":     {"ER_PRS_F_201901.csv": "", "er_prs_f.csv": prs},
		"Latin-1":       {"IR_PHA_R.csv": strings.ReplaceAll(tiny["IR_PHA_R.csv"], "DRUG 1", "COMPRIM\xe9")},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHub(t)
			r := h.ingest(t, write(t, change))
			if got := h.drugs(t); !slices.Equal(got, want) {
				t.Errorf("drugs %v, want %v", got, want)
			}
			if r.Quarantined != 0 {
				t.Errorf("%d rows in quarantine: %v", r.Quarantined, r.Reasons)
			}
		})
	}
}

// TestNumbersAlike reads a whole number in many ways of writing it, good and bad:
// where the engine's reader takes it itself, it is the number that it is as text,
// and none is lost.
func TestNumbersAlike(t *testing.T) {
	taken := 0
	for i, value := range []string{"", " ", "  ", "1", " 1", "1 ", "01", "-1", "+1", "1.0", "1.5", "-0.4", "1,0", "1e3", "1E3", ".", "x", "1x", "0x1F", "1_000", "1 000",
		"9223372036854775807", "9223372036854775808", "-9223372036854775808", "99999999999999999999", `""`, `"7"`, `" 7 "`, "NULL", "null", "nan", "true", "\u00a01"} {
		path := filepath.Join(t.TempDir(), "ER_UCD_F_201901.csv")
		content := strings.ReplaceAll(nineKeys, " ", ";") + ";UCD_UCD_COD;UCD_DLV_NBR;UCD_ORD_NUM\n" +
			"1;2019-01-01;1;1;1;2018-12-20;01C001000;1;0;9000001;1;" + value + "\n"
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		d, err := find(filepath.Dir(path))
		if err != nil {
			t.Fatal(err)
		}
		if err := d.check(t.Context(), func(int64) {}); err != nil {
			t.Fatal(err)
		}
		in := d.inputs[0]
		db, err := duck.Open(t.Context(), duck.Config{})
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		conn, err := db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		read := func(as valueKind) (number string, rows int64, failed int, clean bool) {
			if _, err := conn.ExecContext(t.Context(), "DROP TABLE IF EXISTS er_ucd_f"); err != nil {
				t.Fatal(err)
			}
			if err := makeTable(t.Context(), conn, in.table); err != nil {
				t.Fatal(err)
			}
			p := newProblems()
			rows, clean, err := readAs(t.Context(), conn, in, i, as, p)
			if err != nil {
				t.Fatal(err)
			}
			if f := p.give(in); f != nil {
				failed = len(f.fields) + len(f.lines)
			}
			err = conn.QueryRowContext(t.Context(), "SELECT coalesce(string_agg(coalesce(UCD_ORD_NUM::VARCHAR, 'none')), 'no row') FROM er_ucd_f").Scan(&number)
			if err != nil {
				t.Fatal(err)
			}
			return number, rows, failed, clean
		}
		asText, rows, failed, _ := read(text)
		itself, rowsItself, failedItself, clean := read(whole)
		switch {
		case rows != 1:
			t.Errorf("%q: %d rows as text", value, rows)
		case !clean && itself != "no row":
			t.Errorf("%q: refused, and %s stays", value, itself)
		case clean && (itself != asText || rowsItself != rows || failedItself != failed):
			t.Errorf("%q: %s with %d failures, as text %s with %d", value, itself, failedItself, asText, failed)
		case clean:
			taken++
		}
	}
	if taken < 10 {
		t.Errorf("the reader takes %d of the numbers itself", taken)
	}
}

// TestQuarantine spoils one row each of several months and finds it by file,
// line, field and reason, without a value of it.
func TestQuarantine(t *testing.T) {
	prs, pha := tiny["ER_PRS_F_201901.csv"], tiny["ER_PHA_F_201901.csv"]
	line := strings.Split(prs, "\n")[1]
	other := strings.Replace(line, "1;2019-01-01", "2;2019-01-01", 1)
	dir := write(t, nil)
	want := map[source.Rejection]bool{}
	months := 1
	for _, c := range []struct {
		table, text, field string
		code               source.Code
	}{
		{"ER_PRS_F", prs + strings.Replace(other, "2018-12-19", "2018-02-30", 1) + "\n", "exe_soi_dtd", source.NotDate},
		{"ER_PRS_F", prs + strings.Replace(other, "2018-12-19", "", 1) + "\n", "exe_soi_dtd", source.RequiredMissing},
		{"ER_PRS_F", prs + strings.Replace(other, ";3313;2", ";3313;many", 1) + "\n", "prs_act_qte", source.NotNumber},
		{"ER_PRS_F", prs + strings.Replace(other, ";3313;", ";x;", 1) + "\n", "prs_nat_ref", source.NotInteger},
		{"ER_PRS_F", prs + other + ";9\n", "", source.WrongFieldCount},                         // a field more
		{"ER_PRS_F", prs + strings.TrimSuffix(other, ";2") + "\n", "", source.WrongFieldCount}, // a field less
		{"ER_PRS_F", prs + strings.Replace(other, "PSAPSAPSAPSAPSA01", "PSAPSAPSAPSAPSA99", 1) + "\n", "ben_nir_psa", source.UnknownBeneficiary},
		{"ER_PHA_F", pha + "7;2019-01-01;1;1;1;2018-12-20;01C001000;1;0;3400999003728;0;2\n", "", source.OrphanDetail},
	} {
		for table, text := range map[string]string{"ER_PRS_F": prs, "ER_PHA_F": pha} {
			if table == c.table {
				text = c.text
			}
			put(t, dir, monthFile(table, months), inMonth(text, months))
		}
		want[source.Rejection{File: monthFile(c.table, months), Line: 3, Field: c.field, Code: c.code}] = true
		months++
	}
	h := newHub(t)
	r := h.ingest(t, dir)
	if r.Quarantined != int64(len(want)) || len(h.drugs(t)) != months {
		t.Errorf("%d rows in quarantine (%v), want %d; %d drugs, want %d", r.Quarantined, r.Reasons, len(want), len(h.drugs(t)), months)
	}
	snap, err := h.lake.Current()
	if err != nil {
		t.Fatal(err)
	}
	err = source.ReadIndex(filepath.Join(h.dir, "quarantine"), snap.Manifest.Sources[0].Quarantine, func(x source.Rejection) error {
		at := source.Rejection{File: x.File, Line: x.Line, Field: x.Field, Code: x.Code}
		if !want[at] {
			t.Errorf("a row is said to be at %s, line %d, field %q, for %s", x.File, x.Line, x.Field, x.Code)
		}
		delete(want, at)
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	for at := range want {
		t.Errorf("not found: %s, line %d, field %q, for %s", at.File, at.Line, at.Field, at.Code)
	}
}

// TestQuarantineOfTwoFields spoils two fields of some rows and the second of
// others: every row is found, under the first of its fields.
func TestQuarantineOfTwoFields(t *testing.T) {
	prs := tiny["ER_PRS_F_201901.csv"]
	line := strings.Split(prs, "\n")[1] + "\n"
	want := map[int64]string{}
	for n := int64(3); n < 43; n++ {
		spoilt := strings.Replace(strings.Replace(line, "1;2019", fmt.Sprint(n, ";2019"), 1), ";3313;2", ";3313;many", 1)
		want[n] = "prs_act_qte"
		if n%2 == 1 {
			spoilt = strings.Replace(spoilt, "2018-12-19", "2018-02-30", 1)
			want[n] = "exe_soi_dtd"
		}
		prs += spoilt
	}
	h := newHub(t)
	h.ingest(t, write(t, map[string]string{"ER_PRS_F_201901.csv": prs}))
	snap, err := h.lake.Current()
	if err != nil {
		t.Fatal(err)
	}
	err = source.ReadIndex(filepath.Join(h.dir, "quarantine"), snap.Manifest.Sources[0].Quarantine, func(x source.Rejection) error {
		if want[x.Line] != x.Field {
			t.Errorf("line %d is there for %q, want %q", x.Line, x.Field, want[x.Line])
		}
		delete(want, x.Line)
		return nil
	})
	if err != nil || len(want) > 0 {
		t.Errorf("%d lines were not found (%v)", len(want), err)
	}
}

// TestDamaged gives deliveries that are not whole: an error that names the
// file, and the lake as it was. All of them come to one hub.
func TestDamaged(t *testing.T) {
	h := tinyHub(t)
	before, err := h.lake.Current()
	if err != nil {
		t.Fatal(err)
	}
	prs := tiny["ER_PRS_F_201901.csv"]
	long := prs + strings.Repeat(strings.Split(prs, "\n")[1]+"\n", 5000)
	zip := zipped(long)
	for name, c := range map[string]struct {
		change map[string]string
		kind   galien.Kind
		says   string
	}{
		"truncated gzip":     {map[string]string{"ER_PRS_F_201901.csv": "", "ER_PRS_F_201901.csv.gz": zip[:len(zip)*2/3]}, galien.Invalid, "truncated"},
		"gzip without end":   {map[string]string{"ER_PRS_F_201901.csv": "", "ER_PRS_F_201901.csv.gz": zip[:len(zip)-4]}, galien.Invalid, "truncated"},
		"a flipped bit":      {map[string]string{"ER_PRS_F_201901.csv": "", "ER_PRS_F_201901.csv.gz": zip[:len(zip)-6] + "\x00\x01" + zip[len(zip)-4:]}, galien.Invalid, "damaged"},
		"an empty file":      {map[string]string{"ER_PRS_F_201901.csv": "", "ER_PRS_F_201902.csv": empty}, galien.Invalid, "ER_PRS_F_201902.csv: the file is empty"},
		"no gzip":            {map[string]string{"ER_PRS_F_201901.csv": "", "ER_PRS_F_201901.csv.gz": prs}, galien.Invalid, "right name"},
		"UTF-16":             {map[string]string{"ER_PRS_F_201901.csv": "D\x00C\x00T\x00_\x00\n\x00"}, galien.Invalid, "UTF-16"},
		"no header":          {map[string]string{"ER_PRS_F_201901.csv": strings.SplitN(prs, "\n", 2)[1]}, galien.Invalid, "header"},
		"a key is missing":   {map[string]string{"ER_PRS_F_201901.csv": strings.Replace(prs, "PRS_ORD_NUM", "OTHER", 1)}, galien.Invalid, "PRS_ORD_NUM"},
		"a month twice":      {map[string]string{"ER_PRS_F_201901.csv.gz": zipped(prs)}, galien.Conflict, "same period"},
		"a month and a year": {map[string]string{"ER_PRS_F_2019.csv": prs}, galien.Conflict, "period"},
		"a month in part":    {map[string]string{"ER_PHA_F_201901.csv": ""}, galien.Conflict, "without the table ER_PHA_F"},
		"the same content":   {map[string]string{"ER_PRS_F_201902.csv": prs}, galien.Conflict, "same content"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Ingest(t.Context(), h.load(write(t, c.change)))
			if galien.KindOf(err) != c.kind || !strings.Contains(fmt.Sprint(err), c.says) {
				t.Errorf("error %v of kind %s; want %s and %q in it", err, galien.KindOf(err), c.kind, c.says)
			}
			snap, err := h.lake.Current()
			if err != nil || snap.ID != before.ID {
				t.Errorf("the snapshot is %v (%v), and was %s", snap, err, before.ID)
			}
			left, err := filepath.Glob(filepath.Join(h.dir, "vault", "work-*"))
			if err != nil || len(left) > 0 {
				t.Errorf("the load left %d workspaces in the vault (%v)", len(left), err)
			}
		})
	}
}

// TestDamagedStore spoils what the store keeps of a month: the check finds it, a
// load that needs it names what to bring again, and one that brings it is whole.
func TestDamagedStore(t *testing.T) {
	other := strings.NewReplacer("2018-12-19", "2019-01-19", "2019-01-01", "2019-02-01")
	next := map[string]string{"ER_PRS_F_201902.csv": other.Replace(tiny["ER_PRS_F_201901.csv"]), "ER_PHA_F_201902.csv": other.Replace(tiny["ER_PHA_F_201901.csv"])}
	month := t.TempDir()
	for name, text := range next {
		put(t, month, name, text)
	}
	for name, spoil := range map[string]func(path string) error{
		"a flipped bit": func(path string) error {
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			b[len(b)/2] ^= 4
			return os.WriteFile(path, b, 0o600)
		},
		"a missing file": os.Remove,
	} {
		t.Run(name, func(t *testing.T) {
			h := tinyHub(t)
			snap, err := h.lake.Current()
			if err != nil {
				t.Fatal(err)
			}
			src := snap.Manifest.Sources[0]
			var found []string
			check := func() {
				found = nil
				if err := Check(h.vault, src, func(text string) { found = append(found, text) }); err != nil {
					t.Fatal(err)
				}
			}
			if check(); len(found) > 0 || len(src.Units) != 3 {
				t.Fatalf("%d units; before the damage: %v", len(src.Units), found)
			}
			for _, u := range src.Units {
				if u.Name == "DCIR 201901" {
					if err := spoil(filepath.Join(h.dir, "store", "snds", u.Content, "care-pha.parquet")); err != nil {
						t.Fatal(err)
					}
				}
			}
			if check(); len(found) != 1 || !strings.Contains(found[0], "DCIR 201901") {
				t.Errorf("the check found %v", found)
			}
			_, err = Ingest(t.Context(), h.load(month))
			if galien.KindOf(err) != galien.Corrupt || !strings.Contains(err.Error(), "bring the files of DCIR 201901 again") {
				t.Errorf("a month more: %v", err)
			}
			if r := h.ingest(t, write(t, nil)); r.Changed || r.Snapshot != snap.ID {
				t.Errorf("the same files again: the lake changed %v", r.Changed)
			}
			if check(); len(found) > 0 {
				t.Errorf("after the same files again the check found %v", found)
			}
			h.ingest(t, month)
			if got := h.drugs(t); len(got) != 2 {
				t.Errorf("drugs %v", got)
			}
		})
	}
}

// TestLostStore takes away what the store keeps, or the register alone, after
// two loads that numbered two women in another order than their numbers': the
// check finds it, a load of one month more is refused rather than given to the
// other woman, and the same files again mend it.
func TestLostStore(t *testing.T) {
	woman := strings.NewReplacer("PSAPSAPSAPSAPSA01", "PSAPSAPSAPSAPSA00", "ANOANOANOANOANO01", "ANOANOANOANOANO00")
	other := woman.Replace(strings.SplitAfter(tiny["IR_BEN_R.csv"], "\n")[1])
	both := write(t, map[string]string{"IR_BEN_R.csv": tiny["IR_BEN_R.csv"] + other})
	loaded := tinyHub(t)
	loaded.ingest(t, both)
	if err := loaded.vault.Close(); err != nil {
		t.Fatal(err)
	}
	later := strings.NewReplacer("2018-12-19", "2019-01-19", "2019-01-01", "2019-02-01")
	month := t.TempDir()
	for _, name := range []string{"ER_PRS_F_201901.csv", "ER_PHA_F_201901.csv"} {
		put(t, month, strings.Replace(name, "201901", "201902", 1), later.Replace(tiny[name]))
	}
	for name, spoil := range map[string]func(store string) error{
		"all": os.RemoveAll,
		"the register": func(store string) error {
			found, err := filepath.Glob(filepath.Join(store, "number-*"))
			if err != nil || len(found) != 1 {
				t.Fatal(found, err)
			}
			return os.Remove(found[0])
		},
		"a damaged register": func(store string) error {
			found, err := filepath.Glob(filepath.Join(store, "number-*"))
			if err != nil || len(found) != 1 {
				t.Fatal(found, err)
			}
			return os.WriteFile(found[0], []byte("PAR1"), 0o600)
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := copyOf(t, loaded.dir)
			want := h.drugs(t)
			if err := spoil(filepath.Join(h.dir, "store", "snds")); err != nil {
				t.Fatal(err)
			}
			snap, err := h.lake.Current()
			if err != nil {
				t.Fatal(err)
			}
			check := func() (found []string) {
				if err := Check(h.vault, snap.Manifest.Sources[0], func(text string) { found = append(found, text) }); err != nil {
					t.Fatal(err)
				}
				return found
			}
			if len(check()) == 0 {
				t.Error("the check found nothing")
			}
			if _, err := Ingest(t.Context(), h.load(month)); err == nil || !strings.Contains(err.Error(), "again with this delivery") {
				t.Errorf("a month more: %v", err)
			}
			h.ingest(t, both)
			if found := check(); len(found) > 0 {
				t.Errorf("after the same files again: %v", found)
			}
			if got := h.drugs(t); !slices.Equal(got, want) {
				t.Errorf("drugs %v, want %v", got, want)
			}
			h.ingest(t, month)
			for _, row := range h.drugs(t) {
				if !strings.HasPrefix(row, "1 ") {
					t.Errorf("of another woman: %s", row)
				}
			}
			if got := len(h.drugs(t)); got != 2 {
				t.Errorf("%d drugs, want 2", got)
			}
		})
	}
}

// TestEveryTable gives the published synthetic tables, ten rows of each: every
// one is read, or set aside by name.
func TestEveryTable(t *testing.T) {
	dir := refdata.Dir(t, "snds-synthetic")
	h := newHub(t)
	r := h.ingest(t, filepath.Join(dir, "tables"))
	read, aside := map[string]bool{}, map[string]bool{}
	for _, f := range r.Files {
		read[f.Table] = true
		if f.Read == 0 {
			t.Errorf("%s: no row was read", f.Table)
		}
		if len(f.UnknownColumns) > 0 {
			t.Errorf("%s: unknown columns %v", f.Table, f.UnknownColumns)
		}
	}
	// Every row of a linkage table is a visit, or a rule removed it, or it is in
	// quarantine.
	visits := map[string]int64{}
	for _, line := range h.told(t) {
		words := strings.Fields(line)
		if words[0] == "visit" {
			visits[words[len(words)-4]]++
		}
	}
	for table, kind := range map[string]string{"T_MCOaaCSTC": "outpatient", "T_SSRaaC": "rehabilitation", "T_HADaaC": "home", "T_RIPaaC": "psychiatry"} {
		n := visits[kind]
		for _, c := range r.Rules {
			if c.Table == table && (c.Rule == "M01" || c.Rule == "M02") {
				n += c.Removed
			}
		}
		for _, f := range r.Files {
			if f.Table == table && f.Read != n+f.Quarantined {
				t.Errorf("%s: %d rows read, %d kept or removed by a rule, %d in quarantine", table, f.Read, n, f.Quarantined)
			}
		}
	}
	for _, s := range r.SetAside {
		name, _, _ := strings.Cut(s, " ")
		aside[name] = true
	}
	files := 0
	err := filepath.WalkDir(filepath.Join(dir, "tables"), func(path string, e os.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".csv") {
			return err
		}
		files++
		name := strings.TrimSuffix(e.Name(), ".csv")
		_, isRead := reads[name]
		switch {
		case isRead && !read[name]:
			t.Errorf("%s was not read", name)
		case !isRead && !aside[name] && !slices.Contains(r.Ignored, e.Name()):
			t.Errorf("%s was neither read nor set aside by name", name)
		}
		return nil
	})
	if err != nil || files < 180 {
		t.Errorf("%d tables: %v", files, err)
	}
	t.Logf("%d tables read, %d set aside, ignored: %v", len(read), len(aside), r.Ignored)
}
