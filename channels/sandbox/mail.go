package sandbox

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"net/textproto"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"
	"github.com/emersion/go-smtp"
)

// mailRoom is the mail half of a sandbox: its servers, its users and their mailboxes.
type mailRoom struct {
	mu       sync.Mutex
	senders  map[string]*owner              // by user of the SMTP server; "" for those who do not sign in
	secrets  map[string]string              // password of each user of the SMTP server
	boxes    map[string]*imapmemserver.User // by user of the IMAP server, who is named like the address of his mailbox
	held     map[string][][]byte            // mail for users that have not signed in yet, by user
	greylist map[string]time.Time           // when sender and recipient were first seen together
	closers  []io.Closer
	served   sync.WaitGroup
}

// MailUser may send by SMTP, and read by IMAP the mailbox whose address is his name.
type MailUser struct{ Name, Password string }

// letter is a mail message as it came.
type letter struct {
	id      string // Message-ID, without angle brackets
	subject string
	sender  string // as From shows it
	from    string // return path
	html    string
	header  mail.Header
}

// ServeMail serves SMTP (with STARTTLS) and IMAP (with STARTTLS) on two listeners until the sandbox closes, which closes
// them too. It returns the self-made certificate of both, in PEM, for localhost, 127.0.0.1 and ::1. Mail to an address
// with + and anything more before the @ reaches the mailbox of the address without it.
func (s *Sandbox) ServeMail(toSMTP, toIMAP net.Listener) (certificate string, err error) {
	pair, certificate, err := selfMade(s.now())
	if err != nil {
		return "", err
	}
	secure := &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	in := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) { return s.newMailSession(c) }))
	in.Domain, in.TLSConfig, in.AllowInsecureAuth = "sandbox.localhost", secure, true
	in.MaxMessageBytes, in.MaxRecipients, in.EnableDSN = 10<<20, 100, true
	in.ReadTimeout, in.WriteTimeout, in.ErrorLog = 5*time.Minute, time.Minute, noLog{}
	box := imapserver.New(&imapserver.Options{
		NewSession: func(c *imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
			return &boxSession{s: s, conn: c}, nil, nil
		},
		Caps: imapCaps, Logger: noLog{}, TLSConfig: secure, InsecureAuth: true,
	})
	s.mail.mu.Lock()
	s.mail.closers = append(s.mail.closers, in, box, toSMTP, toIMAP) // a server closes only those that it has begun to serve
	s.mail.mu.Unlock()
	s.mail.served.Go(func() { _ = in.Serve(&greeter{Listener: toSMTP, s: s}) }) // ends when the sandbox closes
	s.mail.served.Go(func() { _ = box.Serve(toIMAP) })
	return certificate, nil
}

func (m *mailRoom) open(users []MailUser) {
	m.senders, m.secrets = make(map[string]*owner), make(map[string]string)
	m.boxes, m.greylist = make(map[string]*imapmemserver.User), make(map[string]time.Time)
	m.held = make(map[string][][]byte)
	for _, u := range users {
		m.secrets[u.Name] = u.Password
		_, _ = m.box(u.Name, u.Password, false) // a new mailbox is always made
	}
}

func (m *mailRoom) close() {
	m.mu.Lock()
	closers := m.closers
	m.closers = nil
	m.mu.Unlock()
	for _, c := range closers {
		_ = c.Close() // what is under way is cut
	}
	m.served.Wait()
}

// noLog throws away what the servers say of clients that hang up.
type noLog struct{}

func (noLog) Printf(string, ...any) {}
func (noLog) Println(...any)        {}

// selfMade makes a certificate that signs itself.
func selfMade(now time.Time) (tls.Certificate, string, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, "", err
	}
	about := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Carillon sandbox"}, NotBefore: now.Add(-24 * time.Hour), NotAfter: now.AddDate(1, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, IsCA: true, BasicConstraintsValid: true,
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	der, err := x509.CreateCertificate(rand.Reader, about, about, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, "", err
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), nil
}

// readLetter reads a message as a mail program does: plain text to show, and HTML beside it.
func readLetter(raw []byte) (l letter, text string, err error) {
	m, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return letter{}, "", errors.New("the message has no headers that can be read")
	}
	d := mime.WordDecoder{}
	l = letter{id: strings.Trim(m.Header.Get("Message-Id"), "<> "), header: m.Header}
	if l.subject, err = d.DecodeHeader(m.Header.Get("Subject")); err != nil {
		l.subject = m.Header.Get("Subject")
	}
	if from, err := m.Header.AddressList("From"); err == nil {
		l.sender = from[0].Name
		if l.sender == "" {
			l.sender = from[0].Address
		}
	}
	text, l.html = parts(textproto.MIMEHeader(m.Header), m.Body, 0)
	return l, strings.TrimRight(strings.ReplaceAll(text, "\r\n", "\n"), "\n"), nil
}

// parts finds the first plain text and the first HTML.
func parts(header textproto.MIMEHeader, body io.Reader, depth int) (text, html string) {
	kind, params, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err != nil {
		kind = "text/plain"
	}
	if strings.HasPrefix(kind, "multipart/") && depth < 5 {
		for r := multipart.NewReader(body, params["boundary"]); ; {
			part, err := r.NextRawPart()
			if err != nil {
				return text, html
			}
			t, h := parts(part.Header, part, depth+1)
			if text == "" {
				text = t
			}
			if html == "" {
				html = h
			}
		}
	}
	switch strings.ToLower(header.Get("Content-Transfer-Encoding")) {
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, body)
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	}
	all, err := io.ReadAll(body)
	switch {
	case err != nil:
	case kind == "text/plain":
		text = string(all)
	case kind == "text/html":
		html = string(all)
	}
	return text, html
}

// untagged is the mailbox that an address reaches: what stands behind a plus sign is for its owner only.
func untagged(address string) string {
	local, domain, ok := strings.Cut(address, "@")
	if !ok {
		return address
	}
	local, _, _ = strings.Cut(local, "+")
	return strings.ToLower(local + "@" + domain)
}
