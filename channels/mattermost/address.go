package mattermost

import (
	"errors"
	"regexp"
	"strings"
	"unicode"

	"github.com/carillon-gateway/carillon/channels"
)

var (
	errEmpty   = errors.New("type the account's @name, for example @anna, or its id of 26 letters and digits")
	errForm    = errors.New("this is no Mattermost account; type its @name, its id of 26 letters and digits, or channel: and a channel's id")
	errName    = errors.New("a Mattermost name has 1 to 64 letters without accents, digits, dots, dashes or underscores")
	errMass    = errors.New("this word calls everybody in a channel and is nobody's name; type the account's own @name")
	errChannel = errors.New("behind channel: stands the channel's id of 26 letters and digits; Mattermost shows it under View Info of the channel")
	errTilde   = errors.New("a channel is addressed by its id, because its name can change: type channel: and the id that Mattermost shows under View Info")
	errMail    = errors.New("a mail address is no Mattermost address; type the account's @name")
)

// Forms of ids and names (mattermost/server/public, model/utils.go, NewId and validUsernameChars).
var (
	idForm   = regexp.MustCompile(`^[a-z0-9]{26}$`)
	nameForm = regexp.MustCompile(`^[a-z0-9._-]{1,64}$`)
)

const channelPrefix = "channel:"

// target is where a post goes: exactly one field is set.
type target struct {
	user    string // an account's id
	name    string // an account's name, without @
	channel string // a channel's id
}

// ParseAddress reads an account's id (26 small letters and digits), an account's @name, or "channel:" and a channel's id.
// A name is looked up when it is first written to, and the contact point then moves to the account's id: names can be
// changed and given to others, ids cannot, and replies name the id.
func (a *Adapter) ParseAddress(raw string) (channels.Address, error) { return parseAddress(raw) }

func parseAddress(raw string) (channels.Address, error) {
	t, err := parseTarget(raw)
	switch {
	case err != nil:
		return "", err
	case t.channel != "":
		return channels.Address(channelPrefix + t.channel), nil
	case t.name != "":
		return channels.Address("@" + t.name), nil
	}
	return channels.Address(t.user), nil
}

func parseTarget(raw string) (target, error) {
	s := strings.ToLower(plainForm(raw))
	switch {
	case s == "":
		return target{}, errEmpty
	case strings.HasPrefix(s, "~"):
		return target{}, errTilde
	case strings.HasPrefix(s, channelPrefix):
		id := strings.TrimSpace(s[len(channelPrefix):])
		if !idForm.MatchString(id) {
			return target{}, errChannel
		}
		return target{channel: id}, nil
	case strings.HasPrefix(s, "@"):
		name := s[1:]
		switch {
		case name == "channel", name == "all", name == "here":
			return target{}, errMass
		case !nameForm.MatchString(name):
			return target{}, errName
		}
		return target{name: name}, nil
	case strings.Contains(s, "@"):
		return target{}, errMail
	case !idForm.MatchString(s):
		return target{}, errForm
	}
	return target{user: s}, nil
}

// plainForm drops blanks around and invisible characters within, and writes a wide @ or colon in ASCII.
func plainForm(raw string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		switch {
		case r == '\uff20', r == '\ufe6b':
			return '@'
		case r == '\uff1a', r == '\ufe55':
			return ':'
		case unicode.Is(unicode.Cf, r), unicode.IsControl(r) && !unicode.IsSpace(r):
			return -1
		}
		return r
	}, raw))
}
