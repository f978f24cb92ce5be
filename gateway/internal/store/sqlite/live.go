package sqlite

import "github.com/carillon-gateway/carillon/gateway"

// live holds attempts that are on their way, as the ledger has them, so that an outcome or a receipt need not read
// what the writer wrote a moment ago. Only the writer's goroutine uses it, and everything that writes an attempt tells it.
type live struct {
	known   map[int64]*attempt
	written []*attempt // by the open transaction
}

// keptAttempts bounds the attempts held: most receipts come before so many others are sent.
const keptAttempts = 8192

func newLive() live { return live{known: map[int64]*attempt{}} }

// take gives an attempt away; nil: it has to be read.
func (l *live) take(no, tail int64) *attempt {
	a := l.known[no]
	if a == nil || a.Tail != tail {
		return nil
	}
	delete(l.known, no)
	return a
}

// forget lets go of an attempt that was changed behind its back.
func (l *live) forget(no int64) { delete(l.known, no) }

// wrote notes that the open transaction has written an attempt. Nobody changes it after that.
func (l *live) wrote(a *attempt) {
	delete(l.known, a.No)
	l.written = append(l.written, a)
}

// ended takes over what a transaction wrote, if it was committed.
func (l *live) ended(committed bool) {
	for _, a := range l.written {
		delete(l.known, a.No) // written twice: the later one counts
		if committed && !a.Left && (a.State == gateway.Claimed || a.State == gateway.Accepted) {
			l.makeRoom()
			l.known[a.No] = a
		}
	}
	clear(l.written)
	l.written = l.written[:0]
}

func (l *live) makeRoom() {
	if len(l.known) < keptAttempts {
		return
	}
	for no := range l.known {
		delete(l.known, no)
		return
	}
}
