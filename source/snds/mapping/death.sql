-- One row per person; the initial cause where the certificate was linked.
SELECT
  d.person_id,
  d.day AS death_date,
  CASE WHEN d.cause IS NULL THEN 32813 ELSE 32815 END AS death_type_concept_id,
  coalesce(c.concept_id, 0) AS cause_concept_id,
  d.cause AS cause_source_value,
  coalesce(c.concept_id, 0) AS cause_source_concept_id
FROM clean_death d
LEFT JOIN local_concept c ON c.vocabulary = 'CIM10' AND c.code = d.cause
