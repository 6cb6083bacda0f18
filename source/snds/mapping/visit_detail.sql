-- The medical units of a stay. The source dates the stay only, so a unit has
-- the dates of its stay. The weeks of rehabilitation, sub-sequences at home and
-- sequences in psychiatry have their own, and say the type of unit, the main
-- mode of care or the form of activity.
SELECT
  u.id AS visit_detail_id,
  u.person_id,
  u.concept_id AS visit_detail_concept_id,
  u.entry AS visit_detail_start_date,
  u.leaving AS visit_detail_end_date,
  32812 AS visit_detail_type_concept_id,
  e.care_site_id,
  u.kind AS visit_detail_source_value,
  u.visit_id AS visit_occurrence_id
FROM (
  SELECT event_id('UM', visit_id, nth) AS id, 9201 AS concept_id, person_id, visit_id, entry, leaving, kind, finess, unit_finess FROM clean_stay_unit
  UNION ALL
  SELECT id, CASE WHEN kind = 'home' THEN 581476 WHEN partial THEN 9202 ELSE 9201 END, person_id, visit_id, first_day, last_day, what, finess, unit_finess
  FROM clean_field_part) u
LEFT JOIN clean_establishment e ON e.finess = coalesce(u.unit_finess, u.finess)
