-- One year of the PMSI MCO. The tables of the files belong to this connection;
-- what is named out_ goes to the store. Who the person is, is settled later.

-- A stay with its dates and its number, and the one rule that removes it. Stay
-- dates stand in the linkage table C; M08: where they are empty, ENT_DAT and
-- SOR_DAT are taken.
CREATE TEMP TABLE stay AS
SELECT c._year AS year, c.ETA_NUM, c.RSA_NUM, c._file, c.NIR_ANO_17,
  CASE WHEN $M08 THEN coalesce(c.EXE_SOI_DTD, c.ENT_DAT) ELSE c.EXE_SOI_DTD END AS entry,
  CASE WHEN $M08 THEN coalesce(c.EXE_SOI_DTF, c.SOR_DAT) ELSE c.EXE_SOI_DTF END AS leaving,
  c.EXE_SOI_DTD IS NULL AS redated,
  b.DGN_PAL AS dp, b.DGN_REL AS dr, b.GRG_GHM AS ghm, b.ENT_MOD, b.ENT_PRV, b.SOR_MOD,
  CASE
    WHEN $M04 AND c._year <= 2017 AND geographic_copy(c.ETA_NUM) THEN 'M04'
    WHEN $M01 AND (refused(c.NIR_RET) OR refused(c.NAI_RET) OR refused(c.SEX_RET) OR refused(c.SEJ_RET) OR refused(c.FHO_RET)
      OR refused(c.PMS_RET) OR refused(c.DAT_RET) OR refused(c.COH_NAI_RET) OR refused(c.COH_SEX_RET)) THEN 'M01'
    WHEN $M02 AND dummy_number(c.NIR_ANO_17) THEN 'M02'
    WHEN $M03 AND b.GRG_GHM[1:2] = '90' THEN 'M03'
  END AS removed_by,
  row_number() OVER (PARTITION BY c._year, c.ETA_NUM, c.RSA_NUM ORDER BY c.EXE_SOI_DTD, c.ENT_DAT, c.NIR_ANO_17) AS nth,
  event_id('MCO', c._year, c.ETA_NUM, c.RSA_NUM, nth) AS visit_id
FROM t_mcoaac c
LEFT JOIN t_mcoaab b ON b.ETA_NUM = c.ETA_NUM AND b.RSA_NUM = c.RSA_NUM AND b._year = c._year;

-- What a stay cost: in a public hospital as the ATIH values it (VALO; F02: 0 says
-- that it does not), in a private clinic as it was billed, care (PH) and fees (HON)
-- together, of which FC alone has the base.
CREATE TEMP TABLE bill AS
SELECT year, ETA_NUM, RSA_NUM, sum(charge)::BIGINT AS charge, sum(base)::BIGINT AS base, sum(refund)::BIGINT AS refund
FROM (
  SELECT _year AS year, ETA_NUM, RSA_NUM, NULL::BIGINT AS charge, cents(coalesce(MNT_TOT_BR, MT_TOT_BR)) AS base, cents(coalesce(MNT_TOT_AM, MT_TOT_AM)) AS refund
  FROM t_mcoaavalo WHERE VALO IS DISTINCT FROM '0' OR NOT $F02
  UNION ALL
  SELECT _year, ETA_NUM, RSA_NUM, cents(coalesce(PH_MNT + coalesce(HON_MNT, 0), HON_MNT)), cents(PH_BRM), cents(coalesce(PH_AMO_MNR + coalesce(HON_AM_MNR, 0), HON_AM_MNR))
  FROM t_mcoaafa
  UNION ALL
  SELECT _year, ETA_NUM, RSA_NUM, NULL, cents(REM_BAS), NULL FROM t_mcoaafc)
GROUP BY ALL;

