package inbound

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/language"
	"golang.org/x/text/unicode/norm"

	"github.com/carillon-gateway/carillon/channels/content"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/templates"
)

// joins is what a message means that is the code of an invitation.
const joins meaning = "join"

// Guests takes in those who were invited.
type Guests interface {
	gateway.Enrolments
	gateway.Tries
}

// What a stranger may do. A code of eight digits is guessed by 200 tries an hour with a chance of one in 20,000 a day for
// each live invitation. How often strangers are answered is limited by gateway.AskLimits.
const (
	guessesOfNumber  = 6   // codes from one address in an hour
	guessesOfChannel = 200 // wrong codes over one channel in an hour; then it is deaf to all codes
)

// codeIn finds the code of an invitation in a message: its eight digits, in any script and however they are set apart,
// with or without the word JOIN before them; or a link's secret behind JOIN, or behind the /start of a deep link
// (core.telegram.org/bots/features#deep-linking).
func codeIn(text string) gateway.Private {
	if len(text) > 128 {
		return ""
	}
	words := strings.Fields(norm.NFKC.String(text))
	if len(words) == 2 {
		first, _, _ := strings.Cut(words[0], "@")
		if first = strings.ToUpper(strings.TrimPrefix(first, "/")); (first == "START" || first == "JOIN") && gateway.IsLinkSecret(words[1]) {
			return gateway.Private(words[1])
		}
	}
	if code := digitsIn(text); len(code) == gateway.CodeDigits {
		return gateway.Private(code)
	}
	return ""
}

// digitsIn gives the digits of a message that is nothing but digits, in any script and however they are set apart, with or
// without the word JOIN before them; empty: it says something else.
func digitsIn(text string) string {
	if len(text) > 128 {
		return ""
	}
	words := strings.Fields(norm.NFKC.String(text))
	if len(words) > 1 && strings.ToUpper(words[0]) == "JOIN" {
		words = words[1:]
	}
	var code strings.Builder
	for _, r := range strings.Join(words, "") {
		switch d := content.Digit(r); {
		case d >= 0:
			code.WriteByte('0' + byte(d))
		case r == '-' || unicode.Is(unicode.Cf, r):
		default:
			return ""
		}
	}
	return code.String()
}

// invited finds the invitation whose code a message is; nil: it is none, or nobody listens to more guesses from there. A
// code that is wrong, used up, over or revoked is a message like any other, and nobody is answered.
func (v *visit) invited(ctx context.Context, text string) (*gateway.Invitation, error) {
	code := codeIn(text)
	if code == "" {
		return nil, nil
	}
	if room, err := v.mayGuess(ctx); err != nil || !room {
		return nil, err
	}
	for _, g := range v.groups {
		i, err := v.Guests.InvitationByCode(ctx, g.ID, code)
		if err == nil {
			return &i, nil
		}
		if !errors.Is(err, gateway.ErrNotFound) {
			return nil, fmt.Errorf("find an invitation: %w", err)
		}
	}
	return nil, v.guessed(ctx)
}

// who names the address for counting.
func (v *visit) who() string { return v.ch.Kind + " " + v.from.Reveal() }

func (v *visit) limited(what string) {
	v.Count(v.ch.ID, HeardLimited)
	v.Log.Warn(what, "channel", v.ch.ID)
}

// join asks whoever sent the code of an invitation whether she wants what it offers. This is the one case in which a
// stranger is answered, so it is the one that somebody could make money of: her number must be of a country that the group
// sends to, and nobody is asked often.
func (v *visit) join(ctx context.Context, i gateway.Invitation) error {
	at := slices.IndexFunc(v.groups, func(g gateway.Group) bool { return g.ID == i.GroupID })
	g := v.groups[at]
	country := v.Country(v.ch.Kind, v.from)
	if !mayJoin(g, country) {
		v.limited("a code came from a country to which the group does not send")
		return nil
	}
	room, err := v.Guests.Try(ctx, 1, gateway.AskLimits(g.ID, v.ch.Kind, v.from, country)...)
	if err != nil {
		return fmt.Errorf("count who is asked: %w", err)
	}
	if !room {
		v.limited("codes come too often from one address, one range of numbers or for one group; who sent this one is not answered")
		v.notice(ctx, g)
		return nil
	}
	wording, err := v.wording(ctx, g.ID, templates.EnrolAsk)
	if err != nil {
		return err
	}
	done, err := v.Guests.Enrol(ctx, gateway.Enrolment{GroupID: g.ID, Invitation: i.ID, Kind: v.ch.Kind, Address: v.from, Locale: localeOf(g, i, country), Zone: g.Zone, Wording: wording})
	switch {
	case errors.Is(err, gateway.ErrNotFound):
		v.Count(v.ch.ID, HeardGuess) // used up meanwhile: as good as a wrong one
		return nil
	case v.hopeless(err):
		return nil
	case err != nil:
		return fmt.Errorf("take in who was invited: %w", err)
	}
	to := gateway.Audience{Members: []gateway.ID{done.Member}, Point: done.Point}
	switch done.Outcome {
	case gateway.EnrolAsk:
		err = v.Answer(ctx, g.ID, v.replyKey(templates.EnrolAsk), templates.EnrolAsk, to, topicsData(g, done.Topics))
	case gateway.EnrolAlready:
		var stale bool
		if stale, err = v.isStale(ctx, g.ID, done); err != nil {
			return err
		}
		wording := templates.EnrolAlready
		if stale { // that somebody is enrolled is not for whoever has her number now
			wording, to.Only = templates.StillYours, true
		}
		err = v.Answer(ctx, g.ID, v.replyKey(wording), wording, to, nil)
	} // else a STOP stands against the address: START comes first
	if v.hopeless(err) {
		return nil
	}
	return err
}

