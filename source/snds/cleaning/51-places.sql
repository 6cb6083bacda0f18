-- What several OMOP tables share: places, and the days seen.

CREATE TABLE clean_establishment AS
SELECT event_id('care_site', finess) AS care_site_id, finess, arg_max(name, year) AS name
FROM (
  SELECT finess, name, year FROM unit_establishment
  UNION ALL SELECT finess, NULL, NULL FROM unit_clinic WHERE finess IS NOT NULL)
GROUP BY finess;

CREATE TABLE clean_location AS
SELECT event_id('location', department, commune) AS location_id, department, commune
FROM (SELECT DISTINCT department, commune FROM clean_person WHERE department IS NOT NULL);

-- The days between which a person was seen, whatever for: every line counts, a
-- cancelled one too, since it shows that the person was there to be billed.
CREATE TABLE clean_span AS
SELECT person_id, min(first_day) AS first_day, max(last_day) AS last_day
FROM (
  SELECT b.person_id, s.first_day, s.last_day
  FROM (SELECT identity, min(day) AS first_day, max(day) AS last_day FROM unit_care GROUP BY identity) s JOIN beneficiary b ON b.identity = s.identity
  UNION ALL
  SELECT b.person_id, u.day, u.day FROM unit_unknown_care u JOIN beneficiary b ON b.psa = u.psa AND b.rng IS NOT DISTINCT FROM u.rng
  UNION ALL SELECT person_id, entry, leaving FROM stay_fate WHERE fate IS NULL
  UNION ALL SELECT person_id, entry, leaving FROM outpatient_fate WHERE fate IS NULL
  UNION ALL SELECT b.person_id, c.entry, c.leaving FROM unit_clinic c JOIN beneficiary b ON b.identity = c.identity
  UNION ALL SELECT person_id, entry, greatest(entry, coalesce(leaving, covered, entry)) FROM field_fate WHERE fate IS NULL
  UNION ALL SELECT person_id, day, day FROM clean_vaccine)
GROUP BY person_id;
