package storetest

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

func channels(t *testing.T, open Open) {
	w := newWorld(t, open)
	own, err := w.PutChannel(w.ctx, gateway.Channel{GroupID: w.group.ID, Name: "harbour-sms", Adapter: "sms", Kind: "sms", Options: []byte(`{"token":"t1"}`), Senders: 4})
	w.ok(err)
	shared, err := w.PutChannel(w.ctx, gateway.Channel{Name: "sms-shared", Adapter: "sms", Kind: "sms", Groups: []string{"harbour"}, Options: []byte(`{"token":"t2"}`)})
	w.ok(err)
	find := func(id gateway.ID) gateway.Channel {
		all, err := w.Channels(w.ctx)
		w.ok(err)
		i := slices.IndexFunc(all, func(c gateway.Channel) bool { return c.ID == id })
		return all[i]
	}
	if got := find(own.ID); !reflect.DeepEqual(got, own) {
		t.Fatalf("read back\n%+v, stored\n%+v", got, own)
	}
	equal(t, "groups", fmt.Sprint(find(shared.ID).Groups), "[harbour]")
	own.Options, own.Senders = []byte(`{"token":"t3"}`), 8
	again, err := w.PutChannel(w.ctx, own)
	w.ok(err)
	equal(t, "id", again.ID, own.ID)
	equal(t, "options", string(find(own.ID).Options), `{"token":"t3"}`)
	equal(t, "senders", find(own.ID).Senders, 8)
	own.GroupID = w.other.ID
	_, err = w.PutChannel(w.ctx, own)
	w.fails(err, gateway.CodeConflict)
	chat := shared
	chat.Adapter, chat.Kind, chat.Options = "matrix", "matrix", []byte(`{"token":"t4"}`)
	_, err = w.PutChannel(w.ctx, chat)
	w.fails(err, gateway.CodeConflict)
	equal(t, "options of one that would be of another kind", string(find(shared.ID).Options), `{"token":"t2"}`)

	h := gateway.ChannelHealth{Paused: gateway.PauseThrottled, PausedUntil: w.clock.Now().Add(time.Hour), Code: "20429", Detail: "slow down", Since: w.clock.Now()}
	w.ok(w.SetChannelHealth(w.ctx, own.ID, h))
	equal(t, "health", find(own.ID).Health, h)
	w.ok(w.SetChannelHealth(w.ctx, own.ID, gateway.ChannelHealth{}))
	equal(t, "health", find(own.ID).Health, gateway.ChannelHealth{})
	w.fails(w.SetChannelHealth(w.ctx, gateway.NewID(), h), gateway.CodeNotFound)

	cursor, err := w.Cursor(w.ctx, own.ID)
	w.ok(err)
	equal(t, "cursor at first", cursor, "")
	duty, err := w.Hold(w.ctx, gateway.PollDuty(own.ID), w.by.ID, time.Minute)
	w.ok(err)
	w.ok(w.SetCursor(w.ctx, own.ID, "update-17", duty.Token))
	cursor, err = w.Cursor(w.ctx, own.ID)
	w.ok(err)
	equal(t, "cursor", cursor, "update-17")
}

func inbound(t *testing.T, open Open) {
	w := newWorld(t, open)
	m := w.member("sms")
	message := func(event string) gateway.InboundMessage {
		return gateway.InboundMessage{ID: gateway.NewID(), GroupID: w.group.ID, ChannelID: w.sms.ID, EventID: event, MemberIDs: []gateway.ID{m.ID}, Kind: "sms", From: m.Points[0].Address, Text: "I am safe", Meaning: "", At: w.clock.Now()}
	}
	var all sync.WaitGroup
	var mu sync.Mutex
	fresh := 0
	for range 100 { // R11: the provider repeats itself
		all.Go(func() {
			ok, err := w.Receive(w.ctx, message("event-1"))
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
			}
			if ok {
				fresh++
			}
		})
	}
	all.Wait()
	equal(t, "effects", fresh, 1)
	other := message("event-1")
	other.ChannelID = w.telegram.ID
	ok, err := w.Receive(w.ctx, other)
	w.ok(err)
	equal(t, "the same id on another channel", ok, true)
	for range 2 {
		ok, err = w.Receive(w.ctx, message(""))
		w.ok(err)
		equal(t, "without an id", ok, true)
	}
	page, err := w.Inbound(w.ctx, w.group.ID, gateway.ID{}, 3)
	w.ok(err)
	equal(t, "page", len(page), 3)
	equal(t, "the newest first", slices.IsSortedFunc(page, func(a, b gateway.InboundMessage) int { return bytes.Compare(b.ID[:], a.ID[:]) }), true)
	equal(t, "text", page[0].Text, gateway.Private("I am safe"))
	equal(t, "from", page[0].From, m.Points[0].Address)
	equal(t, "member", fmt.Sprint(page[0].MemberIDs), fmt.Sprint([]gateway.ID{m.ID}))
	rest, err := w.Inbound(w.ctx, w.group.ID, page[2].ID, 3)
	w.ok(err)
	equal(t, "rest", len(rest), 1)
	none, err := w.Inbound(w.ctx, w.other.ID, gateway.ID{}, 3)
	w.ok(err)
	equal(t, "in another group", len(none), 0)
	stranger := message("event-2")
	stranger.MemberIDs, stranger.From = nil, "+15550107777"
	_, err = w.Receive(w.ctx, stranger)
	w.ok(err)
	page, err = w.Inbound(w.ctx, w.group.ID, gateway.ID{}, 1)
	w.ok(err)
	equal(t, "a stranger's text", page[0].Text, gateway.Private("I am safe"))
	equal(t, "members", len(page[0].MemberIDs), 0)
}

