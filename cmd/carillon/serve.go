package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/carillon-gateway/carillon/channels/builtin"
	"github.com/carillon-gateway/carillon/gateway/app"
)

func (sh *shell) serve() *cobra.Command {
	var file, roles string
	c := &cobra.Command{
		Use:   "serve",
		Short: "run the gateway until it is told to stop",
		Long: "Run the gateway. On the first SIGTERM or Ctrl-C it claims nothing new and lets what is on its way end.\n\n" +
			"In the profile scaled any number of processes share the work, each with some of the roles: api (the HTTP API), scheduler (plans broadcasts, " +
			"does the daily work), relay (fills the lanes, mends), sender (sends) and inbound (webhooks and polling). Every role must be somebody's.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return sh.runServe(c.Context(), file, roles, nil) },
	}
	configFlag(c, &file)
	c.Flags().StringVar(&roles, "roles", "", "what this process does, as in relay,sender; the profile scaled only (default all)")
	return c
}

func configFlag(c *cobra.Command, file *string) {
	c.Flags().StringVarP(file, "config", "c", "carillon.yaml", "the operator's file")
}

// runServe is the gateway until its context ends; now is its clock, and nil the true one.
func (sh *shell) runServe(ctx context.Context, file, list string, now func() time.Time) error {
	roles, err := app.ParseRoles(list)
	if err != nil {
		return wrong("%w", err)
	}
	return app.Serve(ctx, app.Serving{File: file, Version: version, Factories: builtin.All(), Roles: roles, Lookup: sh.lookup, Now: now, Log: sh.err})
}
