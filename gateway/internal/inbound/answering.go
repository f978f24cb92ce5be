package inbound

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/civil"
	"github.com/carillon-gateway/carillon/templates"
)

// Alerts is what answers to alerts stand on.
type Alerts struct {
	Acknowledger gateway.Acknowledger // nil: there are no alerts
	Cases        AlertCases
	Reports      gateway.AlertReports
	OnDuty       gateway.OnDuty // nil: no group has a rota
	// Raise opens the alert of a member who needs help, by the policy that her group names for it, unless one of hers is open; false:
	// it names none.
	Raise func(ctx context.Context, group gateway.ID, by gateway.AlertHand) (bool, error)
}

// AlertCases finds alerts, as gateway.Alerts does.
type AlertCases interface {
	Alert(ctx context.Context, group, id gateway.ID) (gateway.AlertCase, error)
	AlertByReference(ctx context.Context, group gateway.ID, reference string) (gateway.AlertCase, error)
	Alerts(ctx context.Context, group, before gateway.ID, limit int) ([]gateway.AlertCase, error)
}

// What somebody says to an alert, as meanings.
const (
	takes  meaning = "take"
	isSafe meaning = "safe"
	needs  meaning = "need-help"
)

// lookedThrough is how many of a group's newest alerts are looked through for open ones.
const lookedThrough = 50

// reply is what somebody says to an alert.
type reply struct {
	gateway.AlertAnswer
	alert  gateway.ID // that her button names
	number string     // that she wrote: the reference, or the code that she alone was sent; empty: none
	bare   bool       // it may be something else, which people read
}

// replyIn reads an answer to an alert: a button's, a digit and a number in any script, or a word of the languages that she
// reads, alone or with the number. Nil: it is none.
func (v *visit) replyIn(text string, u understood, owners []known) *reply {
	if v.Alerts.Acknowledger == nil || len(owners) == 0 {
		return nil
	}
	if v.event.Inbound.Action != "" {
		if answer, alert, ok := gateway.ParseAlertAction(v.event.Inbound.Action); ok {
			return &reply{AlertAnswer: answer, alert: alert}
		}
	}
	words := map[meaning]gateway.AlertAnswer{takes: gateway.AnswerTake, isSafe: gateway.AnswerSafe, needs: gateway.AnswerHelp}
	if answer, ok := words[u.meaning]; ok {
		return &reply{AlertAnswer: answer, number: u.number}
	}
	if len(text) > 4*maxCommand {
		return nil
	}
	key := templates.WordKey(text)
	word, number := behind(key)
	for _, k := range owners {
		if k.group.Replies == nil {
			continue
		}
		for _, own := range k.group.Replies.Acks {
			if slices.ContainsFunc(own, func(w string) bool { return templates.WordKey(w) == key }) {
				return &reply{AlertAnswer: gateway.AnswerTake}
			}
			if number != "" && slices.ContainsFunc(own, func(w string) bool { return templates.WordKey(w) == word }) {
				return &reply{AlertAnswer: gateway.AnswerTake, number: number}
			}
		}
	}
	fields := strings.Fields(key)
	if strings.Trim(strings.Join(fields, ""), "0123456789") != "" || len(fields) == 0 {
		return nil
	}
	together := len(fields) == 1 && len(key) > 1 && gateway.IsAlertNumber(key[1:]) // as in 14711, which may be something else
	if together {
		fields = []string{key[:1], key[1:]}
	}
	if len(fields[0]) == 1 && fields[0] >= "1" && fields[0] <= "3" {
		answer := gateway.AlertAnswers[fields[0][0]-'1']
		switch number := strings.Join(fields[1:], ""); {
		case number == "":
			return &reply{AlertAnswer: answer, bare: true}
		case gateway.IsAlertNumber(number):
			return &reply{AlertAnswer: answer, number: number, bare: together}
		}
	}
	if number := strings.Join(fields, ""); gateway.IsAlertNumber(number) {
		return &reply{AlertAnswer: gateway.AnswerTake, number: number, bare: true}
	}
	return nil
}

// behind parts a key from the number of an alert at its end.
func behind(key string) (word, number string) {
	fields := strings.Fields(key)
	for i := len(fields) - 1; i > 0; i-- {
		rest := strings.Join(fields[i:], "")
		if strings.Trim(rest, "0123456789") != "" {
			break
		}
		if gateway.IsAlertNumber(rest) {
			return strings.Join(fields[:i], " "), rest
		}
	}
	return key, ""
}

