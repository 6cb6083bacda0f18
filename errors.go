package galien

import (
	"errors"
	"fmt"
)

// Kind says what sort of failure an error is; HTTP status, exit code and FHIR
// outcome are each derived from it in one place.
type Kind uint8

const (
	// Internal is a fault of Galien itself, and the kind of any error that
	// states no other.
	Internal Kind = iota
	// Invalid is input that cannot be accepted as it stands.
	Invalid
	// NotFound is something asked for that does not exist.
	NotFound
	// Denied is something that exists and that this permit or person may not do.
	Denied
	// Withheld is an answer kept back by disclosure control; from outside the
	// hub it looks like NotFound.
	Withheld
	// Conflict is a request at odds with the present state of the hub.
	Conflict
	// Busy is a resource held by another process; trying again may succeed.
	Busy
	// Corrupt is stored data that is not what was written.
	Corrupt
)

var kindNames = [...]string{"internal", "invalid", "not found", "denied", "withheld", "conflict", "busy", "corrupt"}

// String returns the kind's name in lower case.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "unknown"
}

// kindError is an error with a kind.
type kindError struct {
	kind Kind
	err  error
}

func (e *kindError) Error() string { return e.err.Error() }
func (e *kindError) Unwrap() error { return e.err }

// Errorf returns an error of kind k whose text is formatted as by fmt.Errorf,
// %w included. Its text must name no person and quote no value of a row.
func Errorf(k Kind, format string, args ...any) error {
	return &kindError{kind: k, err: fmt.Errorf(format, args...)}
}

// KindOf returns the kind of the outermost error in err's chain that has one,
// and Internal when none has.
func KindOf(err error) Kind {
	var e *kindError
	if errors.As(err, &e) {
		return e.kind
	}
	return Internal
}
