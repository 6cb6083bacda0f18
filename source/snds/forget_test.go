package snds

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"galien"
	"galien/lake"
	"galien/lake/duck"
	"galien/lake/writer"
	"galien/vault"
)

// pairOfWomen are files of two women, of whom the second, of anonymous number
// ...02, has two numbers, ...02 and, in the archive, ...03: claims, a long-term
// disease, and a stay of each. The first has the last care of all: to its day
// everybody is observed.
func pairOfWomen() map[string]string {
	row := strings.Split(tiny["IR_BEN_R.csv"], "\n")[1] + "\n"
	second := strings.NewReplacer("PSAPSAPSAPSAPSA01", "PSAPSAPSAPSAPSA02", "ANOANOANOANOANO01", "ANOANOANOANOANO02").Replace(row)
	before := strings.NewReplacer("PSAPSAPSAPSAPSA01", "PSAPSAPSAPSAPSA03", "ANOANOANOANOANO01", "ANOANOANOANOANO02").Replace(row)
	header := strings.Split(tiny["IR_BEN_R.csv"], "\n")[0] + "\n"
	return map[string]string{
		"IR_BEN_R.csv":     tiny["IR_BEN_R.csv"] + second,
		"IR_BEN_R_ARC.csv": header + before,
		"IR_IMB_R.csv": "BEN_NIR_PSA;BEN_RNG_GEM;IMB_ALD_DTD;MED_MTF_COD;IMB_ALD_NUM;IMB_ETM_NAT\n" +
			"PSAPSAPSAPSAPSA01;1;2018-01-01;E11;8;41\nPSAPSAPSAPSAPSA03;1;2018-01-01;E10;8;41\n",
		"ER_PRS_F_201902.csv": mixed("2019-02", "01 2019-02-01", "02 2019-02-02", "03 2019-02-03", "01 2019-02-04"),
		"ER_PRS_F_201903.csv": mixed("2019-03", "02 2019-03-02", "01 2019-03-04"),
		"T_MCO19B.csv":        "ETA_NUM;RSA_NUM;DGN_PAL\n100000001;0000000001;I21\n100000001;0000000002;I22\n",
		"T_MCO19C.csv": "ETA_NUM;RSA_NUM;NIR_ANO_17;NIR_RET;NAI_RET;SEX_RET;SEJ_RET;FHO_RET;PMS_RET;DAT_RET;EXE_SOI_DTD;EXE_SOI_DTF\n" +
			"100000001;0000000001;PSAPSAPSAPSAPSA01;0;0;0;0;0;0;0;2019-07-01;2019-07-03\n100000001;0000000002;PSAPSAPSAPSAPSA02;0;0;0;0;0;0;0;2019-06-01;2019-06-03\n",
	}
}

// mixed is a month of consultations, one a line: the end of a number, and the day.
func mixed(month string, lines ...string) string {
	text := consultations(month, "")
	for i, l := range lines {
		number, day, _ := strings.Cut(l, " ")
		text += fmt.Sprintf("1;%s-01;1;1;1;2018-12-20;01C001000;%d;0;PSAPSAPSAPSAPSA%s;1;%s;1111;1;1000000A\n", month, i+1, number, day)
	}
	return text
}

