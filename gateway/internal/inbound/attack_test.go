package inbound_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/inbound"
)

// failing is a ledger that fails, once, to stop or start an address in one group.
type failing struct {
	inbound.Consents
	mu    sync.Mutex
	group gateway.ID
}

var errAway = errors.New("away")

func (f *failing) fails(group gateway.ID) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.group != group {
		return false
	}
	f.group = gateway.ID{}
	return true
}

func (f *failing) StopAddress(ctx context.Context, group gateway.ID, kind string, address gateway.Private, proof gateway.Consent) ([]gateway.ID, error) {
	if f.fails(group) {
		return nil, errAway
	}
	return f.Consents.StopAddress(ctx, group, kind, address, proof)
}

func (f *failing) StartAddress(ctx context.Context, group gateway.ID, kind string, address gateway.Private, proof gateway.Consent) ([]gateway.ID, error) {
	if f.fails(group) {
		return nil, errAway
	}
	return f.Consents.StartAddress(ctx, group, kind, address, proof)
}

// The ledger goes away after a STOP to a shared number was carried out in one of its groups. The provider says it again, or
// the spool does: then it holds in the others as well. Of START the same is true.
func TestAStopThatFailedHalfway(t *testing.T) {
	for _, spooled := range []bool{false, true} {
		st := newStage(t)
		here, there := st.enrol(st.harbour, "sms:"+ann), st.enrol(st.valley, "sms:"+ann)
		last := st.valley.ID
		if groups, err := st.s.Groups(t.Context()); err != nil || groups[0].ID == last {
			last = st.harbour.ID
		}
		if spooled {
			st.reopen(t.TempDir())
		}
		at := time.Now().Add(-time.Minute)
		for i, text := range []string{"STOP", "START"} {
			st.ears.Consents = &failing{Consents: st.s, group: last}
			event := told{ID: text, From: ann, Text: text, At: at.Add(time.Duration(i) * time.Second)}
			body := fmt.Sprintf(`[{"ID":%q,"From":%q,"Text":%q,"At":%q}]`, event.ID, event.From, event.Text, event.At.Format(time.RFC3339Nano))
			first := st.call(st.all.Name, "good", body)
			if spooled {
				st.drained()
			} else {
				st.say(st.all, event)
			}
			if got := st.states(st.harbour, here) + " " + st.states(st.valley, there); first.Code == 200 != spooled || got != []string{"stopped stopped", "active active"}[i] {
				t.Errorf("%s, spooled: %v: answered %d; she is %s", text, spooled, first.Code, got)
			}
		}
	}
}

// Two people share a telephone, and one of them has another one and has stopped that. START from the shared one is
// somebody's, so it does not undo what she said for herself.
func TestStartOfSomebodyElse(t *testing.T) {
	st := newStage(t)
	one := st.enrol(st.harbour, "sms:"+bea, "sms:"+ann)
	two := st.enrol(st.harbour, "sms:+447700900103", "telegram:700")
	st.enrol(st.harbour, "sms:"+ann)
	st.enrol(st.harbour, "telegram:700")
	st.say(st.own, told{ID: "1", From: bea, Text: "STOP"}, told{ID: "2", From: "+447700900103", Text: "STOP"})
	st.say(st.own, told{ID: "3", From: ann, Text: "START"})
	st.say(st.chat, told{ID: "5", From: "700", Text: "START"})
	if got := st.states(st.harbour, one) + ", " + st.states(st.harbour, two); got != "stopped active, stopped active" {
		t.Errorf("%s", got)
	}
}

// A START that waited somewhere comes behind a STOP that was said after it: in another process's spool, or at the provider.
func TestAnOldStart(t *testing.T) {
	st := newStage(t)
	id := st.enrol(st.harbour, "sms:"+ann)
	st.say(st.own, told{ID: "2", From: ann, Text: "STOP", At: time.Now()})
	st.say(st.own, told{ID: "1", From: ann, Text: "START", At: time.Now().Add(-time.Hour)})
	if got := st.states(st.harbour, id); got != "stopped" {
		t.Errorf("she is %s", got)
	}
	st.say(st.own, told{ID: "3", From: ann, Text: "START", At: time.Now()})
	if got := st.states(st.harbour, id); got != "active" {
		t.Errorf("and then %s", got)
	}
}

