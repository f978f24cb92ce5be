package report

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/scheduler/fetch"
)

// Reader asks the addresses of indicators when it is time. It is safe for concurrent use, also by several processes: what one
// of them reads is laid into what the others have written.
type Reader struct {
	ledger  Sources
	fetcher Fetcher
	now     func() time.Time
	failed  func(s gateway.Series, err error) // that the ledger did not take what was read
}

// Sources is what a Reader reads and writes.
type Sources interface {
	gateway.Indicators
	Series(ctx context.Context, group gateway.ID, name string) (gateway.Series, error)
	PutSeries(ctx context.Context, s gateway.Series) (gateway.Series, error)
}

// Fetcher gets what an address holds, as fetch.Client does.
type Fetcher interface {
	Get(ctx context.Context, address string, known fetch.Version) (fetch.Answer, error)
}

// NewReader makes a reader; failed is told what the ledger did not take.
func NewReader(ledger Sources, fetcher Fetcher, now func() time.Time, failed func(gateway.Series, error)) *Reader {
	return &Reader{ledger, fetcher, now, failed}
}

const (
	lookEvery = 5 * time.Second
	readEvery = time.Hour
	retry     = 30 * time.Minute // after a failure, if the server asks for no longer wait
	longest   = 6 * time.Hour    // that a server may ask for
	atOnce    = 20               // series that are looked up at a time
	together  = 4                // and asked side by side
	forOne    = 2 * time.Minute  // that the addresses of one series may take

	sideBySide = 8 // addresses of one series: as many as it may have are asked in forOne, though all of them hang
)

// Run asks whatever is due until the context ends.
func (r *Reader) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		n, err := r.Read(ctx)
		if err != nil && ctx.Err() == nil {
			r.failed(gateway.Series{}, err)
		}
		wait := lookEvery
		if n == atOnce {
			wait = 0
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
	return nil
}

// Read asks what is due now, once; it says of how many series something was written.
func (r *Reader) Read(ctx context.Context) (int, error) {
	due, err := r.ledger.DueSeries(ctx, atOnce)
	if err != nil {
		return 0, fmt.Errorf("list the series whose sources are to be asked: %w", err)
	}
	places, done := make(chan struct{}, together), make(chan bool, len(due))
	for _, s := range due {
		places <- struct{}{}
		go func() {
			defer func() { <-places }()
			err := r.series(ctx, s)
			if err != nil && !errors.Is(err, gateway.ErrNotFound) && ctx.Err() == nil {
				r.failed(s, err)
			}
			done <- err == nil
		}()
	}
	written := 0
	for range due {
		if <-done {
			written++
		}
	}
	return written, nil
}

// series asks all addresses of a series, each once, and writes what came.
func (r *Reader) series(ctx context.Context, s gateway.Series) error {
	bounded, cancel := context.WithTimeout(ctx, forOne)
	defer cancel()
	now, wait := r.now().UTC(), readEvery
	answers := r.askAll(bounded, s.Indicators)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	for n := range s.Indicators {
		i := &s.Indicators[n]
		if i.URL == "" {
			continue
		}
		measure(i, answers[i.URL.Reveal()], now)
		if i.Measure.Fault != "" {
			wait = min(wait, retry)
		}
	}
	for _, a := range answers {
		wait = max(wait, min(a.wait, longest))
	}
	read := s.Indicators
	for range tries {
		s.Next = now.Add(wait)
		if _, err := r.ledger.PutSeries(ctx, s); !errors.Is(err, gateway.ErrStale) {
			return err
		}
		var err error
		if s, err = r.ledger.Series(ctx, s.GroupID, s.Name); err != nil {
			return err
		}
		if !slices.ContainsFunc(s.Indicators, func(i gateway.Indicator) bool { return i.URL != "" }) {
			return nil
		}
		for n, i := range s.Indicators {
			if at := slices.IndexFunc(read, i.SameSource); at >= 0 && i.URL != "" {
				s.Indicators[n].Measure = read[at].Measure
			}
		}
	}
	return errBusy
}

// reply is what came of asking one address.
type reply struct {
	fetch.Answer
	fault string        // why nothing came
	wait  time.Duration // that the server asks for
}

// askAll asks all addresses, some side by side: one that hangs keeps no others from being heard.
func (r *Reader) askAll(ctx context.Context, all []gateway.Indicator) map[string]*reply {
	answers := map[string]*reply{}
	places := make(chan struct{}, sideBySide)
	var done sync.WaitGroup
	for n := range all {
		i := &all[n]
		if i.URL == "" || answers[i.URL.Reveal()] != nil {
			continue
		}
		a := &reply{}
		answers[i.URL.Reveal()] = a
		places <- struct{}{}
		done.Go(func() {
			defer func() { <-places }()
			*a = r.ask(ctx, all, i)
		})
	}
	done.Wait()
	return answers
}

// ask fetches what an address holds. It is unchanged only if all that is read from it was read well.
func (r *Reader) ask(ctx context.Context, all []gateway.Indicator, i *gateway.Indicator) reply {
	known := fetch.Version{ETag: i.Measure.ETag, LastModified: i.Measure.Mod}
	for _, o := range all {
		if o.URL == i.URL && (o.Measure.Fault != "" || o.Measure.ETag != known.ETag || o.Measure.Mod != known.LastModified) {
			known = fetch.Version{}
		}
	}
	answer, err := r.fetcher.Get(ctx, i.URL.Reveal(), known)
	if err != nil {
		fault, wait := fetch.Explain(err)
		return reply{fault: fault, wait: wait}
	}
	return reply{Answer: answer}
}

// measure lays what came of asking into an indicator. A number without a date of its own is of the day when it was read, by
// the clock of Greenwich.
func measure(i *gateway.Indicator, a *reply, now time.Time) {
	m := &i.Measure
	fails := func(fault string, mute bool) {
		if m.Fault == "" || m.Mute != mute {
			m.Since = now
		}
		m.Fault, m.Mute = fault, mute
	}
	if a.fault != "" {
		fails(a.fault, true)
		return
	}
	if a.Unchanged {
		if m.Good = now; i.Date == "" {
			m.Date = now.Format(time.DateOnly)
		}
		return
	}
	value, date, err := find(a.Body, i.Spot)
	if err != nil {
		fails(err.Error(), false)
		return
	}
	*m = gateway.Measure{Value: value, Date: orToday(date, now.Format(time.DateOnly)), Good: now, ETag: a.Version.ETag, Mod: a.Version.LastModified}
}
