package identity

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"galien"
	"galien/vault/link"
)

// write makes a file of a test.
func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func read(t *testing.T, paths ...string) *Source {
	t.Helper()
	s, err := Read(t.Context(), paths)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestDates(t *testing.T) {
	for text, want := range map[string][3]int{
		"1986-02-07": {1986, 2, 7}, "07/02/1986": {1986, 2, 7}, "07021986": {1986, 2, 7}, "19860207": {1986, 2, 7}, "20101912": {1912, 10, 20},
		"00001948": {1948, 0, 0}, "1948-00-00": {1948, 0, 0}, "20121204": {2012, 12, 4}, "": {}, "hier": {},
	} {
		y, m, d := parts(text)
		if got := link.BirthOf(y, m, d); got != link.BirthOf(want[0], want[1], want[2]) {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
	for text, want := range map[string]string{"02JAN2017:00:00:00": "2017-01-02", "2017-01-02": "2017-01-02", "02012017": "2017-01-02"} {
		if d, ok := claimsDate("", text); !ok || d != galien.MustDate(want) {
			t.Errorf("%q: %v, %v, want %s", text, d, ok, want)
		}
	}
	if _, ok := claimsDate("31FEB2017:00:00:00", "", "00000000"); ok {
		t.Error("a date that is none was read")
	}
}

// TestCommunes follows the rules P09 and P10 of the reference data.
func TestCommunes(t *testing.T) {
	for in, want := range map[[2]string]string{
		{"016", "097"}: "16097", {"091", "340"}: "91340", {"209", "004"}: "20004", {"097", "101"}: "97101", {"971", "101"}: "97101", {"971", "005"}: "97105",
		{"000", "004"}: "", {"075", "000"}: "", {"075", "099"}: "", {"075", "999"}: "", {"", ""}: "", {"75", "056"}: "",
	} {
		if got := commune(in[0], in[1]); got != want {
			t.Errorf("%v: %q, want %q", in, got, want)
		}
	}
}

// TestTable reads a table of identities with several lines of one person, in
// ISO-8859-1, and keeps every value once.
func TestTable(t *testing.T) {
	dir := t.TempDir()
	path := write(t, dir, "patients.csv", "ID,NOM_NAISSANCE,NOM_USAGE,PRENOM,DATE_NAISSANCE,SEXE,CODE_POSTAL,FINESS,NADL,DATE_ENTREE,DATE_SORTIE,BEN_NIR_ANO\n"+
		"7,Lef\xe8vre,,Ana\xefs,1986-02-07,2,75001,750000001,12,2020-01-02,2020-01-05,abc\n"+
		"7,Lef\xe8vre,Durand,Ana\xefs,07/02/1986,2,75002,750000001,13,2021-01-02,2021-01-05,abc\n"+
		",Nobody,,,,,,,,,,\n")
	s := read(t, path)
	if len(s.people) != 1 || s.Report.Files[0].Unread != 1 || s.Report.Files[0].Lines != 3 || s.Claims() {
		t.Fatalf("%d persons, report %+v", len(s.people), s.Report)
	}
	got := *s.people["7"]
	for name, ok := range map[string]bool{
		"names":   slices.Equal(got.BirthNames, []string{"Lefèvre"}) && slices.Equal(got.UsedNames, []string{"Durand"}) && slices.Equal(got.FirstNames, []string{"Anaïs"}),
		"birth":   slices.Equal(got.Births, []link.Birth{{Year: 1986, Month: 2, Day: 7}}) && got.Sex == link.Female,
		"places":  len(got.Places) == 2,
		"numbers": len(got.Numbers) == 1,
		"stays":   len(got.Stays) == 2 && got.Stays[0].ID == "750000001|12",
	} {
		if !ok {
			t.Errorf("%s are not what the lines say", name)
		}
	}
	if text := fmt.Sprintf("%v %+v %#v", s, s, got); strings.Contains(text, "Durand") {
		t.Error("an identity was printed")
	}
}

// TestClaims reads the smallest claims: two numbers of a person, a twin, a
// fictitious number, and stays of which some are not to be trusted.
func TestClaims(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "IR_BEN_R.csv", "BEN_NIR_PSA;BEN_RNG_GEM;BEN_NIR_ANO;BEN_CDI_NIR;BEN_NAI_ANN;BEN_NAI_MOI;BEN_SEX_COD;BEN_RES_DPT;BEN_RES_COM\n"+
		"p1;1;ano1;00;1980;05;1;075;056\np2;1;ano1;00;1600;;1;000;000\np3;1;ano3;00;2015;02;2;013;055\np3;2;ano4;00;2015;02;2;013;055\np5;1;;03;1990;01;1;;\np6;1;;08;1990;01;1;;\n")
	write(t, dir, "T_MCO19C.csv", "ETA_NUM;RSA_NUM;NIR_ANO_17;NIR_RET;EXE_SOI_DTD;EXE_SOI_DTF;ENT_DAT;SOR_DAT\n"+
		"e;1;p2;0;02JAN2019:00:00:00;03JAN2019:00:00:00;;\ne;2;p1;1;02FEB2019:00:00:00;03FEB2019:00:00:00;;\ne;3;p3;0;;;02032019;03032019\ne;4;xxxxxxxxxxxxxxxxx;0;;;02032019;03032019\n")
	write(t, dir, "T_MCO19B.csv", "ETA_NUM;RSA_NUM;BDI_COD;GRG_GHM\ne;1;75001;90Z00Z\n")
	write(t, dir, "ER_PRS_F_201901.csv", "BEN_NIR_PSA\np1\n")
	s := read(t, dir)
	if len(s.people) != 4 || !s.Claims() || s.Report.Fictitious != 1 || s.Report.DroppedStays != 2 || s.Report.SetAside != 1 {
		t.Fatalf("%d persons, report %+v", len(s.people), s.Report)
	}
	one := s.people["ano1"]
	if len(one.Numbers) != 3 || len(one.Births) != 1 || len(one.Places) != 2 || len(one.Stays) != 1 || one.Stays[0].ID != "2019|e|1" {
		t.Error("the person of two numbers is not what the lines say")
	}
	for _, twin := range []string{"ano3", "ano4"} {
		if x := s.people[twin]; x == nil || len(x.Stays) != 1 {
			t.Error("a stay under a number of twins is to be with both")
		}
	}
	if s.people["p51"] == nil {
		t.Error("a provisional number is a person by number and rank")
	}
}

func TestRefused(t *testing.T) {
	dir := t.TempDir()
	table := write(t, dir, "table.csv", "ID;NOM\n1;X\n")
	claims := write(t, dir, "IR_BEN_R.csv", "BEN_NIR_PSA;BEN_RNG_GEM\np;1\n")
	other := t.TempDir()
	short := write(t, other, "IR_BEN_R.csv", "BEN_NIR_PSA\np\n")
	ragged := write(t, t.TempDir(), "table.csv", "ID;NOM\n1;X;Y\n")
	cut := write(t, t.TempDir(), "IR_BEN_R.csv.gz", "\x1f\x8b\x08\x00")
	text := write(t, other, "letter.txt", "Dear all\n")
	for name, c := range map[string]struct {
		paths []string
		kind  galien.Kind
	}{
		"both kinds":        {[]string{table, claims}, galien.Invalid},
		"column missing":    {[]string{short}, galien.Invalid},
		"ragged":            {[]string{ragged}, galien.Invalid},
		"cut short":         {[]string{cut}, galien.Invalid},
		"no identities":     {[]string{text}, galien.Invalid},
		"an empty folder":   {[]string{t.TempDir()}, galien.Invalid},
		"nothing there":     {[]string{filepath.Join(dir, "absent")}, galien.NotFound},
		"stays and no list": {[]string{write(t, t.TempDir(), "T_MCO19C.csv", "ETA_NUM;RSA_NUM;NIR_ANO_17\n")}, galien.Invalid},
	} {
		if _, err := Read(t.Context(), c.paths); galien.KindOf(err) != c.kind || err == nil {
			t.Errorf("%s: %v, want %v", name, err, c.kind)
		}
	}
}
