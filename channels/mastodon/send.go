package mastodon

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/httpsend"
)

// provider is what answers.
const provider = "the Mastodon server"

// Send posts one part under its idempotency key (docs.joinmastodon.org/methods/statuses, "Post a new status"). A text with
// anything personal does not come so far; should one, it is refused here again.
func (a *Adapter) Send(ctx context.Context, m channels.Outbound) (channels.Sent, error) {
	if m.Neutral || m.Protected {
		return channels.Sent{}, &channels.Error{Class: channels.Permanent, Scope: channels.ScopeContent, Detail: "this is not for the public, and was not posted"}
	}
	visibility, err := parseAddress(m.To.Reveal())
	if err != nil {
		return channels.Sent{}, &channels.Error{Class: channels.Permanent, Scope: channels.ScopeAddress, Detail: "the address is neither public nor unlisted", Cause: err}
	}
	post := map[string]string{"status": m.Part.Text, "visibility": visibility.Reveal()}
	if language, _, _ := strings.Cut(m.Part.Locale, "-"); len(language) == 2 || len(language) == 3 { // ISO 639
		post["language"] = strings.ToLower(language)
	}
	var answer struct {
		ID string `json:"id"`
	}
	if fail := a.call(ctx, http.MethodPost, "/api/v1/statuses", m.Key, post, &answer); fail != nil {
		return channels.Sent{}, fail
	}
	if answer.ID == "" {
		return channels.Sent{}, &channels.Error{Class: channels.Unknown, Scope: channels.ScopeChannel, Detail: "the server took the post and did not say which id it has"}
	}
	return channels.Sent{ProviderID: answer.ID}, nil
}

// call makes one request.
func (a *Adapter) call(ctx context.Context, method, path, key string, in, into any) *channels.Error {
	header := httpsend.Bearer(a.opts.Token)
	if key != "" {
		header.Set("Idempotency-Key", key)
	}
	_, fail := a.sender.JSON(ctx, httpsend.Exchange{Method: method, URL: a.opts.BaseURL + path, Header: header, In: in, Into: into, Who: provider, Refusal: a.refusal})
	return fail
}

// verdict says what one of Mastodon's statuses means.
type verdict struct {
	status int // HTTP
	class  channels.Class
	scope  channels.Scope
	detail string
}

// verdicts lists the statuses that mean something of their own here (docs.joinmastodon.org/methods/statuses; entities/Error): the
// server gives no codes, and its words are in the account's language.
var verdicts = [...]verdict{
	{401, channels.Auth, channels.ScopeSender, "the server does not accept the token; make another under Preferences, Development"},
	{403, channels.Auth, channels.ScopeSender, "the account may not post: it was limited or suspended, or the token lacks write:statuses"},
	{404, channels.Auth, channels.ScopeChannel, "what is at the channel's base_url is no Mastodon server; check it"},
	{410, channels.Auth, channels.ScopeChannel, "the account or the server is gone"},
	{422, channels.Permanent, channels.ScopeContent, "the server does not take the post: it is too long, or empty"},
}

// refusal judges an answer that is no yes.
func (a *Adapter) refusal(resp *httpsend.Response) *channels.Error {
	e := httpsend.FromStatus(resp.Status, resp.Header, a.now())
	for _, v := range verdicts {
		if v.status == resp.Status {
			e.Class, e.Scope, e.Detail, e.Code = v.class, v.scope, v.detail, strconv.Itoa(v.status)
		}
	}
	if e.Class == channels.Throttled && e.RetryAfter == 0 { // docs.joinmastodon.org/api/rate-limits
		if at, err := time.Parse(time.RFC3339, resp.Header.Get("X-RateLimit-Reset")); err == nil {
			e.RetryAfter = min(max(at.Sub(a.now()), 0), httpsend.MaxRetryAfter)
		}
	}
	return e
}
