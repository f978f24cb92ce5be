package row

import "github.com/carillon-gateway/carillon/gateway"

// Missing is the fault (CodeNotFound) of asking for something that is not there; what names it, as in broadcast.
func Missing(what string) error {
	return gateway.Faultf(gateway.CodeNotFound, "there is no such %s", what)
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
