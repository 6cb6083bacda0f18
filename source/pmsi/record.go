package pmsi

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"galien"
	"galien/source"
)

// Problem says why a line, or a field of it, cannot be read. It never holds a
// value.
type Problem struct {
	// Field is the group and the name of the field, in lower case, such as
	// "rum.dsum"; empty for the line as a whole.
	Field string
	Code  source.Code
}

func (p *Problem) Error() string {
	if p.Field == "" {
		return p.Code.Reason()
	}
	return p.Field + ": " + p.Code.Reason()
}

// Record is a line cut into its parts.
type Record struct {
	Format *Format
	text   string // one byte a character, in ISO-8859-1
	parts  []Part
}

// Part is one group of a line, in its place.
type Part struct {
	text   string
	group  *Group
	number int // of the group
	parent int // the part that counts this one, -1 for the first
}

// First returns the part that every line has.
func (r *Record) First() Part { return r.parts[0] }

// Of returns the parts of a group, in the order of the line.
func (r *Record) Of(group string) []Part {
	n := r.Format.group(group)
	var list []Part
	for _, p := range r.parts {
		if p.number == n {
			list = append(list, p)
		}
	}
	return list
}

// raw returns the characters of a field, with the blanks around them. A field
// that this version lacks is empty.
func (p Part) raw(field string) (string, *Field) {
	i, ok := p.group.index[field]
	if !ok {
		return "", nil
	}
	f := &p.group.Fields[i]
	return p.text[f.Start : f.Start+f.Length], f
}

// Text returns a field without the blanks around it.
func (p Part) Text(field string) string {
	raw, _ := p.raw(field)
	return strings.TrimSpace(utf8Of(raw))
}

// problem names a field of the part.
func (p Part) problem(field string, code source.Code) *Problem {
	return &Problem{strings.ToLower(p.group.Name + "." + field), code}
}

// Number returns a whole number (or hundredths, for an amount); false when the
// field is empty.
func (p Part) Number(field string) (int64, bool, *Problem) {
	s := p.Text(field)
	if s == "" {
		return 0, false, nil
	}
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return 0, false, p.problem(field, source.NotInteger)
		}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0, false, p.problem(field, source.OutOfRange)
	}
	return n, true, nil
}

// Date returns a date written JJMMAAAA; false when the field is empty or all
// zeros.
func (p Part) Date(field string) (galien.Date, bool, *Problem) {
	s := p.Text(field)
	if strings.Trim(s, "0") == "" {
		return 0, false, nil
	}
	t, err := time.Parse("02012006", s)
	if err != nil {
		return 0, false, p.problem(field, source.NotDate)
	}
	if t.Year() < 1800 || t.Year() > 2300 {
		return 0, false, p.problem(field, source.ImplausibleDate)
	}
	return galien.Date(t.Unix() / 86400), true, nil
}

// check returns the problem of a field that is not of its type.
func (p Part) check(f Field) *Problem {
	var problem *Problem
	switch f.kind {
	case whole, amount:
		_, _, problem = p.Number(f.Name)
	case day:
		_, _, problem = p.Date(f.Name)
	}
	return problem
}

// Check returns the fields that are not of their type, in the order of the
// line.
func (r *Record) Check() []*Problem {
	var list []*Problem
	for _, p := range r.parts {
		for _, f := range p.group.Fields {
			if problem := p.check(f); problem != nil {
				list = append(list, problem)
			}
		}
	}
	return list
}

// latin1Of returns a line with one byte a character, so that places can be
// counted. Characters beyond ISO-8859-1 become question marks.
func latin1Of(line string) string {
	if ascii(line) || !utf8.ValidString(line) {
		return line
	}
	b := make([]byte, 0, len(line))
	for _, c := range line {
		if c > 0xff {
			c = '?'
		}
		b = append(b, byte(c))
	}
	return string(b)
}

