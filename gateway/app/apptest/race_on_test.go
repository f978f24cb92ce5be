//go:build race

package apptest_test

// raced says that the race detector is on, under which everything takes several times as long.
const raced = true
