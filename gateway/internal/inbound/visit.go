package inbound

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/templates"
)

// visit is one thing that a person wrote or did, over one channel.
type visit struct {
	*Ears
	ch     gateway.Channel
	groups []gateway.Group // that the channel serves
	from   gateway.Private
	event  *channels.Event
	key    memoryKey
	at     time.Time
	said   *channels.Outcome // to her at once, where her provider shows it
}

// known is a group that has this address, and whose it is.
type known struct {
	group   gateway.Group
	ids     []gateway.ID
	members []gateway.Member // read only for words that change something
}

// signal takes what the provider says of an address. That she opted out there, blocked us or complained is her STOP
// (requirement 59). That she is back does not undo one: for that she writes START, which a bot's own button does.
func (v *visit) signal(ctx context.Context) error {
	s := v.event.Signal
	v.Count(v.ch.ID, HeardSignal)
	for _, g := range v.groups {
		var err error
		switch {
		case s.Kind == channels.SignalStopped:
			_, err = v.Consents.StopAddress(ctx, g.ID, v.ch.Kind, v.from, v.proof("what the provider reports as STOP", false, "provider"))
		case s.Kind == channels.SignalStarted:
			err = v.Consents.MarkAddress(ctx, g.ID, v.ch.Kind, v.from, gateway.PointChange{State: gateway.PointActive})
		case s.Kind == channels.SignalMoved && s.NewAddr != "":
			err = v.Consents.MarkAddress(ctx, g.ID, v.ch.Kind, v.from, gateway.PointChange{State: gateway.PointActive, Note: "the provider says that it moved", Moved: gateway.Private(s.NewAddr.Reveal())})
		}
		if err != nil {
			return fmt.Errorf("record what the provider says of an address: %w", err)
		}
	}
	return nil
}

