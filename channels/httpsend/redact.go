package httpsend

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"syscall"

	"github.com/carillon-gateway/carillon/reach"
)

// failure is a cause that holds nothing of the request or the answer. net/http puts the URL, which may carry a token,
// and bytes of a bad answer, which may repeat an address or a text, into its errors; so only known kinds are told.
type failure struct {
	text string
	is   error // a context error, ErrTooLong, reach.ErrPrivate or nil
}

func (f *failure) Error() string { return f.text }

// Unwrap gives the context's error, ErrTooLong or reach.ErrPrivate if that is what ended the attempt.
func (f *failure) Unwrap() error { return f.is }

func redact(ctx context.Context, err error) error {
	is := ctx.Err()
	for _, known := range []error{ErrTooLong, reach.ErrPrivate} {
		if is == nil && errors.Is(err, known) {
			is = known
		}
	}
	return &failure{text: describe(ctx, err), is: is}
}

func describe(ctx context.Context, err error) string {
	var (
		dns     *net.DNSError
		op      *net.OpError
		verify  *tls.CertificateVerificationError
		unknown x509.UnknownAuthorityError
		record  tls.RecordHeaderError
		alert   tls.AlertError
		errno   syscall.Errno
	)
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return "the attempt was cancelled"
	case ctx.Err() != nil, errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return "the time for the attempt ran out"
	case errors.Is(err, reach.ErrPrivate):
		return private
	case errors.As(err, &dns):
		return "the provider's host name does not resolve"
	case errors.As(err, &verify), errors.As(err, &unknown):
		return "the provider's certificate is not valid"
	case errors.As(err, &record):
		return "the provider does not speak TLS on that port"
	case errors.As(err, &alert):
		return "the TLS handshake failed"
	case errors.As(err, &errno):
		verb := "talking to the provider"
		if errors.As(err, &op) {
			verb = op.Op
		}
		return verb + ": " + errno.Error()
	case errors.Is(err, ErrTooLong):
		return ErrTooLong.Error()
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed):
		return "the connection was closed"
	}
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return "the provider was too slow"
	}
	return "the exchange broke off or was no HTTP"
}
