package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/carillon-gateway/carillon/config"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/app"
	"github.com/carillon-gateway/carillon/gateway/client"
)

// finding is one thing that doctor looked at.
type finding struct {
	What string `json:"what"`
	OK   bool   `json:"ok"`
	Text string `json:"text"`
}

func (sh *shell) doctor() *cobra.Command {
	var healthOnly bool
	var file string
	c := &cobra.Command{Use: "doctor", Short: "look at the gateway, its channels and what is waiting, and say what to mend", Args: cobra.NoArgs,
		Long: "Look at the gateway, its channels and what is waiting, and say what to mend. With --config, look first at what the instance stands on, as its file says " +
			"(PostgreSQL, Redis, clocks, tables): for that no gateway needs to run, and nothing is changed."}
	c.Flags().StringVarP(&file, "config", "c", "", "the operator's file, to look at what the instance stands on")
	c.Flags().BoolVar(&healthOnly, "health", false, "only ask whether the gateway is ready; needs no token (for container health checks)")
	c.RunE = func(c *cobra.Command, _ []string) error {
		ctx, cancel := context.WithTimeout(c.Context(), 20*time.Second)
		defer cancel()
		sh := sh.beside(file)
		base, _, err := sh.server()
		if err != nil {
			return err
		}
		err = client.New(base, "", nil).Ready(ctx)
		if err != nil && (healthOnly || file == "") {
			return unready(err, base, "; carillon doctor --config FILE looks at what it stands on")
		}
		if healthOnly {
			return nil
		}
		var findings []finding
		if file != "" {
			settings, err := config.Load(file, sh.lookup, optionStructs())
			if err != nil {
				return err
			}
			for _, f := range app.Examine(ctx, settings) {
				findings = append(findings, finding(f))
			}
			if settings.PublicBaseURL != "" {
				findings = append(findings, examinePublic(ctx, settings.PublicBaseURL))
			}
		}
		if err != nil {
			findings = append(findings, finding{"gateway", false, unready(err, base, "").Error()})
		} else {
			findings = append(append(findings, finding{"gateway", true, "answers at " + base}), sh.examine(ctx)...)
		}
		failed := false
		if err := listed(sh, findings, []string{"", "WHAT", "FINDING"}, "", func(f finding) []string {
			mark := "ok"
			if !f.OK {
				mark = "MEND"
			}
			return []string{mark, f.What, f.Text}
		}); err != nil {
			return err
		}
		for _, f := range findings {
			failed = failed || !f.OK
		}
		if failed {
			return &toldError{exitFailed}
		}
		return nil
	}
	return c
}

// beside is a shell that asks the gateway of an operator's file, if it is given one, and CARILLON_SERVER names no other.
func (sh *shell) beside(file string) *shell {
	if file == "" {
		return sh
	}
	of := *sh
	of.lookup = func(name string) (string, bool) {
		if name == "CARILLON_CONFIG" {
			return file, true
		}
		return sh.lookup(name)
	}
	return &of
}

// unready says once where the gateway was asked and why it is not ready, and more of one that answers.
func unready(err error, base, more string) error {
	if says := (*client.NotReady)(nil); errors.As(err, &says) {
		return fmt.Errorf("the gateway at %s is %s%s", base, says.Reasons, more)
	}
	if dial := (*net.OpError)(nil); errors.As(err, &dial) && dial.Op == "dial" { // which says where
		return err
	}
	return fmt.Errorf("asked at %s: %w", base, err)
}

// examinePublic looks whether a gateway answers where providers and members look for it. That this computer cannot reach the
// address is a note: many a router leads nobody back in who asks from behind it.
func examinePublic(ctx context.Context, base string) finding {
	const what, needed = "public_base_url", "; providers report there and members' pages are there"
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	address := strings.TrimRight(base, "/") + "/healthz"
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return finding{what, false, "cannot be used" + needed}
	}
	asker := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := asker.Do(r)
	if err != nil {
		return unanswered(what, base, address, needed, err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return finding{what, false, fmt.Sprintf("%s answers %d, which no gateway does: see the web server before it", address, answer.StatusCode) + needed}
	}
	var health struct{ Alive bool }
	if err := json.NewDecoder(io.LimitReader(answer.Body, 1<<10)).Decode(&health); err != nil || !health.Alive {
		return finding{what, false, "something else than a gateway answers at " + address + ": see the web server before it" + needed}
	}
	return finding{what, true, "answers at " + base}
}

