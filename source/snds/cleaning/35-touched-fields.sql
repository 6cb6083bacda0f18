-- A load that adds units to a lake maps anew all such stays of the persons of
-- whom it brings or replaces one, since years tell of one stay together.
CREATE TABLE touched_field AS
SELECT DISTINCT h.person_id
FROM every_field_stay s JOIN holder h ON h.psa = s.psa
WHERE s.part <> 'common' AND h.person_id IS NOT NULL;
