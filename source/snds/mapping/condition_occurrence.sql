-- Diagnoses of stays at the entry; those of rehabilitation, at home and in
-- psychiatry at the first week or sequence that has them; and long-term diseases
-- (ALD), which have no visit and run from their first day to the last one known.
SELECT
  d.id AS condition_occurrence_id,
  d.person_id,
  coalesce(c.concept_id, 0) AS condition_concept_id,
  d.day AS condition_start_date,
  d.last_day AS condition_end_date,
  d.type_concept_id AS condition_type_concept_id,
  CASE d.place WHEN 'DP' THEN 32902 WHEN 'MMP' THEN 32902 WHEN 'ALD' THEN 0 ELSE 32908 END AS condition_status_concept_id,
  d.visit_id AS visit_occurrence_id,
  d.code AS condition_source_value,
  coalesce(c.concept_id, 0) AS condition_source_concept_id,
  d.place AS condition_status_source_value
FROM (
  SELECT id, person_id, day, NULL::DATE AS last_day, code, place, visit_id, 32812 AS type_concept_id FROM clean_stay_diagnosis
  UNION ALL
  SELECT id, person_id, day, NULL, code, place, visit_id, 32812 FROM clean_field_diagnosis
  UNION ALL
  SELECT event_id('ALD', person_id, code), person_id, first_day, last_day, code, 'ALD', NULL, 32813 FROM clean_disease
) d
LEFT JOIN local_concept c ON c.vocabulary = 'CIM10' AND c.code = d.code
