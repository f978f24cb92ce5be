package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/client"
)

func (sh *shell) alerts() *cobra.Command {
	return holder("alert", "raise an alert, take charge, update it, and say that it is over", sh.alertRaise(), sh.alertAck(), sh.alertUpdate(),
		sh.alertAct("clear", "give the all-clear: whoever was told hears that it is over"),
		sh.alertAct("cancel", "withdraw an alert that was a mistake: whoever was told hears that"),
		sh.alertAct("remind", "ask whoever was told and has not said how she is"), sh.alertHandover(), sh.alertRelease(), sh.alertList(), sh.alertShow(), sh.alertTimeline(), sh.alertRollcall(), sh.alertReport(), sh.alertPolicy(), sh.alertClimb(), sh.drills())
}

// alertWords are the flags of what an alert says in one language; more come from a file.
type alertWords struct {
	file, locale string
	text         gateway.AlertText
	until, next  time.Duration
}

func (w *alertWords) flags(c *cobra.Command) {
	c.Flags().StringVarP(&w.file, "file", "f", "", "JSON file of what it says, in several languages (- is standard input); see docs/alerts.md")
	c.Flags().StringVar(&w.locale, "locale", "en", "language of the flags below")
	c.Flags().StringVar(&w.text.Source, "source", "", "who says it")
	c.Flags().StringVar(&w.text.What, "what", "", "what has happened")
	c.Flags().StringVar(&w.text.Where, "where", "", "where")
	c.Flags().StringVar(&w.text.Do, "do", "", "what to do, as a sentence")
	c.Flags().StringVar(&w.text.Legal, "legal", "", "whom to call when somebody is held (absent: the group's contact)")
	c.Flags().StringVar(&w.text.Details, "details", "", "more, for channels with room")
	c.Flags().DurationVar(&w.until, "for", 0, "how long it holds, as in 2h")
	c.Flags().DurationVar(&w.next, "next", 0, "in how long people hear again, as in 30m (absent: at its end)")
}

// saying gives what is said; nothing at all is nil.
func (w *alertWords) saying(sh *shell) (*gateway.AlertSaying, error) {
	s := &gateway.AlertSaying{}
	if w.file != "" {
		raw, err := os.ReadFile(w.file)
		if w.file == "-" {
			raw, err = io.ReadAll(sh.in)
		}
		if err != nil {
			return nil, wrong("read what the alert says: %w", err)
		}
		d := json.NewDecoder(strings.NewReader(string(raw)))
		d.DisallowUnknownFields()
		if err := d.Decode(s); err != nil {
			return nil, wrong("%s: %w", w.file, err)
		}
	}
	if w.text != (gateway.AlertText{}) {
		if s.Texts == nil {
			s.Texts = map[string]gateway.AlertText{}
		}
		s.Texts[w.locale] = w.text
	}
	now := time.Now().UTC().Truncate(time.Second)
	if w.until > 0 {
		s.Until = now.Add(w.until)
	}
	if w.next > 0 {
		s.Next = now.Add(w.next)
	}
	if len(s.Texts) == 0 && s.Until.IsZero() {
		return nil, nil
	}
	return s, nil
}

