// Package release has a second person release what a group's rule does not let one person send alone: it stands between whoever
// hands in broadcasts and fan-out. What waits for her is in the ledger and nothing of it is planned; her word is for one text,
// one audience and the channels of that moment, which a digest names, so that whatever is changed needs her again.
package release
