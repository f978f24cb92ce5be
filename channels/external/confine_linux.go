package external

import (
	"errors"
	"os/exec"
	"os/user"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// What a program may use beside memory.
const (
	mostFiles = 256 // open files
	niceness  = 5   // it yields to the gateway where both want the processor
)

// confine puts a program into a process group of its own, as another user if one is named, and lets it die with the gateway.
func confine(cmd *exec.Cmd, as string) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if as == "" {
		return nil
	}
	u, err := user.Lookup(as)
	if err != nil {
		return errors.New("there is no such user on this machine")
	}
	uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
	gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
	if err1 != nil || err2 != nil {
		return errors.New("the user has no number")
	}
	cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return nil
}

// limit bounds what a program that runs may use, and what those use that it starts: each its data, its files, no core dump
// (which would hold texts), and the processor behind the gateway.
func limit(pid int, memory int64) error {
	m := uint64(memory)
	return errors.Join(
		unix.Prlimit(pid, unix.RLIMIT_DATA, &unix.Rlimit{Cur: m, Max: m}, nil),
		unix.Prlimit(pid, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: mostFiles, Max: mostFiles}, nil),
		unix.Prlimit(pid, unix.RLIMIT_CORE, &unix.Rlimit{}, nil),
		unix.Setpriority(unix.PRIO_PGRP, pid, niceness),
	)
}

// kill ends a program and all of its group.
func kill(cmd *exec.Cmd) {
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // it may be gone
}
