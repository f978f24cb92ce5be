package email

import (
	"bytes"
	"errors"
	"fmt"
	"net/mail"
	"net/url"
	"strings"

	"github.com/emersion/go-msgauth/dkim"
	gomail "github.com/wneessen/go-mail"

	"github.com/carillon-gateway/carillon/channels"
)

// signed are the headers that DKIM covers. Both of List-Unsubscribe's must be among them (RFC 8058, section 4); those
// that stand twice cannot be added to on the way.
var signed = [...]string{
	"From", "From", "To", "Subject", "Subject", "Date", "Message-ID", "Reply-To", "MIME-Version", "Content-Type",
	"Auto-Submitted", "List-Id", "List-Unsubscribe", "List-Unsubscribe-Post",
}

// envelope is a message ready to be handed over.
type envelope struct {
	id   string // Message-ID, without angle brackets
	from string // return path
	to   string
	tag  string // names attempt and part; empty without a return address of our own
	data []byte // with CRLF line ends
}

// write writes a part as a message, signed. The same part gives the same Message-ID whenever it is sent.
func (a *Adapter) write(m channels.Outbound) (envelope, error) {
	to := m.To.Reveal()
	e := envelope{id: a.keys[0].hide(messageID, m.Key, to) + "@" + a.domain, from: a.opts.From, to: to}
	msg := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	if m.Part.Subject != "" { // a subject is not required (RFC 5322, section 3.6)
		msg.Subject(m.Part.Subject)
	}
	msg.SetDateWithValue(a.now())
	msg.ToMailAddress(&mail.Address{Address: to})
	msg.FromMailAddress(&mail.Address{Name: a.opts.FromName, Address: a.opts.From})
	header := func(name gomail.Header, value string) { msg.SetGenHeaderPreformatted(name, value) }
	header("Message-ID", "<"+e.id+">")
	header("Auto-Submitted", "auto-generated") // RFC 3834, section 5
	header("X-Auto-Response-Suppress", "OOF, AutoReply")
	header("List-Id", "<"+a.opts.ListID+">") // RFC 2919
	if m.Urgent {
		header("Importance", "high") // RFC 4021, section 2.1.54
	}
	leave := make([]string, 0, 2)
	if a.hook != "" {
		leave = append(leave, "<"+a.hook+"?u="+url.QueryEscape(a.keys[0].hide(oneClick, m.Key, to))+">")
		header("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")
	}
	if a.opts.ReturnTo != "" {
		back, err := a.returns(m)
		if err != nil {
			return e, err
		}
		e.tag, e.from = back.tag, back.bounce
		msg.ReplyToMailAddress(&mail.Address{Address: back.reply})
		leave = append(leave, "<mailto:"+back.leave+"?subject=unsubscribe>")
	}
	if len(leave) > 0 {
		// In one line, however long: folded ones have broken signatures on their way.
		header("List-Unsubscribe", strings.Join(leave, ", "))
	}
	msg.SetBodyString(gomail.TypeTextPlain, m.Part.Text)
	if m.Part.HTML != "" {
		msg.AddAlternativeString(gomail.TypeTextHTML, m.Part.HTML)
	}
	var out bytes.Buffer
	if _, err := msg.WriteTo(&out); err != nil {
		return e, fmt.Errorf("writing the message: %w", err)
	}
	var err error
	e.data, err = a.sign(out.Bytes())
	return e, err
}

// returnAddresses are the tagged forms of return_to.
type returnAddresses struct{ tag, bounce, reply, leave string }

func (a *Adapter) returns(m channels.Outbound) (returnAddresses, error) {
	local, domain := localOf(a.opts.ReturnTo), domainOf(a.opts.ReturnTo)
	var out returnAddresses
	for kind, at := range map[byte]*string{bounceTag: &out.bounce, replyTag: &out.reply, leaveTag: &out.leave} {
		tag, err := a.keys[0].tag(tagged{kind, m.Attempt, m.PartNo}, m.To.Reveal())
		if err != nil {
			return out, err
		}
		if kind == bounceTag {
			out.tag = tag
		}
		*at = local + "+" + tag + "@" + domain
	}
	return out, nil
}

// sign puts one DKIM-Signature for each key before the message, each over the message alone.
func (a *Adapter) sign(message []byte) ([]byte, error) {
	if len(a.signers) == 0 {
		return message, nil
	}
	var signatures bytes.Buffer
	for _, s := range a.signers {
		by, err := dkim.NewSigner(&dkim.SignOptions{
			Domain: s.domain, Selector: s.selector, Signer: s.key, HeaderKeys: signed[:],
			HeaderCanonicalization: dkim.CanonicalizationRelaxed, BodyCanonicalization: dkim.CanonicalizationRelaxed,
		})
		if err != nil {
			return nil, fmt.Errorf("signing the message: %w", err)
		}
		_, err = by.Write(message)
		if err = errors.Join(err, by.Close()); err != nil {
			return nil, fmt.Errorf("signing the message: %w", err)
		}
		signatures.WriteString(by.Signature())
	}
	return append(signatures.Bytes(), message...), nil
}
