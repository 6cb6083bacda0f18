-- What care cost. An act bears the amounts of its own lines (clean_care). The
-- others are those of supplements and of lines without a detail (amount_line), of
-- lines without a quantity, and what is left where an act was cancelled for
-- another amount than its own.
CREATE TABLE loose_amount AS
SELECT kind, person_id, day, code, executor, prescriber, charge, base, refund FROM amount_line
UNION ALL
SELECT c.kind, c.person_id, c.day, c.code, c.executor, c.prescriber, c.charge, c.base, c.refund
FROM care_line c ANTI JOIN corrected_act a
  ON c.kind = a.kind AND c.person_id = a.person_id AND c.day = a.day AND c.code IS NOT DISTINCT FROM a.code
  AND c.executor IS NOT DISTINCT FROM a.executor AND c.prescriber IS NOT DISTINCT FROM a.prescriber
  AND CASE WHEN $D06 THEN NULL ELSE c.identity END IS NOT DISTINCT FROM a.identity
WHERE coalesce(c.quantity, 0) = 0 AND money(c.charge, c.base, c.refund)
UNION ALL
SELECT NULL, person_id, day, NULL, executor, prescriber, charge, base, refund
FROM net_care WHERE coalesce(quantity, 0) <= 0 AND money(charge, base, refund);

-- F01: they stand with the act that they supplement, which is of the same person,
-- day, code, executor and prescriber; or else with the visit of that day to that
-- professional.
CREATE TABLE loose_act AS
SELECT c.kind, c.person_id, c.day, c.code, c.executor, c.prescriber, min(c.id) AS id
FROM clean_care c SEMI JOIN loose_amount l
  ON l.kind = c.kind AND l.person_id = c.person_id AND l.day = c.day AND l.code IS NOT DISTINCT FROM c.code
  AND l.executor IS NOT DISTINCT FROM c.executor AND l.prescriber IS NOT DISTINCT FROM c.prescriber
GROUP BY ALL;

CREATE TABLE loose_visit AS
SELECT DISTINCT c.person_id, c.day, c.executor, event_id('town', c.person_id, c.day, p.provider_id) AS id
FROM clean_care c SEMI JOIN loose_amount l ON l.person_id = c.person_id AND l.day = c.day AND l.executor IS NOT DISTINCT FROM c.executor
LEFT JOIN clean_provider p ON p.executor = c.executor
WHERE c.kind = 'PRS';

CREATE TABLE placed_amount AS
SELECT CASE WHEN a.id IS NOT NULL THEN l.kind WHEN v.id IS NOT NULL THEN 'VISIT' END AS kind, l.person_id, l.day, coalesce(a.id, v.id) AS event, l.charge, l.base, l.refund
FROM loose_amount l
LEFT JOIN loose_act a
  ON a.kind = l.kind AND a.person_id = l.person_id AND a.day = l.day AND a.code IS NOT DISTINCT FROM l.code
  AND a.executor IS NOT DISTINCT FROM l.executor AND a.prescriber IS NOT DISTINCT FROM l.prescriber
LEFT JOIN loose_visit v ON v.person_id = l.person_id AND v.day = l.day AND v.executor IS NOT DISTINCT FROM l.executor;

-- What an act or a stay cost, and beside it what came to an act, or to a visit.
CREATE VIEW clean_amount AS
SELECT kind, person_id, day, id AS event, 'own' AS whose, charge, base, refund FROM clean_care WHERE money(charge, base, refund)
UNION ALL
SELECT 'STAY', person_id, entry, visit_id, 'own', charge, base, refund FROM clean_stay WHERE money(charge, base, refund)
UNION ALL
SELECT 'STAY', person_id, entry, visit_id, 'own', charge, base, refund FROM clean_outpatient WHERE money(charge, base, refund)
UNION ALL
SELECT kind, person_id, day, event, 'supplement', sum(charge)::BIGINT, sum(base)::BIGINT, sum(refund)::BIGINT
FROM placed_amount WHERE event IS NOT NULL GROUP BY kind, person_id, day, event;

INSERT INTO ledger
SELECT 'F01', 'ER_PRS_F', count(*), count(*) FILTER (event IS NULL) FROM placed_amount HAVING count(*) > 0;
