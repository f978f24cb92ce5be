package storetest

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/store"
)

// importLease is at least as long as an import counts as living without a sign of life from its process.
const importLease = 2 * time.Minute

// runTogether tells what two processes do to one ledger at the same time. Where only one can have it, both are that one,
// with two callers; what cannot happen then is left out.
func runTogether(t *testing.T, open Open, shared bool) {
	for _, story := range []struct {
		name   string
		shared bool // needs two processes
		tell   func(*pair)
	}{
		{"two processes press the same key", false, pressedTwice},
		{"two processes strike a channel", false, struckTwice},
		{"two processes note errors", false, notedTwice},
		{"two processes make the same group and channel", false, madeTwice},
		{"two processes hear the same message", false, heardTwice},
		{"two processes begin an import", false, begunTwice},
		{"a STOP meets an import", false, stopMeetsImport},
		{"two processes publish an import", false, publishedTwice},
		{"two processes forget texts", false, forgottenTwice},
		{"two processes erase the same member", false, erasedTwice},
		{"an erasure meets what she writes", false, eraseMeetsInbound},
		{"two processes let go what a cap held", false, uncappedTwice},
		{"two schedulers see the same run", false, firedTwice},
		{"two keepers see duty pass on", false, handedOverTwice},
		{"an import outlives another process's start", true, importLives},
		{"an import that was left behind is undone", true, importLeft},
		{"a group is known everywhere", true, knownEverywhere},
	} {
		if story.shared && !shared {
			continue
		}
		t.Run(story.name, func(t *testing.T) {
			p := &pair{world: newWorld(t, open)}
			p.other = p.Store
			if shared {
				p.other = open(t, p.place, p.clock.Now)
				t.Cleanup(func() { p.ok(p.other.Close()) })
			}
			story.tell(p)
		})
	}
}

// pair is a world whose ledger another process has open too.
type pair struct {
	*world
	other store.Store
}

// both has each process do something n times, all at once, and counts how often it said yes.
func (p *pair) both(n int, act func(s store.Store, i int) (bool, error)) (yes int) {
	p.Helper()
	var all, ready sync.WaitGroup
	var mu sync.Mutex
	ready.Add(2 * n)
	for i := range n {
		for _, s := range []store.Store{p.Store, p.other} {
			all.Go(func() {
				_, err := s.Groups(p.ctx) // whatever has to be made first, like a connection, is there then
				ready.Done()
				ready.Wait()
				if err != nil {
					p.Error(err)
				}
				ok, err := act(s, i)
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					p.Error(err)
				}
				if ok {
					yes++
				}
			})
		}
	}
	all.Wait()
	return yes
}

// is says whether an error is a fault with that code, and passes others on.
func is(err error, code gateway.Code) (bool, error) {
	if errors.Is(err, &gateway.Fault{Code: code}) {
		return true, nil
	}
	return false, err
}

func pressedTwice(p *pair) {
	token := gateway.NewID()
	first := p.both(10, func(s store.Store, i int) (bool, error) {
		a, err := s.BeginRequest(p.ctx, token, "k", []byte("print"))
		busy, err := is(err, gateway.CodeInProgress)
		return !busy && a == nil, err
	})
	equal(p, "that do the work", first, 1)
	p.ok(p.FinishRequest(p.ctx, token, "k", gateway.Answer{Status: 201, Type: "application/json", Body: []byte("{}")}))
	answered := p.both(10, func(s store.Store, i int) (bool, error) {
		a, err := s.BeginRequest(p.ctx, token, "k", []byte("print"))
		return a != nil && a.Status == 201, err
	})
	equal(p, "that get the answer", answered, 20)
}

