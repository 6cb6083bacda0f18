-- An establishment and a unit in it.
-- given
CREATE TABLE clean_place AS FROM (VALUES (1, '699900015', NULL), (2, '699900015', '1001')) t(care_site_id, finess, unit);
-- expect
FROM (VALUES (1, '699900015'), (2, '699900015 1001')) t(care_site_id, care_site_source_value);