// stored reads everything that the store keeps, each row as a text.
func (h hub) stored(t *testing.T) (rows []string) {
	t.Helper()
	dir := filepath.Join(h.dir, "store", "snds")
	db, err := duck.Open(t.Context(), duck.Config{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	s := store{dir}
	files := map[string][]string{}
	snap, err := h.lake.Current()
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range snap.Manifest.Sources[0].Units {
		k, err := s.open(u)
		if err != nil {
			t.Fatal(err)
		}
		for name := range k.Files {
			files[k.Salt] = append(files[k.Salt], filepath.Join(dir, u.Content, name))
		}
	}
	path, salt, err := s.register()
	if err != nil || path == "" {
		t.Fatal(path, err)
	}
	files[salt] = append(files[salt], path)
	for salt, paths := range files {
		if err := unlock(t.Context(), db, h.vault, "snds", map[string]bool{}, salt); err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			list, err := texts(t.Context(), db, "SELECT to_json(r)::VARCHAR FROM ("+sealedFiles(map[string][]string{salt: {path}})+") r")
			if err != nil {
				t.Fatal(err)
			}
			rows = append(rows, list...)
		}
	}
	return rows
}

// TestForget forgets one of two women in one hub and not in another: her rows are
// in no file of the store and of the lake, the other's are the same in both, and
// so they are when another month comes.
func TestForget(t *testing.T) {
	ctx := t.Context()
	first := pairOfWomen()
	next := folder(t, map[string]string{"ER_PRS_F_201904.csv": mixed("2019-04", "01 2019-04-01", "02 2019-04-02", "03 2019-04-03")})
	forgets, keeps := newHub(t), newHub(t)
	for _, h := range []hub{forgets, keeps} {
		h.ingest(t, write(t, first))
	}
	// That some stay has the code is in a list of codes, which names nobody.
	hers := func(rows []string) (list []string) {
		for _, r := range rows {
			if strings.Contains(r, "PSAPSAPSAPSAPSA02") || strings.Contains(r, "PSAPSAPSAPSAPSA03") || strings.Contains(r, "ANOANOANOANOANO02") || strings.Contains(r, `"code":"I22"`) && !strings.Contains(r, `"vocabulary"`) {
				list = append(list, r)
			}
		}
		return list
	}
	before := forgets.stored(t)
	if len(hers(before)) < 6 {
		t.Fatalf("the search finds only %d of %d rows", len(hers(before)), len(before))
	}
	snap, err := forgets.lake.Current()
	if err != nil {
		t.Fatal(err)
	}
	source := snap.Manifest.Sources[0]
	keys, err := forgets.vault.Keys(ctx, "snds")
	if err != nil {
		t.Fatal(err)
	}
	her, known := keys.Lookup("ANOANOANOANOANO02")
	if !known {
		t.Fatal("she is not known")
	}
	var gone int64
	// Her numbers are told before any row goes: what ends there can be done again.
	var told []string
	stop := errors.New("the end")
	for _, end := range []error{stop, nil} {
		told = nil
		gone, err = Forget(ctx, forgets.vault, source, duck.Config{MemoryLimit: "1GiB"}, []string{"ANOANOANOANOANO02"}, func(numbers []string) error {
			told = numbers
			if got := forgets.stored(t); len(got) != len(before) {
				t.Errorf("%d rows of %d are there when her numbers are told", len(got), len(before))
			}
			return end
		})
		if !errors.Is(err, end) || !slices.Equal(told, []string{"ANOANOANOANOANO02", "PSAPSAPSAPSAPSA02", "PSAPSAPSAPSAPSA03"}) {
			t.Fatalf("%d rows, told %q, %v", gone, told, err)
		}
	}
	if left := hers(forgets.stored(t)); len(left) > 0 {
		t.Errorf("in the store is left %q", left)
	}
	// Of her care, which says who it is of by a short number, three lines went.
	if got := len(before) - len(forgets.stored(t)); int64(got) != gone || got != len(hers(before))+3 {
		t.Errorf("%d rows went, the report says %d, and %d name her", got, gone, len(hers(before)))
	}
	if err := Check(forgets.vault, source, func(s string) { t.Error(s) }); err != nil {
		t.Error(err)
	}
	if again, err := Forget(ctx, forgets.vault, source, duck.Config{}, []string{"ANOANOANOANOANO02"}, func([]string) error { return nil }); err != nil || again != 0 {
		t.Errorf("forgotten twice: %d rows, %v", again, err)
	}
	if _, err := forgets.vault.Forget(ctx, vault.Forgetting{Source: "snds", IDs: []vault.Identity{vault.Seal("ANOANOANOANOANO02")}}); err != nil {
		t.Fatal(err)
	}
	if changed, err := writer.Purge(ctx, forgets.lake, duck.Config{}, writer.Purging{Persons: []galien.PersonID{her}, Now: time.Unix(0, 0)}); err != nil || !changed {
		t.Fatal(changed, err)
	}
	same(t, forgets.lake, keeps.lake, int64(her), 4)
	for _, h := range []hub{forgets, keeps} {
		if r := h.ingest(t, next); !r.Changed {
			t.Error("the next month changes nothing")
		}
	}
	same(t, forgets.lake, keeps.lake, int64(her), 5)
	// What came again under her numbers is nobody's, until a beneficiary table
	// brings them again.
	for _, row := range hers(forgets.stored(t)) {
		if !strings.Contains(row, `"psa":"PSAPSAPSAPSAPSA0`) {
			t.Errorf("she came again as somebody: %s", row)
		}
	}
}

// same compares the rows of two lakes, without one person's, and wants so many
// visits of the others.
func same(t *testing.T, a, b *lake.Lake, without int64, visits int) {
	t.Helper()
	x, err := a.Current()
	if err != nil {
		t.Fatal(err)
	}
	y, err := b.Current()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"person", "visit_occurrence", "condition_occurrence", "observation_period", "observation", "visit_detail"} {
		if _, ok := y.Table(name); !ok {
			continue
		}
		got, want := rowsOf(t, x, name), rowsOf(t, y, name)
		hers := 0
		err := y.Read(t.Context(), name, []string{"person_id"}, func(row []any) error {
			if row[0] == without {
				hers++
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		for row := range got {
			if want[row] == 0 {
				t.Errorf("%s: a row that the other lake lacks: %s", name, row)
			}
		}
		if len(got) != len(want)-hers {
			t.Errorf("%s: %d rows, and %d of which %d are hers", name, len(got), len(want), hers)
		}
		if name == "visit_occurrence" && (len(got) != visits || hers == 0) {
			t.Errorf("%d visits, want %d; %d are hers", len(got), visits, hers)
		}
	}
}

// TestSettle finds a unit that was rewritten under the name that it had while it
// was, as an interruption between its removal and its renaming leaves it.
func TestSettle(t *testing.T) {
	h := newHub(t)
	h.ingest(t, write(t, nil))
	snap, err := h.lake.Current()
	if err != nil {
		t.Fatal(err)
	}
	s := store{filepath.Join(h.dir, "store", "snds")}
	u := snap.Manifest.Sources[0].Units[0]
	if err := os.Rename(filepath.Join(s.dir, u.Content), filepath.Join(s.dir, unfinished+u.Content)); err != nil {
		t.Fatal(err)
	}
	if r := h.ingest(t, write(t, nil)); r.Changed {
		t.Error("the same files changed the lake")
	}
	if _, err := s.open(u); err != nil {
		t.Error(err)
	}
}
