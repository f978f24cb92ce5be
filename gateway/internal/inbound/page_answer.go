package inbound

import (
	"context"
	"slices"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/gateway"
)

// PageAnswer is what a member says to an alert on the page that a link of hers opens.
type PageAnswer struct {
	Group  gateway.Group
	Member gateway.Member
	Alert  gateway.ID
	Answer gateway.AlertAnswer
	Once   string // of this link and answer
}

// pageKind is the way of an answer that was given on a page.
const pageKind = "page"

// AnswerOnPage takes what a member says on a page, and gives what became of it in her language. The link shows who she is.
// ErrNotFound: there is no such alert.
func (e *Ears) AnswerOnPage(ctx context.Context, a PageAnswer) (channels.Outcome, error) {
	var said channels.Outcome
	if e.Alerts.Acknowledger == nil {
		return said, gateway.ErrNotFound
	}
	// The page may stay open for long, and what she says be asked of her again: how she is changes, and an alert climbs anew. Twice
	// within a minute is one press.
	a.Once += " " + e.Now().UTC().Format("2006-01-02T15:04")
	ch := gateway.Channel{Name: pageKind, Kind: pageKind}
	defer e.turns.take(a.Group.ID, channels.Address(a.Member.ID.String()))()
	v := visit{Ears: e, ch: ch, groups: []gateway.Group{a.Group}, key: keyOf(a.Group.ID, a.Once), at: e.Now(), said: &said,
		event: &channels.Event{ID: a.Once, Inbound: &channels.Inbound{Action: gateway.AlertAction(a.Answer, a.Alert)}}}
	owner := known{group: a.Group, ids: []gateway.ID{a.Member.ID}, members: []gateway.Member{a.Member}}
	taken, err := v.replies(ctx, []known{owner}, reply{AlertAnswer: a.Answer, alert: a.Alert})
	if err == nil && (!taken || said.Text == "" || !slices.Contains(gateway.AlertAnswers[:], a.Answer)) {
		err = gateway.ErrNotFound
	}
	return said, err
}
