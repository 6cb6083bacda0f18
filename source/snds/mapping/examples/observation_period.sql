-- The extract ends on 2021-12-31. One person is alive, one died, one died after
-- the extract's end, one had care billed after the death.
-- given
CREATE TABLE clean_span AS FROM (VALUES
  (1, DATE '2015-03-01', DATE '2019-01-01'), (2, DATE '2015-03-01', DATE '2019-01-01'),
  (3, DATE '2015-03-01', DATE '2021-12-31'), (4, DATE '2015-03-01', DATE '2019-02-03')
) t(person_id, first_day, last_day);
CREATE TABLE clean_death AS FROM (VALUES
  (2, DATE '2019-06-01', NULL), (3, DATE '2022-02-01', NULL), (4, DATE '2019-02-01', NULL)
) t(person_id, day, cause);
-- expect
FROM (VALUES
  (1, 1, DATE '2015-03-01', DATE '2021-12-31'), (2, 2, DATE '2015-03-01', DATE '2019-06-01'),
  (3, 3, DATE '2015-03-01', DATE '2021-12-31'), (4, 4, DATE '2015-03-01', DATE '2019-02-03')
) t(observation_period_id, person_id, observation_period_start_date, observation_period_end_date);
