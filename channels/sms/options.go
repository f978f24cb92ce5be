package sms

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/nyaruka/phonenumbers"

	"github.com/carillon-gateway/carillon/channels"
)

// Options is the section of a channel with adapter "sms".
type Options struct {
	AccountSID          string          `json:"account_sid" doc:"Twilio account: AC and 32 hexadecimal digits"`
	AuthToken           channels.Secret `json:"auth_token,omitempty" doc:"the account's auth token; it also verifies webhooks"`
	PreviousAuthToken   channels.Secret `json:"previous_auth_token,omitempty" doc:"while the auth token is changed: the old one, still taken for webhooks"`
	APIKeySID           string          `json:"api_key_sid,omitempty" doc:"API key to send with instead of the auth token: SK and 32 hexadecimal digits"`
	APIKeySecret        channels.Secret `json:"api_key_secret,omitempty" doc:"secret of the API key"`
	From                string          `json:"from,omitempty" doc:"sender: a number (+12025550100), a short code, or a name of at most 11 letters and digits"`
	NeutralFrom         string          `json:"neutral_from,omitempty" doc:"sender for members in neutral mode, as from, where from or what the service chooses tells who writes; default from"`
	MessagingServiceSID string          `json:"messaging_service_sid,omitempty" doc:"messaging service that chooses the sender: MG and 32 hexadecimal digits"`
	OneWay              bool            `json:"one_way,omitempty" doc:"nothing that people answer reaches this sender, so nobody is asked to reply; a sender that is a name is so in any case"`
	Region              string          `json:"region,omitempty" doc:"country of numbers written without +, such as DE"`
	BaseURL             string          `json:"base_url,omitempty" doc:"where Twilio answers, for the sandbox; default https://api.twilio.com"`
	ValiditySeconds     int             `json:"validity_seconds,omitempty" doc:"longest that a message may wait at Twilio, 1 to 36000; default 36000"`
	ContentRetention    string          `json:"content_retention,omitempty" doc:"retain or discard: what Twilio keeps of texts; needs Message Redaction on the account"`
	AddressRetention    string          `json:"address_retention,omitempty" doc:"retain or obfuscate: what Twilio keeps of numbers; needs Message Redaction on the account"`
	SmartEncoding       bool            `json:"smart_encoding,omitempty" doc:"write typographic quotes, dashes, dots and bullets plainly where that makes a text message GSM-7 and shorter; letters are never changed"`
	SegmentsPerSecond   float64         `json:"segments_per_second,omitempty" doc:"rate of the sender in segments; default by the kind of sender, 1 to 100"`
}

// The longest that a message may wait in Twilio's queue, in seconds
// (https://www.twilio.com/docs/messaging/api/message-resource, ValidityPeriod).
const maxValidity = 36000

// check returns every fault of the options, each with the way to mend it, after filling in defaults.
func (o *Options) check(hook bool) error {
	var faults []error
	bad := func(key, format string, args ...any) {
		faults = append(faults, fmt.Errorf("%s: %s", key, fmt.Sprintf(format, args...)))
	}
	sid := func(key, value, prefix, where string) {
		if !isSID(value, prefix) {
			bad(key, "must be %s and 32 hexadecimal digits; copy it from %s", prefix, where)
		}
	}
	sid("account_sid", o.AccountSID, "AC", "the dashboard of Twilio's console")
	switch {
	case o.APIKeySID == "" && o.APIKeySecret == "":
		if o.AuthToken == "" {
			bad("auth_token", "is missing; give it, or api_key_sid and api_key_secret to send with an API key")
		}
	case o.APIKeySID == "":
		bad("api_key_sid", "is missing beside api_key_secret; give both or neither")
	default:
		sid("api_key_sid", o.APIKeySID, "SK", "the API keys page of Twilio's console")
		if o.APIKeySecret == "" {
			bad("api_key_secret", "is missing beside api_key_sid; give both or neither")
		}
	}
	if hook && o.AuthToken == "" && o.APIKeySID != "" {
		bad("auth_token", "is missing; Twilio signs webhooks with it, also where an API key sends")
	}
	if o.PreviousAuthToken != "" && o.AuthToken == "" {
		bad("previous_auth_token", "stands alone; it is the token before auth_token")
	}
	o.checkSender(bad, sid)
	o.checkNeutral(bad)
	o.Region = strings.ToUpper(strings.TrimSpace(o.Region))
	if o.Region != "" && !phonenumbers.GetSupportedRegions()[o.Region] {
		bad("region", "%q is no country; write its two letters, such as DE", o.Region)
	}
	if o.ValiditySeconds == 0 {
		o.ValiditySeconds = maxValidity
	}
	if o.ValiditySeconds < 1 || o.ValiditySeconds > maxValidity {
		bad("validity_seconds", "%d is not within 1 and %d", o.ValiditySeconds, maxValidity)
	}
	if v := o.ContentRetention; v != "" && v != "retain" && v != "discard" {
		bad("content_retention", "%q is neither retain nor discard", v)
	}
	if v := o.AddressRetention; v != "" && v != "retain" && v != "obfuscate" {
		bad("address_retention", "%q is neither retain nor obfuscate", v)
	}
	if o.SegmentsPerSecond < 0 || o.SegmentsPerSecond > 1e6 {
		bad("segments_per_second", "%v is not within 0 and 1000000; leave it out for the default", o.SegmentsPerSecond)
	}
	if o.SegmentsPerSecond == 0 {
		o.SegmentsPerSecond = usualRate(o.From)
	}
	return errors.Join(faults...)
}

