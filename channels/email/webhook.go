package email

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strconv"

	"github.com/carillon-gateway/carillon/channels"
)

// ParseWebhook takes the POST by which a mail program unsubscribes with one click (RFC 8058). The address comes sealed
// in the URL, so nobody needs to sign in and no cookie is looked at; a GET, which link checkers make, changes nothing. The link
// beneath the text takes "Page" in the place of "One-Click", and is as if she had written ME.
func (a *Adapter) ParseWebhook(r *http.Request, body []byte) ([]channels.Event, error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil || len(query["u"])+len(query["p"]) != 1 || a.hook == "" {
		return nil, channels.ErrForged
	}
	link, purpose, press, what := query.Get("u"), oneClick, "One-Click", "leave-"
	if query.Has("p") {
		link, purpose, press, what = query.Get("p"), ownPage, "Page", "page-"
	}
	person, ok := a.keys.reveal(purpose, link)
	if !ok {
		return nil, channels.ErrForged
	}
	if r.Method != http.MethodPost || pressed(r.Header.Get("Content-Type"), body) != press {
		return nil, errors.New("webhook: unsubscribing takes a POST with List-Unsubscribe=One-Click, as mail programs send it")
	}
	events := leaving(person, a.opts.From)
	if purpose == ownPage {
		events = []channels.Event{{Inbound: &channels.Inbound{From: person, To: a.opts.From, Action: "ME"}}}
	}
	// A repeat within the minute is the same press; she may have come back and leave again by the same message later.
	sum := sha256.Sum256([]byte(link + a.now().UTC().Format("200601021504")))
	for i := range events {
		events[i].ID = what + hex.EncodeToString(sum[:12]) + "-" + strconv.Itoa(i)
	}
	return events, nil
}

// pressed reads the form's one field, in either of the two encodings that RFC 8058, section 3.2, allows.
func pressed(contentType string, body []byte) string {
	const field = "List-Unsubscribe"
	kind, params, err := mime.ParseMediaType(contentType)
	if err == nil && kind == "multipart/form-data" {
		form, err := multipart.NewReader(bytes.NewReader(body), params["boundary"]).ReadForm(1 << 10)
		if err != nil {
			return ""
		}
		defer func() { _ = form.RemoveAll() }()
		return url.Values(form.Value).Get(field)
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return ""
	}
	return form.Get(field)
}
