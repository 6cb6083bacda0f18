-- Stays, units, diagnoses and acts under numbers of the lake's own. The
-- establishment's numbers of stay, summary and patient end here.

-- The units of the stays that have an RSA alone. It has the nights of each unit,
-- in their order, and not its days: a unit begins where the one before ends, and
-- the last ends with the stay.
CREATE TABLE rsa_span AS
SELECT u.file, u.line, u.part, count(*) OVER (PARTITION BY u.file, u.line) AS parts,
  coalesce(sum(u.nights) OVER (PARTITION BY u.file, u.line ORDER BY u.part ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0)::INTEGER AS before,
  coalesce(sum(u.nights) OVER (PARTITION BY u.file, u.line ORDER BY u.part), 0)::INTEGER AS until
FROM rsa_unit u;

-- Units with the stay that they are of, from RSS and from RSA. main is the unit
-- whose main diagnosis is taken for that of the stay: in an RSA the one that it
-- names, in an RSS the first, since the grouping function decides which, and a
-- RSS does not say.
CREATE TABLE unit_line AS
SELECT file, line, 1 AS part, NULL::BIGINT AS main, finess, stay, rss, rum, unit, entry, leaving, entry_mode, entry_from, exit_mode, emergency
FROM rum_turn WHERE turn = 1
UNION ALL
SELECT r.file, r.line, u.part, r.main, r.finess, t.stay, t.rss, u.part::VARCHAR, NULL,
  CASE WHEN u.part = 1 THEN t.entry ELSE least(t.entry + u.before, t.leaving) END,
  CASE WHEN u.part = u.parts THEN t.leaving ELSE least(t.entry + u.until, t.leaving) END,
  r.entry_mode, r.entry_from, r.exit_mode, r.emergency
FROM rsa r
JOIN rsa_turn t ON t.file = r.file AND t.line = r.line AND t.turn = 1 AND NOT t.doubled
JOIN rsa_span u ON u.file = r.file AND u.line = r.line;

-- The units of a stay, in their order, with the person.
CREATE TABLE numbered_unit AS
SELECT r.*, k.person_id,
  row_number() OVER (PARTITION BY r.finess, r.stay, r.rss ORDER BY r.entry, r.leaving, TRY_CAST(r.rum AS BIGINT), r.rum, r.file, r.line) AS nth,
  dense_rank() OVER (ORDER BY k.person_id, r.finess, r.stay, r.rss) AS stay_rank
FROM unit_line r
JOIN stay_identity s ON s.finess = r.finess AND s.stay = r.stay AND s.problem IS NULL
JOIN person_key k ON k.source_id = s.source_id;

-- From the entry into the first unit to the leaving of the last. The stay came
-- through the emergency unit when the first unit says so (PSUR 5, U or V), or,
-- in versions before that field, the provenance 5.
CREATE TABLE stay_span AS
SELECT stay_rank, any_value(person_id) AS person_id, any_value(finess) AS finess, min(entry) AS entry, max(leaving) AS leaving,
  arg_min(entry_mode, nth) AS entry_mode, arg_max(exit_mode, nth) AS exit_mode,
  coalesce(arg_min(entry_from = '5', nth), false) OR coalesce(arg_min(emergency IN ('5', 'U', 'V'), nth), false) AS emergency
FROM numbered_unit GROUP BY stay_rank;

CREATE TABLE clean_stay AS
SELECT row_number() OVER (ORDER BY person_id, entry, leaving, finess, stay_rank) AS stay_id, * FROM stay_span;

CREATE TABLE clean_unit AS
SELECT row_number() OVER (ORDER BY s.stay_id, r.nth) AS unit_id, s.stay_id, r.person_id, r.nth, r.finess, r.unit, r.entry, r.leaving,
  r.file, r.line, r.part, coalesce(r.part = r.main, r.nth = 1) AS main
FROM numbered_unit r JOIN clean_stay s ON s.stay_rank = r.stay_rank;

-- The main and related diagnoses of the other units keep the place of their unit
-- under the names DPU and DRU. A diagnosis that a unit repeats counts once.
CREATE TABLE clean_diagnosis AS
SELECT DISTINCT u.stay_id, u.unit_id, u.person_id, u.entry AS day, d.code,
  CASE WHEN d.place IN ('DP', 'DR') AND NOT u.main THEN d.place || 'U' ELSE d.place END AS place
FROM rum_diagnosis d JOIN clean_unit u ON u.file = d.file AND u.line = d.line AND u.part = d.part
WHERE d.place <> 'DAS' OR NOT EXISTS (
  SELECT 1 FROM rum_diagnosis m WHERE m.file = d.file AND m.line = d.line AND m.part = d.part AND m.code = d.code AND m.place <> 'DAS');

-- The activities of one act (1 the surgeon's, 4 the anaesthetist's) are one
-- row. An RSA says the days from the entry into the stay to the act. Without a
-- date it is dated at the entry into the unit.
CREATE TABLE clean_act AS
SELECT stay_id, unit_id, person_id, day, code, extension, phase, string_agg(activity, '+' ORDER BY activity) AS activities, max(quantity) AS quantity
FROM (
  SELECT u.stay_id, u.unit_id, u.person_id, coalesce(a.day, s.entry + a.delay::INTEGER, u.entry) AS day, a.code, a.extension, a.phase, a.activity,
    sum(a.quantity)::BIGINT AS quantity
  FROM rum_act a
  JOIN clean_unit u ON u.file = a.file AND u.line = a.line AND u.part = a.part
  JOIN clean_stay s ON s.stay_id = u.stay_id
  GROUP BY ALL)
GROUP BY stay_id, unit_id, person_id, day, code, extension, phase;

-- What the RSA of a person say of birth and sex. The age in years at the entry
-- leaves a year in which the birth may be, the age in days (below one year) no
-- doubt; of several stays, the days that all of them leave count.
CREATE TABLE aged AS
SELECT person_id, max(born_from) AS born_from, min(born_to) AS born_to, mode(sex ORDER BY sex) AS sex
FROM (
  SELECT s.person_id, r.sex,
    CASE WHEN r.age_days > 0 OR coalesce(r.age, 0) = 0 AND r.age_days = 0 THEN s.entry - r.age_days::INTEGER
      ELSE (s.entry - to_years(r.age::INTEGER + 1) + INTERVAL 1 DAY)::DATE END AS born_from,
    CASE WHEN r.age_days > 0 OR coalesce(r.age, 0) = 0 AND r.age_days = 0 THEN s.entry - r.age_days::INTEGER
      ELSE (s.entry - to_years(r.age::INTEGER))::DATE END AS born_to
  FROM clean_unit u JOIN clean_stay s ON s.stay_id = u.stay_id JOIN rsa r ON r.file = u.file AND r.line = u.line AND u.part = 1)
GROUP BY person_id;

-- Birth and sex: those of most of the person's lines, then of the latest stay. A
-- birth that is in no line is taken from the ages: its year is that of the
-- middle of the days that they leave, its month known only if they are all in it.
CREATE TABLE clean_person AS
SELECT k.person_id, coalesce(i.sex, a.sex) AS sex,
  coalesce(year(i.birth), year(a.born_from + ((a.born_to - a.born_from) // 2)::INTEGER)) AS birth_year,
  CASE WHEN i.birth IS NOT NULL THEN month(i.birth)
    WHEN date_trunc('month', a.born_from) = date_trunc('month', a.born_to) THEN month(a.born_from) END AS birth_month
FROM (SELECT DISTINCT person_id FROM clean_stay) k
LEFT JOIN (
  SELECT k.person_id, i.birth, i.sex,
    row_number() OVER (PARTITION BY k.person_id ORDER BY i.birth IS NULL, count(*) DESC, max(i.entry) DESC NULLS LAST, i.birth, i.sex) AS choice
  FROM who i JOIN person_key k ON k.source_id = i.source_id
  GROUP BY k.person_id, i.birth, i.sex) i ON i.person_id = k.person_id AND i.choice = 1
LEFT JOIN aged a ON a.person_id = k.person_id;

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
