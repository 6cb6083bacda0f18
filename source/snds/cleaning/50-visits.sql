-- What several OMOP tables share: the visits.

-- A consultation in town is one visit per professional and day.
CREATE VIEW clean_visit AS
SELECT visit_id, 'stay' AS kind, person_id, entry, leaving, finess, NULL::BIGINT AS provider_id, coalesce(entry_from = '5', false) AS emergency,
  entry_mode, exit_mode FROM clean_stay
UNION ALL
SELECT visit_id, 'outpatient', person_id, entry, leaving, finess, NULL, emergency, NULL, NULL FROM clean_outpatient
UNION ALL
SELECT event_id('town', person_id, day, provider_id), 'town', person_id, day, day, NULL, provider_id, false, NULL, NULL
FROM (SELECT DISTINCT c.person_id, c.day, p.provider_id FROM clean_care c LEFT JOIN clean_provider p ON p.executor = c.executor WHERE c.kind = 'PRS')
UNION ALL
SELECT visit_id, CASE WHEN partial THEN 'day ' ELSE '' END || kind, person_id, entry, leaving, finess, NULL, false, entry_mode, exit_mode FROM clean_field_stay
UNION ALL
SELECT event_id('clinic', person_id, entry, leaving, finess), 'clinic', person_id, entry, leaving, finess, NULL, false, NULL, NULL FROM clean_clinic;