-- Of two rows of one stay the first bears its cost.
CREATE TEMP VIEW out_stay AS
SELECT s.year, s.ETA_NUM AS finess, s.RSA_NUM AS number, s.NIR_ANO_17 AS psa, s._file, s.entry, greatest(coalesce(s.leaving, s.entry), s.entry) AS leaving, s.dp, s.dr, s.ghm,
  s.ENT_MOD AS entry_mode, s.ENT_PRV AS entry_from, s.SOR_MOD AS exit_mode, s.removed_by, s.visit_id, b.charge, b.base, b.refund
FROM stay s
LEFT JOIN bill b ON b.ETA_NUM = s.ETA_NUM AND b.RSA_NUM = s.RSA_NUM AND b.year = s.year AND s.nth = 1;

-- Acts: the day counts from the entry.
CREATE TEMP VIEW out_stay_act AS
SELECT *, event_id('A', visit_id, day, code, quantity, row_number() OVER (PARTITION BY visit_id, day, code, quantity)) AS id
FROM (
  SELECT s.visit_id, s.NIR_ANO_17 AS psa, s.entry + coalesce(a.ENT_DAT_DEL, 0)::INTEGER AS day, a.CDC_ACT[1:7] AS code, coalesce(a.NBR_EXE_ACT, 1) AS quantity
  FROM t_mcoaaa a JOIN stay s ON s.ETA_NUM = a.ETA_NUM AND s.RSA_NUM = a.RSA_NUM AND s.year = a._year
  WHERE s.removed_by IS NULL AND s.entry IS NOT NULL AND a.CDC_ACT IS NOT NULL);

-- Diagnoses of the whole stay: DP, DR, and as associated those of D and of the
-- units (M07) that are neither (M06), each once (M05).
CREATE TEMP TABLE associated AS
SELECT s.visit_id, s.NIR_ANO_17 AS psa, s.removed_by, s.entry, s.dp, s.dr, d.ASS_DGN AS code, 'D' AS origin
FROM t_mcoaad d JOIN stay s ON s.ETA_NUM = d.ETA_NUM AND s.RSA_NUM = d.RSA_NUM AND s.year = d._year
WHERE s.removed_by IS DISTINCT FROM 'M04' AND d.ASS_DGN IS NOT NULL
UNION ALL
SELECT s.visit_id, s.NIR_ANO_17, s.removed_by, s.entry, s.dp, s.dr, u.code, 'UM'
FROM (SELECT _year, ETA_NUM, RSA_NUM, unnest([DGN_PAL, DGN_REL]) AS code FROM t_mcoaaum) u
JOIN stay s ON s.ETA_NUM = u.ETA_NUM AND s.RSA_NUM = u.RSA_NUM AND s.year = u._year
WHERE s.removed_by IS DISTINCT FROM 'M04' AND $M07 AND u.code IS NOT NULL;

CREATE TEMP VIEW out_stay_diagnosis AS
SELECT visit_id, psa, entry AS day, code, place, event_id('D', visit_id, place, code, nth) AS id
FROM (
  SELECT visit_id, NIR_ANO_17 AS psa, removed_by, entry, dp AS code, 'DP' AS place, 1 AS nth FROM stay WHERE dp IS NOT NULL
  UNION ALL
  SELECT visit_id, NIR_ANO_17, removed_by, entry, dr, 'DR', 1 FROM stay WHERE dr IS NOT NULL
  UNION ALL
  SELECT visit_id, psa, removed_by, entry, code, 'DAS', nth
  FROM (SELECT *, row_number() OVER (PARTITION BY visit_id, code ORDER BY origin) AS nth FROM associated)
  WHERE (nth = 1 OR NOT $M05) AND (NOT $M06 OR (code IS DISTINCT FROM dp AND code IS DISTINCT FROM dr)))
WHERE removed_by IS NULL AND entry IS NOT NULL;

