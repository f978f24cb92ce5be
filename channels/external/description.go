package external

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/carillon-gateway/carillon/channels"
)

// Protocol is the version of the protocol that this package speaks.
const Protocol = 1

// Description is what an adapter can do, in the words of the protocol: what it answers to describe, and what stands in the
// channel's options.
type Description struct {
	Protocol      int         `json:"protocol" required:"true" min:"1" max:"1" doc:"version of the protocol: 1"`
	Name          string      `json:"name,omitempty" doc:"what it speaks to, for people, as in Harbour chat"`
	Kind          string      `json:"kind" required:"true" doc:"kind of contact point, as in xmpp: a small letter, then 1 to 19 small letters, digits and dashes"`
	Address       AddressForm `json:"address" required:"true" doc:"how addresses are written"`
	Text          TextForm    `json:"text" required:"true" doc:"what a message may hold"`
	Buttons       int         `json:"buttons,omitempty" min:"0" max:"20" doc:"most buttons under a message; 0: none are shown"`
	Receipts      string      `json:"receipts,omitempty" enum:"none,sent,delivered" doc:"how far receipts reach: none (the default), sent or delivered"`
	ReceiptWithin int         `json:"receipt_within_seconds,omitempty" min:"0" max:"86400" doc:"most receipts have come by then; needed with receipts"`
	Inbound       bool        `json:"inbound,omitempty" doc:"members can answer"`
	Events        string      `json:"events,omitempty" enum:"none,poll,push" doc:"how receipts and answers come: none (the default), poll, or push, which can be polled as well"`
	CatchUp       bool        `json:"catch_up,omitempty" doc:"with events: asked with since it tells all that came from then on, whether it was told before or not"`
	Find          bool        `json:"find,omitempty" doc:"it can tell what became of a message whose answer was lost"`
	Dedupe        int         `json:"dedupe_seconds,omitempty" min:"0" max:"2592000" doc:"so long it sends nothing twice under one key; 0: it does not know keys"`
	Rates         []RateForm  `json:"rates,omitempty" max:"4" doc:"limits to keep"`
	Attempt       int         `json:"longest_attempt_seconds,omitempty" min:"0" max:"60" doc:"every answer has come by then; 0: 20"`
	Concurrent    int         `json:"concurrent,omitempty" min:"0" max:"256" doc:"how many requests it works on at once; 0: 1"`
	Sensitive     bool        `json:"sensitive,omitempty" doc:"fit for texts marked sensitive: nobody reads them on the way whom the group has not chosen"`
	Reserved      []string    `json:"reserved,omitempty" max:"50" doc:"messages that the provider answers itself, in capitals, as in STOP"`
	// Settings is the JSON Schema of settings, for adapters that get theirs from the gateway.
	Settings json.RawMessage `json:"settings_schema,omitempty" doc:"JSON Schema of settings"`
}

// AddressForm is how addresses of a kind are written. What people type is trimmed, loses Strip and is folded before it is held
// against Pattern.
type AddressForm struct {
	Pattern string `json:"pattern" required:"true" doc:"RE2 expression that a whole address matches"`
	Example string `json:"example" required:"true" doc:"an address, shown to whoever mistypes one"`
	Strip   string `json:"strip,omitempty" doc:"characters that people put in and that mean nothing, as in a space or -"`
	Lower   bool   `json:"lower,omitempty" doc:"large and small letters are the same; addresses are kept in small ones"`
	Shared  string `json:"shared,omitempty" doc:"RE2 expression of addresses at which several people read, who are not called by name"`
}

