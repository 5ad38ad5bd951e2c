package realm

import (
	"os/exec"
	"syscall"
)

// dieWithUs makes the kernel kill the child when the thread that starts it ends, thus at the latest with us.
func dieWithUs(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
