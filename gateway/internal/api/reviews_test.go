package api

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/templates"
)

// A shipped text is a draft in every language, in every group, until a person of the group has reviewed exactly that text;
// then it is reviewed there, in that language, and nowhere else. A group's own words are a draft if they say so.
func TestATextIsADraftUntilReviewed(t *testing.T) {
	w := newWorld(t)
	texts := func(query string) map[string]gateway.TextStatus {
		t.Helper()
		r := w.ask(ask{method: http.MethodGet, path: "/api/v1/groups/berlin/texts" + query, token: "berlin viewer"})
		var list page[gateway.TextStatus]
		must(t, json.Unmarshal(r.body, &list))
		all := map[string]gateway.TextStatus{}
		for _, item := range list.Items {
			all[item.Name+"/"+item.Locale] = item
		}
		return all
	}
	all := texts("")
	for name, sources := range templates.Shipped() {
		for locale := range sources {
			if got := all[name+"/"+locale]; got.State != gateway.TextDraft || got.Own || got.Source != "" || got.By != "" {
				t.Errorf("%s/%s is %+v", name, locale, got)
			}
		}
	}
	fa := texts("?name=pointer&sources=true")["pointer/fa"]
	if fa.Source != templates.ShippedText("pointer")["fa"] || fa.Digest != all["pointer/fa"].Digest {
		t.Errorf("the source is %+v", fa)
	}
	review := map[string]any{"name": "pointer", "locale": "fa", "source": fa.Source, "by": "Shirin"}
	if r := w.ask(ask{method: http.MethodPost, path: "/api/v1/groups/berlin/reviews", token: "berlin approver", body: review}); r.status != http.StatusOK {
		t.Fatalf("%d: %s", r.status, r.body)
	}
	all = texts("")
	if got := all["pointer/fa"]; got.State != gateway.TextReviewed || got.By != "Shirin" || got.At == nil {
		t.Errorf("after a review it is %+v", got)
	}
	if got := all["pointer/ar"]; got.State != gateway.TextDraft {
		t.Errorf("another language is %+v", got)
	}
	must(t, w.store.PutWording(t.Context(), w.berlin.ID, "pointer", map[string]string{"fa": fa.Source + "\nپایان.\n", "de": "Du hast Post.", "eo": "---\nstatus: reviewed\n---\nMesaĝo."}))
	all = texts("?name=pointer")
	for locale, want := range map[string]gateway.TextState{"fa": gateway.TextDraft, "de": gateway.TextOwn, "eo": gateway.TextDraft, "ar": gateway.TextDraft} {
		if got := all["pointer/"+locale]; got.State != want || got.Own != (locale != "ar") {
			t.Errorf("%s is %+v", locale, got)
		}
	}
	// Own words that no longer fit the shipped text are named, and keep nothing else from being listed.
	must(t, w.store.PutWording(t.Context(), w.berlin.ID, "welcome", map[string]string{"de": "Hallo {nothing}!", "sw": "{"}))
	all = texts("")
	for text, want := range map[string]gateway.TextState{"welcome/de": gateway.TextUnfit, "welcome/sw": gateway.TextUnfit, "welcome/en": gateway.TextDraft, "pointer/de": gateway.TextOwn} {
		if got := all[text]; got.State != want {
			t.Errorf("%s is %+v", text, got)
		}
	}
	for name, body := range map[string]map[string]any{
		"nobody":  {"name": "pointer", "locale": "fa", "source": "x", "by": " "},
		"control": {"name": "pointer", "locale": "fa", "source": "x", "by": "A\nB"},
		"no text": {"name": "pointer", "locale": "fa", "source": "{", "by": "Ana"},
		"no tag":  {"name": "pointer", "locale": "!!", "source": "x", "by": "Ana"},
	} {
		if r := w.ask(ask{method: http.MethodPost, path: "/api/v1/groups/berlin/reviews", token: "berlin approver", body: body}); r.status != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d: %s", name, r.status, r.body)
		}
	}
	if r := w.ask(ask{method: http.MethodGet, path: "/api/v1/groups/berlin/texts?name=nothing", token: "berlin viewer"}); r.status != http.StatusNotFound {
		t.Errorf("a text that is not there: %d", r.status)
	}
	if log := w.log.String(); strings.Contains(log, "Shirin") || !strings.Contains(log, "a text was reviewed") {
		t.Errorf("the log says %s", log)
	}
}
