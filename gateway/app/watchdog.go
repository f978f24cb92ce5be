package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/carillon-gateway/carillon/channels/httpsend"
	"github.com/carillon-gateway/carillon/gateway"
)

const (
	watchEvery  = 30 * time.Second // by the clock of the process
	watchNap    = time.Second      // a clock may be set at any time
	watchJump   = 2 * time.Minute  // between two looks: the clock was set, or the computer slept
	watchLimit  = 20 * time.Second // for one look
	pingLimit   = 10 * time.Second
	findingsAge = 10 * time.Second // of what a process says of findings
)

// watchdog looks whether what should happen by itself does, and tells the outside that all is well. One process has it at
// a time, whatever its roles: what watches must not end with what it watches.
type watchdog struct {
	*App
	token   int64
	looked  time.Time // when it last looked, by the clock of the process
	seen    []sighting
	healthy time.Time // when it last looked and found nothing that keeps the heartbeat in, by the computer's clock
	pinged  time.Time
	deaf    int       // pings in a row that failed
	deafAt  time.Time // the first of these
	client  *http.Client
	said    said
	gaps    *gapWatch // nil: nobody looks for whom alerts would find
}

// sighting is a sign with the number of looks that it has stood through.
type sighting struct {
	gateway.Sign
	looks int
}

// watch is the watchdog whenever it is this process that has to.
func (a *App) watch(ctx context.Context) error {
	for ctx.Err() == nil {
		a.duties.during(ctx, gateway.WatchDuty, func(ctx context.Context, token int64) {
			w := &watchdog{App: a, token: token, said: said{}, gaps: &gapWatch{a.gapFinder(), a.store.Groups, a.Now, map[gateway.ID]gapsOf{}}, client: &http.Client{Transport: httpsend.Transport(), Timeout: pingLimit,
				CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
			for wait := time.Duration(0); pause(ctx, wait); wait = watchNap {
				w.turn(ctx)
			}
		})
	}
	return nil
}

// turn looks if it is time, and pings if all is well.
func (w *watchdog) turn(ctx context.Context) {
	now := w.Now()
	if since := now.Sub(w.looked); since >= watchEvery || since < 0 {
		wall := now.Round(0).Sub(w.looked.Round(0)) // by the clock on the wall, which the ledger goes by
		jumped := !w.looked.IsZero() && (wall < 0 || max(wall, since) > watchJump)
		w.looked = now
		bounded, cancel := context.WithTimeout(ctx, watchLimit)
		if err := w.look(bounded, jumped); err != nil && ctx.Err() == nil {
			w.Log.Error("the watchdog cannot look; trying again", "error", err)
		}
		w.tellUntold(bounded, w.said) // also where no process has the role that does it
		cancel()
	}
	to := w.Config.Watchdog
	if to.Ping != "" && time.Since(w.pinged) >= time.Duration(to.Every) && time.Since(w.healthy) < watchEvery+watchLimit {
		w.pinged = time.Now()
		w.heard(w.ping(ctx, to.Ping))
	}
}

// look takes what is overdue, and makes findings of what stands unchanged. After a jump of the clock much is overdue, or is not any
// more, that nobody had the time to do anything about: what stood before it counts no more, and no finding ends.
func (w *watchdog) look(ctx context.Context, jumped bool) error {
	signs, err := w.store.Signs(ctx)
	if err != nil {
		return err
	}
	alive, err := w.lifeSigns(ctx)
	if err != nil {
		return err
	}
	signs = append(signs, alive...)
	open, err := w.store.Findings(ctx)
	if err != nil {
		return err
	}
	if w.gaps != nil {
		unheard, err := w.gaps.signs(ctx, open)
		if err != nil {
			return err
		}
		signs = append(signs, unheard...)
	}
	if jumped {
		w.seen = nil
	}
	w.seen = sight(w.seen, signs, open)
	var found []gateway.Finding
	for _, s := range w.seen {
		if s.looks >= gateway.WatchFor(s.Code).Looks {
			found = append(found, s.Finding)
		}
	}
	if jumped {
		for _, f := range open {
			if !slices.ContainsFunc(found, f.Same) {
				found = append(found, f)
			}
		}
	}
	well := !slices.ContainsFunc(found, func(f gateway.Finding) bool { return !gateway.WatchFor(f.Code).Silent })
	were := open
	if open, err = w.store.SetFindings(ctx, found, w.token); err != nil {
		return err
	}
	if well {
		w.healthy = time.Now()
	} else {
		w.healthy = time.Time{}
	}
	w.App.findings.Store(&open)
	for _, f := range open {
		if !slices.ContainsFunc(were, f.Same) {
			w.Log.Warn("the watchdog found something", "code", string(f.Code), "about", f.About, "since", f.Since)
		}
	}
	for _, f := range were {
		if !slices.ContainsFunc(open, f.Same) {
			w.Log.Info("what the watchdog found is over", "code", string(f.Code), "about", f.About)
		}
	}
	return nil
}

// sight counts for how many looks each sign has stood. What moved on begins anew; a finding that is open already, and was not
// looked at yet by this process, goes on.
func sight(before []sighting, signs []gateway.Sign, open []gateway.Finding) []sighting {
	now := make([]sighting, 0, len(signs))
	for _, s := range signs {
		looks := 1
		i := slices.IndexFunc(before, func(b sighting) bool { return b.Same(s.Finding) })
		switch {
		case i >= 0 && before[i].Mark == s.Mark:
			looks += before[i].looks
			s.Since = before[i].Since
		case i < 0 && slices.ContainsFunc(open, s.Same):
			looks = gateway.WatchFor(s.Code).Looks
		}
		now = append(now, sighting{s, looks})
	}
	return now
}

// lifeSigns says what shows no sign of life: roles, polled channels, and the address outside.
func (w *watchdog) lifeSigns(ctx context.Context) (signs []gateway.Sign, err error) {
	add := func(code gateway.FindingCode, since time.Time, about gateway.ID, name string) {
		signs = append(signs, gateway.Sign{Finding: gateway.Finding{Code: code, About: about, Name: name, Since: since}})
	}
	if w.presence != nil {
		alive, err := processes(ctx, w.store)
		if err != nil {
			return nil, err
		}
		itself := slices.ContainsFunc(alive, func(p gateway.ProcessStatus) bool { return p.ID == w.process }) // or else a clock was set, and all signs of life are gone for a moment
		for _, role := range AllRoles() {
			if itself && !slices.ContainsFunc(alive, func(p gateway.ProcessStatus) bool { return slices.Contains(p.Roles, string(role)) }) {
				add(gateway.RoleMissing, w.looked, gateway.ID{}, string(role))
			}
		}
	}
	polled, err := w.store.Holders(ctx, gateway.PolledDuties)
	if err != nil {
		return nil, err
	}
	for _, c := range w.live.All() {
		if w.ears.Polled(c.ID) && c.Health.Paused == gateway.NotPaused && !slices.ContainsFunc(polled, func(d gateway.Duty) bool { return d.Name == gateway.PolledDuty(c.ID) }) {
			add(gateway.PollingSilent, w.looked, c.ID, c.Name)
		}
	}
	spooled, err := w.store.Holders(ctx, gateway.SpooledDuties)
	if err != nil {
		return nil, err
	}
	for _, d := range spooled {
		add(gateway.SpoolWaiting, w.looked, gateway.ID{}, d.By.String())
	}
	if w.deaf > 0 {
		add(gateway.PingFailing, w.deafAt, gateway.ID{}, "")
	}
	return signs, nil
}

// ping tells an address outside that all is well. Its URL is never logged: whoever has it can feign that.
func (w *watchdog) ping(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, pingLimit)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return errors.New("its URL cannot be used")
	}
	r.Header.Set("User-Agent", "carillon/"+w.Version)
	answer, err := w.client.Do(r)
	if failure := (*url.Error)(nil); errors.As(err, &failure) {
		return failure.Err
	}
	if err != nil {
		return err
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, 4<<10)) // so that the connection can be used again
	_ = answer.Body.Close()
	if answer.StatusCode/100 != 2 {
		return fmt.Errorf("it answers %d", answer.StatusCode)
	}
	return nil
}

