package fanout

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/carillon-gateway/carillon/channels/content"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/templates"
)

// The words of alerts, each a shipped text that a group may lay its own over.
const (
	alertText      = "alert"
	alertUpdate    = "update"
	alertClear     = "all-clear"
	alertWithdrawn = "alert-withdrawn"
	alertQuestion  = "alert-question"
	ackTaken       = "ack-taken"
	ackThanks      = "ack-thanks"
	rollReminder   = "roll-reminder"
	exercisePrefix = "exercise-prefix"
	exerciseSuffix = "exercise-suffix"
)

// ReadyAlert checks a message of an alert, as Submit does a draft, and stores nothing.
func (f *Fanout) ReadyAlert(ctx context.Context, m gateway.AlertMessage) (*gateway.ReadyBroadcast, error) {
	b, t, o, err := f.alert(ctx, m)
	if err == nil && m.Effect.Kind.Requests() {
		err = f.anyWay(ctx, t, o.First)
	}
	if err != nil {
		return nil, err
	}
	print := sha256.Sum256([]byte(b.Key)) // what is decided under a key does not change
	return &gateway.ReadyBroadcast{Broadcast: *b, Fingerprint: print[:], Opening: o}, nil
}

// AlertLanguages counts the members who would read a message of an alert in which language, as Preview does of a draft. Nobody is no
// fault.
func (f *Fanout) AlertLanguages(ctx context.Context, m gateway.AlertMessage) ([]gateway.PreviewLanguage, error) {
	_, t, _, err := f.alert(ctx, m)
	if errors.Is(err, &gateway.Fault{Code: gateway.CodeNobody}) {
		return []gateway.PreviewLanguage{}, nil
	}
	if err != nil {
		return nil, err
	}
	p, err := f.count(ctx, t)
	return p.Languages, err
}

// alert makes a message of an alert ready: its broadcast, its texts, and what it began from.
func (f *Fanout) alert(ctx context.Context, m gateway.AlertMessage) (*gateway.Broadcast, *texts, *gateway.Opening, error) {
	a, e, o := &m.Alert, &m.Effect, m.Opening
	var err error
	if o == nil {
		if o, err = f.opening(ctx, a.GroupID, m.Audience, gateway.PolicyOf(a.Class()).Lane); err != nil {
			return nil, nil, nil, err
		}
	}
	name := wordingOf(e.Kind, a.Climb.Text > 0)
	sources := templates.ShippedText(name)
	maps.Copy(sources, o.Wordings[name])
	if e.Kind.Says() || e.Kind == gateway.AlertSayClear || e.Kind == gateway.AlertWithdraw {
		if sources, err = inLanguages(name, sources, a.Saying.Texts); err != nil {
			return nil, nil, nil, err
		}
	}
	now, policy := f.Now(), gateway.PolicyOf(a.Class())
	if e.Window > 0 {
		policy.Window = e.Window
	}
	words := gateway.Words{Sources: sources, Data: alertData(&m, &o.Group, now), Alert: &gateway.AlertWords{Texts: a.Saying.Texts, Exercise: a.Exercise}}
	switch e.Kind {
	case gateway.AlertSayClear:
		words.Alert.Details = a.Saying.Clear
	case gateway.AlertWithdraw:
		words.Alert.Details = a.Saying.Withdrawn
	}
	words.Ask = asking(a, e, cmp.Or(m.Code, a.Reference))
	expires := now.Add(policy.Expires)
	if e.Kind.Says() && a.Saying.Until.Before(expires) { // or the alert's end
		expires = a.Saying.Until
	}
	b := gateway.Broadcast{ID: gateway.NewID(), GroupID: a.GroupID, Key: m.Key, Kind: gateway.Kind(name), Class: a.Class(), Audience: m.Audience, Words: words, Sensitive: a.Saying.Sensitive,
		Author: a.Author, State: gateway.Planning, Policy: policy, CreatedAt: now, StartAt: now, ExpiresAt: expires}
	t, err := f.readyFrom(ctx, &b, o)
	return &b, t, o, err
}

// anyWay refuses a request that would leave for nobody: whoever is meant and cannot be told is not waited for.
func (f *Fanout) anyWay(ctx context.Context, t *texts, first []gateway.Recipient) error {
	n, why := 0, ""
	for page, err := range f.audience(ctx, t.b, first) {
		if err != nil {
			return err
		}
		for i := range page {
			d := t.decide(&page[i])
			if d.way >= 0 {
				return nil
			}
			if d.meant {
				n++
				why = cmp.Or(why, d.why)
			}
		}
	}
	return gateway.Faultf(gateway.CodeNobody, "%s", untold(n, why))
}

