-- A death in a stay.
-- given
CREATE TABLE clean_death AS FROM (VALUES (7, DATE '2019-03-01')) t(person_id, day);
-- expect
FROM (VALUES (7, DATE '2019-03-01', 32812)) t(person_id, death_date, death_type_concept_id);
