package api

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/carillon-gateway/carillon/gateway"
)

type channelIn struct {
	Name    string   `json:"name" minLength:"2" maxLength:"40" pattern:"^[a-z0-9][a-z0-9-]*[a-z0-9]$" patternDescription:"2 to 40 of a to z, 0 to 9 and the hyphen, which neither begins nor ends it" example:"sms-berlin" doc:"Unique on the instance."`
	Adapter string   `json:"adapter" minLength:"1" maxLength:"40" example:"sms"`
	Options object   `json:"options,omitempty" doc:"The adapter's own, credentials in clear. They are sealed and never shown again. Absent: the channel keeps what it has."`
	Groups  []string `json:"groups,omitempty" maxItems:"10000" doc:"For the operator's channel: slugs of the groups that may use it. Absent: all."`
	Senders int      `json:"senders,omitempty" minimum:"0" maximum:"1000" doc:"How many send at once; 0: as many as the adapter thinks good."`
	Trip    tripIn   `json:"trip,omitzero" doc:"How many refusals for the channel's own sake open an incident."`

	Unchecked bool `json:"unchecked,omitempty" doc:"Keep it although its provider could not be asked, paused until a check passes. Credentials that are refused are never kept."`
}

type tripIn struct {
	After   int `json:"after,omitempty" minimum:"0" maximum:"100000" doc:"Distinct deliveries; 0: 10."`
	Minutes int `json:"within_minutes,omitempty" minimum:"0" maximum:"10080" doc:"0: 60."`
}

// InChannel is the part of a path that names a channel.
type InChannel struct {
	Channel string `path:"channel" minLength:"2" maxLength:"40" example:"sms-berlin" doc:"Its name or its id."`
}

// GroupChannel is a path to a channel of a group.
type GroupChannel struct {
	InGroup
	InChannel
}

type putGroupChannel struct {
	InGroup
	Body channelIn
}

type putChannel struct{ Body channelIn }

// object is a JSON object of any content, kept as it came.
type object json.RawMessage

// Schema says so in the document; the library checks requests against it.
func (object) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true}
}

// UnmarshalJSON keeps the bytes.
func (o *object) UnmarshalJSON(b []byte) error { return (*json.RawMessage)(o).UnmarshalJSON(b) }

const channelTag = "Channels"

// mostChannels is how many channels a group may have: each has senders, and may be polled, for as long as the gateway runs.
const mostChannels = 100

