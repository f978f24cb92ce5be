// Package app is the composition root: it builds every part of a gateway from its configuration, runs them, drains them
// and stops them. It may import anything; only a main, package apptest and the benchmarks import it.
package app
