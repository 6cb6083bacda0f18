-- One year of the PMSI MCO. The tables of the files belong to this connection.

-- A stay with its dates and its person, and the one rule that removes it. Stay
-- dates stand in the linkage table C; M08: where they are empty, ENT_DAT and
-- SOR_DAT are taken.
CREATE TEMP TABLE stay AS
SELECT c._year AS year, c.ETA_NUM, c.RSA_NUM, h.person_id, c._file, c.NIR_ANO_17,
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
    -- M09: the number is that of twins of the same sex.
    WHEN h.person_id IS NULL AND h.persons > 1 THEN 'M09'
    WHEN h.person_id IS NULL THEN 'P06'
    WHEN CASE WHEN $M08 THEN coalesce(c.EXE_SOI_DTD, c.ENT_DAT) ELSE c.EXE_SOI_DTD END IS NULL THEN 'undated'
  END AS removed_by
FROM t_mcoaac c
LEFT JOIN t_mcoaab b ON b.ETA_NUM = c.ETA_NUM AND b.RSA_NUM = c.RSA_NUM AND b._year = c._year
LEFT JOIN holder h ON h.psa = c.NIR_ANO_17;

INSERT INTO clean_stay
SELECT year, ETA_NUM, RSA_NUM, person_id, entry, greatest(coalesce(leaving, entry), entry), dp, dr, ghm, ENT_MOD, ENT_PRV, SOR_MOD
FROM stay WHERE removed_by IS NULL;

-- Acts: the day counts from the entry.
INSERT INTO clean_stay_act
SELECT s.year, s.ETA_NUM, s.RSA_NUM, s.person_id, s.entry + coalesce(a.ENT_DAT_DEL, 0)::INTEGER, a.CDC_ACT[1:7], coalesce(a.NBR_EXE_ACT, 1)
FROM t_mcoaaa a JOIN stay s ON s.ETA_NUM = a.ETA_NUM AND s.RSA_NUM = a.RSA_NUM AND s.year = a._year
WHERE s.removed_by IS NULL AND a.CDC_ACT IS NOT NULL;

-- Diagnoses of the whole stay: DP, DR, and as associated those of D and of the
-- units (M07) that are neither (M06), each once (M05).
CREATE TEMP TABLE associated AS
SELECT s.year, s.ETA_NUM, s.RSA_NUM, s.removed_by, s.person_id, s.entry, s.dp, s.dr, d.ASS_DGN AS code, 'D' AS origin
FROM t_mcoaad d JOIN stay s ON s.ETA_NUM = d.ETA_NUM AND s.RSA_NUM = d.RSA_NUM AND s.year = d._year
WHERE s.removed_by IS DISTINCT FROM 'M04' AND d.ASS_DGN IS NOT NULL
UNION ALL
SELECT s.year, s.ETA_NUM, s.RSA_NUM, s.removed_by, s.person_id, s.entry, s.dp, s.dr, u.code, 'UM'
FROM (SELECT _year, ETA_NUM, RSA_NUM, unnest([DGN_PAL, DGN_REL]) AS code FROM t_mcoaaum) u
JOIN stay s ON s.ETA_NUM = u.ETA_NUM AND s.RSA_NUM = u.RSA_NUM AND s.year = u._year
WHERE s.removed_by IS DISTINCT FROM 'M04' AND $M07 AND u.code IS NOT NULL;

INSERT INTO clean_stay_diagnosis
SELECT year, ETA_NUM, RSA_NUM, person_id, entry, dp, 'DP' FROM stay WHERE removed_by IS NULL AND dp IS NOT NULL
UNION ALL
SELECT year, ETA_NUM, RSA_NUM, person_id, entry, dr, 'DR' FROM stay WHERE removed_by IS NULL AND dr IS NOT NULL
UNION ALL
SELECT year, ETA_NUM, RSA_NUM, person_id, entry, code, 'DAS'
FROM (SELECT *, row_number() OVER (PARTITION BY year, ETA_NUM, RSA_NUM, code ORDER BY origin) AS nth FROM associated WHERE removed_by IS NULL)
WHERE (nth = 1 OR NOT $M05) AND (NOT $M06 OR (code IS DISTINCT FROM dp AND code IS DISTINCT FROM dr));

