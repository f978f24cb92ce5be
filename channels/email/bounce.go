package email

import (
	"bufio"
	"net/textproto"
	"strings"

	"github.com/carillon-gateway/carillon/channels"
)

// bounced makes the receipt of a delivery status notification (RFC 3464) that came to the return path of a part. Its
// answer is worth what its tag is: who knows the tag had the message. A notice of a delay says nothing yet, and a
// bounce without a machine's part cannot be told from an auto-reply, which comes here too.
func bounced(l letter, t tagged) []channels.Event {
	if l.kind != "multipart/report" || l.report != "delivery-status" && l.report != "" {
		return nil
	}
	status, ok := l.first("message/delivery-status")
	if !ok {
		if status, ok = l.first("message/global-delivery-status"); !ok { // RFC 6533
			return nil
		}
	}
	for _, r := range recipients(status.body) {
		receipt := &channels.Receipt{Attempt: t.attempt, PartNo: t.part}
		switch r.action {
		case "failed":
			receipt.Status, receipt.Err = channels.StatusFailed, r.err()
		case "delivered":
			receipt.Status = channels.StatusDelivered
		default: // delayed; relayed and expanded lead out of what is reported
			continue
		}
		return []channels.Event{{Receipt: receipt}}
	}
	return nil
}

// recipient is what a notification says of one recipient.
type recipient struct {
	action     string // failed, delayed, delivered, relayed or expanded
	status     string // enhanced status code
	diagnostic string // the remote server's words
}

// recipients reads the groups of fields behind the first, which is about the message.
func recipients(body string) []recipient {
	var out []recipient
	r := textproto.NewReader(bufio.NewReader(strings.NewReader(body)))
	for len(out) < 8 {
		fields, err := r.ReadMIMEHeader()
		if action := fields.Get("Action"); action != "" {
			word, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(action)), " ")
			out = append(out, recipient{word, fields.Get("Status"), fields.Get("Diagnostic-Code")})
		}
		if err != nil {
			break
		}
	}
	return out
}

// err judges by the status; where that says nothing, by the code in the remote server's words. The words themselves are
// not kept: they repeat the address.
func (r recipient) err() *channels.Error {
	status := ""
	if m := enhanced.FindStringSubmatch(r.status); m != nil && m[1][0] != '2' {
		status = m[1]
	}
	if status == "" || strings.HasSuffix(status, ".0.0") {
		if _, words, ok := strings.Cut(r.diagnostic, ";"); ok {
			words = strings.TrimSpace(words)
			if len(words) > 4 && strings.Trim(words[:3], "0123456789") == "" {
				words = words[4:]
			}
			if m := enhanced.FindStringSubmatch(words); m != nil && m[1][0] != '2' {
				status = m[1]
			}
		}
	}
	if status == "" {
		status = "5.0.0"
	}
	v := ofStatus(status)
	if v.Class == channels.Auth { // between others: our own server says so when we sign in, and who knows the tag could stop the channel
		v.Class, v.Detail = channels.Permanent, distrust
	}
	return &channels.Error{Class: v.Class, Scope: v.Scope, RetryAfter: v.Wait, Code: status, Detail: v.Detail}
}
