package web_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/carillon-gateway/carillon/gateway"
)

// Nobody makes herself one of those who look after the group: their topics are neither shown to her nor taken from her form. Whom the group
// made one may leave it and come back, and in neutral mode its title, which names the group, is not on her page.
func TestNobodyGivesHerselfADuty(t *testing.T) {
	st := newStage(t)
	g := st.group
	g.Topics = append(g.Topics, gateway.Topic{Name: gateway.OwnersTopic, Title: "Those who look after Harbour Watch"}, gateway.Topic{Name: gateway.ApproversTopic, Title: "Those who release"})
	var err error
	st.group, err = st.s.PutGroup(t.Context(), g)
	st.ok(err)
	takes := func(m gateway.Member, want ...string) {
		t.Helper()
		if got := st.member(m.ID).Points[0].Topics; !slices.Equal(got, want) {
			t.Errorf("she takes %v, want %v", got, want)
		}
	}

	her := st.enrol(nil, "sms:"+ann)
	link, point := st.link(her), "point?p="+her.Points[0].ID.String()
	if page := st.get(link + "/" + point).body; strings.Contains(page, "owners") || strings.Contains(page, "Those who") || !strings.Contains(page, "Alerts") {
		t.Error("she is offered what is not hers to take:", page)
	}
	st.post(link, point, "do", "topics", "topic", "alerts", "topic", gateway.OwnersTopic, "topic", gateway.ApproversTopic)
	takes(her, "alerts")

	owner := st.enrol(func(m *gateway.Member) {
		m.Ref, m.Neutral, m.Points[0].Topics = "K-18", true, []string{gateway.OwnersTopic}
	}, "email:owner@people.example")
	link, point = st.link(owner), "point?p="+owner.Points[0].ID.String()
	if page := st.get(link + "/" + point).body; !strings.Contains(page, ">owners<") || strings.Contains(page, "Harbour") || strings.Contains(page, "release") {
		t.Error("an owner in neutral mode finds", page)
	}
	st.post(link, point, "do", "topics")
	takes(owner)
	st.post(link, point, "do", "topics", "topic", gateway.OwnersTopic, "topic", gateway.ApproversTopic)
	takes(owner, gateway.OwnersTopic)

	// Before that was so, one gave it to herself. She can drop it, and has it not back.
	proof := gateway.Consent{Granted: true, At: st.clock(), Wording: "page-en", Source: "member", Proof: "chosen on her page"}
	st.ok(st.s.Wish(t.Context(), st.group.ID, her.ID, gateway.Wish{Topics: []gateway.TopicWish{{Point: her.Points[0].ID, Topic: gateway.OwnersTopic, Taken: true}}}, proof))
	takes(her, "alerts", gateway.OwnersTopic)
	link, point = st.link(her), "point?p="+her.Points[0].ID.String()
	for range 2 {
		st.post(link, point, "do", "topics", "topic", "alerts")
		takes(her, "alerts")
		st.post(link, point, "do", "topics", "topic", "alerts", "topic", gateway.OwnersTopic)
		takes(her, "alerts")
	}
}

// Her page calls a topic in its own language; in neutral mode a title that names the group gives way to the short name in every language.
func TestTopicsAreCalledInTheLanguageOfThePage(t *testing.T) {
	st := newStage(t)
	g := st.group
	g.Topics = append(g.Topics, gateway.Topic{Name: "kitchen", Title: "The kitchen", Titles: map[string]string{"de": "Küche", "fr": "Cuisine de Harbour Watch"}})
	var err error
	st.group, err = st.s.PutGroup(t.Context(), g)
	st.ok(err)
	for locale, want := range map[string]string{"de": "Küche", "de-CH": "Küche", "fr": "kitchen", "sw": "The kitchen"} {
		m := st.enrol(func(m *gateway.Member) { m.Locale, m.Neutral = locale, locale == "fr" }, "sms:+4477009001"+strconv.Itoa(10+len(locale)+len(want)))
		if page := st.get(st.link(m) + "/point?p=" + m.Points[0].ID.String()).body; !strings.Contains(page, ">"+want+"<") {
			t.Errorf("in %s the page does not say %q: %s", locale, want, page)
		}
	}
}

// What she wished by a word is on her page without a yes: PAUSE agrees to nothing.
func TestAWishIsNoYes(t *testing.T) {
	st := newStage(t)
	m := st.enrol(nil, "sms:"+ann)
	st.ok(st.s.Wish(t.Context(), st.group.ID, m.ID, gateway.Wish{Locale: "en"}, gateway.Consent{PointID: m.Points[0].ID, Granted: true, At: st.clock(), Source: "wish", Proof: "LANG, received over channel sms"}))
	page := st.get(st.link(m) + "/data").body
	if !strings.Contains(page, "LANG, received") || strings.Count(page, "<strong>yes</strong>") != 1 {
		t.Error(page)
	}
}
