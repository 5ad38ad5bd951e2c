//go:build unix

package wrapper

import (
	"os"
	"os/signal"
	"syscall"
)

// passedOn are the signals that a caller may send to the compiler. A terminal sends its own to the whole group, so the child gets
// them twice; a compiler that is told twice to stop stops.
var passedOn = []os.Signal{
	syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2,
}

// catcher holds signals from before the child is there until it is gone.
type catcher struct {
	signals chan os.Signal
	done    chan struct{}
}

// catchSignals begins to catch. A signal that we were told to ignore stays ignored, for us and for the child.
func catchSignals() *catcher {
	c := &catcher{signals: make(chan os.Signal, 16), done: make(chan struct{})}
	for _, sig := range passedOn {
		if !signal.Ignored(sig) {
			signal.Notify(c.signals, sig)
		}
	}
	return c
}

// forwardTo passes on what was caught and what will be. From then on the signals are the child's alone: the wrapper ends when the
// child has, also while the daemon collects outputs.
func (c *catcher) forwardTo(ch *child) {
	go func() {
		for {
			select {
			case sig := <-c.signals:
				signalChild(ch.pid, ch.handle, sig.(syscall.Signal))
			case <-c.done:
				return
			}
		}
	}()
}

// stop ends forwarding. Signals are still caught and dropped.
func (c *catcher) stop() { close(c.done) }

// ignore makes us ignore signals again that Go's runtime took over, so that the compiler inherits it.
func (c *call) ignore(signals uint64) {
	for n := syscall.Signal(1); signals != 0; n, signals = n+1, signals>>1 {
		if signals&1 != 0 {
			signal.Ignore(n)
		}
	}
}
