package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/carillon-gateway/carillon/gateway/client"
)

// alertClimb says between which groups alerts may climb.
func (sh *shell) alertClimb() *cobra.Command {
	allowing := func(use, short, done string, change func(from []string, group string) []string) *cobra.Command {
		return sh.inGroup(&cobra.Command{Use: use + " OTHER", Short: short, Args: cobra.ExactArgs(1)}, func(ctx context.Context, api *client.Client, group string, args []string) error {
			g, err := api.Group(ctx, group)
			if err != nil {
				return err
			}
			g.ClimbFrom = change(g.ClimbFrom, args[0])
			if g, err = api.PutGroup(ctx, g); err != nil {
				return err
			}
			return sh.print(g, fmt.Sprintf(done, args[0], g.Slug))
		})
	}
	without := func(from []string, group string) []string {
		return slices.DeleteFunc(from, func(s string) bool { return s == group })
	}
	return holder("climb", "between which groups alerts may climb",
		allowing("allow", "let alerts of another group climb to members of this one", "Alerts of group %s may climb to members of group %s.", func(from []string, group string) []string {
			return append(without(from, group), group)
		}),
		allowing("revoke", "let them do so no longer", "Alerts of group %s climb to group %s no longer. What has climbed already goes on.", without),
		sh.inGroup(&cobra.Command{Use: "list", Short: "list them, as a group sees it", Args: cobra.NoArgs}, func(ctx context.Context, api *client.Client, group string, _ []string) error {
			n, err := api.AlertNeighbours(ctx, group)
			if err != nil {
				return err
			}
			named := func(all []string) string { return cmp.Or(strings.Join(all, ", "), "none") }
			return sh.print(n, fmt.Sprintf("Alerts climb to this group from: %s. This group's alerts may climb to: %s.", named(n.From), named(n.To)))
		}))
}
