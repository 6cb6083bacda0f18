package omop

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"galien"
	"galien/lake/duck"
	"galien/source"
)

// folder writes files into a new folder. A name that ends in .gz is compressed.
func folder(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		b := []byte(content)
		if strings.HasSuffix(name, ".gz") {
			b = zipped(t, content)
		}
		write(t, dir, name, b)
	}
	return dir
}

func write(t testing.TB, dir, name string, b []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func zipped(t testing.TB, content string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(content)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

const (
	personHeader    = "person_id,gender_concept_id,year_of_birth,race_concept_id,ethnicity_concept_id,person_source_value\n"
	twoPersons      = personHeader + "101,8507,1950,0,0,a\n-7,8532,1960,0,0,b\n"
	conditionHeader = "condition_occurrence_id,person_id,condition_concept_id,condition_start_date,condition_type_concept_id,condition_source_value\n"
)

// TestDeliveriesThatAreNotWhole stop the load, name the file, and commit
// nothing.
func TestDeliveriesThatAreNotWhole(t *testing.T) {
	long := conditionHeader
	for i := range 5000 {
		long += fmt.Sprintf("%d,101,%d,2020-01-%02d,32817,\n", i, i*7919%10007, i%28+1)
	}
	whole := string(zipped(t, long))
	truncated, flipped := whole[:len(whole)*2/3], []byte(whole)
	flipped[len(flipped)/2] ^= 0xff
	utf16 := "\xff\xfe"
	for _, b := range []byte(twoPersons) {
		utf16 += string([]byte{b, 0})
	}
	for _, c := range []struct {
		name  string
		files map[string]string // as they are
		kind  galien.Kind
		words []string
	}{
		{"no file", map[string]string{}, galien.Invalid, []string{"no OMOP CDM table", "PERSON.csv"}},
		{"no OMOP table", map[string]string{"patients.csv": "a,b\n1,2\n", "README.md": "x"}, galien.Invalid, []string{"no OMOP CDM table"}},
		{"empty file", map[string]string{"person.csv": twoPersons, "DEATH.csv": ""}, galien.Invalid, []string{"DEATH.csv", "empty"}},
		{"empty gzip", map[string]string{"death.csv.gz": string(zipped(t, ""))}, galien.Invalid, []string{"death.csv.gz", "empty"}},
		{"empty gzip file", map[string]string{"death.csv.gz": ""}, galien.Invalid, []string{"death.csv.gz", "empty"}},
		{"line ends only", map[string]string{"death.csv": "\n\n"}, galien.Invalid, []string{"death.csv", "no header"}},
		{"truncated gzip", map[string]string{"person.csv": twoPersons, "condition_occurrence.csv.gz": truncated}, galien.Invalid, []string{"condition_occurrence.csv.gz", "truncated", "copy it again", "nothing was committed"}},
		{"gzip cut in its first bytes", map[string]string{"person.csv.gz": whole[:6]}, galien.Invalid, []string{"person.csv.gz", "truncated"}},
		{"gzip cut at its end", map[string]string{"person.csv": twoPersons, "condition_occurrence.csv.gz": whole[:len(whole)-3]}, galien.Invalid, []string{"condition_occurrence.csv.gz", "truncated"}},
		{"flipped bits in gzip", map[string]string{"person.csv": twoPersons, "condition_occurrence.csv.gz": string(flipped)}, galien.Invalid, []string{"condition_occurrence.csv.gz", "damaged"}},
		{"not gzip", map[string]string{"person.csv.gz": twoPersons}, galien.Invalid, []string{"person.csv.gz", "not gzip"}},
		{"wrong separator", map[string]string{"person.csv": strings.ReplaceAll(twoPersons, ",", "^")}, galien.Invalid, []string{"person.csv", "line 1", `'^'`}},
		{"no header", map[string]string{"person.csv": "101,8507,1950,0,0,DUPONT\n"}, galien.Invalid, []string{"person.csv", "line 1 names no column", "header"}},
		{"carriage returns alone", map[string]string{"person.csv": strings.ReplaceAll(twoPersons, "\n", "\r")}, galien.Invalid, []string{"person.csv", "carriage returns"}},
		{"UTF-16", map[string]string{"person.csv": utf16}, galien.Invalid, []string{"person.csv", "iconv -f UTF-16"}},
		{"UTF-16 without mark", map[string]string{"person.csv": utf16[2:]}, galien.Invalid, []string{"person.csv", "UTF-16"}},
		{"a table twice", map[string]string{"person.csv": twoPersons, "PERSON.csv.gz": string(zipped(t, twoPersons))}, galien.Conflict, []string{"person.csv", "PERSON.csv.gz"}},
		{"key column missing", map[string]string{"person.csv": "gender_concept_id,year_of_birth\n8507,1950\n"}, galien.Invalid, []string{"person.csv", "person_id", "missing"}},
		{"start date missing", map[string]string{"condition_occurrence.csv": "condition_occurrence_id,person_id,condition_concept_id\n"}, galien.Invalid, []string{"condition_start_date"}},
		{"a column twice", map[string]string{"person.csv": "person_id,PERSON_ID,gender_concept_id,year_of_birth\n1,2,3,4\n"}, galien.Invalid, []string{"person_id", "twice"}},
		{"old and new name of a column", map[string]string{"visit_occurrence.csv": "visit_occurrence_id,person_id,visit_concept_id,visit_start_date,admitting_source_value,admitted_from_source_value\n"}, galien.Invalid, []string{"admitted_from_source_value", "twice"}},
		{"no person can be read", map[string]string{"person.csv": strings.ReplaceAll(twoPersons, "8507", "male") + "x"}, galien.Internal, nil},
		{"person_id is text", map[string]string{"person.csv": personHeader + "P-001,8507,1950,0,0,a\nP-002,8507,1950,0,0,a\n"}, galien.Invalid, []string{"person.csv", "none of its 2 rows", "line 2", "person_id", "not a whole number"}},
		{"not Parquet", map[string]string{"person.parquet": twoPersons}, galien.Invalid, []string{"person.parquet", "not a whole Parquet file"}},
		{"not a zip file", map[string]string{"export.zip": "PK\x03\x04 no"}, galien.Invalid, []string{"export.zip", "zip"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHub(t)
			dir := t.TempDir()
			for name, content := range c.files {
				write(t, dir, name, []byte(content))
			}
			if c.kind == galien.Internal {
				// Some rows are good: the load goes on.
				h.ingest(dir)
				return
			}
			h.fails(dir, c.kind, c.words...)
			if _, err := h.lake.Current(); galien.KindOf(err) != galien.NotFound {
				t.Error("something was committed")
			}
			h.whole()
			if ids, err := h.vault.SourceIDs(context.Background()); err != nil || len(ids) > 0 {
				t.Errorf("%d person keys were kept, %v", len(ids), err)
			}
		})
	}
	h := newHub(t)
	h.fails(filepath.Join(t.TempDir(), "absent"), galien.NotFound, "absent")
}

// TestBadRows go to quarantine, each with line, field and reason; the others
// stay.
func TestBadRows(t *testing.T) {
	good := "1,101,10,2020-01-01,32817,x\n"
	for _, c := range []struct {
		name, rows string
		want       string // line field code, of every rejected row
		kept       int
	}{
		{"header only", "", "", 0},
		{"Latin-1", good + "2,101,10,2020-01-01,32817,caf\xe9\n", "3 condition_source_value not_utf8", 1},
		{"duplicate key", good + "2,-7,11,2020-01-02,0,\n" + "1,101,12,2021-01-01,0,\n1,101,13,2021-01-01,0,\n",
			"4 condition_occurrence_id duplicate_key; 5 condition_occurrence_id duplicate_key", 2},
		{"one key, two persons", good + "1,-7,10,2020-01-01,32817,x\n", "", 2},
		{"no such day", good + "2,101,10,2019-02-30,32817,x\n", "3 condition_start_date not_date", 1},
		{"year one", good + "2,101,10,0001-01-01,32817,x\n", "3 condition_start_date implausible_date", 1},
		{"person id overflows", good + "2,99999999999999999999,10,2020-01-01,32817,x\n", "3 person_id out_of_range", 1},
		{"person id is text", good + "2,abc,10,2020-01-01,32817,x\n", "3 person_id not_integer", 1},
		{"person unknown", good + "2,102,10,2020-01-01,32817,x\n", "3 person_id unknown_person", 1},
		{"person empty", good + "2,,10,2020-01-01,32817,x\n", "3 person_id required_missing", 1},
		{"concept empty", good + "2,101,,2020-01-01,32817,x\n", "3 condition_concept_id required_missing", 1},
		{"type empty is kept", "2,101,10,2020-01-01,,x\n", "", 1},
		{"whole numbers with a point", "2.0,101.0,10.0,2020-01-01,32817.0,x\n", "", 1},
		{"garbage", good + "Lorem ipsum dolor sit amet\n", "3  wrong_field_count", 1},
		{"a field more", good + "2,101,10,2020-01-01,32817,x,y\n", "3  wrong_field_count", 1},
		{"stray quote", good + "2,101,10,2020-01-01,32817,\"x\n3,101,10,2020-01-01,32817,y\n", "3  unreadable_row", 2},
		{"zero byte", good + "2,101,10,2020-01-01,32817,\x00\n", "3  unreadable_row", 1},
		{"quoted line ends", "1,101,10,2020-01-01,32817,\"x\ny\nz\"\n2,101,10,2020-13-01,32817,x\n", "5 condition_start_date not_date", 1},
		{"a very long line", "1,101,10,2020-01-01,32817," + strings.Repeat("x", 5<<20) + "\n2,101,x,2020-01-01,32817,x\n", "3 condition_concept_id not_integer", 1},
		{"no last line end", good + "2,101,10,2020-01-01,32817", "3  wrong_field_count", 1},
	} {
		for _, way := range []string{"plain", "crlf", "bom", "gzip", "tab", "semicolon"} {
			if way != "plain" && (strings.Contains(c.rows, `"`) || len(c.rows) > 1<<20) {
				continue
			}
			t.Run(c.name+"/"+way, func(t *testing.T) {
				h := newHub(t)
				text, name := conditionHeader+c.rows, "Condition_Occurrence.CSV"
				switch way {
				case "crlf":
					text = strings.ReplaceAll(text, "\n", "\r\n")
				case "bom":
					text = "\xef\xbb\xbf" + text
				case "gzip":
					name = "CONDITION_OCCURRENCE.csv.gz"
				case "tab":
					text = strings.ReplaceAll(text, ",", "\t")
				case "semicolon":
					text = strings.ReplaceAll(text, ",", ";")
				}
				rep := h.ingest(folder(t, map[string]string{"PERSON.csv": twoPersons, name: text}))
				h.whole()
				var got []string
				index := h.current().Manifest.Sources[0].Quarantine
				err := source.ReadIndex(h.quarantine, index, func(r source.Rejection) error {
					if r.Table != "condition_occurrence" || r.File != name {
						t.Errorf("rejection in %s of %s", r.Table, r.File)
					}
					got = append(got, fmt.Sprintf("%d %s %s", r.Line, r.Field, r.Code))
					return nil
				})
				if err != nil {
					t.Fatal(err)
				}
				if s := strings.Join(got, "; "); s != c.want {
					t.Errorf("in quarantine %q, want %q", s, c.want)
				}
				tr := table(rep, "condition_occurrence")
				if n := len(h.rows("condition_occurrence", "person_id")); n != c.kept || tr.Kept != int64(n) {
					t.Errorf("%d rows in the lake, %d reported, want %d", n, tr.Kept, c.kept)
				}
				if tr.Read != tr.Kept+tr.Quarantined {
					t.Errorf("%d rows read, %d kept and %d in quarantine", tr.Read, tr.Kept, tr.Quarantined)
				}
			})
		}
	}
}

func TestPersonTwice(t *testing.T) {
	h := newHub(t)
	rep := h.ingest(folder(t, map[string]string{"person.csv": twoPersons + "101,8532,1999,0,0,again\n7,8532,18,0,0,c\n"}))
	h.whole()
	got := reasons(rep)
	if rep.Persons != 2 || got["person.person_id duplicate_key"] != 1 || got["person.year_of_birth implausible_date"] != 1 || len(got) != 2 {
		t.Errorf("%d persons, reasons %v", rep.Persons, got)
	}
	for _, r := range h.rows("person", "person_id", "year_of_birth") {
		if r[0] == int64(1) && r[1] != int64(1950) {
			t.Error("the second row of a person replaced the first")
		}
	}
}

// TestDelivered holds the forms that a delivery may have: a zip in a folder, a
// folder in a zip, a folder in a folder, other files beside.
func TestDelivered(t *testing.T) {
	for name, files := range map[string]map[string]string{
		"folder in a folder": {"export/PERSON.csv": twoPersons, "export/.DS_Store": "x", "__MACOSX/._PERSON.csv": "x"},
		"other files":        {"person.csv": twoPersons, "README.md": "x", "cohort.csv": "a,b\n", "._person.csv": "x"},
	} {
		h := newHub(t)
		rep := h.ingest(folder(t, files))
		if rep.Persons != 2 {
			t.Errorf("%s: %d persons", name, rep.Persons)
		}
		if name == "other files" && strings.Join(rep.Ignored, " ") != "cohort.csv" {
			t.Errorf("ignored %v", rep.Ignored)
		}
	}
}

// TestUnknownColumns are named only when they look like a name.
func TestUnknownColumns(t *testing.T) {
	h := newHub(t)
	rep := h.ingest(folder(t, map[string]string{"person.csv": "person_id,gender_concept_id,year_of_birth,Local_Flag,Jean DUPONT\n1,8507,1950,x,y\n"}))
	if got := table(rep, "person").UnknownColumns; strings.Join(got, ";") != "local_flag;(field 5)" {
		t.Errorf("unknown columns %q", got)
	}
}

// TestVocabularyFiles are tab separated, with quotes as text and dates without
// hyphens.
func TestVocabularyFiles(t *testing.T) {
	h := newHub(t)
	rep := h.ingest(folder(t, map[string]string{
		"CONCEPT.csv": "concept_id\tconcept_name\tdomain_id\tvocabulary_id\tconcept_class_id\tstandard_concept\tconcept_code\tvalid_start_date\tvalid_end_date\tinvalid_reason\n" +
			"1\t5\" wound, of \"some\" kind\tCondition\tX\tY\tS\tc1\t19700101\t20991231\t\n",
		"VOCABULARY.csv": "vocabulary_id\tvocabulary_name\tvocabulary_reference\tvocabulary_version\tvocabulary_concept_id\n" +
			"None\tOMOP Standardized Vocabularies\tx\tv5.0 29-FEB-24\t44819096\n",
	}))
	h.whole()
	if rep.Quarantined != 0 || rep.Vocabulary != "v5.0 29-FEB-24" {
		t.Errorf("reasons %v, vocabulary %q", reasons(rep), rep.Vocabulary)
	}
	r := h.rows("concept", "concept_name", "valid_start_date", "valid_end_date")[0]
	if r[0] != `5" wound, of "some" kind` || r[1] != galien.MustDate("1970-01-01") || r[2] != galien.MustDate("2099-12-31") {
		t.Errorf("concept %v", r)
	}
}

// TestPersonsInOtherColumns are exchanged where the domain says person.
func TestPersonsInOtherColumns(t *testing.T) {
	h := newHub(t)
	rep := h.ingest(folder(t, map[string]string{
		"person.csv": twoPersons,
		"fact_relationship.csv": "domain_concept_id_1,fact_id_1,domain_concept_id_2,fact_id_2,relationship_concept_id\n" +
			"1147314,-7,56,101,1\n21,101,21,-7,2\n56,999,21,1,3\n",
		"location_history.csv": "location_history_id,location_id,relationship_type_concept_id,domain_id,entity_id,start_date,end_date\n" +
			"1,1,,PERSON,-7,2020-01-01,\n2,1,,CARE_SITE,-7,2020-01-01,\n3,1,,Person,5,2020-01-01,\n",
	}))
	h.whole()
	facts := map[int64]string{}
	for _, r := range h.rows("fact_relationship", "relationship_concept_id", "fact_id_1", "fact_id_2") {
		facts[r[0].(int64)] = fmt.Sprint(r[1], r[2])
	}
	// Person 101 came first and is 1, person -7 is 2.
	if fmt.Sprint(facts) != "map[1:2 1 2:101 -7]" {
		t.Errorf("facts %v", facts)
	}
	places := map[int64]int64{}
	for _, r := range h.rows("location_history", "location_history_id", "entity_id") {
		places[r[0].(int64)] = r[1].(int64)
	}
	if fmt.Sprint(places) != "map[1:2 2:-7]" {
		t.Errorf("places %v", places)
	}
	got := reasons(rep)
	if got["fact_relationship.fact_id_1 unknown_person"] != 1 || got["location_history.entity_id unknown_person"] != 1 || len(got) != 2 {
		t.Errorf("reasons %v", got)
	}
}

// TestParquet reads what DuckDB writes, types of every kind, and quarantines
// its rows like others.
func TestParquet(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	db, err := duck.Open(ctx, duck.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for name, query := range map[string]string{
		"PERSON.parquet": `SELECT i::INTEGER AS PERSON_ID, 8507::DECIMAL(10,0) AS gender_concept_id, (1900 + i % 100)::SMALLINT AS year_of_birth,
			TIMESTAMP '1950-02-03 04:05:06.789' AS birth_datetime, 0::UBIGINT AS race_concept_id, 0 AS ethnicity_concept_id, 'id ' || i AS person_source_value
			FROM range(1, 20001) t(i)`,
		"measurement.parquet": `SELECT i AS measurement_id, CASE WHEN i % 1000 = 0 THEN 99999 ELSE i END AS person_id, 10::BIGINT AS measurement_concept_id,
			DATE '2020-01-01' + (i % 5)::INTEGER AS measurement_date, NULL::TIMESTAMP AS measurement_datetime, 5::TINYINT AS measurement_type_concept_id,
			CASE WHEN i % 2 = 0 THEN (i / 8)::DOUBLE END AS value_as_number, -12.345::DECIMAL(9,3) AS range_low, 1.5::FLOAT AS range_high,
			'a,"b' AS measurement_source_value FROM range(1, 20001) t(i)`,
	} {
		path := filepath.Join(dir, name)
		if _, err := db.ExecContext(ctx, "COPY ("+query+") TO "+duck.Quote(path)+" (FORMAT parquet, ROW_GROUP_SIZE 4096)"); err != nil {
			t.Fatal(err)
		}
	}
	h := newHub(t)
	rep := h.ingest(dir)
	h.whole()
	if rep.Persons != 20000 {
		t.Errorf("%d persons", rep.Persons)
	}
	m := table(rep, "measurement")
	if m.Read != 20000 || m.Quarantined != 20 || m.UnknownPersons != 1 || reasons(rep)["measurement.person_id unknown_person"] != 20 {
		t.Errorf("measurement %+v", m)
	}
	for _, r := range h.rows("person", "person_id", "year_of_birth", "gender_concept_id", "birth_datetime") {
		born, _ := r[3].(interface{ Format(string) string })
		if born == nil || born.Format("2006-01-02 15:04:05.000") != "1950-02-03 04:05:06.789" || r[2] != int64(8507) {
			t.Fatalf("person %v", r)
		}
	}
	values := 0
	for _, r := range h.rows("measurement", "measurement_id", "value_as_number", "range_low", "range_high", "measurement_date", "measurement_source_value") {
		id := r[0].(int64)
		if r[1] != nil {
			values++
		}
		if (r[1] == nil) != (id%2 == 1) || r[1] != nil && r[1] != float64(id)/8 || r[2] != -12.345 || r[3] != 1.5 ||
			r[4] != galien.MustDate("2020-01-01").AddDays(int(id%5)) || r[5] != `a,"b` {
			t.Fatalf("measurement %v", r)
		}
	}
	if values != 10000-20 {
		t.Errorf("%d values, want 9980", values)
	}
	if again := h.ingest(dir); again.Changed {
		t.Error("the same Parquet files changed the hub")
	}
	path := filepath.Join(dir, "measurement.parquet")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, cut := range []int{len(whole) / 2, len(whole) - 3, 10, 0} {
		write(t, dir, "measurement.parquet", whole[:cut])
		h.fails(dir, galien.Invalid, "measurement.parquet")
	}
	for i := 100; i < len(whole); i += len(whole) / 5 {
		bad := bytes.Clone(whole)
		bad[i] ^= 0x55
		write(t, dir, "measurement.parquet", bad)
		// Whatever the flipped bit made of the file, it is no panic.
		if _, err := Ingest(ctx, h.load(dir)); err != nil && galien.KindOf(err) == galien.Internal {
			t.Errorf("flipped bit at %d: %v", i, err)
		}
	}
	h.whole()
}