CREATE TEMP VIEW out_stay_unit AS
SELECT s.visit_id, s.NIR_ANO_17 AS psa, s.entry, greatest(coalesce(s.leaving, s.entry), s.entry) AS leaving, u.nth, u.kind, s.ETA_NUM AS finess, u.finess AS unit_finess
FROM (SELECT _year, ETA_NUM, RSA_NUM, coalesce(AUT_TYP1_UM, UM_TYP) AS kind, coalesce(ETA_NUM_GEO, ETA_NUM_GEO1) AS finess,
    row_number() OVER (PARTITION BY _year, ETA_NUM, RSA_NUM ORDER BY UM_ORD_NUM, DGN_PAL, DGN_REL, AUT_TYP1_UM, UM_TYP) AS nth FROM t_mcoaaum) u
JOIN stay s ON s.ETA_NUM = u.ETA_NUM AND s.RSA_NUM = u.RSA_NUM AND s.year = u._year
WHERE s.removed_by IS NULL AND s.entry IS NOT NULL;

-- Outpatient care. Its copies are those of AP-HP and AP-HM only.
CREATE TEMP TABLE visit AS
SELECT c._year AS year, c.ETA_NUM, c.SEQ_NUM, c._file, c.NIR_ANO_17,
  CASE WHEN $M08 THEN coalesce(c.EXE_SOI_DTD, c.ENT_DAT) ELSE c.EXE_SOI_DTD END AS entry,
  CASE WHEN $M08 THEN coalesce(c.EXE_SOI_DTF, c.SOR_DAT) ELSE c.EXE_SOI_DTF END AS leaving,
  CASE
    WHEN $M04 AND c._year <= 2017 AND geographic_copy(c.ETA_NUM) AND NOT lyon(c.ETA_NUM) THEN 'M04'
    WHEN $M01 AND (refused(c.NIR_RET) OR refused(c.NAI_RET) OR refused(c.SEX_RET) OR refused(c.IAS_RET) OR refused(c.ENT_DAT_RET)) THEN 'M01'
    WHEN $M02 AND dummy_number(c.NIR_ANO_17) THEN 'M02'
  END AS removed_by,
  row_number() OVER (PARTITION BY c._year, c.ETA_NUM, c.SEQ_NUM ORDER BY c.EXE_SOI_DTD, c.ENT_DAT, c.NIR_ANO_17) AS nth,
  event_id('CSTC', c._year, c.ETA_NUM, c.SEQ_NUM, nth) AS visit_id
FROM t_mcoaacstc c;

-- A visit with a package for emergencies (ATU) is one to the emergency unit. What
-- it cost is the base of its refund, as nobody may charge more.
CREATE TEMP VIEW out_outpatient AS
SELECT v.year, v.ETA_NUM AS finess, v.SEQ_NUM AS number, v.NIR_ANO_17 AS psa, v._file, v.entry, greatest(coalesce(v.leaving, v.entry), v.entry) AS leaving,
  coalesce(f.emergency, false) AS emergency, v.removed_by, v.visit_id, b.base AS charge, b.base, b.refund
FROM visit v
LEFT JOIN (SELECT _year, ETA_NUM, SEQ_NUM, bool_or(ACT_COD = 'ATU') AS emergency FROM t_mcoaafbstc GROUP BY ALL) f
  ON f.ETA_NUM = v.ETA_NUM AND f.SEQ_NUM = v.SEQ_NUM AND f._year = v.year
LEFT JOIN (
  SELECT _year, ETA_NUM, SEQ_NUM, sum(cents(MNT_BR))::BIGINT AS base, sum(cents(MNT_REMB))::BIGINT AS refund
  FROM t_mcoaavaloace WHERE VALO IS DISTINCT FROM '0' OR NOT $F02 GROUP BY ALL) b
  ON b.ETA_NUM = v.ETA_NUM AND b.SEQ_NUM = v.SEQ_NUM AND b._year = v.year AND v.nth = 1;

