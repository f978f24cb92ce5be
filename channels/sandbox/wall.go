package sandbox

import (
	"bytes"
	"cmp"
	"context"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

//go:embed assets
var assets embed.FS

// pages holds the wall's templates, which are parsed once for each sandbox.
type pages struct{ t *template.Template }

func newPages() pages {
	return pages{template.Must(template.New("").ParseFS(assets, "assets/*.html"))}
}

// render writes one template. A template that fails is a bug, so the whole answer becomes an error.
func (p pages) render(name string, data any) (string, error) {
	var b bytes.Buffer
	if err := p.t.ExecuteTemplate(&b, name, data); err != nil {
		return "", fmt.Errorf("rendering %s: %w", name, err)
	}
	return b.String(), nil
}

// filter is what a page looks at.
type filter struct {
	Query string // part of a name or address
	Kind  string // empty: all
	Open  string // key of the open phone
	Skip  int    // cards before the first one shown
}

func readFilter(q url.Values) filter {
	f := filter{Query: strings.TrimSpace(q.Get("q")), Kind: q.Get("kind"), Open: q.Get("open")}
	if n, err := strconv.Atoi(q.Get("skip")); err == nil && n > 0 {
		f.Skip = n
	}
	return f
}

// link is the address of the page with another phone open, or more cards.
func (f filter) link(open string, skip int) string {
	q := url.Values{}
	for name, value := range map[string]string{"q": f.Query, "kind": f.Kind, "open": open} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if skip > 0 {
		q.Set("skip", strconv.Itoa(skip))
	}
	if len(q) == 0 {
		return "/"
	}
	return "/?" + q.Encode()
}

// fits says whether a phone is among those looked at.
func (f filter) fits(p *phone) bool {
	if f.Kind != "" && f.Kind != p.key.kind {
		return false
	}
	if f.Query == "" {
		return true
	}
	p.mu.Lock()
	name, language := p.name, p.language
	p.mu.Unlock()
	want := strings.ToLower(f.Query)
	return strings.Contains(strings.ToLower(name), want) || strings.Contains(p.key.address, want) || strings.EqualFold(language, want)
}

func (s *Sandbox) wallRoutes(mux *http.ServeMux) {
	s.wall.pages = newPages()
	mux.HandleFunc("GET /{$}", s.getWall)
	mux.HandleFunc("GET /wall/cards", s.getCards)
	mux.HandleFunc("GET /wall/phone", s.getPhone)
	mux.HandleFunc("GET /wall/events", s.getEvents)
	mux.HandleFunc("GET /wall/mail/{seq}", s.getMail)
	mux.HandleFunc("POST /wall/reply", s.form(s.wallReply))
	mux.HandleFunc("POST /wall/fault", s.form(s.wallFault))
	mux.HandleFunc("POST /wall/clear", s.form(s.wallClear))
	mux.HandleFunc("POST /wall/action", s.form(s.wallAction))
	mux.HandleFunc("GET /wall/static/{name}", func(w http.ResponseWriter, r *http.Request) {
		name := r.PathValue("name")
		if !strings.HasSuffix(name, ".css") && !strings.HasSuffix(name, ".js") {
			http.NotFound(w, r)
			return
		}
		guard(w)
		w.Header().Set("Cache-Control", "no-cache")
		http.ServeFileFS(w, r, assets, "assets/"+name)
	})
}

// guard sets the headers of everything that a browser shows: nothing inline, nothing from elsewhere, no frames.
func guard(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
}

// html answers with one rendered template.
func (s *Sandbox) html(w http.ResponseWriter, status int, name string, data any) {
	out, err := s.wall.pages.render(name, data)
	if err != nil {
		fail(w, http.StatusInternalServerError, err)
		return
	}
	guard(w)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(out))
}

func (s *Sandbox) getWall(w http.ResponseWriter, r *http.Request) {
	f := readFilter(r.URL.Query())
	page := wallView{Filter: f, Strip: s.stripView(), Cards: s.cardsView(f), Home: f.link("", 0)}
	if f.Open != "" {
		page.Phone = s.phoneView(r.Context(), f)
	}
	s.html(w, http.StatusOK, "page", page)
}

func (s *Sandbox) getCards(w http.ResponseWriter, r *http.Request) {
	s.html(w, http.StatusOK, "cards", s.cardsView(readFilter(r.URL.Query())))
}

func (s *Sandbox) getPhone(w http.ResponseWriter, r *http.Request) {
	v := s.phoneView(r.Context(), readFilter(r.URL.Query()))
	if v == nil {
		http.NotFound(w, r)
		return
	}
	s.html(w, http.StatusOK, "phone", v)
}