func struckTwice(p *pair) {
	strike := func(s store.Store, delivery gateway.ID, after int) (bool, error) {
		i, err := s.Strike(p.ctx, gateway.Strike{Channel: p.sms.ID, Delivery: delivery, Trouble: gateway.TroubleFiltered, Code: "30007", After: after, Within: time.Hour})
		return i != nil, err
	}
	var ids []gateway.ID
	for range 20 {
		ids = append(ids, gateway.NewID())
	}
	equal(p, "incidents by two deliveries, told again and again", p.both(20, func(s store.Store, i int) (bool, error) { return strike(s, ids[i%2], 3) }), 0)
	equal(p, "incidents by twenty", p.both(20, func(s store.Store, i int) (bool, error) { return strike(s, ids[i], 20) }), 1)
	found := must(p.other.Incidents(p.ctx, p.sms.ID, 10))
	equal(p, "incidents", len(found), 1)
	equal(p, "distinct deliveries", found[0].Deliveries, 20)
	same(p, "told", p.untold(), []string{gateway.NoticeRefused})
	equal(p, "that closed it", p.both(5, func(s store.Store, _ int) (bool, error) { return s.CloseIncident(p.ctx, p.sms.ID, "the office") }), 1)
}

func notedTwice(p *pair) {
	p.both(10, func(s store.Store, i int) (bool, error) {
		e := gateway.ChannelError{Class: "permanent", Scope: "sender", Detail: "refused", Count: 1, First: p.clock.Now(), Last: p.clock.Now()}
		a, b := e, e
		a.Code, b.Code = "a", "b"
		if i%2 == 0 {
			a, b = b, a
		}
		return false, s.NoteErrors(p.ctx, p.sms.ID, []gateway.ChannelError{a, b})
	})
	for _, e := range must(p.ChannelErrors(p.ctx))[p.sms.ID] {
		equal(p, "errors "+e.Code, e.Count, 20)
	}
}

func madeTwice(p *pair) {
	var mu sync.Mutex
	ids := map[gateway.ID]bool{}
	p.both(10, func(s store.Store, i int) (bool, error) {
		g, err := s.PutGroup(p.ctx, gateway.Group{Slug: "new", Name: "The new", Locale: "en", Zone: "UTC"})
		if err != nil {
			return false, err
		}
		c, err := s.PutChannel(p.ctx, gateway.Channel{Name: "new", Adapter: "sms", Kind: "sms"})
		mu.Lock()
		defer mu.Unlock()
		ids[g.ID], ids[c.ID] = true, true
		return false, err
	})
	equal(p, "identifiers of one group and one channel", len(ids), 2)
}

func heardTwice(p *pair) {
	m := p.member("sms")
	fresh := p.both(10, func(s store.Store, i int) (bool, error) {
		return s.Receive(p.ctx, gateway.InboundMessage{ID: gateway.NewID(), GroupID: p.group.ID, ChannelID: p.sms.ID, EventID: "e", MemberIDs: []gateway.ID{m.ID}, Kind: "sms", From: "+15550107777", Text: "hello", At: p.clock.Now()})
	})
	equal(p, "effects", fresh, 1)
	equal(p, "kept", len(must(p.Inbound(p.ctx, p.group.ID, gateway.ID{}, 100))), 1)
}

func begunTwice(p *pair) {
	begun := p.both(5, func(s store.Store, i int) (bool, error) {
		busy, err := is(s.BeginImport(p.ctx, gateway.Import{ID: gateway.NewID(), GroupID: p.group.ID, Author: "the office", At: p.clock.Now()}), gateway.CodeConflict)
		return !busy && err == nil, err
	})
	equal(p, "imports begun", begun, 1)
}

// stopMeetsImport: a STOP that comes while the same address is taken in stands, whichever is first by a hair.
func stopMeetsImport(p *pair) {
	imp := p.begin(p.group.ID)
	var chunks [][]gateway.StagedMember
	for i := range 8 {
		var rows []gateway.StagedMember
		for k := range 25 {
			rows = append(rows, p.row(fmt.Sprintf("new-%d-%d", i, k), "sms"))
		}
		chunks = append(chunks, rows)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for _, rows := range chunks {
			if _, err := p.Stage(p.ctx, p.group.ID, imp, rows); err != nil {
				p.Error(err)
			}
		}
	})
	all.Go(func() {
		for _, rows := range chunks {
			for _, row := range rows {
				if _, err := p.other.StopAddress(p.ctx, p.group.ID, "sms", row.Member.Points[0].Address, gateway.Consent{Wording: "STOP", Source: "member"}); err != nil {
					p.Error(err)
				}
			}
		}
	})
	all.Wait()
	p.ok(p.Publish(p.ctx, p.group.ID, imp))
	page := must(p.Members(p.ctx, p.group.ID, gateway.ID{}, 1000))
	equal(p, "members", len(page), 200)
	for _, m := range page {
		equal(p, "state of an address that was stopped", m.Points[0].State, gateway.PointStopped)
	}
}

