-- Every code that the mapping writes, and the hierarchy that the codes show.

-- The twenty-two chapters of the CIM-10, by their first and last category.
CREATE TABLE cim10_chapter AS
SELECT * FROM (VALUES ('01', 'A00', 'B99'), ('02', 'C00', 'D48'), ('03', 'D50', 'D89'), ('04', 'E00', 'E90'), ('05', 'F00', 'F99'), ('06', 'G00', 'G99'),
  ('07', 'H00', 'H59'), ('08', 'H60', 'H95'), ('09', 'I00', 'I99'), ('10', 'J00', 'J99'), ('11', 'K00', 'K93'), ('12', 'L00', 'L99'), ('13', 'M00', 'M99'),
  ('14', 'N00', 'N99'), ('15', 'O00', 'O99'), ('16', 'P00', 'P96'), ('17', 'Q00', 'Q99'), ('18', 'R00', 'R99'), ('19', 'S00', 'T98'), ('20', 'V01', 'Y98'),
  ('21', 'Z00', 'Z99'), ('22', 'U00', 'U99')) AS t(chapter, first_category, last_category);

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

-- What stands above a code, with the number of steps.
CREATE TABLE code_above AS
WITH cim10 AS (
  SELECT code, code[1:length] AS above, length(code) - length AS steps
  FROM used_code, unnest(range(3, 8)) t(length)
  WHERE vocabulary = 'CIM10' AND length < length(code) AND code[length:length] <> '+'
), atc AS (
  SELECT code, code[1:length] AS above, level(code) - level(code[1:length]) AS steps
  FROM (SELECT DISTINCT atc AS code FROM drug_class WHERE atc IS NOT NULL), unnest([1, 3, 4, 5]) t(length)
  WHERE length < length(code)
)
SELECT 'CIM10' AS vocabulary, code, 'CIM10' AS above_vocabulary, above, steps FROM cim10
UNION ALL
SELECT 'CIM10', u.code, 'CIM10', 'chapter ' || c.chapter, length(u.code) - 2
FROM used_code u JOIN cim10_chapter c ON u.code[1:3] BETWEEN c.first_category AND c.last_category WHERE u.vocabulary = 'CIM10'
UNION ALL
SELECT 'CIM10', above, 'CIM10', 'chapter ' || c.chapter, length(above) - 2
FROM (SELECT DISTINCT above FROM cim10) JOIN cim10_chapter c ON above[1:3] BETWEEN c.first_category AND c.last_category
UNION ALL
-- Between two codes that are both above others.
SELECT 'CIM10', a.above, 'CIM10', a.above[1:length], length(a.above) - length
FROM (SELECT DISTINCT above FROM cim10) a, unnest(range(3, 7)) t(length) WHERE length < length(a.above) AND a.above[length:length] <> '+'
UNION ALL
SELECT 'CCAM', code, 'CCAM', code[1:length], CASE length WHEN 4 THEN 1 WHEN 2 THEN 2 ELSE 3 END
FROM used_code, unnest([1, 2, 4]) t(length) WHERE vocabulary = 'CCAM' AND length(code) = 7
UNION ALL
SELECT DISTINCT 'CCAM', code[1:below], 'CCAM', code[1:length], CASE WHEN below = 4 AND length = 1 THEN 2 ELSE 1 END
FROM used_code, unnest([2, 4]) b(below), unnest([1, 2]) t(length) WHERE vocabulary = 'CCAM' AND length(code) = 7 AND length < below
UNION ALL
SELECT 'ATC', code, 'ATC', above, steps FROM atc
UNION ALL
SELECT DISTINCT 'ATC', above, 'ATC', above[1:length], level(above) - level(above[1:length])
FROM atc, unnest([1, 3, 4]) t(length) WHERE length < length(above)
UNION ALL
SELECT 'CIP13', u.code, 'ATC', d.atc[1:length], level(d.atc) - level(d.atc[1:length]) + 1
FROM used_code u JOIN drug_class d ON d.cip13 = u.code, unnest([1, 3, 4, 5, 7]) t(length)
WHERE u.vocabulary = 'CIP13' AND length <= length(d.atc)
UNION ALL
SELECT DISTINCT 'UCD', u.code, 'ATC', d.atc[1:length], level(d.atc) - level(d.atc[1:length]) + 1
FROM used_code u JOIN drug_class d ON right(d.ucd, 7) = right(u.code, 7), unnest([1, 3, 4, 5, 7]) t(length)
WHERE u.vocabulary = 'UCD' AND length <= length(d.atc);

-- All codes that need a concept.
CREATE TABLE code_to_name AS
SELECT vocabulary, code, any_value(name) AS name FROM (
  SELECT u.vocabulary, u.code, d.name FROM used_code u LEFT JOIN drug_class d ON u.vocabulary = 'CIP13' AND d.cip13 = u.code
  UNION ALL SELECT above_vocabulary, above, NULL FROM code_above
  UNION ALL SELECT vocabulary, code, NULL FROM code_above)
GROUP BY vocabulary, code;
