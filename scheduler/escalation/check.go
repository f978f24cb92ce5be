package escalation

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/carillon-gateway/carillon/gateway"
)

// Limits of what an alert says.
const (
	maxPart    = 300  // characters of each part
	maxDetails = 2000 // characters
	maxTexts   = 40   // languages
	maxAhead   = 31 * 24 * time.Hour
	maxAsks    = 300 // asks of one alert, all steps, repetitions, rounds and targets together
)

// DefaultPolicy is that of a group that names none: its owners are asked three times, five minutes apart, and then loudly.
const DefaultPolicy = "default"

func defaultPolicy() gateway.AlertPolicy {
	owners := []gateway.AlertTarget{{Topic: gateway.OwnersTopic}}
	return gateway.AlertPolicy{Name: DefaultPolicy, Steps: []gateway.AlertStep{{Targets: owners, Wait: 5, Repeat: 2}}, Last: owners}
}

// Policy reads one by its name; empty or DefaultPolicy, where the group has none of that name, is the shipped one.
func (d *Desk) Policy(ctx context.Context, group gateway.ID, name string) (gateway.AlertPolicy, error) {
	all, err := d.AlertPolicies(ctx, group)
	if err != nil {
		return gateway.AlertPolicy{}, err
	}
	p, _, err := policy(all, name)
	return p, err
}

// policy finds one among those of a group, and says whether it is the shipped one.
func policy(all []gateway.AlertPolicy, name string) (p gateway.AlertPolicy, shipped bool, err error) {
	for _, p := range all {
		if p.Name == cmp.Or(name, DefaultPolicy) {
			return p, false, nil
		}
	}
	if name == "" || name == DefaultPolicy {
		return defaultPolicy(), true, nil
	}
	return p, false, gateway.Faultf(gateway.CodeInvalid, "policy: the group has no policy %.40q; alert policy list shows those that it has", name)
}

// Check gives the alert of a draft, or says everything that is missing in it.
func (d *Desk) Check(ctx context.Context, g gateway.Group, draft gateway.AlertDraft) (gateway.AlertCase, error) {
	all, err := d.AlertPolicies(ctx, g.ID)
	if err != nil {
		return gateway.AlertCase{}, err
	}
	policy, shipped, err := policy(all, draft.Policy)
	if err != nil {
		return gateway.AlertCase{}, err
	}
	a := gateway.AlertCase{ID: gateway.NewID(), GroupID: g.ID, Exercise: draft.Exercise, DangerToLife: draft.DangerToLife, Audience: draft.Audience, Saying: draft.Saying, Policy: policy}
	if a.Saying.Next.IsZero() {
		a.Saying.Next = a.Saying.Until
	}
	if a.Audience.Topic == "" && (len(a.Audience.Tags) > 0 || len(a.Audience.Members) > 0 || len(a.Audience.Locales) > 0) {
		a.Audience.Topic = gateway.AlertsTopic
	}
	wrong := checkSaying(&a.Saying, d.now())
	wrong = append(wrong, d.belied(a.Exercise, &a.Saying)...)
	if shipped && !slices.ContainsFunc(g.Topics, func(t gateway.Topic) bool { return t.Name == gateway.OwnersTopic }) {
		wrong = append(wrong, noOwners(all))
	}
	if draft.Exercise && draft.DangerToLife {
		wrong = append(wrong, "danger_to_life: an exercise is none")
	}
	if wrong != nil {
		return a, gateway.Faultf(gateway.CodeInvalid, "the alert cannot be raised: %s", strings.Join(wrong, "; "))
	}
	a.Climb.Secret = make([]byte, 16)
	_, err = rand.Read(a.Climb.Secret)
	return a, err
}

// noOwners says how a group whose owners cannot be asked has an alert climb: it was raised without a policy.
func noOwners(policies []gateway.AlertPolicy) string {
	how := "or make a policy (carillon alert policy put)"
	if len(policies) > 0 {
		names := make([]string, len(policies))
		for i, p := range policies {
			names[i] = p.Name
		}
		how = "or name one of the group's policies: " + strings.Join(names, ", ")
	}
	return fmt.Sprintf("policy: nobody would be asked to take charge: where none is named the owners are asked, and the group has no topic %q; add the topic to the group and give it to those who look after it, %s", gateway.OwnersTopic, how)
}

