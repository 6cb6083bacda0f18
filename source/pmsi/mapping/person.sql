-- Persons who have a stay. Of the birth, year and month are kept.
SELECT
  p.person_id,
  CASE p.sex WHEN '1' THEN 8507 WHEN '2' THEN 8532 ELSE 0 END AS gender_concept_id,
  p.birth_year AS year_of_birth,
  p.birth_month AS month_of_birth,
  0 AS race_concept_id,
  0 AS ethnicity_concept_id,
  p.sex AS gender_source_value
FROM clean_person p
