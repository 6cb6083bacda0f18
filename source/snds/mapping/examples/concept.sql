-- given
CREATE TABLE local_concept AS FROM (VALUES ('CIM10', 'E119', 2000000001, NULL), ('ATC', 'A02B', 2000000002, NULL), ('CIP13', '3400999736329', 2000000003, 'DRUG 1'))
  t(vocabulary, code, concept_id, name);
CREATE OR REPLACE TABLE standard_concept AS FROM (VALUES (8507, 'male', 'Gender', 'Gender', 'Gender', 'M')) t(concept_id, name, domain, vocabulary, class, code);
-- expect
FROM (VALUES
  (2000000001, 'CIM10 E119', 'Condition', 'SNDS CIM10', 'CIM10', 'E119'),
  (2000000002, 'ATC A02B', 'Drug', 'SNDS ATC', 'ATC 3', 'A02B'),
  (2000000003, 'DRUG 1', 'Drug', 'SNDS CIP13', 'CIP13', '3400999736329'),
  (8507, 'male', 'Gender', 'Gender', 'Gender', 'M')
) t(concept_id, concept_name, domain_id, vocabulary_id, concept_class_id, concept_code);
