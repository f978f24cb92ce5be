package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/dispatch"
	"github.com/carillon-gateway/carillon/gateway/internal/fanout"
	"github.com/carillon-gateway/carillon/gateway/internal/inbound"
	"github.com/carillon-gateway/carillon/scheduler/escalation"
)

// How the rows of alerts are set up: so many groups, in each so many teams, in each so many people, and a policy a team.
const (
	alertGroups = 10
	alertTeams  = 10
	alertTeam   = 5
	alertWait   = 5 // minutes before the next team is asked
	alertFew    = 10
	alertMany   = 10_000
	alertRate   = 10 // messages a second, while acknowledgements come: what asks waits
	idleTicks   = 200
	dueTicks    = 30
)

// alarms is a world with open alerts: groups with teams, the engine, and ears that hear answers.
type alarms struct {
	*world
	groups  []gateway.Group
	fan     *fanout.Fanout
	sender  atomic.Pointer[dispatch.Dispatcher] // of now
	desk    *escalation.Desk
	early   *escalation.Desk // raises what is due by now
	ears    *ears
	planned func() error // ends the planning
	open    []raised
}

// raised is an alert that is open.
type raised struct {
	gateway.AlertCase
	mark string // stands in what it says and in nothing else
	team int    // of all teams: who is asked first
}

// openAlarms makes groups, teams and policies in a folder, and has whatever is raised planned.
func openAlarms(ctx context.Context, dir string) (a *alarms, err error) {
	w, err := openWorld(ctx, dir, "http://127.0.0.1:1", junkHook, usualSenders)
	if err != nil {
		return nil, err
	}
	a = newAlarms(w)
	a.early = escalation.NewDesk(a.store, a.store, a, func() time.Time { return time.Now().Add(-(alertWait + 1) * time.Minute) }, escalation.Options{})
	a.ears = newEars(a.world, a.fan, inbound.Alerts{Acknowledger: a.desk, Cases: a.store, Reports: a.store})
	for i := range alertGroups {
		at := *a.world
		at.address = func(n int) string { return a.address(i*alertTeams*alertTeam + n) }
		at.group, err = a.store.PutGroup(ctx, gateway.Group{Slug: fmt.Sprintf("harbour-%d", i), Name: "Harbour", Locale: "en", Zone: "Europe/Berlin", Topics: []gateway.Topic{{Name: topic}}})
		if err == nil {
			err = at.tagged(ctx, alertTeams*alertTeam, func(n int) []string { return []string{teamTag(n / alertTeam)} })
		}
		for team := 0; team < alertTeams && err == nil; team++ {
			asks := func(team int) []gateway.AlertTarget {
				return []gateway.AlertTarget{{Topic: topic, Tags: []string{teamTag(team % alertTeams)}}}
			}
			_, err = a.desk.PutPolicy(ctx, at.group, gateway.AlertPolicy{Name: teamTag(team), Steps: []gateway.AlertStep{{Targets: asks(team), Wait: alertWait}, {Targets: asks(team + 1), Wait: alertWait}}, Last: asks(team + 2)})
		}
		if err != nil {
			return nil, errors.Join(err, a.world.close())
		}
		a.groups = append(a.groups, at.group)
	}
	a.planned = inBackground(ctx, a.fan.Run)
	return a, nil
}

// newAlarms puts an engine beside a world; what it says is not planned yet.
func newAlarms(w *world) *alarms {
	a := &alarms{world: w}
	a.fan = w.fanout(fanout.Options{Nudge: func(channel gateway.ID, lane gateway.Lane) {
		if d := a.sender.Load(); d != nil {
			d.Nudge(channel, lane)
		}
	}, Planned: func(c *gateway.Chunk) {
		if d := a.sender.Load(); d != nil {
			d.Planned(c)
		}
	}})
	a.desk = escalation.NewDesk(w.store, w.store, a, time.Now, escalation.Options{})
	return a
}

