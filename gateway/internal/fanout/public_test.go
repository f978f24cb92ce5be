package fanout_test

import (
	"fmt"
	"testing"

	"github.com/carillon-gateway/carillon/gateway"
)

// A group posts in public too. A report goes there; a text marked sensitive does not, nor its pointer: who prefers that contact
// point gets it at her next one, and the group's own feed, which has no other, is told why. Members in neutral mode get nothing in
// public either. That a public channel is there keeps no text from anybody else.
func TestWhatIsNotForThePublicIsNotWrittenForIt(t *testing.T) {
	st := newStage(t)
	st.addChannel("feed", "mastodon", 500)
	st.wires[st.list[2].ID].public = true
	st.enrol(who{locale: "en", points: "mastodon"}, who{locale: "en", points: "mastodon sms"}, who{locale: "en", points: "mastodon sms", neutral: true})
	st.run(st.f)
	for _, c := range []struct {
		sensitive bool
		want      string
	}{
		{false, "[mastodon mastodon sms]"},
		{true, "[failed sms sms]"},
	} {
		d := report(fmt.Sprint("r-", c.sensitive))
		d.Sensitive = c.sensitive
		var over []string
		for _, planned := range st.planned(st.submit(d)) {
			name := "failed"
			for _, channel := range st.list {
				if channel.ID == planned.ChannelID && planned.State != gateway.Ended {
					name = channel.Kind
				}
			}
			over = append(over, name)
		}
		if fmt.Sprint(over) != c.want {
			t.Errorf("sensitive %v: planned over %v, want %s", c.sensitive, over, c.want)
		}
	}
}
