package telegram

import (
	"errors"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/content"
)

// maxChat bounds chat ids: they have at most 52 significant bits (core.telegram.org/bots/api, Chat).
const maxChat = 1 << 52

// maxTopic bounds topic ids, which are ids of messages.
const maxTopic = 1<<31 - 1

var (
	errEmpty   = errors.New("type the chat's number, for example 123456789; she gets it by pressing Start in the bot")
	errForm    = errors.New("this is no Telegram chat; type its number (123456789 for a person, -1001234567890 for a group or channel) or the @name of a public channel or group; for a topic add a colon and its number")
	errRange   = errors.New("no Telegram chat has this number; check it digit by digit")
	errTopic   = errors.New("the part behind the colon must be the number of a topic, for example -1001234567890:42")
	errPhone   = errors.New("a bot cannot write to a phone number; ask her to open the bot and press Start, which gives her chat's number")
	errInvite  = errors.New("an invite link is no address; add the bot to the group and use the group's number, for example -1001234567890")
	errLink    = errors.New("this link names no public channel or group; it should look like t.me/name")
	errBotName = errors.New("this is a bot's name, and bots cannot write to bots; type the @name of a public channel or group")
	errName    = errors.New("a @name has 4 to 32 letters, digits or underscores and begins with a letter; for a person type her chat's number instead, which she gets by pressing Start")
)

// nameForm is that of public names; four letters are sold, five are free.
var nameForm = regexp.MustCompile(`^[a-z][a-z0-9_]{3,31}$`)

// target is where a message goes.
type target struct {
	chat  string // decimal id, or @name
	topic int    // message thread; zero: none
}

func (t target) address() channels.Address {
	if t.topic == 0 {
		return channels.Address(t.chat)
	}
	return channels.Address(t.chat + ":" + strconv.Itoa(t.topic))
}

// ParseAddress reads a chat's number, positive for a person and negative for a group or channel, a public @name or a
// t.me link to one, each with ":" and the number of a topic if need be. Digits of any script are taken.
func (a *Adapter) ParseAddress(raw string) (channels.Address, error) { return parseAddress(raw) }

func parseAddress(raw string) (channels.Address, error) {
	t, err := parseTarget(raw)
	if err != nil {
		return "", err
	}
	return t.address(), nil
}

func parseTarget(raw string) (target, error) {
	s := plainForm(raw)
	if s == "" {
		return target{}, errEmpty
	}
	if rest, ok := linkRest(s); ok {
		name, err := linkName(rest)
		if err != nil {
			return target{}, err
		}
		s = name
	} else if strings.Contains(s, "/") {
		return target{}, errLink
	}
	chat, topicText, hasTopic := strings.Cut(s, ":")
	t := target{}
	if hasTopic {
		n, err := strconv.ParseInt(topicText, 10, 64)
		if err != nil || !allDigits(topicText) || n <= 0 || n > maxTopic {
			return target{}, errTopic
		}
		t.topic = int(n)
	}
	var err error
	t.chat, err = parseChat(chat)
	return t, err
}

func parseChat(s string) (string, error) {
	if name, ok := strings.CutPrefix(s, "@"); ok {
		name = strings.ToLower(name)
		switch {
		case !nameForm.MatchString(name):
			return "", errName
		case strings.HasSuffix(name, "bot"):
			return "", errBotName
		}
		return "@" + name, nil
	}
	if strings.HasPrefix(s, "+") {
		return "", errPhone
	}
	digits := strings.TrimPrefix(s, "-")
	if !allDigits(digits) {
		return "", errForm
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n == 0 || n >= maxChat || n <= -maxChat {
		return "", errRange
	}
	return strconv.FormatInt(n, 10), nil
}

// linkRest gives what follows the host of a link to Telegram.
func linkRest(s string) (string, bool) {
	lower := strings.ToLower(s)
	if strings.HasPrefix(lower, "tg://resolve?domain=") {
		name, _, _ := strings.Cut(s[len("tg://resolve?domain="):], "&")
		return name, true
	}
	for _, scheme := range [...]string{"https://", "http://", ""} {
		if !strings.HasPrefix(lower, scheme) {
			continue
		}
		host, rest, found := strings.Cut(s[len(scheme):], "/")
		switch strings.TrimPrefix(strings.ToLower(host), "www.") {
		case "t.me", "telegram.me", "telegram.dog":
			return rest, found
		}
	}
	return "", false
}

func linkName(rest string) (string, error) {
	if strings.HasPrefix(rest, "+") || strings.HasPrefix(strings.ToLower(rest), "joinchat/") {
		return "", errInvite
	}
	if u, err := url.Parse("/" + rest); err == nil {
		rest = strings.Trim(u.Path, "/")
	}
	name := strings.TrimPrefix(rest, "s/") // the public preview of a channel
	if !nameForm.MatchString(strings.ToLower(name)) {
		return "", errLink
	}
	return "@" + name, nil
}

// plainForm drops blanks and invisible characters, and writes digits, minus, colon and @ of any script in ASCII.
func plainForm(raw string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		switch r {
		case '\u2010', '\u2011', '\u2012', '\u2013', '\u2212', '\ufe63', '\uff0d':
			return '-'
		case '\uff1a', '\ufe55':
			return ':'
		case '\uff20', '\ufe6b':
			return '@'
		}
		switch {
		case unicode.IsDigit(r):
			return '0' + rune(content.Digit(r))
		case unicode.Is(unicode.Cf, r), unicode.IsControl(r) && !unicode.IsSpace(r):
			return -1
		}
		return r
	}, raw))
}

func allDigits(s string) bool {
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return s != ""
}
