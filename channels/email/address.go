package email

import (
	"errors"
	"strings"
	"unicode"

	"golang.org/x/net/idna"

	"github.com/carillon-gateway/carillon/channels"
)

// Limits of RFC 5321, section 4.5.3.1; a path of 256 bytes has two angle brackets.
const (
	longestLocal   = 64
	longestAddress = 254
)

var (
	errEmpty   = errors.New("type an address, for example name@example.org")
	errForm    = errors.New("this is no mail address; it has a name, one @ and a domain, as in name@example.org")
	errSeveral = errors.New("these are several addresses; type one")
	errLong    = errors.New("the address is too long; 64 characters before the @ and 254 in all are the most")
	errQuoted  = errors.New("addresses in quotation marks cannot be used; ask for one with letters, digits and . _ - + only")
	errLocal   = errors.New("before the @ only letters, digits, single dots between them and . ! # $ % & ' * + - / = ? ^ _ ` { | } ~ may stand; check it character by character")
	errForeign = errors.New("before the @ stand letters beyond a to z; many mail servers cannot deliver that, so ask for a plain address")
	errDomain  = errors.New("behind the @ must be a domain such as example.org; check it letter by letter")
	errNumber  = errors.New("behind the @ must be a domain such as example.org, not the number of a machine")
)

// domains writes a domain as DNS has it. Mapping folds case and width (UTS #46).
var domains = idna.New(idna.MapForLookup(), idna.Transitional(false), idna.BidiRule(), idna.CheckHyphens(true), idna.CheckJoiners(true), idna.StrictDomainName(true), idna.VerifyDNSLength(true))

// ParseAddress reads one address, with or without a name and angle brackets around it, or as a mailto link. The domain
// becomes lower case and what DNS knows (xn--…); what stands before the @ stays as it is, because only the receiving
// server may say that its case means nothing (RFC 5321, section 2.4).
func (a *Adapter) ParseAddress(raw string) (channels.Address, error) { return parseAddress(raw) }

func parseAddress(raw string) (channels.Address, error) {
	if len(raw) > 4*longestAddress {
		return "", errLong
	}
	s := strings.TrimSpace(strings.Map(func(r rune) rune {
		switch {
		case r == '\uff20', r == '\ufe6b':
			return '@'
		case unicode.Is(unicode.Cf, r), unicode.IsControl(r) && !unicode.IsSpace(r):
			return -1 // direction marks and the like come along when addresses are copied
		}
		return r
	}, raw))
	if before, inner, ok := strings.Cut(s, "<"); ok && strings.HasSuffix(inner, ">") && !strings.Contains(before, "@") {
		s = strings.TrimSpace(strings.TrimSuffix(inner, ">"))
	}
	if len(s) > 7 && strings.EqualFold(s[:7], "mailto:") {
		s, _, _ = strings.Cut(s[7:], "?")
	}
	at := strings.LastIndexByte(s, '@')
	switch {
	case s == "":
		return "", errEmpty
	case strings.HasPrefix(s, `"`):
		return "", errQuoted
	case strings.ContainsAny(s, ",;") || strings.Count(s, "@") > 1:
		return "", errSeveral
	case at <= 0 || at == len(s)-1 || strings.ContainsFunc(s, unicode.IsSpace):
		return "", errForm
	}
	local := s[:at]
	if err := checkLocal(local); err != nil {
		return "", err
	}
	domain, err := parseDomain(s[at+1:])
	if err != nil {
		return "", err
	}
	if len(local)+1+len(domain) > longestAddress {
		return "", errLong
	}
	return channels.Address(local + "@" + domain), nil
}

// checkLocal wants a dot-atom (RFC 5322, section 3.2.3).
func checkLocal(local string) error {
	switch {
	case len(local) > longestLocal:
		return errLong
	case strings.HasPrefix(local, "."), strings.HasSuffix(local, "."), strings.Contains(local, ".."):
		return errLocal
	}
	for _, r := range local {
		switch {
		case r > unicode.MaxASCII:
			return errForeign
		case r == '"', r == '\\':
			return errQuoted
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune(".!#$%&'*+-/=?^_`{|}~", r):
		default:
			return errLocal
		}
	}
	return nil
}

func parseDomain(raw string) (string, error) {
	if strings.HasPrefix(raw, "[") {
		return "", errNumber
	}
	domain, err := domains.ToASCII(strings.TrimSuffix(raw, "."))
	if err != nil {
		return "", errDomain
	}
	last := domain[strings.LastIndexByte(domain, '.')+1:]
	switch {
	case strings.Trim(last, "0123456789") == "":
		return "", errNumber
	case last == domain, len(last) < 2:
		return "", errDomain
	}
	return domain, nil
}
