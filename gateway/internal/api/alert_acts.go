package api

import (
	"context"
	"net/http"

	"github.com/carillon-gateway/carillon/gateway"
)

func (c caller) alertHand() gateway.AlertHand {
	return gateway.AlertHand{Token: c.Token.ID, Label: c.Token.Label, Way: "api"}
}

// addAlertActs adds what is done to an alert that was raised, and what is read about it as a whole.
func (s *server) addAlertActs(draft gateway.AlertDraft, sample gateway.AlertView) {
	const path = "/api/v1/groups/{group}/alerts/{alert}/"
	digest := "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"
	why := gateway.AlertAct{Reason: "the water has gone down"}
	for _, act := range []struct {
		what, summary, about string
		role                 gateway.Role
		sample               gateway.AlertAct
	}{
		{"update", "Have an alert say something else", "What is queued of the old text is not sent any more; whoever was told hears the new one. Without `saying` it is the draft that was kept with the alert. One that waits for a second person waits anew, and whoever changed it does not release it. After a second person has let it go, another text than that draft needs the role approver.", gateway.Author, why},
		{"clear", "Give the all-clear", "What is queued of the alert is not sent any more. Whoever was told, or may have been, hears that it is over.", gateway.Author, why},
		{"cancel", "Withdraw an alert that was a mistake", "As the all-clear, in other words. Of one that waits for a second person nobody was told, so nobody is told of its end.", gateway.Author, why},
		{"remind", "Remind those who have not said how they are", "Whoever the alert told, or may have, and who has not said that she is safe or needs help, is asked again, where she can answer. While it goes on, and every five minutes at most.", gateway.Author, gateway.AlertAct{Reason: "the bridge is closed since"}},
		{"handover", "Offer an alert to another member", "She is asked, and is in charge once she answers; until then nothing changes.", gateway.Author, gateway.AlertAct{To: sampleID}},
		{"release", "Release an alert that waits for a second person", "It goes at once. Not by whoever wrote or changed it, with any token under her label. If it was changed since, or other channels would carry it, it is not released: read it again.", gateway.Approver, gateway.AlertAct{Digest: digest}},
		{"break-glass", "Have an alert about danger to life go without a second person", "At once, by anybody who may raise alerts. The reason stands in the timeline, and all owners and approvers are told.", gateway.Author, gateway.AlertAct{Reason: "The water rises and nobody answers."}},
	} {
		add(s, route{ID: act.what + "-alert", Method: http.MethodPost, Path: path + act.what, Tag: alertTag, Scope: ofGroup, Role: act.role,
			Summary: act.summary, About: act.about, Example: act.sample, Answer: sample},
			func(ctx context.Context, who caller, in *actOnAlert) (*body[gateway.AlertView], error) {
				in.Body.Second = who.Token.Role.Rank() >= gateway.Approver.Rank()
				a, err := s.Alerts.ActOnAlert(ctx, who.Group, in.Alert, act.what, in.Body, who.alertHand())
				return &body[gateway.AlertView]{a.View()}, err
			})
	}

	held := sample
	held.State = gateway.AlertHeld
	add(s, route{ID: "get-alert-release", Method: http.MethodGet, Path: path + "release", Tag: alertTag, Scope: ofGroup, Role: gateway.Viewer,
		Summary: "Read an alert that waits for a second person", About: "As she is asked about it: what it says, how many are told at once, over which channels, by which policy it climbs, and who wrote it. The digest is of text, audience, policy and channels.",
		Answer: gateway.AlertWaiting{Alert: held, Need: gateway.ReleaseNeed{Why: `its policy "night" wants a second person`, State: string(gateway.ReleaseWaiting), Digest: digest, Until: sampleTime, Approvers: 2}, Members: 120,
			Channels: []gateway.ReleaseWay{{Kind: "sms", ChannelID: sampleID, Channel: "sms-berlin"}}, Hands: []gateway.Hand{{Label: "harbour office", Token: sampleID}}}},
		func(ctx context.Context, who caller, in *InAlert) (*body[gateway.AlertWaiting], error) {
			w, err := s.Alerts.Waiting(ctx, who.Group, in.Alert)
			return &body[gateway.AlertWaiting]{w}, err
		})
	add(s, route{ID: "alert-rollcall", Method: http.MethodGet, Path: path + "rollcall", Tag: alertTag, Scope: ofGroup, Role: gateway.Author,
		Summary: "Call the roll of an alert", About: "How those are whom it told, or may have: who needs help first, then who has not answered. No addresses, no names. *I am safe* from an address that several share counts apart.",
		Answer: gateway.RollCall{Alert: sampleID, Reference: "4711", Told: 2, Help: 1, Silent: 1, Languages: []gateway.RollCount{{Of: "my", Told: 2, Help: 1, Silent: 1}}, Tags: []gateway.RollCount{{Of: "medic", Told: 1, Help: 1}},
			Members: []gateway.RollMember{{ID: sampleID, Tags: []string{"medic"}, Locale: "my", Answer: gateway.AnswerHelp, Way: "sms", At: sampleTime}, {ID: sampleID, Locale: "my"}}}},
		func(ctx context.Context, who caller, in *InAlert) (*body[gateway.RollCall], error) {
			r, err := s.Alerts.RollCall(ctx, who.Group.ID, in.Alert)
			return &body[gateway.RollCall]{r}, err
		})
	add(s, route{ID: "alert-report", Method: http.MethodGet, Path: path + "report", Tag: alertTag, Scope: ofGroup, Role: gateway.Viewer,
		Summary: "Draft the report of an incident", About: "In Markdown: the timeline in the group's time and UTC, reach by channel, open questions. It names nobody; what was typed is left out.",
		Answer: gateway.IncidentReport{Alert: sampleID, Reference: "4711", Markdown: "# Incident report (draft): alert 4711\n"}},
		func(ctx context.Context, who caller, in *InAlert) (*body[gateway.IncidentReport], error) {
			r, err := s.Alerts.Report(ctx, who.Group, in.Alert)
			return &body[gateway.IncidentReport]{r}, err
		})
}