func (s *server) addChannels() {
	about := "With its health: whether it is paused, by whom, and what lifts that; an open incident; the breaker, rates and senders in force; what waits in each lane; and the latest errors."
	sample := page[gateway.ChannelView]{Items: []gateway.ChannelView{{Channel: sampleChannel, Breaker: "closed", SendersNow: 32, UrgentSenders: 4, Rates: []gateway.ChannelRate{{PerSecond: 1, Burst: 1}},
		Backlog: map[string]int{"urgent": 0, "normal": 0, "bulk": 3},
		Errors:  []gateway.ChannelError{{Class: "permanent", Scope: "content", Trouble: "filtered", Code: "30007", Detail: "a carrier filtered the text as unwanted; do not send the same text again", Count: 3, First: sampleTime, Last: sampleTime}}}}}
	add(s, route{ID: "list-group-channels", Method: http.MethodGet, Path: "/api/v1/groups/{group}/channels", Tag: channelTag, Scope: ofGroup, Role: gateway.Viewer,
		Summary: "List the channels that serve a group", About: "Its own, and the operator's that it may use. " + about, Answer: sample},
		func(ctx context.Context, who caller, _ *InGroup) (*body[page[gateway.ChannelView]], error) {
			list, err := s.listChannels(ctx, func(c gateway.Channel) bool { return serves(c, who.Group) })
			if err != nil {
				return nil, err
			}
			for i := range list.Body.Items { // which other groups there are is not theirs to know
				c := &list.Body.Items[i].Channel
				c.Groups = slices.DeleteFunc(slices.Clone(c.Groups), func(slug string) bool { return slug != who.Group.Slug })
			}
			return list, nil
		})
	add(s, route{ID: "list-channels", Method: http.MethodGet, Path: "/api/v1/channels", Tag: channelTag, Scope: ofInstance, Role: gateway.Operator,
		Summary: "List the operator's channels", About: about, Answer: sample},
		func(ctx context.Context, _ caller, _ *struct{}) (*body[page[gateway.ChannelView]], error) {
			return s.listChannels(ctx, func(c gateway.Channel) bool { return c.GroupID.IsZero() })
		})
	former := page[gateway.FormerChannel]{Items: []gateway.FormerChannel{{ID: sampleID, GroupID: sampleID, Name: "sms-berlin", Adapter: "sms", Kind: "sms", DeletedAt: sampleTime, DeletedBy: "desk"}}}
	add(s, route{ID: "list-former-group-channels", Method: http.MethodGet, Path: "/api/v1/groups/{group}/channels/former", Tag: channelTag, Scope: ofGroup, Role: gateway.Viewer,
		Summary: "List the channels that were deleted", About: "The group's own. Attempts and deliveries of the past name their ids.", Answer: former},
		func(ctx context.Context, who caller, _ *InGroup) (*body[page[gateway.FormerChannel]], error) {
			return s.formerChannels(ctx, who.Group.ID)
		})
	add(s, route{ID: "list-former-channels", Method: http.MethodGet, Path: "/api/v1/channels/former", Tag: channelTag, Scope: ofInstance, Role: gateway.Operator,
		Summary: "List the operator's channels that were deleted", Answer: former},
		func(ctx context.Context, _ caller, _ *struct{}) (*body[page[gateway.FormerChannel]], error) {
			return s.formerChannels(ctx, gateway.ID{})
		})
	put := route{ID: "put-group-channel", Method: http.MethodPost, Path: "/api/v1/groups/{group}/channels", Tag: channelTag, Scope: ofGroup, Role: gateway.Administrator,
		Summary: "Add or change a channel", About: "The channel with this name is made or changed. Before anything is stored its provider is asked whether it works, for 30 s at most, disturbing nobody: refused credentials are 422 with what the provider says, and one that cannot be asked is 503 unless unchecked is set.",
		Example: map[string]any{"name": "sms-berlin", "adapter": "sms", "options": map[string]any{"account_sid": "AC…", "auth_token": "…", "from": "+15550100"}}, Answer: sampleChannel}
	add(s, put, func(ctx context.Context, who caller, in *putGroupChannel) (*body[gateway.Channel], error) {
		if len(in.Body.Groups) > 0 {
			return nil, gateway.Faultf(gateway.CodeInvalid, "body.groups is for the operator's channels; a group's channel serves that group, so leave it out")
		}
		return s.putChannel(ctx, who, in.Body)
	})
	put.ID, put.Path, put.Scope, put.Role, put.Summary = "put-channel", "/api/v1/channels", ofInstance, gateway.Operator, "Add or change a channel of the operator"
	add(s, put, func(ctx context.Context, who caller, in *putChannel) (*body[gateway.Channel], error) {
		return s.putChannel(ctx, who, in.Body)
	})
	s.addChannelActs()
}

