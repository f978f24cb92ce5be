package api

import (
	"context"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/client"
	"github.com/carillon-gateway/carillon/gateway/internal/release"
)

// Offer stands where fan-out will.
func (s *services) Offer(_ context.Context, d gateway.Draft) (gateway.ReleaseOffer, error) {
	class, err := gateway.ClassOf(d.Kind, d.DangerToLife)
	if err != nil {
		return gateway.ReleaseOffer{}, err
	}
	now := s.clock.Now()
	b := gateway.Broadcast{ID: gateway.NewID(), GroupID: d.Group, Key: d.Key, Kind: d.Kind, Class: class, Audience: d.Audience, Words: d.Words, Author: d.Author, Policy: gateway.PolicyOf(class), CreatedAt: now, StartAt: now, ExpiresAt: now.Add(time.Hour)}
	if b.Key == "" {
		b.Key = b.ID.String()
	}
	digest := []byte("0000000000000000000000000000000000000000000000000000000000000000")
	copy(digest, gateway.ID{byte(len(d.Words.Sources["en"]))}.String())
	for i, c := range digest {
		if c == '-' {
			digest[i] = '0'
		}
	}
	return gateway.ReleaseOffer{Ready: gateway.ReadyBroadcast{Broadcast: b, Fingerprint: []byte(d.Words.Sources["en"])}, Members: 3, Digest: string(digest), Channels: []gateway.ReleaseWay{}}, nil
}

// releasing is what people do with broadcasts in a group with a rule.
type releasing struct {
	*release.Desk
	*services
}

func (r releasing) Submit(ctx context.Context, d gateway.Draft) (gateway.HandedIn, error) {
	return r.Desk.Submit(ctx, d)
}

func (r releasing) Preview(ctx context.Context, d gateway.Draft) (gateway.Preview, error) {
	return r.Desk.Preview(ctx, d)
}

func newReleases(w *world) *release.Desk {
	return release.New(release.Options{Store: w.store, Sender: w.fake, Look: func() {}, Now: w.clock.Now, Log: slog.New(slog.DiscardHandler)})
}

// wait makes something that waits for a second person, by a hand with this label, or another than those of the tokens.
func (w *world) wait(key string, danger bool, by ...string) gateway.ID {
	w.t.Helper()
	ctx := context.Background()
	g := w.berlin
	g.Release = &gateway.ReleaseRule{Alerts: true}
	g, err := w.store.PutGroup(ctx, g)
	must(w.t, err)
	in, err := newReleases(w).Submit(ctx, gateway.Draft{Group: g.ID, Key: key, Kind: gateway.KindAlert, DangerToLife: danger, Audience: gateway.Audience{Topic: "reports"},
		Words: gateway.Words{Sources: map[string]string{"en": "The dyke may break."}}, Author: append(by, "somebody else")[0], Token: gateway.NewID()})
	must(w.t, err)
	return in.ID
}

// waitingDigest is that of whatever wait makes.
func (w *world) waitingDigest() string {
	w.t.Helper()
	r, err := w.store.ReleaseByID(context.Background(), w.berlin.ID, w.wait(gateway.NewID().String(), false))
	must(w.t, err)
	return r.Digest
}

// releasedBy uses every method of the client about releases.
func (w *world) releasedBy(c *client.Client) {
	w.t.Helper()
	ctx := context.Background()
	id := w.wait("waits", true)
	list, err := c.Releases(ctx, "berlin", 0)
	must(w.t, err)
	if len(list) != 1 || list[0].ID != id || list[0].Draft != nil {
		w.t.Errorf("listed: %+v", list)
	}
	r, err := c.Release(ctx, "berlin", id)
	must(w.t, err)
	if r.Draft == nil || r.Draft.Words.Sources["en"] != "The dyke may break." {
		w.t.Errorf("read: %+v", r.Draft)
	}
	r, err = c.ApproveRelease(ctx, "berlin", id, r.Digest)
	must(w.t, err)
	if r.State != gateway.ReleaseApproved {
		w.t.Errorf("approved: %+v", r)
	}
	id = w.wait("again", true)
	in, err := c.ReplaceRelease(ctx, "berlin", id, gateway.Draft{Kind: gateway.KindAlert, DangerToLife: true, Audience: gateway.Audience{Topic: "reports"}, Words: gateway.Words{Sources: map[string]string{"en": "Changed."}}})
	must(w.t, err)
	if in.ID != id || in.Release == nil {
		w.t.Errorf("replaced: %+v", in)
	}
	if r, err = c.BreakGlass(ctx, "berlin", id, "Nobody answers."); err != nil || r.State != gateway.ReleaseGlass {
		w.t.Errorf("sent for danger to life: %+v, %v", r, err)
	}
	if r, err = c.RefuseRelease(ctx, "berlin", w.wait("third", false), "No."); err != nil || r.State != gateway.ReleaseRefused {
		w.t.Errorf("refused: %+v, %v", r, err)
	}
}

// By the API, an author's alert waits with 202 and nothing of it is sent; she does not release it, an approver does.
func TestAnAlertWaitsForASecondPerson(t *testing.T) {
	w := newWorld(t, func(o *Options) {
		desk := o.Releases.(*release.Desk)
		o.Broadcasts = releasing{desk, o.Broadcasts.(*services)}
	})
	g := w.berlin
	g.Release = &gateway.ReleaseRule{Alerts: true}
	_, err := w.store.PutGroup(t.Context(), g)
	must(t, err)
	path := "/api/v1/groups/berlin/"
	draft := map[string]any{"kind": "alert", "audience": map[string]any{"topic": "reports"}, "words": map[string]any{"sources": map[string]string{"en": "The dyke may break."}}}
	var in gateway.HandedIn
	w.want(http.StatusAccepted, ask{method: "POST", path: path + "broadcasts", token: "berlin author", body: draft}, &in)
	w.want(http.StatusNotFound, ask{method: "GET", path: path + "broadcasts/" + in.ID.String(), token: "berlin author"}, nil)
	approve := ask{method: "POST", path: path + "releases/" + in.ID.String() + "/approve", token: "berlin author", body: map[string]string{"digest": in.Release.Digest}}
	w.want(http.StatusForbidden, approve, nil)
	approve.token = "nairobi administrator"
	w.want(http.StatusNotFound, approve, nil)
	approve.token = "berlin approver"
	var r gateway.Release
	w.want(http.StatusOK, approve, &r)
	if r.State != gateway.ReleaseApproved || r.Draft != nil {
		t.Errorf("approved: %+v", r)
	}
	w.want(http.StatusOK, ask{method: "GET", path: path + "broadcasts/" + in.ID.String(), token: "berlin author"}, nil)

	draft["break_glass"], draft["danger_to_life"] = "Nobody answers.", true
	w.want(http.StatusCreated, ask{method: "POST", path: path + "broadcasts", token: "berlin author", body: draft}, &in)
	if in.Release.State != "glass" {
		t.Errorf("sent for danger to life: %+v", in.Release)
	}
}
