package email

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"net/mail"
	"net/netip"
	"net/url"
	"regexp"
	"strings"

	"github.com/carillon-gateway/carillon/channels"
)

// Options is the section of a channel with adapter "email".
type Options struct {
	Host           string          `json:"host" required:"true" doc:"the SMTP server that takes the mail, as its certificate names it"`
	Port           int             `json:"port,omitempty" doc:"its port; 0: 587, or 465 with tls: implicit"`
	TLS            string          `json:"tls,omitempty" doc:"starttls (the default: nothing is said before it), implicit, or none, which is refused unless the server is on this machine"`
	CA             string          `json:"ca,omitempty" doc:"certificates (PEM) to trust instead of the system's, for server and mailbox"`
	Username       string          `json:"username,omitempty" doc:"user at the SMTP server; empty: none is asked for"`
	Password       channels.Secret `json:"password,omitempty" doc:"password at the SMTP server"`
	From           string          `json:"from" required:"true" doc:"the sender's address; its domain must permit the server to send (SPF, DKIM, DMARC)"`
	FromName       string          `json:"from_name,omitempty" doc:"the sender's name. Everybody who sees a phone reads it, so members in neutral mode get mail without it"`
	Secret         channels.Secret `json:"secret" required:"true" doc:"at least 16 characters, made up by you; it protects return addresses and unsubscribe links"`
	PreviousSecret channels.Secret `json:"previous_secret,omitempty" doc:"while the secret is changed: the old one, still taken for what comes back"`
	ReturnTo       string          `json:"return_to,omitempty" doc:"address of the mailbox for bounces and answers; mail to return_to with + and a tag before the @ must reach it too"`
	ListID         string          `json:"list_id,omitempty" doc:"name of the list, as in reports.example.org; default: the channel's name at the sender's domain"`
	DKIM           []DKIMKey       `json:"dkim,omitempty" doc:"keys that sign every message, at most two; leave it out if the server signs"`
	IMAPHost       string          `json:"imap_host,omitempty" doc:"the IMAP server of the mailbox; needed with return_to"`
	IMAPPort       int             `json:"imap_port,omitempty" doc:"its port; 0: 993, or 143 with imap_tls: starttls"`
	IMAPTLS        string          `json:"imap_tls,omitempty" doc:"implicit (the default), starttls, or none, which is refused unless the server is on this machine"`
	IMAPUsername   string          `json:"imap_username,omitempty" doc:"user of the mailbox"`
	IMAPPassword   channels.Secret `json:"imap_password,omitempty" doc:"password of the mailbox"`
	IMAPFolder     string          `json:"imap_folder,omitempty" doc:"folder to read; default INBOX. Nothing in it is changed or deleted"`
	HelloName      string          `json:"hello_name,omitempty" doc:"name by which this machine greets the server; default localhost"`
	Connections    int             `json:"connections,omitempty" doc:"most connections to the server at once, 1 to 50; 0: 4"`
	PerConnection  int             `json:"messages_per_connection,omitempty" doc:"messages after which a connection is closed; 0: 100"`
	PerSecond      float64         `json:"per_second,omitempty" doc:"most messages a second; 0: 5"`
}

// DKIMKey is one key that signs.
type DKIMKey struct {
	Domain   string          `json:"domain" doc:"the signing domain, which DMARC wants to be that of from or above it"`
	Selector string          `json:"selector" doc:"the public key stands in DNS under SELECTOR._domainkey.DOMAIN"`
	Key      channels.Secret `json:"key" doc:"private key (PEM): RSA of at least 1024 bits, better 2048, or Ed25519"`
}

// signer is a DKIMKey that was read.
type signer struct {
	domain, selector string
	key              crypto.Signer
}

// The ways of securing a connection.
const (
	startTLS    = "starttls"
	implicitTLS = "implicit"
	noTLS       = "none"
)

