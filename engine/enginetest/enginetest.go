// Package enginetest holds what every engine must pass: example cases that are
// also the manual of cohort definitions (docs/cohorts.md), the judgement by
// Circe's own answers, and a generator of random definitions over hostile data
// whose answers are compared with package engine/oracle.
//
// It owns no engine. An engine's tests hand over a way to run a definition:
//
//	enginetest.Cases(t, run)                       // the manual, case by case
//	enginetest.Circe(t, enginetest.Library, run)   // OHDSI Circe's answers
//	enginetest.Differential(t, seed, 500, open)    // against the oracle
//	enginetest.Effects(t, open, enginetest.Parts()) // nothing of the model is ignored
//
// Tables are given as table -> rows -> column -> value; a value is nil, int64,
// float64, string or galien.Date. An absent column is null.
package enginetest

import (
	"context"
	"fmt"
	"slices"
	"sort"
	"strings"

	"galien"
	"galien/cohort"
)

// Tables is a small OMOP CDM, vocabulary included.
type Tables map[string][]map[string]any

// Run answers a definition over the tables it was opened for: every row of the
// cohort, in any order, and the summary.
type Run func(ctx context.Context, def *cohort.Definition) ([]cohort.Row, cohort.Summary, error)

// Open makes tables ready for an engine, once for many definitions. The engine
// releases what it holds in the test's own cleanup.
type Open func(tables Tables) (Run, error)

// sortRows orders rows by person, start and end.
func sortRows(rows []cohort.Row) {
	sort.Slice(rows, func(i, j int) bool {
		a, b := rows[i], rows[j]
		if a.Person != b.Person {
			return a.Person < b.Person
		}
		if a.Start != b.Start {
			return a.Start < b.Start
		}
		return a.End < b.End
	})
}

// differences describes how two answers differ, and is empty when they agree.
// Reasons of the attrition are texts for people and are not compared.
func differences(wantRows, gotRows []cohort.Row, want, got cohort.Summary) string {
	var list []string
	say := func(format string, args ...any) { list = append(list, fmt.Sprintf(format, args...)) }
	sortRows(wantRows)
	sortRows(gotRows)
	if !slices.Equal(wantRows, gotRows) {
		say("rows: want %s, got %s", rowsText(wantRows), rowsText(gotRows))
	}
	if int64(len(gotRows)) != got.Rows || countPersons(gotRows) != got.Persons {
		say("summary: says %d rows of %d persons, gave %d of %d", got.Rows, got.Persons, len(gotRows), countPersons(gotRows))
	}
	if w, g := stepsText(want.Attrition), stepsText(got.Attrition); w != g {
		say("attrition: want %s\n           got %s", w, g)
	}
	if !slices.Equal(want.Inclusion, got.Inclusion) {
		say("inclusion: want %v, got %v", want.Inclusion, got.Inclusion)
	}
	return strings.Join(list, "\n")
}

func countPersons(rows []cohort.Row) int64 {
	seen := map[galien.PersonID]bool{}
	for _, r := range rows {
		seen[r.Person] = true
	}
	return int64(len(seen))
}

func rowsText(rows []cohort.Row) string {
	if len(rows) == 0 {
		return "none"
	}
	const most = 12
	var list []string
	for i, r := range rows {
		if i == most {
			list = append(list, fmt.Sprintf("and %d more", len(rows)-most))
			break
		}
		list = append(list, fmt.Sprintf("%d %s..%s", r.Person, r.Start, r.End))
	}
	return strings.Join(list, ", ")
}

func stepsText(steps []cohort.Step) string {
	var list []string
	for _, s := range steps {
		list = append(list, fmt.Sprintf("%s %d/%d", s.Name, s.Events, s.Persons))
	}
	return strings.Join(list, "; ")
}