// unanswered tells an address that cannot be reached from here from one where something else than a gateway is.
func unanswered(what, base, address, needed string, err error) finding {
	failure, connection := (*url.Error)(nil), (*net.OpError)(nil)
	timeout := errors.As(err, &failure) && failure.Timeout()
	if failure != nil {
		err = failure.Err
	}
	if timeout || errors.As(err, &connection) && connection.Op == "dial" {
		return finding{what, true, "cannot be reached from this computer (" + err.Error() + "); a router may be why. See from outside, as by a telephone without Wi-Fi, whether " + address + ` says {"alive":true}` + needed}
	}
	return finding{what, false, "no gateway answers at " + base + " (" + err.Error() + "): see the web server before it" + needed}
}

// examine looks at what the token may see.
func (sh *shell) examine(ctx context.Context) []finding {
	api, err := sh.connect()
	if err != nil {
		return []finding{{"token", false, err.Error()}}
	}
	status, err := api.Status(ctx)
	var fault *gateway.Fault
	if errors.As(err, &fault) {
		return []finding{{"token", false, fault.Text}}
	}
	if err != nil {
		return []finding{{"status", false, err.Error()}}
	}
	out := []finding{{"version", true, status.Version + ", profile " + status.Profile}}
	if len(status.Processes) > 0 {
		out = append(out, shared(status.Processes))
	}
	for _, w := range status.Wanting {
		out = append(out, finding{"wanting", false, w})
	}
	if status.Version != version {
		out = append(out, finding{"command line", true, "is version " + version + ", another than the gateway's"})
	}
	if status.Sandbox {
		out = append(out, finding{"sandbox", true, "a channel speaks to the sandbox: nobody gets anything from it"})
	}
	if status.Unheard {
		out = append(out, finding{"sandbox", false, "text messages to it reach nobody: its account has no sms_url. Give it one with POST /sandbox/accounts, public_base_url followed by /hooks/ and the channel's name; or leave public_base_url out, and they are asked for"})
	}
	if s := status.Spool; s != nil {
		text := "empty: the ledger takes what providers report"
		if s.Records > 0 {
			text = plural(s.Records, "webhook") + " kept on the disk until the ledger takes them, the oldest since " + s.Oldest.Local().Format(time.DateTime)
		}
		if s.Damaged > 0 {
			text += "; " + plural(s.Damaged, "record") + " could not be opened and lie as .damaged in the folder spool of the data folder"
		}
		out = append(out, finding{"spool", s.Records+s.Damaged == 0, text})
	}
	for _, f := range status.Findings {
		out = append(out, finding{"watchdog: " + string(f.Code), false, "since " + f.Since.Local().Format(time.DateTime) + ": " + f.Text})
	}
	for _, n := range status.Stale {
		out = append(out, finding{"numbers " + n.Group, true, plural(n.Count, "telephone number") + " may have a new owner: reports and reminders do not go there until members say that they are theirs (member list shows them as stale)"})
	}
	out = append(out, finding{"waiting", true, plural(status.Backlog, "message") + " not handed over, with those whose time is still to come"})
	if len(status.Channels) == 0 {
		out = append(out, noChannels(ctx, api))
	}
	for _, ch := range status.Channels {
		text := condition(ch.Health, ch.Incident, ch.Breaker, "", ch.CatchingUp, ch.Gap)
		if ch.Backlog > 0 {
			text += ", " + plural(ch.Backlog, "message") + " waiting"
		}
		out = append(out, finding{"channel " + ch.Name, (ch.Health.Paused == gateway.NotPaused || ch.Health.Paused == gateway.PauseThrottled) && ch.Incident == nil && ch.Breaker != "open" && ch.Gap == nil, text})
	}
	out = append(append(out, sh.examineSenders(ctx, api)...), sh.examineOwners(ctx, api)...)
	return append(append(out, sh.examineCalendars(ctx, api)...), sh.examineSpending(ctx, api)...)
}