// isStale reports whether the contact point of somebody who is a member already was silent for so long that nobody knows whose it is.
func (v *visit) isStale(ctx context.Context, group gateway.ID, who gateway.Enrolled) (bool, error) {
	m, err := v.Members.Member(ctx, group, who.Member)
	if errors.Is(err, gateway.ErrNotFound) {
		return false, nil // erased since
	}
	if err != nil {
		return false, fmt.Errorf("read who is a member already: %w", err)
	}
	return slices.ContainsFunc(m.Points, func(p gateway.ContactPoint) bool { return p.ID == who.Point && p.State == gateway.PointStale }), nil
}

// mayJoin reports whether somebody from a country may join by message: those to which the group sends; of one that names
// none, only its own. Kinds without countries cost nothing.
func mayJoin(g gateway.Group, country string) bool {
	if len(g.Countries) == 0 && country != "" {
		return country == g.Region
	}
	return g.Allows(country)
}

// localeOf chooses the language of somebody of whom only an invitation and the country of her number are known: that of the
// invitation; that of the country, if it is foreign and speaks one of the shipped ones above all; else the group's.
func localeOf(g gateway.Group, i gateway.Invitation, country string) string {
	if i.Locale != "" {
		return i.Locale
	}
	if country == "" || country == gateway.UnknownCountry || country == g.Region {
		return g.Locale
	}
	region, err := language.ParseRegion(country)
	if err != nil {
		return g.Locale
	}
	tag, err := language.Compose(region)
	if err != nil {
		return g.Locale
	}
	base, sure := tag.Base() // as CLDR's likely subtags have it
	if sure < language.Low {
		return g.Locale
	}
	for locale := range templates.ShippedText(templates.EnrolAsk) {
		if shipped, _ := language.Make(locale).Base(); shipped == base {
			return locale
		}
	}
	return g.Locale
}

// isGuessed says whether all that is known of a member at this address is what localeOf guessed: an invitation brought her, and she
// has not said yes yet. She may read another language than she was asked in, and her yes counts in whichever it is.
func (v *visit) isGuessed(m gateway.Member) bool {
	p, ok := v.point(m)
	return ok && p.State == gateway.PointUnconfirmed && m.Ref == "" && m.Name == "" && m.Own&gateway.OwnLocale == 0
}

// yesIn gives the language in which a text is a yes; empty: in none that we have.
func yesIn(text string) string {
	for _, w := range templates.Words().Find(spoken(text)) {
		if w.Command == templates.CommandYes {
			return w.Locale
		}
	}
	return ""
}

// readsBetter takes the language of her yes for hers, where only a guess stands against it; empty: it says nothing of that.
func (v *visit) readsBetter(ctx context.Context, owners []known, locale string) error {
	if locale == "" {
		return nil
	}
	for _, k := range owners {
		for _, m := range k.members {
			if !v.isGuessed(m) {
				continue
			}
			proof := v.proof("yes, in a language of its own", true, wished)
			if p, ok := v.point(m); ok {
				proof.PointID = p.ID
			}
			if err := v.Wishes.Wish(ctx, k.group.ID, m.ID, gateway.Wish{Locale: locale}, proof); err != nil && !v.hopeless(err) {
				return fmt.Errorf("take the language of a yes: %w", err)
			}
		}
	}
	return nil
}

// topicsData gives the value of {topics}: the names of those that the group has, a line each. The text says their titles.
func topicsData(g gateway.Group, names []string) map[string]string {
	return map[string]string{"topics": strings.Join(g.TopicsOf(names), "\n")}
}

// welcome says what she gets from now on, and how to end it.
func (v *visit) welcome(ctx context.Context, k known, m gateway.Member, point gateway.ID, topics []string) error {
	return v.Answer(ctx, k.group.ID, v.replyKey(templates.Welcome), templates.Welcome, gateway.Audience{Members: []gateway.ID{m.ID}, Point: point}, topicsData(k.group, topics))
}
