-- Stays, units, diagnoses and acts under numbers of the lake's own. The
-- establishment's numbers of stay, summary and patient end here.

-- The summaries of a stay, in their order, with the person.
CREATE TABLE numbered_rum AS
SELECT r.*, k.person_id,
  row_number() OVER (PARTITION BY r.finess, r.stay, r.rss ORDER BY r.entry, r.leaving, TRY_CAST(r.rum AS BIGINT), r.rum, r.file, r.line) AS nth,
  dense_rank() OVER (ORDER BY k.person_id, r.finess, r.stay, r.rss) AS stay_rank
FROM rum_turn r
JOIN stay_identity s ON s.finess = r.finess AND s.stay = r.stay AND s.problem IS NULL
JOIN person_key k ON k.source_id = s.source_id
WHERE r.turn = 1;

-- From the entry into the first unit to the leaving of the last. The stay came
-- through the emergency unit when the first unit says so (PSUR 5, U or V), or,
-- in versions before that field, the provenance 5.
CREATE TABLE stay_span AS
SELECT stay_rank, any_value(person_id) AS person_id, any_value(finess) AS finess, min(entry) AS entry, max(leaving) AS leaving,
  arg_min(entry_mode, nth) AS entry_mode, arg_max(exit_mode, nth) AS exit_mode,
  coalesce(arg_min(entry_from = '5', nth), false) OR coalesce(arg_min(emergency IN ('5', 'U', 'V'), nth), false) AS emergency
FROM numbered_rum GROUP BY stay_rank;

CREATE TABLE clean_stay AS
SELECT row_number() OVER (ORDER BY person_id, entry, leaving, finess, stay_rank) AS stay_id, * FROM stay_span;

CREATE TABLE clean_unit AS
SELECT row_number() OVER (ORDER BY s.stay_id, r.nth) AS unit_id, s.stay_id, r.person_id, r.nth, r.finess, r.unit, r.entry, r.leaving, r.file, r.line
FROM numbered_rum r JOIN clean_stay s ON s.stay_rank = r.stay_rank;

-- The main diagnosis of the first unit is taken for that of the stay: which
-- unit's it is, the grouping function decides, and a RSS does not say. Those of
-- the other units keep the place DP of their unit under the name DPU. A
-- diagnosis that a unit repeats counts once.
CREATE TABLE clean_diagnosis AS
SELECT DISTINCT u.stay_id, u.unit_id, u.person_id, u.entry AS day, d.code,
  CASE WHEN d.place = 'DP' AND u.nth > 1 THEN 'DPU' WHEN d.place = 'DR' AND u.nth > 1 THEN 'DRU' ELSE d.place END AS place
FROM rum_diagnosis d JOIN clean_unit u ON u.file = d.file AND u.line = d.line
WHERE d.place <> 'DAS' OR NOT EXISTS (
  SELECT 1 FROM rum_diagnosis m WHERE m.file = d.file AND m.line = d.line AND m.code = d.code AND m.place <> 'DAS');

-- The activities of one act (1 the surgeon's, 4 the anaesthetist's) are one
-- row. Without a date it is dated at the entry into the unit.
CREATE TABLE clean_act AS
SELECT stay_id, unit_id, person_id, day, code, extension, phase, string_agg(activity, '+' ORDER BY activity) AS activities, max(quantity) AS quantity
FROM (
  SELECT u.stay_id, u.unit_id, u.person_id, coalesce(a.day, u.entry) AS day, a.code, a.extension, a.phase, a.activity, sum(a.quantity)::BIGINT AS quantity
  FROM rum_act a JOIN clean_unit u ON u.file = a.file AND u.line = a.line
  GROUP BY ALL)
GROUP BY stay_id, unit_id, person_id, day, code, extension, phase;

-- Birth and sex: those of most of the person's lines, then of the latest stay.
CREATE TABLE clean_person AS
SELECT person_id, sex, year(birth) AS birth_year, month(birth) AS birth_month
FROM (
  SELECT k.person_id, i.birth, i.sex,
    row_number() OVER (PARTITION BY k.person_id ORDER BY count(*) DESC, max(i.entry) DESC NULLS LAST, i.birth, i.sex) AS choice
  FROM identity i JOIN person_key k ON k.source_id = i.source_id
  GROUP BY k.person_id, i.birth, i.sex)
WHERE choice = 1;

CREATE TABLE clean_span AS
SELECT person_id, min(entry) AS first_day, max(leaving) AS last_day FROM clean_stay GROUP BY person_id;

-- Mode of leaving 9: the person died in the stay.
CREATE TABLE clean_death AS
SELECT person_id, max(leaving) AS day FROM clean_stay WHERE exit_mode = '9' GROUP BY person_id;

-- Establishments (no unit), and the units in them.
CREATE TABLE clean_place AS
SELECT row_number() OVER (ORDER BY finess, unit NULLS FIRST) AS care_site_id, finess, unit
FROM (SELECT DISTINCT finess, NULL AS unit FROM clean_unit UNION SELECT finess, unit FROM clean_unit WHERE unit IS NOT NULL);

CREATE TABLE used_code AS
SELECT DISTINCT 'CIM10' AS vocabulary, code FROM clean_diagnosis
UNION ALL
SELECT DISTINCT 'CCAM', code FROM clean_act;
