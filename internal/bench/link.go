package bench

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// link is a way to a server on which everything takes time, as on one across a network: a connection takes one round trip until
// its first byte leaves, and every byte half a round trip in each direction. So a request over a held connection takes one round
// trip, one over a new connection two, and what is sent without waiting for an answer travels together. It limits no
// bandwidth and knows neither TLS nor slow starts, which on a real network come on top.
type link struct {
	listener  net.Listener
	target    string
	roundTrip time.Duration
	down, up  atomic.Int64 // bytes from and to the target so far

	mu     sync.Mutex // guards conns and closed
	conns  map[net.Conn]bool
	closed bool
	busy   sync.WaitGroup
}

// chunk is what was read at once. At the end of a stream it is empty.
type chunk struct {
	due  time.Time
	data []byte
}

// A direction of a connection holds as much as is under way: at 80 ms and 400 MB/s, 16 MB.
const (
	chunkSize   = 32 << 10
	chunksOnWay = 1024
)

// newLink listens on a port of its own on the loopback interface.
func newLink(target string, roundTrip time.Duration) (*link, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	l := &link{listener: listener, target: target, roundTrip: roundTrip, conns: map[net.Conn]bool{}}
	l.busy.Go(l.accept)
	return l, nil
}

// address is where to connect to.
func (l *link) address() string { return l.listener.Addr().String() }

// close cuts all connections and waits for their ends.
func (l *link) close() {
	l.mu.Lock()
	l.closed = true
	for c := range l.conns {
		c.Close()
	}
	l.mu.Unlock()
	l.listener.Close()
	l.busy.Wait()
}

func (l *link) accept() {
	for {
		near, err := l.listener.Accept()
		if err != nil {
			return
		}
		l.busy.Go(func() { l.carry(near.(*net.TCPConn)) })
	}
}

// track keeps a connection to be cut by close; it reports false where that has begun.
func (l *link) track(c net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	l.conns[c] = true
	return true
}

func (l *link) forget(c net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.conns, c)
	c.Close()
}

// carry carries one connection until both directions have ended.
func (l *link) carry(near *net.TCPConn) {
	open := time.Now().Add(l.roundTrip)
	defer l.forget(near)
	if !l.track(near) {
		return
	}
	c, err := new(net.Dialer).DialContext(context.Background(), "tcp", l.target)
	if err != nil {
		return
	}
	far := c.(*net.TCPConn)
	defer l.forget(far)
	if !l.track(far) {
		return
	}
	var both sync.WaitGroup
	both.Go(func() { l.copy(far, near, open, &l.up) })
	both.Go(func() { l.copy(near, far, open, &l.down) })
	both.Wait()
}

// copy sends on what it reads, and counts, half a round trip after it came, and at the earliest as if it had come when the connection was open.
func (l *link) copy(to, from *net.TCPConn, open time.Time, moved *atomic.Int64) {
	way := make(chan chunk, chunksOnWay)
	var sender sync.WaitGroup
	sender.Go(func() {
		failed := false
		for c := range way {
			if failed {
				continue
			}
			time.Sleep(time.Until(c.due))
			if len(c.data) == 0 {
				_ = to.CloseWrite()
			} else if _, err := to.Write(c.data); err != nil {
				// Nobody reads any more: the other side is to learn that.
				failed = true
				from.Close()
			}
		}
	})
	for {
		buffer := make([]byte, chunkSize)
		n, err := from.Read(buffer)
		came := time.Now()
		if came.Before(open) {
			came = open
		}
		if n > 0 {
			moved.Add(int64(n))
			way <- chunk{came.Add(l.roundTrip / 2), buffer[:n]}
		}
		if err != nil {
			if errors.Is(err, io.EOF) {
				way <- chunk{due: came.Add(l.roundTrip / 2)}
			} else {
				to.Close()
			}
			break
		}
	}
	close(way)
	sender.Wait()
}
