package api

import (
	"context"
	"net/http"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/civil"
)

// Rotas is what people do with rotas.
type Rotas interface {
	// Put makes a rota, or gives the one with its name another rule.
	Put(ctx context.Context, g gateway.Group, r gateway.Rota) (done gateway.Rota, created bool, err error)
	// Rotas lists a group's.
	Rotas(ctx context.Context, group gateway.ID) ([]gateway.Rota, error)
	// Table gives one with its turns of some days.
	Table(ctx context.Context, group gateway.ID, name string, from time.Time, days int) (gateway.RotaTable, error)
	Remove(ctx context.Context, group gateway.ID, name string) error
	RotaChanges
}

// RotaChanges is what people change of a rota.
type RotaChanges interface {
	// Override puts somebody, or nobody, on duty for a time.
	Override(ctx context.Context, group gateway.ID, name string, o gateway.RotaOverride) (gateway.Rota, error)
	// Away notes that a member is away, in every rota that names her; it returns their names.
	Away(ctx context.Context, group gateway.ID, a gateway.Absence) ([]string, error)
	// AskSwap asks a member whether she takes over a turn of another.
	AskSwap(ctx context.Context, group gateway.ID, name string, s gateway.Swap) (gateway.Swap, error)
	// AnswerSwap answers for who was asked.
	AnswerSwap(ctx context.Context, group gateway.ID, name string, id gateway.ID, yes bool, by string) (gateway.Rota, error)
	// Withdraw takes an override, an absence or an open question out.
	Withdraw(ctx context.Context, group gateway.ID, name string, id gateway.ID) (gateway.Rota, error)
}

// InRota is a path to a rota.
type InRota struct {
	InGroup
	Rota string `path:"rota" minLength:"2" maxLength:"40" pattern:"^[a-z0-9][a-z0-9-]*[a-z0-9]$" patternDescription:"2 to 40 of a to z, 0 to 9 and the hyphen, which neither begins nor ends it" example:"telephone" doc:"Its name."`
}

type (
	getRota struct {
		InRota
		From time.Time `query:"from" doc:"From when on. Absent: from now on."`
		Days int       `query:"days" minimum:"1" maximum:"400" default:"28" doc:"The turns of how many days."`
	}
	getGaps struct {
		InGroup
		Days int `query:"days" minimum:"1" maximum:"400" default:"28" doc:"The turns of how many days from now on."`
	}
	putRota struct {
		InRota
		Body gateway.DocumentRota
	}
	putRotaAnswer struct {
		Status int
		Body   gateway.Rota
	}
	overrideIn struct {
		Member gateway.ID `json:"member_id,omitzero" doc:"Absent: nobody."`
		From   civil.Wall `json:"from" doc:"On the clocks of the rota's zone."`
		To     civil.Wall `json:"to"`
	}
	addOverride struct {
		InRota
		Body overrideIn
	}
	absenceIn struct {
		Member gateway.ID `json:"member_id"`
		From   civil.Wall `json:"from" doc:"On the clocks of each rota's zone."`
		To     civil.Wall `json:"to"`
	}
	addAbsence struct {
		InGroup
		Body absenceIn
	}
	absenceAnswer struct {
		Rotas []string `json:"rotas" doc:"That name her."`
	}
	swapIn struct {
		From gateway.ID `json:"from_id" doc:"Who gives a turn, and has said that she wants that."`
		With gateway.ID `json:"with_id" doc:"Who is asked to take it."`
		Give civil.Wall `json:"give" doc:"When that turn begins, on the clocks of the rota's zone."`
		Take civil.Wall `json:"take,omitzero" doc:"When the turn begins that she gives for it. Absent: none."`
	}
	askSwap struct {
		InRota
		Body swapIn
	}
	answerSwap struct {
		InRota
		Swap gateway.ID `path:"swap" example:"0195a3c2-7b1e-7c3d-9f00-1a2b3c4d5e6f"`
		Body struct {
			Yes bool `json:"yes" doc:"False: she does not agree, and nothing is swapped."`
		}
	}
	withdrawChange struct {
		InRota
		Change gateway.ID `path:"change" example:"0195a3c2-7b1e-7c3d-9f00-1a2b3c4d5e6f" doc:"An override, an absence or an open question of a swap. Of a swap that was agreed: all of it."`
	}
)

const rotaTag = "Rotas"

