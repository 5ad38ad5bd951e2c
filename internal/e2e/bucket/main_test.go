package bucket

import (
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/compile-cache/compile-cache-action/internal/e2e/realm"
)

// What TestMain makes for all tests.
var (
	work       string // for everything, short enough for sockets
	repository string // this checkout
	programs   string // directory of ccwrap and compile-cache
	versitygw  string
	toxiserver string
)

func TestMain(m *testing.M) {
	var err error
	if work, err = os.MkdirTemp("", "e2e"); err == nil {
		err = prepare()
	}
	status := 1
	// Tests that wait for broken servers run in parallel: they use little of the processors.
	flag.Parse()
	if err == nil {
		err = flag.Set("test.parallel", "6")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	} else {
		status = m.Run()
	}
	for _, end := range shared.ends {
		end()
	}
	if err := os.RemoveAll(work); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(status)
}

func prepare() (err error) {
	if repository, err = filepath.Abs("../../.."); err != nil {
		return err
	}
	programs = filepath.Join(work, "programs")
	if _, err := output(repository, "go", "build", "-o", programs+"/", "./cmd/ccwrap", "./cmd/compile-cache"); err != nil {
		return err
	}
	// -n builds a tool, keeps it in Go's cache, and prints its path.
	if versitygw, err = output(".", "go", "tool", "-n", "versitygw"); err != nil {
		return err
	}
	toxiserver, err = output(".", "go", "tool", "-n", "server")
	return err
}

// output runs a command in dir and returns what it wrote to stdout.
func output(dir, name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, stderr.String())
	}
	return strings.TrimSpace(string(out)), nil
}

// shared are the servers that tests have in common. They are started by the first test that needs them and end with the last.
var shared struct {
	mu      sync.Mutex
	gateway *realm.Gateway
	toxi    *realm.Toxiproxy
	ends    []func()
	dirs    int
}

// directory returns a new directory with a short name.
func directory(t *testing.T) string {
	t.Helper()
	shared.mu.Lock()
	shared.dirs++
	dir := filepath.Join(work, fmt.Sprint("d", shared.dirs))
	shared.mu.Unlock()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// gateway returns the gateway of all tests.
func gateway(t *testing.T) *realm.Gateway {
	t.Helper()
	dir := directory(t)
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.gateway == nil {
		g, err := realm.StartGateway(versitygw, dir, nil)
		if err != nil {
			t.Fatal(err)
		}
		shared.gateway = g
		shared.ends = append(shared.ends, g.Close)
	}
	return shared.gateway
}

// toxiproxy returns the Toxiproxy of all tests.
func toxiproxy(t *testing.T) *realm.Toxiproxy {
	t.Helper()
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.toxi == nil {
		x, err := realm.StartToxiproxy(toxiserver)
		if err != nil {
			t.Fatal(err)
		}
		shared.toxi = x
		shared.ends = append(shared.ends, x.Close)
	}
	return shared.toxi
}

// front puts a front of the test's own before a gateway.
func front(t *testing.T, g *realm.Gateway) *realm.Front {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := realm.NewFront(l, nil, g.Dial)
	t.Cleanup(f.Close)
	return f
}

// linkFile gives a program another name. A copy would be open for writing while another test starts a process, which inherits the
// descriptor, and a program that somebody may write to cannot be executed.
func linkFile(from, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.Link(from, to)
}

// copyFile copies a file with its mode, but with the time of the copying.
func copyFile(from, to string) error {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	fi, err := src.Stat()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	dst, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fi.Mode().Perm())
	if err != nil {
		return err
	}
	_, err = io.Copy(dst, src)
	if cerr := dst.Close(); err == nil {
		err = cerr
	}
	return err
}
