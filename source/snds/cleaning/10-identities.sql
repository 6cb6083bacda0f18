-- Who is who. The numbers of a beneficiary are exchanged for person keys here;
-- nothing after the tables beneficiary, holder and anonymous speaks of them.

-- What each rule did: that of the units first, then every file adds its counts.
CREATE TABLE ledger AS FROM unit_ledger;

-- P14: old and dead identities stand in the archive; both tables are one.
CREATE TABLE beneficiary_row AS
SELECT *, false AS archived FROM ir_ben_r
UNION ALL BY NAME
SELECT *, true AS archived FROM ir_ben_r_arc WHERE $P14;

-- One row per number: BEN_NIR_PSA and the rank BEN_RNG_GEM. A number under which
-- two anonymous numbers stand is ambiguous: it belongs to nobody.
CREATE TABLE identity AS
SELECT BEN_NIR_PSA AS psa, BEN_RNG_GEM AS rng, count(DISTINCT BEN_NIR_ANO) AS meanings, max(BEN_NIR_ANO) AS ano,
  row_number() OVER (PARTITION BY BEN_NIR_PSA, max(BEN_NIR_ANO) ORDER BY BEN_RNG_GEM) AS rank_of_person
FROM beneficiary_row
WHERE BEN_NIR_PSA IS NOT NULL
GROUP BY BEN_NIR_PSA, BEN_RNG_GEM;

-- The source's id of a person: the anonymous number, whatever number and rank
-- the person had (P01, P02); without one, the number and the rank (P04, P13).
-- Without P03 the rank is forgotten, and twins become one.
CREATE TABLE identified AS
SELECT psa, rng,
  CASE
    WHEN NOT $P03 THEN min(CASE WHEN $P01 AND ano IS NOT NULL THEN ano ELSE psa END) OVER (PARTITION BY psa)
    WHEN meanings > 1 THEN NULL
    WHEN $P01 AND ano IS NOT NULL AND ($P02 OR rank_of_person = 1) THEN ano
    WHEN NOT $P01 AND ano IS NOT NULL AND $P02 THEN psa || min(rng) OVER (PARTITION BY psa, ano)
    ELSE psa || coalesce(rng::VARCHAR, '')
  END AS source_id
FROM identity;

-- Numbers of the units that no beneficiary table has, or has for two, and those
-- among them that are made persons where the rules that keep them out are off.
CREATE TABLE unknown_number AS
SELECT u.psa, u.rng, u.fictitious, sum(u.lines) AS lines
FROM unit_unknown_number u ANTI JOIN (FROM identified WHERE source_id IS NOT NULL) i ON i.psa = u.psa AND i.rng IS NOT DISTINCT FROM u.rng
GROUP BY ALL;

CREATE TABLE invented AS
SELECT DISTINCT psa, rng FROM (
  SELECT psa, rng FROM unknown_number WHERE psa IS NOT NULL AND CASE WHEN fictitious THEN NOT $P05 ELSE NOT $P06 END
  UNION ALL
  SELECT s.psa, NULL::BIGINT
  FROM (SELECT psa, removed_by FROM unit_stay UNION ALL SELECT psa, removed_by FROM unit_outpatient
    UNION ALL SELECT psa, removed_by FROM unit_field_stay) s ANTI JOIN identity i ON i.psa = s.psa
  WHERE s.psa IS NOT NULL AND s.removed_by IS NULL AND CASE WHEN dummy_number(s.psa) THEN NOT $M02 ELSE NOT $P06 END);

-- Every source id that needs a person key.
CREATE VIEW person_source_id AS
SELECT DISTINCT source_id FROM (
  SELECT source_id FROM identified
  UNION ALL SELECT psa || coalesce(rng::VARCHAR, '') FROM invented)
WHERE source_id IS NOT NULL;

INSERT INTO ledger
SELECT 'P06', 'ER_PRS_F', sum(lines), sum(lines) FROM unknown_number WHERE $P06 AND NOT (fictitious AND NOT $P05) HAVING sum(lines) > 0;

INSERT INTO ledger
SELECT 'P14', 'IR_BEN_R_ARC', count(*), 0 FROM beneficiary_row WHERE archived;

-- P01: persons with several numbers.
INSERT INTO ledger
SELECT 'P01', 'IR_BEN_R+ARC', coalesce(sum(n), 0), coalesce(sum(n - 1), 0)
FROM (SELECT count(*) AS n FROM identity WHERE ano IS NOT NULL AND $P01 GROUP BY ano HAVING count(DISTINCT psa) > 1);

-- P02: one number, two ranks, one person.
INSERT INTO ledger
SELECT 'P02', 'IR_BEN_R+ARC', coalesce(sum(n), 0), coalesce(sum(n - 1), 0)
FROM (SELECT count(*) AS n FROM identity WHERE ano IS NOT NULL AND $P02 GROUP BY psa, ano HAVING count(*) > 1);

-- P03: one number, two persons.
INSERT INTO ledger
SELECT 'P03', 'IR_BEN_R+ARC', coalesce(sum(n), 0), 0
FROM (SELECT count(*) AS n FROM identity WHERE $P03 GROUP BY psa HAVING count(DISTINCT coalesce(ano, psa || rng)) > 1);

INSERT INTO ledger
SELECT 'P04', 'IR_BEN_R+ARC', count(*), 0 FROM beneficiary_row WHERE BEN_NIR_ANO IS NULL AND BEN_CDI_NIR = '04'
UNION ALL
SELECT 'P13', 'IR_BEN_R+ARC', count(*), 0 FROM beneficiary_row WHERE BEN_NIR_ANO IS NULL;
