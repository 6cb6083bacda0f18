package identity

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"galien/refdata"
	"galien/source/pmsi"
	"galien/vault/link"
)

// linked is what a run says of one stay of the hospital.
type linked struct {
	stay, person string
	path         link.Path
	notes        []string
}

// linkTruth links the hospital of the reference data to its claims, and returns
// what becomes of each stay by its administrative number.
func linkTruth(t *testing.T, dir string, o link.Options) (map[string]linked, link.Report) {
	t.Helper()
	l := link.New("hospital", "claims", o)
	for path, side := range map[string]*link.Side{"hospital": l.A, "snds": l.B} {
		src, err := Read(t.Context(), []string{filepath.Join(dir, "input", path)})
		if err != nil {
			t.Fatal(err)
		}
		if err := src.AddTo(side); err != nil {
			t.Fatal(err)
		}
	}
	r, err := l.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	stays := map[string]linked{}
	for _, x := range r.Links {
		if x.Decision != link.Accepted {
			continue
		}
		var notes []string
		for _, reason := range x.Reasons {
			if reason.Field == "number" && reason.Weight == 0 {
				notes = append(notes, reason.Level)
			}
		}
		for _, s := range x.Stays {
			nadl := StayID(s.A)[1]
			theirs := s.B.Reveal()
			if _, known := stays[nadl]; !known || theirs != "" {
				stays[nadl] = linked{theirs, x.B.Reveal(), x.Path, notes}
			}
		}
	}
	return stays, r.Report
}

// TestTruth links the hospital of the reference data to its claims by each path
// and judges every stay: precision at least 0.999 and recall at least 0.95, of
// stays and of persons; no stay with a planted error is lost that the claims
// let find. It prints the table of the planted errors.
func TestTruth(t *testing.T) {
	dir := refdata.Dir(t, "snds-truth-small")
	persons := map[string]string{}
	for _, r := range refdata.Rows(t, filepath.Join(dir, "truth", "person_keys.csv.gz")) {
		persons[r["BEN_IDT_ANO"]] = r["person_id"]
		persons[r["BEN_NIR_PSA"]+r["BEN_RNG_GEM"]] = r["person_id"]
		if r["BEN_NIR_ANO"] != "" {
			persons[r["BEN_NIR_ANO"]] = r["person_id"]
		}
	}
	truth := refdata.Rows(t, filepath.Join(dir, "truth", "hospital_link.csv.gz"))
	table := []string{fmt.Sprintf("%-25s %-10s %6s %8s %8s %8s", "planted error", "path", "stays", "stay ok", "person", "wrong")}
	for _, path := range []struct {
		name string
		o    link.Options
	}{
		{"numbers", link.Options{ThirdParty: link.Invented{Prefix: "snds-truth"}, NumbersOnly: true}},
		{"likeness", link.Options{WithoutNumbers: true}},
	} {
		got, report := linkTruth(t, dir, path.o)
		var stays, stayRight, stayFound, personRight, personFound int
		byError := map[string][4]int{} // stays that the claims let find, found, persons right, wrong
		for _, r := range truth {
			x, want := got[r["NADL"]], r["claims_year"]+"|"+r["claims_ETA_NUM"]+"|"+r["claims_RSA_NUM"]
			usable := r["claims_usable"] == "1"
			if usable {
				stays++
			}
			right, wrong := x.stay == want, x.stay != "" && x.stay != want
			if x.stay != "" && (usable || !right) {
				stayFound++
				if right {
					stayRight++
				}
			}
			if x.person != "" {
				personFound++
				if persons[x.person] == r["person_id"] {
					personRight++
				} else {
					wrong = true
				}
			}
			for _, planted := range strings.Split(r["hospital_error"], "|") {
				n := byError[planted]
				if usable {
					n[0]++
					if right {
						n[1]++
					}
					if persons[x.person] == r["person_id"] {
						n[2]++
					}
				}
				if wrong {
					n[3]++
				}
				byError[planted] = n
				if usable && planted == "birth_day_month_swapped" && path.o.NumbersOnly && x.path != link.ByNumber {
					t.Errorf("%s: a stay with day and month exchanged is not found by its number", path.name)
				}
				if usable && planted == "nir_key_wrong" && path.o.NumbersOnly && !slices.Contains(x.notes, "the key of a shared number is wrong") {
					t.Errorf("a stay with a wrong key has the notes %q", x.notes)
				}
			}
		}
		ratio := func(a, b int) float64 { return float64(a) / float64(max(b, 1)) }
		for what, n := range map[string][3]int{"stays": {stayRight, stayFound, stays}, "persons": {personRight, personFound, len(truth)}} {
			precision, recall := ratio(n[0], n[1]), ratio(n[0], n[2])
			t.Logf("%s, %s: precision %.4f, recall %.4f (%d right of %d found, %d in the truth); the run estimates %.5f and %.4f",
				path.name, what, precision, recall, n[0], n[1], n[2], report.Precision, report.Recall)
			if precision < 0.999 || recall < 0.95 {
				t.Errorf("%s, %s: precision %.4f, recall %.4f; want 0.999 and 0.95", path.name, what, precision, recall)
			}
		}
		for _, planted := range []string{"nir_key_wrong", "birth_day_month_swapped", "nir_missing", "name_misspelt", ""} {
			n, name := byError[planted], planted
			if name == "" {
				name = "none"
			}
			table = append(table, fmt.Sprintf("%-25s %-10s %6d %8d %8d %8d", name, path.name, n[0], n[1], n[2], n[3]))
			if n[3] > 0 || n[1] < n[0] && planted != "" || n[0] == 0 {
				t.Errorf("%s, %s: %d stays can be found, %d are, %d are wrong", path.name, name, n[0], n[1], n[3])
			}
		}
	}
	t.Log("\n" + strings.Join(table, "\n"))
}

