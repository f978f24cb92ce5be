package sqlite

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sqlite/lite"
)

// What the writer holds of attempts must be what the file holds, whatever is done to them, in whatever company, and
// whatever of it fails: before it wrote, after, by a panic, or with the end of the transaction.
func TestWhatTheWriterHoldsIsWhatIsStored(t *testing.T) {
	h := newHall(t)
	members := h.take(h.group.ID, 6)
	channel, err := h.s.PutChannel(h.ctx, gateway.Channel{Name: "sms", Adapter: "sms", Kind: "sms"})
	h.ok(err)
	held, batches := 0, 20
	if raced {
		batches = 5 // the detector makes SQLite slow
	}
	rapid.Check(t, func(r *rapid.T) {
		parts := rapid.IntRange(1, 2).Draw(r, "parts")
		ids, points := h.planned(channel.ID, members, parts)
		var claims []gateway.Claim
		claim := func(t *txn) error {
			c := gateway.Claim{Delivery: rapid.SampledFrom(ids).Draw(r, "delivery")}
			err := t.claim(c.Delivery, t.now+time.Minute.Microseconds(), &c, &sealedAddress{})
			if c.Verdict == gateway.Granted {
				claims = append(claims, c)
			}
			return err
		}
		step := func() gateway.Step {
			switch rapid.IntRange(0, 2).Draw(r, "step") {
			case 0:
				return gateway.Step{Kind: gateway.StepRetry, Due: time.Now()}
			case 1:
				return gateway.Step{Kind: gateway.StepPoint, Due: time.Now(), Point: rapid.SampledFrom(points).Draw(r, "point"), Channel: channel.ID}
			}
			return gateway.Step{Kind: gateway.StepEnd, Reason: gateway.ReasonFailed}
		}
		state := func() gateway.AttemptState {
			return rapid.SampledFrom([]gateway.AttemptState{gateway.Claimed, gateway.Accepted, gateway.InDoubt, gateway.Refused, gateway.AttemptDelivered}).Draw(r, "state")
		}
		settle := func(t *txn) error {
			if len(claims) == 0 {
				return nil
			}
			c := rapid.SampledFrom(claims).Draw(r, "claim")
			o := gateway.Outcome{Attempt: c.Attempt, Token: c.Token + int64(rapid.IntRange(0, 1).Draw(r, "stale")), State: state(), Part: rapid.IntRange(0, parts-1).Draw(r, "part"), Cost: 1,
				LookAt: time.Now(), ConfirmBy: time.Now()}
			if rapid.Bool().Draw(r, "named") {
				o.ProviderID = "SM" + c.Attempt.String()
			}
			if o.State == gateway.Refused {
				o.Refusal, o.Next = gateway.Refusal{Class: "temporary"}, step()
			}
			_, err := t.settle(&o)
			return err
		}
		observe := func(t *txn) error {
			if len(claims) == 0 {
				return nil
			}
			c := rapid.SampledFrom(claims).Draw(r, "claim")
			receipt := gateway.Receipt{Attempt: c.Attempt, Channel: c.Channel, Part: rapid.IntRange(0, parts-1).Draw(r, "part"), State: state()}
			if receipt.State == gateway.Claimed || receipt.State == gateway.InDoubt {
				receipt.State = gateway.AttemptDelivered
			}
			if receipt.State == gateway.Refused {
				receipt.Next = step()
			}
			_, err := t.observe(&receipt)
			return err
		}
		orphans := func(t *txn) error {
			_, err := t.orphans(1 << 62)
			return err
		}
		advance := func(t *txn) error {
			m := gateway.Move{Delivery: rapid.SampledFrom(ids).Draw(r, "delivery"), Next: step()}
			if len(claims) > 0 {
				m.Attempt = claims[len(claims)-1].Attempt
			}
			return t.advance(&m)
		}
		deeds := []func(*txn) error{claim, claim, settle, settle, observe, observe, orphans, advance}
		errBad := errors.New("bad")
		endings := []func(*txn) error{
			func(*txn) error { return nil }, func(*txn) error { return nil }, func(*txn) error { return nil },
			func(*txn) error { return errBad },
			func(*txn) error { panic(errBad) },
			func(t *txn) error { return errors.Join(t.Prepare("ROLLBACK").Run(), errBad) },
		}
		for range rapid.IntRange(1, batches).Draw(r, "batches") {
			var batch []func(*txn) error
			for range rapid.IntRange(1, 4).Draw(r, "together") {
				deed, ending := rapid.SampledFrom(deeds).Draw(r, "deed"), rapid.SampledFrom(endings).Draw(r, "ending")
				batch = append(batch, func(t *txn) error {
					if err := deed(t); err != nil {
						return err
					}
					return ending(t)
				})
			}
			for _, err := range h.together(batch...) {
				if err != nil && !errors.Is(err, errBad) && !errors.As(err, new(*gateway.Defect)) {
					r.Fatal(err)
				}
			}
			if rapid.IntRange(0, 3).Draw(r, "look") == 0 {
				cases, err := h.s.Doubtful(h.ctx, gateway.Claimant{ID: gateway.NewID(), Lease: time.Minute}, 3)
				h.ok(err)
				claims = append(claims, cases...)
			}
			n, err := h.compare()
			if err != nil {
				r.Fatal(err)
			}
			held += n
		}
	})
	if held == 0 {
		t.Error("the writer never held an attempt")
	}
}

