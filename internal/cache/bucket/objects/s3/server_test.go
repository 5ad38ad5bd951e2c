package s3

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

const testBucket, testPrefix, accessKey = "acme-ci", "team/cache", "AKIACANARYACCESSKEY1"

// server speaks as much S3 as the store needs, strictly: it says what it does not know, and the test fails.
type server struct {
	t         *testing.T
	anonymous bool
	headers   map[string]string // that every put must have

	// fault is asked before each request, with how many of its operation there were; an answer of it is the answer.
	fault func(op string, n int) http.HandlerFunc

	mu       sync.Mutex
	held     map[string][]byte // guarded by mu
	calls    map[string]int    // guarded by mu
	requests []*http.Request   // guarded by mu; without bodies
}

func (s *server) count(op string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[op]
}

var signedHeader = regexp.MustCompile(`^AWS4-HMAC-SHA256 Credential=` + accessKey + `/\d{8}/([a-z0-9-]+)/s3/aws4_request, SignedHeaders=([a-z0-9;-]+), Signature=[0-9a-f]{64}$`)

// answerError writes an error as S3 does.
func answerError(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/xml")
	w.Header().Set("X-Amz-Request-Id", "REQ42")
	w.WriteHeader(status)
	fmt.Fprintf(w, `<?xml version="1.0" encoding="UTF-8"?><Error><Code>%s</Code><Message>`, code)
	xml.EscapeText(w, []byte(message))
	fmt.Fprint(w, `</Message><RequestId>REQ42</RequestId></Error>`)
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	op := map[string]string{"GET": "get", "PUT": "put", "HEAD": "head"}[r.Method]
	if r.URL.Query().Has("list-type") {
		op = "list"
	}
	s.mu.Lock()
	if s.calls == nil {
		s.calls, s.held = map[string]int{}, map[string][]byte{}
	}
	n := s.calls[op]
	s.calls[op]++
	s.requests = append(s.requests, r)
	s.mu.Unlock()
	if s.fault != nil {
		if answer := s.fault(op, n); answer != nil {
			answer(w, r)
			return
		}
	}
	w.Header().Set("X-Amz-Request-Id", "REQ1")
	if message := s.wrong(r, op); message != "" {
		s.t.Errorf("%s %s: %s", r.Method, r.URL, message)
		answerError(w, http.StatusNotImplemented, "Strict", message)
		return
	}
	key := strings.TrimPrefix(r.URL.Path, "/"+testBucket+"/")
	switch op {
	case "get":
		s.get(w, r, key)
	case "put":
		s.put(w, r, key)
	case "list":
		s.list(w, r)
	}
}

// wrong says what a request should not be like.
func (s *server) wrong(r *http.Request, op string) string {
	h := r.Header
	if path := "/" + testBucket; op == "" || op == "head" || !strings.HasPrefix(r.URL.Path, path) || op != "list" && !strings.HasPrefix(r.URL.Path, path+"/"+testPrefix+"/") {
		return "not a request that is known"
	}
	if match := signedHeader.FindStringSubmatch(h.Get("Authorization")); s.anonymous != (match == nil) {
		return fmt.Sprintf("authorization %q", h.Get("Authorization"))
	} else if match != nil {
		for _, name := range []string{"host", "x-amz-content-sha256", "x-amz-date"} {
			if !slices.Contains(strings.Split(match[2], ";"), name) {
				return name + " is not signed"
			}
		}
	}
	for name := range h {
		if strings.HasPrefix(name, "X-Amz-") && !slices.Contains([]string{"X-Amz-Content-Sha256", "X-Amz-Date", "X-Amz-Security-Token"}, name) && s.headers[name] == "" {
			return "header " + name
		}
	}
	for name := range r.URL.Query() {
		if known := map[string][]string{"get": {"x-id"}, "put": {"x-id"}, "list": {"list-type", "max-keys", "prefix", "start-after"}}[op]; !slices.Contains(known, name) {
			return "parameter " + name
		}
	}
	return ""
}

