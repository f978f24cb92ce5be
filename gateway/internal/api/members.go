package api

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

// member is a person as the API tells of her. Name, ref and addresses are masked unless she was asked for in clear.
type member struct {
	ID        gateway.ID     `json:"id"`
	Ref       string         `json:"ref,omitempty" doc:"The group's own pseudonym for her."`
	Name      string         `json:"name,omitempty"`
	Locale    string         `json:"locale"`
	Fallback  []string       `json:"fallback,omitempty"`
	Zone      string         `json:"zone"`
	Neutral   bool           `json:"neutral,omitempty" doc:"No group name, a pointer instead of the text."`
	Quiet     string         `json:"quiet,omitempty" doc:"Her quiet hours, by her clock: when she is not to be disturbed, and what else than reports and reminders waits." example:"22:00-07:00; alerts wait"`
	Leads     string         `json:"leads,omitempty" doc:"How long before events she is reminded, by topic; absent: as her group says." example:"meetings 1w, 2h; kitchen none"`
	Paused    time.Time      `json:"paused_until,omitzero" doc:"She gets no reports and reminders until then; in the year 9999: until she says so."`
	Own       []string       `json:"own,omitempty" enum:"language,fallback,zone,quiet,neutral,order,topics" doc:"What of this she decided herself: no import changes it."`
	Tags      []string       `json:"tags,omitempty"`
	Points    []contactPoint `json:"points" doc:"In the order she prefers."`
	CreatedAt time.Time      `json:"created_at"`
}

type contactPoint struct {
	ID      gateway.ID         `json:"id"`
	Kind    string             `json:"kind" example:"sms"`
	Address string             `json:"address"`
	State   gateway.PointState `json:"state" enum:"active,unconfirmed,stopped,gone,invalid,proving,stale"`
	Topics  []string           `json:"topics" doc:"With consent."`
	Country string             `json:"country,omitempty" doc:"Of the address; ZZ: nobody can tell."`
	Note    string             `json:"note,omitempty" doc:"Why it is in this state."`
	Shared  bool               `json:"shared,omitempty" doc:"Others have this address too."`
}

type askMembers struct {
	InGroup
	Topics []string `query:"topic,explode" maxItems:"62" doc:"What they are asked about; several times for several. Absent: every topic but the owners'."`
}

// memberOf tells of a member with the texts that m has, masked or not.
func memberOf(m gateway.Member) member {
	out := member{ID: m.ID, Ref: m.Ref.Reveal(), Name: m.Name.Reveal(), Locale: m.Locale, Fallback: m.Fallback, Zone: m.Zone, Neutral: m.Neutral, Quiet: m.Quiet, Leads: m.Leads,
		Paused: m.PausedUntil, Own: m.Own.Names(), Tags: m.Tags, Points: make([]contactPoint, len(m.Points)), CreatedAt: m.CreatedAt}
	for i, p := range m.Points {
		if p.Topics == nil {
			p.Topics = []string{}
		}
		out.Points[i] = contactPoint{ID: p.ID, Kind: p.Kind, Address: p.Address.Reveal(), State: p.State, Topics: p.Topics, Country: p.Country, Note: p.Note, Shared: p.Shared}
	}
	return out
}

// InMember is a path to a member.
type InMember struct {
	InGroup
	Member gateway.ID `path:"member" example:"0195a3c2-7b1e-7c3d-9f00-1a2b3c4d5e6f"`
}

type listMembers struct {
	InGroup
	Paging
}

type findMembers struct {
	InGroup
	Body struct {
		Kind  string `json:"kind" minLength:"1" maxLength:"40" doc:"ref, or a kind of contact point such as sms."`
		Value string `json:"value" minLength:"1" maxLength:"320" doc:"The ref, or the address as people type it."`
	}
}

type found struct {
	Members []gateway.ID `json:"members"`
}

type revealMember struct {
	InMember
	Body reason
}

type reason struct {
	Reason gateway.RevealReason `json:"reason" enum:"contact-her,correct-record,her-request,incident" doc:"Why; it is logged."`
}

type linked struct {
	Sent bool `json:"sent"`
}

const memberTag = "Members"

