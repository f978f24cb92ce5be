package external

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/channels"
)

const (
	benchSenders  = 64
	benchMessages = 10_000 // of each way in each turn
)

// BenchmarkPipes has 64 senders hand messages to a provider in a process of its own: by an adapter that runs inside, and by the
// same one in a program over pipes, in turns. The promise is that pipes carry at least half (docs/benchmarks.md). Run it with
// -benchtime 5x: the figures are medians.
func BenchmarkPipes(b *testing.B) {
	provider := benchProvider(b)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256}} // as testdata/adapter has it
	inside := func(ctx context.Context, m channels.Outbound) error {
		resp, err := client.Post(provider, "text/plain", strings.NewReader(m.Part.Text))
		if err != nil {
			return err
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		return resp.Body.Close()
	}
	a := overPipes(b, provider)
	byPipes := func(ctx context.Context, m channels.Outbound) error {
		_, err := a.Send(ctx, m)
		return err
	}
	turn(b, byPipes, 100)
	turn(b, inside, 100)
	var direct, piped []float64
	for b.Loop() {
		direct, piped = append(direct, turn(b, inside, benchMessages)), append(piped, turn(b, byPipes, benchMessages))
	}
	b.ReportMetric(middle(direct), "inside/s")
	b.ReportMetric(middle(piped), "pipes/s")
	b.ReportMetric(middle(piped)/middle(direct), "ratio")
}

func middle(all []float64) float64 {
	slices.Sort(all)
	return all[len(all)/2]
}

// turn sends n messages and gives how many a second.
func turn(b *testing.B, send func(context.Context, channels.Outbound) error, n int64) float64 {
	var next atomic.Int64
	var all sync.WaitGroup
	began := time.Now()
	for range benchSenders {
		all.Go(func() {
			for i := next.Add(1); i <= n; i = next.Add(1) {
				if err := send(b.Context(), out(fmt.Sprint(i), "Meeting at seven at the harbour, bring something warm. The roof is mended and the night bus runs again.")); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	return float64(n) / time.Since(began).Seconds()
}

func benchProvider(b *testing.B) (url string) {
	b.Helper()
	cmd := exec.Command(binary, "-swallow")
	said, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _, _ = cmd.Process.Kill(), cmd.Wait() })
	if _, err := fmt.Fscanln(said, &url); err != nil {
		b.Fatal(err)
	}
	return url
}

func overPipes(b *testing.B, provider string) channels.Adapter {
	b.Helper()
	d := describe()
	d.Concurrent, d.Events, d.Receipts, d.ReceiptWithin, d.Inbound = benchSenders, byNone, "none", 0, false
	a, _ := open(b, Options{Command: arguments(b, d, filepath.Join(b.TempDir(), "sent"), "-post", provider), Description: d}, nil)
	return a
}

// BenchmarkMemory has 1 and 20 adapters send long texts, flood their output, their log and their events, and says the most that
// all of it took in this process, for each adapter.
func BenchmarkMemory(b *testing.B) {
	for _, n := range []int{1, 20} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				before, most := live(), uint64(0)
				done, seen := make(chan struct{}), make(chan struct{})
				go func() {
					defer close(seen)
					for {
						select {
						case <-done:
							return
						case <-time.After(5 * time.Millisecond):
							most = max(most, live())
						}
					}
				}()
				var all sync.WaitGroup
				for range n {
					d := describe()
					d.Concurrent, d.Text.Limit = 64, 100_000
					a, _ := open(b, Options{Command: arguments(b, d, filepath.Join(b.TempDir(), "sent"), "-bad", "floods"), Description: d}, nil)
					core(a).wire.(*program).backoff = time.Millisecond
					all.Go(func() { misuse(b, a) })
				}
				all.Wait()
				close(done)
				<-seen
				b.ReportMetric(float64(most-min(most, before))/float64(n)/(1<<20), "MiB/adapter")
			}
		})
	}
}

// live is what this process uses: what the collector has not yet taken counts.
func live() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse + m.StackInuse
}

// misuse sends long texts, 32 at once, beside floods.
func misuse(b *testing.B, a channels.Adapter) {
	var all sync.WaitGroup
	for s := range 32 {
		all.Go(func() {
			for i := range 11 {
				text := strings.Repeat("The roof is mended and the night bus runs again. ", 200)
				switch {
				case s == 0 && i == 10:
					text = "#long"
				case s == 1 && i == 5:
					text = "#flood"
				}
				_, _ = a.Send(b.Context(), out(fmt.Sprint(s, "-", i), text)) // some are lost in the floods
				if s < 2 {
					_, _, _ = a.(channels.Poller).Poll(b.Context(), "")
				}
			}
		})
	}
	all.Wait()
}
