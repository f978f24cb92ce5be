package mattermost

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/mattermost/mattermost/server/public/model"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/compose"
)

// errLate is told to the server, which shows the person that her press did not work.
var errLate = errors.New("webhook: a button was pressed after its message had expired; nothing was done")

// ParseWebhook decodes a pressed button (JSON, proved by the signed context) or a slash command (a form, proved by the
// command's token in the Authorization header and in the body).
func (a *Adapter) ParseWebhook(r *http.Request, body []byte) ([]channels.Event, error) {
	if r.Method != http.MethodPost {
		return nil, channels.ErrForged // a command that is set to GET puts its token into the URL, and URLs are logged
	}
	if isJSON(r) {
		return a.press(body)
	}
	return a.command(r, body)
}

func isJSON(r *http.Request) bool {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && kind == "application/json"
}

func (a *Adapter) press(body []byte) ([]channels.Event, error) {
	var r model.PostActionIntegrationRequest
	if err := json.Unmarshal(body, &r); err != nil {
		return nil, channels.ErrForged // the library's error may quote the body
	}
	p, ok := a.genuine(&r)
	switch {
	case !ok:
		return nil, channels.ErrForged
	case p.over(a.now()):
		return nil, errLate
	}
	return []channels.Event{{
		ID: p.eventID(r.UserId), Inbound: &channels.Inbound{From: channels.Address(r.UserId), To: a.host, Action: p.action, ReplyTo: r.PostId},
	}}, nil
}

// command reads what a person wrote behind the slash command
// (developers.mattermost.com, "Custom slash commands").
func (a *Adapter) command(r *http.Request, body []byte) ([]channels.Event, error) {
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Token ")
	form, err := url.ParseQuery(string(body))
	if err != nil || token != form.Get("token") || !a.opts.CommandToken.Is(token) && !a.opts.PreviousCommandToken.Is(token) {
		return nil, channels.ErrForged
	}
	for _, values := range form {
		if len(values) != 1 { // the server sends each once, and readers differ in which one counts
			return nil, channels.ErrForged
		}
	}
	text, user := strings.TrimSpace(form.Get("text")), form.Get("user_id")
	if text == "" || !idForm.MatchString(user) {
		return nil, nil
	}
	e := channels.Event{Inbound: &channels.Inbound{From: channels.Address(user), To: a.host, Text: text}}
	if trigger := form.Get("trigger_id"); trigger != "" { // made anew for each command
		sum := sha256.Sum256([]byte(trigger))
		e.ID = "command:" + hex.EncodeToString(sum[:16])
	}
	return []channels.Event{e}, nil
}

// WebhookReply shows the person who pressed a button what became of that, or its label with a tick, and one who used the
// command the same or a tick, to her alone. The post stays as it is, for others of a channel may have to press as well; but
// where it is settled its buttons go, and beneath it stands for everybody what became of it.
func (a *Adapter) WebhookReply(ctx context.Context, body []byte, o channels.Outcome) (contentType string, reply []byte) {
	said := tick
	if o.Text != "" {
		said = writer{}.text(o.Text)
	}
	var answer any = model.CommandResponse{ResponseType: model.CommandResponseTypeEphemeral, Text: said}
	if form, err := url.ParseQuery(string(body)); err == nil && form.Has("command") && strings.TrimSpace(form.Get("text")) == "" {
		return "", nil // nothing was said, and nothing heard
	}
	var r model.PostActionIntegrationRequest
	if err := json.Unmarshal(body, &r); err == nil {
		if label, _ := r.Context["label"].(string); o.Text == "" {
			said += " " + writer{}.text(label)
		}
		response := model.PostActionIntegrationResponse{EphemeralText: said, SkipSlackParsing: true}
		if o.Settled {
			response.Update = a.settled(ctx, r.PostId, said)
		}
		answer = response
	}
	reply, err := json.Marshal(answer)
	if err != nil {
		return "", nil
	}
	return "application/json", reply
}

// settled gives a post of ours without its buttons and with what became of it beneath. The server takes the place of the whole
// message and of all properties by it (server/channels/app/integration_action.go, DoPostActionWithCookie), so it is read
// first. Nil: it cannot be had, or is not ours; then it stays as it is.
func (a *Adapter) settled(ctx context.Context, id, note string) *model.Post {
	post, _, err := a.api.GetPost(ctx, id, "")
	if err != nil || post == nil || post.GetProp(marker) == nil {
		return nil
	}
	props := maps.Clone(post.GetProps())
	delete(props, model.PostPropsAttachments)
	with := post.Message + "\n\n" + note
	if compose.Length(with, channels.Characters) > a.opts.TextLimit {
		with = post.Message
	}
	settled := &model.Post{Message: with}
	settled.SetProps(props)
	return settled
}

const tick = "✓"
