package fanout

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/templates"
)

// Ask asks at every contact point without evidence of consent whether its owner wants some topics of the group, in the words of
// the catalogue or the group's own; none: all but the owners'. The members' oldest contact points are asked by one broadcast,
// their second ones by another, for a broadcast has one delivery for each member. At one contact point nobody is asked
// twice on a day of UTC. It gives the first broadcast that is new, else the first. CodeNobody: there is nobody to ask;
// CodeKeyReused: they were asked about other topics today.
func (f *Fanout) Ask(ctx context.Context, group gateway.ID, topics []string, author string) (gateway.HandedIn, error) {
	g, err := f.store.Groups.GroupByID(ctx, group)
	if err != nil {
		return gateway.HandedIn{}, err
	}
	for _, t := range topics {
		if err := checkTopic(g, t); err != nil {
			return gateway.HandedIn{}, err
		}
	}
	var names []string
	for _, t := range g.Topics {
		if slices.Contains(topics, t.Name) || len(topics) == 0 && t.Name != gateway.OwnersTopic {
			names = append(names, t.Name)
		}
	}
	note := Note{Group: group, Key: "ask-" + f.Now().UTC().Format(time.DateOnly), Wording: templates.EnrolAsk, Audience: gateway.Audience{Unconfirmed: true},
		Data: map[string]string{"topics": strings.Join(names, "\n")}, Author: author}
	whole := sha256.Sum256(fmt.Append([]byte(note.Wording), names))
	open, err := f.unconfirmed(ctx, group)
	if err != nil {
		return gateway.HandedIn{}, err
	}
	var in gateway.HandedIn
	for _, n := range open {
		one := note
		if one.Audience.Nth = n; n > 0 {
			one.Key += fmt.Sprintf("-%d", n+1)
		}
		done, err := f.askAt(ctx, one, names, whole[:])
		if err != nil {
			return gateway.HandedIn{}, err
		}
		if in.ID.IsZero() || done.Created && !in.Created {
			in = done
		}
	}
	return in, nil
}

// unconfirmed lists at which contact points of a member, in order of id, some member has not confirmed yet; 0 if there is none.
func (f *Fanout) unconfirmed(ctx context.Context, group gateway.ID) (open []int, err error) {
	for page, err := range f.audience(ctx, gateway.Broadcast{GroupID: group, Audience: gateway.Audience{Unconfirmed: true}}, nil) {
		if err != nil {
			return nil, err
		}
		for i := range page {
			for j := range page[i].Points {
				p := &page[i].Points[j]
				if p.State != gateway.PointUnconfirmed {
					continue
				}
				if n := nth(&page[i], p); !slices.Contains(open, n) {
					open = append(open, n)
				}
			}
		}
	}
	if open == nil {
		return []int{0}, nil // whoever checks the audience says that there is nobody
	}
	slices.Sort(open)
	return open, nil
}

func (f *Fanout) askAt(ctx context.Context, n Note, topics []string, print []byte) (gateway.HandedIn, error) {
	b, _, err := f.note(ctx, n)
	if err != nil {
		return gateway.HandedIn{}, err
	}
	s, t, err := f.submit(ctx, b, print, true)
	if err != nil {
		return gateway.HandedIn{}, err
	}
	if err := f.store.Asks.PutAsk(ctx, n.Group, s.ID, gateway.Asked{Topics: topics, Wording: templates.Version(templates.EnrolAsk, b.Words.Sources), At: b.CreatedAt}); err != nil {
		return gateway.HandedIn{}, fmt.Errorf("keep what they are asked: %w", err)
	}
	return f.handedIn(ctx, b, s, t), nil
}

// asks reports whether a shipped text asks for YES. Where there are buttons one says it.
func asks(k gateway.Kind) bool {
	return k == templates.EnrolAsk || k == templates.StillYours || k == templates.LinkAsk || k == gateway.DutyAskCover || k == gateway.DutyAskSwap
}

// yesAction is what the button brings back: the word that counts in every language.
const yesAction = "YES"

// yesIn is the word for it that a button shows: that of the language, else the one that counts in all.
func yesIn(locale string) string {
	for _, w := range templates.Words().Words {
		if w.Command == templates.CommandYes && w.Locale == locale {
			return strings.TrimSpace(w.Text)
		}
	}
	return yesAction
}
