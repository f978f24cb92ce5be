package api

import (
	"context"
	"fmt"

	"github.com/carillon-gateway/carillon/gateway"
)

// policies plans how the alerts of a group climb, which is to be as the document says.
func (p *plan) policies(ctx context.Context, at, path string, g gateway.Group, d gateway.DocumentGroup, owner *gateway.ID, records map[string][]byte, barred string) error {
	have := map[string]gateway.AlertPolicy{}
	if len(d.Policies) > 0 && !owner.IsZero() && barred == "" {
		all, err := p.server.Alerts.AlertPolicies(ctx, *owner)
		if err != nil {
			return err
		}
		for _, policy := range all {
			have[policy.Name] = policy
		}
	}
	for i, policy := range d.Policies {
		here := fmt.Sprintf("%s.policies[%d]", at, i)
		want, err := p.server.Alerts.CheckPolicy(g, policy)
		if err != nil {
			if err := p.fault(here, err); err != nil {
				return err
			}
			continue
		}
		path := path + "/policies/" + policy.Name
		if !p.once(here, path) {
			continue
		}
		it := &item{path: path, owner: owner, within: true, want: digest(want), last: records[path], barred: barred}
		if there, ok := have[policy.Name]; ok {
			it.have = digest(there)
		}
		it.write = func(ctx context.Context) error {
			group, err := p.server.Groups.GroupByID(ctx, *owner)
			if err == nil {
				_, err = p.server.Alerts.PutPolicy(ctx, group, want)
			}
			return err
		}
		p.items = append(p.items, it)
	}
	return nil
}
