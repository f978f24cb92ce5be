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
	stopSnapshot
	leaseOfSender
	lookUnfenced
	receiptKeepsToken
	moveUnasked
	notLeftBehind
	doubtResent
	keyForgotten
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
	random   bool   // it must be caught by walks at random as well; others need too rare a sequence
}

func mutants() []mutant {
	const alert = "an alert, paused and asked about"
	return []mutant{
		{claimUnchecked, "claim without compare-and-set", "A hint that the queue says twice becomes a message that comes twice.", "a hint said twice", true},
		{settleUnfenced, "settle without token", "A mender that was overtaken undoes what was learnt since.", alert, false},
		{receiptUnranked, "receipt without rank", "A late *accepted* pulls *delivered* back.", "a hint said twice", true},
		{noGeneration, "relay without generation key", "A wiped queue is noticed by the next sweep only.", "a hint said twice", true},
		{cursorFirst, "cursor written before its chunk", "A crash between the two passes members over, and nobody will know.", "planning", true},
		{cursorUnchecked, "chunk written without comparing the cursor", "Two planners plan a member twice.", "planning", true},
		{lateOverrides, "settle after the lease overrides what was decided about the doubt", "What a receipt said meanwhile is lost.", alert, true},
		{foreignReceipts, "receipt for another tenant's attempt applied", "Whoever guesses an id has a message count as delivered.", "strangers and STOP", true},
		{stopAtPop, "stop looked at when a hint is popped, not when it is claimed", "A message leaves after the commit of the stop.", "a stop", true},
		{stopSnapshot, "claim that reads the stop from a snapshot, without holding the broadcast's row", "A message leaves by a claim that was committed after the stop.", "a stop", true},
		{leaseOfSender, "lease measured by the sender's clock", "The claim of a dead sender holds for as long as its clock was ahead.", "a hint said twice", true},
		{lookUnfenced, "result of a look-up written without token", "An alert is sent again though it is known that the provider took it.", alert, false},
		{receiptKeepsToken, "a receipt that settles the doubt leaves the look-up its token", "The same; this is how the ledger was until the model said so.", alert, false},
		{moveUnasked, "a move for doubt carried out though the doubt is settled", "A second contact point gets what the first is known to have; so it was, too.", "danger to life", true},
		{notLeftBehind, "fallback without leaving the old attempt behind", "A late receipt of the old attempt counts for the delivery twice.", alert, true},
		{doubtResent, "routine message in doubt sent again", "It comes twice.", "a hint said twice", true},
		{keyForgotten, "retry under a key without asking how old the key is", "The retry waited, as in an outage, until the provider had forgotten the key: it comes twice. So it was, too.", "a provider that knows keys", true},
		{doneAtPop, "queue told Done before the claim is recorded", "One hint is with two senders, again and again: claims for nothing.", "a hint said twice", true},
		{heldTillDeath, "queue that forgets a popped id only when its popper dies", "After a failover to an older copy it holds ids that nobody has: they wait until they expire.", "a queue that fails over", true},
		{releaseByOne, "held messages released only by the process that took the resume", "That process dies, and they stay held. So it was while there was one process only.", "a stop", false},
	}
}

// worlds are the small ones, of which all interleavings are walked.
func worlds() []*machine {
	const both = 2
	look := [mostPoints]bool{true, false}
	return []*machine{
		{name: "two reports, a crash and a lost queue", class: gateway.Report, members: 2, points: 1, processes: both, senders: 1, large: true,
			budget: budget{crashes: 1, losses: 1, troubles: 1, ticks: 1}},
		{name: "two senders of one process", class: gateway.Report, members: 2, points: 1, processes: 1, senders: 2, budget: budget{crashes: 1, losses: 1, ticks: 2}},
		{name: "a hint said twice", class: gateway.Report, members: 1, points: 2, processes: both, senders: 1, budget: budget{crashes: 1, losses: 1, troubles: 1, repeats: 1, ticks: 3}},
		{name: "a pause and a person", class: gateway.Report, members: 1, points: 2, processes: both, senders: 1, large: true, budget: budget{pauses: 1, troubles: 1, repeats: 1, resends: 1, ticks: 3}},
		{name: "a stop", class: gateway.Report, members: 2, points: 1, processes: both, senders: 1, budget: budget{crashes: 1, stops: 1, ticks: 1}},
		{name: "a queue that fails over", class: gateway.Report, members: 1, points: 1, processes: both, senders: 1, budget: budget{failovers: 1, repeats: 1, troubles: 1, ticks: 1}},
		{name: "strangers and STOP", class: gateway.Report, members: 1, points: 2, processes: both, senders: 1, budget: budget{silences: 1, repeats: 1, foreign: 1, bounces: 1, troubles: 1, ticks: 2}},
		{name: "planning", class: gateway.Report, members: 2, points: 1, processes: both, senders: 1, planning: true, budget: budget{crashes: 1, pauses: 1}},
		{name: "an alert, paused and asked about", class: gateway.Alert, members: 1, points: 2, processes: both, senders: 1, canLook: look, large: true, budget: budget{pauses: 1, ticks: 3}},
		{name: "an alert, crashed and asked about", class: gateway.Alert, members: 1, points: 2, processes: both, senders: 1, canLook: look, budget: budget{crashes: 1, troubles: 1, ticks: 2}},
		{name: "danger to life", class: gateway.LifeSafety, members: 1, points: 2, processes: both, senders: 1, canLook: look, large: true, budget: budget{crashes: 1, troubles: 1, ticks: 2}},
		{name: "a provider that knows keys", class: gateway.Report, members: 1, points: 1, processes: both, senders: 1, dedupe: [mostPoints]seconds{600, 0}, budget: budget{crashes: 1, troubles: 1, resends: 1, ticks: 3}},
		{name: "a reminder without receipts", class: gateway.Reminder, members: 1, points: 2, processes: both, senders: 1, silent: true, large: true, budget: budget{crashes: 1, troubles: 1, ticks: 2}},
	}
}
