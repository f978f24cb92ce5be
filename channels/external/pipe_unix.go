//go:build unix

package external

import (
	"errors"
	"syscall"
)

// give writes to a pipe what fits into it now; again if that may be more later.
func give(fd uintptr, b []byte) (n int, again bool, err error) {
	for {
		n, err = syscall.Write(int(fd), b)
		switch {
		case err == nil:
			return n, n < len(b), nil
		case errors.Is(err, syscall.EAGAIN):
			return 0, true, nil
		case !errors.Is(err, syscall.EINTR):
			return 0, false, err
		}
	}
}
