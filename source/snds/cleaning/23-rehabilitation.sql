-- One year of the PMSI SSR: stays, told week by week (RHA) and unit by unit. Who
-- the person is, is settled later.

-- A week, and the rule that removes it. R01: a grouping error. R02: made for
-- billing. R03: a week of the year before, repeated while the stay goes on.
CREATE TEMP TABLE week AS
SELECT _year AS year, ETA_NUM, RHA_NUM, RHS_NUM, RHS_ANT_SEJ_ENT AS before_week, RHS_ANT_SEJ_ENT - SEJ_ANT AS before_unit,
  rpad(coalesce(JP_HWE, ''), 5, '0') || rpad(coalesce(JP_WE, ''), 2, '0') AS days, HOS_TYP_UM, AUT_TYP_UM, ETA_NUM_GEO, ENT_MOD, SOR_MOD,
  MOR_PRP, FP_PEC, ETL_AFF,
  [ASS_DGN_1, ASS_DGN_2, ASS_DGN_3, ASS_DGN_4, ASS_DGN_5, ASS_DGN_6, ASS_DGN_7, ASS_DGN_8, ASS_DGN_9, ASS_DGN_10,
    ASS_DGN_11, ASS_DGN_12, ASS_DGN_13, ASS_DGN_14, ASS_DGN_15, ASS_DGN_16, ASS_DGN_17, ASS_DGN_18, ASS_DGN_19, ASS_DGN_20] AS associated,
  CASE
    WHEN $R01 AND GRG_GME[1:2] = '90' THEN 'R01'
    WHEN $R02 AND TYP_GEN_RHA NOT IN ('0', '4') THEN 'R02'
    -- MOI_ANN is written AAAAMM or MMAAAA.
    WHEN $R03 AND CASE WHEN MOI_ANN >= 190000 THEN MOI_ANN // 100 ELSE MOI_ANN % 10000 END < _year THEN 'R03'
  END AS removed_by
FROM t_ssraab;

-- A stay, and the rule that removes it: one of the linkage, or that which removed
-- all its weeks. The copies of M04 do not exist here.
CREATE TEMP TABLE rehabilitation AS
SELECT c._year AS year, c.ETA_NUM, c.RHA_NUM, c.NIR_ANO_17, c._file, c.EXE_SOI_DTD IS NULL AS redated,
  event_id('SSR', c._year, c.ETA_NUM, c.RHA_NUM, row_number() OVER (PARTITION BY c._year, c.ETA_NUM, c.RHA_NUM ORDER BY c.EXE_SOI_DTD, c.ENT_DAT, c.NIR_ANO_17)) AS telling,
  CASE WHEN $M08 THEN coalesce(c.EXE_SOI_DTD, c.ENT_DAT) ELSE c.EXE_SOI_DTD END AS entry,
  CASE WHEN $M08 THEN coalesce(c.EXE_SOI_DTF, c.SOR_DAT) ELSE c.EXE_SOI_DTF END AS leaving,
  coalesce(coalesce(s.kind, w.kind) <> '1', false) AS partial, coalesce(s.entry_mode, w.entry_mode) AS entry_mode, coalesce(s.exit_mode, w.exit_mode) AS exit_mode,
  coalesce(not_linked([NIR_RET, NAI_RET, SEX_RET, SEJ_RET, FHO_RET, PMS_RET, DAT_RET, COH_NAI_RET, COH_SEX_RET], c.NIR_ANO_17),
    CASE WHEN w.kept = 0 THEN w.rule END) AS removed_by
FROM t_ssraac c
LEFT JOIN (
  SELECT year, ETA_NUM, RHA_NUM, count(*) FILTER (removed_by IS NULL) AS kept, min(removed_by) AS rule, arg_min(HOS_TYP_UM, RHS_NUM) AS kind,
    arg_min(ENT_MOD, RHS_NUM) AS entry_mode, arg_max(SOR_MOD, RHS_NUM) AS exit_mode
  FROM week GROUP BY year, ETA_NUM, RHA_NUM) w
  ON w.year = c._year AND w.ETA_NUM = c.ETA_NUM AND w.RHA_NUM = c.RHA_NUM
