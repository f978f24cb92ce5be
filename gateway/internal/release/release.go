package release

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

// Store is what a Desk keeps things in.
type Store interface {
	gateway.Releases
	GroupByID(ctx context.Context, id gateway.ID) (gateway.Group, error)
	Submit(ctx context.Context, b gateway.Broadcast, fingerprint []byte, whole *gateway.Chunk) (gateway.Submission, error)
	Tokens(ctx context.Context, group gateway.ID) ([]gateway.Token, error)
}

// Sender is fan-out: what takes broadcasts in that need nobody else.
type Sender interface {
	Submit(ctx context.Context, d gateway.Draft) (gateway.HandedIn, error)
	Preview(ctx context.Context, d gateway.Draft) (gateway.Preview, error)
	// Offer checks a draft as Submit does, and stores nothing.
	Offer(ctx context.Context, d gateway.Draft) (gateway.ReleaseOffer, error)
}

// Options are the parts of a Desk.
type Options struct {
	Store  Store
	Sender Sender
	Look   func() // has whoever plans broadcasts look for new ones at once
	Told   func() // has whoever tells people look at once; nil: they look before long anyway
	Now    func() time.Time
	Log    *slog.Logger
}

// Desk is what people do with messages that may need a second person. It is safe for concurrent use.
type Desk struct{ Options }

// New makes a desk.
func New(o Options) *Desk {
	if o.Told == nil {
		o.Told = func() {}
	}
	return &Desk{o}
}

// errHeld keeps the ledger from storing a broadcast whose key is new.
var errHeld = errors.New("it waits for a second person")

// Preview says what a draft would do, and whether it needs a second person.
func (d *Desk) Preview(ctx context.Context, draft gateway.Draft) (gateway.Preview, error) {
	p, err := d.Sender.Preview(ctx, draft)
	if err != nil {
		return p, err
	}
	g, err := d.Store.GroupByID(ctx, draft.Group)
	if err != nil {
		return p, err
	}
	if why := g.Release.Needs(draft.Kind, p.Members); why != "" {
		need := gateway.ReleaseNeed{Why: why}
		if err := d.Others(ctx, g, []gateway.Hand{author(draft)}, &need); err != nil {
			return p, err
		}
		p.Release = &need
	}
	return p, nil
}

// Submit takes a draft in: at once, or to wait for a second person if the group's rule wants her.
func (d *Desk) Submit(ctx context.Context, draft gateway.Draft) (gateway.HandedIn, error) {
	why, reason := "", draft.Glass
	draft.Glass = ""
	g, err := d.Store.GroupByID(ctx, draft.Group)
	if err != nil {
		return gateway.HandedIn{}, err
	}
	if !g.Release.May(draft.Kind) {
		return d.Sender.Submit(ctx, draft)
	}
	offer, err := d.Sender.Offer(ctx, draft)
	if err != nil {
		return gateway.HandedIn{}, err
	}
	if why = g.Release.Needs(draft.Kind, offer.Members); why == "" {
		return d.Sender.Submit(ctx, draft)
	}
	known, err := d.known(ctx, offer)
	if err != nil || !known.ID.IsZero() {
		return gateway.HandedIn{Submission: known}, err
	}
	r, err := d.Store.ReleaseByKey(ctx, g.ID, offer.Ready.Broadcast.Key)
	fresh := errors.Is(err, gateway.ErrNotFound)
	switch {
	case err != nil && !fresh:
		return gateway.HandedIn{}, err
	case fresh:
		r = gateway.Release{ID: offer.Ready.Broadcast.ID, GroupID: g.ID, Key: offer.Ready.Broadcast.Key, Class: offer.Ready.Broadcast.Class, CreatedAt: d.Now().UTC()}
		err = d.write(&r, g, draft, offer, why, author(draft))
	case string(r.Fingerprint) != string(offer.Ready.Fingerprint):
		err = gateway.Faultf(gateway.CodeKeyReused, "the key %q belongs to another message, which is %s; put this one in its place (carillon send --replace %s), or take another key", r.Key, r.State, r.ID)
	}
	if err != nil {
		return gateway.HandedIn{}, err
	}
	switch {
	case reason != "" && (r.State == gateway.ReleaseWaiting || r.State == gateway.ReleaseExpired):
		r, err = d.breakGlass(ctx, r, reason, author(draft))
	case fresh:
		r.State = gateway.ReleaseWaiting
		r, err = d.put(ctx, r, nil, r.Notice(gateway.NoticeReleaseWaits))
	}
	if err != nil {
		return gateway.HandedIn{}, err
	}
	need, err := d.need(ctx, g, r)
	return gateway.HandedIn{Submission: gateway.Submission{ID: r.ID, Created: fresh}, Release: &need}, err
}

