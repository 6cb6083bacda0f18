package sqlplan

import (
	"fmt"
	"strings"

	"galien/cohort"
)

// exitsQuery gives each included event the earliest of its possible ends that
// is not before its start; an event without one is dropped.
func (b *builder) exitsQuery() string {
	var ends []string
	switch e := b.def.Exit.(type) {
	case cohort.DateOffset:
		end := fmt.Sprintf("start_date + (%d)", e.Days)
		if e.FromEnd {
			end = fmt.Sprintf("end_date + (%d)", e.Days)
		}
		ends = append(ends, fmt.Sprintf("SELECT person_id, event_id, start_date, CASE WHEN %[1]s > op_end THEN op_end ELSE %[1]s END AS end_date FROM %[2]s", end, b.included))
	case cohort.DrugEra:
		ends = append(ends, b.observed(), b.drugEraEnds(e))
	default:
		ends = append(ends, b.observed())
	}
	if len(b.def.Censoring) > 0 {
		var parts []string
		for _, c := range b.def.Censoring {
			parts = append(parts, "SELECT person_id, start_date FROM (\n"+b.criterion(c, nil)+"\n)")
		}
		censoring := b.cte(strings.Join(parts, "\nUNION ALL\n"))
		ends = append(ends, fmt.Sprintf(`SELECT I.person_id, I.event_id, I.start_date, min(C.start_date) AS end_date
FROM %s I JOIN %s C ON C.person_id = I.person_id AND C.start_date >= I.start_date AND C.start_date <= I.op_end
GROUP BY I.person_id, I.event_id, I.start_date`, b.included, censoring))
	}
	if len(ends) == 1 {
		return b.with("SELECT person_id, event_id, start_date, end_date FROM (\n" + ends[0] + "\n) WHERE end_date >= start_date")
	}
	return b.with("SELECT person_id, event_id, start_date, min(end_date) AS end_date FROM (\n" + strings.Join(ends, "\nUNION ALL\n") +
		"\n) WHERE end_date >= start_date GROUP BY person_id, event_id, start_date")
}

func (b *builder) observed() string {
	return "SELECT person_id, event_id, start_date, op_end AS end_date FROM " + b.included
}

func (b *builder) drugEraEnds(e cohort.DrugEra) string {
	end := "coalesce(t.drug_exposure_end_date, t.drug_exposure_start_date + " + daysSupply + ", t.drug_exposure_start_date + 1)"
	if e.DaysForce != nil {
		end = fmt.Sprintf("t.drug_exposure_start_date + (%d)", *e.DaysForce)
	}
	exposures := b.cte(fmt.Sprintf(`SELECT t.person_id, t.drug_exposure_start_date AS s, %s + (%d) AS e
FROM %s t SEMI JOIN %s I ON I.person_id = t.person_id
WHERE %s OR %s`, end, e.Offset, b.rel("drug_exposure"), b.included, b.in("t.drug_concept_id", e.Codeset), b.in("t.drug_source_concept_id", e.Codeset)))
	eras := b.cte(islands(exposures, "s", "e", fmt.Sprintf("+ %d", e.GapDays)))
	return fmt.Sprintf(`SELECT I.person_id, I.event_id, I.start_date, E.e AS end_date
FROM %s I JOIN %s E ON E.person_id = I.person_id AND I.start_date >= E.s AND I.start_date <= E.e`, b.included, eras)
}

// islands joins a person's spans [s, e] whose gap, after slack is added to the
// end, leaves no day between them: one row per island, the ends without slack.
func islands(from, s, e, slack string) string {
	return fmt.Sprintf(`SELECT person_id, min(%[2]s) AS %[2]s, max(%[3]s) AS %[3]s FROM (
 SELECT person_id, %[2]s, %[3]s, sum(fresh) OVER (PARTITION BY person_id ORDER BY %[2]s, %[3]s, fresh DESC ROWS UNBOUNDED PRECEDING) AS island FROM (
  SELECT person_id, %[2]s, %[3]s,
   CASE WHEN max(%[3]s) OVER (PARTITION BY person_id ORDER BY %[2]s, %[3]s ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) %[4]s >= %[2]s THEN 0 ELSE 1 END AS fresh
  FROM %[1]s))
GROUP BY person_id, island`, from, s, e, slack)
}

func collapseQuery(pad int) string {
	return islands(exits, "start_date", "end_date", fmt.Sprintf("+ %d", pad))
}

// clipQuery clips periods to the censor window; "" without one.
func clipQuery(def *cohort.Definition, periods string) string {
	if def.CensorStart == nil && def.CensorEnd == nil {
		return ""
	}
	start, end := "start_date", "end_date"
	if def.CensorStart != nil {
		start = "greatest(start_date, " + date(*def.CensorStart) + ")"
	}
	if def.CensorEnd != nil {
		end = "least(end_date, " + date(*def.CensorEnd) + ")"
	}
	return fmt.Sprintf("SELECT * FROM (SELECT person_id, %s AS start_date, %s AS end_date FROM %s) WHERE start_date <= end_date", start, end, periods)
}
