package apptest

import (
	"bufio"
	"fmt"
	"io"
	"testing"

	"github.com/carillon-gateway/carillon/channels/sms"
	"github.com/carillon-gateway/carillon/gateway"
)

// Numbers gives n distinct valid telephone numbers that belong to nobody: the ranges that Arcep, Ofcom, ACMA and the
// North American plan keep for fiction.
func Numbers(t testing.TB, n int) []string {
	t.Helper()
	numbers := make([]string, 0, n)
	take := func(prefix string, digits, from, to int) {
		for i := from; i < to && len(numbers) < n; i++ {
			raw := fmt.Sprintf("%s%0*d", prefix, digits, i)
			if canonical, err := sms.ParseNumber(raw, ""); err == nil && string(canonical.Reveal()) == raw {
				numbers = append(numbers, raw)
			}
		}
	}
	take("+447700900", 3, 0, 1000)
	for _, prefix := range [...]string{"+3363998", "+3319900", "+3326191", "+3335301", "+3346571", "+3353649"} {
		take(prefix, 4, 0, 10_000)
	}
	for _, area := range [...]string{"2", "3", "7", "8"} {
		take("+61"+area+"5550", 4, 0, 10_000)
		take("+61"+area+"7010", 4, 0, 10_000)
	}
	for area := 201; area < 990; area++ {
		take(fmt.Sprintf("+1%d5550", area), 3, 101, 200)
	}
	if len(numbers) < n {
		t.Fatalf("only %d numbers belong to nobody", len(numbers))
	}
	return numbers
}

// Header names the columns of the rows of Person.Row.
const Header = "ref,name,language,sms,telegram,consent_topics,consent_wording,consent_language,consent_time,consent_proof\n"

// Person is a member of a story, subscribed to reports and alerts.
type Person struct {
	Ref, Name, Language, SMS, Telegram string
}

// Row is her line in a file of members.
func (p Person) Row() string {
	return fmt.Sprintf("%s,%s,%s,%s,%s,reports alerts meetings,join-2,en,2026-01-10T10:00:00Z,paper form\n", p.Ref, p.Name, p.Language, p.SMS, p.Telegram)
}

// PeopleWith makes a person for each number.
func PeopleWith(prefix string, numbers []string) []Person {
	people := make([]Person, len(numbers))
	for i, n := range numbers {
		people[i] = Person{Ref: fmt.Sprintf("%s-%06d", prefix, i), Language: "en", SMS: n}
	}
	return people
}

// Apply gives the gateway groups of these slugs.
func (w *World) Apply(slugs ...string) {
	w.T.Helper()
	doc := gateway.Document{}
	for _, slug := range slugs {
		doc.Groups = append(doc.Groups, gateway.DocumentGroup{Slug: slug, Name: "Group " + slug, Locale: "en", Zone: "Europe/Berlin", Region: "DE",
			Topics: []gateway.Topic{{Name: "reports"}, {Name: "alerts"}, {Name: "meetings"}}})
	}
	report, err := w.API.Apply(w.T.Context(), doc, false, false)
	if err != nil || report.Conflicts() > 0 {
		w.T.Fatalf("applying the coalition: %v, %+v", err, report)
	}
}

// Join imports people into a group, from a file that is written while it is sent.
func (w *World) Join(group string, people []Person) {
	w.T.Helper()
	read, write := io.Pipe()
	go func() {
		b := bufio.NewWriter(write)
		_, _ = b.WriteString(Header)
		for _, p := range people {
			_, _ = b.WriteString(p.Row())
		}
		write.CloseWithError(b.Flush())
	}()
	report, err := w.API.ImportMembers(w.T.Context(), group, read, gateway.ImportOptions{})
	if err != nil || !report.Published || report.New != len(people) {
		w.T.Fatalf("importing %d members: %v, %+v", len(people), err, report)
	}
}

// Report submits a report to everyone of a group who subscribed, whatever languages they miss.
func (w *World) Report(group, key, text string) gateway.ID {
	w.T.Helper()
	return w.Submit(group, gateway.Draft{Kind: gateway.KindReport, Key: key, Fallback: new(true), Audience: gateway.Audience{Topic: "reports"}, Words: Words(text)})
}

// Words says one text in English, on every channel.
func Words(text string) gateway.Words {
	return gateway.Words{Sources: map[string]string{"en": "---\nsubject: Report\nsms: " + fmt.Sprintf("%q", text) + "\n---\n\n" + text + "\n"}}
}

// Submit hands in a draft.
func (w *World) Submit(group string, d gateway.Draft) gateway.ID {
	w.T.Helper()
	answer, err := w.API.Submit(w.T.Context(), group, d)
	if err != nil {
		w.T.Fatalf("submitting: %v", err)
	}
	return answer.ID
}

// Counts gives a broadcast's deliveries by state; those that ended by "ended: reason".
func (w *World) Counts(group string, broadcast gateway.ID) map[string]int {
	w.T.Helper()
	status, err := w.API.Broadcast(w.T.Context(), group, broadcast)
	if err != nil {
		w.T.Fatalf("asking for a broadcast: %v", err)
	}
	counts := map[string]int{}
	for _, t := range status.Tallies {
		counts[stateOf(t.State, t.Reason)] += t.Count
	}
	if status.State == gateway.Planning {
		counts["planning"] = 1
	}
	return counts
}

func stateOf(state gateway.DeliveryState, reason gateway.Reason) string {
	if state == gateway.Ended {
		return "ended: " + string(reason)
	}
	return string(state)
}

// open says that something of these counts is still under way.
func open(counts map[string]int) bool {
	return counts["planning"]+counts[string(gateway.Waiting)]+counts[string(gateway.Sending)] > 0
}

// Channel gives one of the operator's channels by its name.
func (w *World) Channel(name string) gateway.Channel {
	w.T.Helper()
	all, err := w.API.Channels(w.T.Context(), "")
	if err != nil {
		w.T.Fatal(err)
	}
	for _, c := range all {
		if c.Name == name {
			return c.Channel
		}
	}
	w.T.Fatalf("there is no channel %q", name)
	return gateway.Channel{}
}

// Health says what stands between a channel and sending.
func (w *World) Health(name string) gateway.ChannelHealth { return w.Channel(name).Health }
