package row

import (
	"encoding/json"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/civil"
	"github.com/carillon-gateway/carillon/gateway/internal/store/roll"
)

// Frozen is what never changes about a broadcast.
type Frozen struct {
	ID, Group gateway.ID
	Class     gateway.Class
	Topic     string
	Mask      int64      // the bit of the topic in contact points that take it; zero: needs none
	Answers   gateway.ID // the contact point that an account message answers; it may be stopped
	Only      gateway.ID // the one contact point that may carry it
	Stays     bool       // with the contact point that it was planned for
	Avoid     gateway.ID // a channel that must not carry it
	Policy    gateway.Policy
	Start     int64 // of the broadcast
	Expires   int64
	Local     civil.Wall // each member is told at this time of her own zone; zero: all at Start
	Sensitive bool       // over channels that are not fit for it it leaves as a pointer
	Personal  bool       // beside each text lies one with room for the member's name
	Names     gateway.ID // the member whose name is said instead, over channels that are fit for it; zero: none
}

// Set takes the columns class, audience, policy and local_at, and the topics of the group. A topic keeps its bit for ever.
func (f *Frozen) Set(class, audience, policy, local, topics string) (err error) {
	var who gateway.Audience
	if err := json.Unmarshal([]byte(audience), &who); err != nil {
		return err
	}
	if local != "" {
		if err := f.Local.UnmarshalText([]byte(local)); err != nil {
			return err
		}
	}
	f.Class, f.Topic, f.Avoid, f.Stays = gateway.Class(class), who.Topic, who.Avoid, who.Unconfirmed
	f.Names = who.Names()
	if who.Only {
		f.Only = who.Point
	} else {
		f.Answers = who.Point
	}
	if f.Policy, err = ReadPolicy(f.Class, policy); err != nil {
		return err
	}
	return f.SetTopics(topics)
}

// SetTopics takes the topics of the group. What belongs to her account needs none.
func (f *Frozen) SetTopics(topics string) error {
	if f.Class == gateway.Account || f.Topic == "" {
		return nil
	}
	var all []roll.Topic
	if err := json.Unmarshal([]byte(topics), &all); err != nil {
		return err
	}
	f.Mask = roll.Bits(all, []string{f.Topic})
	return nil
}

// ReadPolicy adds the meaning of the class to the numbers that were frozen.
func ReadPolicy(class gateway.Class, numbers string) (gateway.Policy, error) {
	policy := gateway.PolicyOf(class)
	return policy, json.Unmarshal([]byte(numbers), &policy)
}

// Text is the locale under which what leaves for a reader of a locale is kept.
func (f *Frozen) Text(locale string, said Said) string {
	if f.Sensitive && said != SaidPointer {
		locale = gateway.FullLocale(locale)
	}
	if said == SaidNamed {
		locale = gateway.NamedLocale(locale)
	}
	return locale
}

// Fill writes what a claim of a delivery at a contact point says about its broadcast; own is when the delivery expires, zero: when its broadcast does.
func (f *Frozen) Fill(c *gateway.Claim, point gateway.ID, own int64) {
	c.Group, c.Broadcast, c.Avoid, c.Only, c.Sensitive = f.Group, f.ID, f.Avoid, f.Only, f.Sensitive
	if f.Stays {
		c.Only = point
	}
	c.Class, c.Topic, c.Policy, c.Expires = f.Class, f.Topic, f.Policy, time.UnixMicro(Expiry(own, f.Expires)).UTC()
}

// Expiry is when a delivery expires: in its own time, or else with its broadcast.
func Expiry(own, broadcast int64) int64 {
	if own != 0 {
		return own
	}
	return broadcast
}

// MoveAt is when a delivery that was not handed over goes to the next contact point: a while after it was planned and due;
// zero: never.
func MoveAt(c *gateway.Chunk, d *gateway.NewDelivery, now int64) int64 {
	if c.MoveAfter <= 0 {
		return 0
	}
	return max(now, ToMicros(d.Due)) + c.MoveAfter.Microseconds()
}

// Withheld says whether only the pointer may leave over a contact point that is stale: what belongs to an account was planned in
// its neutral form, and a warning of danger to life is worth more than its text gives away.
func (f *Frozen) Withheld() bool { return f.Class == gateway.Alert }

// Judge says whether a waiting delivery whose time has come may be sent, but for its group's cap; if it ends instead, for
// which reason and in which words. point is the state of its contact point (0: it is not there) and topics what that takes;
// paused is until when its member paused.
func (f *Frozen) Judge(c *gateway.Claim, now int64, stopped, erased bool, point int, topics, paused int64) (verdict gateway.Verdict, reason gateway.Reason, detail string) {
	switch {
	case Expiry(ToMicros(c.Expires), f.Expires) <= now:
		return gateway.Lapsed, gateway.ReasonExpired, "its time was over before it could be sent"
	case stopped:
		return gateway.Held, "", ""
	case erased:
		return gateway.Silenced, gateway.ReasonSuppressed, "the member was erased"
	case point == roll.Stopped && !(f.Class == gateway.Account && c.Point == f.Answers): // but the one answer to her own STOP
		return gateway.Silenced, gateway.ReasonSuppressed, "the person said STOP"
	case gateway.Paused(f.Class, time.UnixMicro(paused), time.UnixMicro(now)):
		return gateway.Silenced, gateway.ReasonSuppressed, gateway.PausedDetail
	case point == roll.Stale && f.Policy.Lane != gateway.Urgent:
		return gateway.Unusable, "", ""
	case point != roll.Active && point != roll.Stale && point != roll.Stopped && !((point == roll.Unconfirmed || point == roll.Proving) && f.Class == gateway.Account):
		return gateway.Unusable, "", ""
	case topics&f.Mask != f.Mask: // she may have kept it elsewhere
		c.Dropped = true
		return gateway.Unusable, "", ""
	}
	return gateway.Granted, "", ""
}
