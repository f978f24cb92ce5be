package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

// wrote has a message arrive that waits for a person, and gives it.
func (w *world) wrote(from gateway.Private, text gateway.Private, members ...gateway.ID) gateway.InboundMessage {
	w.Helper()
	m := gateway.InboundMessage{ID: gateway.NewID(), GroupID: w.group.ID, ChannelID: w.sms.ID, MemberIDs: members, Kind: "sms", From: from, Text: text, Waits: true, At: w.clock.Now()}
	fresh, err := w.Receive(w.ctx, m)
	w.ok(err)
	equal(w, "fresh", fresh, true)
	return m
}

// only gives the one conversation of the group.
func (w *world) only() gateway.Thread {
	w.Helper()
	all, err := w.Threads(w.ctx, w.group.ID, gateway.ID{}, 10)
	w.ok(err)
	equal(w, "conversations", len(all), 1)
	whole, err := w.Thread(w.ctx, w.group.ID, all[0].ID)
	w.ok(err)
	return whole
}

// waiting counts the notices about conversations that nobody was told yet, and has them told.
func (w *world) waiting() (n int) {
	w.Helper()
	notices, err := w.Untold(w.ctx, 100)
	w.ok(err)
	for _, notice := range notices {
		if notice.Wording == gateway.NoticeWaiting {
			equal(w, "of", notice.GroupID, w.group.ID)
			n++
		}
		w.ok(w.Told(w.ctx, notice.ID))
	}
	return n
}

