package daemon

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/compile-cache/compile-cache-action/internal/cache/cachetest"
	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/protocol"
)

// shared is a store whose publication does what the test says.
type shared struct {
	cachetest.Memory
	flush func(context.Context) error
}

func (s *shared) Flush(ctx context.Context) error { return s.flush(ctx) }

// publish asks a server as the CLI does.
func (s *testServer) publish() Publication {
	s.t.Helper()
	client := &Client{s.dial()}
	defer client.Close()
	p, err := client.Publish(context.Background())
	if err != nil {
		s.t.Fatal(err)
	}
	return p
}

func TestPublish(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, nil)
		var fails error
		flushed := 0
		s.store = &shared{flush: func(context.Context) error { flushed++; time.Sleep(10 * time.Second); return fails }}
		denied := compile.Problem{Kind: "denied", Cause: "put AccessDenied", Text: "put s3://b/x: denied", Advice: "allow it", Count: 2}
		total := Publication{}
		s.publications.totals = func() Publication { return total }
		s.start()
		total.Published = Published{Packs: 1, Results: 20, Bytes: 300}
		if diff := cmp.Diff(Publication{Published: total.Published}, s.publish()); diff != "" {
			t.Errorf("first:\n%s", diff)
		}
		// What was told is not told again.
		total.Published.Results, total.Dropped, total.Problems = 25, 4, []compile.Problem{denied}
		fails = errors.New("4 results dropped")
		want := Publication{Published: Published{Results: 5}, Dropped: 4, Problems: []compile.Problem{denied}}
		if diff := cmp.Diff(want, s.publish()); diff != "" {
			t.Errorf("second:\n%s", diff)
		}
		// The same cause, counted further.
		again := denied
		again.Text, again.Count = "put s3://b/y: denied", 3
		total.Problems = []compile.Problem{again}
		if diff := cmp.Diff(Publication{}, s.publish()); diff != "" {
			t.Errorf("third:\n%s", diff)
		}
		// Another failure for a cause that was told.
		fails = errors.New("5 results dropped")
		want = Publication{Problems: []compile.Problem{{Kind: "publish", Text: "publish: 5 results dropped", Count: 1}}}
		if diff := cmp.Diff(want, s.publish()); diff != "" {
			t.Errorf("fourth:\n%s", diff)
		}
		if diff := cmp.Diff(Publication{}, s.publish()); diff != "" {
			t.Errorf("fifth:\n%s", diff)
		}
		if flushed != 5 {
			t.Errorf("published %d times, want 5", flushed)
		}
		s.stopOnce.Do(func() { close(s.stop) })
		if err := <-s.ended; err != nil {
			t.Error(err)
		}
		if flushed != 6 {
			t.Errorf("published %d times after the end, want 6", flushed)
		}
	})
}

func TestPublishIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, nil)
		s.store = &shared{flush: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }}
		s.start()
		began := time.Now()
		p := s.publish()
		if len(p.Problems) != 1 || p.Problems[0].Kind != "unfinished" || time.Since(began) != publishFor {
			t.Errorf("publish = %+v after %s, want one problem after %s", p, time.Since(began), publishFor)
		}
		// Who does not want to wait any longer, leaves.
		client := &Client{s.dial()}
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		began = time.Now()
		if _, err := client.Publish(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Second {
			t.Errorf("Publish = %v after %s, want the end of its context after a second", err, time.Since(began))
		}
		// A server that is told to go does not wait longer than for the conversations.
		began = time.Now()
		s.stopOnce.Do(func() { close(s.stop) })
		if err := <-s.ended; err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took > publishFor+time.Second {
			t.Errorf("it ended after %s, want %s at most", took, publishFor)
		}
	})
}

func TestPublishWithoutAnythingToShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, nil)
		s.start()
		if diff := cmp.Diff(Publication{}, s.publish()); diff != "" {
			t.Error(diff)
		}
		nc := s.dial()
		if got := answer(t, nc, "publish"); got != `{"published":{"packs":0,"results":0,"bytes":0},"dropped":0}` {
			t.Errorf("answer = %s", got)
		}
		if got := answer(t, nc, "vanish"); got != `unknown command "vanish"` {
			t.Errorf("answer = %s", got)
		}
		nc.Close()
		s.stopOnce.Do(func() { close(s.stop) })
		if err := <-s.ended; err != nil {
			t.Error(err)
		}
	})
}

// answer returns the body of the answer to a verb.
func answer(t *testing.T, nc net.Conn, verb string) string {
	t.Helper()
	if _, err := nc.Write(protocol.AppendFrame(nil, &protocol.Control{Verb: verb})); err != nil {
		t.Fatal(err)
	}
	_, b, err := protocol.ReadFrame(bufio.NewReader(nc), nil)
	if err != nil {
		t.Fatal(err)
	}
	m, err := protocol.ParseControlled(b)
	if err != nil {
		t.Fatal(err)
	}
	if m.OK != json.Valid(m.Body) {
		t.Errorf("%s: ok is %t with %s", verb, m.OK, m.Body)
	}
	return string(m.Body)
}
