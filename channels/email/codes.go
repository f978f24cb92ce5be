package email

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/carillon-gateway/carillon/channels"
)

// stage is how far a transaction had come when the server answered.
type stage string

const (
	atConnect stage = "greeting"
	atHello   stage = "EHLO"
	atAuth    stage = "AUTH"
	atMail    stage = "MAIL"
	atRcpt    stage = "RCPT"
	atData    stage = "DATA"
	atDot     stage = "final dot"
)

// verdict is what an enhanced status code (RFC 3463) means to us.
type verdict struct {
	Code   string // class.subject.detail; x stands for any number, the first row that fits counts
	Class  channels.Class
	Scope  channels.Scope
	Wait   time.Duration // shortest wait before another try; zero: none of its own
	Detail string        // one sentence for people
}

const (
	onAddress, onContent, onSender, onChannel = channels.ScopeAddress, channels.ScopeContent, channels.ScopeSender, channels.ScopeChannel
	temporary, permanent, gone, auth          = channels.Temporary, channels.Permanent, channels.Gone, channels.Auth
)

// Waits before another try. A first retry is due half an hour later at the earliest (RFC 5321, section 4.5.4.1);
// greylisting usually lets through after five minutes (RFC 6647, section 5).
const (
	usualWait    = 30 * time.Minute
	greylistWait = 5 * time.Minute
	floodWait    = time.Minute
	longestWait  = 24 * time.Hour
)

const (
	noMailbox   = "the mailbox does not exist"
	noDomain    = "the domain of the address takes no mail"
	badAddress  = "the receiving server does not accept the address as it is written"
	full        = "the mailbox is full"
	tooBig      = "the message is bigger than the receiving server takes; shorten it"
	distrust    = "the receiving server refuses mail from this sender; look at SPF, DKIM, DMARC and the server's reputation"
	signInAgain = "the mail server wants a user and a password that it accepts; check username and password"
	unverified  = "the receiving server does not find the sender's address good; check from, return_to and their domains"
	noRoute     = "no way to the receiving server was found"
	inside      = "the receiving mail system has trouble of its own"
	syntax      = "the two mail servers do not understand each other"
	unreadable  = "the receiving server cannot carry this kind of message"
)