func (sh *shell) alertRaise() *cobra.Command {
	var w alertWords
	var d gateway.AlertDraft
	var tags string
	c := &cobra.Command{Use: "raise", Short: "raise an alert", Args: cobra.NoArgs,
		Long: "Raise an alert: it tells its audience at once, and asks by its policy one after the other until somebody takes charge.\nFive parts are needed: who says it, what, where, until when, and what to do."}
	w.flags(c)
	c.Flags().StringVar(&d.Policy, "policy", "", "by which policy it climbs (absent: default)")
	c.Flags().StringVar(&d.Audience.Topic, "topic", "", "who is told at once: all who take this topic (absent: only those whom the policy asks)")
	c.Flags().StringVar(&tags, "tags", "", "of these, only who has all these labels, separated by commas")
	c.Flags().BoolVar(&d.DangerToLife, "danger-to-life", false, "a life is in danger")
	c.Flags().BoolVar(&d.Exercise, "exercise", false, "it is an exercise, and says so; this cannot be changed later")
	c.Flags().StringVar(&d.Glass, "break-glass", "", "danger to life: why nobody can be waited for, where a second person is needed; it goes at once and all who may release are told")
	c.Flags().BoolVar(&d.DryRun, "dry-run", false, "check everything, and send nothing")
	return sh.inGroup(c, func(ctx context.Context, api *client.Client, group string, _ []string) error {
		s, err := w.saying(sh)
		if err != nil {
			return err
		}
		if s == nil {
			return wrong("say what it is about: --source, --what, --where, --do and --for, or --file")
		}
		d.Saying = *s
		if tags != "" {
			d.Audience.Tags = strings.Split(tags, ",")
		}
		a, err := api.RaiseAlert(ctx, group, d)
		if err != nil {
			return err
		}
		languages := strings.Join(append([]string{""}, languagesOf(a)...), "\n")
		switch {
		case d.DryRun && a.State == gateway.AlertHeld:
			return sh.print(a, "Everything is there, but a second person must release it. Nothing was sent."+languages)
		case d.DryRun:
			return sh.print(a, "Everything is there. Nothing was sent."+languages)
		case a.State == gateway.AlertHeld && !sh.json():
			w, err := api.AlertWaiting(ctx, group, a.Reference)
			if err != nil {
				return err
			}
			return sh.print(a, held(w, group)+languages)
		}
		return sh.print(a, fmt.Sprintf("Alert %s is raised. Take charge: carillon alert ack %s. End it: carillon alert clear %s, or cancel if it was a mistake.", a.Reference, a.Reference, a.Reference)+languages)
	})
}

func (sh *shell) alertAck() *cobra.Command {
	return sh.inGroup(&cobra.Command{Use: "ack ALERT", Short: "take charge of an alert", Args: cobra.ExactArgs(1)},
		func(ctx context.Context, api *client.Client, group string, args []string) error {
			done, err := api.AckAlert(ctx, group, args[0])
			if err != nil {
				return ofAlert(err, group, args[0])
			}
			said := map[gateway.AckOutcome]string{
				gateway.AckTaken: "You are in charge of alert %s. The others are told.", gateway.AckYours: "You are in charge of alert %s already.",
				gateway.AckCounted: "Your answer to alert %s counts; more people are needed.", gateway.AckOver: "Alert %s is over; your answer is noted.", gateway.AckNotYet: "Alert %s is not released yet.",
			}[done.Outcome]
			if said == "" {
				said = "Somebody else is in charge of alert %s: " + done.Charge.Role() + "."
			}
			return sh.print(done, fmt.Sprintf(said, done.Reference))
		})
}

func (sh *shell) alertUpdate() *cobra.Command {
	var w alertWords
	var act gateway.AlertAct
	c := &cobra.Command{Use: "update ALERT", Short: "have an alert say something else", Args: cobra.ExactArgs(1),
		Long: "Have an alert say something else. Without flags it is the update that was kept with the alert."}
	w.flags(c)
	c.Flags().StringVar(&act.Reason, "reason", "", "stands in the timeline")
	return sh.inGroup(c, func(ctx context.Context, api *client.Client, group string, args []string) (err error) {
		if act.Saying, err = w.saying(sh); err != nil {
			return err
		}
		return sh.actOn(ctx, api, group, args[0], "update", act)
	})
}

func (sh *shell) alertAct(what, short string) *cobra.Command {
	var act gateway.AlertAct
	c := &cobra.Command{Use: what + " ALERT", Short: short, Args: cobra.ExactArgs(1)}
	c.Flags().StringVar(&act.Reason, "reason", "", "stands in the timeline")
	return sh.inGroup(c, func(ctx context.Context, api *client.Client, group string, args []string) error {
		return sh.actOn(ctx, api, group, args[0], what, act)
	})
}

