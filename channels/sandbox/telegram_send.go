package sandbox

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
	"unique"
)

// rich is what a message of a chat has beyond a text message.
type rich struct {
	id        int64     // counted in its chat; Telegram's message_id
	team      *teamRich // of posts of Mattermost
	gather    string    // of calls: where a key goes
	thread    int64     // message_thread_id; zero: none
	protected bool
	parsed    *parsed // as first sent
	face      atomic.Pointer[face]
}

// face is what the person sees now; an edit replaces it.
type face struct {
	parsed  *parsed
	buttons [][]button
	edited  time.Time // zero: never
}

// button is one of an inline keyboard (https://core.telegram.org/bots/api#inlinekeyboardbutton).
type button struct {
	Text string `json:"text"`
	Data string `json:"callback_data,omitempty"`
	URL  string `json:"url,omitempty"`
}

const maxText = 4096 // UTF-16 code units after parsing (https://core.telegram.org/bots/api#sendmessage)

// post is a message that a bot wants to send or to show instead of another.
type post struct {
	raw     string
	parsed  *parsed
	buttons [][]button
	thread  int64
	protect bool
}

func badRequest(text string) *refusal { return &refusal{400, 400, "Bad Request: " + text} }

// readPost checks text and keyboard.
func readPost(p params) (post, *refusal) {
	out := post{raw: p["text"], thread: p.int("message_thread_id"), protect: p.bool("protect_content")}
	switch strings.ToLower(p["parse_mode"]) {
	case "":
		out.parsed = parsePlain(out.raw)
	case "html":
		var err error
		if out.parsed, err = parseHTML(out.raw); err != nil {
			return out, badRequest("can't parse entities: " + err.Error())
		}
	default:
		return out, badRequest("unsupported parse_mode")
	}
	if out.parsed.text == "" {
		return out, badRequest("message text is empty")
	}
	if out.parsed.units > maxText {
		return out, badRequest("message is too long")
	}
	var bad *refusal
	out.buttons, bad = readKeyboard(p["reply_markup"])
	if bad == nil && p["link_preview_options"] != "" && !json.Valid([]byte(p["link_preview_options"])) {
		bad = badRequest("can't parse link preview options JSON object")
	}
	return out, bad
}

// readKeyboard checks a reply_markup; of the kinds only inline keyboards are shown.
func readKeyboard(raw string) ([][]button, *refusal) {
	if raw == "" || raw == "null" {
		return nil, nil
	}
	var in struct {
		Inline [][]button `json:"inline_keyboard"`
	}
	if err := json.Unmarshal([]byte(raw), &in); err != nil {
		return nil, badRequest("can't parse reply keyboard markup JSON object")
	}
	for _, row := range in.Inline {
		for _, b := range row {
			switch {
			case b.Text == "":
				return nil, badRequest("can't parse inline keyboard button: Field \"text\" must be of type String")
			case b.Data == "" && b.URL == "":
				return nil, badRequest("can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard")
			case len(b.Data) > 64:
				return nil, badRequest("BUTTON_DATA_INVALID")
			}
		}
	}
	return in.Inline, nil
}

// telegramSend sends a message (https://core.telegram.org/bots/api#sendmessage).
func (s *Sandbox) telegramSend(w http.ResponseWriter, r *http.Request, b *bot, p params) {
	to := p["chat_id"]
	f := s.faults.strike(Telegram, b.name, to, OnSend, onWire)
	if f != nil && f.Kind == Latency && !s.pause(r, f.For) {
		return
	}
	lose := func(code int, answer string) {
		s.seen.count(s.journal.append(line{
			at: s.now().UnixMicro(), owner: &b.owner, kind: EntryMessage, from: unique.Make(b.name), to: strings.Clone(to),
			text: unique.Make(p["text"]), code: int32(code), answer: answer, service: unique.Make(""),
		}, statusNone))
		s.note()
	}
	spoilt, own := f.telegram()
	if own && !f.Kept {
		lose(f.code(spoilt.status), f.label(spoilt.status))
		s.answer(w, r, f, spoilt)
		return
	}
	in, bad := readPost(p)
	var ph *phone
	parameters := ""
	if bad == nil {
		ph, bad, parameters = s.mayWrite(b, to, in.thread)
	}
	if bad != nil {
		lose(bad.code, strconv.Itoa(bad.status))
		s.answer(w, r, f, telegramError(*bad, parameters))
		return
	}
	if f.spoils() && !f.Kept {
		lose(0, f.label(0))
		s.answer(w, r, f, reply{status: http.StatusOK})
		return
	}
	answer := f.label(http.StatusOK)
	if own {
		answer = f.label(spoilt.status)
	}
	rec := s.keepPost(b, ph, in, answer)
	if !own {
		spoilt = telegramOK(rec.appendTelegram(nil))
	}
	s.answer(w, r, f, spoilt)
}

// keepPost takes a message: it is in the log and on the phone when this returns.
func (s *Sandbox) keepPost(b *bot, p *phone, in post, answer string) *record {
	face := &face{parsed: in.parsed, buttons: in.buttons}
	x := &rich{thread: in.thread, protected: in.protect, parsed: in.parsed, id: p.nextMessage()}
	x.face.Store(face)
	rec := s.journal.append(line{
		at: s.now().UnixMicro(), owner: &b.owner, phone: p, kind: EntryMessage, from: unique.Make(b.name), to: p.key.address,
		text: unique.Make(in.raw), kept: true, answer: answer, service: unique.Make(""), rich: x,
	}, statusDelivered)
	s.receive(p, rec, b.name, "")
	s.seen.count(rec)
	s.arrive(rec)
	return rec
}

