package storetest

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

// held is a message of the group that waits for a second person.
func (w *world) held(key string) gateway.Release {
	now := w.clock.Now().UTC()
	hand := gateway.Hand{Label: "the desk", Token: gateway.NewID()}
	r := gateway.Release{ID: gateway.NewID(), GroupID: w.group.ID, Key: key, Fingerprint: []byte(key), State: gateway.ReleaseWaiting, Digest: "d1", Class: gateway.Alert, Why: "it is an alert", Members: 3,
		Channels: []gateway.ReleaseWay{{Kind: "sms", ChannelID: gateway.NewID(), Channel: "sms-test"}}, Hands: []gateway.Hand{hand},
		Steps: []gateway.ReleaseStep{{To: gateway.ReleaseWaiting, At: now, By: hand}}, CreatedAt: now, ExpiresAt: now.Add(time.Hour),
		Draft: &gateway.Draft{Group: w.group.ID, Key: key, Kind: gateway.KindAlert, Audience: gateway.Audience{Topic: "alerts", Tags: []string{"north"}}, Author: hand.Label, Token: hand.Token,
			Words: gateway.Words{Sources: map[string]string{"en": "The dyke may break."}}}}
	r, err := w.PutRelease(w.ctx, r, nil, r.Notice(gateway.NoticeReleaseWaits))
	w.ok(err)
	return r
}

// releases has a message wait for a second person: it is kept whole, changed by one hand at a time and by legal steps only,
// sent in the same step in which it is released, and forgotten in time.
func releases(t *testing.T, open Open) {
	w := newWorld(t, open)
	reads := func(want gateway.Release) {
		t.Helper()
		got, err := w.ReleaseByID(w.ctx, w.group.ID, want.ID)
		w.ok(err)
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("read back\n%+v, stored\n%+v", got, want)
		}
	}
	r := w.held("k1")
	reads(r)
	equal(t, "notices", len(must(w.Untold(w.ctx, 10))), 1)
	byKey, err := w.ReleaseByKey(w.ctx, w.group.ID, "k1")
	w.ok(err)
	equal(t, "by key", byKey.ID, r.ID)
	same := r
	same.ID, same.Revision = gateway.NewID(), 0
	if _, err := w.PutRelease(w.ctx, same, nil); !errors.Is(err, gateway.ErrStale) {
		t.Fatalf("a second one with its key: %v", err)
	}
	other := same
	other.GroupID = w.other.ID // a key is a group's own
	_, err = w.PutRelease(w.ctx, other, nil)
	w.ok(err)

	// An edit. What was read before it writes nothing any more.
	old := r
	r.Digest, r.Fingerprint = "d2", []byte("k1 again")
	r.Draft.Words.Sources = map[string]string{"en": "The dyke has broken."}
	r.Hands = append(r.Hands, gateway.Hand{Label: "second desk", Token: gateway.NewID()})
	r, err = w.PutRelease(w.ctx, r, nil)
	w.ok(err)
	reads(r)
	old.State = gateway.ReleaseApproved
	if _, err := w.PutRelease(w.ctx, old, nil); !errors.Is(err, gateway.ErrStale) {
		t.Fatalf("what somebody else has changed is approved: %v", err)
	}
	illegal := r
	illegal.State = gateway.ReleaseReviewed
	_, err = w.PutRelease(w.ctx, illegal, nil)
	w.fails(err, gateway.CodeConflict)

	// It is sent in the same step, or not at all.
	send := w.draft(gateway.Alert)
	send.ID, send.Key = r.ID, r.Key
	known := send
	known.ID, known.Key = gateway.NewID(), "taken"
	_, err = w.Submit(w.ctx, known, []byte("taken"), nil)
	w.ok(err)
	r.State = gateway.ReleaseApproved
	known.ID = r.ID
	_, err = w.PutRelease(w.ctx, r, &gateway.ReadyBroadcast{Broadcast: known, Fingerprint: []byte("another")}, r.Notice("release-glass"))
	w.fails(err, gateway.CodeKeyReused)
	still, err := w.ReleaseByID(w.ctx, w.group.ID, r.ID)
	w.ok(err)
	equal(t, "after a send that was refused", still.State, gateway.ReleaseWaiting)
	equal(t, "notices", len(must(w.Untold(w.ctx, 10))), 1)
	r, err = w.PutRelease(w.ctx, r, &gateway.ReadyBroadcast{Broadcast: send, Fingerprint: r.Fingerprint})
	w.ok(err)
	w.crash()
	reads(r)
	sent, err := w.Broadcast(w.ctx, w.group.ID, r.ID)
	w.ok(err)
	equal(t, "sent", sent.State, gateway.Planning)

	// Another one is overdue.
	w.clock.Wind(time.Minute)
	late := w.held("k2")
	equal(t, "overdue too early", len(must(w.OverdueReleases(w.ctx, 10))), 0)
	w.clock.Wind(time.Hour)
	overdue := must(w.OverdueReleases(w.ctx, 10))
	if len(overdue) != 2 || overdue[0].GroupID != w.other.ID || !reflect.DeepEqual(overdue[1], late) {
		t.Fatalf("overdue are %+v", overdue)
	}
	late.State = gateway.ReleaseExpired
	late, err = w.PutRelease(w.ctx, late, nil)
	w.ok(err)
	equal(t, "overdue", len(must(w.OverdueReleases(w.ctx, 10))), 1)

	// They are listed without what they say.
	list := must(w.ReleasesOf(w.ctx, w.group.ID, gateway.ID{}, 10))
	if len(list) != 2 || list[0].ID != late.ID || list[1].ID != r.ID || list[0].Draft != nil || !reflect.DeepEqual(list[1].Hands, r.Hands) {
		t.Fatalf("listed are %+v", list)
	}
	equal(t, "behind the first", len(must(w.ReleasesOf(w.ctx, w.group.ID, late.ID, 10))), 1)

	// Texts go with those of their class, who released them stays for longer.
	w.clock.Wind(gateway.PolicyOf(gateway.Alert).Keep + time.Hour)
	_, err = w.Retain(w.ctx, 100)
	w.ok(err)
	r.Draft = nil
	reads(r)
	w.clock.Wind(gateway.KeepReleases)
	_, err = w.Retain(w.ctx, 100)
	w.ok(err)
	_, err = w.ReleaseByID(w.ctx, w.group.ID, r.ID)
	w.fails(err, gateway.CodeNotFound)

	// A group's rule.
	g := w.group
	g.Release = &gateway.ReleaseRule{Alerts: true, Above: 50, Minutes: 30}
	g, err = w.PutGroup(w.ctx, g)
	w.ok(err)
	g, err = w.GroupByID(w.ctx, g.ID)
	w.ok(err)
	equal(t, "the rule", *g.Release, gateway.ReleaseRule{Alerts: true, Above: 50, Minutes: 30})
}
