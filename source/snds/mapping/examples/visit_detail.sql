-- Two units of a stay, the second in another place of the hospital; two weeks of
-- rehabilitation by day, and a sub-sequence at home, with their own days.
-- given
CREATE TABLE clean_stay_unit AS FROM (VALUES
  (1, 4, DATE '2016-01-02', DATE '2016-01-09', 1, '07A', '750712184', NULL),
  (1, 4, DATE '2016-01-02', DATE '2016-01-09', 2, '53', '750712184', '750100042')
) t(visit_id, person_id, entry, leaving, nth, kind, finess, unit_finess);
CREATE TABLE clean_field_part AS FROM (VALUES
  (3, 2, 4, 'rehabilitation', true, '750712184', DATE '2016-12-26', DATE '2016-12-28', '50A', NULL),
  (4, 2, 4, 'rehabilitation', true, '750712184', DATE '2017-01-02', DATE '2017-01-03', '50A', NULL),
  (5, 3, 4, 'home', false, '750712184', DATE '2017-03-01', DATE '2017-03-07', '04', NULL)
) t(id, visit_id, person_id, kind, partial, finess, first_day, last_day, what, unit_finess);
CREATE TABLE clean_establishment AS FROM (VALUES (1, '750712184', NULL), (2, '750100042', NULL)) t(care_site_id, finess, name);
-- expect
FROM (VALUES
  (event_id('UM', 1, 1), 4, 1, DATE '2016-01-02', DATE '2016-01-09', 1, '07A', 9201),
  (event_id('UM', 1, 2), 4, 1, DATE '2016-01-02', DATE '2016-01-09', 2, '53', 9201),
  (3, 4, 2, DATE '2016-12-26', DATE '2016-12-28', 1, '50A', 9202),
  (4, 4, 2, DATE '2017-01-02', DATE '2017-01-03', 1, '50A', 9202),
  (5, 4, 3, DATE '2017-03-01', DATE '2017-03-07', 1, '04', 581476)
) t(visit_detail_id, person_id, visit_occurrence_id, visit_detail_start_date, visit_detail_end_date, care_site_id, visit_detail_source_value, visit_detail_concept_id);
