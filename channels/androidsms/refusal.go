package androidsms

import (
	"regexp"
	"strings"
	"time"

	"github.com/carillon-gateway/carillon/channels"
)

// refusal is what an answer with a status and some words means.
type refusal struct {
	status  int    // HTTP
	says    string // part of the message, in lower case; empty: any
	class   channels.Class
	scope   channels.Scope
	detail  string
	trouble channels.Trouble
}

// refusals lists the answers that say more than their status; the first row that fits counts (MessagesRoutes.kt,
// PostMessageRequest.kt; the server's handlers/messages/3rdparty.go).
var refusals = [...]refusal{
	{400, "expired", channels.Permanent, channels.ScopeContent, "the message expired before the phone took it", ""},
	{400, "device", channels.Permanent, channels.ScopeSender, "there is no such phone; check device_id, and that the app is registered", channels.TroubleUnregistered},
	{400, "not found", channels.Permanent, channels.ScopeSender, "the server has no phone; register the app with it", channels.TroubleUnregistered},
	{400, "sim number", channels.Permanent, channels.ScopeSender, "there is no such SIM; check sim", channels.TroubleUnregistered},
	{400, "phone number", channels.Permanent, channels.ScopeAddress, "the app takes this for no phone number", ""},
	{400, "", channels.Permanent, channels.ScopeContent, "the app refuses the message", ""},
	{403, "", channels.Auth, channels.ScopeSender, "these credentials may not send; give the channel a user of its own", ""},
	{503, "queue limit", channels.Temporary, channels.ScopeSender, "the phone is offline, and the server keeps no more messages for it", ""},
}

// failure is what the app's reason for a message that will not arrive means.
type failure struct {
	says   string // part of the reason, in lower case
	class  channels.Class
	scope  channels.Scope
	wait   time.Duration // shortest wait before another try; zero: none of its own
	detail string
}

// failures lists reasons; the first row that fits counts (MessagesService.kt: resultToErrorMessage, processStateIntent,
// sendMessage). The results are Android's (developer.android.com/reference/android/telephony/SmsManager).
var failures = [...]failure{
	{"ttl expired", channels.Permanent, channels.ScopeChannel, 0, "the message expired before the phone could send it"},
	{"invalid phone number", channels.Permanent, channels.ScopeAddress, 0, "the phone takes this for no mobile number"},
	{"no sims", channels.Temporary, channels.ScopeSender, time.Minute, "the phone has no SIM"},
	{"result_error_limit_exceeded", channels.Temporary, channels.ScopeSender, 30 * time.Minute, "Android lets the app send no more for now; lower segments_per_minute"},
	{"result_error_radio_off", channels.Temporary, channels.ScopeSender, time.Minute, "the phone's radio is off, as in flight mode"},
	{"result_radio_not_available", channels.Temporary, channels.ScopeSender, time.Minute, "the phone's radio does not work"},
	{"result_error_no_service", channels.Temporary, channels.ScopeSender, time.Minute, "the phone has no network"},
	{"result_network_error", channels.Temporary, channels.ScopeSender, time.Minute, "the phone's network failed"},
	{"result_modem_error", channels.Temporary, channels.ScopeSender, time.Minute, "the phone's modem failed"},
	{"result_network_reject", channels.Temporary, channels.ScopeSender, time.Minute, "the network refuses to send; look whether the SIM has credit"},
	{"result_error_generic_failure", channels.Temporary, channels.ScopeSender, time.Minute, "the phone could not send and does not say why; look whether the SIM has credit"},
	{"result_error_fdn_check_failure", channels.Permanent, channels.ScopeSender, 0, "the SIM sends to fixed numbers only; switch that off"},
	{"result_error_short_code", channels.Permanent, channels.ScopeAddress, 0, "the phone's holder forbade to send to this short number"},
	{"result_invalid_smsc_address", channels.Permanent, channels.ScopeSender, 0, "the number of the SIM's message centre is wrong; set it on the phone"},
	{"result_encoding_error", channels.Permanent, channels.ScopeContent, 0, "the phone cannot encode the text"},
	{"result_invalid_sms_format", channels.Permanent, channels.ScopeContent, 0, "the phone cannot write the text as a message"},
	{"delivery result from sc", channels.Permanent, channels.ScopeAddress, 0, "the carrier could not bring the message to the phone that it is for"},
	{"", channels.Temporary, channels.ScopeSender, time.Minute, "the phone could not send the message"},
}

var (
	resultName = regexp.MustCompile(`RESULT_[A-Z_]{1,60}`)
	// centre takes the status out of the carrier's word (3GPP TS 23.040, 9.2.3.15): 64 and above is final. The centre's number
	// stands before it, and is left out.
	centre = regexp.MustCompile(`^Delivery result from SC .*: ([0-9]{1,3})$`)
)

// ofReason gives the error of a message that the app says has failed. Its words may hold a number; only a name of Android's or
// the carrier's status are told.
func ofReason(reason string) *channels.Error {
	lower := strings.ToLower(reason)
	for _, f := range failures {
		if !strings.Contains(lower, f.says) {
			continue
		}
		e := &channels.Error{Class: f.class, Scope: f.scope, RetryAfter: f.wait, Detail: f.detail, Code: resultName.FindString(reason)}
		if m := centre.FindStringSubmatch(reason); m != nil {
			e.Code = "TP-Status " + m[1]
		}
		return e
	}
	return nil // the last row fits everything
}
