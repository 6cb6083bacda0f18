-- The social side of a long-term disease: the motive of the exemption
-- (IMB_ETM_NAT) from its first day, with the disease as the source wrote it; the
-- complementary coverage of the CMU-C, once a year of care; every cause on a
-- linked death certificate, by its line and rank; and the marks of persons whom
-- the rules leave in doubt.
SELECT
  o.id AS observation_id,
  o.person_id,
  coalesce(c.concept_id, 0) AS observation_concept_id,
  o.day AS observation_date,
  o.type_concept_id AS observation_type_concept_id,
  o.value AS value_as_string,
  o.value_concept_id AS value_as_concept_id,
  o.source_value AS observation_source_value,
  coalesce(c.concept_id, 0) AS observation_source_concept_id
FROM (
  SELECT event_id('ALD', person_id, code) AS id, 'ALD' AS vocabulary, motive::VARCHAR AS code, person_id, first_day AS day, code AS value,
    NULL::BIGINT AS value_concept_id, 'ALD ' || motive AS source_value, 32813 AS type_concept_id
  FROM clean_disease
  UNION ALL
  SELECT event_id('COVER', person_id, year), 'COVER', 'CMU-C', person_id, day, NULL, NULL, 'CMU-C', 32810 FROM clean_coverage
  UNION ALL
  SELECT event_id('CAUSE', e.person_id, e.line, e.rank, e.code), 'CAUSE', 'any', e.person_id, e.day, e.code, v.concept_id,
    concat_ws(' ', 'certificate line', e.line, 'rank', e.rank), 32815
  FROM clean_certificate_cause e
  LEFT JOIN local_concept v ON v.vocabulary = 'CIM10' AND v.code = e.code
  UNION ALL
  SELECT event_id('DOUBT', person_id, mark, day), 'DOUBT', mark, person_id, day, NULL, NULL, mark, CASE mark WHEN 'M09' THEN 32812 ELSE 32813 END FROM clean_doubt
) o
LEFT JOIN local_concept c ON c.vocabulary = o.vocabulary AND c.code = o.code
