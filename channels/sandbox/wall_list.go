package sandbox

import (
	"sync"
	"sync/atomic"
)

// links chain the phones in the order of their last activity.
type links struct {
	newer, older *phone
	on           bool
}

// watcher is one open page: which phones changed since it was last told.
type watcher struct {
	mu     sync.Mutex
	dirty  map[*phone]bool // true: something new to read
	strip  bool            // counts or faults changed
	signal chan struct{}   // holds one token while there is something to tell
}

// maxDirty bounds what one page is told at once: in a broadcast to thousands it shows the newest only.
const maxDirty = 60

// wall knows the order of the phones and who is looking.
type wall struct {
	mu       sync.Mutex
	newest   *phone
	oldest   *phone
	watching atomic.Int64
	watchers map[*watcher]struct{}
	pages    pages
}

func (w *wall) open() { w.watchers = make(map[*watcher]struct{}) }

// add puts a new phone at the end.
func (w *wall) add(p *phone) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if p.links.on {
		return
	}
	p.links = links{newer: w.oldest, on: true}
	if w.oldest != nil {
		w.oldest.links.older = p
	} else {
		w.newest = p
	}
	w.oldest = p
}

// touch tells the open pages that a phone changed; news also moves it to the front.
func (w *wall) touch(p *phone, news bool) {
	if !news && w.watching.Load() == 0 {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if news && w.newest != p && p.links.on {
		w.unlink(p)
		p.links = links{older: w.newest, on: true}
		w.newest.links.newer = p
		w.newest = p
	}
	for at := range w.watchers {
		at.mu.Lock()
		if len(at.dirty) < maxDirty || at.dirty[p] {
			at.dirty[p] = at.dirty[p] || news
		}
		at.strip = true
		at.mu.Unlock()
		at.ring()
	}
}

// unlink takes a phone out of the chain, which holds at least one other.
func (w *wall) unlink(p *phone) {
	if p.links.newer != nil {
		p.links.newer.links.older = p.links.older
	}
	if p.links.older != nil {
		p.links.older.links.newer = p.links.newer
	} else {
		w.oldest = p.links.newer
	}
}

// refresh tells the open pages that counts or faults changed.
func (w *wall) refresh() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for at := range w.watchers {
		at.mu.Lock()
		at.strip = true
		at.mu.Unlock()
		at.ring()
	}
}

func (at *watcher) ring() {
	select {
	case at.signal <- struct{}{}:
	default:
	}
}

// watch registers an open page until the returned function is called.
func (w *wall) watch() (*watcher, func()) {
	at := &watcher{dirty: make(map[*phone]bool), signal: make(chan struct{}, 1)}
	w.mu.Lock()
	w.watchers[at] = struct{}{}
	w.watching.Store(int64(len(w.watchers)))
	w.mu.Unlock()
	return at, func() {
		w.mu.Lock()
		delete(w.watchers, at)
		w.watching.Store(int64(len(w.watchers)))
		w.mu.Unlock()
	}
}

// take returns what changed and forgets it.
func (at *watcher) take() (dirty map[*phone]bool, strip bool) {
	at.mu.Lock()
	defer at.mu.Unlock()
	dirty, strip = at.dirty, at.strip
	at.dirty, at.strip = make(map[*phone]bool), false
	return dirty, strip
}

// newestFirst calls do for every phone, last activity first, until it returns false. It works on a copy of the chain.
func (w *wall) newestFirst(do func(*phone) bool) {
	w.mu.Lock()
	var all []*phone
	for p := w.newest; p != nil; p = p.links.older {
		all = append(all, p)
	}
	w.mu.Unlock()
	for _, p := range all {
		if !do(p) {
			return
		}
	}
}
