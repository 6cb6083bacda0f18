-- The social side of a long-term disease: the motive of the exemption
-- (IMB_ETM_NAT) from its first day, with the disease as the source wrote it.
SELECT
  event_id('ALD', d.person_id, d.code) AS observation_id,
  d.person_id,
  coalesce(c.concept_id, 0) AS observation_concept_id,
  d.first_day AS observation_date,
  32813 AS observation_type_concept_id,
  d.code AS value_as_string,
  'ALD ' || d.motive AS observation_source_value,
  coalesce(c.concept_id, 0) AS observation_source_concept_id
FROM clean_disease d
LEFT JOIN local_concept c ON c.vocabulary = 'ALD' AND c.code = d.motive::VARCHAR
