package snds

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"galien"
	"galien/lake"
)

// consultations is a month of consultations, one a line: day and professional.
func consultations(month string, psa string, lines ...string) string {
	text := strings.ReplaceAll(nineKeys, " ", ";") + ";BEN_NIR_PSA;BEN_RNG_GEM;EXE_SOI_DTD;PRS_NAT_REF;PRS_ACT_QTE;PFS_EXE_NUM\n"
	for i, l := range lines {
		day, executor, _ := strings.Cut(l, " ")
		text += fmt.Sprintf("1;%s-01;1;1;1;2018-12-20;01C001000;%d;0;%s;1;%s;1111;1;%s\n", month, i+1, psa, day, executor)
	}
	return text
}

// visits returns the rows of visit_occurrence.
func (h hub) visits(t testing.TB) (rows []string) {
	t.Helper()
	snap, err := h.lake.Current()
	if err != nil {
		t.Fatal(err)
	}
	err = snap.Read(t.Context(), "visit_occurrence", []string{"person_id", "visit_start_date", "provider_id", "visit_occurrence_id"}, func(row []any) error {
		rows = append(rows, fmt.Sprint(row...))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(rows)
	return rows
}

// folder writes files into a folder of their own.
func folder(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		put(t, dir, name, text)
	}
	return dir
}

// TestProfessionalGone brings a month again without a professional whom no other
// month names: the lake grows, and is the one that the files give together.
func TestProfessionalGone(t *testing.T) {
	var many []string
	for i := range 20 {
		many = append(many, fmt.Sprintf("2019-01-%02d 1000000A", i+1))
	}
	year := map[string]string{"ER_PRS_F_201902.csv": consultations("2019-02", "PSAPSAPSAPSAPSA01", many...),
		"ER_PRS_F_201903.csv": consultations("2019-03", "PSAPSAPSAPSAPSA01", "2019-02-15 2000000B")}
	again := map[string]string{"ER_PRS_F_201903.csv": consultations("2019-03", "PSAPSAPSAPSAPSA01", "2019-02-15 1000000A")}
	h, all := newHub(t), newHub(t)
	h.ingest(t, write(t, year))
	if r := h.ingest(t, folder(t, again)); !r.Grown {
		t.Error("the lake did not grow")
	}
	year["ER_PRS_F_201903.csv"] = again["ER_PRS_F_201903.csv"]
	all.ingest(t, write(t, year))
	if got, want := h.visits(t), all.visits(t); !slices.Equal(got, want) {
		t.Errorf("visits\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestLostRegister loses, or spoils, the register of short numbers: nothing is
// built on lines whose persons nobody knows any more, and a load of all files
// starts another.
func TestLostRegister(t *testing.T) {
	for name, spoil := range map[string]func(path string) error{
		"missing": os.Remove,
		"spoilt":  func(path string) error { return os.Truncate(path, 100) },
	} {
		t.Run(name, func(t *testing.T) {
			h := tinyHub(t)
			want := h.drugs(t)
			found, err := filepath.Glob(filepath.Join(h.dir, "store", "snds", "number-*"))
			if err != nil || len(found) != 1 {
				t.Fatal(found, err)
			}
			if err := spoil(found[0]); err != nil {
				t.Fatal(err)
			}
			snap, err := h.lake.Current()
			if err != nil {
				t.Fatal(err)
			}
			var said []string
			if err := Check(h.vault, snap.Manifest.Sources[0], func(s string) { said = append(said, s) }); err != nil {
				t.Fatal(err)
			}
			if len(said) != 1 || !strings.Contains(said[0], "register") {
				t.Errorf("the check says %v", said)
			}
			// One who comes before in the order of numbers.
			more := tiny["IR_BEN_R.csv"] + strings.Split(strings.NewReplacer("PSA01", "PSA00", "ANO01", "ANO00").Replace(tiny["IR_BEN_R.csv"]), "\n")[1] + "\n"
			_, err = Ingest(t.Context(), h.load(folder(t, map[string]string{"IR_BEN_R.csv": more})))
			if galien.KindOf(err) != galien.Corrupt {
				t.Errorf("a load upon it: %v; drugs %v, were %v", err, h.drugs(t), want)
			}
			load := h.load(write(t, map[string]string{"IR_BEN_R.csv": more}))
			load.Afresh = true
			if _, err := Ingest(t.Context(), load); err != nil {
				t.Error(err)
			}
			if got := h.drugs(t); !slices.Equal(got, want) {
				t.Errorf("drugs %v, were %v", got, want)
			}
		})
	}
}

// TestSameLinesInTwoMonths brings lines twice under two months, and one of the
// two again: the refusal says what helps, and that does.
func TestSameLinesInTwoMonths(t *testing.T) {
	var many []string
	for i := range 25 {
		many = append(many, fmt.Sprintf("2019-01-%02d 1000000A", i+1))
	}
	year := map[string]string{"ER_PRS_F_201902.csv": consultations("2019-02", "PSAPSAPSAPSAPSA01", many...),
		"ER_PRS_F_201903.csv": consultations("2019-02", "PSAPSAPSAPSAPSA01", many[:3]...)}
	again := map[string]string{"ER_PRS_F_201903.csv": consultations("2019-03", "PSAPSAPSAPSAPSA01", "2019-02-15 1000000A")}
	h := newHub(t)
	h.ingest(t, write(t, year))
	if _, err := Ingest(t.Context(), h.load(folder(t, again))); galien.KindOf(err) != galien.Conflict || !strings.Contains(err.Error(), "--afresh") {
		t.Errorf("one of the months again: %v", err)
	}
	year["ER_PRS_F_201903.csv"] = again["ER_PRS_F_201903.csv"]
	load := h.load(write(t, year))
	load.Afresh = true
	if _, err := Ingest(t.Context(), load); err != nil || len(h.visits(t)) != 26 {
		t.Errorf("all afresh: %d visits, %v", len(h.visits(t)), err)
	}
}

// TestNumberGone brings beneficiaries among whom one is missing, or stands for
// two persons, and then the month again: a line of a number that nobody has is
// in quarantine, whatever the hub knew before.
func TestNumberGone(t *testing.T) {
	row := strings.Split(tiny["IR_BEN_R.csv"], "\n")[1] + "\n"
	for name, persons := range map[string]string{
		"gone":   strings.ReplaceAll(tiny["IR_BEN_R.csv"], "PSAPSAPSAPSAPSA01", "PSAPSAPSAPSAPSA02"),
		"of two": tiny["IR_BEN_R.csv"] + strings.ReplaceAll(row, "ANO01", "ANO02"),
	} {
		t.Run(name, func(t *testing.T) {
			h, fresh := tinyHub(t), newHub(t)
			r := h.ingest(t, folder(t, map[string]string{"IR_BEN_R.csv": persons}))
			if i := slices.IndexFunc(r.Rules, func(c lake.RuleCount) bool { return c.Rule == "P06" }); i < 0 || r.Rules[i].Removed != 1 || len(h.drugs(t)) != 0 {
				t.Errorf("with other beneficiaries %v, drugs %v", r.Rules, h.drugs(t))
			}
			got := h.ingest(t, write(t, map[string]string{"IR_BEN_R.csv": persons}))
			want := fresh.ingest(t, write(t, map[string]string{"IR_BEN_R.csv": persons}))
			if want.Quarantined != 1 || got.Quarantined != 1 || !slices.Equal(got.Rules, want.Rules) {
				t.Errorf("%d in quarantine, %v; a new hub has %d, %v", got.Quarantined, got.Rules, want.Quarantined, want.Rules)
			}
		})
	}
}

// TestNumberKnownLater brings a beneficiary after the month, and then the month
// again: the dispensing has the id that it has in a hub that knew her at once,
// and the quarantine is empty in the end.
func TestNumberKnownLater(t *testing.T) {
	h, fresh := newHub(t), tinyHub(t)
	nobody := strings.ReplaceAll(tiny["IR_BEN_R.csv"], "PSAPSAPSAPSAPSA01", "PSAPSAPSAPSAPSA02")
	want := fresh.ids(t)
	if r := h.ingest(t, write(t, map[string]string{"IR_BEN_R.csv": nobody})); r.Quarantined != 1 || len(h.drugs(t)) != 0 {
		t.Fatalf("%d in quarantine, drugs %v", r.Quarantined, h.drugs(t))
	}
	if r := h.ingest(t, folder(t, map[string]string{"IR_BEN_R.csv": tiny["IR_BEN_R.csv"]})); r.Quarantined != 1 || !slices.Equal(h.ids(t), want) {
		t.Errorf("with the beneficiary: %d in quarantine, drugs %v, want %v", r.Quarantined, h.ids(t), want)
	}
	if r := h.ingest(t, write(t, nil)); r.Quarantined != 0 || !slices.Equal(h.ids(t), want) {
		t.Errorf("with the month again: %d in quarantine (%v), drugs %v, want %v", r.Quarantined, r.Reasons, h.ids(t), want)
	}
}

// ids returns the ids of drug_exposure.
func (h hub) ids(t testing.TB) (ids []int64) {
	t.Helper()
	snap, err := h.lake.Current()
	if err != nil {
		t.Fatal(err)
	}
	err = snap.Read(t.Context(), "drug_exposure", []string{"drug_exposure_id"}, func(row []any) error {
		ids = append(ids, row[0].(int64))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(ids)
	return ids
}
