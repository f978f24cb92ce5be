package builtin_test

import (
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/builtin"
	"github.com/carillon-gateway/carillon/channels/content"
	"github.com/carillon-gateway/carillon/templates"
)

// The texts that are measured: a reminder with personal fields, as one member after another gets it, and a report.
const (
	reminder = `---
subject: "{event} on {when, date, medium}"
sms: "{name}: {event}, {when, date, short} {when, time, short}, {place}."
---

Dear {name},

**{event}** is on {when, date, full} at {when, time, short}, at {place}. {count, plural, =0 {Nobody has said yes yet.} one {One of us comes.} other {# of us come.}}

Say whether you come: [your page](https://carillon.example/m/x).
`
	report = `---
subject: "What we did in {month}"
sms: "{month}: {count, plural, one {# group} other {# groups}}, read more in your mail."
---

# What we did in {month}

{count, plural, one {# group} other {# groups}} took part, in _all_ of our towns, and **thanks to all of you** for that.

- The well at the north gate is dug. Twelve families helped, and water has run since Monday.
- The [minutes](https://carillon.example/minutes) of the last meeting are there to be read.
- We still look for people who can translate into Tigrinya.

## What comes

1. The meeting at the harbour
2. The market

> We were there, and we will be there again.
`
)

func adapters(b *testing.B) map[string]channels.Adapter {
	b.Helper()
	options := map[string]string{
		"sms":        `{"account_sid":"AC00000000000000000000000000000000","auth_token":"00000000000000000000000000000000","from":"+12025550100"}`,
		"telegram":   `{"token":"1:kit-token","webhook_secret":"kit-webhook-secret_1"}`,
		"mattermost": `{"base_url":"https://chat.example.org","token":"kit-token-kit-token-kit1"}`,
		"androidsms": `{"base_url":"http://192.168.1.20:8080","username":"sms","password":"kit-password"}`,
		"matrix":     `{"base_url":"https://matrix.example.org","token":"kit-token"}`,
		"ntfy":       `{"base_url":"https://ntfy.example.org"}`,
		"mastodon":   `{"base_url":"https://social.example.org","token":"kit-token"}`,
		"signal":     `{"base_url":"http://127.0.0.1:8080","number":"+12025550100"}`,
		"voice":      `{"account_sid":"AC00000000000000000000000000000000","auth_token":"00000000000000000000000000000000","from":"+12025550100"}`,
		"webhook":    `{"url":"https://bridge.example.org","secret":"whsec_a2l0LXNlY3JldC1raXQtc2VjcmV0LWtpdC1zZWNyZXQt"}`,
		"email":      `{"host":"127.0.0.1","port":2525,"tls":"none","from":"news@harbour.example","secret":"kit-secret-of-the-channel-x"}`,
		"shoutrrr":   `{"url":"gotify://gotify.example.org/AkitTOKEN-4711x"}`,
		"external":   `{"command":["/never/started"],"description":{"protocol":1,"kind":"chat","address":{"pattern":"[a-z]+","example":"anna"},"text":{"markup":"plain","limit":1000}}}`,
	}
	out := map[string]channels.Adapter{}
	for _, f := range builtin.All() {
		a, err := f.New(channels.Settings{Name: f.Name, Options: []byte(options[f.Name])})
		if err != nil {
			b.Fatal(err)
		}
		out[f.Name] = a
	}
	return out
}

// BenchmarkCompose renders and composes a text for one member: what a text with personal fields costs for each of them, and one
// without for all of a language together. write is composing alone, for text that is rendered.
func BenchmarkCompose(b *testing.B) {
	texts := map[string]string{"reminder": reminder, "report": report}
	all := adapters(b)
	data := templates.Data{"name": "Ana", "event": "Harbour meeting", "place": "North gate", "when": "2026-11-05T14:30:00Z", "count": 12, "month": "November"}
	reader := templates.Reader{Chain: []string{"en"}, Zone: time.UTC, Now: time.Date(2026, 11, 1, 9, 0, 0, 0, time.UTC)}
	for _, text := range []string{"reminder", "report"} {
		set, err := templates.NewSet(map[string]string{"en": texts[text]})
		if err != nil {
			b.Fatal(err)
		}
		chosen, err := set.Choose(reader)
		if err != nil {
			b.Fatal(err)
		}
		for _, kind := range []string{"sms", "telegram", "mattermost", "email"} {
			a := all[kind]
			doc, err := chosen.Render(reader, data)
			if err != nil {
				b.Fatal(err)
			}
			if parts, err := a.Compose(doc); err != nil || len(parts) != 1 || !strings.Contains(parts[0].Text, "12") && kind != "sms" {
				b.Fatalf("%d parts, %v", len(parts), err)
			}
			b.Run(text+"/"+kind, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					doc, err := chosen.Render(reader, data)
					if err != nil {
						b.Fatal(err)
					}
					if _, err := a.Compose(doc); err != nil {
						b.Fatal(err)
					}
				}
			})
			b.Run(text+"/"+kind+"/write", func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, err := a.Compose(doc); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// BenchmarkFill puts a member's name into a text that was composed for all: what a text that calls members by name costs for
// each of them.
func BenchmarkFill(b *testing.B) {
	set, err := templates.NewSet(map[string]string{"en": strings.ReplaceAll(strings.ReplaceAll(reminder, "Dear {name},", "{name, select, none {Hello} other {Dear {name}}},"),
		`"{name}: `, `"{name, select, none {} other {{name}: }}`)})
	if err != nil {
		b.Fatal(err)
	}
	data := templates.Data{"event": "Harbour meeting", "place": "North gate", "when": "2026-11-05T14:30:00Z", "count": 12, templates.Name: templates.Room(content.LeftToRight)}
	doc, _, err := set.Render(templates.Reader{Chain: []string{"en"}, Zone: time.UTC, Now: time.Date(2026, 11, 1, 9, 0, 0, 0, time.UTC)}, data)
	if err != nil {
		b.Fatal(err)
	}
	all := adapters(b)
	for _, kind := range []string{"sms", "telegram", "mattermost", "email"} {
		parts, err := all[kind].Compose(doc)
		if err != nil || len(parts) != 1 {
			b.Fatalf("%d parts, %v", len(parts), err)
		}
		part := parts[0]
		part.Text, part.HTML = content.Narrow(part.Text), content.Narrow(part.HTML)
		for _, name := range []string{"Ana", "Zoë-Марія *of* the <north>"} {
			filler := all[kind].(channels.Filler)
			if filled, ok := filler.Fill(part, "1", name); !ok || content.HasHole(filled.Text+filled.HTML) || filled.Text == part.Text {
				b.Fatalf("filled in as %q", filled.Text)
			}
			b.Run(kind+"/"+map[bool]string{true: "plain", false: "special"}[name == "Ana"], func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					filler.Fill(part, "1", name)
				}
			})
		}
	}
}
