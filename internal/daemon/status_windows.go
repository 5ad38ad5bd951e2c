package daemon

import "syscall"

// exitStatus is the status a shell would show.
func exitStatus(ws syscall.WaitStatus) int { return ws.ExitStatus() }
