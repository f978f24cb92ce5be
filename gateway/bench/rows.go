package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/builtin"
	"github.com/carillon-gateway/carillon/config"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/app"
	"github.com/carillon-gateway/carillon/gateway/client"
	"github.com/carillon-gateway/carillon/gateway/internal/fanout"
)

// longest bounds one measurement, so that a defect ends a run instead of hanging it.
const longest = 10 * time.Minute

// endToEnd is one broadcast of n messages through a whole gateway, from planned to every receipt applied.
func endToEnd(dir, provider, listen string, n, senders int, profile string) (figures, error) {
	ctx, cancel := context.WithTimeout(context.Background(), longest)
	defer cancel()
	broadcast, err := planned(ctx, dir, provider, "http://"+listen+"/hooks/sms", n, senders)
	if err != nil {
		return figures{}, err
	}
	defer app.TuneCollector()()
	gw, err := makeApp(ctx, dir, builtin.All())
	if err != nil {
		return figures{}, err
	}
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return figures{}, err
	}
	api, err := operator(dir, "http://"+listen)
	if err != nil {
		return figures{}, err
	}
	stopProfile, err := startProfile(profile)
	if err != nil {
		return figures{}, err
	}
	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	begin, cpu := time.Now(), cpuTime()
	go func() { ended <- gw.Run(running, listener) }()
	err = settled(ctx, func(ctx context.Context) ([]gateway.Tally, error) {
		status, err := api.Broadcast(ctx, "harbour", broadcast)
		return status.Tallies, err
	}, gateway.Delivered, n)
	f := figures{n: n, wall: time.Since(begin), cpu: cpuTime() - cpu}
	stopProfile()
	stop()
	return f, errors.Join(err, <-ended)
}

// planned plans a broadcast for the n members of a folder's ledger, without sending anything.
func planned(ctx context.Context, dir, provider, hook string, n, senders int) (gateway.ID, error) {
	w, err := openWorld(ctx, dir, provider, hook, senders)
	if err != nil {
		return gateway.ID{}, err
	}
	id, _, err := w.plan(ctx, n)
	return id, errors.Join(err, w.close())
}

func makeApp(ctx context.Context, dir string, factories []channels.Factory) (*app.App, error) {
	adapters := map[string]any{}
	for _, f := range builtin.All() {
		adapters[f.Name] = f.Options()
	}
	settings, err := config.Load(filepath.Join(dir, "carillon.yaml"), func(string) (string, bool) { return "", false }, adapters)
	if err != nil {
		return nil, err
	}
	return app.New(ctx, app.Options{Config: settings, Version: "bench", Factories: factories, Log: app.NewLogger(os.Stderr, 4, false)})
}

func operator(dir, base string) (*client.Client, error) {
	token, err := os.ReadFile(filepath.Join(dir, "data", "operator.token"))
	return client.New(base, gateway.Private(strings.TrimSpace(string(token))), nil), err
}

func startProfile(path string) (stop func(), err error) {
	if path == "" {
		return func() {}, nil
	}
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() { pprof.StopCPUProfile(); _ = f.Close() }, nil
}

// dispatchAlone sends n planned messages through a channel that answers at once, until the last outcome is written.
func dispatchAlone(w *world, n int, profile string) (figures, error) {
	ctx, cancel := context.WithTimeout(context.Background(), longest)
	defer cancel()
	broadcast, _, err := w.plan(ctx, n)
	if err != nil {
		return figures{}, err
	}
	defer app.TuneCollector()()
	d, err := w.dispatcher()
	if err != nil {
		return figures{}, err
	}
	stopProfile, err := startProfile(profile)
	if err != nil {
		return figures{}, err
	}
	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	begin, cpu := time.Now(), cpuTime()
	go func() { ended <- d.Run(running) }()
	err = settled(ctx, func(ctx context.Context) ([]gateway.Tally, error) {
		return w.store.Tallies(ctx, w.group.ID, broadcast)
	}, gateway.DeliveryAccepted, n)
	f := figures{n: n, wall: time.Since(begin), cpu: cpuTime() - cpu}
	stopProfile()
	stop()
	return f, errors.Join(err, <-ended)
}

// planning is what the child process of that row answers.
type planning struct {
	Seconds float64
	PeakMiB float64
}

// childPlan plans one report for the n members of a folder and says how long it took and the most memory it had.
func childPlan(dir string, n int, profile string) (planning, error) {
	ctx := context.Background()
	w, err := openWorld(ctx, dir, "http://127.0.0.1:1", "", 64)
	if err != nil {
		return planning{}, err
	}
	stopProfile, err := startProfile(profile)
	if err != nil {
		return planning{}, err
	}
	_, took, err := w.plan(ctx, n)
	stopProfile()
	return planning{Seconds: took.Seconds(), PeakMiB: peakMiB()}, errors.Join(err, w.close())
}

// childSeed takes n members in.
func childSeed(dir string, n int) (planning, error) {
	ctx := context.Background()
	w, err := openWorld(ctx, dir, "http://127.0.0.1:1", "", 64)
	if err != nil {
		return planning{}, err
	}
	begin := time.Now()
	err = w.members(ctx, n)
	return planning{Seconds: time.Since(begin).Seconds(), PeakMiB: peakMiB()}, errors.Join(err, w.close())
}

// latency is what the child process of the urgent row answers.
type latency struct {
	MedianMS, P99MS, MaxMS float64
	Busy                   float64 // senders at work with bulk when an alert was submitted, on average
	BulkSent               int64
}

