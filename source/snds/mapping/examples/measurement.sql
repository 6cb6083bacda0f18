-- A test in town, and one in outpatient hospital care, which has a visit.
-- given
CREATE TABLE clean_care AS FROM (VALUES (1, 'BIO', 4, DATE '2016-05-03', '0593', 'E1', NULL, 1.0)) t(id, kind, person_id, day, code, executor, prescriber, quantity);
CREATE TABLE clean_outpatient_act AS FROM (VALUES
  (3, 2, 5, DATE '2016-02-02', 'CCAM', 'ZBQK002', 1.0), (2, 2, 5, DATE '2016-02-02', 'NABM', '1104', 1.0)
) t(id, visit_id, person_id, day, system, code, quantity);
CREATE TABLE clean_provider AS FROM (VALUES (9, 'E1', 1)) t(provider_id, executor, specialty);
CREATE TABLE local_concept AS FROM (VALUES ('NABM', '0593', 2000000007)) t(vocabulary, code, concept_id);
-- expect
FROM (VALUES
  (1, 4, 2000000007, DATE '2016-05-03', 9, NULL, '0593'),
  (2, 5, 0, DATE '2016-02-02', NULL, 2, '1104')
) t(measurement_id, person_id, measurement_concept_id, measurement_date, provider_id, visit_occurrence_id, measurement_source_value);
