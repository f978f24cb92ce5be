package fanout

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/carillon-gateway/carillon/gateway"
)

// Offer checks a draft as Submit does, and stores nothing: a second person is to be asked about it first. The digest is of
// all that she is asked about: what the draft says in every language, to whom, and the channels that would carry it.
func (f *Fanout) Offer(ctx context.Context, d gateway.Draft) (gateway.ReleaseOffer, error) {
	b, err := f.broadcast(d)
	if err != nil {
		return gateway.ReleaseOffer{}, err
	}
	print, err := fingerprint(d)
	if err != nil {
		return gateway.ReleaseOffer{}, err
	}
	t, first, err := f.ready(ctx, &b)
	if err != nil {
		return gateway.ReleaseOffer{}, err
	}
	if !d.FallsBack() {
		missing, err := f.missing(ctx, t, first)
		if err == nil && len(missing) > 0 {
			err = incomplete(missing)
		}
		if err != nil {
			return gateway.ReleaseOffer{}, err
		}
	}
	offer := gateway.ReleaseOffer{Ready: gateway.ReadyBroadcast{Broadcast: b, Fingerprint: print}, Channels: carried(t.ways)}
	said, err := json.Marshal([]any{hex.EncodeToString(print), offer.Channels})
	if err != nil {
		return gateway.ReleaseOffer{}, err
	}
	sum := sha256.Sum256(said)
	offer.Digest = hex.EncodeToString(sum[:])
	offer.Members, err = f.meant(ctx, t, first)
	return offer, err
}

// carried lists the channels that would carry a message.
func carried(ways []way) []gateway.ReleaseWay {
	all := make([]gateway.ReleaseWay, len(ways))
	for i, w := range ways {
		all[i] = gateway.ReleaseWay{Kind: w.kind, ChannelID: w.channel.ID, Channel: w.channel.Name}
	}
	return all
}

// OfferAlert counts the members who are told of an alert at once, and lists the channels that would carry it.
func (f *Fanout) OfferAlert(ctx context.Context, a *gateway.AlertCase) (gateway.ReleaseOffer, error) {
	offer := gateway.ReleaseOffer{Channels: carried(f.ways(a.GroupID, gateway.ID{}))}
	if a.Audience.Topic == "" {
		return offer, nil
	}
	for after := (gateway.ID{}); ; {
		page, err := f.store.Audiences.Recipients(ctx, a.GroupID, a.Audience, after, gateway.MaxChunk)
		if err != nil {
			return offer, fmt.Errorf("read the audience: %w", err)
		}
		for i := range page {
			if reachable(&page[i]) {
				offer.Members++
			}
		}
		if len(page) < gateway.MaxChunk {
			return offer, nil
		}
		after = page[len(page)-1].Member
	}
}

// meant counts the members who are meant, as a preview does.
func (f *Fanout) meant(ctx context.Context, t *texts, first []gateway.Recipient) (n int, err error) {
	for page, err := range f.audience(ctx, t.b, first) {
		if err != nil {
			return 0, err
		}
		for i := range page {
			if t.decide(&page[i]).meant {
				n++
			}
		}
	}
	return n, nil
}

// alone refuses a message of one person for which the rule of the group wants a second one; wrote is who stands behind it and
// by who has it sent, both labels. A run of a schedule then asks (see gateway.ErrUnapproved).
func (f *Fanout) alone(ctx context.Context, t *texts, first []gateway.Recipient, wrote, by string) error {
	if by != "" && !(gateway.Hand{Label: wrote, Token: gateway.ID{1}}).SamePerson(gateway.Hand{Label: by, Token: gateway.ID{2}}) {
		return nil
	}
	if !t.group.Release.May(t.b.Kind) {
		return nil
	}
	n, err := f.meant(ctx, t, first)
	if err != nil {
		return err
	}
	if why := t.group.Release.Needs(t.b.Kind, n); why != "" {
		return gateway.Faultf(gateway.CodeConflict, "%s, and %w; somebody else than %s is to have it sent", why, gateway.ErrUnapproved, wrote)
	}
	return nil
}