// belied lists the texts that say the contrary of what the alert is. What ends an actual alert may speak of exercises: it may have
// been a mistake for one.
func (d *Desk) belied(exercise bool, s *gateway.AlertSaying) (wrong []string) {
	if d.Belies == nil {
		return nil
	}
	look := func(where, text string) {
		switch phrase := d.Belies(exercise, text); {
		case phrase == "":
		case exercise:
			wrong = append(wrong, fmt.Sprintf("%s says %q, and this is an exercise: leave it out, or people take it for real", where, phrase))
		default:
			wrong = append(wrong, fmt.Sprintf("%s says %q, and this is an actual alert: leave it out, or people take it for none; raise it as an exercise if it is one", where, phrase))
		}
	}
	for _, set := range []struct {
		name  string
		texts map[string]gateway.AlertText
	}{{"texts", s.Texts}, {"update", s.Update}} {
		for _, locale := range slices.Sorted(maps.Keys(set.texts)) {
			t := set.texts[locale]
			for _, part := range []struct{ name, text string }{{"source", t.Source}, {"what", t.What}, {"where", t.Where}, {"do", t.Do}, {"legal", t.Legal}, {"details", t.Details}} {
				look(fmt.Sprintf("%s in %s: %s", set.name, locale, part.name), part.text)
			}
		}
	}
	for _, set := range []struct {
		name  string
		texts map[string]string
	}{{"all_clear", s.Clear}, {"withdrawn", s.Withdrawn}} {
		for _, locale := range slices.Sorted(maps.Keys(set.texts)) {
			if exercise {
				look(set.name+" in "+locale, set.texts[locale])
			}
		}
	}
	return wrong
}

func checkSaying(s *gateway.AlertSaying, now time.Time) (wrong []string) {
	say := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	if len(s.Texts) == 0 || len(s.Texts) > maxTexts {
		say("texts: say it in 1 to %d languages", maxTexts)
	}
	for _, set := range []map[string]gateway.AlertText{s.Texts, s.Update} {
		for _, locale := range slices.Sorted(maps.Keys(set)) {
			t := set[locale]
			for _, part := range []struct{ name, text, what string }{{"source", t.Source, "who says it"}, {"what", t.What, "what has happened"}, {"where", t.Where, "where"}, {"do", t.Do, "what to do"}} {
				if strings.TrimSpace(part.text) == "" {
					say("texts in %s: %s is missing: %s", locale, part.name, part.what)
				}
			}
			for _, part := range []string{t.Source, t.What, t.Where, t.Do, t.Legal} {
				if utf8.RuneCountInString(part) > maxPart || slices.ContainsFunc([]rune(part), unicode.IsControl) {
					say("texts in %s: a part is one line of at most %d characters", locale, maxPart)
					break
				}
			}
			if utf8.RuneCountInString(t.Details) > maxDetails {
				say("texts in %s: the details have at most %d characters", locale, maxDetails)
			}
		}
	}
	switch {
	case s.Until.IsZero():
		say("until is missing: how long it holds")
	case !s.Until.After(now):
		say("until (%s) is over already", s.Until.UTC().Format(time.RFC3339))
	case s.Until.Sub(now) > maxAhead:
		say("until is more than 31 days ahead")
	}
	if s.Next.After(s.Until) {
		say("next: promise the next update for before its end")
	}
	return wrong
}

// renewed is what an alert says after an update: what is said now, or the draft that was kept with it, with times of its own.
func renewed(was, said gateway.AlertSaying, now time.Time) (gateway.AlertSaying, error) {
	s := was
	switch {
	case len(said.Texts) > 0:
		s.Texts = said.Texts
	case len(was.Update) > 0:
		s.Texts = was.Update
	default:
		return s, gateway.Faultf(gateway.CodeInvalid, "texts: no update was kept with the alert; say what it says now")
	}
	s.Update = said.Update
	if !said.Until.IsZero() {
		s.Until = said.Until
	}
	if s.Next = said.Next; s.Next.IsZero() {
		s.Next = s.Until
	}
	if said.Clear != nil {
		s.Clear = said.Clear
	}
	if said.Withdrawn != nil {
		s.Withdrawn = said.Withdrawn
	}
	s.Until, s.Next = s.Until.UTC(), s.Next.UTC()
	if wrong := checkSaying(&s, now); wrong != nil {
		return s, gateway.Faultf(gateway.CodeInvalid, "the update cannot be sent: %s", strings.Join(wrong, "; "))
	}
	return s, nil
}

