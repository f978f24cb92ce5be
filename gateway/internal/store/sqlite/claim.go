package sqlite

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/store/roll"
	"github.com/carillon-gateway/carillon/gateway/internal/store/row"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sealed"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sqlite/lite"
)

// Due lists what is due in a lane, group by group.
func (s *Store) Due(ctx context.Context, channel gateway.ID, lane gateway.Lane, each int) ([]gateway.Share, error) {
	type dated struct {
		gateway.Share
		since int64
	}
	var due []dated
	err := s.reading(ctx, func(c *lite.Conn) error {
		now := s.micros()
		return s.groupsIn(c, channel, lane, func(no, group int64) error {
			share := dated{}
			r := c.Prepare(dueQuery).Int(1, no).Int(2, int64(lane)).Int(3, group).Int(4, now).Int(5, int64(each))
			for r.Step() {
				if len(share.Deliveries) == 0 {
					share.since = r.ColInt(2)
				}
				share.Deliveries = append(share.Deliveries, joined(r.ColInt(0), r.ColInt(1)))
			}
			if err := r.Reset(); err != nil || len(share.Deliveries) == 0 {
				return err
			}
			var err error
			share.Group, err = s.groups.id(c, group)
			due = append(due, share)
			return err
		})
	})
	slices.SortStableFunc(due, func(a, b dated) int { return cmp.Compare(a.since, b.since) })
	shares := make([]gateway.Share, len(due))
	for i := range due {
		shares[i] = due[i].Share
	}
	return shares, err
}

// NextDue reads the first time to come of a lane, from the index that Due reads.
func (s *Store) NextDue(ctx context.Context, channel gateway.ID, lane gateway.Lane) (at time.Time, err error) {
	first, now := int64(0), s.micros()
	err = s.reading(ctx, func(c *lite.Conn) error {
		return s.groupsIn(c, channel, lane, func(no, group int64) error {
			r := c.Prepare(nextQuery).Int(1, no).Int(2, int64(lane)).Int(3, group).Int(4, now)
			if r.Step() && (first == 0 || r.ColInt(0) < first) {
				first = r.ColInt(0)
			}
			return r.Reset()
		})
	})
	if err != nil || first == 0 {
		return at, err
	}
	return row.FromMicros(first), nil
}

// groupsIn visits the groups that have something waiting in a lane, stepping over the deliveries of each in the index.
func (s *Store) groupsIn(c *lite.Conn, channel gateway.ID, lane gateway.Lane, visit func(channel, group int64) error) error {
	no, err := s.channels.no(c, channel)
	if err != nil || no == 0 {
		return err
	}
	for group, found := int64(0), true; ; {
		r := c.Prepare(groupsQuery).Int(1, no).Int(2, int64(lane)).Int(3, group)
		if found = r.Step(); found {
			group = r.ColInt(0)
		}
		if err := r.Reset(); err != nil || !found {
			return err
		}
		if err := visit(no, group); err != nil {
			return fmt.Errorf("looking for what waits: %w", err)
		}
	}
}

const (
	groupsQuery = "SELECT group_no FROM deliveries WHERE channel_no = ? AND lane = ? AND state = 0 AND group_no > ? ORDER BY group_no LIMIT 1"
	dueQuery    = "SELECT no, tail, due_at FROM deliveries WHERE channel_no = ? AND lane = ? AND state = 0 AND group_no = ? AND due_at <= ? ORDER BY due_at, no LIMIT ?"
	nextQuery   = "SELECT due_at FROM deliveries WHERE channel_no = ? AND lane = ? AND state = 0 AND group_no = ? AND due_at > ? ORDER BY due_at LIMIT 1"
)

