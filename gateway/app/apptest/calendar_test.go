package apptest_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/app/apptest"
	"github.com/carillon-gateway/carillon/gateway/client"
	"github.com/carillon-gateway/carillon/scheduler/calendar"
)

// A group keeps its meetings in a calendar elsewhere. Members subscribe to what the gateway makes of it; a meeting is moved, the
// server breaks, and each sees what there is to see. An address within the network leads nowhere.
func TestACalendarGoesInAndOut(t *testing.T) {
	w := apptest.New(t, apptest.Options{})
	w.Start()
	w.Apply("harbour")
	ctx := t.Context()

	var mu sync.Mutex
	day := time.Now().UTC().AddDate(0, 0, 9).Format("20060102")
	hour, broken, conditional := 18, false, 0
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		tag := fmt.Sprintf(`"%d"`, hour)
		switch {
		case broken:
			fmt.Fprint(rw, "<!DOCTYPE html><title>Please log in</title>")
		case r.Header.Get("If-None-Match") == tag:
			conditional++
			rw.WriteHeader(http.StatusNotModified)
		default:
			rw.Header().Set("ETag", tag)
			fmt.Fprintf(rw, "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nUID:1\r\nSEQUENCE:%d\r\nDTSTART;TZID=Europe/Berlin:%sT%d0000\r\nDURATION:PT2H\r\nSUMMARY:Secretplenum\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n", hour, day, hour)
		}
	}))
	defer server.Close()
	c, err := w.API.PutCalendar(ctx, "harbour", "meetings", client.NewCalendar{Topic: "meetings", URL: gateway.Private(server.URL + "/private-marker/basic.ics")})
	if err != nil || c.Fresh.Fault != "" || c.Fresh.Events != 1 {
		t.Fatalf("%v, %+v", err, c.Fresh)
	}
	feed, err := w.API.CreateFeed(ctx, "harbour", gateway.ID{}, "", "website")
	if err != nil || !strings.HasPrefix(feed.Address, w.URL+"/cal/") {
		t.Fatal(err, feed.ID)
	}
	shown := func() calendar.Occurrence {
		t.Helper()
		resp, err := http.Get(feed.Address)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		read, err := calendar.Read(io.LimitReader(resp.Body, 1<<20))
		if err != nil {
			t.Fatal(resp.Status, err)
		}
		all, faults, err := read.Expand(ctx, time.Now(), time.Now().AddDate(1, 0, 0), nil)
		if err != nil || len(faults) > 0 || len(all) != 1 {
			t.Fatal(err, faults, len(all))
		}
		return all[0]
	}
	first := shown()
	if first.Summary != "Secretplenum" || first.Sequence != 0 {
		t.Errorf("%+v", first)
	}

	mu.Lock()
	hour = 20
	mu.Unlock()
	w.Wind(2 * time.Hour) // it is read when its time has come, by the process whose duty that is
	w.Until(90*time.Second, "the moved meeting", func() bool { return shown().Sequence == 1 })
	if moved := shown(); moved.UID != first.UID || moved.Start.Moment.Instant().Sub(first.Start.Moment.Instant()) != 2*time.Hour {
		t.Errorf("%+v was %+v", moved, first)
	}
	mu.Lock()
	broken = true
	mu.Unlock()
	c, err = w.API.ReadCalendar(ctx, "harbour", "meetings")
	if err != nil || !strings.Contains(c.Fresh.Fault, "log in") || c.Fresh.Events != 1 || shown().Status != "CONFIRMED" {
		t.Errorf("%v, %+v", err, c.Fresh)
	}
	for _, inside := range []string{"http://10.0.0.1/", "http://169.254.169.254/latest/meta-data/", "http://[fd00::1]/x.ics", "http://100.64.0.1:8080/"} {
		c, err := w.API.PutCalendar(ctx, "harbour", "inside", client.NewCalendar{Topic: "meetings", URL: gateway.Private(inside)})
		if err != nil || !strings.Contains(c.Fresh.Fault, "private network") {
			t.Errorf("%s: %v, %+v", inside, err, c.Fresh)
		}
	}
	w.Stop()
	log, err := os.ReadFile(w.LogFile())
	if err != nil {
		t.Fatal(err)
	}
	token := strings.TrimSuffix(feed.Address[strings.LastIndex(feed.Address, "/")+1:], ".ics")
	for _, secret := range []string{"private-marker", "Secretplenum", token} {
		if strings.Contains(string(log), secret) {
			t.Errorf("the log has %s", secret)
		}
	}
}
