//go:build !linux

package external

import (
	"errors"
	"os/exec"
)

// confine refuses another user, which this system gives no way to.
func confine(_ *exec.Cmd, as string) error {
	if as != "" {
		return errors.New("programs run as another user on Linux only")
	}
	return nil
}

// limit says that there is none here.
func limit(int, int64) error {
	return errors.New("this system bounds neither the memory nor the files of a program")
}

// kill ends a program.
func kill(cmd *exec.Cmd) {
	_ = cmd.Process.Kill() // it may be gone
}
