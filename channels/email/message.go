package email

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/quotedprintable"
	"strings"
	"time"

	"github.com/emersion/go-msgauth/dkim"

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
	var out bytes.Buffer
	header := func(name, value string) { out.WriteString(name + ": " + value + "\r\n") }
	header("From", fold(a.opts.senderName(m.Neutral)))
	header("To", "<"+to+">")
	if m.Part.Subject != "" { // none is required (RFC 5322, section 3.6)
		header("Subject", fold(encoded(m.Part.Subject)))
	}
	header("Date", a.now().Format(time.RFC1123Z))
	header("Message-ID", "<"+e.id+">")
	var leave []string
	part := answered(m.Part, m.AnswerURL)
	if a.hook != "" {
		leave = append(leave, "<"+a.hook+"?u="+a.keys[0].hide(oneClick, m.Key, to)+">")
		if m.PageLink {
			part = footed(part, a.hook+"?p="+a.keys[0].hide(ownPage, m.Key, to))
		}
	}
	if a.opts.ReturnTo != "" {
		back, err := a.returns(m)
		if err != nil {
			return e, err
		}
		e.tag, e.from = back.tag, back.bounce
		header("Reply-To", "<"+back.reply+">")
		leave = append(leave, "<mailto:"+back.leave+"?subject=unsubscribe>")
	}
	list := a.opts.ListID
	if m.Neutral {
		list = "messages." + a.domain
	}
	header("List-Id", "<"+list+">") // RFC 2919
	if len(leave) > 0 {
		// In one line, however long: folded ones have broken signatures on their way.
		header("List-Unsubscribe", strings.Join(leave, ", "))
	}
	if a.hook != "" {
		header("List-Unsubscribe-Post", "List-Unsubscribe=One-Click") // RFC 8058
	}
	header("Auto-Submitted", "auto-generated") // RFC 3834, section 5
	header("X-Auto-Response-Suppress", "OOF, AutoReply")
	if m.Urgent {
		header("Importance", "high") // RFC 4021, section 2.1.54
	}
	header("MIME-Version", "1.0")
	writeParts(&out, part)
	var err error
	e.data, err = a.sign(out.Bytes())
	return e, err
}

// writeParts writes the text, and the event that it is about as a file beside it.
func writeParts(out *bytes.Buffer, p channels.Part) {
	if p.Calendar == "" {
		writeBody(out, p)
		return
	}
	boundary := boundaryOf(p.Calendar, p.Text, p.HTML)
	out.WriteString("Content-Type: multipart/mixed; boundary=\"" + boundary + "\"\r\n\r\n--" + boundary + "\r\n")
	writeBody(out, p)
	out.WriteString("\r\n--" + boundary + "\r\nContent-Disposition: attachment; filename=\"event.ics\"\r\n")
	writeText(out, "calendar; method=PUBLISH", p.Calendar)
	out.WriteString("\r\n--" + boundary + "--\r\n")
}

// boundaryOf makes a boundary for texts. No encoded line begins like that: "=_" is no quoted-printable, and "=" no beginning of
// base64.
func boundaryOf(texts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(texts, "")))
	return "=_" + hex.EncodeToString(sum[:16])
}

// writeBody writes the text, and the HTML as its alternative, the richer one last (RFC 2046, section 5.1.4).
func writeBody(out *bytes.Buffer, p channels.Part) {
	if p.HTML == "" {
		writeText(out, "plain", p.Text)
		return
	}
	boundary := boundaryOf(p.Text, p.HTML)
	out.WriteString("Content-Type: multipart/alternative; boundary=\"" + boundary + "\"\r\n\r\n")
	for _, one := range [...]struct{ kind, text string }{{"plain", p.Text}, {"html", p.HTML}} {
		out.WriteString("--" + boundary + "\r\n")
		writeText(out, one.kind, one.text)
		out.WriteString("\r\n")
	}
	out.WriteString("--" + boundary + "--\r\n")
}

// writeText writes a part in whichever encoding is the shorter one. Both end within any limit on lines.
func writeText(out *bytes.Buffer, kind, text string) {
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\n", "\r\n")
	foreign := 0
	for _, c := range []byte(text) {
		if c >= 0x80 || c == '=' {
			foreign++
		}
	}
	out.WriteString("Content-Type: text/" + kind + "; charset=utf-8\r\nContent-Transfer-Encoding: ")
	if 6*foreign > len(text) { // quoted-printable makes three bytes of one, base64 four of three
		out.WriteString("base64\r\n\r\n")
		all := base64.StdEncoding.EncodeToString([]byte(text))
		for len(all) > 76 {
			out.WriteString(all[:76] + "\r\n")
			all = all[76:]
		}
		out.WriteString(all)
		return
	}
	out.WriteString("quoted-printable\r\n\r\n")
	w := quotedprintable.NewWriter(out)
	_, _ = io.WriteString(w, text) // a buffer takes everything
	_ = w.Close()
}

// encoded writes a subject so that it is read as it stands, also where it looks like something encoded (RFC 2047): that
// would be decoded, and show what nobody saw when it was written.
func encoded(subject string) string {
	out := mime.BEncoding.Encode("utf-8", subject)
	if out != subject || !strings.Contains(subject, "=?") {
		return out
	}
	var words []string
	for rest := subject; rest != ""; { // it is ASCII
		n := min(45, len(rest)) // 75 characters are the most of a word
		words = append(words, "=?utf-8?b?"+base64.StdEncoding.EncodeToString([]byte(rest[:n]))+"?=")
		rest = rest[n:]
	}
	return strings.Join(words, " ")
}

// fold breaks a header's value between words so that its lines have at most 76 bytes, where words let it.
func fold(value string) string {
	var b strings.Builder
	line := len("Subject: ")
	for i, word := range strings.Split(value, " ") {
		if i > 0 {
			if line+1+len(word) > 76 && word != "" {
				b.WriteString("\r\n")
				line = 0
			}
			b.WriteByte(' ')
			line++
		}
		b.WriteString(word)
		line += len(word)
	}
	return b.String()
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