// untold says of how many nobody can be told, and why not the first.
func untold(n int, why string) string {
	switch n {
	case 0:
		return "nobody is meant"
	case 1:
		return "the only one who is meant " + why
	}
	return fmt.Sprintf("none of the %d who are meant can be told: the first %s", n, why)
}

// Untold says why nobody to whom a rule applies could be told of a message of a class; empty: somebody could.
func (f *Fanout) Untold(ctx context.Context, group gateway.ID, class gateway.Class, a gateway.Audience) (string, error) {
	g, err := f.store.Groups.GroupByID(ctx, group)
	if err != nil {
		return "", err
	}
	t := &texts{log: f.Log, b: gateway.Broadcast{GroupID: group, Class: class, Policy: gateway.PolicyOf(class), Audience: a}, group: g, ways: f.ways(group, gateway.ID{})}
	n, why := 0, ""
	for page, err := range f.audience(ctx, t.b, nil) {
		if err != nil {
			return "", err
		}
		for i := range page {
			n++
			for j := range page[i].Points {
				p := &page[i].Points[j]
				open, meant, because := t.admits(&page[i], p)
				switch {
				case !meant:
					because = whyNoConsent
				case open && !g.Allows(p.Country):
					because = whyCountry
				case open && t.wayFor(p.Kind) < 0:
					because = whyNoChannel
				case open:
					return "", nil
				}
				why = cmp.Or(why, because)
			}
			why = cmp.Or(why, whyNoPoint)
		}
	}
	return untold(n, why), nil
}

// asking says what a message of an alert asks: whom the policy asks, to take charge; whoever is told of a danger to life, how
// she is. No message asks both.
func asking(a *gateway.AlertCase, e *gateway.AlertEffect, number string) *gateway.AskWords {
	switch {
	case e.Kind.Requests():
		return &gateway.AskWords{Alert: a.ID, Number: number, Answers: []gateway.AlertAnswer{gateway.AnswerTake}, Nobody: e.Kind == gateway.AlertLast && len(a.Climb.Charge) == 0}
	case e.Kind == gateway.AlertRemind, e.Kind.Says() && a.DangerToLife:
		return &gateway.AskWords{Alert: a.ID, Number: a.Reference, Answers: []gateway.AlertAnswer{gateway.AnswerSafe, gateway.AnswerHelp}}
	}
	return nil
}

// wordingOf names the text of an effect; new steps of an alert that was updated say the update.
func wordingOf(k gateway.AlertEffectKind, updated bool) string {
	switch k {
	case gateway.AlertRenew:
		return alertUpdate
	case gateway.AlertSayClear:
		return alertClear
	case gateway.AlertWithdraw:
		return alertWithdrawn
	case gateway.AlertThank:
		return ackThanks
	case gateway.AlertSayTaken:
		return ackTaken
	case gateway.AlertAskEnd:
		return alertQuestion
	case gateway.AlertRemind:
		return rollReminder
	}
	if updated {
		return alertUpdate
	}
	return alertText
}

// inLanguages keeps the languages in which an alert is written.
func inLanguages(name string, sources map[string]string, texts map[string]gateway.AlertText) (map[string]string, error) {
	kept := map[string]string{}
	for _, locale := range slices.Sorted(maps.Keys(texts)) {
		for have, source := range sources {
			if have == locale || kept[have] == "" && same(have, locale) {
				kept[have] = source
			}
		}
	}
	if len(kept) == 0 {
		return nil, gateway.Faultf(gateway.CodeInvalid, "texts: there is no %q in %s; write it in a language that there is, or lay words of your own over it", name, strings.Join(slices.Sorted(maps.Keys(texts)), ", "))
	}
	return kept, nil
}