// TestPlantedWarnings counts the wrong keys of the reference data: as many
// persons as have a stay with that error.
func TestPlantedWarnings(t *testing.T) {
	dir := refdata.Dir(t, "snds-truth-small")
	var persons []string
	for _, r := range refdata.Rows(t, filepath.Join(dir, "truth", "hospital_link.csv.gz")) {
		if strings.Contains(r["hospital_error"], "nir_key_wrong") && !slices.Contains(persons, r["IPP"]) {
			persons = append(persons, r["IPP"])
		}
	}
	_, report := linkTruth(t, dir, link.Options{NumbersOnly: true})
	if w := report.WarningsA; w.WrongKeys != len(persons) || w.Unreadable != 0 || w.Quarantined != 0 || w.Contradicted != 0 {
		t.Errorf("warnings %+v, want %d wrong keys and nothing else", w, len(persons))
	}
	if report.ByNumber != 0 {
		t.Errorf("%d links by number without a third party: the hospital and the claims share none", report.ByNumber)
	}
}

// TestAnoHosp writes the ANO-HOSP lines that the platform would send back for
// the stays of the reference data, with the chaining numbers of the claims, and
// links by them alone: every stay that the claims let find, under the right
// person.
func TestAnoHosp(t *testing.T) {
	dir := refdata.Dir(t, "snds-truth-small")
	truth := refdata.Rows(t, filepath.Join(dir, "truth", "hospital_link.csv.gz"))
	format := func() *pmsi.Format {
		for _, f := range pmsi.Formats() {
			if f.Kind == "ANO-HOSP" && f.Version == "V014" {
				return f
			}
		}
		t.Fatal("ANO-HOSP V014 is not known")
		return nil
	}()
	var text strings.Builder
	for i, r := range truth {
		values := map[string]string{"FMTVH": "014", "NANO": r["BEN_NIR_PSA"], "NADL": r["NADL"], "FINES": r["FINESS"], "RNIA": "0", "RDNAIS": "0", "RSEXE": "0"}
		if i == 0 {
			values["RSEXE"] = "1" // a number that is not to be trusted
		}
		line := []byte(strings.Repeat(" ", format.Groups[0].Length))
		for _, f := range format.Groups[0].Fields {
			copy(line[f.Start:f.Start+f.Length], values[f.Name])
		}
		text.Write(append(line, "\r\n"...))
	}
	path := write(t, t.TempDir(), "anohosp.txt", text.String())

	l := link.New("hospital", "claims", link.Options{NumbersOnly: true})
	hospital, claims := read(t, path, filepath.Join(dir, "input", "hospital", "vidhospV016.txt"), filepath.Join(dir, "input", "hospital", "rss122.txt")), read(t, filepath.Join(dir, "input", "snds"))
	for src, side := range map[*Source]*link.Side{hospital: l.A, claims: l.B} {
		if err := src.AddTo(side); err != nil {
			t.Fatal(err)
		}
	}
	r, err := l.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, x := range r.Links {
		if x.Decision == link.Accepted {
			for _, s := range x.Stays {
				if s.B.Reveal() != "" {
					found[StayID(s.A)[1]] = s.B.Reveal()
				}
			}
		}
	}
	right, usable := 0, 0
	for _, r := range truth {
		want := r["claims_year"] + "|" + r["claims_ETA_NUM"] + "|" + r["claims_RSA_NUM"]
		if x := found[r["NADL"]]; x != "" && x != want {
			t.Error("a stay is linked to another one")
		}
		if r["claims_usable"] == "1" {
			usable++
			if found[r["NADL"]] == want {
				right++
			}
		}
	}
	t.Logf("%d of %d stays found by the numbers of ANO-HOSP, %d pairs to review", right, usable, r.Report.Review)
	if float64(right) < 0.99*float64(usable) || right == 0 {
		t.Errorf("%d of %d stays found", right, usable)
	}
}
