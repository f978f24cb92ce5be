package rota

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/civil"
)

// shelf is a ledger of one rota, and what was said of it.
type shelf struct {
	rota    gateway.Rota
	people  map[gateway.ID]bool
	said    []string
	gaps    int
	now     time.Time
	meddled func()
}

func (s *shelf) PutRota(_ context.Context, r gateway.Rota, say gateway.RotaSayings) (gateway.Rota, error) {
	if s.meddled != nil {
		meddle := s.meddled
		s.meddled = nil
		meddle()
	}
	if r.Revision != s.rota.Revision {
		return r, gateway.ErrStale
	}
	r.Revision++
	if r.ID.IsZero() {
		r.ID = gateway.NewID()
	}
	s.rota = r
	for _, b := range say.Sends {
		s.said = append(s.said, string(b.Broadcast.Kind)+" "+b.Broadcast.Audience.Members[0].String()[:2])
	}
	s.gaps += len(say.Notices)
	return r, nil
}

func (s *shelf) Rota(context.Context, gateway.ID, string) (gateway.Rota, error) {
	if s.rota.ID.IsZero() {
		return s.rota, gateway.ErrNotFound
	}
	return s.rota, nil
}
func (s *shelf) Rotas(context.Context, gateway.ID) ([]gateway.Rota, error) {
	return []gateway.Rota{s.rota}, nil
}
func (s *shelf) DueRotas(context.Context, int) ([]gateway.Rota, error) {
	if s.rota.Next.After(s.now) {
		return nil, nil
	}
	return []gateway.Rota{s.rota}, nil
}
func (s *shelf) DeleteRota(context.Context, gateway.ID, gateway.ID) error { return nil }
func (s *shelf) GroupByID(context.Context, gateway.ID) (gateway.Group, error) {
	return gateway.Group{}, nil
}
func (s *shelf) Member(_ context.Context, _, id gateway.ID) (gateway.Member, error) {
	if !s.people[id] {
		return gateway.Member{}, gateway.ErrNotFound
	}
	return gateway.Member{ID: id, Points: []gateway.ContactPoint{{State: gateway.PointActive}}}, nil
}
func (s *shelf) ReadyDuty(_ context.Context, m gateway.DutyMessage) (*gateway.ReadyBroadcast, error) {
	return &gateway.ReadyBroadcast{Broadcast: gateway.Broadcast{Key: m.Key, Kind: gateway.Kind(m.Wording), Audience: gateway.Audience{Members: []gateway.ID{m.Member}}}}, nil
}
func (s *shelf) Look() {}

// story is a rota of two who take turns of a day from 08:00 on.
type story struct {
	*testing.T
	*shelf
	desk *Desk
	keep *Keeper
	g    gateway.Group
}

func tell(t *testing.T) *story {
	s := &shelf{people: map[gateway.ID]bool{ann: true, bea: true}, now: time.Date(2026, 3, 28, 9, 0, 0, 0, time.UTC)}
	clock := func() time.Time { return s.now }
	st := &story{t, s, NewDesk(s, s, clock), NewKeeper(s, s, clock, nil, nil), gateway.Group{ID: gateway.ID{9}, Zone: "Europe/Berlin"}}
	_, _, err := st.desk.Put(t.Context(), st.g, gateway.Rota{Name: "telephone", Rotation: gateway.Rotation{Kind: gateway.RotaDays, Start: civil.At(2026, 3, 28, 8, 0, 0), Members: []gateway.ID{ann, bea}}})
	st.ok(err)
	return st
}

