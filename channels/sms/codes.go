package sms

import (
	"errors"
	"net/http"
	"sort"
	"strconv"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/twilio"
)

// Code is what one of Twilio's error codes means to us.
type Code struct {
	Code   int
	Class  channels.Class
	Scope  channels.Scope
	Wait   time.Duration // shortest wait before another try; zero: none of its own
	Detail string        // one sentence for people
	// Trouble is set where the code speaks of the channel as a whole.
	Trouble channels.Trouble
}

// Codes lists every code that has a meaning of its own, in rising order. Each is described at
// https://www.twilio.com/docs/api/errors/CODE; the classes are ours. The caller may keep the slice.
func Codes() []Code { return append([]Code(nil), codes[:]...) }

const (
	onAddress, onContent, onSender, onChannel = channels.ScopeAddress, channels.ScopeContent, channels.ScopeSender, channels.ScopeChannel
	filtered, unregistered, unpaid            = channels.TroubleFiltered, channels.TroubleUnregistered, channels.TroubleUnpaid
)

// optedOut is Twilio's code for a person who sent STOP to the sender.
const optedOut = 21610

var codes = [...]Code{
	{20003, channels.Auth, onSender, 0, "Twilio refuses the credentials; check account_sid and auth_token or the API key", ""},
	{20005, channels.Auth, onSender, 0, "the Twilio account is not active; look at it in Twilio's console", unpaid},
	{20404, channels.Auth, onSender, 0, "Twilio does not know the account or resource; check account_sid", ""},
	{20429, channels.Throttled, onChannel, 0, "too many requests to Twilio at once; this one was not handled", ""},
	{20500, channels.Unknown, onChannel, 0, "Twilio failed inside and may have sent the message", ""},
	{20503, channels.Unknown, onChannel, 0, "Twilio was not available and may have sent the message", ""},
	{21211, channels.Permanent, onAddress, 0, "this is not a valid phone number", ""},
	{21212, channels.Permanent, onSender, 0, "the sender is not valid; check from", unregistered},
	{21214, channels.Permanent, onSender, 0, "this number cannot be reached from this sender", ""},
	{21408, channels.Permanent, onSender, 0, "the account may not send to this country; enable it under Messaging Geographic Permissions", ""},
	{21601, channels.Permanent, onSender, 0, "the sender's number cannot send text messages; choose another from", unregistered},
	{21602, channels.Permanent, onContent, 0, "the text is empty", ""},
	{21603, channels.Permanent, onSender, 0, "no sender was given; set from or messaging_service_sid", unregistered},
	{21604, channels.Permanent, onAddress, 0, "no phone number was given", ""},
	{21606, channels.Permanent, onSender, 0, "the sender's number is not this account's, or cannot send there; check from", unregistered},
	{21608, channels.Permanent, onSender, 0, "a trial account sends to verified numbers only; upgrade it", unpaid},
	{21609, channels.Permanent, onChannel, 0, "Twilio refuses the address for receipts; check public_base_url", ""},
	{21610, channels.Gone, onAddress, 0, "the person sent STOP to this sender", ""},
	{21611, channels.Throttled, onSender, time.Minute, "the sender's queue at Twilio is full", ""},
	{21612, channels.Permanent, onSender, 0, "this number cannot be reached from this sender", ""},
	{21614, channels.Permanent, onAddress, 0, "this number cannot take text messages", ""},
	{21617, channels.Permanent, onContent, 0, "the text is longer than the 1,600 characters that Twilio takes; shorten it", ""},
	{21635, channels.Permanent, onAddress, 0, "this number is a landline", ""},
	{21701, channels.Permanent, onSender, 0, "the messaging service does not exist; check messaging_service_sid", unregistered},
	{21703, channels.Permanent, onSender, 0, "the messaging service has no sender; add one in Twilio's console", unregistered},
	{21730, channels.Unknown, onChannel, 0, "Twilio is under maintenance and may have sent the message", ""},
	{30001, channels.Temporary, onSender, time.Minute, "the message waited too long in Twilio's queue, which was full", ""},
	{30002, channels.Auth, onSender, 0, "the Twilio account is suspended; look at it in Twilio's console", unpaid},
	{30003, channels.Temporary, onAddress, time.Minute, "the phone is off or out of reach", ""},
	{30004, channels.Gone, onAddress, 0, "the person or the carrier blocks these messages", ""},
	{30005, channels.Permanent, onAddress, 0, "the number is unknown or no longer in use", ""},
	{30006, channels.Permanent, onAddress, 0, "the number is a landline, or its carrier cannot be reached", ""},
	{30007, channels.Permanent, onContent, 0, "a carrier filtered the text as unwanted; do not send the same text again", filtered},
	{30008, channels.Temporary, onChannel, time.Minute, "the carrier gave no reason for the failure", ""},
	{30010, channels.Permanent, onContent, 0, "the message would cost more than the account allows", ""},
	{30017, channels.Temporary, onChannel, time.Minute, "the carrier's network is congested", ""},
	{30019, channels.Permanent, onContent, 0, "the text is too long for the carrier; shorten it", ""},
	{30022, channels.Temporary, onSender, time.Minute, "the campaign's rate at the carriers is used up", ""},
	{30023, channels.Temporary, onSender, time.Hour, "the campaign's daily allowance at the carrier is used up", ""},
	{30024, channels.Permanent, onSender, 0, "the sender's number is not set up for text messages; see its registration at Twilio", unregistered},
	{30032, channels.Permanent, onSender, 0, "the toll-free sender is not verified; see its verification at Twilio", unregistered},
	{30034, channels.Permanent, onSender, 0, "the sender's number is not registered for this traffic; register it at Twilio", unregistered},
	{30035, channels.Permanent, onSender, 0, "the sender's registration is not finished; see it in Twilio's console", unregistered},
	{30036, channels.Permanent, onChannel, 0, "the message expired before Twilio could send it", ""},
	{30410, channels.Unknown, onChannel, 0, "the carrier did not answer Twilio in time and may have the message", ""},
	{30500, channels.Temporary, onChannel, time.Minute, "Twilio failed inside", ""},
	{63016, channels.Permanent, onContent, 0, "outside WhatsApp's 24 hours only an approved template may be sent", ""},
	{63018, channels.Throttled, onSender, time.Minute, "the sender's rate at WhatsApp is used up", ""},
	{63024, channels.Permanent, onAddress, 0, "WhatsApp cannot reach this number", ""},
}