// getMail shows the HTML of a message as a mail program does: nothing runs, nothing is fetched.
func (s *Sandbox) getMail(w http.ResponseWriter, r *http.Request) {
	seq, err := number(r.PathValue("seq"))
	rec := s.journal.get(seq)
	if err != nil || rec == nil || rec.mail == nil || rec.mail.html == "" {
		http.NotFound(w, r)
		return
	}
	guard(w)
	w.Header().Set("Content-Security-Policy", "sandbox; default-src 'none'; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'")
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = io.WriteString(w, rec.mail.html)
}

// form wraps what a form of the wall does: scripts get what there is to say, or the error, as text; a page without script
// goes back.
func (s *Sandbox) form(do func(context.Context, url.Values) (string, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		guard(w)
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		if err := r.ParseForm(); err != nil {
			http.Error(w, "The form could not be read.", http.StatusBadRequest)
			return
		}
		said, err := do(r.Context(), r.PostForm)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		if r.Header.Get("X-Wall") != "" {
			w.Header().Set("Content-Type", "text/plain; charset=utf-8")
			_, _ = io.WriteString(w, said)
			return
		}
		back := r.PostForm.Get("back")
		if !strings.HasPrefix(back, "/?") {
			back = "/"
		}
		http.Redirect(w, r, back, http.StatusSeeOther)
	}
}

func (s *Sandbox) wallReply(_ context.Context, form url.Values) (string, error) {
	kind, address, _ := strings.Cut(form.Get("key"), ":")
	in := Reply{Kind: kind, Address: address, Text: strings.TrimSpace(form.Get("text")), Press: form.Get("press")}
	switch quick := form.Get("quick"); quick {
	case "":
	case "block":
		in.Text, in.Block = "", true
	case "unblock":
		in.Text, in.Unblock = "", true
	case "leave":
		in.Text, in.Leave = "", true
	default:
		in.Text = quick
	}
	if in.Press != "" {
		in.Text = ""
	}
	if id, err := strconv.ParseInt(form.Get("message"), 10, 64); err == nil {
		in.Message = id
	}
	if in.Text == "" && in.Press == "" && !in.Block && !in.Unblock && !in.Leave {
		return "", errors.New("write something first")
	}
	_, err := s.Reply(in)
	return "", err
}

// preset is a fault that has a button.
type preset struct {
	Name, Label string
	fault       Fault
}

// presets are the faults of a tour, for each provider.
func presets(provider string) []preset {
	list := []preset{
		{"cut", "Cut off", Fault{Kind: Cut, On: OnAll}},
		{"hang", "Hang", Fault{Kind: Hang, Kept: true}},
		{"throttle", "Too many requests", Fault{Kind: Throttle, RetryAfter: "5"}},
		{"refuse", "Refuse the key", Fault{Kind: Unauthorized, On: OnAll}},
	}
	switch provider {
	case Mail:
		list = append(list, preset{"bounce", "Bounce", Fault{Kind: Bounce}}, preset{"greylist", "Greylist", Fault{Kind: Greylist, For: time.Minute}},
			preset{"auto", "Auto-replies", Fault{Kind: AutoReply}})
	case Twilio, Voice, Android:
		list = append(list, preset{"withhold", "Lose receipts", Fault{Kind: Receipts, Receipt: Withhold}},
			preset{"fail", "Fail on the way", Fault{Kind: Receipts, Receipt: Fail}})
	}
	for i := range list {
		list[i].fault.Provider = provider
	}
	return list
}

func (s *Sandbox) wallFault(_ context.Context, form url.Values) (string, error) {
	for _, p := range presets(form.Get("provider")) {
		if p.Name != form.Get("fault") {
			continue
		}
		for _, f := range s.Faults() {
			f.ID = ""
			if f == p.fault {
				return "", nil
			}
		}
		_, err := s.Script(p.fault)
		return "", err
	}
	return "", errors.New("that fault has no button")
}

func (s *Sandbox) wallClear(_ context.Context, form url.Values) (string, error) {
	if id := form.Get("id"); id != "" {
		s.Clear(id)
	} else {
		s.Clear()
	}
	return "", nil
}

func (s *Sandbox) wallAction(ctx context.Context, form url.Values) (string, error) {
	for _, a := range s.attached.Load().actions {
		if a.Name == form.Get("action") {
			return cmp.Or(a.Done, "Done."), a.Run(ctx)
		}
	}
	return "", errors.New("there is no such action")
}

// clockTime is a time for people; scripts of the page turn it into their own zone.
type clockTime struct{ time.Time }

// Machine is the time for the datetime attribute.
func (c clockTime) Machine() string { return c.UTC().Format(time.RFC3339) }

// Short is the time for a page without script.
func (c clockTime) Short() string { return c.UTC().Format("15:04") }
