-- Two units of a stay, one after the other.
-- given
CREATE TABLE clean_unit AS FROM (VALUES
  (8, 5, 4, 1, '699900015', '1001', DATE '2016-01-02', DATE '2016-01-04'),
  (9, 5, 4, 2, '699900015', '1101', DATE '2016-01-04', DATE '2016-01-09')
) t(unit_id, stay_id, person_id, nth, finess, unit, entry, leaving);
CREATE TABLE clean_place AS FROM (VALUES (1, '699900015', NULL), (2, '699900015', '1001'), (3, '699900015', '1101')) t(care_site_id, finess, unit);
-- expect
FROM (VALUES
  (8, 4, DATE '2016-01-02', DATE '2016-01-04', 2, '1001', NULL, 5),
  (9, 4, DATE '2016-01-04', DATE '2016-01-09', 3, '1101', 8, 5)
) t(visit_detail_id, person_id, visit_detail_start_date, visit_detail_end_date, care_site_id, visit_detail_source_value, preceding_visit_detail_id, visit_occurrence_id);
