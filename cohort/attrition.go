package cohort

import "fmt"

// Steps returns the steps of a definition's attrition, in order, with the
// reason why events leave at each and no counts.
func (d *Definition) Steps() []Step {
	var list []Step
	add := func(name, reason string) { list = append(list, Step{Name: name, Reason: reason}) }
	add("entry events", "start inside an observation period with the required days before and after")
	add("entry limit", "only the "+kept(d.EntryLimit))
	if d.Additional != nil {
		add("additional criteria", "entry events that meet the additional criteria")
		add("qualified limit", "only the "+kept(d.QualifiedLimit))
	}
	for i, r := range d.Rules {
		add(fmt.Sprintf("inclusion rule %d: %s", i+1, r.Name), "events that meet this rule and those before it")
	}
	add("result limit", "only the "+kept(d.ResultLimit))
	add("exit and censoring", "events with an exit on or after their start")
	add("collapse into periods", "overlapping events of a person joined")
	if d.CensorStart != nil || d.CensorEnd != nil {
		add("censor window", "periods that reach into the window, clipped to it")
	}
	return list
}

func kept(l Limit) string {
	switch l {
	case First:
		return "earliest event of each person"
	case Last:
		return "latest event of each person"
	default:
		return "events asked for: all"
	}
}
