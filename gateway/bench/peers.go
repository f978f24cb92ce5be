package main

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"time"

	"github.com/hibiken/asynq"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

// What others do with a task that does nothing. Neither keeps what became of it for each person and channel: asynq
// forgets a task once it has succeeded, River keeps one row for a job. Both run a task again whose worker died, which
// for a message means that somebody may get it twice.

// peerWorkers is how many tasks the peers do at once; more make them no faster here.
const peerWorkers = 200

// asynqTasks has n tasks done that do nothing, by asynq as its documentation sets it up, all of them queued before the
// watch starts.
func asynqTasks(ctx context.Context, redis string, n int) (figures, error) {
	at, err := asynq.ParseRedisURI(redis)
	if err != nil {
		return figures{}, err
	}
	client := asynq.NewClient(at)
	defer client.Close()
	payload := []byte(`{"delivery":"01a214d6-8f71-7207-bc7e-f8004e81bc02"}`)
	for range n {
		if _, err := client.EnqueueContext(ctx, asynq.NewTask("nothing", payload)); err != nil {
			return figures{}, err
		}
	}
	left := expect(n)
	server := asynq.NewServer(at, asynq.Config{Concurrency: peerWorkers, LogLevel: asynq.FatalLevel})
	begin, cpu := time.Now(), cpuTime()
	if err := server.Start(asynq.HandlerFunc(func(context.Context, *asynq.Task) error {
		left.one()
		return nil
	})); err != nil {
		return figures{}, err
	}
	err = left.wait(ctx, "asynq")
	f := figures{n: n, wall: time.Since(begin), cpu: cpuTime() - cpu}
	server.Shutdown()
	return f, err
}

// nothing is a job of River that does nothing.
type nothing struct {
	Delivery string `json:"delivery"`
}

// Kind names the job.
func (nothing) Kind() string { return "nothing" }

type idler struct {
	river.WorkerDefaults[nothing]
	left *once
}

// Work does nothing.
func (w *idler) Work(context.Context, *river.Job[nothing]) error {
	w.left.one()
	return nil
}

// riverJobs has n jobs done that do nothing, by River polling as often as it can, all of them inserted before
// the watch starts.
func riverJobs(ctx context.Context, postgres string, n int) (figures, error) {
	pool, err := pgxpool.New(ctx, postgres)
	if err != nil {
		return figures{}, err
	}
	defer pool.Close()
	driver := riverpgxv5.New(pool)
	migrator, err := rivermigrate.New(driver, &rivermigrate.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return figures{}, err
	}
	if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return figures{}, err
	}
	left := expect(n)
	workers := river.NewWorkers()
	river.AddWorker(workers, &idler{left: left})
	client, err := river.NewClient(driver, &river.Config{
		Queues:            map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: 1000 * runtime.NumCPU()}},
		FetchCooldown:     river.FetchCooldownMin,
		FetchPollInterval: 20 * time.Millisecond,
		Workers:           workers,
		Logger:            slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return figures{}, err
	}
	for i := 0; i < n; i += 2000 {
		batch := make([]river.InsertManyParams, min(2000, n-i))
		for j := range batch {
			batch[j].Args = nothing{Delivery: "01a214d6-8f71-7207-bc7e-f8004e81bc02"}
		}
		if _, err := client.InsertManyFast(ctx, batch); err != nil {
			return figures{}, err
		}
	}
	begin, cpu := time.Now(), cpuTime()
	if err := client.Start(ctx); err != nil {
		return figures{}, err
	}
	err = left.wait(ctx, "river")
	f := figures{n: n, wall: time.Since(begin), cpu: cpuTime() - cpu}
	return f, errors.Join(err, client.Stop(context.WithoutCancel(ctx)))
}
