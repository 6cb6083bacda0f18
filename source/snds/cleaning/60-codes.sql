-- Every code that the mapping writes.

CREATE TABLE drug_class AS
SELECT PHA_CIP_C13 AS cip13, any_value(coalesce(PHA_ATC_C07, PHA_ATC_CLA)) AS atc, any_value(coalesce(PHA_NOM_COURT, PHA_MED_NOM)) AS name,
  any_value(PHA_CIP_UCD) AS ucd,
  -- Units in a box, and the unit of the dose; M10: renamed when the reference was.
  max(CASE WHEN coalesce(PHA_UNT_NBR_DSES, PHA_UPC_NBR) BETWEEN 1 AND 100000 AND round(coalesce(PHA_UNT_NBR_DSES, PHA_UPC_NBR)) = coalesce(PHA_UNT_NBR_DSES, PHA_UPC_NBR)
    THEN CAST(coalesce(PHA_UNT_NBR_DSES, PHA_UPC_NBR) AS BIGINT) END) AS box_size,
  any_value(coalesce(PHA_DOS_UNT_DSES, PHA_DOS_UNI)) AS dose_unit
FROM ir_pha_r GROUP BY PHA_CIP_C13;

CREATE TABLE used_code AS
SELECT DISTINCT * FROM (
  SELECT vocabulary, code FROM unit_code WHERE vocabulary <> 'CIP7'
  UNION ALL SELECT 'CIP13', coalesce(r.cip13, cip13_of(c.code)) FROM unit_code c LEFT JOIN translation r ON r.cip7 = c.code WHERE c.vocabulary = 'CIP7'
  UNION ALL SELECT 'CIM10', code FROM clean_disease
  UNION ALL SELECT 'CIM10', cause FROM clean_death
  UNION ALL SELECT 'CIP13', code FROM clean_vaccine
  UNION ALL SELECT 'CIM10', code FROM clean_certificate_cause
  UNION ALL SELECT vocabulary, code FROM named_code
  UNION ALL SELECT 'ALD', motive::VARCHAR FROM clean_disease
  UNION ALL SELECT 'SPE', specialty::VARCHAR FROM clean_provider)
WHERE code IS NOT NULL;
