package reach

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// TestRebinding: a name that leads outside when it is looked at and inside when it is dialled gets nowhere, nor does one that
// leads to both.
func TestRebinding(t *testing.T) {
	inside, outside := listenAt(t, "127.0.0.1:0"), listenAt(t, "127.0.0.2:0")
	_, port, _ := net.SplitHostPort(inside.Addr().String())
	var answers atomic.Value
	d := Dialer(0, func(a netip.Addr) bool { return a == netip.MustParseAddr("127.0.0.2") })
	d.Resolver = &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go answerNames(theirs, answers.Load().([][4]byte))
		return ours, nil
	}}
	const name = "adapter.example:"
	answers.Store([][4]byte{{127, 0, 0, 2}})
	_, outsidePort, _ := net.SplitHostPort(outside.Addr().String())
	conn, err := d.DialContext(t.Context(), "tcp", name+outsidePort)
	if err != nil {
		t.Fatalf("what leads outside is not reached, so this proves nothing: %v", err)
	}
	_ = conn.Close()
	for _, turned := range [][][4]byte{{{127, 0, 0, 1}}, {{127, 0, 0, 1}, {127, 0, 0, 3}}, {{127, 0, 0, 3}, {127, 0, 0, 1}}} {
		answers.Store(turned)
		if conn, err := d.DialContext(t.Context(), "tcp", name+port); !errors.Is(err, ErrPrivate) {
			t.Errorf("%v: %v, %v", turned, conn, err)
		}
	}
}

func listenAt(t *testing.T, at string) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", at)
	if err != nil {
		t.Skipf("this system has no %s: %v", at, err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// answerNames is a name server over one connection, with the framing of RFC 1035, section 4.2.2.
func answerNames(c net.Conn, to [][4]byte) {
	defer func() { _ = c.Close() }()
	for {
		var size [2]byte
		if _, err := io.ReadFull(c, size[:]); err != nil {
			return
		}
		raw := make([]byte, binary.BigEndian.Uint16(size[:]))
		var m dnsmessage.Message
		if _, err := io.ReadFull(c, raw); err != nil || m.Unpack(raw) != nil {
			return
		}
		m.Response, m.Authoritative, m.Additionals = true, true, nil
		for _, a := range to {
			if q := m.Questions[0]; q.Type == dnsmessage.TypeA {
				m.Answers = append(m.Answers, dnsmessage.Resource{Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class}, Body: &dnsmessage.AResource{A: a}})
			}
		}
		packed, err := m.Pack()
		if err != nil {
			return
		}
		if _, err := c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(packed))), packed...)); err != nil {
			return
		}
	}
}
