-- A commune, and a department without one.
-- given
CREATE TABLE clean_location AS FROM (VALUES (1, '2A', '2A004'), (2, '93', NULL)) t(location_id, department, commune);
-- expect
FROM (VALUES (1, '2A004', '2A', 'FR'), (2, NULL, '93', 'FR')) t(location_id, county, state, country_source_value);