CREATE TEMP VIEW out_outpatient_act AS
SELECT *, event_id(system, visit_id, day, code, quantity, row_number() OVER (PARTITION BY system, visit_id, day, code, quantity)) AS id
FROM (
  SELECT v.visit_id, v.NIR_ANO_17 AS psa, v.entry + coalesce(a.DEL_DAT_ENT, 0)::INTEGER AS day, 'CCAM' AS system, a.CCAM_COD[1:7] AS code, 1::DOUBLE AS quantity
  FROM t_mcoaafmstc a JOIN visit v ON v.ETA_NUM = a.ETA_NUM AND v.SEQ_NUM = a.SEQ_NUM AND v.year = a._year
  WHERE v.removed_by IS NULL AND v.entry IS NOT NULL AND a.CCAM_COD IS NOT NULL
  UNION ALL
  SELECT v.visit_id, v.NIR_ANO_17, v.entry + coalesce(a.DEL_DAT_ENT, 0)::INTEGER, 'NABM', lpad(ltrim(a.NABM_COD, '0'), 4, '0'), coalesce(a.ACT_NBR, 1)
  FROM t_mcoaaflstc a JOIN visit v ON v.ETA_NUM = a.ETA_NUM AND v.SEQ_NUM = a.SEQ_NUM AND v.year = a._year
  WHERE v.removed_by IS NULL AND v.entry IS NOT NULL AND a.NABM_COD IS NOT NULL
  UNION ALL
  -- Fees (FCSTC) under their billing codes, such as CS for a consultation; those
  -- that pay for acts of the CCAM or the NABM (ADC, B) say so and no more.
  SELECT v.visit_id, v.NIR_ANO_17, later(v.entry, a.DEL_DAT_ENT), 'ACT', a.ACT_COD, coalesce(a.ACT_NBR, 1)
  FROM t_mcoaafcstc a JOIN visit v ON v.ETA_NUM = a.ETA_NUM AND v.SEQ_NUM = a.SEQ_NUM AND v.year = a._year
  WHERE v.removed_by IS NULL AND v.entry IS NOT NULL);

-- Drugs billed apart (FHSTC).
CREATE TEMP VIEW out_outpatient_drug AS
SELECT *, event_id('FH', visit_id, day, code, quantity, row_number() OVER (PARTITION BY visit_id, day, code, quantity)) AS id
FROM (
  SELECT v.visit_id, v.NIR_ANO_17 AS psa, later(v.entry, d.DEL_DAT_ENT) AS day, coalesce(d.UCD_UCD_COD, lpad(d.UCD_COD, 13, '0')) AS code, d.QUA AS quantity
  FROM t_mcoaafhstc d JOIN visit v ON v.ETA_NUM = d.ETA_NUM AND v.SEQ_NUM = d.SEQ_NUM AND v.year = d._year
  WHERE v.removed_by IS NULL AND v.entry IS NOT NULL AND coalesce(d.UCD_UCD_COD, d.UCD_COD) IS NOT NULL);

-- Coverage as the bill's head states it (FASTC).
CREATE TEMP VIEW out_covered AS
SELECT v.NIR_ANO_17 AS psa, NULL::BIGINT AS rng, v.visit_id, year(v.entry) AS year, v.entry AS day
FROM t_mcoaafastc f JOIN visit v ON v.ETA_NUM = f.ETA_NUM AND v.SEQ_NUM = f.SEQ_NUM AND v.year = f._year
WHERE v.removed_by IS NULL AND v.entry IS NOT NULL AND f.PAT_CMU = '1';

CREATE TEMP VIEW out_establishment AS
SELECT _year AS year, ETA_NUM AS finess, SOC_RAI AS name FROM t_mcoaae
UNION ALL
SELECT DISTINCT year, ETA_NUM, NULL FROM stay WHERE removed_by IS NULL
UNION ALL
SELECT DISTINCT year, ETA_NUM, NULL FROM visit WHERE removed_by IS NULL
UNION ALL
SELECT DISTINCT NULL::INTEGER, unit_finess, NULL FROM out_stay_unit WHERE unit_finess IS NOT NULL;

