package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/config"
)

// Serving is what a program that serves gives: our own main, or one with adapters of its own in the list.
type Serving struct {
	File      string // the operator's file
	Version   string
	Factories []channels.Factory               // package builtin lists ours
	Roles     []Role                           // of this process; none: all
	Lookup    func(name string) (string, bool) // of environment variables; nil: os.LookupEnv
	Now       func() time.Time                 // its clock; nil: the true one
	Log       io.Writer                        // nil: standard error
}

// Serve reads the operator's file and runs the gateway until the context ends, as Run does. Faults of the file come as
// config.Faults, all at once.
func Serve(ctx context.Context, s Serving) error {
	if s.Lookup == nil {
		s.Lookup = os.LookupEnv
	}
	if s.Log == nil {
		s.Log = os.Stderr
	}
	options := map[string]any{}
	for _, f := range s.Factories {
		options[f.Name] = f.Options()
	}
	settings, err := config.Load(s.File, s.Lookup, options)
	if err != nil {
		return err
	}
	var level slog.Level
	if err := level.UnmarshalText([]byte(settings.Log.Level)); err != nil {
		return fmt.Errorf("log level: %w", err)
	}
	defer TuneCollector()()
	a, err := New(ctx, Options{
		Config: settings, Version: s.Version, Factories: s.Factories, Roles: s.Roles, Now: s.Now, Log: NewLogger(s.Log, level, settings.Log.Format == "json"),
	})
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", settings.Listen)
	if err != nil {
		err = fmt.Errorf("listening on %s: %w; is another server there? change listen: in %s", settings.Listen, err, s.File)
		return errors.Join(err, a.close())
	}
	return a.Run(ctx, listener)
}
