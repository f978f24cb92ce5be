package storetest

import (
	"slices"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

// listening: a channel is heard until noon, then nobody listens for thirty hours, and the provider forgot six of them.
func listening(t *testing.T, open Open) {
	w := newWorld(t, open)
	find := func(id gateway.ID) gateway.Listened {
		t.Helper()
		all, err := w.Listened(w.ctx)
		w.ok(err)
		i := slices.IndexFunc(all, func(l gateway.Listened) bool { return l.Channel == id })
		return all[i]
	}
	shown := func(id gateway.ID) *gateway.HearingGap {
		t.Helper()
		all, err := w.Channels(w.ctx)
		w.ok(err)
		return all[slices.IndexFunc(all, func(c gateway.Channel) bool { return c.ID == id })].Gap
	}
	signs := func() (found []gateway.Sign) {
		t.Helper()
		all, err := w.Signs(w.ctx)
		w.ok(err)
		for _, s := range all {
			if s.Code == gateway.NotHeard {
				found = append(found, s)
			}
		}
		return found
	}
	equal(t, "never heard", find(w.sms.ID).HeardAt.IsZero(), true)
	noon := w.clock.Now()
	w.ok(w.Heard(w.ctx, w.sms.ID))
	w.clock.Wind(30 * time.Hour)
	l := find(w.sms.ID)
	equal(t, "heard at", l.HeardAt.Equal(noon), true)
	equal(t, "silent", l.Silent.Round(time.Minute), 30*time.Hour)
	equal(t, "another channel", find(w.telegram.ID).HeardAt.IsZero(), true)
	equal(t, "gap before", l.Gap == nil && shown(w.sms.ID) == nil && signs() == nil, true)

	gap := gateway.HearingGap{From: noon, Until: noon.Add(6 * time.Hour), Reason: gateway.GapForgotten}
	w.ok(w.NoteGap(w.ctx, w.sms.ID, gap))
	l = find(w.sms.ID)
	equal(t, "silent after", l.Silent.Round(time.Minute), 0)
	equal(t, "gap", *l.Gap, gap)
	equal(t, "gap of the channel", *shown(w.sms.ID), gap)
	found := signs()
	equal(t, "signs", len(found), 1)
	equal(t, "about", found[0].About, w.sms.ID)
	equal(t, "whose", found[0].GroupID, w.sms.GroupID)
	equal(t, "since", found[0].Since.Equal(noon), true)
	equal(t, "why", found[0].Part, string(gateway.GapForgotten))

	later := gateway.HearingGap{From: noon.Add(31 * time.Hour), Until: noon.Add(33 * time.Hour), Reason: gateway.GapRefused}
	w.ok(w.NoteGap(w.ctx, w.sms.ID, later))
	later.From = noon
	equal(t, "two gaps in one", *find(w.sms.ID).Gap, later)
	w.clock.Wind(gateway.GapShown + 4*time.Hour)
	equal(t, "an old gap", find(w.sms.ID).Gap == nil && shown(w.sms.ID) == nil && signs() == nil, true)
	again := gateway.HearingGap{From: w.clock.Now().Add(-time.Hour), Until: w.clock.Now(), Reason: gateway.GapUnreachable}
	w.ok(w.NoteGap(w.ctx, w.sms.ID, again))
	equal(t, "a gap after an old one", *find(w.sms.ID).Gap, again)
	w.ok(w.NoteGap(w.ctx, w.sms.ID, gateway.HearingGap{}))
	equal(t, "closed", find(w.sms.ID).Gap == nil && signs() == nil, true)
}
