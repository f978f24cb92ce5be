package inbound_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/inbound"
)

// invite makes an invitation of a group to its reports, and gives its code and link.
func (st *stage) invite(g gateway.Group, uses int, locale string) (id gateway.ID, code, link string) {
	st.t.Helper()
	c, l := gateway.MintInvitation()
	i := gateway.Invitation{ID: gateway.NewID(), GroupID: g.ID, Label: "assembly", Topics: []string{"reports"}, Tags: []string{"north"}, Locale: locale, Uses: uses, CreatedAt: st.now(), ExpiresAt: st.now().Add(30 * 24 * time.Hour)}
	st.ok(st.s.PutInvitation(st.t.Context(), i, c, l))
	return i.ID, c.Reveal(), l.Reveal()
}

// text gives what a delivery says.
func (st *stage) text(g gateway.Group, d gateway.Delivery) string {
	st.t.Helper()
	r, err := st.s.Rendering(st.t.Context(), g.ID, d.BroadcastID, d.Locale, "sms", d.Neutral)
	if err != nil {
		r, err = st.s.Rendering(st.t.Context(), g.ID, d.BroadcastID, d.Locale, "telegram", d.Neutral)
	}
	st.ok(err)
	var part channels.Part
	st.ok(json.Unmarshal(r.Parts[0], &part))
	return part.Text
}

// member gives the only member at an address.
func (st *stage) memberAt(g gateway.Group, kind, address string) gateway.Member {
	st.t.Helper()
	ids, err := st.s.FindMembers(st.t.Context(), g.ID, kind, gateway.Private(address))
	st.ok(err)
	if len(ids) != 1 {
		st.t.Fatalf("%d members", len(ids))
	}
	m, err := st.s.Member(st.t.Context(), g.ID, ids[0])
	st.ok(err)
	return m
}

// She texts the code that hangs in the hall, with the digits of her own script. She is asked in the words of consent; her
// yes makes her a member with the topic that the words named, and she is told how to stop. Her code once more is answered
// to her alone.
func TestSheJoinsByText(t *testing.T) {
	st := newStage(t)
	id, code, _ := st.invite(st.harbour, 1, "")
	arabic := strings.Map(func(r rune) rune { return r - '0' + '٠' }, code)
	st.say(st.own, told{ID: "1", From: ann, Text: " join " + arabic[:8] + " " + arabic[8:]})
	st.say(st.own, told{ID: "1", From: ann, Text: " join " + arabic[:8] + " " + arabic[8:]}) // the provider tells it twice
	asked := st.answers(st.harbour)
	if len(asked) != 1 || asked[0].ChannelID != st.own.ID || !strings.Contains(st.text(st.harbour, asked[0]), "do you want our messages (reports)? Reply YES") {
		t.Fatalf("asked: %+v", asked)
	}
	m := st.memberAt(st.harbour, "sms", ann)
	if fmt.Sprint(m.Points[0].State, m.Points[0].Topics, m.Tags) != "unconfirmed[] [north]" {
		t.Fatalf("before her yes: %v %v %v", m.Points[0].State, m.Points[0].Topics, m.Tags)
	}
	st.say(st.own, told{ID: "2", From: bea, Text: code}) // it was for one
	if len(st.answers(st.harbour)) != 1 || st.heard[inbound.HeardGuess] != 1 {
		t.Fatalf("a code that is used up was answered, or not counted: %v", st.heard)
	}
	st.say(st.own, told{ID: "3", From: ann, Text: "yes"})
	all := st.answers(st.harbour)
	if len(all) != 2 || !strings.Contains(st.text(st.harbour, all[1]), "Welcome to Harbour. You will get: reports.") || !strings.Contains(st.text(st.harbour, all[1]), "STOP ends all") {
		t.Fatalf("welcome: %+v", all)
	}
	m = st.memberAt(st.harbour, "sms", ann)
	evidence, err := st.s.Evidence(t.Context(), st.harbour.ID, m.ID)
	st.ok(err)
	if m.Points[0].State != gateway.PointActive || fmt.Sprint(m.Points[0].Topics) != "[reports]" || len(evidence) != 1 || !strings.HasPrefix(evidence[0].Wording, "enrol-ask-") || evidence[0].Locale != "en" || !strings.Contains(evidence[0].Proof.Reveal(), "harbour-text") {
		t.Errorf("%+v, %+v", m.Points, evidence)
	}
	v, err := st.s.Invitation(t.Context(), st.harbour.ID, id)
	if err != nil || len(v.Members) != 1 || v.Members[0] != m.ID || len(v.Asked) != 0 {
		t.Errorf("brought in: %+v, %v", v, err)
	}
	st.say(st.own, told{ID: "4", From: ann, Text: code})
	if all = st.answers(st.harbour); len(all) != 3 || !strings.Contains(st.text(st.harbour, all[2]), "already enrolled") {
		t.Errorf("her code once more: %+v", all)
	}
	st.say(st.own, told{ID: "5", From: ann, Text: "STOP"})
	if got := st.states(st.harbour, m.ID); got != "stopped" {
		t.Errorf("after STOP: %s", got)
	}
}

