package vault

import (
	"encoding/json"
	"fmt"
	"io"
)

// Identity is a value that may tell who a person is. It cannot be printed or
// encoded by accident; Reveal is the only way to the value.
//
// The value hangs from a pointer, so that not even a struct with an unexported
// Identity, whose methods fmt may not call, prints it.
type Identity struct{ value *string }

const hidden = "[identity]"

// Seal makes an Identity of a value.
func Seal(value string) Identity { return Identity{&value} }

// Reveal returns the value itself. Its caller must be allowed to see it.
func (i Identity) Reveal() string {
	if i.value == nil {
		return ""
	}
	return *i.value
}

// String returns "[identity]".
func (Identity) String() string { return hidden }

// GoString returns "[identity]".
func (Identity) GoString() string { return hidden }

// Format writes "[identity]" whatever the verb.
func (Identity) Format(f fmt.State, _ rune) { io.WriteString(f, hidden) }

// MarshalJSON writes "[identity]".
func (Identity) MarshalJSON() ([]byte, error) { return json.Marshal(hidden) }

// MarshalText writes "[identity]".
func (Identity) MarshalText() ([]byte, error) { return []byte(hidden), nil }
