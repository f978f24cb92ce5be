package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/config"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/dispatch"
)

// channelDesk is what people do with channels: it keeps them in the ledger and what is live in step.
type channelDesk struct {
	store   channelStore
	live    *live
	changed func(context.Context) error // after a channel was made, changed, paused, resumed or deleted in the ledger
	state   func(gateway.ID) (dispatch.State, bool)
	deaf    func(gateway.ID) bool // its provider is asked what came while nobody listened
	fixed   []string              // names of the channels of the configuration

	unwritten func(gateway.ID) bool                                  // what its people wrote is not in the ledger yet
	others    func(context.Context) ([]gateway.ProcessStatus, error) // that are alive, this one among them; nil: there are none
}

type channelStore interface {
	gateway.Channels
	gateway.Troubles
	Backlog(ctx context.Context) (map[gateway.ID][len(gateway.Lanes)]int, error)
	Groups(ctx context.Context) ([]gateway.Group, error)
	Replace(ctx context.Context, old, by gateway.ID) error
	DeleteChannel(ctx context.Context, id gateway.ID, by string) error
	FormerChannels(ctx context.Context) ([]gateway.FormerChannel, error)
}

// Views lists all channels with all that shows how they are.
func (d *channelDesk) Views(ctx context.Context) ([]gateway.ChannelView, error) {
	all, err := d.store.Channels(ctx)
	if err != nil {
		return nil, err
	}
	heard, err := d.store.ChannelErrors(ctx)
	if err != nil {
		return nil, err
	}
	backlog, err := d.store.Backlog(ctx)
	if err != nil {
		return nil, err
	}
	views := make([]gateway.ChannelView, 0, len(all))
	for _, c := range all {
		v := gateway.ChannelView{Channel: c, Breaker: "closed", Rates: []gateway.ChannelRate{}, Backlog: map[string]int{}, Errors: heard[c.ID]}
		v.CatchingUp = d.deaf(c.ID)
		if v.Errors == nil {
			v.Errors = []gateway.ChannelError{}
		}
		for _, lane := range gateway.Lanes {
			v.Backlog[lane.String()] = backlog[c.ID][lane]
		}
		if s, ok := d.state(c.ID); ok {
			v.Breaker, v.SendersNow, v.UrgentSenders, v.Rates = s.Breaker, s.Senders, s.Urgent, s.Rates
		} else if _, ok := d.live.Adapter(c.ID); !ok {
			v.Problem = "it cannot be used until its options are mended"
		}
		views = append(views, v)
	}
	return views, nil
}

// CloseIncident ends a channel's incident because a person says so.
func (d *channelDesk) CloseIncident(ctx context.Context, id gateway.ID, by string) error {
	if _, err := d.store.CloseIncident(ctx, id, by); err != nil {
		return err
	}
	return d.changed(ctx)
}

// Channels lists all channels as the ledger has them.
func (d *channelDesk) Channels(ctx context.Context) ([]gateway.Channel, error) {
	return d.store.Channels(ctx)
}

// Try says what stands against a channel as it is given, and fills in its kind and whether it is fit for sensitive texts.
func (d *channelDesk) Try(ctx context.Context, c gateway.Channel) (gateway.Channel, error) {
	i := slices.IndexFunc(d.live.factories, func(f channels.Factory) bool { return f.Name == c.Adapter })
	if i < 0 {
		names := make([]string, len(d.live.factories))
		for i, f := range d.live.factories {
			names[i] = f.Name
		}
		return c, gateway.Faultf(gateway.CodeInvalid, "there is no adapter %q; this instance has %s", c.Adapter, strings.Join(names, ", "))
	}
	trial := c
	if len(trial.Options) == 0 {
		known, err := d.named(ctx, c.Name)
		if err != nil {
			return c, err
		}
		trial.Options = known.Options
	}
	adapter, err := d.live.make(trial, nil)
	if err != nil {
		return c, gateway.Faultf(gateway.CodeInvalid, "the channel %q cannot be used like this: %v", c.Name, err)
	}
	d.live.part(adapter)
	caps := adapter.Capabilities()
	c.Kind, c.Sensitive = caps.Kind, caps.Sensitive
	return c, nil
}

