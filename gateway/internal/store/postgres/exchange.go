package postgres

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/store/roll"
	"github.com/carillon-gateway/carillon/gateway/internal/store/row"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sealed"
)

// Exchange writes outcomes and gives deliveries to a claimant, in one transaction of two round trips: one that locks and
// reads, one that writes and commits. Between them come what this process does not remember (a broadcast, a price), of
// sensitive texts whether their channels are fit for them, and the sums of groups with a budget. What is claimed is locked
// only if nobody else has it: whoever loses is told NotDue.
func (s *Store) Exchange(ctx context.Context, by gateway.Claimant, done []gateway.Outcome, ids []gateway.ID) ([]error, []gateway.Claim, error) {
	if len(done)+len(ids) == 0 {
		return nil, nil, nil
	}
	urgent := by.Urgent
	for i := range done {
		urgent = urgent || done[i].Urgent
	}
	var errs []error
	var claims []gateway.Claim
	var offers map[gateway.ID]*offer
	err := s.transact(ctx, urgent, func(t *txn) (bool, error) {
		errs, offers = make([]error, len(done)), make(map[gateway.ID]*offer, len(ids))
		batch := &pgx.Batch{}
		t.takeOutcomes(batch, done)
		t.takeOffers(batch, ids, by.Urgent, offers)
		if err := t.begin(batch); err != nil {
			return false, err
		}
		if err := t.takeBudgets(); err != nil {
			return false, err
		}
		for i := range done {
			var err error
			if errs[i], err = t.settle(&done[i]); err != nil {
				return false, fmt.Errorf("settling: %w", err)
			}
		}
		var err error
		if claims, err = t.claimAll(ids, by, offers); err != nil {
			return false, err
		}
		if err := t.changePoints(); err != nil {
			return false, err
		}
		return t.commit()
	})
	if err != nil {
		return nil, nil, err
	}
	s.openAddresses(ctx, claims, offers)
	return errs, claims, nil
}

// claimAll gives deliveries that takeOffers has locked to a claimant.
func (t *txn) claimAll(ids []gateway.ID, by gateway.Claimant, offers map[gateway.ID]*offer) ([]gateway.Claim, error) {
	claims := make([]gateway.Claim, len(ids))
	lease := t.now + by.Lease.Microseconds()
	for i, id := range ids {
		claims[i] = gateway.Claim{Delivery: id}
		if err := t.claim(lease, &claims[i], offers[id]); err != nil {
			return nil, fmt.Errorf("claiming: %w", err)
		}
	}
	return claims, nil
}

// openAddresses opens what was granted.
func (s *Store) openAddresses(ctx context.Context, claims []gateway.Claim, offers map[gateway.ID]*offer) {
	for i := range claims { // outside the transaction: opening costs as much as reading
		if claims[i].Verdict != gateway.Granted {
			continue
		}
		o := offers[claims[i].Delivery]
		if err := s.openAddress(ctx, &claims[i], o, o.called(&claims[i])); err != nil { // what was written stands, so this is no error of the call
			s.log.Error(closedAddress, "delivery", claims[i].Delivery, "error", err)
		}
	}
}

const closedAddress = "the address of a delivery cannot be opened; see that all keys of the ring are there"

// openAddress opens the address of a claim and, if it has one, the name.
func (s *Store) openAddress(ctx context.Context, c *gateway.Claim, o *offer, name []byte) error {
	key, err := s.groupKey(ctx, c.Group)
	if err != nil {
		return err
	}
	box, err := sealed.Member(key, c.Member, o.key)
	if err != nil {
		return err
	}
	if c.Name, err = sealed.Name(key, box, c.Member, o.other, name); err != nil {
		return err
	}
	c.Address, err = sealed.Open(box, o.address, c.Point, "address")
	return err
}

