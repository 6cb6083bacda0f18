-- The diagnoses of a stay are dated at its entry; a long-term disease has no
-- visit and two days; a main manifestation of rehabilitation is a main diagnosis,
-- on the day from which it was told.
-- given
CREATE TABLE clean_stay_diagnosis AS FROM (VALUES
  (3, 5, 4, DATE '2016-01-02', 'I514', 'DP'),
  (2, 5, 4, DATE '2016-01-02', 'E119', 'DAS')
) t(id, visit_id, person_id, day, code, place);
CREATE TABLE clean_field_diagnosis AS FROM (VALUES
  (4, 6, 4, DATE '2016-02-08', 'G811', 'MMP'), (5, 6, 4, DATE '2016-02-08', 'E119', 'DAS')
) t(id, visit_id, person_id, day, code, place);
CREATE TABLE clean_disease AS FROM (VALUES (4, 'E119', 41, 8, DATE '2010-05-01', DATE '2025-05-01')) t(person_id, code, motive, number, first_day, last_day);
CREATE TABLE local_concept AS FROM (VALUES ('CIM10', 'E119', 2000000001)) t(vocabulary, code, concept_id);
-- expect
FROM (VALUES
  (event_id('ALD', 4, 'E119'), 4, 2000000001, DATE '2010-05-01', DATE '2025-05-01', 'E119', NULL, 'ALD', 0),
  (2, 4, 2000000001, DATE '2016-01-02', NULL, 'E119', 5, 'DAS', 32908),
  (3, 4, 0, DATE '2016-01-02', NULL, 'I514', 5, 'DP', 32902),
  (4, 4, 0, DATE '2016-02-08', NULL, 'G811', 6, 'MMP', 32902),
  (5, 4, 2000000001, DATE '2016-02-08', NULL, 'E119', 6, 'DAS', 32908)
) t(condition_occurrence_id, person_id, condition_concept_id, condition_start_date, condition_end_date, condition_source_value, visit_occurrence_id,
  condition_status_source_value, condition_status_concept_id);
