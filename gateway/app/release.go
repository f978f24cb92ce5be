package app

import (
	"context"
	"errors"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/release"
	"github.com/carillon-gateway/carillon/scheduler/report"
)

// broadcasts is what people do with broadcasts: what they hand in may need a second person.
type broadcasts struct {
	*release.Desk
	sent
	groups  gateway.Groups
	reports *report.Desk
}

// Resume lets a stopped broadcast go on. An edition that was corrected goes on with its correction.
func (b broadcasts) Resume(ctx context.Context, group, broadcast gateway.ID) error {
	err := b.sent.Resume(ctx, group, broadcast)
	if !errors.Is(err, gateway.ErrReplaced) {
		return err
	}
	g, err := b.groups.GroupByID(ctx, group)
	if err != nil {
		return err
	}
	return b.reports.GoOn(ctx, g, broadcast)
}

// sent is what is done to broadcasts that were sent.
type sent interface {
	Stop(ctx context.Context, group, broadcast gateway.ID) error
	Resume(ctx context.Context, group, broadcast gateway.ID) error
	Replay(ctx context.Context, group, broadcast gateway.ID) (int, error)
	Ask(ctx context.Context, group gateway.ID, topics []string, author string) (gateway.HandedIn, error)
}

// noteRule has owners and approvers told when the rule asks for a second person less often than before: one person alone could
// otherwise free herself of it unseen.
func noteRule(ctx context.Context, store gateway.Notices, before, now gateway.Group) error {
	if !now.Release.Weaker(before.Release) {
		return nil
	}
	return store.PutNotice(ctx, gateway.OwnerNotice{Once: gateway.NoticeReleaseRule + "/" + gateway.NewID().String(), GroupID: now.ID, Wording: gateway.NoticeReleaseRule})
}
