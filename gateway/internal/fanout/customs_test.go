package fanout_test

import (
	"strings"
	"testing"

	"github.com/carillon-gateway/carillon/gateway"
)

// What stands within other texts (her own time, the events of a week, the figures of an edition) is written by each reader's customs
// too: two who read one English text in two countries, and two who read one Arabic text, are not told by one another's.
func TestPiecesFollowTheCustomsOfEachReader(t *testing.T) {
	st := newStage(t)
	for _, w := range st.wires {
		w.limit = 4000
	}
	st.run(st.f)
	const zone = "Africa/Nairobi"
	st.enrol(who{locale: "en-US", points: "sms", zone: zone}, who{locale: "en-GB", points: "sms", zone: zone}, who{locale: "ar", points: "sms", zone: zone}, who{locale: "ar-EG", points: "sms", zone: zone})
	each := func(what string, got []string, want ...string) {
		t.Helper()
		if len(got) != len(want) {
			t.Fatalf("%s: %d texts", what, len(got))
		}
		for i := range want {
			if text := strings.NewReplacer("\u202f", " ", "\u200f", "", "\u200e", "", "\u2068", "", "\u2069", "").Replace(got[i]); !strings.Contains(text, want[i]) {
				t.Errorf("%s: %d lacks %q: %s", what, i, want[i], text)
			}
		}
	}
	of := func(ready *gateway.ReadyBroadcast) (all []string) {
		t.Helper()
		_, err := st.s.Submit(t.Context(), ready.Broadcast, ready.Fingerprint, nil)
		st.ok(err)
		st.f.Look()
		for _, one := range st.planned(ready.Broadcast.ID) {
			all = append(all, st.text(one, "sms"))
		}
		return all
	}
	reminder := gateway.EventMessage{Wording: gateway.EventReminder, Event: st.meeting(false)}
	each("a reminder", st.said(reminder), "time: Nov 5, 2026, 8:00 PM.", "time: 5 Nov 2026, 20:00.", "05/11/2026، 8:00 م.", "٠٥/١١/٢٠٢٦، ٨:٠٠ م.")

	ready, err := st.weekAhead(false, st.takesPlace("Plenum", "2026-12-12T18:00", "Europe/Berlin", "Hall"))
	st.ok(err)
	each("a week ahead", of(ready), "Saturday, December 12, 2026, 6:00 PM: Plenum", "Saturday, 12 December 2026, 18:00: Plenum", "12 ديسمبر 2026، 6:00 م", "١٢ ديسمبر ٢٠٢٦، ٦:٠٠ م")

	e := gateway.Edition{ID: gateway.NewID(), GroupID: st.group.ID, Number: 4, Entries: []gateway.Contribution{{Group: "harbour", Name: "Harbour", Section: gateway.SectionSummary, Entry: 1, Credit: gateway.CreditGroup, Texts: map[string]string{"en": "Well."}}},
		Figures: []gateway.Figure{{Kind: gateway.FigureIndicator, Source: "the pier", Indicated: &gateway.Indicated{Titles: map[string]string{"en": "Boats"}, Value: "1234", Date: "2026-11-20"}}}}
	telling := gateway.Telling{Series: gateway.Series{GroupID: st.group.ID, Title: "Harbour report", Topic: "reports"}, Edition: e, Date: "2026-11-26", By: "desk"}
	ready, err = st.f.ReadyEdition(t.Context(), telling)
	st.ok(err)
	each("an edition", of(ready), "1,234 (the pier, Nov 20, 2026)", "1,234 (the pier, 20 Nov 2026)", "20/11/2026", "٢٠/١١/٢٠٢٦")

	// The group's own words have nothing that customs write: those who read them by other customs are still told by these.
	st.ok(st.s.PutWording(t.Context(), st.group.ID, "reminder", map[string]string{"en": "{event}, {when}, {place}, {all_day}\n\n{own_time}"}))
	reminder.Event.ID = gateway.NewID()
	each("words without customs", st.said(reminder)[:2], "time: Nov 5, 2026, 8:00 PM.", "time: 5 Nov 2026, 20:00.")
}
