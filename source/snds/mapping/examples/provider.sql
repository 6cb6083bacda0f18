-- A general practitioner (1), and one whose speciality is unknown.
-- given
CREATE TABLE clean_provider AS FROM (VALUES (1, 'E1', 1), (2, 'E2', NULL)) t(provider_id, executor, specialty);
CREATE TABLE local_concept AS FROM (VALUES ('SPE', '1', 2000000011)) t(vocabulary, code, concept_id);
-- expect
FROM (VALUES (1, 2000000011, '1'), (2, 0, NULL)) t(provider_id, specialty_concept_id, specialty_source_value);
