package sms

import (
	"context"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/twilio"
)

// CatchUp reads the message list from two minutes before a time, as Poll does: texts of members, and what became of our own
// messages meanwhile. Twilio brings no incoming message again that it could not bring; it is in the list all the same.
func (a *Adapter) CatchUp(ctx context.Context, since time.Time, cursor string) (channels.Caught, error) {
	return a.catchUp(ctx, since, cursor, pollPages)
}

func (a *Adapter) catchUp(ctx context.Context, since time.Time, cursor string, pages int) (channels.Caught, error) {
	if cursor == "" {
		cursor = sweep{since: since.Add(-pollLap)}.String()
	}
	events, next, err := a.poll(ctx, cursor, pages)
	if err != nil {
		return channels.Caught{}, err
	}
	s, err := readSweep(next, a.now())
	if err != nil {
		return channels.Caught{}, err
	}
	if s.page == (twilio.Page{}) {
		next = ""
	}
	return channels.Caught{Events: events, Next: next}, nil
}

var _ channels.Catcher = (*Adapter)(nil)
