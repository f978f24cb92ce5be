package storetest

import (
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/civil"
	"github.com/carillon-gateway/carillon/gateway/internal/store"
)

// phones is a rota of a group that is to be looked at in an hour.
func (w *world) phones(name string, members ...gateway.Member) gateway.Rota {
	w.Helper()
	r := gateway.Rota{GroupID: w.group.ID, Name: name, Title: "Telephone", Rotation: gateway.Rotation{Kind: gateway.RotaDays, Every: 1, Zone: "Europe/Berlin", Start: civil.At(2026, 3, 28, 8, 0, 0)}, ChangedAt: w.clock.Now(), Next: w.clock.Now().Add(time.Hour)}
	for _, m := range members {
		r.Members = append(r.Members, m.ID)
	}
	kept, err := w.PutRota(w.ctx, r, gateway.RotaSayings{})
	w.ok(err)
	return kept
}

// duty is what is said of a rota.
func (w *world) duty(key string) *gateway.ReadyBroadcast {
	b := w.draft(gateway.Account)
	b.Key = key
	return &gateway.ReadyBroadcast{Broadcast: b, Fingerprint: []byte(key)}
}

func (w *world) dueRotas() (names []string) {
	w.Helper()
	due, err := w.DueRotas(w.ctx, 10)
	w.ok(err)
	for _, r := range due {
		names = append(names, r.Name)
	}
	return names
}