CREATE TEMP VIEW out_code AS
SELECT DISTINCT * FROM (
  SELECT 'CIM10' AS vocabulary, code FROM out_stay_diagnosis
  UNION ALL SELECT 'CCAM', code FROM out_stay_act
  UNION ALL SELECT system, code FROM out_outpatient_act
  UNION ALL SELECT 'UCD', code FROM out_outpatient_drug);

-- What was removed, in every table of the stay.
CREATE TEMP VIEW out_ledger AS
SELECT removed_by AS rule, 'T_MCOaaC' AS tab, count(*) AS touched, count(*) AS removed FROM stay WHERE removed_by = 'M04' GROUP BY ALL
UNION ALL
SELECT removed_by, 'T_MCOaaCSTC', count(*), count(*) FROM visit WHERE removed_by IS NOT NULL GROUP BY removed_by
UNION ALL
SELECT 'M08', 'T_MCOaaC', count(*), 0 FROM stay WHERE $M08 AND redated AND removed_by IS DISTINCT FROM 'M04'
UNION ALL
SELECT s.removed_by, t.tab, count(*), count(*)
FROM (
  SELECT 'T_MCOaaA' AS tab, _year, ETA_NUM, RSA_NUM FROM t_mcoaaa
  UNION ALL SELECT 'T_MCOaaB', _year, ETA_NUM, RSA_NUM FROM t_mcoaab
  UNION ALL SELECT 'T_MCOaaD', _year, ETA_NUM, RSA_NUM FROM t_mcoaad
  UNION ALL SELECT 'T_MCOaaUM', _year, ETA_NUM, RSA_NUM FROM t_mcoaaum
  UNION ALL SELECT 'T_MCOaaVALO', _year, ETA_NUM, RSA_NUM FROM t_mcoaavalo
  UNION ALL SELECT 'T_MCOaaFA', _year, ETA_NUM, RSA_NUM FROM t_mcoaafa
  UNION ALL SELECT 'T_MCOaaFC', _year, ETA_NUM, RSA_NUM FROM t_mcoaafc) t
JOIN stay s ON s.ETA_NUM = t.ETA_NUM AND s.RSA_NUM = t.RSA_NUM AND s.year = t._year
WHERE s.removed_by = 'M04' OR s.removed_by IN ('M01', 'M02', 'M03') AND t.tab <> 'T_MCOaaUM'
GROUP BY ALL
UNION ALL
SELECT 'M04', t.tab, count(*), count(*)
FROM (
  SELECT 'T_MCOaaFBSTC' AS tab, _year, ETA_NUM, SEQ_NUM FROM t_mcoaafbstc
  UNION ALL SELECT 'T_MCOaaFASTC', _year, ETA_NUM, SEQ_NUM FROM t_mcoaafastc
  UNION ALL SELECT 'T_MCOaaFCSTC', _year, ETA_NUM, SEQ_NUM FROM t_mcoaafcstc
  UNION ALL SELECT 'T_MCOaaFHSTC', _year, ETA_NUM, SEQ_NUM FROM t_mcoaafhstc
  UNION ALL SELECT 'T_MCOaaFLSTC', _year, ETA_NUM, SEQ_NUM FROM t_mcoaaflstc
  UNION ALL SELECT 'T_MCOaaFMSTC', _year, ETA_NUM, SEQ_NUM FROM t_mcoaafmstc
  UNION ALL SELECT 'T_MCOaaVALOACE', _year, ETA_NUM, SEQ_NUM FROM t_mcoaavaloace) t
