package release_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/release"
	"github.com/carillon-gateway/carillon/gateway/internal/seal"
	"github.com/carillon-gateway/carillon/gateway/internal/store/blank"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sqlite"
)

// world is a real ledger with one group, in which alerts and what is for more than ten members need a second person.
type world struct {
	*release.Desk
	t       *testing.T
	s       *sqlite.Store
	group   gateway.Group
	now     time.Time
	members int    // who are meant
	channel string // that would carry it
	looks   int
}

func newWorld(t *testing.T) *world {
	t.Helper()
	ring, err := seal.NewRing(make([]byte, 32), seal.Key{ID: "k1", Secret: make([]byte, 32)})
	w := &world{t: t, now: time.Date(2026, 3, 28, 9, 0, 0, 0, time.UTC), members: 3, channel: "sms-a"}
	w.ok(err)
	w.s, err = sqlite.Open(t.Context(), sqlite.Options{Dir: blank.Folder(t), Ring: ring, Now: func() time.Time { return w.now }})
	w.ok(err)
	t.Cleanup(func() { w.ok(w.s.Close()) })
	w.group, err = w.s.PutGroup(t.Context(), gateway.Group{Slug: "berlin", Name: "Berlin", Locale: "de", Zone: "Europe/Berlin", Topics: []gateway.Topic{{Name: "alerts"}}, Release: &gateway.ReleaseRule{Alerts: true, Above: 10}})
	w.ok(err)
	w.Desk = release.New(release.Options{Store: w.s, Sender: w, Look: func() { w.looks++ }, Now: func() time.Time { return w.now }, Log: slog.New(slog.DiscardHandler)})
	return w
}

// Offer stands where fan-out is: its digest is of all that a real one's is.
func (w *world) Offer(_ context.Context, d gateway.Draft) (gateway.ReleaseOffer, error) {
	class, err := gateway.ClassOf(d.Kind, d.DangerToLife)
	if err != nil {
		return gateway.ReleaseOffer{}, err
	}
	b := gateway.Broadcast{ID: gateway.NewID(), GroupID: d.Group, Key: d.Key, Kind: d.Kind, Class: class, Audience: d.Audience, Words: d.Words, Author: d.Author, State: gateway.Planning, Policy: gateway.PolicyOf(class), CreatedAt: w.now, StartAt: d.StartAt, ExpiresAt: d.ExpiresAt}
	if b.Key == "" {
		b.Key = b.ID.String()
	}
	if b.StartAt.IsZero() {
		b.StartAt = w.now
	}
	if b.ExpiresAt.IsZero() {
		b.ExpiresAt = b.StartAt.Add(b.Policy.Expires)
	}
	print := fmt.Sprint(d.Kind, d.Audience, d.Words, d.StartAt)
	return gateway.ReleaseOffer{Ready: gateway.ReadyBroadcast{Broadcast: b, Fingerprint: []byte(print)}, Members: w.members, Digest: print + w.channel, Channels: []gateway.ReleaseWay{{Kind: "sms", Channel: w.channel}}}, nil
}

func (w *world) Submit(ctx context.Context, d gateway.Draft) (gateway.HandedIn, error) {
	offer, err := w.Offer(ctx, d)
	if err != nil {
		return gateway.HandedIn{}, err
	}
	s, err := w.s.Submit(ctx, offer.Ready.Broadcast, offer.Ready.Fingerprint, nil)
	return gateway.HandedIn{Submission: s}, err
}

func (w *world) Preview(context.Context, gateway.Draft) (gateway.Preview, error) {
	return gateway.Preview{Members: w.members}, nil
}

func (w *world) ok(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) refused(err error, code gateway.Code, with string) {
	w.t.Helper()
	var f *gateway.Fault
	if !errors.As(err, &f) || f.Code != code || !strings.Contains(f.Text, with) {
		w.t.Fatalf("%v; want %s with %q", err, code, with)
	}
}

func (w *world) token(label string, role gateway.Role) gateway.Hand {
	w.t.Helper()
	_, digest := gateway.MintToken()
	t := gateway.Token{ID: gateway.NewID(), GroupID: w.group.ID, Role: role, Label: label, Digest: digest, CreatedAt: w.now}
	w.ok(w.s.PutToken(w.t.Context(), t))
	return gateway.Hand{Label: label, Token: t.ID}
}

func (w *world) alert(by gateway.Hand, text string) gateway.Draft {
	return gateway.Draft{Group: w.group.ID, Key: "dyke", Kind: gateway.KindAlert, Audience: gateway.Audience{Topic: "alerts"}, Words: gateway.Words{Sources: map[string]string{"en": text}}, Author: by.Label, Token: by.Token}
}

// sent lists what fan-out would plan.
func (w *world) sent() []gateway.Broadcast {
	w.t.Helper()
	all, err := w.s.Unplanned(w.t.Context(), 10)
	w.ok(err)
	return all
}

