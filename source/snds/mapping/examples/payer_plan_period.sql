-- given
CREATE TABLE clean_span AS FROM (VALUES (1, DATE '2015-03-01', DATE '2019-01-01'), (2, DATE '2015-03-01', DATE '2019-01-01')) t(person_id, first_day, last_day);
CREATE TABLE clean_person AS FROM (VALUES (1, '01'), (2, NULL)) t(person_id, regime);
-- expect
FROM (VALUES (1, 1, DATE '2015-03-01', DATE '2019-01-01', '01'))
  t(payer_plan_period_id, person_id, payer_plan_period_start_date, payer_plan_period_end_date, payer_source_value);
