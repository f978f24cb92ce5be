package gateway

import (
	"errors"
	"fmt"
)

// Code is the stable code of a fault that a person can meet; docs/errors.md has a line for each.
type Code string

// The codes.
const (
	CodeInvalid     Code = "invalid"      // the request is wrong; the text says where and how to mend it
	CodeNotFound    Code = "not-found"    // no such thing, or not yours to see
	CodeConflict    Code = "conflict"     // it contradicts what is there
	CodeKeyReused   Code = "key-reused"   // the same idempotency key with another request
	CodeInProgress  Code = "in-progress"  // the first request with this key is still at work
	CodeForbidden   Code = "forbidden"    // the token's role does not allow it
	CodeNobody      Code = "nobody-meant" // the audience is empty
	CodeIncomplete  Code = "incomplete"   // the text lacks a language, placeholder or plural form; Fault.Missing lists them
	CodeTooLong     Code = "too-long"     // a text or body over its limit
	CodeLocked      Code = "locked"       // another process has the data folder
	CodeUnavailable Code = "unavailable"  // cannot be done now; try again
	CodeNoToken     Code = "no-token"     // no token was shown, or one that is unknown, revoked or expired
	CodeTooMany     Code = "too-many"     // asked too often; the answer says when to come back
	CodeInternal    Code = "internal"     // a defect on our side; the log has it under the request's id
)

// Codes lists all codes.
var Codes = [...]Code{CodeInvalid, CodeNotFound, CodeConflict, CodeKeyReused, CodeInProgress, CodeForbidden, CodeNobody, CodeIncomplete, CodeTooLong, CodeLocked, CodeUnavailable, CodeNoToken, CodeTooMany, CodeInternal}

// Fault is an error that a person can read and mend.
type Fault struct {
	Code Code
	Text string // a sentence: what is wrong, where, how to mend it; safe to show
	Err  error  // for logs

	Missing []Missing // of CodeIncomplete
}

func (f *Fault) Error() string { return f.Text }

// Unwrap gives the cause.
func (f *Fault) Unwrap() error { return f.Err }

// Is makes faults of one code equal to errors.Is.
func (f *Fault) Is(target error) bool {
	var t *Fault
	return errors.As(target, &t) && t.Text == "" && t.Code == f.Code
}

// Faultf makes a fault; %w keeps a cause.
func Faultf(code Code, format string, args ...any) *Fault {
	err := fmt.Errorf(format, args...)
	return &Fault{Code: code, Text: err.Error(), Err: errors.Unwrap(err)}
}

// Faults to compare with errors.Is.
var (
	ErrNotFound  = &Fault{Code: CodeNotFound}
	ErrConflict  = &Fault{Code: CodeConflict}
	ErrNobody    = &Fault{Code: CodeNobody}
	ErrKeyReused = &Fault{Code: CodeKeyReused}
)

// ErrStale is the answer to a write under a token or cursor that is no longer the newest: somebody else went on.
var ErrStale = errors.New("stale: somebody else went on with this")