func (w *world) told() (wordings []string) {
	w.t.Helper()
	all, err := w.s.Untold(w.t.Context(), 50)
	w.ok(err)
	for _, n := range all {
		wordings = append(wordings, n.Wording)
	}
	return wordings
}

// hand in through the desk, not through the fake that it embeds.
func (w *world) handIn(d gateway.Draft) gateway.HandedIn {
	w.t.Helper()
	in, err := w.Desk.Submit(w.t.Context(), d)
	w.ok(err)
	return in
}

// An alert waits until a second person has released exactly it; its author does not, with whichever token.
func TestASecondPersonReleasesAnAlert(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	ana, ben := w.token("Ana", gateway.Administrator), w.token("Ben", gateway.Approver)
	again := w.token("  ANA ", gateway.Approver)
	in := w.handIn(w.alert(ana, "The dyke may break."))
	if !in.Created || in.Release == nil || in.Release.State != "waiting" || in.Release.Approvers != 1 || in.Release.Lacks != "" || len(w.sent()) != 0 || fmt.Sprint(w.told()) != "[release-waits]" {
		t.Fatalf("handed in: %+v, sent %d, told %v", in, len(w.sent()), w.told())
	}
	if twice := w.handIn(w.alert(ana, "The dyke may break.")); twice.ID != in.ID || twice.Created || len(w.told()) != 1 {
		t.Fatalf("handed in twice: %+v", twice)
	}
	_, err := w.Desk.Submit(ctx, w.alert(ana, "Another."))
	w.refused(err, gateway.CodeKeyReused, "--replace")
	for _, who := range []gateway.Hand{ana, again, {Label: "new", Token: ana.Token}} {
		_, err := w.Approve(ctx, w.group.ID, in.ID, in.Release.Digest, who)
		w.refused(err, gateway.CodeForbidden, "ask the other person")
	}
	_, err = w.Approve(ctx, w.group.ID, in.ID, "something else", ben)
	w.refused(err, gateway.CodeConflict, "changed since you looked")
	w.now = w.now.Add(10 * time.Minute)
	r, err := w.Approve(ctx, w.group.ID, in.ID, in.Release.Digest, ben)
	w.ok(err)
	sent := w.sent()
	if r.State != gateway.ReleaseApproved || len(sent) != 1 || sent[0].ID != in.ID || !sent[0].StartAt.Equal(w.now) || !sent[0].ExpiresAt.Equal(w.now.Add(12*time.Hour)) || w.looks != 1 {
		t.Fatalf("released: %+v, sent %+v", r, sent)
	}
	_, err = w.Approve(ctx, w.group.ID, in.ID, in.Release.Digest, ben)
	w.refused(err, gateway.CodeConflict, "nothing to decide")
	if known := w.handIn(w.alert(ana, "The dyke may break.")); known.ID != in.ID || known.Created || known.Release != nil || len(w.sent()) != 1 {
		t.Fatalf("handed in after it was sent: %+v", known)
	}
}

// Whoever changes a message voids what was looked at, and does not approve it either.
func TestAnEditNeedsASecondPersonAgain(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	ana, ben, cem := w.token("Ana", gateway.Author), w.token("Ben", gateway.Approver), w.token("Cem", gateway.Approver)
	in := w.handIn(w.alert(ana, "The dyke may break."))
	edited, err := w.Replace(ctx, in.ID, w.alert(ben, "The dyke may break!"))
	w.ok(err)
	if edited.Release.Digest == in.Release.Digest || len(w.told()) != 2 {
		t.Fatalf("edited: %+v, told %v", edited.Release, w.told())
	}
	_, err = w.Approve(ctx, w.group.ID, in.ID, in.Release.Digest, cem)
	w.refused(err, gateway.CodeConflict, "changed since you looked")
	_, err = w.Approve(ctx, w.group.ID, in.ID, edited.Release.Digest, ben)
	w.refused(err, gateway.CodeForbidden, "wrote or changed")
	w.channel = "sms-b" // another channel would carry it now
	_, err = w.Approve(ctx, w.group.ID, in.ID, edited.Release.Digest, cem)
	w.refused(err, gateway.CodeConflict, "other channels")
	if len(w.sent()) != 0 {
		t.Fatal("something is sent that nobody released")
	}
	r, err := w.Release(ctx, w.group.ID, in.ID)
	w.ok(err)
	_, err = w.Approve(ctx, w.group.ID, in.ID, r.Digest, cem)
	w.ok(err)
	if sent := w.sent(); len(sent) != 1 || sent[0].Words.Sources["en"] != "The dyke may break!" || sent[0].Author != "Ana" {
		t.Fatalf("sent: %+v", sent)
	}
}

