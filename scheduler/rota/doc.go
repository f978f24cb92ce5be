// Package rota says who is on duty when: turns that follow each other by days, by weeks or by a list on the clocks of a zone,
// what people change of them, and who is told at each change. Finding a holder reads and writes nothing; a Desk and a Keeper
// do, through the ledger that they are given.
package rota

import (
	"github.com/carillon-gateway/carillon/gateway"
)

// Gone says whether somebody is no member of the group any more.
type Gone func(gateway.ID) bool
