package external

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/httpsend"
)

// A wire carries requests to an adapter. Every error is an *channels.Error that says whether the request may have arrived.
type wire interface {
	// Exchange makes one request and waits for its answer within the context's deadline.
	Exchange(ctx context.Context, do string, with any) (Answer, error)
	io.Closer
}

// OwnID begins the ids of the gateway's own signed requests, so that none of them passes for one of the adapter's.
const OwnID = "carillon_"

// post is the wire of signed HTTP.
type post struct {
	url    string
	signer *httpsend.Signer
	sender *httpsend.Sender
	now    func() time.Time
}

func (p *post) Exchange(ctx context.Context, do string, with any) (Answer, error) {
	id := OwnID + rand.Text()
	body, err := json.Marshal(Request{ID: id, Do: do, With: with})
	if err != nil {
		return Answer{}, unsent("the request cannot be written as JSON", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url, bytes.NewReader(body))
	if err != nil {
		return Answer{}, unsent("the adapter's URL cannot be used", errors.New("no request can be made"))
	}
	req.Header.Set("Content-Type", "application/json")
	p.signer.Sign(req.Header, id, p.now(), body)
	resp, err := p.sender.WithMaxBody(int64(mostOf(do))).Do(req)
	if resp == nil {
		return Answer{}, err
	}
	if err == nil {
		if a, unreadable := ReadAnswer(resp.Body); unreadable == nil && (a.Error != nil || resp.Status/100 == 2) {
			return a, nil
		}
	}
	switch e := httpsend.FromStatus(resp.Status, resp.Header, p.now()); {
	case e == nil && err == nil:
		return Answer{}, inDoubt("the adapter's answer cannot be read", errUnreadable)
	case e == nil:
		return Answer{}, err
	case resp.Status == http.StatusNotFound, resp.Status == http.StatusGone, resp.Status == http.StatusMethodNotAllowed:
		e.Class, e.Scope, e.Detail = channels.Auth, channels.ScopeChannel, "there is no adapter at that URL (any more); check url in the channel's options"
		return Answer{}, e
	case e.Class == channels.Auth:
		e.Detail = "the adapter refuses our signature; both sides must have the same secret, and clocks within 5 minutes of each other"
		return Answer{}, e
	case resp.Status/100 == 3: // it may redirect because it took the message
		e.Class, e.Detail = channels.Unknown, "the adapter redirects elsewhere, where nothing is posted; enter the URL that answers itself in the channel's options"
		return Answer{}, e
	case e.Class == channels.Permanent: // a bare status does not say what is wrong with one message
		e.Class, e.Scope, e.Detail = channels.Unknown, channels.ScopeChannel, "the adapter answers with a bare status; it may have taken the message"
		return Answer{}, e
	default:
		return Answer{}, e
	}
}

func (p *post) Close() error {
	p.sender.Close()
	return nil
}

// unsent is the error of a request that did not leave.
func unsent(detail string, cause error) *channels.Error {
	return &channels.Error{Class: channels.Temporary, Scope: channels.ScopeChannel, Detail: detail + "; nothing was sent", Cause: cause}
}

// inDoubt is the error of a request that may have arrived.
func inDoubt(detail string, cause error) *channels.Error {
	return &channels.Error{Class: channels.Unknown, Scope: channels.ScopeChannel, Detail: detail + "; it may have taken the message", Cause: cause}
}

var (
	_ wire = (*post)(nil)
	_ wire = (*program)(nil)
)