// Nobody knows which language she reads: the country of her number made the group guess. Her yes in her own counts, brings her the welcome
// in it, and is no yes of somebody who chose a language; nor is a word that means yes nowhere.
func TestAYesInHerOwnLanguage(t *testing.T) {
	st := newStage(t)
	_, code, _ := st.invite(st.harbour, 10, "")
	st.say(st.own, told{ID: "1", From: ann, Text: code}, told{ID: "2", From: ann, Text: "ربما"})
	if m := st.memberAt(st.harbour, "sms", ann); m.Locale != "en" || m.Points[0].State != gateway.PointUnconfirmed {
		t.Fatalf("before her yes: %s, %v", m.Locale, m.Points[0].State)
	}
	for range 2 { // the provider tells it twice
		st.say(st.own, told{ID: "3", From: ann, Text: "نعم!"})
	}
	m := st.memberAt(st.harbour, "sms", ann)
	all := st.answers(st.harbour)
	if m.Locale != "ar" || m.Points[0].State != gateway.PointActive || len(all) != 2 || all[1].Locale != "ar" || !strings.Contains(st.text(st.harbour, all[1]), "أهلًا") {
		t.Errorf("%s, %v, %d answers", m.Locale, m.Points[0].State, len(all))
	}
	st.say(st.own, told{ID: "4", From: bea, Text: code}, told{ID: "5", From: bea, Text: "LANG DE"}, told{ID: "6", From: bea, Text: "نعم"})
	if m = st.memberAt(st.harbour, "sms", bea); m.Locale != "de" || m.Points[0].State != gateway.PointUnconfirmed {
		t.Errorf("who chose a language reads %s and is %v by a word of another", m.Locale, m.Points[0].State)
	}
}

// Over a number that several groups share, the code says which is meant; a Kenyan number is asked in Swahili, a German one,
// to which the group does not send, not at all; who said STOP is left alone until she says START.
func TestWhoIsAnsweredAndInWhichLanguage(t *testing.T) {
	st := newStage(t)
	_, code, _ := st.invite(st.harbour, 10, "")
	const wanjiru, karl = "+254700000001", "+4915550100001"
	st.say(st.all, told{ID: "1", From: wanjiru, Text: code[:4] + "-" + code[4:]}, told{ID: "2", From: karl, Text: code})
	all := st.answers(st.harbour)
	if len(all) != 1 || all[0].Locale != "sw" || len(st.answers(st.valley)) != 0 || st.heard[inbound.HeardLimited] != 1 {
		t.Fatalf("asked: %+v, %v", all, st.heard)
	}
	st.say(st.own, told{ID: "3", From: bea, Text: "STOP"}, told{ID: "4", From: bea, Text: code})
	if len(st.answers(st.harbour)) != 1 {
		t.Fatal("a STOP was answered with a question")
	}
	st.say(st.own, told{ID: "5", From: bea, Text: "START"}, told{ID: "6", From: bea, Text: code})
	if len(st.answers(st.harbour)) != 2 {
		t.Fatal("START does not bring the code back")
	}
	st.say(st.own, told{ID: "refused", From: bea, Text: "STOP"}, told{ID: "after all", From: bea, Text: "START"}) // to the question
	if m := st.memberAt(st.harbour, "sms", bea); m.Points[0].State != gateway.PointActive || fmt.Sprint(m.Points[0].Topics) != "[reports]" {
		t.Errorf("START after the question: %+v", m.Points[0].State)
	}
	evidence, err := st.s.Evidence(t.Context(), st.harbour.ID, st.memberAt(st.harbour, "sms", bea).ID)
	st.ok(err)
	if last := evidence[len(evidence)-1]; last.Topic != "reports" || !strings.HasPrefix(last.Proof.Reveal(), "START after she was asked, received") {
		t.Errorf("the evidence says that she said %q", last.Proof.Reveal())
	}
	if len(st.answers(st.harbour)) != 4 { // how to return, and a welcome
		t.Errorf("%d answers", len(st.answers(st.harbour)))
	}
	_, french, _ := st.invite(st.harbour, 1, "fr")
	st.say(st.own, told{ID: "7", From: ann, Text: french})
	if all = st.answers(st.harbour); len(all) != 5 || all[4].Locale != "fr" {
		t.Errorf("an invitation in French: %+v", all)
	}
}

