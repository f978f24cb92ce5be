// Package web serves pages: /m/{token}, where a member sees what is held of her and decides about it, /u/{token}, where mail is
// stopped, /j/{token}, where an invitation shows the ways into a group, /y/{token}, where whoever gave a mail address there
// says yes, /a/{token}, where an alert is answered, and /r/{edition}, an edition of a report that everybody may read. They are plain HTML without script, cookies or
// anything of third parties, in the reader's language. A GET changes nothing; every change is a POST with a form's token.
package web

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/api"
)

// Members reads and erases members.
type Members interface {
	api.Holdings
	GroupByID(ctx context.Context, id gateway.ID) (gateway.Group, error)
	Erase(ctx context.Context, group, id gateway.ID) error
	FindMembers(ctx context.Context, group gateway.ID, kind string, value gateway.Private) ([]gateway.ID, error)
}

// Stops stops addresses.
type Stops interface {
	StopAddress(ctx context.Context, group gateway.ID, kind string, address gateway.Private, proof gateway.Consent) ([]gateway.ID, error)
	StopEverywhere(ctx context.Context, kind string, address gateway.Private) error
}

// Tell sends an account message in the shipped words of that name with these values, to one audience. The key makes it
// happen once. It returns the broadcast.
type Tell func(ctx context.Context, group gateway.ID, key, wording string, data map[string]string, to gateway.Audience) (gateway.ID, error)

// Options is what the pages stand on. All is required but where it says what its absence means.
type Options struct {
	Pages   gateway.Pages
	Points  gateway.Points
	Wishes  gateway.Wishes
	Members Members
	Stops   Stops
	Sent    Sent
	Tell    Tell
	Sign    func(text []byte) (signature, key []byte)                                 // of proofs, by the instance: Ed25519 (RFC 8032)
	Kinds   func(group gateway.ID) []string                                           // of contact point that a group can write to first
	Parse   func(group gateway.ID, kind, region, raw string) (gateway.Private, error) // the canonical form of an address
	Leave   func(w http.ResponseWriter, r *http.Request, token string)                // takes the POST by which mail is stopped
	Wait    func(ctx context.Context, until time.Time)                                // returns at a time by the clock Now
	Public  string                                                                    // the instance's public URL, without a slash at the end; empty: no link can be made
	Now     func() time.Time
	Log     *slog.Logger
	Joining
	Answering
}

// Sent reads what became of a message.
type Sent interface {
	Deliveries(ctx context.Context, f gateway.DeliveryFilter) ([]gateway.Delivery, error)
	Delivery(ctx context.Context, group, id gateway.ID) (gateway.Delivery, error)
}

//go:embed pages.html style.css words
var files embed.FS

// Server serves the pages. It is safe for concurrent use.
type Server struct {
	Options
	pages  *template.Template
	words  map[string]words
	style  template.CSS
	policy string
	mux    *http.ServeMux
	asks   chan wish // of those who want to join by mail
}

// maxForm is the largest form that is read, in bytes.
const maxForm = 64 << 10

// steady is how long an answer takes that must not tell by its time what was found: more than finding takes.
const steady = 150 * time.Millisecond

// New makes the pages.
func New(o Options) (*Server, error) {
	s := &Server{Options: o, mux: http.NewServeMux(), asks: make(chan wish, asksWaiting)}
	var err error
	if s.pages, err = template.ParseFS(files, "pages.html"); err != nil {
		return nil, fmt.Errorf("read the pages: %w", err)
	}
	if s.words, err = readWords(files); err != nil {
		return nil, err
	}
	style, err := files.ReadFile("style.css")
	if err != nil {
		return nil, err
	}
	s.style = template.CSS(style) //nolint:gosec // ours
	sum := sha256.Sum256(style)
	s.policy = "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
	s.mux.HandleFunc("GET /m/key", s.key)
	s.mux.HandleFunc("GET /m/{token}", s.door)
	s.mux.HandleFunc("GET /m/{token}/{view}", s.show)
	s.mux.HandleFunc("POST /m/{token}/{view}", s.change)
	s.mux.HandleFunc("GET /u/{token}", s.leaving)
	s.mux.HandleFunc("POST /u/{token}", s.leave)
	s.mux.HandleFunc("GET /j/{token}", s.invite)
	s.mux.HandleFunc("POST /j/{token}", s.giveAddress)
	s.mux.HandleFunc("GET /a/{token}", s.alertPage)
	s.mux.HandleFunc("POST /a/{token}", s.reply)
	s.mux.HandleFunc("GET /y/{token}", s.question)
	s.mux.HandleFunc("POST /y/{token}", s.agree)
	return s, nil
}