func (sh *shell) alertHandover() *cobra.Command {
	var to string
	c := &cobra.Command{Use: "handover ALERT", Short: "offer an alert to another member", Args: cobra.ExactArgs(1),
		Long: "Offer an alert to another member. She is asked as everybody is who is asked to take charge, and is in charge once she answers; until\nthen whoever is in charge stays so. The offer ends after ten minutes."}
	c.Flags().StringVar(&to, "to", "", "the member: her id, or the group's own name for her")
	_ = c.MarkFlagRequired("to")
	return sh.inGroup(c, func(ctx context.Context, api *client.Client, group string, args []string) error {
		id, err := memberID(ctx, api, group, to)
		if err != nil {
			return err
		}
		return sh.actOn(ctx, api, group, args[0], "handover", gateway.AlertAct{To: id})
	})
}

func (sh *shell) actOn(ctx context.Context, api *client.Client, group, name, what string, act gateway.AlertAct) error {
	a, err := api.ActOnAlert(ctx, group, name, what, act)
	if err != nil {
		return ofAlert(err, group, name)
	}
	return sh.print(a, actDone(a, what, act))
}

// actDone says what follows from what was done to an alert.
func actDone(a gateway.AlertView, what string, act gateway.AlertAct) string {
	said := map[string]string{
		"update":   "Whoever was told of alert %s hears the new text. See who has it: carillon alert timeline %[1]s",
		"clear":    "Alert %s is over. Whoever was told hears that.",
		"cancel":   "Alert %s is withdrawn. Whoever was told hears that it was a mistake.",
		"remind":   "Whoever was told of alert %s and has not said how she is, is asked again. See who answers: carillon alert rollcall %[1]s",
		"handover": "Member " + act.To.Short() + " is asked to take charge of alert %s. Until she answers, nothing changes; the offer ends after ten minutes.",
	}[what]
	if a.State == gateway.AlertHeld {
		said = "Alert %s says that now, and waits anew for a second person. Nobody is told of it before."
	}
	return fmt.Sprintf(said, a.Reference)
}

// ofAlert says which alert it is that is not there.
func ofAlert(err error, group, name string) error {
	if errors.Is(err, gateway.ErrNotFound) {
		return gateway.Faultf(gateway.CodeNotFound, "there is no recent alert %.40q in %s; carillon alert list shows those that there are", name, group)
	}
	return err
}

func (sh *shell) alertList() *cobra.Command {
	var most int
	c := &cobra.Command{Use: "list", Short: "list alerts, the newest first", Args: cobra.NoArgs}
	c.Flags().IntVar(&most, "limit", 50, "how many at most; 0: all")
	return sh.inGroup(c, func(ctx context.Context, api *client.Client, group string, _ []string) error {
		all, err := api.Alerts(ctx, group, max(most, 0))
		if err != nil {
			return err
		}
		return listed(sh, all, []string{"ALERT", "KIND", "STATE", "POLICY", "IN CHARGE", "RAISED"}, "No alerts.", func(a gateway.AlertView) []string {
			return []string{a.Reference, alertKind(a), string(a.State), a.Policy.Name, inCharge(a), ago(time.Since(a.RaisedAt))}
		})
	})
}

func alertKind(a gateway.AlertView) string {
	switch {
	case a.Exercise:
		return "exercise"
	case a.DangerToLife:
		return "danger to life"
	}
	return "alert"
}

func inCharge(a gateway.AlertView) string {
	if len(a.Charge) == 0 {
		return ""
	}
	all := make([]string, len(a.Charge))
	for i, h := range a.Charge {
		all[i] = h.Role()
	}
	return strings.Join(all, ", ")
}

func (sh *shell) alertShow() *cobra.Command {
	return sh.inGroup(&cobra.Command{Use: "show ALERT", Short: "show an alert", Args: cobra.ExactArgs(1)},
		func(ctx context.Context, api *client.Client, group string, args []string) error {
			a, err := api.Alert(ctx, group, args[0])
			if err != nil {
				return ofAlert(err, group, args[0])
			}
			text := fmt.Sprintf("%s  %s, %s, by policy %s; raised %s by %s, until %s", a.Reference, alertKind(a), a.State, a.Policy.Name, clock(a.RaisedAt), a.Author, clock(a.ExpiresAt))
			if who := inCharge(a); who != "" {
				text += "\nin charge: " + who
			}
			if !a.NextAt.IsZero() {
				text += fmt.Sprintf("\nround %d, step %d; the next at %s", a.Round, a.Step, clock(a.NextAt))
			}
			for _, locale := range slices.Sorted(maps.Keys(a.Saying.Texts)) {
				t := a.Saying.Texts[locale]
				text += fmt.Sprintf("\n[%s] %s %s, %s (%s)", locale, t.Do, t.What, t.Where, t.Source)
			}
			return sh.print(a, text)
		})
}