func teamTag(team int) string { return fmt.Sprintf("team-%d", team) }

// inBackground runs something until end is called, which gives its error.
func inBackground(ctx context.Context, run func(context.Context) error) (end func() error) {
	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- run(running) }()
	return func() error { stop(); return <-ended }
}

func (a *alarms) close() error { return errors.Join(a.planned(), a.world.close()) }

// Reach, Meant, OfferAlert, ReadyAlert and Look make alarms what an engine speaks through. Nobody reports here: what was handed
// over has arrived.
func (a *alarms) Reach(ctx context.Context, group gateway.ID, broadcasts []gateway.ID) (r escalation.Reach, err error) {
	for _, b := range broadcasts {
		tallies, err := a.store.Tallies(ctx, group, b)
		if err != nil {
			return r, err
		}
		for _, t := range tallies {
			switch t.State {
			case gateway.DeliveryAccepted, gateway.Delivered:
				r.Reached += t.Count
			case gateway.Ended:
			default:
				r.Moving += t.Count
			}
		}
	}
	return r, nil
}

func (a *alarms) Meant(ctx context.Context, group gateway.ID, who gateway.Audience, limit int) ([]gateway.ID, error) {
	return a.fan.Meant(ctx, group, who, limit)
}

func (a *alarms) OfferAlert(ctx context.Context, c *gateway.AlertCase) (gateway.ReleaseOffer, error) {
	return a.fan.OfferAlert(ctx, c)
}

func (a *alarms) ReadyAlert(ctx context.Context, m gateway.AlertMessage) (*gateway.ReadyBroadcast, error) {
	return a.fan.ReadyAlert(ctx, m)
}

func (a *alarms) Look() { a.fan.Look() }

// raise raises the n-th alert of a world.
func (a *alarms) raise(ctx context.Context, desk *escalation.Desk, n int) (raised, error) {
	group, team := n%alertGroups, n/alertGroups%alertTeams
	r := raised{mark: fmt.Sprintf("%05d", n), team: group*alertTeams + team}
	var err error
	r.AlertCase, err = desk.Raise(ctx, a.groups[group], gateway.AlertDraft{Policy: teamTag(team), Saying: saying("Flood " + r.mark)}, gateway.AlertHand{Label: "bench"})
	return r, err
}

// saying is a short alert, of one segment as a text message.
func saying(what string) gateway.AlertSaying {
	return gateway.AlertSaying{Texts: map[string]gateway.AlertText{"en": {Source: "Office", What: what, Where: "Harbour", Do: "Go uphill.", Legal: "Ana"}}, Until: time.Now().Add(3 * time.Hour)}
}

