package channels

import (
	"errors"
	"fmt"
	"time"
)

// ErrForged is returned by ParseWebhook for a request that the provider did not sign.
var ErrForged = errors.New("webhook: the request does not prove that the provider sent it; check the channel's secret and public_base_url")

// ErrBusy is returned by ParseWebhook for a genuine request that came too soon after others. The provider keeps what it says and
// asks again.
var ErrBusy = errors.New("webhook: more comes than is taken from one channel; it is to come again")

// ErrExpired is the cause of a refusal by Send because Outbound.Expires is too near for the provider to keep it. The
// message ends as expired, not as failed.
var ErrExpired = errors.New("the message expires before the provider could send it")

// Class says what an error means for the message. The zero value is the careful one.
type Class int

// The error classes (design, section 6).
const (
	Unknown   Class = iota // perhaps sent
	Temporary              // not sent; try again later
	Throttled              // not sent; wait RetryAfter
	Permanent              // not sent, and will not be this way
	Gone                   // not sent; the person opted out, blocked us or moved
	Auth                   // not sent; the channel's credentials are refused
)

var classNames = [...]string{"unknown", "temporary", "throttled", "permanent", "gone", "auth"}

func (c Class) String() string {
	if c < 0 || int(c) >= len(classNames) {
		return fmt.Sprintf("class(%d)", int(c))
	}
	return classNames[c]
}

// Scope says what is at fault.
type Scope string

// The scopes of an error.
const (
	ScopeAddress Scope = "address" // this address only
	ScopeContent Scope = "content" // this text
	ScopeSender  Scope = "sender"  // our number, registration or account standing
	ScopeChannel Scope = "channel" // the provider or the way to it
)

// Trouble says that the channel itself is ailing, not one message: whatever is sent over it will be refused for the same
// reason. The zero value says nothing of the kind.
type Trouble string

// The troubles.
const (
	TroubleFiltered     Trouble = "filtered"     // carriers or the provider take our texts for unwanted
	TroubleUnregistered Trouble = "unregistered" // our sender may not send: unregistered, unverified, not set up
	TroubleUnpaid       Trouble = "unpaid"       // the account is suspended, out of funds, or a trial
	TroubleCredentials  Trouble = "credentials"  // refused
)

// TroubleOf gives the trouble that an error speaks of: what the adapter says, or else what its class implies. A refusal
// for our sender's sake alone implies none, for it may concern this pair of numbers or this country only.
func TroubleOf(e *Error) Trouble {
	if e.Trouble == "" && e.Class == Auth {
		return TroubleCredentials
	}
	return e.Trouble
}

// Error is the only error type that Send, Check and FindStatus return. It states consequences: class, wait and scope.
type Error struct {
	Class      Class
	Scope      Scope
	Trouble    Trouble       // set by adapters that know the code for a trouble of the channel; see TroubleOf
	RetryAfter time.Duration // the provider's own demand; zero: none given
	Code       string        // the provider's code, verbatim
	Detail     string        // one sentence that is safe to show; holds no address, name, text or secret
	MovedTo    Address       // for Gone by migration: the successor address
	OptedOut   bool          // for Gone: the person herself said at the provider that she wants nothing more, or blocked us
	Cause      error         // for logs; redacted by whoever made it
}

func (e *Error) Error() string {
	s := e.Class.String() + " (" + string(e.Scope) + ")"
	if e.Code != "" {
		s += " " + e.Code
	}
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	return s
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Cause }

// RefusesUs says whether a provider does not take our credentials, and is not merely out of reach or another than we think.
func (e *Error) RefusesUs() bool { return e.Class == Auth && e.Scope == ScopeSender }

// AsError gives err as an *Error; any other error, a panic's included, is Unknown on the channel.
func AsError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return &Error{Class: Unknown, Scope: ScopeChannel, Detail: "the adapter did not say what happened", Cause: err}
}
