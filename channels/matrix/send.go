package matrix

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/httpsend"
)

const root = "/_matrix/client/v3"

// provider is what answers.
const provider = "the homeserver"

// fresh is for how long a room counts as not encrypted once that was asked; a sync that tells otherwise ends it at once.
const fresh = 10 * time.Minute

// mostRooms bounds what is remembered of rooms.
const mostRooms = 10000

// Send writes one part into a room, under a transaction id that follows from its key.
func (a *Adapter) Send(ctx context.Context, m channels.Outbound) (channels.Sent, error) {
	ctx, cancel := context.WithTimeout(ctx, longestSend)
	defer cancel()
	room, fail := a.room(ctx, m.To.Reveal())
	if fail != nil {
		return channels.Sent{}, fail
	}
	said := map[string]any{"msgtype": "m.text", "body": m.Part.Text, "m.mentions": struct{}{}}
	if m.Part.Markup == markup {
		said["format"], said["formatted_body"] = markup, m.Part.HTML
	}
	sum := sha256.Sum256([]byte(m.Key))
	var answer struct {
		ID string `json:"event_id"`
	}
	path := "/rooms/" + segment(room) + "/send/m.room.message/" + hex.EncodeToString(sum[:16])
	if _, fail := a.call(ctx, a.sender, http.MethodPut, path, said, &answer); fail != nil {
		return channels.Sent{}, fail
	}
	if answer.ID == "" {
		return channels.Sent{}, &channels.Error{Class: channels.Unknown, Scope: channels.ScopeChannel, Detail: "the homeserver took the message and did not say which id it has"}
	}
	return channels.Sent{ProviderID: answer.ID}, nil
}

// room finds the room of an address and makes sure that it is not encrypted. Whatever fails here has sent nothing.
func (a *Adapter) room(ctx context.Context, address string) (string, *channels.Error) {
	a.mu.Lock()
	known, ok := a.plain[address]
	a.mu.Unlock()
	if ok && a.now().Before(known.until) {
		return known.room, nil
	}
	room := address
	if strings.HasPrefix(address, "#") {
		var found struct {
			Room string `json:"room_id"`
		}
		if _, fail := a.call(ctx, a.sender, http.MethodGet, "/directory/room/"+segment(address), nil, &found); fail != nil {
			return "", httpsend.Asked(fail, provider)
		}
		if room = found.Room; !strings.HasPrefix(room, "!") {
			return "", &channels.Error{Class: channels.Temporary, Scope: channels.ScopeChannel, Detail: "what answers is no homeserver; check the channel's base_url"}
		}
	}
	var state map[string]any
	switch _, fail := a.call(ctx, a.sender, http.MethodGet, "/rooms/"+segment(room)+"/state/m.room.encryption/", nil, &state); {
	case fail == nil:
		return "", &channels.Error{
			Class: channels.Permanent, Scope: channels.ScopeAddress, Code: "encrypted",
			Detail: "the room is encrypted, and this channel cannot write there; use a room that is not, or another channel",
		}
	case fail.Code != "M_NOT_FOUND":
		return "", httpsend.Asked(fail, provider)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.plain) >= mostRooms {
		clear(a.plain)
	}
	a.plain[address] = opened{room, a.now().Add(fresh)}
	return room, nil
}

// encrypted forgets that a room was not encrypted.
func (a *Adapter) encrypted(room string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for address, o := range a.plain {
		if o.room == room {
			delete(a.plain, address)
		}
	}
}

func segment(s string) string { return url.PathEscape(s) }

// call makes one request. The status is zero if no answer came.
func (a *Adapter) call(ctx context.Context, by *httpsend.Sender, method, path string, in, into any) (int, *channels.Error) {
	return by.JSON(ctx, httpsend.Exchange{
		Method: method, URL: a.opts.BaseURL + root + path, Header: httpsend.Bearer(a.opts.Token), In: in, Into: into, Who: provider, Refusal: a.refusal,
	})
}
