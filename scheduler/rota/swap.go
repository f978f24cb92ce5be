package rota

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/civil"
)

// byMember is who decided where a member did so by a message.
const byMember = "member"

// AskSwap asks a member whether she takes over a turn of another, who has said that she wants that. Nothing is changed before
// she agrees.
func (d *Desk) AskSwap(ctx context.Context, group gateway.ID, name string, s gateway.Swap) (gateway.Swap, error) {
	if s.From == s.With || s.From.IsZero() || s.With.IsZero() {
		return s, gateway.Faultf(gateway.CodeInvalid, "from_id, with_id: a swap is between two members")
	}
	m, err := d.Member(ctx, group, s.With)
	if errors.Is(err, gateway.ErrNotFound) {
		err = d.known(ctx, group, s.With)
	}
	if err != nil {
		return s, err
	}
	_, err = d.change(ctx, group, name, func(r *gateway.Rota, say *gateway.RotaSayings) error {
		s.ID, s.AskAt, s.Told = gateway.NewID(), d.now().UTC(), false
		give, take, err := d.swapped(ctx, r, &s)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(r.Swaps, func(o gateway.Swap) bool { return o.With == s.With }) {
			return gateway.Faultf(gateway.CodeConflict, "she was asked about another swap and has not answered; a yes of hers could mean either. Withdraw that one, or answer for her")
		}
		if err := full(len(r.Swaps), "open swaps"); err != nil {
			return err
		}
		msg := gateway.DutyMessage{Group: group, Member: s.With, Key: "duty-ask-" + s.ID.String(), Wording: gateway.DutyAskCover, Expires: give.From,
			Data: map[string]string{"rota": r.Shown(), "when": stamp(give.From), "until": stamp(give.To)}}
		if take != nil {
			msg.Wording, msg.Data["next"] = gateway.DutyAskSwap, stamp(take.From)
			if take.From.Before(msg.Expires) {
				msg.Expires = take.From
			}
		}
		if s.Told, err = d.ready(ctx, m, msg, say); err != nil {
			return err
		}
		r.Swaps = append(r.Swaps, s)
		return nil
	})
	return s, err
}

func stamp(at time.Time) string { return at.UTC().Format(time.RFC3339) }

// ready adds a message to what is said; false: she cannot be told.
func (d *Desk) ready(ctx context.Context, m gateway.Member, msg gateway.DutyMessage, say *gateway.RotaSayings) (bool, error) {
	send, err := readyFor(ctx, d.messenger, m, msg)
	if send != nil {
		say.Sends = append(say.Sends, send)
	}
	return send != nil, err
}

// readyFor makes a message ready for a member who has agreed to be written to; nil: she cannot be told.
func readyFor(ctx context.Context, messenger Messenger, m gateway.Member, msg gateway.DutyMessage) (*gateway.ReadyBroadcast, error) {
	if !slices.ContainsFunc(m.Points, func(p gateway.ContactPoint) bool { return p.State == gateway.PointActive }) {
		return nil, nil
	}
	send, err := messenger.ReadyDuty(ctx, msg)
	var fault *gateway.Fault
	if errors.As(err, &fault) && slices.Contains([]gateway.Code{gateway.CodeNobody, gateway.CodeInvalid, gateway.CodeTooLong, gateway.CodeConflict}, fault.Code) {
		return nil, nil
	}
	return send, err
}

// swapped finds the turns that a swap is about: both to come, and each its giver's.
func (d *Desk) swapped(ctx context.Context, r *gateway.Rota, s *gateway.Swap) (give, take *gateway.RotaTurn, err error) {
	p, err := plan(ctx, d.Store, r)
	if err != nil {
		return nil, nil, err
	}
	if give, err = p.theirs(s.From, s.Give, d.now(), "give"); err != nil || s.Take == 0 {
		return give, nil, err
	}
	take, err = p.theirs(s.With, s.Take, d.now(), "take")
	return give, take, err
}

