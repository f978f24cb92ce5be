package web_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/content"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/fanout"
	"github.com/carillon-gateway/carillon/gateway/internal/seal"
	"github.com/carillon-gateway/carillon/gateway/internal/store/blank"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sqlite"
	"github.com/carillon-gateway/carillon/gateway/internal/web"
)

const ann, bea, mail = "+447700900101", "+447700900102", "ann@example.org"

// stage is a real ledger, with a group that has a text and a mail channel, and its pages.
type stage struct {
	t       *testing.T
	dir     string
	s       *sqlite.Store
	group   gateway.Group
	sms     gateway.Channel
	email   gateway.Channel
	f       *fanout.Fanout
	pages   *web.Server
	server  *httptest.Server
	mu      sync.Mutex
	now     time.Time
	told    []told // what was sent
	waited  []time.Duration
	left    []string // tokens by which mail was stopped
	leaving int      // what the channel answers to that; zero: 200
	asked   []string // calls of the ledger
	takes   func()   // is called at each of them
	noticed []string // what owners must be told
}

type told struct {
	wording string
	data    map[string]string
	to      gateway.Audience
}

// plain is an adapter that writes texts as they are.
type plain struct{ channels.Adapter }

func (plain) Capabilities() channels.Capabilities { return channels.Capabilities{} }
func (plain) Compose(doc content.Document) ([]channels.Part, error) {
	return []channels.Part{{Text: doc.Plain(), Cost: 1}}, nil
}

func newStage(t *testing.T) *stage {
	ring, err := seal.NewRing(make([]byte, 32), seal.Key{ID: "k1", Secret: make([]byte, 32)})
	if err != nil {
		t.Fatal(err)
	}
	st := &stage{t: t, dir: blank.Folder(t), now: time.Date(2026, 3, 28, 9, 0, 0, 0, time.UTC), takes: func() {}}
	st.s, err = sqlite.Open(t.Context(), sqlite.Options{Dir: st.dir, Ring: ring, Now: st.clock})
	st.ok(err)
	t.Cleanup(func() { st.ok(st.s.Close()) })
	st.group, err = st.s.PutGroup(t.Context(), gateway.Group{Slug: "harbour", Name: "Harbour Watch", Locale: "en", Zone: "Europe/Berlin", Region: "GB", Topics: []gateway.Topic{{Name: "reports", Title: "Reports"}, {Name: "alerts", Title: "Alerts"}}})
	st.ok(err)
	st.sms, err = st.s.PutChannel(t.Context(), gateway.Channel{Name: "text", Adapter: "sms", Kind: "sms"})
	st.ok(err)
	st.email, err = st.s.PutChannel(t.Context(), gateway.Channel{Name: "mail", Adapter: "email", Kind: "email"})
	st.ok(err)
	st.f = fanout.New(fanout.Store{Groups: st.s, Log: st.s, Audiences: st.s, Ledger: st.s, Tracking: st.s, Prices: st.s, Wordings: st.s}, st, fanout.Options{Now: st.clock})
	st.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { st.pages.ServeHTTP(w, r) }))
	t.Cleanup(st.server.Close)
	ledger := counted{st.s, st}
	st.pages, err = web.New(web.Options{
		Pages: ledger, Points: st.s, Wishes: st.s, Members: ledger, Stops: st.s, Sent: st.s, Sign: ring.Sign, Public: st.server.URL, Now: st.clock, Log: discard(),
		Kinds: func(gateway.ID) []string { return []string{"sms", "email"} },
		Parse: func(_ gateway.ID, kind, _, raw string) (gateway.Private, error) {
			raw = strings.TrimSpace(raw)
			if kind == "sms" && !strings.HasPrefix(raw, "+") || kind == "email" && !strings.Contains(raw, "@") {
				return "", errors.New("no address")
			}
			return gateway.Private(raw), nil
		},
		Tell: func(ctx context.Context, group gateway.ID, key, wording string, data map[string]string, to gateway.Audience) (gateway.ID, error) {
			st.mu.Lock()
			st.told = append(st.told, told{wording, data, to})
			st.mu.Unlock()
			s, err := st.f.Tell(ctx, fanout.Note{Group: group, Key: key, Wording: wording, Audience: to, Data: data, Author: "carillon"})
			return s.ID, err
		},
		Leave: func(w http.ResponseWriter, r *http.Request, token string) {
			st.left = append(st.left, token+"?"+r.URL.RawQuery)
			body, _ := io.ReadAll(r.Body)
			if !strings.Contains(string(body), "List-Unsubscribe=") {
				w.WriteHeader(http.StatusBadRequest)
			} else if st.leaving != 0 {
				w.WriteHeader(st.leaving)
			}
		},
		Joining: web.Joining{Groups: st.s, Guests: ledger, Confirm: st.s,
			Ways: func(_ context.Context, _ gateway.ID, link gateway.Private) web.Ways {
				return web.Ways{Telegram: "https://t.me/harbour_bot?start=" + link.Reveal(), Number: "+12025550142", Mail: true}
			},
			Notice: func(_ context.Context, n gateway.OwnerNotice) error {
				st.noticed = append(st.noticed, n.Once)
				return nil
			},
		},
		Wait: func(_ context.Context, until time.Time) { st.waited = append(st.waited, until.Sub(st.clock())) },
	})
	st.ok(err)
	return st
}

