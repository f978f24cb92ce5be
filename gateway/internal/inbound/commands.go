package inbound

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/templates"
)

// Answer sends an account message in the shipped words of that name, with values for its placeholders; the key makes it
// happen once.
type Answer func(ctx context.Context, group gateway.ID, key, wording string, to gateway.Audience, data map[string]string) error

// repeatWithin is how long after it came a wish that was kept already is carried out again: a crash may have come in
// between. Later she may have wished something else.
const repeatWithin = 10 * time.Minute

// understand finds who wrote, and what is meant. Who she is is read only where that may matter: for a word that somebody
// could mean as a command.
func (v *visit) understand(ctx context.Context, text string) (understood, []known, error) {
	all := slices.Collect(maps.Keys(templates.Words().Names))
	own := ownWords(v.groups)
	may := understand(text, all, own)
	whole := may.meaning != nothing || may.within
	owners, err := v.owners(ctx, whole)
	if err != nil || !whole {
		return understood{}, owners, err
	}
	var locales []string
	clear(own)
	meant := owners
	if len(owners) == 0 { // a stranger: whatever the groups read
		for _, g := range v.groups {
			meant = append(meant, known{group: g})
		}
	}
	for _, k := range meant {
		locales = append(locales, readsOf(k)...)
		for c, words := range wordsOf(k.group) {
			own[c] = append(own[c], words...)
		}
	}
	u := understand(text, locales, own)
	if u.meaning == nothing && may.meaning == yes && slices.ContainsFunc(owners, func(k known) bool { return slices.ContainsFunc(k.members, v.isGuessed) }) {
		if locale := yesIn(text); locale != "" {
			u = understood{meaning: yes, locale: locale}
		}
	}
	return u, owners, nil
}

// stopAll stops the address in every group of the instance, and in those to come; ADR 72 has when not.
func (v *visit) stopAll(ctx context.Context, owners []known, provided bool) error {
	if !v.ch.GroupID.IsZero() && len(owners) == 0 {
		return v.stop(ctx, owners, provided) // that a stranger wrote it, only the group's own adapter says
	}
	groups, err := v.Groups.Groups(ctx)
	if err != nil {
		return fmt.Errorf("list the groups: %w", err)
	}
	if err := v.Consents.StopEverywhere(ctx, v.ch.Kind, v.from); err != nil {
		return fmt.Errorf("stop an address everywhere: %w", err)
	}
	for _, g := range groups {
		proof := v.proof("STOP ALL", false, "member")
		if !slices.ContainsFunc(v.groups, func(served gateway.Group) bool { return served.ID == g.ID }) { // whose channel it was is not theirs to know
			proof.Proof = gateway.Private("STOP ALL, received over a channel of others" + v.mark())
		}
		if _, err := v.Consents.StopAddress(ctx, g.ID, v.ch.Kind, v.from, proof); err != nil {
			return fmt.Errorf("stop an address: %w", err)
		}
	}
	v.farewells(ctx, owners, templates.StoppedAll, provided)
	return nil
}

// farewells says farewell in the name of the first group that knew her. The words name no group, so it speaks for all; and answers of
// two groups to one message would tell, by their times, that both know her (ADR 57).
func (v *visit) farewells(ctx context.Context, owners []known, wording string, provided bool) {
	for _, k := range owners {
		if v.farewell(ctx, k, wording, provided) {
			return
		}
	}
}

// start undoes a STOP of this address by her own act, and ends her pause. What was stopped by text message from another of
// her addresses, which anybody can forge, she undoes here too, unless others share that or this. Brought: it brought her back, and
// she is told so.
func (v *visit) start(ctx context.Context, owners []known, provided bool) (brought bool, err error) {
	for _, g := range v.groups {
		if _, err := v.Consents.StartAddress(ctx, g.ID, v.ch.Kind, v.from, v.proof("START", true, "member")); err != nil {
			return false, fmt.Errorf("undo a STOP: %w", err)
		}
	}
	var back []known
	for _, k := range owners {
		returns := false
		for _, m := range k.members {
			point, ok := v.point(m)
			if !ok {
				continue
			}
			returns = returns || point.State == gateway.PointStopped
			if m.PausedUntil.After(v.Now()) {
				returns = true
				if err := v.Wishes.Wish(ctx, k.group.ID, m.ID, gateway.Wish{PausedUntil: &time.Time{}}, v.proof("START", true, "member")); err != nil {
					return false, fmt.Errorf("end a pause: %w", err)
				}
			}
			for _, p := range m.Points {
				if point.State != gateway.PointActive || point.Shared || p.State != gateway.PointStopped || !forgeable(p.Kind) || p.Shared {
					continue
				}
				returns = true
				proof := v.proof("START over another address of hers", true, "member")
				if _, err := v.Consents.ReaffirmAddress(ctx, k.group.ID, p.Kind, p.Address, proof); err != nil {
					return false, fmt.Errorf("take back that an address is not hers: %w", err)
				}
				if _, err := v.Consents.StartAddress(ctx, k.group.ID, p.Kind, p.Address, proof); err != nil {
					return false, fmt.Errorf("undo a STOP: %w", err)
				}
			}
		}
		if returns && !v.provides(provided) {
			back = append(back, k)
		}
	}
	owners, err = v.owners(ctx, true) // whom a STOP kept from agreeing is to be confirmed now
	if err != nil {
		return false, err
	}
	welcomed, err := v.confirm(ctx, owners, "START after she was asked")
	for _, k := range back {
		if !slices.Contains(welcomed, k.group.ID) {
			v.answer(ctx, k, templates.Started, nil)
			break // it speaks for all, as farewells do
		}
	}
	return len(back)+len(welcomed) > 0, err
}

