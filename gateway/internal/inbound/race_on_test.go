//go:build race

package inbound_test

// raced says that the race detector is on, under which everything takes several times as long.
const raced = true