LEFT JOIN (SELECT _year, ETA_NUM, RHA_NUM, max(ACT_TYP) AS kind, max(ENT_MOD) AS entry_mode, max(SOR_MOD) AS exit_mode FROM t_ssraas GROUP BY ALL) s
  ON s._year = c._year AND s.ETA_NUM = c.ETA_NUM AND s.RHA_NUM = c.RHA_NUM;

-- The days of a week: from its Monday, RHS_ANT_SEJ_ENT days after the entry,
-- and never before the entry. The days of presence are signs, Monday first.
CREATE TEMP TABLE dated_week AS
SELECT *, greatest(entry, monday) AS first_day, greatest(entry, monday + CASE WHEN contains(days, '1') THEN CAST(7 - instr(reverse(days), '1') AS INTEGER) ELSE 0 END) AS last_day
FROM (
  SELECT s.telling, s.entry, w.*, date_trunc('week', later(s.entry, w.before_week))::DATE AS monday
  FROM week w JOIN rehabilitation s ON s.year = w.year AND s.ETA_NUM = w.ETA_NUM AND s.RHA_NUM = w.RHA_NUM
  WHERE s.removed_by IS NULL AND s.entry IS NOT NULL);

CREATE TEMP VIEW out_field_stay AS
SELECT 'rehabilitation' AS kind, s.telling, s.year, s.ETA_NUM AS finess, s.RHA_NUM AS number, s.NIR_ANO_17 AS psa, s._file, s.entry, s.leaving, w.covered, s.partial,
  s.entry_mode, s.exit_mode, s.removed_by
FROM rehabilitation s
LEFT JOIN (SELECT telling, max(last_day) AS covered FROM dated_week WHERE removed_by IS NULL GROUP BY telling) w ON w.telling = s.telling;

CREATE TEMP VIEW out_field_part AS
SELECT telling, greatest(first_day, monday + CASE WHEN contains(days, '1') THEN CAST(instr(days, '1') - 1 AS INTEGER) ELSE 0 END) AS first_day, last_day,
  RHS_NUM AS name, AUT_TYP_UM AS what, ETA_NUM_GEO AS unit_finess
FROM dated_week WHERE removed_by IS NULL;

-- Diagnoses of a week stand at its first day: the main manifestation (MMP), the
-- purpose of the care (FPP), the cause (AE), and the associated ones.
CREATE TEMP VIEW out_field_diagnosis AS
SELECT telling, first_day AS day, d.code AS code, d.place AS place
FROM (
  SELECT *, unnest([{'code': MOR_PRP, 'place': 'MMP'}, {'code': FP_PEC, 'place': 'FPP'}, {'code': ETL_AFF, 'place': 'AE'}]
    || list_transform(associated, lambda code: {'code': code, 'place': 'DAS'})) AS d
  FROM dated_week WHERE removed_by IS NULL)
WHERE d.code IS NOT NULL
UNION ALL
SELECT s.telling, coalesce(w.first_day, s.entry), d.DGN_COD, 'DAS'
FROM t_ssraad d
JOIN rehabilitation s ON s.year = d._year AND s.ETA_NUM = d.ETA_NUM AND s.RHA_NUM = d.RHA_NUM
LEFT JOIN dated_week w ON w.telling = s.telling AND w.RHS_NUM = d.RHS_NUM
WHERE s.removed_by IS NULL AND s.entry IS NOT NULL AND w.removed_by IS NULL;

-- Acts count their day from the entry into the unit; it is kept within its week.
-- A number that is absent, or absurd, is one.
CREATE TEMP VIEW out_field_act AS
SELECT s.telling,
  CASE WHEN w.before_week IS NULL THEN later(s.entry, a.delay)
    ELSE least(greatest(later(later(s.entry, w.before_unit), a.delay), w.first_day), greatest(w.monday + 6, s.entry)) END AS day,
  a.system, a.code, CASE WHEN a.quantity BETWEEN 0 AND 100000 THEN round(a.quantity) ELSE 1 END AS quantity
