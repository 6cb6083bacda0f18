package snds

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"galien"
	"galien/refdata"
)

// marked compares the marks of persons in doubt with the truth: P04 are those
// who have a number that nothing links, among them every person whom the truth
// calls ambiguous; M09 are the candidates of the ambiguous stays and visits; P03
// are those who share a number. It returns what the rules should count.
func marked(t *testing.T, dir string, h hub) map[string]string {
	t.Helper()
	want := map[string]map[string]bool{"P04": {}, "P03": {}, "M09": {}}
	person := map[string]string{}
	sharing := map[string][]string{}
	for _, r := range truthRows(t, dir, "person_keys.csv.gz") {
		person[r["BEN_IDT_ANO"]] = r["person_id"]
		person[r["BEN_NIR_PSA"]+r["BEN_RNG_GEM"]] = r["person_id"]
		if r["BEN_NIR_ANO"] == "" {
			want["P04"][r["person_id"]] = true
		}
		if !slices.Contains(sharing[r["BEN_NIR_PSA"]], r["person_id"]) {
			sharing[r["BEN_NIR_PSA"]] = append(sharing[r["BEN_NIR_PSA"]], r["person_id"])
		}
	}
	for _, persons := range sharing {
		for _, p := range persons {
			if len(persons) > 1 {
				want["P03"][p] = true
			}
		}
	}
	ambiguous := 0
	for _, r := range truthRows(t, dir, "ambiguous.csv.gz") {
		if r["kind"] == "person" {
			ambiguous++
			if !want["P04"][r["id"]] {
				t.Errorf("the truth calls %s ambiguous, and every number of that person is linked", r["id"])
			}
			continue
		}
		for _, p := range strings.Fields(r["candidates"]) {
			want["M09"][p] = true
		}
	}
	if ambiguous == 0 || len(want["M09"]) == 0 {
		t.Fatal("the truth knows nobody in doubt")
	}

	snap, err := h.lake.Current()
	if err != nil {
		t.Fatal(err)
	}
	ids, err := h.vault.SourceIDs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]map[string]bool{"P04": {}, "P03": {}, "M09": {}}
	causes := map[string]int{}
	err = snap.Read(t.Context(), "observation", []string{"person_id", "observation_source_value", "value_as_string"}, func(row []any) error {
		p := person[ids[galien.PersonID(row[0].(int64))]]
		switch value := fmt.Sprint(row[1]); {
		case got[value] != nil:
			got[value][p] = true
		case strings.HasPrefix(value, "certificate "):
			causes[fmt.Sprint(p, " ", value, " ", row[2])]++
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for mark, persons := range want {
		for p := range persons {
			if !got[mark][p] {
				t.Errorf("%s should bear the mark %s", p, mark)
			}
		}
		for p := range got[mark] {
			if !persons[p] {
				t.Errorf("%s bears the mark %s", p, mark)
			}
		}
	}
	counts := map[string]string{}
	for mark, persons := range want {
		counts["P15 persons "+mark] = fmt.Sprint(len(persons), 0)
	}
	unlinked := 0
	for _, r := range refdata.Rows(t, filepath.Join(dir, "input", "snds", "DECES", "KI_ECD_R.csv.gz")) {
		p, linked := person[r["BEN_IDT_ANO"]]
		if r["BEN_IDT_ANO"] == "" || !linked {
			unlinked++
			continue
		}
		name := fmt.Sprint(p, " certificate line ", r["CER_LIG_NUM"], " rank ", r["ECD_CAU_RNG"], " ", r["ECD_CIM_COD"])
		if causes[name] != 1 {
			t.Errorf("%s: %d observations", name, causes[name])
		}
		delete(causes, name)
	}
	for name := range causes {
		t.Errorf("%s is on no certificate", name)
	}
	counts["K01 KI_ECD_R"] = fmt.Sprint(unlinked, unlinked)
	return counts
}

// TestCauseOnTwoDays gives the same cause of the same person under two days,
// which no other table settles: it is one observation, of the first.
func TestCauseOnTwoDays(t *testing.T) {
	h := newHub(t)
	h.ingest(t, write(t, map[string]string{"KI_ECD_R.csv": "BEN_IDT_ANO;BEN_DCD_DTE;CER_LIG_NUM;ECD_CAU_RNG;ECD_CIM_COD\n" +
		"ANOANOANOANOANO01;2020-03-05;1;1;C509\nANOANOANOANOANO01;2020-03-04;1;1;C509\n"}))
	snap, err := h.lake.Current()
	if err != nil {
		t.Fatal(err)
	}
	var days []string
	err = snap.Read(t.Context(), "observation", []string{"observation_date", "value_as_string"}, func(row []any) error {
		days = append(days, fmt.Sprint(row...))
		return nil
	})
	if err != nil || len(days) != 1 || days[0] != fmt.Sprint(galien.Date(18325), "C509") {
		t.Errorf("observations %v (%v), want one on 2020-03-04", days, err)
	}
}
