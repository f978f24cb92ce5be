package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/carillon-gateway/carillon/channels/builtin"
	"github.com/carillon-gateway/carillon/config"
	"github.com/carillon-gateway/carillon/gateway/app"
)

func (sh *shell) move() *cobra.Command {
	var file, to string
	var pooled, again bool
	c := &cobra.Command{
		Use:   "move",
		Short: "move the ledger of a stopped gateway to PostgreSQL, to go on with several processes",
		Long: `Copy the ledger of the profile alone into an empty PostgreSQL database, and hold both against each other by count and
digest. Stop the gateway first. What is interrupted goes on where it was when the command is given again. Afterwards
the ledger here is locked, and the gateway goes on from PostgreSQL: see docs/scaling.md.

A password does not belong on the command line: leave it out of the address and set PGPASSWORD or PGPASSFILE.`,
		Example: "  carillon move --to 'postgres://carillon@db.example/carillon?sslmode=verify-full'",
		Args:    cobra.NoArgs,
	}
	configFlag(c, &file)
	c.Flags().StringVar(&to, "to", "", "address of an empty PostgreSQL database")
	c.Flags().BoolVar(&pooled, "pooled", false, "a connection pooler in transaction mode stands before it")
	c.Flags().BoolVar(&again, "again", false, "delete what an interrupted move has left there, and begin anew")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if !strings.HasPrefix(to, "postgres://") && !strings.HasPrefix(to, "postgresql://") {
			return wrong("--to is missing or no address of PostgreSQL; write it as in postgres://carillon@db.example/carillon")
		}
		settings, err := config.Load(file, sh.lookup, optionStructs())
		if err != nil {
			return err
		}
		bar, table := sh.progress(-1, "", false), ""
		moved, err := app.Move(c.Context(), app.MoveOptions{Config: settings, Factories: builtin.All(), To: to, Pooled: pooled, Again: again, Tell: func(s app.MoveStep) {
			what := "copying " + s.Table
			if s.Checking {
				what = "checking " + s.Table
			}
			if what != table {
				table = what
				bar.Describe(what)
				bar.ChangeMax64(max(1, s.Total))
			}
			_ = bar.Set64(s.Done)
		}})
		_ = bar.Finish()
		if err != nil {
			return err
		}
		var rows int64
		for _, t := range moved {
			rows += t.Rows
		}
		if err := listed(sh, moved, []string{"TABLE", "ROWS", "DIGEST"}, "", func(m app.Moved) []string {
			return []string{m.Table, fmt.Sprint(m.Rows), m.Digest}
		}); err != nil || sh.json() {
			return err
		}
		return sh.say("%d rows are moved, and the same on both sides. Now name the database and Redis under storage in %s (profile: scaled; see docs/scaling.md), and start the gateway.", rows, file)
	}
	return c
}
