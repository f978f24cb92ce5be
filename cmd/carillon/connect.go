package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/carillon-gateway/carillon/config"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/client"
)

// env reads an environment variable; empty counts as not set.
func (sh *shell) env(name string) string {
	v, _ := sh.lookup(name)
	return strings.TrimSpace(v)
}

// nearby finds the instance of this machine: the file of CARILLON_CONFIG, or the one in this folder, or the one that
// carillon init makes below it.
func (sh *shell) nearby() (server, tokenFile string) {
	path := sh.env("CARILLON_CONFIG")
	for _, candidate := range []string{"carillon.yaml", filepath.Join("carillon-data", "carillon.yaml")} {
		if _, err := os.Stat(candidate); path == "" && err == nil {
			path = candidate
		}
	}
	if path == "" {
		path = "carillon.yaml"
	}
	listen, tokenFile := config.Nearby(path, sh.lookup)
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return "http://" + listen, tokenFile
	}
	if ip := net.ParseIP(host); host == "" || (ip != nil && ip.IsUnspecified()) {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port), tokenFile
}

// server gives the gateway's address, and whether it is on this machine.
func (sh *shell) server() (base string, here bool, err error) {
	base = sh.env("CARILLON_SERVER")
	if base == "" {
		base, _ = sh.nearby()
		return base, true, nil
	}
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || (u.Scheme != "https" && u.Scheme != "http") {
		return "", false, wrong("CARILLON_SERVER is no address of a gateway; write it like https://carillon.example")
	}
	ip := net.ParseIP(u.Hostname())
	here = u.Hostname() == "localhost" || (ip != nil && ip.IsLoopback())
	if u.Scheme == "http" && !here {
		return "", false, wrong("CARILLON_SERVER is reached in clear, and the token would be too; use https")
	}
	return base, here, nil
}

// connect makes a client with the token of CARILLON_TOKEN_FILE, or on the same machine with the operator's.
func (sh *shell) connect() (*client.Client, error) {
	base, here, err := sh.server()
	if err != nil {
		return nil, err
	}
	file := sh.env("CARILLON_TOKEN_FILE")
	if file == "" {
		if !here { // the token of this machine's instance is none of another's business
			return nil, wrong("set CARILLON_TOKEN_FILE to a file with your token for %s", base)
		}
		_, file = sh.nearby()
	}
	token, err := readToken(file)
	if err != nil {
		return nil, err
	}
	return client.New(base, token, nil), nil
}

func readToken(file string) (gateway.Private, error) {
	info, err := os.Stat(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", wrong("there is no token in %s; start carillon serve once, or set CARILLON_TOKEN_FILE to a file with your token", file)
	case err != nil:
		return "", wrong("the token in %s cannot be read: are you the user that runs carillon serve? If not, set CARILLON_TOKEN_FILE", file)
	case os.PathSeparator == '/' && info.Mode().Perm()&0o007 != 0:
		return "", wrong("everyone on this machine may use the token in %s; run chmod 600 on it", file)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return "", wrong("the token in %s cannot be read: are you the user that runs carillon serve? If not, set CARILLON_TOKEN_FILE", file)
	}
	token := strings.TrimSpace(string(b))
	if token == "" || len(token) > 512 || strings.ContainsAny(token, " \t\r\n") {
		return "", wrong("%s holds no token; write the token into it, and nothing else", file)
	}
	return gateway.Private(token), nil
}

// group gives the group that a command is for: the one that was named, or the only one that the token sees.
func group(ctx context.Context, c *client.Client, named string) (string, error) {
	if named != "" {
		return named, nil
	}
	groups, err := c.Groups(ctx)
	if err != nil {
		return "", err
	}
	switch len(groups) {
	case 0:
		return "", wrong("there is no group yet; make one with carillon apply -f coalition.yaml")
	case 1:
		return groups[0].Slug, nil
	}
	return "", wrong("say which group with --group: %s", listOf(groups))
}

func listOf(groups []gateway.Group) string {
	slugs := make([]string, len(groups))
	for i, g := range groups {
		slugs[i] = g.Slug
	}
	return strings.Join(slugs, ", ")
}

// known says so if what is wrong is the name of the group: to the API a group that is not there and a thing that is not in
// it are both not found.
func known(ctx context.Context, c *client.Client, slug string, err error) error {
	if slug == "" || !errors.Is(err, gateway.ErrNotFound) {
		return err
	}
	if _, missing := c.Group(ctx, slug); !errors.Is(missing, gateway.ErrNotFound) {
		return err
	}
	if groups, _ := c.Groups(ctx); len(groups) > 0 {
		return wrong("there is no group %q, or your token does not see it; it sees %s", slug, listOf(groups))
	}
	return wrong("there is no group %q, or your token does not see it; groups are made with carillon apply -f coalition.yaml", slug)
}

// confirm asks a person, unless yes was given. Only "yes" goes on.
func (sh *shell) confirm(question string, yes bool) error {
	if yes {
		return nil
	}
	fmt.Fprint(sh.err, printable(question)+" Type yes to go on: ")
	line, err := bufio.NewReader(sh.in).ReadString('\n')
	answer := strings.ToLower(strings.TrimSpace(line))
	switch {
	case answer == "yes":
		return nil
	case errors.Is(err, io.EOF) && answer == "":
		fmt.Fprintln(sh.err)
		return wrong("nobody answered; add --yes where no person is there to ask")
	case err != nil && !errors.Is(err, io.EOF):
		return fmt.Errorf("reading the answer: %w", err)
	}
	return wrong("nothing was done")
}

// attended says whether a person is there to ask, instead of a script.
func (sh *shell) attended() bool {
	_, is := terminalOf(sh.in)
	return is
}

// terminal says whether somebody reads along what goes to standard error.
func (sh *shell) terminal() bool {
	_, is := terminalOf(sh.err)
	return is
}

// terminalOf gives the descriptor of an input or output that is a terminal; false: it is none.
func terminalOf(stream any) (int, bool) {
	file, isFile := stream.(*os.File)
	if !isFile {
		return 0, false
	}
	fd := int(file.Fd())
	return fd, term.IsTerminal(fd)
}

// columns gives the width of the terminal that output goes to; 0: it goes to a pipe or a file, where nothing is folded.
func (sh *shell) columns() int {
	fd, is := terminalOf(sh.out)
	if !is {
		return 0
	}
	columns, _, err := term.GetSize(fd)
	if err != nil {
		return 0
	}
	return columns
}

// progress shows a bar on a terminal and nothing in a pipe. A total below zero is unknown.
func (sh *shell) progress(total int64, what string, asBytes bool) *progressbar.ProgressBar {
	options := []progressbar.Option{
		progressbar.OptionSetWriter(sh.err), progressbar.OptionSetDescription(what),
		progressbar.OptionSetVisibility(sh.terminal()),
		progressbar.OptionClearOnFinish(), progressbar.OptionSetWidth(30), progressbar.OptionThrottle(100_000_000),
	}
	if asBytes {
		options = append(options, progressbar.OptionShowBytes(true))
	} else {
		options = append(options, progressbar.OptionShowCount())
	}
	return progressbar.NewOptions64(total, options...)
}
