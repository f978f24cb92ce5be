package mastodon

import (
	"context"
	"encoding/json"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/channeltest"
	"github.com/carillon-gateway/carillon/channels/content"
)

const token = "kit-token-of-the-application"

func say(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

// server is a Mastodon server that remembers idempotency keys.
func server() (channeltest.Double, func(), error) {
	return channeltest.NewFake(channeltest.Wire{
		Message: func(r *http.Request, body []byte) (channeltest.Said, bool) {
			var post map[string]string
			if r.Method != http.MethodPost || r.URL.Path != "/api/v1/statuses" || json.Unmarshal(body, &post) != nil {
				return channeltest.Said{}, false
			}
			return channeltest.Said{To: post["visibility"], Text: post["status"], Key: r.Header.Get("Idempotency-Key")}, true
		},
		Answer: func(w http.ResponseWriter, r *http.Request, _ []byte, kept *channeltest.Seen) {
			switch {
			case r.Header.Get("Authorization") != "Bearer "+token:
				say(w, http.StatusUnauthorized, map[string]string{"error": "The access token is invalid"})
			case kept != nil:
				say(w, http.StatusOK, map[string]string{"id": kept.ID, "visibility": kept.To})
			default:
				say(w, http.StatusOK, map[string]string{"id": "1", "acct": "harbour", "display_name": "Harbour"})
			}
		},
		Refuse: func(w http.ResponseWriter, status int, text string) { say(w, status, map[string]string{"error": text}) },
	})
}

// mention finds what Mastodon takes for an account (app/models/account.rb, MENTION_RE, as its documentation describes it).
var mention = regexp.MustCompile(`(^|[^=/\w])@[A-Za-z0-9_]`)

func TestConformance(t *testing.T) {
	subject := channeltest.Subject{
		Start: server,
		Make: func(d channeltest.Double, hook string) (channels.Adapter, error) {
			return New(channels.Settings{Name: "mastodon-kit", HookURL: hook, Options: []byte(`{"base_url":"` + d.URL() + `","token":"` + token + `","text_limit":5000}`)})
		},
		Valid:   map[string]channels.Address{"public": "public", " Unlisted ": "unlisted"},
		Invalid: []string{"", "@anna@social.example", "private", "direct", "https://social.example/@anna"},
		People:  []channels.Address{"public", "unlisted"},
		Secrets: []string{token},
		Length:  func(p channels.Part) int { return length(p.Text) },
		Read: func(p channels.Part) (channeltest.Shape, error) {
			s := channeltest.Shape{Text: p.Text}
			for range mention.FindAllString(p.Text, -1) {
				s.Marks = append(s.Marks, "mention")
			}
			return s, nil
		},
	}
	for _, c := range channeltest.Checks(subject) {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			c.Run(t)
		})
	}
}

var rewrite = flag.Bool("manual", false, "rewrite the table of refusals in the manual")

func TestTheManualHoldsEveryRefusalAndEveryOption(t *testing.T) {
	page := channeltest.Page{Path: "../../docs/channels/mastodon.md", Options: Options{}, Columns: []string{"status", "class", "at fault", "what it means"}, Rewrite: *rewrite}
	for _, v := range verdicts {
		page.Rows = append(page.Rows, []string{strconv.Itoa(v.status), v.class.String(), string(v.scope), v.detail})
	}
	faults, err := page.Stale()
	if err != nil {
		t.Fatal(err)
	}
	for _, fault := range faults {
		t.Error(fault)
	}
}

