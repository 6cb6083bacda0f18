-- Stays of rehabilitation, at home and in psychiatry as they were, whatever
-- years told of them. field_telling are the stays, as each year tells of them,
-- that this load has to map.

-- S01: a stay that goes on is told again by each year under another number; the
-- person, the establishment, the entry and the kind say that it is one. Two
-- stays that a single year tells of stay two.
CREATE TABLE told_stay AS
SELECT *, CASE WHEN $S01 THEN event_id('field', kind, person_id, finess, entry, partial, nth) ELSE telling END AS visit_id
FROM (
  SELECT *, row_number() OVER (PARTITION BY kind, person_id, finess, entry, partial, year ORDER BY number, telling) AS nth
  FROM field_telling);

-- S02: while a stay goes on its end is the last day that its summaries cover.
CREATE TABLE clean_field_stay AS
SELECT visit_id, kind, person_id, finess, entry, greatest(entry, coalesce(max(leaving), max(covered), entry)) AS leaving, partial,
  arg_min(entry_mode, year) AS entry_mode, arg_max(exit_mode, year) AS exit_mode, max(leaving) IS NULL AS open, count(*) AS tellings
FROM told_stay
GROUP BY visit_id, kind, person_id, finess, entry, partial;

CREATE TABLE told_diagnosis AS
SELECT s.visit_id, s.kind, s.person_id, d.day, d.code, d.place, row_number() OVER (PARTITION BY s.visit_id, d.place, d.code ORDER BY d.day) AS nth
FROM every_field_diagnosis d JOIN told_stay s ON s.telling = d.telling AND s.part = d.part;

-- S03: a diagnosis that summary after summary repeats is one, at its first day.
-- M06: an associated one that is a main one of the stay stays that one.
CREATE TABLE clean_field_diagnosis AS
SELECT event_id('field', d.visit_id, d.place, d.code, d.nth) AS id, d.visit_id, d.person_id, d.day, d.code, d.place
FROM told_diagnosis d
LEFT JOIN (SELECT DISTINCT visit_id, code FROM told_diagnosis WHERE place IN ('DP', 'MMP')) m ON m.visit_id = d.visit_id AND m.code = d.code
WHERE (d.nth = 1 OR NOT $S03) AND (NOT $M06 OR d.place IN ('DP', 'MMP') OR m.code IS NULL);

CREATE TABLE clean_field_act AS
SELECT event_id('field', visit_id, system, code, day, quantity, row_number() OVER (PARTITION BY visit_id, system, code, day, quantity)) AS id, *
FROM (
  SELECT s.visit_id, s.person_id, a.day, a.system, a.code, a.quantity
  FROM every_field_act a JOIN told_stay s ON s.telling = a.telling AND s.part = a.part);

CREATE TABLE clean_field_part AS
SELECT event_id('field', s.visit_id, s.year, p.name, row_number() OVER (PARTITION BY s.visit_id, s.year, p.name ORDER BY p.first_day, p.last_day, p.what)) AS id,
  s.visit_id, s.person_id, s.kind, s.partial, s.finess, p.first_day, p.last_day, p.what, p.unit_finess
FROM every_field_part p JOIN told_stay s ON s.telling = p.telling AND s.part = p.part;

INSERT INTO ledger
SELECT 'S01', kind, sum(tellings), sum(tellings - 1) FROM clean_field_stay WHERE $S01 AND tellings > 1 GROUP BY kind
UNION ALL
SELECT 'S02', kind, count(*), 0 FROM clean_field_stay WHERE open GROUP BY kind
UNION ALL
SELECT 'S03', kind, sum(n), sum(n - 1) FROM (SELECT kind, count(*) AS n FROM told_diagnosis WHERE $S03 GROUP BY kind, visit_id, place, code HAVING count(*) > 1) GROUP BY kind;
