package web_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/channels/content"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/web"
)

// archive is that of one group with two series, of which the first is public.
type archive struct {
	group    gateway.Group
	series   []gateway.Series
	editions []gateway.Edition // the newest first
}

func (a *archive) EditionByID(_ context.Context, id gateway.ID) (gateway.Edition, error) {
	for _, e := range a.editions {
		if e.ID == id {
			return e, nil
		}
	}
	return gateway.Edition{}, gateway.ErrNotFound
}

func (a *archive) GroupByID(context.Context, gateway.ID) (gateway.Group, error) { return a.group, nil }

func (a *archive) SeriesOf(context.Context, gateway.ID, gateway.ID, int) ([]gateway.Series, error) {
	return a.series, nil
}

func (a *archive) Editions(_ context.Context, _, series gateway.ID, before, limit int) (all []gateway.Edition, err error) {
	for _, e := range a.editions {
		if e.SeriesID == series && (before == 0 || e.Number < before) && len(all) < limit {
			all = append(all, e)
		}
	}
	return all, nil
}

// An edition that was sent is read by whoever knows its address, if its series is public: in the language that the reader
// wants, from right to left where that is how it is written, under its corrections, without script, in less than 50 kB. All
// else is not there, and looks as what never was.
func TestThePageOfAnEdition(t *testing.T) {
	public, closed := gateway.Series{ID: gateway.NewID(), Title: "Harbour <report>", Public: true}, gateway.Series{ID: gateway.NewID()}
	edition := func(s gateway.Series, number int, state gateway.EditionState, corrects int, texts ...string) gateway.Edition {
		e := gateway.Edition{ID: gateway.NewID(), SeriesID: s.ID, Number: number, State: state, Corrects: corrects, Steps: []gateway.EditionStep{{To: state, At: time.Now()}},
			Entries: []gateway.Contribution{{Section: gateway.SectionSummary, Texts: map[string]string{}}}}
		for i := 0; i < len(texts); i += 2 {
			e.Entries[0].Texts[texts[i]] = texts[i+1]
		}
		return e
	}
	long := strings.Repeat("The kitchen served a meal. ", 1500) // 40 KiB: the most that an edition has in one language
	first := edition(public, 1, gateway.EditionSent, 0, "en", "<script>alert(1)</script> "+long, "ar", "أسبوع جيد.")
	correction := edition(public, 3, gateway.EditionSent, 1, "en", "It was a bad week.")
	unsent, other := edition(public, 4, gateway.EditionApproved, 1, "en", "Not yet."), edition(closed, 1, gateway.EditionSent, 0, "en", "Ours.")
	a := &archive{series: []gateway.Series{closed, public}, editions: []gateway.Edition{unsent, correction, edition(public, 2, gateway.EditionSent, 0, "en", "Another week."), first, other}}
	words := func(_ context.Context, _ gateway.Group, _ gateway.Series, e gateway.Edition, locales []string) (content.Document, error) {
		doc := content.Document{Locale: "en", Direction: content.LeftToRight, Subject: "Harbour <report>, 26 November"}
		for _, l := range append(locales, "en") {
			if text, ok := e.Entries[0].Texts[l]; ok {
				doc.Locale, doc.Blocks = l, []content.Block{{Kind: content.Heading, Spans: []content.Span{{Text: "Harbour <report>"}}}, {Kind: content.Paragraph, Spans: []content.Span{{Text: text}}}}
				break
			}
		}
		if doc.Locale == "ar" {
			doc.Direction = content.RightToLeft
		}
		return doc, nil
	}
	var log strings.Builder
	mux := http.NewServeMux()
	mux.Handle("GET /r/{edition}", web.NewReports(a, words, slog.New(slog.NewTextHandler(&log, nil))))
	get := func(path, wants string) *httptest.ResponseRecorder {
		t.Helper()
		r := httptest.NewRequest(http.MethodGet, "/r/"+path, nil)
		r.Header.Set("Accept-Language", wants)
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		return w
	}
	page := get(first.ID.String(), "tlh;q=0.2, en-GB;q=0.1, en;q=0.5")
	text := page.Body.String()
	if page.Code != 200 || len(text) >= 50_000 || strings.Contains(text, "<script") || !strings.Contains(text, "<title>Harbour &lt;report&gt;</title>") {
		t.Errorf("%d, %d bytes: %.600s", page.Code, len(text), text)
	}
	wrong, right := strings.Index(text, "served a meal"), strings.Index(text, "It was a bad week.")
	if right < 0 || right > wrong || strings.Contains(text, "Not yet.") || strings.Contains(text, "Another week.") {
		t.Errorf("its correction stands at %d, it itself at %d", right, wrong)
	}
	if !strings.Contains(text, `<a href="?lang=ar" hreflang="ar" lang="ar">العربية</a>`) {
		t.Error("it does not say in Arabic that it is there in Arabic too")
	}
	if shown := text[wrong-200 : wrong]; strings.Count(shown, "Harbour &lt;report&gt;") != 1 || strings.Count(shown, "<h") != 1 {
		t.Errorf("its title does not stand above it once: %s", shown)
	}
	if csp := page.Header().Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") {
		t.Errorf("its policy is %q", csp)
	}
	for _, p := range []*httptest.ResponseRecorder{get(first.ID.String(), "ar,en;q=0.5"), get(first.ID.String()+"?lang=ar", "en")} {
		if !strings.Contains(p.Body.String(), `<html lang="ar" dir="rtl">`) || !strings.Contains(p.Body.String(), "أسبوع جيد.") {
			t.Errorf("in Arabic: %.400s", p.Body)
		}
	}
	if p := get(first.ID.String()+"?lang=%22%3E%3Cscript%3E", "\"><script>,en"); p.Code != 200 || strings.Contains(p.Body.String(), "<script") {
		t.Errorf("with a language that is none: %.400s", p.Body)
	}
	nothing := get(gateway.NewID().String(), "en")
	for _, path := range []string{other.ID.String(), unsent.ID.String(), strings.ToUpper(first.ID.String()), "x", first.ID.String() + "x"} {
		if p := get(path, "en"); p.Code != 404 || p.Body.String() != nothing.Body.String() {
			t.Errorf("%s: %d %s", path, p.Code, p.Body)
		}
	}
	if log.Len() != 0 {
		t.Errorf("logged: %s", log.String())
	}
}
