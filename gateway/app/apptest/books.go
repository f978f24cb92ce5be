package apptest

import (
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/carillon-gateway/carillon/channels/sandbox"
	"github.com/carillon-gateway/carillon/config"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/seal"
	"github.com/carillon-gateway/carillon/gateway/internal/store"
	"github.com/carillon-gateway/carillon/gateway/internal/store/postgres"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sqlite"
)

// Settled waits until nothing of a broadcast is under way and no provider has anything left to report.
func (w *World) Settled(limit time.Duration, group string, broadcast gateway.ID) {
	w.T.Helper()
	w.Until(limit, "for the broadcast to settle", func() bool {
		return !open(w.Counts(group, broadcast)) && w.Box.Stats().Pending == 0
	})
}

// ledger opens the data folder of a gateway that has stopped, or the database beside one that may run.
func (w *World) ledger() store.Store {
	w.T.Helper()
	settings, err := load(w.ConfigFile())
	if err != nil {
		w.T.Fatal(err)
	}
	index, err := config.KeyBytes(settings.IndexKey)
	if err != nil {
		w.T.Fatal(err)
	}
	key, err := settings.Keys[0].Bytes()
	if err != nil {
		w.T.Fatal(err)
	}
	ring, err := seal.NewRing(index, seal.Key{ID: settings.Keys[0].ID, Secret: key})
	if err != nil {
		w.T.Fatal(err)
	}
	var ledger store.Store
	if w.storage != nil {
		ledger, err = postgres.Open(context.Background(), postgres.Options{URL: w.storage.Postgres, Ring: ring})
	} else {
		ledger, err = sqlite.Open(context.Background(), sqlite.Options{Dir: w.Data(), Ring: ring})
	}
	if err != nil {
		w.T.Fatalf("opening the ledger: %v", err)
	}
	return ledger
}

// Inbox reads what members wrote to a group, the newest first, in the profile scaled beside the gateway.
func (w *World) Inbox(group string) []gateway.InboundMessage {
	w.T.Helper()
	ledger := w.ledger()
	defer ledger.Close()
	g, err := ledger.Group(context.Background(), group)
	if err != nil {
		w.T.Fatal(err)
	}
	messages, err := ledger.Inbound(context.Background(), g.ID, gateway.ID{}, 100)
	if err != nil {
		w.T.Fatal(err)
	}
	return messages
}

// Books say what became of one broadcast, by the ledger and by the providers' own log.
type Books struct {
	Members, Deliveries int
	States              map[string]int
	InDoubt             int
	Faults              []string // what must not be; the first hundred
}

func (a *Books) fault(format string, args ...any) {
	if len(a.Faults) < 100 {
		a.Faults = append(a.Faults, fmt.Sprintf(format, args...))
	}
}

