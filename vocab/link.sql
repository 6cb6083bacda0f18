-- What Athena says of the codes of French sources, from the merged vocabulary
-- tables: stage_concept, stage_concept_relationship, stage_concept_ancestor.

-- Local concepts of French codes.
CREATE TABLE vocab_local_code AS
SELECT concept_id AS local_id, vocabulary_id[6:] AS system, concept_code AS code
FROM stage_concept WHERE concept_id >= 2000000000 AND vocabulary_id LIKE 'SNDS %';

-- Athena's concepts of the same codes. Athena calls the French edition of the
-- ICD-10 CIM10, and writes its codes and those of the WHO's (ICD10) with a
-- point. A concept of the BDPM has the seven digits of the CIP7, which stand in
-- the CIP13 after the first five. Athena has no UCD, LPP, NABM, PRS and ALD.
-- Of several vocabularies, the first that maps the code counts for its
-- translation.
CREATE TABLE vocab_same_code AS
WITH candidate AS (
  SELECT concept_id, vocabulary_id, concept_code AS code FROM stage_concept
  WHERE vocabulary_id IN ('CIM10', 'ICD10', 'CCAM', 'ATC', 'BDPM') AND concept_id < 2000000000
)
SELECT l.local_id, c.concept_id AS athena_id, CASE c.vocabulary_id WHEN 'CIM10' THEN 1 ELSE 2 END AS choice
FROM vocab_local_code l JOIN candidate c ON replace(c.code, '.', '') = l.code
WHERE l.system = 'CIM10' AND c.vocabulary_id IN ('CIM10', 'ICD10')
UNION ALL
SELECT l.local_id, c.concept_id, 1 FROM vocab_local_code l JOIN candidate c ON c.code = l.code AND c.vocabulary_id = l.system
WHERE l.system IN ('CCAM', 'ATC')
UNION ALL
SELECT l.local_id, c.concept_id, 1 FROM vocab_local_code l JOIN candidate c ON c.code = l.code[6:12]
WHERE l.system = 'CIP13' AND c.vocabulary_id = 'BDPM' AND length(l.code) = 13;

-- The standard concepts of a local one, numbered from 0 by their ids: those to
-- which a valid 'Maps to' leads, themselves valid. Mappings to a value are not
-- followed.
CREATE TABLE vocab_translation AS
SELECT local_id, standard_id, row_number() OVER (PARTITION BY local_id ORDER BY standard_id) - 1 AS nth
FROM (
  SELECT DISTINCT s.local_id, t.concept_id AS standard_id
  FROM (
    SELECT s.local_id, s.choice, r.concept_id_2
    FROM vocab_same_code s JOIN stage_concept_relationship r ON r.concept_id_1 = s.athena_id
    WHERE r.relationship_id = 'Maps to' AND r.invalid_reason IS NULL
  ) s
  JOIN stage_concept t ON t.concept_id = s.concept_id_2 AND t.standard_concept = 'S' AND t.invalid_reason IS NULL
  QUALIFY s.choice = min(s.choice) OVER (PARTITION BY s.local_id)
);

-- A local concept maps to what its code maps to.
INSERT INTO stage_concept_relationship (concept_id_1, concept_id_2, relationship_id, valid_start_date, valid_end_date)
SELECT local_id, standard_id, 'Maps to', DATE '1970-01-01', DATE '2099-12-31' FROM vocab_translation
UNION ALL
SELECT standard_id, local_id, 'Mapped from', DATE '1970-01-01', DATE '2099-12-31' FROM vocab_translation;

-- Athena's concept of a code stands above the local one and what is under it. A
-- local concept never stands above a standard one, which other codes may map to.
INSERT INTO stage_concept_ancestor (ancestor_concept_id, descendant_concept_id, min_levels_of_separation, max_levels_of_separation)
SELECT s.athena_id, a.descendant_concept_id, min(a.min_levels_of_separation) + 1, max(a.max_levels_of_separation) + 1
FROM (SELECT DISTINCT local_id, athena_id FROM vocab_same_code) s
JOIN stage_concept_ancestor a ON a.ancestor_concept_id = s.local_id AND a.descendant_concept_id >= 2000000000
GROUP BY s.athena_id, a.descendant_concept_id;
