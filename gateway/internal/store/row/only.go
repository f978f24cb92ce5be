package row

import "github.com/carillon-gateway/carillon/gateway"

// Missing is the fault (CodeNotFound) of asking for something that is not there; what names it, as in broadcast.
func Missing(what string) error {
	return gateway.Faultf(gateway.CodeNotFound, "there is no such %s", what)
}

// OtherKind is the fault (CodeConflict) of giving a channel another kind than it has: what waits on it would leave for addresses that
// are none there.
func OtherKind(c gateway.Channel, has string) error {
	return gateway.Faultf(gateway.CodeConflict, "the channel %s is for addresses of the kind %s, and this would make it one for %s; add a channel with another name", c.Name, has, c.Kind)
}

// Only gives the first of what was read, or Missing if that is nothing. It hands an error of reading on.
func Only[T any](what string, read []T, err error) (one T, _ error) {
	switch {
	case err != nil:
		return one, err
	case len(read) == 0:
		return one, Missing(what)
	}
	return read[0], nil
}
