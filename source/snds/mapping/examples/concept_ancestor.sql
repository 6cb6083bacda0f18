-- E119 is under its category and its chapter, and each is its own ancestor.
-- given
CREATE TABLE local_concept AS FROM (VALUES ('CIM10', 'E119', 1), ('CIM10', 'E11', 2), ('CIM10', 'chapter 04', 3)) t(vocabulary, code, concept_id);
CREATE OR REPLACE TABLE standard_concept AS FROM (VALUES (8507)) t(concept_id);
CREATE TABLE code_above AS FROM (VALUES
  ('CIM10', 'E119', 'CIM10', 'E11', 1), ('CIM10', 'E119', 'CIM10', 'chapter 04', 2), ('CIM10', 'E11', 'CIM10', 'chapter 04', 1)
) t(vocabulary, code, above_vocabulary, above, steps);
-- expect
FROM (VALUES (2, 1, 1), (3, 1, 2), (3, 2, 1), (1, 1, 0), (2, 2, 0), (3, 3, 0), (8507, 8507, 0))
  t(ancestor_concept_id, descendant_concept_id, min_levels_of_separation);
