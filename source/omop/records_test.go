package omop

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"galien"
	"galien/cdm"
	"galien/source"
)

// cut returns every record of a text as "line:field|field", or "line!code".
func cut(t testing.TB, r io.Reader, delim byte) []string {
	t.Helper()
	c := newRecords(r)
	c.separate(delim)
	var out []string
	for {
		rec, err := c.next()
		if err == io.EOF {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		if rec.bad != "" {
			out = append(out, fmt.Sprintf("%d!%s", rec.line, rec.bad))
			continue
		}
		out = append(out, fmt.Sprintf("%d:%s", rec.line, bytes.Join(rec.fields, []byte("|"))))
	}
}

func TestRecords(t *testing.T) {
	for _, c := range []struct {
		name, text string
		delim      byte
		want       []string
	}{
		{"plain", "a,b\nc,d\n", ',', []string{"1:a|b", "2:c|d"}},
		{"no last line end", "a,b\nc,d", ',', []string{"1:a|b", "2:c|d"}},
		{"carriage returns", "a,b\r\n\"c\",d\r\n\"e\",\"f\"\r\n", ',', []string{"1:a|b", "2:c|d", "3:e|f"}},
		{"empty lines are no records", "\n\r\na,b\n\n", ',', []string{"3:a|b"}},
		{"empty fields", ",\n\"\",\n", ',', []string{"1:|", "2:|"}},
		{"quoted separator, quote and newline", "\"a,b\",\"say \"\"hi\"\"\",\"two\nlines\"\nx,y,z\n", ',', []string{"1:a,b|say \"hi\"|two\nlines", "3:x|y|z"}},
		{"quote inside an unquoted field is text", "5\" wound,b\n", ',', []string{"1:5\" wound|b"}},
		{"quotes are text with a tab", "\"a\tb\"\n\"c\"\td\n", '\t', []string{"1:\"a|b\"", "2:\"c\"|d"}},
		{"a stray quote costs one line", "a,b\nc,\"d\ne,\"f\",g\nh,i\n", ',', []string{"1:a|b", "2!unreadable_row", "3:e|f|g", "4:h|i"}},
		{"a quote that never closes costs one line", "a,\"b\nc,d\ne,f\n", ',', []string{"1!unreadable_row", "2:c|d", "3:e|f"}},
		{"text after a closing quote", "\"a\"b,c\nd,e\n", ',', []string{"1!unreadable_row", "2:d|e"}},
		{"zero byte", "a,\x00\nb,c\n", ',', []string{"1!unreadable_row", "2:b|c"}},
		{"semicolon", "a,b;c\n", ';', []string{"1:a,b|c"}},
		{"quote at the end of the text", "a,\"", ',', []string{"1!unreadable_row"}},
	} {
		for way, r := range map[string]io.Reader{
			"whole":       strings.NewReader(c.text),
			"byte a time": iotest.OneByteReader(strings.NewReader(c.text)),
		} {
			if got := cut(t, r, c.delim); fmt.Sprint(got) != fmt.Sprint(c.want) {
				t.Errorf("%s, %s: %q, want %q", c.name, way, got, c.want)
			}
		}
	}
}

// TestLongRecords holds the buffer's growth, its limit, and that a record that
// crosses its end is whole.
func TestLongRecords(t *testing.T) {
	long := strings.Repeat("x", 3<<20)
	got := cut(t, strings.NewReader("1,"+long+"\n2,\""+long+"\ny\"\n3,z\n"), ',')
	if len(got) != 3 || got[0] != "1:1|"+long || got[1] != "2:2|"+long+"\ny" || got[2] != "4:3|z" {
		t.Errorf("%d records, of lengths that are wrong", len(got))
	}
	c := newRecords(strings.NewReader("a,b\n" + long + "\nc,d\n"))
	c.limit = 1 << 20
	var seen []string
	for {
		rec, err := c.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		seen = append(seen, fmt.Sprintf("%d%s%d", rec.line, rec.bad, len(rec.fields)))
	}
	if fmt.Sprint(seen) != "[12 2row_too_long0 32]" {
		t.Errorf("records %v", seen)
	}
}

func TestValues(t *testing.T) {
	date := galien.MustDate("2019-02-28")
	at := func(h, m, s, micro int) string {
		return fmt.Sprintf("2019-02-28 %02d:%02d:%02d.%06d", h, m, s, micro)
	}
	for _, c := range []struct {
		typ  cdm.Type
		text string
		want any // nil, a value, or a code
	}{
		{cdm.Integer, "", nil},
		{cdm.Integer, " 42 ", int64(42)},
		{cdm.Integer, "-9223372036854775808", int64(-9223372036854775808)},
		{cdm.Integer, "9223372036854775807", int64(9223372036854775807)},
		{cdm.Integer, "9223372036854775808", source.OutOfRange},
		{cdm.Integer, "99999999999999999999999", source.OutOfRange},
		{cdm.Integer, "1.0", int64(1)},
		{cdm.Integer, "9223372036854775807.0", int64(9223372036854775807)},
		{cdm.Integer, "1e+05", int64(100000)},
		{cdm.Integer, "1e300", source.OutOfRange},
		{cdm.Integer, "1.5", source.NotInteger},
		{cdm.Integer, "0x10", source.NotInteger},
		{cdm.Integer, "1_000", source.NotInteger},
		{cdm.Integer, "abc", source.NotInteger},
		{cdm.Integer, ".", source.NotInteger},
		{cdm.Integer, "NULL", nil},
		{cdm.Integer, `\N`, nil},
		{cdm.Integer, "NA", nil},
		{cdm.Float, "48.1", 48.1},
		{cdm.Float, "-1e-3", -0.001},
		{cdm.Float, "1,5", source.NotNumber},
		{cdm.Float, "NaN", nil},
		{cdm.Float, "Inf", source.NotNumber},
		{cdm.Float, "1e999", source.OutOfRange},
		{cdm.Date, "2019-02-28", date},
		{cdm.Date, "20190228", date},
		{cdm.Date, "2019-02-28 23:59:59", date},
		{cdm.Date, "2019-02-28T10:00:00Z", date},
		{cdm.Date, "2019-02-30", source.NotDate},
		{cdm.Date, "28/02/2019", source.NotDate},
		{cdm.Date, "2019-02-28 25:00:00", source.NotDate},
		{cdm.Date, "2019-02-28x", source.NotDate},
		{cdm.Date, "0000-01-01", source.NotDate},
		{cdm.Date, "0001-01-01", source.ImplausibleDate},
		{cdm.Date, "1799-12-31", source.ImplausibleDate},
		{cdm.Date, "1800-01-01", galien.MustDate("1800-01-01")},
		{cdm.Date, "2300-12-31", galien.MustDate("2300-12-31")},
		{cdm.Date, "2301-01-01", source.ImplausibleDate},
		{cdm.Datetime, "2019-02-28", at(0, 0, 0, 0)},
		{cdm.Datetime, "2019-02-28 10:20", at(10, 20, 0, 0)},
		{cdm.Datetime, "2019-02-28T10:20:30.1234567", at(10, 20, 30, 123456)},
		{cdm.Datetime, "2019-02-28 10:20:30.5+02:00", at(10, 20, 30, 500000)},
		{cdm.Datetime, "2019-02-28 10:20:30+02", at(10, 20, 30, 0)},
		{cdm.Datetime, "2019-02-28 10:20:30 UTC", at(10, 20, 30, 0)},
		{cdm.Datetime, "2019-02-28 10:20:61", source.NotDate},
		{cdm.Datetime, "2019-02-28 10:20:30+", source.NotDate},
		{cdm.Text, "NA", "NA"},
		{cdm.Text, "", nil},
		{cdm.Text, `\N`, nil},
		{cdm.Text, " x ", " x "},
	} {
		got, code := value(c.typ, []byte(c.text), true)
		if code != "" {
			got = code
		}
		if v, ok := got.(interface{ Format(string) string }); ok {
			got = v.Format("2006-01-02 15:04:05.000000")
		}
		if got != c.want {
			t.Errorf("%s %q: %v, want %v", c.typ, c.text, got, c.want)
		}
	}
	if _, code := value(cdm.Date, []byte("0001-01-01"), false); code != "" {
		t.Errorf("a date of the vocabulary: %s", code)
	}
}

// reader reads a text as the rows of a table without hub.
func readText(text []byte, name string) (read, kept, rejected int64, err error) {
	t, _ := cdm.Lookup(name)
	c := newRecords(bytes.NewReader(text))
	l, err := readHeader(c, input{table: t, name: name + ".csv"})
	if err != nil {
		return 0, 0, 0, err
	}
	r := newRows(l, persons{1: 1, 2: 2}.lookup)
	for {
		rec, err := c.next()
		if err == io.EOF {
			return read, kept, rejected, nil
		}
		if err != nil {
			return 0, 0, 0, err
		}
		read++
		if _, code := r.convert(rec); code != "" {
			if !code.Known() {
				return 0, 0, 0, fmt.Errorf("a reason %q that is not in the list", code)
			}
			rejected++
		} else {
			kept++
		}
	}
}

// FuzzReader pushes any bytes through the reader of a table. It never panics,
// loses no row, and agrees with encoding/csv on every text that encoding/csv
// accepts.
func FuzzReader(f *testing.F) {
	const header = "condition_occurrence_id,person_id,condition_concept_id,condition_start_date,condition_type_concept_id,condition_source_value\n"
	for _, s := range []string{
		"1,1,10,2020-01-01,32817,x\n", "1,1,10,2019-02-30,32817,\"x\"\"y\"\n", "\"1\n", "1,2\r\n", "\xff\xfe", "1;2;3", "",
		"9223372036854775808,1,10,0001-01-01,0,\n", "a\tb\tc\n", "\"a\",\"b\nc\",d,e,f,g\n\n\n1,1,1,20200101,1,\x00",
	} {
		f.Add([]byte(header + s))
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, table := range []string{"condition_occurrence", "person", "fact_relationship"} {
			read, kept, rejected, err := readText(text, table)
			if err != nil && galien.KindOf(err) != galien.Invalid {
				t.Fatalf("%v", err)
			}
			if read != kept+rejected {
				t.Fatalf("%d rows read, %d kept and %d rejected", read, kept, rejected)
			}
		}
		if bytes.IndexByte(text, 0) >= 0 || bytes.Contains(text, []byte("\r")) && !bytes.Contains(text, []byte("\r\n")) {
			return
		}
		r := csv.NewReader(bytes.NewReader(text))
		r.FieldsPerRecord = -1
		want, err := r.ReadAll()
		if err != nil {
			return
		}
		c := newRecords(bytes.NewReader(text))
		for i, w := range want {
			rec, err := c.next()
			if err != nil || rec.bad != "" {
				t.Fatalf("record %d: %v %s; encoding/csv reads it", i, err, rec.bad)
			}
			got := strings.ReplaceAll(string(bytes.Join(rec.fields, []byte("\x01"))), "\r\n", "\n")
			if got != strings.Join(w, "\x01") {
				t.Fatalf("record %d is not what encoding/csv reads", i)
			}
		}
		if _, err := c.next(); err != io.EOF {
			t.Fatalf("a record more than encoding/csv reads: %v", err)
		}
	})
}

