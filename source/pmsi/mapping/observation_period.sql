-- From the first day to the last that the hospital saw the person in a stay. It
-- says nothing of the time before, between or after.
SELECT
  row_number() OVER (ORDER BY person_id) AS observation_period_id,
  person_id,
  first_day AS observation_period_start_date,
  last_day AS observation_period_end_date,
  32812 AS period_type_concept_id
FROM clean_span
