// Package roll is what both databases do alike with the people on a group's roll: which bit stands for a topic, what
// becomes of a contact point, and what a row of an import will be. It knows no database.
package roll

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/carillon-gateway/carillon/gateway"
)

// Topic is a topic as stored: its place in the list is its bit in every contact point, so a retired one keeps it.
type Topic struct {
	gateway.Topic
	Retired bool `json:"retired,omitempty"`
}

// MergeTopics keeps every topic's place, retires those that are gone and puts new ones behind.
func MergeTopics(old []Topic, now []gateway.Topic) ([]Topic, error) {
	merged := slices.Clone(old)
	for i := range merged {
		merged[i].Retired = !slices.ContainsFunc(now, func(t gateway.Topic) bool { return t.Name == merged[i].Name })
	}
	for _, topic := range now {
		i := slices.IndexFunc(merged, func(t Topic) bool { return t.Name == topic.Name })
		if i < 0 {
			merged = append(merged, Topic{Topic: topic})
		} else {
			merged[i].Topic = topic
		}
	}
	if len(merged) > gateway.MaxTopics {
		return nil, gateway.Faultf(gateway.CodeInvalid, "the group would have had %d topics, those it had before included; %d is the most", len(merged), gateway.MaxTopics)
	}
	return merged, nil
}

// SameLeads reports whether the leads of all topics are the same. New topics stand behind the old ones.
func SameLeads(old, now []Topic) bool {
	for i, t := range old {
		if (t.Leads == nil) != (now[i].Leads == nil) || !slices.Equal(t.Leads, now[i].Leads) {
			return false
		}
	}
	return true
}

// Current lists the topics that the group has now.
func Current(topics []Topic) (now []gateway.Topic) {
	for _, t := range topics {
		if !t.Retired {
			now = append(now, t.Topic)
		}
	}
	return now
}

// Bits gives the bits of topics; names that the group does not have are left out.
func Bits(topics []Topic, names []string) (mask int64) {
	for i, t := range topics {
		if slices.Contains(names, t.Name) {
			mask |= 1 << i
		}
	}
	return mask
}

// Names gives the names of bits; those of retired topics are left out.
func Names(topics []Topic, mask int64) []string {
	names := []string{}
	for i, t := range topics {
		if mask&(1<<i) != 0 && !t.Retired {
			names = append(names, t.Name)
		}
	}
	return names
}

// Labels writes labels so that each stands between commas: ",one,two,".
func Labels(labels []string) string {
	if len(labels) == 0 {
		return ""
	}
	return "," + strings.Join(labels, ",") + ","
}

// Split reads what Labels wrote, and plain comma-separated lists.
func Split(s string) []string {
	s = strings.Trim(s, ",")
	if s == "" {
		return nil
	}
	return strings.Split(s, ",")
}

// RepliesText is what is stored of a group's replies; empty: none. They hold nothing of a person.
func RepliesText(g gateway.Group) string {
	if g.Replies == nil {
		return ""
	}
	text, _ := json.Marshal(g.Replies) // texts alone
	return string(text)
}

// ReleaseText is what is stored of a group's rule for what needs a second person; empty: none.
func ReleaseText(g gateway.Group) string {
	if g.Release == nil {
		return ""
	}
	text, _ := json.Marshal(g.Release) // numbers alone
	return string(text)
}