INSERT INTO clean_stay_unit
SELECT s.year, s.ETA_NUM, s.RSA_NUM, s.person_id, s.entry, s.leaving, u.nth, u.kind, u.finess
FROM (SELECT _year, ETA_NUM, RSA_NUM, coalesce(AUT_TYP1_UM, UM_TYP) AS kind, coalesce(ETA_NUM_GEO, ETA_NUM_GEO1) AS finess,
    row_number() OVER (PARTITION BY _year, ETA_NUM, RSA_NUM ORDER BY UM_ORD_NUM, DGN_PAL, DGN_REL, AUT_TYP1_UM, UM_TYP) AS nth FROM t_mcoaaum) u
JOIN stay s ON s.ETA_NUM = u.ETA_NUM AND s.RSA_NUM = u.RSA_NUM AND s.year = u._year
WHERE s.removed_by IS NULL;

-- Outpatient care. Its copies are those of AP-HP and AP-HM only.
CREATE TEMP TABLE visit AS
SELECT c._year AS year, c.ETA_NUM, c.SEQ_NUM, h.person_id, c._file, c.NIR_ANO_17,
  CASE WHEN $M08 THEN coalesce(c.EXE_SOI_DTD, c.ENT_DAT) ELSE c.EXE_SOI_DTD END AS entry,
  CASE WHEN $M08 THEN coalesce(c.EXE_SOI_DTF, c.SOR_DAT) ELSE c.EXE_SOI_DTF END AS leaving,
  CASE
    WHEN $M04 AND c._year <= 2017 AND geographic_copy(c.ETA_NUM) AND NOT lyon(c.ETA_NUM) THEN 'M04'
    WHEN $M01 AND (refused(c.NIR_RET) OR refused(c.NAI_RET) OR refused(c.SEX_RET) OR refused(c.IAS_RET) OR refused(c.ENT_DAT_RET)) THEN 'M01'
    WHEN $M02 AND dummy_number(c.NIR_ANO_17) THEN 'M02'
    WHEN h.person_id IS NULL AND h.persons > 1 THEN 'M09'
    WHEN h.person_id IS NULL THEN 'P06'
    WHEN CASE WHEN $M08 THEN coalesce(c.EXE_SOI_DTD, c.ENT_DAT) ELSE c.EXE_SOI_DTD END IS NULL THEN 'undated'
  END AS removed_by
FROM t_mcoaacstc c LEFT JOIN holder h ON h.psa = c.NIR_ANO_17;

-- A visit with a package for emergencies (ATU) is one to the emergency unit.
INSERT INTO clean_outpatient
SELECT v.year, v.ETA_NUM, v.SEQ_NUM, v.person_id, v.entry, greatest(coalesce(v.leaving, v.entry), v.entry), coalesce(f.emergency, false)
FROM visit v
LEFT JOIN (SELECT _year, ETA_NUM, SEQ_NUM, bool_or(ACT_COD = 'ATU') AS emergency FROM t_mcoaafbstc GROUP BY ALL) f
  ON f.ETA_NUM = v.ETA_NUM AND f.SEQ_NUM = v.SEQ_NUM AND f._year = v.year
WHERE v.removed_by IS NULL;

INSERT INTO clean_outpatient_act
SELECT v.year, v.ETA_NUM, v.SEQ_NUM, v.person_id, v.entry + coalesce(a.DEL_DAT_ENT, 0)::INTEGER, 'CCAM', a.CCAM_COD[1:7], 1
FROM t_mcoaafmstc a JOIN visit v ON v.ETA_NUM = a.ETA_NUM AND v.SEQ_NUM = a.SEQ_NUM AND v.year = a._year
WHERE v.removed_by IS NULL AND a.CCAM_COD IS NOT NULL
UNION ALL
SELECT v.year, v.ETA_NUM, v.SEQ_NUM, v.person_id, v.entry + coalesce(a.DEL_DAT_ENT, 0)::INTEGER, 'NABM', lpad(ltrim(a.NABM_COD, '0'), 4, '0'), coalesce(a.ACT_NBR, 1)
FROM t_mcoaaflstc a JOIN visit v ON v.ETA_NUM = a.ETA_NUM AND v.SEQ_NUM = a.SEQ_NUM AND v.year = a._year
WHERE v.removed_by IS NULL AND a.NABM_COD IS NOT NULL;

