-- A correction is a negative line, in the same month or a later one. What was
-- done is the sum of the quantities of a person, day, code, executor and
-- prescriber, where it is positive. Only acts with a negative line need the sum.
-- care_line are the lines that this load has to map.

CREATE TABLE corrected_act AS
SELECT DISTINCT kind, person_id, CASE WHEN $D06 THEN NULL ELSE identity END AS identity, day, code, executor, prescriber
FROM care_line WHERE quantity < 0;

CREATE TABLE corrected_line AS
SELECT c.* FROM care_line c SEMI JOIN corrected_act a
  ON c.kind = a.kind AND c.person_id = a.person_id AND c.day = a.day AND c.code IS NOT DISTINCT FROM a.code
  AND c.executor IS NOT DISTINCT FROM a.executor AND c.prescriber IS NOT DISTINCT FROM a.prescriber
  AND CASE WHEN $D06 THEN NULL ELSE c.identity END IS NOT DISTINCT FROM a.identity;

CREATE TABLE netted AS
SELECT kind, person_id, CASE WHEN $D06 THEN NULL ELSE identity END AS identity, day, code, executor, prescriber,
  min(id) FILTER (quantity > 0) AS id, sum(quantity) AS net, sum(quantity) FILTER (quantity > 0) AS positive, count(*) AS lines, count(*) FILTER (quantity < 0) AS negatives,
  min(quantity) AS lowest, max(quantity) AS highest,
  sum(charge)::BIGINT AS charge, sum(base)::BIGINT AS base, sum(refund)::BIGINT AS refund,
  sum(charge) FILTER (quantity > 0)::BIGINT AS positive_charge, sum(base) FILTER (quantity > 0)::BIGINT AS positive_base, sum(refund) FILTER (quantity > 0)::BIGINT AS positive_refund
FROM corrected_line GROUP BY ALL;

-- A cancelled line whose flux month also brings, from the same executor and in
-- the same quantity, another code for that day (D04) or that code for another
-- day of the fortnight (D05) was wrong rather than undone.
CREATE TABLE replacement AS
SELECT DISTINCT n.kind, n.person_id, n.day, n.code, n.executor, n.prescriber,
  CASE WHEN c.day = n.day THEN 'D04' ELSE 'D05' END AS rule
FROM (
  SELECT l.* FROM corrected_line l SEMI JOIN (SELECT * FROM netted WHERE net <= 0) z
    ON z.kind = l.kind AND z.person_id = l.person_id AND z.day = l.day AND z.code = l.code
    AND z.executor IS NOT DISTINCT FROM l.executor AND z.prescriber IS NOT DISTINCT FROM l.prescriber
  WHERE l.quantity < 0 AND l.kind IN ('PHA', 'UCD')) n
JOIN (
  SELECT l.* FROM care_line l ANTI JOIN (SELECT * FROM netted WHERE net <= 0) z
    ON z.kind = l.kind AND z.person_id = l.person_id AND z.day = l.day AND z.code = l.code
    AND z.executor IS NOT DISTINCT FROM l.executor AND z.prescriber IS NOT DISTINCT FROM l.prescriber
  WHERE l.quantity > 0 AND l.kind IN ('PHA', 'UCD')) c
  ON c.kind = n.kind AND c.person_id = n.person_id AND c.flux = n.flux AND c.quantity = -n.quantity
  AND c.executor IS NOT DISTINCT FROM n.executor AND c.prescriber IS NOT DISTINCT FROM n.prescriber
WHERE (c.day = n.day AND c.code <> n.code) OR (c.code = n.code AND c.day <> n.day AND abs(c.day - n.day) <= 15);

-- The rule under which each corrected act falls. Acts and consultations are one
-- or none, so whatever happened to them is a cancellation.
CREATE TABLE correction AS
SELECT n.*,
  CASE
    WHEN n.kind NOT IN ('PHA', 'UCD') THEN 'D02'
    WHEN net <= 0 THEN coalesce((SELECT min(rule) FROM replacement r WHERE r.kind = n.kind AND r.person_id = n.person_id AND r.day = n.day
      AND r.code = n.code AND r.executor IS NOT DISTINCT FROM n.executor AND r.prescriber IS NOT DISTINCT FROM n.prescriber), 'D02')
    WHEN lowest = -highest THEN 'D07'
    ELSE 'D03'
  END AS rule
FROM netted n;

-- A rule that is off nets nothing: its negative lines are forgotten.
CREATE TABLE net_care AS
SELECT kind, person_id, day, code, executor, prescriber, id, CASE WHEN off THEN positive ELSE net END AS quantity,
  CASE WHEN off THEN positive_charge ELSE charge END AS charge, CASE WHEN off THEN positive_base ELSE base END AS base,
  CASE WHEN off THEN positive_refund ELSE refund END AS refund
