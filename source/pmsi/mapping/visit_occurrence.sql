-- Stays (9201; 262 when the person came through the emergency unit), from the
-- entry into the first unit to the leaving of the last.
SELECT
  s.stay_id AS visit_occurrence_id,
  s.person_id,
  CASE WHEN s.emergency THEN 262 ELSE 9201 END AS visit_concept_id,
  s.entry AS visit_start_date,
  s.leaving AS visit_end_date,
  32812 AS visit_type_concept_id,
  p.care_site_id,
  'stay' AS visit_source_value,
  s.entry_mode AS admitted_from_source_value,
  s.exit_mode AS discharged_to_source_value
FROM clean_stay s
LEFT JOIN clean_place p ON p.finess = s.finess AND p.unit IS NULL