// known gives the broadcast that has the offer's key already; none: zero.
func (d *Desk) known(ctx context.Context, offer gateway.ReleaseOffer) (gateway.Submission, error) {
	b := offer.Ready.Broadcast
	b.Refused = errHeld
	s, err := d.Store.Submit(ctx, b, offer.Ready.Fingerprint, nil)
	if errors.Is(err, errHeld) {
		return gateway.Submission{}, nil
	}
	return s, err
}

// write puts a draft, as it was offered, into a release.
func (d *Desk) write(r *gateway.Release, g gateway.Group, draft gateway.Draft, offer gateway.ReleaseOffer, why string, by gateway.Hand) error {
	now := d.Now().UTC()
	r.Draft, r.Fingerprint, r.Digest, r.Members, r.Channels, r.Why = &draft, offer.Ready.Fingerprint, offer.Digest, offer.Members, offer.Channels, why
	if !slices.Contains(r.Hands, by) {
		r.Hands = append(slices.Clone(r.Hands), by)
	}
	if r.ExpiresAt = now.Add(g.Release.Waits(draft.Kind)); r.ExpiresAt.After(offer.Ready.Broadcast.ExpiresAt) && !draft.ExpiresAt.IsZero() {
		r.ExpiresAt = offer.Ready.Broadcast.ExpiresAt.UTC()
	}
	r.ExpiresAt = r.ExpiresAt.Truncate(time.Microsecond)
	r.CreatedAt = r.CreatedAt.Truncate(time.Microsecond)
	step := gateway.ReleaseStep{To: gateway.ReleaseWaiting, At: now, By: by}
	if r.Revision == 0 {
		r.State, r.Steps = step.To, []gateway.ReleaseStep{step}
		return nil
	}
	return r.Step(step)
}

// Replace puts another draft in the place of one that waits, was refused or has expired: whatever was said of that one is void.
func (d *Desk) Replace(ctx context.Context, id gateway.ID, draft gateway.Draft) (gateway.HandedIn, error) {
	g, r, err := d.read(ctx, draft.Group, id)
	if err != nil {
		return gateway.HandedIn{}, err
	}
	if draft.Glass != "" {
		return gateway.HandedIn{}, gateway.Faultf(gateway.CodeInvalid, "change it first, then send it for danger to life with release break-glass")
	}
	draft.Key = r.Key
	offer, err := d.Sender.Offer(ctx, draft)
	if err != nil {
		return gateway.HandedIn{}, err
	}
	why := g.Release.Needs(draft.Kind, offer.Members)
	if why == "" {
		why = "a second person was asked before it was changed"
	}
	r.Class = offer.Ready.Broadcast.Class
	by := author(draft)
	draft.Author, draft.Token = r.Hands[0].Label, r.Hands[0].Token
	if err := d.write(&r, g, draft, offer, why, by); err != nil {
		return gateway.HandedIn{}, err
	}
	if r, err = d.put(ctx, r, nil, r.Notice(gateway.NoticeReleaseWaits)); err != nil {
		return gateway.HandedIn{}, err
	}
	need, err := d.need(ctx, g, r)
	return gateway.HandedIn{Submission: gateway.Submission{ID: r.ID}, Release: &need}, err
}

// Approve releases a message: it is sent now. The digest is of what the approver has looked at. Whoever had a hand in it
// cannot: CodeForbidden. Of one that was sent without a second person, it says that she has looked at it since.
func (d *Desk) Approve(ctx context.Context, group, id gateway.ID, digest string, who gateway.Hand) (gateway.Release, error) {
	g, r, err := d.read(ctx, group, id)
	if err != nil {
		return r, err
	}
	if r.WrittenBy(who) {
		need := gateway.ReleaseNeed{}
		if err := d.Others(ctx, g, r.Hands, &need); err != nil {
			return r, err
		}
		return r, gateway.Faultf(gateway.CodeForbidden, "whoever wrote or changed a message does not approve it, with whichever of her tokens; %s", ask(need))
	}
	if r.State == gateway.ReleaseGlass {
		if err := r.Step(gateway.ReleaseStep{To: gateway.ReleaseReviewed, At: d.Now().UTC(), By: who}); err != nil {
			return r, err
		}
		return d.put(ctx, r, nil)
	}
	if err := d.undecided(r); err != nil {
		return r, err
	}
	if digest != r.Digest {
		return r, changed(r, "it was changed since you looked at it")
	}
	offer, err := d.Sender.Offer(ctx, *r.Draft)
	if err != nil {
		return r, err
	}
	if offer.Digest != r.Digest {
		r.Digest, r.Channels, r.Members = offer.Digest, offer.Channels, offer.Members
		if err := r.Step(gateway.ReleaseStep{To: gateway.ReleaseWaiting, At: d.Now().UTC(), By: gateway.Hand{Label: "carillon"}, Why: "other channels would carry it now"}); err != nil {
			return r, err
		}
		if r, err = d.put(ctx, r, nil); err != nil {
			return r, err
		}
		return r, changed(r, "other channels would carry it now than when it was handed in")
	}
	return d.send(ctx, r, offer, gateway.ReleaseStep{To: gateway.ReleaseApproved, By: who})
}