const (
	// newestToo adds the newest attempts of the deliveries that attempts belong to.
	newestToo = "SELECT " + attemptColumns + " FROM attempts a WHERE a.id = ANY ($1 || ARRAY(SELECT d.attempt_id FROM attempts o JOIN deliveries d ON d.id = o.delivery_id WHERE o.id = ANY ($1) AND d.attempts > 0)) ORDER BY a.id FOR UPDATE"
	// lockTheirs locks the deliveries of attempts ($1) with an outcome or receipt that is not plain ($2), or that are in
	// none of the states ($3) in which a plain one leaves the delivery as it is. It follows the locking of the attempts.
	lockTheirs = "SELECT " + deliveryColumns + ` FROM deliveries d WHERE d.id = ANY (ARRAY(SELECT a.delivery_id FROM attempts a
		WHERE a.id = ANY ($1) AND (a.id = ANY ($2) OR a.left_behind OR a.state <> ALL ($3)))) ORDER BY d.id FOR UPDATE`
)

// takeOutcomes queues the locking of what outcomes are about.
func (t *txn) takeOutcomes(batch *pgx.Batch, done []gateway.Outcome) {
	if len(done) == 0 {
		return
	}
	all, whole := make([]gateway.ID, 0, len(done)), make([]gateway.ID, 0, len(done))
	for i := range done {
		o := &done[i]
		all = append(all, o.Attempt)
		if o.State != gateway.Accepted || o.Spent || o.Next.Kind != gateway.StepNone || o.Point != nil {
			whole = append(whole, o.Attempt)
		}
	}
	t.takeTheirs(batch, all, whole, gateway.Claimed, gateway.InDoubt, gateway.AttemptDelivered)
}

// takeTheirs queues the locking of attempts, and of their deliveries where they are needed: of those in whole, of those
// that are named twice, and of those that are in none of the plain states. Once that was not enough, all is locked.
func (t *txn) takeTheirs(batch *pgx.Batch, named, whole []gateway.ID, plain ...gateway.AttemptState) {
	attempts := sortedIDs(slices.Clone(named))
	switch {
	case t.again:
		t.takeAttempts(batch, newestToo, attempts)
		whole = attempts
	default:
		t.takeAttempts(batch, lockAttempts, attempts)
		if len(attempts) < len(named) {
			seen := make(map[gateway.ID]bool, len(named))
			for _, id := range named {
				if seen[id] {
					whole = append(whole, id)
				}
				seen[id] = true
			}
		}
	}
	states := make([]int16, len(plain))
	for i, s := range plain {
		states[i] = int16(s)
	}
	t.takeDeliveries(batch, lockTheirs, attempts, whole, states)
}

// settle writes one outcome. The first error is the answer to the caller.
func (t *txn) settle(o *gateway.Outcome) (answer, err error) {
	a := t.attempts[o.Attempt]
	if a == nil || a.Token != o.Token {
		return gateway.ErrStale, nil
	}
	if o.Found {
		if others, err := t.elsewhere(a, o.ProviderID); err != nil || others {
			return gateway.ErrStale, err
		}
	}
	if o.ProviderID != "" && o.Polled {
		t.refs = append(t.refs, ref{a.Channel, row.Key(o.ProviderID), a.Group, a.No, o.Part})
	}
	refused := a.Refusal != ""
	plain, err := row.Settle(t, a, o)
	switch {
	case err != nil:
		return nil, err
	case plain && refused:
		t.changedA[a.No] = true
		return nil, nil
	case plain:
		t.progressed[a.No] = true
		return nil, nil
	}
	d, err := t.deliveryOf(a)
	if err != nil {
		return nil, err
	}
	entered, err := row.Outcome(t, a, d, o)
	if err != nil {
		return nil, err
	}
	t.store(a, d)
	if entered && o.Point != nil {
		t.points = append(t.points, turned{a.Group, d.Member, a.Point, *o.Point})
	}
	return nil, nil
}

// ref is the provider's id of a part whose receipts are polled.
type ref struct {
	channel gateway.ID
	id      string
	group   gateway.ID
	attempt gateway.ID
	part    int
}

