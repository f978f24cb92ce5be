package roll

import (
	"encoding/json"
	"slices"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/seal"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sealed"
)

// StoredThread is a conversation as it is stored.
type StoredThread struct {
	Thread  gateway.Thread // what of it is as it is stored
	Who     []byte
	Members string // JSON
	State   int
}

// ThreadColumns are what Into takes.
const ThreadColumns = "id, who, member_id, members, kind, channel_id, state, urgent, messages, unread, opened_at, changed_at, read_at"

// Into names where ThreadColumns go.
func (s *StoredThread) Into() []any {
	t := &s.Thread
	return []any{&t.ID, &s.Who, &t.MemberID, &s.Members, &t.Kind, &t.ChannelID, &s.State, &t.Urgent, &t.Messages, &t.Unread, &t.OpenedAt, &t.ChangedAt, &t.ReadAt}
}

// Open makes a conversation of what is stored, without what was said.
func (s *StoredThread) Open(group gateway.ID) (gateway.Thread, error) {
	t := s.Thread
	t.GroupID, t.State = group, gateway.ThreadStates[s.State]
	if err := json.Unmarshal([]byte(s.Members), &t.MemberIDs); err != nil {
		return t, err
	}
	if t.MemberID.IsZero() && len(t.MemberIDs) == 0 {
		t.Stranger = gateway.StrangerName(s.Who)
	}
	return t, nil
}

// Who names whose conversation a message belongs to: her own if it comes from one member who is there, else that of the
// address.
func Who(key *seal.Group, m *gateway.InboundMessage, hers bool) []byte {
	if hers {
		return m.MemberIDs[0][:]
	}
	return key.Addresses.Of(m.Kind, m.From.Reveal())
}

// ToldBefore is when people may be told again of what is unread, in microseconds.
func ToldBefore(now int64) int64 { return now - gateway.NoticeAgain.Microseconds() }

// StoredReply is an answer as it is stored.
type StoredReply struct {
	Reply gateway.Reply // what of it is not sealed
	Text  []byte
	Owner gateway.ID // as of StoredInbound
	Key   []byte
}

// OpenSaid makes what was said of what is stored, of each the newest first, into the conversation.
func OpenSaid(t *gateway.Thread, key *seal.Group, inbound []StoredInbound, replies []StoredReply) error {
	for i := range inbound {
		m, err := inbound[i].Open(t.GroupID, key)
		if err != nil {
			return err
		}
		t.Said = append(t.Said, m)
	}
	for i := range replies {
		s := &replies[i]
		r, box := s.Reply, key.Box
		r.GroupID, r.ThreadID = t.GroupID, t.ID
		var err error
		if !s.Owner.IsZero() {
			if box, err = sealed.Member(key, s.Owner, s.Key); err != nil {
				return err
			}
		}
		if r.Text, err = sealed.Open(box, s.Text, r.ID, "reply"); err != nil {
			return err
		}
		t.Replies = append(t.Replies, r)
	}
	slices.Reverse(t.Said)
	slices.Reverse(t.Replies)
	return nil
}