// raiseMany raises so many alerts, and waits until all that they ask is planned.
func (a *alarms) raiseMany(ctx context.Context, n int) error {
	var mu sync.Mutex
	var all sync.WaitGroup
	var failed error
	places := make(chan struct{}, 64)
	for i := range n {
		places <- struct{}{}
		all.Go(func() {
			defer func() { <-places }()
			r, err := a.raise(ctx, a.desk, i)
			mu.Lock()
			defer mu.Unlock()
			a.open, failed = append(a.open, r), errors.Join(failed, err)
		})
	}
	all.Wait()
	for failed == nil {
		left, err := a.store.Unplanned(ctx, 1)
		if failed = err; len(left) == 0 {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	return failed
}

// asking waits until the first step of an alert is in the hands of those whom it asks.
func (a *alarms) asking(ctx context.Context, c *gateway.AlertCase) error {
	return settled(ctx, func(ctx context.Context) (all []gateway.Tally, err error) {
		sent, err := a.store.AlertBroadcasts(ctx, c.GroupID, c.ID)
		for i := 0; i < len(sent) && err == nil; i++ {
			var some []gateway.Tally
			some, err = a.store.Tallies(ctx, c.GroupID, sent[i])
			all = append(all, some...)
		}
		return all, err
	}, gateway.DeliveryAccepted, alertTeam)
}

// alert measures acknowledgements, and ticks of the engine, with few and with many open alerts.
func (r *run) alert(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	var worlds [2]*alarms
	for i, n := range []int{alertFew, alertMany} {
		dir, err := r.place(ctx, fmt.Sprintf("alerts-%d", n))
		if err != nil {
			return err
		}
		if worlds[i], err = openAlarms(ctx, dir); err != nil {
			return err
		}
		defer worlds[i].close()
		begin := time.Now()
		if err := worlds[i].raiseMany(ctx, n); err != nil {
			return err
		}
		fmt.Printf("alert: %d raised and planned in %.1f s; load %s\n", n, time.Since(begin).Seconds(), load())
	}
	if err := r.answers(ctx, worlds[1]); err != nil {
		return err
	}
	stopProfile, err := startProfile(r.profile("alert"))
	if err != nil {
		return err
	}
	defer stopProfile()
	return r.ticks(ctx, worlds)
}

// answers measures from the webhook of a member who takes charge until it is answered and the last message that asks has left.
func (r *run) answers(ctx context.Context, a *alarms) error {
	slow := &paced{Adapter: a.adapter, rates: []channels.Rate{{PerSecond: alertRate, Burst: alertRate}}}
	end, err := a.sending(ctx, slow)
	if err != nil {
		return err
	}
	endClimb := inBackground(ctx, a.desk.Run)
	rand.Shuffle(len(a.open), func(i, j int) { a.open[i], a.open[j] = a.open[j], a.open[i] })
	taken := a.open[:r.alerts]
	a.open = a.open[r.alerts:]
	begun, over := map[string]time.Time{}, map[string]time.Time{}
	for i := 0; i < len(taken) && err == nil; i++ {
		c := &taken[i]
		begun[c.mark] = time.Now()
		err = a.ears.say(c.team*alertTeam+rand.IntN(alertTeam), "ack-"+c.mark, "1 "+c.Reference)
		over[c.mark] = time.Now()
		if err == nil {
			err = a.stopped(ctx, &c.AlertCase)
		}
		time.Sleep(5 * time.Millisecond)
	}
	if err := errors.Join(err, endClimb(), end()); err != nil {
		return err
	}
	fast := &paced{Adapter: slow.Adapter} // whatever could still leave leaves now
	if end, err = a.sending(ctx, fast); err != nil {
		return err
	}
	waited := -slow.asked(nil)
	for next := time.Now(); err == nil && !next.IsZero(); {
		time.Sleep(50 * time.Millisecond)
		next, err = a.store.NextDue(ctx, a.channel.ID, gateway.Urgent)
	}
	if err := errors.Join(err, end()); err != nil {
		return err
	}
	waited += alertTeam * alertMany
	left := fast.asked(over)
	slow.asked(over)
	var took []float64
	for mark, begin := range begun {
		took = append(took, float64(over[mark].Sub(begin).Microseconds())/1000)
	}
	slices.Sort(took)
	middle, most := took[len(took)/2], took[len(took)*99/100]
	fmt.Printf("alert: %d acknowledgements among %d open alerts, %d messages that ask were waiting and %d of them left afterwards: median %.1f ms, 99%% within %.1f ms, all within %.1f ms; load %s\n",
		len(took), alertMany, waited, left, middle, most, took[len(took)-1], load())
	r.line(fmt.Sprintf("from an acknowledgement to the last step stopped, %d open alerts", alertMany), "100 ms, 99% 1000 ms", fmt.Sprintf("%.1f ms, 99%% %.1f ms", middle, most), middle <= 100 && most <= 1000)
	return nil
}

// sending has a provider take what waits, until end is called.
func (a *alarms) sending(ctx context.Context, provider channels.Adapter) (end func() error, err error) {
	a.adapter = provider
	d, err := a.dispatcher()
	if err != nil {
		return nil, err
	}
	a.sender.Store(d)
	return inBackground(ctx, d.Run), nil
}

// stopped checks that somebody has taken charge of an alert, that no step of it waits, and that nothing that asks may leave.
func (a *alarms) stopped(ctx context.Context, c *gateway.AlertCase) error {
	now, err := a.store.Alert(ctx, c.GroupID, c.ID)
	if err != nil {
		return err
	}
	if now.State != gateway.AlertTaken || !now.Climb.StepAt.IsZero() || !now.Climb.LookAt.IsZero() {
		return fmt.Errorf("after the acknowledgement the alert is %s, and its next step waits for %v", now.State, now.Climb.StepAt)
	}
	for _, s := range c.Climb.Sent {
		b, err := a.store.Broadcast(ctx, c.GroupID, s.ID)
		if err != nil {
			return err
		}
		if b.State != gateway.Stopped {
			return fmt.Errorf("after the acknowledgement a message that asks is %s", b.State)
		}
	}
	return nil
}

// ticks compares what a look of the engine costs with many open alerts and with few.
func (r *run) ticks(ctx context.Context, worlds [2]*alarms) error {
	for _, a := range worlds {
		end, err := a.sending(ctx, &paced{Adapter: a.ears.own})
		if err != nil {
			return err
		}
		defer end()
	}
	var ratios [2][]float64
	var costs [2][2][]float64
	for range r.repeat {
		var took [2][2][]float64 // nothing due, one due; few, many
		for i := range idleTicks {
			for w, a := range worlds {
				ms, err := a.tick(ctx)
				if err != nil {
					return err
				}
				took[0][w] = append(took[0][w], ms)
				if i >= dueTicks {
					continue
				}
				if ms, err = a.tickOne(ctx, alertMany+r.alerts+i); err != nil {
					return err
				}
				took[1][w] = append(took[1][w], ms)
			}
		}
		for k := range took {
			few, many := median(took[k][0]), median(took[k][1])
			ratios[k] = append(ratios[k], many/few)
			costs[k][0], costs[k][1] = append(costs[k][0], few), append(costs[k][1], many)
		}
		fmt.Printf("alert: a tick with nothing due %.3f ms among %d, %.3f ms among %d; with one due %.2f ms and %.2f ms; load %s\n",
			median(took[0][0]), alertFew, median(took[0][1]), alertMany, median(took[1][0]), median(took[1][1]), load())
	}
	for k, what := range []string{"nothing due", "one due"} {
		ratio := median(ratios[k])
		r.line(fmt.Sprintf("a tick of the engine, %s, %d open alerts against %d", what, alertMany, alertFew), "as long (1.5 times)", fmt.Sprintf("%.2f times (%.2f ms against %.2f ms)", ratio, median(costs[k][1]), median(costs[k][0])), ratio <= 1.5)
	}
	return nil
}

// tick is one look of the engine; it gives how long that took, in milliseconds.
func (a *alarms) tick(ctx context.Context) (float64, error) {
	begin := time.Now()
	_, err := a.desk.Tick(ctx)
	return float64(time.Since(begin).Nanoseconds()) / 1e6, err
}

// tickOne is one look at which an alert takes its second step. Afterwards there are as many open alerts as before.
func (a *alarms) tickOne(ctx context.Context, n int) (float64, error) {
	c, err := a.raise(ctx, a.early, n)
	if err == nil {
		err = a.asking(ctx, &c.AlertCase)
	}
	if err != nil {
		return 0, err
	}
	took, err := a.tick(ctx)
	if err != nil {
		return 0, err
	}
	now, err := a.desk.Act(ctx, gateway.Group{ID: c.GroupID, Zone: "Europe/Berlin"}, c.ID.String(), escalation.Event{Kind: escalation.Cancel})
	if err == nil && now.Climb.Asked != 2 {
		err = fmt.Errorf("a due alert has taken %d steps", now.Climb.Asked)
	}
	return took, err
}

var _ escalation.Messenger = (*alarms)(nil)
