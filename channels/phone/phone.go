// Package phone reads telephone numbers as people write them, for every adapter that sends to them.
package phone

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"github.com/nyaruka/phonenumbers"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/content"
)

const maxRaw = 250 // bytes; no number with all its blanks and brackets is as long

// shortened is a number as spreadsheets write it when the cell is no text: 4.91511E+11.
var shortened = regexp.MustCompile(`^[0-9]+([.,][0-9]+)?[eE]\+?[0-9]+$`)

// ParseNumber turns a phone number as people write it into E.164. Numbers without + are read as of the default region, two
// letters, or empty for none: then they are refused, as are those that may have lost the + before their country code. Digits of all scripts are understood. The error never repeats the number.
func ParseNumber(raw, region string) (channels.Address, error) {
	if len(raw) > maxRaw {
		return "", errors.New("the phone number has too many digits; check it")
	}
	if region = strings.ToUpper(strings.TrimSpace(region)); region != "" && !phonenumbers.GetSupportedRegions()[region] {
		return "", errors.New("the region is no country; write its two letters, such as DE")
	}
	text := strings.Map(func(r rune) rune {
		switch {
		case unicode.Is(unicode.Cf, r), unicode.IsControl(r):
			return -1 // direction marks and the like come along when numbers are copied
		case unicode.IsDigit(r):
			return '0' + rune(content.Digit(r))
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
	case shortened.MatchString(text):
		return "", errors.New("a spreadsheet has shortened the phone number, and its last digits are lost; make the column text there and fill the number in again")
	case strings.IndexFunc(text, unicode.IsLetter) >= 0:
		return "", errors.New("this is no phone number: it holds letters; write digits only, without an extension")
	}
	// Some plans read a number differently once it stands in international form: go on until it stays as it is.
	for range 5 {
		n, err := parse(text, region)
		if err != nil {
			return "", err
		}
		canonical := phonenumbers.Format(n, phonenumbers.E164)
		if canonical == text {
			if err := refusedType(n); err != nil {
				return "", err
			}
			return channels.Address(canonical), nil
		}
		text, region = canonical, ""
	}
	return "", errors.New("the phone number can be read in several ways; write it like +49 and then digits")
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
		return nil, fmt.Errorf("the phone number has too few digits to work outside its area: it lacks its area code behind %s, or is a short code", where)
	case phonenumbers.INVALID_LENGTH:
		return nil, fmt.Errorf("no phone number with %s has that many digits; check it", where)
	case phonenumbers.INVALID_COUNTRY_CODE:
		return nil, errors.New("the phone number starts with a country code that does not exist; check the digits after +")
	}
	if lostPlus(text, n) {
		return nil, fmt.Errorf("the phone number begins with %d and may have lost its +, as in a spreadsheet; write + before it if that is the country code, and +%d before it if not",
			n.GetCountryCode(), n.GetCountryCode())
	}
	return n, nil
}

// lostPlus says whether a number that was read as one of its region makes as much sense with a + before it. Spreadsheets
// drop the + of a number, and to guess would be to write to a stranger.
func lostPlus(text string, n *phonenumbers.PhoneNumber) bool {
	digits := phonenumbers.NormalizeDigitsOnly(text)
	if strings.HasPrefix(text, "+") || phonenumbers.GetNationalSignificantNumber(n) != digits || !strings.HasPrefix(digits, strconv.Itoa(int(n.GetCountryCode()))) {
		return false
	}
	other, err := phonenumbers.Parse("+"+digits, "")
	return err == nil && phonenumbers.IsValidNumber(other)
}

// refusedType says why a number of its type gets no text messages; nil if it may.
func refusedType(n *phonenumbers.PhoneNumber) error {
	switch phonenumbers.GetNumberType(n) {
	case phonenumbers.PREMIUM_RATE, phonenumbers.SHARED_COST:
		return errors.New("this is a premium number; give the number of a mobile phone")
	case phonenumbers.VOICEMAIL, phonenumbers.PAGER:
		return errors.New("this is the number of a voicemail or pager; give the number of a mobile phone")
	}
	return nil
}
