//go:build unix

package main

import (
	"os"
	"syscall"
)

// forwarded are the signals that the command of `run` shall get.
var forwarded = []os.Signal{
	syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2,
}

// waitStatus is the status a shell would show: 128+n for signal n.
func waitStatus(p *os.ProcessState) int {
	if ws, ok := p.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return 128 + int(ws.Signal())
	}
	return p.ExitCode()
}

// setUmask sets the mask for files of the daemon: all are its user's alone; outputs get the mode of the compiler's caller.
func setUmask() { syscall.Umask(0o077) }