func made(t *testing.T, url string) *Adapter {
	t.Helper()
	a, err := New(channels.Settings{Name: "m", Options: []byte(`{"base_url":"` + url + `","token":"` + token + `"}`)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	return a
}

func TestRefusals(t *testing.T) {
	status, reset := 0, ""
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if reset != "" {
			w.Header().Set("X-RateLimit-Reset", reset)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, `{"error":"about hello-8127"}`)
	}))
	defer srv.Close()
	a := made(t, srv.URL)
	refuse := func() *channels.Error {
		t.Helper()
		_, err := a.Send(context.Background(), channels.Outbound{Key: "k", To: public, Part: channels.Part{Text: "hello-8127"}})
		if err == nil {
			t.Fatalf("%d was taken for a yes", status)
		}
		return channels.AsError(err)
	}
	for _, v := range verdicts {
		status = v.status
		if e := refuse(); e.Class != v.class || e.Scope != v.scope || strings.Contains(e.Error(), "8127") {
			t.Errorf("%d: %v, want %v %s", status, e, v.class, v.scope)
		}
	}
	for s, class := range map[int]channels.Class{500: channels.Unknown, 503: channels.Unknown, 200: channels.Unknown, 302: channels.Temporary, 418: channels.Permanent} {
		status = s
		if e := refuse(); e.Class != class {
			t.Errorf("%d: %v, want %v", s, e, class)
		}
	}
	status, reset = 429, time.Now().Add(4*time.Minute).UTC().Format("2006-01-02T15:04:05.000000Z")
	if e := refuse(); e.Class != channels.Throttled || e.RetryAfter < 3*time.Minute || e.RetryAfter > 5*time.Minute {
		t.Errorf("429 until %s: %v, after %v", reset, e, e.RetryAfter)
	}
}

// A post tells its language and its key; what is for one member, or not to be passed on, is not posted.
func TestWhatLeaves(t *testing.T) {
	var posts []map[string]string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var post map[string]string
		if json.NewDecoder(r.Body).Decode(&post) != nil || r.Header.Get("Idempotency-Key") != "k1" {
			t.Error("it cannot be read, or has no key")
		}
		posts = append(posts, post)
		say(w, http.StatusOK, map[string]string{"id": "1"})
	}))
	defer srv.Close()
	a := made(t, srv.URL)
	parts, err := a.Compose(content.Document{Locale: "pt-BR", Blocks: []content.Block{content.Text("Venham.")}})
	if err != nil {
		t.Fatal(err)
	}
	out := channels.Outbound{Key: "k1", To: unlisted, Part: parts[0]}
	if _, err := a.Send(context.Background(), out); err != nil {
		t.Fatal(err)
	}
	if len(posts) != 1 || posts[0]["status"] != "Venham." || posts[0]["language"] != "pt" || posts[0]["visibility"] != "unlisted" {
		t.Errorf("it posted %v", posts)
	}
	for _, spoil := range []func(*channels.Outbound){func(o *channels.Outbound) { o.Neutral = true }, func(o *channels.Outbound) { o.Protected = true }, func(o *channels.Outbound) { o.To = "@anna@social.example" }} {
		bad := out
		spoil(&bad)
		if _, err := a.Send(context.Background(), bad); channels.AsError(err).Class != channels.Permanent || len(posts) != 1 {
			t.Errorf("%+v was posted: %v", bad, err)
		}
	}
	if c := a.Capabilities(); !c.Public || c.Sensitive || c.Inbound {
		t.Errorf("it says %+v", c)
	}
}

// Short web addresses count as 23 characters there.
func TestLength(t *testing.T) {
	for text, want := range map[string]int{"hello": 5, "see https://a.example": 27, "https://carillon.example/r/17": 29, "é👍": 2} {
		if got := length(text); got != want {
			t.Errorf("%q counts %d, want %d", text, got, want)
		}
	}
	parts, err := made(t, "https://social.example").Compose(content.Document{Blocks: []content.Block{content.Text(strings.Repeat("https://a.b ", 60))}})
	if err != nil || len(parts) < 3 {
		t.Errorf("%d posts, %v; 60 short addresses take more than 1,400 characters", len(parts), err)
	}
}

func TestOptionsThatAreWrong(t *testing.T) {
	for options, key := range map[string]string{
		`{"token":"tok-4711"}`: "base_url", `{"base_url":"https://social.example/@harbour","token":"tok-4711"}`: "base_url", `{"base_url":"https://social.example"}`: "token",
		`{"base_url":"https://social.example","token":"tok-4711 "}`: "token", `{"base_url":"https://social.example","token":"tok-4711","text_limit":100}`: "text_limit",
		`{"base_url":"https://social.example","token":"tok-4711","per_minute":61}`: "per_minute",
	} {
		if _, err := New(channels.Settings{Name: "m", Options: []byte(options)}); err == nil || !strings.Contains(err.Error(), "options."+key) || strings.Contains(err.Error(), "tok-4711") {
			t.Errorf("%s: %v, want one about %s", options, err, key)
		}
	}
}