func (s *server) addRotas() {
	start := civil.At(2026, 3, 30, 8, 0, 0)
	rule := gateway.DocumentRota{Title: "Telephone", Kind: gateway.RotaWeeks, Every: 1, Zone: "Europe/Berlin", Start: start, Members: []gateway.ID{sampleID}}
	sample := rule.Rota("telephone")
	sample.ID, sample.GroupID, sample.Revision, sample.ChangedAt = sampleID, sampleID, 3, sampleTime
	table := gateway.RotaTable{Rota: sample, Turns: []gateway.RotaTurn{{From: sampleTime, To: sampleTime.AddDate(0, 0, 7), Member: sampleID}, {From: sampleTime.AddDate(0, 0, 7), To: sampleTime.AddDate(0, 0, 14), Planned: sampleID, Why: gateway.TurnAway}}}
	path := "/api/v1/groups/{group}/rotas"
	one := path + "/{rota}"
	add(s, route{ID: "list-rotas", Method: http.MethodGet, Path: path, Tag: rotaTag, Scope: ofGroup, Role: gateway.Viewer,
		Summary: "List the rotas of a group", Answer: page[gateway.Rota]{Items: []gateway.Rota{sample}}},
		func(ctx context.Context, who caller, _ *InGroup) (*body[page[gateway.Rota]], error) {
			all, err := s.Rotas.Rotas(ctx, who.Group.ID)
			return &body[page[gateway.Rota]]{pageOf(all, len(all), func(r gateway.Rota) gateway.ID { return r.ID })}, err
		})
	add(s, route{ID: "get-rota", Method: http.MethodGet, Path: one, Tag: rotaTag, Scope: ofGroup, Role: gateway.Viewer,
		Summary: "Read who is on duty when", About: "The rota with its turns. The first turn is the one that runs. A turn without a member is a gap: nobody is on duty, and `why` says why.", Answer: table},
		func(ctx context.Context, who caller, in *getRota) (*body[gateway.RotaTable], error) {
			from := in.From
			if from.IsZero() {
				from = s.Now()
			}
			t, err := s.Rotas.Table(ctx, who.Group.ID, in.Rota, from, in.Days)
			return &body[gateway.RotaTable]{t}, err
		})
	add(s, route{ID: "put-rota", Method: http.MethodPut, Path: one, Tag: rotaTag, Scope: ofGroup, Role: gateway.Administrator,
		Summary: "Make or change a rota", About: "201: it is new. Overrides, absences and swaps stay. Whoever is on duty now is told.", Example: rule, Answer: sample},
		func(ctx context.Context, who caller, in *putRota) (*putRotaAnswer, error) {
			r, created, err := s.Rotas.Put(ctx, who.Group, in.Body.Rota(in.Rota))
			if err != nil {
				return nil, err
			}
			s.rotaChanged(ctx, who, r)
			if created {
				return &putRotaAnswer{http.StatusCreated, r}, nil
			}
			return &putRotaAnswer{http.StatusOK, r}, nil
		})
	add(s, route{ID: "delete-rota", Method: http.MethodDelete, Path: one, Tag: rotaTag, Scope: ofGroup, Role: gateway.Administrator, Summary: "Delete a rota", About: "Nobody is told."},
		func(ctx context.Context, who caller, in *InRota) (*nothing, error) {
			if err := s.Rotas.Remove(ctx, who.Group.ID, in.Rota); err != nil {
				return nil, err
			}
			s.Log.Info("a rota was deleted", "request", requestID(ctx), "group", who.Group.ID, "token", who.Token.ID)
			return &nothing{}, nil
		})
	gap := gateway.DutyGap{Rota: "telephone", From: sampleTime, To: sampleTime.AddDate(0, 0, 7), Member: sampleID, Why: "the only one who is meant said STOP"}
	add(s, route{ID: "duty-gaps", Method: http.MethodGet, Path: "/api/v1/groups/{group}/duty-gaps", Tag: rotaTag, Scope: ofGroup, Role: gateway.Viewer,
		Summary: "Read where an alert would find nobody", About: "Turns of rotas for which nobody is on duty, or somebody who cannot be told, and steps of policies that would reach nobody, each with why. No addresses, no names.",
		Answer: page[gateway.DutyGap]{Items: []gateway.DutyGap{gap, {Policy: "night", Step: 2, Role: "medic", Why: "nobody is meant"}}}},
		func(ctx context.Context, who caller, in *getGaps) (*body[page[gateway.DutyGap]], error) {
			all, err := s.Gaps(ctx, who.Group.ID, s.Now(), in.Days)
			return &body[page[gateway.DutyGap]]{pageOf(all, len(all), func(g gateway.DutyGap) gateway.ID { return g.About })}, err
		})
	s.addRotaChanges(one, sample)
}

func (s *server) rotaChanged(ctx context.Context, who caller, r gateway.Rota) {
	s.Log.Info("a rota was changed", "request", requestID(ctx), "group", who.Group.ID, "rota", r.ID, "token", who.Token.ID)
}

