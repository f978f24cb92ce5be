package main

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"sync"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/scheduler/escalation"
)

// How the row of an alert among routine messages is set up.
const (
	floodRoutine = 100_000
	floodAlert   = 1000
	floodRate    = 100 // segments a second, where the channel has a rate
	floodDelay   = 50 * time.Millisecond
)

// paced is a provider inside the process, at rates of the benchmark's choosing. It keeps what it was sent of urgent messages.
type paced struct {
	channels.Adapter
	rates []channels.Rate
	delay time.Duration

	mu      sync.Mutex
	urgent  []handed
	routine int
}

// handed is an urgent message that a provider was sent.
type handed struct {
	at   time.Time
	text string
	cost int
}

// Capabilities are those of the adapter, at the benchmark's rates.
func (p *paced) Capabilities() channels.Capabilities {
	c := p.Adapter.Capabilities()
	c.Rates = p.rates
	return c
}

// Send takes a message.
func (p *paced) Send(_ context.Context, m channels.Outbound) (channels.Sent, error) {
	p.mu.Lock()
	if m.Urgent {
		p.urgent = append(p.urgent, handed{time.Now(), m.Part.Text, m.Part.Cost})
	} else {
		p.routine++
	}
	p.mu.Unlock()
	if p.delay > 0 {
		time.Sleep(p.delay)
	}
	return channels.Sent{ProviderID: "SM" + m.Attempt}, nil
}

var floodMark = regexp.MustCompile(`Flood (\d{5})`)

// asked counts the messages that said what an alert said, of those alerts that were over by then if there is a list of them, and
// moves that end to the last of each.
func (p *paced) asked(over map[string]time.Time) (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, h := range p.urgent {
		mark := floodMark.FindStringSubmatch(h.text)
		if mark == nil {
			continue
		}
		if over == nil {
			n++
		} else if end, ok := over[mark[1]]; ok && h.at.After(end) {
			n++
			over[mark[1]] = h.at
		}
	}
	return n
}

// said gives the messages that said what an alert said, in the order of their times.
func (p *paced) said(mark string) (all []handed) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, h := range p.urgent {
		if m := floodMark.FindStringSubmatch(h.text); m != nil && m[1] == mark {
			all = append(all, h)
		}
	}
	slices.SortFunc(all, func(a, b handed) int { return a.at.Compare(b.at) })
	return all
}

// flood measures an alert to a thousand members while routine messages wait on the same channel, against one with nothing queued.
func (r *run) flood(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	quiet, err := r.shore(ctx, "flood-quiet")
	if err != nil {
		return err
	}
	defer quiet.close()
	busy, err := r.shore(ctx, "flood")
	if err != nil {
		return err
	}
	defer busy.close()
	report, _, err := busy.plan(ctx, floodRoutine)
	if err != nil {
		return err
	}
	base, turns := busy.adapter, 0
	for _, rate := range []float64{floodRate, 0} {
		rates, what, must := []channels.Rate(nil), "a channel without a rate", "0.95 of its rate with nothing queued"
		if rate > 0 {
			rates, what, must = []channels.Rate{{PerSecond: rate, Burst: floodRate / 10}}, fmt.Sprintf("a channel of %d segments a second", floodRate), "0.95 of the rate"
		}
		var firsts, starts, shares []float64
		for range r.repeat {
			turns++
			mark, provider := fmt.Sprintf("%05d", turns), func() *paced { return &paced{Adapter: base, rates: rates, delay: floodDelay} }
			alone, err := quiet.wave(ctx, provider(), mark, gateway.ID{})
			if err != nil {
				return err
			}
			v, err := busy.wave(ctx, provider(), mark, report)
			if err != nil {
				return err
			}
			fmt.Printf("flood: %s: the first after %.1f ms, then %.1f segments/s; %d routine messages meanwhile, %d waiting; with nothing queued %.1f ms, %.1f/s; load %s\n", what, v.first, v.rate, v.routine, v.waiting, alone.first, alone.rate, load())
			allowed := rate
			if rate == 0 {
				allowed = alone.rate
			}
			firsts, starts, shares = append(firsts, v.first), append(starts, v.first/alone.first), append(shares, v.rate/allowed)
		}
		r.line(fmt.Sprintf("an alert to %d past %d routine messages, %s", floodAlert, floodRoutine, what), "the first within 1.5 times as with nothing queued, then "+must,
			fmt.Sprintf("%.2f times (%.0f ms), then %.2f", median(starts), median(firsts), median(shares)), median(starts) <= 1.5 && median(shares) >= 0.95)
	}
	return nil
}

