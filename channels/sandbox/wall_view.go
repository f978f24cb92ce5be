package sandbox

import (
	"context"
	"errors"
	"net/netip"
	"net/url"
	"sort"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// wallView is the whole page.
type wallView struct {
	Filter filter
	Home   string
	Strip  stripView
	Cards  cardsView
	Phone  *phoneView
}

// stripView is the control strip: counts, faults and buttons.
type stripView struct {
	Stats     Stats
	Faults    []faultView
	Providers []providerView
	Actions   []Action
	Apart     bool // callbacks may go to other machines
}

type faultView struct{ ID, Words string }

type providerView struct {
	Name, Label string
	Presets     []preset
}

// cardsView is a stretch of the wall.
type cardsView struct {
	Cards []cardView
	More  string // link to the next stretch; empty: there is none
	Skip  int
	Total int
	Query bool // something is filtered
}

// cardView is one small phone.
type cardView struct {
	Key, Kind, Name, Address, Language string
	Link                               string
	Last                               string
	Mine                               bool // the person wrote last
	When                               clockTime
	Count                              int
	Open                               bool
}

// phoneView is the open phone.
type phoneView struct {
	Card     cardView
	Initial  string
	Close    string
	Blocked  bool
	Stopped  bool
	Earlier  int // messages that are not shown
	Messages []messageView
	Traces   []traceView
	Tracked  bool
	Trouble  string // why the deliveries cannot be shown
}

// messageView is one message on a phone.
type messageView struct {
	ID        int64
	Seq       uint64
	Mine      bool
	Auto      bool
	Press     bool
	Lost      int // the code of a message that did not arrive
	Runs      []run
	When      clockTime
	Edited    bool
	Protected bool
	Subject   string // of mail
	Sender    string
	HTML      bool // there is HTML beside the text
	Buttons   [][]button
}

// run is a stretch of text in one style.
type run struct {
	Text  string
	Class string
	Link  string // only to this machine
}

// traceView is one delivery.
type traceView struct {
	Trace
	Tone     string // good, going, doubt or bad
	Since    clockTime
	Attempts []attemptView
}

type attemptView struct {
	TraceAttempt
	Tone  string
	Began clockTime
}

const (
	cardsAtOnce    = 48
	messagesAtOnce = 50
)

func (s *Sandbox) stripView() stripView {
	v := stripView{
		Stats: s.Stats(), Actions: s.attached.Load().actions, Apart: len(s.opts.Reach) > 0,
		Providers: []providerView{{Twilio, "Text messages", presets(Twilio)}, {Telegram, "Telegram", presets(Telegram)}, {Mattermost, "Mattermost", presets(Mattermost)}, {Mail, "Mail", presets(Mail)},
			{Voice, "Calls", presets(Voice)}, {Android, "Android phones", presets(Android)}, {Matrix, "Matrix", presets(Matrix)}},
	}
	for _, f := range s.Faults() {
		v.Faults = append(v.Faults, faultView{f.ID, f.Words()})
	}
	return v
}

func (s *Sandbox) cardsView(f filter) cardsView {
	v := cardsView{Skip: f.Skip, Query: f.Query != "" || f.Kind != ""}
	s.wall.newestFirst(func(p *phone) bool {
		if !f.fits(p) {
			return true
		}
		v.Total++
		if v.Total > f.Skip && len(v.Cards) < cardsAtOnce {
			v.Cards = append(v.Cards, s.cardView(p, f))
		}
		return true
	})
	if shown := f.Skip + len(v.Cards); shown < v.Total {
		v.More = f.link(f.Open, shown)
	}
	return v
}

func (s *Sandbox) cardView(p *phone, f filter) cardView {
	p.mu.Lock()
	v := cardView{
		Key: p.key.String(), Kind: p.key.kind, Name: p.name, Address: p.key.address, Language: p.language,
		Count: p.arrived, Open: p.key.String() == f.Open,
	}
	items := p.items[max(len(p.items)-8, 0):]
	p.mu.Unlock()
	if v.Name == "" {
		v.Name = v.Address
	}
	v.Link = f.link(v.Key, f.Skip)
	for i := len(items) - 1; i >= 0; i-- {
		r := s.journal.get(uint64(items[i]))
		if !r.status0().shown() {
			continue
		}
		v.Last, v.Mine, v.When = clip(r.shownText(), 160), r.kind == EntryReply || r.kind == EntryPress, clockTime{r.time()}
		break
	}
	return v
}

// shownText is what stands on the phone now.
func (r *record) shownText() string {
	if r.rich != nil {
		return r.rich.face.Load().parsed.text
	}
	return r.text.Value()
}

// clip cuts a text after n characters.
func clip(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:n]) + "…"
}

// phoneView is nil if there is no such phone.
func (s *Sandbox) phoneView(ctx context.Context, f filter) *phoneView {
	kind, address, _ := strings.Cut(f.Open, ":")
	p := s.phones.find(kind, address)
	if p == nil {
		return nil
	}
	v := &phoneView{Card: s.cardView(p, f), Close: f.link("", f.Skip)}
	first, _ := utf8.DecodeRuneInString(strings.TrimPrefix(v.Card.Name, "+"))
	v.Initial = strings.ToUpper(string(first))
	items := p.list()
	p.mu.Lock()
	v.Stopped = p.silenced[p.lastFrom] || p.silenced[p.service]
	if p.chat != nil && p.last != nil {
		v.Blocked = p.chat.blocked[p.last.name]
	}
	v.Blocked = v.Blocked || p.gone
	p.mu.Unlock()
	v.Earlier = max(len(items)-messagesAtOnce, 0)
	for _, seq := range items[v.Earlier:] {
		if m, ok := s.journal.get(uint64(seq)).view(); ok {
			v.Messages = append(v.Messages, m)
		}
	}
	s.traces(ctx, v)
	return v
}