// inboundErased: what one member wrote goes with her, and so does what may be hers as well as another's; what others wrote
// stays.
func inboundErased(t *testing.T, open Open) {
	w := newWorld(t, open)
	leaving, staying := w.member("sms"), w.member("sms")
	receive := func(text gateway.Private, from ...gateway.ID) gateway.ID {
		m := gateway.InboundMessage{ID: gateway.NewID(), GroupID: w.group.ID, ChannelID: w.sms.ID, MemberIDs: from, Kind: "sms", From: "+15550109999", Text: text, At: w.clock.Now()}
		_, err := w.Receive(w.ctx, m)
		w.ok(err)
		return m.ID
	}
	hers := receive("hers", leaving.ID)
	shared := receive("of one telephone that two share", leaving.ID, staying.ID)
	others := receive("another's", staying.ID)
	strangers := receive("a stranger's")
	gone := receive("from somebody who was erased a moment ago", gateway.NewID())
	texts := func() map[gateway.ID]gateway.Private {
		page, err := w.Inbound(w.ctx, w.group.ID, gateway.ID{}, 10)
		w.ok(err)
		all := map[gateway.ID]gateway.Private{}
		for _, m := range page {
			equal(t, "the sender and the text go together", m.From == "", m.Text == "")
			all[m.ID] = m.Text
		}
		equal(t, "messages", len(all), 5)
		return all
	}
	before := texts()
	equal(t, "hers", before[hers], "hers")
	equal(t, "of two", before[shared], "of one telephone that two share")
	w.ok(w.Erase(w.ctx, w.group.ID, leaving.ID))
	after := texts()
	equal(t, "hers", after[hers], "")
	equal(t, "of two", after[shared], "")
	for _, id := range []gateway.ID{others, strangers, gone} {
		equal(t, "of others", after[id], before[id])
	}
}

func wordings(t *testing.T, open Open) {
	w := newWorld(t, open)
	b, _, _ := w.one(gateway.Report, 2, "sms")
	r, err := w.Rendering(w.ctx, w.group.ID, b.ID, "en", "sms", false)
	w.ok(err)
	equal(t, "parts", len(r.Parts), 2)
	equal(t, "part", string(r.Parts[1]), `{"text":"part 1"}`)
	equal(t, "cost", r.Cost, 2)
	for _, miss := range []struct {
		group, broadcast gateway.ID
		locale, kind     string
		neutral          bool
	}{{w.other.ID, b.ID, "en", "sms", false}, {w.group.ID, gateway.NewID(), "en", "sms", false}, {w.group.ID, b.ID, "de", "sms", false}, {w.group.ID, b.ID, "en", "telegram", false}, {w.group.ID, b.ID, "en", "sms", true}} {
		_, err := w.Rendering(w.ctx, miss.group, miss.broadcast, miss.locale, miss.kind, miss.neutral)
		w.fails(err, gateway.CodeNotFound)
	}

	sources := map[string]string{"en": "Hello {name}", "de": "Hallo {name}"}
	w.ok(w.PutWording(w.ctx, w.group.ID, "welcome", sources))
	w.ok(w.PutWording(w.ctx, w.group.ID, "farewell", sources))
	got, err := w.Wordings(w.ctx, w.group.ID)
	w.ok(err)
	equal(t, "wordings", fmt.Sprint(got), fmt.Sprint(map[string]map[string]string{"welcome": sources, "farewell": sources}))
	w.ok(w.PutWording(w.ctx, w.group.ID, "farewell", nil))
	w.ok(w.PutWording(w.ctx, w.group.ID, "welcome", map[string]string{"en": "Hi"}))
	got, err = w.Wordings(w.ctx, w.group.ID)
	w.ok(err)
	equal(t, "wordings", fmt.Sprint(got), "map[welcome:map[en:Hi]]")
	reports := gateway.Audience{Topic: "reports"}
	w.memberOf(w.group.ID, "sms", "telegram")
	w.memberOf(w.group.ID)
	o := must(w.Opening(w.ctx, w.group.ID, reports, 10, false))
	equal(t, "what a broadcast begins from", fmt.Sprint(o), fmt.Sprint(gateway.Opening{Group: must(w.GroupByID(w.ctx, w.group.ID)), Wordings: got, First: must(w.Recipients(w.ctx, w.group.ID, reports, gateway.ID{}, 10))}))
	equal(t, "a shorter page", len(must(w.Opening(w.ctx, w.group.ID, reports, 1, true)).First), 1)
	_, err = w.Opening(w.ctx, gateway.NewID(), reports, 10, true)
	w.fails(err, gateway.CodeNotFound)
	got, err = w.Wordings(w.ctx, w.other.ID)
	w.ok(err)
	equal(t, "in another group", len(got), 0)
}

