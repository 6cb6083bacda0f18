-- An act with its surgeon and anaesthetist, and one with an extension.
-- given
CREATE TABLE clean_act AS FROM (VALUES
  (5, 8, 4, DATE '2016-01-03', 'HHFA011', NULL, '0', '1+4', 1),
  (5, 8, 4, DATE '2016-01-03', 'JVJF004', '-02', '0', '1', 2)
) t(stay_id, unit_id, person_id, day, code, extension, phase, activities, quantity);
CREATE TABLE local_concept AS FROM (VALUES ('CCAM', 'HHFA011', 2000000003)) t(vocabulary, code, concept_id);
-- expect
FROM (VALUES
  (1, 4, 2000000003, DATE '2016-01-03', 1, 5, 8, 'HHFA011', 'phase 0, activity 1+4'),
  (2, 4, 0, DATE '2016-01-03', 2, 5, 8, 'JVJF004', 'phase 0, activity 1, extension -02')
) t(procedure_occurrence_id, person_id, procedure_concept_id, procedure_date, quantity, visit_occurrence_id, visit_detail_id, procedure_source_value,
  modifier_source_value);
