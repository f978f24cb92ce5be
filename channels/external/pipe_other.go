//go:build !unix

package external

import "errors"

// give refuses: this system's pipes cannot be written without waiting.
func give(uintptr, []byte) (n int, again bool, err error) {
	return 0, false, errors.New("programs run on Unix only")
}