var (
	labels   = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*$`)
	notLabel = regexp.MustCompile(`[^A-Za-z0-9-]+`)
)

// longestReturn is the longest local part of return_to: a kind, a tag and the plus sign go behind it, and all of it may
// have 64 bytes (RFC 5321, section 4.5.3.1.1).
const longestReturn = 64 - len("+") - tagLength

func readOptions(s channels.Settings) (o Options, signers []signer, roots *x509.CertPool, err error) {
	if err := channels.DecodeOptions(s, &o); err != nil {
		return o, nil, nil, err
	}
	fault, faults := channels.OptionFaults(s)
	bad := func(key, format string, args ...any) { fault(key, fmt.Sprintf(format, args...)) }
	fill(&o, s.Name)
	checkServer(bad, "", o.Host, o.Port, o.TLS)
	if (o.Username == "") != (o.Password == "") {
		bad("username", "stands without password, or password without it; give both or neither")
	}
	checkSender(bad, &o)
	for key, secret := range map[string]channels.Secret{"secret": o.Secret, "previous_secret": o.PreviousSecret} {
		if len(secret) < 16 && (secret != "" || key == "secret") {
			bad(key, "needs at least 16 characters; make one up, for example with: openssl rand -base64 24")
		}
	}
	checkMailbox(bad, &o)
	if o.CA != "" {
		if roots = x509.NewCertPool(); !roots.AppendCertsFromPEM([]byte(o.CA)) {
			bad("ca", "holds no certificate; give the text from -----BEGIN CERTIFICATE----- to the end")
		}
	}
	if len(o.DKIM) > 2 {
		bad("dkim", "has %d keys; two are the most, one RSA and one Ed25519", len(o.DKIM))
	}
	for i, k := range o.DKIM {
		one, why := readKey(k)
		if why != "" {
			bad(fmt.Sprintf("dkim[%d]", i), "%s", why)
		}
		signers = append(signers, one)
	}
	if o.Connections < 1 || o.Connections > 50 {
		bad("connections", "%d is not within 1 and 50", o.Connections)
	}
	if o.PerConnection < 1 {
		bad("messages_per_connection", "%d lets nothing through", o.PerConnection)
	}
	if !(o.PerSecond > 0 && o.PerSecond <= 10_000) {
		bad("per_second", "must be above 0 and at most 10000")
	}
	if !labels.MatchString(o.HelloName) {
		bad("hello_name", "is no host name")
	}
	return o, signers, roots, faults()
}

func fill(o *Options, channel string) {
	set := func(at *string, to string) {
		if *at == "" {
			*at = to
		}
	}
	number := func(at *int, to int) {
		if *at == 0 {
			*at = to
		}
	}
	set(&o.TLS, startTLS)
	set(&o.IMAPTLS, implicitTLS)
	set(&o.IMAPFolder, "INBOX")
	set(&o.HelloName, "localhost")
	set(&o.ListID, strings.Trim(notLabel.ReplaceAllString(channel, "-"), "-")+"."+domainOf(o.From))
	number(&o.Port, map[bool]int{true: 465, false: 587}[o.TLS == implicitTLS])
	number(&o.IMAPPort, map[bool]int{true: 143, false: 993}[o.IMAPTLS == startTLS])
	number(&o.Connections, 4)
	number(&o.PerConnection, 100)
	if o.PerSecond == 0 {
		o.PerSecond = 5
	}
}

type complain = func(key, format string, args ...any)

// checkServer checks one server; prefix is that of its keys.
func checkServer(bad complain, prefix, host string, port int, tls string) {
	if !labels.MatchString(host) {
		if _, err := netip.ParseAddr(host); err != nil {
			bad(prefix+"host", "is missing or no host name; write it as in mail.example.org")
		}
	}
	if port < 1 || port > 65535 {
		bad(prefix+"port", "%d is no port", port)
	}
	switch tls {
	case startTLS, implicitTLS:
	case noTLS:
		if !loopback(host) {
			bad(prefix+"tls", "none would send password and messages in the clear; it is for a server on this machine (127.0.0.1, ::1 or localhost) only; use starttls or implicit")
		}
	default:
		bad(prefix+"tls", "%q is none of starttls, implicit and none", tls)
	}
}

func checkSender(bad complain, o *Options) {
	if from, err := parseAddress(o.From); err != nil {
		bad("from", "is no address to send from: %v", err)
	} else {
		o.From = from.Reveal()
	}
	if badHeader(o.FromName) {
		bad("from_name", "holds a line break or another control character; write one line")
	}
	if o.ListID != "" && !labels.MatchString(o.ListID) && o.From != "" {
		bad("list_id", "is no name of a list; write letters, digits, hyphens and dots, as in reports.example.org")
	}
}

func checkMailbox(bad complain, o *Options) {
	switch {
	case o.ReturnTo == "" && o.IMAPHost == "":
		return
	case o.ReturnTo == "":
		bad("return_to", "is missing beside imap_host; it is the address of that mailbox")
		return
	case o.IMAPHost == "":
		bad("imap_host", "is missing beside return_to; bounces and answers that nobody reads would be lost")
	default:
		checkServer(bad, "imap_", o.IMAPHost, o.IMAPPort, o.IMAPTLS)
	}
	if back, err := parseAddress(o.ReturnTo); err != nil {
		bad("return_to", "is no address: %v", err)
	} else if o.ReturnTo = back.Reveal(); len(localOf(o.ReturnTo)) > longestReturn {
		bad("return_to", "has more than %d characters before the @; the tag behind them needs the rest of the 64", longestReturn)
	}
	if o.IMAPUsername == "" || o.IMAPPassword == "" {
		bad("imap_username", "or imap_password is missing; the mailbox needs both")
	}
}

func readKey(k DKIMKey) (signer, string) {
	s := signer{domain: strings.ToLower(k.Domain), selector: k.Selector}
	switch {
	case !labels.MatchString(k.Domain):
		return s, "domain is missing or no domain"
	case !labels.MatchString(k.Selector):
		return s, "selector is missing or no name in DNS"
	}
	block, _ := pem.Decode([]byte(k.Key.Reveal()))
	if block == nil {
		return s, "key is no private key in PEM; it begins with -----BEGIN PRIVATE KEY-----"
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		if parsed, err = x509.ParsePKCS1PrivateKey(block.Bytes); err != nil {
			return s, "key cannot be read; make one with: openssl genpkey -algorithm ed25519, or -algorithm rsa -pkeyopt rsa_keygen_bits:2048"
		}
	}
	switch key := parsed.(type) {
	case ed25519.PrivateKey:
		s.key = key
	case *rsa.PrivateKey:
		if key.N.BitLen() < 1024 { // RFC 8301, section 3.2
			return s, "key is an RSA key of less than 1024 bits, which nobody accepts; make one of 2048"
		}
		s.key = key
	default:
		return s, "key is neither RSA nor Ed25519, and DKIM knows no other"
	}
	return s, ""
}

// secure says whether a public URL may carry what unsubscribes: https, which RFC 8058, section 3.1, asks for, or a host
// that is this machine.
func secure(hook string) bool {
	u, err := url.Parse(hook)
	return err == nil && u.Hostname() != "" && (u.Scheme == "https" || u.Scheme == "http" && loopback(u.Hostname()))
}

func loopback(host string) bool {
	if ip := net.ParseIP(host); ip != nil {
		return ip.IsLoopback()
	}
	return strings.EqualFold(host, "localhost")
}

// senderName writes the sender for the From header, to a member in neutral mode without the name.
func (o Options) senderName(neutral bool) string {
	from := mail.Address{Address: o.From}
	if !neutral {
		from.Name = o.FromName
	}
	return from.String()
}

func domainOf(address string) string { return address[strings.LastIndexByte(address, '@')+1:] }

func localOf(address string) string { return address[:max(strings.LastIndexByte(address, '@'), 0)] }
