package realm

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// CloudAddress is the address of all servers in the network: public, and of nobody (RFC 5737).
const CloudAddress = "198.51.100.10"

// Namespace is a place of its own in the network, with its own mounts. It ends with us, when nothing runs in it.
type Namespace struct {
	pid  int
	hold io.Closer
	cmd  *exec.Cmd
}

// Network is a cloud and two machines; the machines reach the cloud and nothing else, not even each other.
type Network struct {
	Cloud    *Namespace
	Machines [2]*Namespace
}

// MayNetwork says why there can be no network here, nil where there can.
func MayNetwork() error {
	if os.Geteuid() != 0 {
		return errors.New("network namespaces need root")
	}
	for _, program := range []string{"ip", "nsenter", "mount", "env", "sh", "cat"} {
		if _, err := exec.LookPath(program); err != nil {
			return err
		}
	}
	ns, err := newNamespace(":")
	if err != nil {
		return fmt.Errorf("no network namespace: %w", err)
	}
	return ns.Close()
}

// NewNetwork makes one, with files under dir. Each machine sees its own directory, dir/machine0 or dir/machine1, as dir/checkout.
func NewNetwork(dir string) (n *Network, err error) {
	n = &Network{}
	defer func() {
		if err != nil {
			n.Close()
			n = nil
		}
	}()
	hosts := filepath.Join(dir, "hosts")
	text := "127.0.0.1 localhost\n::1 localhost\n" + CloudAddress + " " + IssuerHost + " s3.realm.test sts.realm.test\n"
	if err := os.WriteFile(hosts, []byte(text), 0o644); err != nil {
		return n, err
	}
	checkout := filepath.Join(dir, "checkout")
	for _, d := range []string{checkout, checkoutOf(dir, 0), checkoutOf(dir, 1)} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return n, err
		}
	}
	common := "mount --make-rprivate / && mount --bind " + quote(hosts) + " /etc/hosts && ip link set lo up"
	if n.Cloud, err = newNamespace(common + " && ip address add " + CloudAddress + "/32 dev lo"); err != nil {
		return n, fmt.Errorf("cloud: %w", err)
	}
	for i := range n.Machines {
		n.Machines[i], err = newNamespace(common + " && mount --bind " + quote(checkoutOf(dir, i)) + " " + quote(checkout))
		if err != nil {
			return n, fmt.Errorf("machine %d: %w", i, err)
		}
		link, near, far := "m"+strconv.Itoa(i), "203.0.113."+strconv.Itoa(4*i+2), "203.0.113."+strconv.Itoa(4*i+1)
		err = n.Cloud.run("ip link add " + link + " type veth peer name eth0 netns " + strconv.Itoa(n.Machines[i].pid) +
			" && ip address add " + far + "/30 dev " + link + " && ip link set " + link + " up")
		if err != nil {
			return n, fmt.Errorf("machine %d: %w", i, err)
		}
		err = n.Machines[i].run("ip address add " + near + "/30 dev eth0 && ip link set eth0 up && ip route add default via " + far)
		if err != nil {
			return n, fmt.Errorf("machine %d: %w", i, err)
		}
	}
	return n, nil
}

func checkoutOf(dir string, machine int) string {
	return filepath.Join(dir, "machine"+strconv.Itoa(machine))
}

// Close ends it.
func (n *Network) Close() {
	for _, ns := range []*Namespace{n.Machines[0], n.Machines[1], n.Cloud} {
		if ns != nil {
			_ = ns.Close()
		}
	}
}

// newNamespace makes a namespace and runs a script in it. A process that waits for the end of its input holds it.
func newNamespace(script string) (*Namespace, error) {
	cmd := exec.Command("sh", "-c", script+" && echo ready && exec cat >/dev/null")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS}
	stderr := &log{}
	cmd.Stderr = stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if line != "ready\n" {
		in.Close()
		return nil, fmt.Errorf("%w, %w: %s", err, cmd.Wait(), stderr)
	}
	return &Namespace{cmd.Process.Pid, in, cmd}, nil
}

// Close lets the namespace go.
func (ns *Namespace) Close() error {
	ns.hold.Close()
	return ns.cmd.Wait()
}

// Command returns the arguments that run a command there, in a directory as the namespace sees it.
func (ns *Namespace) Command(dir string, argv ...string) []string {
	return append([]string{"nsenter", "--target", strconv.Itoa(ns.pid), "--net", "--mount", "--", "env", "--chdir=" + dir}, argv...)
}

func (ns *Namespace) run(script string) error {
	argv := ns.Command("/", "sh", "-c", script)
	out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", script, err, out)
	}
	return nil
}

// Listen listens in the namespace; who accepts is here.
func (ns *Namespace) Listen(address string) (l net.Listener, err error) {
	err = ns.within(func() error {
		l, err = net.Listen("tcp", address)
		return err
	})
	return l, err
}

// Dial connects from the namespace. The address is numeric, so that no other thread is asked.
func (ns *Namespace) Dial(ctx context.Context, address string) (c net.Conn, err error) {
	err = ns.within(func() error {
		c, err = new(net.Dialer).DialContext(ctx, "tcp", address)
		return err
	})
	return c, err
}

// within runs f on a thread that is in the network of the namespace: a socket stays in the network that it was made in.
func (ns *Namespace) within(f func() error) error {
	runtime.LockOSThread()
	own, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		runtime.UnlockOSThread()
		return err
	}
	defer own.Close()
	other, err := os.Open("/proc/" + strconv.Itoa(ns.pid) + "/ns/net")
	if err != nil {
		runtime.UnlockOSThread()
		return err
	}
	defer other.Close()
	if err := unix.Setns(int(other.Fd()), unix.CLONE_NEWNET); err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("enter the network: %w", err)
	}
	err = f()
	if back := unix.Setns(int(own.Fd()), unix.CLONE_NEWNET); back != nil {
		return errors.Join(err, fmt.Errorf("leave the network: %w", back)) // the thread ends with the goroutine
	}
	runtime.UnlockOSThread()
	return err
}

func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
