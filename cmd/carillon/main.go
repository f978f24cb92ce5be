// Command carillon is the gateway, its command line and its tour, in one binary.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	_ "time/tzdata" // zone data for machines without any

	_ "golang.org/x/crypto/x509roots/fallback" // root certificates for machines without any
)

// version is set by the linker.
var version = "dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	sh := &shell{in: os.Stdin, out: os.Stdout, err: os.Stderr, lookup: os.LookupEnv}
	os.Exit(sh.run(ctx, os.Args[1:]))
}