// What a member answers is known for an answer to it after an outage, too.
func TestTheSpoolKeepsWhatIsAnswered(t *testing.T) {
	st := newStage(t)
	st.reopen(t.TempDir())
	id := st.enrol(st.harbour, "telegram:700")
	st.setBroken(errAway)
	st.say(st.chat, told{ID: "1", From: "700", Text: "The road is closed.", ReplyTo: "77"})
	st.setBroken(nil)
	st.drained()
	thread, err := st.s.ThreadWith(t.Context(), st.harbour.ID, id)
	st.ok(err)
	if len(thread.Said) != 1 || thread.Said[0].ReplyTo != "77" {
		t.Errorf("%+v", thread.Said)
	}
}

// Sixteen large webhooks that never end take all the room there is for such: the next is to call again, and what is usual passes.
func TestLargeWebhooksShareTheirRoom(t *testing.T) {
	st := newStage(t)
	st.enrol(st.harbour, "telegram:700")
	mux := http.NewServeMux()
	mux.Handle("/hooks/{channel}", st.ears)
	large := strings.Repeat(" ", 1<<20-1)
	var all sync.WaitGroup
	var senders []*io.PipeWriter
	for range 16 {
		body, sender := io.Pipe()
		all.Go(func() {
			mux.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/hooks/"+st.chat.Name, body))
		})
		for _, part := range []string{large[1:], large[:1]} { // the second is read when the first is counted
			_, err := io.WriteString(sender, part)
			st.ok(err)
		}
		senders = append(senders, sender)
	}
	if w := st.call(st.chat.Name, "forged", large); w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
		t.Errorf("one more large webhook: %d", w.Code)
	}
	st.say(st.chat, told{ID: "1", From: "700", Text: "The road is closed."})
	for _, sender := range senders {
		st.ok(sender.Close())
	}
	all.Wait()
	if w := st.call(st.chat.Name, "forged", large); w.Code != http.StatusForbidden {
		t.Errorf("when they are gone: %d", w.Code)
	}
}

// No answer can be made of the group's words: who sent a code is let in to be asked, and her STOP behind it is not held up.
func TestAnAnswerThatCannotBeMade(t *testing.T) {
	st := newStage(t)
	st.reopen(t.TempDir())
	id := st.enrol(st.harbour, "sms:"+bea)
	_, code, _ := st.invite(st.harbour, 5, "")
	st.ears.Answer = func(context.Context, gateway.ID, string, string, gateway.Audience, map[string]string) error {
		return gateway.Faultf(gateway.CodeInvalid, "the group's own words are broken")
	}
	st.say(st.own, told{ID: "1", From: bea, Text: code}, told{ID: "2", From: bea, Text: "STOP"})
	if st.spool.Waits(st.own.ID.String()) || st.states(st.harbour, id) != "stopped" {
		t.Errorf("something waits: %v; she is %s", st.spool.Waits(st.own.ID.String()), st.states(st.harbour, id))
	}
}

// A provider gives two people's words one id: both count, and so do two words of one person that the provider repeats.
func TestOneIDForTwoPeople(t *testing.T) {
	st := newStage(t)
	one, two := st.enrol(st.harbour, "sms:"+ann), st.enrol(st.harbour, "sms:"+bea)
	st.say(st.own, told{ID: "1", From: ann, Text: "hello"}, told{ID: "1", From: bea, Text: "STOP"})
	if got := st.states(st.harbour, one) + " " + st.states(st.harbour, two); got != "active stopped" {
		t.Errorf("%s", got)
	}
}

