package dispatch_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

// mute is a ledger that does not say what is in doubt.
type mute struct{ *ledger }

func (mute) Doubtful(context.Context, gateway.Claimant, int) ([]gateway.Claim, error) {
	return nil, errors.New("the ledger cannot be reached")
}

// A ledger that is away for minutes fills no log: the mender, whom everything wakes, says so once in ten seconds.
func TestTheMenderSaysSeldomWhatItMeets(t *testing.T) {
	story(t, func(w *world) {
		var said bytes.Buffer
		o := w.options()
		o.Mender, o.Log = mute{w.l}, slog.New(slog.NewTextHandler(&said, nil))
		w.start(o)
		for range 600 {
			w.d.Sweep()
			w.pass(100 * time.Millisecond)
		}
		if n := strings.Count(said.String(), "mending is interrupted"); n < 5 || n > 7 {
			t.Errorf("it was said %d times in a minute", n)
		}
	})
}