// addChannelActs adds what is done to a channel, for a group's and for the operator's.
func (s *server) addChannelActs() {
	check := route{ID: "check", Method: http.MethodPost, Path: "/check", Role: gateway.Administrator,
		Summary: "Prove a channel's credentials", About: "Asks the provider and disturbs nobody. A good answer lifts a pause for refused credentials or of a channel that was kept unchecked, and ends an incident for them or for the account's standing.", Fresh: true, Answer: gateway.CheckResult{OK: true}}
	addForChannel[GroupChannel, InChannel](s, check, func(ctx context.Context, _ caller, c gateway.Channel, _ channelAct) (*body[gateway.CheckResult], error) {
		result, err := s.Channels.Check(ctx, c.ID)
		return &body[gateway.CheckResult]{result}, err
	})
	pause := route{ID: "pause", Method: http.MethodPost, Path: "/pause", Role: gateway.Author, Summary: "Pause a channel", About: "Nothing new leaves over it until it is resumed: not even what saves lives, unless routine_only is set."}
	addForChannel[PauseGroupChannel, PauseChannel](s, pause, func(ctx context.Context, who caller, c gateway.Channel, in channelAct) (*nothing, error) {
		_, routine := in.asked()
		if c.Health.Paused == gateway.PauseManual && c.Health.RoutineOnly == routine {
			return &nothing{}, nil
		}
		detail := "by a coordinator"
		if routine {
			detail = "reports and reminders are held by a coordinator"
		}
		s.Log.Info("a channel was paused", "request", requestID(ctx), "channel", c.Name, "routine_only", routine, "token", who.Token.ID)
		return &nothing{}, s.Channels.SetChannelHealth(ctx, c.ID, gateway.ChannelHealth{Paused: gateway.PauseManual, RoutineOnly: routine, Detail: detail, Since: s.Now().UTC()})
	})
	resume := route{ID: "resume", Method: http.MethodPost, Path: "/resume", Role: gateway.Author, Summary: "Resume a paused channel",
		About: "Lifts a coordinator's pause, unless a check finds that the credentials are refused and force is not set, and ends an incident if a check passes or force is set. A provider's own demand to wait ends by itself; refused credentials, and a channel that was kept unchecked, need a check."}
	addForChannel[ResumeGroupChannel, ResumeChannel](s, resume, func(ctx context.Context, who caller, c gateway.Channel, in channelAct) (*nothing, error) {
		_, force := in.asked()
		switch {
		case c.Health.Paused == gateway.PauseAuth:
			return nil, gateway.Faultf(gateway.CodeConflict, "%s is refused until a check passes (%s): put good credentials if it is those, or mend what is said here, then check the channel", c.Name, strings.TrimSpace(c.Health.Code+" "+c.Health.Detail))
		case c.Health.Paused == gateway.PauseUntried:
			return nil, gateway.Faultf(gateway.CodeConflict, "%s has not been tried: its provider could not be asked when it was set up (%s); check the channel, and it sends if the check passes", c.Name, strings.TrimSpace(c.Health.Code+" "+c.Health.Detail))
		case c.Health.Paused == gateway.PauseThrottled && c.Incident == nil:
			return nil, gateway.Faultf(gateway.CodeConflict, "the provider demands a pause of %s; it ends by itself", c.Name)
		}
		if err := s.endIncident(ctx, who, c, force); err != nil || c.Health.Paused != gateway.PauseManual {
			return &nothing{}, err
		}
		if c.Incident == nil && !force {
			if err := s.stillRefused(ctx, c); err != nil {
				return nil, err
			}
		}
		s.Log.Info("a channel was resumed", "request", requestID(ctx), "channel", c.Name, "token", who.Token.ID)
		return &nothing{}, s.Channels.SetChannelHealth(ctx, c.ID, gateway.ChannelHealth{})
	})
	replace := route{ID: "replace", Method: http.MethodPost, Path: "/replace", Role: gateway.Administrator, Summary: "Put another channel in the place of a channel",
		About: "What waits on it leaves over the channel named by by, and nothing new is planned over it. What is under way or in doubt stays with it, and so do receipts and answers, so nothing is sent twice; keep it until they are in. The channel in its place is asked first whether it works, unless unchecked is set. The reverse call takes it back."}
	addForChannel[ReplaceGroupChannel, ReplaceChannel](s, replace, func(ctx context.Context, who caller, c gateway.Channel, in channelAct) (*nothing, error) {
		by, unchecked := in.(replacement).heir()
		return s.replaceChannel(ctx, who, c, by, unchecked)
	})
	remove := route{ID: "delete", Method: http.MethodDelete, Role: gateway.Administrator, Summary: "Delete a channel",
		About: "Its credentials are gone, and its name is free. What it sent can still be read; receipts, answers and links of that reach nobody any more. 409 with how many while messages wait on it or are under way, and while it is in the place of another channel."}
	addForChannel[GroupChannel, InChannel](s, remove, func(ctx context.Context, who caller, c gateway.Channel, _ channelAct) (*nothing, error) {
		if err := s.Channels.Delete(ctx, c, who.Token.Label); err != nil {
			return nil, err
		}
		s.Log.Info("a channel was deleted", "request", requestID(ctx), "channel", c.Name, "id", c.ID, "adapter", c.Adapter, "token", who.Token.ID)
		return &nothing{}, nil
	})
}

// ReplaceChannel is a request to put another channel in the place of one.
type ReplaceChannel struct {
	InChannel
	By string `query:"by" required:"true" minLength:"2" maxLength:"40" example:"sms-berlin-2" doc:"Name or id of the channel that takes its place: of the same owner, for the same kind of address."`

	Unchecked bool `query:"unchecked" doc:"Replace it although the channel in its place does not work now."`
}

func (in ReplaceChannel) heir() (string, bool) { return in.By, in.Unchecked }

// ReplaceGroupChannel is the same of a group.
type ReplaceGroupChannel struct {
	InGroup
	ReplaceChannel
}

// replacement is a request that names the channel in whose favour it is.
type replacement interface {
	heir() (by string, unchecked bool)
}

