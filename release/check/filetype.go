package check

import (
	"bytes"
	"path"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of one file.
const (
	maxFile    = 10 << 20
	maxRows    = 5000
	maxColumns = 200
	maxCell    = 32000
	maxGrids   = 300 // in a group
)

// contents are the first bytes of files, and what they are. What is not here
// and is no text is refused.
var contents = []struct {
	kind   string
	at     int
	prefix string
}{
	{"png", 0, "\x89PNG\r\n\x1a\n"}, {"jpeg", 0, "\xff\xd8\xff"}, {"zip", 0, "PK\x03\x04"}, {"zip", 0, "PK\x05\x06"},
	{"pdf", 0, "%PDF"}, {"gzip", 0, "\x1f\x8b"}, {"ole", 0, "\xd0\xcf\x11\xe0"}, {"parquet", 0, "PAR1"}, {"sqlite", 0, "SQLite format 3\x00"},
	{"pickle", 0, "\x80\x04"}, {"pickle", 0, "\x80\x05"}, {"bzip2", 0, "BZh"}, {"xz", 0, "\xfd7zXZ\x00"}, {"7z", 0, "7z\xbc\xaf\x27\x1c"},
	{"rar", 0, "Rar!"}, {"rdata", 0, "RDX"}, {"rdata", 0, "RDA"}, {"stata", 0, "<stata_dta>"}, {"hdf5", 0, "\x89HDF"}, {"gif", 0, "GIF8"}, {"elf", 0, "\x7fELF"}, {"arrow", 0, "ARROW1"},
	{"rtf", 0, `{\rtf`}, {"postscript", 0, "%!PS"}, {"sas", 84, "SAS FILE"}, {"tar", 257, "ustar"},
}

// content tells a file's kind from its bytes: "text" for what is plain text,
// and "" for what is not known.
func content(b []byte) string {
	for _, k := range contents {
		if len(b) >= k.at+len(k.prefix) && string(b[k.at:k.at+len(k.prefix)]) == k.prefix {
			return k.kind
		}
	}
	if bytes.IndexByte(b, 0) < 0 {
		return "text"
	}
	return ""
}

// codeNames are the ends of names under which a text is read as code.
var codeNames = map[string]bool{".r": true, ".rmd": true, ".qmd": true, ".py": true, ".sql": true, ".do": true, ".sas": true, ".jl": true, ".go": true, ".sh": true, ".stan": true}

// file looks at the bytes of one file, and collects its tables.
func (c *run) file(f File) {
	if len(f.Bytes) > maxFile {
		c.found("file-size", f.Name, "")
		return
	}
	o := c.manifest.output(f.Name)
	end := strings.ToLower(path.Ext(f.Name))
	kind := content(f.Bytes)
	is := func(ends ...string) bool {
		for _, e := range ends {
			if end == e {
				return true
			}
		}
		c.found("file-name", f.Name, "")
		return false
	}
	switch kind {
	case "png":
		if is(".png") {
			c.png(f)
		}
	case "jpeg":
		if is(".jpg", ".jpeg") {
			c.jpeg(f)
		}
	case "zip":
		if end == ".xlsx" || end == ".xlsm" {
			c.workbook(f, o)
			return
		}
		c.found("file-type", f.Name, "zip")
	case "text":
		c.text(f, o, end)
	case "":
		c.found("file-type", f.Name, "not text")
	default:
		c.found("file-type", f.Name, kind)
	}
}

// text looks at a file of text.
func (c *run) text(f File, o *Output, end string) {
	b := bytes.TrimPrefix(f.Bytes, []byte("\ufeff"))
	if line, ok := plain(b); !ok {
		c.found("file-text", f.Name, lineWhere(line))
		return
	}
	s := string(b)
	if o != nil && o.Kind == KindCode {
		if !codeNames[end] {
			c.found("file-type", f.Name, "code")
		}
		c.persons(f.Name, s)
		return
	}
	switch end {
	case ".html", ".htm":
		c.html(f.Name, o, s)
	case ".svg":
		c.svg(f.Name, s)
	case ".json":
		c.json(f.Name, o, b)
	case ".csv", ".tsv":
		c.delimited(f.Name, o, s, end)
	case ".md", ".txt", ".log", ".tex":
		c.prose(f.Name, o, s)
	case "":
		c.found("file-type", f.Name, "no extension")
	default:
		c.found("file-type", f.Name, end)
	}
}

// plain reports whether a text is UTF-8 of characters that can be seen, and
// else the line of the first that is not.
func plain(b []byte) (line int, ok bool) {
	line = 1
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		switch {
		case r == utf8.RuneError && n == 1:
			return line, false
		case r == '\n':
			line++
		case r == '\t' || r == '\r':
		case unicode.IsControl(r), r != '\u00ad' && unicode.In(r, unicode.Cf), r == '\ufeff', unicode.In(r, unicode.Co):
			return line, false
		}
		b = b[n:]
	}
	return line, true
}

