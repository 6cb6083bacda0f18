-- A box of thirty tablets of a class that has a concept, one of ten that has no
-- class, one of which the reference says nothing, and one that nobody had.
-- given
CREATE TABLE drug_class AS FROM (VALUES
  ('3400999736329', 'A02BC01', 'DRUG 1', NULL, 30, 'MG'), ('3400999736330', NULL, 'DRUG 2', NULL, 10, NULL),
  ('3400999736331', 'A02BC01', 'DRUG 3', NULL, NULL, 'MG'), ('3400999736332', 'A02BC01', 'DRUG 4', NULL, 7, 'MG')
) t(cip13, atc, name, ucd, box_size, dose_unit);
CREATE TABLE local_concept AS FROM (VALUES
  ('CIP13', '3400999736329', 2000000004), ('CIP13', '3400999736330', 2000000005), ('CIP13', '3400999736331', 2000000006), ('ATC', 'A02BC01', 2000000007)
) t(vocabulary, code, concept_id);
-- expect
FROM (VALUES (2000000004, 2000000007, 30), (2000000005, 0, 10)) t(drug_concept_id, ingredient_concept_id, box_size);