// alertData gives the values that are the same in every language, and, for the check of the text, one language's of the rest.
func alertData(m *gateway.AlertMessage, g *gateway.Group, now time.Time) map[string]string {
	a := &m.Alert
	instant := func(t time.Time) string { return t.UTC().Format(time.RFC3339) }
	contact := g.Name
	if g.Replies != nil && g.Replies.Contact != "" {
		contact = g.Replies.Contact
	}
	danger := "other"
	if a.DangerToLife {
		danger = "life"
	}
	ended := now
	if !a.EndedAt.IsZero() {
		ended = a.EndedAt
	}
	data := map[string]string{"danger": danger, "until": instant(a.Saying.Until), "next": instant(a.Saying.Next), "ended": instant(ended), "code": cmp.Or(m.Code, a.Reference), "contact": contact}
	maps.Copy(data, m.Effect.Who.Words())
	if m.Audience.Names().IsZero() { // else it is put in when it leaves
		data[templates.Name] = templates.Nameless
	}
	for _, locale := range slices.Sorted(maps.Keys(a.Saying.Texts)) {
		maps.Copy(data, partsOf(a.Saying.Texts[locale], contact))
		break
	}
	return data
}

func partsOf(t gateway.AlertText, contact string) map[string]string {
	return map[string]string{"source": t.Source, "what": t.What, "where": t.Where, "do": t.Do, "legal": cmp.Or(t.Legal, contact), "details": t.Details}
}

// frames are the texts around an alert's.
type frames struct{ prefix, suffix *templates.Set }

func (t *texts) withAlert(wording wordingSource) error {
	t.alert, t.shipped = &frames{}, true
	if !t.b.Words.Alert.Exercise { // reading both in every language takes longer than all the rest of a message
		return nil
	}
	for name, set := range map[string]**templates.Set{exercisePrefix: &t.alert.prefix, exerciseSuffix: &t.alert.suffix} {
		var err error
		if *set, err = piece(wording, name, t.data); err != nil {
			return gateway.Faultf(gateway.CodeInvalid, "the group's own text %q cannot be used: %w", name, err)
		}
	}
	return nil
}

// renderAlert writes an alert in one language: an exercise says so first and last.
func (t *texts) renderAlert(text templates.Result, r templates.Reader, base templates.Data) (content.Document, error) {
	w := t.b.Words.Alert
	data := maps.Clone(base)
	contact, _ := base["contact"].(string)
	for _, locale := range slices.Sorted(maps.Keys(w.Texts)) {
		if locale == text.Locale || same(locale, text.Locale) {
			for name, value := range partsOf(w.Texts[locale], contact) {
				data[name] = value
			}
			if w.Details != nil {
				data["details"] = w.Details[locale]
			}
			break
		}
	}
	doc, err := text.Render(r, data)
	if err != nil {
		return doc, err
	}
	reads := templates.Reader{Chain: append(t.chain(text.Locale, nil), lastResort), Zone: r.Zone, Now: r.Now}
	frame := func(set *templates.Set) (content.Document, error) {
		piece, _, err := set.Render(reads, data)
		return piece, err
	}
	short := func(first, text, last string) string {
		if doc.Short == "" { // it follows from the blocks
			return ""
		}
		if last != "" { // on a line of its own, for a text ends with a name as it likes
			text += "\n" + last
		}
		return strings.TrimSpace(first + " " + text)
	}
	if w.Exercise {
		first, err := frame(t.alert.prefix)
		if err != nil {
			return doc, err
		}
		last, err := frame(t.alert.suffix)
		if err != nil {
			return doc, err
		}
		doc.Blocks = append(append(slices.Clone(first.Blocks), doc.Blocks...), last.Blocks...)
		if doc.Subject != "" {
			doc.Subject = first.Short + " " + doc.Subject
		}
		doc.Short = short(first.Short, doc.Short, last.Short)
	}
	return doc, nil
}

// Meant lists members who are meant by a rule, in order of their ids, at most limit of them.
func (f *Fanout) Meant(ctx context.Context, group gateway.ID, a gateway.Audience, limit int) ([]gateway.ID, error) {
	var all []gateway.ID
	for page, err := range f.audience(ctx, gateway.Broadcast{GroupID: group, Audience: a}, nil) {
		if err != nil {
			return all, err
		}
		for i := range page { // whoever has not consented is on it too
			if !reachable(&page[i]) {
				continue
			}
			if all = append(all, page[i].Member); len(all) == limit {
				return all, nil
			}
		}
	}
	return all, nil
}

// reachable reports whether a member has a contact point that takes the topic.
func reachable(r *gateway.Recipient) bool {
	return slices.ContainsFunc(r.Points, func(p gateway.PointRef) bool {
		return (p.State == gateway.PointActive || p.State == gateway.PointStale) && p.Subscribed
	})
}
