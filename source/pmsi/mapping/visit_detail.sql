-- The medical units of a stay, each with its own days, in their order.
SELECT
  u.unit_id AS visit_detail_id,
  u.person_id,
  9201 AS visit_detail_concept_id,
  u.entry AS visit_detail_start_date,
  u.leaving AS visit_detail_end_date,
  32812 AS visit_detail_type_concept_id,
  p.care_site_id,
  u.unit AS visit_detail_source_value,
  b.unit_id AS preceding_visit_detail_id,
  u.stay_id AS visit_occurrence_id
FROM clean_unit u
LEFT JOIN clean_unit b ON b.stay_id = u.stay_id AND b.nth = u.nth - 1
LEFT JOIN clean_place p ON p.finess = u.finess AND p.unit IS NOT DISTINCT FROM u.unit
