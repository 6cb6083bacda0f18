-- The motive of a long-term disease; coverage in a year; two causes on one line
-- of a certificate, of which one has a concept; a person known by a provisional
-- number alone, and one with hospital care that may be a twin's.
-- given
CREATE TABLE clean_disease AS FROM (VALUES (4, 'E119', 41, 8, DATE '2010-05-01', DATE '2025-05-01')) t(person_id, code, motive, number, first_day, last_day);
CREATE TABLE clean_coverage AS FROM (VALUES (4, 2016, DATE '2016-01-09')) t(person_id, year, day);
CREATE TABLE clean_certificate_cause AS FROM (VALUES (4, DATE '2020-05-11', 1, 1, 'G309'), (4, DATE '2020-05-11', 1, 2, 'E119')) t(person_id, day, line, rank, code);
CREATE TABLE clean_doubt AS FROM (VALUES (5, 'P04', DATE '2015-03-01'), (6, 'M09', DATE '2016-07-02')) t(person_id, mark, day);
CREATE TABLE local_concept AS FROM (VALUES ('ALD', '41', 2000000008), ('COVER', 'CMU-C', 2000000012), ('CAUSE', 'any', 2000000013), ('CIM10', 'E119', 2000000001),
  ('DOUBT', 'P04', 2000000014), ('DOUBT', 'M09', 2000000015)) t(vocabulary, code, concept_id);
-- expect
FROM (VALUES
  (event_id('ALD', 4, 'E119'), 4, 2000000008, DATE '2010-05-01', 'E119', NULL, 'ALD 41', 32813),
  (event_id('COVER', 4, 2016), 4, 2000000012, DATE '2016-01-09', NULL, NULL, 'CMU-C', 32810),
  (event_id('CAUSE', 4, 1, 1, 'G309'), 4, 2000000013, DATE '2020-05-11', 'G309', NULL, 'certificate line 1 rank 1', 32815),
  (event_id('CAUSE', 4, 1, 2, 'E119'), 4, 2000000013, DATE '2020-05-11', 'E119', 2000000001, 'certificate line 1 rank 2', 32815),
  (event_id('DOUBT', 5, 'P04', DATE '2015-03-01'), 5, 2000000014, DATE '2015-03-01', NULL, NULL, 'P04', 32813),
  (event_id('DOUBT', 6, 'M09', DATE '2016-07-02'), 6, 2000000015, DATE '2016-07-02', NULL, NULL, 'M09', 32812)
) t(observation_id, person_id, observation_concept_id, observation_date, value_as_string, value_as_concept_id, observation_source_value, observation_type_concept_id);
