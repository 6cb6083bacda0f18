-- The units together, with their persons. every_care says of which part of the
-- units a line is: common to the lake before and after this load, added by it, or
-- gone with a unit that it replaces.

-- D08, D09: the reference translates a CIP7, or the rule of the CIP13 does.
CREATE TABLE translation AS
SELECT lpad(PHA_PRS_IDE, 7, '0') AS cip7, min(PHA_CIP_C13) AS cip13 FROM ir_pha_r WHERE PHA_PRS_IDE IS NOT NULL GROUP BY ALL;

-- Lines and amounts of a number that a beneficiary table knows by now.
CREATE TABLE late_care AS
SELECT l.*, b.person_id, b.identity FROM every_unknown_care l JOIN beneficiary b ON b.psa = l.psa AND b.rng IS NOT DISTINCT FROM l.rng;

CREATE TABLE late_amount AS
SELECT a.*, b.person_id FROM every_amount a JOIN beneficiary b ON b.psa = a.psa AND b.rng IS NOT DISTINCT FROM a.rng WHERE a.identity IS NULL;

CREATE VIEW line AS
SELECT l.kind, b.person_id, l.identity, l.day, coalesce(l.code, r.cip13, cip13_of(l.cip7)) AS code, l.quantity, l.executor, l.prescriber, l.flux, l.nature, l.line, l.id,
  l.charge, l.base, l.refund, l.part
FROM every_care l
JOIN beneficiary b ON b.identity = l.identity
LEFT JOIN translation r ON r.cip7 = l.cip7
UNION ALL
SELECT l.kind, l.person_id, l.identity, l.day, coalesce(l.code, r.cip13, cip13_of(l.cip7)), l.quantity, l.executor, l.prescriber, l.flux, l.nature, l.line, l.id,
  l.charge, l.base, l.refund, l.part
FROM late_care l
LEFT JOIN translation r ON r.cip7 = l.cip7;

-- Amounts of lines that are no care themselves.
CREATE VIEW amount AS
SELECT a.kind, a.person_id, a.day, coalesce(a.code, r.cip13, cip13_of(a.cip7)) AS code, a.executor, a.prescriber, a.charge, a.base, a.refund, a.part
FROM (
  SELECT a.*, b.person_id FROM every_amount a JOIN beneficiary b ON b.identity = a.identity
  UNION ALL
  FROM late_amount) a
LEFT JOIN translation r ON r.cip7 = a.cip7;

-- What becomes of a stay: M09, its number is that of twins of the same sex; P06,
-- of nobody.
CREATE VIEW stay_fate AS
SELECT s.*, h.person_id,
  CASE
    WHEN s.removed_by IS NOT NULL THEN s.removed_by
    WHEN h.person_id IS NULL AND h.persons > 1 THEN 'M09'
    WHEN h.person_id IS NULL THEN 'P06'
    WHEN s.entry IS NULL THEN 'undated'
  END AS fate
FROM unit_stay s LEFT JOIN holder h ON h.psa = s.psa;

CREATE VIEW outpatient_fate AS
SELECT s.*, h.person_id,
  CASE
    WHEN s.removed_by IS NOT NULL THEN s.removed_by
    WHEN h.person_id IS NULL AND h.persons > 1 THEN 'M09'
    WHEN h.person_id IS NULL THEN 'P06'
    WHEN s.entry IS NULL THEN 'undated'
  END AS fate
FROM unit_outpatient s LEFT JOIN holder h ON h.psa = s.psa;

INSERT INTO ledger
SELECT fate, 'T_MCOaaC', count(*), CASE WHEN fate = 'M09' THEN 0 ELSE count(*) END FROM stay_fate WHERE fate IN ('M09', 'P06') GROUP BY fate
UNION ALL
SELECT fate, 'T_MCOaaCSTC', count(*), CASE WHEN fate = 'M09' THEN 0 ELSE count(*) END FROM outpatient_fate WHERE fate IN ('M09', 'P06') GROUP BY fate;

-- Professionals, with the speciality they state most often. Their numbers stay
-- in the vault; provider (executor, provider_id) is filled there.
CREATE TABLE clean_provider AS
SELECT p.provider_id, p.executor, e.specialty
FROM provider p JOIN (
  SELECT executor, arg_max(specialty, (lines, specialty)) AS specialty
  FROM (SELECT executor, specialty, sum(lines) AS lines FROM unit_executor GROUP BY executor, specialty) GROUP BY executor) e ON e.executor = p.executor;
