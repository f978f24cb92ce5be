package inbound

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/gateway"
)

// errPending says that the provider still has something, and brings it by itself.
var errPending = errors.New("the provider has not brought all yet")

// errUnasked says that nobody can ask what came.
var errUnasked = errors.New("the adapter cannot ask what came")

// catchUp asks the provider of a channel what came since a time and brings it to the ledger. It returns once all of it is there,
// with the time before which the provider has forgotten (zero: nothing). After an error it is to be called again: what was done
// is not done twice.
func (e *Ears) catchUp(ctx context.Context, ch gateway.Channel, since time.Time) (lost time.Time, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("the adapter met %w", gateway.DefectOf(cause))
		}
	}()
	adapter, _ := e.Channels.Adapter(ch.ID)
	catcher, can := adapter.(channels.Catcher)
	if !can {
		return lost, errUnasked
	}
	for cursor := ""; ; {
		if e.behind(ch.ID) {
			return lost, errBehind
		}
		bounded, cancel := context.WithTimeout(ctx, pollTime)
		caught, err := catcher.CatchUp(bounded, since, cursor)
		cancel()
		if err != nil {
			return lost, err
		}
		inOrder(caught.Events)
		if err := e.Hear(ctx, ch, caught.Events); err != nil {
			e.Count(ch.ID, HeardFailure)
			return lost, err
		}
		if caught.Lost.After(since) {
			lost = caught.Lost
		}
		switch caught.Next {
		case "":
			return lost, nil
		case cursor:
			return lost, errPending
		}
		cursor = caught.Next
	}
}
