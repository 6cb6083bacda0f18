-- Acts of the CCAM, with the seven signs of their code; phase, activities and
-- the PMSI extension are in the modifier.
SELECT
  row_number() OVER (ORDER BY a.unit_id, a.day, a.code, a.extension, a.phase) AS procedure_occurrence_id,
  a.person_id,
  coalesce(c.concept_id, 0) AS procedure_concept_id,
  a.day AS procedure_date,
  32812 AS procedure_type_concept_id,
  a.quantity,
  a.stay_id AS visit_occurrence_id,
  a.unit_id AS visit_detail_id,
  a.code AS procedure_source_value,
  coalesce(c.concept_id, 0) AS procedure_source_concept_id,
  concat_ws(', ', 'phase ' || a.phase, 'activity ' || a.activities, 'extension ' || a.extension) AS modifier_source_value
FROM clean_act a
LEFT JOIN local_concept c ON c.vocabulary = 'CCAM' AND c.code = a.code