// conversed: what she writes opens a conversation, her people are told once, read it, answer and close it; what she writes
// then opens it again.
func conversed(t *testing.T, open Open) {
	w := newWorld(t, open)
	m := w.member("sms")
	from := m.Points[0].Address
	command := gateway.InboundMessage{ID: gateway.NewID(), GroupID: w.group.ID, ChannelID: w.sms.ID, EventID: "c", MemberIDs: []gateway.ID{m.ID}, Kind: "sms", From: from, Text: "STOP", Meaning: "stop", At: w.clock.Now()}
	_, err := w.Receive(w.ctx, command)
	w.ok(err)
	none, err := w.Threads(w.ctx, w.group.ID, gateway.ID{}, 10)
	w.ok(err)
	equal(t, "opened by a command", len(none), 0)

	began := w.clock.Now()
	w.wrote(from, "The road is closed.", m.ID)
	w.clock.Wind(time.Minute)
	w.wrote(from, "Two are hurt.", m.ID)
	th := w.only()
	equal(t, "state", th.State, gateway.ThreadOpen)
	equal(t, "hers", th.MemberID, m.ID)
	equal(t, "counts", fmt.Sprint(th.Messages, th.Unread, th.Urgent), "2 2 false")
	equal(t, "said", th.Said[0].Text+" "+th.Said[1].Text, "The road is closed. Two are hurt.")
	equal(t, "open since", th.OpenedAt, began)
	equal(t, "told", w.waiting(), 1)

	w.clock.Wind(time.Minute)
	urgent := gateway.InboundMessage{ID: gateway.NewID(), GroupID: w.group.ID, ChannelID: w.sms.ID, EventID: "u", MemberIDs: []gateway.ID{m.ID}, Kind: "sms", From: from, Text: "SOS", Waits: true, Urgent: true, At: w.clock.Now()}
	for range 2 {
		_, err = w.Receive(w.ctx, urgent)
		w.ok(err)
	}
	equal(t, "what comes twice counts once", w.only().Messages, 3)
	equal(t, "urgent", w.only().Urgent, true)
	equal(t, "told at once", w.waiting(), 1)
	w.clock.Wind(time.Hour)
	w.wrote(from, "Is anybody there?", m.ID)
	equal(t, "told again after an hour", w.waiting(), 1)
	ages, err := w.OpenThreads(w.ctx)
	w.ok(err)
	equal(t, "open for over an hour", fmt.Sprint(ages), "[0 1 0]")

	w.ok(w.TurnThread(w.ctx, w.group.ID, th.ID, false))
	th = w.only()
	equal(t, "unread", th.Unread, 0)
	equal(t, "read", th.ReadAt, w.clock.Now())
	reply := gateway.Reply{ID: gateway.NewID(), GroupID: w.group.ID, ThreadID: th.ID, Text: "Help is on its way.", Locale: "en", Author: "the office"}
	for range 2 {
		w.ok(w.PutReply(w.ctx, reply))
	}
	th = w.only()
	equal(t, "answered", th.State, gateway.ThreadReplied)
	equal(t, "answers", len(th.Replies), 1)
	reply.At = w.clock.Now()
	equal(t, "the answer", th.Replies[0], reply)

	w.clock.Wind(time.Minute)
	w.wrote(from, "Thank you.", m.ID)
	equal(t, "opened again", w.only().State, gateway.ThreadOpen)
	equal(t, "told, for it was read", w.waiting(), 1)
	reply.ID = gateway.NewID()
	w.ok(w.PutReply(w.ctx, reply))
	equal(t, "not answered: something is unread", w.only().State, gateway.ThreadOpen)
	w.ok(w.TurnThread(w.ctx, w.group.ID, th.ID, true))
	th = w.only()
	equal(t, "closed", fmt.Sprintf("%s %d %t", th.State, th.Unread, th.Urgent), "closed 0 false")
	w.wrote(from, "One more thing.", m.ID)
	equal(t, "a new message opens it", w.only().State, gateway.ThreadOpen)

	w.fails(w.TurnThread(w.ctx, w.group.ID, gateway.NewID(), true), gateway.CodeNotFound)
	w.fails(w.TurnThread(w.ctx, w.other.ID, th.ID, true), gateway.CodeNotFound)
	reply.GroupID, reply.ID = w.other.ID, gateway.NewID()
	w.fails(w.PutReply(w.ctx, reply), gateway.CodeNotFound)
	_, err = w.Thread(w.ctx, w.other.ID, th.ID)
	w.fails(err, gateway.CodeNotFound)
	_, err = w.ThreadWith(w.ctx, w.other.ID, m.ID)
	w.fails(err, gateway.CodeNotFound)
	foreign, err := w.Threads(w.ctx, w.other.ID, gateway.ID{}, 10)
	w.ok(err)
	equal(t, "in another group", len(foreign), 0)
}

// threadsListed: what waits comes first, the urgent before the rest, the newest first; page by page.
func threadsListed(t *testing.T, open Open) {
	w := newWorld(t, open)
	var ids []gateway.ID
	write := func(urgent bool) gateway.ID {
		w.clock.Wind(time.Minute)
		m := gateway.InboundMessage{ID: gateway.NewID(), GroupID: w.group.ID, ChannelID: w.sms.ID, Kind: "sms", From: w.number("sms"), Text: "hello", Waits: true, Urgent: urgent, At: w.clock.Now()}
		_, err := w.Receive(w.ctx, m)
		w.ok(err)
		all, err := w.Threads(w.ctx, w.group.ID, gateway.ID{}, 100)
		w.ok(err)
		for _, th := range all {
			known := false
			for _, id := range ids {
				known = known || id == th.ID
			}
			if !known {
				ids = append(ids, th.ID)
			}
		}
		return ids[len(ids)-1]
	}
	early, urgent, late, closed, replied := write(false), write(true), write(false), write(true), write(false)
	w.ok(w.TurnThread(w.ctx, w.group.ID, closed, true))
	w.ok(w.TurnThread(w.ctx, w.group.ID, replied, false))
	w.ok(w.PutReply(w.ctx, gateway.Reply{ID: gateway.NewID(), GroupID: w.group.ID, ThreadID: replied, Text: "hello", Locale: "en"}))
	var got []gateway.ID
	for after := (gateway.ID{}); ; after = got[len(got)-1] {
		page, err := w.Threads(w.ctx, w.group.ID, after, 2)
		w.ok(err)
		for _, th := range page {
			got = append(got, th.ID)
			if len(th.Stranger) != len("stranger 7f3a") || !th.MemberID.IsZero() {
				t.Errorf("a stranger is called %q", th.Stranger)
			}
		}
		if len(page) < 2 {
			break
		}
	}
	equal(t, "order", fmt.Sprint(got), fmt.Sprint([]gateway.ID{urgent, late, early, replied, closed}))
	_, err := w.Threads(w.ctx, w.group.ID, gateway.NewID(), 2)
	w.fails(err, gateway.CodeNotFound)
}

