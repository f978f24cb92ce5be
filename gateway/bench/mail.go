package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-msgauth/dkim"
	"github.com/google/uuid"
	gomail "github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/content"
	"github.com/carillon-gateway/carillon/channels/email"
)

// mailConns is how many connections either side keeps.
const mailConns = 16

// letter is the message of the mail rows.
var letter = content.Document{
	Locale: "en", Subject: "Report of the week", Reference: "K7Q2",
	Blocks: []content.Block{
		content.Text("The meeting is on Sunday at ten. Bring water."),
		{Kind: content.Bullets, Items: [][]content.Span{{{Text: "The well is dug."}}, {{Text: "Twelve families came."}}}},
		content.Text(strings.Repeat("A sentence of the report that says what was done. ", 10)),
	},
}

// serveFakeMail is the least that takes mail: it says yes to everything. It runs in a process of its own.
func serveFakeMail() error {
	listener, err := fakeListener()
	if err != nil {
		return err
	}
	for {
		conn, err := listener.Accept()
		if err != nil {
			return err
		}
		go takeMail(conn)
	}
}

func takeMail(conn net.Conn) {
	defer conn.Close()
	r := bufio.NewReader(conn)
	_, err := io.WriteString(conn, "220 fake ESMTP\r\n")
	for err == nil {
		var line []byte
		if line, err = r.ReadSlice('\n'); err != nil || len(line) < 4 {
			return
		}
		answer := "250 2.0.0 ok\r\n"
		switch verb := strings.ToUpper(string(line[:4])); verb {
		case "EHLO":
			answer = "250-fake\r\n250-8BITMIME\r\n250 ENHANCEDSTATUSCODES\r\n"
		case "QUIT":
			return
		case "DATA":
			if _, err = io.WriteString(conn, "354 go on\r\n"); err != nil {
				return
			}
			for string(line) != ".\r\n" {
				if line, err = r.ReadSlice('\n'); err != nil {
					return
				}
			}
		}
		_, err = io.WriteString(conn, answer)
	}
}

// bareMail sends n messages by the library, over connections that it keeps and does not ask for a sign of life.
func bareMail(port, n int, part channels.Part) (figures, error) {
	return spread(n, func(work <-chan int) error {
		c, err := gomail.NewClient("127.0.0.1", gomail.WithPort(port), gomail.WithTLSPolicy(gomail.NoTLS), gomail.WithoutNoop(), gomail.WithHELO("localhost"))
		if err != nil {
			return err
		}
		if err := c.DialWithContext(context.Background()); err != nil {
			return err
		}
		defer c.Close()
		for i := range work {
			m, err := bareMessage(i, part)
			if err != nil {
				return err
			}
			if err := c.Send(m); err != nil {
				return err
			}
		}
		return nil
	})
}

func bareMessage(i int, part channels.Part) (*gomail.Msg, error) {
	m := gomail.NewMsg()
	m.Subject(part.Subject)
	m.SetBodyString(gomail.TypeTextPlain, part.Text)
	m.AddAlternativeString(gomail.TypeTextHTML, part.HTML)
	return m, errors.Join(m.From("news@harbour.example"), m.To(mailbox(i)))
}

// bareSigned is bareMail with each message signed by go-msgauth, and handed over by the library's own SMTP.
func bareSigned(port, n int, part channels.Part, key ed25519.PrivateKey) (figures, error) {
	return spread(n, func(work <-chan int) error {
		c, err := smtp.Dial("127.0.0.1:" + strconv.Itoa(port))
		if err != nil {
			return err
		}
		defer c.Close()
		sign := &dkim.SignOptions{Domain: "harbour.example", Selector: "one", Signer: key, HeaderCanonicalization: dkim.CanonicalizationRelaxed, BodyCanonicalization: dkim.CanonicalizationRelaxed}
		for i := range work {
			m, err := bareMessage(i, part)
			if err != nil {
				return err
			}
			var plain bytes.Buffer
			if _, err := m.WriteTo(&plain); err != nil {
				return err
			}
			if err := errors.Join(c.Mail("<news@harbour.example>"), c.Rcpt("<"+mailbox(i)+">")); err != nil {
				return err
			}
			w, err := c.Data()
			if err != nil {
				return err
			}
			if err := errors.Join(dkim.Sign(w, &plain, sign), w.Close()); err != nil {
				return err
			}
		}
		return nil
	})
}

