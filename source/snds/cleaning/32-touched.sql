-- A load that adds units to a lake maps the care anew that their lines may
-- change: all lines of a person, day and professional of whom they have a line.

CREATE TABLE touched AS
SELECT DISTINCT person_id, day, executor FROM line WHERE part <> 'common'
UNION
SELECT person_id, day, executor FROM amount WHERE part <> 'common';

-- What a negative line is counted as (D04, D05) hangs on the lines around it: of
-- the same professional within a fortnight. Those that may be counted otherwise
-- now are touched, and all that this depends on.
CREATE TABLE touched_negative AS
SELECT DISTINCT n.person_id, n.day, n.executor
FROM (SELECT DISTINCT person_id, day, executor FROM line WHERE quantity < 0) n
JOIN touched t ON t.person_id = n.person_id AND t.executor IS NOT DISTINCT FROM n.executor AND abs(n.day - t.day) <= 15;

INSERT INTO touched
SELECT person_id, day, executor FROM touched_negative
UNION
SELECT c.person_id, c.day, c.executor
FROM line c JOIN touched_negative n ON n.person_id = c.person_id AND n.executor IS NOT DISTINCT FROM c.executor AND abs(n.day - c.day) <= 15;

-- E01 hangs on every cyproterone of the person.
CREATE TABLE cyproterone AS
SELECT l.person_id, l.day, l.executor
FROM line l SEMI JOIN (SELECT PHA_CIP_C13 FROM ir_pha_r WHERE coalesce(PHA_ATC_C07, PHA_ATC_CLA) = 'G03HA01') r ON r.PHA_CIP_C13 = l.code
WHERE l.kind = 'PHA';

INSERT INTO touched
SELECT c.person_id, c.day, c.executor FROM cyproterone c
SEMI JOIN (SELECT person_id FROM cyproterone SEMI JOIN touched USING (person_id, day)) t ON t.person_id = c.person_id;

CREATE TABLE touched_line AS
SELECT l.* FROM line l
SEMI JOIN (SELECT DISTINCT * FROM touched) t ON t.person_id = l.person_id AND t.day = l.day AND t.executor IS NOT DISTINCT FROM l.executor;

CREATE TABLE touched_amount AS
SELECT a.* FROM amount a
SEMI JOIN (SELECT DISTINCT * FROM touched) t ON t.person_id = a.person_id AND t.day = a.day AND t.executor IS NOT DISTINCT FROM a.executor;
