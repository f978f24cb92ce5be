// Command custom is a gateway with one adapter more than ours: everything that comes with Carillon, and harbourchat.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/carillon-gateway/carillon/channels/builtin"
	"github.com/carillon-gateway/carillon/gateway/app"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	adapters := append(builtin.All(),
		Factory(), // the line more
	)
	if err := app.Serve(ctx, app.Serving{File: "carillon.yaml", Version: "custom", Factories: adapters}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
