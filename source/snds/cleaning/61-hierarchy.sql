-- What stands above a code, with the number of steps.
CREATE TABLE code_above AS
WITH atc AS (
  SELECT code, code[1:length] AS above, level(code) - level(code[1:length]) AS steps
  FROM (SELECT DISTINCT atc AS code FROM drug_class WHERE atc IS NOT NULL), unnest([1, 3, 4, 5]) t(length)
  WHERE length < length(code)
)
SELECT vocabulary, code, above_vocabulary, above, steps FROM code_above_french
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
WHERE u.vocabulary = 'UCD' AND length <= length(d.atc)
UNION ALL
SELECT vocabulary, code, vocabulary, 'any', 1 FROM named_code WHERE vocabulary = 'DOUBT' AND code <> 'any';

-- All codes that need a concept.
CREATE TABLE code_to_name AS
SELECT vocabulary, code, any_value(name) AS name FROM (
  SELECT u.vocabulary, u.code, d.name FROM used_code u LEFT JOIN drug_class d ON u.vocabulary = 'CIP13' AND d.cip13 = u.code
  UNION ALL SELECT vocabulary, code, name FROM named_code
  UNION ALL SELECT above_vocabulary, above, NULL FROM code_above
  UNION ALL SELECT vocabulary, code, NULL FROM code_above)
GROUP BY vocabulary, code;