// threadsErased: with a member goes what she said and what she was told, also what may be hers because an address is
// shared, and what was written from hers before anybody knew that it was.
func threadsErased(t *testing.T, open Open) {
	w := newWorld(t, open)
	leaving, staying := w.member("sms"), w.member("sms")
	answer := func(th gateway.Thread) gateway.ID {
		b, _, _ := w.one(gateway.Account, 1, "sms")
		w.ok(w.PutReply(w.ctx, gateway.Reply{ID: b.ID, GroupID: w.group.ID, ThreadID: th.ID, Text: "to one of you", Locale: "en"}))
		return b.ID
	}
	find := func(said gateway.Private) (found gateway.Thread) {
		all, err := w.Threads(w.ctx, w.group.ID, gateway.ID{}, 100)
		w.ok(err)
		for _, th := range all {
			whole, err := w.Thread(w.ctx, w.group.ID, th.ID)
			w.ok(err)
			if whole.Said[0].Text == said {
				return whole
			}
		}
		t.Fatal("a conversation is missing")
		return
	}
	const ours = "+15550109999"
	w.wrote(leaving.Points[0].Address, "hers", leaving.ID)
	w.wrote(ours, "of two", leaving.ID, staying.ID)
	w.wrote(leaving.Points[0].Address, "before she was known")
	w.wrote(staying.Points[0].Address, "another's", staying.ID)
	w.wrote("+15550108888", "a stranger's")
	equal(t, "who share it", fmt.Sprint(find("of two").MemberIDs), fmt.Sprint([]gateway.ID{leaving.ID, staying.ID}))
	hers := answer(find("hers"))
	shared := answer(find("of two"))
	others := answer(find("another's"))
	for _, id := range []gateway.ID{hers, shared} {
		_, err := w.Rendering(w.ctx, w.group.ID, id, "en", "sms", false)
		w.ok(err)
	}
	w.ok(w.Erase(w.ctx, w.group.ID, leaving.ID))
	equal(t, "another's", len(find("another's").Replies), 1)
	find("a stranger's")
	left, err := w.Threads(w.ctx, w.group.ID, gateway.ID{}, 100)
	w.ok(err)
	equal(t, "left", len(left), 2)
	for _, id := range []gateway.ID{hers, shared} {
		_, err := w.Rendering(w.ctx, w.group.ID, id, "en", "sms", false)
		w.fails(err, gateway.CodeNotFound)
	}
	_, err = w.Rendering(w.ctx, w.group.ID, others, "en", "sms", false)
	w.ok(err)
	page, err := w.Inbound(w.ctx, w.group.ID, gateway.ID{}, 10)
	w.ok(err)
	kept := 0
	for _, m := range page {
		if m.Text != "" {
			kept++
		}
	}
	equal(t, "texts left", kept, 2)
}

