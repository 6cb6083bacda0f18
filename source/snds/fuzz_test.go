package snds

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"galien"
)

// FuzzName gives any file name: what is found in it is in it, and what is shown of
// it is plain.
func FuzzName(f *testing.F) {
	for _, s := range []string{"ER_PRS_F_201901.csv.gz", "er_prs_f_2016_P2.CSV", "T_MCO19C.csv", "T_MCOAA_B_2015.csv", "IR_BEN_R.csv", "_.csv", ".csv", "T_MCO\xff9C.csv", "x.txt"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, file string) {
		table, period, part, year, ok := nameOf(file)
		if shown := shownName(file); shown != file && strings.Contains(file, shown) || !plainName.MatchString(file) && shown == file {
			t.Fatal("a name that is not plain is shown")
		}
		if !ok {
			if table+period+part != "" || year != 0 || strings.HasSuffix(strings.ToUpper(file), ".CSV") {
				t.Fatal("a file that is no CSV has a table, or a CSV is none")
			}
			return
		}
		upper := strings.ToUpper(file)
		if _, known := tables()[table]; known && (!strings.Contains(upper, part) || len(period) > 4 && !strings.Contains(upper, period)) {
			t.Fatal("a period or part is not in the name")
		}
		if year != 0 && (year < 1900 || year > 2099) || strings.Trim(period, "0123456789") != "" || len(period) > 6 || strings.Trim(part, "0123456789") != "" {
			t.Fatalf("the period is %q of %d, part %q", period, year, part)
		}
	})
}

// FuzzHeader gives any first line: it is refused as Invalid, or it names a column
// of the table, none of them twice, and the columns are what the separator makes.
func FuzzHeader(f *testing.F) {
	for _, s := range []string{"BEN_NIR_PSA;BEN_RNG_GEM;BEN_NIR_ANO\r\n", "\xef\xbb\xbf\"BEN_NIR_PSA\",\"X Y\"", "BEN_NIR_PSA;BEN_NIR_PSA", ";;;", "", "ben_nir_psa|185077512345678", "BEN_NIR_PSA\t\xff"} {
		f.Add([]byte(s))
	}
	table, ok := tables()["IR_BEN_R"]
	if !ok {
		f.Fatal("no table IR_BEN_R")
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		in := &input{table: table, name: "IR_BEN_R.csv"}
		if err := in.readHeader(line); err != nil {
			if galien.KindOf(err) != galien.Invalid {
				t.Fatalf("a header is refused with %v", err)
			}
			return
		}
		known := map[string]bool{}
		for _, c := range in.columns {
			if _, ok := table.column(c); ok {
				if known[c] {
					t.Fatal("a column is there twice")
				}
				known[c] = true
			}
		}
		text := bytes.TrimRight(bytes.TrimPrefix(line, []byte("\xef\xbb\xbf")), "\r\n")
		if len(known) == 0 || !strings.ContainsRune(";,\t|", rune(in.delimiter)) || len(in.columns) != bytes.Count(text, []byte{in.delimiter})+1 {
			t.Fatalf("%d columns, %d known, apart by %q", len(in.columns), len(known), in.delimiter)
		}
		unknown := in.unknown()
		for _, c := range unknown {
			if !plainName.MatchString(c) && !strings.HasPrefix(c, "(column ") {
				t.Fatal("a column is shown whose name is not plain")
			}
		}
		if len(unknown)+len(known) != len(in.columns) {
			t.Fatal("a column is neither known nor unknown")
		}
	})
}

// FuzzCheck gives any content, some of it where two blocks of reading meet: what
// check says of a file it accepts is what the whole content says, and what it
// refuses is Invalid.
func FuzzCheck(f *testing.F) {
	const header = "BEN_NIR_PSA;BEN_RNG_GEM\n"
	f.Add([]byte(header+"a;1\n"), uint16(0), false)
	f.Add([]byte(header+"\xe9;1"), uint16(0), false)
	f.Add([]byte("é;1\n"), uint16(1), false)
	f.Add([]byte("🩺;1\r\n"), uint16(3), false)
	f.Add([]byte{0}, uint16(2), false)
	f.Add([]byte{}, uint16(0), false)
	f.Add([]byte("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03"), uint16(0), true)
	f.Fuzz(func(t *testing.T, content []byte, before uint16, zipped bool) {
		if before > 0 {
			// A header, and a field that ends that many bytes before a block does.
			content = append([]byte(header+strings.Repeat("x", 1<<18-len(header)-int(before%64))), content...)
		}
		in := &input{table: tables()["IR_BEN_R"], name: "IR_BEN_R.csv", path: filepath.Join(t.TempDir(), "f")}
		if zipped {
			in.name += ".gz"
		}
		if err := os.WriteFile(in.path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		var read int64
		err := in.check(t.Context(), func(n int64) { read += n })
		if err != nil {
			if galien.KindOf(err) != galien.Invalid {
				t.Fatalf("a file is refused with %v", err)
			}
			return
		}
		sum := sha256.Sum256(content)
		if in.sha256 != hex.EncodeToString(sum[:]) || read != int64(len(content)) {
			t.Fatalf("%d bytes of %d are in the hash", read, len(content))
		}
		if zipped {
			return
		}
		lines := int64(bytes.Count(content, []byte("\n")))
		if content[len(content)-1] != '\n' {
			lines++
		}
		if in.lines != lines || in.latin1 == utf8.Valid(content) {
			t.Fatalf("%d lines, Latin-1 %v; there are %d, UTF-8 %v", in.lines, in.latin1, lines, utf8.Valid(content))
		}
	})
}
