package app

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/inbound"
	"github.com/carillon-gateway/carillon/gateway/internal/web"
	"github.com/carillon-gateway/carillon/scheduler/escalation"
	"github.com/carillon-gateway/carillon/templates"
)

// callFor is how long the alert of a member who needs help stands before those on duty are asked whether it is over.
const callFor = 2 * time.Hour

// answering is what the pages stand on at which alerts are answered.
func (a *App) answering() web.Answering {
	return web.Answering{Alerts: a.store, Broadcasts: a.store, Seal: a.ring.Suppression().Of,
		Answer: func(ctx context.Context, g gateway.Group, m gateway.Member, alert gateway.ID, answer gateway.AlertAnswer, once string) (string, error) {
			said, err := a.ears.AnswerOnPage(ctx, inbound.PageAnswer{Group: g, Member: m, Alert: alert, Answer: answer, Once: once})
			return said.Text, err
		}}
}

// answersTo is what answers to alerts stand on.
func (a *App) answersTo(desk *escalation.Desk) inbound.Alerts {
	return inbound.Alerts{Acknowledger: desk, Cases: a.store, Reports: a.store, OnDuty: atDuty{a.rotas}, Raise: func(ctx context.Context, group gateway.ID, by gateway.AlertHand) (bool, error) {
		return a.raiseFor(ctx, desk, group, by)
	}}
}

// raiseFor opens the alert of a member who needs help, by the policy of her group that says so. While one that she raised is
// open, it is that one: who cries twice is heard once more, not counted twice. It climbs as far as the policy goes: to another
// group only where a step or the last resort names that one.
func (a *App) raiseFor(ctx context.Context, desk *escalation.Desk, group gateway.ID, by gateway.AlertHand) (bool, error) {
	policies, err := a.store.AlertPolicies(ctx, group)
	if err != nil {
		return false, fmt.Errorf("read the group's policies: %w", err)
	}
	i := slices.IndexFunc(policies, func(p gateway.AlertPolicy) bool { return p.Members })
	if i < 0 {
		return false, nil
	}
	by.Label = by.Role()
	recent, err := a.store.Alerts(ctx, group, gateway.ID{}, 50)
	if err != nil {
		return false, fmt.Errorf("look for an alert that she raised: %w", err)
	}
	for _, c := range recent {
		if c.Author != by.Label || !c.State.Open() {
			continue
		}
		first, err := a.store.AlertEvents(ctx, group, c.ID, 0, 1)
		if err != nil {
			return false, fmt.Errorf("look who raised an alert: %w", err)
		}
		if len(first) == 1 && slices.Equal(first[0].By.Members, by.Members) { // of shared addresses all have one label
			return true, nil
		}
	}
	g, err := a.store.GroupByID(ctx, group)
	if err != nil {
		return false, err
	}
	own, err := a.store.Wordings(ctx, g.ID)
	if err != nil {
		return false, fmt.Errorf("read the group's wordings: %w", err)
	}
	texts, err := callTexts(own[templates.HelpCall], g.Name, by, a.Now())
	if err != nil {
		return false, err
	}
	now := a.Now()
	_, err = desk.Raise(ctx, g, gateway.AlertDraft{Policy: policies[i].Name, Saying: gateway.AlertSaying{Texts: texts, Until: now.Add(callFor), Next: now.Add(callFor / 2)}, Reason: "a member needs help", Released: true}, by)
	return err == nil, err
}

// callTexts says in every language that a member needs help: who it is, by her pseudonym, and nothing of what she wrote. own is the
// group's wording.
func callTexts(own map[string]string, group string, by gateway.AlertHand, now time.Time) (map[string]gateway.AlertText, error) {
	set, err := templates.Wording(templates.HelpCall, own)
	if err != nil {
		if set, err = templates.Wording(templates.HelpCall, nil); err != nil {
			return nil, err
		}
	}
	texts := map[string]gateway.AlertText{}
	for locale := range maps.Keys(templates.ShippedText(templates.HelpCall)) {
		doc, _, err := set.Render(templates.Reader{Chain: []string{locale}, Now: now}, templates.Text(by.Words()))
		if err != nil {
			return nil, err
		}
		where := doc
		where.Subject = ""
		texts[locale] = gateway.AlertText{Source: group, What: bare(doc.Subject), Where: bare(where.Plain()), Do: bare(doc.Short)}
	}
	return texts, nil
}

// bare takes away the marks that keep a value of the other direction apart: what they stand in becomes a value itself, which may hold
// none and gets its own.
func bare(text string) string {
	return strings.Map(func(r rune) rune {
		if r >= '\u2066' && r <= '\u2069' {
			return -1
		}
		return r
	}, text)
}
