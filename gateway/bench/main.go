// Command bench measures Carillon against raw clients doing the same work in the same run; docs/benchmarks.md explains
// the rows.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/carillon-gateway/carillon/channels/builtin"
	"github.com/carillon-gateway/carillon/gateway/app"
)

func main() {
	var err error
	switch {
	case len(os.Args) == 4 && os.Args[1] == "fake":
		err = fake(os.Args[2], os.Args[3])
	case len(os.Args) == 2 && os.Args[1] == "fake-mail":
		err = serveFakeMail()
	case len(os.Args) > 3 && os.Args[1] == "child":
		err = runChild(os.Args[2], os.Args[3], os.Args[4:])
	default:
		err = bench()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func fake(delay, workers string) error {
	d, err1 := time.ParseDuration(delay)
	n, err2 := strconv.Atoi(workers)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	return serveFake(d, n)
}

// runChild is one row in a process of its own; its answer is JSON on the standard output.
func runChild(row, dir string, args []string) error {
	app.TuneCollector() // as every gateway does; the process ends with the row
	args = append(args, "", "", "", "")
	number := func(i int) int { n, _ := strconv.Atoi(args[i]); return n } // our own process wrote it
	var answer any
	var err error
	switch row {
	case "seed":
		answer, err = childSeed(dir, number(0))
	case "plan":
		answer, err = childPlan(dir, number(0), args[1])
	case "send":
		return childSend(dir, time.Duration(number(0))*time.Millisecond, number(1))
	case "urgent":
		answer, err = childUrgent(dir, time.Duration(number(0))*time.Millisecond, number(1), number(2), args[3])
	case "serve":
		return childServe(dir, args[0], builtin.All())
	case "serve instant":
		return childServe(dir, args[0], instantly(builtin.All()))
	default:
		return fmt.Errorf("no row %q", row)
	}
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(answer)
}

// run is what one call of the command does.
type run struct {
	rows     string
	n        int // messages of the end to end row
	instant  int // and of the dispatch row
	members  int
	senders  int
	alerts   int
	repeat   int
	profiles string
	scaled   bool

	dir       string
	machinery *machinery // nil: the profile alone
	table     *tabwriter.Writer
}

func bench() error {
	var r run
	flag.StringVar(&r.rows, "rows", "sms,mail,dispatch,junk,alert,flood,telegram,mattermost,plan,urgent,start,memory,second", "which rows to measure")
	flag.IntVar(&r.n, "n", 40_000, "messages of each repetition, end to end")
	flag.IntVar(&r.instant, "instant", 40_000, "messages of each repetition, dispatch alone")
	flag.IntVar(&r.members, "members", 200_000, "members to plan for, and deliveries that wait; the figures of docs/benchmarks.md take 1000000")
	flag.IntVar(&r.senders, "senders", 64, "senders, of the bare client as of the channel")
	flag.IntVar(&r.alerts, "alerts", 300, "urgent messages")
	flag.IntVar(&r.repeat, "repeat", 5, "repetitions; medians are shown")
	flag.StringVar(&r.profiles, "profiles", "", "folder to write a CPU profile of each row to")
	flag.BoolVar(&r.scaled, "scaled", false, "measure the profile scaled: PostgreSQL and Redis on this machine, which must be installed")
	flag.Parse()
	ctx := context.Background()
	var err error
	if r.scaled {
		if r.machinery, err = startMachinery(ctx); err != nil {
			return err
		}
		defer r.machinery.close()
	}
	if r.dir, err = os.MkdirTemp("", "carillon-bench-"); err != nil {
		return err
	}
	defer os.RemoveAll(r.dir)
	fmt.Printf("%s %s/%s, %d CPUs, load %s\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), load())
	r.table = tabwriter.NewWriter(os.Stdout, 0, 8, 2, ' ', 0)
	fmt.Fprintln(r.table, "what\tmust reach\tmeasured\t")
	err = r.all(ctx)
	fmt.Println()
	_ = r.table.Flush()
	fmt.Printf("load %s at the end\n", load())
	return err
}

func (r *run) all(ctx context.Context) error {
	if r.wanted("sms") {
		if err := r.sms(ctx); err != nil {
			return fmt.Errorf("sms: %w", err)
		}
	}
	if r.wanted("mail") {
		if err := r.mail(); err != nil {
			return fmt.Errorf("mail: %w", err)
		}
	}
	if r.wanted("dispatch") {
		if err := r.dispatch(ctx); err != nil {
			return fmt.Errorf("dispatch: %w", err)
		}
	}
	if r.wanted("junk") {
		if err := r.junk(ctx); err != nil {
			return fmt.Errorf("junk: %w", err)
		}
	}
	if r.wanted("alert") {
		if err := r.alert(ctx); err != nil {
			return fmt.Errorf("alert: %w", err)
		}
	}
	if r.wanted("flood") {
		if err := r.flood(ctx); err != nil {
			return fmt.Errorf("flood: %w", err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(rivals)) {
		if !r.wanted(name) {
			continue
		}
		if err := r.rival(ctx, name); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	if r.wanted("second") && r.scaled {
		if err := r.second(ctx); err != nil {
			return fmt.Errorf("second: %w", err)
		}
	}
	if r.wanted("memory") && !r.scaled {
		if err := r.memory(ctx); err != nil {
			return fmt.Errorf("memory: %w", err)
		}
	}
	if !r.wanted("plan") && !r.wanted("urgent") && !r.wanted("start") {
		return nil
	}
	dir, err := r.place(ctx, "many")
	if err != nil {
		return err
	}
	seeded, err := child[planning]("seed", dir, strconv.Itoa(r.members))
	if err != nil {
		return err
	}
	fmt.Printf("took %d members in: %.0f/s, peak memory %.0f MiB\n", r.members, float64(r.members)/seeded.Seconds, seeded.PeakMiB)
	if err := r.plan(dir); err != nil {
		return fmt.Errorf("plan: %w", err)
	}
	if r.wanted("urgent") {
		if err := r.urgent(dir); err != nil {
			return fmt.Errorf("urgent: %w", err)
		}
	}
	if r.wanted("start") {
		if err := r.start(dir); err != nil {
			return fmt.Errorf("start: %w", err)
		}
	}
	return nil
}

func (r *run) wanted(row string) bool { return strings.Contains(","+r.rows+",", ","+row+",") }

// profile is where a row's profile goes; empty: nowhere.
func (r *run) profile(row string) string {
	if r.profiles == "" {
		return ""
	}
	return filepath.Join(r.profiles, row+".pprof")
}

// line adds a line to the table.
func (r *run) line(what, must, measured string, reached bool) {
	verdict := "MISS"
	if reached {
		verdict = "PASS"
	}
	fmt.Fprintf(r.table, "%s\t%s\t%s\t%s\n", what, must, measured, verdict)
}

func (r *run) sms(ctx context.Context) error {
	provider, err := startFake(0, r.senders)
	if err != nil {
		return err
	}
	defer provider.Close()
	dir, err := r.place(ctx, "sms")
	if err != nil {
		return err
	}
	if _, err := child[planning]("seed", dir, strconv.Itoa(r.n)); err != nil {
		return err
	}
	listen, err := freeAddress()
	if err != nil {
		return err
	}
	if _, err := configure(dir, listen); err != nil {
		return err
	}
	var ratios, beyond, bareRates, ourRates []float64
	for i := range r.repeat {
		bareProfile := ""
		if i == 0 {
			bareProfile = r.profile("sms-bare")
		}
		bare, err := bareSMS(provider.URL, r.n, r.senders, bareProfile)
		if err != nil {
			return err
		}
		profile := ""
		if i == 0 {
			profile = r.profile("sms")
		}
		before, err := r.machinery.used(ctx)
		if err != nil {
			return err
		}
		ours, err := endToEnd(dir, provider.URL, listen, r.n, r.senders, profile)
		if err != nil {
			return err
		}
		after, err := r.machinery.used(ctx)
		if err != nil {
			return err
		}
		fmt.Printf("sms: bare %v; ours %v%s; load %s\n", bare, ours, after.since(before, r.n), load())
		ratios = append(ratios, ours.rate()/bare.rate())
		beyond = append(beyond, float64((ours.cpuEach()-bare.cpuEach()).Nanoseconds())/1000)
		bareRates, ourRates = append(bareRates, bare.rate()), append(ourRates, ours.rate())
	}
	ratio, cpu := median(ratios), median(beyond)
	must, most := 0.65, 40.0
	if r.scaled {
		must, most = 0.45, 70
	}
	r.line("SMS end to end, against the bare client", fmt.Sprintf("%.2f of its rate", must), fmt.Sprintf("%.2f (%.0f/s against %.0f/s)", ratio, median(ourRates), median(bareRates)), ratio >= must)
	r.line("our CPU a message, beyond the bare client's", fmt.Sprintf("%.0f µs", most), fmt.Sprintf("%.0f µs", cpu), cpu <= most)
	return nil
}

func (r *run) dispatch(ctx context.Context) error {
	peers, err := r.peers(ctx)
	if err != nil {
		return err
	}
	defer peers.close()
	dir, err := r.place(ctx, "dispatch")
	if err != nil {
		return err
	}
	w, err := openWorld(ctx, dir, "http://127.0.0.1:1", "", r.senders)
	if err != nil {
		return err
	}
	w.adapter = &instant{Adapter: w.adapter}
	if err := w.members(ctx, r.instant); err != nil {
		return errors.Join(err, w.close())
	}
	var rates, beside []float64
	for i := range r.repeat {
		profile := ""
		if i == 0 {
			profile = r.profile("dispatch")
		}
		before, err := r.machinery.used(ctx)
		if err != nil {
			return errors.Join(err, w.close())
		}
		f, err := dispatchAlone(w, r.instant, profile)
		if err != nil {
			return errors.Join(err, w.close())
		}
		after, err := r.machinery.used(ctx)
		if err != nil {
			return errors.Join(err, w.close())
		}
		fmt.Printf("dispatch: %v%s; load %s\n", f, after.since(before, r.instant), load())
		rates = append(rates, f.rate())
		if peers == nil {
			continue
		}
		tasks, err := peers.asynq(ctx, r.instant)
		if err != nil {
			return errors.Join(err, w.close())
		}
		jobs, err := peers.river(ctx, r.instant)
		if err != nil {
			return errors.Join(err, w.close())
		}
		fmt.Printf("asynq: %v; River: %v; load %s\n", tasks, jobs, load())
		beside = append(beside, f.rate()/tasks.rate())
	}
	rate := median(rates)
	r.line("dispatch alone, full ledger", "20000 messages/s", fmt.Sprintf("%.0f messages/s", rate), rate >= 20_000)
	if must := 3.0; len(beside) > 0 {
		if r.scaled {
			must = 2
		}
		ratio := median(beside)
		r.line("the same, against asynq's tasks that do nothing", fmt.Sprintf("%.0f times", must), fmt.Sprintf("%.1f times", ratio), ratio >= must)
	}
	return w.close()
}

func (r *run) plan(dir string) error {
	p, err := child[planning]("plan", dir, strconv.Itoa(r.members), r.profile("plan"))
	if err != nil {
		return err
	}
	rate := float64(r.members) / p.Seconds
	fmt.Printf("plan: %.0f/s, peak memory %.0f MiB; load %s\n", rate, p.PeakMiB, load())
	if r.wanted("plan") {
		r.line(fmt.Sprintf("planning one text for %d", r.members), "60000 deliveries/s", fmt.Sprintf("%.0f deliveries/s", rate), rate >= 60_000)
		r.line("peak memory of that", "150 MB", fmt.Sprintf("%.0f MB", p.PeakMiB*1.048576), p.PeakMiB*1.048576 < 150)
	}
	return nil
}

// usualSenders is how many a channel has that does not say, less those kept for urgent messages.
const usualSenders = 32

func (r *run) urgent(dir string) error {
	var quick latency
	for _, delay := range []int{5, 500} {
		l, err := child[latency]("urgent", dir, strconv.Itoa(delay), strconv.Itoa(r.alerts), strconv.Itoa(usualSenders), r.profile("urgent-"+strconv.Itoa(delay)))
		if err != nil {
			return err
		}
		fmt.Printf("urgent, provider of %d ms: median %.1f ms, 99%% within %.1f ms, all within %.1f ms; %.1f of %d senders busy with bulk, %d bulk messages sent meanwhile; load %s\n",
			delay, l.MedianMS, l.P99MS, l.MaxMS, l.Busy, usualSenders, l.BulkSent, load())
		most := [2]float64{3, 10}
		if r.scaled {
			most = [2]float64{5, 15}
		}
		must := fmt.Sprintf("%.0f ms, 99%% %.0f ms", most[0], most[1])
		if delay == 500 {
			most = [2]float64{max(quick.MedianMS, 0) * 1.5, quick.P99MS * 1.5}
			must = fmt.Sprintf("1.5 times the row above: %.1f ms, 99%% %.1f ms", most[0], most[1])
		} else {
			quick = l
		}
		r.line(fmt.Sprintf("urgent past %d bulk, provider of %d ms", r.members, delay), must, fmt.Sprintf("%.1f ms, 99%% %.1f ms", l.MedianMS, l.P99MS), l.MedianMS <= most[0] && l.P99MS <= most[1])
	}
	return nil
}

func (r *run) start(dir string) error {
	provider, err := startFake(500*time.Millisecond, r.senders)
	if err != nil {
		return err
	}
	defer provider.Close()
	listen, err := freeAddress()
	if err != nil {
		return err
	}
	if _, err := configure(dir, listen); err != nil {
		return err
	}
	w, err := openWorld(context.Background(), dir, provider.URL, "http://"+listen+"/hooks/sms", r.senders) // the channel now speaks to this provider
	if err != nil {
		return err
	}
	if err := w.close(); err != nil {
		return err
	}
	var times []time.Duration
	for range r.repeat {
		took, err := startToReady(dir, listen)
		if err != nil {
			return err
		}
		fmt.Printf("start to ready: %v; load %s\n", took.Round(time.Millisecond), load())
		times = append(times, took)
	}
	took := median(times)
	r.line(fmt.Sprintf("start to ready, %d deliveries in the ledger", r.members), "500 ms", took.Round(time.Millisecond).String(), took <= 500*time.Millisecond)
	return nil
}

// load is the machine's load of the last minute, because others may be at work on it.
func load() string {
	raw, err := os.ReadFile("/proc/loadavg")
	if err != nil || len(raw) == 0 {
		return "unknown"
	}
	one, _, _ := strings.Cut(string(raw), " ")
	return one
}