// utf8Of is the reverse of latin1Of.
func utf8Of(s string) string {
	if ascii(s) {
		return s
	}
	b := make([]rune, 0, len(s))
	for i := range len(s) {
		b = append(b, rune(s[i]))
	}
	return string(b)
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// cut returns the parts of a line of this format. The line has one byte a
// character. A counter that is not a number, or a line that is not as long as
// its counters say, is a problem.
func (f *Format) cut(line string) ([]Part, *Problem) {
	first := &f.Groups[0]
	if len(line) < first.Length {
		if len(line) < f.shortest {
			return nil, &Problem{Code: source.WrongLength}
		}
		line += strings.Repeat(" ", first.Length-len(line))
	}
	parts := []Part{{line[:first.Length], first, 0, -1}}
	at := first.Length
	for n := 1; n < len(f.Groups); n++ {
		g := &f.Groups[n]
		for i := 0; i < len(parts); i++ {
			if parts[i].number != g.parent {
				continue
			}
			for _, c := range parts[i].group.Fields {
				for _, counted := range c.counts {
					if counted != n {
						continue
					}
					count, _, problem := parts[i].Number(c.Name)
					if problem != nil {
						return nil, problem
					}
					if count > int64(len(line)-at)/int64(g.Length) {
						return nil, &Problem{Code: source.WrongLength}
					}
					for range count {
						parts = append(parts, Part{line[at : at+g.Length], g, n, i})
						at += g.Length
					}
				}
			}
		}
	}
	if strings.TrimRight(line[at:], " ") != "" {
		return nil, &Problem{Code: source.WrongLength}
	}
	return parts, nil
}

// Parse cuts a line, without its line end, into its parts. The line is UTF-8 or
// ISO-8859-1.
func (f *Format) Parse(line string) (Record, *Problem) {
	line = latin1Of(line)
	if strings.IndexByte(line, 0) >= 0 {
		return Record{}, &Problem{Code: source.UnreadableRow}
	}
	parts, problem := f.cut(line)
	return Record{f, line, parts}, problem
}

// Detect returns the format that a line says it has. When it could be of
// several, as when the digits of a number stand where another format has its
// version, it is the one whose length is right.
func Detect(line string) (*Format, *Problem) {
	line = latin1Of(line)
	var found *Format
	for _, kind := range kinds {
		for _, f := range Formats() {
			if f.Kind != kind || !f.marked(line) {
				continue
			}
			if _, problem := f.cut(line); problem == nil {
				return f, nil
			}
			if found == nil && f.shaped(line) {
				found = f
			}
		}
	}
	if found == nil {
		return nil, &Problem{Code: source.UnknownFormat}
	}
	return found, nil
}

// marked reports whether the version of the format stands in its place. A TRA,
// which says none, has two dates in theirs.
func (f *Format) marked(line string) bool {
	if f.mark == "" {
		return date(line, 60) && date(line, 74)
	}
	return len(line) >= f.at+len(f.mark) && line[f.at:f.at+len(f.mark)] == f.mark
}

// shaped reports whether a line that is not of the right length looks like its
// kind, by something beside the version.
func (f *Format) shaped(line string) bool {
	return kindOf(line) == f.Kind
}

// kindOf says which kind of line this seems to be, whatever its version.
func kindOf(line string) string {
	number := func(from, to int) bool { return digits(line, from, to) }
	switch {
	case len(line) >= 52 && line[48] == 'V' && number(49, 52) && date(line, 19):
		return "VID-HOSP"
	case number(9, 12) && line[9] == '1' && (number(24, 27) && line[24] == '0' || date(line, 77)):
		return "RSS"
	case number(9, 12) && line[9] == '0' && date(line, 62):
		return "RUM"
	case number(9, 12) && line[9] == '2' && number(22, 25) && line[22] == '1':
		return "RSA"
	case number(17, 19) && (line[16] == 'A' || line[16] == '0') && len(line) > 300 && !number(0, 15):
		return "ANO-HOSP"
	}
	return ""
}

// digits reports whether a part of a line is there and has nothing else.
func digits(line string, from, to int) bool {
	return len(line) >= to && strings.Trim(line[from:to], "0123456789") == ""
}

// date reports whether a date JJMMAAAA begins there.
func date(line string, from int) bool {
	if !digits(line, from, from+8) {
		return false
	}
	_, err := time.Parse("02012006", line[from:from+8])
	return err == nil
}

// versionOf returns what stands where a kind of line has its version. It is
// called for lines of that kind only, since elsewhere digits of a number may
// stand there.
func versionOf(kind, line string) string {
	switch kind {
	case "VID-HOSP":
		return line[48:52]
	case "ANO-HOSP":
		return line[16:19]
	}
	return line[9:12]
}
