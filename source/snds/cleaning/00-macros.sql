-- Words that the other files use. In all of them $D14 (a rule's id) is true
-- unless the rule was switched off.

-- A return code of the PMSI other than 0 says that the linkage of the stay failed.
CREATE MACRO refused(code) AS coalesce(ltrim(code, '0') <> '', false);

-- M02: a number made of x, the last sign x or d, stands for no person.
CREATE MACRO dummy_number(number) AS number IS NULL OR regexp_full_match(lower(number), 'x{16}[xd]');

-- The check digit of a CIP13, which follows its first twelve digits.
CREATE MACRO ean_check(digits) AS ((10 - list_sum(list_transform(range(1, 13),
  lambda i: CAST(substr(digits, CAST(i AS BIGINT), 1) AS BIGINT) * CASE WHEN i % 2 = 0 THEN 3 ELSE 1 END)) % 10) % 10)::VARCHAR;

-- A CIP7 as CIP13: 34009, the seven digits, the check digit.
CREATE MACRO cip13_of(cip7) AS '34009' || cip7 || ean_check('34009' || cip7);

-- M04: the establishments of AP-HP, AP-HM and HCL under whose own (geographic)
-- number stays were delivered a second time, up to 2017. The list of 46 is the
-- one that users of the SNDS share; HCL are those of departments 69 and 83.
CREATE MACRO geographic_copy(finess) AS finess IN (
  '130780521', '130783236', '130783293', '130784234', '130804297', '600100101', '750041543', '750100018', '750100042', '750100075',
  '750100083', '750100091', '750100109', '750100125', '750100166', '750100208', '750100216', '750100232', '750100273', '750100299',
  '750801441', '750803447', '750803454', '910100015', '910100023', '920100013', '920100021', '920100039', '920100047', '920100054',
  '920100062', '930100011', '930100037', '930100045', '940100027', '940100035', '940100043', '940100050', '940100068', '950100016',
  '690783154', '690784137', '690784152', '690784178', '690787478', '830100558');
CREATE MACRO lyon(finess) AS finess[1:2] IN ('69', '83');

-- The id of a row of the lake, from 1 to 2^52: made of what names the row at its
-- source, so that it stays the same whatever else a load brings. Ids count
-- within a person.
CREATE MACRO event_id(a, b) AS (hash(a, b) >> 12)::BIGINT, (a, b, c) AS (hash(a, b, c) >> 12)::BIGINT,
  (a, b, c, d) AS (hash(a, b, c, d) >> 12)::BIGINT, (a, b, c, d, e) AS (hash(a, b, c, d, e) >> 12)::BIGINT,
  (a, b, c, d, e, f) AS (hash(a, b, c, d, e, f) >> 12)::BIGINT, (a, b, c, d, e, f, g) AS (hash(a, b, c, d, e, f, g) >> 12)::BIGINT,
  (a, b, c, d, e, f, g, h) AS (hash(a, b, c, d, e, f, g, h) >> 12)::BIGINT;

-- An amount in cents, in which sums are exact.
CREATE MACRO cents(amount) AS round(amount * 100)::BIGINT;
-- Whether any of the amounts of a row is one.
CREATE MACRO money(charge, base, refund) AS coalesce(charge, 0) <> 0 OR coalesce(base, 0) <> 0 OR coalesce(refund, 0) <> 0;

-- The level of an ATC class, from the length of its code.
CREATE MACRO level(atc) AS CASE length(atc) WHEN 1 THEN 1 WHEN 3 THEN 2 WHEN 4 THEN 3 WHEN 5 THEN 4 ELSE 5 END;

-- The concepts of the OMOP vocabulary that the mapping writes, in our words.
CREATE TABLE standard_concept AS
SELECT * FROM (VALUES
  (8507, 'male', 'Gender', 'Gender', 'Gender', 'M'), (8532, 'female', 'Gender', 'Gender', 'Gender', 'F'),
  (9201, 'stay in a hospital', 'Visit', 'Visit', 'Visit', 'IP'), (9202, 'outpatient care', 'Visit', 'Visit', 'Visit', 'OP'),
  (581476, 'care at home', 'Visit', 'Visit', 'Visit', 'home'),
  (9203, 'emergency care', 'Visit', 'Visit', 'Visit', 'ER'), (262, 'emergency care followed by a stay', 'Visit', 'Visit', 'Visit', 'ERIP'),
  (44818568, 'euro', 'Currency', 'Currency', 'Currency', 'EUR'),
  (32810, 'claim', 'Type Concept', 'Type Concept', 'Type Concept', 'type'),
  (32812, 'hospital claim at discharge', 'Type Concept', 'Type Concept', 'Type Concept', 'type'),
  (32813, 'enrolment record', 'Type Concept', 'Type Concept', 'Type Concept', 'type'),
  (32815, 'death certificate', 'Type Concept', 'Type Concept', 'Type Concept', 'type'),
  (32869, 'pharmacy claim', 'Type Concept', 'Type Concept', 'Type Concept', 'type'),
  (32902, 'main diagnosis', 'Condition Status', 'Condition Status', 'Condition Status', 'type'),
  (32908, 'other diagnosis', 'Condition Status', 'Condition Status', 'Condition Status', 'type')
) AS t(concept_id, name, domain, vocabulary, class, code);