// message keeps what a person wrote and does what its word asks for. The word of a message that was kept before counts
// again only if a crash may have come in between, and nothing that she did since speaks against it.
func (v *visit) message(ctx context.Context, provided bool) error {
	in := v.event.Inbound
	text := in.Text
	if text == "" {
		text = in.Action
	}
	u, owners, err := v.understand(ctx, text)
	if err != nil {
		return err
	}
	invitation, err := v.invited(ctx, text)
	if err != nil {
		return err
	}
	if invitation != nil {
		u.meaning = joins
	}
	link, err := v.linkOf(ctx, text)
	if err != nil {
		return err
	}
	if link != nil {
		u.meaning = proves
	}
	var answer *reply
	switch u.meaning {
	case nothing, takes, isSafe, needs:
		if answer = v.replyIn(text, u, owners); answer != nil {
			means, err := v.meansAlert(ctx, owners, answer)
			if err != nil {
				return err
			}
			if !means {
				answer = nil
			}
		}
		if u.meaning = nothing; answer != nil {
			u.meaning = meaning(answer.AlertAnswer)
			if answer.AlertAnswer == gateway.AnswerHelp {
				u.meaning = needs
			}
		}
	}
	reference, of, at := "", known{}, time.Time{}
	if u.meaning == nothing {
		reference = referenceIn(text)
	}
	if reference != "" {
		if owners, err = v.owners(ctx, true); err != nil {
			return err
		}
		found := false
		if of, at, found, err = v.genuine(ctx, owners, reference); err != nil {
			return err
		}
		if found {
			u.meaning = asks
		}
	}
	if u.meaning == no {
		if asked, err := v.heldBack(ctx, owners); err != nil {
			return err
		} else if !asked {
			u.meaning = nothing // she says no to somebody else
		}
	}
	word := u.meaning
	if answer != nil && answer.bare { // it may be something else, which people read
		word = nothing
	}
	fresh, err := v.keep(ctx, owners, text, word)
	if err != nil {
		return err
	}
	if !fresh {
		v.Count(v.ch.ID, HeardAgain)
		switch word {
		case stop, stopAll, start, yes, wrong:
			if late, err := v.overtaken(ctx, owners, word); err != nil || late {
				return err
			}
		case joins: // asking again is no harm: its key makes it happen once
		default:
			if v.Now().Sub(v.at) > repeatWithin {
				return nil
			}
			if word == nothing && !u.within {
				if answer == nil && reference == "" {
					return v.tellHow(ctx, owners)
				}
				return nil
			}
		}
	}
	if answer != nil {
		taken, err := v.replies(ctx, owners, *answer)
		if err != nil || taken {
			return err
		}
		word = nothing
	}
	if word == help || word == nothing && emergency(text) {
		if err := v.cry(ctx, owners); err != nil {
			return err
		}
	}
	if fresh && (word == start || word == yes || word == joins) {
		if late, err := v.stoppedSince(ctx, owners); err != nil || late {
			return err
		}
	}
	switch word {
	case stop:
		v.Count(v.ch.ID, HeardStop)
		return v.stop(ctx, owners, provided)
	case stopAll:
		v.Count(v.ch.ID, HeardStop)
		return v.stopAll(ctx, owners, provided)
	case start:
		v.Count(v.ch.ID, HeardStart)
		back, err := v.start(ctx, owners, provided)
		if err == nil && !back && opens(text) {
			v.greet(ctx)
		}
		return err
	case yes:
		v.Count(v.ch.ID, HeardYes)
		if err := v.readsBetter(ctx, owners, u.locale); err != nil {
			return err
		}
		if taken, err := v.takeLinked(ctx, owners); err != nil || taken {
			return err
		}
		if taken, err := v.swapDuty(ctx, owners); err != nil || taken {
			return err
		}
		if welcomed, err := v.confirm(ctx, owners, "yes"); err != nil || len(welcomed) > 0 {
			return err
		}
		return v.tellHow(ctx, owners) // nobody else asked her
	case links:
		v.Count(v.ch.ID, HeardLink)
		return v.sendLinkCode(ctx, owners)
	case unlinks:
		v.Count(v.ch.ID, HeardLink)
		return v.unlink(ctx, owners)
	case proves:
		v.Count(v.ch.ID, HeardLink)
		return v.askFirst(ctx, *link)
	case wrong:
		v.Count(v.ch.ID, HeardWrong)
		return v.disown(ctx, owners)
	case no:
		v.Count(v.ch.ID, HeardPause)
		return v.wish(ctx, owners, gateway.Wish{PausedUntil: &time.Time{}}, "NO", templates.Started, nil, nil)
	case pause:
		v.Count(v.ch.ID, HeardPause)
		return v.pause(ctx, owners, u.days)
	case tongue:
		v.Count(v.ch.ID, HeardLanguage)
		return v.language(ctx, owners, u.locale, u.named)
	case help, who:
		v.Count(v.ch.ID, HeardHelp)
		v.help(ctx, owners)
		return nil
	case page:
		v.Count(v.ch.ID, HeardPage)
		return v.sendPage(ctx, owners)
	case asks:
		v.Count(v.ch.ID, HeardHelp)
		v.tellGenuine(ctx, of, reference, at)
		return nil
	case joins:
		v.Count(v.ch.ID, HeardJoin)
		return v.join(ctx, *invitation)
	}
	v.Count(v.ch.ID, HeardMessage)
	switch {
	case reference != "": // it may be something else, so people read it too
		v.tellNotGenuine(ctx, owners, reference)
		return nil
	case u.within:
		return v.holdBack(ctx, owners)
	}
	return v.tellHow(ctx, owners)
}

// owners finds the groups that know the address.
func (v *visit) owners(ctx context.Context, whole bool) ([]known, error) {
	var owners []known
	for _, g := range v.groups {
		ids, err := v.Members.FindMembers(ctx, g.ID, v.ch.Kind, v.from)
		if err != nil {
			return nil, fmt.Errorf("find who wrote: %w", err)
		}
		k := known{group: g, ids: ids}
		for _, id := range ids {
			if !whole {
				break
			}
			m, err := v.Members.Member(ctx, g.ID, id)
			if errors.Is(err, gateway.ErrNotFound) {
				continue // erased since
			}
			if err != nil {
				return nil, fmt.Errorf("read who wrote: %w", err)
			}
			k.members = append(k.members, m)
		}
		if len(ids) > 0 {
			owners = append(owners, k)
		}
	}
	return owners, nil
}

