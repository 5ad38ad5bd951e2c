package realm

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	stdlog "log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Front stands before a server: it logs what is asked and answered, and plays faults. Requests reach the server unchanged, so
// their signatures hold.
type Front struct {
	URL string

	// Observe, where set, sees the answers that have a body of text. It is set before the first request.
	Observe func(r *http.Request, status int, body []byte)

	listener net.Listener
	server   *http.Server
	mu       sync.Mutex
	log      []*Request // in order of arrival
	faults   []*Fault
}

// Request is one request and its answer.
type Request struct {
	At       time.Time
	Method   string
	Path     string // /BUCKET/KEY
	Query    url.Values
	Range    string
	IfNone   string // If-None-Match
	Access   string // the access key that it is signed with; "" where it is not
	Received int64  // bytes of its body, as it says
	Status   int    // 0 while it is not answered
	Sent     int64  // bytes of the answer's body
	Fault    string // that was played on it
}

// Kind is what a request to S3 is counted as: get, list, put or other.
func (r *Request) Kind() string {
	switch {
	case r.Method == http.MethodGet && r.Query.Has("list-type"):
		return "list"
	case r.Method == http.MethodGet:
		return "get"
	case r.Method == http.MethodPut:
		return "put"
	}
	return "other"
}

// NewFront serves on a listener in front of what dial connects to. With a configuration it speaks TLS.
func NewFront(l net.Listener, config *tls.Config, dial func(context.Context) (net.Conn, error)) *Front {
	f := &Front{URL: "http://" + l.Addr().String(), listener: l}
	if config != nil {
		l, f.URL = tls.NewListener(l, config), "https://"+l.Addr().String()
	}
	quiet := stdlog.New(io.Discard, "", 0) // faults are meant
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host = "http", "upstream.test"
			r.Out.Host = r.In.Host // it is signed
		},
		Transport: &http.Transport{
			DialContext:        func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) },
			DisableCompression: true, MaxIdleConnsPerHost: 64,
		},
		ModifyResponse: f.change,
		ErrorLog:       quiet,
	}
	f.server = &http.Server{ErrorLog: quiet, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		entry, fault := f.arrive(r)
		c := &counter{ResponseWriter: w, front: f, request: entry}
		if fault != nil && fault.answer != nil {
			fault.fired.Add(1)
			fault.answer(c, r)
			return
		}
		if fault != nil && fault.before != nil {
			fault.fired.Add(1)
			fault.before()
		}
		proxy.ServeHTTP(c, r.WithContext(context.WithValue(r.Context(), faultKey{}, fault)))
	})}
	go func() { _ = f.server.Serve(l) }()
	return f
}

type faultKey struct{}

// Close ends it, and what it serves.
func (f *Front) Close() { _ = f.server.Close() }

// Host is where it listens.
func (f *Front) Host() string { return f.listener.Addr().String() }

// Play plays faults from now on, and only these. Of those that apply to a request, the first is played.
func (f *Front) Play(faults ...*Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults = faults
}

// Requests returns what was asked so far.
func (f *Front) Requests() []Request {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := make([]Request, len(f.log))
	for i, r := range f.log {
		all[i] = *r
	}
	return all
}

// arrive logs a request and chooses its fault.
func (f *Front) arrive(r *http.Request) (*Request, *Fault) {
	entry := &Request{
		At: time.Now(), Method: r.Method, Path: r.URL.Path, Query: r.URL.Query(), Range: r.Header.Get("Range"),
		IfNone: r.Header.Get("If-None-Match"), Access: accessKey(r.Header.Get("Authorization")), Received: max(r.ContentLength, 0),
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.log = append(f.log, entry)
	for _, fault := range f.faults {
		if fault.applies(entry) {
			entry.Fault = fault.Name
			return entry, fault
		}
	}
	return entry, nil
}

// accessKey is the access key that a request is signed with.
func accessKey(authorization string) string {
	_, rest, _ := strings.Cut(authorization, "Credential=")
	key, _, _ := strings.Cut(rest, "/")
	return key
}

// change plays the faults that begin with what the server answered.
func (f *Front) change(resp *http.Response) error {
	if kind := resp.Header.Get("Content-Type"); f.Observe != nil && (strings.Contains(kind, "xml") || strings.HasPrefix(kind, "text/")) {
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil {
			return err
		}
		resp.Body = io.NopCloser(bytes.NewReader(body))
		f.Observe(resp.Request, resp.StatusCode, body)
	}
	if fault, _ := resp.Request.Context().Value(faultKey{}).(*Fault); fault != nil && fault.change(resp) {
		fault.fired.Add(1)
	}
	return nil
}

// counter notes what is answered.
type counter struct {
	http.ResponseWriter
	front   *Front
	request *Request
}

func (c *counter) WriteHeader(status int) {
	c.front.mu.Lock()
	c.request.Status = status
	c.front.mu.Unlock()
	c.ResponseWriter.WriteHeader(status)
}

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.ResponseWriter.Write(b)
	c.front.mu.Lock()
	if c.request.Status == 0 {
		c.request.Status = http.StatusOK
	}
	c.request.Sent += int64(n)
	c.front.mu.Unlock()
	return n, err
}

// Unwrap is for http.ResponseController.
func (c *counter) Unwrap() http.ResponseWriter { return c.ResponseWriter }