// ourMail sends n messages through the adapter, with everything on but what the options leave out.
func ourMail(a *email.Adapter, n int, part channels.Part) (figures, error) {
	return spread(n, func(work <-chan int) error {
		for i := range work {
			id := uuid.New()
			m := channels.Outbound{Attempt: id.String(), Key: id.String(), To: channels.Address(mailbox(i)), Part: part, Expires: time.Now().Add(time.Hour)}
			if _, err := a.Send(context.Background(), m); err != nil {
				return err
			}
		}
		return nil
	})
}

// spread has mailConns workers share n messages.
func spread(n int, worker func(<-chan int) error) (figures, error) {
	work := make(chan int, mailConns)
	errs := make(chan error, mailConns)
	var group sync.WaitGroup
	begin, cpu := time.Now(), cpuTime()
	for range mailConns {
		group.Go(func() {
			err := worker(work)
			for range work { // what nobody takes would hold the others up
			}
			errs <- err
		})
	}
	for i := range n {
		work <- i
	}
	close(work)
	group.Wait()
	f := figures{n: n, wall: time.Since(begin), cpu: cpuTime() - cpu}
	close(errs)
	var all error
	for err := range errs {
		all = errors.Join(all, err)
	}
	return f, all
}

func mailbox(i int) string { return fmt.Sprintf("member%07d@people.example", i) }

// mailAdapter makes a channel to the fake; dkim are its keys.
func mailAdapter(port int, dkim []map[string]string) (*email.Adapter, error) {
	raw, err := json.Marshal(map[string]any{
		"host": "127.0.0.1", "port": port, "tls": "none", "from": "news@harbour.example", "secret": "0123456789abcdef", "dkim": dkim,
		"connections": mailConns, "messages_per_connection": 1_000_000, "per_second": 10_000,
		"return_to": "mail@harbour.example", "imap_host": "127.0.0.1", "imap_username": "mail", "imap_password": "unused",
	})
	if err != nil {
		return nil, err
	}
	return email.New(channels.Settings{Name: "mail", Options: raw, HookURL: "https://gateway.example/hooks/mail", Operator: true})
}

func (r *run) mail() error {
	fake, err := startProcess("fake-mail")
	if err != nil {
		return err
	}
	defer fake.Close()
	at, err := url.Parse(fake.URL)
	if err != nil {
		return err
	}
	port, err := strconv.Atoi(at.Port())
	if err != nil {
		return err
	}
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	signed := []map[string]string{{"domain": "harbour.example", "selector": "one", "key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))}}
	rows := [...]struct {
		what              string
		dkim              []map[string]string
		bare              func(part channels.Part) (figures, error)
		a                 *email.Adapter
		rate, over, rival []float64
	}{
		{what: "mail, against bare go-mail", bare: func(part channels.Part) (figures, error) { return bareMail(port, r.n, part) }},
		{what: "the same, signed with Ed25519 on both sides", dkim: signed, bare: func(part channels.Part) (figures, error) { return bareSigned(port, r.n, part, key) }},
	}
	var part channels.Part
	for i := range rows {
		if rows[i].a, err = mailAdapter(port, rows[i].dkim); err != nil {
			return err
		}
		defer rows[i].a.Close()
		parts, err := rows[i].a.Compose(letter)
		if err != nil {
			return err
		}
		part = parts[0]
	}
	for range r.repeat {
		for i := range rows {
			bare, err := rows[i].bare(part)
			if err != nil {
				return err
			}
			ours, err := ourMail(rows[i].a, r.n, part)
			if err != nil {
				return err
			}
			fmt.Printf("%s: bare %v; ours %v; load %s\n", rows[i].what, bare, ours, load())
			rows[i].rate, rows[i].over, rows[i].rival = append(rows[i].rate, ours.rate()), append(rows[i].over, ours.rate()/bare.rate()), append(rows[i].rival, bare.rate())
		}
	}
	for _, row := range rows {
		ratio := median(row.over)
		r.line(row.what, "0.7 of its rate", fmt.Sprintf("%.2f (%.0f/s against %.0f/s)", ratio, median(row.rate), median(row.rival)), ratio >= 0.7)
	}
	return nil
}
