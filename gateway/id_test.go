package gateway_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

// What was made since a time is found by a walk that begins at the lowest identifier of that time.
func TestTheLowestIDOfATime(t *testing.T) {
	made := gateway.NewID()
	lowest, next := gateway.IDAt(made.Time()), gateway.IDAt(made.Time().Add(time.Millisecond))
	if bytes.Compare(lowest[:], made[:]) > 0 || bytes.Compare(made[:], next[:]) >= 0 {
		t.Errorf("%s is not between %s and %s", made, lowest, next)
	}
	if !lowest.Time().Equal(made.Time()) {
		t.Errorf("the lowest of %v is of %v", made.Time(), lowest.Time())
	}
	if early := gateway.IDAt(time.Unix(-1, 0)); !early.IsZero() {
		t.Errorf("before 1970 it is %s", early)
	}
}
