package api

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

type draftIn struct {
	Key          string       `json:"key,omitempty" maxLength:"200" pattern:"^[ -~]*$" patternDescription:"letters, digits, spaces and signs of ASCII" example:"report-2026-03-29" doc:"Makes it happen once: the same key again gets the first broadcast. Absent: the Idempotency-Key, if there is one."`
	Kind         gateway.Kind `json:"kind" enum:"report,reminder,alert"`
	DangerToLife bool         `json:"danger_to_life,omitempty" doc:"For alerts only."`
	Audience     audienceIn   `json:"audience"`
	Words        wordsIn      `json:"words"`
	Sensitive    bool         `json:"sensitive,omitempty" doc:"Leaves in full only over channels that are fit for it, over others as a pointer."`
	Fallback     *bool        `json:"fallback,omitempty" doc:"Send it although some lack their language, or the text lacks a placeholder or a plural form. Absent: an alert is sent, a report or reminder is refused as incomplete, with what is missing and how many members it concerns."`
	Glass        string       `json:"break_glass,omitempty" maxLength:"300" doc:"Of an alert about danger to life that needs a second person: why nobody can be waited for, in 10 characters at least. It goes at once, everybody who may approve is told, and somebody else looks at it afterwards."`
	StartAt      time.Time    `json:"start_at,omitzero" doc:"Absent: at once. In the past by more than a minute: refused."`
	ExpiresAt    time.Time    `json:"expires_at,omitzero" doc:"Absent: so long after the start as its class says."`
}

type audienceIn struct {
	Topic   string       `json:"topic" minLength:"1" maxLength:"40" doc:"Who subscribed to it, with consent."`
	Tags    []string     `json:"tags,omitempty" maxItems:"100" doc:"Has every one of them."`
	Locales []string     `json:"locales,omitempty" maxItems:"100" doc:"Has one of these languages."`
	Members []gateway.ID `json:"members,omitempty" maxItems:"1000" doc:"Is one of these."`
}

type wordsIn struct {
	Sources map[string]string `json:"sources" minProperties:"1" maxProperties:"200" doc:"For each language Markdown with front matter."`
	Data    map[string]string `json:"data,omitempty" maxProperties:"200" doc:"For the placeholders."`
}

func (d draftIn) draft(who caller) gateway.Draft {
	return gateway.Draft{Group: who.Group.ID, Key: d.Key, Kind: d.Kind, DangerToLife: d.DangerToLife,
		Audience: gateway.Audience{Topic: d.Audience.Topic, Tags: d.Audience.Tags, Locales: d.Audience.Locales, Members: d.Audience.Members},
		Words:    gateway.Words{Sources: d.Words.Sources, Data: d.Words.Data}, Sensitive: d.Sensitive, Fallback: d.Fallback,
		StartAt: d.StartAt, ExpiresAt: d.ExpiresAt, Author: who.Token.Label, Token: who.Token.ID, Glass: d.Glass}
}

type submitBroadcast struct {
	InGroup
	Retry string `header:"Idempotency-Key" hidden:"true"`
	Body  draftIn
}

type previewBroadcast struct {
	InGroup
	Body draftIn
}

type submitted struct {
	Status int
	Body   gateway.HandedIn
}

// InBroadcast is the part of a path that names a broadcast.
type InBroadcast struct {
	InGroup
	Broadcast gateway.ID `path:"broadcast" example:"0195a3c2-7b1e-7c3d-9f00-1a2b3c4d5e6f"`
}

type listBroadcasts struct {
	InGroup
	Paging
}

type replayed struct {
	Replayed int `json:"replayed" doc:"Deliveries that get another attempt."`
}

const broadcastTag = "Broadcasts"

