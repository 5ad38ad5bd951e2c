package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/protocol"
)

// Client is the CLI's connection to a daemon. While it is open the daemon is not idle. It is for one goroutine, which closes it. Each
// question waits protocol.Patience for its answer, where nothing else is said; an error is of the connection, or the daemon's own words.
type Client struct{ nc net.Conn }

// Dial connects to the daemon of a place, and starts none: the error is net's where nobody listens.
func Dial(place protocol.Place) (*Client, error) {
	nc, err := net.DialTimeout("unix", place.Socket(), protocol.Patience)
	if err != nil {
		return nil, err
	}
	return &Client{nc}, nil
}

// Close hangs up.
func (c *Client) Close() error { return c.nc.Close() }

// Ping asks the daemon who it is.
func (c *Client) Ping() (Status, error) {
	var st Status
	body, err := c.ask("ping", protocol.Patience)
	if err != nil {
		return st, err
	}
	if err := json.Unmarshal(body, &st); err != nil {
		return st, fmt.Errorf("the daemon's answer: %w", err)
	}
	return st, nil
}

// Record asks the daemon to write into the spool what it has not written yet.
func (c *Client) Record() error {
	_, err := c.ask("record", protocol.Patience)
	return err
}

// Stop asks the daemon to drain and leave, and does not wait until it has.
func (c *Client) Stop() error {
	_, err := c.ask("stop", protocol.Patience)
	return err
}

// Publish asks the daemon to make what was stored visible to other machines, and waits for it: as long as the daemon takes at most, or
// until ctx ends, after which this connection is of no more use.
func (c *Client) Publish(ctx context.Context) (Publication, error) {
	var p Publication
	release := context.AfterFunc(ctx, func() { c.nc.Close() })
	body, err := c.ask("publish", publishFor+protocol.Patience)
	if !release() {
		return p, ctx.Err()
	}
	if err != nil {
		return p, err
	}
	if err := json.Unmarshal(body, &p); err != nil {
		return p, fmt.Errorf("the daemon's answer: %w", err)
	}
	return p, nil
}

func (c *Client) ask(verb string, patience time.Duration) ([]byte, error) {
	if err := c.nc.SetDeadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	defer c.nc.SetDeadline(time.Time{})
	if _, err := c.nc.Write(protocol.AppendFrame(nil, &protocol.Control{Verb: verb})); err != nil {
		return nil, err
	}
	t, p, err := protocol.ReadFrame(c.nc, nil)
	if err != nil {
		return nil, err
	}
	if t != protocol.TypeControlled {
		return nil, errors.New("no daemon of ours answers at the socket")
	}
	m, err := protocol.ParseControlled(p)
	if err != nil {
		return nil, err
	}
	if !m.OK {
		return nil, errors.New(string(m.Body))
	}
	return m.Body, nil
}
