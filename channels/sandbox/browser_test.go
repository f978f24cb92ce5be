package sandbox_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/carillon-gateway/carillon/channels/sandbox"
)

// browser opens a page in a real browser and fails the test if the page's own code does.
func browser(t *testing.T, width, height int) context.Context {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("CARILLON_REQUIRE_SERVICES") == "1" {
			t.Fatal("a browser is required and there is none: install chromium")
		}
		t.Skip("no chromium here")
	}
	alloc, stop := chromedp.NewExecAllocator(context.Background(),
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.Headless, chromedp.NoFirstRun, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
		chromedp.UserDataDir(t.TempDir()), chromedp.WindowSize(width, height))
	t.Cleanup(stop)
	ctx, stopTab := chromedp.NewContext(alloc)
	t.Cleanup(stopTab)
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	t.Cleanup(cancel)
	do(t, ctx, chromedp.EmulateViewport(int64(width), int64(height)))
	err = chromedp.Listen(ctx, func(ev any) {
		if e, ok := ev.(*runtime.EventExceptionThrown); ok {
			t.Errorf("the page's script failed: %+v", e.ExceptionDetails)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return ctx
}

type action = chromedp.Action[chromedp.Void]

func do(t *testing.T, ctx context.Context, steps ...action) {
	t.Helper()
	if err := chromedp.Do(ctx, steps...); err != nil {
		t.Fatal(err)
	}
}

// value asks the page for something.
func value[T any](t *testing.T, ctx context.Context, expression string) T {
	t.Helper()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// until waits for a condition of the page.
func until(expression string) action {
	return func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
		ctx, cancel := context.WithTimeoutCause(ctx, 45*time.Second, errors.New("never came true: "+expression))
		defer cancel()
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			ok, err := chromedp.Evaluate[bool]("Boolean("+expression+")")(ctx, target)
			if ok {
				return chromedp.Void{}, nil
			}
			if err != nil {
				return chromedp.Void{}, errors.Join(err, context.Cause(ctx))
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				return chromedp.Void{}, context.Cause(ctx)
			}
		}
	}
}

func click(selector string) action { return chromedp.Click(selector) }

func say(t *testing.T, base, to, text string) {
	t.Helper()
	if status, _, body, err := raw(base, to, text, 5*time.Second); err != nil || status != 201 {
		t.Fatalf("sending: %d %s, %v", status, body, err)
	}
}

// hostile are texts that a careless page would run or break on.
var hostile = []string{
	`<script>document.title='owned'</script>`, `<img src=x onerror="document.title='owned'">`, `"><svg/onload=document.title='owned'>`,
	`</p></article><iframe srcdoc="<script>parent.document.title='owned'</script>">`, `{{.}} ${7*7} <%= 7*7 %>`,
	"javascript:document.title='owned'", "\u202egnirts\u202c \u0000 &lt;b&gt;", "data: x\n\nevent: phone\ndata: <b>",
}

// TestWall: Layla's phone lights up as the text comes; one opens it, reads, answers as her, and texts stay texts.
func TestWall(t *testing.T) {
	s, base := serve(t, sandbox.Options{})
	if err := s.Phones(sandbox.Phone{Kind: sandbox.KindSMS, Address: anna, Name: "Layla <b>Haddad</b>", Language: "ar"}); err != nil {
		t.Fatal(err)
	}
	ctx := browser(t, 1280, 900)
	do(t, ctx, chromedp.Navigate(base+"/"), until(`document.documentElement.classList.contains('live') && document.querySelectorAll('.card').length === 1`))
	say(t, base, anna, "الاجتماع غدا الساعة السابعة")
	do(t, ctx, until(`document.querySelector('.card-text')?.textContent.includes('الاجتماع')`),
		until(`getComputedStyle(document.querySelector('.card-text')).direction === 'rtl'`),
		click(`.card a`), until(`document.querySelector('#open .msg p')?.textContent.includes('الاجتماع')`))
	for _, text := range hostile {
		say(t, base, anna, text)
	}
	say(t, base, anna, "last one")
	do(t, ctx, until(`[...document.querySelectorAll('#open .msg p')].some(p => p.textContent === 'last one')`))
	texts := value[[]string](t, ctx, `[...document.querySelectorAll('#open .msg p')].map(p => p.textContent)`)
	elements := value[int](t, ctx, `document.querySelectorAll('.msg p *, iframe, img, .cards script, #open script, svg').length`)
	title := value[string](t, ctx, `document.title`)
	name := value[string](t, ctx, `document.querySelector('#open h2').textContent`)
	if elements != 0 || strings.Contains(title, "owned") || name != "Layla <b>Haddad</b>" {
		t.Errorf("texts became %d elements; title %q, name %q", elements, title, name)
	}
	for i, want := range hostile {
		want = strings.ReplaceAll(want, "\x00", "\uFFFD")
		if got := texts[i+1]; got != want {
			t.Errorf("%q is shown as %q", want, got)
		}
	}
	do(t, ctx, chromedp.SendKeys(`#answer`, "I will come"), click(`.send`),
		until(`document.querySelector('#open .msg.mine p')?.textContent === 'I will come'`), until(`document.querySelector('#answer').value === ''`),
		click(`.stop`), until(`document.querySelector('#open .state')?.textContent.includes('stopped')`))
	if status, _, body, err := raw(base, anna, "after", 5*time.Second); err != nil || status != 400 || !strings.Contains(body, "21610") {
		t.Errorf("after STOP: %d %s, %v", status, body, err)
	}
	do(t, ctx, chromedp.KeyEvent("\u001b"), until(`document.querySelector('#open').hidden`))
}

// TestWallShowsFaultsAndFilters: a drill from the page, and finding one phone among many.
func TestWallShowsFaultsAndFilters(t *testing.T) {
	ran := make(chan struct{}, 1)
	s, base := serve(t, sandbox.Options{
		Actions: []sandbox.Action{{Name: "report", Label: "Send a report", Done: "It is on its way.", Run: func(context.Context) error { return nil }}, {Name: "crash", Label: "Crash the gateway", Harm: true, Run: func(context.Context) error { ran <- struct{}{}; return nil }}},
		Tracker: traceOne{},
	})
	var many []sandbox.Phone
	for i := range 200 {
		many = append(many, sandbox.Phone{Kind: sandbox.KindSMS, Address: "+1202555" + pad(i), Name: "Person " + pad(i), Language: "en"})
	}
	many = append(many, sandbox.Phone{Kind: sandbox.KindTelegram, Address: chatText, Name: "Zoë", Language: "fr", Started: []string{"*"}})
	if err := s.Phones(many...); err != nil {
		t.Fatal(err)
	}
	ctx := browser(t, 390, 844)
	do(t, ctx, chromedp.Navigate(base+"/"), until(`document.documentElement.classList.contains('live')`))
	if first := value[int](t, ctx, `document.querySelectorAll('.card').length`); first > 100 {
		t.Errorf("%d phones are drawn at once", first)
	}
	if first := value[string](t, ctx, `document.querySelector('.drill summary').textContent + ': ' + document.querySelector('.drill fieldset button').textContent`); first != "Send, alert, make trouble: Send a report" {
		t.Errorf("what there is to do first is told as %q", first)
	}
	do(t, ctx, click(`.drill summary`), click("form:has(input[value=twilio]):has(input[value=cut]) button"),
		until(`document.querySelector('.faults li')?.textContent.includes('hangs up after the request')`))
	if _, _, _, err := raw(base, anna, "x", time.Second); err == nil {
		t.Error("the provider is cut off on the page and answers all the same")
	}
	do(t, ctx, click(`.faults button`), until(`document.querySelector('.calm') !== null`),
		click("form:has(input[value=report]) button"), until(`document.querySelector('.say.well')?.textContent === 'It is on its way.'`),
		click(`.danger`), until(`document.querySelector('.say.well')?.textContent === 'Done.'`))
	select {
	case <-ran:
	case <-ctx.Done():
		t.Fatal("the button did not run its action")
	}
	do(t, ctx, chromedp.SendKeys(`input[name=q]`, "zo"), until(`document.querySelectorAll('.card').length === 1`),
		click(`.card a`), until(`document.querySelector('.trace')?.textContent.includes('in doubt')`))
	do(t, ctx, chromedp.EmulateViewport(320, 640), until(`innerWidth === 320`))
	if value[bool](t, ctx, `document.documentElement.scrollWidth > 320`) {
		t.Error("the page must be scrolled sideways at 320 pixels")
	}
	do(t, ctx, chromedp.Navigate(value[string](t, ctx, `location.origin`)), until(`document.querySelector('.find-kind') !== null`))
	if value[bool](t, ctx, `document.documentElement.scrollWidth > 320`) {
		t.Error("the wall must be scrolled sideways at 320 pixels")
	}
}

// TestWallCutsNoLineInTwo: a chat shows the first lines of a long text whole, and nothing of the line after them.
func TestWallCutsNoLineInTwo(t *testing.T) {
	s, base := serve(t, sandbox.Options{})
	if err := s.Phones(sandbox.Phone{Kind: sandbox.KindTelegram, Address: chatText, Name: "Zoë", Language: "fr", Started: []string{"*"}}); err != nil {
		t.Fatal(err)
	}
	answer, err := http.PostForm(base+"/bot700000001:sandbox/sendMessage", url.Values{"chat_id": {chatText}, "text": {strings.Repeat("Rapport de la semaine\n", 20)}})
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		t.Fatal(answer.Status)
	}
	ctx := browser(t, 1280, 900)
	do(t, ctx, chromedp.Navigate(base+"/"), until(`document.querySelector('.card-text')?.textContent.includes('Rapport')`))
	cut := value[int](t, ctx, `(() => {
		const text = document.querySelector('.card-text'), range = document.createRange()
		const end = text.getBoundingClientRect().bottom - parseFloat(getComputedStyle(text).borderBottomWidth)
		range.selectNodeContents(text)
		return [...range.getClientRects()].filter((r) => r.top < end - 2 && r.bottom > end + 2).length
	})()`)
	if cut != 0 {
		t.Errorf("%d lines are cut in two", cut)
	}
}

