package queue

// Signals tell other processes what they would find out by their next sweep. A queue between processes implements them; the
// one within a process does not, for there is nobody to tell. Every signal may be lost, come late or come twice. All
// methods are safe for concurrent use; each channel has one reader in a process.
type Signals interface {
	// Nudge says that something is due in a lane now, or that it runs low. It never blocks: what cannot leave at once
	// leaves together with what comes meanwhile, each lane once.
	Nudge(lane Lane)
	// Nudged receives what other processes nudged. What nobody receives in time is dropped: a process without relays need not read.
	Nudged() <-chan Lane
	// Announce says that the channels, or what is known of them, have changed. It never blocks.
	Announce()
	// Announced receives when another process announced, and whenever this one may have missed that. Several that nobody
	// received count as one.
	Announced() <-chan struct{}
}
