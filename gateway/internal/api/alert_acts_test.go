package api

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/client"
)

// held gives the path of an alert that waits for a second person, by a policy of its own.
func (w *world) held(policy string, danger bool) string {
	w.t.Helper()
	p := w.alertPolicy(policy)
	p.Release = true
	_, err := w.server.Alerts.PutPolicy(w.t.Context(), w.berlin, p)
	must(w.t, err)
	draft := w.alertDraft()
	draft.Policy, draft.DangerToLife = policy, danger
	a, err := w.server.Alerts.RaiseAlert(w.t.Context(), w.berlin, draft, gateway.AlertHand{Label: "somebody else", Token: gateway.NewID()})
	must(w.t, err)
	return "alerts/" + a.Reference
}

// heldDigest is that of the newest alert by a policy.
func (w *world) heldDigest(policy string) string {
	w.t.Helper()
	all, err := w.server.Alerts.Alerts(w.t.Context(), w.berlin.ID, gateway.ID{}, 100)
	must(w.t, err)
	for _, a := range all {
		if a.Policy.Name == policy {
			waits, err := w.server.Alerts.Waiting(w.t.Context(), w.berlin, a.Reference)
			must(w.t, err)
			return waits.Need.Digest
		}
	}
	w.t.Fatalf("there is no alert by %s", policy)
	return ""
}

// useHeldAlerts uses what the client has about alerts that wait, their roll-call and their report.
func useHeldAlerts(t *testing.T, w *world, c *client.Client) {
	t.Helper()
	ctx := t.Context()
	name := strings.TrimPrefix(w.held("two", false), "alerts/")
	waits, err := c.AlertWaiting(ctx, "berlin", name)
	if err != nil || waits.Alert.State != gateway.AlertHeld || waits.Members != 3 || len(waits.Channels) != 1 || waits.Need.Approvers == 0 || len(waits.Hands) != 1 || !strings.Contains(waits.Need.Why, `"two"`) {
		t.Fatalf("it waits: %+v, %v", waits, err)
	}
	a, err := c.ActOnAlert(ctx, "berlin", name, "release", gateway.AlertAct{Digest: waits.Need.Digest})
	if err != nil || a.State != gateway.AlertClimbing {
		t.Fatalf("released: %+v, %v", a, err)
	}
	glass, err := c.ActOnAlert(ctx, "berlin", strings.TrimPrefix(w.held("glass", true), "alerts/"), "break-glass", gateway.AlertAct{Reason: "Nobody answers."})
	if err != nil || glass.State != gateway.AlertClimbing {
		t.Errorf("sent for danger to life: %+v, %v", glass, err)
	}
	roll, err := c.AlertRollCall(ctx, "berlin", name)
	if err != nil || roll.Reference != name || roll.Told != 0 {
		t.Errorf("the roll: %+v, %v", roll, err)
	}
	report, err := c.AlertReport(ctx, "berlin", name)
	if err != nil || !strings.HasPrefix(report.Markdown, "# Incident report (draft): alert "+name) {
		t.Errorf("the report: %+v, %v", report, err)
	}
}

// untold lists the notices about alerts.
func (w *world) untold() string {
	w.t.Helper()
	all, err := w.store.Untold(w.t.Context(), 100)
	must(w.t, err)
	names := []string{}
	for _, n := range all {
		if strings.HasPrefix(n.Wording, "alert-") {
			names = append(names, n.Wording)
		}
	}
	return fmt.Sprint(names)
}

// raise asks for an alert as a role of berlin, and gives its path.
func (w *world) raise(role string, status int, change map[string]any) string {
	w.t.Helper()
	text := map[string]any{"en": map[string]string{"source": "the office", "what": "Flood", "where": "harbour", "do": "Go uphill."}}
	draft := map[string]any{"audience": map[string]any{"topic": "reports"}, "saying": map[string]any{"texts": text, "until": w.clock.Now().Add(3 * time.Hour), "next": w.clock.Now().Add(3 * time.Hour)}}
	for name, value := range change {
		draft[name] = value
	}
	var a gateway.AlertView
	w.want(status, ask{method: "POST", path: "/api/v1/groups/berlin/alerts", token: "berlin " + role, body: draft}, &a)
	return "/api/v1/groups/berlin/alerts/" + a.Reference
}

func (w *world) rule(r *gateway.ReleaseRule) {
	w.t.Helper()
	g := w.berlin
	g.Release = r
	_, err := w.store.PutGroup(w.t.Context(), g)
	must(w.t, err)
}

