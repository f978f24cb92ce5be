package webhook

import (
	"bytes"
	"context"
	"encoding/json"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/content"
	"github.com/carillon-gateway/carillon/channels/httpsend"
)

// The types of events that we send, and of those that the receiver sends back.
const (
	typeMessage = "carillon.message"
	typeCheck   = "carillon.check"
	typeReceipt = "carillon.receipt"
	typeReply   = "carillon.reply"
	typeStopped = "carillon.stopped"
	typeStarted = "carillon.started"
)

// event is the envelope: attributes of CloudEvents 1.0 and the data.
type event struct {
	SpecVersion string          `json:"specversion"`
	ID          string          `json:"id"`
	Source      string          `json:"source"`
	Type        string          `json:"type"`
	Time        string          `json:"time"`
	Content     string          `json:"datacontenttype"`
	Data        json.RawMessage `json:"data"`
}

// message is the data of a typeMessage.
type message struct {
	To        string           `json:"to"`
	Text      string           `json:"text"`
	Buttons   []content.Button `json:"buttons,omitempty"`
	Attempt   string           `json:"attempt"`
	Part      int              `json:"part"`
	Expires   string           `json:"expires,omitempty"`
	Urgent    bool             `json:"urgent,omitempty"`
	Neutral   bool             `json:"neutral,omitempty"`
	Protected bool             `json:"protected,omitempty"`
	Tell      string           `json:"tell,omitempty"` // where receipts and replies go
}

// Send posts one part as an event whose id is its idempotency key.
func (a *Adapter) Send(ctx context.Context, m channels.Outbound) (channels.Sent, error) {
	data := message{
		To: m.To.Reveal(), Text: m.Part.Text, Attempt: m.Attempt, Part: m.PartNo, Urgent: m.Urgent, Neutral: m.Neutral, Protected: m.Protected,
	}
	if !m.Expires.IsZero() {
		data.Expires = m.Expires.UTC().Format(time.RFC3339)
	}
	if a.hears() {
		data.Buttons = m.Part.Buttons
	}
	if a.opts.Receipts || a.opts.Replies {
		data.Tell = a.hook
	}
	var answer struct {
		ID string `json:"id"`
	}
	id := strings.ReplaceAll(m.Key, ".", "-") // the signature separates by full stops
	resp, fail := a.post(ctx, id, typeMessage, data, &answer)
	switch {
	case fail != nil:
		return channels.Sent{}, fail
	case resp.Status == http.StatusNoContent || answer.ID == "" || len(answer.ID) > 200:
		return channels.Sent{ProviderID: id}, nil
	}
	return channels.Sent{ProviderID: answer.ID}, nil
}

// post makes one attempt to bring one event. into takes an answer in JSON; nil: nobody wants it.
func (a *Adapter) post(ctx context.Context, id, kind string, data, into any) (*httpsend.Response, *channels.Error) {
	raw, err := json.Marshal(data)
	if err == nil {
		raw, err = json.Marshal(event{
			SpecVersion: "1.0", ID: id, Source: "urn:carillon:channel:" + a.name, Type: kind, Time: stamp(a.now()), Content: "application/json", Data: raw,
		})
	}
	if err != nil {
		return nil, &channels.Error{Class: channels.Permanent, Scope: channels.ScopeContent, Detail: "the message cannot be written as JSON", Cause: err}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.opts.URL, bytes.NewReader(raw))
	if err != nil {
		return nil, &channels.Error{Class: channels.Temporary, Scope: channels.ScopeChannel, Detail: "no request could be made; check the channel's url"}
	}
	req.Header.Set("Content-Type", "application/cloudevents+json; charset=utf-8")
	req.Header.Set("User-Agent", "carillon")
	a.signer.Sign(req.Header, id, a.now(), raw)
	resp, err := a.sender.Do(req)
	if resp != nil && resp.Status >= 300 {
		return nil, a.refusal(resp)
	}
	if err != nil {
		return nil, channels.AsError(err)
	}
	return resp, understand(resp, into)
}

// understand reads the answer of a receiver that says yes. It need not say more; but a page for people is not a receiver's, as
// of a host that is parked or that asks to log in, and JSON that breaks off is no answer.
func understand(resp *httpsend.Response, into any) *channels.Error {
	doubt := &channels.Error{
		Class: channels.Unknown, Scope: channels.ScopeChannel, Code: strconv.Itoa(resp.Status),
		Detail: "what answered is perhaps no receiver of events; check the channel's url",
	}
	kind, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	switch {
	case len(bytes.TrimSpace(resp.Body)) == 0:
		return nil
	case err == nil && kind == "text/html":
		return doubt
	case err == nil && (kind == "application/json" || strings.HasSuffix(kind, "+json")):
		if !json.Valid(resp.Body) {
			return doubt
		}
		if into != nil {
			_ = json.Unmarshal(resp.Body, into) // JSON of another form says yes too
		}
	}
	return nil
}

func stamp(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05Z") }
