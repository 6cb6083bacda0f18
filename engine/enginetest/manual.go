package enginetest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// manualIntroduction is the part of the manual that is not examples.
const manualIntroduction = `# Cohort definitions, by example

What a cohort definition means, case by case. Definitions are the JSON of OHDSI Circe 1.12, as ATLAS writes it. Every case below runs as a test
on both engines; this page is written from those tests (` + "`go test ./engine/enginetest -run TestManual -update`" + `), so it cannot say anything else than what they do.

How an answer comes about:

1. **Concept sets** are resolved against the vocabulary.
2. **Entry events** are the rows that the entry criteria select, inside an observation period with the required days before and after. They are
   numbered per person by start (from the latest, for the limit Last), key, start and end; PrimaryCriteriaLimit keeps one, or all.
3. **Additional criteria** and then QualifiedLimit.
4. **Inclusion rules**: an event enters when it meets all; then ExpressionLimit.
5. **Exit**: the earliest of the exit strategy, a censoring event and, but for a date offset, the end of the observation period.
6. **Cohort periods**: what overlaps, or lies within the era pad, becomes one; the censor window cuts what is finished.

Each step's events and persons are the attrition that comes with every answer.

## What the cases leave unsaid

Unless a case shows otherwise, a person is a woman born in 1970, observed from 2020-01-01 to 2020-12-31. Cells shown as – are null. Concept sets
that a definition does not state are those of the next table, and an observation window that it does not state asks for no days.

`

// Manual returns docs/cohorts.md.
func Manual() (string, error) {
	var b strings.Builder
	b.WriteString(manualIntroduction)
	b.WriteString("| concept | name | |\n|---|---|---|\n")
	for _, c := range caseConcepts {
		note := ""
		switch {
		case c.invalid:
			note = fmt.Sprintf("child of %d, no longer valid", c.parent)
		case c.parent != 0:
			note = fmt.Sprintf("child of %d", c.parent)
		case c.mapsTo != 0:
			note = fmt.Sprintf("maps to %d", c.mapsTo)
		}
		fmt.Fprintf(&b, "| %d | %s | %s |\n", c.id, c.name, note)
	}
	b.WriteString("\n| set | name | concepts |\n|---|---|---|\n")
	var sets []struct {
		ID         int
		Name       string
		Expression struct {
			Items []struct {
				Concept            struct{ CONCEPT_ID int }
				IncludeDescendants bool
			}
		}
	}
	if err := json.Unmarshal([]byte(caseSets), &sets); err != nil {
		return "", err
	}
	for _, s := range sets {
		fmt.Fprintf(&b, "| %d | %s |", s.ID, s.Name)
		for _, i := range s.Expression.Items {
			fmt.Fprintf(&b, " %d", i.Concept.CONCEPT_ID)
			if i.IncludeDescendants {
				b.WriteString(" with descendants")
			}
		}
		b.WriteString(" |\n")
	}
	section := ""
	for _, c := range cases {
		if c.Section != section {
			section = c.Section
			fmt.Fprintf(&b, "\n## %s\n", section)
		}
		if err := c.write(&b); err != nil {
			return "", fmt.Errorf("case %q: %w", c.Name, err)
		}
	}
	return b.String(), nil
}

func (c Case) write(b *strings.Builder) error {
	fmt.Fprintf(b, "\n### %s\n\n%s\n", strings.ToUpper(c.Name[:1])+c.Name[1:], c.Says)
	list, err := c.shown()
	if err != nil {
		return err
	}
	for _, s := range list {
		fmt.Fprintf(b, "\n`%s`\n\n", s.name)
		table(b, s.columns, s.rows)
	}
	b.WriteString("\n```json\n")
	if err := layout(b, json.RawMessage(c.Definition), ""); err != nil {
		return err
	}
	b.WriteString("\n```\n\n")
	if rows := lines(c.Rows); len(rows) == 0 {
		b.WriteString("The cohort is empty.\n")
	} else {
		table(b, []string{"subject_id", "cohort_start_date", "cohort_end_date"}, fields(rows))
	}
	if steps := lines(c.Steps); len(steps) > 0 {
		var rows [][]string
		for _, s := range steps {
			name, counts, _ := strings.Cut(s, " = ")
			events, persons, _ := strings.Cut(counts, "/")
			rows = append(rows, []string{name, events, persons})
		}
		b.WriteString("\nAttrition, among other steps:\n\n")
		table(b, []string{"after", "events", "persons"}, rows)
	}
	if masks := lines(c.Inclusion); len(masks) > 0 {
		b.WriteString("\nInclusion results:\n\n")
		table(b, []string{"mode_id", "inclusion_rule_mask", "person_count"}, fields(masks))
	}
	return nil
}

func fields(rows []string) [][]string {
	var list [][]string
	for _, r := range rows {
		list = append(list, strings.Fields(r))
	}
	return list
}

// table writes a Markdown table.
func table(b *strings.Builder, columns []string, rows [][]string) {
	fmt.Fprintf(b, "| %s |\n|%s\n", strings.Join(columns, " | "), strings.Repeat("---|", len(columns)))
	for _, r := range rows {
		cells := strings.ReplaceAll(strings.Join(r, " | "), "| - ", "| – ")
		if r[len(r)-1] == "-" {
			cells = strings.TrimSuffix(cells, "-") + "–"
		}
		fmt.Fprintf(b, "| %s |\n", cells)
	}
}

// layoutWidth is the longest line that layout does not break.
const layoutWidth = 110

// layout writes JSON, on one line where it fits, keeping the order of keys.
func layout(b *strings.Builder, raw json.RawMessage, indent string) error {
	var compact bytes.Buffer
	if err := json.Compact(&compact, raw); err != nil {
		return err
	}
	text := compact.String()
	if len(indent)+len(text) <= layoutWidth || text[0] != '{' && text[0] != '[' {
		b.WriteString(spaced(text))
		return nil
	}
	d := json.NewDecoder(&compact)
	open, err := d.Token()
	if err != nil {
		return err
	}
	fmt.Fprint(b, open)
	inner := indent + "  "
	for first := true; d.More(); first = false {
		if !first {
			b.WriteString(",")
		}
		b.WriteString("\n" + inner)
		if open == json.Delim('{') {
			key, err := d.Token()
			if err != nil {
				return err
			}
			fmt.Fprintf(b, "%q: ", key)
		}
		var v json.RawMessage
		if err := d.Decode(&v); err != nil {
			return err
		}
		if err := layout(b, v, inner); err != nil {
			return err
		}
	}
	closing, err := d.Token()
	if err != nil {
		return err
	}
	fmt.Fprintf(b, "\n%s%v", indent, closing)
	return nil
}

// spaced puts a space after each comma and colon outside strings.
func spaced(text string) string {
	var b strings.Builder
	quoted := false
	for i, c := range text {
		b.WriteRune(c)
		if c == '"' && (i == 0 || text[i-1] != '\\') {
			quoted = !quoted
		}
		if !quoted && (c == ',' || c == ':') {
			b.WriteByte(' ')
		}
	}
	return b.String()
}
