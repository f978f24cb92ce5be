package storetest

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

// Country is the countries that the suite knows; open the ledger with it.
func Country(kind string, address gateway.Private) string {
	switch {
	case kind != "sms":
		return ""
	case strings.HasPrefix(address.Reveal(), "+1"):
		return "US"
	}
	return gateway.UnknownCountry
}

// price sets what a text message costs in the operator's list.
func (w *world) price(country string, micros int64) {
	w.Helper()
	w.ok(w.SetPrices(w.ctx, gateway.ID{}, false, []gateway.Price{{Kind: "sms", Country: country, Currency: "EUR", Micros: micros}}))
}

// budget gives the group caps.
func (w *world) budget(b gateway.Budget) {
	w.Helper()
	w.group.Budget = &b
	_, err := w.PutGroup(w.ctx, w.group)
	w.ok(err)
}

func (w *world) spend() gateway.Spend {
	w.Helper()
	s, err := w.Spend(w.ctx, w.group.ID)
	w.ok(err)
	return s
}

// costing settles a claim as handed over, for so many segments.
func (w *world) costing(c gateway.Claim, segments int) {
	w.Helper()
	w.ok(w.settle(gateway.Outcome{Attempt: c.Attempt, Token: c.Token, State: gateway.Accepted, ProviderID: "SM" + c.Attempt.Short(), Cost: segments}))
}

// untold lists the wordings of what owners are to be told, and notes that they were.
func (w *world) untold() []string {
	w.Helper()
	notices, err := w.Untold(w.ctx, 100)
	w.ok(err)
	words := []string{}
	for _, n := range notices {
		words = append(words, n.Wording)
		w.ok(w.Told(w.ctx, n.ID))
	}
	return words
}

func same[T any](t testing.TB, what string, got, want T) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("%s: got %+v, want %+v", what, got, want)
	}
}

// priceLists: a list is kept in parts or as a whole, each owner's apart.
func priceLists(t *testing.T, open Open) {
	w := newWorld(t, open)
	lists := func() [2][]gateway.Price {
		return [2][]gateway.Price{must(w.Prices(w.ctx, gateway.ID{})), must(w.Prices(w.ctx, w.group.ID))}
	}
	de, at := gateway.Price{Kind: "sms", Country: "DE", Currency: "EUR", Micros: 79_000}, gateway.Price{Kind: "sms", Country: "AT", Currency: "EUR", Micros: 81_000}
	own := gateway.Price{Kind: "sms", Channel: "sms-main", Currency: "USD", Micros: 7_900}
	w.ok(w.SetPrices(w.ctx, gateway.ID{}, false, []gateway.Price{de, at}))
	w.ok(w.SetPrices(w.ctx, w.group.ID, true, []gateway.Price{own}))
	same(t, "lists", lists(), [2][]gateway.Price{{at, de}, {own}})
	de.Micros = 80_000
	w.ok(w.SetPrices(w.ctx, gateway.ID{}, false, []gateway.Price{de, {Kind: "sms", Country: "AT", Micros: -1}}))
	w.crash()
	same(t, "lists", lists(), [2][]gateway.Price{{de}, {own}})
	w.ok(w.SetPrices(w.ctx, w.group.ID, true, nil))
	same(t, "lists", lists(), [2][]gateway.Price{{de}, {}})
}

