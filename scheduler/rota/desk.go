package rota

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/civil"
)

// Store is what rotas are kept in, with the people whom they name.
type Store interface {
	gateway.RotaBook
	GroupByID(ctx context.Context, id gateway.ID) (gateway.Group, error)
	Member(ctx context.Context, group, id gateway.ID) (gateway.Member, error)
}

// Messenger makes ready what is said to those on duty.
type Messenger interface {
	// ReadyDuty checks a message and stores nothing. A fault says what is wrong with it: CodeNobody if she has no contact point
	// that may be used.
	ReadyDuty(ctx context.Context, m gateway.DutyMessage) (*gateway.ReadyBroadcast, error)
	// Look has whoever plans broadcasts look for new ones at once.
	Look()
}

// Desk is what people do with rotas. It is safe for concurrent use.
type Desk struct {
	Store
	messenger Messenger
	now       func() time.Time
}

// NewDesk makes a desk.
func NewDesk(store Store, messenger Messenger, now func() time.Time) *Desk {
	return &Desk{store, messenger, now}
}

const tries = 10 // how often a change is made that meets another

var errBusy = gateway.Faultf(gateway.CodeUnavailable, "others change this rota at the same time; try again")

// Put makes a rota, or gives the one with its name another rule: what was changed of its turns stays. Without members or turns,
// one that exists keeps those that it has. created: it is new.
func (d *Desk) Put(ctx context.Context, g gateway.Group, r gateway.Rota) (done gateway.Rota, created bool, err error) {
	for range tries {
		want := r
		have, err := d.Rota(ctx, g.ID, r.Name)
		created = errors.Is(err, gateway.ErrNotFound)
		if err != nil && !created {
			return r, false, err
		}
		if !created && want.Kind == have.Kind {
			if want.Kind == gateway.RotaList && want.Turns == nil {
				want.Turns = have.Turns
			} else if want.Kind != gateway.RotaList && want.Members == nil {
				want.Members = have.Members
			}
		}
		if want, err = Check(g, want); err != nil {
			return r, false, err
		}
		for _, id := range people(&gateway.Rota{Rotation: want.Rotation}) {
			if slices.Contains(have.Members, id) || slices.ContainsFunc(have.Turns, func(t gateway.ListedTurn) bool { return t.Member == id }) {
				continue // she may have been erased since: her turns show as gaps
			}
			if err := d.known(ctx, g.ID, id); err != nil {
				return r, false, err
			}
		}
		rule, title := want.Rotation, want.Title
		if want = have; created {
			want = gateway.Rota{GroupID: g.ID, Name: r.Name}
		}
		want.Rotation, want.Title = rule, title
		d.touch(&want)
		done, err = d.PutRota(ctx, want, gateway.RotaSayings{})
		if !errors.Is(err, gateway.ErrStale) && !(created && errors.Is(err, gateway.ErrConflict) && d.there(ctx, g.ID, r.Name)) {
			return done, created, err
		}
	}
	return r, false, errBusy
}

// there says whether a rota exists by now.
func (d *Desk) there(ctx context.Context, group gateway.ID, name string) bool {
	_, err := d.Rota(ctx, group, name)
	return err == nil
}

// touch notes that people changed a rota, and has it looked at at once.
func (d *Desk) touch(r *gateway.Rota) {
	r.ChangedAt = d.now().UTC().Truncate(time.Second)
	r.Next = d.now()
}

func (d *Desk) known(ctx context.Context, group, member gateway.ID) error {
	_, err := d.Member(ctx, group, member)
	if errors.Is(err, gateway.ErrNotFound) {
		return gateway.Faultf(gateway.CodeInvalid, "the group has no member %s; member list shows who there is", member)
	}
	return err
}

// change does something to a rota, over and over while others do too.
func (d *Desk) change(ctx context.Context, group gateway.ID, name string, do func(*gateway.Rota, *gateway.RotaSayings) error) (gateway.Rota, error) {
	for range tries {
		r, err := d.Rota(ctx, group, name)
		if err != nil {
			return r, err
		}
		var say gateway.RotaSayings
		if err := do(&r, &say); err != nil {
			return r, err
		}
		d.touch(&r)
		if r, err = d.PutRota(ctx, r, say); !errors.Is(err, gateway.ErrStale) {
			if err == nil && len(say.Sends) > 0 {
				d.messenger.Look()
			}
			return r, err
		}
	}
	return gateway.Rota{}, errBusy
}

// Remove deletes a rota.
func (d *Desk) Remove(ctx context.Context, group gateway.ID, name string) error {
	r, err := d.Rota(ctx, group, name)
	if err != nil {
		return err
	}
	return d.DeleteRota(ctx, group, r.ID)
}

// Table gives a rota with its turns of some days from an instant on.
func (d *Desk) Table(ctx context.Context, group gateway.ID, name string, from time.Time, days int) (gateway.RotaTable, error) {
	r, err := d.Rota(ctx, group, name)
	if err != nil {
		return gateway.RotaTable{}, err
	}
	return d.table(ctx, r, from, from.AddDate(0, 0, days))
}

// Tables gives all rotas of a group with their turns of a time.
func (d *Desk) Tables(ctx context.Context, group gateway.ID, from, to time.Time) ([]gateway.RotaTable, error) {
	rotas, err := d.Rotas(ctx, group)
	if err != nil {
		return nil, err
	}
	var all []gateway.RotaTable
	for _, r := range rotas {
		t, err := d.table(ctx, r, from, to)
		if err != nil {
			return nil, err
		}
		all = append(all, t)
	}
	return all, nil
}