// forgeable says whether anybody can write in the name of an address of a kind (threat T8).
func forgeable(kind string) bool { return kind == "sms" }

// holdBack stops what is routine when a word for STOP stands in a sentence, and asks back once what she meant. The message
// is for people besides.
func (v *visit) holdBack(ctx context.Context, owners []known) error {
	return v.wish(ctx, owners, gateway.Wish{PausedUntil: &gateway.Endless}, saidWithin, templates.StopAsked, nil, func(m gateway.Member) bool {
		return !m.PausedUntil.Equal(gateway.Endless)
	})
}

// saidWithin is the evidence of a word for STOP in a sentence.
const saidWithin = "a word for STOP in a sentence"

// wished is the source of evidence of what she wishes that is neither STOP nor START.
const wished = "wish"

// heldBack says whether the last that she said from here was a word for STOP in a sentence, to at least one of the groups.
func (v *visit) heldBack(ctx context.Context, owners []known) (bool, error) {
	for _, k := range owners {
		for _, m := range k.members {
			point, ok := v.point(m)
			if !ok || !m.PausedUntil.Equal(gateway.Endless) {
				continue
			}
			evidence, err := v.Members.Evidence(ctx, k.group.ID, m.ID)
			if err != nil {
				return false, fmt.Errorf("read what she said before: %w", err)
			}
			last := ""
			for _, c := range evidence {
				if c.PointID == point.ID && !strings.HasSuffix(c.Proof.Reveal(), v.mark()) {
					last = c.Proof.Reveal()
				}
			}
			if strings.HasPrefix(last, saidWithin) {
				return true, nil
			}
		}
	}
	return false, nil
}

// pause holds back what is routine until the beginning of the day, in UTC, that follows so many days: an end to the microsecond, in each
// of several groups, would tell that it is one person's (ADR 57).
func (v *visit) pause(ctx context.Context, owners []known, days int) error {
	if days == 0 {
		return v.wish(ctx, owners, gateway.Wish{PausedUntil: &time.Time{}}, "PAUSE 0", templates.Started, nil, nil)
	}
	const day = 24 * time.Hour
	until := v.at.Add(time.Duration(days) * day)
	if whole := until.Truncate(day); whole.Before(until) {
		until = whole.Add(day)
	}
	if latest := v.Now().Add(gateway.MaxPause); until.After(latest) {
		until = latest.Truncate(day)
	}
	return v.wish(ctx, owners, gateway.Wish{PausedUntil: &until}, "PAUSE", templates.Paused, map[string]string{"until": until.UTC().Format(time.RFC3339)}, nil)
}

// language changes the language. Without one that we have, she hears which there are, and how one writes that; named: she wrote one.
func (v *visit) language(ctx context.Context, owners []known, locale string, named bool) error {
	if locale == "" && len(owners) > 0 {
		wording := templates.LanguageWhich
		if named {
			wording = templates.LanguageUnknown
		}
		codes, languages := shippedLanguages()
		v.answer(ctx, owners[0], wording, map[string]string{"codes": codes, "languages": languages})
	}
	if locale == "" {
		return nil
	}
	return v.wish(ctx, owners, gateway.Wish{Locale: locale}, "LANG", templates.LanguageSet, nil, nil)
}

// shippedLanguages lists the codes that may stand behind LANG, alone and each with what its people call it.
func shippedLanguages() (codes, languages string) {
	var short, long []string
	for l, names := range templates.Words().Names {
		base, _, _ := strings.Cut(l, "-")
		short, long = append(short, strings.ToUpper(base)), append(long, strings.ToUpper(base)+" "+names[0])
	}
	slices.Sort(short)
	slices.Sort(long)
	return strings.Join(short, ", "), strings.Join(long, ", ")
}

