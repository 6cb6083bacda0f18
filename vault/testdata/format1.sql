PRAGMA user_version = 1;
CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE person_key (
  source TEXT NOT NULL, source_id TEXT NOT NULL, person_id INTEGER NOT NULL UNIQUE,
  PRIMARY KEY (source, source_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE identity (
  source TEXT NOT NULL, tab TEXT NOT NULL, row_key TEXT NOT NULL, col TEXT NOT NULL,
  value TEXT NOT NULL, load TEXT NOT NULL,
  PRIMARY KEY (source, tab, row_key, col)
) STRICT, WITHOUT ROWID;
CREATE TABLE raw_file (
  file_id INTEGER PRIMARY KEY, source TEXT NOT NULL, tab TEXT NOT NULL, name TEXT NOT NULL,
  sha256 TEXT NOT NULL, delimiter TEXT NOT NULL, header TEXT NOT NULL,
  UNIQUE (source, tab, name, sha256)
) STRICT;
CREATE TABLE raw_row (
  file_id INTEGER NOT NULL REFERENCES raw_file, line INTEGER NOT NULL, raw BLOB NOT NULL,
  PRIMARY KEY (file_id, line)
) STRICT, WITHOUT ROWID;
INSERT INTO meta VALUES ('secret', X'0303030303030303030303030303030303030303030303030303030303030303');
INSERT INTO person_key VALUES ('omop', '42', 1), ('omop', '-7', 2);
INSERT INTO raw_file VALUES (1, 'omop', 'death', 'death.csv', 'aa', ',', 'person_id,death_date');
INSERT INTO raw_row VALUES (1, 3, X'34322C78');