func (d *Desk) table(ctx context.Context, r gateway.Rota, from, to time.Time) (gateway.RotaTable, error) {
	t := gateway.RotaTable{Rota: r}
	p, err := plan(ctx, d.Store, &t.Rota)
	if err == nil {
		t.Turns = p.Turns(from, to)
	}
	return t, err
}

// plan reads a rota, with who of those whom it names is no member any more.
func plan(ctx context.Context, store Store, r *gateway.Rota) (*Plan, error) {
	gone := map[gateway.ID]bool{}
	for _, id := range people(r) {
		_, err := store.Member(ctx, r.GroupID, id)
		if err != nil && !errors.Is(err, gateway.ErrNotFound) {
			return nil, fmt.Errorf("read who is on a rota: %w", err)
		}
		gone[id] = err != nil
	}
	return Read(r, func(id gateway.ID) bool { return gone[id] })
}

// OnDuty gives the turn of a rota at an instant; without a member in it, nobody is on duty.
func (d *Desk) OnDuty(ctx context.Context, group gateway.ID, name string, at time.Time) (gateway.RotaTurn, error) {
	r, err := d.Rota(ctx, group, name)
	if err != nil {
		return gateway.RotaTurn{}, err
	}
	p, err := Read(&r, nil)
	if err != nil {
		return gateway.RotaTurn{}, err
	}
	turn, ok := p.At(at)
	if !ok {
		return gateway.RotaTurn{From: at, To: at, Why: gateway.TurnNobody}, nil
	}
	if turn.Member.IsZero() {
		return turn, nil
	}
	_, err = d.Member(ctx, group, turn.Member) // only whoever matters is looked up: somebody may be waiting for this
	if errors.Is(err, gateway.ErrNotFound) {
		turn.Member, turn.Planned, turn.Why, err = gateway.ID{}, gateway.ID{}, gateway.TurnLeft, nil
	}
	return turn, err
}

func checkSpan(from, to civil.Wall) error {
	if from == 0 || to <= from {
		return gateway.Faultf(gateway.CodeInvalid, "from, to: say from when until when, as in 2026-03-30T08:00, the later one second")
	}
	return nil
}

// full refuses what is too much of one sort in a rota.
func full(n int, what string) error {
	if n < gateway.MaxRotaChanges {
		return nil
	}
	return gateway.Faultf(gateway.CodeConflict, "the rota has %d %s, which is the most; take some away first", n, what)
}

// Override puts somebody, or nobody, on duty for a time.
func (d *Desk) Override(ctx context.Context, group gateway.ID, name string, o gateway.RotaOverride) (gateway.Rota, error) {
	if err := checkSpan(o.From, o.To); err != nil {
		return gateway.Rota{}, err
	}
	if !o.Member.IsZero() {
		if err := d.known(ctx, group, o.Member); err != nil {
			return gateway.Rota{}, err
		}
	}
	return d.change(ctx, group, name, func(r *gateway.Rota, _ *gateway.RotaSayings) error {
		o.ID = gateway.NewID()
		r.Overrides = append(r.Overrides, o)
		return full(len(r.Overrides)-1, "overrides")
	})
}

// Away notes that a member is away, in every rota of the group that names her; it returns their names. The times are those of
// each rota's zone.
func (d *Desk) Away(ctx context.Context, group gateway.ID, a gateway.Absence) ([]string, error) {
	if err := checkSpan(a.From, a.To); err != nil {
		return nil, err
	}
	if err := d.known(ctx, group, a.Member); err != nil {
		return nil, err
	}
	rotas, err := d.Rotas(ctx, group)
	if err != nil {
		return nil, err
	}
	names := []string{}
	a.ID = gateway.NewID()
	for _, r := range rotas {
		if !slices.Contains(people(&r), a.Member) {
			continue
		}
		_, err := d.change(ctx, group, r.Name, func(r *gateway.Rota, _ *gateway.RotaSayings) error {
			if slices.ContainsFunc(r.Away, func(b gateway.Absence) bool { return b.Member == a.Member && b.From == a.From && b.To == a.To }) {
				return nil
			}
			r.Away = append(r.Away, a)
			return full(len(r.Away)-1, "absences")
		})
		if err != nil {
			return names, err
		}
		names = append(names, r.Name)
	}
	if len(names) == 0 {
		return nil, gateway.Faultf(gateway.CodeConflict, "no rota of the group names this member, so there is nothing to be away from")
	}
	return names, nil
}

// Withdraw takes an override, an absence or a question of a swap out of a rota.
func (d *Desk) Withdraw(ctx context.Context, group gateway.ID, name string, id gateway.ID) (gateway.Rota, error) {
	return d.change(ctx, group, name, func(r *gateway.Rota, _ *gateway.RotaSayings) error {
		before := len(r.Overrides) + len(r.Away) + len(r.Swaps)
		r.Overrides = slices.DeleteFunc(r.Overrides, func(o gateway.RotaOverride) bool { return o.ID == id || o.Swap == id })
		r.Away = slices.DeleteFunc(r.Away, func(a gateway.Absence) bool { return a.ID == id })
		r.Swaps = slices.DeleteFunc(r.Swaps, func(s gateway.Swap) bool { return s.ID == id })
		if len(r.Overrides)+len(r.Away)+len(r.Swaps) == before {
			return gateway.Faultf(gateway.CodeNotFound, "the rota has no override, absence or open swap with this id")
		}
		return nil
	})
}

var _ gateway.Rotas = (*Desk)(nil)
