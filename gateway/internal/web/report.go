package web

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"html"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/carillon-gateway/carillon/channels/compose"
	"github.com/carillon-gateway/carillon/channels/content"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/templates"
)

// Archive is what is read of editions.
type Archive interface {
	gateway.PublicEditions
	GroupByID(ctx context.Context, id gateway.ID) (gateway.Group, error)
	SeriesOf(ctx context.Context, group, after gateway.ID, limit int) ([]gateway.Series, error)
	Editions(ctx context.Context, group, series gateway.ID, before, limit int) ([]gateway.Edition, error)
}

// Reports serves /r/{edition}: an edition that was sent, of a series that is public, to whoever knows its address. It is safe
// for concurrent use.
type Reports struct {
	archive Archive
	words   func(ctx context.Context, g gateway.Group, s gateway.Series, e gateway.Edition, locales []string) (content.Document, error)
	log     *slog.Logger
	policy  string
	places  chan struct{}
}

const (
	reportStyle   = "body{margin:1.5rem auto;max-width:40rem;padding:0 1rem;font:1.1rem/1.5 sans-serif;color:#111;background:#fff}h1,h2{line-height:1.2}nav a{padding:.3rem}aside{border-inline-start:.3rem solid #a60;padding-inline-start:1rem}@media(prefers-color-scheme:dark){body{color:#ececf0;background:#121214}a{color:#9cc2ff}}"
	reportsAtOnce = 4  // that are put into words at a time
	maxLanguages  = 8  // of a browser's that are looked at
	seriesPage    = 50 // series that are read at a time
	corrections   = 50 // editions behind the one shown that are looked at for its corrections
)

// NewReports makes them; words puts an edition into the first of some languages.
func NewReports(archive Archive, words func(context.Context, gateway.Group, gateway.Series, gateway.Edition, []string) (content.Document, error), log *slog.Logger) *Reports {
	sum := sha256.Sum256([]byte(reportStyle))
	return &Reports{archive, words, log, "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'", make(chan struct{}, reportsAtOnce)}
}

// ServeHTTP shows an edition. Whatever is not there to be read by everybody is not there at all.
func (p *Reports) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	select {
	case p.places <- struct{}{}:
		defer func() { <-p.places }()
	case <-r.Context().Done():
		return
	}
	page, err := p.page(r)
	status := http.StatusOK
	switch {
	case errors.Is(err, gateway.ErrNotFound):
		status, page = http.StatusNotFound, document("en", "ltr", "", "<p>There is nothing here.</p>\n")
	case err != nil && r.Context().Err() != nil:
		return
	case err != nil:
		p.log.Error("an edition cannot be shown", "error", err)
		status, page = http.StatusInternalServerError, document("en", "ltr", "", "<p>This cannot be shown now. Try again later.</p>\n")
	}
	h := w.Header()
	h.Set("Content-Security-Policy", p.policy)
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Vary", "Accept-Language")
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write([]byte(page))
	}
}

// find gives the edition of an address, if it was sent and its series is public.
func (p *Reports) find(ctx context.Context, address string) (g gateway.Group, s gateway.Series, e gateway.Edition, err error) {
	var id gateway.ID
	if id.UnmarshalText([]byte(address)) != nil || id.String() != address {
		return g, s, e, gateway.ErrNotFound
	}
	if e, err = p.archive.EditionByID(ctx, id); err != nil {
		return g, s, e, err
	}
	if e.State != gateway.EditionSent || len(e.Steps) == 0 {
		return g, s, e, gateway.ErrNotFound
	}
	if g, err = p.archive.GroupByID(ctx, e.GroupID); err != nil {
		return g, s, e, err
	}
	var after gateway.ID
	for {
		all, err := p.archive.SeriesOf(ctx, g.ID, after, seriesPage)
		if err != nil {
			return g, s, e, err
		}
		for _, one := range all {
			if after = one.ID; one.ID == e.SeriesID && one.Public {
				return g, one, e, nil
			}
		}
		if len(all) < seriesPage {
			return g, s, e, gateway.ErrNotFound
		}
	}
}