// Angry people repeat themselves, and telephones sign what they write.
func TestStopWithSomethingAround(t *testing.T) {
	st := newStage(t)
	for i, text := range []string{"STOP STOP STOP", "stop! stop! stop!!", "ＳＴＯＰ\u200b", "S\u200dT\u200dO\u200dP", "🛑 STOP 🛑", "Стоп стоп", "S T O P", "s.t.o.p!", "退 订", "С-Т-О-П"} {
		number := fmt.Sprintf("+4477009003%02d", i)
		id := st.enrol(st.harbour, "sms:"+number)
		st.say(st.own, told{ID: "a" + fmt.Sprint(i), From: number, Text: text})
		if got := st.states(st.harbour, id); got != "stopped" {
			t.Errorf("%q leaves her %s", text, got)
		}
	}
	for i, text := range []string{"STOP\n\nSent from my telephone", "\n Arrêt.\r\n-- \r\nAnn\r\n+44 7700 900100"} {
		number := fmt.Sprintf("+4477009004%02d", i)
		id := st.enrol(st.harbour, "sms:"+number)
		st.say(st.own, told{ID: "b" + fmt.Sprint(i), From: number, Text: text})
		if m := st.member(st.harbour, id); !m.PausedUntil.Equal(gateway.Endless) {
			t.Errorf("%q holds nothing back", text)
		}
	}
	for i, text := range []string{"Das Stoppschild steht da", "no no no", "S O S", "s o", "halt halt die Ohren steif", "Parada de autobús", "Arrêt de bus fermé"} {
		number := fmt.Sprintf("+4477009005%02d", i)
		id := st.enrol(st.harbour, "sms:"+number)
		st.say(st.own, told{ID: "c" + fmt.Sprint(i), From: number, Text: text})
		if m := st.member(st.harbour, id); !m.PausedUntil.IsZero() || m.Points[0].State != gateway.PointActive {
			t.Errorf("%q holds back", text)
		}
	}
}

// A group's own word for STOP does not wait behind what asks for nothing.
func TestAnOwnWordForStopWaitsForNoJunk(t *testing.T) {
	st := newStage(t)
	g := st.harbour
	g.Replies = &gateway.Replies{Words: map[string][]string{"stop": {"genug davon"}}}
	_, err := st.s.PutGroup(t.Context(), g)
	st.ok(err)
	id := st.enrol(st.harbour, "sms:"+ann)
	st.say(st.own, told{ID: "0", From: bea, Text: "hello"}) // a process that has heard something knows the words
	hold, held := make(chan struct{}), make(chan struct{})
	st.ears.Inbox = inboxFunc(func(ctx context.Context, m gateway.InboundMessage) (bool, error) {
		if m.Text == "junk" {
			close(held)
			<-hold
		}
		return st.s.Receive(ctx, m)
	})
	var junk sync.WaitGroup
	junk.Go(func() { st.call(st.own.Name, "good", `[{"ID":"1","From":"`+bea+`","Text":"junk"}]`) })
	<-held
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		st.call(st.own.Name, "good", `[{"ID":"2","From":"`+ann+`","Text":"Genug davon!"}]`)
	}()
	select {
	case <-stopped:
	case <-time.After(10 * time.Second):
		t.Error("it waits")
	}
	close(hold)
	junk.Wait()
	<-stopped
	if got := st.states(st.harbour, id); got != "stopped" {
		t.Errorf("she is %s", got)
	}
}

type inboxFunc func(context.Context, gateway.InboundMessage) (bool, error)

func (f inboxFunc) Receive(ctx context.Context, m gateway.InboundMessage) (bool, error) {
	return f(ctx, m)
}

// One code for three, and fifty people who send it at once; and a revoked one.
func TestFiftyJoinAtOnce(t *testing.T) {
	st := newStage(t)
	_, code, _ := st.invite(st.harbour, 3, "")
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() {
			// Twenty ranges of numbers, so that no limit of a range is what refuses them.
			from := channels.Address(fmt.Sprintf("+4477%02d00%04d", i%20, i))
			_ = st.ears.Hear(context.Background(), st.own, []channels.Event{{ID: fmt.Sprint("j", i), Inbound: &channels.Inbound{From: from, Text: code}}})
		})
	}
	all.Wait()
	asked := slices.DeleteFunc(st.said(st.harbour), func(text string) bool { return !strings.Contains(text, "enrol-ask") })
	i, err := st.s.Invitations(t.Context(), st.harbour.ID, gateway.ID{}, 10)
	if err != nil || len(asked) != 3 || i[0].Used != 3 {
		t.Errorf("asked %d, used %d, %v", len(asked), i[0].Used, err)
	}
}

// She was asked by everybody's question, and then by an invitation that is revoked before she says yes: that yes is to no
// question any more, least of all to an older one.
func TestYesToARevokedInvitation(t *testing.T) {
	st := newStage(t)
	id := st.enrol(st.harbour, "?sms:"+ann)
	_, err := st.f.Ask(t.Context(), st.harbour.ID, []string{"reports", "alerts"}, "desk")
	st.ok(err)
	st.answers(st.harbour)
	i, code, _ := st.invite(st.harbour, 1, "")
	st.say(st.own, told{ID: "1", From: ann, Text: code})
	st.ok(st.s.RevokeInvitation(t.Context(), st.harbour.ID, i))
	st.say(st.own, told{ID: "2", From: ann, Text: "YES"})
	if m := st.member(st.harbour, id); m.Points[0].State != gateway.PointUnconfirmed {
		t.Errorf("%s, for %v", m.Points[0].State, m.Points[0].Topics)
	}
}