// view is how a message looks; false: it is still on its way.
func (r *record) view() (messageView, bool) {
	st, code := r.status()
	m := messageView{
		Seq: r.seq, Mine: r.kind == EntryReply || r.kind == EntryPress, Auto: r.kind == EntryAuto, Press: r.kind == EntryPress,
		When: clockTime{r.time()},
	}
	switch {
	case st == statusUndelivered || st == statusFailed:
		m.Lost = max(code, 1)
		return m, true
	case !st.shown():
		return m, false
	}
	if r.mail != nil {
		m.Subject, m.Sender, m.HTML = r.mail.subject, r.mail.sender, r.mail.html != ""
	}
	if r.rich == nil {
		m.Runs = runs(r.text.Value(), nil)
		return m, true
	}
	now := r.rich.face.Load()
	m.ID, m.Protected, m.Edited, m.Buttons = r.rich.id, r.rich.protected, !now.edited.IsZero(), now.buttons
	m.Runs = runs(now.parsed.text, now.parsed.entities)
	return m, true
}

// runs cuts a text at the ends of its entities and at its addresses on this machine.
func runs(text string, entities []entity) []run {
	cuts := []int{0}
	units := make([]int, 0, len(text)+1) // byte offset of each code unit
	for at, r := range text {
		for range max(utf16Len(r), 1) {
			units = append(units, at)
		}
	}
	units = append(units, len(text))
	for _, e := range entities {
		cuts = append(cuts, units[e.offset], units[e.offset+e.length])
	}
	links := addresses(text)
	for _, l := range links {
		cuts = append(cuts, l[0], l[1])
	}
	cuts = append(cuts, len(text))
	sort.Ints(cuts)
	var out []run
	for i := 1; i < len(cuts); i++ {
		from, to := cuts[i-1], cuts[i]
		if from == to {
			continue
		}
		piece := run{Text: text[from:to]}
		var class []string
		for _, e := range entities {
			if units[e.offset] <= from && units[e.offset+e.length] >= to {
				class = append(class, "t-"+strings.ReplaceAll(e.kind, "_", "-"))
				if e.kind == "text_link" && local(e.url) {
					piece.Link = e.url
				}
			}
		}
		for _, l := range links {
			if l[0] <= from && l[1] >= to {
				piece.Link = text[l[0]:l[1]]
			}
		}
		piece.Class = strings.Join(class, " ")
		out = append(out, piece)
	}
	return out
}

func utf16Len(r rune) int {
	if r >= 0x10000 {
		return 2
	}
	return 1
}

// addresses finds the web addresses of this machine in a text. Others are not made links: a click would leave it.
func addresses(text string) [][2]int {
	var out [][2]int
	for at := 0; at < len(text); {
		i := strings.Index(text[at:], "http")
		if i < 0 {
			break
		}
		from := at + i
		to := len(text)
		if end := strings.IndexAny(text[from:], " \n\t\r<>\"'"); end >= 0 {
			to = from + end
		}
		to = from + len(strings.TrimRight(text[from:to], ".,;:!?)]»”"))
		if local(text[from:to]) {
			out = append(out, [2]int{from, to})
		}
		at = max(to, from+4)
	}
	return out
}

// local says whether a web address is on this machine.
func local(raw string) bool {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" {
		return false
	}
	host := u.Hostname()
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.IsLoopback()
	}
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

// traces asks the gateway what it knows. It is given two seconds: a gateway that has crashed must not take the wall down.
func (s *Sandbox) traces(ctx context.Context, v *phoneView) {
	tracker := s.attached.Load().tracker
	if tracker == nil {
		return
	}
	v.Tracked = true
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	list, err := tracker.Trace(ctx, v.Card.Kind, v.Card.Address)
	if err != nil {
		why := err.Error()
		if errors.Is(err, context.DeadlineExceeded) {
			why = "it does not answer"
		}
		v.Trouble = "The gateway does not tell: " + strings.TrimSuffix(why, ".") + ". What it knows is shown again once it does."
		return
	}
	for _, t := range list {
		tv := traceView{Trace: t, Tone: tone(t.State), Since: clockTime{t.Since}}
		for _, a := range t.Attempts {
			tv.Attempts = append(tv.Attempts, attemptView{a, tone(a.State), clockTime{a.Began}})
		}
		v.Traces = append(v.Traces, tv)
	}
}

// tone is the colour of a state; its words say the same.
func tone(state string) string {
	switch {
	case strings.HasPrefix(state, "delivered"):
		return "good"
	case strings.HasPrefix(state, "in doubt"):
		return "doubt"
	case strings.HasPrefix(state, "waiting"), strings.HasPrefix(state, "sending"), strings.HasPrefix(state, "claimed"),
		strings.HasPrefix(state, "accepted"), strings.HasPrefix(state, "handed over"):
		return "going"
	default:
		return "bad"
	}
}

// Times is how often a count is said, for people.
func (v cardView) Times() string {
	if v.Count == 1 {
		return "1 message"
	}
	return strconv.Itoa(v.Count) + " messages"
}

// Service is what a person would call this end of a channel.
func (v cardView) Service() string {
	switch v.Kind {
	case KindSMS:
		return "Phone"
	case KindMatrix:
		return "Matrix room"
	case KindVoice:
		return "Telephone"
	case KindTelegram:
		return "Telegram chat"
	case KindEmail:
		return "Mailbox"
	default:
		return "Mattermost chat"
	}
}
