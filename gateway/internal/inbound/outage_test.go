package inbound_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/inbound"
	"github.com/carillon-gateway/carillon/gateway/internal/servers"
	"github.com/carillon-gateway/carillon/gateway/internal/spool"
	"github.com/carillon-gateway/carillon/gateway/internal/store/postgres"
)

// outage is two hours without a ledger: what each of those four kinds of people writes meanwhile, and what is to come of it.
var outage = [...]struct {
	texts [5]string
	state string
	said  string // the evidence that the ledger keeps, in order: - for a STOP, + for a START
}{
	{[5]string{"who are you?", "STOP", "thanks", "stop", "bye"}, "stopped", "-"},
	{[5]string{"STOP", "sorry, my sister typed that", "START", "hello", "all is well"}, "active", "-+"},
	{[5]string{"hello", "the road is closed", "two hurt", "hello?", "anybody?"}, "active", ""},
	{[5]string{"START", "STOP", "hi", "START", "STOP"}, "stopped", "-+-"},
}

// reopen is what a process finds that starts on the same folder.
func (st *stage) reopen(dir string) {
	st.t.Helper()
	if st.spool != nil {
		st.ok(st.spool.Close())
	}
	var err error
	st.spool, err = spool.Open(dir, st.ring, spool.Limits{Records: 10_000, Bytes: 64 << 20})
	st.ok(err)
	st.ears = st.newEars()
}

// drained has the ears run until the spool is empty.
func (st *stage) drained() {
	st.t.Helper()
	ctx, cancel := context.WithCancel(st.t.Context())
	done := make(chan struct{})
	empty := make(chan struct{}, 1)
	st.ears.Waiting = func() {
		if st.spool.Extent().Records == 0 {
			select {
			case empty <- struct{}{}:
			default:
			}
		}
	}
	st.ears.Polls = false
	go func() {
		defer close(done)
		_ = st.ears.Run(ctx)
	}()
	select {
	case <-empty:
	case <-time.After(2 * time.Minute):
		st.t.Fatalf("the spool does not drain: %+v", st.spool.Extent())
	}
	cancel()
	<-done
}

// live tells the story: the ledger is away for two hours, while two hundred people write five times each, and in the middle of them
// the process dies.
func (st *stage) live(down, up func()) {
	t := st.t
	t.Helper()
	people := 200
	if raced { // as many take as long as all else here
		people = 60
	}
	now := time.Now().Truncate(time.Second)
	st.clock = func() time.Time { return now }
	dir := t.TempDir()
	st.reopen(dir)
	number := func(i int) string { return fmt.Sprintf("+4477009%05d", i) }
	var all [][]string
	for i := range people {
		all = append(all, []string{"sms:" + number(i)})
	}
	ids := st.enrolAll(st.harbour, all...)
	report := gateway.Broadcast{ID: gateway.NewID(), GroupID: st.harbour.ID, Key: "report", Kind: gateway.KindReport, Class: gateway.Report, State: gateway.Planning,
		Policy: gateway.PolicyOf(gateway.Report), Audience: gateway.Audience{Topic: "reports"}, Words: gateway.Words{Sources: map[string]string{"en": "The well is dug."}}, CreatedAt: now, StartAt: now, ExpiresAt: now.Add(24 * time.Hour)}
	_, err := st.s.Submit(t.Context(), report, []byte("report"), nil)
	st.ok(err)
	st.answers(st.harbour) // the report is planned, and nothing of it was sent when the ledger went away

	down()
	hook := func(i, k int) {
		t.Helper()
		body := fmt.Sprintf(`[{"ID":"%d-%d","From":%q,"Text":%q}]`, i, k, number(i), outage[i%4].texts[k])
		if w := st.call("harbour-text", "good", body); w.Code != http.StatusOK {
			t.Fatalf("webhook %d of %d is answered %d", k, i, w.Code)
		}
	}
	n := 0
	for k := range outage[0].texts {
		for i := range ids {
			hook(i, k)
			if n++; n%7 == 0 { // the provider did not hear our answer
				hook(i, k)
			}
			now = now.Add(2 * time.Hour / time.Duration(5*people))
			if n == 5*people/2 {
				st.reopen(dir)
			}
		}
	}
	if e := st.spool.Extent(); e.Records < 5*people || !st.spool.Waits(st.own.ID.String()) {
		t.Fatalf("the spool holds %+v", e)
	}
	up()
	hook(2, 4) // the ledger is there, and yet nobody overtakes herself
	st.reopen(dir)
	if !st.spool.Waits(st.own.ID.String()) { // and so long nothing routine leaves: see dispatch.Options.Deaf
		t.Fatal("nothing waits although nothing was replayed")
	}
	st.drained()

	for i, id := range ids {
		if got := st.states(st.harbour, id); got != outage[i%4].state {
			t.Errorf("person %d is %s, want %s", i, got, outage[i%4].state)
		}
		evidence, err := st.s.Evidence(t.Context(), st.harbour.ID, id)
		st.ok(err)
		said, last := "", time.Time{}
		for _, c := range evidence[1:] { // the first is the paper of her enrolment
			if c.At.Before(last) {
				t.Errorf("person %d: what she said is not in order", i)
			}
			last, said = c.At, said+map[bool]string{true: "+", false: "-"}[c.Granted]
		}
		if want := outage[i%4].said; strings.ReplaceAll(strings.ReplaceAll(said, "++", "+"), "--", "-") != want {
			t.Errorf("person %d said %q, want %q", i, said, want)
		}
	}
	texts := map[gateway.ID][]gateway.InboundMessage{}
	for before := (gateway.ID{}); ; {
		page, err := st.s.Inbound(t.Context(), st.harbour.ID, before, 500)
		st.ok(err)
		if len(page) == 0 {
			break
		}
		for _, m := range page {
			texts[m.MemberIDs[0]] = append(texts[m.MemberIDs[0]], m)
		}
		before = page[len(page)-1].ID
	}
	for i, id := range ids {
		mine := texts[id]
		slices.SortFunc(mine, func(a, b gateway.InboundMessage) int { return a.At.Compare(b.At) })
		var got []string
		for _, m := range mine {
			got = append(got, m.Text.Reveal())
		}
		if want := outage[i%4].texts[:]; !slices.Equal(got, want) {
			t.Errorf("person %d wrote %q, kept is %q", i, want, got)
		}
	}
	st.nothingRoutine(report.ID, ids)
}

