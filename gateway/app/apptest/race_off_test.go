//go:build !race

package apptest_test

// raced says that the race detector is on.
const raced = false
