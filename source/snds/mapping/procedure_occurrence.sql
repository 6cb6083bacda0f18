-- Acts of the CCAM, in town, in stays and in outpatient hospital care, and
-- consultations and visits in town (PRS_NAT_REF), one row each.
SELECT
  row_number() OVER (ORDER BY a.person_id, a.day, a.code, a.visit_id, a.executor, a.quantity) AS procedure_occurrence_id,
  a.person_id,
  coalesce(c.concept_id, 0) AS procedure_concept_id,
  a.day AS procedure_date,
  a.type_concept_id AS procedure_type_concept_id,
  a.quantity::BIGINT AS quantity,
  p.provider_id,
  a.visit_id AS visit_occurrence_id,
  a.code AS procedure_source_value,
  coalesce(c.concept_id, 0) AS procedure_source_concept_id
FROM (
  SELECT 'CCAM' AS vocabulary, person_id, day, code, quantity, executor, NULL::BIGINT AS visit_id, 32810 AS type_concept_id
  FROM clean_care WHERE kind = 'CAM'
  UNION ALL
  SELECT 'CCAM', s.person_id, s.day, s.code, s.quantity, NULL, v.visit_id, 32812
  FROM clean_stay_act s
  JOIN clean_visit v ON v.kind = 'stay' AND v.year = s.year AND v.finess = s.finess AND v.number = s.number
  UNION ALL
  SELECT 'CCAM', o.person_id, o.day, o.code, o.quantity, NULL, v.visit_id, 32812
  FROM clean_outpatient_act o
  JOIN clean_visit v ON v.kind = 'outpatient' AND v.year = o.year AND v.finess = o.finess AND v.number = o.number
  WHERE o.system = 'CCAM'
  UNION ALL
  SELECT 'PRS', k.person_id, k.day, k.code, 1, k.executor, v.visit_id, 32810
  FROM clean_care k, unnest(range(k.quantity::BIGINT)) AS once(n)
  JOIN clean_visit v ON v.kind = 'town' AND v.person_id = k.person_id AND v.entry = k.day AND v.executor IS NOT DISTINCT FROM k.executor
  WHERE k.kind = 'PRS'
) a
LEFT JOIN local_concept c ON c.vocabulary = a.vocabulary AND c.code = a.code
LEFT JOIN clean_provider p ON p.executor = a.executor
