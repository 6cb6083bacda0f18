-- Establishments, by their FINESS number, and their medical units, by that and
-- the unit's own number.
SELECT care_site_id, 0 AS place_of_service_concept_id, concat_ws(' ', finess, unit) AS care_site_source_value
FROM clean_place
