//go:build race

package model

// raced says that the race detector watches, which makes exploring many times slower.
const raced = true
