package web_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/carillon-gateway/carillon/gateway"
)

// browser starts a real browser without script: the pages must do without.
func browser(t *testing.T) context.Context {
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
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true), chromedp.UserDataDir(t.TempDir()))
	t.Cleanup(stop)
	ctx, stopTab := chromedp.NewContext(alloc)
	t.Cleanup(stopTab)
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

type action = chromedp.Action[chromedp.Void]

func do(t *testing.T, ctx context.Context, steps ...action) {
	t.Helper()
	if err := chromedp.Do(ctx, steps...); err != nil {
		t.Fatal(err)
	}
}

func value[T any](t *testing.T, ctx context.Context, expression string) T {
	t.Helper()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		t.Fatal(expression, err)
	}
	return v
}

// coloured sets the scheme that she prefers.
func coloured(scheme string) action {
	media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}
	return chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, media)
		return err
	})
}

// findings asks the page for what people would stumble over. The questions are asked from outside; the page has no script.
const findings = `(() => {
	const out = [];
	const lum = c => { const v = c.match(/[\d.]+/g).slice(0, 3).map(x => x / 255).map(x => x <= .04045 ? x / 12.92 : ((x + .055) / 1.055) ** 2.4); return .2126 * v[0] + .7152 * v[1] + .0722 * v[2]; };
	const ground = e => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor; if (!/, 0\)$|transparent/.test(c)) return c; } return "rgb(255,255,255)"; };
	const de = document.documentElement;
	if (getComputedStyle(document.querySelector("h1")).marginTop !== "8px") out.push("the style is not in force");
	if (de.scrollWidth > de.clientWidth) out.push("wider than the screen: " + de.scrollWidth + " of " + de.clientWidth);
	for (const e of document.querySelectorAll("body *")) {
		const r = e.getBoundingClientRect();
		if (r.right > de.clientWidth + 1 || r.left < -1) out.push(e.tagName + " leaves the screen");
		if (!e.childNodes.length || ![...e.childNodes].some(n => n.nodeType === 3 && n.data.trim())) continue;
		const a = lum(getComputedStyle(e).color), b = lum(ground(e)), ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
		if (ratio < 4.5) out.push(e.tagName + " has a contrast of " + ratio.toFixed(2) + ": " + e.textContent.slice(0, 30));
	}
	for (const e of document.querySelectorAll("input:not([type=hidden]), select, textarea")) if (!e.labels.length) out.push(e.name + " has no label");
	for (const e of document.querySelectorAll("button, a, input:not([type=hidden]), select")) { const r = e.getBoundingClientRect(); if (r.height < 24 || r.width < 24) out.push((e.name || e.textContent) + " is too small to touch: " + r.width + "x" + r.height); }
	const ids = [...document.querySelectorAll("[id]")].map(e => e.id); if (new Set(ids).size !== ids.length) out.push("an id stands twice");
	for (const e of document.querySelectorAll("[aria-labelledby], [aria-describedby]")) if (!document.getElementById(e.getAttribute("aria-labelledby") || e.getAttribute("aria-describedby"))) out.push("a label leads nowhere");
	if (document.querySelectorAll("h1").length !== 1 || !document.querySelector("main") || !de.lang || !document.title) out.push("no title, main, heading or language");
	if (document.querySelectorAll("script, link, img, iframe, object, video").length) out.push("it loads something");
	return out.join("; ");
})()`

