package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/sms"
	"github.com/carillon-gateway/carillon/gateway"
)

// fewMembers is the broadcast that a large one is compared with.
const fewMembers = 10_000

// memory compares the most memory of a whole gateway, in a process of its own, that takes in few members and sends to them,
// and one that does the same with many: a file of members by the API, a report planned, sent over a channel that answers
// at once, its counts read meanwhile.
func (r *run) memory(ctx context.Context) error {
	var peaks [2]float64
	for i, n := range [2]int{fewMembers, r.members} {
		var all []float64
		for turn := range min(r.repeat, 3) {
			dir, err := r.place(ctx, fmt.Sprint("memory-", i, "-", turn))
			if err != nil {
				return err
			}
			peak, took, err := memoryOf(ctx, dir, n)
			if err != nil {
				return err
			}
			fmt.Printf("memory: %d members, peak %.1f MiB, all taken in and handed over in %v; load %s\n", n, peak, took.Round(100*time.Millisecond), load())
			all = append(all, peak)
			if err := os.RemoveAll(dir); err != nil {
				return err
			}
		}
		peaks[i] = median(all)
	}
	ratio := peaks[1] / peaks[0]
	r.line(fmt.Sprintf("peak memory of a gateway, %d members against %d", r.members, fewMembers), "1.15", fmt.Sprintf("%.2f (%.0f MB against %.0f MB)", ratio, peaks[1]*1.048576, peaks[0]*1.048576), ratio <= 1.15)
	return nil
}

// memberFile writes n members as a file for an import.
func memberFile(to *io.PipeWriter, n int) {
	w := bufio.NewWriter(to)
	_, err := w.WriteString("ref,name,language,zone,sms,consent_topics,consent_wording,consent_language,consent_time,consent_proof\n")
	for i := 0; i < n && err == nil; i++ {
		_, err = fmt.Fprintf(w, "b-%d,Sample,en,Europe/Berlin,%s,%s,w1,en,2026-11-01T10:00:00Z,paper\n", i, number(i), topic)
	}
	_ = to.CloseWithError(errors.Join(err, w.Flush())) // without an error it is the end of the file
}

// memoryOf takes n members in, sends them one report, and gives the most memory that the gateway had, in MiB.
func memoryOf(ctx context.Context, dir string, n int) (peak float64, took time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	w, err := openWorld(ctx, dir, "http://127.0.0.1:1", "", 64)
	if err != nil {
		return 0, 0, err
	}
	if err := w.close(); err != nil {
		return 0, 0, err
	}
	listen, err := freeAddress()
	if err != nil {
		return 0, 0, err
	}
	if _, err := configure(dir, listen); err != nil {
		return 0, 0, err
	}
	_, process, end, err := startGateway("serve instant", dir, listen)
	if end != nil {
		defer func() { err = errors.Join(err, end()) }()
	}
	if err != nil {
		return 0, 0, err
	}
	api, err := operator(dir, "http://"+listen)
	if err != nil {
		return 0, 0, err
	}
	begin := time.Now()
	file, to := io.Pipe()
	go memberFile(to, n)
	taken, err := api.ImportMembers(ctx, "harbour", file, gateway.ImportOptions{})
	if err != nil {
		return 0, 0, err
	}
	if taken.New != n {
		return 0, 0, fmt.Errorf("%d of %d members were taken in: %v", taken.New, n, taken.Problems)
	}
	draft := report(gateway.ID{})
	draft.Key = gateway.NewID().String()
	answer, err := api.Submit(ctx, "harbour", draft)
	if err != nil {
		return 0, 0, err
	}
	if err := settled(ctx, func(ctx context.Context) ([]gateway.Tally, error) {
		status, err := api.Broadcast(ctx, "harbour", answer.ID)
		return status.Tallies, err
	}, gateway.DeliveryAccepted, n); err != nil {
		return 0, 0, err
	}
	took = time.Since(begin)
	peak, ok := peakOf(strconv.Itoa(process.Pid))
	if !ok {
		return 0, 0, errors.New("this system does not tell the most memory of a process (VmHWM)")
	}
	return peak, took, nil
}

// instantly lets text messages go to a provider inside the process, which takes everything at once.
func instantly(factories []channels.Factory) []channels.Factory {
	factories = slices.Clone(factories)
	for i, f := range factories {
		if f.Kind == sms.Kind {
			factories[i].New = func(s channels.Settings) (channels.Adapter, error) {
				a, err := f.New(s)
				return &instant{Adapter: a}, err
			}
		}
	}
	return factories
}