func changed(r gateway.Release, what string) error {
	return gateway.Faultf(gateway.CodeConflict, "%s; look at it again (carillon release show %s), then approve what you see", what, r.ID)
}

// Break sends a message about danger to life at once, without the second person that it waits for. Everybody who may approve
// is told, with where to read the typed reason; somebody else looks at it afterwards.
func (d *Desk) Break(ctx context.Context, group, id gateway.ID, reason string, who gateway.Hand) (gateway.Release, error) {
	_, r, err := d.read(ctx, group, id)
	if err != nil {
		return r, err
	}
	return d.breakGlass(ctx, r, reason, who)
}

func (d *Desk) breakGlass(ctx context.Context, r gateway.Release, reason string, who gateway.Hand) (gateway.Release, error) {
	reason, err := gateway.CheckReason(reason, true)
	switch {
	case err != nil:
		return r, err
	case r.Class != gateway.LifeSafety:
		return r, gateway.Faultf(gateway.CodeInvalid, "only an alert about danger to life goes without a second person; mark it as that (send --danger-to-life) if it is")
	case r.Draft == nil || !r.Draft.StartAt.IsZero():
		return r, gateway.Faultf(gateway.CodeInvalid, "what goes without a second person goes at once; leave out when it starts")
	}
	offer, err := d.Sender.Offer(ctx, *r.Draft)
	if err != nil {
		return r, err
	}
	if !r.WrittenBy(who) {
		r.Hands = append(slices.Clone(r.Hands), who)
	}
	step := gateway.ReleaseStep{To: gateway.ReleaseGlass, By: who, Why: reason}
	return d.send(ctx, r, offer, step, r.Notice(gateway.NoticeReleaseGlass))
}

// send takes the step after which a message is sent, and submits it in the same transaction.
func (d *Desk) send(ctx context.Context, r gateway.Release, offer gateway.ReleaseOffer, step gateway.ReleaseStep, notices ...gateway.OwnerNotice) (gateway.Release, error) {
	now := d.Now().UTC()
	if step.At = now; r.Revision == 0 {
		r.State = gateway.ReleaseWaiting
	}
	if err := r.Step(step); err != nil {
		return r, err
	}
	b := offer.Ready.Broadcast
	b.ID, b.CreatedAt, b.Author = r.ID, now, r.Hands[0].Label
	if b.StartAt.Before(now) {
		if r.Draft.ExpiresAt.IsZero() {
			b.ExpiresAt = b.ExpiresAt.Add(now.Sub(b.StartAt))
		}
		b.StartAt = now
	}
	r, err := d.put(ctx, r, &gateway.ReadyBroadcast{Broadcast: b, Fingerprint: offer.Ready.Fingerprint}, notices...)
	if err == nil {
		d.Look()
	}
	return r, err
}

// Refuse keeps a message from being sent; it can be changed and asked about again. Its author takes it back so, for good. Of
// others may says whether their role lets them decide.
func (d *Desk) Refuse(ctx context.Context, group, id gateway.ID, reason string, who gateway.Hand, may bool) (gateway.Release, error) {
	_, r, err := d.read(ctx, group, id)
	if err != nil {
		return r, err
	}
	step := gateway.ReleaseStep{To: gateway.ReleaseRefused, At: d.Now().UTC(), By: who}
	if r.WrittenBy(who) {
		step.To = gateway.ReleaseWithdrawn
	} else if !may {
		return r, gateway.Faultf(gateway.CodeForbidden, "only its author takes a message back, and only an approver of the group refuses it")
	}
	if step.Why, err = gateway.CheckReason(reason, false); err == nil {
		err = r.Step(step)
	}
	if err != nil {
		return r, err
	}
	return d.put(ctx, r, nil)
}

// Release reads one whole.
func (d *Desk) Release(ctx context.Context, group, id gateway.ID) (gateway.Release, error) {
	_, r, err := d.read(ctx, group, id)
	return r, err
}

// Releases lists the newest first, before the given id, without what they say.
func (d *Desk) Releases(ctx context.Context, group, before gateway.ID, limit int) ([]gateway.Release, error) {
	return d.Store.ReleasesOf(ctx, group, before, limit)
}

// lapsed is how many end in one step.
const lapsed = 100

