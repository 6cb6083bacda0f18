-- The vault has filled person_key (source_id, person_id).

-- By number and rank: the claims, the long-term diseases. identity stands for
-- the two in the units' lines of care.
CREATE TABLE beneficiary AS
SELECT n.identity, d.psa, d.rng, k.person_id
FROM identified d
JOIN number n ON n.psa = d.psa AND n.rng IS NOT DISTINCT FROM d.rng
JOIN person_key k ON k.source_id = d.source_id
UNION ALL
SELECT (-row_number() OVER (ORDER BY i.psa, i.rng))::INTEGER, i.psa, i.rng, k.person_id
FROM invented i JOIN person_key k ON k.source_id = i.psa || coalesce(i.rng::VARCHAR, '');

-- Lines whose number had a person when their month came, and has none by now.
INSERT INTO ledger
SELECT 'P06', 'ER_PRS_F', count(DISTINCT line), count(DISTINCT line)
FROM unit_care c ANTI JOIN beneficiary b ON b.identity = c.identity HAVING count(*) > 0;

-- By number alone: the PMSI, which has no rank (M09). A number of several
-- persons has no person here.
CREATE TABLE holder AS
SELECT psa, count(DISTINCT person_id) AS persons,
  CASE WHEN count(DISTINCT person_id) = 1 OR NOT $M09 THEN min(person_id) END AS person_id
FROM beneficiary
GROUP BY psa;

-- By anonymous number: vaccines, causes of death. Without P01 a person has
-- several keys, and such a record goes to the first.
CREATE TABLE anonymous AS
SELECT coalesce(r.BEN_NIR_ANO, b.psa || b.rng) AS ano, min(b.person_id) AS person_id
FROM beneficiary_row r JOIN beneficiary b ON b.psa = r.BEN_NIR_PSA AND b.rng IS NOT DISTINCT FROM r.BEN_RNG_GEM
GROUP BY ALL;
