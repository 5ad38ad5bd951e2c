package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// traffic is what a store was asked for and how much of bodies went where.
type traffic struct{ requests, down, up int64 }

// httpStore keeps what is PUT in memory: the remote storage that ccache speaks to.
type httpStore struct {
	server   *http.Server
	listener net.Listener
	done     chan error

	mu    sync.Mutex // guards what follows
	blobs map[string][]byte
	seen  traffic
}

func newHTTPStore() (*httpStore, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &httpStore{listener: listener, done: make(chan error, 1), blobs: map[string][]byte{}}
	s.server = &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second}
	go func() { s.done <- s.server.Serve(listener) }()
	return s, nil
}

func (s *httpStore) address() string { return s.listener.Addr().String() }

func (s *httpStore) close() {
	_ = s.server.Close()
	<-s.done
}

// count is how many blobs there are.
func (s *httpStore) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.blobs)
}

// taken is the traffic since it was last asked for.
func (s *httpStore) taken() traffic {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := s.seen
	s.seen = traffic{}
	return seen
}

// ServeHTTP answers GET, HEAD, PUT and DELETE.
func (s *httpStore) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	answer, status := s.answer(r.Method, r.URL.Path, body)
	w.WriteHeader(status)
	_, _ = w.Write(answer)
}

func (s *httpStore) answer(method, name string, body []byte) (answer []byte, status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen.requests++
	blob, found := s.blobs[name]
	switch method {
	case http.MethodPut:
		s.blobs[name] = body
		s.seen.up += int64(len(body))
	case http.MethodDelete:
		delete(s.blobs, name)
	case http.MethodHead, http.MethodGet:
		if !found {
			return nil, http.StatusNotFound
		}
		if method == http.MethodGet {
			s.seen.down += int64(len(blob))
			return blob, http.StatusOK
		}
	default:
		return nil, http.StatusMethodNotAllowed
	}
	return nil, http.StatusOK
}

// s3Server is where buckets are. It speaks HTTP without TLS, so that a link may lie in front of it.
type s3Server struct {
	address string // host and port
	bucket  string // and a prefix, perhaps
	env     []string
	name    string // for people

	cmd *exec.Cmd // nil for one that we did not start
	log *os.File
}

// Of the server that the benchmark starts.
const (
	s3Patience = 20 * time.Second
	s3Region   = "us-east-1" // versitygw's, unless told otherwise
	s3Bucket   = "bench"
	s3Access   = "BENCHACCESSKEY"
	s3Secret   = "of-a-server-that-lives-as-long-as-the-benchmark"
)

// findS3 returns the server that was named, or starts one.
func (s *suite) findS3(ctx context.Context) (*s3Server, error) {
	if s.S3 == "" {
		return s.startS3(ctx)
	}
	u, err := url.Parse(s.S3)
	if err != nil || u.Scheme != "http" || u.Port() == "" || strings.Trim(u.Path, "/") == "" {
		return nil, fmt.Errorf("S3 server %q: want http://HOST:PORT/BUCKET", s.S3)
	}
	if getenv(s.env, "AWS_ACCESS_KEY_ID") == "" || getenv(s.env, "AWS_SECRET_ACCESS_KEY") == "" {
		return nil, errors.New("an S3 server is named, but AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set")
	}
	// A prefix of this run: what others published must not be found, and nothing is deleted.
	prefix := fmt.Sprintf("bench-%d", s.Now().UnixNano())
	return &s3Server{address: u.Host, bucket: strings.Trim(u.Path, "/") + "/" + prefix, name: u.Host}, nil
}

// startS3 starts versitygw with its files below the run's directory.
func (s *suite) startS3(ctx context.Context) (*s3Server, error) {
	program := s.Versitygw
	if program == "" {
		program = s.lookPath("versitygw")
	}
	if program == "" {
		return nil, errors.New("no S3 server: name a running one, or a versitygw to start")
	}
	dir, err := s.directory("s3")
	if err != nil {
		return nil, err
	}
	root, sidecar := filepath.Join(dir, "buckets"), filepath.Join(dir, "sidecar")
	for _, d := range []string{filepath.Join(root, s3Bucket), sidecar} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return nil, err
		}
	}
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	server := &s3Server{
		address: address, bucket: s3Bucket, name: "versitygw",
		env: []string{"AWS_ACCESS_KEY_ID=" + s3Access, "AWS_SECRET_ACCESS_KEY=" + s3Secret, "AWS_SESSION_TOKEN="},
	}
	if server.log, err = os.Create(filepath.Join(dir, "log")); err != nil {
		return nil, err
	}
	server.cmd = exec.Command(program, "--quiet", "--port", address, "--region", s3Region, "--health", "/healthz",
		"--access", s3Access, "--secret", s3Secret, "posix", "--sidecar", sidecar, root)
	server.cmd.Env, server.cmd.Dir, server.cmd.Stdout, server.cmd.Stderr = s.env, dir, server.log, server.log
	if err := server.cmd.Start(); err != nil {
		server.log.Close()
		return nil, fmt.Errorf("start versitygw: %w", err)
	}
	if err := server.wait(ctx, s.Now); err != nil {
		said, _ := os.ReadFile(server.log.Name())
		server.stop()
		return nil, fmt.Errorf("start versitygw: %w\n%s", err, said[max(0, len(said)-maxMessages):])
	}
	return server, nil
}

// freeAddress returns a port that nobody listens at now.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// wait waits until the server says that it is well.
func (s *s3Server) wait(ctx context.Context, now func() time.Time) error {
	client := &http.Client{Timeout: time.Second}
	for end := now().Add(s3Patience); ; {
		resp, err := client.Get("http://" + s.address + "/healthz")
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
			err = fmt.Errorf("status %s", resp.Status)
		}
		if now().After(end) {
			return err
		}
		if err := sleep(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
}

// stop ends a server that we started.
func (s *s3Server) stop() {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
	s.log.Close()
}
