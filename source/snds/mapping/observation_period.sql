-- From the first care of a person to the last day of care in the whole extract,
-- or the person's death. Somebody without any care has no such period.
SELECT
  s.person_id AS observation_period_id,
  s.person_id,
  s.first_day AS observation_period_start_date,
  greatest(s.last_day, least(coalesce(d.day, e.last_day), e.last_day)) AS observation_period_end_date,
  32810 AS period_type_concept_id
FROM clean_span s
CROSS JOIN (SELECT max(last_day) AS last_day FROM clean_span) e
LEFT JOIN clean_death d ON d.person_id = s.person_id
