package gateway

import (
	"context"
	"encoding/base64"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// AlertAnswer is what somebody says to an alert. That she takes charge, and how she is, are kept apart: no answer is both.
type AlertAnswer string

// The answers, in the order of their digits: a text message says one by its digit and the alert's reference, as in 1 4711.
const (
	AnswerTake AlertAnswer = "take" // I take charge: 1
	AnswerSafe AlertAnswer = "safe" // I am safe: 2
	AnswerHelp AlertAnswer = "help" // I need help: 3
)

// AlertAnswers lists all of them; a ledger keeps their places.
var AlertAnswers = [...]AlertAnswer{AnswerTake, AnswerSafe, AnswerHelp}

// Digit is what stands for an answer in text messages; zero: it is none.
func (a AlertAnswer) Digit() int { return slices.Index(AlertAnswers[:], a) + 1 }

// Reports says whether an answer says how she is.
func (a AlertAnswer) Reports() bool { return a == AnswerSafe || a == AnswerHelp }

// AlertAction is what a button brings back that gives this answer to an alert.
func AlertAction(a AlertAnswer, alert ID) string {
	return string(a) + ":" + base64.RawURLEncoding.EncodeToString(alert[:])
}

// ParseAlertAction reads what a button brings back. It proves nothing of who pressed it, nor that she was shown it.
func ParseAlertAction(action string) (a AlertAnswer, alert ID, ok bool) {
	word, rest, _ := strings.Cut(action, ":")
	raw, err := base64.RawURLEncoding.Strict().DecodeString(rest)
	if a = AlertAnswer(word); a.Digit() == 0 || err != nil || len(raw) != len(alert) {
		return "", ID{}, false
	}
	return a, ID(raw), true
}

// AnswerWay is how somebody can answer where she reads a message.
type AnswerWay string

// The ways, the easiest first.
const (
	ByButton  AnswerWay = "button"  // under the text
	ByPage    AnswerWay = "page"    // a link beneath it
	ByReply   AnswerWay = "reply"   // she writes back
	ByContact AnswerWay = "contact" // not there: she is told another way, and nobody waits for her answer
)

// AskWords is what a message asks its readers besides what it says: how they can answer depends on where they read it.
type AskWords struct {
	Alert   ID            `json:"alert_id"`
	Number  string        `json:"number"` // what a text message names: the reference, or the code that she alone was sent
	Answers []AlertAnswer `json:"answers"`
	Contact string        `json:"contact,omitempty"` // the other way; empty: the group's own
	Nobody  bool          `json:"nobody,omitempty"`  // says first that nobody has taken charge: to the last resort
}

// AlertReport is what a member said of herself during an alert.
type AlertReport struct {
	GroupID  ID
	AlertID  ID
	MemberID ID
	Answer   AlertAnswer // AnswerSafe or AnswerHelp
	Way      string      // kind of contact point
	Shared   bool        // it came from an address that she shares: somebody there said it
	At       time.Time   // when she said it
}

// AlertReports keeps what members say of themselves during alerts.
type AlertReports interface {
	// PutAlertReport keeps what she said in the place of what she said before; false: she is known to have said something later, or
	// the same at that very time, or the group has no such member.
	PutAlertReport(ctx context.Context, r AlertReport) (bool, error)
	// AlertReports lists what was said during an alert, by the ids of members, behind one.
	AlertReports(ctx context.Context, group, alert, after ID, limit int) ([]AlertReport, error)
}

// KeepAlertReports is how long it is kept what a member said of herself.
const KeepAlertReports = 400 * 24 * time.Hour

// RollCall says how those are whom an alert told. It holds no address.
type RollCall struct {
	Alert     ID           `json:"alert_id"`
	Reference string       `json:"reference"`
	Told      int          `json:"told"` // members
	Safe      int          `json:"safe"`
	Help      int          `json:"help"`
	Shared    int          `json:"shared"`    // somebody at an address of theirs, which others have too, says that he is safe
	Silent    int          `json:"silent"`    // have not answered yet
	Languages []RollCount  `json:"languages"` // by language, in order of their tags
	Tags      []RollCount  `json:"tags"`      // by tag of the members: who has two counts in both
	Members   []RollMember `json:"members"`
}

// RollCount says how those of one language or tag are.
type RollCount struct {
	Of     string `json:"of"`
	Told   int    `json:"told"`
	Safe   int    `json:"safe"`
	Help   int    `json:"help"`
	Shared int    `json:"shared"`
	Silent int    `json:"silent"`
}

// RollReminder is how long after one reminder the next may follow.
const RollReminder = 5 * time.Minute

// RollMember is one who was told: those who need help first, then those who have not answered, those of shared addresses, and
// the others.
type RollMember struct {
	ID     ID          `json:"id"`
	Tags   []string    `json:"tags,omitempty"` // her roles among them
	Locale string      `json:"locale,omitempty"`
	Answer AlertAnswer `json:"answer,omitempty"`
	Shared bool        `json:"shared,omitempty"`
	Way    string      `json:"way,omitempty"` // kind of contact point
	At     time.Time   `json:"at,omitzero"`
}

// Words gives the shipped text that says what became of an answer, and its data.
func (r AckResult) Words() (wording string, data map[string]string) {
	data = map[string]string{"code": r.Reference}
	switch r.Outcome {
	case AckTaken:
		return "ack-thanks", data
	case AckCounted:
		data["count"] = strconv.Itoa(r.Needs)
		return "ack-counted", data
	case AckYours:
		return "ack-again", data
	case AckOthers:
		maps.Copy(data, r.Charge.Words())
		data["name"] = "none"
		return "ack-taken", data
	case AckOver:
		if r.State == AlertExpired { // nobody has said that it is over, so she is not told so
			return "ack-expired", data
		}
		return "ack-over", data
	case AckUnverified:
		return "ack-unverified", data
	}
	return "ack-unknown", data
}

// AlertOfKey tells by the key of a broadcast which alert it is about while that goes on (see AlertEffectKind.Says), and whether it
// asks somebody to take charge; false: about none.
func AlertOfKey(key string) (alert ID, asks, ok bool) {
	rest, is := strings.CutPrefix(key, AlertKeys)
	name, _, _ := strings.Cut(rest, ":")
	id, err := ParseID(name)
	if !is || err != nil || !strings.HasPrefix(key, AlertToldKey(id)) {
		return ID{}, false, false
	}
	return id, strings.HasPrefix(key, AlertAskedKey(id)), true
}