// hand is whoever wrote: one member, or somebody at an address that several share.
func (v *visit) hand(k known) gateway.AlertHand {
	return gateway.AlertHand{Members: k.ids, Way: v.ch.Kind}
}

// once names what she said, for what must happen once.
func (v *visit) once(k known) string {
	return "answer/" + hex.EncodeToString(v.key[:]) + "/" + k.group.ID.Short()
}

// replies carries out an answer to an alert; false: it is none after all, and what she wrote is read by people.
func (v *visit) replies(ctx context.Context, owners []known, r reply) (bool, error) {
	if r.AlertAnswer == gateway.AnswerTake {
		return v.takeCharge(ctx, owners, r)
	}
	named := r.number != "" || !r.alert.IsZero()
	over, ended := -1, gateway.AlertCase{} // the first that is no longer open
	for i, k := range owners {
		a, err := v.reported(ctx, k, r)
		switch {
		case errors.Is(err, gateway.ErrNotFound):
		case err != nil:
			return false, err
		case named || a.State.Open():
			return true, v.report(ctx, k, a, r)
		case over < 0:
			over, ended = i, a
		}
	}
	if r.AlertAnswer == gateway.AnswerHelp && !r.bare && !named { // of one whose time is up, nobody climbs for her
		if raised, err := v.callForHelp(ctx, owners); err != nil || raised {
			return raised, err
		}
	}
	if over >= 0 {
		return true, v.report(ctx, owners[over], ended, r)
	}
	if named {
		v.notAnAlert(ctx, owners, r)
		return !r.bare, nil
	}
	return false, nil
}

// takeCharge takes that somebody takes charge, in the group of hers where it is still to be taken: what is over in one of them does
// not stand before what is open in another.
func (v *visit) takeCharge(ctx context.Context, owners []known, r reply) (bool, error) {
	unnamed := r.alert.IsZero() && r.number == ""
	asks := make([][]gateway.AlertCase, len(owners))
	var open []gateway.AlertCase
	of := known{}
	for i, k := range owners {
		if !unnamed {
			break
		}
		var err error
		if asks[i], err = v.askedHere(ctx, k); err != nil {
			return false, err
		}
		for _, a := range asks[i] {
			if a.State.Open() {
				open, of = append(open, a), k
			}
		}
	}
	if len(open) > 1 {
		v.which(ctx, of, open)
		return true, nil
	}
	var became gateway.AckResult
	var from *known
	for i, k := range owners {
		at := r
		if unnamed {
			if len(asks[i]) == 0 || len(open) > 0 && !asks[i][0].State.Open() {
				continue
			}
			at.alert = asks[i][0].ID
		}
		result, err := v.Alerts.Acknowledger.Acknowledge(ctx, gateway.Acknowledgement{Group: k.group.ID, Alert: at.alert, Reference: at.number, Once: v.once(k), By: v.hand(k), Proven: !forgeable(v.ch.Kind)})
		if err != nil {
			return false, fmt.Errorf("take an acknowledgement: %w", err)
		}
		switch result.Outcome {
		case gateway.AckUnknown, gateway.AckNotAsked, gateway.AckNotYet: // alike: nobody finds out by guessing which there are
			continue
		case gateway.AckOver, gateway.AckOthers, gateway.AckYours: // an alert of another group may have the same number
			if from == nil {
				from, became = &owners[i], result
			}
			if !unnamed {
				continue
			}
		default:
			from, became = &owners[i], result
		}
		break
	}
	if from != nil {
		v.Count(v.ch.ID, HeardAck)
		v.tellOutcome(ctx, *from, became)
		return true, nil
	}
	if r.bare || unnamed {
		return false, nil
	}
	v.notAnAlert(ctx, owners, r)
	return true, nil
}

// tellOutcome says what became of an acknowledgement. Whoever is in charge now is thanked by the engine, which tells the others
// too.
func (v *visit) tellOutcome(ctx context.Context, k known, result gateway.AckResult) {
	wording, data := result.Words()
	v.said.Settled = result.Outcome.Settles()
	if result.Outcome == gateway.AckTaken {
		v.show(ctx, k, wording, data)
		return
	}
	v.answerShown(ctx, k, wording, data)
}

