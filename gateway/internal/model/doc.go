// Package model explores the way of a message as a machine of concurrent actors: planners, relay, queue, senders,
// provider, menders, people and the clock, in several processes that crash, pause and go on. Everything is in its tests:
// one walks all interleavings of small worlds, one walks large ones at random, and each of a list of mutations must be
// caught. What is decided is decided by the functions of package gateway themselves; docs/model.md holds the findings.
package model