JOIN visit v ON v.ETA_NUM = t.ETA_NUM AND v.SEQ_NUM = t.SEQ_NUM AND v.year = t._year
WHERE v.removed_by = 'M04'
GROUP BY ALL
UNION ALL
SELECT 'M11', t.tab, count(*), count(*)
FROM (
  SELECT 'T_MCOaaA' AS tab, _year, ETA_NUM, RSA_NUM FROM t_mcoaaa
  UNION ALL SELECT 'T_MCOaaB', _year, ETA_NUM, RSA_NUM FROM t_mcoaab
  UNION ALL SELECT 'T_MCOaaD', _year, ETA_NUM, RSA_NUM FROM t_mcoaad
  UNION ALL SELECT 'T_MCOaaUM', _year, ETA_NUM, RSA_NUM FROM t_mcoaaum
  UNION ALL SELECT 'T_MCOaaVALO', _year, ETA_NUM, RSA_NUM FROM t_mcoaavalo
  UNION ALL SELECT 'T_MCOaaFA', _year, ETA_NUM, RSA_NUM FROM t_mcoaafa
  UNION ALL SELECT 'T_MCOaaFC', _year, ETA_NUM, RSA_NUM FROM t_mcoaafc) t
ANTI JOIN stay s ON s.ETA_NUM = t.ETA_NUM AND s.RSA_NUM = t.RSA_NUM AND s.year = t._year
GROUP BY t.tab
UNION ALL
SELECT 'M11', t.tab, count(*), count(*)
FROM (
  SELECT 'T_MCOaaFASTC' AS tab, _year, ETA_NUM, SEQ_NUM FROM t_mcoaafastc
  UNION ALL SELECT 'T_MCOaaFBSTC', _year, ETA_NUM, SEQ_NUM FROM t_mcoaafbstc
  UNION ALL SELECT 'T_MCOaaFCSTC', _year, ETA_NUM, SEQ_NUM FROM t_mcoaafcstc
  UNION ALL SELECT 'T_MCOaaFHSTC', _year, ETA_NUM, SEQ_NUM FROM t_mcoaafhstc
  UNION ALL SELECT 'T_MCOaaFLSTC', _year, ETA_NUM, SEQ_NUM FROM t_mcoaaflstc
  UNION ALL SELECT 'T_MCOaaFMSTC', _year, ETA_NUM, SEQ_NUM FROM t_mcoaafmstc
  UNION ALL SELECT 'T_MCOaaVALOACE', _year, ETA_NUM, SEQ_NUM FROM t_mcoaavaloace) t
ANTI JOIN visit v ON v.ETA_NUM = t.ETA_NUM AND v.SEQ_NUM = t.SEQ_NUM AND v.year = t._year
GROUP BY t.tab
UNION ALL
SELECT 'F02', 'T_MCOaaVALO', count(*), count(*) FROM t_mcoaavalo WHERE $F02 AND VALO = '0'
UNION ALL
SELECT 'F02', 'T_MCOaaVALOACE', count(*), count(*) FROM t_mcoaavaloace WHERE $F02 AND VALO = '0'
UNION ALL
SELECT 'M05', 'T_MCOaaD', coalesce(sum(n - 1), 0), coalesce(sum(n - 1), 0)
FROM (SELECT count(*) AS n FROM associated WHERE $M05 AND origin = 'D' AND code IS DISTINCT FROM dp GROUP BY visit_id, code HAVING count(*) > 1)
UNION ALL
SELECT 'M06', 'T_MCOaaD', count(*), count(*) FROM associated WHERE $M06 AND origin = 'D' AND code = dp
UNION ALL
SELECT 'M07', 'T_MCOaaUM', count(*), 0
FROM (SELECT DISTINCT visit_id, code FROM associated WHERE origin = 'UM' AND code IS DISTINCT FROM dp AND code IS DISTINCT FROM dr) u
ANTI JOIN associated d ON d.origin = 'D' AND d.visit_id = u.visit_id AND d.code = u.code
UNION ALL
-- M10: before 2010 the kind of unit stood in UM_TYP, and in 2012 its place in ETA_NUM_GEO1.
SELECT 'M10', 'T_MCOaaB', count(*), 0 FROM t_mcoaab WHERE _year < 2010
UNION ALL
SELECT 'M10', 'T_MCOaaUM', count(*), 0 FROM t_mcoaaum WHERE _year < 2013;
