-- A stay through the emergency unit, and one from home.
-- given
CREATE TABLE clean_stay AS FROM (VALUES
  (1, 4, '699900015', DATE '2016-01-02', DATE '2016-01-09', '8', '8', true),
  (2, 4, '699900015', DATE '2017-01-02', DATE '2017-01-02', '8', '9', false)
) t(stay_id, person_id, finess, entry, leaving, entry_mode, exit_mode, emergency);
CREATE TABLE clean_place AS FROM (VALUES (1, '699900015', NULL), (2, '699900015', '1001')) t(care_site_id, finess, unit);
-- expect
FROM (VALUES
  (1, 4, 262, DATE '2016-01-02', DATE '2016-01-09', 1, '8', '8'),
  (2, 4, 9201, DATE '2017-01-02', DATE '2017-01-02', 1, '8', '9')
) t(visit_occurrence_id, person_id, visit_concept_id, visit_start_date, visit_end_date, care_site_id, admitted_from_source_value, discharged_to_source_value);
