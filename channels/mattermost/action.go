package mattermost

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/mattermost/mattermost/server/public/model"

	"github.com/carillon-gateway/carillon/channels"
)

// buttonLimit is the most buttons of a post: with their signed contexts they stay within the 8,000 characters of
// properties that old servers take.
const buttonLimit = 10

// actionLimit is the most bytes of an action, as content.Button has it.
const actionLimit = 40

// buttonLife is how long a button of a message without an end can be pressed.
const buttonLife = 7 * 24 * time.Hour

// pressed is what the context of a button says. Mattermost keeps it on the server and hands it back with the press; no
// client sees it. The server signs nothing, so the context carries our own proof.
type pressed struct {
	action  string
	attempt string
	part    string
	expires string // Unix seconds
	channel string // the channel of Mattermost's that the post is in
	user    string // the only account that may press; empty: whoever is in the channel
	label   string
}

// actions gives the buttons of a part as attachment actions: old servers show them, and newer ones translate them to
// their blocks, which only they know.
func (a *Adapter) actions(to target, channel string, m channels.Outbound) []*model.PostAction {
	if a.hookURL == "" {
		return nil
	}
	expires := m.Expires
	if expires.IsZero() {
		expires = a.now().Add(buttonLife)
	}
	out := make([]*model.PostAction, len(m.Part.Buttons))
	for i, b := range m.Part.Buttons {
		p := pressed{
			action: b.Action, attempt: m.Attempt, part: strconv.Itoa(m.PartNo), expires: strconv.FormatInt(expires.Unix(), 10),
			channel: channel, user: to.user, label: b.Label,
		}
		out[i] = &model.PostAction{
			Id: "carillon" + strconv.Itoa(i), Type: model.PostActionTypeButton, Name: b.Label, // ids hold letters and digits only
			Integration: &model.PostActionIntegration{URL: a.hookURL, Context: p.context(a.proof(a.opts.ActionSecret, p))},
		}
	}
	return out
}

func (p pressed) context(proof string) map[string]any {
	return map[string]any{
		"action": p.action, "attempt": p.attempt, "part": p.part, "expires": p.expires, "channel": p.channel, "user": p.user,
		"label": p.label, "proof": proof,
	}
}

// proof is the HMAC-SHA256 over all that a context says, each field behind its length, and the name of our channel, so
// that two channels with one secret do not take each other's.
func (a *Adapter) proof(secret channels.Secret, p pressed) string {
	mac := hmac.New(sha256.New, []byte(secret.Reveal()))
	for _, field := range [...]string{a.name, p.action, p.attempt, p.part, p.expires, p.channel, p.user, p.label} {
		fmt.Fprintf(mac, "%d:%s,", len(field), field)
	}
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// genuine reads the context of a press and verifies it; false: it was not made by us, or is not for this person, or for
// this channel.
func (a *Adapter) genuine(r *model.PostActionIntegrationRequest) (pressed, bool) {
	proof := ""
	p := pressed{}
	for field, into := range map[string]*string{
		"action": &p.action, "attempt": &p.attempt, "part": &p.part, "expires": &p.expires, "channel": &p.channel, "user": &p.user,
		"label": &p.label, "proof": &proof,
	} {
		text, ok := r.Context[field].(string)
		if !ok {
			return p, false
		}
		*into = text
	}
	signed := false
	for _, secret := range [...]channels.Secret{a.opts.ActionSecret, a.opts.PreviousActionSecret} {
		if secret != "" && hmac.Equal([]byte(proof), []byte(a.proof(secret, p))) {
			signed = true
		}
	}
	switch {
	case !signed, p.channel != r.ChannelId, p.user != "" && p.user != r.UserId, !idForm.MatchString(r.UserId):
		return p, false
	}
	return p, true
}

// over says whether the time in which a button may be pressed has passed.
func (p pressed) over(now time.Time) bool {
	n, err := strconv.ParseInt(p.expires, 10, 64)
	return err != nil || !now.Before(time.Unix(n, 0))
}

// eventID names a press by what is signed, so that a repeated one has one effect, whatever post it claims to come from.
func (p pressed) eventID(user string) string {
	return strings.Join([]string{"press", p.attempt, p.part, p.action, user}, ":")
}
