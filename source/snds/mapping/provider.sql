-- Professionals who executed care, under a number of the lake's own: their
-- number in the source is an identity and stays in the vault.
SELECT p.provider_id, coalesce(c.concept_id, 0) AS specialty_concept_id, p.specialty::VARCHAR AS specialty_source_value,
  coalesce(c.concept_id, 0) AS specialty_source_concept_id
FROM clean_provider p
LEFT JOIN local_concept c ON c.vocabulary = 'SPE' AND c.code = p.specialty::VARCHAR