// ofCode gives the error for one of Twilio's codes; false if the code has no meaning of its own.
func ofCode(code int) (*channels.Error, bool) {
	i := sort.Search(len(codes), func(i int) bool { return codes[i].Code >= code })
	if i == len(codes) || codes[i].Code != code {
		return nil, false
	}
	c := codes[i]
	return &channels.Error{Class: c.Class, Scope: c.Scope, Code: strconv.Itoa(c.Code), RetryAfter: c.Wait, Detail: c.Detail, Trouble: c.Trouble, OptedOut: c.Code == optedOut}, true
}

// ofReceipt gives the error of a message that Twilio reports as failed; code is zero if it names none.
func ofReceipt(code int) *channels.Error {
	if e, ok := ofCode(code); ok {
		return e
	}
	e := &channels.Error{Class: channels.Temporary, Scope: onChannel, Detail: "the carrier could not deliver the message"}
	if code != 0 {
		e.Code = strconv.Itoa(code)
	}
	return e
}

// ofSend gives the error of a failed attempt to send. A server error stays Unknown whatever its code says, because the
// request had been written.
func ofSend(err error) *channels.Error {
	var refused *twilio.Error
	if !errors.As(err, &refused) {
		return channels.AsError(err)
	}
	e, known := ofCode(refused.Code)
	if !known || refused.Status >= http.StatusInternalServerError && e.Class != channels.Unknown {
		e = refused.ByStatus
		if refused.Code != 0 {
			e.Code = strconv.Itoa(refused.Code)
		}
	}
	e.RetryAfter = max(e.RetryAfter, refused.RetryAfter)
	e.Cause = refused
	return e
}

// ofRead gives the error of a failed look-up: nothing was at stake, so no doubt follows from it.
func ofRead(err error) *channels.Error {
	e := *ofSend(err)
	if e.Class == channels.Unknown {
		e.Class, e.Detail = channels.Temporary, "Twilio could not be asked just now"
	}
	return &e
}