// By the API: the group's rule holds an alert; an author does not release it, nor its author with another token, nor whoever
// changed it; an approver releases just what she saw.
func TestASecondPersonReleasesAnAlertByPolicy(t *testing.T) {
	w := newWorld(t)
	w.rule(&gateway.ReleaseRule{Alerts: true})
	path := w.raise("approver", http.StatusCreated, nil)
	waiting := func() (held gateway.AlertWaiting) {
		t.Helper()
		w.want(http.StatusOK, ask{method: "GET", path: path + "/release", token: "berlin viewer"}, &held)
		return held
	}
	release := func(status int, role, digest string) {
		t.Helper()
		w.want(status, ask{method: "POST", path: path + "/release", token: "berlin " + role, body: map[string]string{"digest": digest}}, nil)
	}
	first := waiting()
	if first.Alert.State != gateway.AlertHeld || first.Need.Approvers != 1 || len(first.Need.Digest) != 64 || w.untold() != "[alert-waits]" {
		t.Fatalf("it waits: %+v, told %s", first, w.untold())
	}
	release(http.StatusForbidden, "author", first.Need.Digest)
	release(http.StatusForbidden, "approver", first.Need.Digest)
	release(http.StatusConflict, "administrator", strings.Repeat("0", 64))
	var ack gateway.AckResult
	w.want(http.StatusOK, ask{method: "POST", path: path + "/ack", token: "berlin author"}, &ack)
	if ack.Outcome != gateway.AckNotYet {
		t.Errorf("an answer before it is released: %+v", ack)
	}

	text := map[string]any{"en": map[string]string{"source": "the office", "what": "High water", "where": "harbour", "do": "Go uphill."}}
	w.want(http.StatusOK, ask{method: "POST", path: path + "/update", token: "berlin author", body: map[string]any{"saying": map[string]any{"texts": text, "until": first.Alert.Saying.Until, "next": first.Alert.Saying.Until}}}, nil)
	second := waiting()
	if second.Need.Digest == first.Need.Digest || len(second.Hands) != 2 || second.Alert.Updates != 0 || w.untold() != "[alert-waits alert-waits]" {
		t.Fatalf("changed: %+v, told %s", second, w.untold())
	}
	release(http.StatusConflict, "administrator", first.Need.Digest)
	release(http.StatusOK, "administrator", second.Need.Digest)
	release(http.StatusConflict, "administrator", second.Need.Digest)
	w.want(http.StatusConflict, ask{method: "GET", path: path + "/release", token: "berlin viewer"}, nil)
	var a gateway.AlertView
	w.want(http.StatusOK, ask{method: "GET", path: path, token: "berlin viewer"}, &a)
	if a.State != gateway.AlertClimbing || !a.ExpiresAt.Equal(a.Saying.Until) || a.Saying.Texts["en"].What != "High water" {
		t.Errorf("released: %+v", a)
	}
	for role, status := range map[string]int{"author": http.StatusForbidden, "approver": http.StatusOK} { // another text than that which was looked at
		w.want(status, ask{method: "POST", path: path + "/update", token: "berlin " + role, body: map[string]any{"saying": map[string]any{"texts": text, "until": first.Alert.Saying.Until, "next": first.Alert.Saying.Until}}}, nil)
	}
	var lines struct{ Items []gateway.TimelineEntry }
	w.want(http.StatusOK, ask{method: "GET", path: path + "/timeline", token: "berlin viewer"}, &lines)
	if len(lines.Items) < 4 || lines.Items[0].Kind != gateway.EventRaised || lines.Items[1].Kind != gateway.EventUpdated || lines.Items[2].Kind != gateway.EventReleased || lines.Items[2].By.Label != "berlin administrator" || lines.Items[3].Kind != gateway.EventSent {
		t.Errorf("its timeline: %+v", lines.Items)
	}
}

