// Package storetest is the suite that every ledger passes, whatever database it stands on. Each test tells one story
// through the contracts of package gateway alone; the clock is wound, never waited for.
package storetest

import (
	"sync"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway/internal/store"
)

// Open opens the ledger at a place; opening the same place again after Close gives the same ledger. The suite closes it.
type Open func(t testing.TB, place string, now func() time.Time) store.Store

// Clock is the store's clock.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock starts at a fixed instant, to the microsecond, as the ledger keeps it.
func NewClock() *Clock { return &Clock{now: time.Date(2026, 3, 28, 9, 0, 0, 0, time.UTC)} }

// Now reads the clock.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Wind moves the clock forward.
func (c *Clock) Wind(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// Run runs the suite on a ledger that one process has to itself.
func Run(t *testing.T, open Open) {
	run(t, open)
	runTogether(t, open, false)
}

// RunShared runs the suite on a ledger that processes share: a place can be opened while it is open.
func RunShared(t *testing.T, open Open) {
	run(t, open)
	runTogether(t, open, true)
}

func run(t *testing.T, open Open) {
	for _, story := range []struct {
		name string
		tell func(*testing.T, Open)
	}{
		{"a chunk is planned once", planned},
		{"due is what waits in a lane", due},
		{"every group has its share of a lane", dueByGroup},
		{"of two claimants one gets it", twoClaimants},
		{"a sensitive text leaves by what is fit for it", sensitive},
		{"a name goes to whom it belongs and to nobody else", personal},
		{"nothing is sent in quiet hours", quietHours},
		{"what waited for one end is merged", merged},
		{"it is in a night of a clock change", mergedOverChange},
		{"quiet hours follow a calendar", quietOfCalendar},
		{"quiet hours are kept", quietKept},
		{"a member wishes", wishes},
		{"a pause holds what is routine", pauses},
		{"a topic dropped holds back what was planned", dropped},
		{"what a member decided is hers", hers},
		{"a claim says everything that sending needs", claimed},
		{"a stale token writes nothing", staleToken},
		{"the same delivery twice in one call", twice},
		{"an outcome and the next claim are one step", exchanged},
		{"parts are handed over one by one", parts},
		{"attempts take legal steps only", attemptSteps},
		{"deliveries take legal steps only", deliverySteps},
		{"receipts come in every order, repeated", receiptOrders},
		{"receipts overtake the answer", receiptOvertakes},
		{"receipts of strangers", receiptStrangers},
		{"receipts by the provider's id", receiptPolled},
		{"a late receipt lifts an end", receiptLate},
		{"a late receipt takes back a retry", receiptTakesBack},
		{"orphans go in doubt", orphans},
		{"doubt is looked into by one", doubtful},
		{"a message belongs to one attempt", known},
		{"a receipt overtakes a look-up", overtaken},
		{"overdue deliveries move on", overdue},
		{"what comes is known before it is due", nextDue},
		{"what nobody reported on is found", unheard},
		{"a move whose condition is gone", staleMove},
		{"what has expired lapses", lapse},
		{"a broadcast happens once", submitted},
		{"a broadcast with its deliveries", whole},
		{"a broadcast with its deliveries and claims", wholeClaimed},
		{"broadcasts are listed", listed},
		{"stop and resume", stopResume},
		{"stop refuses what it cannot do", stopConflicts},
		{"expiry is checked at the claim", expiry},
		{"a person resends", resend},
		{"dead letters are replayed", replay},
		{"deliveries are found by what they are", filters},
		{"tallies equal a recount, whatever happens", model},
		{"groups keep their topics' places", groups},
		{"members are read, listed and found", members},
		{"erasing leaves nothing but the STOP", erase},
		{"recipients are those who are meant", recipients},
		{"an import is seen whole or not at all", importWhole},
		{"an import changes whom it knows", importChanges},
		{"duplicates and shared addresses", importDuplicates},
		{"an import never lifts a STOP", importStop},
		{"an import survives a crash", importCrash},
		{"a group has one import at a time", importOneAtATime},
		{"consent needs evidence", evidence},
		{"STOP is absolute", stop},
		{"STOP ALL is for every group", stopEverywhere},
		{"STOP at the provider is STOP", reportedStop},
		{"an address is confirmed", confirm},
		{"a provider marks an address", mark},
		{"a number that was silent for a year may have a new owner", stale},
		{"channels and their health", channels},
		{"listening", listening},
		{"a channel takes the place of another", succession},
		{"a channel that nobody needs is deleted", deletion},
		{"what waits for a cap keeps its channel", cappedThere},
		{"a duty has one holder", duties},
		{"a paused poller writes nothing", pausedPoller},
		{"inbound messages come once", inbound},
		{"what a member wrote goes with her", inboundErased},
		{"a conversation is opened, told, answered and closed", conversed},
		{"conversations are listed by what waits", threadsListed},
		{"conversations go with a member", threadsErased},
		{"conversations are forgotten in time", threadsRetained},
		{"what left for a member is found", sentTo},
		{"what members say of themselves during an alert", alertReports},
		{"wordings and renderings", wordings},
		{"reviews of texts", reviews},
		{"tokens", tokens},
		{"requests are answered once", requests},
		{"texts are forgotten in time", retention},
		{"the apply log", applyLog},
		{"price lists", priceLists},
		{"a price is frozen at the claim", frozenPrice},
		{"doubt is charged when a receipt ends it", chargedDoubt},
		{"a hard cap holds what is routine", hardCap},
		{"a raised cap lets go", raisedCap},
		{"an incident opens, is told and closes", incidents},
		{"errors of channels are bounded", channelErrors},
		{"countries of addresses", countries},
		{"calendars are read by one", calendars},
		{"events change, and are told once", events},
		{"events are reminded of", reminders},
		{"a reminder planned early is told once", earlyReminders},
		{"members have wishes about reminders", reminderWishes},
		{"the first quiet hours of a group move its reminders", firstQuiet},
		{"feeds are secret and end", feeds},
		{"a rota is kept, and what is said with it", rotas},
		{"a role that ends, or has one holder, is found", roleSigns},
		{"a link to her page works for a time", pageLinks},
		{"a code is used once", pageCodes},
		{"an address is nobody's until it is proven", proving},
		{"owners are told of one thing once", noticedOnce},
		{"what a member wrote is hers to see", inboundOf},
		{"a code leads to a yes, or to nothing", enrolments},
		{"an address that is known is not enrolled anew", enrolKnown},
		{"whoever got a question was asked", asks},
		{"what is tried often is refused", tries},
		{"schedules are kept, changed and deleted", schedules},
		{"an edition is written by steps, and sent once", reports},
		{"what needs a second person waits for her", releases},
		{"an alert changes by one hand at a time, and each event is recorded once", alerts},
		{"the end of an alert is for those who were told", alertTold},
		{"policies of alerts", alertPolicies},
		{"alerts are forgotten in time", alertsRetained},
		{"a drill is kept, found when it is due, and forgotten", drills},
		{"a correction is for those who were told", told},
		{"what was corrected goes on corrected", goesOn},
		{"nobody gets an edition behind its correction", corrected},
		{"a run has one outcome", firing},
		{"a person decides about a run", deciding},
		{"a delivery expires in its own time", ownExpiry},
		{"who moves is told at her hour where she is now", movedWest},
		{"a reminder for her own hour comes before her quiet hours", ownHourInQuiet},
		{"what is overdue shows", signs},
		{"what is found is told, once", findings},
		{"answers have a limit", answered},
		{"another group's ids lead nowhere", tenancy},
		{"everything is there after a restart", restart},
	} {
		t.Run(story.name, func(t *testing.T) { story.tell(t, open) })
	}
}
