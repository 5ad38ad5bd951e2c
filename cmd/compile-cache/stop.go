package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/daemon"
)

type stopCmd struct{}

// stopPatience is somewhat more than a daemon takes to drain.
const stopPatience = 70 * time.Second

func (c *stopCmd) Run(a *app) error {
	client, err := daemon.Dial(a.place)
	if err != nil {
		fmt.Fprintln(a.stdout, "no daemon is running")
		return nil
	}
	defer client.Close()
	st, err := client.Ping()
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return &hinted{fmt.Errorf("the daemon at %s does not answer", a.place.Socket()), "it is suspended or overloaded; to find it: pgrep -af 'compile-cache daemon'"}
	}
	if err != nil {
		return fmt.Errorf("the socket %s does not answer as a daemon: %w", a.place.Socket(), err)
	}
	a.publish(client)
	if err := client.Stop(); err != nil {
		return fmt.Errorf("stop the daemon: %w", err)
	}
	defer a.ui.progress("waiting for what is under way")()
	for end := time.Now().Add(stopPatience); daemon.Alive(st.PID); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			return errors.New("the daemon was asked to stop and is still there")
		}
		if a.ctx.Err() != nil {
			return a.ctx.Err()
		}
	}
	fmt.Fprintf(a.stdout, "daemon %d stopped\n", st.PID)
	return nil
}
