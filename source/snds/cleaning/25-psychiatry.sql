-- One year of the RIM-P: stays in psychiatry, told by sequences (RPSA). Who the
-- person is, is settled later.

-- A sequence, and the rule that removes it. Y01: a trial leave, which is no
-- hospital care. Y02: made for billing.
CREATE TEMP TABLE sequence AS
SELECT _year AS year, ETA_NUM_EPMSI, RIP_NUM, SEQ_SEQ_NUM, DEL_DAT, SEQ_COU_NBJ, coalesce(FOR_ACT, NAT_PEC) AS what, ETA_NUM_TWO, ENT_MOD, SOR_MOD, DGN_PAL,
  -- From 2012 the form of activity says whether the person stays: 01 to 07 day and night, from 20 on not.
  FOR_ACT >= '20' AS partial,
  CASE WHEN $Y01 AND SEQ_IND = 'E' THEN 'Y01' WHEN $Y02 AND TYP_GEN_RSA <> '0' THEN 'Y02' END AS removed_by
FROM t_ripaarsa;

CREATE TEMP TABLE psychiatry AS
SELECT c._year AS year, c.ETA_NUM_EPMSI, c.RIP_NUM, c.NIR_ANO_17, c._file, c.EXE_SOI_DTD IS NULL AS redated,
  event_id('RIP', c._year, c.ETA_NUM_EPMSI, c.RIP_NUM, row_number() OVER (PARTITION BY c._year, c.ETA_NUM_EPMSI, c.RIP_NUM ORDER BY c.EXE_SOI_DTD, c.ENT_DAT, c.NIR_ANO_17)) AS telling,
  CASE WHEN $M08 THEN coalesce(c.EXE_SOI_DTD, c.ENT_DAT) ELSE c.EXE_SOI_DTD END AS entry,
  CASE WHEN $M08 THEN coalesce(c.EXE_SOI_DTF, c.SOR_DAT) ELSE c.EXE_SOI_DTF END AS leaving,
  coalesce(s.kind <> '1', q.partial, false) AS partial, coalesce(s.entry_mode, q.entry_mode) AS entry_mode, coalesce(s.exit_mode, q.exit_mode) AS exit_mode,
  coalesce(not_linked([NIR_RET, NAI_RET, SEX_RET, SEJ_RET, FHO_RET, PMS_RET, DAT_RET, COH_NAI_RET, COH_SEX_RET], c.NIR_ANO_17),
    CASE WHEN q.kept = 0 THEN q.rule END) AS removed_by
FROM t_ripaac c
LEFT JOIN (
  SELECT year, ETA_NUM_EPMSI, RIP_NUM, count(*) FILTER (removed_by IS NULL) AS kept, min(removed_by) AS rule, bool_and(partial) AS partial,
    arg_min(ENT_MOD, SEQ_SEQ_NUM) AS entry_mode, arg_max(SOR_MOD, SEQ_SEQ_NUM) AS exit_mode
  FROM sequence GROUP BY year, ETA_NUM_EPMSI, RIP_NUM) q
  ON q.year = c._year AND q.ETA_NUM_EPMSI = c.ETA_NUM_EPMSI AND q.RIP_NUM = c.RIP_NUM
LEFT JOIN (SELECT _year, ETA_NUM_EPMSI, RIP_NUM, max(HOS_TYP) AS kind, max(ENT_MOD) AS entry_mode, max(SOR_MOD) AS exit_mode FROM t_ripaas GROUP BY ALL) s
  ON s._year = c._year AND s.ETA_NUM_EPMSI = c.ETA_NUM_EPMSI AND s.RIP_NUM = c.RIP_NUM;

CREATE TEMP TABLE dated_sequence AS
SELECT *, greatest(first_day, later(first_day, SEQ_COU_NBJ - 1)) AS last_day
FROM (
  SELECT s.telling, s.entry, q.*, greatest(s.entry, later(s.entry, q.DEL_DAT)) AS first_day
  FROM sequence q JOIN psychiatry s ON s.year = q.year AND s.ETA_NUM_EPMSI = q.ETA_NUM_EPMSI AND s.RIP_NUM = q.RIP_NUM
  WHERE s.removed_by IS NULL AND s.entry IS NOT NULL);

CREATE TEMP VIEW out_field_stay AS
SELECT 'psychiatry' AS kind, s.telling, s.year, s.ETA_NUM_EPMSI AS finess, s.RIP_NUM AS number, s.NIR_ANO_17 AS psa, s._file, s.entry, s.leaving, q.covered, s.partial,
  s.entry_mode, s.exit_mode, s.removed_by