func (s *server) addMembers() {
	masked := member{ID: sampleID, Ref: "K…", Name: "A…", Locale: "de", Zone: "Europe/Berlin", Tags: []string{"north"}, CreatedAt: sampleTime,
		Points: []contactPoint{{ID: sampleID, Kind: "sms", Address: "+4…00", State: gateway.PointActive, Topics: []string{"reports"}}}}
	clear := masked
	clear.Ref, clear.Name = "K-17", "A. Example"
	clear.Points = []contactPoint{{ID: sampleID, Kind: "sms", Address: "+447700900100", State: gateway.PointActive, Topics: []string{"reports"}}}

	add(s, route{ID: "list-members", Method: http.MethodGet, Path: "/api/v1/groups/{group}/members", Tag: memberTag, Scope: ofGroup, Role: gateway.Viewer,
		Summary: "List members", About: "In order of id, names and addresses masked.", Answer: page[member]{Items: []member{masked}, Next: sampleID.String()}},
		func(ctx context.Context, who caller, in *listMembers) (*body[page[member]], error) {
			list, err := s.Directory.Listed(ctx, who.Group.ID, in.After, in.Limit+1)
			if err != nil {
				return nil, err
			}
			members := make([]member, len(list))
			for i, m := range list {
				members[i] = memberOf(m)
			}
			return &body[page[member]]{pageOf(members, in.Limit, func(m member) gateway.ID { return m.ID })}, nil
		})
	add(s, route{ID: "get-member", Method: http.MethodGet, Path: "/api/v1/groups/{group}/members/{member}", Tag: memberTag, Scope: ofGroup, Role: gateway.Viewer,
		Summary: "Read a member", About: "Name and addresses masked.", Answer: masked},
		func(ctx context.Context, who caller, in *InMember) (*body[member], error) {
			m, err := s.Directory.Look(ctx, who.Group.ID, in.Member)
			return &body[member]{memberOf(m)}, err
		})
	add(s, route{ID: "find-members", Method: http.MethodPost, Path: "/api/v1/groups/{group}/members/find", Tag: memberTag, Scope: ofGroup, Role: gateway.Administrator, Fresh: true,
		Summary: "Find members by address or ref", About: "A POST, so that no address stands in a URL; it changes nothing. It counts against the same limit as showing a member in clear.",
		Example: map[string]string{"kind": "sms", "value": "+44 7700 900100"}, Answer: found{Members: []gateway.ID{sampleID}}},
		func(ctx context.Context, who caller, in *findMembers) (*body[found], error) {
			if err := s.spend(ctx, who); err != nil {
				return nil, err
			}
			ids, err := s.Directory.Find(ctx, who.Group, in.Body.Kind, in.Body.Value)
			if ids == nil {
				ids = []gateway.ID{}
			}
			return &body[found]{found{Members: ids}}, err
		})
	add(s, route{ID: "reveal-member", Method: http.MethodPost, Path: "/api/v1/groups/{group}/members/{member}/reveal", Tag: memberTag, Scope: ofGroup, Role: gateway.Administrator, Fresh: true,
		Summary: "Show a member in clear", About: "One at a time, for a reason; it is logged, and limited to so many an hour.",
		Example: reason{gateway.RevealContact}, Answer: clear},
		func(ctx context.Context, who caller, in *revealMember) (*body[member], error) {
			m, _, err := s.reveal(ctx, who, in, "a member was shown in clear")
			return &body[member]{memberOf(m)}, err
		})
	add(s, route{ID: "export-member", Method: http.MethodPost, Path: "/api/v1/groups/{group}/members/{member}/export", Tag: memberTag, Scope: ofGroup, Role: gateway.Administrator, Fresh: true,
		Summary: "Write out everything known of a member", About: "For her, in clear, with the evidence of her consent and the messages that are kept; logged and limited as showing her is.",
		Example: reason{gateway.RevealRequest}, Answer: memberExport{Group: "berlin", Member: clear, Consents: []consent{{PointID: sampleID, Topic: "reports", Granted: true,
			Wording: "2026-01", Locale: "de", At: sampleTime, Proof: "paper form 12", Source: "import"}},
			Sent:  []sentToHer{{At: sampleTime, Kind: "sms", State: gateway.Delivered, Text: "All is well."}},
			Wrote: []writtenByHer{{At: sampleTime, Kind: "sms", Text: "Thank you"}}, Inbox: sampleConversation.Lines}},
		func(ctx context.Context, who caller, in *revealMember) (*body[memberExport], error) {
			if _, _, err := s.reveal(ctx, who, in, "a member was exported"); err != nil {
				return nil, err
			}
			all, err := Gather(ctx, s.Holdings, who.Group, in.Member)
			if err != nil {
				return nil, err
			}
			out := exportOf(all)
			said, err := s.Inbox.With(ctx, who.Group.ID, in.Member)
			if errors.Is(err, gateway.ErrNotFound) {
				said.Lines, err = []gateway.ConversationLine{}, nil
			}
			for i := range said.Lines {
				said.Lines[i].Author = "" // she is answered by the group, unless somebody signed
			}
			out.Inbox = said.Lines
			return &body[memberExport]{out}, err
		})
	add(s, route{ID: "ask-members", Method: http.MethodPost, Path: "/api/v1/groups/{group}/members/ask", Tag: memberTag, Scope: ofGroup, Role: gateway.Administrator, Status: http.StatusCreated,
		Summary: "Ask the unconfirmed to confirm", About: "One short message to every contact point that came in without evidence of consent: it names the topics, and says how to agree and how to stop. Her yes counts for these topics and no others. The first request of a day sends; another gets the same answer.",
		Answer: gateway.HandedIn{Submission: gateway.Submission{ID: sampleID, Created: true}, Drafts: []gateway.DraftText{{Name: "enrol-ask", Locale: "fa"}}}},
		func(ctx context.Context, who caller, in *askMembers) (*body[gateway.HandedIn], error) {
			done, err := s.Broadcasts.Ask(ctx, who.Group.ID, in.Topics, who.Token.Label)
			return &body[gateway.HandedIn]{done}, err
		})
	add(s, route{ID: "link-member", Method: http.MethodPost, Path: "/api/v1/groups/{group}/members/{member}/link", Tag: memberTag, Scope: ofGroup, Role: gateway.Administrator, Status: http.StatusAccepted,
		Summary: "Send a member a link to her own page", About: "To her first active contact point, and to nobody else: whoever asks does not see it. It works for a day.",
		Answer: linked{Sent: true}},
		func(ctx context.Context, who caller, in *InMember) (*body[linked], error) {
			if err := s.Link(ctx, who.Group.ID, in.Member); err != nil {
				return nil, err
			}
			s.Log.Info("a member was sent a link to her page", "request", requestID(ctx), "group", who.Group.ID, "member", in.Member, "token", who.Token.ID)
			return &body[linked]{linked{Sent: true}}, nil
		})
	add(s, route{ID: "erase-member", Method: http.MethodDelete, Path: "/api/v1/groups/{group}/members/{member}", Tag: memberTag, Scope: ofGroup, Role: gateway.Administrator,
		Summary: "Erase a member", About: "Her key is destroyed and her rows are deleted, at once and for ever. A STOP of her addresses stays."},
		func(ctx context.Context, who caller, in *InMember) (*nothing, error) {
			if err := s.Directory.Erase(ctx, who.Group.ID, in.Member); err != nil {
				return nil, err
			}
			s.Log.Info("a member was erased", "request", requestID(ctx), "group", who.Group.ID, "member", in.Member, "token", who.Token.ID)
			return &nothing{}, nil
		})
}