func (s *server) get(w http.ResponseWriter, r *http.Request, key string) {
	s.mu.Lock()
	b, ok := s.held[key]
	s.mu.Unlock()
	if !ok {
		answerError(w, http.StatusNotFound, "NoSuchKey", "The specified key does not exist.")
		return
	}
	w.Header().Set("ETag", `"e"`)
	asked := r.Header.Get("Range")
	if asked == "" {
		w.Header().Set("Content-Length", strconv.Itoa(len(b)))
		w.Write(b)
		return
	}
	first, last, ok := strings.Cut(strings.TrimPrefix(asked, "bytes="), "-")
	from, err := strconv.ParseInt(first, 10, 64)
	to := int64(len(b)) - 1
	if last != "" && err == nil {
		var n int64
		n, err = strconv.ParseInt(last, 10, 64)
		to = min(to, n)
	}
	if !ok || err != nil || from >= int64(len(b)) {
		answerError(w, http.StatusRequestedRangeNotSatisfiable, "InvalidRange", "The requested range is not satisfiable")
		return
	}
	w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, to, len(b)))
	w.Header().Set("Content-Length", strconv.FormatInt(to-from+1, 10))
	w.WriteHeader(http.StatusPartialContent)
	w.Write(b[from : to+1])
}

func (s *server) put(w http.ResponseWriter, r *http.Request, key string) {
	b, err := io.ReadAll(r.Body)
	sum := sha256.Sum256(b)
	given := r.Header.Get("X-Amz-Content-Sha256")
	switch {
	case err != nil:
		answerError(w, http.StatusBadRequest, "IncompleteBody", err.Error())
		return
	case r.Header.Get("If-None-Match") != "*" || r.ContentLength != int64(len(b)):
		s.t.Errorf("put of %s: If-None-Match %q, Content-Length %d", key, r.Header.Get("If-None-Match"), r.ContentLength)
	case !s.anonymous && given != hex.EncodeToString(sum[:]):
		answerError(w, http.StatusBadRequest, "XAmzContentSHA256Mismatch", "The provided 'x-amz-content-sha256' header does not match what was computed.")
		return
	}
	for name, want := range s.headers {
		if got := r.Header.Get(name); got != want && (want != "SUM" || got != base64.StdEncoding.EncodeToString(sum[:])) {
			s.t.Errorf("put of %s: %s = %q, want %q", key, name, got, want)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.held[key]; ok {
		answerError(w, http.StatusPreconditionFailed, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold")
		return
	}
	s.held[key] = b
	w.Header().Set("ETag", `"e"`)
}

func (s *server) list(w http.ResponseWriter, r *http.Request) {
	type object struct {
		Key  string
		Size int
	}
	q := r.URL.Query()
	limit, err := strconv.Atoi(q.Get("max-keys"))
	if err != nil || limit < 1 || limit > 1000 {
		s.t.Errorf("max-keys %q", q.Get("max-keys"))
	}
	var result struct {
		XMLName     xml.Name `xml:"ListBucketResult"`
		Name        string
		Prefix      string
		MaxKeys     int
		IsTruncated bool
		Contents    []object
	}
	result.Name, result.Prefix, result.MaxKeys = testBucket, q.Get("prefix"), limit
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, key := range slices.Sorted(maps.Keys(s.held)) {
		switch {
		case !strings.HasPrefix(key, q.Get("prefix")) || key <= q.Get("start-after"):
		case len(result.Contents) == limit:
			result.IsTruncated = true
		default:
			result.Contents = append(result.Contents, object{key, len(s.held[key])})
		}
	}
	w.Header().Set("Content-Type", "application/xml")
	xml.NewEncoder(w).Encode(result)
}

// reset ends a connection with a RST, after written.
func reset(written string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		c, out, err := w.(http.Hijacker).Hijack()
		if err != nil {
			panic(err)
		}
		out.WriteString(written)
		out.Flush()
		if tcp, ok := c.(*net.TCPConn); ok && written == "" {
			tcp.SetLinger(0)
		}
		c.Close()
	}
}

// inProcess carries requests to a handler without a network, for tests with a clock of their own.
type inProcess struct{ http.Handler }

func (p inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body == nil {
		r.Body = http.NoBody
	}
	defer r.Body.Close()
	w := httptest.NewRecorder()
	w.Header().Set("Date", time.Now().UTC().Format(http.TimeFormat))
	p.ServeHTTP(w, r)
	return w.Result(), nil
}
