-- given
CREATE TABLE clean_care AS FROM (VALUES
  (1, 'TIP', 4, DATE '2016-05-01', '1100040', 'E1', NULL, 2.0), (2, 'PHA', 4, DATE '2016-05-01', '3400999736329', 'E1', NULL, 1.0)
) t(id, kind, person_id, day, code, executor, prescriber, quantity);
CREATE TABLE clean_provider AS FROM (VALUES (9, 'E1', 1)) t(provider_id, executor, specialty);
CREATE TABLE local_concept AS FROM (VALUES ('LPP', '1100040', 2000000006)) t(vocabulary, code, concept_id);
-- expect
FROM (VALUES (1, 4, 2000000006, DATE '2016-05-01', 2, 9, '1100040'))
  t(device_exposure_id, person_id, device_concept_id, device_exposure_start_date, quantity, provider_id, device_source_value);