func (sh *shell) alertTimeline() *cobra.Command {
	return sh.inGroup(&cobra.Command{Use: "timeline ALERT", Short: "list what happened to an alert, with what became of its messages", Args: cobra.ExactArgs(1)},
		func(ctx context.Context, api *client.Client, group string, args []string) error {
			all, err := api.AlertTimeline(ctx, group, args[0])
			if err != nil {
				return ofAlert(err, group, args[0])
			}
			names := channelNames(ctx, api, group)
			return listed(sh, all, []string{"AT", "WHAT", "STEP", "BY", "DETAIL", "MESSAGES"}, "Nothing happened.", func(e gateway.TimelineEntry) []string {
				step, who := "", ""
				if e.Step > 0 {
					step = strconv.Itoa(e.Step)
				}
				if len(e.By.Members) > 0 || e.By.Label != "" {
					who = e.By.Role()
				}
				var became []string
				for _, t := range e.Tallies {
					state := string(t.State)
					if t.Reason != "" {
						state = string(t.Reason)
					}
					became = append(became, strings.TrimSpace(fmt.Sprintf("%s %d %s", names[t.ChannelID], t.Count, state)))
				}
				return []string{e.At.UTC().Format(time.RFC3339), string(e.Kind), step, who, e.Detail, strings.Join(became, ", ")}
			})
		})
}

func (sh *shell) alertPolicy() *cobra.Command {
	var file string
	put := &cobra.Command{Use: "put NAME", Short: "make or change a policy, from a JSON file", Args: cobra.ExactArgs(1)}
	put.Flags().StringVarP(&file, "file", "f", "-", "JSON file of the policy (- is standard input); see docs/alerts.md")
	return holder("policy", "how alerts climb",
		sh.inGroup(&cobra.Command{Use: "list", Short: "list a group's policies", Args: cobra.NoArgs}, func(ctx context.Context, api *client.Client, group string, _ []string) error {
			all, err := api.AlertPolicies(ctx, group)
			if err != nil {
				return err
			}
			return listed(sh, all, []string{"POLICY", "STEPS", "ROUNDS", "QUORUM"}, "No policies: alerts ask the group's owners. Make one with: carillon alert policy put", func(p gateway.AlertPolicy) []string {
				return []string{p.Name, strconv.Itoa(len(p.Steps)), strconv.Itoa(max(1, p.Rounds)), strconv.Itoa(max(1, p.Quorum))}
			})
		}),
		sh.inGroup(put, func(ctx context.Context, api *client.Client, group string, args []string) error {
			raw, err := os.ReadFile(file)
			if file == "-" {
				raw, err = io.ReadAll(sh.in)
			}
			if err != nil {
				return wrong("read the policy: %w", err)
			}
			var p gateway.AlertPolicy
			d := json.NewDecoder(strings.NewReader(string(raw)))
			d.DisallowUnknownFields()
			if err := d.Decode(&p); err != nil {
				return wrong("%s: %w", file, err)
			}
			p.Name = args[0]
			done, err := api.PutAlertPolicy(ctx, group, p)
			if err != nil {
				return err
			}
			return sh.print(done, "Policy "+done.Name+" is kept.")
		}),
		sh.inGroup(&cobra.Command{Use: "delete NAME", Short: "delete a policy", Args: cobra.ExactArgs(1)}, func(ctx context.Context, api *client.Client, group string, args []string) error {
			if err := api.DeleteAlertPolicy(ctx, group, args[0]); err != nil {
				return err
			}
			return sh.print(struct {
				Deleted string `json:"deleted"`
			}{args[0]}, "Policy "+args[0]+" is deleted.")
		}))
}
