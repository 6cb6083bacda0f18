package sqlplan

import (
	"fmt"
	"strings"

	"galien/cohort"
)

// Tabulation is the SQL of a table by dimensions, to be run after a plan's
// statements. Each query gives one key per dimension, cohort.Total for a margin.
type Tabulation struct {
	// Entries selects keys, distinct persons and cohort periods by start.
	Entries string
	// Population selects keys, distinct persons observed and their days.
	Population string
}

// Tabulate writes the tabulation of the plan's periods over its buckets.
func (p Plan) Tabulate(by []cohort.Dimension, rel Relation) Tabulation {
	keys := make([]string, len(by))
	expressions := make([]string, len(by))
	for i, d := range by {
		keys[i] = fmt.Sprintf("CASE WHEN grouping(%[1]s) = 1 THEN '%[2]s' ELSE %[1]s END AS %[1]s", d, cohort.Total)
		expressions[i] = string(d)
	}
	cube := "GROUP BY CUBE (" + strings.Join(expressions, ", ") + ")"
	head := "SELECT " + strings.Join(keys, ", ")
	if len(by) == 0 {
		cube, head = "", "SELECT"
	} else {
		head += ","
	}
	return Tabulation{
		Entries: fmt.Sprintf(`%s count(DISTINCT person_id) AS persons, count(*) AS n FROM (
SELECT R.person_id, %s FROM (SELECT person_id, year(start_date) AS y FROM %s) R JOIN %s P ON P.person_id = R.person_id)
%s`, head, strata(), p.Periods, rel("person"), cube),
		Population: fmt.Sprintf(`%s count(DISTINCT person_id) AS persons, CAST(sum(days) AS BIGINT) AS n FROM (
SELECT R.person_id, R.days, %s FROM (
 SELECT person_id, y, least(op_end, make_date(y, 12, 31)) - greatest(op_start, make_date(y, 1, 1)) + 1 AS days FROM (
  SELECT person_id, op_start, op_end, CAST(unnest(range(year(op_start), year(op_end) + 1)) AS INTEGER) AS y FROM (
%s))) R JOIN %s P ON P.person_id = R.person_id)
%s`, head, strata(), islands(observation(rel), "op_start", "op_end", "+ 0"), rel("person"), cube),
	}
}

// strata gives sex, age_group and year of R.y for the person P.
func strata() string {
	return `CASE P.gender_concept_id WHEN 8507 THEN 'male' WHEN 8532 THEN 'female' ELSE 'unknown' END AS sex,
 CASE WHEN R.y - P.year_of_birth >= 90 THEN '90+' ELSE
  printf('%d-%d', greatest(R.y - P.year_of_birth, 0) // 10 * 10, greatest(R.y - P.year_of_birth, 0) // 10 * 10 + 9) END AS age_group,
 CAST(R.y AS VARCHAR) AS year`
}
