//go:build unix

package daemon

import "syscall"

// exitStatus is the status a shell would show for what wait4 gave.
func exitStatus(wait uint32) int {
	ws := syscall.WaitStatus(wait)
	if ws.Signaled() {
		return 128 + int(ws.Signal())
	}
	return ws.ExitStatus()
}