FROM psychiatry s
LEFT JOIN (SELECT telling, max(last_day) AS covered FROM dated_sequence WHERE removed_by IS NULL GROUP BY telling) q ON q.telling = s.telling;

-- What a sequence is: its form of activity (FOR_ACT; before 2012 NAT_PEC).
CREATE TEMP VIEW out_field_part AS
SELECT telling, first_day, last_day, SEQ_SEQ_NUM AS name, what, ETA_NUM_TWO AS unit_finess
FROM dated_sequence WHERE removed_by IS NULL;

CREATE TEMP VIEW out_field_diagnosis AS
SELECT telling, first_day AS day, DGN_PAL AS code, 'DP' AS place
FROM dated_sequence WHERE removed_by IS NULL AND DGN_PAL IS NOT NULL
UNION ALL
SELECT s.telling, coalesce(q.first_day, s.entry), d.ASS_DGN, 'DA'
FROM t_ripaarsad d
JOIN psychiatry s ON s.year = d._year AND s.ETA_NUM_EPMSI = d.ETA_NUM_EPMSI AND s.RIP_NUM = d.RIP_NUM
LEFT JOIN dated_sequence q ON q.telling = s.telling AND q.SEQ_SEQ_NUM = d.SEQ_SEQ_NUM
WHERE s.removed_by IS NULL AND s.entry IS NOT NULL AND q.removed_by IS NULL AND d.ASS_DGN IS NOT NULL;

-- An act counts its day from its sequence, which the table does not name: it is
-- dated as if that were the first one.
CREATE TEMP VIEW out_field_act AS
SELECT s.telling, later(s.entry, a.ENT_DAT_DEL) AS day, 'CCAM' AS system, a.CDC_ACT[1:7] AS code, coalesce(a.NBR_EXE_ACT, 1) AS quantity
FROM t_ripaaccam a
JOIN psychiatry s ON s.year = a._year AND s.ETA_NUM_EPMSI = a.ETA_NUM_EPMSI AND s.RIP_NUM = a.RIP_NUM
WHERE s.removed_by IS NULL AND s.entry IS NOT NULL AND a.CDC_ACT IS NOT NULL;

CREATE TEMP VIEW out_establishment AS
SELECT _year AS year, ETA_NUM AS finess, SOC_RAI AS name FROM t_ripaae
UNION ALL
SELECT DISTINCT year, ETA_NUM_EPMSI, NULL FROM psychiatry WHERE removed_by IS NULL
UNION ALL
SELECT DISTINCT NULL::INTEGER, ETA_NUM_TWO, NULL FROM dated_sequence WHERE removed_by IS NULL AND ETA_NUM_TWO IS NOT NULL;

CREATE TEMP VIEW out_code AS
SELECT DISTINCT 'CIM10' AS vocabulary, code FROM out_field_diagnosis
UNION ALL
SELECT DISTINCT system, code FROM out_field_act;

CREATE TEMP VIEW out_ledger AS
SELECT removed_by AS rule, 'T_RIPaaC' AS tab, count(*) AS touched, count(*) AS removed FROM psychiatry WHERE removed_by IN ('M01', 'M02') GROUP BY removed_by
UNION ALL
SELECT removed_by, 'T_RIPaaRSA', count(*), count(*) FROM sequence WHERE removed_by IS NOT NULL GROUP BY removed_by
UNION ALL
SELECT 'M08', 'T_RIPaaC', count(*), 0 FROM psychiatry WHERE $M08 AND redated
UNION ALL
SELECT 'M11', t.tab, count(*), count(*)
FROM (
  SELECT 'T_RIPaaS' AS tab, _year, ETA_NUM_EPMSI, RIP_NUM FROM t_ripaas
  UNION ALL SELECT 'T_RIPaaRSA', _year, ETA_NUM_EPMSI, RIP_NUM FROM t_ripaarsa
  UNION ALL SELECT 'T_RIPaaRSAD', _year, ETA_NUM_EPMSI, RIP_NUM FROM t_ripaarsad
  UNION ALL SELECT 'T_RIPaaCCAM', _year, ETA_NUM_EPMSI, RIP_NUM FROM t_ripaaccam) t
ANTI JOIN psychiatry s ON s.year = t._year AND s.ETA_NUM_EPMSI = t.ETA_NUM_EPMSI AND s.RIP_NUM = t.RIP_NUM
GROUP BY t.tab;
