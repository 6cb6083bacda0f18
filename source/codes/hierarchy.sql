-- The hierarchies that the codes of the CIM-10 and the CCAM show, from used_code
-- (vocabulary, code).

-- The twenty-two chapters of the CIM-10, by their first and last category.
CREATE TABLE cim10_chapter AS
SELECT * FROM (VALUES ('01', 'A00', 'B99'), ('02', 'C00', 'D48'), ('03', 'D50', 'D89'), ('04', 'E00', 'E90'), ('05', 'F00', 'F99'), ('06', 'G00', 'G99'),
  ('07', 'H00', 'H59'), ('08', 'H60', 'H95'), ('09', 'I00', 'I99'), ('10', 'J00', 'J99'), ('11', 'K00', 'K93'), ('12', 'L00', 'L99'), ('13', 'M00', 'M99'),
  ('14', 'N00', 'N99'), ('15', 'O00', 'O99'), ('16', 'P00', 'P96'), ('17', 'Q00', 'Q99'), ('18', 'R00', 'R99'), ('19', 'S00', 'T98'), ('20', 'V01', 'Y98'),
  ('21', 'Z00', 'Z99'), ('22', 'U00', 'U99')) AS t(chapter, first_category, last_category);

-- What stands above a code, with the number of steps.
CREATE TABLE code_above_french AS
WITH cim10 AS (
  SELECT code, code[1:length] AS above, length(code) - length AS steps
  FROM used_code, unnest(range(3, 8)) t(length)
  WHERE vocabulary = 'CIM10' AND length < length(code) AND code[length:length] <> '+'
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
FROM used_code, unnest([2, 4]) b(below), unnest([1, 2]) t(length) WHERE vocabulary = 'CCAM' AND length(code) = 7 AND length < below;