// help says who writes, and how to reach a person.
func (v *visit) help(ctx context.Context, owners []known) {
	for _, k := range owners {
		if k.group.Replies != nil && k.group.Replies.Contact != "" {
			v.answer(ctx, k, templates.Help, map[string]string{"contact": k.group.Replies.Contact})
		} else {
			v.answer(ctx, k, templates.HelpHere, nil)
		}
	}
}

// answerAgain is how long somebody who wishes for what she has already is not answered again.
const answerAgain = 10 * time.Minute

// wish carries out what she wishes in every group that knows her, for all who share the address, and answers once, in the first
// group where it holds for somebody: as of farewells. Who says again what holds already is not answered twice within
// answerAgain.
func (v *visit) wish(ctx context.Context, owners []known, w gateway.Wish, said, wording string, data map[string]string, holds func(gateway.Member) bool) error {
	var first *known
	news := false
	for i, k := range owners {
		done := false
		for _, m := range k.members {
			if holds != nil && !holds(m) {
				continue
			}
			proof := v.proof(said, true, wished)
			if point, ok := v.point(m); ok {
				proof.PointID = point.ID
			}
			news = news || w.Locale != "" && w.Locale != m.Locale || w.PausedUntil != nil && !w.PausedUntil.Equal(m.PausedUntil)
			err := v.Wishes.Wish(ctx, k.group.ID, m.ID, w, proof)
			if v.hopeless(err) {
				continue
			}
			if err != nil {
				return fmt.Errorf("carry out a wish: %w", err)
			}
			done = true
		}
		if done && first == nil {
			first = &owners[i]
		}
	}
	if first == nil {
		return nil
	}
	room, err := v.Guests.Try(ctx, 1, gateway.Limit{What: "wish", By: v.who() + " " + wording, Most: 1, Within: answerAgain})
	if err != nil {
		return fmt.Errorf("count an answer: %w", err)
	}
	if room || news {
		v.answer(ctx, *first, wording, data)
	}
	return nil
}

// answer tells one of those who share the address, where she wrote from. What she wished is done all the same if it fails.
func (v *visit) answer(ctx context.Context, k known, wording string, data map[string]string) {
	for _, m := range k.members {
		if point, ok := v.point(m); ok {
			v.tell(ctx, k, wording, gateway.Audience{Members: []gateway.ID{m.ID}, Point: point.ID}, data)
			return
		}
	}
}

func (v *visit) tell(ctx context.Context, k known, wording string, to gateway.Audience, data map[string]string) {
	if err := v.Answer(ctx, k.group.ID, v.replyKey(wording), wording, to, data); err != nil {
		v.Log.Error("a member is not answered", "channel", v.ch.ID, "group", k.group.ID, "wording", wording, "error", err)
	}
}

// hopeless says whether something cannot be done however often it is tried, and logs that. Then the event is done with: whoever
// wrote it may have a STOP to say behind it.
func (v *visit) hopeless(err error) bool {
	var fault *gateway.Fault
	if !errors.As(err, &fault) || fault.Code == gateway.CodeUnavailable || fault.Code == gateway.CodeInProgress || fault.Code == gateway.CodeInternal {
		return false
	}
	v.Log.Error("what somebody wrote cannot be obeyed, and is not tried again", "channel", v.ch.ID, "error", err)
	return true
}

// provides says whether the provider answers this message by itself: it says so, or it is one of the words that it reserves.
// Those are English; a STOP in another language it passes on, and nobody else confirms it.
func (v *visit) provides(signalled bool) bool {
	adapter, ok := v.Channels.Adapter(v.ch.ID)
	return signalled || ok && slices.Contains(adapter.Capabilities().Reserved, strings.ToUpper(strings.TrimSpace(v.event.Inbound.Text)))
}

// farewell answers a STOP that changed something, and says whether it did: where she wrote from, unless the provider answers
// and blocks by itself; and, if anybody could have written that, over another contact point of hers, where she can undo it
// (threat T8). A shared telephone gets one answer.
func (v *visit) farewell(ctx context.Context, k known, wording string, provided bool) bool {
	provided = v.provides(provided)
	for _, m := range k.members {
		point, ok := v.point(m)
		if !ok || point.State == gateway.PointStopped {
			continue
		}
		if !provided {
			v.tell(ctx, k, wording, gateway.Audience{Members: []gateway.ID{m.ID}, Point: point.ID}, nil)
		}
		other := slices.IndexFunc(m.Points, func(p gateway.ContactPoint) bool {
			return p.State == gateway.PointActive && !p.Shared && p.Address != v.from
		})
		if other >= 0 && (provided || forgeable(v.ch.Kind)) {
			v.tell(ctx, k, templates.StoppedElsewhere, gateway.Audience{Members: []gateway.ID{m.ID}, Point: m.Points[other].ID}, nil)
		}
		return true
	}
	return false
}
