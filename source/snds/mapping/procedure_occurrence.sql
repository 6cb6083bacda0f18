-- Acts of the CCAM, in town, in stays and in outpatient hospital care; acts of
-- rehabilitation (CSARR, before 2014 CDARR); what outpatient care was billed for
-- (ACT_COD); and consultations and visits in town (PRS_NAT_REF), one row each.
SELECT
  a.id AS procedure_occurrence_id,
  a.person_id,
  coalesce(c.concept_id, 0) AS procedure_concept_id,
  a.day AS procedure_date,
  a.type_concept_id AS procedure_type_concept_id,
  a.quantity::BIGINT AS quantity,
  a.provider_id,
  a.visit_id AS visit_occurrence_id,
  a.code AS procedure_source_value,
  coalesce(c.concept_id, 0) AS procedure_source_concept_id
FROM (
  SELECT k.id, 'CCAM' AS vocabulary, k.person_id, k.day, k.code, k.quantity, p.provider_id, NULL::BIGINT AS visit_id, 32810 AS type_concept_id
  FROM clean_care k LEFT JOIN clean_provider p ON p.executor = k.executor
  WHERE k.kind = 'CAM'
  UNION ALL
  SELECT id, 'CCAM', person_id, day, code, quantity, NULL, visit_id, 32812 FROM clean_stay_act
  UNION ALL
  SELECT id, system, person_id, day, code, quantity, NULL, visit_id, 32812 FROM clean_outpatient_act WHERE system IN ('CCAM', 'ACT')
  UNION ALL
  SELECT id, system, person_id, day, code, quantity, NULL, visit_id, 32812 FROM clean_field_act
  UNION ALL
  SELECT CASE WHEN once.n = 0 THEN k.id ELSE event_id(k.id, once.n) END, 'PRS', k.person_id, k.day, k.code, 1, p.provider_id,
    event_id('town', k.person_id, k.day, p.provider_id), 32810
  FROM clean_care k LEFT JOIN clean_provider p ON p.executor = k.executor, unnest(range(k.quantity::BIGINT)) AS once(n)
  WHERE k.kind = 'PRS'
) a
LEFT JOIN local_concept c ON c.vocabulary = a.vocabulary AND c.code = a.code