// Size counts, and what it says is said beforehand; what needs nobody goes at once.
func TestSizeCounts(t *testing.T) {
	w := newWorld(t)
	ana := w.token("Ana", gateway.Author)
	report := w.alert(ana, "The well is dug.")
	report.Kind, w.members = gateway.KindReport, 10
	p, err := w.Desk.Preview(t.Context(), report)
	w.ok(err)
	if in := w.handIn(report); in.Release != nil || !in.Created || len(w.sent()) != 1 || p.Release != nil {
		t.Fatalf("a small report: %+v, %+v", in, p.Release)
	}
	report.Key, w.members = "large", 11
	p, err = w.Desk.Preview(t.Context(), report)
	w.ok(err)
	if p.Release == nil || !strings.Contains(p.Release.Lacks, "carillon token create --group berlin --role approver") {
		t.Fatalf("the preview says %+v", p.Release)
	}
	if in := w.handIn(report); in.Release == nil || in.Release.Lacks == "" || len(w.sent()) != 1 {
		t.Fatalf("a large report: %+v", in.Release)
	}
}

// It waits for a time, then it is over and everybody hears so; refused or over, it may be asked about again.
func TestSilenceSendsNothing(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	ana, ben := w.token("Ana", gateway.Author), w.token("Ben", gateway.Approver)
	in := w.handIn(w.alert(ana, "The dyke may break."))
	w.now = w.now.Add(gateway.ReleaseAlerts)
	_, err := w.Approve(ctx, w.group.ID, in.ID, in.Release.Digest, ben)
	w.refused(err, gateway.CodeConflict, "has waited until")
	w.ok(w.Lapse(ctx))
	w.ok(w.Lapse(ctx))
	if fmt.Sprint(w.told()) != "[release-waits release-expired]" || len(w.sent()) != 0 {
		t.Fatalf("told %v", w.told())
	}
	again, err := w.Replace(ctx, in.ID, w.alert(ana, "The dyke may break."))
	w.ok(err)
	_, err = w.Refuse(ctx, w.group.ID, in.ID, "It holds.", w.token("Dilan", gateway.Author), false)
	w.refused(err, gateway.CodeForbidden, "only an approver")
	r, err := w.Refuse(ctx, w.group.ID, in.ID, "It holds.", ben, true)
	w.ok(err)
	if r.State != gateway.ReleaseRefused || r.Steps[len(r.Steps)-1].Why != "It holds." {
		t.Fatalf("refused: %+v", r)
	}
	_, err = w.Approve(ctx, w.group.ID, in.ID, again.Release.Digest, ben)
	w.refused(err, gateway.CodeConflict, "this is refused")
	_, err = w.Replace(ctx, in.ID, w.alert(ana, "It does not."))
	w.ok(err)
	r, err = w.Refuse(ctx, w.group.ID, in.ID, "", ana, false)
	w.ok(err)
	if r.State != gateway.ReleaseWithdrawn {
		t.Fatalf("taken back: %+v", r)
	}
	_, err = w.Replace(ctx, in.ID, w.alert(ana, "Once more."))
	w.refused(err, gateway.CodeConflict, "withdrawn")
}

// Danger to life goes without the second person, with a reason that all read; she looks at it afterwards.
func TestBreakGlass(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	ana, ben := w.token("Ana", gateway.Author), w.token("Ben", gateway.Approver)
	d := w.alert(ana, "Fire in the house.")
	d.Glass = "Nobody answers."
	_, err := w.Desk.Submit(ctx, d)
	w.refused(err, gateway.CodeInvalid, "danger to life")
	d.DangerToLife = true
	d.Glass = "help"
	_, err = w.Desk.Submit(ctx, d)
	w.refused(err, gateway.CodeInvalid, "10 characters")
	if len(w.sent()) != 0 || len(w.told()) != 0 {
		t.Fatal("something happened")
	}
	d.Glass = "Nobody answers."
	in := w.handIn(d)
	if sent := w.sent(); in.Release.State != "glass" || len(sent) != 1 || sent[0].ID != in.ID || fmt.Sprint(w.told()) != "[release-glass]" {
		t.Fatalf("%+v, told %v", in.Release, w.told())
	}
	_, err = w.Approve(ctx, w.group.ID, in.ID, "", ana)
	w.refused(err, gateway.CodeForbidden, "ask the other person")
	r, err := w.Approve(ctx, w.group.ID, in.ID, "", ben)
	w.ok(err)
	if r.State != gateway.ReleaseReviewed || r.Steps[1].Why != "Nobody answers." || len(w.sent()) != 1 {
		t.Fatalf("looked at: %+v", r)
	}

	// One that waits is not stuck either.
	d.Key, d.Glass = "second", ""
	in = w.handIn(d)
	r, err = w.Break(ctx, w.group.ID, in.ID, "The roof burns too.", ana)
	w.ok(err)
	if r.State != gateway.ReleaseGlass || len(w.sent()) != 2 {
		t.Fatalf("%+v", r)
	}
}
