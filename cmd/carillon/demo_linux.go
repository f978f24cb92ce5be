package main

import (
	"os/exec"
	"syscall"
)

// dieWithParent makes the kernel end the gateway of a tour whose own process was killed.
func dieWithParent(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
