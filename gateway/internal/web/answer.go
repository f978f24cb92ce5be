package web

import (
	"context"
	"crypto/hmac"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/templates"
)

// Answering is what the pages stand on at which alerts are answered: /a/{token}. Its zero value: there are none.
type Answering struct {
	Alerts interface {
		Alert(ctx context.Context, group, id gateway.ID) (gateway.AlertCase, error)
	}
	Broadcasts interface {
		Broadcast(ctx context.Context, group, id gateway.ID) (gateway.Broadcast, error)
	}
	// Answer takes what she says, and gives what became of it in her language; the same once is one answer.
	Answer func(ctx context.Context, g gateway.Group, m gateway.Member, alert gateway.ID, answer gateway.AlertAnswer, once string) (string, error)
	Seal   func(kind, value string) []byte // of links, under a key of the instance
}

// markSize is how many bytes of a link's seal it shows.
const markSize = 16

// mark seals a link for one member's copy of one message.
func (s *Server) mark(group, delivery gateway.ID) []byte {
	return s.Seal("alert page", group.String()+" "+delivery.String())[:markSize]
}

// AnswerLink gives the address at which a member answers an alert; empty: the instance has no pages. The link is made of what it
// opens and a seal, so an alert to many costs no row for each; whoever has it can answer in her name, and nothing else.
func (s *Server) AnswerLink(group, delivery gateway.ID) string {
	if s.Public == "" || s.Answering.Alerts == nil {
		return ""
	}
	raw := append(append(append([]byte{}, group[:]...), delivery[:]...), s.mark(group, delivery)...)
	return s.Public + "/a/" + base64.RawURLEncoding.EncodeToString(raw)
}

// asked is a page that asks a member.
type asked struct {
	*visit
	alert    gateway.AlertCase
	delivery gateway.ID
	answers  []gateway.AlertAnswer
}

// opened finds out whom a link asks, and what. What was made up and what is over are answered alike: false.
func (s *Server) opened(w http.ResponseWriter, r *http.Request) (*asked, bool) {
	begun := s.Now()
	a := &asked{visit: &visit{Server: s, w: w, r: r, token: r.PathValue("token")}}
	err := a.find(r.Context())
	switch {
	case err == nil:
		return a, true
	case errors.Is(err, gateway.ErrNotFound):
		s.Wait(r.Context(), begun.Add(steady))
		s.write(w, http.StatusNotFound, "plain", page{speech: s.stranger(r), Title: "alert_title", Text: "alert_gone"})
	default:
		s.failed(w, r, "the page of an alert cannot be read", err)
	}
	return nil, false
}

func (a *asked) find(ctx context.Context) error {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(a.token)
	size := len(gateway.ID{})
	if err != nil || len(raw) != 2*size+markSize || a.Answering.Alerts == nil {
		return gateway.ErrNotFound
	}
	group, delivery := gateway.ID(raw[:size]), gateway.ID(raw[size:2*size])
	if !hmac.Equal(raw[2*size:], a.mark(group, delivery)) {
		return gateway.ErrNotFound
	}
	d, err := a.Sent.Delivery(ctx, group, delivery)
	if err != nil {
		return err
	}
	b, err := a.Broadcasts.Broadcast(ctx, group, d.BroadcastID)
	if err != nil {
		return err
	}
	id, asks, ok := gateway.AlertOfKey(b.Key)
	if !ok {
		return gateway.ErrNotFound
	}
	if a.alert, err = a.Alerts.Alert(ctx, group, id); err != nil {
		return err
	}
	if a.group, err = a.Members.GroupByID(ctx, group); err != nil {
		return err
	}
	if a.member, err = a.Members.Member(ctx, group, d.MemberID); err != nil {
		return err
	}
	a.delivery, a.say = delivery, a.speech(a.member, a.group)
	if a.answers = gateway.AlertAnswers[:]; !asks {
		a.answers = a.answers[1:]
	}
	return nil
}

// shownAlert is what the page of an alert shows. It says nothing of what the alert is about: programs that look into mail open
// the link too.
type shownAlert struct {
	Exercise string // that it is one; empty: it is none
	Number   isolated
	Answers  []choice
}

// alertPage shows what can be answered. It changes nothing.
func (s *Server) alertPage(w http.ResponseWriter, r *http.Request) {
	if a, ok := s.opened(w, r); ok {
		a.ask(http.StatusOK, "")
	}
}

func (a *asked) ask(status int, fault string) {
	shown := shownAlert{Number: isolated(a.alert.Reference)}
	if a.alert.Exercise {
		shown.Exercise = templates.ExerciseLabel(a.say.plain)
	}
	for _, answer := range a.answers {
		shown.Answers = append(shown.Answers, choice{Value: string(answer), Text: templates.AnswerLabel(string(answer), a.say.plain), On: answer == gateway.AnswerHelp})
	}
	a.write(a.w, status, "alert", page{speech: a.say, Title: "alert_title", Fault: fault, Token: a.token, Form: formToken(a.token), Data: shown})
}

// reply takes the answer that the form gives, and says what became of it.
func (s *Server) reply(w http.ResponseWriter, r *http.Request) {
	a, ok := s.opened(w, r)
	if !ok {
		return
	}
	if !a.genuine() {
		s.plain(w, r, http.StatusForbidden, "stale")
		return
	}
	answer := gateway.AlertAnswer(strings.TrimSpace(r.PostFormValue("do")))
	allowed := false
	for _, one := range a.answers {
		allowed = allowed || one == answer
	}
	if !allowed {
		a.ask(http.StatusBadRequest, "fault")
		return
	}
	said, err := a.Answer(r.Context(), a.group, a.member, a.alert.ID, answer, "page "+a.delivery.String()+" "+string(answer))
	if err != nil {
		s.failed(w, r, "an answer to an alert cannot be taken", err)
		return
	}
	s.write(w, http.StatusOK, "answered", page{speech: a.say, Title: "alert_title", Token: a.token, Data: said})
}