// frozenPrice: what a message costs is settled when it is claimed, and stays whatever prices do afterwards. Where nobody
// knows the price, no amount is shown; kinds without countries are free until somebody gives them a price.
func frozenPrice(t *testing.T, open Open) {
	w := newWorld(t, open)
	b := w.submit(gateway.Report)
	ids := w.plan(b, 1, w.member("sms"), w.member("sms"), w.member("telegram"), w.member("sms"))
	unknown := w.granted(ids[0])
	w.price("US", 79_000)
	priced := w.granted(ids[1])
	free := w.granted(ids[2])
	w.price("US", 1)
	w.crash()
	w.costing(unknown, 2)
	w.costing(priced, 3)
	w.costing(free, 1)
	charge := func(id gateway.ID) *gateway.Charge { return w.delivery(id).Attempts[0].Charge }
	same(t, "an unknown price", charge(ids[0]), &gateway.Charge{Segments: 2})
	same(t, "a known one", charge(ids[1]), &gateway.Charge{Segments: 3, Price: &gateway.Money{Currency: "EUR", Micros: 79_000}, Amount: &gateway.Money{Currency: "EUR", Micros: 237_000}})
	if got := charge(ids[2]); got != nil {
		t.Fatalf("what is free costs %+v", got)
	}
	later := w.granted(ids[3])
	w.costing(later, 1)
	same(t, "the broadcast", must(w.Charges(w.ctx, w.group.ID, b.ID)), []gateway.Charge{
		{ChannelID: w.sms.ID, Segments: 2},
		gateway.NewCharge(w.sms.ID, 3, gateway.Money{Currency: "EUR", Micros: 79_000}, true),
		gateway.NewCharge(w.sms.ID, 1, gateway.Money{Currency: "EUR", Micros: 1}, true),
	})
	s := w.spend()
	equal(t, "month", s.Month, "2026-03")
	equal(t, "segments", s.Segments, 6)
	equal(t, "of no known price", s.Unpriced, 2)
	same(t, "amounts", s.Amounts, []gateway.Money{{Currency: "EUR", Micros: 237_001}})
	equal(t, "another group sees", len(must(w.Charges(w.ctx, w.other.ID, b.ID))), 0)
}

// chargedDoubt: an answer was lost, and nobody knows whether the message cost anything, until a receipt proves it.
func chargedDoubt(t *testing.T, open Open) {
	w := newWorld(t, open)
	w.price("", 50_000)
	_, _, id := w.one(gateway.Report, 2, "sms")
	c := w.granted(id)
	w.ok(w.settle(gateway.Outcome{Attempt: c.Attempt, Token: c.Token, State: gateway.InDoubt}))
	equal(t, "in doubt", w.spend().Segments, 0)
	for part := range 2 {
		w.observe(gateway.Receipt{Attempt: c.Attempt, Channel: w.sms.ID, Part: part, State: gateway.AttemptDelivered})
	}
	w.is(id, gateway.Delivered, "")
	for range 2 {
		w.observe(gateway.Receipt{Attempt: c.Attempt, Channel: w.sms.ID, Part: 1, State: gateway.AttemptDelivered})
	}
	equal(t, "proven", w.spend().Segments, 2)

	// The receipt is there before the sender gives its lost answer up. It is charged then, once, whatever of it was known to arrive.
	for name, said := range map[string]gateway.AttemptState{"delivered": gateway.AttemptDelivered, "handed over": gateway.Accepted} {
		_, _, id := w.one(gateway.Report, 1, "sms")
		c := w.granted(id)
		before := w.spend().Segments
		receipt := gateway.Receipt{Attempt: c.Attempt, Channel: w.sms.ID, State: said}
		w.observe(receipt)
		w.ok(w.settle(gateway.Outcome{Attempt: c.Attempt, Token: c.Token, State: gateway.InDoubt}))
		equal(t, name+" before the lost answer", w.spend().Segments-before, 1)
		w.observe(receipt)
		w.observe(gateway.Receipt{Attempt: c.Attempt, Channel: w.sms.ID, State: gateway.AttemptDelivered})
		equal(t, name+" again", w.spend().Segments-before, 1)
	}

	// A look-up finds it as well, once before the receipt and once behind it: it is charged once.
	for _, first := range []string{"look-up", "receipt"} {
		_, _, id := w.one(gateway.Report, 1, "sms")
		c := w.granted(id)
		w.ok(w.settle(gateway.Outcome{Attempt: c.Attempt, Token: c.Token, State: gateway.InDoubt, LookAt: w.clock.Now()}))
		asked := must(w.Doubtful(w.ctx, w.by, 10))
		equal(t, "looked up", len(asked), 1)
		before := w.spend().Segments
		for _, what := range []string{first, "look-up", "receipt"} {
			if what == "receipt" {
				w.observe(gateway.Receipt{Attempt: c.Attempt, Channel: w.sms.ID, State: gateway.AttemptDelivered})
			} else if err := w.settle(gateway.Outcome{Attempt: c.Attempt, Token: asked[0].Token, State: gateway.Accepted, ProviderID: "SM", Cost: 1}); err != nil && !errors.Is(err, gateway.ErrStale) {
				t.Fatal(err)
			}
		}
		equal(t, "charged, the "+first+" first", w.spend().Segments-before, 1)
	}
	same(t, "the attempt", w.delivery(id).Attempts[0].Charge.Amount, &gateway.Money{Currency: "EUR", Micros: 100_000})
}

