package fanout_test

import (
	"errors"
	"testing"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/fanout"
)

// What a second person is asked about has a digest: another text, another audience or another channel has another one. Nothing
// is stored.
func TestAnOfferIsOfOneTextOneAudienceAndTheChannelsOfTheMoment(t *testing.T) {
	st := newStage(t)
	st.enrol(who{locale: "en", points: "sms"}, who{locale: "de", points: "telegram"}, who{locale: "en"})
	offer := func(d gateway.Draft) gateway.ReleaseOffer {
		t.Helper()
		d.Group = st.group.ID
		o, err := st.f.Offer(t.Context(), d)
		st.ok(err)
		return o
	}
	d := report("r1")
	d.Words = gateway.Words{Sources: map[string]string{"en": "Done.", "de": "Fertig."}}
	first := offer(d)
	if first.Members != 2 || len(first.Channels) != len(st.list) || first.Digest != offer(d).Digest || len(first.Digest) != 64 {
		t.Fatalf("the offer is %+v", first)
	}
	edited, elsewhere := d, d
	edited.Words = gateway.Words{Sources: map[string]string{"en": "Done.", "de": "Fertig!"}}
	elsewhere.Audience.Locales = []string{"de"}
	for name, other := range map[string]gateway.Draft{"a letter": edited, "the audience": elsewhere} {
		if offer(other).Digest == first.Digest {
			t.Errorf("%s makes no difference", name)
		}
	}
	st.list = st.list[:1]
	if offer(d).Digest == first.Digest {
		t.Error("the channels make no difference")
	}
	if all, err := st.s.Broadcasts(t.Context(), st.group.ID, gateway.ID{}, 10); err != nil || len(all) != 0 {
		t.Errorf("stored: %v, %v", all, err)
	}
}

// A run of a schedule for more members than one person writes to alone waits for somebody else than its author.
func TestARunNeedsASecondPerson(t *testing.T) {
	st := newStage(t)
	st.enrol(who{locale: "en", points: "sms"}, who{locale: "en", points: "sms"})
	g := st.group
	g.Release = &gateway.ReleaseRule{Above: 1}
	_, err := st.s.PutGroup(t.Context(), g)
	st.ok(err)
	run := fanout.Run{Occurrence: gateway.Occurrence{Run: "2026-03-28T09:00"}, Schedule: gateway.Schedule{ID: gateway.NewID(), GroupID: st.group.ID, Author: "Ana",
		Action: gateway.Action{Kind: gateway.ActBroadcast, Broadcast: &gateway.ActionBroadcast{Kind: gateway.KindReport, Audience: report("x").Audience, Words: gateway.Words{Sources: map[string]string{"en": "Done."}}}}}}
	for by, needs := range map[string]bool{"": true, " ana": true, "Ben": false} {
		run.Occurrence.By = by
		if _, err := st.f.Ready(t.Context(), run); errors.Is(err, gateway.ErrUnapproved) != needs || !needs && err != nil {
			t.Errorf("sent by %q: %v", by, err)
		}
	}
	run.Occurrence.By, run.Trial = "", true
	if _, err := st.f.Ready(t.Context(), run); err != nil {
		t.Errorf("it can be kept: %v", err)
	}
}
