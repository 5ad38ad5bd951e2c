package bench

import (
	"bytes"
	"crypto/rand"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// What arrives is what was sent, however much is under way, and never sooner than the round trips it needs.
func TestLinkCarriesEverythingLater(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(w, r.Body)
	}))
	defer server.Close()
	const roundTrip = 20 * time.Millisecond
	l, err := newLink(server.Listener.Addr().String(), roundTrip)
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	sent := make([]byte, 3<<20)
	_, _ = rand.Read(sent)
	for i, trips := range []time.Duration{2, 1} {
		began := time.Now()
		resp, err := client.Post("http://"+l.address()+"/", "application/octet-stream", bytes.NewReader(sent))
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || !bytes.Equal(got, sent) {
			t.Fatalf("request %d: %d bytes and %v, want the %d sent", i, len(got), err, len(sent))
		}
		if took := time.Since(began); took < trips*roundTrip {
			t.Errorf("request %d took %v, want at least %v", i, took, trips*roundTrip)
		}
	}
}

func TestLinkEndsWithItsServer(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	l, err := newLink(listener.Addr().String(), time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := http.Get("http://" + l.address() + "/"); err == nil {
		t.Error("request to a server that is gone = nil, want an error")
	}
	l.close()
}

func TestHTTPStore(t *testing.T) {
	s, err := newHTTPStore()
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	url := "http://" + s.address() + "/ab/cd"
	do := func(method, body string) (int, string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(b)
	}
	for _, tt := range []struct {
		method, body string
		status       int
		want         string
	}{
		{"GET", "", 404, ""}, {"PUT", "one", 200, ""}, {"GET", "", 200, "one"}, {"HEAD", "", 200, ""}, {"PUT", "two", 200, ""}, {"GET", "", 200, "two"},
		{"DELETE", "", 200, ""}, {"HEAD", "", 404, ""}, {"POST", "", 405, ""},
	} {
		if status, got := do(tt.method, tt.body); status != tt.status || got != tt.want {
			t.Errorf("%s %q = %d %q, want %d %q", tt.method, tt.body, status, got, tt.status, tt.want)
		}
	}
	if got, want := s.taken(), (traffic{requests: 9, down: 6, up: 6}); got != want {
		t.Errorf("traffic = %+v, want %+v", got, want)
	}
	if got := s.taken(); got != (traffic{}) {
		t.Errorf("traffic taken twice = %+v, want none", got)
	}
}