func (s *server) addRotaChanges(one string, sample gateway.Rota) {
	changed := func(ctx context.Context, who caller, r gateway.Rota, err error) (*body[gateway.Rota], error) {
		if err != nil {
			return nil, err
		}
		s.rotaChanged(ctx, who, r)
		return &body[gateway.Rota]{r}, nil
	}
	begins := sample.Start
	add(s, route{ID: "override-rota", Method: http.MethodPost, Path: one + "/overrides", Tag: rotaTag, Scope: ofGroup, Role: gateway.Author, Fresh: true,
		Summary: "Put somebody on duty for a time", About: "Whoever's turn it is. Of two for the same time the later one holds.", Example: overrideIn{sampleID, begins, begins + civil.Day}, Answer: sample},
		func(ctx context.Context, who caller, in *addOverride) (*body[gateway.Rota], error) {
			r, err := s.Rotas.Override(ctx, who.Group.ID, in.Rota, gateway.RotaOverride{Member: in.Body.Member, From: in.Body.From, To: in.Body.To, By: who.Token.Label})
			return changed(ctx, who, r, err)
		})
	add(s, route{ID: "note-absence", Method: http.MethodPost, Path: "/api/v1/groups/{group}/absences", Tag: rotaTag, Scope: ofGroup, Role: gateway.Author, Fresh: true,
		Summary: "Note that a member is away", About: "In every rota of the group that names her. Her turns are gaps then, until somebody takes them.", Example: absenceIn{sampleID, begins, begins + 7*civil.Day}, Answer: absenceAnswer{Rotas: []string{"telephone"}}},
		func(ctx context.Context, who caller, in *addAbsence) (*body[absenceAnswer], error) {
			names, err := s.Rotas.Away(ctx, who.Group.ID, gateway.Absence{Member: in.Body.Member, From: in.Body.From, To: in.Body.To, By: who.Token.Label})
			if err != nil {
				return nil, err
			}
			s.Log.Info("an absence was noted", "request", requestID(ctx), "group", who.Group.ID, "count", len(names), "token", who.Token.ID)
			return &body[absenceAnswer]{absenceAnswer{names}}, nil
		})
	swap := gateway.Swap{ID: sampleID, From: sampleID, With: sampleID, Give: begins, AskAt: sampleTime, By: "the office", Told: true}
	add(s, route{ID: "ask-swap", Method: http.MethodPost, Path: one + "/swaps", Tag: rotaTag, Scope: ofGroup, Role: gateway.Author, Fresh: true,
		Summary: "Ask a member to take over a turn", About: "For a turn of hers, or for none. She gets a message and answers YES, or somebody answers for her; nothing is swapped before. The question is open until a turn that it is about begins.", Example: swapIn{From: sampleID, With: sampleID, Give: begins}, Answer: swap},
		func(ctx context.Context, who caller, in *askSwap) (*body[gateway.Swap], error) {
			b := in.Body
			asked, err := s.Rotas.AskSwap(ctx, who.Group.ID, in.Rota, gateway.Swap{From: b.From, With: b.With, Give: b.Give, Take: b.Take, By: who.Token.Label})
			if err != nil {
				return nil, err
			}
			s.Log.Info("a swap was asked for", "request", requestID(ctx), "group", who.Group.ID, "id", asked.ID, "token", who.Token.ID)
			return &body[gateway.Swap]{asked}, nil
		})
	add(s, route{ID: "answer-swap", Method: http.MethodPost, Path: one + "/swaps/{swap}/answer", Tag: rotaTag, Scope: ofGroup, Role: gateway.Author, Fresh: true,
		Summary: "Answer for who was asked about a swap", About: "She has said so to whoever writes this down. Who asked gets a message.", Example: map[string]bool{"yes": true}, Answer: sample},
		func(ctx context.Context, who caller, in *answerSwap) (*body[gateway.Rota], error) {
			r, err := s.Rotas.AnswerSwap(ctx, who.Group.ID, in.Rota, in.Swap, in.Body.Yes, who.Token.Label)
			return changed(ctx, who, r, err)
		})
	add(s, route{ID: "withdraw-from-rota", Method: http.MethodDelete, Path: one + "/changes/{change}", Tag: rotaTag, Scope: ofGroup, Role: gateway.Author,
		Summary: "Take back what was changed of a rota"},
		func(ctx context.Context, who caller, in *withdrawChange) (*nothing, error) {
			r, err := s.Rotas.Withdraw(ctx, who.Group.ID, in.Rota, in.Change)
			if err != nil {
				return nil, err
			}
			s.rotaChanged(ctx, who, r)
			return &nothing{}, nil
		})
}