// Exchange writes outcomes and gives deliveries to a claimant, in one transaction.
func (s *Store) Exchange(ctx context.Context, by gateway.Claimant, done []gateway.Outcome, ids []gateway.ID) ([]error, []gateway.Claim, error) {
	errs := make([]error, len(done))
	var claims []gateway.Claim
	var sealed []sealedAddress
	urgent := by.Urgent
	for i := range done {
		urgent = urgent || done[i].Urgent
	}
	err := s.write.do(ctx, urgent, func(t *txn) (err error) {
		for i := range done {
			if errs[i], err = t.settle(&done[i]); err != nil {
				return fmt.Errorf("settling: %w", err)
			}
		}
		claims, sealed, err = t.claimAll(ids, by)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	s.openAddresses(ctx, claims, sealed)
	return errs, claims, nil
}

// claimAll gives deliveries to a claimant.
func (t *txn) claimAll(ids []gateway.ID, by gateway.Claimant) ([]gateway.Claim, []sealedAddress, error) {
	claims, sealed := make([]gateway.Claim, len(ids)), make([]sealedAddress, len(ids))
	lease := t.now + by.Lease.Microseconds()
	for i, id := range ids {
		claims[i] = gateway.Claim{Delivery: id}
		if err := t.claim(id, lease, &claims[i], &sealed[i]); err != nil {
			return nil, nil, fmt.Errorf("claiming: %w", err)
		}
	}
	return claims, sealed, nil
}

// openAddresses opens what was granted.
func (s *Store) openAddresses(ctx context.Context, claims []gateway.Claim, sealed []sealedAddress) {
	for i := range claims { // outside the transaction: opening costs as much as reading
		if claims[i].Verdict != gateway.Granted {
			continue
		}
		if err := s.openAddress(ctx, &claims[i], &sealed[i]); err != nil { // what was written stands, so this is no error of the call
			s.log.Error(closedAddress, "delivery", claims[i].Delivery, "error", err)
		}
	}
}

const closedAddress = "the address of a delivery cannot be opened; see that all keys of the ring are there"

// sealedAddress is an address as it is stored, with the key that opens it and, for a text with room for it, her name.
type sealedAddress struct {
	key, address, name []byte
	other              sealed.Other // whose name it is, if it is not hers
}

func (s *Store) openAddress(ctx context.Context, c *gateway.Claim, a *sealedAddress) error {
	key, err := s.groupKey(ctx, c.Group)
	if err != nil {
		return err
	}
	box, err := sealed.Member(key, c.Member, a.key)
	if err != nil {
		return err
	}
	if c.Name, err = sealed.Name(key, box, c.Member, a.other, a.name); err != nil {
		return err
	}
	c.Address, err = sealed.Open(box, a.address, c.Point, "address")
	return err
}

const claimQuery = `SELECT d.tail, d.broadcast_no, d.member_id, d.point_id, d.channel_no, d.locale, d.neutral, d.state, d.due_at, d.attempt_no, d.attempts, d.tries, d.resends, d.first_part,
	p.kind, p.state, p.address_sealed, m.key_sealed, p.country, d.expires_at, m.neutral, d.quiet_until, d.move_at, m.quiet, m.zone, m.paused_until, p.topics, p.confirm_by
	FROM deliveries d JOIN groups g ON g.no = d.group_no
	LEFT JOIN contact_points p ON p.group_id = g.id AND p.member_id = d.member_id AND p.id = d.point_id
	LEFT JOIN members m ON m.group_id = g.id AND m.id = d.member_id
	WHERE d.no = ?`

// claimed is what a claim needs to know besides what it answers.
type claimed struct {
	no, broadcast, channel, attempt int64
	point                           int // its state; 0 if it is not there
	erased                          bool
	price                           int64 // of one unit, as attempts.price_no
	quiet, move                     int64 // quiet_until and move_at
	said                            row.Said
}

// claim decides one claim and carries it out.
func (t *txn) claim(id gateway.ID, lease int64, c *gateway.Claim, sealed *sealedAddress) error {
	no, tail := halves(id)
	r := t.Prepare(claimQuery).Int(1, no)
	if !r.Step() || r.ColInt(0) != tail || r.ColInt(7) != row.Waiting || r.ColInt(8) > t.now {
		return r.Reset() // not due
	}
	at := claimed{no: no, broadcast: r.ColInt(1), channel: r.ColInt(4), attempt: r.ColInt(9), point: roll.StateNow(int(r.ColInt(15)), r.ColInt(27), t.now), erased: r.ColNull(17)}
	c.Member, c.Point, c.Locale, c.Neutral, c.No = r.ColID(2), r.ColID(3), r.ColWord(5), r.ColInt(6) != 0, int(r.ColInt(10))+1
	c.Tries, c.Resends, c.FirstPart, c.Kind = int(r.ColInt(11)), int(r.ColInt(12)), int(r.ColInt(13)), r.ColWord(14)
	sealed.address, sealed.key = bytes.Clone(r.ColBlob(16)), bytes.Clone(r.ColBlob(17))
	country, placed, expires := r.ColWord(18), !r.ColNull(18), r.ColInt(19)
	hidden, unsure := !c.Neutral && r.ColInt(20) != 0, !c.Neutral && at.point == roll.Stale
	at.quiet, at.move = r.ColInt(21), r.ColInt(22)
	hours, zone, paused := r.ColWord(23), r.ColWord(24), r.ColInt(25)
	topics := r.ColInt(26)
	if err := r.Reset(); err != nil {
		return err
	}
	info, err := t.frozenOf(at.broadcast)
	if err != nil {
		return err
	}
	if hidden || unsure && info.Withheld() { // since it was planned she has gone into neutral mode, or it may not be her number any more
		c.Neutral = true
		if err := t.Prepare("UPDATE deliveries SET neutral = 1 WHERE no = ?").Int(1, no).Run(); err != nil {
			return fmt.Errorf("writing a delivery: %w", err)
		}
	}
	info.Fill(c, c.Point, expires)
	if c.Pointer, err = pointer(t.Conn, info, c.Neutral, at.channel); err != nil {
		return err
	}
	at.said = row.SaidOf(c.Pointer)
	if !c.Pointer {
		if err := t.names(info, c, at.channel, sealed); err != nil {
			return err
		}
		if sealed.name != nil {
			at.said = row.SaidNamed
		}
	}
	c.Locale = info.Text(c.Locale, at.said)
	if c.Channel, err = t.w.store.channels.id(t.Conn, at.channel); err != nil {
		return err
	}
	halted, err := t.halted(at.broadcast)
	if err != nil {
		return err
	}
	verdict, reason, detail := info.Judge(c, t.now, halted, at.erased, at.point, topics, paused)
	c.Verdict = verdict
	switch {
	case reason != "":
		return t.end(&at, info, reason, detail)
	case verdict == gateway.Held:
		return t.Prepare("UPDATE deliveries SET state = 4 WHERE no = ?").Int(1, no).Run()
	case verdict == gateway.Unusable:
		if c.No > 1 {
			c.Attempt, err = t.attemptID(at.attempt)
		}
		c.No--
		return err
	}
	if over, err := t.quiet(&at, info, c, hours, zone, expires); err != nil || over {
		return err
	}
	if !placed {
		country = t.w.store.country(c.Kind, "")
	}
	if at.price, err = t.priceOf(info.groupNo, at.channel, c.Kind, country); err != nil {
		return err
	}
	over, err := t.capped(info, at.price)
	if err != nil {
		return err
	}
	if over {
		c.Verdict = gateway.Capped
		return t.park(&at, info)
	}
	c.Verdict, c.Attempt, c.Token = gateway.Granted, gateway.NewID(), 1
	return t.grant(&at, info, c, lease)
}

// nameQuery gives a name unless another member of the group has the same address: whoever shares it is not to learn whose
// message it is.
const nameQuery = `SELECT m.name_sealed FROM members m JOIN contact_points p ON p.group_id = m.group_id AND p.member_id = m.id
	WHERE m.group_id = ? AND m.id = ? AND p.id = ? AND m.name_sealed IS NOT NULL AND NOT EXISTS (SELECT 1 FROM contact_points o INDEXED BY contact_points_address
	WHERE o.group_id = p.group_id AND o.kind = p.kind AND o.address_index = p.address_index AND o.member_id <> p.member_id AND o.confirm_by >= 0)`

// nameOf gives the sealed name by which a claim calls its member; nil: by none.
func (t *txn) nameOf(c *gateway.Claim) (name []byte, err error) {
	r := t.Prepare(nameQuery).Key(1, c.Group).Key(2, c.Member).Key(3, c.Point)
	if r.Step() {
		name = bytes.Clone(r.ColBlob(0))
	}
	return name, r.Reset()
}

// names looks up the name that a text says: its reader's, or, over a channel that is fit for it, another member's.
func (t *txn) names(info *frozen, c *gateway.Claim, channel int64, into *sealedAddress) (err error) {
	switch {
	case !info.Names.IsZero():
		if fit, err := fitFor(t.Conn, channel); err != nil || !fit {
			return err
		}
		into.other.Member = info.Names
		r := t.Prepare("SELECT name_sealed, key_sealed FROM members WHERE group_id = ? AND id = ?").Key(1, c.Group).Key(2, info.Names)
		if r.Step() {
			into.name, into.other.Key = bytes.Clone(r.ColBlob(0)), bytes.Clone(r.ColBlob(1))
		}
		return r.Reset()
	case info.Personal:
		into.name, err = t.nameOf(c)
	}
	return err
}

func (t *txn) attemptID(no int64) (id gateway.ID, err error) {
	r := t.Prepare("SELECT tail FROM attempts WHERE no = ?").Int(1, no)
	if r.Step() {
		id = joined(no, r.ColInt(0))
	}
	return id, r.Reset()
}

// grant writes the attempt of a claim.
func (t *txn) grant(at *claimed, info *frozen, c *gateway.Claim, lease int64) error {
	parts, err := t.partsOf(info, c)
	if err != nil {
		return err
	}
	if c.FirstPart >= parts {
		c.FirstPart = 0 // the text was longer, and gave way to the pointer
	}
	previous := at.attempt
	if c.No == 1 {
		previous = 0
	}
	room, known := t.w.refs[at.channel]
	if !known {
		room = usualRef
	}
	no, tail := halves(c.Attempt)
	a := &attempt{No: no, Tail: tail, Group: info.groupNo, Broadcast: at.broadcast, Delivery: at.no, Previous: previous, Channel: at.channel, Point: c.Point, Nth: c.No, Price: at.price,
		State: gateway.Claimed, Token: c.Token, Until: lease, Parts: parts, FirstPart: c.FirstPart, ClaimedAt: t.now, Refs: blanks[:min(len(blanks), 1+room*max(1, parts))], Said: at.said}
	s := t.Prepare("INSERT INTO attempts (state, token, left_behind, arrived, cost, settled_at, refusal, no, tail, group_no, broadcast_no, delivery_no, previous_no, channel_no, point_id, nth, until, parts, first_part, claimed_at, refs, price_no, said) VALUES (1, 1, 0, 0, 0, 0, NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
	s.Int(1, a.No).Int(2, a.Tail).Int(3, a.Group).Int(4, a.Broadcast).Int(5, a.Delivery).Int(6, a.Previous).Int(7, a.Channel).Key(8, a.Point).Int(9, int64(a.Nth))
	s.Int(10, a.Until).Int(11, int64(a.Parts)).Int(12, int64(a.FirstPart)).Int(13, a.ClaimedAt).Text(14, a.Refs).Int(15, a.Price).Int(16, int64(a.Said))
	if err := s.Run(); err != nil {
		return fmt.Errorf("writing an attempt: %w", err)
	}
	t.w.live.wrote(a)
	if err := t.Prepare("UPDATE deliveries SET state = 1, attempt_no = ?, attempts = ? WHERE no = ?").Int(1, no).Int(2, int64(c.No)).Int(3, at.no).Run(); err != nil {
		return fmt.Errorf("writing a delivery: %w", err)
	}
	t.tally(info.groupNo, at.broadcast, at.channel, gateway.Waiting, "", -1)
	t.tally(info.groupNo, at.broadcast, at.channel, gateway.Sending, "", 1)
	return nil
}

// usualRef is the length of a provider's id where none is known yet; blanks keeps room for what one row may need.
const (
	usualRef = 35
	blanks   = "                                                                                                                                                                "
)

// end finishes a waiting delivery.
func (t *txn) end(at *claimed, info *frozen, reason gateway.Reason, detail string) error {
	t.tally(info.groupNo, at.broadcast, at.channel, gateway.Waiting, "", -1)
	t.tally(info.groupNo, at.broadcast, at.channel, gateway.Ended, reason, 1)
	return t.Prepare("UPDATE deliveries SET state = 2, due_at = 0, reason = ?, detail = ? WHERE no = ?").Text(1, string(reason)).Text(2, detail).Int(3, at.no).Run()
}

// halted says whether a broadcast is stopped.
func (t *txn) halted(broadcast int64) (bool, error) {
	if halted, known := t.stopped[broadcast]; known {
		return halted, nil
	}
	r := t.Prepare("SELECT stopped FROM broadcasts WHERE no = ?").Int(1, broadcast)
	halted := r.Step() && r.ColInt(0) != 0
	if err := r.Reset(); err != nil {
		return false, err
	}
	if t.stopped == nil {
		t.stopped = map[int64]bool{}
	}
	t.stopped[broadcast] = halted
	return halted, nil
}

// frozen is what never changes about a broadcast, with the number of parts of its renderings.
type frozen struct {
	row.Frozen
	groupNo int64
	parts   map[variant]int
}

type variant struct {
	locale, kind string
	neutral      bool
}

// keptBroadcasts bounds the frozen broadcasts held in memory.
const keptBroadcasts = 256

// frozenOf reads what never changes about a broadcast, and keeps it; only the writer's goroutine uses it.
func (t *txn) frozenOf(broadcast int64) (*frozen, error) {
	if info, ok := t.w.frozen[broadcast]; ok {
		return info, nil
	}
	info, err := readFrozen(t.Conn, broadcast)
	if err != nil {
		return nil, err
	}
	if len(t.w.frozen) >= keptBroadcasts {
		clear(t.w.frozen)
	}
	t.w.frozen[broadcast] = info
	return info, nil
}

func readFrozen(c *lite.Conn, broadcast int64) (*frozen, error) {
	info := &frozen{parts: map[variant]int{}}
	var class, audience, policy, local, topics string
	if err := query(c, "SELECT b.id, b.group_id, g.no, b.class, b.audience, b.policy, b.local_at, b.start_at, b.expires_at, b.sensitive, b.personal, g.topics FROM broadcasts b JOIN groups g ON g.id = b.group_id WHERE b.no = ?", []any{broadcast}, func(r *lite.Stmt) error {
		return r.Scan(&info.ID, &info.Group, &info.groupNo, &class, &audience, &policy, &local, &info.Start, &info.Expires, &info.Sensitive, &info.Personal, &topics)
	}); err != nil {
		return nil, err
	}
	if info.ID.IsZero() {
		return nil, fmt.Errorf("broadcast %d of a delivery is not there", broadcast)
	}
	return info, info.Set(class, audience, policy, local, topics)
}

// partsOf says how many parts the rendering of a claim has.
func (t *txn) partsOf(info *frozen, c *gateway.Claim) (int, error) {
	key := variant{c.Locale, c.Kind, c.Pointer}
	if n, ok := info.parts[key]; ok {
		return n, nil
	}
	n := 1
	err := t.query("SELECT parts FROM renderings WHERE group_id = ? AND broadcast_id = ? AND locale = ? AND kind = ? AND neutral = ?",
		[]any{c.Group[:], c.Broadcast[:], c.Locale, c.Kind, c.Pointer}, func(r *lite.Stmt) error { return r.Scan(&n) })
	if err == nil && len(info.parts) < keptBroadcasts {
		info.parts[key] = n
	}
	return n, err
}

// pointer says whether a claim gets the pointer: a member in neutral mode always, others where a channel is not fit for a
// sensitive text.
func pointer(c *lite.Conn, info *frozen, neutral bool, channel int64) (bool, error) {
	if neutral || !info.Sensitive {
		return neutral, nil
	}
	fit, err := fitFor(c, channel)
	return !fit, err
}

// fitFor says whether a channel is fit for sensitive texts.
func fitFor(c *lite.Conn, channel int64) (fit bool, err error) {
	err = query(c, "SELECT sensitive FROM channels WHERE no = ?", []any{channel}, func(r *lite.Stmt) error { return r.Scan(&fit) })
	return fit, err
}
