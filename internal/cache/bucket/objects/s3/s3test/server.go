// Package s3test is a strict server that speaks as much S3 as package s3 needs: it says what it does not know.
package s3test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Server is one bucket. Its fields are set before it is used; its methods may be called from many goroutines.
type Server struct {
	Bucket, Prefix, AccessKey string

	Errorf    func(format string, args ...any) // is told of each request that no store of ours makes; nil: only the requester is
	Anonymous bool                             // requests are not signed
	Headers   map[string]string                // that every put must have; "SUM" is the SHA-256 of the body in base64
	Probes    bool                             // deletes, and puts without If-None-Match, are known too

	// Allow is the bucket's policy; nil allows all. op is "get", "put", "overwrite" (a put without If-None-Match), "delete" or "list", and
	// name the key or prefix below Prefix.
	Allow func(op, name string) bool

	// Fault is asked before each request, with how many of its operation there were; an answer of it is the answer.
	Fault func(op string, n int) http.HandlerFunc

	mu       sync.Mutex
	held     map[string][]byte // guarded by mu
	calls    map[string]int    // guarded by mu
	requests []*http.Request   // guarded by mu; without bodies
}

// Count returns how many requests there were of "get", "put", "list", "delete" or "head".
func (s *Server) Count(op string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[op]
}

// Requests returns all requests so far, without their bodies.
func (s *Server) Requests() []*http.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// Names returns the names of all objects below Prefix, in order.
func (s *Server) Names() (names []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, key := range slices.Sorted(maps.Keys(s.held)) {
		names = append(names, s.name(key))
	}
	return names
}

// Hold makes an object of any name below Prefix.
func (s *Server) Hold(name string, body []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held == nil {
		s.held = map[string][]byte{}
	}
	s.held[s.key(name)] = body
}

// Drop removes an object.
func (s *Server) Drop(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.held, s.key(name))
}

// key is a name with the prefix.
func (s *Server) key(name string) string { return strings.TrimPrefix(s.Prefix+"/"+name, "/") }

// name is a key without the prefix.
func (s *Server) name(key string) string {
	return strings.TrimPrefix(strings.TrimPrefix(key, s.Prefix), "/")
}

var signedHeader = regexp.MustCompile(`^AWS4-HMAC-SHA256 Credential=([A-Za-z0-9]+)/\d{8}/([a-z0-9-]+)/s3/aws4_request, SignedHeaders=([a-z0-9;-]+), Signature=[0-9a-f]{64}$`)

// AnswerError writes an error as S3 does.
func AnswerError(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/xml")
	w.Header().Set("X-Amz-Request-Id", "REQ42")
	w.WriteHeader(status)
	fmt.Fprintf(w, `<?xml version="1.0" encoding="UTF-8"?><Error><Code>%s</Code><Message>`, code)
	_ = xml.EscapeText(w, []byte(message))
	fmt.Fprint(w, `</Message><RequestId>REQ42</RequestId></Error>`)
}

// errorf tells of a request that should not have been made.
func (s *Server) errorf(format string, args ...any) {
	if s.Errorf != nil {
		s.Errorf(format, args...)
	}
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	op := map[string]string{"GET": "get", "PUT": "put", "HEAD": "head", "DELETE": "delete"}[r.Method]
	if r.URL.Query().Has("list-type") {
		op = "list"
	}
	s.mu.Lock()
	if s.calls == nil {
		s.calls = map[string]int{}
	}
	if s.held == nil {
		s.held = map[string][]byte{}
	}
	n := s.calls[op]
	s.calls[op]++
	s.requests = append(s.requests, r)
	s.mu.Unlock()
	if s.Fault != nil {
		if answer := s.Fault(op, n); answer != nil {
			answer(w, r)
			return
		}
	}
	w.Header().Set("X-Amz-Request-Id", "REQ1")
	if message := s.wrong(r, op); message != "" {
		s.errorf("%s %s: %s", r.Method, r.URL, message)
		AnswerError(w, http.StatusNotImplemented, "Strict", message)
		return
	}
	key := strings.TrimPrefix(r.URL.Path, "/"+s.Bucket+"/")
	if !s.allowed(r, op, key) {
		AnswerError(w, http.StatusForbidden, "AccessDenied", "Access Denied")
		return
	}
	switch op {
	case "get":
		s.get(w, r, key)
	case "put":
		s.put(w, r, key)
	case "list":
		s.list(w, r)
	case "delete":
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.held, key)
		w.WriteHeader(http.StatusNoContent)
	}
}

// allowed asks the policy.
func (s *Server) allowed(r *http.Request, op, key string) bool {
	switch {
	case s.Allow == nil:
		return true
	case op == "list":
		key = r.URL.Query().Get("prefix")
	case op == "put" && r.Header.Get("If-None-Match") == "":
		op = "overwrite"
	}
	return s.Allow(op, s.name(key))
}

