-- Two units of a stay, the second in another place of the hospital.
-- given
CREATE TABLE clean_stay_unit AS FROM (VALUES
  (1, 4, DATE '2016-01-02', DATE '2016-01-09', 1, '07A', '750712184', NULL),
  (1, 4, DATE '2016-01-02', DATE '2016-01-09', 2, '53', '750712184', '750100042')
) t(visit_id, person_id, entry, leaving, nth, kind, finess, unit_finess);
CREATE TABLE clean_establishment AS FROM (VALUES (1, '750712184', NULL), (2, '750100042', NULL)) t(care_site_id, finess, name);
-- expect
FROM (VALUES
  (event_id('UM', 1, 1), 4, 1, DATE '2016-01-02', DATE '2016-01-09', 1, '07A'),
  (event_id('UM', 1, 2), 4, 1, DATE '2016-01-02', DATE '2016-01-09', 2, '53')
) t(visit_detail_id, person_id, visit_occurrence_id, visit_detail_start_date, visit_detail_end_date, care_site_id, visit_detail_source_value);