// inspect tells what people would stumble over on the page that is open. Direction: ltr, rtl; empty: whichever the browser asks for.
func inspect(t *testing.T, ctx context.Context, name, direction string) {
	t.Helper()
	if found := value[string](t, ctx, findings); found != "" {
		t.Errorf("%s: %s", name, found)
	}
	if direction != "" && value[string](t, ctx, "getComputedStyle(document.body).direction") != direction {
		t.Errorf("%s: not %s", name, direction)
	}
	if pictures := os.Getenv("CARILLON_SCREENSHOTS"); pictures != "" {
		shot, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(pictures, name+".png"), shot, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// Every view in a real browser: at 320 pixels and wide, light and dark, left to right and right to left. With
// CARILLON_SCREENSHOTS set to a folder, pictures of them go there.
func TestPagesInABrowser(t *testing.T) {
	ctx := browser(t)
	st := newStage(t)
	for i, locale := range []string{"ar", "my", "de"} {
		m := st.enrol(func(m *gateway.Member) {
			m.Locale, m.Ref, m.Quiet = locale, gateway.Private("ref-"+locale), "22:00-07:00; alerts wait"
		}, fmt.Sprintf("sms:+4477009002%02d", i), fmt.Sprintf("email:a-rather-long-name-for-an-address-%d@department.example.org", i))
		link := st.link(m)
		for _, screen := range []struct {
			name  string
			width int64
			dark  bool
		}{{"320", 320, false}, {"320-dark", 320, true}, {"1000", 1000, false}} {
			scheme := "light"
			if screen.dark {
				scheme = "dark"
			}
			for _, view := range []string{"", "/home", "/point?p=" + m.Points[0].ID.String(), "/add", "/data", "/erase", "!code", "!gone", "!unsubscribe"} {
				if screen.width == 1000 && view != "/home" || screen.dark && locale == "my" && view != "/data" {
					continue // the rest is the same for each
				}
				at := st.server.URL + link + view
				switch view {
				case "!code":
					at = st.server.URL + link + "/erase"
				case "!gone":
					at = st.server.URL + "/m/none"
				case "!unsubscribe":
					at = st.server.URL + "/u/x?u=y"
				}
				do(t, ctx, chromedp.EmulateViewport(screen.width, 700),
					coloured(scheme), chromedp.Navigate(at))
				if view == "!code" && screen.dark {
					do(t, ctx, chromedp.Click("main form button"), chromedp.WaitVisible("#code"))
				}
				direction := ""
				if !strings.HasPrefix(view, "!") {
					direction = map[bool]string{true: "rtl", false: "ltr"}[locale == "ar"]
				}
				name, _, _ := strings.Cut(strings.Trim(view, "/!"), "?")
				inspect(t, ctx, locale+"-"+screen.name+"-"+name, direction)
			}
		}
	}
}

// The pages behind links that are passed on: the ways into a group, the question to whoever gave her address there, the answers
// to an alert, and what each of them says afterwards, at 320 pixels in light and dark.
func TestLinksInABrowser(t *testing.T) {
	ctx := browser(t)
	for i, locale := range []string{"ar", "my", "de"} {
		a := newAsker(t, locale)
		st := a.st
		direction := map[bool]string{true: "rtl", false: "ltr"}[locale == "ar"]
		_, join := st.invitation(2)
		address := fmt.Sprintf("a-rather-long-name-for-an-address-%d@department.example.org", i)
		do(t, ctx, chromedp.EmulateViewport(320, 700), coloured("light"))
		see := func(page string, steps ...action) {
			t.Helper()
			do(t, ctx, steps...)
			inspect(t, ctx, locale+"-320-"+page, direction)
			do(t, ctx, coloured("dark"))
			inspect(t, ctx, locale+"-320-dark-"+page, direction)
			do(t, ctx, coloured("light"))
		}
		see("join", chromedp.Navigate(st.server.URL+join+"?lang="+locale))
		see("join-sent", chromedp.SendKeys("input[name=address]", address), chromedp.Submit("input[name=address]"), chromedp.WaitNotPresent("input[name=address]"))
		st.carryOut()
		question := st.told[len(st.told)-1].data["link"]
		see("yes", chromedp.Navigate(question+"?lang="+locale))
		see("yes-done", chromedp.Click("main form button"), chromedp.WaitNotPresent("main form"))
		see("alert", chromedp.Navigate(st.pages.AnswerLink(st.group.ID, a.delivery)))
		if len(a.taken) != 0 {
			t.Fatalf("opening the page said %v", a.taken)
		}
		see("alert-answered", chromedp.Click("main form button"), chromedp.WaitNotPresent("main form"))
		if len(a.taken) != 1 {
			t.Errorf("the press said %v", a.taken)
		}
		direction = "" // a stranger is spoken to as her browser asks for
		see("alert-gone", chromedp.Navigate(st.server.URL+"/a/none"))
		see("join-gone", chromedp.Navigate(st.server.URL+"/j/none?lang="+locale))
	}
}
