package fanout_test

import "testing"

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
	if few, many := wrote(1), wrote(150); few != many || few == 0 {
		t.Errorf("for 4 people the adapters wrote %d times, for 600 %d times", few, many)
	}
}