func (p *Reports) page(r *http.Request) (string, error) {
	ctx := r.Context()
	g, s, e, err := p.find(ctx, r.PathValue("edition"))
	if err != nil {
		return "", err
	}
	locales := languages(r.Header.Get("Accept-Language"))
	if l := r.URL.Query().Get("lang"); tag(l) {
		locales = append([]string{l}, locales...)
	}
	doc, err := p.words(ctx, g, s, e, locales)
	if err != nil {
		return "", err
	}
	article, err := compose.Page(titledOnce(doc))
	if err != nil {
		return "", err
	}
	var b strings.Builder
	if err := p.corrected(ctx, &b, g, s, e, locales); err != nil {
		return "", err
	}
	b.WriteString(article)
	if others := e.Locales(); len(others) > 1 {
		b.WriteString("<nav>")
		for _, l := range others {
			name := html.EscapeString(cmp.Or(templates.LanguageName(l, l), l))
			l = html.EscapeString(l)
			b.WriteString(`<a href="?lang=` + l + `" hreflang="` + l + `" lang="` + l + `">` + name + "</a> ")
		}
		b.WriteString("</nav>\n")
	}
	return document(cmp.Or(doc.Locale, "en"), string(cmp.Or(doc.Direction, content.LeftToRight)), s.Title, b.String()), nil
}

// titledOnce drops the heading that a text begins with where its subject, which stands above it on a page, says the same.
func titledOnce(doc content.Document) content.Document {
	if len(doc.Blocks) > 0 && doc.Blocks[0].Kind == content.Heading && strings.HasPrefix(doc.Subject, doc.Blocks[0].Plain()) {
		doc.Blocks = doc.Blocks[1:]
	}
	return doc
}

// corrected shows the corrections of an edition before it, the newest first.
func (p *Reports) corrected(ctx context.Context, b *strings.Builder, g gateway.Group, s gateway.Series, e gateway.Edition, locales []string) error {
	for before := 0; ; {
		page, err := p.archive.Editions(ctx, g.ID, s.ID, before, corrections)
		if err != nil {
			return err
		}
		for _, c := range page {
			before = c.Number
			if c.Number <= e.Number {
				return nil
			}
			if c.Corrects != e.Number || c.State != gateway.EditionSent {
				continue
			}
			doc, err := p.words(ctx, g, s, c, locales)
			if err != nil {
				return err
			}
			text, err := compose.Page(titledOnce(doc))
			if err != nil {
				return err
			}
			b.WriteString("<aside>\n" + text + "</aside>\n")
		}
		if len(page) < corrections {
			return nil
		}
	}
}

// document writes a whole page.
func document(locale, dir, title, body string) string {
	if title == "" {
		title = "Carillon"
	}
	return "<!doctype html>\n<html lang=\"" + html.EscapeString(locale) + "\" dir=\"" + html.EscapeString(dir) + "\">\n<head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\"><meta name=\"robots\" content=\"noindex\"><title>" +
		html.EscapeString(title) + "</title><style>" + reportStyle + "</style></head>\n<body>\n" + body + "</body>\n</html>\n"
}

// languages reads what a browser wants (RFC 9110, section 12.5.4), the most wanted first.
func languages(header string) []string {
	type wish struct {
		locale string
		weight float64
	}
	var wishes []wish
	for part := range strings.SplitSeq(header, ",") {
		locale, rest, _ := strings.Cut(strings.TrimSpace(part), ";")
		weight := 1.0
		if q, ok := strings.CutPrefix(strings.TrimSpace(rest), "q="); ok {
			weight, _ = strconv.ParseFloat(q, 64) // what is no number is wanted least
		}
		if locale = strings.TrimSpace(locale); tag(locale) && weight > 0 {
			wishes = append(wishes, wish{locale, weight})
		}
		if len(wishes) == maxLanguages {
			break
		}
	}
	slices.SortStableFunc(wishes, func(a, b wish) int { return cmp.Compare(b.weight, a.weight) })
	var all []string
	for _, w := range wishes {
		all = append(all, w.locale)
	}
	return all
}

// tag reports whether a text may be the tag of a language (RFC 5646), and no more than that.
func tag(s string) bool {
	if len(s) < 2 || len(s) > 35 {
		return false
	}
	for _, c := range []byte(s) {
		if c != '-' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return true
}

var _ http.Handler = (*Reports)(nil)