func (d *channelDesk) named(ctx context.Context, name string) (gateway.Channel, error) {
	all, err := d.store.Channels(ctx)
	if err != nil {
		return gateway.Channel{}, err
	}
	for _, c := range all {
		if c.Name == name {
			return c, nil
		}
	}
	return gateway.Channel{}, nil
}

// PutChannel keeps a channel that Try finds good and that its provider knows, and puts it to work. A channel that keeps the options
// it has is not tried again. With unchecked one that could not be tried is kept paused, until a check passes.
func (d *channelDesk) PutChannel(ctx context.Context, c gateway.Channel, unchecked bool) (gateway.Channel, error) {
	c, err := d.Try(ctx, c)
	if err != nil {
		return c, err
	}
	var untried gateway.ChannelHealth
	if len(c.Options) > 0 {
		if untried, err = d.prove(ctx, c, unchecked); err != nil {
			return c, err
		}
	}
	if c, err = d.store.PutChannel(ctx, c); err != nil {
		return c, err
	}
	if untried.Paused != gateway.NotPaused && c.Health.Paused != gateway.PauseManual { // what a person holds stays held by her
		if err := d.store.SetChannelHealth(ctx, c.ID, untried); err != nil {
			return c, err
		}
		c.Health = untried
	}
	return c, d.changed(ctx)
}

// longestTrial bounds the check of a channel that is about to be kept: a program may take 20 s to start.
const longestTrial = 30 * time.Second

// prove asks the provider of a channel that nobody sends over yet whether it works, disturbing nobody. It gives the health of one
// that may be kept although nobody could tell.
func (d *channelDesk) prove(ctx context.Context, c gateway.Channel, unchecked bool) (gateway.ChannelHealth, error) {
	adapter, err := d.live.make(c, nil)
	if err != nil {
		return gateway.ChannelHealth{}, gateway.Faultf(gateway.CodeInvalid, "the channel %q cannot be used like this: %v", c.Name, err)
	}
	defer d.live.part(adapter)
	bounded, cancel := context.WithTimeout(ctx, longestTrial)
	defer cancel()
	err = adapter.Check(bounded)
	if err == nil || ctx.Err() != nil {
		return gateway.ChannelHealth{}, ctx.Err()
	}
	e := channels.AsError(err)
	said := strings.TrimSpace(e.Code + " " + e.Detail)
	switch {
	case e.RefusesUs():
		return gateway.ChannelHealth{}, gateway.Faultf(gateway.CodeInvalid, "the provider of %s refuses it: %s. Nothing was kept; mend the options and try again", c.Name, said)
	case !unchecked:
		return gateway.ChannelHealth{}, gateway.Faultf(gateway.CodeUnavailable, "%s could not be tried: %s. Nothing was kept; mend that and try again, or have it kept, paused until a check passes, with unchecked", c.Name, said)
	}
	return gateway.ChannelHealth{Paused: gateway.PauseUntried, Code: e.Code, Detail: e.Detail, Since: d.live.now().UTC()}, nil
}

// SetChannelHealth pauses or resumes a channel.
func (d *channelDesk) SetChannelHealth(ctx context.Context, id gateway.ID, h gateway.ChannelHealth) error {
	if err := d.store.SetChannelHealth(ctx, id, h); err != nil {
		return err
	}
	return d.changed(ctx)
}

// Replace puts a channel in the place of another.
func (d *channelDesk) Replace(ctx context.Context, old, by gateway.ID) error {
	if err := d.store.Replace(ctx, old, by); err != nil {
		return err
	}
	return d.changed(ctx)
}

// Delete takes a channel away, and stops what is live of it.
func (d *channelDesk) Delete(ctx context.Context, c gateway.Channel, by string) error {
	if c.GroupID.IsZero() && slices.Contains(d.fixed, c.Name) {
		return gateway.Faultf(gateway.CodeConflict, "%s stands in carillon.yaml and would come back with the next start; take it out there, start the gateway anew, and delete it then", c.Name)
	}
	if d.unwritten(c.ID) { // a STOP among it counts
		return gateway.Faultf(gateway.CodeUnavailable, "what people wrote over %s is not all in the ledger yet; try again in a minute", c.Name)
	}
	if err := d.knowDeletion(ctx, c.Name); err != nil {
		return err
	}
	if err := d.store.DeleteChannel(ctx, c.ID, by); err != nil {
		return err
	}
	return d.changed(ctx)
}

