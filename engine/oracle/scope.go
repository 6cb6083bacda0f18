package oracle

import (
	"slices"

	"galien"
	"galien/cdm"
	"galien/permit"
)

// unfiltered are the tables that a permit's concepts never hide: what they hold
// is not something that happened to a person.
var unfiltered = map[string]bool{"person": true, "location": true, "care_site": true, "provider": true}

// within returns the data that a scope leaves visible. Rows that start outside
// the window are gone, observation periods are cut to it; rows of a denied
// concept are gone and, when some are allowed, so are rows of the others. Of a
// person who is opposed, or whose home is not known to be in the scope's areas,
// everything is gone.
func (d *Data) within(s permit.Scope) *Data {
	if s.Window == nil && len(s.Deny) == 0 && len(s.Allow) == 0 && len(s.Opposed) == 0 && len(s.Areas) == 0 {
		return d
	}
	deny, allow := d.closure(s.Deny), d.closure(s.Allow)
	there := func(p galien.PersonID) bool { return !s.Opposes(p) }
	if len(s.Areas) > 0 {
		residents := d.residents(s.Areas)
		there = func(p galien.PersonID) bool { return residents[p] && !s.Opposes(p) }
	}
	visible := map[string][]row{}
	for name, rows := range d.tables {
		table, ok := cdm.Lookup(name)
		if !ok || table.Vocabulary {
			visible[name] = rows
			continue
		}
		for _, r := range rows {
			if !ofSomeoneThere(r, name, there) {
				continue
			}
			if name == "observation_period" {
				if cut, ok := cutPeriod(r, s.Window); ok {
					visible[name] = append(visible[name], cut)
				}
				continue
			}
			if day, dated := r.date(table.DateColumn()); s.Window != nil && table.DateColumn() != "" && !(dated && s.Window.Contains(day)) {
				continue
			}
			if !unfiltered[name] && hidden(r, table, deny, allow) {
				continue
			}
			visible[name] = append(visible[name], r)
		}
	}
	return assemble(visible)
}

// residents returns the persons whose home is known to be in one of the areas.
func (d *Data) residents(areas []string) map[galien.PersonID]bool {
	all := map[galien.PersonID]bool{}
	for _, r := range d.tables["person"] {
		home, known := r.integer("location_id")
		if !known {
			continue
		}
		place, found := d.linked["location"][home]
		if !found {
			continue
		}
		area, known := place.text("state")
		if id, named := r.integer("person_id"); named && known && slices.Contains(areas, area) {
			all[galien.PersonID(id)] = true
		}
	}
	return all
}

// ofSomeoneThere reports whether a row is of a person who is there, or of none.
func ofSomeoneThere(r row, table string, there func(galien.PersonID) bool) bool {
	column := "person_id"
	if table == "location_history" {
		if domain, _ := r.text("domain_id"); domain != "PERSON" {
			return true
		}
		column = "entity_id"
	}
	if _, has := r.columns[column]; !has {
		return true
	}
	id, known := r.integer(column)
	return !known || there(galien.PersonID(id))
}

// hidden reports whether a row names a denied concept in any column, or is
// about none of those allowed.
func hidden(r row, t cdm.Table, deny, allow conceptSet) bool {
	for _, column := range t.ConceptColumns() {
		if concept, known := r.concept(column); known && deny[concept] {
			return true
		}
	}
	about := t.MeaningColumn()
	if len(allow) == 0 || about == "" {
		return false
	}
	concept, known := r.concept(about)
	return !(known && allow[concept])
}

// cutPeriod cuts an observation period to a window; false when nothing of it
// is left.
func cutPeriod(r row, w *galien.Period) (row, bool) {
	if w == nil {
		return r, true
	}
	start, hasStart := r.date("observation_period_start_date")
	end, hasEnd := r.date("observation_period_end_date")
	if !hasStart || !hasEnd || start > w.End || end < w.Start {
		return row{}, false
	}
	cut := row{r.columns, append([]any(nil), r.values...)}
	cut.values[r.columns["observation_period_start_date"]] = max(start, w.Start)
	cut.values[r.columns["observation_period_end_date"]] = min(end, w.End)
	return cut, true
}

// closure returns the concepts that a permit names, with their descendants
// where it says so.
func (v vocabulary) closure(named []permit.Concept) conceptSet {
	set := conceptSet{}
	for _, c := range named {
		set[c.ID] = true
		if c.Descendants {
			for _, d := range v.descendants[c.ID] {
				set[d] = true
			}
		}
	}
	return set
}
