package realm

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"time"
)

// startPatience is how long a server may take until it answers, on a busy machine.
const startPatience = 30 * time.Second

// process is a server that runs as a child.
type process struct {
	cmd  *exec.Cmd
	out  *log
	done chan struct{} // closed when it has ended
}

// start runs a command until it answers: ready is asked again and again.
func start(cmd *exec.Cmd, ready func() error) (*process, error) {
	p := &process{cmd: cmd, out: &log{}, done: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = p.out, p.out
	dieWithUs(cmd)
	// Settings of whoever runs the tests are not the server's.
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent"}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(p.done)
		_ = cmd.Wait()
	}()
	deadline := time.NewTimer(startPatience)
	defer deadline.Stop()
	for again := time.NewTicker(10 * time.Millisecond); ; {
		err := ready()
		if err == nil {
			again.Stop()
			return p, nil
		}
		select {
		case <-again.C:
			continue
		case <-p.done:
			err = errors.New("it ended")
		case <-deadline.C:
			p.stop()
		}
		again.Stop()
		return nil, fmt.Errorf("start %s: %w: %s", cmd.Args[0], err, p.out)
	}
}

// stop ends the server.
func (p *process) stop() {
	_ = p.cmd.Process.Kill()
	<-p.done
}

// log is what a process wrote.
type log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// Secret returns an unguessable word that says what it is, to be looked for where it must not be.
func Secret(purpose string) string {
	var b [12]byte
	_, _ = rand.Read(b[:])
	return "canary" + purpose + hex.EncodeToString(b[:])
}