// publishedTwice: one process publishes, and another that starts thinks that it has died.
func publishedTwice(p *pair) {
	var rows, changes []gateway.StagedMember
	for i := range 450 {
		row := p.row(fmt.Sprintf("K-%d", i), "sms")
		rows = append(rows, row)
		change := p.row(fmt.Sprintf("K-%d", i))
		p.addPoint(&change, "sms", row.Member.Points[0].Address, "alerts")
		p.addPoint(&change, "telegram", p.number("telegram"), "alerts")
		changes = append(changes, change)
	}
	p.take(p.group.ID, rows...)
	imp := p.begin(p.group.ID)
	p.stage(p.group.ID, imp, changes...)
	var all sync.WaitGroup
	all.Go(func() {
		if err := p.Publish(p.ctx, p.group.ID, imp); err != nil {
			p.Error(err)
		}
	})
	if p.other != p.Store { // one process alone would discard what it has just begun
		for range 3 {
			all.Go(func() {
				if err := p.other.FinishImports(p.ctx); err != nil {
					p.Error(err)
				}
			})
		}
	}
	all.Wait()
	page := must(p.Members(p.ctx, p.group.ID, gateway.ID{}, 1000))
	equal(p, "members", len(page), 450)
	for i, m := range page {
		equal(p, "contact points", len(m.Points), 2)
		equal(p, "topics", len(m.Points[0].Topics), 2)
		if i%50 == 0 {
			equal(p, "pieces of evidence", len(must(p.Evidence(p.ctx, p.group.ID, m.ID))), 3)
		}
	}
}

func forgottenTwice(p *pair) {
	const texts = 30
	for range texts {
		_, err := p.Receive(p.ctx, gateway.InboundMessage{ID: gateway.NewID(), GroupID: p.group.ID, ChannelID: p.sms.ID, Kind: "sms", From: "+15550108888", Text: "hello", At: p.clock.Now()})
		p.ok(err)
	}
	p.clock.Wind(31 * 24 * time.Hour)
	var mu sync.Mutex
	sum := 0
	p.both(5, func(s store.Store, _ int) (bool, error) {
		n, err := s.Retain(p.ctx, 7)
		mu.Lock()
		defer mu.Unlock()
		sum += n
		return false, err
	})
	for n := 1; n > 0; sum += n {
		n = must(p.Retain(p.ctx, 7))
	}
	equal(p, "forgotten", sum, texts)
	for _, m := range must(p.Inbound(p.ctx, p.group.ID, gateway.ID{}, 100)) {
		equal(p, "text", m.Text, "")
	}
}

func erasedTwice(p *pair) {
	m := p.member("sms", "telegram")
	erased := p.both(5, func(s store.Store, _ int) (bool, error) {
		gone, err := is(s.Erase(p.ctx, p.group.ID, m.ID), gateway.CodeNotFound)
		return !gone && err == nil, err
	})
	equal(p, "erased", erased, 1)
}

// eraseMeetsInbound: what a member writes at the moment she is erased is forgotten with her, or is a stranger's if it came
// behind that. Nothing stays that her key, which is gone, would have to open.
func eraseMeetsInbound(p *pair) {
	for range 10 {
		m := p.member("sms")
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() {
				_, err := p.Receive(p.ctx, gateway.InboundMessage{ID: gateway.NewID(), GroupID: p.group.ID, ChannelID: p.sms.ID, MemberIDs: []gateway.ID{m.ID}, Kind: "sms", From: m.Points[0].Address, Text: "before or behind", At: p.clock.Now()})
				if err != nil {
					p.Error(err)
				}
			})
		}
		all.Go(func() {
			if err := p.other.Erase(p.ctx, p.group.ID, m.ID); err != nil {
				p.Error(err)
			}
		})
		all.Wait()
	}
	all := must(p.Inbound(p.ctx, p.group.ID, gateway.ID{}, 100))
	equal(p, "messages", len(all), 30)
	for _, m := range all {
		if (m.Text == "") != (m.From == "") || m.Text != "" && m.Text != "before or behind" {
			p.Errorf("a message is half there: text %t, sender %t", m.Text != "", m.From != "")
		}
	}
}