func tokens(t *testing.T, open Open) {
	w := newWorld(t, open)
	put := func(group gateway.ID, text string, expires time.Time) gateway.Token {
		digest := sha256.Sum256([]byte(text))
		token := gateway.Token{ID: gateway.NewID(), GroupID: group, Role: gateway.Author, Label: text, Digest: digest[:], CreatedAt: w.clock.Now(), ExpiresAt: expires}
		w.ok(w.PutToken(w.ctx, token))
		return token
	}
	a := put(w.group.ID, "a", time.Time{})
	b := put(w.group.ID, "b", w.clock.Now().Add(time.Hour))
	c := put(gateway.ID{}, "c", time.Time{})
	got, err := w.TokenByDigest(w.ctx, a.Digest)
	w.ok(err)
	if !reflect.DeepEqual(got, a) {
		t.Fatalf("read back\n%+v, stored\n%+v", got, a)
	}
	_, err = w.TokenByDigest(w.ctx, make([]byte, 32))
	w.fails(err, gateway.CodeNotFound)
	_, err = w.TokenByDigest(w.ctx, b.Digest)
	w.ok(err)
	w.clock.Wind(time.Hour)
	_, err = w.TokenByDigest(w.ctx, b.Digest)
	w.fails(err, gateway.CodeNotFound)
	all, err := w.Tokens(w.ctx, gateway.ID{})
	w.ok(err)
	equal(t, "the operator's", len(all), 1)
	w.fails(w.RevokeToken(w.ctx, w.other.ID, a.ID), gateway.CodeNotFound)
	w.fails(w.RevokeToken(w.ctx, w.group.ID, c.ID), gateway.CodeNotFound)
	w.ok(w.RevokeToken(w.ctx, w.group.ID, a.ID))
	_, err = w.TokenByDigest(w.ctx, a.Digest)
	w.fails(err, gateway.CodeNotFound)
}

func requests(t *testing.T, open Open) {
	w := newWorld(t, open)
	token, print := gateway.NewID(), []byte("print")
	begin := func(token gateway.ID, key string, print []byte) (*gateway.Answer, error) {
		return w.BeginRequest(w.ctx, token, key, print)
	}
	a, err := begin(token, "k", print)
	w.ok(err)
	equal(t, "answer at first", a, nil)
	_, err = begin(token, "k", print)
	w.fails(err, gateway.CodeInProgress)
	_, err = begin(token, "k", []byte("another"))
	w.fails(err, gateway.CodeKeyReused)
	a, err = begin(gateway.NewID(), "k", []byte("another"))
	w.ok(err)
	equal(t, "another token's key", a, nil)
	want := gateway.Answer{Status: 201, Type: "application/json", Body: []byte(`{"id":1}`)}
	w.ok(w.FinishRequest(w.ctx, token, "k", want))
	a, err = begin(token, "k", print)
	w.ok(err)
	if a == nil || !reflect.DeepEqual(*a, want) {
		t.Fatalf("the answer is %+v, want %+v", a, want)
	}
	_, err = begin(token, "k", []byte("another"))
	w.fails(err, gateway.CodeKeyReused)
	w.ok(w.ForgetRequest(w.ctx, token, "k")) // too late: it was answered
	a, err = begin(token, "k", print)
	w.ok(err)
	equal(t, "kept", a != nil, true)
	w.clock.Wind(24 * time.Hour)
	a, err = begin(token, "k", []byte("another"))
	w.ok(err)
	equal(t, "after a day", a, nil)

	_, err = begin(token, "dead", print) // its process dies
	w.ok(err)
	w.clock.Wind(59 * time.Second)
	_, err = begin(token, "dead", print)
	w.fails(err, gateway.CodeInProgress)
	w.clock.Wind(time.Second)
	a, err = begin(token, "dead", print)
	w.ok(err)
	equal(t, "after a minute", a, nil)
	w.ok(w.ForgetRequest(w.ctx, token, "dead"))
	_, err = begin(token, "dead", []byte("another"))
	w.ok(err)

	var all sync.WaitGroup
	var mu sync.Mutex
	first := 0
	for range 20 {
		all.Go(func() {
			a, err := begin(token, "at once", print)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil && a == nil:
				first++
			case !errors.Is(err, &gateway.Fault{Code: gateway.CodeInProgress}):
				t.Errorf("answer %v, error %v", a, err)
			}
		})
	}
	all.Wait()
	equal(t, "that do the work", first, 1)
}

