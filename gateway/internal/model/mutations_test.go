package model

import "github.com/carillon-gateway/carillon/gateway"

// mutation is one rule left out.
type mutation uint8

// The rules that can be left out. The first five are what the design stands on.
const (
	none mutation = iota
	claimUnchecked
	settleUnfenced
	receiptUnranked
	noGeneration
	cursorFirst
	cursorUnchecked
	lateOverrides
	foreignReceipts
	stopAtPop
	leaseOfSender
	lookUnfenced
	receiptKeepsToken
	notLeftBehind
	doubtResent
	dedupeForgotten
	doneAtPop
	heldTillDeath
	releaseByOne
)

// mutant is a mutation with the small world in which it must be caught.
type mutant struct {
	mutation mutation
	name     string // what is left out
	breaks   string // in words
	world    string // of worlds
}

func mutants() []mutant {
	return []mutant{
		{claimUnchecked, "claim without compare-and-set", "a hint that the queue says twice becomes a message that comes twice", "a hint said twice"},
		{settleUnfenced, "settle without token", "a stale look-up undoes what was learnt since", "an alert, paused and asked about"},
		{receiptUnranked, "receipt without rank", "a late *accepted* pulls *delivered* back", "reports"},
		{noGeneration, "relay without generation key", "a wiped queue is noticed by the next sweep only", "reports"},
		{cursorFirst, "cursor written before its chunk", "a crash between them passes members over", "planning"},
		{cursorUnchecked, "chunk written without comparing the cursor", "two planners plan a member twice", "planning"},
		{lateOverrides, "settle after the lease overrides what was decided about the doubt", "", "an alert, paused and asked about"},
		{foreignReceipts, "receipt for another tenant's attempt applied", "somebody who guesses an id has a message counted as delivered", "reports with strangers"},
		{stopAtPop, "stop looked at when a hint is popped, not when it is claimed", "a message leaves after the commit of the stop", "a stop"},
		{leaseOfSender, "lease measured by the sender's clock", "a claim outlives its sender, or ends under its hands", "reports"},
		{lookUnfenced, "result of a look-up written without token", "", "an alert, paused and asked about"},
		{receiptKeepsToken, "receipt that settles doubt leaves the look-up's token valid", "", "an alert, paused and asked about"},
		{notLeftBehind, "fallback without leaving the old attempt behind", "", "an alert, paused and asked about"},
		{doubtResent, "routine message in doubt sent again", "it comes twice", "reports"},
		{dedupeForgotten, "retry under a key that the provider has forgotten", "", "a provider that knows keys"},
		{doneAtPop, "queue told Done before the claim is recorded", "one hint is with two senders", "reports"},
		{heldTillDeath, "queue that forgets a popped id only when its popper dies", "", "a queue that fails over"},
		{releaseByOne, "held messages released only by the process that took the resume", "", "a stop"},
	}
}

// worlds are the small ones, of which all interleavings are walked.
func worlds() []*machine {
	const both = 2
	look := [mostPoints]bool{true, false}
	return []*machine{
		{name: "reports", class: gateway.Report, members: 2, points: 1, processes: both, senders: 1, budget: budget{crashes: 1, losses: 1, troubles: 1, ticks: 1}},
		{name: "a hint said twice", class: gateway.Report, members: 1, points: 2, processes: both, senders: 1, budget: budget{crashes: 1, losses: 1, troubles: 1, repeats: 1, ticks: 3}},
		{name: "a pause and a person", class: gateway.Report, members: 1, points: 2, processes: both, senders: 1, budget: budget{pauses: 1, troubles: 1, repeats: 1, resends: 1, ticks: 3}},
		{name: "a stop", class: gateway.Report, members: 2, points: 1, processes: both, senders: 1, budget: budget{crashes: 1, stops: 1, ticks: 1}},
		{name: "a queue that fails over", class: gateway.Report, members: 1, points: 1, processes: both, senders: 1, budget: budget{failovers: 1, repeats: 1, troubles: 1, ticks: 1}},
		{name: "reports with strangers", class: gateway.Report, members: 1, points: 2, processes: both, senders: 1, budget: budget{silences: 1, repeats: 1, foreign: 1, bounces: 1, troubles: 1, ticks: 2}},
		{name: "planning", class: gateway.Report, members: 2, points: 1, processes: both, senders: 1, planning: true, budget: budget{crashes: 1, pauses: 1}},
		{name: "an alert, paused and asked about", class: gateway.Alert, members: 1, points: 2, processes: both, senders: 1, canLook: look, budget: budget{pauses: 2, ticks: 3}},
		{name: "an alert, crashed and asked about", class: gateway.Alert, members: 1, points: 2, processes: both, senders: 1, canLook: look, budget: budget{crashes: 1, troubles: 1, ticks: 2}},
		{name: "danger to life", class: gateway.LifeSafety, members: 1, points: 2, processes: both, senders: 1, canLook: look, budget: budget{pauses: 1, ticks: 3}},
		{name: "a provider that knows keys", class: gateway.Report, members: 1, points: 1, processes: both, senders: 1, dedupe: [mostPoints]seconds{600, 0}, budget: budget{crashes: 1, troubles: 1, ticks: 4}},
		{name: "a reminder without receipts", class: gateway.Reminder, members: 1, points: 2, processes: both, senders: 1, silent: true, budget: budget{crashes: 1, troubles: 1, ticks: 2}},
	}
}
