//go:build unix

package daemon

import "syscall"

// exitStatus is the status a shell would show.
func exitStatus(ws syscall.WaitStatus) int {
	if ws.Signaled() {
		return 128 + int(ws.Signal())
	}
	return ws.ExitStatus()
}