// threadsRetained: commands are forgotten after a day, conversations after thirty.
func threadsRetained(t *testing.T, open Open) {
	w := newWorld(t, open)
	m := w.member("sms")
	from := m.Points[0].Address
	_, err := w.Receive(w.ctx, gateway.InboundMessage{ID: gateway.NewID(), GroupID: w.group.ID, ChannelID: w.sms.ID, MemberIDs: []gateway.ID{m.ID}, Kind: "sms", From: from, Text: "START", Meaning: "start", At: w.clock.Now()})
	w.ok(err)
	w.wrote(from, "hello", m.ID)
	th := w.only()
	w.ok(w.PutReply(w.ctx, gateway.Reply{ID: gateway.NewID(), GroupID: w.group.ID, ThreadID: th.ID, Text: "hello", Locale: "en"}))
	texts := func() (n int) {
		for {
			deleted, err := w.Retain(w.ctx, 10)
			w.ok(err)
			if deleted == 0 {
				break
			}
		}
		page, err := w.Inbound(w.ctx, w.group.ID, gateway.ID{}, 10)
		w.ok(err)
		for _, m := range page {
			if m.Text != "" {
				n++
			}
		}
		return n
	}
	w.clock.Wind(gateway.KeepCommands - time.Second)
	equal(t, "within a day", texts(), 2)
	w.clock.Wind(2 * time.Second)
	equal(t, "after a day", texts(), 1)
	page, err := w.Inbound(w.ctx, w.group.ID, gateway.ID{}, 10)
	w.ok(err)
	hers, err := w.InboundOf(w.ctx, w.group.ID, m.ID, gateway.ID{}, 10)
	w.ok(err)
	owned := 0
	for _, one := range page {
		owned += len(one.MemberIDs)
	}
	equal(t, "whose they are: the command's nobody's", fmt.Sprint(len(page), owned, len(hers)), "2 1 1")
	w.clock.Wind(gateway.KeepConversations - gateway.KeepCommands - time.Hour)
	w.wrote(from, "still there?", m.ID)
	w.clock.Wind(2 * time.Hour)
	equal(t, "what is older than thirty days", texts(), 1)
	th = w.only()
	equal(t, "answers", len(th.Replies), 0)
	g := w.group
	g.Replies = &gateway.Replies{KeepDays: 3}
	_, err = w.PutGroup(w.ctx, g)
	w.ok(err)
	w.clock.Wind(2 * 24 * time.Hour)
	equal(t, "within the three days that the group keeps messages", texts(), 1)
	w.clock.Wind(2 * 24 * time.Hour)
	equal(t, "behind them", texts(), 0)
	left, err := w.Threads(w.ctx, w.group.ID, gateway.ID{}, 10)
	w.ok(err)
	equal(t, "conversations", len(left), 0)
}

// sentTo: what left for her is found by when it left; what was refused did not.
func sentTo(t *testing.T, open Open) {
	w := newWorld(t, open)
	began := w.clock.Now()
	b, m, d := w.one(gateway.Report, 1, "sms")
	none, err := w.SentTo(w.ctx, w.group.ID, m.ID, began, w.clock.Now().Add(time.Hour))
	w.ok(err)
	equal(t, "before it leaves", len(none), 0)
	c := w.granted(d)
	w.accepted(c)
	found, err := w.SentTo(w.ctx, w.group.ID, m.ID, began, w.clock.Now().Add(time.Hour))
	w.ok(err)
	equal(t, "found", len(found), 1)
	equal(t, "what", fmt.Sprint(found[0].Broadcast, found[0].Delivery, found[0].Kind, found[0].Point, found[0].Channel, found[0].Parts), fmt.Sprint(b.ID, d, b.Kind, m.Points[0].ID, w.sms.ID, []string{"SM" + c.Attempt.Short()}))
	for _, miss := range []struct {
		group, member gateway.ID
		from          time.Time
	}{{w.other.ID, m.ID, began}, {w.group.ID, gateway.NewID(), began}, {w.group.ID, m.ID, w.clock.Now().Add(time.Second)}} {
		none, err := w.SentTo(w.ctx, miss.group, miss.member, miss.from, w.clock.Now().Add(time.Hour))
		w.ok(err)
		equal(t, "of another, or later", len(none), 0)
	}
}
