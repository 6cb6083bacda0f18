-- Establishments, by their FINESS number, with the name of the latest year.
SELECT care_site_id, name AS care_site_name, 0 AS place_of_service_concept_id, finess AS care_site_source_value
FROM clean_establishment