// turned is what an outcome means for a contact point.
type turned struct {
	group, member, point gateway.ID
	change               gateway.PointChange
}

// changePoints writes what outcomes mean for contact points.
func (t *txn) changePoints() error {
	// In one order, like all locks; moves first, for they lock the group's roll, and whoever has that waits for points.
	slices.SortStableFunc(t.points, func(a, b turned) int {
		return cmp.Or(-cmp.Compare(min(len(a.change.Moved), 1), min(len(b.change.Moved), 1)), bytes.Compare(a.group[:], b.group[:]), bytes.Compare(a.member[:], b.member[:]), bytes.Compare(a.point[:], b.point[:]))
	})
	for _, p := range t.points {
		if err := t.changePoint(p.group, p.member, p.point, p.change); err != nil {
			return fmt.Errorf("changing a contact point: %w", err)
		}
	}
	return nil
}

// offer is what a claim needs to know of a delivery that nobody else has, besides its row.
type offer struct {
	point          gateway.ID // that the rest is about
	kind           string
	state          int // of the contact point; 0: it is not there
	topics         int64
	confirmBy      int64
	address, key   []byte
	country        string
	placed, erased bool
	stopped        bool         // its broadcast
	neutral        bool         // its member is in neutral mode
	name           []byte       // of its member, if the text may say it; nil: she has none
	other          sealed.Other // whose name it is instead
	shared         bool         // another member of the group has the same address
	hours, zone    string       // of the member
	paused         int64        // until when she paused; 0: not
	newer          []gateway.ID // broadcasts of what else waited for the same end of her quiet hours, and has not ended
	ends           []int64      // when those deliveries expire; zero: with their broadcasts
}

// called gives the sealed name by which a claim calls its member. It is nil where whoever reads along must not learn whose
// message it is: in neutral mode, and at an address that members share.
func (o *offer) called(c *gateway.Claim) []byte {
	if c.Pointer || o.shared {
		return nil
	}
	return o.name
}

// namesOther looks up the name of another member that a text says. It is said only over a channel that is fit for it.
func (t *txn) namesOther(info *frozen, c *gateway.Claim, o *offer) error {
	if info.Names.IsZero() || c.Pointer {
		return nil
	}
	fit, err := fitFor(t, t.fits, c.Channel)
	if err != nil || !fit {
		return err
	}
	o.other.Member = info.Names
	return t.query("SELECT name_sealed, key_sealed FROM members WHERE group_id = $1 AND id = $2", []any{c.Group, info.Names}, func(r pgx.Rows) error { return r.Scan(&o.name, &o.other.Key) })
}

const (
	offerColumns = "b.stopped, d.point_id, COALESCE(p.kind, ''), COALESCE(p.state, 0), COALESCE(p.topics, 0), COALESCE(p.confirm_by, 0), p.address_sealed, p.country, m.key_sealed, COALESCE(m.neutral, false), COALESCE(m.quiet, ''), COALESCE(m.zone, ''), COALESCE(m.paused_until, 0), CASE WHEN b.personal THEN m.name_sealed END, CASE WHEN b.personal AND m.name_sealed IS NOT NULL THEN " + sharedToo + " ELSE false END, CASE WHEN d.quiet_until > 0 THEN " + quietToo + " END, CASE WHEN d.quiet_until > 0 THEN " + quietEnds + " END"
	offerJoins   = ` JOIN broadcasts b ON b.group_id = d.group_id AND b.id = d.broadcast_id
	LEFT JOIN contact_points p ON p.group_id = d.group_id AND p.member_id = d.member_id AND p.id = d.point_id
	LEFT JOIN members m ON m.group_id = d.group_id AND m.id = d.member_id`
	claimQuery = "SELECT " + deliveryColumns + ", " + offerColumns + " FROM deliveries d" + offerJoins + " WHERE d.id = ANY ($1) ORDER BY d.id FOR UPDATE OF d SKIP LOCKED"
	// urgentQuery waits for whoever is stopping the broadcast, and has whoever wants to stop it wait for the claim: who ends an alert
	// tells its end to those to whom it may have gone, so each must be among them or not get it any more.
	urgentQuery = claimQuery + " FOR SHARE OF b"
	sharedToo   = `EXISTS (SELECT 1 FROM contact_points o WHERE o.group_id = p.group_id AND o.kind = p.kind AND o.address_index = p.address_index AND o.member_id <> p.member_id AND o.confirm_by >= 0)`
	quietToo    = "ARRAY(SELECT e.broadcast_id FROM" + quietRest
	quietEnds   = "ARRAY(SELECT e.expires_at FROM" + quietRest
	quietRest   = ` deliveries e JOIN broadcasts eb ON eb.group_id = e.group_id AND eb.id = e.broadcast_id
	WHERE e.group_id = d.group_id AND e.member_id = d.member_id AND e.quiet_until > 0 AND e.quiet_until = d.quiet_until AND e.id <> d.id AND e.state <> 2 AND NOT eb.stopped ORDER BY e.id)`
	moveQuery = `SELECT COALESCE(p.kind, ''), COALESCE(p.state, 0), COALESCE(p.topics, 0), p.confirm_by, p.address_sealed, p.country, $4 AND ` + sharedToo + ` FROM contact_points p WHERE p.group_id = $1 AND p.member_id = $2 AND p.id = $3`
)