func (s *story) ok(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// says winds the clock, lets two keepers look, and holds what was said since against what is wanted.
func (s *story) says(wind time.Duration, want ...string) {
	s.Helper()
	s.said, s.now = nil, s.now.Add(wind)
	s.ok(s.keep.Tick(s.T.Context()))
	s.ok(s.keep.Tick(s.T.Context()))
	if !slices.Equal(s.said, want) {
		s.Fatalf("said was %v, want %v", s.said, want)
	}
}

func TestDutyPassesOnOnce(t *testing.T) {
	s := tell(t)
	s.says(0, "duty-begins 01")
	s.says(time.Hour)
	s.says(24*time.Hour, "duty-begins 02", "duty-ends 01")

	s.said, s.now = nil, s.now.Add(24*time.Hour)
	s.meddled = func() { // another keeper is faster
		s.ok(s.keep.Tick(t.Context()))
	}
	s.ok(s.keep.Tick(t.Context()))
	if want := []string{"duty-begins 01", "duty-ends 02"}; !slices.Equal(s.said, want) {
		t.Fatalf("two keepers said %v", s.said)
	}

	s.says(30 * 24 * time.Hour) // slept for a month: hers again, and nobody is told what has not changed
	s.says(24*time.Hour, "duty-begins 02", "duty-ends 01")
}

func TestGapsAreToldBeforeTheyHappen(t *testing.T) {
	s := tell(t)
	s.says(0, "duty-begins 01")
	_, err := s.desk.Away(t.Context(), s.g.ID, gateway.Absence{Member: bea, From: civil.At(2026, 4, 10, 0, 0, 0), To: civil.At(2026, 4, 11, 0, 0, 0)})
	s.ok(err)
	s.says(0)
	if s.gaps != 0 {
		t.Fatal("owners are told of what is two weeks ahead")
	}
	for range 13 {
		s.said, s.now = nil, s.now.Add(24*time.Hour)
		s.ok(s.keep.Tick(t.Context()))
	}
	if s.gaps != 1 {
		t.Fatalf("owners were told %d times", s.gaps)
	}
	turn, err := s.desk.OnDuty(t.Context(), s.g.ID, "telephone", time.Date(2026, 4, 10, 12, 0, 0, 0, time.UTC))
	if s.ok(err); !turn.Member.IsZero() || turn.Why != gateway.TurnAway || turn.Planned != bea {
		t.Fatalf("on duty is %+v", turn)
	}
	s.people[ann], s.rota.Next = false, s.now // she was erased
	s.ok(s.keep.Tick(t.Context()))
	if s.gaps < 2 {
		t.Fatal("nobody is told of the gap that an erased member leaves")
	}
}

func TestASwapNeedsBoth(t *testing.T) {
	s := tell(t)
	s.says(0, "duty-begins 01")
	give, take := civil.At(2026, 3, 30, 8, 0, 0), civil.At(2026, 3, 31, 8, 0, 0)
	at := func(w civil.Wall) gateway.ID {
		turn, err := s.desk.OnDuty(t.Context(), s.g.ID, "telephone", w.Fields())
		s.ok(err)
		return turn.Member
	}
	swap, err := s.desk.AskSwap(t.Context(), s.g.ID, "telephone", gateway.Swap{From: ann, With: bea, Give: give, Take: take})
	s.ok(err)
	if !swap.Told || at(give) != ann || at(take) != bea {
		t.Fatal("it is swapped before she agrees, or she was not asked")
	}
	if _, err := s.desk.AskSwap(t.Context(), s.g.ID, "telephone", swap); !errors.Is(err, gateway.ErrConflict) {
		t.Fatalf("she is asked two things at once: %v", err)
	}
	if taken, err := s.desk.TakeYes(t.Context(), s.g.ID, ann); taken || err != nil {
		t.Fatalf("a yes of who was not asked: %v, %v", taken, err)
	}
	if taken, err := s.desk.TakeYes(t.Context(), s.g.ID, bea); !taken || err != nil {
		t.Fatalf("her yes: %v, %v", taken, err)
	}
	if at(give) != bea || at(take) != ann || at(give+4*civil.Day) != ann {
		t.Fatal("the turns are not swapped")
	}
	if want := "duty-swap-agreed 01"; !slices.Contains(s.said, want) {
		t.Fatalf("said was %v", s.said)
	}
	if _, err := s.desk.AskSwap(t.Context(), s.g.ID, "telephone", gateway.Swap{From: ann, With: bea, Give: give}); !errors.Is(err, gateway.ErrConflict) {
		t.Fatalf("a turn that is not hers: %v", err)
	}
	s.ok(func() error { _, err := s.desk.Withdraw(t.Context(), s.g.ID, "telephone", swap.ID); return err }())
	if at(give) != ann {
		t.Fatal("the swap stands after it was withdrawn")
	}
}
