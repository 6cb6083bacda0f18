-- An act in town, one in a stay, one in outpatient care with its consultation
-- fee, one of rehabilitation, and two consultations of one day with one
-- professional, which are two rows of one visit: the first has the id of its line.
-- given
CREATE TABLE clean_care AS FROM (VALUES
  (5, 'CAM', 4, DATE '2016-05-01', 'HHQE005', 'E1', 'E2', 1.0),
  (3, 'PRS', 4, DATE '2016-03-02', '1111', 'E1', 'E1', 2.0),
  (6, 'PHA', 4, DATE '2016-03-02', '3400999736329', 'E1', 'E1', 2.0)
) t(id, kind, person_id, day, code, executor, prescriber, quantity);
CREATE TABLE clean_stay_act AS FROM (VALUES (1, 101, 4, DATE '2016-01-03', 'DEQP003', 2.0)) t(id, visit_id, person_id, day, code, quantity);
CREATE TABLE clean_outpatient_act AS FROM (VALUES
  (2, 102, 4, DATE '2016-02-02', 'CCAM', 'ZBQK002', 1.0),
  (7, 102, 4, DATE '2016-02-02', 'ACT', 'CS', 1.0),
  (2, 102, 4, DATE '2016-02-02', 'NABM', '1104', 1.0)
) t(id, visit_id, person_id, day, system, code, quantity);
CREATE TABLE clean_field_act AS FROM (VALUES (8, 103, 4, DATE '2016-06-03', 'CSARR', 'PBR+256', 2.0)) t(id, visit_id, person_id, day, system, code, quantity);
CREATE TABLE clean_provider AS FROM (VALUES (9, 'E1', 1)) t(provider_id, executor, specialty);
CREATE TABLE local_concept AS FROM (VALUES ('CCAM', 'HHQE005', 2000000003)) t(vocabulary, code, concept_id);
-- expect
FROM (VALUES
  (1, DATE '2016-01-03', 0, 2, NULL, 101, 'DEQP003'),
  (2, DATE '2016-02-02', 0, 1, NULL, 102, 'ZBQK002'),
  (3, DATE '2016-03-02', 0, 1, 9, event_id('town', 4, DATE '2016-03-02', 9), '1111'),
  (event_id(3, 1::BIGINT), DATE '2016-03-02', 0, 1, 9, event_id('town', 4, DATE '2016-03-02', 9), '1111'),
  (5, DATE '2016-05-01', 2000000003, 1, 9, NULL, 'HHQE005'),
  (7, DATE '2016-02-02', 0, 1, NULL, 102, 'CS'),
  (8, DATE '2016-06-03', 0, 2, NULL, 103, 'PBR+256')
) t(procedure_occurrence_id, procedure_date, procedure_concept_id, quantity, provider_id, visit_occurrence_id, procedure_source_value);
