-- Persons who died in a stay, on the day of its end.
SELECT person_id, day AS death_date, 32812 AS death_type_concept_id
FROM clean_death
