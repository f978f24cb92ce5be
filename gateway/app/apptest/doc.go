// Package apptest tells whole stories: people with phones, providers that misbehave, and a gateway in a process of its
// own that can be killed. What the sandbox's log says is held against what the ledger says.
package apptest