func (s *server) addBroadcasts() {
	draft := draftIn{Key: "report-2026-03-29", Kind: gateway.KindReport, Audience: audienceIn{Topic: "reports"},
		Words: wordsIn{Sources: map[string]string{"en": "---\nsms: The well is dug.\n---\nThe well is **dug**.\n"}}}
	sample := gateway.Broadcast{ID: sampleID, GroupID: sampleID, Key: draft.Key, Kind: draft.Kind, Class: gateway.Report, Audience: gateway.Audience{Topic: "reports"},
		Author: "weekly report", State: gateway.Planned, CreatedAt: sampleTime, StartAt: sampleTime, ExpiresAt: sampleTime.Add(24 * time.Hour), Planned: 120}

	add(s, route{ID: "submit-broadcast", Method: http.MethodPost, Path: "/api/v1/groups/{group}/broadcasts", Tag: broadcastTag, Scope: ofGroup, Role: gateway.Author, Status: http.StatusCreated,
		Summary: "Send a broadcast", About: "Checked whole, then stored; it is sent after the answer. 201: it is new. 200: its key was known, and nothing was recorded. 202: by the rule of the group it waits for a second person, and nothing of it is sent before (see Releases); the id is that of the release and of the broadcast that it becomes. Of a new sensitive text the answer counts who gets only a pointer because of the channel. Drafts in the answer are texts that nobody has reviewed; they are sent all the same.",
		Example: draft, Answer: gateway.HandedIn{Submission: gateway.Submission{ID: sampleID, Created: true}, Drafts: []gateway.DraftText{{Locale: "fa"}}}},
		func(ctx context.Context, who caller, in *submitBroadcast) (*submitted, error) {
			d := in.Body.draft(who)
			if d.Key == "" && in.Retry != "" {
				sum := sha256.Sum256([]byte(who.Token.ID.String() + in.Retry))
				d.Key = "request-" + hex.EncodeToString(sum[:16]) // so that a crash between the two ledgers of keys doubles nothing
			}
			done, err := s.Broadcasts.Submit(ctx, d)
			status := http.StatusOK
			switch {
			case done.Release != nil && done.Release.State == string(gateway.ReleaseWaiting):
				status = http.StatusAccepted
			case done.Created:
				status = http.StatusCreated
			}
			return &submitted{Status: status, Body: done}, err
		})
	add(s, route{ID: "preview-broadcast", Method: http.MethodPost, Path: "/api/v1/groups/{group}/broadcasts/preview", Tag: broadcastTag, Scope: ofGroup, Role: gateway.Author, Fresh: true,
		Summary: "Say what a broadcast would do", About: "Who gets it, in which language, over which channel, at what cost, who is left out and why, and what is missing in the text. It changes nothing.",
		Example: draft, Answer: gateway.Preview{Members: 120, Reached: 118, Cost: 236, Languages: []gateway.PreviewLanguage{{Wants: "de", Gets: "en", Fallback: true, Members: 118}},
			Channels: []gateway.PreviewChannel{{ChannelID: sampleID, Channel: "sms-berlin", Kind: "sms", Members: 118, Parts: 118, Cost: 236}},
			LeftOut:  []gateway.PreviewLeftOut{{Why: "no usable contact point", Meant: true, Members: 2}},
			Missing:  []gateway.Missing{{What: gateway.MissingLanguage, Locale: "de", Gets: "en", Detail: "the text is not in de; its readers would get [en]", Repair: "write it in de", Members: 118}},
			Texts:    []gateway.PreviewText{{Locale: "en", Kind: "sms", Parts: []string{"[en] The well is dug."}, Cost: 2, Members: 118}}, Drafts: []gateway.DraftText{{Locale: "en", Members: 118}}, Examples: []gateway.PreviewExample{},
			Costs: []gateway.PreviewCost{{Locale: "en", Channel: "sms-berlin", Kind: "sms", Country: "DE", Members: 118, Charge: gateway.NewCharge(sampleID, 236, samplePrice.Money(), true)}},
			Total: gateway.Total{Segments: 236, Amounts: []gateway.Money{{Currency: "EUR", Micros: 236 * samplePrice.Micros}}}}},
		func(ctx context.Context, who caller, in *previewBroadcast) (*body[gateway.Preview], error) {
			p, err := s.Broadcasts.Preview(ctx, in.Body.draft(who))
			return &body[gateway.Preview]{p}, err
		})
	add(s, route{ID: "list-broadcasts", Method: http.MethodGet, Path: "/api/v1/groups/{group}/broadcasts", Tag: broadcastTag, Scope: ofGroup, Role: gateway.Viewer,
		Summary: "List broadcasts", About: "The newest first.", Answer: page[gateway.Broadcast]{Items: []gateway.Broadcast{sample}}},
		func(ctx context.Context, who caller, in *listBroadcasts) (*body[page[gateway.Broadcast]], error) {
			list, err := s.Ledger.Broadcasts(ctx, who.Group.ID, in.After, in.Limit+1)
			return &body[page[gateway.Broadcast]]{pageOf(list, in.Limit, func(b gateway.Broadcast) gateway.ID { return b.ID })}, err
		})
	add(s, route{ID: "get-broadcast", Method: http.MethodGet, Path: "/api/v1/groups/{group}/broadcasts/{broadcast}", Tag: broadcastTag, Scope: ofGroup, Role: gateway.Viewer,
		Summary: "Read a broadcast and what became of it", About: "The tallies count deliveries by channel, state and reason; one that waits for the reason capped waits because the group's hard cap is reached. The charges say what was handed over so far and what it costs, at the price of its time; a charge without an amount has no known price.",
		Answer: gateway.BroadcastStatus{Broadcast: sample, Tallies: []gateway.Tally{{ChannelID: sampleID, State: gateway.Delivered, Count: 117}, {ChannelID: sampleID, State: gateway.DeliveryInDoubt, Count: 1}},
			Charges: []gateway.Charge{gateway.NewCharge(sampleID, 234, samplePrice.Money(), true)}}},
		func(ctx context.Context, who caller, in *InBroadcast) (*body[gateway.BroadcastStatus], error) {
			b, err := s.Ledger.Broadcast(ctx, who.Group.ID, in.Broadcast)
			if err != nil {
				return nil, err
			}
			tallies, err := s.Ledger.Tallies(ctx, who.Group.ID, in.Broadcast)
			if tallies == nil {
				tallies = []gateway.Tally{}
			}
			if err != nil {
				return nil, err
			}
			charges, err := s.Costs.Charges(ctx, who.Group.ID, in.Broadcast)
			return &body[gateway.BroadcastStatus]{gateway.BroadcastStatus{Broadcast: b, Tallies: tallies, Charges: charges}}, err
		})
	s.addBroadcastActs()
}

