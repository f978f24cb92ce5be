package signal

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/httpsend"
)

// received is what the bridge passes on of one message (signal-cli's JSON, man/signal-cli-jsonrpc.5).
type received struct {
	Account  string `json:"account"`
	Envelope struct {
		Number    string `json:"sourceNumber"`
		UUID      string `json:"sourceUuid"`
		Timestamp int64  `json:"timestamp"` // milliseconds
		Data      *struct {
			Text  string `json:"message"`
			Quote *struct {
				ID int64 `json:"id"`
			} `json:"quote"`
			Group *struct {
				ID string `json:"groupId"`
			} `json:"groupInfo"`
		} `json:"dataMessage"`
		Receipt *struct {
			Delivery bool    `json:"isDelivery"`
			Times    []int64 `json:"timestamps"`
		} `json:"receiptMessage"`
	} `json:"envelope"`
}

var errForm = errors.New("webhook: the request is the bridge's, and is of a form that this adapter does not know")

// ParseWebhook reads one message that the bridge passes on. The bridge signs nothing, so a token in the URL proves it.
func (a *Adapter) ParseWebhook(r *http.Request, body []byte) ([]channels.Event, error) {
	shown := r.URL.Query()["token"]
	if len(shown) != 1 || !a.opts.HookToken.Is(shown[0]) && !a.opts.PreviousToken.Is(shown[0]) {
		return nil, channels.ErrForged
	}
	var call struct {
		Method string   `json:"method"`
		Params received `json:"params"`
	}
	if json.Unmarshal(body, &call) != nil {
		return nil, errForm // the decoder's own error may quote the body
	}
	if call.Method != "receive" {
		return nil, nil
	}
	return a.events(call.Params), nil
}

// events gives what a message means. A read receipt is left out: who reads is nobody's business. So is what comes for another
// account of the same bridge.
func (a *Adapter) events(m received) (out []channels.Event) {
	e := m.Envelope
	if m.Account != "" && m.Account != a.opts.Number || e.Number == "" && e.UUID == "" {
		return nil
	}
	from := []string{e.Number, e.UUID}
	if e.Number == "" {
		from = from[1:]
	}
	if e.Receipt != nil && e.Receipt.Delivery {
		for _, t := range e.Receipt.Times {
			for _, address := range from { // it was sent to one of the two, and nobody knows to which
				if address != "" {
					out = append(out, channels.Event{Receipt: &channels.Receipt{ProviderID: idOf(strconv.FormatInt(t, 10), address), Status: channels.StatusDelivered}})
				}
			}
		}
	}
	if e.Data == nil || strings.TrimSpace(e.Data.Text) == "" {
		return out
	}
	in := &channels.Inbound{From: channels.Address(from[0]), To: a.opts.Number, Text: e.Data.Text}
	if g := e.Data.Group; g != nil {
		in.From = channels.Address("group." + base64.StdEncoding.EncodeToString([]byte(g.ID))) // as the bridge writes ids of groups
	}
	if e.Data.Quote != nil {
		in.ReplyTo = idOf(strconv.FormatInt(e.Data.Quote.ID, 10), in.From.Reveal())
	}
	who := e.UUID
	if who == "" {
		who = e.Number
	}
	return append(out, channels.Event{ID: idOf("in:"+strconv.FormatInt(e.Timestamp, 10), who), At: time.UnixMilli(e.Timestamp), Inbound: in})
}

// batch is what the last poll brought, until the next one shows that it is stored: the bridge tells everything once only.
type batch struct {
	before string
	next   string
	events []channels.Event
}

// Poll takes what the bridge holds for the account. The bridge forgets what it has told, so a batch is kept until the cursor
// that came with it is shown; a gateway that is killed before it has stored one loses it.
func (a *Adapter) Poll(ctx context.Context, cursor string) ([]channels.Event, string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.kept.next != "" && cursor == a.kept.before && len(a.kept.events) > 0 {
		return a.kept.events, a.kept.next, nil
	}
	var list []received
	path := "/v1/receive/" + url.PathEscape(a.opts.Number) + "?timeout=1&ignore_attachments=true&ignore_stories=true"
	if fail := a.call(ctx, a.polling, http.MethodGet, path, nil, &list); fail != nil {
		if fail.Class == channels.Auth && fail.Scope == channels.ScopeChannel && httpsend.Refused(fail) == nil {
			fail.Class, fail.Detail = channels.Permanent, "the bridge cannot be polled: in mode json-rpc set RECEIVE_WEBHOOK_URL, or run it in mode normal or native"
		}
		return nil, cursor, httpsend.Asked(fail, provider)
	}
	b := batch{before: cursor, next: fmt.Sprintf("%d-%d", a.now().UnixMilli(), len(list))}
	for _, m := range list {
		b.events = append(b.events, a.events(m)...)
	}
	a.kept = b
	return b.events, b.next, nil
}