// knowDeletion refuses to delete beside processes of a release that knew no deleted channels, nor told which file it reads: they would
// go on planning over one whose adapter needs no options.
func (d *channelDesk) knowDeletion(ctx context.Context, name string) error {
	if d.others == nil {
		return nil
	}
	alive, err := d.others(ctx)
	if err != nil {
		return err
	}
	for _, p := range alive {
		if p.File == "" {
			return gateway.Faultf(gateway.CodeUnavailable, "a process with the roles %s is of an older release, which would go on with %s although it is deleted; replace that process by a new one, and delete the channel then", strings.Join(p.Roles, ", "), name)
		}
	}
	return nil
}

// Former lists the channels that were deleted.
func (d *channelDesk) Former(ctx context.Context) ([]gateway.FormerChannel, error) {
	return d.store.FormerChannels(ctx)
}

// Check asks the provider whether the channel works. A good answer lifts a pause until a check.
func (d *channelDesk) Check(ctx context.Context, id gateway.ID) (gateway.CheckResult, error) {
	adapter, ok := d.live.Adapter(id)
	if !ok {
		return gateway.CheckResult{}, gateway.Faultf(gateway.CodeNotFound, "there is no such channel, or it cannot be used until its options are mended")
	}
	err := adapter.Check(ctx)
	if err == nil {
		err = subscribe(ctx, adapter)
	}
	if err != nil {
		e := channels.AsError(err)
		return gateway.CheckResult{Class: e.Class.String(), Code: e.Code, Detail: e.Detail}, nil
	}
	all, err := d.store.Channels(ctx) // what is live may not know of the pause yet
	if err != nil {
		return gateway.CheckResult{}, err
	}
	i := slices.IndexFunc(all, func(c gateway.Channel) bool { return c.ID == id })
	if i < 0 {
		return gateway.CheckResult{OK: true}, nil
	}
	warnings, err := d.telltale(ctx, all[i], adapter)
	if err != nil {
		return gateway.CheckResult{}, err
	}
	if all[i].Incident != nil && all[i].Incident.Mends() {
		if err := d.CloseIncident(ctx, id, gateway.ByCheck); err != nil {
			return gateway.CheckResult{}, err
		}
	}
	if all[i].Health.Paused.UntilCheck() {
		if err := d.SetChannelHealth(ctx, id, gateway.ChannelHealth{}); err != nil {
			return gateway.CheckResult{}, err
		}
	}
	return gateway.CheckResult{OK: true, Warnings: warnings}, nil
}

// adoptChannels puts the operator's channels from the configuration into the ledger. changed names those that were otherwise there.
func (d *channelDesk) adoptChannels(ctx context.Context, list []config.Channel) (changed []string, err error) {
	var errs []error
	for _, c := range list {
		d.fixed = append(d.fixed, c.Name)
		record := gateway.Channel{Name: c.Name, Adapter: c.Adapter, Groups: c.Groups, Senders: c.Senders, Trip: gateway.Trip{After: c.Trip.After, Minutes: c.Trip.Minutes}, Options: c.Options.JSON()}
		before, err := d.named(ctx, c.Name)
		if err == nil {
			record, err = d.Try(ctx, record)
		}
		if err == nil {
			_, err = d.store.PutChannel(ctx, record)
		}
		if err == nil && !before.ID.IsZero() && !(before.Adapter == record.Adapter && slices.Equal(before.Groups, record.Groups) && before.Senders == record.Senders && before.Trip == record.Trip && bytes.Equal(before.Options, record.Options)) {
			changed = append(changed, c.Name)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("channel %s of the configuration: %w", c.Name, err))
		}
	}
	return changed, errors.Join(errs...)
}
