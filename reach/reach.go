// Package reach tells the open internet from this machine and the networks around it, and dials accordingly: addresses that
// members of groups type in (a calendar, an adapter) must not lead to what only this machine reaches.
package reach

import (
	"errors"
	"net"
	"net/netip"
	"syscall"
	"time"
)

// ErrPrivate says that an address leads to this machine or into a private network.
var ErrPrivate = errors.New("it leads into a private network")

// Dialer gives a dialer that connects to the addresses that allowed permits; nil means Public. An address is checked when it is
// dialled, after its name was looked up, so that no name can lead elsewhere later. What it refuses is ErrPrivate.
func Dialer(timeout time.Duration, allowed func(netip.Addr) bool) *net.Dialer {
	if allowed == nil {
		allowed = Public
	}
	return &net.Dialer{Timeout: timeout, Control: func(_, address string, _ syscall.RawConn) error {
		to, err := netip.ParseAddrPort(address)
		if err != nil || !allowed(to.Addr()) {
			return ErrPrivate
		}
		return nil
	}}
}

// Public tells whether an address is one of the open internet (the special-purpose registries of RFC 6890): not this
// machine, a private or shared network, a group of receivers, or a wrapping of any of these.
func Public(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	if netip.MustParsePrefix("64:ff9b::/96").Contains(a) { // NAT64 wraps an address of the older kind
		b := a.As16()
		a = netip.AddrFrom4([4]byte(b[12:]))
	}
	if !a.IsGlobalUnicast() || a.IsPrivate() {
		return false
	}
	if a.Is6() && !netip.MustParsePrefix("2000::/3").Contains(a) {
		return false
	}
	for _, p := range []string{
		"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
		"2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
	} {
		if netip.MustParsePrefix(p).Contains(a) {
			return false
		}
	}
	return true
}