// wrong says what a request should not be like.
func (s *Server) wrong(r *http.Request, op string) string {
	h := r.Header
	path, below := "/"+s.Bucket, "/"+s.Bucket+"/"
	if s.Prefix != "" {
		below += s.Prefix + "/"
	}
	if op == "" || op == "head" || op == "delete" && !s.Probes || !strings.HasPrefix(r.URL.Path, path) || op != "list" && !strings.HasPrefix(r.URL.Path, below) {
		return "not a request that is known"
	}
	match := signedHeader.FindStringSubmatch(h.Get("Authorization"))
	if s.Anonymous != (match == nil) || match != nil && match[1] != s.AccessKey {
		return "not signed as it should be" // the header is not shown: it may be a secret's
	} else if match != nil {
		for _, name := range []string{"host", "x-amz-content-sha256", "x-amz-date"} {
			if !slices.Contains(strings.Split(match[3], ";"), name) {
				return name + " is not signed"
			}
		}
	}
	for name := range h {
		if strings.HasPrefix(name, "X-Amz-") && !slices.Contains([]string{"X-Amz-Content-Sha256", "X-Amz-Date", "X-Amz-Security-Token"}, name) && s.Headers[name] == "" {
			return "header " + name
		}
	}
	for name := range r.URL.Query() {
		if known := map[string][]string{"get": {"x-id"}, "put": {"x-id"}, "delete": {"x-id"}, "list": {"list-type", "max-keys", "prefix", "start-after"}}[op]; !slices.Contains(known, name) {
			return "parameter " + name
		}
	}
	return ""
}

func (s *Server) get(w http.ResponseWriter, r *http.Request, key string) {
	s.mu.Lock()
	b, ok := s.held[key]
	s.mu.Unlock()
	if !ok {
		AnswerError(w, http.StatusNotFound, "NoSuchKey", "The specified key does not exist.")
		return
	}
	w.Header().Set("ETag", `"e"`)
	asked := r.Header.Get("Range")
	if asked == "" {
		w.Header().Set("Content-Length", strconv.Itoa(len(b)))
		_, _ = w.Write(b)
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
		AnswerError(w, http.StatusRequestedRangeNotSatisfiable, "InvalidRange", "The requested range is not satisfiable")
		return
	}
	w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, to, len(b)))
	w.Header().Set("Content-Length", strconv.FormatInt(to-from+1, 10))
	w.WriteHeader(http.StatusPartialContent)
	_, _ = w.Write(b[from : to+1])
}

func (s *Server) put(w http.ResponseWriter, r *http.Request, key string) {
	b, err := io.ReadAll(r.Body)
	sum := sha256.Sum256(b)
	given := r.Header.Get("X-Amz-Content-Sha256")
	switch {
	case err != nil:
		AnswerError(w, http.StatusBadRequest, "IncompleteBody", err.Error())
		return
	case r.Header.Get("If-None-Match") != "*" && (!s.Probes || r.Header.Get("If-None-Match") != "") || r.ContentLength != int64(len(b)):
		s.errorf("put of %s: If-None-Match %q, Content-Length %d", key, r.Header.Get("If-None-Match"), r.ContentLength)
	case !s.Anonymous && given != hex.EncodeToString(sum[:]):
		AnswerError(w, http.StatusBadRequest, "XAmzContentSHA256Mismatch", "The provided 'x-amz-content-sha256' header does not match what was computed.")
		return
	}
	for name, want := range s.Headers {
		if got := r.Header.Get(name); got != want && (want != "SUM" || got != base64.StdEncoding.EncodeToString(sum[:])) {
			s.errorf("put of %s: %s = %q, want %q", key, name, got, want)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.held[key]; ok && r.Header.Get("If-None-Match") != "" {
		AnswerError(w, http.StatusPreconditionFailed, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold")
		return
	}
	s.held[key] = b
	w.Header().Set("ETag", `"e"`)
}

func (s *Server) list(w http.ResponseWriter, r *http.Request) {
	type object struct {
		Key  string
		Size int
	}
	q := r.URL.Query()
	limit, err := strconv.Atoi(q.Get("max-keys"))
	if err != nil || limit < 1 || limit > 1000 {
		s.errorf("max-keys %q", q.Get("max-keys"))
	}
	var result struct {
		XMLName     xml.Name `xml:"ListBucketResult"`
		Name        string
		Prefix      string
		MaxKeys     int
		IsTruncated bool
		Contents    []object
	}
	result.Name, result.Prefix, result.MaxKeys = s.Bucket, q.Get("prefix"), limit
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
	_ = xml.NewEncoder(w).Encode(result)
}
