package dispatch_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/content"
	"github.com/carillon-gateway/carillon/gateway"
)

// caller is a provider whose texts have room for a name; in rooms nobody is called by name.
type caller struct {
	*provider
	room string // the address of one
}

func (c caller) Fill(p channels.Part, to channels.Address, name string) (channels.Part, bool) {
	if name == "panic" {
		panic("a defect in the adapter")
	}
	if name == "" || c.room != "" && strings.HasSuffix(to.Reveal(), c.room) {
		return p, false
	}
	p.Text = strings.ReplaceAll(p.Text, content.HoleMark, name)
	p.Cost = 1 + len(p.Text)/10
	return p, true
}

// greet gives a broadcast a text with room for a name, in two parts, beside the one without, in one.
func (l *ledger) greet(b *broadcast) {
	l.texts[b.id] = [][]byte{[]byte(`{"text":"Hello","cost":1}`)}
	l.named = map[gateway.ID][][]byte{b.id: {[]byte(`{"text":"Hello ` + content.HoleMark + `","cost":3}`), []byte(`{"text":"Yours","cost":1}`)}}
}

// Ann, Bea and a chat of many get one report: each of the two her own name, the chat none, and neither does whose name an
// adapter cannot put in. What is charged is what left. After doubt, what is looked up is the text without the name that it left with.
func TestEachIsCalledByHerOwnName(t *testing.T) {
	story(t, func(w *world) {
		p := &provider{}
		report := w.l.announce(gateway.Report, 1)
		w.l.greet(report)
		c := caller{provider: p}
		sms := w.add("sms", c)
		ann, bea, nobody, room, broken := w.l.plan(report, sms), w.l.plan(report, sms), w.l.plan(report, sms), w.l.plan(report, sms), w.l.plan(report, sms)
		w.l.names = map[gateway.ID]string{ann: "Ann", bea: "Beatrice of the north", room: "Hall", broken: "panic"}
		c.room = w.is(room).MemberID.String()
		w.mu.Lock()
		w.adapters[sms] = c
		w.mu.Unlock()
		o, said := w.options(), &strings.Builder{}
		o.Log = slog.New(slog.NewTextHandler(said, nil))
		w.start(o)
		w.expect(map[gateway.DeliveryState]int{gateway.DeliveryAccepted: 5})
		if log := said.String(); !strings.Contains(log, "an adapter met a defect") || !strings.Contains(log, "(name_test.go:") || strings.Contains(log, "Beatrice") {
			t.Errorf("of the defect the log says %q", log)
		}
		got := map[gateway.ID]string{}
		for _, m := range p.got {
			for _, id := range []gateway.ID{ann, bea, nobody, room, broken} {
				if strings.HasSuffix(m.To.Reveal(), w.is(id).MemberID.String()) {
					got[id] += m.Part.Text + "|"
				}
			}
		}
		for id, want := range map[gateway.ID]string{ann: "Hello Ann|Yours|", bea: "Hello Beatrice of the north|Yours|", nobody: "Hello|", room: "Hello|", broken: "Hello|"} {
			if got[id] != want {
				t.Errorf("got %q, want %q", got[id], want)
			}
		}
		for _, m := range p.got {
			if strings.HasPrefix(m.Part.Text, "Hello Bea") && m.Part.Cost != 3 || m.Part.Text == "Hello Ann" && m.Part.Cost != 1 {
				t.Errorf("%q costs %d", m.Part.Text, m.Part.Cost)
			}
		}
	})
}

// An alert by name comes to doubt: the provider is asked for a text with room for any name.
func TestADoubtByNameIsLookedUpWithoutIt(t *testing.T) {
	story(t, func(w *world) {
		alert := w.l.announce(gateway.Alert, 1)
		w.l.greet(alert)
		p := &provider{send: func(ctx context.Context, m channels.Outbound) (channels.Sent, error) {
			return lost(context.Background(), m)
		}}
		var asked []string
		sms := w.add("sms", struct {
			caller
			channels.StatusFinder
		}{caller{provider: p}, finder{p, func(q channels.Query) (channels.Finding, error) {
			asked = append(asked, q.Part.Text)
			return channels.Finding{Found: channels.WasSent, Receipt: channels.Receipt{ProviderID: "p", Status: channels.StatusDelivered}}, nil
		}}})
		id := w.l.plan(alert, sms)
		w.l.names = map[gateway.ID]string{id: "Ann"}
		w.start(w.options())
		w.pass(time.Minute)
		if len(asked) == 0 || asked[0] != "Hello "+content.HoleMark {
			t.Errorf("asked for %q", asked)
		}
	})
}