// counted notes what is asked of the ledger, in order.
type counted struct {
	*sqlite.Store
	st *stage
}

func (c counted) note(call string) {
	c.st.asked = append(c.st.asked, call)
	c.st.takes()
}

func (c counted) PageLink(ctx context.Context, digest []byte) (gateway.PageLink, error) {
	c.note("PageLink")
	return c.Store.PageLink(ctx, digest)
}

func (c counted) GroupByID(ctx context.Context, id gateway.ID) (gateway.Group, error) {
	c.note("GroupByID")
	return c.Store.GroupByID(ctx, id)
}

func (c counted) Member(ctx context.Context, group, id gateway.ID) (gateway.Member, error) {
	c.note("Member")
	return c.Store.Member(ctx, group, id)
}

func (c counted) InvitationByCode(ctx context.Context, group gateway.ID, code gateway.Private) (gateway.Invitation, error) {
	c.st.takes()
	return c.Store.InvitationByCode(ctx, group, code)
}

func (st *stage) clock() time.Time {
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.now
}

func (st *stage) wind(d time.Duration) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.now = st.now.Add(d)
}

func (st *stage) Usable(gateway.ID) []gateway.Channel           { return []gateway.Channel{st.sms, st.email} }
func (st *stage) Adapter(gateway.ID) (channels.Adapter, bool)   { return plain{}, true }
func (st *stage) Channel(id gateway.ID) (gateway.Channel, bool) { return st.sms, id == st.sms.ID }

func (st *stage) ok(err error) {
	st.t.Helper()
	if err != nil {
		st.t.Fatal(err)
	}
}

// enrol takes in a member with consent to reports at each of her addresses.
func (st *stage) enrol(change func(*gateway.Member), addresses ...string) gateway.Member {
	st.t.Helper()
	ctx := st.t.Context()
	m := gateway.Member{Ref: "K-17", Name: "Ann Other", Locale: "en", Zone: "Europe/Berlin", Tags: []string{"north"}}
	var proofs []gateway.Consent
	for _, a := range addresses {
		kind, address, _ := strings.Cut(a, ":")
		p := gateway.ContactPoint{ID: gateway.NewID(), Kind: kind, Address: gateway.Private(address), State: gateway.PointActive, Topics: []string{"reports"}}
		m.Points = append(m.Points, p)
	}
	if change != nil {
		change(&m)
	}
	for _, p := range m.Points {
		for _, topic := range p.Topics {
			proofs = append(proofs, gateway.Consent{PointID: p.ID, Topic: topic, Granted: true, Wording: "w1", Locale: "en", At: st.clock(), Proof: "paper form 12", Source: "import"})
		}
	}
	imp := gateway.NewID()
	st.ok(st.s.BeginImport(ctx, gateway.Import{ID: imp, GroupID: st.group.ID, Author: "office", At: st.clock()}))
	staged, err := st.s.Stage(ctx, st.group.ID, imp, []gateway.StagedMember{{Line: 2, Member: m, Consents: proofs}})
	st.ok(err)
	st.ok(st.s.Publish(ctx, st.group.ID, imp))
	return st.member(staged[0].MemberID)
}

