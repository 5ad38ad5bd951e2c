package bucket

import (
	"flag"
	"fmt"
	"net"
	"os"
	"sync"
	"testing"

	"github.com/compile-cache/compile-cache-action/internal/e2e/realm"
	"github.com/compile-cache/compile-cache-action/internal/e2e/workplace"
)

// What TestMain makes for all tests.
var (
	work       *workplace.Place
	versitygw  string
	toxiserver string
)

func TestMain(m *testing.M) {
	err := prepare()
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
	work.Remove()
	os.Exit(status)
}

func prepare() (err error) {
	if work, err = workplace.New("../../.."); err != nil {
		return err
	}
	if versitygw, err = workplace.Tool("versitygw"); err != nil {
		return err
	}
	toxiserver, err = workplace.Tool("server")
	return err
}

// shared are the servers that tests have in common. They are started by the first test that needs them and end with the last.
var shared struct {
	mu      sync.Mutex
	gateway *realm.Gateway
	toxi    *realm.Toxiproxy
	ends    []func()
}

// directory returns a new directory with a short name.
func directory(t *testing.T) string {
	t.Helper()
	return work.Directory(t)
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