// links gives where links to pages are sent, by member.
func (st *stage) links() map[gateway.ID]gateway.ID {
	links := map[gateway.ID]gateway.ID{}
	st.ears.Page = func(_ context.Context, _, member, point gateway.ID, _ string) error {
		links[member] = point
		return nil
	}
	return links
}

// Whoever shares her telephone is not to see her other addresses: her link goes to one that is hers alone, if she has one.
func TestALinkIsNotForASharedTelephone(t *testing.T) {
	st := newStage(t)
	links := st.links()
	one, two := st.enrol(st.harbour, "sms:"+ann, "telegram:700"), st.enrol(st.harbour, "sms:"+ann)
	st.say(st.own, told{ID: "1", From: ann, Text: "ME"})
	if links[one] != st.member(st.harbour, one).Points[1].ID || links[two] != st.member(st.harbour, two).Points[0].ID || len(links) != 2 {
		t.Errorf("%v", links)
	}
}

// A number that nobody has confirmed may be mistyped: the link goes to an address that she has confirmed, if there is one.
func TestALinkIsNotForAnUnconfirmedNumber(t *testing.T) {
	st := newStage(t)
	links := st.links()
	one, two := st.enrol(st.harbour, "?sms:"+ann, "telegram:700"), st.enrol(st.harbour, "?sms:"+bea)
	st.say(st.own, told{ID: "1", From: ann, Text: "ME"}, told{ID: "2", From: bea, Text: "ME"})
	if links[one] != st.member(st.harbour, one).Points[1].ID || links[two] != st.member(st.harbour, two).Points[0].ID {
		t.Errorf("%v", links)
	}
}

// Whoever was forwarded her mail presses the link beneath it again and again: three of them are sent to her in a day, and what she writes
// herself is answered all the same.
func TestTheLinkBeneathMailIsPressedForFun(t *testing.T) {
	st := newStage(t)
	links := 0
	st.ears.Page = func(context.Context, gateway.ID, gateway.ID, gateway.ID, string) error {
		links++
		return nil
	}
	st.enrol(st.harbour, "telegram:700")
	for i := range 8 {
		st.say(st.chat, told{ID: fmt.Sprint(i), From: "700", Action: "ME"})
	}
	if links != 3 || len(st.said(st.harbour)) != 0 {
		t.Errorf("%d links, %q", links, st.said(st.harbour))
	}
	st.say(st.chat, told{ID: "me", From: "700", Text: "ME"})
	if links != 4 {
		t.Errorf("her own word: %d links", links)
	}
	st.wind(25 * time.Hour)
	st.say(st.chat, told{ID: "later", From: "700", Action: "ME"})
	if links != 5 {
		t.Errorf("a day later: %d links", links)
	}
}

// Two groups share a number: of a reference that is none of theirs one of them says so.
func TestNotGenuineIsSaidOnce(t *testing.T) {
	st := newStage(t)
	st.enrol(st.harbour, "sms:"+ann)
	st.enrol(st.valley, "sms:"+ann)
	st.say(st.all, told{ID: "1", From: ann, Text: "123456782"})
	if said := append(st.said(st.harbour), st.said(st.valley)...); len(said) != 1 || !strings.HasPrefix(said[0], "not-genuine ") {
		t.Errorf("answers: %q", said)
	}
}

// One of two at a telephone was silent for a year, and the other was asked whether she wants what there is: one YES does for both.
func TestYesAtASharedTelephone(t *testing.T) {
	st := newStage(t)
	at := st.atNoon()
	one := st.enrol(st.harbour, "sms:"+ann)
	*at = at.Add(gateway.KeepConfirmed)
	two := st.enrol(st.harbour, "?sms:"+ann)
	_, err := st.f.Ask(t.Context(), st.harbour.ID, []string{"reports"}, "desk")
	st.ok(err)
	st.answers(st.harbour)
	st.say(st.own, told{ID: "1", From: ann, Text: "YES"})
	if got := st.states(st.harbour, one) + " " + st.states(st.harbour, two); got != "active active" {
		t.Errorf("%s", got)
	}
}