func (st *stage) member(id gateway.ID) gateway.Member {
	st.t.Helper()
	m, err := st.s.Member(st.t.Context(), st.group.ID, id)
	st.ok(err)
	return m
}

// link sends a member a link and gives its path.
func (st *stage) link(m gateway.Member) string {
	st.t.Helper()
	st.ok(st.pages.Issue(st.t.Context(), st.group.ID, m.ID, gateway.ID{}, "page:"+gateway.NewID().String()))
	last := st.told[len(st.told)-1]
	if last.wording != web.LinkText || last.to.Point != m.Points[0].ID {
		st.t.Fatalf("what was sent: %+v", last)
	}
	return strings.TrimPrefix(last.data["link"], st.server.URL)
}

// codes gives the codes that were sent, the newest last.
func (st *stage) codes() (all []string) {
	for _, one := range st.told {
		if one.wording == web.CodeText {
			all = append(all, one.data["code"])
		}
	}
	return all
}

// senders claims whatever waits, as senders do.
func (st *stage) senders(m gateway.Member) {
	st.t.Helper()
	waiting, err := st.s.Deliveries(st.t.Context(), gateway.DeliveryFilter{Group: st.group.ID, Member: m.ID, State: gateway.Waiting, Limit: 100})
	st.ok(err)
	var ids []gateway.ID
	for _, d := range waiting {
		ids = append(ids, d.ID)
	}
	_, _, err = st.s.Exchange(st.t.Context(), gateway.Claimant{ID: gateway.NewID(), Lease: time.Minute}, nil, ids)
	st.ok(err)
}

// answer is what a page answered.
type answer struct {
	status int
	header http.Header
	body   string
}

func (st *stage) do(method, path string, form url.Values, headers ...string) answer {
	st.t.Helper()
	req, err := http.NewRequestWithContext(st.t.Context(), method, st.server.URL+path, strings.NewReader(form.Encode()))
	st.ok(err)
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	st.ok(err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	st.ok(err)
	return answer{resp.StatusCode, resp.Header, string(body)}
}

func (st *stage) get(path string) answer { st.t.Helper(); return st.do(http.MethodGet, path, nil) }

var formField = regexp.MustCompile(`name="form" value="([^"]+)"`)

// post opens a view and sends a form of it.
func (st *stage) post(link, view string, fields ...string) answer {
	st.t.Helper()
	m := formField.FindStringSubmatch(st.get(link + "/" + view).body)
	if m == nil {
		st.t.Fatalf("view %s has no form: %s", view, st.get(link+"/"+view).body)
	}
	form := url.Values{"form": {m[1]}}
	for i := 0; i+1 < len(fields); i += 2 {
		form.Add(fields[i], fields[i+1])
	}
	return st.do(http.MethodPost, link+"/"+view, form)
}

// disk is everything that is stored.
func (st *stage) disk() string {
	st.t.Helper()
	var all strings.Builder
	names, err := filepath.Glob(filepath.Join(st.dir, "carillon.db*"))
	st.ok(err)
	for _, name := range slices.Sorted(slices.Values(names)) {
		if strings.HasSuffix(name, "-shm") { // who reads where, and no data
			continue
		}
		b, err := os.ReadFile(name)
		st.ok(err)
		all.Write(b)
	}
	return all.String()
}

func verified(key, text, signature []byte) bool {
	return len(key) == ed25519.PublicKeySize && ed25519.Verify(key, text, signature)
}