// She opens the bot by the link, and says yes.
func TestSheJoinsByDeepLink(t *testing.T) {
	st := newStage(t)
	id, _, link := st.invite(st.harbour, 1, "")
	st.say(st.chat, told{ID: "1", From: "700", Text: "/start " + link})
	if all := st.answers(st.harbour); len(all) != 1 || all[0].ChannelID != st.chat.ID {
		t.Fatalf("asked: %+v", all)
	}
	st.ok(st.s.RevokeInvitation(t.Context(), st.harbour.ID, id))
	st.say(st.chat, told{ID: "2", From: "700", Text: "yes"}) // too late: it was taken back
	m := st.memberAt(st.harbour, "telegram", "700")
	if m.Points[0].State != gateway.PointUnconfirmed {
		t.Errorf("by a revoked invitation: %s", m.Points[0].State)
	}
	_, _, other := st.invite(st.harbour, 1, "")
	st.say(st.chat, told{ID: "3", From: "700", Text: "/start@harbour_bot " + other}, told{ID: "4", From: "700", Text: "YES"})
	if m = st.memberAt(st.harbour, "telegram", "700"); m.Points[0].State != gateway.PointActive {
		t.Errorf("by another: %s", m.Points[0].State)
	}
}

// Ten thousand numbers of one range send a good code: no more are asked than the range has room for, and all is counted.
// Whoever guesses is not listened to after a few tries, with a right code neither; nor is anybody after many wrong ones.
func TestPumpingAndGuessing(t *testing.T) {
	st := newStage(t)
	_, code, _ := st.invite(st.harbour, gateway.MaxUses, "")
	const numbers = 40 // more only take longer: the thirty-first is refused as the ten thousandth is
	for i := range numbers {
		st.say(st.own, told{ID: fmt.Sprint("p", i), From: fmt.Sprintf("+44770090%04d", i), Text: code})
	}
	if n := len(st.answers(st.harbour)); n != 30 || st.heard[inbound.HeardLimited] != numbers-30 {
		t.Fatalf("%d were asked, %v", n, st.heard)
	}
	for i := range 6 {
		st.say(st.own, told{ID: fmt.Sprint("g", i), From: ann, Text: "0000000" + fmt.Sprint(i)})
	}
	st.say(st.own, told{ID: "right", From: ann, Text: code})
	if ids, err := st.s.FindMembers(t.Context(), st.harbour.ID, "sms", ann); err != nil || len(ids) != 0 {
		t.Errorf("a guesser was listened to: %v", err)
	}
	_, err := st.s.Try(t.Context(), 193, gateway.Limit{What: "wrong code", By: st.own.ID.String(), Most: 200, Within: time.Hour}) // others guess too
	st.ok(err)
	for i := range 2 { // six were wrong above: with the first of these it is 200
		st.say(st.own, told{ID: fmt.Sprint("w", i), From: fmt.Sprintf("+4477%08d", i*10_000), Text: "99999999"})
	}
	st.say(st.own, told{ID: "other", From: "+254700000002", Text: code})
	if ids, err := st.s.FindMembers(t.Context(), st.harbour.ID, "sms", "+254700000002"); err != nil || len(ids) != 0 {
		t.Errorf("the channel listens although many guess: %v", err)
	}
	st.wind(time.Hour + time.Minute)
	st.say(st.own, told{ID: "later", From: "+254700000002", Text: code})
	st.memberAt(st.harbour, "sms", "+254700000002")
}

// What is no code is a message like any other.
func TestCodesInMessages(t *testing.T) {
	for text, want := range map[string]string{
		"12345678": "12345678", "1234 5678": "12345678", "JOIN 1234-5678": "12345678", "१२३४५६७८": "12345678", "１２３４５６７８": "12345678", "۱۲۳۴۵۶۷۸": "12345678",
		"/start AAECAwQFBgcICQoLDA0ODw": "AAECAwQFBgcICQoLDA0ODw", "join AAECAwQFBgcICQoLDA0ODw": "AAECAwQFBgcICQoLDA0ODw",
		"1234567": "", "123456789": "", "": "", "join": "", "call 12345678": "", "/start short": "", "+4477009001": "", "AAECAwQFBgcICQoLDA0ODw": "",
	} {
		if got := inbound.CodeIn(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
