package fanout_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/carillon-gateway/carillon/gateway"
)

// A text is rendered and composed once for all who get the same: the work does not grow with the audience.
func TestATextIsWrittenOnceForAllOfALanguage(t *testing.T) {
	wrote := func(each int) (n int64) {
		st := newStage(t)
		var people []who
		for range each {
			people = append(people, who{locale: "es", points: "sms telegram"}, who{locale: "en", points: "telegram"}, who{locale: "qu", fallback: []string{"es"}, points: "sms"}, who{locale: "en", neutral: true, points: "sms"})
		}
		st.enrol(people...)
		st.run(st.f)
		if all := st.planned(st.submit(report("r1"))); len(all) != len(people) {
			t.Fatalf("%d deliveries for %d people", len(all), len(people))
		}
		for _, w := range st.wires {
			n += w.wrote.Load()
		}
		return n
	}
	// A planner that was not listening yet when it was handed the texts writes them once more.
	if few, many := wrote(1), wrote(150); few == 0 || many > 2*few || few > 2*many {
		t.Errorf("for 4 people the adapters wrote %d times, for 600 %d times", few, many)
	}
}

// A long text in four languages, told by 27 clocks: what is kept of it is bounded, and who comes in a later chunk gets hers.
func TestTextsOfManyClocksAreNotAllKept(t *testing.T) {
	st := newStage(t)
	for _, w := range st.wires {
		w.limit = 1 << 20
	}
	languages := []string{"de", "en", "es", "fr"}
	var people []who
	for i := range 540 {
		people = append(people, who{locale: languages[i%4], zone: fmt.Sprintf("Etc/GMT%+d", i%27-14), points: "sms"})
	}
	st.enrol(people...)
	sources := map[string]string{}
	for _, l := range languages {
		sources[l] = l + " {when, time, short}: " + strings.Repeat("{x} ", 14)
	}
	d := report("r1")
	d.Group = st.group.ID
	d.Words = gateway.Words{Sources: sources, Data: map[string]string{"when": "2026-11-05T17:00:00Z", "x": strings.Repeat("x", 4000)}}
	st.planErr = func(c gateway.Chunk) error { // the ledger need not keep all of it: that takes longer than all the rest
		for i := range c.Renderings {
			c.Renderings[i].Parts = [][]byte{c.Renderings[i].Parts[0][:60]}
		}
		return nil
	}
	st.run(st.f)
	all := st.planned(st.submit(d))
	if len(all) != len(people) {
		t.Fatalf("%d deliveries for %d people", len(all), len(people))
	}
	read := map[string]string{} // a text in her language, by her clock
	for i, d := range all {
		text, known := read[d.Locale]
		if !known {
			text = st.text(d, "sms")
			read[d.Locale] = text
		}
		if !strings.Contains(text, languages[i%4]+" ") {
			t.Fatalf("delivery %d: %.60s", i, text)
		}
	}
	wrote, versions := st.wires[st.list[0].ID].wrote.Load(), int64(4*27)
	if wrote < versions+30 || wrote > 2*versions+30 {
		t.Errorf("%d versions were written %d times", versions, wrote)
	}
}