func retention(t *testing.T, open Open) {
	w := newWorld(t, open)
	b, m, id := w.one(gateway.Account, 1, "sms") // its text is kept for a day
	kept, _, _ := w.one(gateway.Report, 1, "sms")
	w.accepted(w.granted(id))
	_, err := w.BeginRequest(w.ctx, m.ID, "k", []byte("x"))
	w.ok(err)
	retain := func() (sum int) {
		for {
			n, err := w.Retain(w.ctx, 10)
			w.ok(err)
			if sum += n; n == 0 {
				return sum
			}
		}
	}
	equal(t, "too early", retain(), 0)
	w.clock.Wind(25*time.Hour + time.Minute)
	if retain() == 0 {
		t.Fatal("nothing was deleted")
	}
	got, err := w.Broadcast(w.ctx, w.group.ID, b.ID)
	w.ok(err)
	equal(t, "words", len(got.Words.Sources), 0)
	_, err = w.Rendering(w.ctx, w.group.ID, b.ID, "en", "sms", false)
	w.fails(err, gateway.CodeNotFound)
	w.is(id, gateway.DeliveryAccepted, "")
	got, err = w.Broadcast(w.ctx, w.group.ID, kept.ID)
	w.ok(err)
	equal(t, "words that are kept longer", len(got.Words.Sources), 1)
	equal(t, "again", retain(), 0)

	// What members wrote is kept for as long as the text of a report.
	_, err = w.Receive(w.ctx, gateway.InboundMessage{ID: gateway.NewID(), GroupID: w.group.ID, ChannelID: w.sms.ID, EventID: "e", Kind: "sms", From: "+15550108888", Text: "hello", At: w.clock.Now()})
	w.ok(err)
	w.clock.Wind(29 * 24 * time.Hour)
	retain()
	page, err := w.Inbound(w.ctx, w.group.ID, gateway.ID{}, 10)
	w.ok(err)
	equal(t, "text after 29 days", page[0].Text, gateway.Private("hello"))
	w.clock.Wind(2 * 24 * time.Hour)
	retain()
	page, err = w.Inbound(w.ctx, w.group.ID, gateway.ID{}, 10)
	w.ok(err)
	for _, in := range page {
		if in.Text != "" || in.From != "" {
			t.Fatal("the text is there after 31 days")
		}
	}
	equal(t, "again", retain(), 0)
}

func applyLog(t *testing.T, open Open) {
	w := newWorld(t, open)
	w.ok(w.SetApplied(w.ctx, w.group.ID, "channels/a", []byte("1")))
	w.ok(w.SetApplied(w.ctx, w.group.ID, "channels/a", []byte("2")))
	w.ok(w.SetApplied(w.ctx, w.group.ID, "name", []byte("3")))
	w.ok(w.SetApplied(w.ctx, gateway.ID{}, "channels/a", []byte("4")))
	got, err := w.Applied(w.ctx, w.group.ID)
	w.ok(err)
	equal(t, "applied", fmt.Sprint(got), fmt.Sprint(map[string][]byte{"channels/a": []byte("2"), "name": []byte("3")}))
	got, err = w.Applied(w.ctx, gateway.ID{})
	w.ok(err)
	equal(t, "the operator's", fmt.Sprint(got), fmt.Sprint(map[string][]byte{"channels/a": []byte("4")}))
}

func restart(t *testing.T, open Open) {
	w := newWorld(t, open)
	b, m, id := w.one(gateway.Report, 1, "sms")
	c := w.granted(id)
	w.accepted(c)
	before := w.delivery(id)
	w.crash()
	if after := w.delivery(id); !reflect.DeepEqual(after, before) {
		t.Fatalf("after a restart\n%+v, before\n%+v", after, before)
	}
	again := w.read(w.group.ID, m.ID)
	equal(t, "address", again.Points[0].Address, m.Points[0].Address)
	r, err := w.Rendering(w.ctx, w.group.ID, b.ID, "en", "sms", false)
	w.ok(err)
	equal(t, "rendering", string(r.Parts[0]), `{"text":"part 0"}`)
	equal(t, "receipt", w.observe(gateway.Receipt{Attempt: c.Attempt, Channel: w.sms.ID, State: gateway.AttemptDelivered}), gateway.Applied)
	w.is(id, gateway.Delivered, "")
}
