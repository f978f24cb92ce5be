package storetest

import (
	"slices"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

// succession: a channel breaks in the middle of its work, and another takes its place. What waits moves; what is under way,
// and what may have been sent, does not, so nothing leaves twice.
func succession(t *testing.T, open Open) {
	w := newWorld(t, open)
	heir := w.putChannel("sms-new", "sms")
	retry := gateway.Step{Kind: gateway.StepRetry, Due: w.clock.Now()}

	_, _, fresh := w.one(gateway.Report, 1, "sms")
	_, _, refused := w.one(gateway.Alert, 1, "sms")
	w.refused(w.granted(refused), retry)
	later := w.returned(gateway.Step{Kind: gateway.StepRetry, Due: w.clock.Now().Add(time.Hour)})
	_, _, sending := w.one(gateway.Report, 1, "sms")
	underway := w.granted(sending)
	_, _, doubtful := w.one(gateway.Report, 1, "sms")
	w.inDoubt(w.granted(doubtful), w.clock.Now().Add(time.Hour))
	_, _, repeated := w.one(gateway.Report, 1, "sms")
	again := w.granted(repeated)
	w.inDoubt(again, w.clock.Now().Add(time.Hour))
	w.ok(w.Advance(w.ctx, []gateway.Move{{Delivery: repeated, Attempt: again.Attempt, Doubt: true, Next: retry}}))
	_, _, elsewhere := w.one(gateway.Report, 1, "telegram")

	got, err := w.TakeOver(w.ctx, 100)
	w.ok(err)
	equal(t, "moved before anything was replaced", len(got), 0)
	w.fails(w.Replace(w.ctx, w.sms.ID, gateway.NewID()), gateway.CodeNotFound)
	w.fails(w.Replace(w.ctx, gateway.NewID(), heir.ID), gateway.CodeNotFound)
	w.ok(w.Replace(w.ctx, w.sms.ID, heir.ID))
	equal(t, "replaced by", w.replacedBy(w.sms.ID), heir.ID)
	w.crash()
	equal(t, "replaced by, after a crash", w.replacedBy(w.sms.ID), heir.ID)

	for range 3 { // one at a time, as many as there are
		got, err = w.TakeOver(w.ctx, 1)
		w.ok(err)
		equal(t, "heirs", slices.Equal(got, []gateway.ID{heir.ID}), true)
	}
	got, err = w.TakeOver(w.ctx, 100)
	w.ok(err)
	equal(t, "moved once more", len(got), 0)
	for id, channel := range map[gateway.ID]gateway.ID{fresh: heir.ID, refused: heir.ID, later: heir.ID, sending: w.sms.ID, doubtful: w.sms.ID, repeated: w.sms.ID, elsewhere: w.telegram.ID} {
		d := w.delivery(id)
		equal(t, "channel", d.ChannelID, channel)
		w.recount(d.BroadcastID)
	}
	equal(t, "due on the new one", slices.Contains(w.due(heir, gateway.Bulk), fresh), true)
	equal(t, "claimed over", w.granted(fresh).Channel, heir.ID)

	// What was under way ends with the old one, and only what certainly was not sent follows.
	w.refused(underway, retry)
	got, err = w.TakeOver(w.ctx, 100)
	w.ok(err)
	equal(t, "what came back moves", slices.Equal(got, []gateway.ID{heir.ID}), true)
	equal(t, "its channel", w.delivery(sending).ChannelID, heir.ID)
	equal(t, "what was repeated", w.granted(repeated).Channel, w.sms.ID)

	// The reverse call takes it back.
	w.ok(w.Replace(w.ctx, heir.ID, w.sms.ID))
	equal(t, "taken back", w.replacedBy(w.sms.ID).IsZero(), true)
	got, err = w.TakeOver(w.ctx, 100)
	w.ok(err)
	equal(t, "goes back", slices.Equal(got, []gateway.ID{w.sms.ID}), true)
	equal(t, "the channel of what waits", w.delivery(refused).ChannelID, w.sms.ID)
	w.is(refused, gateway.Waiting, "")
}

// returned is a delivery of one text message that was refused and waits for a step.
func (w *world) returned(next gateway.Step) gateway.ID {
	w.Helper()
	_, _, id := w.one(gateway.Report, 1, "sms")
	w.refused(w.granted(id), next)
	return id
}

func (w *world) replacedBy(id gateway.ID) gateway.ID {
	w.Helper()
	all, err := w.Channels(w.ctx)
	w.ok(err)
	i := slices.IndexFunc(all, func(c gateway.Channel) bool { return c.ID == id })
	return all[i].ReplacedBy
}
