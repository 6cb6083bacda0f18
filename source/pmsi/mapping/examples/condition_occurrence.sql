-- The main diagnosis of the stay, one associated, and the main diagnosis of a
-- second unit, which is another diagnosis of the stay.
-- given
CREATE TABLE clean_diagnosis AS FROM (VALUES
  (5, 8, 4, DATE '2016-01-02', 'I409', 'DP'),
  (5, 8, 4, DATE '2016-01-02', 'E119', 'DAS'),
  (5, 9, 4, DATE '2016-01-04', 'D649', 'DPU')
) t(stay_id, unit_id, person_id, day, code, place);
CREATE TABLE local_concept AS FROM (VALUES ('CIM10', 'I409', 2000000001), ('CCAM', 'D649', 2000000009)) t(vocabulary, code, concept_id);
-- expect
FROM (VALUES
  (1, 4, 0, DATE '2016-01-02', 32908, 5, 8, 'E119', 'DAS'),
  (2, 4, 2000000001, DATE '2016-01-02', 32902, 5, 8, 'I409', 'DP'),
  (3, 4, 0, DATE '2016-01-04', 32908, 5, 9, 'D649', 'DPU')
) t(condition_occurrence_id, person_id, condition_concept_id, condition_start_date, condition_status_concept_id, visit_occurrence_id, visit_detail_id,
  condition_source_value, condition_status_source_value);