// An exercise needs nobody, nor does an alert for fewer members than the rule says; one for more does, and may be cancelled while
// it waits.
func TestWhatNeedsNobodyGoes(t *testing.T) {
	w := newWorld(t)
	state := func(path string) gateway.AlertState {
		t.Helper()
		var a gateway.AlertView
		w.want(http.StatusOK, ask{method: "GET", path: path, token: "berlin viewer"}, &a)
		return a.State
	}
	w.rule(&gateway.ReleaseRule{Alerts: true})
	if s := state(w.raise("author", http.StatusCreated, map[string]any{"exercise": true})); s != gateway.AlertClimbing {
		t.Errorf("an exercise is %s", s)
	}
	w.rule(&gateway.ReleaseRule{Above: 3})
	if s := state(w.raise("author", http.StatusCreated, nil)); s != gateway.AlertClimbing {
		t.Errorf("a small alert is %s", s)
	}
	w.rule(&gateway.ReleaseRule{Above: 2})
	var rehearsed gateway.AlertView
	draft := w.alertDraft()
	draft.DryRun = true
	w.want(http.StatusOK, ask{method: "POST", path: "/api/v1/groups/berlin/alerts", token: "berlin author", body: draft}, &rehearsed)
	path := w.raise("author", http.StatusCreated, nil)
	if s := state(path); s != gateway.AlertHeld || rehearsed.State != gateway.AlertHeld {
		t.Errorf("a large alert is %s, and was to be %s", s, rehearsed.State)
	}
	w.want(http.StatusConflict, ask{method: "POST", path: path + "/clear", token: "berlin author", body: map[string]any{}}, nil)
	w.want(http.StatusOK, ask{method: "POST", path: path + "/cancel", token: "berlin author", body: map[string]any{}}, nil)
	if s := state(path); s != gateway.AlertCancelled {
		t.Errorf("cancelled is %s", s)
	}
	if sent, err := w.store.AlertBroadcasts(t.Context(), w.berlin.ID, rehearsed.ID); err != nil || len(sent) != 0 {
		t.Errorf("a rehearsal sent %v, %v", sent, err)
	}
}

// Danger to life goes without a second person, with a reason of which everybody hears; what nobody releases ends, and not in silence.
func TestGlassAndSilence(t *testing.T) {
	w := newWorld(t)
	w.rule(&gateway.ReleaseRule{Alerts: true, Minutes: 30})
	w.raise("author", http.StatusUnprocessableEntity, map[string]any{"break_glass": "Nobody answers."})
	w.raise("author", http.StatusUnprocessableEntity, map[string]any{"danger_to_life": true, "break_glass": "help"})
	if w.untold() != "[]" {
		t.Fatalf("told %s", w.untold())
	}
	path := w.raise("author", http.StatusCreated, map[string]any{"danger_to_life": true, "break_glass": "Nobody answers."})
	later := w.raise("author", http.StatusCreated, map[string]any{"danger_to_life": true})
	calm := w.raise("author", http.StatusCreated, nil)
	smash := func(status int, path, reason string) {
		t.Helper()
		w.want(status, ask{method: "POST", path: path + "/break-glass", token: "berlin author", body: map[string]string{"reason": reason}}, nil)
	}
	smash(http.StatusConflict, path, "Nobody answers.")
	smash(http.StatusUnprocessableEntity, calm, "Nobody answers.")
	smash(http.StatusUnprocessableEntity, later, "no")
	smash(http.StatusOK, later, "The water rises and nobody answers.")
	if w.untold() != "[alert-glass alert-waits alert-waits alert-glass]" {
		t.Errorf("told %s", w.untold())
	}
	for at, reason := range map[string]string{path: "Nobody answers.", later: "The water rises and nobody answers."} {
		var lines struct{ Items []gateway.TimelineEntry }
		w.want(http.StatusOK, ask{method: "GET", path: at + "/timeline", token: "berlin viewer"}, &lines)
		if len(lines.Items) < 3 || lines.Items[1].Kind != gateway.EventGlass || lines.Items[1].Detail != reason || lines.Items[2].Kind != gateway.EventSent || lines.Items[2].Detail == reason {
			t.Errorf("its timeline: %+v", lines.Items)
		}
	}

	w.clock.wind(31 * time.Minute)
	desk := w.server.Alerts.(alertsOf)
	_, err := desk.Tick(t.Context())
	must(t, err)
	var a gateway.AlertView
	w.want(http.StatusOK, ask{method: "GET", path: calm, token: "berlin viewer"}, &a)
	if sent, err := w.store.AlertBroadcasts(t.Context(), w.berlin.ID, a.ID); a.State != gateway.AlertExpired || err != nil || len(sent) != 0 || !strings.HasSuffix(w.untold(), " alert-unreleased]") {
		t.Errorf("nobody released it: %s, sent %v, told %s, %v", a.State, sent, w.untold(), err)
	}
	w.want(http.StatusConflict, ask{method: "POST", path: calm + "/release", token: "berlin approver", body: map[string]string{"digest": strings.Repeat("0", 64)}}, nil)
	w.want(http.StatusOK, ask{method: "POST", path: calm + "/cancel", token: "berlin author", body: map[string]any{}}, nil)
}
