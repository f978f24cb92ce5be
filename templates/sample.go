package templates

import (
	_ "embed"
	"encoding/json"
	"maps"
	"strings"

	"golang.org/x/text/language"

	"github.com/carillon-gateway/carillon/channels/content"
)

//go:embed samples.json
var sampleFile []byte

// Sample gives typical values for the placeholders of the shipped texts in a language, or in English where there are none
// in it: for a look at a text and for measuring it. The caller may change what it gets.
func Sample(locale string) Data {
	var own map[string]Data
	if err := json.Unmarshal(sampleFile, &own); err != nil {
		panic("templates: the sample values cannot be read: " + err.Error()) // the binary is broken
	}
	d := Data{
		"when": "2026-11-27T18:00", "was": "2026-11-26T19:30", "since": "2026-11-20T09:00", "from": "2026-11-23", "to": "2026-11-29",
		"until": "2026-11-27T20:00", "next": "2026-11-27T18:30", "ended": "2026-11-27T19:45",
		Name: "Ana", "groups": 5, "count": 2, "of": 44, "edition": 12, "money": "12.50 EUR", "minutes": 15, "address": "+447700900104", "days": 90, "open": 1, "median": 4, "worst": 25, "drills": "some", "exercises": 1, "value": "412", "unit": "", "kind": "progress", "all_day": false, "danger": "alert", "way": "reply", "cost": "none", "pause": "until",
		"code": "4827", "role": "member", "short": "1a2b3c4d", "reference": "123456782", "sent": "2026-11-23T09:00:00Z", "legal": "+12025550142", "contact": "+12025550143", "medic": "+12025550144", "link": "https://carillon.example/r/12",
		"codes": []string{"AR", "EN", "ES", "MY"}, "languages": []string{"AR العربية", "EN English", "ES Español"}, "channel": "sms-1", "month": "2026-11", "spent": "12.50 EUR", "cap": "12.00 EUR", "finding": "sending-stuck sms-1 bulk", "schedule": "weekly-report", "run": "2026-11-30T09:00+01:00",
		"sections": []content.Block{{Kind: content.Paragraph, Spans: []content.Span{{Text: "…"}}}}, "own_time": []content.Block{},
	}
	values := own["en"]
	if tag, ok := parseLocale(locale); ok {
		var tags []language.Tag
		for name := range own {
			tags = append(tags, language.Make(name))
		}
		if near, ok := find(tag, tags); ok {
			values = own[near.String()]
		}
	}
	maps.Copy(d, values)
	d["source"], d["entries"] = d["group"], d["sections"]
	if item := sampleEvent(locale, d); item != "" {
		d["items"] = []string{item, item}
		d["events"] = d["items"]
	}
	return d
}

// sampleEvent is one event of a week as a text message says it.
func sampleEvent(locale string, d Data) string {
	set, err := NewSet(ShippedText("week-event"))
	if err != nil {
		return "" // whoever renders a text with events hears of it
	}
	doc, _, err := set.Render(Reader{Chain: []string{locale, "en"}}, set.pick(d))
	if err != nil {
		return ""
	}
	return strings.TrimPrefix(doc.Short, "[en] ")
}

// pick leaves of the values those that the text has placeholders for: all samples together are more than a text may have.
func (s *Set) pick(all Data) Data {
	d := Data{}
	for _, p := range s.needs {
		if v, ok := all[p.name]; ok {
			d[p.name] = v
		}
	}
	return d
}

// Trial gives values for all placeholders of a text: typical ones where a shipped text has a placeholder of the same name
// and sort, else made up ones of the sort that is asked for. A text is measured with them before anybody has real ones.
func (s *Set) Trial(locale string) Data {
	d := s.pick(Sample(locale))
	for _, p := range s.needs {
		if v, ok := d[p.name]; !ok || fits(v, p.need) != "" {
			d[p.name] = p.madeUp()
		}
	}
	return d
}

func (p placeholder) madeUp() any {
	switch {
	case p.need&(needNumber|needTime) == needNumber|needTime: // milliseconds since 1970
		return int64(1_795_802_400_000)
	case p.need&(needNumber|needDistance) != 0:
		return 5
	case p.need&needTime != 0:
		return "2026-11-27T18:00"
	case p.need&needText == 0 && p.need&needList != 0:
		return []string{p.name, p.name}
	}
	return p.name
}
