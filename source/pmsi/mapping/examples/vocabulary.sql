-- One vocabulary for each code system.
-- given
CREATE TABLE local_concept AS FROM (VALUES ('CIM10', 'I409', 2000000001), ('CIM10', 'I40', 2000000002), ('CCAM', 'DEQP003', 2000000003)) t(vocabulary, code, concept_id);
-- expect
FROM (VALUES ('SNDS CIM10'), ('SNDS CCAM')) t(vocabulary_id);
