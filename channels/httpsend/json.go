package httpsend

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"

	"github.com/carillon-gateway/carillon/channels"
)

// Exchange is one request with JSON both ways.
type Exchange struct {
	Method string
	URL    string
	Header http.Header // beside Content-Type; nil: none
	In     any         // written as the body; nil: there is none
	Into   any         // takes the answer; nil: its body is not read
	Who    string      // who answers, as people call it: "the homeserver"
	// Refusal judges an answer with a status of 300 and above.
	Refusal func(*Response) *channels.Error
}

// JSON makes one attempt. The status is zero if no answer came; nil says that the answer was a yes and could be read. An answer
// that cannot be leaves open what was done. Characters are written as they are, < and & too: escaped they would take six bytes.
func (s *Sender) JSON(ctx context.Context, x Exchange) (status int, fail *channels.Error) {
	var body bytes.Buffer
	if x.In != nil {
		e := json.NewEncoder(&body)
		e.SetEscapeHTML(false)
		if err := e.Encode(x.In); err != nil {
			return 0, &channels.Error{Class: channels.Permanent, Scope: channels.ScopeContent, Detail: "the message cannot be written as JSON", Cause: err}
		}
	}
	req, err := http.NewRequestWithContext(ctx, x.Method, x.URL, &body)
	if err != nil {
		return 0, &channels.Error{Class: channels.Temporary, Scope: channels.ScopeChannel, Detail: "no request could be made; check the channel's base_url"}
	}
	if x.Header != nil {
		req.Header = x.Header
	}
	if x.In != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := s.Do(req)
	switch {
	case resp != nil && resp.Status >= 300:
		return resp.Status, x.Refusal(resp)
	case err != nil:
		return 0, channels.AsError(err)
	case x.Into != nil && json.Unmarshal(resp.Body, x.Into) != nil:
		return resp.Status, &channels.Error{
			Class: channels.Unknown, Scope: channels.ScopeChannel,
			Detail: "the answer is not from " + x.Who + "; the message may have been taken; check the channel's base_url",
		}
	}
	return resp.Status, nil
}

// Asked gives the error of a request that sends nothing, so that no doubt follows from it. who could not be asked.
func Asked(e *channels.Error, who string) *channels.Error {
	if e.Class == channels.Unknown {
		e.Class, e.Detail = channels.Temporary, who+" could not be asked just now"
	}
	return e
}

// Basic is the header of a user and password.
func Basic(user string, password channels.Secret) http.Header {
	r := http.Request{Header: http.Header{}}
	r.SetBasicAuth(user, password.Reveal())
	return r.Header
}

// Bearer is the header of a token.
func Bearer(token channels.Secret) http.Header {
	return http.Header{"Authorization": {"Bearer " + token.Reveal()}}
}
