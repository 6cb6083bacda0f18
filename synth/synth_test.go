package synth

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"galien"
	"galien/cdm"
)

// memory is a folder in memory.
type memory map[string]*bytes.Buffer

func (m memory) create(name string) (io.WriteCloser, error) {
	m[name] = new(bytes.Buffer)
	return closing{m[name]}, nil
}

type closing struct{ io.Writer }

func (closing) Close() error { return nil }

func population(t testing.TB, c Config) (memory, Truth) {
	t.Helper()
	m := memory{}
	truth, err := Generate(context.Background(), m.create, c)
	if err != nil {
		t.Fatal(err)
	}
	return m, truth
}

func (m memory) digest() string {
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(m)) {
		fmt.Fprintf(h, "%s %d\n", name, m[name].Len())
		h.Write(m[name].Bytes())
	}
	return hex.EncodeToString(h.Sum(nil))
}

func TestSameSeedSameBytes(t *testing.T) {
	c := Config{Persons: 300, Years: 4, Seed: 7}
	a, _ := population(t, c)
	b, _ := population(t, c)
	if a.digest() != b.digest() {
		t.Error("the same seed gave other bytes")
	}
	c.Seed = 8
	if o, _ := population(t, c); o.digest() == a.digest() {
		t.Error("another seed gave the same bytes")
	}
}

// A person depends on the seed and its own number, so a larger population
// holds the smaller one's persons with the same lives.
func TestPersonsDoNotDependOnEachOther(t *testing.T) {
	w := newWorld(Config{Persons: 900, Years: 4, Seed: 3})
	var fresh, reused person
	for i := range 40 {
		w.simulate(&reused, i)
	}
	w.simulate(&reused, 500)
	w.simulate(&fresh, 500)
	if !slices.Equal(fresh.visits, reused.visits) || !slices.Equal(fresh.conditions, reused.conditions) ||
		!slices.Equal(fresh.drugs, reused.drugs) || fresh.birth != reused.birth {
		t.Error("person 500 changed with the persons before it")
	}
}

func TestWriteRefusals(t *testing.T) {
	ctx := context.Background()
	for _, c := range []Config{{Persons: -1}, {Persons: MaxPersons + 1}, {Years: 1}, {Years: MaxYears + 1}} {
		if _, err := Generate(ctx, memory{}.create, c); galien.KindOf(err) != galien.Invalid {
			t.Errorf("%+v: %v", c, err)
		}
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "mine.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Write(ctx, dir, Config{Persons: 1}); galien.KindOf(err) != galien.Conflict {
		t.Errorf("a folder with a file: %v", err)
	}
	stopped, stop := context.WithCancel(ctx)
	stop()
	if _, err := Generate(stopped, memory{}.create, Config{Persons: 1}); err == nil {
		t.Error("a cancelled generation went on")
	}
}

