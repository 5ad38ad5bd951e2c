package daemon

// exitStatus is the status of a process.
func exitStatus(ws uint32) int { return int(ws) }