// Lapse ends what nobody has decided about in its time, and has that told: silence sends nothing, and is not silent.
func (d *Desk) Lapse(ctx context.Context) error {
	all, err := d.Store.OverdueReleases(ctx, lapsed)
	if err != nil {
		return fmt.Errorf("looking for what nobody released in time: %w", err)
	}
	for _, r := range all {
		if err := r.Step(gateway.ReleaseStep{To: gateway.ReleaseExpired, At: d.Now().UTC(), By: gateway.Hand{Label: "carillon"}}); err != nil {
			return err
		}
		if _, err := d.put(ctx, r, nil, r.Notice(gateway.NoticeReleaseExpired)); err != nil && !errors.Is(err, gateway.ErrStale) {
			return err
		}
	}
	return nil
}

// put writes a release, and says so; somebody else may have been faster.
func (d *Desk) put(ctx context.Context, r gateway.Release, send *gateway.ReadyBroadcast, notices ...gateway.OwnerNotice) (gateway.Release, error) {
	done, err := d.Store.PutRelease(ctx, r, send, notices...)
	if errors.Is(err, gateway.ErrStale) {
		return r, &gateway.Fault{Code: gateway.CodeConflict, Text: "somebody else has decided about this message or changed it meanwhile; look at it again", Err: gateway.ErrStale}
	}
	if err != nil {
		return r, err
	}
	d.Log.Info("a message that needs a second person took a step", "group", r.GroupID, "broadcast", r.ID, "state", string(r.State), "token", r.Steps[len(r.Steps)-1].By.Token)
	if len(notices) > 0 {
		d.Told()
	}
	return done, nil
}

func (d *Desk) read(ctx context.Context, group, id gateway.ID) (gateway.Group, gateway.Release, error) {
	g, err := d.Store.GroupByID(ctx, group)
	if err != nil {
		return g, gateway.Release{}, err
	}
	r, err := d.Store.ReleaseByID(ctx, group, id)
	return g, r, err
}

// undecided says why nobody can decide about a release any more.
func (d *Desk) undecided(r gateway.Release) error {
	switch {
	case r.State != gateway.ReleaseWaiting:
		return gateway.Faultf(gateway.CodeConflict, "this is %s: there is nothing to decide about it", r.State)
	case !r.ExpiresAt.After(d.Now()):
		return gateway.Faultf(gateway.CodeConflict, "this has waited until %s, and is not sent any more; its author hands it in again (carillon send --replace %s)", r.ExpiresAt.UTC().Format(time.RFC3339), r.ID)
	case r.Draft == nil:
		return gateway.Faultf(gateway.CodeConflict, "the text of this message is forgotten")
	}
	return nil
}

// need says how it stands with a release, for whoever handed it in.
func (d *Desk) need(ctx context.Context, g gateway.Group, r gateway.Release) (gateway.ReleaseNeed, error) {
	need := gateway.ReleaseNeed{Why: r.Why, State: string(r.State), Digest: r.Digest, Until: r.ExpiresAt}
	return need, d.Others(ctx, g, r.Hands, &need)
}

// Others counts the people besides some hands whose tokens may approve, and says what is lacking if there is none.
func (d *Desk) Others(ctx context.Context, g gateway.Group, hands []gateway.Hand, need *gateway.ReleaseNeed) error {
	tokens, err := d.Store.Tokens(ctx, g.ID)
	if err != nil {
		return err
	}
	administered := slices.ContainsFunc(tokens, func(t gateway.Token) bool { return t.Role == gateway.Administrator })
	if !administered { // then the operator acts for the group
		operators, err := d.Store.Tokens(ctx, gateway.ID{})
		if err != nil {
			return err
		}
		tokens = append(tokens, operators...)
	}
	var people []gateway.Hand
	for _, t := range tokens {
		h := gateway.Hand{Label: t.Label, Token: t.ID}
		if t.Role.Rank() >= gateway.Approver.Rank() && !slices.ContainsFunc(hands, h.SamePerson) && !slices.ContainsFunc(people, h.SamePerson) {
			people = append(people, h)
		}
	}
	if need.Approvers = len(people); need.Approvers == 0 {
		need.Lacks = fmt.Sprintf("nobody else may approve in this group: make a token for a second person (carillon token create --group %s --role approver --label WHOSE --to FILE)", g.Slug)
	}
	return nil
}

// ask says whom to ask.
func ask(need gateway.ReleaseNeed) string {
	switch need.Approvers {
	case 0:
		return need.Lacks
	case 1:
		return "ask the other person who may approve in this group"
	}
	return fmt.Sprintf("ask one of the %d others who may approve in this group", need.Approvers)
}

func author(d gateway.Draft) gateway.Hand {
	return gateway.Hand{Label: strings.TrimSpace(d.Author), Token: d.Token}
}