// TextForm is what a message may hold.
type TextForm struct {
	Markup string `json:"markup" required:"true" enum:"plain,html,markdown,text-message" doc:"plain; html (an HTML fragment beside the plain text); markdown (CommonMark); or text-message (short plain text, counted in segments as text messages are)"`
	Limit  int    `json:"limit" required:"true" min:"70" max:"1000000" doc:"longest text of a message, in unit; in html the longest of both forms"`
	Unit   string `json:"unit,omitempty" enum:"characters,utf-16,bytes" doc:"what limit counts: characters (the default), utf-16 or bytes"`
	Parts  int    `json:"parts,omitempty" min:"0" max:"10" doc:"most messages that one text may become; 0: 1"`
	// Subject and Calendar are for services like mail.
	Subject  bool `json:"subject,omitempty" doc:"a message has a subject of its own, of at most 200 characters; without, it stands above the text"`
	Calendar bool `json:"calendar,omitempty" doc:"it can attach a file: the event that a text is about, as iCalendar"`
}

// RateForm is a limit of a provider.
type RateForm struct {
	PerSecond  float64 `json:"per_second" required:"true" doc:"messages a second, above 0 and at most 10000"`
	Burst      int     `json:"burst,omitempty" min:"0" max:"10000" doc:"so many at once; 0: 1"`
	PerAddress bool    `json:"per_address,omitempty" doc:"for each address, not for all together"`
}

// The markups.
const (
	Plain       = "plain"
	HTML        = "html"
	Markdown    = "markdown"
	TextMessage = "text-message"
)

// How events come.
const (
	byNone = "none"
	byPoll = "poll"
	byPush = "push"
)

const mostSchema = 64 << 10 // bytes of a settings schema

var (
	kindForm = regexp.MustCompile(`^[a-z][a-z0-9-]{1,19}$`)
	reaches  = map[string]channels.Receipts{"none": channels.NoReceipts, "sent": channels.SentReceipts, "delivered": channels.DeliveryReceipts}
)

// filled gives the description with its defaults written out.
func (d Description) filled() Description {
	d.Receipts = cmp.Or(d.Receipts, "none")
	d.Events = cmp.Or(d.Events, byNone)
	d.Attempt = cmp.Or(d.Attempt, 20)
	d.Concurrent = cmp.Or(d.Concurrent, 1)
	d.Text.Unit = cmp.Or(d.Text.Unit, string(channels.Characters))
	d.Text.Parts = cmp.Or(d.Text.Parts, 1)
	d.Rates = slices.Clone(d.Rates)
	for i := range d.Rates {
		d.Rates[i].Burst = cmp.Or(d.Rates[i].Burst, 1)
	}
	if len(d.Rates) == 0 {
		d.Rates = nil
	}
	if len(d.Reserved) == 0 {
		d.Reserved = nil
	}
	return d
}

