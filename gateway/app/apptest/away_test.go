package apptest_test

import (
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/app/apptest"
	"github.com/carillon-gateway/carillon/gateway/internal/servers"
)

// TestServersAway: Redis hangs, and who sends says so, while reports are still taken in; PostgreSQL is stopped, and nobody
// takes in what nobody could keep. When they are back everything goes on, without anybody's help.
func TestServersAway(t *testing.T) {
	t.Parallel()
	database, err := servers.StartPostgres(t.Context(), servers.PostgresOptions{})
	servers.Need(t, err)
	t.Cleanup(database.Close)
	redis, err := servers.StartRedis(t.Context(), servers.RedisOptions{})
	servers.Need(t, err)
	t.Cleanup(redis.Close)
	name, err := database.NewDatabase(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	w := apptest.New(t, apptest.Options{Storage: &apptest.Storage{Postgres: database.URL(name), Redis: []string{redis.Addr()}, OwnClock: true}})
	front, sender := w.Launch("api,scheduler,inbound"), w.Launch("relay,sender")
	people := apptest.PeopleWith("s", apptest.Numbers(t, 50))
	w.Apply("harbour")
	w.Join("harbour", people)

	if err := redis.Pause(); err != nil {
		t.Fatal(err)
	}
	w.Until(30*time.Second, "for the sender to say that Redis is away", func() bool { return !sender.Ready() })
	if !front.Ready() {
		t.Error("without Redis nobody would take an alert in")
	}
	const text = "The roof is mended."
	id := w.Report("harbour", "week-47", text)
	if err := redis.Resume(); err != nil {
		t.Fatal(err)
	}
	w.Until(30*time.Second, "for the sender to be ready again", sender.Ready)
	w.Until(30*time.Second, "for the report", func() bool { return w.Counts("harbour", id)["delivered"] == len(people) })

	database.Stop()
	w.Until(30*time.Second, "for all to say that PostgreSQL is away", func() bool { return !sender.Ready() && !front.Ready() })
	draft := gateway.Draft{Kind: gateway.KindReport, Key: "week-48", Audience: gateway.Audience{Topic: "reports"}, Words: apptest.Words("The night bus runs again.")}
	if _, err := front.API().Submit(t.Context(), "harbour", draft); err == nil {
		t.Error("a report was taken in that nobody can keep")
	}
	if err := database.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.Until(30*time.Second, "for all to be ready again", func() bool { return sender.Ready() && front.Ready() })
	w.Until(30*time.Second, "for requests to be led there", func() bool { _, err := w.API.Groups(t.Context()); return err == nil })
	next := w.Submit("harbour", draft)
	w.Until(30*time.Second, "for the next report", func() bool { return w.Counts("harbour", next)["delivered"] == len(people) })
	clean(t, w.Audit("harbour", id, people, text))
	clean(t, w.Audit("harbour", next, people, "The night bus runs again."))
}
