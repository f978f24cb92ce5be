package mattermost_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/channels"
)

// Nobody keeps others from being heard: neither who writes more than is read at once, nor a chat that the bot may not read,
// nor a post from the future.
func TestOneChatHidesNoOther(t *testing.T) {
	const flood, shut, ahead, quiet = "floodfloodfloodfloodflood1", "shutshutshutshutshutshut12", "aheadaheadaheadaheadahead1", "quietquietquietquietquiet1"
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	said := now
	post := func(text string, at time.Time) string {
		return fmt.Sprintf(`{"posts":{"%s":{"id":"%[1]s","user_id":"%s","create_at":%d,"message":%q}}}`, strings.Repeat("p", 25)+"1", anna, at.UnixMilli(), text)
	}
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		chat := func(id string, at time.Time) string {
			return fmt.Sprintf(`{"id":"%s","type":"D","last_post_at":%d,"total_msg_count":%d}`, id, at.UnixMilli(), at.Unix())
		}
		is := func(id string) bool { return strings.Contains(r.URL.Path, id) }
		switch {
		case strings.HasSuffix(r.URL.Path, "/users/me"):
			_, _ = rw.Write([]byte(`{"id":"` + badr + `"}`))
		case strings.HasSuffix(r.URL.Path, "/users/me/channels"):
			_, _ = rw.Write([]byte("[" + chat(flood, said) + "," + chat(shut, said) + "," + chat(quiet, said) + "," + chat(ahead, now.AddDate(1, 0, 0)) + "]"))
		case is(flood) && r.URL.Query().Has("since"):
			_, _ = rw.Write(bytes.Repeat([]byte(" "), 33<<20))
		case is(flood):
			_, _ = rw.Write([]byte(post("the newest", said)))
		case is(shut):
			rw.WriteHeader(http.StatusForbidden)
			_, _ = rw.Write([]byte(`{"id":"api.context.permissions.app_error","status_code":403}`))
		case is(ahead):
			_, _ = rw.Write([]byte(`{"posts":{}}`))
		default:
			_, _ = rw.Write([]byte(post("STOP", said)))
		}
	}))
	defer server.Close()
	w := &clock{at: now}
	a, err := build(channels.Settings{Now: w.now}, server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	hear := func(cursor string) string {
		t.Helper()
		events, next, err := a.Poll(t.Context(), cursor)
		var texts []string
		for _, e := range events {
			texts = append(texts, e.Inbound.Text)
		}
		if err != nil || len(texts) != 2 || texts[0] != "the newest" || texts[1] != "STOP" {
			t.Fatalf("%q, %v", texts, err)
		}
		return next
	}
	cursor := hear("")
	w.wind(time.Hour)
	said = now.Add(time.Hour)
	hear(cursor)
}
