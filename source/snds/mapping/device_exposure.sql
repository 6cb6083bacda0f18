-- Devices and products of the LPP, delivered in town.
SELECT
  d.id AS device_exposure_id,
  d.person_id,
  coalesce(c.concept_id, 0) AS device_concept_id,
  d.day AS device_exposure_start_date,
  32810 AS device_type_concept_id,
  d.quantity::BIGINT AS quantity,
  p.provider_id,
  d.code AS device_source_value,
  coalesce(c.concept_id, 0) AS device_source_concept_id
FROM clean_care d
LEFT JOIN local_concept c ON c.vocabulary = 'LPP' AND c.code = d.code
LEFT JOIN clean_provider p ON p.executor = d.executor
WHERE d.kind = 'TIP'
