-- Which person each stay is of. The tables rum, rum_diagnosis, rum_act and
-- identity hold the lines as they were cut, with the numbers of the patients:
-- nothing after 20-care reads them.

-- A unit's summary that is there twice, as in the files of two months that each
-- hold the year so far: the first one counts.
CREATE TABLE rum_turn AS
SELECT *, row_number() OVER (PARTITION BY finess, stay, rss, rum, CASE WHEN rum IS NULL THEN unit END, CASE WHEN rum IS NULL THEN entry END
  ORDER BY file, line) AS turn
FROM rum;

-- The person of a stay, by the establishment and its administrative number. A
-- stay may have several VID-HOSP lines, one for each invoice.
CREATE TABLE stay_identity AS
SELECT s.finess, s.stay, min(i.source_id) AS source_id, coalesce(bool_and(i.numbered), false) AS numbered,
  CASE count(DISTINCT i.source_id) WHEN 0 THEN 'unknown_stay' WHEN 1 THEN NULL ELSE 'ambiguous_person' END AS problem
FROM (SELECT DISTINCT finess, stay FROM rum) s
LEFT JOIN identity i ON i.finess = s.finess AND i.stay = s.stay
GROUP BY s.finess, s.stay;

CREATE TABLE refused_line AS
SELECT r.file, r.line, CASE WHEN r.turn > 1 THEN 'rum.nrum' ELSE 'rum.nadl' END AS field, CASE WHEN r.turn > 1 THEN 'duplicate_key' ELSE s.problem END AS problem
FROM rum_turn r JOIN stay_identity s ON s.finess = r.finess AND s.stay = r.stay
WHERE r.turn > 1 OR s.problem IS NOT NULL;

CREATE TABLE identity_count AS
SELECT (SELECT count(*) FROM stay_identity WHERE problem IS NULL AND NOT numbered) AS unnumbered,
  (SELECT count(*) FROM identity i ANTI JOIN rum r ON r.finess = i.finess AND r.stay = i.stay) AS without_stay;
