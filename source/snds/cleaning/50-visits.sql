-- What several OMOP tables share: visits, places, and the days seen.

-- A consultation in town is one visit per professional and day.
CREATE TABLE clean_visit AS
SELECT row_number() OVER (ORDER BY person_id, entry, leaving, kind, finess, year, number, executor) AS visit_id, *
FROM (
  SELECT 'stay' AS kind, person_id, entry, leaving, finess, year, number, NULL::VARCHAR AS executor, coalesce(entry_from = '5', false) AS emergency,
    entry_mode, exit_mode FROM clean_stay
  UNION ALL
  SELECT 'outpatient', person_id, entry, leaving, finess, year, number, NULL, emergency, NULL, NULL FROM clean_outpatient
  UNION ALL
  SELECT DISTINCT 'town', person_id, day, day, NULL, NULL, NULL, executor, false, NULL, NULL FROM clean_care WHERE kind = 'PRS'
  UNION ALL
  SELECT 'clinic', person_id, entry, leaving, finess, NULL, NULL, NULL, false, NULL, NULL FROM clinic_stay);

CREATE TABLE clean_establishment AS
SELECT row_number() OVER (ORDER BY finess) AS care_site_id, finess, arg_max(name, year) AS name
FROM (
  SELECT finess, name, year FROM establishment_row
  UNION ALL SELECT finess, NULL, NULL FROM clean_visit WHERE finess IS NOT NULL
  UNION ALL SELECT unit_finess, NULL, NULL FROM clean_stay_unit WHERE unit_finess IS NOT NULL)
GROUP BY finess;

CREATE TABLE clean_location AS
SELECT row_number() OVER (ORDER BY department, commune) AS location_id, department, commune
FROM (SELECT DISTINCT department, commune FROM clean_person WHERE department IS NOT NULL);

-- The days on which a person was seen, whatever for.
CREATE TABLE clean_span AS
SELECT person_id, min(day) AS first_day, max(day) AS last_day
FROM (
  SELECT person_id, min(day) AS day FROM clean_care GROUP BY 1 UNION ALL SELECT person_id, max(day) FROM clean_care GROUP BY 1
  UNION ALL SELECT person_id, entry FROM clean_visit WHERE kind <> 'town' UNION ALL SELECT person_id, leaving FROM clean_visit WHERE kind <> 'town'
  UNION ALL SELECT person_id, day FROM clean_vaccine)
GROUP BY person_id;