// childUrgent submits alerts while the reports of a folder keep all senders busy, and times each from the call of Submit
// to the adapter's call. At most three alerts are at the provider at a time, so that none waits for another.
func childUrgent(dir string, delay time.Duration, alerts, senders int, profile string) (latency, error) {
	ctx, cancel := context.WithTimeout(context.Background(), longest)
	defer cancel()
	w, err := openWorld(ctx, dir, "http://127.0.0.1:1", "", senders)
	if err != nil {
		return latency{}, err
	}
	provider := &instant{Adapter: w.adapter, delay: delay, urgent: make(chan time.Time, 1)}
	w.adapter = provider
	who, err := w.someMembers(ctx, chunk)
	if err != nil {
		return latency{}, err
	}
	d, err := w.dispatcher()
	if err != nil {
		return latency{}, err
	}
	f := w.fanout(fanout.Options{Nudge: d.Nudge, Planned: d.Planned, Reserve: d.Reserve})
	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 2)
	go func() { ended <- d.Run(running) }()
	go func() { ended <- f.Run(running) }()
	for provider.busy.Load() < int64(senders) && ctx.Err() == nil {
		time.Sleep(time.Millisecond)
	}
	stopProfile, err := startProfile(profile)
	if err != nil {
		stop()
		return latency{}, err
	}
	var busy int64
	took := make([]time.Duration, 0, alerts)
	for i := range alerts + 5 { // the first few warm up
		time.Sleep(delay/3 + time.Duration(5+rand.IntN(20))*time.Millisecond)
		if i >= 5 {
			busy += provider.busy.Load()
		}
		begin := time.Now()
		if _, err = f.Submit(ctx, w.alert(who[i%len(who)])); err != nil {
			break
		}
		select {
		case at := <-provider.urgent:
			if i >= 5 {
				took = append(took, at.Sub(begin))
			}
		case <-time.After(time.Minute):
			err = errors.New("an alert was not sent within a minute")
		}
		if err != nil {
			break
		}
	}
	stopProfile()
	stop()
	err = errors.Join(err, <-ended, <-ended, w.close())
	if len(took) == 0 {
		return latency{}, err
	}
	slices.Sort(took)
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	return latency{MedianMS: ms(took[len(took)/2]), P99MS: ms(took[len(took)*99/100]), MaxMS: ms(took[len(took)-1]), Busy: float64(busy) / float64(len(took)), BulkSent: provider.bulk.Load()}, err
}

// childServe is a whole gateway over a folder, until its parent lets go.
func childServe(dir, listen string, factories []channels.Factory) error {
	running, stop := context.WithCancel(context.Background())
	defer stop()
	gw, err := makeApp(running, dir, factories)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		stop()
	}()
	return gw.Run(running, listener)
}

// startToReady starts a gateway, says how long it took to be ready, and ends it.
func startToReady(dir, listen string) (time.Duration, error) {
	took, _, end, err := startGateway("serve", dir, listen)
	if end != nil {
		err = errors.Join(err, end())
	}
	return took, err
}

// startGateway starts a gateway in a process of its own and waits until it says that it is ready. end kills it.
func startGateway(row, dir, listen string) (time.Duration, *os.Process, func() error, error) {
	self, err := os.Executable()
	if err != nil {
		return 0, nil, nil, err
	}
	cmd := exec.Command(self, "child", row, dir, listen)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return 0, nil, nil, err
	}
	cmd.Stderr = os.Stderr
	begin := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, nil, nil, err
	}
	end := func() error {
		return errors.Join(cmd.Process.Signal(syscall.SIGKILL), stdin.Close(), ignoreKill(cmd.Wait()))
	}
	probe := &http.Client{Timeout: time.Second}
	var took time.Duration
	for took == 0 && time.Since(begin) < time.Minute {
		resp, err := probe.Get("http://" + listen + "/readyz")
		if err == nil {
			if resp.StatusCode < 300 {
				took = time.Since(begin)
			}
			_ = resp.Body.Close()
		}
		if took == 0 {
			time.Sleep(2 * time.Millisecond)
		}
	}
	if took == 0 {
		err = errors.New("the gateway was not ready within a minute")
	}
	probe.CloseIdleConnections()
	return took, cmd.Process, end, err
}

// ignoreKill forgives the end that startGateway's caller itself brings about.
func ignoreKill(err error) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return nil
	}
	return err
}

// child runs a row in a process of its own, so that its memory is its own, and reads its answer.
func child[T any](args ...string) (T, error) {
	var answer T
	self, err := os.Executable()
	if err != nil {
		return answer, err
	}
	cmd := exec.Command(self, append([]string{"child"}, args...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return answer, fmt.Errorf("child %s: %w", args[0], err)
	}
	return answer, json.Unmarshal(out, &answer)
}

// peakMiB is the most memory that this process had resident: VmHWM of proc(5), which getrusage's figure is not, as that
// one starts from the parent's.
func peakMiB() float64 {
	if peak, ok := peakOf("self"); ok {
		return peak
	}
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		panic(err) // cannot fail for RUSAGE_SELF
	}
	return float64(r.Maxrss) / 1024
}

// peakOf reads VmHWM of a process, in MiB.
func peakOf(pid string) (float64, bool) {
	status, err := os.ReadFile("/proc/" + pid + "/status")
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			return kib / 1024, err == nil
		}
	}
	return 0, false
}

// median of a list that is not empty.
func median[T cmp.Ordered](list []T) T {
	sorted := slices.Clone(list)
	slices.Sort(sorted)
	return sorted[len(sorted)/2]
}

var _ channels.Adapter = (*instant)(nil)
