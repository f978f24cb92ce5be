package sqlite

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/carillon-gateway/carillon/gateway/internal/store/sqlite/lite"
)

// The journal is copied into the file in the background, so that no commit has to wait for it. Sizes are in pages.
const (
	checkpointAt = 2000 // copy in the background
	restartAt    = 8000 // the writer copies the little that is left, so that the journal begins anew
	lookEvery    = 32   // commits between two looks at the journal
	scrubAgain   = time.Second
)

// checkpointer moves pages from the journal into the file.
type checkpointer struct {
	conn    *lite.Conn
	log     *slog.Logger
	wake    chan struct{}
	scrubs  chan chan error
	stop    chan struct{}
	done    chan struct{}
	once    sync.Once
	commits int // counted by the writer
}

func newCheckpointer(path string, log *slog.Logger) (*checkpointer, error) {
	conn, err := lite.Open(path, pragmas(256, "busy_timeout=1000")...)
	if err != nil {
		return nil, err
	}
	c := &checkpointer{conn: conn, log: log, wake: make(chan struct{}, 1), scrubs: make(chan chan error), stop: make(chan struct{}), done: make(chan struct{})}
	go c.loop()
	return c, nil
}

// committed is called by the writer after each transaction, with its own connection.
func (c *checkpointer) committed(writer *lite.Conn) {
	if c.commits++; c.commits%lookEvery != 0 {
		return
	}
	pages, copied, _, err := journal(writer, "NOOP")
	switch {
	case err != nil: // the next commit meets the same trouble and reports it
	case pages >= restartAt && pages-copied < checkpointAt:
		_, _, _, _ = journal(writer, "PASSIVE")
	case pages-copied >= checkpointAt:
		select {
		case c.wake <- struct{}{}:
		default:
		}
	}
}

// journal runs a checkpoint and tells how many pages the journal has, and how many of them are in the file.
func journal(c *lite.Conn, mode string) (pages, copied int, busy bool, err error) {
	err = query(c, "PRAGMA wal_checkpoint("+mode+")", nil, func(r *lite.Stmt) error { return r.Scan(&busy, &pages, &copied) })
	return pages, copied, busy, err
}

// scrub empties the journal, so that what was deleted is in no file any more. If somebody reads for long it is done
// later; that is no error.
func (c *checkpointer) scrub(ctx context.Context) error {
	answer := make(chan error, 1)
	select {
	case c.scrubs <- answer:
	case <-ctx.Done():
		return ctx.Err()
	case <-c.stop:
		return errClosed
	}
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *checkpointer) loop() {
	defer close(c.done)
	again := time.NewTimer(scrubAgain)
	again.Stop()
	truncate := func() error {
		_, _, busy, err := journal(c.conn, "TRUNCATE")
		if busy || err != nil {
			again.Reset(scrubAgain)
		}
		return err
	}
	for {
		var err error
		select {
		case <-c.stop:
			again.Stop()
			return
		case <-c.wake:
			_, _, _, err = journal(c.conn, "PASSIVE")
		case answer := <-c.scrubs:
			answer <- truncate()
		case <-again.C:
			err = truncate()
		}
		if err != nil {
			c.log.Warn("the ledger's journal cannot be copied into its file; trying again", "error", err)
		}
	}
}

func (c *checkpointer) close() error {
	c.once.Do(func() { close(c.stop) })
	<-c.done
	if err := c.conn.Close(); err != nil {
		return errors.Join(fmt.Errorf("closing the checkpointer: %w", err))
	}
	return nil
}
