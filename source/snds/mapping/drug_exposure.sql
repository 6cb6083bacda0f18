-- Dispensings in town (CIP13; net boxes), drugs billed apart by hospitals (UCD;
-- net units) and vaccinations of IR_VAC_F (one each). The reference has no days
-- of supply, so the end is the day itself.
SELECT
  d.id AS drug_exposure_id,
  d.person_id,
  coalesce(c.concept_id, 0) AS drug_concept_id,
  d.day AS drug_exposure_start_date,
  d.day AS drug_exposure_end_date,
  CASE d.kind WHEN 'PHA' THEN 32869 ELSE 32810 END AS drug_type_concept_id,
  d.quantity,
  p.provider_id,
  d.code AS drug_source_value,
  coalesce(c.concept_id, 0) AS drug_source_concept_id
FROM (
  SELECT id, kind, person_id, day, code, quantity, executor FROM clean_care WHERE kind IN ('PHA', 'UCD')
  UNION ALL
  SELECT id, 'VAC', person_id, day, code, 1, NULL FROM clean_vaccine
) d
LEFT JOIN local_concept c ON c.vocabulary = CASE d.kind WHEN 'UCD' THEN 'UCD' ELSE 'CIP13' END AND c.code = d.code
LEFT JOIN clean_provider p ON p.executor = d.executor
