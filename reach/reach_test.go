package reach

import (
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"
)

func TestPublic(t *testing.T) {
	for _, a := range []string{"1.1.1.1", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"} {
		if !Public(netip.MustParseAddr(a)) {
			t.Errorf("%s is refused", a)
		}
	}
	for _, a := range []string{"0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "127.0.0.1", "169.254.169.254", "172.16.0.1", "192.168.1.1", "192.0.0.8", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255",
		"::", "::1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "64:ff9b::a00:1", "64:ff9b::7f00:1", "64:ff9b:1::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "ff02::1", "2001::1", "2001:db8::1", "2002:a00:1::1", "::7f00:1", "fec0::1"} {
		if Public(netip.MustParseAddr(a)) {
			t.Errorf("%s is allowed", a)
		}
	}
}

// TestDialerRefusesByTheAddressThatANameLedTo: what counts is the address that is dialled.
func TestDialerRefusesByTheAddressThatANameLedTo(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err := Dialer(time.Second, nil).Dial("tcp", l.Addr().String()); !errors.Is(err, ErrPrivate) {
		t.Errorf("this machine: %v", err)
	}
	c, err := Dialer(time.Second, netip.Addr.IsLoopback).Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatalf("what is allowed: %v", err)
	}
	_ = c.Close()
}
