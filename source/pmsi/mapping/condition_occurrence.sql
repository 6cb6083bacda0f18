-- Diagnoses of each unit, dated at the entry into it: DP and DR of the stay (in
-- the unit that gave them), DAS, and DPU and DRU, the main and related diagnoses of the other
-- units.
SELECT
  row_number() OVER (ORDER BY d.unit_id, d.place, d.code) AS condition_occurrence_id,
  d.person_id,
  coalesce(c.concept_id, 0) AS condition_concept_id,
  d.day AS condition_start_date,
  32812 AS condition_type_concept_id,
  CASE d.place WHEN 'DP' THEN 32902 ELSE 32908 END AS condition_status_concept_id,
  d.stay_id AS visit_occurrence_id,
  d.unit_id AS visit_detail_id,
  d.code AS condition_source_value,
  coalesce(c.concept_id, 0) AS condition_source_concept_id,
  d.place AS condition_status_source_value
FROM clean_diagnosis d
LEFT JOIN local_concept c ON c.vocabulary = 'CIM10' AND c.code = d.code
