package api

import (
	"context"
	"fmt"

	"github.com/carillon-gateway/carillon/gateway"
)

// calendars plans the calendars of a group. They are read soon after they were put, not while somebody waits.
func (p *plan) calendars(ctx context.Context, at, path string, d gateway.DocumentGroup, group gateway.Group, owner *gateway.ID, records map[string][]byte, barred string) error {
	have := map[string]gateway.Calendar{}
	if len(d.Calendars) > 0 && !owner.IsZero() && barred == "" {
		all, err := p.server.Calendars.List(ctx, *owner)
		if err != nil {
			return err
		}
		for _, c := range all {
			have[c.Name] = c
		}
	}
	for i, c := range d.Calendars {
		here, itsPath := fmt.Sprintf("%s.calendars[%d]", at, i), path+"/calendars/"+c.Name
		if !p.once(here, itsPath) {
			continue
		}
		want, err := p.server.CheckCalendar(group, gateway.Calendar{Name: c.Name, Topic: c.Topic, URL: gateway.Private(c.URL), Zone: c.Zone, Every: c.Every})
		if err != nil {
			if err := p.fault(here, err); err != nil {
				return err
			}
			continue
		}
		it := &item{path: itsPath, owner: owner, within: true, barred: barred, last: records[itsPath]}
		compared := want
		known, exists := have[c.Name]
		switch {
		case exists:
			it.have = digestCalendar(known)
			if compared.URL == "" {
				compared.URL = known.URL
			}
			if compared.URL == "" {
				compared.Every = 0
			}
		case c.URL == "" && barred == "":
			it.barred = "it is new and has no address; give it one, or upload a file with carillon calendar add"
		}
		it.want = digestCalendar(compared)
		it.write = func(ctx context.Context) error {
			group.ID = *owner
			_, err := p.server.Calendars.Keep(ctx, group, want)
			return err
		}
		p.items = append(p.items, it)
	}
	return nil
}

// digestCalendar digests what a document says of a calendar. Its address is mostly a long secret; of one that everybody
// knows, the digest tells who else knows it that it is read.
func digestCalendar(c gateway.Calendar) []byte {
	return digest(map[string]any{"topic": c.Topic, "url": c.URL.Reveal(), "zone": c.Zone, "every": c.Every})
}