// nothingRoutine asks for leave to send the report to everybody: who stopped does not get it.
func (st *stage) nothingRoutine(report gateway.ID, ids []gateway.ID) {
	st.t.Helper()
	stopped := map[gateway.ID]bool{}
	for i, id := range ids {
		stopped[id] = outage[i%4].state == "stopped"
	}
	granted := 0
	for after := (gateway.ID{}); ; {
		page, err := st.s.Deliveries(st.t.Context(), gateway.DeliveryFilter{Group: st.harbour.ID, Broadcast: report, After: after, Limit: 500})
		st.ok(err)
		if len(page) == 0 {
			break
		}
		after = page[len(page)-1].ID
		var asked []gateway.ID
		for _, d := range page {
			asked = append(asked, d.ID)
		}
		_, claims, err := st.s.Exchange(st.t.Context(), gateway.Claimant{ID: gateway.NewID(), Lease: time.Minute}, nil, asked)
		st.ok(err)
		for i, d := range page {
			if claims[i].Verdict != gateway.Granted {
				continue
			}
			if granted++; stopped[d.MemberID] {
				st.t.Error("the report would go to somebody who stopped")
			}
		}
	}
	if granted != len(ids)/2 {
		st.t.Errorf("the report would go to %d of the %d who did not stop", granted, len(ids)/2)
	}
}

// SQLite's file cannot be read or written for two hours.
func TestTwoHoursWithoutSQLite(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	st.live(func() { st.setBroken(errors.New("the disk does not answer")) }, func() { st.setBroken(nil) })
}

