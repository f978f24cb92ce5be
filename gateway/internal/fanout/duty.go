package fanout

import (
	"context"
	"crypto/sha256"
	"errors"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/templates"
)

// ReadyDuty checks what is said to a member about her duty, as an account message: it passes quiet hours, for she agreed to be on
// duty. It is in shipped words, with the group's own laid over them unless those cannot be used. It stores nothing. CodeNobody:
// she has no contact point that may be used.
func (f *Fanout) ReadyDuty(ctx context.Context, m gateway.DutyMessage) (*gateway.ReadyBroadcast, error) {
	b, _, err := f.note(ctx, Note{Group: m.Group, Key: m.Key, Wording: m.Wording, Data: m.Data, Audience: gateway.Audience{Members: []gateway.ID{m.Member}}, Author: "carillon"})
	if err != nil {
		return nil, err
	}
	b.ExpiresAt = m.Expires
	_, _, err = f.ready(ctx, &b)
	if errors.Is(err, &gateway.Fault{Code: gateway.CodeInvalid}) {
		f.Log.Warn("the group's own wording cannot be used; the shipped one is sent; template check says why", "wording", m.Wording, "group", b.GroupID)
		b.Words.Sources = templates.ShippedText(m.Wording)
		_, _, err = f.ready(ctx, &b)
	}
	if err != nil {
		return nil, err
	}
	print := sha256.Sum256([]byte("duty " + b.Key)) // what is said may change between two tries
	return &gateway.ReadyBroadcast{Broadcast: b, Fingerprint: print[:]}, nil
}
