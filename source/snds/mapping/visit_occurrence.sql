-- Hospital stays (9201; 262 when the person came through the emergency unit),
-- outpatient hospital care (9202; 9203 for the emergency unit),
-- consultations in town (9202), rehabilitation and psychiatry (9201; 9202 when
-- the person does not stay day and night), and hospital at home (581476). The
-- field of the PMSI is the source concept.
SELECT
  v.visit_id AS visit_occurrence_id,
  v.person_id,
  CASE
    WHEN v.kind = 'stay' AND v.emergency THEN 262
    WHEN v.kind IN ('stay', 'clinic', 'rehabilitation', 'psychiatry') THEN 9201
    WHEN v.kind = 'home' THEN 581476
    WHEN v.emergency THEN 9203
    ELSE 9202
  END AS visit_concept_id,
  v.entry AS visit_start_date,
  v.leaving AS visit_end_date,
  CASE WHEN v.kind IN ('stay', 'home') OR v.kind LIKE '%rehabilitation' OR v.kind LIKE '%psychiatry' THEN 32812 ELSE 32810 END AS visit_type_concept_id,
  v.provider_id,
  e.care_site_id,
  v.kind AS visit_source_value,
  coalesce(c.concept_id, 0) AS visit_source_concept_id,
  v.entry_mode AS admitted_from_source_value,
  v.exit_mode AS discharged_to_source_value
FROM clean_visit v
LEFT JOIN clean_establishment e ON e.finess = v.finess
LEFT JOIN local_concept c ON c.vocabulary = 'PMSI' AND c.code = CASE v.kind WHEN 'stay' THEN 'MCO' WHEN 'outpatient' THEN 'ACE'
  WHEN 'rehabilitation' THEN 'SSR' WHEN 'day rehabilitation' THEN 'SSR' WHEN 'home' THEN 'HAD' WHEN 'psychiatry' THEN 'RIP' WHEN 'day psychiatry' THEN 'RIP' END
