package sandbox

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"time"
)

// cardEvent is one changed card.
type cardEvent struct {
	Key  string `json:"key"`
	HTML string `json:"html"`
	News bool   `json:"news"` // something new to read
	Top  bool   `json:"top"`  // it is among the newest, so a page that does not have it puts it first
}

const (
	gather    = 150 * time.Millisecond // changes are told together
	lookAgain = time.Second            // how often an open phone's deliveries are asked for
	stillHere = 15 * time.Second       // a comment, so that dead connections are noticed
)

// getEvents streams what changes on an open page: strip and phone as HTML, cards as a JSON list.
func (s *Sandbox) getEvents(w http.ResponseWriter, r *http.Request) {
	f := readFilter(r.URL.Query())
	at, leave := s.wall.watch()
	defer leave()
	guard(w)
	w.Header().Set("Content-Type", "text/event-stream")
	out := eventStream{w: w, rc: http.NewResponseController(w)}
	_ = out.rc.SetWriteDeadline(time.Time{})
	s.catchUp(&out, f)
	open := s.openPhone(f)
	shown := ""
	tick := time.NewTicker(lookAgain)
	defer tick.Stop()
	alive := time.NewTicker(stillHere)
	defer alive.Stop()
	for out.err == nil {
		look := false
		select {
		case <-r.Context().Done():
			return
		case <-s.box.ctx.Done():
			return
		case <-alive.C:
			out.comment()
		case <-tick.C:
			look = open != nil
		case <-at.signal:
			if !s.pause(r, gather) {
				return
			}
			dirty, strip := at.take()
			if strip {
				out.html(s, "strip", s.stripView())
			}
			s.tellCards(&out, f, dirty)
			_, look = dirty[open]
			look = look && open != nil
		}
		if look {
			if html, err := s.wall.pages.render("phone", s.phoneView(r.Context(), f)); err == nil && html != shown {
				shown = html
				out.event("phone", html)
			}
		}
	}
}

// openPhone is nil if none is open.
func (s *Sandbox) openPhone(f filter) *phone {
	key := f.Open
	for i := range key {
		if key[i] == ':' {
			return s.phones.find(key[:i], key[i+1:])
		}
	}
	return nil
}

func (s *Sandbox) tellCards(out *eventStream, f filter, dirty map[*phone]bool) {
	var list []cardEvent
	for p, news := range dirty {
		if !f.fits(p) {
			continue
		}
		html, err := s.wall.pages.render("card", s.cardView(p, f))
		if err != nil {
			continue
		}
		list = append(list, cardEvent{p.key.String(), html, news, news})
	}
	out.cards(list)
}

// catchUp tells what may have changed between the rendering of the page and now: strip and newest cards.
func (s *Sandbox) catchUp(out *eventStream, f filter) {
	out.html(s, "strip", s.stripView())
	f.Skip = 0
	var list []cardEvent
	for _, c := range slices.Backward(s.cardsView(f).Cards) {
		if html, err := s.wall.pages.render("card", c); err == nil {
			list = append(list, cardEvent{c.Key, html, false, true})
		}
	}
	out.cards(list)
}

func (e *eventStream) cards(list []cardEvent) {
	if len(list) == 0 {
		return
	}
	if b, err := json.Marshal(list); err == nil {
		e.event("cards", string(b))
	}
}

// eventStream writes server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html).
type eventStream struct {
	w   io.Writer
	rc  *http.ResponseController
	err error
}

func (e *eventStream) html(s *Sandbox, name string, data any) {
	if html, err := s.wall.pages.render(name, data); err == nil {
		e.event(name, html)
	}
}

// event writes one event. A text of several lines takes several data fields.
func (e *eventStream) event(name, data string) {
	if e.err != nil {
		return
	}
	b := append(make([]byte, 0, len(data)+64), "event: "+name+"\ndata: "...)
	for i := range len(data) {
		switch data[i] {
		case '\n':
			b = append(b, "\ndata: "...)
		case '\r':
		default:
			b = append(b, data[i])
		}
	}
	_, e.err = e.w.Write(append(b, "\n\n"...))
	if e.err == nil {
		e.err = e.rc.Flush()
	}
}

func (e *eventStream) comment() {
	if e.err == nil {
		_, e.err = io.WriteString(e.w, ": here\n\n")
	}
	if e.err == nil {
		e.err = e.rc.Flush()
	}
}