// PostgreSQL is stopped for two hours.
func TestTwoHoursWithoutPostgreSQL(t *testing.T) {
	t.Parallel()
	p, err := servers.StartPostgres(t.Context(), servers.PostgresOptions{Unsafe: true})
	servers.Need(t, err)
	t.Cleanup(p.Close)
	database, err := p.NewDatabase(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ring := newRing(t)
	s, err := postgres.Open(t.Context(), postgres.Options{URL: p.URL(database), Ring: ring})
	if err != nil {
		t.Fatal(err)
	}
	st := new(stage).on(t, s, ring)
	st.live(p.Stop, func() { st.ok(p.Start(t.Context())) })
}

// While the ledger is away she changes her mind again and again. It gets all of it in her order, so that her last word holds.
func TestNobodyOvertakesHerselfInAReplay(t *testing.T) {
	st := newStage(t)
	st.reopen(t.TempDir())
	now := time.Now()
	st.clock = func() time.Time { return now }
	id := st.enrol(st.harbour, "sms:"+ann)
	st.setBroken(errors.New("away"))
	want := []string{"hello", "STOP", "START", "STOP", "START", "STOP", "START", "STOP", "START"}
	for i, text := range want {
		st.say(st.own, told{ID: fmt.Sprint(i), From: ann, Text: text})
		now = now.Add(time.Second)
	}
	st.setBroken(nil)
	st.drained()
	var got []string
	for _, m := range st.inbox(st.harbour) {
		got = append(got, m.Text.Reveal())
	}
	slices.Reverse(got)
	if state := st.states(st.harbour, id); state != "active" || !slices.Equal(got, want) {
		t.Errorf("she is %s; she wrote %q, kept in the order %q", state, want, got)
	}
}

// The process is killed after it replayed and before it took the record out: the second replay changes nothing.
func TestReplayedTwice(t *testing.T) {
	st := newStage(t)
	dir := t.TempDir()
	st.reopen(dir)
	id := st.enrol(st.harbour, "sms:"+ann)
	st.setBroken(errors.New("away"))
	for _, text := range []string{"STOP", "START", "hello"} {
		st.say(st.own, told{From: ann, Text: text}) // without ids of the provider's
	}
	copies := t.TempDir()
	st.ok(os.CopyFS(copies, os.DirFS(dir)))
	st.setBroken(nil)
	st.drained()
	st.say(st.own, told{ID: "4", From: ann, Text: "STOP"})
	st.reopen(copies) // as they were before
	st.drained()
	if got := st.states(st.harbour, id); got != "stopped" || len(st.inbox(st.harbour)) != 4 {
		t.Errorf("she is %s, with %d messages", got, len(st.inbox(st.harbour)))
	}
	if st.heard[inbound.HeardSpooled] != 3 {
		t.Errorf("heard %v", st.heard)
	}
}

// Neither ledger nor spool can take it: only then is the provider to call again. A record that does not open, and one of a
// person whom the ledger refuses, hold nobody else up.
func TestWhatTheSpoolCannotDo(t *testing.T) {
	st := newStage(t)
	dir := t.TempDir()
	st.reopen(dir)
	id := st.enrol(st.harbour, "sms:"+ann)
	st.setBroken(errors.New("away"))
	st.say(st.own, told{ID: "1", From: bea, Text: "lost"})
	st.say(st.own, told{ID: "2", From: ann, Text: "STOP"})
	files, err := filepath.Glob(filepath.Join(dir, "*", "*.record"))
	if err != nil || len(files) != 2 {
		t.Fatalf("%v, %v", files, err)
	}
	st.ok(os.WriteFile(files[0], []byte("ruined"), 0o600))
	st.setBroken(nil)
	st.drained()
	if got := st.states(st.harbour, id); got != "stopped" || st.spool.Extent().Damaged != 1 {
		t.Errorf("she is %s; %+v", got, st.spool.Extent())
	}
	st.setBroken(errors.New("away"))
	st.ok(os.RemoveAll(filepath.Dir(files[0])))
	if w := st.call("harbour-text", "good", `[{"ID":"3","From":"`+ann+`","Text":"START"}]`); w.Code != http.StatusServiceUnavailable || st.spool.Waits(st.own.ID.String()) {
		t.Errorf("answered %d; something waits: %v", w.Code, st.spool.Waits(st.own.ID.String()))
	}
}

// While something waits, receipts go on: their order means nothing.
func TestBehindTheSpool(t *testing.T) {
	st := newStage(t)
	st.reopen(t.TempDir())
	st.enrol(st.harbour, "sms:"+ann)
	st.setBroken(errors.New("away"))
	st.say(st.own, told{ID: "1", From: ann, Text: "STOP"})
	st.setBroken(nil)
	st.say(st.own, told{ID: "r", Receipt: "SM1"})
	st.say(st.own, told{ID: "2", From: ann, Text: "START"})
	if st.spool.Extent().Records != 2 || len(st.receipts) != 1 {
		t.Errorf("%+v, %d receipts", st.spool.Extent(), len(st.receipts))
	}
}
