-- A diagnosis, an act and a standard concept.
-- given
CREATE TABLE local_concept AS FROM (VALUES ('CIM10', 'I409', 2000000001, NULL::VARCHAR), ('CCAM', 'DEQP003', 2000000002, NULL)) t(vocabulary, code, concept_id, name);
CREATE TABLE standard_concept AS FROM (VALUES (8507, 'male', 'Gender', 'Gender', 'Gender', 'M')) t(concept_id, name, domain, vocabulary, class, code);
-- expect
FROM (VALUES
  (2000000001, 'CIM10 I409', 'Condition', 'SNDS CIM10', 'I409'),
  (2000000002, 'CCAM DEQP003', 'Procedure', 'SNDS CCAM', 'DEQP003'),
  (8507, 'male', 'Gender', 'Gender', 'M')
) t(concept_id, concept_name, domain_id, vocabulary_id, concept_code);
