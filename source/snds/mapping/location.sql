-- Communes: county holds the INSEE code of the commune, state the department.
-- location_source_value is an identity column of the lake and stays empty.
SELECT location_id, commune AS county, department AS state, 'FR' AS country_source_value
FROM clean_location