// theirs finds a turn to come of somebody by when it begins.
func (p *Plan) theirs(member gateway.ID, begins civil.Wall, now time.Time, which string) (*gateway.RotaTurn, error) {
	at := p.instant(begins)
	t, ok := p.At(at)
	switch {
	case !ok || !t.From.Equal(at):
		return nil, gateway.Faultf(gateway.CodeInvalid, "%s: no turn begins at %s on the clocks of %s; rota show tells when turns begin", which, begins, p.rota.Zone)
	case t.Member != member:
		return nil, gateway.Faultf(gateway.CodeConflict, "%s: the turn that begins at %s is not, or not any more, that member's", which, begins)
	case !t.From.After(now):
		return nil, gateway.Faultf(gateway.CodeConflict, "%s: the turn that begins at %s has begun; write an override for what is left of it", which, begins)
	}
	return &t, nil
}

// AnswerSwap answers a question of a swap for who was asked. With a yes the turns are swapped; who asked is told either way.
func (d *Desk) AnswerSwap(ctx context.Context, group gateway.ID, name string, id gateway.ID, yes bool, by string) (gateway.Rota, error) {
	return d.change(ctx, group, name, func(r *gateway.Rota, say *gateway.RotaSayings) error {
		i := slices.IndexFunc(r.Swaps, func(s gateway.Swap) bool { return s.ID == id })
		if i < 0 {
			return gateway.Faultf(gateway.CodeNotFound, "no such question is open: it was answered or withdrawn, or a turn that it is about has begun")
		}
		s := r.Swaps[i]
		wording := gateway.DutySwapRefused
		if yes {
			give, take, err := d.swapped(ctx, r, &s)
			if err != nil {
				return err
			}
			p, err := Read(r, nil)
			if err != nil {
				return err
			}
			r.Overrides = append(r.Overrides, gateway.RotaOverride{ID: gateway.NewID(), From: s.Give, To: p.wall(give.To), Member: s.With, Swap: s.ID, By: by})
			if take != nil {
				r.Overrides = append(r.Overrides, gateway.RotaOverride{ID: gateway.NewID(), From: s.Take, To: p.wall(take.To), Member: s.From, Swap: s.ID, By: by})
			}
			if err := full(len(r.Overrides)-2, "overrides"); err != nil {
				return err
			}
			wording = gateway.DutySwapAgreed
		}
		r.Swaps = slices.Delete(r.Swaps, i, i+1)
		m, err := d.Member(ctx, group, s.From)
		if err != nil {
			return err
		}
		_, err = d.ready(ctx, m, gateway.DutyMessage{Group: group, Member: s.From, Key: "duty-answer-" + s.ID.String(), Wording: wording, Expires: d.now().Add(sayWithin), Data: map[string]string{"rota": r.Shown()}}, say)
		return err
	})
}

// TakeYes takes a yes of a member for the question about a swap that is open for her; false: none is. One that does not hold any
// more is open no longer.
func (d *Desk) TakeYes(ctx context.Context, group, member gateway.ID) (bool, error) {
	rotas, err := d.Rotas(ctx, group)
	if err != nil {
		return false, err
	}
	for _, r := range rotas {
		i := slices.IndexFunc(r.Swaps, func(s gateway.Swap) bool { return s.With == member })
		if i < 0 {
			continue
		}
		_, err := d.AnswerSwap(ctx, group, r.Name, r.Swaps[i].ID, true, byMember)
		if errors.Is(err, gateway.ErrConflict) || errors.Is(err, &gateway.Fault{Code: gateway.CodeInvalid}) {
			_, err = d.AnswerSwap(ctx, group, r.Name, r.Swaps[i].ID, false, byMember)
		}
		if errors.Is(err, gateway.ErrNotFound) {
			continue
		}
		return err == nil, err
	}
	return false, nil
}
