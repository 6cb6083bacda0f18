-- What the beneficiary tables say of a person.

CREATE TABLE person_row AS
SELECT b.person_id, r.BEN_SEX_COD AS sex, r.BEN_NAI_ANN AS birth_year, r.BEN_NAI_MOI AS birth_month, r.BEN_DCD_DTE AS death_date,
  r.BEN_DTE_MAJ AS updated, r.ORG_AFF_BEN[1:2] AS regime,
  r.BEN_RES_DPT AS dpt, r.BEN_RES_COM AS com, r.ORG_AFF_BEN[4:6] AS fund_dpt,
  coalesce(r.BEN_RES_DPT = '000' OR r.BEN_RES_COM IN ('000', '099', '999'), true) AS no_place
FROM beneficiary_row r JOIN beneficiary b ON b.psa = r.BEN_NIR_PSA AND b.rng IS NOT DISTINCT FROM r.BEN_RNG_GEM;

-- P09: without a place, the department is that of the fund. P10: Corsica is 209
-- at home and 201 or 202 in the fund; overseas the schemes write 097 and the
-- commune, 97x and the commune, or (RSI) 97x and 0yy.
CREATE TABLE person_place AS
SELECT person_id, updated,
  CASE
    WHEN no_place AND NOT $P09 THEN NULL
    WHEN $P10 AND coalesce(nullif(CASE WHEN no_place THEN NULL ELSE dpt END, '000'), fund_dpt) IN ('209', '201', '202', '020')
      THEN CASE fund_dpt WHEN '201' THEN '2A' WHEN '202' THEN '2B' END
    WHEN $P10 AND (dpt = '097' OR dpt[1:2] = '97') AND NOT no_place THEN CASE WHEN dpt = '097' THEN '97' || com[1:1] ELSE dpt END
    ELSE coalesce(CASE WHEN no_place THEN NULL ELSE dpt END, fund_dpt)[2:3]
  END AS department,
  CASE
    WHEN no_place THEN NULL
    WHEN $P10 AND dpt = '209' THEN CASE fund_dpt WHEN '201' THEN '2A' WHEN '202' THEN '2B' END || com
    WHEN $P10 AND dpt[1:2] = '97' AND regime = '03' THEN dpt || com[2:3]
    WHEN $P10 AND (dpt = '097' OR dpt[1:2] = '97') THEN '97' || com
    ELSE dpt[2:3] || com
  END AS commune
FROM person_row;

-- The row updated last counts; P08: a birth year 1600 is none, and another row
-- is taken. Without that rule the earliest year is believed.
CREATE TABLE clean_person AS
SELECT person_id, sex, birth_year, birth_month, regime, department, commune
FROM (SELECT person_id FROM person_key)
LEFT JOIN (
  SELECT person_id, arg_max(sex, updated) AS sex,
    CASE WHEN $P08 THEN arg_max(birth_year, updated) FILTER (birth_year <> 1600) ELSE min(birth_year) END AS birth_year,
    arg_max(birth_month, updated) FILTER (birth_year <> 1600) AS birth_month,
    arg_max(regime, updated) AS regime
  FROM person_row GROUP BY person_id) USING (person_id)
LEFT JOIN (
  SELECT person_id, arg_max(commune, updated) AS commune, arg_max(department, updated) AS department
  FROM person_place GROUP BY person_id) USING (person_id);

INSERT INTO ledger
SELECT 'P07', 'IR_BEN_R+ARC', count(*), 0 FROM person_row WHERE $P07 AND year(death_date) = 1600
UNION ALL
SELECT 'P08', 'IR_BEN_R+ARC', count(*), 0 FROM person_row WHERE $P08 AND birth_year = 1600
UNION ALL
SELECT 'P09', 'IR_BEN_R+ARC', count(*), 0 FROM person_row WHERE $P09 AND no_place
UNION ALL
SELECT 'P10', 'IR_BEN_R+ARC', count(*), 0 FROM person_row
WHERE $P10 AND (dpt = '209' OR dpt[1:2] = '97' OR dpt = '097' OR fund_dpt IN ('201', '202') OR fund_dpt[1:2] = '97');