// full is a sink whose disk fills up.
func TestFullDisk(t *testing.T) {
	_, err := Generate(context.Background(), func(string) (io.WriteCloser, error) { return closing{failing{}}, nil }, Config{Persons: 5})
	if err == nil || !strings.Contains(err.Error(), "no space") {
		t.Errorf("a full disk: %v", err)
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, fmt.Errorf("no space") }

// data is a population read back as text, the wrong rows taken out.
type data struct {
	columns map[string][]string
	rows    map[string][]map[string]string
	wrong   []string // file field reason
}

// read parses every table and sorts out the wrong rows by rules of its own.
func read(t testing.TB, m memory) data {
	t.Helper()
	d := data{map[string][]string{}, map[string][]map[string]string{}, nil}
	for name, b := range m {
		table, ok := strings.CutSuffix(name, ".csv")
		if !ok {
			continue
		}
		records, err := csv.NewReader(b).ReadAll()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		d.columns[table] = records[0]
		for _, r := range records[1:] {
			row := map[string]string{}
			for i, v := range r {
				row[records[0][i]] = v
			}
			d.rows[table] = append(d.rows[table], row)
		}
	}
	persons := map[string]bool{}
	for _, r := range d.rows["person"] {
		persons[r["person_id"]] = true
	}
	for table, rows := range d.rows {
		model, ok := cdm.Lookup(table)
		if !ok {
			t.Fatalf("%s is no table of the model", table)
		}
		keys := map[string]bool{}
		var kept []map[string]string
		for _, r := range rows {
			field, reason := judge(model, r, persons, keys)
			if reason != "" {
				d.wrong = append(d.wrong, table+".csv "+field+" "+reason)
				continue
			}
			kept = append(kept, r)
		}
		d.rows[table] = kept
	}
	return d
}

func judge(model cdm.Table, r map[string]string, persons, keys map[string]bool) (field, reason string) {
	for _, c := range model.Columns {
		v := r[c.Name]
		if v == "" {
			if c.Required {
				return c.Name, "required_missing"
			}
			continue
		}
		switch c.Type {
		case cdm.Integer:
			if _, err := strconv.ParseInt(v, 10, 64); err != nil {
				return c.Name, "not_integer"
			}
		case cdm.Float:
			if _, err := strconv.ParseFloat(v, 64); err != nil {
				return c.Name, "not_number"
			}
		case cdm.Date:
			if d, err := galien.ParseDate(v); err != nil {
				return c.Name, "not_date"
			} else if d.Year() < 1800 {
				return c.Name, "implausible_date"
			}
		}
	}
	if model.HasPerson() && !persons[r["person_id"]] {
		return "person_id", "unknown_person"
	}
	if key := model.PrimaryKey(); key != "" {
		if keys[r[key]] {
			return key, "duplicate_key"
		}
		keys[r[key]] = true
	}
	return "", ""
}

func date(t testing.TB, s string) galien.Date {
	t.Helper()
	d, err := galien.ParseDate(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestColumnsAreTheModels(t *testing.T) {
	for _, l := range layouts {
		model, ok := cdm.Lookup(l.table)
		if !ok {
			t.Errorf("%s is no table of the model", l.table)
			continue
		}
		var want []string
		for _, c := range model.Columns {
			if c.Name != "region_concept_id" { // Galien's own, not of version 5.4
				want = append(want, c.Name)
			}
		}
		if got := strings.Split(l.columns, ","); !slices.Equal(got, want) {
			t.Errorf("%s has columns\n%v, the model\n%v", l.table, got, want)
		}
	}
}

func TestTruthFileAndRowCounts(t *testing.T) {
	m, truth := population(t, Config{Persons: 2000, Seed: 11})
	var onDisk Truth
	if err := json.Unmarshal(m["truth.json"].Bytes(), &onDisk); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(onDisk) != fmt.Sprint(truth) {
		t.Error("truth.json is not the truth returned")
	}
	d := read(t, m)
	for table, rows := range d.rows {
		if int64(len(rows)) != truth.Rows[table] {
			t.Errorf("%s: %d good rows, truth says %d", table, len(rows), truth.Rows[table])
		}
	}
	got := map[string]int64{}
	for _, w := range d.wrong {
		got[w]++
	}
	var total int64
	for _, w := range truth.Wrong {
		key := w.File + " " + w.Field + " " + w.Reason
		if got[key] != w.Rows {
			t.Errorf("%s: %d rows, truth says %d", key, got[key], w.Rows)
		}
		delete(got, key)
		total += w.Rows
	}
	if len(got) > 0 {
		t.Errorf("wrong rows the truth does not know: %v", got)
	}
	if total != 20 || truth.WrongRows != 20 {
		t.Errorf("%d wrong rows, want 20", total)
	}
}

func TestStructure(t *testing.T) {
	m, truth := population(t, Config{Persons: 2000, Seed: 5})
	d := read(t, m)
	keys := map[string]map[string]bool{}
	for table, rows := range d.rows {
		model, _ := cdm.Lookup(table)
		if key := model.PrimaryKey(); key != "" {
			keys[table] = map[string]bool{}
			for _, r := range rows {
				keys[table][r[key]] = true
			}
		}
	}
	for _, w := range []string{"concept", "person", "visit_occurrence", "location", "provider", "care_site"} {
		if len(keys[w]) == 0 {
			t.Fatalf("no key of %s", w)
		}
	}
	for table, rows := range d.rows {
		model, _ := cdm.Lookup(table)
		for _, c := range model.Columns {
			target := keys[c.References]
			if target == nil {
				continue
			}
			for _, r := range rows {
				if v := r[c.Name]; v != "" && !target[v] {
					t.Fatalf("%s.%s refers to a row that %s lacks", table, c.Name, c.References)
				}
			}
		}
	}
	births, deaths := map[string]galien.Date{}, map[string]galien.Date{}
	periods := map[string][]galien.Period{}
	for _, r := range d.rows["person"] {
		births[r["person_id"]] = date(t, fmt.Sprintf("%s-%02s-%02s", r["year_of_birth"], r["month_of_birth"], r["day_of_birth"]))
	}
	for _, r := range d.rows["death"] {
		deaths[r["person_id"]] = date(t, r["death_date"])
	}
	for _, r := range d.rows["observation_period"] {
		p := galien.Period{Start: date(t, r["observation_period_start_date"]), End: date(t, r["observation_period_end_date"])}
		if p.End < p.Start || p.Start < truth.Start || p.End > truth.End {
			t.Errorf("a period from %s to %s", p.Start, p.End)
		}
		for _, other := range periods[r["person_id"]] {
			if p.Start.DaysSince(other.End) < 2 {
				t.Errorf("periods touch: %v %v", other, p)
			}
		}
		periods[r["person_id"]] = append(periods[r["person_id"]], p)
	}
	for id, birth := range births {
		if len(periods[id]) == 0 || periods[id][0].Start < birth {
			t.Error("a person without coverage, or covered before birth")
		}
		if death, ok := deaths[id]; ok && (death < birth || periods[id][len(periods[id])-1].End > death) {
			t.Error("covered after death")
		}
	}
	visits := map[string]map[string]string{}
	for _, r := range d.rows["visit_occurrence"] {
		visits[r["visit_occurrence_id"]] = r
	}
	for table, rows := range d.rows {
		model, _ := cdm.Lookup(table)
		start := model.DateColumn()
		if !model.HasPerson() || start == "" || table == "death" || table == "observation_period" {
			continue
		}
		for _, r := range rows {
			from := date(t, r[start])
			if !slices.ContainsFunc(periods[r["person_id"]], func(p galien.Period) bool { return p.Contains(from) }) {
				t.Fatalf("%s: %s lies outside observation", table, start)
			}
			to := from
			if end := model.EndDateColumn(); end != "" && r[end] != "" {
				to = date(t, r[end])
			}
			if death, ok := deaths[r["person_id"]]; to < from || ok && to > death {
				t.Fatalf("%s: ends before its start or after death", table)
			}
			if v := r["visit_occurrence_id"]; v != "" && (visits[v]["person_id"] != r["person_id"] || date(t, visits[v]["visit_start_date"]) != from) {
				t.Fatalf("%s: the visit is another person's or another day's", table)
			}
		}
	}
}

// Eras are recomputed from the files with the plainest rule: a day belongs to
// an era when a record covers it or when it lies in a gap of at most 30 days.
func TestErasFromTheirRecords(t *testing.T) {
	m, _ := population(t, Config{Persons: 1500, Seed: 21})
	d := read(t, m)
	ingredient := map[string]string{}
	class := map[string]string{}
	for _, r := range d.rows["concept"] {
		class[r["concept_id"]] = r["concept_class_id"]
	}
	for _, r := range d.rows["concept_ancestor"] {
		if c := class[r["ancestor_concept_id"]]; c == "Ingredient" || c == "CVX" {
			ingredient[r["descendant_concept_id"]] = r["ancestor_concept_id"]
		}
	}
	check := func(records, start, end, concept, eras, eraStart, eraEnd, count string, of func(string) string) {
		t.Helper()
		type run struct{ from, to galien.Date }
		by := map[string][]run{}
		for _, r := range d.rows[records] {
			key := r["person_id"] + " " + of(r[concept])
			by[key] = append(by[key], run{date(t, r[start]), date(t, r[end])})
		}
		want := map[string]int{}
		for key, runs := range by {
			slices.SortFunc(runs, func(a, b run) int { return int(a.from - b.from) })
			for len(runs) > 0 {
				e, n := runs[0], 1
				for n < len(runs) && runs[n].from <= e.to+30 {
					e.to = max(e.to, runs[n].to)
					n++
				}
				want[fmt.Sprint(key, " ", e.from, " ", e.to, " ", n)]++
				runs = runs[n:]
			}
		}
		got := map[string]int{}
		for _, r := range d.rows[eras] {
			got[fmt.Sprint(r["person_id"], " ", r[concept], " ", r[eraStart], " ", r[eraEnd], " ", r[count])]++
		}
		if len(want) == 0 || !maps.Equal(got, want) {
			t.Errorf("%s: %d eras in the file, %d recomputed, or others", eras, len(got), len(want))
		}
	}
	check("condition_occurrence", "condition_start_date", "condition_end_date", "condition_concept_id",
		"condition_era", "condition_era_start_date", "condition_era_end_date", "condition_occurrence_count", func(c string) string { return c })
	check("drug_exposure", "drug_exposure_start_date", "drug_exposure_end_date", "drug_concept_id",
		"drug_era", "drug_era_start_date", "drug_era_end_date", "drug_exposure_count", func(c string) string { return ingredient[c] })
}

// The planted hazard ratio is estimated again from the files alone, by a
// Mantel-Haenszel comparison of bleedings per covered day in and out of the 30
// days after the start of an episode, within five-year ages and sexes.
func TestPlantedAssociation(t *testing.T) {
	m, truth := population(t, Config{Persons: 12000, Seed: 1})
	d := read(t, m)
	type person struct {
		birth  galien.Date
		sex    string
		drugs  [][2]galien.Date
		bleeds []galien.Date
	}
	persons := map[string]*person{}
	for _, r := range d.rows["person"] {
		persons[r["person_id"]] = &person{sex: r["gender_concept_id"],
			birth: date(t, fmt.Sprintf("%s-%02s-%02s", r["year_of_birth"], r["month_of_birth"], r["day_of_birth"]))}
	}
	for _, r := range d.rows["drug_exposure"] {
		if c := r["drug_concept_id"]; c == "40162359" || c == "1118088" {
			p := persons[r["person_id"]]
			p.drugs = append(p.drugs, [2]galien.Date{date(t, r["drug_exposure_start_date"]), date(t, r["drug_exposure_end_date"])})
		}
	}
	for _, r := range d.rows["condition_occurrence"] {
		switch r["condition_concept_id"] {
		case "192671", "4103703", "197925":
			persons[r["person_id"]].bleeds = append(persons[r["person_id"]].bleeds, date(t, r["condition_start_date"]))
		}
	}
	type cell struct{ days, bleeds [2]float64 }
	cells := map[[2]int]*cell{} // by sex and five years of age
	for _, r := range d.rows["observation_period"] {
		p := persons[r["person_id"]]
		slices.SortFunc(p.drugs, func(a, b [2]galien.Date) int { return int(a[0] - b[0]) })
		var starts []galien.Date
		for i, e := range p.drugs {
			if i == 0 || e[0] > p.drugs[i-1][1]+30 {
				starts = append(starts, e[0])
			}
		}
		sex, _ := strconv.Atoi(p.sex)
		last := date(t, r["observation_period_end_date"])
		for day := date(t, r["observation_period_start_date"]); day <= last; day++ {
			key := [2]int{sex, day.DaysSince(p.birth) / 1826}
			if cells[key] == nil {
				cells[key] = new(cell)
			}
			in := 0
			for _, s := range starts {
				if day > s && day <= s+30 {
					in = 1
				}
			}
			cells[key].days[in]++
			for _, b := range p.bleeds {
				if b == day {
					cells[key].bleeds[in]++
				}
			}
		}
	}
	var above, below, variance float64
	var total cell
	for _, c := range cells {
		all := c.days[0] + c.days[1]
		above += c.bleeds[1] * c.days[0] / all
		below += c.bleeds[0] * c.days[1] / all
		variance += (c.bleeds[0] + c.bleeds[1]) * c.days[0] * c.days[1] / (all * all)
		for i := range 2 {
			total.days[i] += c.days[i]
			total.bleeds[i] += c.bleeds[i]
		}
	}
	ratio, sd := above/below, math.Sqrt(variance/(above*below))
	low, high := ratio*math.Exp(-2.58*sd), ratio*math.Exp(2.58*sd)
	t.Logf("rate ratio %.2f (99 %% interval %.2f to %.2f), planted 3.00", ratio, low, high)
	if low > 3 || high < 3 || low < 1.5 {
		t.Errorf("the interval %.2f to %.2f must hold 3 and exclude 1.5", low, high)
	}
	a := truth.Association
	if total.days != [2]float64{float64(a.OtherDays), float64(a.ExposedDays)} || total.bleeds != [2]float64{float64(a.OtherBleeds), float64(a.ExposedBleeds)} {
		t.Errorf("from the files: %v; from the truth: %+v", total, a)
	}
}

// The bytes of a seed are a promise: the digest is that of linux/amd64, and
// linux/386 gives it too. A change of the population on purpose changes it
// here, in the same commit.
func TestBytesOfASeed(t *testing.T) {
	const want = "9c1d3d207dda8ea17ee76fc4f72160eba00e7acfb101e1b1c6d94d1179b7aa26"
	m, _ := population(t, Config{Persons: 400, Years: 6, Seed: 2024})
	if got := m.digest(); got != want {
		t.Errorf("the population of a seed has changed: digest %s", got)
	}
}