// A rota is kept whole, changes by the revision that was seen, and what is said when it changes is said with it or not at all.
func rotas(t *testing.T, open Open) {
	w := newWorld(t, open)
	ann, bea := w.member("sms"), w.member("sms")
	r := w.phones("telephone", ann, bea)
	equal(t, "revision", r.Revision, 1)
	_, err := w.PutRota(w.ctx, gateway.Rota{GroupID: w.group.ID, Name: "telephone"}, gateway.RotaSayings{})
	w.fails(err, gateway.CodeConflict)

	seen := r
	r.Overrides = []gateway.RotaOverride{{ID: gateway.NewID(), From: r.Start, To: r.Start + civil.Hour, Member: bea.ID, By: "the office"}}
	r.Away = []gateway.Absence{{ID: gateway.NewID(), Member: ann.ID, From: r.Start, To: r.Start + civil.Day, By: "member"}}
	r.Swaps = []gateway.Swap{{ID: gateway.NewID(), From: ann.ID, With: bea.ID, Give: r.Start + 2*civil.Day, AskAt: w.clock.Now(), By: "the office", Told: true}}
	r.Holder, r.Noted = ann.ID, []gateway.Span{{From: w.clock.Now(), To: w.clock.Now().Add(time.Hour)}}
	say := gateway.RotaSayings{Sends: []*gateway.ReadyBroadcast{w.duty("begins"), w.duty("ends")}, Notices: []gateway.OwnerNotice{gateway.GapAhead(&r, w.clock.Now(), w.clock.Now().Add(time.Hour))}}
	r, err = w.PutRota(w.ctx, r, say)
	w.ok(err)
	w.crash()
	got, err := w.Rota(w.ctx, w.group.ID, "telephone")
	w.ok(err)
	got.Next, r.Next = got.Next.UTC(), r.Next.UTC()
	if !reflect.DeepEqual(got, r) {
		t.Fatalf("kept is\n%+v, written was\n%+v", got, r)
	}
	equal(t, "messages", len(must(w.Broadcasts(w.ctx, w.group.ID, gateway.ID{}, 10))), 2)
	same(t, "owners are told", w.untold(), []string{gateway.NoticeGap})

	_, err = w.PutRota(w.ctx, seen, gateway.RotaSayings{Sends: []*gateway.ReadyBroadcast{w.duty("stale")}, Notices: []gateway.OwnerNotice{{Once: "stale", GroupID: w.group.ID, Wording: gateway.NoticeGap}}})
	if !errors.Is(err, gateway.ErrStale) {
		t.Fatalf("an old revision was written over a new one: %v", err)
	}
	other := w.duty("begins")
	other.Fingerprint = []byte("another")
	if _, err = w.PutRota(w.ctx, r, gateway.RotaSayings{Sends: []*gateway.ReadyBroadcast{other}}); !errors.Is(err, gateway.ErrKeyReused) {
		t.Fatalf("a key was used twice: %v", err)
	}
	equal(t, "messages", len(must(w.Broadcasts(w.ctx, w.group.ID, gateway.ID{}, 10))), 2)
	same(t, "owners are told", w.untold(), []string{})
	equal(t, "revision", must(w.Rotas(w.ctx, w.group.ID))[0].Revision, r.Revision)

	equal(t, "due", len(w.dueRotas()), 0)
	w.clock.Wind(time.Hour)
	same(t, "due", w.dueRotas(), []string{"telephone"})
	r.Next = w.clock.Now().Add(time.Hour)
	r, err = w.PutRota(w.ctx, r, gateway.RotaSayings{})
	w.ok(err)
	equal(t, "due", len(w.dueRotas()), 0)
	w.ok(w.Erase(w.ctx, w.group.ID, bea.ID))
	same(t, "due, for somebody is no member any more", w.dueRotas(), []string{"telephone"})

	// A feed of its turns goes with it.
	_, digest := gateway.MintToken()
	feed := gateway.Feed{ID: gateway.NewID(), GroupID: w.group.ID, RotaID: r.ID, Digest: digest, CreatedAt: w.clock.Now()}
	w.ok(w.PutFeed(w.ctx, feed))
	equal(t, "feed of", must(w.FeedByDigest(w.ctx, digest)).RotaID, r.ID)
	foreign := feed
	foreign.ID, foreign.GroupID = gateway.NewID(), w.other.ID
	w.fails(w.PutFeed(w.ctx, foreign), gateway.CodeNotFound)

	// Another group's name leads nowhere.
	_, err = w.Rota(w.ctx, w.other.ID, "telephone")
	w.fails(err, gateway.CodeNotFound)
	equal(t, "another group's", len(must(w.Rotas(w.ctx, w.other.ID))), 0)
	w.fails(w.DeleteRota(w.ctx, w.other.ID, r.ID), gateway.CodeNotFound)
	as := r
	as.GroupID = w.other.ID
	if _, err = w.PutRota(w.ctx, as, gateway.RotaSayings{}); !errors.Is(err, gateway.ErrStale) {
		t.Fatalf("another group wrote it: %v", err)
	}

	for i := 1; i < gateway.MaxRotas; i++ {
		w.phones(fmt.Sprintf("rota-%02d", i))
	}
	_, err = w.PutRota(w.ctx, gateway.Rota{GroupID: w.group.ID, Name: "too-many"}, gateway.RotaSayings{})
	w.fails(err, gateway.CodeConflict)
	w.ok(w.DeleteRota(w.ctx, w.group.ID, r.ID))
	w.fails(w.DeleteRota(w.ctx, w.group.ID, r.ID), gateway.CodeNotFound)
	_, err = w.FeedByDigest(w.ctx, digest)
	w.fails(err, gateway.CodeNotFound)
	equal(t, "rotas", len(must(w.Rotas(w.ctx, w.group.ID))), gateway.MaxRotas-1)
}

// handedOverTwice has two keepers see the same change of duty: one of them tells it.
func handedOverTwice(p *pair) {
	r := p.phones("telephone", p.member("sms"))
	for i := range 10 {
		says := make(chan gateway.RotaSayings, 8)
		for range cap(says) {
			says <- gateway.RotaSayings{Sends: []*gateway.ReadyBroadcast{p.duty(fmt.Sprintf("duty-%d", i))}}
		}
		yes := p.both(cap(says)/2, func(ledger store.Store, _ int) (bool, error) {
			_, err := ledger.PutRota(p.ctx, r, <-says)
			if errors.Is(err, gateway.ErrStale) {
				return false, nil
			}
			return err == nil, err
		})
		equal(p, "who told", yes, 1)
		r.Revision++
	}
	equal(p, "messages", len(must(p.Broadcasts(p.ctx, p.group.ID, gateway.ID{}, 100))), 10)
}
