package app

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/carillon-gateway/carillon/config"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/store"
)

func sign(code gateway.FindingCode, mark string) gateway.Sign {
	return gateway.Sign{Finding: gateway.Finding{Code: code}, Mark: mark}
}

// What stands through looks is a finding; what moves on is not, however late it is.
func TestSight(t *testing.T) {
	looks := func(s []sighting) int {
		if len(s) != 1 {
			t.Fatalf("%d sightings", len(s))
		}
		return s[0].looks
	}
	late := func(mark string) []gateway.Sign { return []gateway.Sign{sign(gateway.RunsLate, mark)} }
	seen := sight(nil, late("a"), nil)
	if looks(seen) != 1 {
		t.Errorf("at the first look: %d", looks(seen))
	}
	if seen = sight(seen, late("a"), nil); looks(seen) != 2 {
		t.Errorf("it stands: %d", looks(seen))
	}
	if seen = sight(seen, late("b"), nil); looks(seen) != 1 {
		t.Errorf("it went on: %d", looks(seen))
	}
	if seen = sight(seen, nil, nil); len(seen) > 0 {
		t.Errorf("it is well: %v", seen)
	}
	open := []gateway.Finding{{Code: gateway.RunsLate}}
	if seen = sight(nil, late("b"), open); looks(seen) != gateway.WatchFor(gateway.RunsLate).Looks {
		t.Errorf("another process goes on: %d", looks(seen))
	}
	if seen = sight(seen, late("c"), open); looks(seen) != 1 {
		t.Errorf("it went on while the finding was open: %d", looks(seen))
	}
}

// kennel is the ledger of a watchdog.
type kennel struct {
	store.Store
	signs []gateway.Sign
	open  []gateway.Finding
	away  bool
}

func (k *kennel) Signs(context.Context) ([]gateway.Sign, error) {
	if k.away {
		return nil, errAway
	}
	return k.signs, nil
}

func (k *kennel) Findings(context.Context) ([]gateway.Finding, error) { return k.open, nil }

func (k *kennel) SetFindings(_ context.Context, open []gateway.Finding, _ int64) ([]gateway.Finding, error) {
	k.open = open
	return open, nil
}

func (k *kennel) Holders(context.Context, string) ([]gateway.Duty, error) { return nil, nil }

func (k *kennel) Untold(context.Context, int) ([]gateway.OwnerNotice, error) { return nil, nil }

// outside answers pings with a status.
type outside struct {
	status, asked int
}

func (o *outside) RoundTrip(r *http.Request) (*http.Response, error) {
	o.asked++
	return &http.Response{StatusCode: o.status, Header: http.Header{"Location": {"https://elsewhere.example/"}}, Body: io.NopCloser(strings.NewReader("")), Request: r}, nil
}

// The heartbeat goes out while all is well, and stops when something of the operator's stands still or the ledger does not
// answer; what is a group's to decide holds nothing. An address that does not answer is found itself, and asked on. Its URL
// is in no line of the log.
func TestHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const secret = "only-we-know"
		ledger, out, log := &kennel{}, &outside{status: http.StatusOK}, &strings.Builder{}
		a := &App{Options: Options{Config: config.Default(), Now: time.Now, Log: slog.New(slog.NewTextHandler(log, nil))}, store: ledger, live: &live{}}
		a.Config.Watchdog.Ping = "https://heartbeat.example/" + secret
		w := &watchdog{App: a, said: said{}, client: &http.Client{Transport: out, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
		during := func(minutes int) int {
			before := out.asked
			for range minutes * 60 {
				w.turn(t.Context())
				time.Sleep(time.Second)
			}
			return out.asked - before
		}
		is := func(what string, got, want int) {
			t.Helper()
			if got != want {
				t.Errorf("%s: %d, want %d", what, got, want)
			}
		}
		is("all is well", during(5), 5)
		ledger.signs = []gateway.Sign{sign(gateway.RunUndecided, "")}
		is("a run waits for a person", during(5), 5)
		is("findings of it", len(ledger.open), 1)
		ledger.signs = []gateway.Sign{sign(gateway.RunsLate, "a")}
		during(1)
		is("a run stands", during(5), 0)
		is("findings of it", len(ledger.open), 1)
		ledger.signs = nil
		is("it was done", during(5), 5)
		ledger.away = true
		during(1)
		is("without a ledger", during(5), 0)
		ledger.away = false
		is("it is back", during(5), 5)

		out.status = http.StatusFound // an answer that is not its own
		is("it does not answer", during(10), 10)
		if len(ledger.open) != 1 || ledger.open[0].Code != gateway.PingFailing {
			t.Errorf("found are %+v", ledger.open)
		}
		out.status = http.StatusNoContent
		during(2)
		is("findings when it answers again", len(ledger.open), 0)
		if text := log.String(); strings.Contains(text, secret) || strings.Count(text, "does not answer with success") != 1 {
			t.Errorf("the log says\n%s", text)
		}
	})
}