// examineOwners names the groups in which nobody can be told that something needs a person.
func (sh *shell) examineOwners(ctx context.Context, api *client.Client) (out []finding) {
	groups, err := api.Groups(ctx)
	if err != nil {
		return nil // examineSpending says so
	}
	for _, g := range groups {
		if !slices.ContainsFunc(g.Topics, func(t gateway.Topic) bool { return t.Name == gateway.OwnersTopic }) {
			out = append(out, finding{"owners " + g.Slug, true, "nobody is told when a member waits for an answer, a run fails or a channel ails, and an alert needs a policy of its own: give the group a topic owners, and subscribers to it"})
		}
	}
	return out
}

// shared says who does what, and which role nobody has.
func shared(processes []gateway.ProcessStatus) finding {
	count := map[string]int{}
	for _, p := range processes {
		for _, role := range p.Roles {
			count[role]++
		}
	}
	var have, missing []string
	for _, role := range app.AllRoles() {
		if n := count[string(role)]; n > 0 {
			have = append(have, fmt.Sprintf("%s ×%d", role, n))
		} else {
			missing = append(missing, string(role))
		}
	}
	f := finding{"processes", len(missing) == 0, plural(len(processes), "process") + ": " + strings.Join(have, ", ")}
	if !f.OK {
		f.Text += "; nobody has the role " + strings.Join(missing, ", ") + ": start carillon serve --roles " + strings.Join(missing, ",")
	}
	if read := files(processes); len(read) > 1 {
		f.OK = false
		f.Text += "; they read different operator's files (" + strings.Join(read, "; another: ") + "): give all of them the same, and restart those that read an older one"
	}
	return f
}

// files says of each operator's file that is read which processes read it.
func files(processes []gateway.ProcessStatus) (all []string) {
	read := map[string][]string{}
	for _, p := range processes {
		if p.File != "" { // of an older release
			read[p.File] = append(read[p.File], strings.Join(p.Roles, "+"))
		}
	}
	for _, by := range read {
		slices.Sort(by)
		all = append(all, strings.Join(by, ", "))
	}
	slices.Sort(all)
	return all
}

// examineSpending looks at the caps of the groups that the token acts for.
func (sh *shell) examineSpending(ctx context.Context, api *client.Client) (out []finding) {
	groups, err := api.Groups(ctx)
	if err != nil {
		return []finding{{"groups", false, err.Error()}}
	}
	for _, g := range groups {
		if g.Budget == nil {
			continue
		}
		s, err := api.Spend(ctx, g.Slug)
		if err != nil {
			continue // the group has an administrator, who sees it
		}
		text := "below its caps"
		switch {
		case s.Hard:
			text = "the hard cap of " + s.Month + " is reached; " + waits(s.Held) + ". Raise it with carillon spend cap, or wait for the next month"
		case s.Soft:
			text = "the soft cap of " + s.Month + " is reached; sending goes on"
		}
		if s.Unpriced > 0 {
			text += "; " + plural(int(s.Unpriced), "segment") + " of unknown price are not counted: see carillon price set"
		}
		out = append(out, finding{"spending " + g.Slug, !s.Hard, text})
	}
	return out
}

// noChannels tells an instance without channels from a token that does not see those of the groups.
func noChannels(ctx context.Context, api *client.Client) finding {
	groups, err := api.Groups(ctx)
	if err != nil {
		return finding{"channels", false, err.Error()}
	}
	for _, g := range groups {
		if _, err := api.Channels(ctx, g.Slug); err != nil {
			return finding{"channels", true, "none that this token sees; those of " + g.Slug + " are seen with a token of the group"}
		}
	}
	return finding{"channels", false, "there is none; make one with carillon channel add, or in carillon.yaml"}
}
