package inbound

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/templates"
)

// Linking is what another address of a member is linked with, by proof from both ends.
type Linking struct {
	Pages  gateway.Pages
	Points gateway.Points
	Digest func(kind, value string) []byte // of a code, under a key that the ledger does not have: seven digits alone could be tried
}

// What LINK and UNLINK mean, and a message that is the code of a link.
const (
	links   meaning = "link"
	unlinks meaning = "unlink"
	proves  meaning = "link-code"
)

func (v *visit) codeDigest(group gateway.ID, code gateway.Private) []byte {
	return v.Linking.Digest("link code", group.String()+" "+code.Reveal())
}

func (v *visit) askDigest(group, member, point gateway.ID) []byte {
	return v.Linking.Digest("link ask", group.String()+" "+member.String()+" "+point.String())
}

// warn passes on what another try may mend, and notes what it cannot.
func (v *visit) warn(what string, group gateway.ID, err error) error {
	var fault *gateway.Fault
	if !errors.As(err, &fault) {
		return fmt.Errorf("%s: %w", what, err)
	}
	v.Log.Warn(what+" failed", "channel", v.ch.ID, "group", group, "error", err)
	return nil
}

// sendLinkCode answers LINK with a code that another address of hers is to send. On a telephone that several share nobody can
// say whose address that would be: there it does nothing.
func (v *visit) sendLinkCode(ctx context.Context, owners []known) error {
	for _, k := range owners {
		for _, m := range k.members {
			point, ok := v.point(m)
			if !ok || point.State != gateway.PointActive || point.Shared {
				continue
			}
			code := gateway.MintDigits(gateway.LinkDigits)
			err := v.Linking.Pages.PutPageLink(ctx, gateway.PageLink{ID: gateway.NewID(), GroupID: k.group.ID, MemberID: m.ID, PointID: point.ID, Digest: v.codeDigest(k.group.ID, code), CreatedAt: v.Now(), ExpiresAt: v.Now().Add(gateway.PageCodeLife)})
			if err != nil {
				if err = v.warn("keep a code", k.group.ID, err); err != nil {
					return err
				}
				continue
			}
			v.tell(ctx, k, templates.LinkCode, gateway.Audience{Members: []gateway.ID{m.ID}, Point: point.ID}, map[string]string{"code": code.Reveal(), "minutes": strconv.Itoa(int(gateway.PageCodeLife.Minutes()))})
		}
	}
	return nil
}

// linkOf finds whose code a message is; nil: it is none, or nobody listens to more guesses from there.
func (v *visit) linkOf(ctx context.Context, text string) (*gateway.PageLink, error) {
	code := digitsIn(text)
	if len(code) != gateway.LinkDigits {
		return nil, nil
	}
	if room, err := v.mayGuess(ctx); err != nil || !room {
		return nil, err
	}
	for _, g := range v.groups {
		l, err := v.Linking.Pages.PageLink(ctx, v.codeDigest(g.ID, gateway.Private(code)))
		if err == nil {
			return &l, nil
		}
		if !errors.Is(err, gateway.ErrNotFound) {
			return nil, fmt.Errorf("find a code: %w", err)
		}
	}
	return nil, v.guessed(ctx)
}

// askFirst asks back, at the address where a code was sent, whether the address that it came from is hers. A code is good for
// one address; against one with a STOP nothing is done.
func (v *visit) askFirst(ctx context.Context, l gateway.PageLink) error {
	room, err := v.Guests.Try(ctx, 1, gateway.Limit{What: "link code", By: l.ID.String(), Most: 1, Within: gateway.ProvingLife})
	if err != nil || !room {
		return err
	}
	point := gateway.NewID()
	if err := v.Linking.Points.ProvePoint(ctx, l.GroupID, l.MemberID, gateway.ContactPoint{ID: point, Kind: v.ch.Kind, Address: v.from}); err != nil {
		return v.warn("take an address that is to be proven", l.GroupID, err)
	}
	if err := v.Linking.Pages.PutPageLink(ctx, gateway.PageLink{ID: gateway.NewID(), GroupID: l.GroupID, MemberID: l.MemberID, PointID: l.PointID, Digest: v.askDigest(l.GroupID, l.MemberID, point), CreatedAt: v.Now(), ExpiresAt: v.Now().Add(gateway.ProvingLife)}); err != nil {
		return v.warn("keep a question", l.GroupID, err)
	}
	return v.Answer(ctx, l.GroupID, v.replyKey(templates.LinkAsk), templates.LinkAsk, gateway.Audience{Members: []gateway.ID{l.MemberID}, Point: l.PointID}, v.addressData())
}

