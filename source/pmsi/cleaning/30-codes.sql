-- All codes that need a concept: those that the mapping writes, and those above
-- them.
CREATE TABLE code_to_name AS
SELECT DISTINCT vocabulary, code, NULL::VARCHAR AS name FROM (
  SELECT vocabulary, code FROM used_code
  UNION ALL SELECT above_vocabulary, above FROM code_above_french
  UNION ALL SELECT vocabulary, code FROM code_above_french);

-- The concepts of the OMOP vocabulary that the mapping writes, in our words.
CREATE TABLE standard_concept AS
SELECT * FROM (VALUES
  (8507, 'male', 'Gender', 'Gender', 'Gender', 'M'), (8532, 'female', 'Gender', 'Gender', 'Gender', 'F'),
  (9201, 'stay in a hospital', 'Visit', 'Visit', 'Visit', 'IP'), (262, 'emergency care followed by a stay', 'Visit', 'Visit', 'Visit', 'ERIP'),
  (32812, 'hospital claim at discharge', 'Type Concept', 'Type Concept', 'Type Concept', 'type'),
  (32902, 'main diagnosis', 'Condition Status', 'Condition Status', 'Condition Status', 'type'),
  (32908, 'other diagnosis', 'Condition Status', 'Condition Status', 'Condition Status', 'type')
) AS t(concept_id, name, domain, vocabulary, class, code);
