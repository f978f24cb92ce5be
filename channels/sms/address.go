package sms

import (
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/nyaruka/phonenumbers"

	"github.com/carillon-gateway/carillon/channels"
)

// ParseAddress turns a phone number as people write it into E.164. Numbers without + are read as of the default
// region; without one they are refused. Digits of all scripts are understood.
func (a *Adapter) ParseAddress(raw string) (channels.Address, error) {
	return ParseNumber(raw, a.options.Region)
}

// ParseNumber is ParseAddress for a default region: two letters, or empty for none. The error never repeats the number.
func ParseNumber(raw, region string) (channels.Address, error) {
	text := strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Cf, r) || unicode.IsControl(r) {
			return -1 // direction marks and the like come along when numbers are copied
		}
		return r
	}, raw)
	text = strings.TrimSpace(text)
	if len(text) > 4 && strings.EqualFold(text[:4], "tel:") {
		text = text[4:]
	}
	switch {
	case text == "":
		return "", errors.New("the phone number is empty")
	case strings.IndexFunc(text, unicode.IsLetter) >= 0:
		return "", errors.New("this is no phone number: it holds letters; write digits only, without an extension")
	}
	n, err := parse(text, region)
	if err != nil {
		return "", err
	}
	canonical := phonenumbers.Format(n, phonenumbers.E164)
	// Some plans were changed in a way that reading twice gives another number than reading once; take the last one.
	if again, err := phonenumbers.Parse(canonical, ""); err == nil {
		canonical = phonenumbers.Format(again, phonenumbers.E164)
	}
	return channels.Address(canonical), nil
}

func parse(text, region string) (*phonenumbers.PhoneNumber, error) {
	n, err := phonenumbers.Parse(text, region)
	switch {
	case errors.Is(err, phonenumbers.ErrInvalidCountryCode) && !strings.HasPrefix(text, "+") && region == "":
		return nil, errors.New("write the phone number in international form: +, country code, number; such as +49 and then the number without its first 0")
	case errors.Is(err, phonenumbers.ErrInvalidCountryCode):
		return nil, errors.New("the phone number starts with a country code that does not exist; check the digits after +")
	case errors.Is(err, phonenumbers.ErrNumTooLong):
		return nil, errors.New("the phone number has too many digits; check it")
	case errors.Is(err, phonenumbers.ErrTooShortNSN), errors.Is(err, phonenumbers.ErrTooShortAfterIDD):
		return nil, errors.New("the phone number has too few digits; check it")
	case err != nil:
		return nil, errors.New("this is no phone number; write it like +49 and then digits")
	case n.GetExtension() != "":
		return nil, errors.New("text messages cannot reach an extension; give a number of its own")
	}
	where := fmt.Sprintf("country code +%d", n.GetCountryCode())
	switch phonenumbers.IsPossibleNumberWithReason(n) {
	case phonenumbers.TOO_SHORT:
		return nil, fmt.Errorf("the phone number has too few digits for %s; short codes cannot be used either", where)
	case phonenumbers.TOO_LONG:
		return nil, fmt.Errorf("the phone number has too many digits for %s; check it", where)
	case phonenumbers.IS_POSSIBLE_LOCAL_ONLY:
		return nil, fmt.Errorf("the phone number works within one town only; write it with its area code, behind %s", where)
	case phonenumbers.INVALID_LENGTH:
		return nil, fmt.Errorf("no phone number with %s has that many digits; check it", where)
	case phonenumbers.INVALID_COUNTRY_CODE:
		return nil, errors.New("the phone number starts with a country code that does not exist; check the digits after +")
	}
	switch phonenumbers.GetNumberType(n) {
	case phonenumbers.PREMIUM_RATE, phonenumbers.SHARED_COST:
		return nil, errors.New("this is a premium number; give the number of a mobile phone")
	case phonenumbers.VOICEMAIL, phonenumbers.PAGER:
		return nil, errors.New("this is the number of a voicemail or pager; give the number of a mobile phone")
	}
	return n, nil
}
