-- The vault has filled person_key (source_id, person_id).

-- By number and rank: the claims, the long-term diseases.
CREATE TABLE beneficiary AS
SELECT row_number() OVER (ORDER BY psa, rng)::INTEGER AS identity, psa, rng, k.person_id,
  count(*) OVER (PARTITION BY k.person_id) > 1 AS has_several
FROM identified JOIN person_key k USING (source_id);

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