func uncappedTwice(p *pair) {
	p.budget(gateway.Budget{HardSegments: 1})
	var members []gateway.Member
	for range 21 {
		members = append(members, p.member("sms"))
	}
	b := p.submit(gateway.Report)
	ids := p.plan(b, 1, members...)
	p.costing(p.granted(ids[0]), 1)
	for _, id := range ids[1:] {
		equal(p, "verdict", p.claim(id).Verdict, gateway.Capped)
	}
	p.budget(gateway.Budget{HardSegments: 100})
	var mu sync.Mutex
	sum := 0
	p.both(3, func(s store.Store, _ int) (bool, error) {
		n, err := s.Uncap(p.ctx, 6)
		mu.Lock()
		defer mu.Unlock()
		sum += n
		return false, err
	})
	for n := 1; n > 0; sum += n {
		n = must(p.Uncap(p.ctx, 100))
	}
	equal(p, "let go", sum, 20)
	p.recount(b.ID)
}

// importLives: a process reads a long file; another starts meanwhile, and again, and leaves it alone.
func importLives(p *pair) {
	imp := p.begin(p.group.ID)
	for i := range 4 {
		p.stage(p.group.ID, imp, p.row(fmt.Sprintf("row-%d", i), "sms"))
		p.clock.Wind(importLease - time.Second)
		p.ok(p.other.FinishImports(p.ctx))
		p.fails(p.other.BeginImport(p.ctx, gateway.Import{ID: gateway.NewID(), GroupID: p.group.ID, At: p.clock.Now()}), gateway.CodeConflict)
	}
	p.ok(p.Publish(p.ctx, p.group.ID, imp))
	equal(p, "members", p.count(), 4)
}

// importLeft: the process is gone, or so slow that it counts as gone; then it is told, and nobody is taken in twice.
func importLeft(p *pair) {
	for name, find := range map[string]func(){
		"by a start":         func() { p.ok(p.other.FinishImports(p.ctx)) },
		"by the next import": func() {},
		"by six starts at once": func() {
			p.both(3, func(s store.Store, _ int) (bool, error) { return false, s.FinishImports(p.ctx) })
		},
	} {
		left := p.begin(p.group.ID)
		row := p.row("of "+name, "sms")
		p.stage(p.group.ID, left, row)
		p.clock.Wind(importLease)
		next := gateway.Import{ID: gateway.NewID(), GroupID: p.group.ID, Author: "the office", At: p.clock.Now()}
		find()
		p.ok(p.other.BeginImport(p.ctx, next))
		_, err := p.Stage(p.ctx, p.group.ID, left, []gateway.StagedMember{p.row("late", "sms")})
		p.fails(err, gateway.CodeConflict)
		p.fails(p.Publish(p.ctx, p.group.ID, left), gateway.CodeConflict)
		staged := must(p.other.Stage(p.ctx, p.group.ID, next.ID, []gateway.StagedMember{row}))
		equal(p, "kind of row, left behind and found "+name, staged[0].Kind, gateway.StagedNew)
		p.ok(p.other.Publish(p.ctx, p.group.ID, next.ID))
	}
	equal(p, "members", p.count(), 3)
}

// knownEverywhere: what one process makes, another that is long open reads, its sealed columns included.
func knownEverywhere(p *pair) {
	g := must(p.other.PutGroup(p.ctx, gateway.Group{Slug: "late", Name: "The late", Locale: "en", Zone: "UTC", Topics: []gateway.Topic{{Name: "reports"}}}))
	m := p.memberOf(g.ID, "sms")
	equal(p, "address", must(p.other.Member(p.ctx, g.ID, m.ID)).Points[0].Address, m.Points[0].Address)
	p.ok(p.other.PutWording(p.ctx, g.ID, "welcome", map[string]string{"en": "Hi"}))
	equal(p, "wording", must(p.Wordings(p.ctx, g.ID))["welcome"]["en"], "Hi")
}