// keep stores the message with every group that knows her; a stranger's with the only group of the channel. Where a
// channel serves several groups, a stranger wrote to none of them in particular, and none may read it.
func (v *visit) keep(ctx context.Context, owners []known, text string, word meaning) (fresh bool, err error) {
	if len(owners) == 0 {
		if len(v.groups) != 1 {
			v.Count(v.ch.ID, HeardStranger)
			return true, nil
		}
		owners = []known{{group: v.groups[0]}}
	}
	waits := word == nothing || word == needs || word == help && cries(text) || word == wrong && len(owners[0].ids) > 0 // who is not told of it at another address needs a person
	for _, k := range owners {
		isNew, err := v.Inbox.Receive(ctx, gateway.InboundMessage{
			ID: gateway.NewID(), GroupID: k.group.ID, ChannelID: v.ch.ID, EventID: v.eventID(), MemberIDs: k.ids, Kind: v.ch.Kind,
			From: v.from, Text: gateway.Private(text), Meaning: string(word), At: v.at,
			ReplyTo: v.event.Inbound.ReplyTo, Waits: waits, Urgent: waits && (word == needs || emergency(text)), Hers: !doubts(word),
		})
		if err != nil {
			return false, fmt.Errorf("keep a message: %w", err)
		}
		fresh = fresh || isNew
	}
	return fresh, nil
}

// eventID names the event for the ledger, which takes each once. It names her besides: what a provider numbers badly must not
// let one person's words pass for another's.
func (v *visit) eventID() string {
	if v.event.ID == "" {
		return ""
	}
	return v.event.ID + " " + v.from.Reveal()
}

// overtaken says whether she did something else about this contact point since. What this very event did does not count: it
// may have been cut off after the first of several groups. An event without a time can only be trusted to stop.
func (v *visit) overtaken(ctx context.Context, owners []known, word meaning) (bool, error) {
	if v.event.At.IsZero() {
		return word != stop && word != stopAll && word != wrong, nil
	}
	return v.anySince(ctx, owners, func(c gateway.Consent) bool {
		return c.Source != wished && !c.At.Before(v.at.Truncate(time.Microsecond)) && !strings.HasSuffix(c.Proof.Reveal(), v.mark())
	})
}

// stoppedSince says whether a STOP is newer than this event, which waited somewhere: at the provider, or in the spool of
// another process.
func (v *visit) stoppedSince(ctx context.Context, owners []known) (bool, error) {
	if v.event.At.IsZero() {
		return false, nil
	}
	return v.anySince(ctx, owners, func(c gateway.Consent) bool { return !c.Granted && c.At.After(v.at) })
}

// anySince looks for evidence about this contact point.
func (v *visit) anySince(ctx context.Context, owners []known, is func(gateway.Consent) bool) (bool, error) {
	for _, k := range owners {
		for _, m := range k.members {
			point, ok := v.point(m)
			if !ok {
				continue
			}
			evidence, err := v.Members.Evidence(ctx, k.group.ID, m.ID)
			if err != nil {
				return false, fmt.Errorf("read what she did since: %w", err)
			}
			if slices.ContainsFunc(evidence, func(c gateway.Consent) bool {
				return c.PointID == point.ID && is(c)
			}) {
				return true, nil
			}
		}
	}
	return false, nil
}

// late is how old, as the provider says, something may be that we hear as it comes.
const late = time.Minute

// point finds the contact point of a member that the event came from.
func (v *visit) point(m gateway.Member) (gateway.ContactPoint, bool) {
	i := slices.IndexFunc(m.Points, func(p gateway.ContactPoint) bool { return p.Kind == v.ch.Kind && p.Address == v.from })
	if i < 0 {
		return gateway.ContactPoint{}, false
	}
	return m.Points[i], true
}

