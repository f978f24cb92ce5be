// Package sandbox stands in for the providers: it speaks the wire protocols of Twilio, Telegram, Mattermost, mail and others, so the
// adapters and their libraries run unchanged against it, and it shows what the people of a demo would read on their phones.
//
// It is the demo, the drill ground and the test bench. Faults, delays and receipts are scripted (Fault), people answer
// (Reply), and everything that arrives is written to a log of its own before it is answered (Log): that log, and not the
// gateway's ledger, is what tests of loss and doubling believe.
//
// Nothing leaves the machine: callbacks go to loopback and to the machine's own addresses only, unless Options.Reach
// says more. Each behaviour cites the provider's page that it follows; docs/sandbox.md describes the control API.
package sandbox
