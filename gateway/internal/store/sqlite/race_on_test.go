//go:build race

package sqlite

// raced says that the race detector watches, which makes SQLite many times slower.
const raced = true
