package pmsi

import (
	"crypto/rand"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"galien/cdm"
	"galien/lake"
	"galien/lake/duck"
	"galien/refdata"
	"galien/vault"
)

// hub is a lake and a vault in a folder of their own.
type hub struct {
	dir   string
	lake  *lake.Lake
	vault *vault.Vault
}

func newHub(t testing.TB) hub {
	t.Helper()
	dir := t.TempDir()
	l, err := lake.Create(filepath.Join(dir, "lake"))
	if err != nil {
		t.Fatal(err)
	}
	v, err := vault.Create(filepath.Join(dir, "vault"), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { v.Close() })
	return hub{dir, l, v}
}

func (h hub) load(files ...string) Load {
	return Load{Lake: h.lake, Vault: h.vault, Quarantine: filepath.Join(h.dir, "quarantine"), Files: files, Name: "pmsi",
		Now: time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC), Engine: duck.Config{MemoryLimit: "1GiB", Threads: 2}}
}

func (h hub) ingest(t testing.TB, files ...string) Report {
	t.Helper()
	r, err := Ingest(t.Context(), h.load(files...))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// read returns the rows of a table as texts, null as the empty text.
func (h hub) read(t testing.TB, table string, columns ...string) (rows [][]string) {
	t.Helper()
	snap, err := h.lake.Current()
	if err != nil {
		t.Fatal(err)
	}
	err = snap.Read(t.Context(), table, columns, func(row []any) error {
		texts := make([]string, len(row))
		for i, x := range row {
			if x != nil {
				texts[i] = fmt.Sprint(x)
			}
		}
		rows = append(rows, texts)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// TestTruth reads the files of the hospital whose stays are known, and finds
// every stay with its days, diagnoses and acts, under its person.
func TestTruth(t *testing.T) {
	dir := refdata.Dir(t, "snds-truth-small")
	h := newHub(t)
	r := h.ingest(t, filepath.Join(dir, "input", "hospital", "rss122.txt"), filepath.Join(dir, "input", "hospital", "vidhospV016.txt"))
	if r.Quarantined != 0 || r.Read != 320+287 || r.Persons != 200 || r.Unnumbered != 0 || r.WithoutStay != 0 || len(r.Odd) != 0 {
		t.Errorf("read %d lines, %d in quarantine (%v), %d persons, %d stays without a number, %d identities without a stay, odd %v",
			r.Read, r.Quarantined, r.Reasons, r.Persons, r.Unnumbered, r.WithoutStay, r.Odd)
	}

	// What the truth says of a stay, in words.
	stays := map[string]map[string]string{}
	for _, s := range refdata.Rows(t, filepath.Join(dir, "truth", "stays.csv.gz")) {
		stays[s["year"]+" "+s["ETA_NUM"]+" "+s["RSA_NUM"]] = s
	}
	acts := map[string][]string{}
	for _, p := range refdata.Rows(t, filepath.Join(dir, "truth", "procedures.csv.gz")) {
		if act := p["date"] + " " + p["ccam"]; p["source"] == "stay" && !slices.Contains(acts[p["visit_id"]], act) {
			acts[p["visit_id"]] = append(acts[p["visit_id"]], act)
		}
	}
	persons := map[string]string{} // the person of the truth, by IPP
	want := map[string]int{}
	unclaimed, deaths := 0, map[string]bool{}
	for _, l := range refdata.Rows(t, filepath.Join(dir, "truth", "hospital_link.csv.gz")) {
		persons[l["IPP"]] = l["person_id"]
		s := stays[l["claims_year"]+" "+l["claims_ETA_NUM"]+" "+l["claims_RSA_NUM"]]
		if s == nil {
			unclaimed++
			continue
		}
		if s["died"] == "1" {
			deaths[l["person_id"]+" "+s["exit"]] = true
		}
		das := strings.Fields(s["das"])
		slices.Sort(das)
		slices.Sort(acts[s["visit_id"]])
		want[strings.Join([]string{l["person_id"], s["visit_concept"], s["entry"], s["exit"], "DP", s["dp"], "DR", s["dr"], "DAS", fmt.Sprint(das), "acts", fmt.Sprint(acts[s["visit_id"]])}, " ")]++
	}

	// What the lake says, in the same words.
	ids, err := h.vault.SourceIDs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	who := map[string]string{}
	for key, id := range ids {
		ipp, ok := strings.CutPrefix(id, "IPP|699900015|")
		if !ok {
			t.Fatal("a person is not known by the number of the hospital")
		}
		who[fmt.Sprint(int64(key))] = persons[ipp]
	}
	main, related := map[string]string{}, map[string]string{}
	associated, done := map[string][]string{}, map[string][]string{}
	add := func(to map[string][]string, visit, x string) {
		if !slices.Contains(to[visit], x) {
			to[visit] = append(to[visit], x)
		}
	}
	for _, c := range h.read(t, "condition_occurrence", "visit_occurrence_id", "condition_source_value", "condition_status_source_value", "visit_detail_id", "condition_concept_id") {
		if c[3] == "" || c[4] < "2000000000" {
			t.Errorf("a diagnosis %s has no unit or no concept", c[1])
		}
		switch c[2] {
		case "DP":
			main[c[0]] = c[1]
		case "DR":
			related[c[0]] = c[1]
		default:
			add(associated, c[0], c[1])
		}
	}
	for _, p := range h.read(t, "procedure_occurrence", "visit_occurrence_id", "procedure_date", "procedure_source_value", "procedure_concept_id") {
		if p[3] < "2000000000" {
			t.Errorf("the act %s has no concept", p[2])
		}
		add(done, p[0], p[1]+" "+p[2])
	}
	got := map[string]int{}
	extra := 0
	for _, v := range h.read(t, "visit_occurrence", "visit_occurrence_id", "person_id", "visit_concept_id", "visit_start_date", "visit_end_date") {
		das := slices.DeleteFunc(associated[v[0]], func(c string) bool { return c == main[v[0]] || c == related[v[0]] })
		slices.Sort(das)
		slices.Sort(done[v[0]])
		words := strings.Join([]string{who[v[1]], v[2], v[3], v[4], "DP", main[v[0]], "DR", related[v[0]], "DAS", fmt.Sprint(das), "acts", fmt.Sprint(done[v[0]])}, " ")
		if want[words] == 0 && v[3] >= "2022" {
			extra++ // a stay after the claims end, which the truth has no row of
			continue
		}
		got[words]++
	}
	for _, w := range slices.Sorted(maps.Keys(want)) {
		if got[w] != want[w] {
			t.Errorf("missing: %s", w)
		}
	}
	for _, w := range slices.Sorted(maps.Keys(got)) {
		if want[w] != got[w] {
			t.Errorf("too much: %s", w)
		}
	}
	if extra != unclaimed || unclaimed != 8 {
		t.Errorf("%d stays are in no claims, and the truth has %d", extra, unclaimed)
	}
	if units := h.read(t, "visit_detail", "visit_detail_id"); len(units) != 320 {
		t.Errorf("%d units, want one for each of the 320 lines", len(units))
	}
	for _, d := range h.read(t, "death", "person_id", "death_date") {
		key := who[d[0]] + " " + d[1]
		if !deaths[key] {
			t.Error("a death that the truth does not have")
		}
		delete(deaths, key)
	}
	if len(deaths) > 0 {
		t.Errorf("%d deaths in hospital are missing", len(deaths))
	}
	sexes := map[string]string{}
	for _, p := range refdata.Rows(t, filepath.Join(dir, "truth", "persons.csv.gz")) {
		sexes[p["person_id"]] = map[string]string{"1": "8507", "2": "8532"}[p["sex"]]
	}
	for _, p := range h.read(t, "person", "person_id", "gender_concept_id") {
		if sexes[who[p[0]]] != p[1] {
			t.Error("a person has another sex than in the truth")
		}
	}
	if again := h.ingest(t, filepath.Join(dir, "input", "hospital", "vidhospV016.txt"), filepath.Join(dir, "input", "hospital", "rss122.txt")); again.Changed || again.Snapshot != r.Snapshot {
		t.Error("the same files in another order change the hub")
	}
	canaries := []string{}
	for _, row := range refdata.Rows(t, filepath.Join(dir, "input", "hospital", "ins_traits.csv")) {
		canaries = append(canaries, row["\ufeffIPP"]+row["IPP"])
	}
	for _, l := range refdata.Rows(t, filepath.Join(dir, "truth", "hospital_link.csv.gz")) {
		canaries = append(canaries, l["NADL"], l["NRSS"])
	}
	searchOutsideVault(t, h.dir, canaries)
}

// searchOutsideVault looks for identities in every file of a hub but those of
// the vault, and in the values of every table.
func searchOutsideVault(t *testing.T, dir string, canaries []string) {
	t.Helper()
	l, err := lake.Open(filepath.Join(dir, "lake"))
	if err != nil {
		t.Fatal(err)
	}
	snap, err := l.Current()
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, table := range snap.Manifest.Tables {
		model, ok := cdm.Lookup(table.Name)
		if !ok {
			t.Fatalf("the lake has the table %s", table.Name)
		}
		var columns []string
		for _, c := range model.Columns {
			columns = append(columns, c.Name)
		}
		err := snap.Read(t.Context(), table.Name, columns, func(row []any) error {
			for _, x := range row {
				fmt.Fprintln(&all, x)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	err = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() && e.Name() == "vault" {
			if err == nil {
				return fs.SkipDir
			}
			return err
		}
		if e.IsDir() {
			return nil
		}
		b, err := os.ReadFile(path)
		all.WriteString(filepath.Base(path) + "\n")
		all.Write(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	searched := all.String()
	for _, c := range canaries {
		if c != "" && strings.Contains(searched, c) {
			t.Fatal("an identity is outside the vault")
		}
	}
}