// notAnAlert says that there is no such alert, or that it does not ask her: the same in both cases.
func (v *visit) notAnAlert(ctx context.Context, owners []known, r reply) {
	if r.bare {
		return
	}
	code := r.number
	if len(code) > gateway.AlertDigits {
		code = code[:gateway.AlertDigits]
	}
	for _, k := range owners {
		v.answerShown(ctx, k, templates.AckUnknown, map[string]string{"code": code})
		return
	}
}

// which asks which of several alerts she means.
func (v *visit) which(ctx context.Context, k known, asked []gateway.AlertCase) {
	v.answerShown(ctx, k, templates.AckWhich, whichOf(asked))
}

// whichOf are the values of that question.
func whichOf(asked []gateway.AlertCase) map[string]string {
	numbers := make([]string, len(asked))
	for i, a := range asked {
		numbers[i] = a.Reference
	}
	return map[string]string{"code": numbers[0], "codes": strings.Join(numbers, ", ")}
}

// reported finds the alert that a report of hers is about: the one that she names, or else the newest that is not over, or that
// has ended lately if she says in words that she is safe. ErrNotFound: there is none, or nobody was told of it yet.
func (v *visit) reported(ctx context.Context, k known, r reply) (a gateway.AlertCase, err error) {
	switch {
	case !r.alert.IsZero():
		a, err = v.Alerts.Cases.Alert(ctx, k.group.ID, r.alert)
	case r.number != "":
		a, err = v.Alerts.Cases.AlertByReference(ctx, k.group.ID, r.number[:gateway.AlertDigits])
	default:
		return v.openAlert(ctx, k.group.ID, r.AlertAnswer == gateway.AnswerSafe && !r.bare)
	}
	if err == nil && a.Hold != nil {
		err = gateway.ErrNotFound
	}
	return a, err
}

// openAlert gives the newest alert of a group that is open, or else that nobody has ended, or else, with late, the newest that has
// ended lately. Of one that was never released nobody was told. ErrNotFound.
func (v *visit) openAlert(ctx context.Context, group gateway.ID, late bool) (gateway.AlertCase, error) {
	recent, err := v.Alerts.Cases.Alerts(ctx, group, gateway.ID{}, lookedThrough)
	if err != nil {
		return gateway.AlertCase{}, fmt.Errorf("look for an open alert: %w", err)
	}
	recent = slices.DeleteFunc(recent, func(a gateway.AlertCase) bool { return a.Hold != nil })
	i := slices.IndexFunc(recent, func(a gateway.AlertCase) bool { return a.State.Open() })
	if i < 0 {
		i = slices.IndexFunc(recent, func(a gateway.AlertCase) bool { return !a.State.Over() })
	}
	if i < 0 && late {
		i = slices.IndexFunc(recent, v.lately)
	}
	if i < 0 {
		return gateway.AlertCase{}, gateway.ErrNotFound
	}
	return recent[i], nil
}

// report keeps how she is. That somebody needs help goes to those on duty at once, also when the alert has ended.
func (v *visit) report(ctx context.Context, k known, a gateway.AlertCase, r reply) error {
	kept := false
	for _, id := range k.ids {
		fresh, err := v.Alerts.Reports.PutAlertReport(ctx, gateway.AlertReport{GroupID: k.group.ID, AlertID: a.ID, MemberID: id, Answer: r.AlertAnswer, Way: v.ch.Kind, Shared: len(k.ids) > 1, At: v.at})
		if err != nil {
			return fmt.Errorf("keep how a member is: %w", err)
		}
		kept = kept || fresh
	}
	v.Count(v.ch.ID, HeardReport)
	by := v.hand(k)
	heard, err := v.hears(ctx, k, a, string(r.AlertAnswer))
	if err != nil {
		return err
	}
	if kept && heard {
		detail := by.Role() + " is safe"
		if r.AlertAnswer == gateway.AnswerHelp {
			detail = by.Role() + " needs help"
		}
		if err := v.Alerts.Acknowledger.Note(ctx, k.group.ID, a.ID, v.once(k), detail, by); err != nil && !v.hopeless(err) {
			return fmt.Errorf("note how a member is: %w", err)
		}
	}
	if r.AlertAnswer == gateway.AnswerSafe {
		v.answerShown(ctx, k, templates.SafeNoted, map[string]string{"code": a.Reference})
		return nil
	}
	if heard { // kept or not: the try before may have got no further; its key makes it happen once
		if err := v.tellDuty(ctx, k, a); err != nil {
			return err
		}
	}
	v.answerShown(ctx, k, templates.HelpNoted, nil)
	return nil
}

