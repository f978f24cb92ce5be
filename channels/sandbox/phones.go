package sandbox

import (
	"errors"
	"fmt"
	"hash/maphash"
	"strconv"
	"strings"
	"sync"
)

// Phone is a person's end of one channel: a telephone (KindSMS, or KindVoice where it is called), a Telegram chat (KindTelegram), a
// Mattermost account or channel (KindMattermost), a room of Matrix (KindMatrix), or a mailbox (KindEmail).
type Phone struct {
	Kind     string   `json:"kind"`
	Address  string   `json:"address"`            // E.164 number, chat id, account id, "channel:" and the channel's id, or mail address
	Name     string   `json:"name,omitempty"`     // shown on the wall
	Language string   `json:"language,omitempty"` // BCP 47 tag, shown on the wall
	Started  []string `json:"started,omitempty"`  // ids of the bots that may write to the chat or channel; "*" for all
	Username string   `json:"username,omitempty"` // of a Mattermost account, without @
}

// phoneKey names a phone.
type phoneKey struct{ kind, address string }

func (k phoneKey) String() string { return k.kind + ":" + k.address }

// phone is a Phone with what happened on it.
type phone struct {
	key   phoneKey
	links links // of the wall's list, newest activity first; guarded by the wall

	mu       sync.Mutex
	name     string
	language string
	items    []uint32        // sequence numbers of kept messages and of replies, oldest first
	silenced map[string]bool // senders that the person stopped at the provider
	last     *owner          // who wrote last, and
	lastFrom string          // under which sender
	service  string          // and through which messaging service
	kept     int
	arrived  int
	replies  int
	chat     *chat           // of Telegram chats
	username string          // of Mattermost accounts
	members  map[string]bool // bots that are in the Mattermost channel; "*" for all
	gone     bool            // the Mattermost account is deactivated, the channel archived, or the room encrypted
}

const phoneShards = 64

// phoneBook holds every phone, in shards so that messages to different phones seldom meet.
type phoneBook struct {
	seed   maphash.Seed
	shards [phoneShards]struct {
		sync.RWMutex
		m map[phoneKey]*phone
	}
}

func (b *phoneBook) open(seed maphash.Seed) {
	b.seed = seed
	for i := range b.shards {
		b.shards[i].m = make(map[phoneKey]*phone)
	}
}

// find returns a phone, nil if there is none.
func (b *phoneBook) find(kind, address string) *phone {
	sh := &b.shards[maphash.String(b.seed, address)%phoneShards]
	sh.RLock()
	defer sh.RUnlock()
	return sh.m[phoneKey{kind, address}]
}

// get returns a phone and makes it if need be.
func (b *phoneBook) get(kind, address string) (p *phone, made bool) {
	sh := &b.shards[maphash.String(b.seed, address)%phoneShards]
	key := phoneKey{kind, address}
	sh.RLock()
	p = sh.m[key]
	sh.RUnlock()
	if p != nil {
		return p, false
	}
	sh.Lock()
	defer sh.Unlock()
	if p = sh.m[key]; p != nil {
		return p, false
	}
	p = &phone{key: key}
	sh.m[key] = p
	return p, true
}

func (b *phoneBook) count() int {
	n := 0
	for i := range b.shards {
		b.shards[i].RLock()
		n += len(b.shards[i].m)
		b.shards[i].RUnlock()
	}
	return n
}

func (b *phoneBook) each(do func(*phone)) {
	for i := range b.shards {
		b.shards[i].RLock()
		all := make([]*phone, 0, len(b.shards[i].m))
		for _, p := range b.shards[i].m {
			all = append(all, p)
		}
		b.shards[i].RUnlock()
		for _, p := range all {
			do(p)
		}
	}
}

// errAddress is the start of every error about an address that cannot have a phone.
var errAddress = errors.New("the address does not fit its kind")

// Phones makes phones, or changes the name, language and started bots of those that exist. It changes nothing if one of
// them is wrong; the error says which and why.
func (s *Sandbox) Phones(list ...Phone) error {
	for i, p := range list {
		if err := p.check(); err != nil {
			return fmt.Errorf("phone %d: %w", i+1, err)
		}
	}
	for _, in := range list {
		p, made := s.phones.get(in.Kind, in.Address)
		p.mu.Lock()
		p.name, p.language = in.Name, in.Language
		if in.Kind == KindTelegram {
			c := p.telegram()
			for _, id := range in.Started {
				c.start(id)
			}
		}
		if in.Kind == KindMattermost {
			p.members = make(map[string]bool)
			for _, id := range in.Started {
				p.members[id] = true
			}
			if p.username = in.Username; in.Username != "" {
				s.usernames.Store(in.Username, p)
			}
		}
		p.mu.Unlock()
		if made {
			s.wall.add(p)
		}
		s.wall.touch(p, false)
	}
	return nil
}

func (p Phone) check() error {
	switch p.Kind {
	case KindSMS, KindVoice:
		if !e164(p.Address) {
			return fmt.Errorf("%w: a number is + and 7 to 15 digits, as in +12025550123", errAddress)
		}
	case KindMatrix:
		if !matrixRoom(p.Address) {
			return fmt.Errorf("%w: a room has an id that begins with !", errAddress)
		}
	case KindTelegram:
		if id, err := strconv.ParseInt(p.Address, 10, 64); err != nil || id == 0 || strconv.FormatInt(id, 10) != p.Address {
			return fmt.Errorf("%w: a chat id is a whole number other than zero", errAddress)
		}
	case KindMattermost:
		if !isMattermostID(strings.TrimPrefix(p.Address, channelPrefix)) {
			return fmt.Errorf("%w: an account has an id of 26 letters and digits, a channel %q before it", errAddress, channelPrefix)
		}
	case KindEmail:
		if local, domain, ok := strings.Cut(p.Address, "@"); !ok || local == "" || domain == "" || strings.ContainsAny(p.Address, " <>\r\n\t") {
			return fmt.Errorf("%w: a mail address is name@domain", errAddress)
		}
	default:
		return fmt.Errorf("kind %q is not known; use %q, %q, %q, %q, %q or %q", p.Kind, KindSMS, KindTelegram, KindMattermost, KindEmail, KindVoice, KindMatrix)
	}
	return nil
}

// e164 says whether a text is a full international number (ITU-T E.164: at most 15 digits, no leading zero).
func e164(n string) bool {
	if len(n) < 8 || len(n) > 16 || n[0] != '+' || n[1] == '0' {
		return false
	}
	for i := 1; i < len(n); i++ {
		if n[i] < '0' || n[i] > '9' {
			return false
		}
	}
	return true
}

// receive files a kept message under the phone that it is for.
func (s *Sandbox) receive(p *phone, r *record, sender, service string) {
	p.mu.Lock()
	p.items = append(p.items, uint32(r.seq))
	p.last, p.lastFrom, p.service = r.owner, sender, service
	p.kept++
	p.mu.Unlock()
}

// arrive is called once a message is on the phone.
func (s *Sandbox) arrive(r *record) {
	p := r.phone
	p.mu.Lock()
	p.arrived++
	p.mu.Unlock()
	s.seen.arrived.Add(1)
	s.wall.touch(p, true)
	s.note()
}
