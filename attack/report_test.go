package attack

import (
	"bytes"
	"strings"
	"testing"
)

// example is a report in which every kind of line occurs.
func example(kind Kind) Report {
	r := Report{Format: 1, Kind: kind, Attacked: "ab12", Snapshot: "s1", Permit: "p-1", Galien: "1.0", Seed: 7, Targets: 500, Threshold: 11,
		Known: []string{"sex", "year_of_birth"}, Measures: &Measures{Persons: 12345, Classes: 100, K: 1, Unique: 50, Threshold: 11, OwnPopulation: true},
		Diversity: []Diversity{{Secret: "condition 1", L: 1, T: 0.5, Alike: 3}}}
	f := Finding{Attack: InferenceName, On: "condition <b>1</b>", Main: Trial{500, 431}, Control: Trial{500, 402}, Naive: Trial{500, 409}, Certain: 3, Queries: 1234, MedianQueries: 4, Refused: 2}
	f.close()
	r.Findings = append(r.Findings, f, skipped(LinkageName, "", FewColumns))
	return r
}

// Both languages say the same things, and there is something to say of every
// attack, verdict, reason and kind.
func TestWords(t *testing.T) {
	for key, text := range words[English] {
		if words[French][key] == "" || text == "" {
			t.Errorf("%q is not said in both languages", key)
		}
	}
	if len(words[English]) != len(words[French]) {
		t.Errorf("%d things are said in English and %d in French", len(words[English]), len(words[French]))
	}
	var keys []string
	for _, v := range []Verdict{NoGain, Weak, Clear, Strong, Tight, Leaks, NotTried} {
		keys = append(keys, string(v))
	}
	for _, r := range []Reason{FewColumns, FewPersons, NoSecret, NoTarget, NothingHid, NoSums, Rounded, Unsolved, Unread} {
		keys = append(keys, string(r))
	}
	for _, a := range []string{SinglingOutName, LinkageName, InferenceName, TrackerName, GeneralTrackerName, DifferencingName, RefusalName, BorderName,
		ReconstructionName, SubtractionName, ProgrammeName, NarrowName} {
		keys = append(keys, a, a+" tried")
	}
	for _, k := range []Kind{Extract, Released, Endpoint, Reviewed} {
		keys = append(keys, string(k), string(k)+" limits")
	}
	for _, k := range keys {
		if words[English][k] == "" {
			t.Errorf("nothing is said of %q", k)
		}
	}
}

func TestPage(t *testing.T) {
	for _, kind := range []Kind{Extract, Released, Endpoint, Reviewed} {
		for _, l := range []Language{English, French} {
			var a, b bytes.Buffer
			if err := example(kind).HTML(&a, l, "other.html"); err != nil {
				t.Fatal(err)
			}
			if err := example(kind).HTML(&b, l, "other.html"); err != nil {
				t.Fatal(err)
			}
			page := a.String()
			if page != b.String() {
				t.Errorf("%s, %s: two pages of one report", kind, l)
			}
			for _, want := range []string{`<html lang="` + string(l) + `">`, "<caption>", `<th scope="col">`, `<th scope="row">`, "<title>", `hreflang=`, "&lt;b&gt;1", "ab12", "p-1"} {
				if !strings.Contains(page, want) {
					t.Errorf("%s, %s: the page lacks %s", kind, l, want)
				}
			}
			for _, unwanted := range []string{"<script", "http:", "https:", "<no value>", "ZgotmplZ"} {
				if strings.Contains(page, unwanted) {
					t.Errorf("%s, %s: the page has %s", kind, l, unwanted)
				}
			}
			number := map[Language]string{English: "1,234", French: "1\u202f234"}[l]
			if rate := map[Language]string{English: "86.2\u00a0%", French: "86,2\u00a0%"}[l]; !strings.Contains(page, rate) || !strings.Contains(page, number) {
				t.Errorf("%s, %s: numbers are not written as the language does", kind, l)
			}
		}
	}
}
