package postgres

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

// yard is a ledger with a group, a channel and members, for tests and benchmarks that need many deliveries.
type yard struct {
	testing.TB
	ctx     context.Context
	s       *Store
	group   gateway.Group
	channel gateway.Channel
	members []gateway.Recipient
}

func newYard(t testing.TB, url string, members int) *yard {
	t.Helper()
	y := &yard{TB: t, ctx: context.Background()}
	s, err := Open(y.ctx, Options{URL: url, Ring: newRing(t)})
	y.ok(err)
	y.s = s
	t.Cleanup(func() { _ = s.Close() })
	y.group, err = s.PutGroup(y.ctx, gateway.Group{Slug: "harbour", Name: "The harbour", Locale: "en", Zone: "UTC", Region: "DE", Topics: []gateway.Topic{{Name: "reports", Title: "Reports"}}})
	y.ok(err)
	y.channel, err = s.PutChannel(y.ctx, gateway.Channel{Name: "sms", Adapter: "sms", Kind: "sms"})
	y.ok(err)
	imp := gateway.NewID()
	y.ok(s.BeginImport(y.ctx, gateway.Import{ID: imp, GroupID: y.group.ID, Author: "the office", At: time.Now()}))
	for lo := 0; lo < members; lo += 500 {
		var rows []gateway.StagedMember
		for i := lo; i < min(members, lo+500); i++ {
			p := gateway.NewID()
			rows = append(rows, gateway.StagedMember{Line: i + 1, Member: gateway.Member{Locale: "en", Zone: "UTC", Points: []gateway.ContactPoint{{ID: p, Kind: "sms", Address: gateway.Private(fmt.Sprintf("+1555%07d", i)), State: gateway.PointActive, Topics: []string{"reports"}}}},
				Consents: []gateway.Consent{{PointID: p, Topic: "reports", Granted: true, Wording: "v1", Locale: "en", At: time.Now(), Proof: "paper", Source: "import"}}})
		}
		_, err := s.Stage(y.ctx, y.group.ID, imp, rows)
		y.ok(err)
	}
	y.ok(s.Publish(y.ctx, y.group.ID, imp))
	var after gateway.ID
	for {
		page, err := s.Recipients(y.ctx, y.group.ID, gateway.Audience{Topic: "reports"}, after, 500)
		y.ok(err)
		y.members = append(y.members, page...)
		if len(page) < 500 {
			return y
		}
		after = page[len(page)-1].Member
	}
}

func (y *yard) ok(err error) {
	y.Helper()
	if err != nil {
		y.Fatal(err)
	}
}

// plan writes a broadcast with a delivery for every member, due now, and gives their identifiers.
func (y *yard) plan() (gateway.Broadcast, []gateway.ID) {
	y.Helper()
	now := time.Now()
	b := gateway.Broadcast{ID: gateway.NewID(), GroupID: y.group.ID, Key: gateway.NewID().String(), Kind: gateway.KindReport, Class: gateway.Report, Audience: gateway.Audience{Topic: "reports"},
		Words: gateway.Words{Sources: map[string]string{"en": "Hello"}}, Policy: gateway.PolicyOf(gateway.Report), CreatedAt: now, StartAt: now, ExpiresAt: now.Add(time.Hour)}
	_, err := y.s.Submit(y.ctx, b, []byte("print"), nil)
	y.ok(err)
	var ids []gateway.ID
	var after gateway.ID
	for lo := 0; lo < len(y.members); lo += gateway.MaxChunk {
		c := gateway.Chunk{Broadcast: b.ID, Group: y.group.ID, After: after, Lane: gateway.Bulk}
		for _, m := range y.members[lo:min(len(y.members), lo+gateway.MaxChunk)] {
			d := gateway.NewDelivery{ID: gateway.NewID(), MemberID: m.Member, Locale: "en", Channel: y.channel.ID, Point: m.Points[0].ID, Due: now}
			c.Deliveries, ids, after = append(c.Deliveries, d), append(ids, d.ID), m.Member
		}
		if lo == 0 {
			c.Renderings = []gateway.Rendering{{BroadcastID: b.ID, GroupID: y.group.ID, Locale: "en", Kind: "sms", Parts: [][]byte{[]byte("Hello")}, Cost: 1}}
		}
		c.Cursor, c.Last = after, lo+gateway.MaxChunk >= len(y.members)
		y.ok(y.s.Plan(y.ctx, c))
	}
	return b, ids
}

// tally reads how many deliveries of a broadcast are in each state.
func (y *yard) tally(b gateway.Broadcast) map[gateway.DeliveryState]int {
	y.Helper()
	all, err := y.s.Tallies(y.ctx, b.GroupID, b.ID)
	y.ok(err)
	counts := map[gateway.DeliveryState]int{}
	for _, t := range all {
		counts[t.State] += t.Count
	}
	return counts
}
