package duckdb

import (
	"context"
	"database/sql"
	"fmt"

	"galien/lake"
	"galien/lake/duck"
)

// areasTable is the table of a connection that says of each location by which other
// one it is shown, and whether its area is told more closely than by department.
const areasTable = "galien_areas"

// area is what names an area: rows of location that have it in common are one.
const area = "country_concept_id, country_source_value, region_concept_id, state, county, city, zip"

// department is what remains of an area with too few persons.
const department = "country_concept_id, country_source_value, region_concept_id, state"

// findAreas works out the areas of a snapshot for answers that show rows. An area
// whose residents in the whole hub are fewer than least is shown with all others of
// its department that are; so is the row of its location.
func (s scope) findAreas(ctx context.Context, conn *sql.Conn, least int) error {
	stored := s.files(span(s.snapshot.Buckets()), lake.ByPerson)
	_, err := conn.ExecContext(ctx, fmt.Sprintf(`CREATE OR REPLACE TEMP TABLE %[1]s AS
WITH homes AS (SELECT location_id, count(*) AS persons FROM %[2]s WHERE location_id IS NOT NULL GROUP BY location_id),
counted AS (SELECT l.*, sum(coalesce(h.persons, 0)) OVER (PARTITION BY %[4]s) >= %[6]d AS told
	FROM %[3]s l LEFT JOIN homes h ON h.location_id = l.location_id)
SELECT location_id, told, CASE WHEN told THEN min(location_id) OVER (PARTITION BY %[4]s)
	ELSE min(location_id) OVER (PARTITION BY told, %[5]s) END AS shown FROM counted`,
		areasTable, stored("person"), stored("location"), area, department, least))
	return duck.Error("find small areas", err)
}

// shownArea is the location by which that of a row is shown; a location of which the
// lake has no row is none.
func shownArea(column string) string {
	return fmt.Sprintf("(SELECT a.shown FROM %s a WHERE a.location_id = t.%s)", areasTable, duck.Ident(column))
}

// told is an expression where the area of a location is told, and nothing elsewhere.
func told(expression string) string {
	return fmt.Sprintf("CASE WHEN (SELECT a.told FROM %s a WHERE a.location_id = t.location_id) THEN %s END", areasTable, expression)
}

// smallArea reports whether a column of location tells more than the department, and
// point whether it tells more than any area.
func smallArea(column string) bool {
	return column == "county" || column == "city" || column == "zip"
}

func point(column string) bool { return column == "latitude" || column == "longitude" }
