-- Three boxes in town, thirty units of a UCD, two of another in outpatient
-- hospital care, one injection.
-- given
CREATE TABLE clean_care AS FROM (VALUES
  (1, 'PHA', 4, DATE '2016-05-01', '3400999736329', 'E1', 'E2', 3.0),
  (2, 'UCD', 4, DATE '2016-05-02', '0000009236247', NULL, NULL, 30.0),
  (4, 'BIO', 4, DATE '2016-05-03', '1104', NULL, NULL, 1.0)
) t(id, kind, person_id, day, code, executor, prescriber, quantity);
CREATE TABLE clean_outpatient_drug AS FROM (VALUES (5, 102, 4, DATE '2016-06-01', '0000009245329', 2.0)) t(id, visit_id, person_id, day, code, quantity);
CREATE TABLE clean_vaccine AS FROM (VALUES (3, 4, DATE '2021-06-29', '3400999828840')) t(id, person_id, day, code);
CREATE TABLE drug_class AS FROM (VALUES ('3400999736329', 30, 'MG')) t(cip13, box_size, dose_unit);
CREATE TABLE clean_provider AS FROM (VALUES (9, 'E1', 1)) t(provider_id, executor, specialty);
CREATE TABLE local_concept AS FROM (VALUES ('CIP13', '3400999736329', 2000000004), ('UCD', '0000009236247', 2000000005)) t(vocabulary, code, concept_id);
-- expect
FROM (VALUES
  (1, DATE '2016-05-01', DATE '2016-05-01', 2000000004, 3.0, 9, NULL, '3400999736329', 32869, 'MG'),
  (2, DATE '2016-05-02', DATE '2016-05-02', 2000000005, 30.0, NULL, NULL, '0000009236247', 32810, NULL),
  (5, DATE '2016-06-01', DATE '2016-06-01', 0, 2.0, NULL, 102, '0000009245329', 32810, NULL),
  (3, DATE '2021-06-29', DATE '2021-06-29', 0, 1.0, NULL, NULL, '3400999828840', 32810, NULL)
) t(drug_exposure_id, drug_exposure_start_date, drug_exposure_end_date, drug_concept_id, quantity, provider_id, visit_occurrence_id, drug_source_value, drug_type_concept_id,
  dose_unit_source_value);
