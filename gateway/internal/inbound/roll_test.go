package inbound_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/scheduler/escalation"
)

// A fire at the pier. Ann is safe and says so in Burmese; Bea, who reads German, needs help; Cid and Dora say nothing; two who share a
// telephone are safe, as far as one of them knows. The office asks again, and only Cid and Dora hear that, each in her language and
// with how to answer. Cid then needs help, and is safe an hour later. Dora says that she is safe when all is over. The roll
// counts all of it, by language too, and shows no address, name or text.
func TestTheRollIsCalled(t *testing.T) {
	const cid, dora, shared, guard = "+447700900103", "+447700900104", "+447700900199", "77"
	o := newOffice(t)
	whose := map[gateway.ID]string{}
	var told []gateway.ID
	for name, from := range map[string]string{"Ann": ann, "Bea": bea, "Cid": cid, "Dora": dora} {
		id := o.enrol(o.harbour, "sms:"+from)
		whose[id], told = name, append(told, id)
	}
	both := o.enrolAll(o.harbour, []string{"sms:" + shared}, []string{"sms:" + shared})
	on := o.enrol(o.harbour, "telegram:"+guard)
	for _, from := range []string{bea, dora} {
		if said := o.text(from, "LANG DE"); said != "language-set" {
			t.Fatalf("she chose German and was answered %q", said)
		}
	}
	o.handOver()
	a := o.raise(gateway.AlertPolicy{}, true, append(told, both...), []gateway.ID{on})
	is := func(what, want string) {
		t.Helper()
		r, err := o.desk.RollCall(t.Context(), o.harbour.ID, a.Reference)
		o.ok(err)
		got := fmt.Sprintf("told %d, help %d, silent %d, shared %d, safe %d", r.Told, r.Help, r.Silent, r.Shared, r.Safe)
		sum := gateway.RollCount{}
		for _, l := range r.Languages {
			got += fmt.Sprintf("; %s %d %d %d %d %d", l.Of, l.Told, l.Help, l.Silent, l.Shared, l.Safe)
			sum.Told += l.Told
		}
		if got != want || sum.Told != r.Told {
			t.Errorf("%s: %s, want %s", what, got, want)
		}
		raw, err := json.Marshal(r)
		o.ok(err)
		for _, secret := range []string{ann, bea, cid, dora, shared, "Ann", "ဘေးကင်း"} {
			if strings.Contains(string(raw), secret) {
				t.Errorf("the roll shows %s", secret)
			}
		}
	}
	is("at first", "told 7, help 0, silent 7, shared 0, safe 0; de 2 0 2 0 0; en 5 0 5 0 0")

	for _, say := range []struct{ from, text, want string }{
		{ann, "ဘေးကင်းပါတယ်", "safe-noted " + a.Reference},
		{bea, "Brauche Hilfe " + a.Reference, "help-heard " + a.Reference + " "},
		{shared, "2", "safe-noted " + a.Reference},
	} {
		if said := o.text(say.from, say.text); !strings.HasPrefix(said, say.want) {
			t.Errorf("%q was answered %q", say.text, said)
		}
	}
	is("three have answered", "told 7, help 1, silent 3, shared 2, safe 1; de 2 1 1 0 0; en 5 0 2 2 1")
	o.handOver()

	remind := func() error {
		_, err := o.desk.Act(t.Context(), o.harbour, a.Reference, escalation.Event{Kind: escalation.Remind, By: gateway.AlertHand{Label: "office"}})
		return err
	}
	o.ok(remind())
	if err := remind(); !errors.Is(err, &gateway.Fault{Code: gateway.CodeConflict}) {
		t.Errorf("they are reminded twice at once: %v", err)
	}
	var heard []string
	for _, d := range o.answers(o.harbour) {
		b, err := o.s.Broadcast(t.Context(), o.harbour.ID, d.BroadcastID)
		o.ok(err)
		if b.Kind != "roll-reminder" {
			continue
		}
		if b.Class != gateway.LifeSafety {
			t.Errorf("a reminder is of class %s", b.Class)
		}
		name := whose[d.MemberID] + " " + d.Locale
		if d.MemberID == on {
			name = "guard " + d.Locale
		} else if text := o.stage.text(o.harbour, d); !strings.Contains(text, "2 "+a.Reference) || !strings.Contains(text, "3 "+a.Reference) {
			t.Errorf("the reminder does not say how to answer: %q", text)
		}
		heard = append(heard, name)
	}
	slices.Sort(heard)
	if want := []string{"Cid en", "Dora de", "guard en"}; !slices.Equal(heard, want) {
		t.Errorf("reminded are %q, want %q", heard, want)
	}
	o.handOver()

	o.text(cid, "3 "+a.Reference)
	is("Cid needs help", "told 7, help 2, silent 2, shared 2, safe 1; de 2 1 1 0 0; en 5 1 1 2 1")
	o.wind(time.Minute)
	o.text(cid, "2 "+a.Reference)
	o.wind(time.Minute)
	_, err := o.desk.Act(t.Context(), o.harbour, a.Reference, escalation.Event{Kind: escalation.Clear})
	o.ok(err)
	if err := remind(); !errors.Is(err, &gateway.Fault{Code: gateway.CodeConflict}) {
		t.Errorf("after the all-clear they are reminded: %v", err)
	}
	if said := o.text(dora, "Bin in Sicherheit"); said != "safe-noted "+a.Reference {
		t.Errorf("after the all-clear she was answered %q", said)
	}
	is("in the end", "told 7, help 1, silent 1, shared 2, safe 3; de 2 1 0 0 1; en 5 0 1 2 2")
}
