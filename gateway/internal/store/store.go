// Package store is the ledger: the only truth about who is meant, what was sent and what became of it. Its contract is
// the interfaces of package gateway; each database below it implements all of them on one type and passes the suite
// in storetest.
package store

import "github.com/carillon-gateway/carillon/gateway"

// Store is everything a ledger offers.
type Store interface {
	gateway.Ledger
	gateway.Mender
	gateway.Cases
	gateway.Hearing
	gateway.Known
	gateway.BroadcastLog
	gateway.Tracking
	gateway.Groups
	gateway.Members
	gateway.Audiences
	gateway.Imports
	gateway.Consents
	gateway.Wishes
	gateway.Channels
	gateway.Listening
	gateway.Successions
	gateway.Troubles
	gateway.Notices
	gateway.Costs
	gateway.Inbox
	gateway.Conversations
	gateway.Answers
	gateway.AlertReports
	gateway.Renderings
	gateway.Reviews
	gateway.Access
	gateway.Replays
	gateway.ApplyLog
	gateway.Keeper
	gateway.Backlogs
	gateway.Duties
	gateway.Calendars
	gateway.Events
	gateway.Reminders
	gateway.Feeds
	gateway.RotaBook
	gateway.Invitations
	gateway.Enrolments
	gateway.Tries
	gateway.Schedules
	gateway.Timetable
	gateway.Reports
	gateway.Releases
	gateway.Indicators
	gateway.PublicEditions
	gateway.Corrections
	gateway.Watchdog
	gateway.Alerts
	gateway.AlertClock
	gateway.Drills
	gateway.AlertPolicies
	gateway.AlertCasts
	gateway.Pages
	gateway.Points
	gateway.Reconfirming
	gateway.Reaffirming
	Close() error
}
