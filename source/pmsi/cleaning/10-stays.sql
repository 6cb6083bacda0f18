-- Which person each stay is of. The tables rum, rum_diagnosis, rum_act, rsa,
-- rsa_unit, tra and identity hold the lines as they were cut, with the numbers of
-- the patients: nothing after 20-care reads them.

-- A unit's summary that is there twice, as in the files of two months that each
-- hold the year so far: the first one counts.
CREATE TABLE rum_turn AS
SELECT *, row_number() OVER (PARTITION BY finess, stay, rss, rum, CASE WHEN rum IS NULL THEN unit END, CASE WHEN rum IS NULL THEN entry END
  ORDER BY file, line) AS turn
FROM rum;

-- VID-HOSP says more than ANO-HOSP, which counts where a stay has no VID-HOSP.
CREATE TABLE who AS
SELECT * FROM identity QUALIFY anonymous = bool_and(anonymous) OVER (PARTITION BY finess, stay);

-- The stay of an RSA, by the TRA: the line with its index, whose days are in its
-- month of leaving and as many as its nights. Indexes begin again in each
-- transmission and each establishment, and a TRA names none: of several stays,
-- the one that somebody is known to have had in the establishment of the RSA.
CREATE TABLE rsa_stay AS
SELECT r.file, r.line, any_value(r.finess) AS finess,
  count(t.stay) AS fitting,
  count(DISTINCT t.stay) FILTER (t.known) AS known,
  count(DISTINCT row(t.stay, t.rss, t.entry, t.leaving)) FILTER (t.known) AS ways,
  any_value(t.stay) FILTER (t.known) AS stay, any_value(t.rss) FILTER (t.known) AS rss,
  any_value(t.entry) FILTER (t.known) AS entry, any_value(t.leaving) FILTER (t.known) AS leaving
FROM rsa r
LEFT JOIN (
  SELECT t.*, k.finess, k.stay IS NOT NULL AS known
  FROM tra t LEFT JOIN (SELECT DISTINCT finess, stay FROM identity) k ON k.stay = t.stay) t
  ON t.rsa = r.rsa AND (t.finess = r.finess OR NOT t.known)
  AND month(t.leaving) = r.month AND year(t.leaving) = r.year
  AND (r.nights IS NULL OR date_diff('day', t.entry, t.leaving) = r.nights)
GROUP BY r.file, r.line;

-- A stay that is there as RSS too counts once, as RSS, which has the days and
-- number of each unit.
CREATE TABLE rsa_turn AS
SELECT r.*, EXISTS (SELECT 1 FROM rum u WHERE u.finess = r.finess AND u.stay = r.stay) AS doubled,
  row_number() OVER (PARTITION BY r.finess, r.stay, r.rss ORDER BY r.file, r.line) AS turn
FROM rsa_stay r WHERE r.ways = 1;

-- Twins of one sex have one chaining number; their rank of birth tells that they
-- are two, and not which stays are whose.
CREATE TABLE shared_number AS
SELECT source_id FROM who WHERE source_id LIKE 'ANO|%' GROUP BY source_id HAVING count(DISTINCT rank) > 1;

-- The person of a stay, by the establishment and its administrative number. A
-- stay may have several VID-HOSP lines, one for each invoice.
CREATE TABLE stay_identity AS
SELECT s.finess, s.stay, min(i.source_id) AS source_id, coalesce(bool_and(i.numbered), false) AS numbered,
  CASE WHEN count(DISTINCT i.source_id) = 0 THEN 'unknown_stay'
    WHEN count(DISTINCT i.source_id) > 1 OR bool_or(i.source_id IN (FROM shared_number)) THEN 'ambiguous_person' END AS problem
FROM (SELECT finess, stay FROM rum UNION SELECT finess, stay FROM rsa_turn) s
LEFT JOIN who i ON i.finess = s.finess AND i.stay = s.stay
GROUP BY s.finess, s.stay;

CREATE TABLE refused_line AS
SELECT r.file, r.line, CASE WHEN r.turn > 1 THEN 'rum.nrum' ELSE 'rum.nadl' END AS field, CASE WHEN r.turn > 1 THEN 'duplicate_key' ELSE s.problem END AS problem
FROM rum_turn r JOIN stay_identity s ON s.finess = r.finess AND s.stay = r.stay
WHERE r.turn > 1 OR s.problem IS NOT NULL
UNION ALL
SELECT file, line, 'rsa.nrsa', CASE WHEN fitting = 0 THEN 'unlinked_stay' WHEN known = 0 THEN 'unknown_stay' ELSE 'ambiguous_stay' END
FROM rsa_stay WHERE ways <> 1
UNION ALL
SELECT r.file, r.line, 'rsa.nrsa', CASE WHEN r.turn > 1 THEN 'duplicate_key' ELSE s.problem END
FROM rsa_turn r JOIN stay_identity s ON s.finess = r.finess AND s.stay = r.stay
WHERE NOT r.doubled AND (r.turn > 1 OR s.problem IS NOT NULL);

CREATE TABLE identity_count AS
SELECT (SELECT count(*) FROM stay_identity WHERE problem IS NULL AND NOT numbered) AS unnumbered,
  (SELECT count(*) FROM identity i ANTI JOIN stay_identity s ON s.finess = i.finess AND s.stay = i.stay) AS without_stay,
  (SELECT count(*) FROM rsa_turn WHERE doubled) AS doubled;