// heard notes whether the outside heard a ping.
func (w *watchdog) heard(err error) {
	switch {
	case err == nil:
		if w.deaf > 0 {
			w.Log.Info("the address of watchdog.ping answers again")
		}
		w.deaf = 0
		return
	case w.deaf == 0:
		w.deafAt = w.Now()
		w.Log.Warn("the address of watchdog.ping does not answer with success; it is tried again", "every", time.Duration(w.Config.Watchdog.Every), "error", err)
	}
	w.deaf++
}

// A poll that succeeded shows for polledFor that its channel is heard; that is written at most every polledEvery.
const (
	polledFor   = 6 * time.Minute
	polledEvery = 2 * time.Minute
)

// polledAlive notes in the ledger that channels are polled.
func (a *App) polledAlive() func(ctx context.Context, channel gateway.ID) {
	var mu sync.Mutex
	noted := map[gateway.ID]time.Time{}
	return func(ctx context.Context, channel gateway.ID) {
		mu.Lock()
		defer mu.Unlock()
		now := a.Now()
		if last := noted[channel]; now.Sub(last) < polledEvery && !now.Before(last) {
			return
		}
		if _, err := a.store.Hold(ctx, gateway.PolledDuty(channel), channel, polledFor); err == nil { // or else it is tried after the next poll
			noted[channel] = now
		}
	}
}

// followFindings keeps what this process says of findings up to date.
func (a *App) followFindings(ctx context.Context) error {
	for {
		bounded, cancel := context.WithTimeout(ctx, watchLimit)
		open, err := a.store.Findings(bounded)
		cancel()
		if err == nil { // or else /readyz says that the ledger does not answer
			a.findings.Store(&open)
		}
		if !pause(ctx, findingsAge) {
			return nil
		}
	}
}

// found lists what is open, as this process last heard.
func (a *App) found() []gateway.Finding {
	if all := a.findings.Load(); all != nil {
		return *all
	}
	return nil
}

// countFindings gives the number of open findings by code.
type countFindings struct {
	found func() []gateway.Finding
	desc  *prometheus.Desc
}

func newCountFindings(found func() []gateway.Finding) countFindings {
	return countFindings{found, prometheus.NewDesc("carillon_watchdog_findings", "What should have happened by itself and has not, by what it is; the same in every process.", []string{"code"}, nil)}
}

// Describe and Collect make it a collector.
func (c countFindings) Describe(to chan<- *prometheus.Desc) { to <- c.desc }

// Collect gives every code, so that an alarm can be set on one that was never found.
func (c countFindings) Collect(to chan<- prometheus.Metric) {
	open := c.found()
	for _, w := range gateway.Watched() {
		n := 0
		for _, f := range open {
			if f.Code == w.Code {
				n++
			}
		}
		to <- prometheus.MustNewConstMetric(c.desc, prometheus.GaugeValue, float64(n), string(w.Code))
	}
}
