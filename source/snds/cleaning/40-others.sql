-- Long-term diseases, vaccines, deaths.

-- A07: only motives 41, 43 and 45 are long-term diseases.
CREATE TABLE disease_row AS
SELECT b.person_id, i.MED_MTF_COD AS code, i.IMB_ETM_NAT AS motive, i.IMB_ALD_NUM AS number, i.IMB_ALD_DTD AS first_day, i.IMB_ALD_DTF AS last_day,
  row_number() OVER w AS nth, list(i.IMB_ALD_DTD) OVER (w ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS first_days, lag(i.IMB_ALD_DTF) OVER w AS before_last,
  lead(i.IMB_ALD_DTD) OVER w IS NULL AS latest
FROM ir_imb_r i
JOIN beneficiary b ON b.psa = i.BEN_NIR_PSA AND b.rng IS NOT DISTINCT FROM i.BEN_RNG_GEM
WHERE i.MED_MTF_COD IS NOT NULL AND i.IMB_ALD_DTD IS NOT NULL AND (i.IMB_ETM_NAT IN (41, 43, 45) OR NOT $A07)
-- The table only grows: the order of insertion is the history (A01), and it
-- goes on when the person changes number.
WINDOW w AS (PARTITION BY b.person_id, i.MED_MTF_COD ORDER BY i.INS_DTE, i.IMB_ALD_DTD, i.IMB_ALD_DTF);

-- A row that begins at the end of the one before renews it (A05); any other
-- beginning that no earlier row had replaces what was said (A03). A02: an end in 2099 that a later row
-- replaces is not the end.
CREATE TABLE disease_step AS
SELECT *,
  nth = 1 OR replaces AS restarts,
  nth > 1 AND first_day = before_last AS renews,
  nth > 1 AND year(before_last) = 2099 AND NOT replaces AS closes
FROM (
  SELECT *, nth > 1 AND NOT list_contains(first_days, first_day) AND first_day IS DISTINCT FROM before_last AS replaces
  FROM disease_row);

CREATE TABLE clean_disease AS
SELECT person_id, code, arg_max(motive, nth) AS motive, arg_max(number, nth) AS number,
  CASE WHEN $A01 AND $A02 AND $A03 THEN
      CASE WHEN $A05 THEN arg_max(first_day, nth) FILTER (restarts) ELSE arg_max(first_day, nth) END
    ELSE min(first_day) END AS first_day,
  CASE WHEN $A01 AND $A02 AND $A03 THEN arg_max(last_day, nth) ELSE max(last_day) END AS last_day
FROM disease_step GROUP BY person_id, code;

INSERT INTO ledger
SELECT 'A01', 'IR_IMB_R', count(*), count(*) FROM disease_step WHERE $A01 AND nth > 1 AND NOT replaces AND NOT closes
UNION ALL
SELECT 'A02', 'IR_IMB_R', 2 * count(*), count(*) FROM disease_step WHERE $A02 AND closes
UNION ALL
SELECT 'A03', 'IR_IMB_R', 2 * count(*), count(*) FROM disease_step WHERE $A03 AND replaces
UNION ALL
SELECT 'A04', 'IR_IMB_R', count(*), 0 FROM disease_step WHERE latest AND year(last_day) = 2099
UNION ALL
SELECT 'A05', 'IR_IMB_R', count(*), count(*) FROM disease_step WHERE $A05 AND renews
UNION ALL
-- A06: the number that most rows of the code do not have.
SELECT 'A06', 'IR_IMB_R', count(*), 0
FROM disease_row r JOIN (SELECT code, mode(number ORDER BY number) AS usual FROM disease_row GROUP BY code) m USING (code) WHERE r.number <> m.usual
UNION ALL
SELECT 'A07', 'IR_IMB_R', count(*), count(*) FROM ir_imb_r WHERE $A07 AND IMB_ETM_NAT NOT IN (41, 43, 45);

-- Vaccines: IR_VAC_F has no rank, so the anonymous number says who. V01: the
-- same injection twice is one.
CREATE TABLE vaccine_row AS
SELECT coalesce(a.person_id, h.person_id) AS person_id, v.BEN_NIR_PSA AS psa, v.EXE_SOI_DTD AS day, v.PHA_PRS_C13 AS code, v._file,
  row_number() OVER (PARTITION BY v.BEN_NIR_PSA, v.BEN_NIR_ANO, v.EXE_SOI_DTD, v.PHA_PRS_C13, v.INJ_VAC_NOM ORDER BY v._file) AS nth,
  count(*) OVER (PARTITION BY v.BEN_NIR_PSA, v.BEN_NIR_ANO, v.EXE_SOI_DTD, v.PHA_PRS_C13, v.INJ_VAC_NOM) AS same
FROM ir_vac_f v
LEFT JOIN anonymous a ON a.ano = v.BEN_NIR_ANO
LEFT JOIN holder h ON h.psa = CASE WHEN v.BEN_NIR_ANO IS NULL THEN v.BEN_NIR_PSA END;

CREATE TABLE clean_vaccine AS
SELECT person_id, day, code, event_id('VAC', person_id, day, code, row_number() OVER (PARTITION BY person_id, day, code)) AS id
FROM vaccine_row WHERE person_id IS NOT NULL AND (nth = 1 OR NOT $V01);

INSERT INTO ledger
SELECT 'V01', 'IR_VAC_F', count(*), count(*) FILTER (nth > 1) FROM vaccine_row WHERE $V01 AND same > 1
UNION ALL
SELECT 'P06', 'IR_VAC_F', count(*), count(*) FROM vaccine_row WHERE person_id IS NULL HAVING count(*) > 0;

-- Deaths. P07: 1600-01-01 means that none is known. P12: of two dates, that of
-- the row updated last. P11: some are known from the certificates only, and
-- K01: a certificate without a number cannot be linked.
CREATE TABLE certificate AS
SELECT a.person_id, min(k.BEN_DCD_DTE) AS day, arg_min(k.DCD_CIM_COD, k.BEN_DCD_DTE) AS cause
FROM ki_cci_r k JOIN anonymous a ON a.ano = k.BEN_IDT_ANO
GROUP BY a.person_id;

CREATE TABLE death_row AS
SELECT person_id, death_date AS day, updated, max_by(death_date, updated) OVER (PARTITION BY person_id) AS latest
FROM person_row WHERE death_date IS NOT NULL AND (year(death_date) <> 1600 OR NOT $P07);

CREATE TABLE clean_death AS
SELECT coalesce(d.person_id, c.person_id) AS person_id, coalesce(d.day, c.day) AS day, c.cause
FROM (SELECT person_id, CASE WHEN $P12 THEN arg_max(day, updated) ELSE min(day) END AS day FROM death_row GROUP BY person_id) d
FULL JOIN (SELECT * FROM certificate) c USING (person_id)
WHERE d.person_id IS NOT NULL OR $P11;

INSERT INTO ledger
SELECT 'P12', 'IR_BEN_R+ARC', count(*), count(*) FROM death_row WHERE $P12 AND $P07 AND day <> latest
UNION ALL
SELECT 'P11', 'KI_CCI_R', count(*), 0 FROM certificate c ANTI JOIN death_row d ON d.person_id = c.person_id WHERE $P11
UNION ALL
SELECT 'K01', 'KI_CCI_R', count(*), count(*) FROM ki_cci_r WHERE BEN_IDT_ANO IS NULL;