func pad(i int) string {
	digits := "0000"
	for _, d := range []int{100, 10, 1} {
		digits += string(rune('0' + i/d%10))
	}
	return digits
}

// traceOne is a gateway that knows one delivery for everyone.
type traceOne struct{}

func (traceOne) Trace(context.Context, string, string) ([]sandbox.Trace, error) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	return []sandbox.Trace{{
		Broadcast: "Weekly <report>", Reference: "K7Q2", State: "in doubt", Channel: "telegram-main", Since: now,
		Attempts: []sandbox.TraceAttempt{{Channel: "telegram-main", State: "in doubt", Detail: "The answer was cut off.", Began: now}},
	}}, nil
}

// mute is a gateway that answers every question with the same error.
type mute struct{ err error }

func (m mute) Trace(context.Context, string, string) ([]sandbox.Trace, error) { return nil, m.err }

// TestWallSaysWhyTheGatewayDoesNotTell: a gateway that refuses is not called silent.
func TestWallSaysWhyTheGatewayDoesNotTell(t *testing.T) {
	for err, want := range map[error]string{
		errors.New("the token may not look at members"): "The gateway does not tell: the token may not look at members. What",
		context.DeadlineExceeded:                        "The gateway does not tell: it does not answer. What",
	} {
		s, base := serve(t, sandbox.Options{Tracker: mute{err}})
		if err := s.Phones(sandbox.Phone{Kind: sandbox.KindEmail, Address: "layla@people.example", Name: "Layla"}); err != nil {
			t.Fatal(err)
		}
		resp, err := http.Get(base + "/?open=" + url.QueryEscape("email:layla@people.example"))
		if err != nil {
			t.Fatal(err)
		}
		page, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || !strings.Contains(string(page), want) || !strings.Contains(string(page), `aria-label="Mailbox of Layla"`) {
			t.Errorf("the page does not say %q of a mailbox (%v)", want, err)
		}
	}
}

