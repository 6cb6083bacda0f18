-- From the first entry to the last leaving.
-- given
CREATE TABLE clean_span AS FROM (VALUES (7, DATE '2016-01-02', DATE '2019-03-01')) t(person_id, first_day, last_day);
-- expect
FROM (VALUES (1, 7, DATE '2016-01-02', DATE '2019-03-01', 32812))
  t(observation_period_id, person_id, observation_period_start_date, observation_period_end_date, period_type_concept_id);
