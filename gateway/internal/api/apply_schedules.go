package api

import (
	"context"
	"fmt"
	"slices"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/templates"
)

// schedules plans the schedules of a group, which is to be as the document says. What they send is checked again when they
// are written: words and topics may come with the same document.
func (p *plan) schedules(ctx context.Context, at, path string, g gateway.Group, d gateway.DocumentGroup, owner *gateway.ID, records map[string][]byte, barred string) error {
	have := map[string]gateway.Schedule{}
	if len(d.Schedules) > 0 && !owner.IsZero() && barred == "" {
		all, err := p.server.allSchedules(ctx, *owner)
		if err != nil {
			return err
		}
		for _, s := range all {
			have[s.Name] = s
		}
	}
	for i, schedule := range d.Schedules {
		here := fmt.Sprintf("%s.schedules[%d]", at, i)
		if !slug.MatchString(schedule.Name) {
			p.flaw(here+".name", "use 2 to 40 of a-z, 0-9 and -, with a letter or digit first and last")
			continue
		}
		path := path + "/schedules/" + schedule.Name
		if !p.once(here, path) {
			continue
		}
		want := schedule.Schedule()
		var err error
		if want.Timing, err = p.server.Schedules.CheckTiming(g, want.Timing); err != nil {
			if err := p.fault(here, err); err != nil {
				return err
			}
			continue
		}
		if schedule.Week != nil && !slices.ContainsFunc(g.Topics, func(t gateway.Topic) bool { return t.Name == schedule.Week.Topic }) {
			p.flaw(here+".week.topic", "the group has no such topic")
		}
		if schedule.Report == "" && schedule.Week == nil {
			p.sending(here+".send", g, schedule.Send)
		}
		want.Author = p.who.Token.Label
		it := &item{path: path, owner: owner, within: true, want: digest(want.Document()), last: records[path], barred: barred}
		if s, there := have[schedule.Name]; there {
			it.have = digest(s.Document())
		}
		it.write = func(ctx context.Context) error {
			group, err := p.server.Groups.GroupByID(ctx, *owner)
			if err == nil {
				_, _, err = p.server.Schedules.Put(ctx, group, want)
			}
			return err
		}
		p.items = append(p.items, it)
	}
	return nil
}

// sending says what is wrong with what a schedule sends, as far as the document alone tells.
func (p *plan) sending(at string, g gateway.Group, send *gateway.DocumentSend) {
	switch {
	case send == nil:
		p.flaw(at, "it is missing: say what each run sends")
		return
	case send.Kind != gateway.KindReport && send.Kind != gateway.KindReminder:
		p.flaw(at+".kind", "use report or reminder")
	case !slices.ContainsFunc(g.Topics, func(t gateway.Topic) bool { return t.Name == send.Topic }):
		p.flaw(at+".topic", "the group has no such topic")
	case (send.Wording == "") == (len(send.Words) == 0):
		p.flaw(at, "give the name of a wording or the words themselves, one of both")
	case len(send.Words) > 0:
		if _, err := templates.NewSet(send.Words); err != nil {
			p.flaw(at+".words", "%s", err)
		}
	}
}

// allSchedules reads the schedules of a group.
func (s *server) allSchedules(ctx context.Context, group gateway.ID) ([]gateway.Schedule, error) {
	var all []gateway.Schedule
	for {
		var after gateway.ID
		if len(all) > 0 {
			after = all[len(all)-1].ID
		}
		page, err := s.Schedules.Schedules(ctx, group, after, 500)
		all = append(all, page...)
		if err != nil || len(page) < 500 {
			return all, err
		}
	}
}

// documentSchedules writes the schedules of a group as a document has them.
func (s *server) documentSchedules(ctx context.Context, group gateway.ID) ([]gateway.DocumentSchedule, error) {
	all, err := s.allSchedules(ctx, group)
	var list []gateway.DocumentSchedule
	for _, one := range all {
		list = append(list, one.Document())
	}
	return list, err
}