// hardCap: two reports race towards the hard cap. What senders have in flight may pass it, nothing else does. Alerts pass
// with an alarm; what waits leaves in the next month.
func hardCap(t *testing.T, open Open) {
	w := newWorld(t, open)
	w.price("", 100_000)
	w.budget(gateway.Budget{Currency: "EUR", Soft: 500_000, Hard: 1_000_000})
	var members []gateway.Member
	for range 15 {
		members = append(members, w.member("sms"))
	}
	long := func(b *gateway.Broadcast) { b.ExpiresAt = w.clock.Now().Add(30 * 24 * time.Hour) }
	one, two := w.submit(gateway.Report, long), w.submit(gateway.Reminder, long)
	ids := append(w.plan(one, 1, members[:7]...), w.plan(two, 1, members[7:]...)...)
	const inFlight = 3
	sent := 0
	var done []gateway.Outcome // of the claims before, written in the transaction that makes the next ones
	for len(ids) > 0 {
		n := min(inFlight, len(ids))
		_, claims, err := w.Exchange(w.ctx, w.by, done, []gateway.ID{ids[0], ids[len(ids)-1], ids[len(ids)/2]}[:n])
		w.ok(err)
		done = nil
		for i, id := range [...]gateway.ID{ids[0], ids[len(ids)-1], ids[len(ids)/2]} {
			if i < n {
				ids = deleteID(ids, id)
			}
		}
		for _, c := range claims {
			if c.Verdict == gateway.Granted {
				done = append(done, gateway.Outcome{Attempt: c.Attempt, Token: c.Token, State: gateway.Accepted, ProviderID: "SM" + c.Attempt.Short(), Cost: 1})
				sent++
			} else {
				equal(t, "verdict", c.Verdict, gateway.Capped)
				w.is(c.Delivery, gateway.Waiting, gateway.ReasonCapped)
			}
		}
	}
	if sent < 10 || sent > 10+inFlight-1 {
		t.Fatalf("%d messages of a tenth left under a cap of one, with %d in flight", sent, inFlight)
	}
	_, _, err := w.Exchange(w.ctx, w.by, done, nil)
	w.ok(err)
	s := w.spend()
	equal(t, "held", s.Held, 15-sent)
	equal(t, "reached", [2]bool{s.Soft, s.Hard}, [2]bool{true, true})
	same(t, "told", w.untold(), []string{gateway.NoticeSoft, gateway.NoticeHard})

	w.crash()
	equal(t, "nothing is due to be released", must(w.Uncap(w.ctx, 100)), 0)
	for class, want := range map[gateway.Class]gateway.Verdict{gateway.LifeSafety: gateway.Granted, gateway.Alert: gateway.Granted, gateway.Account: gateway.Capped,
		gateway.Reminder: gateway.Capped, gateway.Report: gateway.Capped} {
		_, _, id := w.one(class, 1, "sms")
		equal(t, string(class), w.claim(id).Verdict, want)
		_, _, id = w.one(class, 1, "telegram")
		equal(t, string(class)+" for nothing", w.claim(id).Verdict, gateway.Granted)
	}
	same(t, "told", w.untold(), []string{gateway.NoticePassed})

	// A stop and a resume do not lift the cap.
	w.ok(w.SetState(w.ctx, w.group.ID, two.ID, true))
	w.ok(w.SetState(w.ctx, w.group.ID, two.ID, false))
	equal(t, "released by a resume", must(w.Release(w.ctx, w.group.ID, two.ID, false, 100)), 0)

	w.clock.Wind(4 * 24 * time.Hour) // into April
	held := w.spend().Held
	equal(t, "month", w.spend().Month, "2026-04")
	equal(t, "released", must(w.Uncap(w.ctx, held-1)), held-1)
	equal(t, "released", must(w.Uncap(w.ctx, 100)), 1)
	equal(t, "held", w.spend().Held, 0)
	going := 0
	for _, id := range append(w.due(w.sms, gateway.Normal), w.due(w.sms, gateway.Bulk)...) {
		if b := w.delivery(id).BroadcastID; b == one.ID || b == two.ID {
			equal(t, "verdict in the next month", w.claim(id).Verdict, gateway.Granted)
			going++
		}
	}
	if going == 0 {
		t.Fatal("nothing of the two is due in the next month")
	}
	w.recount(two.ID)
}