// takeOffers queues the locking of deliveries that are to be claimed, as far as nobody else has them.
func (t *txn) takeOffers(batch *pgx.Batch, ids []gateway.ID, urgent bool, offers map[gateway.ID]*offer) {
	if len(ids) == 0 {
		return
	}
	query := claimQuery
	if urgent {
		query = urgentQuery
	}
	batch.Queue(query, ids).Query(func(r pgx.Rows) error {
		return each(r, nil, func(r pgx.Rows) error {
			d, o := &delivery{}, &offer{}
			var country *string
			if err := r.Scan(append(deliveryInto(d), &o.stopped, &o.point, &o.kind, &o.state, &o.topics, &o.confirmBy, &o.address, &country, &o.key, &o.neutral, &o.hours, &o.zone, &o.paused, &o.name, &o.shared, &o.newer, &o.ends)...); err != nil {
				return err
			}
			o.erased = o.key == nil
			if o.placed = country != nil; o.placed {
				o.country = *country
			}
			offers[d.No] = o
			if t.deliveries[d.No] == nil { // else an outcome has it in hand
				t.deliveries[d.No], t.owners[d.Broadcast] = d, d.Group
			}
			return nil
		})
	})
}

// claim decides one claim and carries it out; o is nil if somebody else has the delivery, or there is none.
func (t *txn) claim(lease int64, c *gateway.Claim, o *offer) error {
	d := t.deliveries[c.Delivery]
	if o == nil || d == nil || d.State != row.Waiting || d.Due > t.now {
		return nil // not due
	}
	if o.point != d.Point || o.state == 0 {
		if err := t.movedOffer(d, o); err != nil {
			return err
		}
	}
	info, err := t.frozenOf(d.Group, d.Broadcast)
	if err != nil {
		return err
	}
	state := roll.StateNow(o.state, o.confirmBy, t.now)
	if !d.Neutral && (o.neutral || state == roll.Stale && info.Withheld()) { // since it was planned she has gone into neutral mode, or it may not be her number any more
		d.Neutral = true
		if _, err := t.exec("UPDATE deliveries SET neutral = true WHERE group_id = $1 AND id = $2", d.Group, d.No); err != nil {
			return err
		}
	}
	info.Fill(c, d.Point, d.Expires)
	c.Member, c.Point, c.Channel, c.Locale, c.Neutral, c.No = d.Member, d.Point, d.Channel, d.Locale, d.Neutral, d.Attempts+1
	c.Tries, c.Resends, c.FirstPart, c.Kind = d.Tries, d.Resends, d.FirstPart, o.kind
	if c.Pointer, err = pointer(t, t.fits, info, d.Neutral, d.Channel); err != nil {
		return err
	}
	said := row.SaidOf(c.Pointer)
	if err := t.namesOther(info, c, o); err != nil {
		return err
	}
	if o.called(c) != nil {
		said = row.SaidNamed
	}
	c.Locale = info.Text(c.Locale, said)
	if o.stopped {
		if o.stopped, err = t.halted(d.Group, d.Broadcast); err != nil {
			return err
		}
	}
	verdict, reason, detail := info.Judge(c, t.now, o.stopped, o.erased, state, o.topics, o.paused)
	c.Verdict = verdict
	switch {
	case reason != "":
		before := d.StateWith(nil)
		d.State, d.Due, d.Reason, d.Detail = row.Ended, 0, reason, detail
		row.Moved(t, d, before, d.StateWith(nil))
		t.changedD[d.No] = true
		return nil
	case verdict == gateway.Held:
		d.State = row.Held
		t.changedD[d.No] = true
		return nil
	case verdict == gateway.Unusable:
		c.Attempt = d.Newest()
		c.No--
		return nil
	}
	if over, err := t.quiet(d, info, c, o); err != nil || over {
		return err
	}
	country := o.country
	if !o.placed {
		country = t.s.country(o.kind, "")
	}
	price, err := t.priceOf(d.Group, d.Channel, o.kind, country)
	if err != nil {
		return err
	}
	over, err := t.capped(info, price)
	if err != nil {
		return err
	}
	before := d.StateWith(nil)
	if over {
		c.Verdict = gateway.Capped
		d.State, d.Reason = row.Capped, gateway.ReasonCapped
		row.Moved(t, d, before, d.StateWith(nil))
		t.changedD[d.No] = true
		return nil
	}
	parts, err := t.partsOf(info, c)
	if err != nil {
		return err
	}
	if c.FirstPart >= parts {
		c.FirstPart = 0 // the text was longer, and gave way to the pointer
	}
	c.Attempt, c.Token = gateway.NewID(), 1
	a := &attempt{No: c.Attempt, Group: d.Group, Broadcast: d.Broadcast, Delivery: d.No, Previous: d.Newest(), Channel: d.Channel, Point: c.Point, Nth: c.No, Price: price,
		State: gateway.Claimed, Token: c.Token, Until: lease, Parts: parts, FirstPart: c.FirstPart, ClaimedAt: t.now, Said: said}
	d.State, d.Attempt, d.Attempts = row.Follows, a.No, a.Nth
	t.granted = append(t.granted, a)
	row.Moved(t, d, before, d.StateWith(a))
	return nil
}

