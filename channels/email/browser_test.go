package email

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/carillon-gateway/carillon/channels/compose"
	"github.com/carillon-gateway/carillon/channels/content"
)

// browser starts a real one.
func browser(t *testing.T) context.Context {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("CARILLON_REQUIRE_SERVICES") == "1" {
			t.Fatal("a browser is required and there is none: install chromium")
		}
		t.Skip("no chromium here")
	}
	alloc, stop := chromedp.NewExecAllocator(context.Background(), chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.Headless, chromedp.NoFirstRun, chromedp.DisableGPU,
		chromedp.Flag("disable-background-networking", true), chromedp.UserDataDir(t.TempDir()), chromedp.WindowSize(800, 600))
	t.Cleanup(stop)
	ctx, stopTab := chromedp.NewContext(alloc)
	t.Cleanup(stopTab)
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// shown serves pages by their names and keeps what was asked for.
type shown struct {
	*httptest.Server
	mu    sync.Mutex
	asked []string
}

func show(t *testing.T, pages map[string]string) *shown {
	t.Helper()
	s := &shown{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.asked = append(s.asked, r.URL.Path)
		s.mu.Unlock()
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write([]byte(pages[strings.TrimPrefix(r.URL.Path, "/")]))
	}))
	t.Cleanup(func() {
		s.Close()
		for _, p := range s.asked {
			if pages[strings.TrimPrefix(p, "/")] == "" && p != "/favicon.ico" {
				t.Errorf("a page asked for %s", p)
			}
		}
	})
	return s
}

func holds(t *testing.T, ctx context.Context, where string, expressions map[string]string) {
	t.Helper()
	for what, expression := range expressions {
		if ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool](expression)); err != nil || !ok {
			t.Errorf("%s: %s: %v, %v", where, what, ok, err)
		}
	}
}

const nothingFromElsewhere = `document.querySelectorAll('img,link,iframe,object,script,video,audio,source,form,style').length === 0 && !/url\(|@import|background/i.test(document.documentElement.outerHTML)` +
	` && performance.getEntriesByType('resource').filter(r => !r.name.endsWith('/favicon.ico')).length === 0`

// A real browser sets the Arabic from the right, shows texts as texts, and fetches nothing.
func TestRightToLeftInABrowser(t *testing.T) {
	ctx := browser(t)
	_, part := composed(t, well, nil)
	server := show(t, map[string]string{"mail": part.HTML})
	if err := chromedp.Do(ctx, chromedp.Navigate(server.URL+"/mail")); err != nil {
		t.Fatal(err)
	}
	holds(t, ctx, "the Arabic report", map[string]string{
		"the page is right to left":            `getComputedStyle(document.body).direction === 'rtl'`,
		"so is every block":                    `[...document.querySelectorAll('p,h2,li,blockquote')].every(e => getComputedStyle(e).direction === 'rtl')`,
		"it says its language":                 `document.documentElement.lang === 'ar' && document.querySelector('div').lang === 'ar'`,
		"text begins at the right edge":        `(() => { const r = document.createRange(); r.selectNodeContents(document.querySelector('h2')); const box = document.querySelector('div').getBoundingClientRect(); return Math.abs(r.getBoundingClientRect().right - box.right) < 40 })()`,
		"a line that begins with a number too": `(() => { const n = document.querySelector('p').firstChild; const r = document.createRange(); r.setStart(n, 0); r.setEnd(n, 2); const box = document.querySelector('div').getBoundingClientRect(); return box.right - r.getBoundingClientRect().right < 60 })()`,
		"markup in a text is text":             `document.scripts.length === 0 && document.body.textContent.includes('<script>alert(1)</script>')`,
		"the link is whole":                    `new URL(document.querySelector('a').href).search === '?a=1&b=%22%3C2%3E'`,
		"nothing comes from elsewhere":         nothingFromElsewhere,
		"lists are lists":                      `document.querySelectorAll('ul > li').length === 2 && document.querySelectorAll('ol > li').length === 2`,
	})
}

// wide holds what does not fit a telephone by itself: a long address, a long word, a long name of a file.
func wide(locale string, dir content.Direction, say ...string) content.Document {
	long := "https://harbour.example/reports/2026/november/the-well/" + strings.Repeat("minutes-of-the-meeting-", 6) + "end"
	return content.Document{
		Locale: locale, Direction: dir, Subject: say[0], Tag: locale, Reference: "K7Q2",
		Blocks: []content.Block{
			{Kind: content.Heading, Spans: []content.Span{{Text: say[0]}}},
			{Kind: content.Paragraph, Spans: []content.Span{{Text: say[1] + " "}, {Text: say[2], Strong: true}, {Text: ": "}, {Text: "Harbour Watch @ Kiel", Value: true}, {Text: ", "}, {Text: say[3], Link: long}, {Text: "."}}},
			{Kind: content.Paragraph, Spans: []content.Span{{Text: long}}},
			{Kind: content.Bullets, Items: [][]content.Span{{{Text: say[4]}}, {{Text: say[5], Emph: true}}, {{Text: strings.Repeat("x7-", 40), Code: true}}}},
			{Kind: content.Numbered, Items: [][]content.Span{{{Text: say[5]}}, {{Text: "+49 30 1234567", Link: "tel:+49301234567"}}}},
			{Kind: content.Quote, Spans: []content.Span{{Text: say[6] + "\n" + strings.Repeat("Donaudampfschifffahrts", 6)}}},
		},
	}
}

