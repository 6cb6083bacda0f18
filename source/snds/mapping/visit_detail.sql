-- The medical units of a stay. The source dates the stay only, so a unit has
-- the dates of its stay.
SELECT
  event_id('UM', u.visit_id, u.nth) AS visit_detail_id,
  u.person_id,
  9201 AS visit_detail_concept_id,
  u.entry AS visit_detail_start_date,
  u.leaving AS visit_detail_end_date,
  32812 AS visit_detail_type_concept_id,
  e.care_site_id,
  u.kind AS visit_detail_source_value,
  u.visit_id AS visit_occurrence_id
FROM clean_stay_unit u
LEFT JOIN clean_establishment e ON e.finess = coalesce(u.unit_finess, u.finess)
