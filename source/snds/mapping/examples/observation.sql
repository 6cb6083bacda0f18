-- given
CREATE TABLE clean_disease AS FROM (VALUES (4, 'E119', 41, 8, DATE '2010-05-01', DATE '2025-05-01')) t(person_id, code, motive, number, first_day, last_day);
CREATE TABLE local_concept AS FROM (VALUES ('ALD', '41', 2000000008)) t(vocabulary, code, concept_id);
-- expect
FROM (VALUES (event_id('ALD', 4, 'E119'), 4, 2000000008, DATE '2010-05-01', 'E119', 'ALD 41'))
  t(observation_id, person_id, observation_concept_id, observation_date, value_as_string, observation_source_value);