func deleteID(ids []gateway.ID, id gateway.ID) []gateway.ID {
	for i := range ids {
		if ids[i] == id {
			return append(ids[:i:i], ids[i+1:]...)
		}
	}
	return ids
}

// raisedCap: a cap of segments holds a report of no known price; a higher cap lets it go on at once.
func raisedCap(t *testing.T, open Open) {
	w := newWorld(t, open)
	w.budget(gateway.Budget{HardSegments: 2})
	_, _, first := w.one(gateway.Report, 1, "sms")
	w.costing(w.granted(first), 2)
	_, _, second := w.one(gateway.Report, 1, "sms")
	equal(t, "verdict", w.claim(second).Verdict, gateway.Capped)
	equal(t, "again", w.claim(second).Verdict, gateway.NotDue)
	w.budget(gateway.Budget{HardSegments: 3})
	equal(t, "released", must(w.Uncap(w.ctx, 10)), 1)
	w.is(second, gateway.Waiting, "")
	w.granted(second)
	w.clock.Wind(48 * time.Hour)
	_, _, third := w.one(gateway.Report, 1, "sms")
	w.budget(gateway.Budget{HardSegments: 1})
	equal(t, "verdict", w.claim(third).Verdict, gateway.Capped)
	w.clock.Wind(25 * time.Hour)
	must(w.Lapse(w.ctx, 100))
	w.is(third, gateway.Ended, gateway.ReasonExpired)
	equal(t, "held", w.spend().Held, 0)
}

