package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

// Holdings is where everything that is held of a member is read.
type Holdings interface {
	Member(ctx context.Context, group, id gateway.ID) (gateway.Member, error)
	Evidence(ctx context.Context, group, member gateway.ID) ([]gateway.Consent, error)
	Deliveries(ctx context.Context, f gateway.DeliveryFilter) ([]gateway.Delivery, error)
	Rendering(ctx context.Context, group, broadcast gateway.ID, locale, kind string, neutral bool) (gateway.Rendering, error)
	InboundOf(ctx context.Context, group, member, before gateway.ID, limit int) ([]gateway.InboundMessage, error)
}

// Held is everything that is held of a member.
type Held struct {
	Group    string // slug
	Member   gateway.Member
	Evidence []gateway.Consent        // the oldest first
	Sent     []Sent                   // the newest first
	Wrote    []gateway.InboundMessage // the newest first, as long as their texts are kept; nothing from an address that she shares
}

// Sent is a message that she was sent, or was to be.
type Sent struct {
	At    time.Time
	Kind  string // of contact point; empty: it is hers no more, or none was chosen
	State gateway.DeliveryState
	Text  gateway.Private // empty: it is kept no more, or it is urgent and of the last day, and may hold a code or a link that works
}

// gathered is how many rows are read at a time.
const gathered = 1000

// Gather reads everything that is held of a member.
func Gather(ctx context.Context, from Holdings, group gateway.Group, id gateway.ID) (h Held, err error) {
	h.Group = group.Slug
	if h.Member, err = from.Member(ctx, group.ID, id); err != nil {
		return h, err
	}
	if h.Evidence, err = from.Evidence(ctx, group.ID, id); err != nil {
		return h, fmt.Errorf("read the evidence of consent: %w", err)
	}
	since := time.Now().Add(-gateway.PageLinkLife) // identifiers tell the time of the process, too
	kinds := map[gateway.ID]string{}
	for _, p := range h.Member.Points {
		kinds[p.ID] = p.Kind
	}
	for after := (gateway.ID{}); ; {
		page, err := from.Deliveries(ctx, gateway.DeliveryFilter{Group: group.ID, Member: id, After: after, Limit: gathered})
		if err != nil {
			return h, fmt.Errorf("read what she was sent: %w", err)
		}
		for _, d := range page {
			one := Sent{At: d.CreatedAt, Kind: kinds[d.PointID], State: d.State}
			if one.Kind != "" && !(d.Lane == gateway.Urgent && since.Before(d.CreatedAt)) {
				r, err := from.Rendering(ctx, group.ID, d.BroadcastID, d.Locale, one.Kind, d.Neutral)
				if err != nil && !errors.Is(err, gateway.ErrNotFound) {
					return h, fmt.Errorf("read the text of a message: %w", err)
				}
				one.Text = textOf(r.Parts)
			}
			h.Sent = append(h.Sent, one)
		}
		if len(page) < gathered {
			break
		}
		after = page[len(page)-1].ID
	}
	slices.SortStableFunc(h.Sent, func(a, b Sent) int { return b.At.Compare(a.At) })
	for before := (gateway.ID{}); ; {
		page, err := from.InboundOf(ctx, group.ID, id, before, gathered)
		if err != nil {
			return h, fmt.Errorf("read what she wrote: %w", err)
		}
		for _, m := range page {
			if m.Text != "" && len(m.MemberIDs) == 1 { // else somebody else who shares the address may have written it
				h.Wrote = append(h.Wrote, m)
			}
		}
		if len(page) < gathered {
			return h, nil
		}
		before = page[len(page)-1].ID
	}
}

// textOf gives what the parts of a message say.
func textOf(parts [][]byte) gateway.Private {
	var all []string
	for _, raw := range parts {
		var part struct {
			Subject string `json:"subject"`
			Text    string `json:"text"`
		}
		if json.Unmarshal(raw, &part) == nil {
			all = append(all, strings.TrimSpace(part.Subject+"\n"+part.Text))
		}
	}
	return gateway.Private(strings.Join(all, "\n"))
}

// JSON writes it as `member export` does.
func (h Held) JSON() ([]byte, error) {
	text, err := json.MarshalIndent(exportOf(h), "", "  ")
	return append(text, '\n'), err
}

// memberExport is everything that is held of a member, for her.
type memberExport struct {
	Group    string                     `json:"group"`
	Member   member                     `json:"member"`
	Consents []consent                  `json:"consents" doc:"The evidence, oldest first."`
	Sent     []sentToHer                `json:"sent" doc:"Messages to her, the newest first."`
	Wrote    []writtenByHer             `json:"wrote" doc:"Messages from her whose texts are kept, the newest first; nothing from an address that she shares."`
	Inbox    []gateway.ConversationLine `json:"inbox" doc:"What she wrote that was no command, and what she was answered, as far as it is kept; nothing from an address that she shares."`
}

type consent struct {
	PointID gateway.ID `json:"point_id"`
	Topic   string     `json:"topic"`
	Granted bool       `json:"granted"`
	Wording string     `json:"wording" doc:"Version of the words she agreed to."`
	Locale  string     `json:"locale" doc:"Language of those words."`
	At      time.Time  `json:"at"`
	Proof   string     `json:"proof" doc:"How it is known."`
	Source  string     `json:"source"`
}

type sentToHer struct {
	At    time.Time             `json:"at"`
	Kind  string                `json:"kind,omitempty" doc:"Of contact point; absent: it is hers no more."`
	State gateway.DeliveryState `json:"state"`
	Text  string                `json:"text,omitempty" doc:"Absent: it is kept no more."`
}

type writtenByHer struct {
	At      time.Time `json:"at"`
	Kind    string    `json:"kind"`
	Text    string    `json:"text"`
	Meaning string    `json:"meaning,omitempty" doc:"What was understood."`
}

func exportOf(h Held) memberExport {
	out := memberExport{Group: h.Group, Member: memberOf(h.Member), Consents: make([]consent, len(h.Evidence)), Sent: make([]sentToHer, len(h.Sent)), Wrote: make([]writtenByHer, len(h.Wrote))}
	for i, c := range h.Evidence {
		out.Consents[i] = consent{PointID: c.PointID, Topic: c.Topic, Granted: c.Granted, Wording: c.Wording, Locale: c.Locale, At: c.At, Proof: c.Proof.Reveal(), Source: c.Source}
	}
	for i, s := range h.Sent {
		out.Sent[i] = sentToHer{At: s.At, Kind: s.Kind, State: s.State, Text: s.Text.Reveal()}
	}
	for i, m := range h.Wrote {
		out.Wrote[i] = writtenByHer{At: m.At, Kind: m.Kind, Text: m.Text.Reveal(), Meaning: m.Meaning}
	}
	return out
}
