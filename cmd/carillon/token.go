package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/client"
)

func (sh *shell) tokens() *cobra.Command {
	list := &cobra.Command{Use: "list", Short: "list who may use the API", Args: cobra.NoArgs}
	sh.ofOwner(list, func(ctx context.Context, api *client.Client, group string, _ []string) error {
		all, err := api.Tokens(ctx, group)
		if err != nil {
			return err
		}
		return listed(sh, all, []string{"ID", "ROLE", "LABEL", "MADE", "ENDS"}, "No tokens.", func(t gateway.Token) []string {
			return []string{t.ID.String(), string(t.Role), t.Label, clock(t.CreatedAt), clock(t.ExpiresAt)}
		})
	})
	revoke := sh.ofOwner(&cobra.Command{Use: "revoke ID", Short: "end a token at once", Args: cobra.ExactArgs(1)},
		func(ctx context.Context, api *client.Client, group string, args []string) error {
			id, err := parseID(args[0])
			if err != nil {
				return err
			}
			if err := api.RevokeToken(ctx, group, id); err != nil {
				return err
			}
			return sh.print(map[string]any{"id": id, "revoked": true}, id.String()+" is revoked.")
		})
	return holder("token", "say who may use the API", list, sh.tokenCreate(), revoke)
}

func (sh *shell) tokenCreate() *cobra.Command {
	var role, label, to string
	var ends time.Duration
	c := &cobra.Command{Use: "create", Short: "make a token, written to a file that only you read", Args: cobra.NoArgs}
	f := c.Flags()
	f.StringVar(&role, "role", string(gateway.Viewer), "viewer, author, approver or administrator; without --group: operator, or viewer of the status and the metrics")
	f.StringVar(&label, "label", "", "whose it is; shown beside what is done with it")
	f.StringVar(&to, "to", "", "a new file for the token (absent, with -o json: standard output)")
	f.DurationVar(&ends, "expires", 0, "how long it is good, as in 720h; absent: until revoked")
	return sh.ofOwner(c, func(ctx context.Context, api *client.Client, group string, _ []string) error {
		switch {
		case label == "":
			return wrong("--label is missing: whose token is it? (a role or a pseudonym, such as rivers-desk)")
		case to == "" && !sh.json():
			return wrong("say where to write the token with --to FILE, or use -o json for standard output")
		case ends < 0:
			return wrong("--expires must be a length of time above zero, as in 720h")
		case gateway.Role(role).Rank() == 0:
			return wrong("--role %q does not exist; use viewer, author, approver, administrator or operator", role)
		}
		var until time.Time
		if ends > 0 {
			until = time.Now().Add(ends)
		}
		if to != "" { // first: a token that cannot be written down is lost
			if err := writePrivate(to, nil); err != nil {
				return err
			}
		}
		token, err := api.CreateToken(ctx, group, gateway.Role(role), label, until)
		if err != nil {
			if to != "" {
				err = errors.Join(err, os.Remove(to))
			}
			return err
		}
		if to != "" {
			if err := os.WriteFile(to, []byte(token.Secret+"\n"), 0o600); err != nil {
				return fmt.Errorf("writing the token; revoke %s and make another: %w", token.ID, err)
			}
			token.Secret = ""
		}
		return sh.print(token, "Token "+token.ID.String()+" is in "+to+". It is not shown again. Use it with CARILLON_TOKEN_FILE="+to)
	})
}