// halted looks again whether a broadcast is stopped, and has whoever resumes it wait: what is parked now must be there when
// its deliveries are released.
func (t *txn) halted(group, broadcast gateway.ID) (stopped bool, err error) {
	stopped, known := t.stopped[broadcast]
	if known {
		return stopped, nil
	}
	err = t.query("SELECT stopped FROM broadcasts WHERE group_id = $1 AND id = $2 FOR SHARE", []any{group, broadcast}, func(r pgx.Rows) error { return r.Scan(&stopped) })
	t.stopped[broadcast] = stopped
	return stopped, err
}

// movedOffer reads the contact point anew: an outcome of the same call has moved the delivery to it, or another transaction did
// after our snapshot, in which case the server joins the new delivery to no contact point.
func (t *txn) movedOffer(d *delivery, o *offer) error {
	var country *string
	o.point, o.kind, o.state, o.topics, o.address, o.placed, o.country = d.Point, "", 0, 0, nil, false, ""
	err := t.query(moveQuery, []any{d.Group, d.Member, d.Point, o.name != nil}, func(r pgx.Rows) error {
		return r.Scan(&o.kind, &o.state, &o.topics, &o.confirmBy, &o.address, &country, &o.shared)
	})
	if o.placed = country != nil; o.placed {
		o.country = *country
	}
	return err
}

var _ row.World[gateway.ID] = (*txn)(nil)
