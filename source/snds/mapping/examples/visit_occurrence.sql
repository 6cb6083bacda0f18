-- A stay through the emergency unit (262), another (9201), outpatient care
-- (9202), an emergency without a stay (9203), a consultation in town (9202).
-- Rehabilitation with nights (9201), psychiatry without (9202), hospital at home
-- (581476), each with its field of the PMSI.
-- given
CREATE TABLE clean_visit AS FROM (VALUES
  (1, 'stay', 1, DATE '2016-01-02', DATE '2016-01-09', '750712184', NULL, true, '8', '8'),
  (2, 'stay', 1, DATE '2017-01-02', DATE '2017-01-02', '999999999', NULL, false, '8', '9'),
  (3, 'outpatient', 2, DATE '2016-02-01', DATE '2016-02-01', '750712184', NULL, false, NULL, NULL),
  (4, 'outpatient', 2, DATE '2016-03-01', DATE '2016-03-01', '750712184', NULL, true, NULL, NULL),
  (5, 'town', 2, DATE '2016-04-01', DATE '2016-04-01', NULL, 9, false, NULL, NULL),
  (6, 'rehabilitation', 3, DATE '2016-05-01', DATE '2016-06-01', '750712184', NULL, false, '7', '8'),
  (7, 'day psychiatry', 3, DATE '2016-07-01', DATE '2016-09-01', '750712184', NULL, false, '8', '8'),
  (8, 'home', 3, DATE '2016-10-01', DATE '2016-11-01', '750712184', NULL, false, '8', '9')
) t(visit_id, kind, person_id, entry, leaving, finess, provider_id, emergency, entry_mode, exit_mode);
CREATE TABLE clean_establishment AS FROM (VALUES (1, '750712184', 'AP-HP')) t(care_site_id, finess, name);
CREATE TABLE local_concept AS FROM (VALUES ('PMSI', 'MCO', 21), ('PMSI', 'SSR', 22), ('PMSI', 'HAD', 23), ('PMSI', 'RIP', 24), ('PMSI', 'ACE', 25)) t(vocabulary, code, concept_id);
-- expect
FROM (VALUES
  (1, 1, 262, DATE '2016-01-02', DATE '2016-01-09', 1, NULL, '8', 21),
  (2, 1, 9201, DATE '2017-01-02', DATE '2017-01-02', NULL, NULL, '9', 21),
  (3, 2, 9202, DATE '2016-02-01', DATE '2016-02-01', 1, NULL, NULL, 25),
  (4, 2, 9203, DATE '2016-03-01', DATE '2016-03-01', 1, NULL, NULL, 25),
  (5, 2, 9202, DATE '2016-04-01', DATE '2016-04-01', NULL, 9, NULL, 0),
  (6, 3, 9201, DATE '2016-05-01', DATE '2016-06-01', 1, NULL, '8', 22),
  (7, 3, 9202, DATE '2016-07-01', DATE '2016-09-01', 1, NULL, '8', 24),
  (8, 3, 581476, DATE '2016-10-01', DATE '2016-11-01', 1, NULL, '9', 23)
) t(visit_occurrence_id, person_id, visit_concept_id, visit_start_date, visit_end_date, care_site_id, provider_id, discharged_to_source_value, visit_source_concept_id);
