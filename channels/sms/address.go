package sms

import (
	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/phone"
)

// ParseAddress turns a phone number as people write it into E.164. Numbers without + are read as of the channel's region.
func (a *Adapter) ParseAddress(raw string) (channels.Address, error) {
	return ParseNumber(raw, a.options.Region)
}

// ParseNumber is ParseAddress for a default region: two letters, or empty for none. The error never repeats the number.
func ParseNumber(raw, region string) (channels.Address, error) { return phone.ParseNumber(raw, region) }
