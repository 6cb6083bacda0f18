package api

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"galien"
)

// TestFaults sends every kind of error over the wire and back: the kind and the
// text stay, but what is withheld looks like what does not exist.
func TestFaults(t *testing.T) {
	for _, c := range []struct {
		kind   galien.Kind
		status int
	}{
		{galien.Internal, 500}, {galien.Invalid, 400}, {galien.NotFound, 404}, {galien.Denied, 403},
		{galien.Conflict, 409}, {galien.Busy, 503}, {galien.Corrupt, 500},
	} {
		err := galien.Errorf(c.kind, "read <this>: %%s \"that\"\nand \x1b more")
		if got := statusOf(err); got != c.status {
			t.Errorf("%s: status %d, want %d", c.kind, got, c.status)
		}
		b, jsonErr := json.Marshal(faultOf(err))
		if jsonErr != nil {
			t.Fatal(jsonErr)
		}
		var f Fault
		if jsonErr := json.Unmarshal(b, &f); jsonErr != nil {
			t.Fatal(jsonErr)
		}
		if back := f.err(); galien.KindOf(back) != c.kind || back.Error() != err.Error() {
			t.Errorf("%s comes back as %s: %v", c.kind, galien.KindOf(back), back)
		}
	}
	withheld, missing := galien.Errorf(galien.Withheld, "seven persons"), galien.Errorf(galien.NotFound, "not found")
	if faultOf(withheld) != faultOf(missing) || statusOf(withheld) != statusOf(missing) {
		t.Errorf("withheld is %v, %d", faultOf(withheld), statusOf(withheld))
	}
	if err := (Fault{Kind: "strange", Message: "x"}).err(); galien.KindOf(err) != galien.Internal {
		t.Errorf("a strange kind is %v", galien.KindOf(err))
	}
}

func TestDecodeCount(t *testing.T) {
	for _, c := range []struct{ body, file, definition, refused string }{
		{`{"permit":"p","definition":{"a": 1}}`, "definition", `{"a": 1}`, ""},
		{`{"permit":"p","file":"2.json","definition":" {\"a\":1}\n"}`, "2.json", " {\"a\":1}\n", ""},
		{`{"permit":"p","definition":null}`, "definition", "null", ""},
		{``, "", "", "not a question"},
		{`[]`, "", "", "not a question"},
		{`{"permit":"p"}`, "", "", "definition is missing"},
		{`{"definition":{}}`, "", "", "permit is missing"},
		{`{"permit":"p","definition":{},"actor":"marie"}`, "", "", `unknown field "actor"`},
		{`{"permit":"p","definition":{}}{}`, "", "", "more than one"},
		{`{"permit":1,"definition":{}}`, "", "", "not a question"},
	} {
		q, err := decodeCount([]byte(c.body))
		if c.refused != "" {
			if galien.KindOf(err) != galien.Invalid || !strings.Contains(err.Error(), c.refused) {
				t.Errorf("%s: %v", c.body, err)
			}
			continue
		}
		if err != nil || q.Permit != "p" || q.File != c.file || string(q.Definition) != c.definition {
			t.Errorf("%s: %+v, %v", c.body, q, err)
		}
	}
}

// A definition arrives byte for byte, or is not sent.
func TestQuestionsArriveWhole(t *testing.T) {
	for _, text := range []string{"{}", "{}\n", " \t{\"a\":\"<&>\u2028\\u0000é\"}\r\n", "\ufeff{}", "not JSON", "\"{}\""} {
		q := CountQuestion{Permit: "p", File: "a<b>.json", Definition: []byte(text)}
		b, ok := q.encode()
		if !ok {
			t.Errorf("%q is not sent", text)
			continue
		}
		back, err := decodeCount(b)
		if err != nil || back.Permit != q.Permit || back.File != q.File || !bytes.Equal(back.Definition, q.Definition) {
			t.Errorf("%q arrives as %q, %v", text, back.Definition, err)
		}
	}
	if _, ok := (CountQuestion{Permit: "p", Definition: []byte("{\"a\":\"\xff\"}")}).encode(); ok {
		t.Error("a definition that is not UTF-8 is sent")
	}
	if _, ok := (CountQuestion{Permit: "p", Definition: make([]byte, MaxBody+1)}).encode(); ok {
		t.Error("a question over the limit is sent")
	}
}

func TestRoutes(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range Routes {
		key := r.Method + " " + r.Path
		if seen[key] || r.handle == nil || !strings.HasPrefix(r.Path, "/v1/") {
			t.Errorf("route %s", key)
		}
		seen[key] = true
		if r.Method != http.MethodGet && !r.Permit {
			t.Errorf("%s asks for no permit", key)
		}
	}
}
