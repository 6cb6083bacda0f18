-- A man, a woman, and somebody whose sex the file says to be undetermined.
-- given
CREATE TABLE clean_person AS FROM (VALUES (1, '1', 1986, 2), (2, '2', 1996, 8), (3, '3', 2019, 1)) t(person_id, sex, birth_year, birth_month);
-- expect
FROM (VALUES (1, 8507, 1986, 2, '1'), (2, 8532, 1996, 8, '2'), (3, 0, 2019, 1, '3'))
  t(person_id, gender_concept_id, year_of_birth, month_of_birth, gender_source_value);
