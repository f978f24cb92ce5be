// Package agenda keeps the events of groups' calendars in step with where they come from, and writes them out as feeds that
// people subscribe to. A calendar that fails, comes back empty or holds less than before cancels nothing: what it lacks is
// kept until two good answers agree and a person says so (R29). It fetches through what it is given, stores through the
// contracts that it declares, and sends nothing: reminders take what changed from the ledger.
package agenda

import (
	"context"
	"log/slog"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/scheduler/fetch"
)

// Ledger is what is read and written of calendars and events.
type Ledger interface {
	gateway.Calendars
	Events(ctx context.Context, group, calendar gateway.ID, after time.Time, limit int) ([]gateway.Event, error)
	SaveReading(ctx context.Context, r gateway.Reading) error
	Reminded(ctx context.Context, group, event gateway.ID) ([]gateway.Reminded, error)
}

// Directory is what is read of groups and members.
type Directory interface {
	GroupByID(ctx context.Context, id gateway.ID) (gateway.Group, error)
	Member(ctx context.Context, group, id gateway.ID) (gateway.Member, error)
}

// Rotas are read for feeds of turns.
type Rotas interface {
	// Rota reads one by its name; ErrNotFound.
	Rota(ctx context.Context, group gateway.ID, name string) (gateway.Rota, error)
	// Tables gives all of a group with their turns of a time.
	Tables(ctx context.Context, group gateway.ID, from, to time.Time) ([]gateway.RotaTable, error)
}

// Fetcher gets calendars from addresses, as fetch.Client does.
type Fetcher interface {
	Get(ctx context.Context, address string, known fetch.Version) (fetch.Answer, error)
}

// Parts is what an Agenda stands on. All but PublicURL are required.
type Parts struct {
	Ledger    Ledger
	Feeds     gateway.Feeds
	People    Directory
	Rotas     Rotas
	Fetcher   Fetcher
	Words     func(locale string, fallback []string) Words // in the language of whoever reads a feed
	PublicURL string                                       // of the instance, without a slash at its end; empty: it does not know
	Now       func() time.Time
	Log       *slog.Logger
}

// Words are what is ours in a feed.
type Words struct {
	Event    string // in place of what an event says, for members in neutral mode
	Calendar string // in place of the group's name, for the same
	Duty     string // that somebody is on duty
	Nobody   string // that nobody is
}

// Agenda reads calendars and writes feeds. It is safe for concurrent use.
type Agenda struct {
	Parts
	wake chan struct{}
}

// New makes an Agenda.
func New(p Parts) *Agenda { return &Agenda{Parts: p, wake: make(chan struct{}, 1)} }
