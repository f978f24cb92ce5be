//go:build !race

package inbound_test

// raced says that the race detector is on.
const raced = false