// onDuty gives whom the step asks at which an alert stands.
func (v *visit) onDuty(ctx context.Context, group gateway.ID, a gateway.AlertCase) ([]gateway.Audience, error) {
	var targets []gateway.AlertTarget
	if i := a.Climb.Step; i >= 0 && i < len(a.Policy.Steps) {
		targets = a.Policy.Steps[i].Targets
	}
	if a.State == gateway.AlertUnanswered {
		targets = a.Policy.Last
	}
	var all []gateway.Audience
	for _, t := range targets {
		switch {
		case t.Group != "": // whoever is asked there hears of her by the alert that climbed
		case t.Rota != "":
			if v.Alerts.OnDuty == nil {
				continue
			}
			ids, err := v.Alerts.OnDuty.OnDuty(ctx, group, t.Rota, v.Now())
			if err != nil && !v.hopeless(err) {
				return nil, fmt.Errorf("find who is on duty: %w", err)
			}
			if len(ids) > 0 {
				all = append(all, gateway.Audience{Members: ids})
			}
		default:
			topic := t.Topic
			if topic == "" {
				topic = gateway.AlertsTopic
			}
			all = append(all, gateway.Audience{Topic: topic, Tags: t.Tags, Members: t.Members})
		}
	}
	return all, nil
}

// callForHelp opens an alert in the group of a member who needs help; false: her group names no policy for that.
func (v *visit) callForHelp(ctx context.Context, owners []known) (bool, error) {
	if v.Alerts.Raise == nil {
		return false, nil
	}
	raised := false
	for _, k := range owners {
		ok, err := v.Alerts.Raise(ctx, k.group.ID, v.hand(k))
		if err != nil && !v.hopeless(err) {
			return false, fmt.Errorf("raise an alert for a member: %w", err)
		}
		if err == nil && ok {
			raised = true
			v.answerShown(ctx, k, templates.HelpNoted, nil)
		}
	}
	if raised {
		v.Count(v.ch.ID, HeardCall)
	}
	return raised, nil
}

// answerShown answers her where she wrote from, and at once where her provider shows it.
func (v *visit) answerShown(ctx context.Context, k known, wording string, data map[string]string) {
	v.show(ctx, k, wording, data)
	members, err := v.membersOf(ctx, k)
	if err != nil {
		v.Log.Error("a member is not answered", "channel", v.ch.ID, "group", k.group.ID, "wording", wording, "error", err)
		return
	}
	v.answer(ctx, members, wording, data)
}

// membersOf reads whoever shares the address, if they are not read yet.
func (v *visit) membersOf(ctx context.Context, k known) (known, error) {
	for _, id := range k.ids {
		if len(k.members) == len(k.ids) {
			break
		}
		m, err := v.Members.Member(ctx, k.group.ID, id)
		if errors.Is(err, gateway.ErrNotFound) {
			continue
		}
		if err != nil {
			return k, err
		}
		k.members = append(k.members, m)
	}
	return k, nil
}

// show puts a text into what her provider shows at once. What cannot be put into words is not shown: an answer follows anyway.
func (v *visit) show(ctx context.Context, k known, wording string, data map[string]string) {
	k, err := v.membersOf(ctx, k)
	if err != nil || len(k.members) == 0 {
		return
	}
	own, err := v.Groups.Wordings(ctx, k.group.ID)
	if err != nil {
		return
	}
	m := k.members[0]
	chain := append(append([]string{m.Locale}, m.Fallback...), k.group.Locale)
	zone, err := civil.Zone(k.group.Zone)
	if err != nil {
		zone = time.UTC
	}
	text, err := templates.Short(wording, own[wording], templates.Reader{Chain: append(append(chain, k.group.Fallback...), "en"), Zone: zone, Now: v.Now()}, templates.Text(data))
	if err != nil {
		v.Log.Warn("what became of an answer cannot be shown", "group", k.group.ID, "wording", wording, "error", err)
		return
	}
	v.said.Text = text
}
