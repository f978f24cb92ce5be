package web

import (
	"slices"
	"strings"

	"github.com/carillon-gateway/carillon/gateway"
)

// fromPage begins the version of the words of what she does here, before their language.
const fromPage = "page-"

// wished is the source of the evidence of PAUSE, LANG and the like, by which she neither agrees to anything nor refuses it.
const wished = "wish"

// offered gives the topics that she may take and drop here: all but those of the people who look after the group. Whoever takes one of
// these is asked to take charge of alerts, and hears what waits for a decision; so it is there for whom the group gave it once, even if she
// dropped it since, and nobody gives it to herself. Who has it, from whomever, can drop it.
func (v *visit) offered() ([]gateway.Topic, error) {
	var evidence []gateway.Consent
	if slices.ContainsFunc(v.group.Topics, func(t gateway.Topic) bool { return gateway.IsDuty(t.Name) }) {
		var err error
		if evidence, err = v.Members.Evidence(v.r.Context(), v.group.ID, v.member.ID); err != nil {
			return nil, err
		}
	}
	return slices.DeleteFunc(slices.Clone(v.group.Topics), func(t gateway.Topic) bool {
		has := slices.ContainsFunc(v.member.Points, func(p gateway.ContactPoint) bool { return slices.Contains(p.Topics, t.Name) })
		return gateway.IsDuty(t.Name) && !has && !slices.ContainsFunc(evidence, func(c gateway.Consent) bool {
			return c.Topic == t.Name && c.Granted && !strings.HasPrefix(c.Wording, fromPage)
		})
	}), nil
}

// topics keeps what she takes and drops at one address.
func (v *visit) topics() {
	p, ok := v.asked()
	if !ok {
		v.home("fault")
		return
	}
	offered, err := v.offered()
	if err != nil {
		v.failed(v.w, v.r, "the topics for a member cannot be found", err)
		return
	}
	var w gateway.Wish
	for _, t := range offered {
		w.Topics = append(w.Topics, gateway.TopicWish{Point: p.ID, Topic: t.Name, Taken: slices.Contains(v.r.PostForm["topic"], t.Name)})
	}
	v.done(v.Wishes.Wish(v.r.Context(), v.group.ID, v.member.ID, w, v.proof("chosen", true)), v.point, "home?saved")
}

// topic names a topic; a STOP and a START are about all of them, and name none. In neutral mode a title that names the group gives way to
// the topic's short name.
func (v *visit) topic(name string) string {
	for _, t := range v.group.Topics {
		if title := v.say.title(t); t.Name == name && !(v.member.Neutral && v.group.NamedIn(title)) {
			return title
		}
	}
	return name
}