INSERT INTO establishment_row
SELECT _year, ETA_NUM, SOC_RAI, STA_ETA FROM t_mcoaae;

-- What was removed, in every table of the stay.
INSERT INTO ledger
SELECT removed_by, 'T_MCOaaC', count(*), count(*) FROM stay WHERE removed_by = 'M04' GROUP BY ALL
UNION ALL
SELECT removed_by, 'T_MCOaaCSTC', count(*), CASE WHEN removed_by = 'M09' THEN 0 ELSE count(*) END FROM visit
WHERE removed_by IN ('M01', 'M02', 'M04', 'M09', 'P06') GROUP BY removed_by
UNION ALL
SELECT removed_by, 'T_MCOaaC', count(*), CASE WHEN removed_by = 'M09' THEN 0 ELSE count(*) END FROM stay WHERE removed_by IN ('M09', 'P06') GROUP BY removed_by
UNION ALL
SELECT 'M08', 'T_MCOaaC', count(*), 0 FROM stay WHERE $M08 AND redated AND removed_by IS DISTINCT FROM 'M04';

INSERT INTO ledger
SELECT s.removed_by, t.tab, count(*), count(*)
FROM (
  SELECT 'T_MCOaaA' AS tab, _year, ETA_NUM, RSA_NUM FROM t_mcoaaa
  UNION ALL SELECT 'T_MCOaaB', _year, ETA_NUM, RSA_NUM FROM t_mcoaab
  UNION ALL SELECT 'T_MCOaaD', _year, ETA_NUM, RSA_NUM FROM t_mcoaad
  UNION ALL SELECT 'T_MCOaaUM', _year, ETA_NUM, RSA_NUM FROM t_mcoaaum) t
JOIN stay s ON s.ETA_NUM = t.ETA_NUM AND s.RSA_NUM = t.RSA_NUM AND s.year = t._year
WHERE s.removed_by = 'M04' OR s.removed_by IN ('M01', 'M02', 'M03') AND t.tab <> 'T_MCOaaUM'
GROUP BY ALL;

INSERT INTO ledger
SELECT 'M04', t.tab, count(*), count(*)
FROM (
  SELECT 'T_MCOaaFBSTC' AS tab, _year, ETA_NUM, SEQ_NUM FROM t_mcoaafbstc
  UNION ALL SELECT 'T_MCOaaFLSTC', _year, ETA_NUM, SEQ_NUM FROM t_mcoaaflstc
  UNION ALL SELECT 'T_MCOaaFMSTC', _year, ETA_NUM, SEQ_NUM FROM t_mcoaafmstc) t
JOIN visit v ON v.ETA_NUM = t.ETA_NUM AND v.SEQ_NUM = t.SEQ_NUM AND v.year = t._year
WHERE v.removed_by = 'M04'
GROUP BY ALL;

INSERT INTO ledger
SELECT 'M05', 'T_MCOaaD', coalesce(sum(n - 1), 0), coalesce(sum(n - 1), 0)
FROM (SELECT count(*) AS n FROM associated WHERE $M05 AND origin = 'D' AND code IS DISTINCT FROM dp GROUP BY year, ETA_NUM, RSA_NUM, code HAVING count(*) > 1)
UNION ALL
SELECT 'M06', 'T_MCOaaD', count(*), count(*) FROM associated WHERE $M06 AND origin = 'D' AND code = dp
UNION ALL
SELECT 'M07', 'T_MCOaaUM', count(*), 0
FROM (SELECT DISTINCT year, ETA_NUM, RSA_NUM, code FROM associated WHERE origin = 'UM' AND code IS DISTINCT FROM dp AND code IS DISTINCT FROM dr) u
ANTI JOIN associated d ON d.origin = 'D' AND d.year = u.year AND d.ETA_NUM = u.ETA_NUM AND d.RSA_NUM = u.RSA_NUM AND d.code = u.code
UNION ALL
-- M10: before 2010 the kind of unit stood in UM_TYP, and in 2012 its place in ETA_NUM_GEO1.
SELECT 'M10', 'T_MCOaaB', count(*), 0 FROM t_mcoaab WHERE _year < 2010
UNION ALL
SELECT 'M10', 'T_MCOaaUM', count(*), 0 FROM t_mcoaaum WHERE _year < 2013;