func BenchmarkRows(b *testing.B) {
	t, _ := cdm.Lookup("condition_occurrence")
	var text bytes.Buffer
	text.WriteString("condition_occurrence_id,person_id,condition_concept_id,condition_start_date,condition_start_datetime,condition_end_date,condition_end_datetime,condition_type_concept_id,stop_reason,provider_id,visit_occurrence_id,visit_detail_id,condition_source_value,condition_source_concept_id,condition_status_source_value,condition_status_concept_id\n")
	const n = 100000
	for i := range n {
		fmt.Fprintf(&text, "%d,%d,4112343,2015-10-02,2015-10-02 00:00:00,2015-10-14,2015-10-14 00:00:00,32020,,,17479,0,195662009,4112343,,0\n", i, i%2+1)
	}
	b.SetBytes(int64(text.Len()))
	for b.Loop() {
		c := newRecords(bytes.NewReader(text.Bytes()))
		l, err := readHeader(c, input{table: t, name: "c.csv"})
		if err != nil {
			b.Fatal(err)
		}
		r := newRows(l, persons{1: 1, 2: 2}.lookup)
		for {
			rec, err := c.next()
			if err == io.EOF {
				break
			}
			if _, code := r.convert(rec); code != "" {
				b.Fatal(code)
			}
		}
	}
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