// verdicts lists every enhanced status code that has a meaning of its own. The registry of the codes is
// https://www.iana.org/assignments/smtp-enhanced-status-codes; what they mean for a message is ours.
var verdicts = [...]verdict{
	{"5.1.1", permanent, onAddress, 0, noMailbox},
	{"5.1.2", permanent, onAddress, 0, noDomain},
	{"5.1.3", permanent, onAddress, 0, badAddress},
	{"5.1.6", gone, onAddress, 0, "the person has moved, and left no new address"},
	{"5.1.7", permanent, onSender, 0, unverified},
	{"5.1.8", permanent, onSender, 0, unverified},
	{"5.1.9", permanent, onContent, 0, unreadable},
	{"5.1.10", permanent, onAddress, 0, noDomain},
	{"5.1.x", permanent, onAddress, 0, badAddress},
	{"4.1.7", temporary, onSender, usualWait, unverified},
	{"4.1.8", temporary, onSender, usualWait, unverified},
	{"4.1.x", temporary, onAddress, usualWait, "the address cannot be looked up just now"},
	{"5.2.1", temporary, onAddress, usualWait, "the mailbox is disabled for now"},
	{"5.2.2", temporary, onAddress, usualWait, full},
	{"4.2.2", temporary, onAddress, usualWait, full},
	{"5.2.3", permanent, onContent, 0, tooBig},
	{"4.2.3", permanent, onContent, 0, tooBig},
	{"5.2.x", permanent, onChannel, 0, "the mailbox takes no message just now, for a reason of its own"},
	{"4.2.x", temporary, onAddress, usualWait, "the mailbox takes no message just now"},
	{"5.3.4", permanent, onContent, 0, tooBig},
	{"4.3.4", permanent, onContent, 0, tooBig},
	{"5.3.x", permanent, onChannel, 0, inside},
	{"4.3.x", temporary, onChannel, usualWait, inside},
	{"5.4.x", permanent, onChannel, 0, noRoute},
	{"4.4.x", temporary, onChannel, usualWait, noRoute},
	{"4.5.3", channels.Throttled, onChannel, floodWait, "the mail server takes no more at once"},
	{"5.5.x", permanent, onChannel, 0, syntax},
	{"4.5.x", temporary, onChannel, usualWait, syntax},
	{"5.6.x", permanent, onContent, 0, unreadable},
	{"4.6.x", permanent, onContent, 0, unreadable},
	{"5.7.8", auth, onSender, 0, signInAgain},
	{"5.7.9", auth, onSender, 0, "the mail server wants another way of signing in than password; see its settings for app passwords"},
	{"5.7.11", auth, onSender, 0, "the mail server wants encryption before it lets anybody sign in; set tls to starttls or implicit"},
	{"4.7.12", auth, onSender, 0, "the password at the mail server must be renewed"},
	{"5.7.13", auth, onSender, 0, "the user at the mail server is disabled"},
	{"5.7.17", gone, onAddress, 0, "the mailbox belongs to somebody else now"},
	{"5.7.18", gone, onAddress, 0, "the domain belongs to somebody else now"},
	{"4.7.28", channels.Throttled, onSender, floodWait, "the receiving server finds it too many messages at once"},
	{"5.7.x", permanent, onSender, 0, distrust},
	{"4.7.x", temporary, onSender, usualWait, "the receiving server does not trust this sender yet, and asks to come again"},
	{"5.x.x", permanent, onChannel, 0, "the receiving server refuses the message and does not say why"},
	{"4.x.x", temporary, onChannel, usualWait, "the receiving server cannot take the message just now"},
}

// matches says whether a code is of a row.
func (v verdict) matches(code string) bool {
	have, want := strings.Split(code, "."), strings.Split(v.Code, ".")
	for i := range want {
		if len(have) != len(want) || want[i] != "x" && want[i] != have[i] {
			return false
		}
	}
	return true
}

// ofStatus finds the row of an enhanced status code; one that has another form means nothing.
func ofStatus(code string) verdict {
	for _, v := range verdicts {
		if v.matches(code) {
			return v
		}
	}
	return verdict{Code: code, Class: channels.Unknown, Scope: onChannel, Detail: "the mail server said something that has no meaning"}
}

// enhanced is an enhanced status code at the start of a reply's text (RFC 2034), or of a Status field (RFC 3464).
var enhanced = regexp.MustCompile(`^\s*([245]\.[0-9]{1,3}\.[0-9]{1,3})(?:[^0-9.]|$)`)

