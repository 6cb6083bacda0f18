-- A death with its cause, and one without a certificate.
-- given
CREATE TABLE clean_death AS FROM (VALUES (1, DATE '2020-05-11', 'G309'), (2, DATE '2016-12-18', NULL)) t(person_id, day, cause);
CREATE TABLE local_concept AS FROM (VALUES ('CIM10', 'G309', 2000000009)) t(vocabulary, code, concept_id);
-- expect
FROM (VALUES (1, DATE '2020-05-11', 2000000009, 'G309', 32815), (2, DATE '2016-12-18', 0, NULL, 32813))
  t(person_id, death_date, cause_concept_id, cause_source_value, death_type_concept_id);