// An alert is claimed in the transaction that writes it, and that fails. The next one gets its number in the ledger, and must not be taken
// for it.
func TestABroadcastThatWasRolledBackIsForgotten(t *testing.T) {
	h := newHall(t)
	members := h.take(h.group.ID, 1)
	channel, err := h.s.PutChannel(h.ctx, gateway.Channel{Name: "sms", Adapter: "sms", Kind: "sms"})
	h.ok(err)
	page, err := h.s.Recipients(h.ctx, h.group.ID, gateway.Audience{Topic: "reports"}, gateway.ID{}, 1)
	h.ok(err)
	key, err := h.s.groupKey(h.ctx, h.group.ID)
	h.ok(err)
	alert := func() (gateway.Broadcast, *gateway.Chunk) {
		now := time.Now()
		b := gateway.Broadcast{ID: gateway.NewID(), GroupID: h.group.ID, Key: "bridge", Kind: gateway.KindAlert, Class: gateway.Alert, Audience: gateway.Audience{Topic: "reports"},
			Words: gateway.Words{Sources: map[string]string{"en": "Hello"}}, Policy: gateway.PolicyOf(gateway.Alert), CreatedAt: now, StartAt: now, ExpiresAt: now.Add(time.Hour)}
		d := gateway.NewDelivery{ID: gateway.NewID(), MemberID: members[0], Locale: "en", Channel: channel.ID, Point: page[0].Points[0].ID, Due: now.Add(-time.Second)}
		return b, &gateway.Chunk{Broadcast: b.ID, Group: h.group.ID, Cursor: members[0], Last: true, Lane: gateway.Urgent, Deliveries: []gateway.NewDelivery{d},
			Renderings: []gateway.Rendering{{BroadcastID: b.ID, GroupID: h.group.ID, Locale: "en", Kind: "sms", Parts: make([][]byte, 1), Cost: 1}},
			Claiming:   &gateway.Claiming{By: gateway.Claimant{ID: gateway.NewID(), Lease: time.Minute, Urgent: true}, Deliveries: []gateway.ID{d.ID}}}
	}
	b, c := alert()
	full := errors.New("the disk is full")
	err = h.s.write.do(h.ctx, true, func(t *txn) error {
		if _, err := t.submit(&b, []byte("words"), []byte("print")); err != nil {
			return err
		}
		if err := t.plan(c, key); err != nil {
			return err
		}
		if claims, _, err := t.claimAll(c.Claiming.Deliveries, c.Claiming.By); err != nil || claims[0].Broadcast != b.ID {
			return fmt.Errorf("claimed %+v, %v", claims, err)
		}
		return full
	})
	if !errors.Is(err, full) {
		t.Fatal(err)
	}
	b, c = alert()
	_, err = h.s.Submit(h.ctx, b, []byte("print"), c)
	h.ok(err)
	if got := c.Claiming.Answers[0]; got.Broadcast != b.ID || got.Verdict != gateway.Granted {
		t.Errorf("a claim of %s is one of %s, %v", b.ID, got.Broadcast, got.Verdict)
	}
}

// planned writes a broadcast with a delivery for each member.
func (h *hall) planned(channel gateway.ID, members []gateway.ID, parts int) (ids, points []gateway.ID) {
	now := time.Now()
	b := gateway.Broadcast{ID: gateway.NewID(), GroupID: h.group.ID, Key: gateway.NewID().String(), Kind: gateway.KindReport, Class: gateway.Report, Audience: gateway.Audience{Topic: "reports"},
		Words: gateway.Words{Sources: map[string]string{"en": "Hello"}}, Policy: gateway.PolicyOf(gateway.Report), CreatedAt: now, StartAt: now, ExpiresAt: now.Add(time.Hour)}
	_, err := h.s.Submit(h.ctx, b, []byte("print"), nil)
	h.ok(err)
	c := gateway.Chunk{Broadcast: b.ID, Group: h.group.ID, Cursor: members[len(members)-1], Last: true, Lane: gateway.Bulk,
		Renderings: []gateway.Rendering{{BroadcastID: b.ID, GroupID: h.group.ID, Locale: "en", Kind: "sms", Parts: make([][]byte, parts), Cost: 1}}}
	page, err := h.s.Recipients(h.ctx, h.group.ID, gateway.Audience{Topic: "reports"}, gateway.ID{}, len(members))
	h.ok(err)
	for _, p := range page {
		d := gateway.NewDelivery{ID: gateway.NewID(), MemberID: p.Member, Locale: "en", Channel: channel, Point: p.Points[0].ID, Due: now.Add(-time.Second)}
		c.Deliveries, ids, points = append(c.Deliveries, d), append(ids, d.ID), append(points, d.Point)
	}
	h.ok(h.s.Plan(h.ctx, c))
	return ids, points
}

// compare reads what the writer holds from the file; n is how much it was.
func (h *hall) compare() (n int, err error) {
	return n, h.s.write.do(h.ctx, true, func(t *txn) error {
		n = len(t.w.live.known)
		if len(t.w.live.written) > 0 {
			return fmt.Errorf("%d attempts are noted as written by a transaction that is over", len(t.w.live.written))
		}
		for no, a := range t.w.live.known {
			var stored attempt
			if err := t.query("SELECT "+attemptColumns+" FROM attempts a WHERE a.no = ?", []any{no}, func(r *lite.Stmt) error { readAttempt(r, 0, &stored); return nil }); err != nil {
				return err
			}
			if stored != *a {
				return fmt.Errorf("held is %+v\nstored is %+v", *a, stored)
			}
		}
		return nil
	})
}
