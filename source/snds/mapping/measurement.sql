-- Acts of medical biology (NABM), in town and in outpatient hospital care. The
-- source knows that the test was done, not its result.
SELECT
  m.id AS measurement_id,
  m.person_id,
  coalesce(c.concept_id, 0) AS measurement_concept_id,
  m.day AS measurement_date,
  m.type_concept_id AS measurement_type_concept_id,
  p.provider_id,
  m.visit_id AS visit_occurrence_id,
  m.code AS measurement_source_value,
  coalesce(c.concept_id, 0) AS measurement_source_concept_id
FROM (
  SELECT id, person_id, day, code, executor, NULL::BIGINT AS visit_id, 32810 AS type_concept_id FROM clean_care WHERE kind = 'BIO'
  UNION ALL
  SELECT id, person_id, day, code, NULL, visit_id, 32812 FROM clean_outpatient_act WHERE system = 'NABM'
) m
LEFT JOIN local_concept c ON c.vocabulary = 'NABM' AND c.code = m.code
LEFT JOIN clean_provider p ON p.executor = m.executor
