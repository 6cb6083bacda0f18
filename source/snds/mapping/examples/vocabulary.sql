-- given
CREATE TABLE local_concept AS FROM (VALUES ('CIM10', 'E119', 1), ('CIM10', 'E11', 2), ('ATC', 'A', 3)) t(vocabulary, code, concept_id);
-- expect
FROM (VALUES ('SNDS CIM10'), ('SNDS ATC')) t(vocabulary_id);