// addressData gives the value of {address}: as people know it, or what kind it is.
func (v *visit) addressData() map[string]string {
	address := v.from.Reveal()
	if v.ch.Kind != "sms" && v.ch.Kind != "email" {
		address = strings.ToUpper(v.ch.Kind[:1]) + v.ch.Kind[1:]
	}
	return map[string]string{"address": address}
}

// takeLinked takes her yes for the address that she was asked about, if she was: it becomes one of hers, with the topics of
// the address where she said yes, and both are told.
func (v *visit) takeLinked(ctx context.Context, owners []known) (taken bool, err error) {
	for _, k := range owners {
		for _, m := range k.members {
			first, ok := v.point(m)
			if !ok || first.State != gateway.PointActive || first.Shared {
				continue
			}
			for _, p := range m.Points {
				if p.State != gateway.PointProving {
					continue
				}
				l, err := v.Linking.Pages.PageLink(ctx, v.askDigest(k.group.ID, m.ID, p.ID))
				if errors.Is(err, gateway.ErrNotFound) || err == nil && l.PointID != first.ID {
					continue
				}
				if err != nil {
					return taken, fmt.Errorf("find what she was asked: %w", err)
				}
				proof := v.proof("proven by a code from this address and YES from another", true, "member")
				if proof.Wording, err = v.wording(ctx, k.group.ID, templates.LinkAsk); err != nil {
					return taken, err
				}
				proof.Locale = m.Locale
				if err := v.Linking.Points.TakePoint(ctx, k.group.ID, m.ID, p.ID, first.Topics, proof); err != nil {
					if err = v.warn("take a proven address", k.group.ID, err); err != nil {
						return taken, err
					}
					continue
				}
				taken = true
				at := *v
				at.ch.Kind, at.from = p.Kind, p.Address
				for i, to := range []gateway.ID{first.ID, p.ID} {
					if err := v.Answer(ctx, k.group.ID, v.replyKey(templates.Linked+strconv.Itoa(i)), templates.Linked, gateway.Audience{Members: []gateway.ID{m.ID}, Point: to}, at.addressData()); err != nil {
						v.Log.Error("a member is not told of her new address", "group", k.group.ID, "error", err)
					}
				}
			}
		}
	}
	return taken, nil
}

// unlink takes the address that she writes from away, and says so at another that is hers alone: it names the one. Her only one stays: STOP is for that.
func (v *visit) unlink(ctx context.Context, owners []known) error {
	for _, k := range owners {
		for _, m := range k.members {
			point, ok := v.point(m)
			if !ok {
				continue
			}
			if err := v.Linking.Points.DropPoint(ctx, k.group.ID, m.ID, point.ID); err != nil {
				if err = v.warn("take an address away", k.group.ID, err); err != nil {
					return err
				}
				continue
			}
			for _, p := range m.Points {
				if p.ID != point.ID && p.State == gateway.PointActive && !p.Shared {
					v.tell(ctx, k, templates.Unlinked, gateway.Audience{Members: []gateway.ID{m.ID}, Point: p.ID}, v.addressData())
					break
				}
			}
		}
	}
	return nil
}

// mayGuess counts a message that may be a code: nobody may try many, and after many wrong ones a channel is deaf to all.
func (v *visit) mayGuess(ctx context.Context) (bool, error) {
	room, err := v.Guests.Try(ctx, 0, v.wrongCode())
	if err == nil && !room {
		v.notice(ctx, v.groups...)
	}
	if err == nil && room {
		room, err = v.Guests.Try(ctx, 1, gateway.Limit{What: "code", By: v.who(), Most: guessesOfNumber, Within: time.Hour})
	}
	if err != nil {
		return false, fmt.Errorf("count a code: %w", err)
	}
	if !room {
		v.limited("codes are tried too often; nobody listens to them for an hour")
	}
	return room, nil
}

func (v *visit) wrongCode() gateway.Limit {
	return gateway.Limit{What: "wrong code", By: v.ch.ID.String(), Most: guessesOfChannel, Within: time.Hour}
}

// guessed counts a code that is none.
func (v *visit) guessed(ctx context.Context) error {
	v.Count(v.ch.ID, HeardGuess)
	_, err := v.Guests.Try(ctx, 1, v.wrongCode())
	return err
}

// notice tells owners that a limit is reached (threat T13).
func (v *visit) notice(ctx context.Context, groups ...gateway.Group) {
	if v.Notice == nil {
		return
	}
	for _, g := range groups {
		if err := v.Notice(ctx, gateway.LimitNotice(g.ID, v.Now())); err != nil {
			v.Log.Error("owners are not told that a limit is reached", "group", g.ID, "error", err)
		}
	}
}