// reveal reads a member in clear: limited, and in the log before anybody sees her.
func (s *server) reveal(ctx context.Context, who caller, in *revealMember, what string) (gateway.Member, []gateway.Consent, error) {
	if err := s.spend(ctx, who); err != nil {
		return gateway.Member{}, nil, err
	}
	m, evidence, err := s.Directory.Show(ctx, who.Group.ID, in.Member)
	if err != nil {
		return gateway.Member{}, nil, err
	}
	s.Log.Info(what, "request", requestID(ctx), "group", who.Group.ID, "member", in.Member, "token", who.Token.ID, "reason", string(in.Body.Reason))
	return m, evidence, nil
}

// spend takes one of a token's turns to learn who is who.
func (s *server) spend(ctx context.Context, who caller) error {
	wait, ok := s.reveals.take(who.Token.ID, s.Now())
	if ok {
		return nil
	}
	s.Log.Warn("a token asked for too many members in clear", "request", requestID(ctx), "group", who.Group.ID, "token", who.Token.ID)
	p := newProblem(ctx, http.StatusTooManyRequests, gateway.CodeTooMany, "this token has looked up as many members in clear as it may within an hour; come back later")
	p.header.Set("Retry-After", strconv.Itoa(int(wait.Round(time.Second)/time.Second)))
	return p
}

// sampleTime stands in examples.
var sampleTime = time.Date(2026, 3, 29, 8, 0, 0, 0, time.UTC)
