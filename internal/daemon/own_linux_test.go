package daemon

import (
	"os/exec"
	"testing"
	"time"
)

// A daemon whose parent does not ask for its status has stopped all the same.
func TestDefunctIsNotAlive(t *testing.T) {
	cmd := exec.Command("cat")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	if !Alive(cmd.Process.Pid) {
		t.Error("a process that runs is not alive")
	}
	in.Close()
	for end := time.Now().Add(10 * time.Second); Alive(cmd.Process.Pid); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("a process that has ended is still alive")
		}
	}
}