// lowestContrast gives the lowest contrast of any text with what lies behind it (WCAG 2.2, 1.4.3), opacity included.
const lowestContrast = `(() => {
	const channels = c => { const m = c.match(/[\d.]+/g).map(Number); return { rgb: m.slice(0, 3), a: m.length > 3 ? m[3] : 1 } }
	const light = rgb => { const [r, g, b] = rgb.map(v => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4 }); return 0.2126 * r + 0.7152 * g + 0.0722 * b }
	const probe = document.createElement('div'); probe.style.backgroundColor = 'Canvas'; document.body.append(probe)
	const canvas = channels(getComputedStyle(probe).backgroundColor).rgb; probe.remove()
	let lowest = 21
	for (const e of document.querySelectorAll('body, body *')) {
		if (![...e.childNodes].some(n => n.nodeType === 3 && n.data.trim())) continue
		let back = canvas, opacity = 1
		for (let p = e; p; p = p.parentElement) opacity *= Number(getComputedStyle(p).opacity)
		for (let p = e; p; p = p.parentElement) { const c = channels(getComputedStyle(p).backgroundColor); if (c.a > 0) { back = c.rgb; break } }
		const c = channels(getComputedStyle(e).color), a = c.a * opacity
		const [x, y] = [light(c.rgb.map((v, i) => v * a + back[i] * (1 - a))), light(back)].sort((p, q) => q - p)
		lowest = Math.min(lowest, (x + 0.05) / (y + 0.05))
	}
	return lowest
})()`

// On a telephone, in light and in dark, from left and from right: nothing is scrolled sideways, everything can be read, and
// nothing is fetched, so images may be off. Mail and page alike. CARILLON_SCREENSHOTS=folder keeps pictures to look at.
func TestPhonesInLightAndDark(t *testing.T) {
	docs := map[string]content.Document{
		"english": wide("en", content.LeftToRight, "The well is dug", "Twelve families helped at the", "north gate", "read the minutes", "Bring water", "Bring a hat", "We were there."),
		"arabic":  wide("ar", content.RightToLeft, "حُفرت البئر", "ساعدت اثنتا عشرة أسرة عند", "البوابة الشمالية", "اقرأ المحضر", "أحضروا الماء", "أحضروا قبعة", "كنا هناك."),
		"persian": wide("fa", content.RightToLeft, "چاه کنده شد", "دوازده خانواده کمک کردند کنار", "دروازهٔ شمالی", "صورت‌جلسه را بخوانید", "آب بیاورید", "کلاه بیاورید", "ما آنجا بودیم."),
	}
	pages := map[string]string{}
	for name, doc := range docs {
		pages["mail-"+name] = one(t, doc).HTML
		fragment, err := compose.Page(doc)
		if err != nil {
			t.Fatal(err)
		}
		pages["page-"+name] = `<!doctype html><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark"><title>x</title><body style="overflow-wrap:anywhere">` + fragment
	}
	ctx := browser(t)
	server := show(t, pages)
	for name := range pages {
		direction := "rtl"
		if strings.HasSuffix(name, "english") {
			direction = "ltr"
		}
		for _, scheme := range []string{"light", "dark"} {
			where := name + " in " + scheme
			media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}
			err := chromedp.Do(ctx, chromedp.EmulateViewport(360, 640), chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
				_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, media)
				return err
			}), chromedp.Navigate(server.URL+"/"+name))
			if err != nil {
				t.Fatal(err)
			}
			holds(t, ctx, where, map[string]string{
				"its scheme is in force":                `matchMedia('(prefers-color-scheme: ` + scheme + `)').matches`,
				"nothing is wider than the telephone":   `innerWidth === 360 && document.documentElement.scrollWidth <= 360 && [...document.querySelectorAll('body *')].every(e => { const r = e.getBoundingClientRect(); return r.left >= 0 && r.right <= 360 })`,
				"it goes in its direction":              `[...document.querySelectorAll('p,h2,li,blockquote')].every(e => getComputedStyle(e).direction === '` + direction + `')`,
				"headings begin at their side":          `(() => { const r = document.createRange(); const h = document.querySelector('h2'); r.selectNodeContents(h); const a = r.getBoundingClientRect(), b = h.getBoundingClientRect(); return Math.abs(` + map[string]string{"ltr": "a.left - b.left", "rtl": "a.right - b.right"}[direction] + `) < 2 })()`,
				"text is large enough":                  `[...document.querySelectorAll('p,li,blockquote')].every(e => parseFloat(getComputedStyle(e).fontSize) >= 13)`,
				"nothing comes from elsewhere":          nothingFromElsewhere,
				"contrast is enough in every element":   lowestContrast + ` >= 4.5`,
				"what is dark is dark, and light light": `(() => { const p = document.createElement('div'); p.style.color = 'CanvasText'; document.body.append(p); const dark = getComputedStyle(p).color === 'rgb(255, 255, 255)'; p.remove(); return dark === ` + map[string]string{"light": "false", "dark": "true"}[scheme] + ` })()`,
			})
			if dir := os.Getenv("CARILLON_SCREENSHOTS"); dir != "" {
				picture, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(dir, name+"-"+scheme+".png"), picture, 0o644); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}
