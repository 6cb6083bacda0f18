package check

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

var (
	// A NIR or INS: sex, year, month, department (2A and 2B for Corsica),
	// municipality, order, and a key of two digits.
	nir = regexp.MustCompile(`(?:^|[^0-9A-Za-z])([1-478])[ .]?([0-9]{2})[ .]?([0-9]{2})[ .]?([0-9]{2}|2[ABab])[ .]?([0-9]{3})[ .]?([0-9]{3})[ .]?([0-9]{2})(?:$|[^0-9A-Za-z])`)

	mail    = regexp.MustCompile(`[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}`)
	phone   = regexp.MustCompile(`(?:^|[^0-9.,])(?:0[1-9]|(?:\+|00)33[ .-]?[1-9])(?:[ .-]?[0-9]{2}){4}(?:$|[^0-9.,])`)
	address = regexp.MustCompile(`(?i)(?:^|[^0-9])[0-9]{1,4}(?:,| bis| ter)? +(?:rue|avenue|boulevard|bd|chemin|impasse|allées?|quai|street|road|lane) +\p{L}`)
)

// persons looks through a text for what names or reaches a person.
func (c *run) persons(name, s string) {
	for i, line := range strings.Split(s, "\n") {
		c.person(name, lineWhere(i+1), line)
	}
}

// person looks through a line, or a text as it is shown.
func (c *run) person(name, where, s string) {
	if hasNIR(s) {
		c.found("person-number", name, where)
	}
	if mail.MatchString(s) || phone.MatchString(s) || address.MatchString(s) {
		c.found("person-contact", name, where)
	}
}

// hasNIR reports whether a line holds a social security number whose key is
// right: 97 less the rest of the first 13 digits divided by 97, where 2A and 2B
// count as 19 and 18.
func hasNIR(line string) bool {
	for {
		at := nir.FindStringSubmatchIndex(line)
		if at == nil {
			return false
		}
		m := nir.FindStringSubmatch(line)
		line = line[at[3]:] // two numbers may share the character between them
		department := strings.ToUpper(m[4])
		switch department {
		case "2A":
			department = "19"
		case "2B":
			department = "18"
		}
		n, err := strconv.ParseInt(m[1]+m[2]+m[3]+department+m[5]+m[6], 10, 64)
		key, err2 := strconv.ParseInt(m[7], 10, 64)
		if err == nil && err2 == nil && key == 97-n%97 {
			return true
		}
	}
}

// idNames are names of columns that hold what identifies a person.
var idNames = regexp.MustCompile(`(?i)^(.*[_. -])?(person|patient|pat|subject|beneficiar[yi]|bénéficiaire|individu)[_. -]?(id|no|num|numero|key|uid|ids)$|^(id|uuid|guid|nir|ins|ipp|nda|nss|ssn|mrn|nhs_number|person_source_value|pseudonym[eo]?|ben_nir_psa|num_enq|nir_ano_17|(first|last|family|given)[_ ]?name|nom|prenom|prénom|nom_naissance|date_?of_?birth|birth_?date(time)?|dob|date_?(de_)?naissance|ddn|address|adresse|phone|tel|telephone|téléphone|e-?mail|courriel|date_?of_?death|death_?date|date_?(de_)?d[eé]c[eè]s)$`)

var (
	fullDate = regexp.MustCompile(`^([0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{2}/[0-9]{2}/[0-9]{4})([T ].*)?$`)
	longID   = regexp.MustCompile(`^(?:[0-9]{6,}|[0-9a-fA-F]{16,}|[0-9a-fA-F]{8}-[0-9a-fA-F-]{27})$`)
)

// patients looks for a table of one row for each person.
func (c *run) patients(g *grid) {
	for j, name := range g.header {
		if idNames.MatchString(strings.TrimSpace(name)) {
			c.found("person-columns", g.file, g.column(j))
		}
	}
	if len(g.rows) < 5 {
		return
	}
	dates, counts := 0, 0
	for j := range g.header {
		ids, days, different := 0, 0, map[string]bool{}
		for _, row := range g.rows {
			v := strings.TrimSpace(row[j])
			different[v] = true
			if longID.MatchString(v) {
				ids++
			}
			if fullDate.MatchString(v) {
				days++
			}
		}
		role := g.role(j)
		if ids == len(g.rows) && len(different) == len(g.rows) && !isCount(role) && role != RolePersonTime {
			c.found("person-rows", g.file, g.column(j))
		}
		if days == len(g.rows) {
			dates++
		}
		if isCount(role) {
			counts++
		}
	}
	// Two full dates in every row, or one beside no count, is the life of a
	// person and not a category.
	if dates >= 2 || dates == 1 && counts == 0 && len(g.rows) >= 20 {
		c.found("person-rows", g.file, g.name())
	}
	if counts == 0 && len(g.rows) > 100 && g.out != nil && (g.out.Kind == KindTable || g.out.Kind == KindQuantiles) {
		c.found("person-rows", g.file, g.name())
	}
}

func lineWhere(n int) string { return fmt.Sprintf("line %d", n) }
