-- The local vocabularies, one per code system of the source.
SELECT 'SNDS ' || vocabulary AS vocabulary_id, 'SNDS ' || vocabulary AS vocabulary_name, 0 AS vocabulary_concept_id
FROM (SELECT DISTINCT vocabulary FROM local_concept)