// TestOtherSitesCannotUseTheWall replays every unsafe route as a foreign page would.
func TestOtherSitesCannotUseTheWall(t *testing.T) {
	_, base := serve(t, sandbox.Options{})
	send := func(method, path string, change func(*http.Request)) *http.Response {
		t.Helper()
		req, err := http.NewRequest(method, base+path, strings.NewReader("x=1"))
		if err != nil {
			t.Fatal(err)
		}
		change(req)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		return resp
	}
	for _, path := range []string{
		"/wall/reply", "/wall/fault", "/wall/clear", "/wall/action", "/sandbox/faults", "/sandbox/reply", "/sandbox/phones", "/sandbox/accounts",
		"/sandbox/bots", "/sandbox/advance",
	} {
		for _, change := range []func(*http.Request){
			func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") },
			func(r *http.Request) { r.Header.Set("Origin", "https://elsewhere.example") },
			func(r *http.Request) { r.Host = "rebound.example" },
		} {
			if resp := send(http.MethodPost, path, change); resp.StatusCode != http.StatusForbidden {
				t.Errorf("POST %s from elsewhere: %d", path, resp.StatusCode)
			}
		}
	}
	if resp := send(http.MethodDelete, "/sandbox/faults", func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }); resp.StatusCode != http.StatusForbidden {
		t.Errorf("DELETE from elsewhere: %d", resp.StatusCode)
	}
	for _, path := range []string{"/", "/wall/cards", "/wall/static/wall.js", "/wall/static/wall.css", "/?open=" + url.QueryEscape("sms:+1")} {
		resp := send(http.MethodGet, path, func(*http.Request) {})
		csp := resp.Header.Get("Content-Security-Policy")
		if resp.StatusCode != 200 || !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") || resp.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("GET %s: %d, policy %q", path, resp.StatusCode, csp)
		}
	}
}
