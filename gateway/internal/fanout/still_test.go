package fanout_test

import (
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

// One has a number, another a number and a chat. A year later a report goes to the chat alone; an alert goes there too, and to whoever
// has nothing else as a pointer; danger to life is told in full.
func TestWhatMayLeaveToANumberThatMayNotBeHers(t *testing.T) {
	st := newStage(t)
	st.run(st.f)
	st.places = []string{"GB", "GB"}
	st.enrol(who{locale: "en", points: "sms"}, who{locale: "en", points: "sms telegram"})
	st.wind(gateway.KeepConfirmed + time.Hour)
	for _, one := range []struct {
		draft   gateway.Draft
		reason  gateway.Reason
		neutral bool
	}{
		{draft: gateway.Draft{Kind: gateway.KindReport}, reason: gateway.ReasonSuppressed},
		{draft: gateway.Draft{Kind: gateway.KindAlert}, neutral: true},
		{draft: gateway.Draft{Kind: gateway.KindAlert, DangerToLife: true}},
	} {
		d := one.draft
		d.Audience, d.Words = gateway.Audience{Topic: "reports"}, gateway.Words{Sources: map[string]string{"en": "The bridge is closed"}}
		all := st.planned(st.submit(d))
		if len(all) != 2 || all[0].Reason != one.reason || all[0].Neutral != one.neutral || all[1].Neutral || all[1].Reason != "" || all[1].ChannelID != st.list[1].ID {
			t.Errorf("%s, danger to life %v: %+v", d.Kind, d.DangerToLife, all)
		}
	}
}
