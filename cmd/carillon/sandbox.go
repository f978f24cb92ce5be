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
	var listen, smtp, imap, log string
	c := &cobra.Command{
		Use:   "sandbox",
		Short: "run the stand-in providers and the phone wall, without a gateway",
		Long:  "Run stand-ins for the providers: set a channel's base_url to this address, or its host and port to that of mail,\nand what it sends appears on the phone wall instead of on phones. docs/sandbox.md tells how to script faults.",
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
			if smtp != "" && imap != "" {
				mail, err := serveMail(box, smtp, imap)
				if err != nil {
					return errors.Join(err, listener.Close(), box.Close())
				}
				fmt.Fprintf(sh.out, "Mail: SMTP on %s, mailboxes by IMAP on %s\n", mail.smtp, mail.imap)
			}
			return serveSandbox(c.Context(), box, listener)
		},
	}
	c.Flags().StringVar(&listen, "listen", "127.0.0.1:8090", "address to listen on")
	c.Flags().StringVar(&smtp, "smtp", "127.0.0.1:8025", "address of the mail server; empty: no mail")
	c.Flags().StringVar(&imap, "imap", "127.0.0.1:8143", "address of the mailboxes; empty: no mail")
	c.Flags().StringVar(&log, "log", "", "file for the log of all that is received, a JSON object a line")
	return c
}

// mailAt is where a sandbox has its mail, and the certificate that it shows.
type mailAt struct{ smtp, imap, certificate string }

func serveMail(box *sandbox.Sandbox, smtp, imap string) (mailAt, error) {
	toSMTP, err := net.Listen("tcp", smtp)
	if err != nil {
		return mailAt{}, fmt.Errorf("the mail server cannot listen: %w; choose another address with --smtp", err)
	}
	toIMAP, err := net.Listen("tcp", imap)
	if err != nil {
		return mailAt{}, errors.Join(fmt.Errorf("the mailboxes cannot listen: %w; choose another address with --imap", err), toSMTP.Close())
	}
	certificate, err := box.ServeMail(toSMTP, toIMAP)
	return mailAt{toSMTP.Addr().String(), toIMAP.Addr().String(), certificate}, err
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
