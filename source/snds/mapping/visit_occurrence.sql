-- Hospital stays (9201; 262 when the person came through the emergency unit),
-- outpatient hospital care (9202; 9203 for the emergency unit), and
-- consultations in town (9202).
SELECT
  v.visit_id AS visit_occurrence_id,
  v.person_id,
  CASE
    WHEN v.kind = 'stay' AND v.emergency THEN 262
    WHEN v.kind IN ('stay', 'clinic') THEN 9201
    WHEN v.emergency THEN 9203
    ELSE 9202
  END AS visit_concept_id,
  v.entry AS visit_start_date,
  v.leaving AS visit_end_date,
  CASE v.kind WHEN 'stay' THEN 32812 ELSE 32810 END AS visit_type_concept_id,
  v.provider_id,
  e.care_site_id,
  v.kind AS visit_source_value,
  v.entry_mode AS admitted_from_source_value,
  v.exit_mode AS discharged_to_source_value
FROM clean_visit v
LEFT JOIN clean_establishment e ON e.finess = v.finess