// incidents: distinct deliveries that are refused for a channel's sake open one incident; it survives a restart, its owners
// are told once of its beginning and once of its end, and no contact point is touched.
func incidents(t *testing.T, open Open) {
	w := newWorld(t, open)
	strike := func(delivery gateway.ID) *gateway.Incident {
		return must(w.Strike(w.ctx, gateway.Strike{Channel: w.sms.ID, Delivery: delivery, Trouble: gateway.TroubleFiltered, Code: "30007", Detail: "a carrier filtered the text", After: 3, Within: time.Hour}))
	}
	ids := []gateway.ID{gateway.NewID(), gateway.NewID(), gateway.NewID(), gateway.NewID()}
	for _, id := range []gateway.ID{ids[0], ids[0], ids[1], ids[1], ids[0]} {
		if i := strike(id); i != nil {
			t.Fatalf("two deliveries opened %+v", i)
		}
	}
	w.clock.Wind(time.Hour + time.Second)
	if i := strike(ids[1]); i != nil {
		t.Fatalf("what is an hour old counts: %+v", i)
	}
	strike(ids[2])
	i := strike(ids[3])
	if i == nil || i.Deliveries != 3 || i.Trouble != gateway.TroubleFiltered {
		t.Fatalf("three deliveries opened %+v", i)
	}
	if again := strike(ids[0]); again != nil {
		t.Fatalf("a second incident: %+v", again)
	}
	w.crash()
	of := func(channel gateway.ID) *gateway.Incident {
		for _, c := range must(w.Channels(w.ctx)) {
			if c.ID == channel {
				return c.Incident
			}
		}
		return nil
	}
	same(t, "the open one", of(w.sms.ID), i)
	equal(t, "of another", of(w.telegram.ID), nil)
	notices := must(w.Untold(w.ctx, 10))
	equal(t, "notices", len(notices), 1)
	equal(t, "over another channel than", notices[0].Avoid, w.sms.ID)
	same(t, "told", w.untold(), []string{gateway.NoticeRefused})
	equal(t, "told", of(w.sms.ID).Told, true)
	equal(t, "closed", must(w.CloseIncident(w.ctx, w.sms.ID, "the office")), true)
	equal(t, "closed again", must(w.CloseIncident(w.ctx, w.sms.ID, "the office")), false)
	same(t, "told", w.untold(), []string{gateway.NoticeWell})
	equal(t, "open", of(w.sms.ID), nil)
	past := must(w.Incidents(w.ctx, w.sms.ID, 10))
	equal(t, "kept", len(past), 1)
	equal(t, "closed by", past[0].ClosedBy, "the office")
	if i := strike(ids[0]); i != nil {
		t.Fatalf("old strikes opened a new incident: %+v", i)
	}

	// Whoever was not told of a beginning is not told of its end, and an old notice is dropped.
	locked := must(w.Strike(w.ctx, gateway.Strike{Channel: w.telegram.ID, Delivery: ids[0], Trouble: gateway.TroubleCredentials, Locks: true, After: 1, Within: time.Hour}))
	equal(t, "mended by a check", locked.Mends(), true)
	must(w.CloseIncident(w.ctx, w.telegram.ID, "check"))
	same(t, "told", w.untold(), []string{})
	must(w.Strike(w.ctx, gateway.Strike{Channel: w.telegram.ID, Delivery: ids[0], Trouble: gateway.TroubleCredentials, Locks: true, After: 1, Within: time.Hour}))

	// The check passed and sending did not: the next one is believed only after an hour, or there would be no end of notices.
	for range 3 {
		equal(t, "closed by a check that was wrong", must(w.CloseIncident(w.ctx, w.telegram.ID, gateway.ByCheck)), false)
	}
	w.clock.Wind(gateway.CheckTrust + time.Second)
	equal(t, "closed by a check an hour later", must(w.CloseIncident(w.ctx, w.telegram.ID, gateway.ByCheck)), true)
	must(w.Strike(w.ctx, gateway.Strike{Channel: w.telegram.ID, Delivery: ids[0], Trouble: gateway.TroubleCredentials, Locks: true, After: 1, Within: time.Hour}))
	equal(t, "closed by a person", must(w.CloseIncident(w.ctx, w.telegram.ID, "the office")), true)
	must(w.Strike(w.ctx, gateway.Strike{Channel: w.telegram.ID, Delivery: ids[0], Trouble: gateway.TroubleCredentials, Locks: true, After: 1, Within: time.Hour}))
	w.clock.Wind(25 * time.Hour)
	same(t, "told", w.untold(), []string{})
}

// channelErrors: the latest sorts of error are kept with how often they came.
func channelErrors(t *testing.T, open Open) {
	w := newWorld(t, open)
	for i := range gateway.MostErrors + 3 {
		w.clock.Wind(time.Second)
		e := gateway.ChannelError{Class: "permanent", Scope: "sender", Code: string(rune('a' + i)), Detail: "refused", Count: i + 1, First: w.clock.Now(), Last: w.clock.Now()}
		w.ok(w.NoteErrors(w.ctx, w.sms.ID, []gateway.ChannelError{e}))
	}
	first := w.clock.Now()
	w.clock.Wind(time.Second)
	again := gateway.ChannelError{Class: "permanent", Scope: "sender", Code: "m", Detail: "refused", Count: 2, First: w.clock.Now(), Last: w.clock.Now()}
	w.ok(w.NoteErrors(w.ctx, w.sms.ID, []gateway.ChannelError{again}))
	w.crash()
	all := must(w.ChannelErrors(w.ctx))
	equal(t, "of another channel", len(all[w.telegram.ID]), 0)
	equal(t, "kept", len(all[w.sms.ID]), gateway.MostErrors)
	again.Count, again.First = gateway.MostErrors+3+2, first
	same(t, "the latest", all[w.sms.ID][0], again)
}

// countries: fan-out sees where an address is without seeing the address.
func countries(t *testing.T, open Open) {
	w := newWorld(t, open)
	m := w.member("sms", "telegram")
	equal(t, "the countries that she may see", m.Points[0].Country+"/"+m.Points[1].Country, "US/")
	found := must(w.Recipients(w.ctx, w.group.ID, gateway.Audience{Topic: "reports"}, gateway.ID{}, 10))
	equal(t, "a number", found[0].Points[0].Country, "US")
	equal(t, "a chat", found[0].Points[1].Country, "")
}
