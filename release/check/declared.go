package check

import (
	"bytes"

	"galien/disclosure"
	"galien/disclosure/outputs"
)

// declares reports whether a file is a declared output, with the counts behind
// it, of which another file of the group is what may leave. It stays in the hub,
// and so its counts may be as they are.
func (c *run) declares(o *Output) bool {
	if o == nil || !o.Stays {
		return false
	}
	for _, other := range c.manifest.Outputs {
		if other.ClearedFrom == o.File {
			return true
		}
	}
	return false
}

// cleared clears the declared output that a file names, and reports whether the
// file is, byte for byte, what may leave of it. Then its numbers are cleared.
func (c *run) cleared(name string, o *Output, b []byte) bool {
	if o == nil || o.ClearedFrom == "" {
		return false
	}
	declared := c.manifest.output(o.ClearedFrom)
	f, there := c.files[o.ClearedFrom]
	if declared == nil || !there || !declared.Stays {
		c.found("declared", name, "cleared_from: a file of the group that stays")
		return false
	}
	d, _, err := outputs.Clear(f.Bytes, disclosure.Rule{Threshold: c.rule.Threshold, RoundTo: int(c.base())})
	switch {
	case err != nil:
		c.found("declared", name, "the declared output cannot be read")
	case d.Check() != nil:
		c.found("declared", name, "nothing of it may leave")
	case !bytes.Equal(bytes.TrimSpace(d.JSON()), bytes.TrimSpace(b)):
		c.found("declared", name, "")
	default:
		if !o.Stays {
			c.declared = append(c.declared, c.clearedTables(name, b)...)
		}
		return true
	}
	return false
}
