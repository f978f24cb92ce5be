package app

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/scheduler/escalation"
)

// gapFinder finds where an alert would find nobody.
type gapFinder struct {
	policies gateway.AlertPolicies
	rotas    interface {
		Tables(ctx context.Context, group gateway.ID, from, to time.Time) ([]gateway.RotaTable, error)
	}
	// untold says why nobody to whom a rule applies could be told; empty: somebody could.
	untold func(ctx context.Context, group gateway.ID, class gateway.Class, a gateway.Audience) (string, error)
	// barred says why the group's alerts cannot climb to a target in another group; empty: they can.
	barred func(ctx context.Context, group gateway.ID, t gateway.AlertTarget) (string, error)
}

func (a *App) gapFinder() gapFinder {
	return gapFinder{a.store, a.rotas, a.fanout.Untold, a.alerts.Barred}
}

// gaps lists the steps of a group's policies that would reach nobody, and the turns of some days for which nobody is on duty, or
// somebody who cannot be told.
func (f gapFinder) gaps(ctx context.Context, group gateway.ID, from time.Time, days int) ([]gateway.DutyGap, error) {
	policies, err := f.policies.AlertPolicies(ctx, group)
	if err != nil {
		return nil, fmt.Errorf("read the policies: %w", err)
	}
	tables, err := f.rotas.Tables(ctx, group, from, from.AddDate(0, 0, days))
	if err != nil {
		return nil, fmt.Errorf("read the rotas: %w", err)
	}
	all := []gateway.DutyGap{}
	asked := map[string][]gateway.Audience{} // by rota: as steps ask whoever is on duty
	for _, p := range policies {
		steps := append([]gateway.AlertStep{{Targets: p.Last}}, p.Steps...)
		for i, s := range steps {
			for _, t := range s.Targets {
				a := gateway.Audience{Topic: cmp.Or(t.Topic, gateway.AlertsTopic), Tags: t.Tags, Members: t.Members, Kinds: s.Kinds}
				why := ""
				switch {
				case t.Group != "": // who is there is that group's own
					if why, err = f.barred(ctx, group, t); err != nil {
						return nil, fmt.Errorf("look whether a step may ask another group: %w", err)
					}
				case t.Rota == "":
					if why, err = f.untold(ctx, group, gateway.Alert, a); err != nil {
						return nil, fmt.Errorf("look for whom a step asks: %w", err)
					}
				case !slices.ContainsFunc(tables, func(r gateway.RotaTable) bool { return r.Rota.Name == t.Rota }):
					why = "the group has no such rota"
				default:
					asked[t.Rota] = append(asked[t.Rota], a)
				}
				if why != "" {
					all = append(all, gateway.DutyGap{Policy: p.Name, Step: i, Role: escalation.RoleOf(&t), Why: why, About: p.ID})
				}
			}
		}
	}
	for _, t := range tables {
		found, err := f.turns(ctx, group, t, asked[t.Rota.Name])
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

// turns lists the gaps of one rota. Whoever is on duty must be told of it, and of each step that asks her.
func (f gapFinder) turns(ctx context.Context, group gateway.ID, t gateway.RotaTable, asked []gateway.Audience) (all []gateway.DutyGap, err error) {
	whys := map[gateway.ID]string{}
	for _, turn := range t.Turns {
		gap := gateway.DutyGap{Rota: t.Rota.Name, From: turn.From, To: turn.To, Member: turn.Member, Why: string(turn.Why), About: t.Rota.ID}
		if !turn.Member.IsZero() {
			why, known := whys[turn.Member]
			if !known {
				if why, err = f.holder(ctx, group, turn.Member, asked); err != nil {
					return nil, err
				}
				whys[turn.Member] = why
			}
			if gap.Why = why; why == "" {
				continue
			}
		}
		if last := len(all) - 1; last >= 0 && all[last].To.Equal(gap.From) && all[last].Member == gap.Member && all[last].Why == gap.Why {
			all[last].To = gap.To
			continue
		}
		all = append(all, gap)
	}
	return all, nil
}

// holder says why somebody could not be told when she is on duty; empty: she could.
func (f gapFinder) holder(ctx context.Context, group, member gateway.ID, asked []gateway.Audience) (string, error) {
	her := []gateway.ID{member}
	why, err := f.untold(ctx, group, gateway.Account, gateway.Audience{Members: her})
	for i := 0; i < len(asked) && why == "" && err == nil; i++ {
		a := asked[i]
		a.Members = her
		why, err = f.untold(ctx, group, gateway.Alert, a)
	}
	if err != nil {
		return "", fmt.Errorf("look for who is on duty: %w", err)
	}
	return why, nil
}

const (
	gapGroups = 20               // that are looked at in one look of the watchdog
	gapsAge   = 10 * time.Minute // of what is known of a group, before it is looked at again
)

// gapWatch goes round the groups and keeps what was found of each: it costs a few queries for each step and turn.
type gapWatch struct {
	gapFinder
	groups func(ctx context.Context) ([]gateway.Group, error)
	now    func() time.Time
	known  map[gateway.ID]gapsOf
}

// gapsOf is what is known of one group.
type gapsOf struct {
	at    time.Time
	signs []gateway.Sign
}

// signs gives what there is of all groups; of one that was not looked at yet, what is open already stands.
func (w *gapWatch) signs(ctx context.Context, open []gateway.Finding) (all []gateway.Sign, err error) {
	groups, err := w.groups(ctx)
	if err != nil {
		return nil, err
	}
	now := w.now()
	age := func(g gateway.Group) time.Time { return w.known[g.ID].at }
	slices.SortStableFunc(groups, func(a, b gateway.Group) int { return age(a).Compare(age(b)) })
	for i, g := range groups {
		if at := age(g); i < gapGroups && (now.Sub(at) >= gapsAge || now.Before(at)) {
			found, err := w.gaps(ctx, g.ID, now, int(gateway.GapNotice/(24*time.Hour)))
			if err != nil {
				return nil, fmt.Errorf("looking for whom alerts would find: %w", err)
			}
			w.known[g.ID] = gapsOf{now, signsOf(g.ID, found, now)}
		}
		if of, looked := w.known[g.ID]; looked {
			all = append(all, of.signs...)
			continue
		}
		for _, f := range open {
			if f.GroupID == g.ID && (f.Code == gateway.DutyUnheard || f.Code == gateway.StepUnheard) {
				all = append(all, gateway.Sign{Finding: f})
			}
		}
	}
	return all, nil
}

// signsOf makes signs of gaps. That nobody is on duty owners are told by the rota itself.
func signsOf(group gateway.ID, gaps []gateway.DutyGap, now time.Time) (all []gateway.Sign) {
	for _, g := range gaps {
		f := gateway.Finding{Code: gateway.StepUnheard, GroupID: group, About: g.About, Name: g.Policy, Part: g.Place() + ", " + g.Role, Since: now}
		switch {
		case g.Rota != "" && g.Member.IsZero():
			continue
		case g.Rota != "":
			f.Code, f.Name, f.Part = gateway.DutyUnheard, g.Rota, "member "+g.Member.Short()
		}
		if !slices.ContainsFunc(all, func(s gateway.Sign) bool { return s.Same(f) }) {
			all = append(all, gateway.Sign{Finding: f})
		}
	}
	return all
}