// telegramEdit changes a message (https://core.telegram.org/bots/api#editmessagetext, #editmessagereplymarkup).
func (s *Sandbox) telegramEdit(w http.ResponseWriter, r *http.Request, b *bot, p params, text bool) {
	to := p["chat_id"]
	f := s.faults.strike(Telegram, b.name, to, OnSend, onWire)
	if f != nil && f.Kind == Latency && !s.pause(r, f.For) {
		return
	}
	spoilt, own := f.telegram()
	change := !f.spoils() || f.Kept
	out, code := s.edit(b, p, text, change)
	if own {
		out, code = spoilt, f.code(spoilt.status)
	}
	s.journal.append(line{
		at: s.now().UnixMicro(), owner: &b.owner, kind: EntryEdit, from: unique.Make(b.name), to: strings.Clone(to),
		text: unique.Make(p["text"]), code: int32(code), answer: f.label(out.status), service: unique.Make(""),
		kept: change && out.status == http.StatusOK,
	}, statusNone)
	s.note()
	s.answer(w, r, f, out)
}

// edit does what an edit asks and returns the answer and its error code.
func (s *Sandbox) edit(b *bot, p params, text, change bool) (reply, int) {
	no := func(f *refusal) (reply, int) { return telegramError(*f, ""), f.code }
	rec := s.messageIn(b, p["chat_id"], p.int("message_id"))
	if rec == nil {
		return no(badRequest("message to edit not found"))
	}
	now := *rec.rich.face.Load()
	next := face{parsed: now.parsed, edited: s.now()}
	if text {
		in, bad := readPost(p)
		if bad != nil {
			return no(bad)
		}
		next.parsed, next.buttons = in.parsed, in.buttons
	} else {
		var bad *refusal
		if next.buttons, bad = readKeyboard(p["reply_markup"]); bad != nil {
			return no(bad)
		}
	}
	sameText := next.parsed.text == now.parsed.text && slices.Equal(next.parsed.entities, now.parsed.entities)
	if sameText && slices.EqualFunc(next.buttons, now.buttons, slices.Equal) {
		return no(badRequest("message is not modified: specified new message content and reply markup are exactly the same as a current content and reply markup of the message"))
	}
	if change {
		rec.rich.face.Store(&next)
		s.wall.touch(rec.phone, true)
	}
	return telegramOK(rec.appendTelegram(nil)), 0
}

// messageIn finds a message that the bot sent to a chat.
func (s *Sandbox) messageIn(b *bot, chat string, id int64) *record {
	p := s.phones.find(KindTelegram, chat)
	if p == nil {
		return nil
	}
	items := p.list()
	for i := len(items) - 1; i >= 0; i-- {
		r := s.journal.get(uint64(items[i]))
		if r.rich != nil && r.rich.id == id {
			if r.owner != &b.owner || r.kind != EntryMessage {
				return nil
			}
			return r
		}
	}
	return nil
}

// appendTelegram writes the Message object (https://core.telegram.org/bots/api#message) as it is now.
func (r *record) appendTelegram(out []byte) []byte {
	show := r.rich.face.Load()
	out = append(out, `{"message_id":`...)
	out = strconv.AppendInt(out, r.rich.id, 10)
	if r.rich.thread != 0 {
		out = append(out, `,"message_thread_id":`...)
		out = strconv.AppendInt(out, r.rich.thread, 10)
		out = append(out, `,"is_topic_message":true`...)
	}
	out = append(out, `,"from":`...)
	if r.kind == EntryMessage {
		have, _ := r.owner.s.bots.Load(r.owner.name)
		out = append(out, have.(*bot).user(false)...)
	} else {
		out = r.phone.appendUser(out)
	}
	out = append(out, `,"chat":`...)
	out = r.phone.appendChat(out)
	out = append(out, `,"date":`...)
	out = strconv.AppendInt(out, r.time().Unix(), 10)
	if !show.edited.IsZero() {
		out = append(out, `,"edit_date":`...)
		out = strconv.AppendInt(out, show.edited.Unix(), 10)
	}
	if r.rich.protected {
		out = append(out, `,"has_protected_content":true`...)
	}
	out = append(out, `,"text":`...)
	out = appendString(out, show.parsed.text)
	out = appendEntities(out, show.parsed.entities)
	if len(show.buttons) > 0 {
		if keys, err := json.Marshal(show.buttons); err == nil {
			out = append(out, `,"reply_markup":{"inline_keyboard":`...)
			out = append(append(out, keys...), '}')
		}
	}
	return append(out, '}')
}

func appendEntities(out []byte, list []entity) []byte {
	if len(list) == 0 {
		return out
	}
	out = append(out, `,"entities":[`...)
	for i, e := range list {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, `{"type":"`...)
		out = append(out, e.kind...)
		out = append(out, `","offset":`...)
		out = strconv.AppendInt(out, int64(e.offset), 10)
		out = append(out, `,"length":`...)
		out = strconv.AppendInt(out, int64(e.length), 10)
		if e.url != "" {
			out = append(out, `,"url":`...)
			out = appendString(out, e.url)
		}
		if e.language != "" {
			out = append(out, `,"language":`...)
			out = appendString(out, e.language)
		}
		out = append(out, '}')
	}
	return append(out, ']')
}
