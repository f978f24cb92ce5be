package email

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"strconv"
	"time"
)

// connectTime bounds the way to a server, name look-up and handshake included.
const connectTime = 20 * time.Second

// server is where a connection goes, and how it is secured.
type server struct {
	address string
	secured string
	tls     *tls.Config
	dialer  *net.Dialer
}

func newServer(dialer *net.Dialer, host string, port int, secured string, roots *x509.CertPool) server {
	return server{
		address: net.JoinHostPort(host, strconv.Itoa(port)), secured: secured,
		tls:    &tls.Config{ServerName: host, RootCAs: roots, MinVersion: tls.VersionTLS12},
		dialer: dialer,
	}
}

// connect opens a connection and, with implicit TLS, makes the handshake.
func (s server) connect(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTime)
	defer cancel()
	conn, err := s.dialer.DialContext(ctx, "tcp", s.address)
	if err != nil || s.secured != implicitTLS {
		return conn, err
	}
	secure := tls.Client(conn, s.tls)
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return secure, nil
}

// guard makes a connection fail as soon as the context ends. The returned function lifts it, and says whether the
// connection is still good.
func guard(ctx context.Context, conn net.Conn) func() bool {
	lift := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	return func() bool {
		if !lift() {
			return false
		}
		return conn.SetDeadline(time.Time{}) == nil
	}
}
