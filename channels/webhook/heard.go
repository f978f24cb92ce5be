package webhook

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/carillon-gateway/carillon/channels"
)

// told is the data of what a receiver sends back.
type told struct {
	ID      string `json:"id"` // of a receipt: what it answered to the message, or the event's id
	Attempt string `json:"attempt"`
	Part    int    `json:"part"`
	Status  string `json:"status"`
	refused
	From    string `json:"from"`
	Text    string `json:"text"`
	Action  string `json:"action"`
	ReplyTo string `json:"reply_to"`
}

var errForm = errors.New("webhook: the event is signed, and of no form that docs/channels/webhook.md describes")

// ParseWebhook reads one signed event of the receiver's. The signature covers no query, so a request with one is refused. Its
// webhook-id is the id of what it tells, so that a repeated one has one effect.
func (a *Adapter) ParseWebhook(r *http.Request, body []byte) ([]channels.Event, error) {
	if r.URL.RawQuery != "" {
		return nil, channels.ErrForged
	}
	id, genuine := a.signer.Verify(r.Header, body, a.now())
	if !genuine {
		return nil, channels.ErrForged
	}
	var e event
	var d told
	if json.Unmarshal(body, &e) != nil || json.Unmarshal(e.Data, &d) != nil {
		return nil, errForm // the decoder's own error may quote the body
	}
	out := channels.Event{ID: id}
	if at, err := time.Parse(time.RFC3339, e.Time); err == nil {
		out.At = at
	}
	ok := false
	switch e.Type {
	case typeReceipt:
		out.Receipt, ok = d.receipt()
	case typeReply, typeStopped, typeStarted:
		from, err := parseAddress(d.From)
		if err != nil {
			return nil, errForm
		}
		if e.Type == typeReply {
			out.Inbound = &channels.Inbound{From: from, To: a.name, Text: d.Text, Action: d.Action, ReplyTo: d.ReplyTo}
			ok = d.Text != "" || d.Action != ""
			break
		}
		out.Signal, ok = &channels.Signal{Address: from, Kind: channels.SignalStopped}, true
		if e.Type == typeStarted {
			out.Signal.Kind = channels.SignalStarted
		}
	case typeCheck:
		return nil, nil
	}
	if !ok {
		return nil, errForm
	}
	return []channels.Event{out}, nil
}

func (d told) receipt() (*channels.Receipt, bool) {
	r := &channels.Receipt{Attempt: d.Attempt, PartNo: d.Part, ProviderID: d.ID}
	switch d.Status {
	case "accepted":
		r.Status = channels.StatusAccepted
	case "delivered":
		r.Status = channels.StatusDelivered
	case "failed":
		r.Status = channels.StatusFailed
		if r.Err = d.read(); r.Err == nil {
			r.Err = &channels.Error{Class: channels.Temporary, Scope: channels.ScopeChannel, Detail: "the receiver says that the message will not arrive"}
		}
	default:
		return nil, false
	}
	return r, (d.ID != "" || d.Attempt != "") && d.Part >= 0
}