func (o *Options) checkSender(bad func(key, format string, args ...any), sid func(key, value, prefix, where string)) {
	switch {
	case o.From == "" && o.MessagingServiceSID == "":
		bad("from", "is missing; give a sender, or messaging_service_sid")
	case o.From != "" && o.MessagingServiceSID != "":
		bad("from", "stands beside messaging_service_sid; give one of the two")
	case o.From != "":
		if !isSender(o.From) {
			bad("from", "is no number in international form (+12025550100), no short code and no name of at most 11 letters and digits with a letter among them")
		}
	default:
		sid("messaging_service_sid", o.MessagingServiceSID, "MG", "the messaging services page of Twilio's console")
	}
}

// checkNeutral checks the sender that says nothing.
func (o *Options) checkNeutral(bad func(key, format string, args ...any)) {
	if o.NeutralFrom != "" && !isSender(o.NeutralFrom) {
		bad("neutral_from", "is no number in international form (+12025550100), no short code and no name of at most 11 letters and digits with a letter among them")
	}
}

func isSID(s, prefix string) bool {
	digits, ok := strings.CutPrefix(s, prefix)
	return ok && len(digits) == 32 && strings.Trim(digits, "0123456789abcdefABCDEF") == ""
}

// isSender accepts what Twilio takes as From: E.164, a short code of 3 to 8 digits, or an alphanumeric sender
// (https://www.twilio.com/docs/glossary/what-alphanumeric-sender-id).
func isSender(s string) bool {
	return regexp.MustCompile(`^(\+[1-9][0-9]{6,14}|[0-9]{3,8}|[A-Za-z0-9 +_&-]{0,10}[A-Za-z][A-Za-z0-9 +_&-]{0,10})$`).MatchString(s) &&
		(strings.Trim(s, "+0123456789") == "" || len(s) <= 11)
}

// hears says whether answers reach the sender. Nobody can write to a name (twilio.com/docs/glossary/what-alphanumeric-sender-id).
func (o *Options) hears() bool {
	isNumber := strings.Trim(o.From, "+0123456789") == "" // or the service chooses
	return !o.OneWay && isNumber
}

// usualRate is what Twilio gives a sender in segments a second when nothing else was agreed: one for a long number of
// the North American plan, three for a toll-free one, a hundred for a short code, ten elsewhere
// (https://www.twilio.com/docs/api/errors/30001 and the pages it names).
func usualRate(from string) float64 {
	national, american := strings.CutPrefix(from, "+1")
	switch {
	case american && len(national) == 10:
		if national[0] == '8' && (national[1:3] == "00" || national[1] == national[2] && national[1] >= '3') {
			return 3
		}
		return 1
	case from != "" && strings.Trim(from, "0123456789") == "":
		return 100
	}
	return 10
}
