-- Dispensings in town (CIP13; net boxes), drugs billed apart by hospitals (UCD;
-- net units), those of outpatient hospital care (UCD) and vaccinations of IR_VAC_F
-- (one each). No column of the source says for how many days, so the end is the
-- day itself; how many units a box holds is in DRUG_STRENGTH.
SELECT
  d.id AS drug_exposure_id,
  d.person_id,
  coalesce(c.concept_id, 0) AS drug_concept_id,
  d.day AS drug_exposure_start_date,
  d.day AS drug_exposure_end_date,
  CASE d.kind WHEN 'PHA' THEN 32869 ELSE 32810 END AS drug_type_concept_id,
  d.quantity,
  p.provider_id,
  d.visit_id AS visit_occurrence_id,
  d.code AS drug_source_value,
  r.dose_unit AS dose_unit_source_value,
  coalesce(c.concept_id, 0) AS drug_source_concept_id
FROM (
  SELECT id, kind, person_id, day, code, quantity, executor, NULL::BIGINT AS visit_id FROM clean_care WHERE kind IN ('PHA', 'UCD')
  UNION ALL
  SELECT id, 'UCD', person_id, day, code, quantity, NULL, visit_id FROM clean_outpatient_drug
  UNION ALL
  SELECT id, 'VAC', person_id, day, code, 1, NULL, NULL FROM clean_vaccine
) d
LEFT JOIN local_concept c ON c.vocabulary = CASE d.kind WHEN 'UCD' THEN 'UCD' ELSE 'CIP13' END AND c.code = d.code
LEFT JOIN clean_provider p ON p.executor = d.executor
LEFT JOIN drug_class r ON r.cip13 = d.code AND d.kind <> 'UCD'