func (s *server) replaceChannel(ctx context.Context, who caller, old gateway.Channel, by string, unchecked bool) (*nothing, error) {
	heir, err := s.ownChannel(ctx, who, by)
	switch {
	case err != nil:
		return nil, err
	case heir.ID == old.ID:
		return nil, gateway.Faultf(gateway.CodeInvalid, "%s cannot take its own place; name another channel with by", old.Name)
	case heir.Kind != old.Kind:
		return nil, gateway.Faultf(gateway.CodeConflict, "%s is for addresses of the kind %s and %s for %s; what waits on one cannot leave over the other", old.Name, old.Kind, heir.Name, heir.Kind)
	case !heir.ReplacedBy.IsZero() && heir.ReplacedBy != old.ID:
		return nil, gateway.Faultf(gateway.CodeConflict, "%s was itself replaced; name the channel that is in its place", heir.Name)
	}
	if !unchecked {
		result, err := s.Channels.Check(ctx, heir.ID)
		if err != nil {
			return nil, err
		}
		if !result.OK {
			return nil, gateway.Faultf(gateway.CodeConflict, "%s does not work: %s; mend that first, or replace it all the same with unchecked", heir.Name, strings.TrimSpace(result.Code+" "+result.Detail))
		}
	}
	s.Log.Info("a channel was replaced", "request", requestID(ctx), "channel", old.Name, "by", heir.Name, "token", who.Token.ID)
	return &nothing{}, s.Channels.Replace(ctx, old.ID, heir.ID)
}

// stillRefused asks the provider of a channel that a person paused, perhaps over a pause for refused credentials, or before it was
// ever tried. If it refuses them, that pause stands where hers stood; whoever cannot be asked stops nobody.
func (s *server) stillRefused(ctx context.Context, c gateway.Channel) error {
	result, err := s.Channels.Check(ctx, c.ID)
	if err != nil || !result.Refused() {
		return nil
	}
	if err := s.Channels.SetChannelHealth(ctx, c.ID, gateway.ChannelHealth{Paused: gateway.PauseAuth, Code: result.Code, Detail: result.Detail, Since: s.Now().UTC()}); err != nil {
		return err
	}
	return gateway.Faultf(gateway.CodeConflict, "your pause of %s is over, but its provider refuses the credentials (%s); put good ones, then check the channel", c.Name, strings.TrimSpace(result.Code+" "+result.Detail))
}

// endIncident closes a channel's incident, if there is one, after a check that may be forced aside.
func (s *server) endIncident(ctx context.Context, who caller, c gateway.Channel, force bool) error {
	if c.Incident == nil {
		return nil
	}
	if !force {
		result, err := s.Channels.Check(ctx, c.ID)
		if err != nil {
			return err
		}
		if !result.OK {
			return gateway.Faultf(gateway.CodeConflict, "%s is still not well: %s; mend that, or resume with force", c.Name, strings.TrimSpace(result.Code+" "+result.Detail))
		}
	}
	s.Log.Info("an incident of a channel was closed", "request", requestID(ctx), "channel", c.Name, "incident", c.Incident.ID, "token", who.Token.ID)
	return s.Channels.CloseIncident(ctx, c.ID, who.Token.Label)
}

// channelAct is a request about one channel, and its switch, if it has one.
type channelAct interface {
	asked() (channel string, on bool)
}

func (in InChannel) asked() (string, bool) { return in.Channel, false }

// PauseChannel is a request to pause a channel.
type PauseChannel struct {
	InChannel
	RoutineOnly bool `query:"routine_only" doc:"Hold reports and reminders only: alerts, what saves lives and account messages go on."`
}

func (in PauseChannel) asked() (string, bool) { return in.Channel, in.RoutineOnly }

// PauseGroupChannel is the same of a group.
type PauseGroupChannel struct {
	InGroup
	PauseChannel
}

// ResumeChannel is a request to resume a channel.
type ResumeChannel struct {
	InChannel
	Force bool `query:"force" doc:"End an open incident although a check does not pass."`
}

func (in ResumeChannel) asked() (string, bool) { return in.Channel, in.Force }

// ResumeGroupChannel is the same of a group.
type ResumeGroupChannel struct {
	InGroup
	ResumeChannel
}

// addForChannel adds a deed twice: for a group's own channels (G) and for the operator's (I).
func addForChannel[G, I channelAct, O any](s *server, rt route, do func(context.Context, caller, gateway.Channel, channelAct) (*O, error)) {
	rt.Tag = channelTag
	ours, own := rt, rt
	own.ID, own.Path, own.Scope = rt.ID+"-group-channel", "/api/v1/groups/{group}/channels/{channel}"+rt.Path, ofGroup
	act := func(ctx context.Context, who caller, in channelAct) (*O, error) {
		name, _ := in.asked()
		c, err := s.ownChannel(ctx, who, name)
		if err != nil {
			return nil, err
		}
		return do(ctx, who, c, in)
	}
	add(s, own, func(ctx context.Context, who caller, in *G) (*O, error) { return act(ctx, who, *in) })
	ours.ID, ours.Path, ours.Scope, ours.Role, ours.Summary = rt.ID+"-channel", "/api/v1/channels/{channel}"+rt.Path, ofInstance, gateway.Operator, rt.Summary+" of the operator"
	add(s, ours, func(ctx context.Context, who caller, in *I) (*O, error) { return act(ctx, who, *in) })
}

