package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/fanout"
	"github.com/carillon-gateway/carillon/gateway/internal/inbound"
)

// How the row of junk is set up: so many replies that say nothing, by so many webhooks at once, and the STOPs among them.
const (
	junkReplies = 10_000
	junkCallers = 64
	junkStops   = 60
	junkHook    = "http://bench.example/hooks/sms"
)

// junk compares the time until a STOP holds among replies that say nothing with that on an idle system.
func (r *run) junk(ctx context.Context) error {
	dir, err := r.place(ctx, "junk")
	if err != nil {
		return err
	}
	w, err := openWorld(ctx, dir, "http://127.0.0.1:1", junkHook, 1)
	if err != nil {
		return err
	}
	if err := w.members(ctx, 2*junkStops*r.repeat+1000); err != nil {
		return errors.Join(err, w.close())
	}
	e := newEars(w, w.fanout(fanout.Options{}), inbound.Alerts{})
	var ratios, idle, busy []float64
	for i := range r.repeat {
		quiet, err := e.stops(2*i*junkStops, func() bool { return true })
		if err != nil {
			return errors.Join(err, w.close())
		}
		var left atomic.Int64
		left.Store(junkReplies)
		var all sync.WaitGroup
		failed := make(chan error, junkCallers)
		for range junkCallers {
			all.Go(func() {
				for n := left.Add(-1); n >= 0; n = left.Add(-1) {
					if err := e.say(2*junkStops*r.repeat+int(n)%1000, fmt.Sprintf("junk-%d-%d", i, n), "I am driving and will call you back"); err != nil {
						failed <- err
						return
					}
				}
			})
		}
		loud, err := e.stops((2*i+1)*junkStops, func() bool { return left.Load() > 0 })
		all.Wait()
		close(failed)
		if err := errors.Join(err, <-failed); err != nil {
			return errors.Join(err, w.close())
		}
		fmt.Printf("STOP: idle %.1f ms; among %d replies %.1f ms (%d of them); load %s\n", median(quiet), junkReplies, median(loud), len(loud), load())
		ratios, idle, busy = append(ratios, median(loud)/median(quiet)), append(idle, median(quiet)), append(busy, median(loud))
	}
	ratio := median(ratios)
	r.line(fmt.Sprintf("STOP among %d replies that say nothing, against an idle system", junkReplies), "at most 3 times", fmt.Sprintf("%.1f times (%.1f ms against %.1f ms)", ratio, median(busy), median(idle)), ratio <= 3)
	return w.close()
}

// ears is a world whose members write by webhook.
type ears struct {
	*world
	own     channels.Adapter // that reads webhooks, whoever sends
	handler *http.ServeMux
}

func newEars(w *world, f *fanout.Fanout, alerts inbound.Alerts) *ears {
	e := &ears{world: w, own: w.adapter, handler: http.NewServeMux()}
	e.handler.Handle("/hooks/{channel}", inbound.New(inbound.Parts{Channels: e, Members: w.store, Groups: w.store, Consents: w.store, Inbox: w.store, Cursors: w.store, Limits: w.store,
		Guests: w.store, Wishes: w.store, Alerts: alerts, Answer: func(ctx context.Context, group gateway.ID, key, wording string, to gateway.Audience, data map[string]string) error {
			_, err := f.Tell(ctx, fanout.Note{Group: group, Key: key, Wording: wording, Audience: to, Data: data, Author: "bench"})
			return err
		}}))
	return e
}

func (e *ears) ByName(string) (gateway.Channel, channels.Adapter, bool) {
	return e.channel, e.own, true
}

// stops has members say STOP one after the other while it may, and gives how long each took to hold, in milliseconds.
func (e *ears) stops(first int, while func() bool) (took []float64, err error) {
	for i := 0; i < junkStops && while(); i++ {
		begin := time.Now()
		if err := e.say(first+i, fmt.Sprintf("stop-%d", first+i), "STOP"); err != nil {
			return nil, err
		}
		took = append(took, float64(time.Since(begin).Microseconds())/1000)
		time.Sleep(5 * time.Millisecond)
	}
	if len(took) == 0 {
		return nil, errors.New("the replies were over before the first STOP")
	}
	return took, nil
}

// say is a webhook as the provider signs it; what it says holds when it returns.
func (e *ears) say(member int, id, text string) error {
	form := url.Values{"MessageSid": {id}, "From": {e.address(member)}, "To": {from}, "Body": {text}}
	names := []string{"Body", "From", "MessageSid", "To"}
	mac := hmac.New(sha1.New, []byte(authToken))
	_, _ = mac.Write([]byte(junkHook)) // a hash never fails
	for _, name := range slices.Sorted(slices.Values(names)) {
		_, _ = mac.Write([]byte(name + form.Get(name)))
	}
	r := httptest.NewRequest(http.MethodPost, "/hooks/sms", strings.NewReader(form.Encode()))
	r.Header.Set("X-Twilio-Signature", base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	w := httptest.NewRecorder()
	e.handler.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		return fmt.Errorf("a webhook is answered %d", w.Code)
	}
	return nil
}
