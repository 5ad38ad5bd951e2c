//go:build unix

package daemon

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// startPatience bounds how long a starting daemon may take until it listens.
const startPatience = 8 * time.Second

// Descriptors of the daemon proper: on one it tells its starter how it went, from the other it reads its secrets.
const (
	readyDescriptor   = 3
	secretsDescriptor = 4
)

// secretsPatience bounds the wait for the secrets, which the starter writes at once.
const secretsPatience = 5 * time.Second

// Detach starts program with args as the daemon proper: in a session of its own, in "/", with no inherited descriptor and all
// output discarded; and waits until it says that it listens. A daemon that is there already is as good. Of env the daemon's environment
// gets what is not secret and of use to it; its secrets it gets by a pipe (secrets.go).
func Detach(program string, args, env []string) error {
	closeInherited()
	public, secret := splitEnvironment(env)
	encoded, err := encodeSecrets(secret)
	if err != nil {
		return err
	}
	theirs, ours, err := os.Pipe()
	if err != nil {
		return err
	}
	defer ours.Close()
	defer theirs.Close()
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
		Path: program, Args: append([]string{program}, args...), Env: public, Dir: "/",
		Stdin: null, Stdout: null, Stderr: null, ExtraFiles: []*os.File{w, theirs},
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
	theirs.Close()
	// They may be more than a pipe holds. A daemon that reads none, because it fails before, says so below.
	_ = ours.SetWriteDeadline(time.Now().Add(startPatience))
	_, _ = ours.Write(encoded)
	ours.Close()
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

// ReadSecrets returns what Detach hands over. It is called once, when the daemon proper starts. Variables of proxies, which hold a
// password, take their place in the environment that this program sees; the one that others see stays as it was.
func ReadSecrets() (Secrets, error) {
	var st unix.Stat_t
	if err := unix.Fstat(secretsDescriptor, &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFIFO {
		return Secrets{}, nil // nobody hands over anything
	}
	unix.CloseOnExec(secretsDescriptor)
	// A pipe that does not block is read with a deadline.
	if err := unix.SetNonblock(secretsDescriptor, true); err != nil {
		return Secrets{}, err
	}
	f := os.NewFile(secretsDescriptor, "secrets")
	defer f.Close()
	if err := f.SetReadDeadline(time.Now().Add(secretsPatience)); err != nil {
		return Secrets{}, err
	}
	b, err := io.ReadAll(io.LimitReader(f, maxSecrets+1))
	if err != nil {
		return Secrets{}, fmt.Errorf("read the credentials: %w", err)
	}
	all, err := decodeSecrets(b)
	if err != nil {
		return Secrets{}, err
	}
	for _, kv := range all {
		if name, value, _ := strings.Cut(kv, "="); isProxy(name) {
			if err := os.Setenv(name, value); err != nil {
				return Secrets{}, err
			}
		}
	}
	return newSecrets(all), nil
}
