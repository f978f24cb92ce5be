package apptest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/carillon-gateway/carillon/channels/builtin"
	"github.com/carillon-gateway/carillon/config"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/app"
	"github.com/carillon-gateway/carillon/reach"
)

// What a test binary that is run as a gateway reads from its environment.
const (
	envServe = "CARILLON_APPTEST_SERVE" // the operator's file
	envKill  = "CARILLON_APPTEST_KILL"  // a fault point, "@", and at which passing of it the process dies
	envAhead = "CARILLON_APPTEST_AHEAD" // how far its clock is ahead, as a duration
	envRoles = "CARILLON_APPTEST_ROLES" // its roles, separated by commas; none: all
	envPlace = "CARILLON_APPTEST_PLACE" // the address that it listens on, if not the one in the file
	envWound = "CARILLON_APPTEST_WOUND" // the number of an open file that gets a byte for each line of standard input
	envClock = "CARILLON_APPTEST_CLOCK" // "own": it goes by the database's clock, and cannot be wound
)

// exitLocked is the exit code of a gateway that found its data folder taken.
const exitLocked = 3

// Main runs the tests, or is the gateway if this process was started as one. Call it from TestMain.
func Main(run func() int) {
	file, asked := os.LookupEnv(envServe)
	if !asked {
		os.Exit(run())
	}
	err := serve(file, os.Getenv(envKill))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	switch {
	case errors.Is(err, &gateway.Fault{Code: gateway.CodeLocked}):
		os.Exit(exitLocked)
	case err != nil:
		os.Exit(1)
	}
	os.Exit(0)
}

// serve is a gateway until its standard input ends: so it never outlives its test. Each line there is a duration by which
// its clock is wound.
func serve(file, kill string) error {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	var ahead atomic.Int64
	wind := func(text string) {
		if by, err := time.ParseDuration(text); err == nil {
			ahead.Add(int64(by))
		}
	}
	wind(os.Getenv(envAhead))
	var told *os.File
	if fd, err := strconv.Atoi(os.Getenv(envWound)); err == nil {
		syscall.CloseOnExec(fd)
		told = os.NewFile(uintptr(fd), "wound")
	}
	go func() {
		lines := bufio.NewScanner(os.Stdin)
		for lines.Scan() {
			wind(lines.Text())
			if told != nil {
				_, _ = told.Write([]byte{0})
			}
		}
		stop()
	}()
	settings, err := load(file)
	if err != nil {
		return err
	}
	at, err := killer(kill)
	if err != nil {
		return err
	}
	roles, err := app.ParseRoles(os.Getenv(envRoles))
	if err != nil {
		return err
	}
	options := app.Options{Config: settings, Version: "test", Factories: builtin.All(), Log: app.NewLogger(os.Stderr, slog.LevelDebug, false), At: at, Roles: roles,
		Fetchable: func(a netip.Addr) bool { return reach.Public(a) || a.IsLoopback() }} // where the tests' own servers are
	if os.Getenv(envClock) == "" {
		options.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	}
	if place := os.Getenv(envPlace); place != "" {
		settings.Listen = place
	}
	a, err := app.New(ctx, options)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", settings.Listen)
	if err != nil {
		return err
	}
	return a.Run(ctx, listener)
}

func load(file string) (*config.Config, error) {
	options := map[string]any{}
	for _, f := range builtin.All() {
		options[f.Name] = f.Options()
	}
	return config.Load(file, func(string) (string, bool) { return "", false }, options)
}

// killer kills this process, as the kernel would, at the n-th passing of a point; nil for no point.
func killer(spec string) (func(string), error) {
	if spec == "" {
		return nil, nil
	}
	point, count, _ := strings.Cut(spec, "@")
	nth, err := strconv.ParseInt(count, 10, 64)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", envKill, err)
	}
	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		return nil, err
	}
	var passed atomic.Int64
	return func(at string) {
		if at == point && passed.Add(1) == nth {
			_ = self.Kill()
			select {} // nothing may happen between the signal and the end
		}
	}, nil
}