// shore is a world of many members, of whom a thousand are told of alerts and one is on duty.
func (r *run) shore(ctx context.Context, name string) (*alarms, error) {
	dir, err := r.place(ctx, name)
	if err != nil {
		return nil, err
	}
	w, err := openWorld(ctx, dir, "http://127.0.0.1:1", "", usualSenders)
	if err != nil {
		return nil, err
	}
	a := newAlarms(w)
	a.groups = []gateway.Group{w.group}
	err = w.tagged(ctx, floodRoutine, func(i int) []string {
		switch {
		case i == 0:
			return []string{"near", "duty"}
		case i%(floodRoutine/floodAlert) == 0:
			return []string{"near"}
		}
		return nil
	})
	if err == nil {
		duty := []gateway.AlertTarget{{Topic: topic, Tags: []string{"duty"}}}
		_, err = a.desk.PutPolicy(ctx, w.group, gateway.AlertPolicy{Name: escalation.DefaultPolicy, Steps: []gateway.AlertStep{{Targets: duty, Wait: alertWait}}, Last: duty})
	}
	if err != nil {
		return nil, errors.Join(err, w.close())
	}
	a.planned = inBackground(ctx, a.fan.Run)
	return a, nil
}

// wave is what became of one alert to a thousand.
type wave struct {
	first   float64 // ms from its being raised to the first message at the provider
	rate    float64 // segments a second, from the first to the last
	routine int     // messages that left meanwhile
	waiting int     // and that waited when it was raised
}

// wave raises an alert to a thousand members, while the messages of a report leave, if there is one.
func (a *alarms) wave(ctx context.Context, provider *paced, mark string, report gateway.ID) (v wave, err error) {
	end, err := a.sending(ctx, provider)
	if err != nil {
		return v, err
	}
	defer func() { err = errors.Join(err, end()) }()
	sent := func() int { provider.mu.Lock(); defer provider.mu.Unlock(); return provider.routine }
	for !report.IsZero() && sent() < 5*usualSenders { // every sender is at work
		if ctx.Err() != nil {
			return v, ctx.Err()
		}
		time.Sleep(time.Millisecond)
	}
	tallies := []gateway.Tally(nil)
	if !report.IsZero() {
		tallies, err = a.store.Tallies(ctx, a.group.ID, report)
	}
	for _, t := range tallies {
		if t.State == gateway.Waiting {
			v.waiting += t.Count
		}
	}
	if err != nil {
		return v, err
	}
	before, begin := sent(), time.Now()
	_, err = a.desk.Raise(ctx, a.groups[0], gateway.AlertDraft{Audience: gateway.Audience{Topic: topic, Tags: []string{"near"}}, Saying: saying("Flood " + mark)}, gateway.AlertHand{Label: "bench"})
	if err != nil {
		return v, err
	}
	var all []handed
	for len(all) < floodAlert {
		if ctx.Err() != nil {
			return v, fmt.Errorf("%d of %d messages of the alert have left: %w", len(all), floodAlert, ctx.Err())
		}
		time.Sleep(20 * time.Millisecond)
		all = provider.said(mark)
	}
	cost := 0
	for _, h := range all[1:] {
		cost += h.cost
	}
	v.first = float64(all[0].at.Sub(begin).Microseconds()) / 1000
	v.rate = float64(cost) / all[len(all)-1].at.Sub(all[0].at).Seconds()
	v.routine = sent() - before
	return v, nil
}
