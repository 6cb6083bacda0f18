-- The short numbers of the beneficiaries whom the tables of this load know: the
-- register has those of every load. One under which two anonymous numbers stand
-- belongs to nobody.
CREATE TABLE known_number AS
SELECT n.psa, n.rng, n.identity
FROM number n
JOIN (
  SELECT BEN_NIR_PSA AS psa, BEN_RNG_GEM AS rng
  FROM (SELECT BEN_NIR_PSA, BEN_RNG_GEM, BEN_NIR_ANO FROM ir_ben_r UNION ALL SELECT BEN_NIR_PSA, BEN_RNG_GEM, BEN_NIR_ANO FROM ir_ben_r_arc WHERE $P14)
  GROUP BY ALL HAVING count(DISTINCT BEN_NIR_ANO) < 2 OR NOT $P03) b ON b.psa = n.psa AND b.rng IS NOT DISTINCT FROM n.rng;