// stop stops the address in every group of the channel: who writes STOP to a number that several groups share means
// whoever writes from it. One of those that knew her then says how to return.
func (v *visit) stop(ctx context.Context, owners []known, provided bool) error {
	for _, g := range v.groups {
		if _, err := v.Consents.StopAddress(ctx, g.ID, v.ch.Kind, v.from, v.proof("STOP", false, "member")); err != nil {
			return fmt.Errorf("stop an address: %w", err)
		}
	}
	v.farewells(ctx, owners, templates.Stopped, provided)
	return nil
}

// confirm takes what she said for a yes to what she was last asked about, of each group that could only ask her so far, and welcomes her; it
// gives the groups that did. The evidence quotes it. A yes of somebody who was not asked says nothing.
func (v *visit) confirm(ctx context.Context, owners []known, said string) (welcomed []gateway.ID, err error) {
	for _, k := range owners {
		still := slices.ContainsFunc(k.members, func(m gateway.Member) bool { p, ok := v.point(m); return ok && p.State == gateway.PointStale })
		if still {
			if err := v.reaffirm(ctx, k); err != nil {
				return welcomed, err
			}
			if len(welcomed) == 0 { // it speaks for all, as farewells do
				v.answer(ctx, k, templates.Started, nil)
			}
			welcomed = append(welcomed, k.group.ID)
		}
		for _, m := range k.members { // another at a shared address may have been asked besides
			point, ok := v.point(m)
			if !ok || point.State != gateway.PointUnconfirmed {
				continue
			}
			asked, err := v.Guests.Asked(ctx, k.group.ID, m.ID)
			if errors.Is(err, gateway.ErrNotFound) {
				continue
			}
			if err != nil {
				return welcomed, fmt.Errorf("read what she was asked: %w", err)
			}
			proof := v.proof(said, true, "member")
			if point.Shared {
				proof = v.proof(said+" of somebody at this address, which several members share", true, "member")
			}
			proof.Wording, proof.Locale = asked.Wording, asked.Locale
			if _, err := v.Consents.ConfirmAddress(ctx, k.group.ID, v.ch.Kind, v.from, asked.Topics, proof); err != nil {
				return welcomed, fmt.Errorf("confirm an address: %w", err)
			}
			if err := v.welcome(ctx, k, m, point.ID, asked.Topics); err != nil { // she is in all the same, and a second try would find nothing to welcome
				v.Log.Error("a yes is not answered", "channel", v.ch.ID, "group", k.group.ID, "error", err)
			}
			welcomed = append(welcomed, k.group.ID)
			break // the address is confirmed for all who share it
		}
	}
	return welcomed, nil
}

// wording names the version of the words of a text.
func (v *visit) wording(ctx context.Context, group gateway.ID, name string) (string, error) {
	own, err := v.Groups.Wordings(ctx, group)
	if err != nil {
		return "", fmt.Errorf("read the group's wordings: %w", err)
	}
	sources := templates.ShippedText(name)
	maps.Copy(sources, own[name])
	return templates.Version(name, sources), nil
}

// proof is the evidence of what she said.
func (v *visit) proof(said string, granted bool, source string) gateway.Consent {
	return gateway.Consent{
		Granted: granted, At: v.at, Source: source,
		Proof: gateway.Private(fmt.Sprintf("%s, received over channel %s", said, v.ch.Name) + v.mark()),
	}
}

// mark ends the proofs of one event.
func (v *visit) mark() string { return ", event " + hex.EncodeToString(v.key[:8]) }

// replyKey makes one answer of one event, however often the event comes.
func (v *visit) replyKey(what string) string {
	key := v.key
	if v.event.ID == "" {
		key = keyOf(v.ch.ID, gateway.NewID().String())
	}
	return "answer:" + what + ":" + hex.EncodeToString(key[:])
}
