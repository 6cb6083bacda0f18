-- Every code that the mapping writes.

CREATE TABLE drug_class AS
SELECT PHA_CIP_C13 AS cip13, any_value(coalesce(PHA_ATC_C07, PHA_ATC_CLA)) AS atc, any_value(coalesce(PHA_NOM_COURT, PHA_MED_NOM)) AS name,
  any_value(PHA_CIP_UCD) AS ucd
FROM ir_pha_r GROUP BY PHA_CIP_C13;

CREATE TABLE used_code AS
SELECT DISTINCT * FROM (
  SELECT 'CIM10' AS vocabulary, code FROM clean_stay_diagnosis
  UNION ALL SELECT 'CIM10', code FROM clean_disease
  UNION ALL SELECT 'CIM10', cause FROM clean_death
  UNION ALL SELECT CASE kind WHEN 'PHA' THEN 'CIP13' WHEN 'UCD' THEN 'UCD' WHEN 'CAM' THEN 'CCAM' WHEN 'BIO' THEN 'NABM' WHEN 'TIP' THEN 'LPP' ELSE 'PRS' END, code FROM clean_care
  UNION ALL SELECT 'CIP13', code FROM clean_vaccine
  UNION ALL SELECT 'CCAM', code FROM clean_stay_act
  UNION ALL SELECT system, code FROM clean_outpatient_act
  UNION ALL SELECT 'ALD', motive::VARCHAR FROM clean_disease
  UNION ALL SELECT 'SPE', specialty::VARCHAR FROM clean_provider)
WHERE code IS NOT NULL;
