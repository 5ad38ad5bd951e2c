package main

import (
	"os"
	"syscall"
)

// forwarded are the signals that the command of `run` shall get.
var forwarded = []os.Signal{os.Interrupt, syscall.SIGTERM}

func waitStatus(p *os.ProcessState) int { return p.ExitCode() }

func setUmask() {}