// Check gives every fault of a description, each with the way to mend it.
func (d Description) Check() error {
	d = d.filled()
	var faults []error
	bad := func(key, format string, args ...any) {
		faults = append(faults, fmt.Errorf("description.%s: %s", key, fmt.Sprintf(format, args...)))
	}
	within := func(key string, n, low, high int) {
		if n < low || n > high {
			bad(key, "%d is not within %d and %d", n, low, high)
		}
	}
	if d.Protocol != Protocol {
		bad("protocol", "this gateway speaks version %d", Protocol)
	}
	if !kindForm.MatchString(d.Kind) {
		bad("kind", "must be a small letter and then 1 to 19 small letters, digits and dashes, as in xmpp")
	}
	if len(d.Name) > 80 {
		bad("name", "must have at most 80 bytes")
	}
	if _, err := newForm(d.Address); err != nil {
		faults = append(faults, err)
	}
	within("text.limit", d.Text.Limit, 70, 1_000_000)
	within("text.parts", d.Text.Parts, 1, 10)
	if !slices.Contains([]string{Plain, HTML, Markdown, TextMessage}, d.Text.Markup) {
		bad("text.markup", "must be plain, html, markdown or text-message")
	}
	if d.Text.Markup == TextMessage && (d.Text.Subject || d.Text.Calendar) {
		bad("text.subject", "text messages have neither subject nor calendar; leave both out")
	}
	if d.CatchUp && !(d.Inbound && d.Events != byNone) {
		bad("catch_up", "needs inbound, and events that can be polled; or leave it out")
	}
	if d.Text.Markup == TextMessage && d.Text.Parts != 1 {
		bad("text.parts", "a text message is one part; the network cuts it into segments")
	}
	if !slices.Contains([]channels.Unit{channels.Characters, channels.UTF16, channels.Bytes}, channels.Unit(d.Text.Unit)) {
		bad("text.unit", "must be characters, utf-16 or bytes")
	}
	within("buttons", d.Buttons, 0, 20)
	if _, known := reaches[d.Receipts]; !known {
		bad("receipts", "must be none, sent or delivered")
	}
	within("receipt_within_seconds", d.ReceiptWithin, 0, 86400)
	if (d.Receipts == "none") != (d.ReceiptWithin == 0) {
		bad("receipt_within_seconds", "must be above 0 with receipts, and left out without")
	}
	switch {
	case !slices.Contains([]string{byNone, byPoll, byPush}, d.Events):
		bad("events", "must be none, poll or push")
	case d.Events == byNone && (d.Inbound || d.Receipts != "none"):
		bad("events", "receipts and answers must come somehow: poll, or push, which can be polled as well")
	}
	within("dedupe_seconds", d.Dedupe, 0, 30*86400)
	within("longest_attempt_seconds", d.Attempt, 1, 60)
	within("concurrent", d.Concurrent, 1, 256)
	if len(d.Rates) > 4 {
		bad("rates", "at most 4")
	}
	for i, r := range d.Rates {
		if !(r.PerSecond > 0 && r.PerSecond <= 10_000) || r.Burst < 1 || r.Burst > 10_000 {
			bad(fmt.Sprintf("rates[%d]", i), "per_second must be above 0 and at most 10000, burst 1 to 10000")
		}
	}
	if len(d.Reserved) > 50 || slices.ContainsFunc(d.Reserved, func(w string) bool { return w == "" || len(w) > 40 || w != strings.ToUpper(w) }) {
		bad("reserved", "at most 50 words of at most 40 bytes, in capitals")
	}
	if len(d.Settings) > mostSchema {
		bad("settings_schema", "must have at most %d bytes", mostSchema)
	} else if _, err := settingsSchema(d.Settings); err != nil {
		bad("settings_schema", "%v", err)
	}
	return errors.Join(faults...)
}

// same says in what two descriptions differ as far as messages go; empty: in nothing.
func (d Description) same(other Description) string {
	d, other = d.filled(), other.filled()
	a, b := reflect.ValueOf(d), reflect.ValueOf(other)
	var differ []string
	for i := range a.NumField() {
		name, _, _ := strings.Cut(a.Type().Field(i).Tag.Get("json"), ",")
		if name == "name" || name == "settings_schema" || reflect.DeepEqual(a.Field(i).Interface(), b.Field(i).Interface()) {
			continue
		}
		differ = append(differ, name)
	}
	return strings.Join(differ, ", ")
}

func (d Description) capabilities(pushed bool) channels.Capabilities {
	c := channels.Capabilities{
		Kind: d.Kind, TextLimit: d.Text.Limit, TextUnit: channels.Unit(d.Text.Unit), RichText: d.Text.Markup == HTML || d.Text.Markup == Markdown, Short: d.Text.Markup == TextMessage, Buttons: d.Buttons > 0,
		Receipts: reaches[d.Receipts], ReceiptWithin: seconds(d.ReceiptWithin), Inbound: d.Inbound, Polled: d.Events != byNone && !pushed,
		Sensitive: d.Sensitive, Reserved: slices.Clone(d.Reserved), DedupeWindow: seconds(d.Dedupe), LongestAttempt: seconds(d.Attempt),
	}
	for _, r := range d.Rates {
		c.Rates = append(c.Rates, channels.Rate{PerSecond: r.PerSecond, Burst: r.Burst, PerAddress: r.PerAddress})
	}
	return c
}

func seconds(n int) time.Duration { return time.Duration(n) * time.Second }