FROM (
  SELECT _year AS year, ETA_NUM, RHA_NUM, RHS_NUM, 'CCAM' AS system, CCAM_ACT[1:7] AS code, CCAM_DEL_ENT_UM AS delay, CCAM_NBR_REA AS quantity FROM t_ssraaccam
  UNION ALL
  SELECT _year, ETA_NUM, RHA_NUM, RHS_NUM, 'CCAM', CDC_ACT[1:7], NULL, NULL FROM t_ssraaa
  UNION ALL
  SELECT _year, ETA_NUM, RHA_NUM, RHS_NUM, 'CSARR', CSARR_COD, ENT_DAT_DEL_UM, NBR_CSARR FROM t_ssraacsarr
  UNION ALL
  -- The catalogue before the CSARR, until 2013; M10: its column was renamed in 2012.
  SELECT _year, ETA_NUM, RHA_NUM, RHS_NUM, 'CDARR', coalesce(CCAR_COD, CCAR_ACT), DELAI_ENT_UM, CCAR_NBR_REA FROM t_ssraaccar) a
JOIN rehabilitation s ON s.year = a.year AND s.ETA_NUM = a.ETA_NUM AND s.RHA_NUM = a.RHA_NUM
LEFT JOIN dated_week w ON w.telling = s.telling AND w.RHS_NUM = a.RHS_NUM
WHERE s.removed_by IS NULL AND s.entry IS NOT NULL AND w.removed_by IS NULL AND a.code IS NOT NULL;

CREATE TEMP VIEW out_establishment AS
SELECT _year AS year, ETA_NUM AS finess, SOC_RAI AS name FROM t_ssraae
UNION ALL
SELECT DISTINCT year, ETA_NUM, NULL FROM rehabilitation WHERE removed_by IS NULL
UNION ALL
SELECT DISTINCT NULL::INTEGER, ETA_NUM_GEO, NULL FROM dated_week WHERE removed_by IS NULL AND ETA_NUM_GEO IS NOT NULL;

CREATE TEMP VIEW out_code AS
SELECT DISTINCT 'CIM10' AS vocabulary, code FROM out_field_diagnosis
UNION ALL
SELECT DISTINCT system, code FROM out_field_act;

CREATE TEMP VIEW out_ledger AS
SELECT removed_by AS rule, 'T_SSRaaC' AS tab, count(*) AS touched, count(*) AS removed FROM rehabilitation WHERE removed_by IN ('M01', 'M02') GROUP BY removed_by
UNION ALL
SELECT removed_by, 'T_SSRaaB', count(*), count(*) FROM week WHERE removed_by IS NOT NULL GROUP BY removed_by
UNION ALL
SELECT 'M08', 'T_SSRaaC', count(*), 0 FROM rehabilitation WHERE $M08 AND redated
UNION ALL
SELECT 'M10', 'T_SSRaaCCAR', count(*), 0 FROM t_ssraaccar WHERE CCAR_COD IS NULL AND CCAR_ACT IS NOT NULL
UNION ALL
SELECT 'M11', t.tab, count(*), count(*)
FROM (
  SELECT 'T_SSRaaS' AS tab, _year, ETA_NUM, RHA_NUM FROM t_ssraas
  UNION ALL SELECT 'T_SSRaaB', _year, ETA_NUM, RHA_NUM FROM t_ssraab
  UNION ALL SELECT 'T_SSRaaD', _year, ETA_NUM, RHA_NUM FROM t_ssraad
  UNION ALL SELECT 'T_SSRaaA', _year, ETA_NUM, RHA_NUM FROM t_ssraaa
  UNION ALL SELECT 'T_SSRaaCCAM', _year, ETA_NUM, RHA_NUM FROM t_ssraaccam
  UNION ALL SELECT 'T_SSRaaCCAR', _year, ETA_NUM, RHA_NUM FROM t_ssraaccar
  UNION ALL SELECT 'T_SSRaaCSARR', _year, ETA_NUM, RHA_NUM FROM t_ssraacsarr) t
ANTI JOIN rehabilitation s ON s.year = t._year AND s.ETA_NUM = t.ETA_NUM AND s.RHA_NUM = t.RHA_NUM
GROUP BY t.tab;