func (s *server) listChannels(ctx context.Context, wanted func(gateway.Channel) bool) (*body[page[gateway.ChannelView]], error) {
	all, err := s.Channels.Views(ctx)
	if err != nil {
		return nil, err
	}
	list := []gateway.ChannelView{}
	for _, c := range all {
		if wanted(c.Channel) {
			if c.Groups == nil || !c.GroupID.IsZero() {
				c.Groups = []string{}
			}
			list = append(list, c)
		}
	}
	return &body[page[gateway.ChannelView]]{page[gateway.ChannelView]{Items: list}}, nil
}

// formerChannels lists the deleted channels of a group, or of the operator.
func (s *server) formerChannels(ctx context.Context, owner gateway.ID) (*body[page[gateway.FormerChannel]], error) {
	all, err := s.Channels.Former(ctx)
	if err != nil {
		return nil, err
	}
	list := slices.DeleteFunc(all, func(c gateway.FormerChannel) bool { return c.GroupID != owner })
	return &body[page[gateway.FormerChannel]]{page[gateway.FormerChannel]{Items: list}}, nil
}

func (s *server) putChannel(ctx context.Context, who caller, in channelIn) (*body[gateway.Channel], error) {
	if _, err := gateway.ParseID(in.Name); err == nil { // paths name a channel by either
		return nil, gateway.Faultf(gateway.CodeInvalid, "the channel name %s reads as an id, under which its hook and its commands would not find it; choose another", in.Name)
	}
	all, err := s.Channels.Channels(ctx)
	if err != nil {
		return nil, err
	}
	own, known := 0, false
	for _, c := range all {
		if c.Name == in.Name && c.GroupID != who.Group.ID { // before anything is tried with another's options
			return nil, gateway.Faultf(gateway.CodeConflict, "the channel name %s is taken; choose another", in.Name)
		}
		if c.GroupID == who.Group.ID {
			own++
			known = known || c.Name == in.Name
		}
	}
	if !known && own >= mostChannels && !who.Group.ID.IsZero() {
		return nil, gateway.Faultf(gateway.CodeConflict, "the group has %d channels, and may have no more; change one of them", own)
	}
	c, err := s.Channels.PutChannel(ctx, gateway.Channel{GroupID: who.Group.ID, Name: in.Name, Adapter: in.Adapter, Options: json.RawMessage(in.Options), Groups: in.Groups, Senders: in.Senders, Trip: gateway.Trip(in.Trip)}, in.Unchecked)
	if err != nil {
		return nil, err
	}
	if c.Groups == nil {
		c.Groups = []string{}
	}
	s.Log.Info("a channel was put", "request", requestID(ctx), "channel", c.Name, "adapter", c.Adapter, "token", who.Token.ID)
	return &body[gateway.Channel]{c}, nil
}

// ownChannel finds a channel of the group that was asked about, or of the operator if none was.
func (s *server) ownChannel(ctx context.Context, who caller, name string) (gateway.Channel, error) {
	all, err := s.Channels.Channels(ctx)
	if err != nil {
		return gateway.Channel{}, err
	}
	for _, c := range all {
		switch {
		case c.Name != name && c.ID.String() != name:
		case c.GroupID == who.Group.ID:
			return c, nil
		case c.GroupID.IsZero() && serves(c, who.Group):
			return gateway.Channel{}, gateway.Faultf(gateway.CodeForbidden, "%s is the operator's channel; ask the operator", c.Name)
		}
	}
	return gateway.Channel{}, gateway.ErrNotFound
}

func serves(c gateway.Channel, g gateway.Group) bool {
	return c.GroupID == g.ID || c.GroupID.IsZero() && (len(c.Groups) == 0 || slices.Contains(c.Groups, g.Slug))
}

// sampleChannel stands in examples.
var sampleChannel = gateway.Channel{ID: sampleID, GroupID: sampleID, Name: "sms-berlin", Adapter: "sms", Kind: "sms", Groups: []string{}}