// judge says what a refusal means. The server's own words are not kept: they may repeat address and text.
func judge(at stage, code int, text string) *channels.Error {
	status := ""
	if m := enhanced.FindStringSubmatch(text); m != nil && m[1][0] == strconv.Itoa(code)[0] {
		status = m[1]
	}
	var v verdict
	switch {
	case code < 400 || code > 599: // a reply of success where none was due
		return failing(fmt.Errorf("reply %d after %s", code, at), "the mail server answered what nobody asked")
	case code/100 == 4 && greylisted(text):
		v = verdict{Class: temporary, Scope: onSender, Wait: greylistWait, Detail: "the receiving server asks everybody whom it does not know to come again (greylisting)"}
	case at == atAuth && code/100 == 4 && status != "4.7.28":
		v = verdict{Class: temporary, Scope: onChannel, Wait: floodWait, Detail: "the mail server cannot check passwords just now"}
	case code == 530, code == 534, code == 535, code == 538, at == atAuth && code/100 == 5:
		v = ofStatus("5.7.8")
		if own := ofStatus(status); own.Class == auth {
			v = own
		}
	case status != "":
		v = ofStatus(status)
	default:
		v = bare(at, code, text)
	}
	e := &channels.Error{Class: v.Class, Scope: v.Scope, RetryAfter: v.Wait, Detail: v.Detail, Code: strings.TrimSpace(strconv.Itoa(code) + " " + status)}
	switch {
	case code == 421 && e.Class == temporary && !greylisted(text): // it closes the connection, and another may be had at once
		e.Scope, e.RetryAfter = onChannel, 0
		if status != "" && strings.HasPrefix(status, "4.7.") {
			e.Scope, e.RetryAfter = onSender, usualWait
		}
	case at == atMail && e.Scope == onAddress: // the only address that was named is ours
		e.Scope, e.Detail = onSender, unverified
	}
	if code/100 == 4 {
		if asked, ok := askedWait(text); ok {
			e.RetryAfter = asked
		}
	}
	switch { // a server said so to us; a bounce never gets here, because anybody may forge one
	case e.Class != permanent || e.Scope != onSender:
	case at == atMail:
		e.Trouble = channels.TroubleUnregistered
	default:
		e.Trouble = channels.TroubleFiltered
	}
	return e
}

// bare judges a reply without an enhanced status code by its stage. A server that does not know the mailbox says 550 to
// RCPT, but so does one that dislikes the sender (RFC 5321, section 4.2.3), and the address must not be blamed for that.
func bare(at stage, code int, text string) verdict {
	switch {
	case code == 421:
		return verdict{Class: temporary, Scope: onChannel, Detail: "the mail server closes the connection, and asks to come again"}
	case code == 450 || code == 452:
		return ofStatus(map[int]string{450: "4.2.0", 452: "4.3.1"}[code])
	case code/100 == 4:
		return ofStatus("4.0.0")
	case code == 552 && at != atRcpt:
		return ofStatus("5.3.4")
	case code == 552:
		return ofStatus("5.2.2")
	case at == atConnect, at == atMail, at == atHello:
		return ofStatus("5.7.0")
	case at == atRcpt && policyWords.MatchString(text):
		return ofStatus("5.7.1")
	case at == atRcpt && (code == 550 || code == 551):
		return ofStatus("5.1.1")
	case at == atRcpt && code == 553:
		return ofStatus("5.1.3")
	case at == atRcpt && code == 521, code == 556:
		return ofStatus("5.1.10")
	case at == atDot && (code == 550 || code == 554):
		return verdict{Class: permanent, Scope: onContent, Detail: "the receiving server refuses this message after reading it"}
	}
	return ofStatus("5.0.0")
}

// policyWords are what servers say that dislike the sender. They only ever spare an address.
var policyWords = regexp.MustCompile(`(?i)spam|polic|block|black|denied|deny|reput|rbl|listed|spf|dkim|dmarc|relay|prohibit|banned|unauthori|authenti|reverse|ptr|helo`)

func greylisted(text string) bool {
	text = strings.ToLower(text)
	return strings.Contains(text, "greylist") || strings.Contains(text, "graylist") || strings.Contains(text, "grey-list") || strings.Contains(text, "grey list")
}

var waitWords = regexp.MustCompile(`(?i)\b(?:in|after|for|wait)\s+([0-9]{1,6})\s*(s|sec|secs|seconds?|m|min|mins|minutes?|h|hours?)\b`)

// askedWait finds a wait that a server writes in words, such as "try again in 300 seconds".
func askedWait(text string) (time.Duration, bool) {
	m := waitWords.FindStringSubmatch(text)
	if m == nil {
		return 0, false
	}
	n, err := strconv.Atoi(m[1])
	if err != nil {
		return 0, false
	}
	unit := map[byte]time.Duration{'s': time.Second, 'm': time.Minute, 'h': time.Hour}[strings.ToLower(m[2])[0]]
	return min(max(time.Duration(n)*unit, time.Second), longestWait), true
}