// ServeHTTP serves one page. Nothing of it may be kept, framed, or tell other sites where she came from.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", s.policy)
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("X-Robots-Tag", "noindex, nofollow")
	if r.Method == http.MethodPost {
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	}
	s.mux.ServeHTTP(w, r)
}

// visit is one request by a member through her link.
type visit struct {
	*Server
	w      http.ResponseWriter
	r      *http.Request
	token  string
	link   gateway.PageLink
	group  gateway.Group
	member gateway.Member
	say    speech
}

// enter finds out whose page a link opens. What has ended and what never was are answered alike: false.
func (s *Server) enter(w http.ResponseWriter, r *http.Request) (*visit, bool) {
	begun := s.Now()
	v := &visit{Server: s, w: w, r: r, token: r.PathValue("token")}
	err := v.find(r.Context())
	switch {
	case err == nil:
		return v, true
	case errors.Is(err, gateway.ErrNotFound):
		s.Wait(r.Context(), begun.Add(steady))
		s.plain(w, r, http.StatusNotFound, "gone")
	default:
		s.failed(w, r, "a member's page cannot be read", err)
	}
	return nil, false
}

func (v *visit) find(ctx context.Context) error { return v.findBy(ctx, gateway.DigestToken(v.token)) }

// findBy finds the link of a digest, and whose it is.
func (v *visit) findBy(ctx context.Context, digest []byte) (err error) {
	if v.link, err = v.Pages.PageLink(ctx, digest); err != nil {
		return err
	}
	if v.group, err = v.Members.GroupByID(ctx, v.link.GroupID); err != nil {
		return err
	}
	if v.member, err = v.Members.Member(ctx, v.link.GroupID, v.link.MemberID); err != nil {
		return err
	}
	v.say = v.speech(v.member, v.group)
	return nil
}

// failed answers what could not be done, for a cause that is not hers.
func (s *Server) failed(w http.ResponseWriter, r *http.Request, what string, err error) {
	if r.Context().Err() == nil {
		s.Log.Error(what, "request", w.Header().Get("X-Request-Id"), "error", err)
	}
	w.Header().Set("Retry-After", "60")
	s.plain(w, r, http.StatusServiceUnavailable, "later")
}

// formToken binds a form to the link that it was made for.
func formToken(token string) string {
	mac := hmac.New(sha256.New, []byte(token))
	mac.Write([]byte("carillon form"))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:16])
}

// genuine says whether a POST came from a form of this link's pages. Browsers of the last years say besides from which site
// it comes; those that do not, and send no origin because they were told to send no referrer, have the token only.
func (v *visit) genuine() bool {
	switch v.r.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none":
	default:
		return false
	}
	return hmac.Equal([]byte(v.r.PostFormValue("form")), []byte(formToken(v.token)))
}

// door is what the link leads to. It shows nothing of her, because programs that make previews of links or look into mail
// open them too.
func (s *Server) door(w http.ResponseWriter, r *http.Request) {
	v, ok := s.enter(w, r)
	if !ok {
		return
	}
	v.render(http.StatusOK, "door", nil)
}

// show serves a view of her page.
func (s *Server) show(w http.ResponseWriter, r *http.Request) {
	v, ok := s.enter(w, r)
	if !ok {
		return
	}
	switch view := r.PathValue("view"); view {
	case "home":
		v.home("")
	case "point":
		v.point("")
	case "add":
		v.add(addition{})
	case "data":
		v.data()
	case "everywhere":
		v.render(http.StatusOK, "everywhere", nil)
	case "erase":
		v.render(http.StatusOK, "erase", &ask{})
	case "export.json":
		v.export()
	default:
		s.Wait(r.Context(), s.Now().Add(steady))
		s.plain(w, r, http.StatusNotFound, "gone")
	}
}

var _ http.Handler = (*Server)(nil)
