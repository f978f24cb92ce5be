package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/carillon-gateway/carillon/channels/sandbox"
)

func (sh *shell) sandbox() *cobra.Command {
	var listen, log string
	c := &cobra.Command{
		Use:   "sandbox",
		Short: "run the stand-in providers and the phone wall, without a gateway",
		Long:  "Run stand-ins for the providers: set a channel's base_url to this address, and what it sends appears on the phone\nwall instead of on phones. docs/sandbox.md tells how to script faults.",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			options := sandbox.Options{OpenChats: true}
			if log != "" {
				f, err := os.OpenFile(log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
				if err != nil {
					return fmt.Errorf("opening the sandbox's log: %w", err)
				}
				defer f.Close()
				options.LogTo = f
			}
			listener, err := net.Listen("tcp", listen)
			if err != nil {
				return fmt.Errorf("listening: %w", err)
			}
			box := sandbox.New(options)
			fmt.Fprintf(sh.out, "The phone wall: http://%s/ (stop with Ctrl-C)\n", listener.Addr())
			return serveSandbox(c.Context(), box, listener)
		},
	}
	c.Flags().StringVar(&listen, "listen", "127.0.0.1:8090", "address to listen on")
	c.Flags().StringVar(&log, "log", "", "file for the log of all that is received, a JSON object a line")
	return c
}

// serveSandbox serves until the context ends.
func serveSandbox(ctx context.Context, box *sandbox.Sandbox, listener net.Listener) error {
	server := &http.Server{Handler: box.Handler(), ReadHeaderTimeout: 10 * time.Second}
	running, stop := context.WithCancel(ctx)
	defer stop()
	done := make(chan error, 1)
	go func() { done <- box.Run(running) }()
	go func() {
		<-running.Done()
		_ = server.Close()
	}()
	err := server.Serve(listener)
	stop()
	if errors.Is(err, http.ErrServerClosed) {
		err = nil
	}
	if runErr := <-done; !errors.Is(runErr, context.Canceled) {
		err = errors.Join(err, runErr)
	}
	return errors.Join(err, box.Close())
}