// addBroadcastActs adds what is done to a broadcast after it was sent.
func (s *server) addBroadcastActs() {
	act := func(id, name, summary, about string, do func(ctx context.Context, group, id gateway.ID) error) {
		add(s, route{ID: id, Method: http.MethodPost, Path: "/api/v1/groups/{group}/broadcasts/{broadcast}/" + name, Tag: broadcastTag, Scope: ofGroup, Role: gateway.Author, Summary: summary, About: about},
			func(ctx context.Context, who caller, in *InBroadcast) (*nothing, error) {
				if err := do(ctx, who.Group.ID, in.Broadcast); err != nil {
					return nil, err
				}
				s.Log.Info("a broadcast was changed", "request", requestID(ctx), "group", who.Group.ID, "broadcast", in.Broadcast, "token", who.Token.ID, "what", name)
				return &nothing{}, nil
			})
	}
	// The services are looked up when they are called: the document is made without any.
	act("stop-broadcast", "stop", "Stop a broadcast", "Nothing new leaves. What was handed over cannot be called back; the tallies count it.",
		func(ctx context.Context, group, id gateway.ID) error { return s.Broadcasts.Stop(ctx, group, id) })
	act("resume-broadcast", "resume", "Go on with a stopped broadcast", "Sends to the rest only. An edition that was corrected meanwhile goes on as a broadcast of its own, with what the correction says in the place of its summary, to those for whom the correction was not; the first stays replaced.",
		func(ctx context.Context, group, id gateway.ID) error { return s.Broadcasts.Resume(ctx, group, id) })
	add(s, route{ID: "replay-broadcast", Method: http.MethodPost, Path: "/api/v1/groups/{group}/broadcasts/{broadcast}/replay", Tag: broadcastTag, Scope: ofGroup, Role: gateway.Author,
		Summary: "Try again what failed", About: "Every delivery that ended as failed gets a new attempt. Others are left alone.", Answer: replayed{3}},
		func(ctx context.Context, who caller, in *InBroadcast) (*body[replayed], error) {
			n, err := s.Broadcasts.Replay(ctx, who.Group.ID, in.Broadcast)
			return &body[replayed]{replayed{n}}, err
		})
}