FROM (
  SELECT *, (rule = 'D02' AND NOT $D02) OR (rule = 'D03' AND NOT $D03) OR (rule = 'D04' AND NOT $D04) OR (rule = 'D05' AND NOT $D05)
    OR (rule = 'D07' AND NOT $D07) AS off
  FROM correction);

CREATE VIEW uncorrected_line AS
SELECT c.kind, c.person_id, c.day, c.code, c.executor, c.prescriber, c.quantity, c.id, c.charge, c.base, c.refund
FROM care_line c ANTI JOIN corrected_act a
  ON c.kind = a.kind AND c.person_id = a.person_id AND c.day = a.day AND c.code IS NOT DISTINCT FROM a.code
  AND c.executor IS NOT DISTINCT FROM a.executor AND c.prescriber IS NOT DISTINCT FROM a.prescriber
  AND CASE WHEN $D06 THEN NULL ELSE c.identity END IS NOT DISTINCT FROM a.identity
WHERE c.quantity > 0;

-- Care as it was given. Two true identical dispensings stay two (D11); without
-- that rule one of them is lost, as by a DISTINCT. The amounts are those of all
-- its lines, corrections included.
CREATE VIEW clean_care AS
SELECT kind, person_id, day, code, executor, prescriber, quantity, id, charge, base, refund FROM net_care WHERE quantity > 0
UNION ALL
SELECT * FROM uncorrected_line WHERE $D11
UNION ALL
SELECT * EXCLUDE (id, charge, base, refund), min(id), sum(charge)::BIGINT, sum(base)::BIGINT, sum(refund)::BIGINT
FROM uncorrected_line WHERE NOT $D11 GROUP BY ALL;

INSERT INTO ledger
SELECT rule, 'ER_' || kind || '_F',
  sum(CASE WHEN kind NOT IN ('PHA', 'UCD') THEN 2 * negatives WHEN rule IN ('D04', 'D05') THEN lines + 1 ELSE lines END),
  sum(CASE WHEN kind NOT IN ('PHA', 'UCD') THEN 2 * negatives WHEN rule = 'D07' THEN 2 * negatives WHEN rule = 'D03' THEN negatives ELSE lines END)
FROM correction
WHERE (rule = 'D02' AND $D02) OR (rule = 'D03' AND $D03) OR (rule = 'D04' AND $D04) OR (rule = 'D05' AND $D05) OR (rule = 'D07' AND $D07)
GROUP BY ALL;

-- D06: a negative line of ER_PRS_F whose positive one came under another number
-- or rank of the person.
INSERT INTO ledger
SELECT 'D06', 'ER_PRS_F', count(DISTINCT n.line), 0
FROM corrected_line n
WHERE $D06 AND n.quantity < 0 AND EXISTS (
  SELECT 1 FROM corrected_line c
  WHERE c.person_id = n.person_id AND c.day = n.day AND c.nature = n.nature AND c.executor IS NOT DISTINCT FROM n.executor
    AND c.prescriber IS NOT DISTINCT FROM n.prescriber AND c.identity <> n.identity AND c.quantity >= -n.quantity);

INSERT INTO ledger
SELECT 'D11', 'ER_PHA_F', coalesce(sum(n), 0), 0
FROM (SELECT count(*) AS n FROM clean_care WHERE $D11 AND kind = 'PHA' GROUP BY person_id, day, hash(code, executor, prescriber) HAVING count(*) > 1);

-- D10: dispensed, and unknown to the reference.
INSERT INTO ledger
SELECT 'D10', 'ER_PHA_F', count(*), 0 FROM care_line c ANTI JOIN ir_pha_r r ON r.PHA_CIP_C13 = c.code WHERE c.kind = 'PHA';

-- E01, a part of D02: women whose only cyproterone was cancelled.
INSERT INTO ledger
SELECT 'E01', 'ER_PHA_F', coalesce(sum(c.lines), 0), coalesce(sum(c.lines), 0)
FROM correction c JOIN ir_pha_r r ON r.PHA_CIP_C13 = c.code AND coalesce(r.PHA_ATC_C07, r.PHA_ATC_CLA) = 'G03HA01'
JOIN clean_person p ON p.person_id = c.person_id AND p.sex = '2'
WHERE $D02 AND c.rule = 'D02' AND NOT EXISTS (
  SELECT 1 FROM clean_care k JOIN ir_pha_r q ON q.PHA_CIP_C13 = k.code AND coalesce(q.PHA_ATC_C07, q.PHA_ATC_CLA) = 'G03HA01'
  WHERE k.person_id = c.person_id AND k.kind = 'PHA');
