-- given
CREATE TABLE clean_establishment AS FROM (VALUES (1, '750712184', 'AP-HP'), (2, '690781810', NULL)) t(care_site_id, finess, name);
-- expect
FROM (VALUES (1, 'AP-HP', '750712184'), (2, NULL, '690781810')) t(care_site_id, care_site_name, care_site_source_value);
