-- I409 is under I40 by one step; every concept is its own ancestor.
-- given
CREATE TABLE code_above_french AS FROM (VALUES ('CIM10', 'I409', 'CIM10', 'I40', 1)) t(vocabulary, code, above_vocabulary, above, steps);
CREATE TABLE local_concept AS FROM (VALUES ('CIM10', 'I409', 2000000001), ('CIM10', 'I40', 2000000002)) t(vocabulary, code, concept_id);
CREATE TABLE standard_concept AS FROM (VALUES (8507)) t(concept_id);
-- expect
FROM (VALUES (2000000002, 2000000001, 1, 1), (2000000001, 2000000001, 0, 0), (2000000002, 2000000002, 0, 0), (8507, 8507, 0, 0))
  t(ancestor_concept_id, descendant_concept_id, min_levels_of_separation, max_levels_of_separation);
