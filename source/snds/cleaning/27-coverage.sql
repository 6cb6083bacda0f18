-- One flux month, or year, of the DCIR, after its claims: who is covered.
CREATE TEMP VIEW out_covered AS
SELECT BEN_NIR_PSA AS psa, BEN_RNG_GEM AS rng, NULL::BIGINT AS visit_id, year(EXE_SOI_DTD) AS year, min(EXE_SOI_DTD) AS day
FROM er_prs_f
WHERE BEN_CMU_TOP = 1
GROUP BY ALL;
