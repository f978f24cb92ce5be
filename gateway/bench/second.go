package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

// How the row of a second process is set up: a provider that takes its time, so that senders are what a process lacks.
const (
	secondDelay   = 50 * time.Millisecond
	secondSenders = 200
	secondCount   = 20_000
)

// second compares the rate of two processes on one ledger with that of one.
func (r *run) second(ctx context.Context) error {
	dir, err := r.place(ctx, "second")
	if err != nil {
		return err
	}
	w, err := openWorld(ctx, dir, "http://127.0.0.1:1", "", secondSenders)
	if err != nil {
		return err
	}
	defer w.close()
	if err := w.members(ctx, secondCount); err != nil {
		return err
	}
	var ratios []float64
	for range min(r.repeat, 3) {
		one, err := w.sentBy(ctx, dir, 1)
		if err != nil {
			return err
		}
		two, err := w.sentBy(ctx, dir, 2)
		if err != nil {
			return err
		}
		fmt.Printf("second: one process %.0f/s, two %.0f/s; load %s\n", one, two, load())
		ratios = append(ratios, two/one)
	}
	ratio := median(ratios)
	r.line(fmt.Sprintf("a second process, provider of %v", secondDelay), "1.8 times the rate of one", fmt.Sprintf("%.2f times", ratio), ratio >= 1.8)
	return nil
}

// sentBy plans a broadcast and has it sent by so many processes; it gives the rate.
func (w *world) sentBy(ctx context.Context, dir string, processes int) (rate float64, err error) {
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	broadcast, _, err := w.plan(ctx, secondCount)
	if err != nil {
		return 0, err
	}
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	begin := time.Now()
	for range processes {
		cmd := exec.CommandContext(ctx, self, "child", "send", dir, strconv.Itoa(int(secondDelay.Milliseconds())), strconv.Itoa(secondSenders))
		cmd.Stderr = os.Stderr
		stdin, err := cmd.StdinPipe()
		if err != nil {
			return 0, err
		}
		if err := cmd.Start(); err != nil {
			return 0, err
		}
		defer func() { _ = stdin.Close(); _ = cmd.Wait() }()
	}
	err = settled(ctx, func(ctx context.Context) ([]gateway.Tally, error) {
		return w.store.Tallies(ctx, w.group.ID, broadcast)
	}, gateway.DeliveryAccepted, secondCount)
	return secondCount / time.Since(begin).Seconds(), err
}

// childSend sends what is due in a folder's ledger until its parent lets go.
func childSend(dir string, delay time.Duration, senders int) error {
	running, stop := context.WithCancel(context.Background())
	defer stop()
	w, err := openWorld(running, dir, "http://127.0.0.1:1", "", senders)
	if err != nil {
		return err
	}
	w.adapter = &instant{Adapter: w.adapter, delay: delay}
	d, err := w.dispatcher()
	if err != nil {
		return errors.Join(err, w.close())
	}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		stop()
	}()
	return errors.Join(d.Run(running), w.close())
}
