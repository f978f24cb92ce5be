package gateway

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// AlertHold keeps an alert until a second person releases it. It stays with one that nobody released in time, for nobody was
// told of that one either.
type AlertHold struct {
	Why   string        `json:"why"`   // she is needed, in words
	Hands []Hand        `json:"hands"` // who wrote it: its author, then who changed it
	For   time.Duration `json:"for"`   // how long it waits
}

// WrittenBy reports whether a person had a hand in it.
func (h *AlertHold) WrittenBy(who Hand) bool { return slices.ContainsFunc(h.Hands, who.SamePerson) }

// Digest names what a second person releases: text, audience and policy of an alert and the channels that would carry it. It has
// 64 hexadecimal digits.
func (a *AlertCase) Digest(channels []ReleaseWay) (string, error) {
	said, err := json.Marshal([]any{a.ID, a.Exercise, a.DangerToLife, a.Saying, a.Audience, a.Policy, channels})
	if err != nil {
		return "", fmt.Errorf("write what an alert says: %w", err)
	}
	sum := sha256.Sum256(said)
	return hex.EncodeToString(sum[:]), nil
}

// AlertWaiting is an alert that waits for a second person, as she is asked about it.
type AlertWaiting struct {
	Alert    AlertView    `json:"alert"`
	Need     ReleaseNeed  `json:"release"`
	Members  int          `json:"members"`  // who are told at once; the policy asks others
	Channels []ReleaseWay `json:"channels"` // that would carry it
	Hands    []Hand       `json:"hands"`
}

// The shipped texts about alerts that need a second person. {reference} is the alert's.
const (
	NoticeAlertWaits      = "alert-waits"
	NoticeAlertGlass      = "alert-glass"
	NoticeAlertUnreleased = "alert-unreleased"
)

// Notice is what owners and approvers are told of an alert as it stands.
func (a *AlertCase) Notice(wording string) OwnerNotice {
	return OwnerNotice{Once: wording + "/" + a.ID.String() + "/" + strconv.Itoa(a.Climb.Notes), GroupID: a.GroupID, Wording: wording, Data: map[string]string{"reference": a.Reference}}
}

// AlertCasts reads which broadcasts an alert has sent.
type AlertCasts interface {
	// AlertBroadcasts lists them all, in order of their ids: stopped ones and those of each person's own code among them.
	AlertBroadcasts(ctx context.Context, group, alert ID) ([]ID, error)
}

// IncidentReport is the draft of a report of an incident. It names nobody.
type IncidentReport struct {
	Alert     ID     `json:"alert_id"`
	Reference string `json:"reference"`
	Markdown  string `json:"markdown"`
}
