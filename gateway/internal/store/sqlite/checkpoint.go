package sqlite

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/carillon-gateway/carillon/gateway/internal/store/sqlite/lite"
)

// The journal is copied into the file in the background, so that no commit waits for it. The writer itself only copies
// the little that is left and begins the journal anew. What is not urgent waits meanwhile once the journal is long: no
// import writes faster than the file takes up. Sizes are in pages of 4 KiB.
const (
	lookAt    = 500   // written between two looks at the journal
	copyAt    = 2000  // copy in the background
	finishAt  = 256   // what the writer copies itself at most, so that urgent work does not wait
	restartAt = 8000  // the journal begins anew when all of it is copied
	holdAt    = 14000 // bulk work waits until the journal has begun anew

	patience   = time.Second          // how long bulk work waits for those who still read the journal
	tryAgain   = 2 * time.Millisecond // between two tries to begin the journal anew
	scrubAgain = time.Second          // the same, once patience is over, for what must be gone
	scrubWait  = 3 * time.Second      // how long a caller waits until what it deleted is gone
)

// checkpointer moves pages from the journal into the file. One goroutine copies, with a connection of its own; all else
// is done by the writer's.
type checkpointer struct {
	conn   *lite.Conn
	log    *slog.Logger
	wake   chan struct{} // to the copying goroutine
	copied chan struct{} // and back
	scrubs chan chan struct{}
	stop   chan struct{}
	done   chan struct{}
	once   sync.Once

	// Of the writer's goroutine.
	written  int // pages since the last look
	holdFrom int // length of the journal at which bulk work waits
	held     bool
	until    time.Time       // the end of patience
	again    *time.Timer     // the next try
	waiting  []chan struct{} // for the journal to be emptied
}

func newCheckpointer(path string, log *slog.Logger) (*checkpointer, error) {
	conn, err := lite.Open(path, pragmas(256, "busy_timeout=1000")...)
	if err != nil {
		return nil, err
	}
	c := &checkpointer{conn: conn, log: log, wake: make(chan struct{}, 1), copied: make(chan struct{}, 1), scrubs: make(chan chan struct{}, 64),
		stop: make(chan struct{}), done: make(chan struct{}), holdFrom: holdAt, again: time.NewTimer(time.Hour)}
	c.again.Stop()
	go c.loop()
	return c, nil
}

// loop copies when it is woken. It never waits for anybody, and nobody waits for it.
func (c *checkpointer) loop() {
	defer close(c.done)
	var warned time.Time
	for {
		select {
		case <-c.stop:
			return
		case <-c.wake:
		}
		if _, _, _, err := journal(c.conn, "PASSIVE"); err != nil && time.Since(warned) > time.Minute {
			warned = time.Now()
			c.log.Warn("the ledger's journal cannot be copied into its file; trying again", "error", err)
		}
		signal(c.copied)
	}
}

func signal(to chan struct{}) {
	select {
	case to <- struct{}{}:
	default:
	}
}

// journal runs a checkpoint and tells how many pages the journal has, and how many of them are in the file.
func journal(c *lite.Conn, mode string) (pages, copied int, busy bool, err error) {
	err = query(c, "PRAGMA wal_checkpoint("+mode+")", nil, func(r *lite.Stmt) error { return r.Scan(&busy, &pages, &copied) })
	return pages, copied, busy, err
}

// lane gives the lane of bulk work, or nil while that has to wait.
func (c *checkpointer) lane(bulk chan *op) chan *op {
	if c.held {
		return nil
	}
	return bulk
}

// committed is called by the writer after each transaction, with its own connection.
func (c *checkpointer) committed(writer *lite.Conn) {
	c.written += writer.PagesWritten()
	select {
	case <-c.copied:
		c.look(writer, true)
	case done := <-c.scrubs:
		c.take(done, writer)
	default:
		if c.written >= lookAt {
			c.look(writer, false)
		}
	}
}

// look decides what the journal needs; after says that all was just copied that readers permit.
func (c *checkpointer) look(writer *lite.Conn, after bool) {
	c.written = 0
	pages, copied, _, err := journal(writer, "NOOP")
	if err != nil { // the next commit meets the same trouble and reports it; it must not wait for ever
		c.release(holdAt)
		if len(c.waiting) > 0 {
			c.again.Reset(scrubAgain)
		}
		return
	}
	if !c.held && pages >= c.holdFrom {
		c.hold()
	}
	pressed := c.held || len(c.waiting) > 0
	rest := pages - copied
	switch {
	case rest > finishAt:
		if !after && (pressed || rest >= copyAt) {
			signal(c.wake)
		}
	case pressed || pages >= restartAt:
		if c.restart(writer) {
			c.release(holdAt)
			return
		}
	}
	if !pressed {
		return
	}
	if c.held && time.Now().After(c.until) {
		c.release(pages + holdAt/2) // somebody reads for long
	}
	if c.held {
		c.again.Reset(tryAgain)
	} else if len(c.waiting) > 0 {
		c.again.Reset(scrubAgain)
	}
}

func (c *checkpointer) hold() {
	c.held, c.until = true, time.Now().Add(patience)
}

// release lets bulk work go on until the journal has that many pages.
func (c *checkpointer) release(next int) {
	c.held, c.holdFrom = false, next
}

// restart copies what is left and begins the journal anew, or empties it if somebody waits for that; false if a reader
// still needs it. It waits for nobody.
func (c *checkpointer) restart(writer *lite.Conn) bool {
	mode := "RESTART"
	if len(c.waiting) > 0 {
		mode = "TRUNCATE"
	}
	writer.BusyTimeout(0)
	defer writer.BusyTimeout(busyTimeout)
	if _, _, busy, err := journal(writer, mode); busy || err != nil {
		return false
	}
	for _, done := range c.waiting {
		close(done)
	}
	c.waiting = nil
	return true
}

// take is called by the writer for a request of scrub.
func (c *checkpointer) take(done chan struct{}, writer *lite.Conn) {
	if len(c.waiting) == 0 {
		c.hold()
	}
	c.waiting = append(c.waiting, done)
	c.look(writer, false)
}

// scrub empties the journal, so that what was deleted in transactions before is not in it any more. It waits for that,
// but not for those who read for long: then it answers false, and the journal is emptied later.
func (c *checkpointer) scrub(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, scrubWait)
	defer cancel()
	done := make(chan struct{})
	select {
	case c.scrubs <- done:
	case <-ctx.Done():
		return false
	case <-c.stop: // closing empties the journal
		return true
	}
	select {
	case <-done:
		return true
	case <-ctx.Done():
		return false
	case <-c.stop:
		return true
	}
}

func (c *checkpointer) close() error {
	c.once.Do(func() { close(c.stop) })
	<-c.done
	c.again.Stop()
	if err := c.conn.Close(); err != nil {
		return fmt.Errorf("closing the checkpointer: %w", err)
	}
	return nil
}
