package app

import (
	"context"
	"sync"

	"github.com/carillon-gateway/carillon/scheduler/agenda"
	"github.com/carillon-gateway/carillon/scheduler/fetch"
	"github.com/carillon-gateway/carillon/templates"
)

// agendaDuty is the duty of reading calendars. Two processes at it would write nothing twice, but fetch twice.
const agendaDuty = "calendars"

// The shipped texts of feeds of turns.
const (
	dutyEntry  = "duty-entry"
	dutyNobody = "duty-nobody"
)

// newAgenda makes what reads calendars and writes feeds.
func (a *App) newAgenda() *agenda.Agenda {
	event, calendar := inCatalogue(templates.EventNeutral), inCatalogue(templates.CalendarNeutral)
	duty, nobody := inCatalogue(dutyEntry), inCatalogue(dutyNobody)
	return agenda.New(agenda.Parts{Ledger: a.store, Feeds: a.store, People: a.store, Rotas: a.rotas, Fetcher: fetch.New("carillon/"+a.Version, a.Fetchable), PublicURL: a.live.publicURL, Now: a.Now, Log: a.Log,
		Words: func(locale string, fallback []string) agenda.Words {
			chain := append(append([]string{locale}, fallback...), "en")
			return agenda.Words{Event: event(chain), Calendar: calendar(chain), Duty: duty(chain), Nobody: nobody(chain)}
		}})
}

// inCatalogue gives a shipped text of a few words in the first of some languages that has it.
func inCatalogue(name string) func(chain []string) string {
	set := sync.OnceValues(func() (*templates.Set, error) { return templates.Wording(name, nil) })
	return func(chain []string) string {
		s, err := set()
		if err != nil {
			panic("app: a shipped text is broken: " + err.Error()) // a test reads them all
		}
		doc, _, err := s.Render(templates.Reader{Chain: chain}, nil)
		if err != nil {
			panic("app: a shipped text is broken: " + err.Error())
		}
		return doc.Plain()
	}
}

// readCalendars reads calendars when they are due, whenever it is this process that has to.
func (a *App) readCalendars(ctx context.Context) error {
	for ctx.Err() == nil {
		a.duties.during(ctx, agendaDuty, func(ctx context.Context, _ int64) {
			if err := a.agenda.Run(ctx); err != nil && ctx.Err() == nil {
				a.Log.Error("calendars are not read any more; trying again", "error", err)
			}
		})
	}
	return nil
}
