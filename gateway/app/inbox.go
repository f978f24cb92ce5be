package app

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/fanout"
	"github.com/carillon-gateway/carillon/gateway/internal/inbound"
	"github.com/carillon-gateway/carillon/templates"
)

// newInbox makes the desk where people read what members wrote.
func (a *App) newInbox() *inbound.Desk {
	a.metrics.MustRegister(&countThreads{open: a.store.OpenThreads, now: time.Now,
		desc: prometheus.NewDesc("carillon_inbox_open", "Conversations that wait for somebody, of all groups, by how long they have been open; the same in every process.", []string{"age"}, nil)})
	return inbound.NewDesk(inbound.DeskParts{Conversations: a.store, Answers: a.store, Members: a.store, Groups: a.store, Deliveries: a.store, Post: post{a.fanout}})
}

// post sends answers as account messages.
type post struct{ f *fanout.Fanout }

func (p post) note(o inbound.Outgoing) fanout.Note {
	return fanout.Note{ID: o.ID, Group: o.Group, Key: o.Key, Wording: templates.InboxReply, Data: map[string]string{"text": o.Text}, Locale: o.Locale, Author: o.Author,
		Audience: gateway.Audience{Members: []gateway.ID{o.Member}, Point: o.Point, Only: true}}
}

// Weigh says what sending an answer would do.
func (p post) Weigh(ctx context.Context, o inbound.Outgoing) (gateway.Preview, error) {
	return p.f.Weigh(ctx, p.note(o))
}

// Send hands an answer in.
func (p post) Send(ctx context.Context, o inbound.Outgoing) (gateway.ID, error) {
	s, err := p.f.Tell(ctx, p.note(o))
	return s.ID, err
}

// threadsAge is how old the count of open conversations may be.
const threadsAge = 10 * time.Second

// countThreads gives the number of open conversations by age, asking the ledger for it now and then.
type countThreads struct {
	open func(context.Context) ([len(gateway.ThreadAges)]int, error)
	now  func() time.Time
	desc *prometheus.Desc
	mu   sync.Mutex
	at   time.Time
	last [len(gateway.ThreadAges)]int
}

// Describe and Collect make it a collector.
func (c *countThreads) Describe(to chan<- *prometheus.Desc) { to <- c.desc }

// Collect gives what was counted last, if the ledger does not answer.
func (c *countThreads) Collect(to chan<- prometheus.Metric) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.now().Sub(c.at) >= threadsAge {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		if n, err := c.open(ctx); err == nil { // or else /readyz says that the ledger does not answer
			c.last, c.at = n, c.now()
		}
		cancel()
	}
	for i, age := range gateway.ThreadAges {
		to <- prometheus.MustNewConstMetric(c.desc, prometheus.GaugeValue, float64(c.last[i]), age)
	}
}
