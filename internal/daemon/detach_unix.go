//go:build unix

package daemon

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// startPatience bounds how long a starting daemon may take until it listens.
const startPatience = 8 * time.Second

// readyDescriptor is where the daemon proper tells its starter how it went.
const readyDescriptor = 3

// Detach starts program with args as the daemon proper: in a session of its own, in "/", with no inherited descriptor and all
// output discarded; and waits until it says that it listens. A daemon that is there already is as good.
func Detach(program string, args, env []string) error {
	closeInherited()
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer r.Close()
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		w.Close()
		return err
	}
	defer null.Close()
	cmd := &exec.Cmd{
		Path: program, Args: append([]string{program}, args...), Env: env, Dir: "/",
		Stdin: null, Stdout: null, Stderr: null, ExtraFiles: []*os.File{w},
		SysProcAttr: &syscall.SysProcAttr{Setsid: true},
	}
	runtime.LockOSThread()
	restore := relaxTimers()
	err = cmd.Start()
	restore()
	runtime.UnlockOSThread()
	w.Close()
	if err != nil {
		return fmt.Errorf("start the daemon: %w", err)
	}
	_ = r.SetReadDeadline(time.Now().Add(startPatience))
	line, err := bufio.NewReader(r).ReadString('\n')
	switch said := strings.TrimSpace(line); {
	case said == "ready" || said == ErrRunning.Error():
		return nil
	case said != "":
		return errors.New(said)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("the daemon did not listen within %s", startPatience)
	}
	return errors.New("the daemon ended while starting")
}

// TellStarter returns the function that tells Detach how the start went.
func TellStarter() func(error) {
	syscall.CloseOnExec(readyDescriptor)
	f := os.NewFile(readyDescriptor, "starter")
	return func(err error) {
		said := "ready"
		if err != nil {
			said = strings.ReplaceAll(err.Error(), "\n", " ")
		}
		_, _ = f.WriteString(said + "\n")
		f.Close()
	}
}