// The clock jumps by an hour and by a day, forth and back, several times within seconds, by the computer's own or by what the ledger
// goes by. What is overdue just because of that is no finding, and what was found before does not end; both need two looks
// at a clock that goes on as clocks do.
func TestClockJumps(t *testing.T) {
	for _, monotonic := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			ledger := &kennel{}
			offset := time.Duration(0)
			a := &App{Options: Options{Config: config.Default(), Log: slog.New(slog.DiscardHandler)}, store: ledger, live: &live{}}
			a.Now = func() time.Time {
				if now := time.Now(); !monotonic {
					return now.Round(0).Add(offset)
				}
				return time.Now().Add(offset)
			}
			w := &watchdog{App: a, said: said{}}
			until := time.Duration(0)
			pass := func(by time.Duration) {
				for until += by; until > 0; until -= watchNap {
					w.turn(t.Context())
					time.Sleep(watchNap)
				}
			}
			found := func(what string, want int) {
				t.Helper()
				if len(ledger.open) != want {
					t.Errorf("monotonic %t: %s: found are %+v", monotonic, what, ledger.open)
				}
			}
			pass(time.Minute)
			late := []gateway.Sign{sign(gateway.RunsLate, "a"), sign(gateway.InboxUnread, "")}
			for range 5 {
				for _, by := range []time.Duration{24 * time.Hour, time.Hour, -24 * time.Hour, time.Hour} {
					offset += by
					ledger.signs = late
					pass(3 * time.Second)
				}
			}
			found("after jumps", 0)
			pass(watchEvery)
			found("they stand", 2)
			for range 5 {
				for _, by := range []time.Duration{-24 * time.Hour, -time.Hour, 24 * time.Hour} {
					offset += by
					ledger.signs = nil
					pass(3 * time.Second)
				}
			}
			found("after jumps", 2)
			pass(watchEvery)
			found("they are well", 0)
		})
	}
}

// Every code has its number, also while nothing is found, and every finding says what to do.
func TestFindingsAreCounted(t *testing.T) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(newCountFindings(func() []gateway.Finding {
		return []gateway.Finding{{Code: gateway.SendingStuck, Part: "bulk"}, {Code: gateway.SendingStuck, Part: "urgent"}}
	}))
	families, err := registry.Gather()
	if err != nil || len(families) != 1 || families[0].GetName() != "carillon_watchdog_findings" {
		t.Fatalf("%v, %v", families, err)
	}
	count := map[string]float64{}
	for _, m := range families[0].Metric {
		count[m.Label[0].GetValue()] = m.GetGauge().GetValue()
	}
	for _, w := range gateway.Watched() {
		want := 0.0
		if w.Code == gateway.SendingStuck {
			want = 2
		}
		if got, there := count[string(w.Code)]; !there || got != want {
			t.Errorf("%s: %v", w.Code, got)
		}
		f := gateway.Finding{Code: w.Code, Name: "sms-berlin", Part: "bulk"}
		if f.Explain(); f.Text == "" || strings.ContainsAny(f.Text, "{}") || w.Looks < 1 {
			t.Errorf("%s says %q", w.Code, f.Text)
		}
	}
}
