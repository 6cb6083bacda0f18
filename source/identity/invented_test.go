package identity

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"galien/refdata"
	"galien/synth/snds"
	"galien/vault/link"
)

// TestInventedClaims invents claims, takes the largest hospital's stays from
// their truth for a table of identities with errors of its own (day and month
// exchanged, sex and postcode wrong), and links it to the claims without any
// number: precision at least 0.999, recall of the stays that the claims let
// find at least 0.95.
func TestInventedClaims(t *testing.T) {
	dir := t.TempDir()
	if _, err := snds.Write(t.Context(), dir, snds.Config{Persons: 1200, Years: 3, Seed: 77}, nil); err != nil {
		t.Fatal(err)
	}
	truth := refdata.Rows(t, filepath.Join(dir, "truth", "stays.csv.gz"))
	persons := map[string]map[string]string{}
	for _, r := range refdata.Rows(t, filepath.Join(dir, "truth", "persons.csv.gz")) {
		persons[r["person_id"]] = r
	}
	owner := map[string]string{}
	for _, r := range refdata.Rows(t, filepath.Join(dir, "truth", "person_keys.csv.gz")) {
		owner[r["BEN_NIR_PSA"]+r["BEN_RNG_GEM"]] = r["person_id"]
		owner[cmp.Or(r["BEN_NIR_ANO"], "none")] = r["person_id"]
	}
	sizes := map[string]int{}
	for _, s := range truth {
		sizes[s["ETA_NUM"]]++
	}
	var hospitals []string
	for h := range sizes {
		hospitals = append(hospitals, h)
	}
	slices.SortFunc(hospitals, func(a, b string) int { return cmp.Or(sizes[b]-sizes[a], strings.Compare(a, b)) })
	hospitals = hospitals[:min(12, len(hospitals))]

	random := rand.New(rand.NewPCG(77, 7))
	is := func(rate float64) bool { return random.Float64() < rate }
	days := map[string]int{}
	table := []string{"ID;DATE_NAISSANCE;SEXE;COMMUNE_INSEE;FINESS;NADL;DATE_ENTREE;DATE_SORTIE"}
	for i, s := range truth {
		if !slices.Contains(hospitals, s["ETA_NUM"]) {
			continue
		}
		p := persons[s["person_id"]]
		if days[s["person_id"]] == 0 {
			days[s["person_id"]] = 1 + random.IntN(28)
		}
		day, month, sex, commune := fmt.Sprintf("%02d", days[s["person_id"]]), fmt.Sprintf("%02s", p["birth_month"]), p["sex"], p["commune"]
		if day <= "12" && is(0.02) {
			day, month = month, day
		}
		if is(0.005) {
			sex = map[string]string{"1": "2", "2": "1"}[sex]
		}
		if is(0.05) {
			commune = commune[:2] + "999"
		}
		table = append(table, strings.Join([]string{"H" + s["person_id"], p["birth_year"] + "-" + month + "-" + day, sex, commune, s["ETA_NUM"], fmt.Sprint(i), s["entry"], s["exit"]}, ";"))
	}
	path := write(t, t.TempDir(), "patients.csv", strings.Join(table, "\n")+"\n")

	l := link.New("hospital", "claims", link.Options{WithoutNumbers: true, Sample: 300_000})
	for from, side := range map[string]*link.Side{path: l.A, filepath.Join(dir, "input"): l.B} {
		if err := read(t, from).AddTo(side); err != nil {
			t.Fatal(err)
		}
	}
	r, err := l.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	wrong := 0
	for _, x := range r.Links {
		if x.Decision != link.Accepted {
			continue
		}
		if "H"+owner[x.B.Reveal()] != x.A.Reveal() {
			wrong++
		}
		for _, s := range x.Stays {
			found[StayID(s.A)[1]] = s.B.Reveal()
		}
	}
	right, possible := 0, 0
	for i, s := range truth {
		if !slices.Contains(hospitals, s["ETA_NUM"]) {
			continue
		}
		theirs, want := found[fmt.Sprint(i)], s["year"]+"|"+s["ETA_NUM"]+"|"+s["RSA_NUM"]
		if theirs != "" && theirs != want {
			wrong++
		}
		if s["status"] == "ok" {
			possible++
			if theirs == want {
				right++
			}
		}
	}
	t.Logf("%d of %d stays found, %d wrong links; estimated precision %.5f, recall %.4f", right, possible, wrong, r.Report.Precision, r.Report.Recall)
	if wrong > 0 || float64(right) < 0.95*float64(possible) || possible < 100 {
		t.Errorf("%d of %d stays found, %d wrong", right, possible, wrong)
	}
}
