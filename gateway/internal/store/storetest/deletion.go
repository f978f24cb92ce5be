package storetest

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

// deletion: a channel is deleted once nothing waits on it, is under way or has it in its place. Its secrets are gone and its name
// is free; what it carried is read as before, and what comes to it later is listed to be moved on.
func deletion(t *testing.T, open Open) {
	w := newWorld(t, open)
	heir := w.putChannel("sms-new", "sms")
	old, err := w.PutChannel(w.ctx, gateway.Channel{ID: w.sms.ID, GroupID: w.sms.GroupID, Name: w.sms.Name, Adapter: w.sms.Adapter, Kind: "sms", Options: []byte(`{"auth_token":"47110815"}`)})
	w.ok(err)
	refuses := func(says string) {
		t.Helper()
		err := w.DeleteChannel(w.ctx, old.ID, "desk")
		w.fails(err, gateway.CodeConflict)
		if !strings.Contains(err.Error(), says) {
			t.Errorf("%q does not say %q", err, says)
		}
		all, err := w.Channels(w.ctx)
		w.ok(err)
		equal(t, "channels", len(all), 3)
	}

	_, _, sent := w.one(gateway.Report, 1, "sms")
	refuses("1 wait on it, and 0 are under way")
	c := w.granted(sent)
	refuses("0 wait on it, and 1 are under way")
	w.accepted(c)
	_, _, alarm := w.one(gateway.Alert, 1, "sms")
	a := w.granted(alarm)
	w.ok(w.settle(gateway.Outcome{Attempt: a.Attempt, Token: a.Token, State: gateway.Accepted, ProviderID: "SM47110815", Cost: 1, ConfirmBy: w.clock.Now().Add(time.Hour)}))
	_, _, doubtful := w.one(gateway.Report, 1, "sms")
	d := w.granted(doubtful)
	w.inDoubt(d, w.clock.Now().Add(time.Hour))
	refuses("0 wait on it, and 2 are under way")
	w.observe(gateway.Receipt{Channel: old.ID, Attempt: a.Attempt, State: gateway.AttemptDelivered})
	w.observe(gateway.Receipt{Channel: old.ID, Attempt: d.Attempt, State: gateway.AttemptDelivered})
	w.ok(w.Replace(w.ctx, heir.ID, old.ID))
	refuses("in the place of sms-new")
	w.ok(w.Replace(w.ctx, old.ID, heir.ID))
	stopped, _, held := w.one(gateway.Report, 1, "sms")
	refuses("1 wait on it")
	w.ok(w.SetState(w.ctx, stopped.GroupID, stopped.ID, true))
	_, err = w.Strike(w.ctx, gateway.Strike{Channel: old.ID, Delivery: sent, Trouble: "filtered", After: 1, Within: time.Hour})
	w.ok(err)
	w.ok(w.SetPrices(w.ctx, old.GroupID, true, []gateway.Price{{Kind: "sms", Channel: old.Name, Currency: "EUR", Micros: 1}}))

	w.fails(w.DeleteChannel(w.ctx, gateway.NewID(), "desk"), gateway.CodeNotFound)
	w.ok(w.DeleteChannel(w.ctx, old.ID, "desk"))
	w.crash()
	w.fails(w.DeleteChannel(w.ctx, old.ID, "desk"), gateway.CodeNotFound)
	w.fails(w.Replace(w.ctx, old.ID, heir.ID), gateway.CodeNotFound)
	w.fails(w.Replace(w.ctx, heir.ID, old.ID), gateway.CodeNotFound)
	all, err := w.Channels(w.ctx)
	w.ok(err)
	equal(t, "channels", len(all), 2)
	former, err := w.FormerChannels(w.ctx)
	w.ok(err)
	equal(t, "former channels", len(former), 1)
	equal(t, "what is left of it", former[0], gateway.FormerChannel{ID: old.ID, GroupID: old.GroupID, Name: old.Name, Adapter: old.Adapter, Kind: "sms", DeletedAt: w.clock.Now(), DeletedBy: "desk"})
	heard, err := w.Listened(w.ctx)
	w.ok(err)
	equal(t, "listened to", slices.ContainsFunc(heard, func(l gateway.Listened) bool { return l.Channel == old.ID }), false)
	past, err := w.Incidents(w.ctx, old.ID, 10)
	w.ok(err)
	equal(t, "its incident was ended by", past[0].ClosedBy, "desk")
	equal(t, "notices of it", len(w.untold()), 0)
	prices, err := w.Prices(w.ctx, old.GroupID)
	w.ok(err)
	equal(t, "prices of it", len(prices), 0)
	w.is(sent, gateway.DeliveryAccepted, "")
	equal(t, "channel of its attempt", w.delivery(sent).Attempts[0].ChannelID, old.ID)
	w.recount(w.delivery(sent).BroadcastID)

	// The name is free, for a channel that knows nothing of the old one.
	fresh, err := w.PutChannel(w.ctx, gateway.Channel{GroupID: w.other.ID, Name: old.Name, Adapter: "sms", Kind: "telegram"})
	w.ok(err)
	equal(t, "it is the old one", fresh.ID == old.ID, false)
	equal(t, "its options", string(fresh.Options), "{}")

	// What was held is resumed, and listed to be moved on; so is what is planned by somebody who has not heard of it.
	stranded := func() (ids []gateway.ID) {
		t.Helper()
		claims, err := w.Stranded(w.ctx, 10)
		w.ok(err)
		for _, c := range claims {
			equal(t, "its channel", c.Channel, old.ID)
			ids = append(ids, c.Delivery)
		}
		return ids
	}
	equal(t, "while its broadcast is stopped", w.claim(held).Verdict, gateway.Held)
	equal(t, "while it is held", len(stranded()), 0)
	w.ok(w.SetState(w.ctx, stopped.GroupID, stopped.ID, false))
	_, err = w.Release(w.ctx, stopped.GroupID, stopped.ID, false, 10)
	w.ok(err)
	equal(t, "resumed", slices.Equal(stranded(), []gateway.ID{held}), true)
	w.ok(w.Advance(w.ctx, []gateway.Move{{Delivery: held, Next: gateway.Step{Kind: gateway.StepPoint, Due: w.clock.Now(), Channel: heir.ID, Point: w.delivery(held).PointID}, Detail: "its channel was deleted"}}))
	equal(t, "moved on", len(stranded()), 0)
	equal(t, "claimed over", w.granted(held).Channel, heir.ID)
}

// cappedThere: what waits for a group's cap waits, and keeps its channel.
func cappedThere(t *testing.T, open Open) {
	w := newWorld(t, open)
	w.price("", 100_000)
	w.budget(gateway.Budget{Currency: "EUR", Hard: 1})
	_, _, last := w.one(gateway.Report, 1, "sms")
	w.accepted(w.granted(last))
	_, _, over := w.one(gateway.Report, 1, "sms")
	equal(t, "over the cap", w.claim(over).Verdict, gateway.Capped)
	err := w.DeleteChannel(w.ctx, w.sms.ID, "desk")
	w.fails(err, gateway.CodeConflict)
	if !strings.Contains(err.Error(), "1 wait on it, and 0 are under way") {
		t.Error(err)
	}
}
