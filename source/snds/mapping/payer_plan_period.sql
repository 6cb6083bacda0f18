-- The scheme of affiliation of the row updated last, for the days observed.
SELECT
  s.person_id AS payer_plan_period_id,
  s.person_id,
  s.first_day AS payer_plan_period_start_date,
  s.last_day AS payer_plan_period_end_date,
  0 AS payer_concept_id,
  p.regime AS payer_source_value
FROM clean_span s
JOIN clean_person p ON p.person_id = s.person_id
WHERE p.regime IS NOT NULL