var named = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,38}[a-z0-9]$`)

// CheckPolicy says everything that is wrong with a policy.
func CheckPolicy(g gateway.Group, p gateway.AlertPolicy) (gateway.AlertPolicy, error) {
	p.GroupID = g.ID
	var wrong []string
	say := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	between := func(what string, n, from, to int) {
		if n < from || n > to {
			say("%s: use %d to %d", what, from, to)
		}
	}
	if !named.MatchString(p.Name) {
		say("name: use 2 to 40 of a-z, 0-9 and -, with a letter or digit first and last")
	}
	between("rounds", p.Rounds, 0, gateway.MaxAlertRounds)
	between("quorum", p.Quorum, 0, gateway.MaxAlertQuorum)
	between("progress_minutes", p.Progress, 0, gateway.MaxAlertWait)
	if len(p.Steps) == 0 || len(p.Steps) > gateway.MaxAlertSteps {
		say("steps: a policy has 1 to %d steps", gateway.MaxAlertSteps)
	}
	asks := 0
	for i, s := range p.Steps {
		where := fmt.Sprintf("steps[%d].", i)
		between(where+"wait_minutes", s.Wait, 1, gateway.MaxAlertWait)
		between(where+"repeat", s.Repeat, 0, 5)
		between(where+"window_minutes", s.Window, 0, s.Wait)
		if _, _, err := ParseHours(s.Hours); s.Hours != "" && err != nil {
			say("%shours: %v", where, err)
		}
		wrong = append(wrong, checkTargets(g, where+"targets", s.Targets)...)
		asks += len(s.Targets) * (1 + s.Repeat)
	}
	if asks *= max(1, p.Rounds); asks > maxAsks {
		say("steps: with its repetitions and rounds the policy asks %d times; %d is the most", asks, maxAsks)
	}
	wrong = append(wrong, checkTargets(g, "last_resort", p.Last)...)
	if len(p.Last) > 0 && !slices.ContainsFunc(p.Last, func(t gateway.AlertTarget) bool { return t.Group == "" }) {
		say("last_resort: name somebody of the group itself as well: it is she who is asked whether it has ended")
	}
	if wrong != nil {
		return p, gateway.Faultf(gateway.CodeInvalid, "the policy cannot be used: %s", strings.Join(wrong, "; "))
	}
	return p, nil
}

func checkTargets(g gateway.Group, where string, targets []gateway.AlertTarget) (wrong []string) {
	if len(targets) == 0 || len(targets) > gateway.MaxAlertTargets {
		wrong = append(wrong, fmt.Sprintf("%s: name 1 to %d, each a topic, tags, members or a rota", where, gateway.MaxAlertTargets))
	}
	for i, t := range targets {
		rule := t.Topic != "" || len(t.Tags) > 0 || len(t.Members) > 0
		if !rule && t.Rota == "" {
			wrong = append(wrong, fmt.Sprintf("%s[%d]: name a topic, tags, members or a rota", where, i))
		}
		if t.Rota != "" && (len(t.Tags) > 0 || len(t.Members) > 0) {
			wrong = append(wrong, fmt.Sprintf("%s[%d]: a rota stands alone", where, i))
		}
		if t.Group != "" && (t.Group == g.Slug || len(t.Members) > 0) {
			wrong = append(wrong, fmt.Sprintf("%s[%d]: of another group name a topic, tags or a rota; who its members are is that group's own", where, i))
		}
		if t.Group == "" && t.Topic != "" && !slices.ContainsFunc(g.Topics, func(o gateway.Topic) bool { return o.Name == t.Topic }) {
			wrong = append(wrong, fmt.Sprintf("%s[%d]: the group has no topic %.40q", where, i, t.Topic))
		}
	}
	return wrong
}

// PutPolicy makes a policy, or changes the one with its name; alerts that were raised keep what they have.
func (d *Desk) PutPolicy(ctx context.Context, g gateway.Group, p gateway.AlertPolicy) (gateway.AlertPolicy, error) {
	p, err := CheckPolicy(g, p)
	if err != nil {
		return p, err
	}
	if err := d.checkGroups(ctx, g, p); err != nil {
		return p, err
	}
	all, err := d.AlertPolicies(ctx, g.ID)
	if err != nil {
		return p, err
	}
	p.ID, p.Revision = gateway.ID{}, 0
	for _, have := range all {
		if have.Name == p.Name {
			p.ID, p.Revision = have.ID, have.Revision
		}
	}
	return d.PutAlertPolicy(ctx, p)
}
