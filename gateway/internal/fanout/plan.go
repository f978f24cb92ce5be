package fanout

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/carillon-gateway/carillon/gateway"
)

// errRival says that another process is planning a broadcast.
var errRival = errors.New("another process plans it")

// plan writes every delivery of a broadcast, from where the ledger's cursor stands. Two processes that plan the same one
// meet at its cursor: of every chunk one of them is written, and whoever's is not gives way.
func (f *Fanout) plan(ctx context.Context, j *job) error {
	t := j.texts
	if t == nil {
		var err error
		if t, err = f.texts(ctx, j.b); err != nil {
			return err
		}
	}
	first := j.first
	for {
		err := f.planFrom(ctx, t, first)
		first = nil
		if !errors.Is(err, gateway.ErrStale) {
			return err
		}
		// Somebody else moved the cursor, or a crash came between a commit and its answer: go on from there.
		now, err := f.store.Log.Broadcast(ctx, t.b.GroupID, t.b.ID)
		if err != nil {
			return fmt.Errorf("read the broadcast again: %w", err)
		}
		if now.State != gateway.Planning {
			return nil
		}
		if f.Rivals && now.Cursor != t.b.Cursor {
			return errRival
		}
		if now.Cursor == t.b.Cursor {
			return fmt.Errorf("the ledger refuses the cursor that it gave: %w", gateway.ErrStale)
		}
		t.b.Cursor = now.Cursor
		t.rewrite() // whoever went on may have planned without these
	}
}

// planFrom plans from the cursor on. The next page is read while a chunk is written.
func (f *Fanout) planFrom(ctx context.Context, t *texts, first []gateway.Recipient) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	pages := make(chan []gateway.Recipient, 1)
	read := make(chan error, 1)
	go func() {
		defer close(pages)
		read <- f.readPages(ctx, t.b, first, pages)
	}()
	p := &planner{f: f, t: t, cursor: t.b.Cursor, hours: &hours{}}
	for page := range pages {
		if err := p.write(ctx, page, len(page) < gateway.MaxChunk); err != nil {
			return err
		}
	}
	return <-read
}

// readPages hands the audience behind the cursor to whoever plans it.
func (f *Fanout) readPages(ctx context.Context, b gateway.Broadcast, first []gateway.Recipient, pages chan<- []gateway.Recipient) error {
	for page, err := range f.audience(ctx, b, first) {
		if err != nil {
			return err
		}
		select {
		case pages <- page:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// audience reads the audience behind the cursor, page by page; the last is the first that is not full, and may be empty.
// first is the first page if it is read already. Behind an error comes nothing.
func (f *Fanout) audience(ctx context.Context, b gateway.Broadcast, first []gateway.Recipient) iter.Seq2[[]gateway.Recipient, error] {
	return func(yield func([]gateway.Recipient, error) bool) {
		after, page := b.Cursor, first
		for {
			if page == nil {
				var err error
				if page, err = f.store.Audiences.Recipients(ctx, b.GroupID, b.Audience, after, gateway.MaxChunk); err != nil {
					yield(nil, fmt.Errorf("read the audience: %w", err))
					return
				}
			}
			if !yield(page, nil) || len(page) < gateway.MaxChunk {
				return
			}
			after, page = page[len(page)-1].Member, nil
		}
	}
}

// planner writes the chunks of one broadcast.
type planner struct {
	f          *Fanout
	t          *texts
	cursor     gateway.ID
	deliveries []gateway.NewDelivery // reused
	hours      *hours
}

// write plans one page.
func (p *planner) write(ctx context.Context, page []gateway.Recipient, last bool) error {
	c := p.chunk(page, last)
	p.f.At(FaultPoints[1])
	if err := p.f.store.Ledger.Plan(ctx, c); err != nil {
		p.t.rewrite()
		return fmt.Errorf("write a chunk: %w", err)
	}
	p.f.At(FaultPoints[2])
	p.cursor = c.Cursor
	p.t.b.Cursor = c.Cursor
	p.f.Planned(&c)
	return nil
}

// chunk is what a page becomes. It is good until the next one.
func (p *planner) chunk(page []gateway.Recipient, last bool) gateway.Chunk {
	b := &p.t.b
	c := gateway.Chunk{Broadcast: b.ID, Group: b.GroupID, After: p.cursor, Cursor: p.cursor, Last: last, Lane: b.Policy.Lane, MoveAfter: b.Policy.Window}
	if len(page) > 0 {
		c.Cursor = page[len(page)-1].Member
	}
	p.t.trim()
	p.deliveries = p.deliveries[:0]
	now := p.f.Now()
	for i := range page {
		d := p.decide(&page[i])
		if !d.meant {
			continue
		}
		n := gateway.NewDelivery{ID: gateway.NewID(), MemberID: page[i].Member, Locale: page[i].Locale, Due: b.StartAt}
		if d.version != nil {
			n.Locale, n.Neutral = d.version.locale, d.version.neutral
			c.Renderings = append(c.Renderings, d.version.renderings()...)
		}
		switch {
		case d.way >= 0:
			n.Channel, n.Point = p.t.ways[d.way].channel.ID, d.point
		case d.failed:
			n.Reason, n.Detail = gateway.ReasonFailed, d.why
		default:
			n.Reason, n.Detail = gateway.ReasonSuppressed, d.why
		}
		if n.Reason == "" {
			p.hours.set(&n, b, &page[i], p.t.group.Zone, now)
		}
		p.deliveries = append(p.deliveries, n)
	}
	c.Deliveries = p.deliveries
	return c
}

// whole plans a broadcast that is urgent and due and whose audience is one page, so that the ledger stores it with its
// deliveries at once; nil: it is another one.
func (f *Fanout) whole(t *texts, first []gateway.Recipient) *gateway.Chunk {
	if t.b.Policy.Lane != gateway.Urgent || t.b.StartAt.After(f.Now()) || len(first) >= gateway.MaxChunk {
		return nil
	}
	p := &planner{f: f, t: t, hours: &hours{}}
	c := p.chunk(first, true)
	return &c
}

// decide chooses for one member. A defect that only she meets ends her delivery, and the others go on.
func (p *planner) decide(r *gateway.Recipient) (d decision) {
	defer func() {
		if cause := recover(); cause != nil {
			p.f.Log.Error("planning for one member met a defect", "broadcast", p.t.b.ID, "member", r.Member, "error", gateway.DefectOf(cause))
			d = decision{meant: true, way: -1, why: whyDefect, failed: true}
		}
	}()
	return p.t.decide(r)
}
