package source

import (
	"bytes"
	"encoding/csv"
	"io"
	"slices"
	"strings"
)

// shortestNumber is how long a person's number must be to be looked for in text
// that is not cut into fields.
const shortestNumber = 5

// Mentions reports whether the text of a quarantined row speaks of a person who
// has one of the numbers. header and delimiter are how the row is cut. Where the
// header has a column person_id, that column decides; where the row cannot be cut
// so, any field does; and where nothing says how to cut it, as for fixed-width
// lines, the number does wherever it stands.
func Mentions(header string, delimiter byte, raw []byte, numbers []string) bool {
	if len(raw) == 0 {
		return false
	}
	if delimiter == 0 {
		return slices.ContainsFunc(numbers, func(n string) bool {
			return len(n) >= shortestNumber && bytes.Contains(raw, []byte(n))
		})
	}
	names := fields(delimiter, header)
	values := fields(delimiter, string(raw))
	at := slices.IndexFunc(names, func(s string) bool { return strings.EqualFold(strings.TrimSpace(s), "person_id") })
	if at >= 0 && len(values) == len(names) {
		values = values[at : at+1]
	}
	return slices.ContainsFunc(values, func(v string) bool {
		return slices.Contains(numbers, plain(v)) || slices.Contains(numbers, strings.TrimSpace(v))
	})
}

// fields cuts a line; one that cannot be read as CSV is cut at the delimiter.
func fields(delimiter byte, line string) []string {
	if delimiter != '\t' {
		r := csv.NewReader(strings.NewReader(line))
		r.Comma, r.LazyQuotes, r.FieldsPerRecord = rune(delimiter), true, -1
		var all []string
		for {
			list, err := r.Read()
			all = append(all, list...)
			if err == io.EOF {
				return all
			}
			if err != nil {
				break
			}
		}
	}
	list := strings.Split(line, string(delimiter))
	for i, s := range list {
		list[i] = strings.Trim(s, "\" \r\n")
	}
	return list
}

// plain is a field as a whole number is written: without zeros before it.
func plain(s string) string {
	s = strings.TrimSpace(s)
	sign := ""
	switch {
	case strings.HasPrefix(s, "-"):
		sign, s = "-", s[1:]
	case strings.HasPrefix(s, "+"):
		s = s[1:]
	}
	if s == "" || strings.Trim(s, "0123456789") != "" {
		return sign + s
	}
	if s = strings.TrimLeft(s, "0"); s == "" {
		return "0"
	}
	return sign + s
}
