package realm

import (
	"net"
	"net/http"
	"os/exec"
	"strconv"

	toxiproxy "github.com/Shopify/toxiproxy/v2/client"
)

// Toxiproxy does to a wire what wires do: it delays, cuts, resets and trickles.
type Toxiproxy struct {
	client *toxiproxy.Client
	p      *process
}

// StartToxiproxy starts the server.
func StartToxiproxy(program string) (*Toxiproxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	p, err := start(exec.Command(program, "-host", "127.0.0.1", "-port", strconv.Itoa(port)), func() error {
		resp, err := http.Get("http://" + address + "/version")
		if err != nil {
			return err
		}
		return resp.Body.Close()
	})
	if err != nil {
		return nil, err
	}
	return &Toxiproxy{toxiproxy.NewClient(address), p}, nil
}

// Close ends it.
func (x *Toxiproxy) Close() { x.p.stop() }

// Wire is a connection's way through the server.
type Wire struct {
	URL   string
	proxy *toxiproxy.Proxy
}

// Wire lays a wire to a front. Names of wires differ.
func (x *Toxiproxy) Wire(name string, to *Front) (*Wire, error) {
	p, err := x.client.CreateProxy(name, "127.0.0.1:0", to.Host())
	if err != nil {
		return nil, err
	}
	return &Wire{"http://" + p.Listen, p}, nil
}

// Poison adds a toxic to what comes down the wire, which is what clients read: latency (latency in ms), bandwidth (rate in KB/s),
// limit_data (bytes), reset_peer (timeout in ms), timeout (timeout in ms), slicer, slow_close.
func (w *Wire) Poison(kind string, attributes map[string]any) error {
	_, err := w.proxy.AddToxic("", kind, "downstream", 1, attributes)
	return err
}

// Cut ends all connections and refuses new ones.
func (w *Wire) Cut() error { return w.proxy.Disable() }

// Close removes the wire.
func (w *Wire) Close() error { return w.proxy.Delete() }
