-- A woman of Corsica whose row says 2, a man without a place, and a person of
-- whom nothing is known.
-- given
CREATE TABLE clean_person AS FROM (VALUES
  (1, '2', 1950, 3, '01', '2A', '2A004'),
  (2, '1', 1987, 11, '02', NULL, NULL),
  (3, NULL, NULL, NULL, NULL, NULL, NULL)
) t(person_id, sex, birth_year, birth_month, regime, department, commune);
CREATE TABLE clean_location AS FROM (VALUES (7, '2A', '2A004')) t(location_id, department, commune);
-- expect
FROM (VALUES
  (1, 8532, 1950, 3, 7, '2'),
  (2, 8507, 1987, 11, NULL, '1'),
  (3, 0, NULL, NULL, NULL, NULL)
) t(person_id, gender_concept_id, year_of_birth, month_of_birth, location_id, gender_source_value);
