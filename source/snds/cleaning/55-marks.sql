-- What the rules cannot decide, and coverage.

-- P15: persons whom the rules leave in doubt are marked, and stay. P04: known by
-- a provisional number alone, so care of the same person may stand under
-- another. P03: shares the number of the PMSI with a twin, so hospital care may
-- be missing. M09: on that day there was such care, of this person or the twin.
CREATE TABLE clean_doubt AS
SELECT m.person_id, m.mark, coalesce(m.day, s.first_day, p.updated, DATE '1970-01-01') AS day
FROM (
  SELECT b.person_id, 'P04' AS mark, NULL::DATE AS day
  FROM beneficiary_row r JOIN beneficiary b ON b.psa = r.BEN_NIR_PSA AND b.rng IS NOT DISTINCT FROM r.BEN_RNG_GEM
  GROUP BY b.person_id HAVING count(r.BEN_NIR_ANO) = 0 AND bool_or(coalesce(r.BEN_CDI_NIR IN ('03', '04'), false))
  UNION
  SELECT b.person_id, 'P03', NULL FROM beneficiary b JOIN holder h ON h.psa = b.psa AND h.persons > 1
  UNION
  SELECT b.person_id, 'M09', c.entry
  FROM (SELECT psa, entry, fate FROM stay_fate UNION ALL SELECT psa, entry, fate FROM outpatient_fate UNION ALL SELECT psa, entry, fate FROM field_fate) c
  JOIN beneficiary b ON b.psa = c.psa
  WHERE c.fate = 'M09' AND c.entry IS NOT NULL) m
LEFT JOIN clean_span s ON s.person_id = m.person_id
LEFT JOIN (SELECT person_id, max(updated) AS updated FROM person_row GROUP BY person_id) p ON p.person_id = m.person_id;

INSERT INTO ledger
SELECT 'P15', 'persons ' || mark, count(DISTINCT person_id), 0 FROM clean_doubt GROUP BY mark;

-- C01: one row a person and calendar year.
CREATE TABLE clean_coverage AS
SELECT person_id, year, min(day) AS day
FROM (
  SELECT b.person_id, c.year, c.day FROM unit_covered c JOIN beneficiary b ON b.psa = c.psa AND b.rng IS NOT DISTINCT FROM c.rng WHERE c.visit_id IS NULL
  UNION ALL
  SELECT f.person_id, c.year, c.day FROM unit_covered c JOIN outpatient_fate f ON f.visit_id = c.visit_id WHERE f.fate IS NULL)
GROUP BY person_id, year;

-- What the local codes that no nomenclature has are called.
CREATE TABLE named_code AS
SELECT * FROM (VALUES
  ('DOUBT', 'any', 'SNDS: a person in doubt'),
  ('DOUBT', 'P04', 'SNDS P04: known by a provisional number that was never linked'),
  ('DOUBT', 'P03', 'SNDS P03: shares the hospital number of a twin'),
  ('DOUBT', 'M09', 'SNDS M09: hospital care of the person or of a twin'),
  ('COVER', 'CMU-C', 'complementary coverage of the CMU-C, C2S since November 2019'),
  ('CAUSE', 'any', 'cause on the death certificate'),
  ('PMSI', 'MCO', 'PMSI MCO: short stays'), ('PMSI', 'ACE', 'PMSI MCO: outpatient hospital care'), ('PMSI', 'SSR', 'PMSI SSR: rehabilitation'),
  ('PMSI', 'HAD', 'PMSI HAD: hospital at home'), ('PMSI', 'RIP', 'RIM-P: psychiatry')
) t(vocabulary, code, name);
