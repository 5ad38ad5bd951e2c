//go:build unix

// Command oraclecc is the model compiler as a program: a driver for tests that need a compiler as a file. It stands in for a gcc of
// a toolchain that oracle.WriteToolchain wrote, as DIR/bin/gcc; its own content takes the place of the model driver's.
package main

import (
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/oracle"
)

func main() {
	program := os.Args[0]
	if !filepath.IsAbs(program) {
		if self, err := os.Executable(); err == nil {
			program = self
		}
	}
	dir, err := syscall.Getwd()
	if err != nil {
		os.Stderr.WriteString("oraclecc: " + err.Error() + "\n")
		os.Exit(1)
	}
	call := oracle.Call{
		Program: program, Args: os.Args[1:], Dir: dir, Env: os.Environ(),
		Umask: uint32(syscall.Umask(0)), Now: time.Now,
	}
	a := call.Run()
	os.Stdout.Write(a.Stdout)
	os.Stderr.Write(a.Stderr)
	os.Exit(a.Status)
}