// Audit holds the ledger of a gateway that has stopped, or in the profile scaled of one that is at rest, against the
// sandbox's log: every person of the group has one delivery; what is handed over or delivered came once, what is in doubt
// at most once, what is refused never; nobody else got the text; and the counts that screens show equal a recount. Each
// person has one address. An empty text stands for all that was sent. Faults name people by reference, never by number.
func (w *World) Audit(group string, broadcast gateway.ID, people []Person, text string) Books {
	w.T.Helper()
	ctx := context.Background()
	ledger := w.ledger()
	defer ledger.Close()
	check := func(err error) {
		if err != nil {
			w.T.Helper()
			w.T.Fatalf("auditing: %v", err)
		}
	}
	account := Books{States: map[string]int{}}
	kept := map[string]map[string]int{} // by address and text
	for _, e := range w.Box.Log(0, 0) {
		if e.Kind == sandbox.EntryMessage && e.Kept && (text == "" || e.Text == text) {
			if kept[e.To] == nil {
				kept[e.To] = map[string]int{}
			}
			kept[e.To][e.Text]++
		}
	}
	parts := map[bool]int{} // by whether it is a text message: the messages that a whole one has
	for _, p := range people {
		parts[p.SMS != ""] = max(parts[p.SMS != ""], len(kept[p.SMS+p.Telegram]))
	}
	g, err := ledger.Group(ctx, group)
	check(err)
	members, deliveries, twice, err := fates(ctx, ledger, g.ID, broadcast)
	check(err)
	for _, ref := range twice {
		account.fault("%s has two deliveries", ref)
	}
	account.Members, account.Deliveries = members, len(deliveries)+len(twice)
	for _, d := range deliveries {
		account.States[stateOf(d.State, d.Reason)]++
		if d.State == gateway.DeliveryInDoubt {
			account.InDoubt++
		}
	}
	for _, p := range people {
		d, ok := deliveries[p.Ref]
		got := kept[p.SMS+p.Telegram]
		n := len(got)
		for _, times := range got {
			if times > 1 {
				account.fault("%s got it %d times", p.Ref, times)
			}
		}
		delete(kept, p.SMS+p.Telegram)
		state := stateOf(d.State, d.Reason)
		switch {
		case !ok:
			account.fault("%s has no delivery", p.Ref)
		case n < parts[p.SMS != ""] && (d.State == gateway.DeliveryAccepted || d.State == gateway.Delivered):
			account.fault("%s is shown as %s and got %d of %d messages", p.Ref, state, n, parts[p.SMS != ""])
		case n > 0 && d.State == gateway.Ended:
			account.fault("%s is shown as %s and got it", p.Ref, state)
		case d.State == gateway.Waiting || d.State == gateway.Sending:
			account.fault("%s is still %s", p.Ref, state)
		}
	}
	for range kept {
		account.fault("somebody else got it")
	}
	tallies, err := ledger.Tallies(ctx, g.ID, broadcast)
	check(err)
	counted := map[string]int{}
	for _, t := range tallies {
		if t.Count != 0 {
			counted[stateOf(t.State, t.Reason)] += t.Count
		}
	}
	if !maps.Equal(counted, account.States) {
		account.fault("the counts say %v, a recount says %v", counted, account.States)
	}
	return account
}

// Fates gives the deliveries of one broadcast by the references of members, of a gateway that has stopped.
func (w *World) Fates(group string, broadcast gateway.ID) map[string]gateway.Delivery {
	w.T.Helper()
	ctx := context.Background()
	ledger := w.ledger()
	defer ledger.Close()
	g, err := ledger.Group(ctx, group)
	if err != nil {
		w.T.Fatalf("auditing: %v", err)
	}
	_, deliveries, twice, err := fates(ctx, ledger, g.ID, broadcast)
	if err != nil || len(twice) > 0 {
		w.T.Fatalf("auditing: %v; %d have two deliveries", err, len(twice))
	}
	return deliveries
}

// fates reads the deliveries of a broadcast by the references of members, and names those who have another.
func fates(ctx context.Context, ledger store.Store, group, broadcast gateway.ID) (members int, deliveries map[string]gateway.Delivery, twice []string, err error) {
	refs := map[gateway.ID]string{}
	for after := (gateway.ID{}); ; {
		page, err := ledger.Members(ctx, group, after, 500)
		if err != nil {
			return 0, nil, nil, err
		}
		for _, m := range page {
			refs[m.ID] = m.Ref.Reveal()
		}
		if len(page) == 0 {
			break
		}
		after = page[len(page)-1].ID
	}
	deliveries = map[string]gateway.Delivery{}
	for after := (gateway.ID{}); ; {
		page, err := ledger.Deliveries(ctx, gateway.DeliveryFilter{Group: group, Broadcast: broadcast, After: after, Limit: 1000})
		if err != nil {
			return 0, nil, nil, err
		}
		for _, d := range page {
			ref := refs[d.MemberID]
			if _, again := deliveries[ref]; again {
				twice = append(twice, ref)
				continue
			}
			deliveries[ref] = d
		}
		if len(page) == 0 {
			return len(refs), deliveries, twice, nil
		}
		after = page[len(page)-1].ID
	}
}