// tableless looks for outputs that are said to be numbers and in which no table
// was found to look at.
func (c *run) tableless() {
	seen := map[string]bool{}
	for _, g := range c.grids {
		seen[g.file] = true
	}
	for i := range c.manifest.Outputs {
		o := &c.manifest.Outputs[i]
		switch o.Kind {
		case KindTable, KindQuantiles, KindRegression, KindSurvival, KindModel:
			cleared := o.ClearedFrom != "" && strings.EqualFold(path.Ext(o.File), ".json") // it is compared byte for byte
			if _, there := c.files[o.File]; there && !seen[o.File] && !c.declares(o) && !cleared {
				c.found("table-missing", o.File, "")
			}
		}
	}
}

// prose looks at a text for people: its tables, and the numbers in its lines.
func (c *run) prose(name string, o *Output, s string) {
	c.markdownTables(name, o, s)
	if strings.Contains(s, "<!--") {
		c.found("hidden-markup", name, "comment")
	}
	if strings.HasSuffix(name, ".md") && rawMarkup(s) || fetched.MatchString(s) {
		c.found("active-markup", name, "markup inside the text")
	}
	if log.MatchString(s) {
		c.found("log-text", name, "")
	}
	numbers := 0
	for _, line := range strings.Split(s, "\n") {
		if !strings.Contains(line, "|") && len(several.FindAllString(line, -1)) >= 2 {
			numbers++
		}
	}
	if numbers >= 3 {
		c.found("text-numbers", name, "")
	}
	c.lines(name, s)
}

// several finds numbers that stand in columns, two spaces or a tab apart.
var several = regexp.MustCompile(`(?:^|  |\t)\s*[0-9][0-9.,%]*`)

var (
	tag     = regexp.MustCompile(`<(/?[A-Za-z][^<>]*)>`)
	fetched = regexp.MustCompile(`(?i)\]\(\s*(data|javascript):|!\[[^\]]*\]\(`)
)

// rawMarkup reports whether a Markdown text holds HTML, which a page made of it
// would run or hide.
func rawMarkup(s string) bool {
	for _, m := range tag.FindAllStringSubmatch(s, -1) {
		switch inside := strings.ToLower(m[1]); {
		case inside == "br" || inside == "br/" || inside == "br /", strings.HasPrefix(inside, "http://"), strings.HasPrefix(inside, "https://"):
		default:
			return true
		}
	}
	return false
}

var log = regexp.MustCompile(`(?m)(^Traceback \(most recent|^Error in |^\[1\] |^#> |\bDEBUG\b|^\s*<chr>|tibble: )`)

// lines looks at each line of a text for persons and numbers of persons.
func (c *run) lines(name, s string) {
	for i, line := range strings.Split(s, "\n") {
		c.sentence(name, lineWhere(i+1), line)
	}
	c.persons(name, s)
}
