package sandbox

// status is what the provider says of a message, in Twilio's words
// (https://www.twilio.com/docs/messaging/api/message-resource, "Message Status values").
type status uint8

const (
	statusNone status = iota
	statusAccepted
	statusQueued
	statusSent
	statusDelivered
	statusUndelivered
	statusFailed
	statusReceived
)

var statusNames = [...]string{"", "accepted", "queued", "sent", "delivered", "undelivered", "failed", "received"}

func (s status) String() string { return statusNames[s] }

// shown says whether the message is on the person's phone.
func (s status) shown() bool { return s == statusDelivered || s == statusReceived }
