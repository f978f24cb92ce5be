package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

// operatorToken makes sure that the file holds a token of the operator that the ledger knows. The command line on the
// same machine uses it.
func operatorToken(ctx context.Context, access gateway.Access, file string, now time.Time) error {
	text, err := os.ReadFile(file)
	switch {
	case err == nil:
		if _, err := access.TokenByDigest(ctx, gateway.DigestToken(strings.TrimSpace(string(text)))); err == nil {
			return nil
		} else if !errors.Is(err, gateway.ErrNotFound) {
			return err
		}
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("reading the operator's token: %w", err)
	}
	secret, digest := gateway.MintToken()
	token := gateway.Token{ID: gateway.NewID(), Role: gateway.Operator, Label: "operator", Digest: digest, CreatedAt: now}
	if err := access.PutToken(ctx, token); err != nil {
		return fmt.Errorf("keeping the operator's token: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return fmt.Errorf("making the data folder: %w", err)
	}
	if err := os.WriteFile(file, []byte(secret.Reveal()+"\n"), 0o600); err != nil {
		return fmt.Errorf("writing the operator's token: %w", err)
	}
	return nil
}
