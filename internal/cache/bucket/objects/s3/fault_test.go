package s3

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/cache/bucket/objects"
	"github.com/compile-cache/compile-cache-action/internal/cache/bucket/objects/objectstest"
	"github.com/compile-cache/compile-cache-action/internal/cache/bucket/objects/s3/s3test"
)

// failedWith answers with an error, again and again.
func failedWith(status int, code, message string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		s3test.AnswerError(w, status, code, message)
	}
}

// raw answers with these bytes and headers ("name: value").
func raw(status int, body string, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		for _, h := range headers {
			name, value, _ := strings.Cut(h, ": ")
			w.Header().Set(name, value)
		}
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

// echo tells all that a request had, as a service or proxy may in its error.
func echo(w http.ResponseWriter, r *http.Request) {
	s3test.AnswerError(w, 403, "AccessDenied"+r.Header.Get("X-Amz-Security-Token"), fmt.Sprint("refused: ", r.Header, " ", r.URL,
		" https://user:passwordCANARY@host/?X-Amz-Signature=CANARY&X-Amz-Credential=CANARY secretCANARY0123456789"))
}

// Each fault, what comes of it, and no secret in its text. "abcdef" is stored under v1/a; gets are of the 3 bytes from 1 on.
func TestFaults(t *testing.T) {
	away := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Amz-Bucket-Region", "eu-central-1")
		s3test.AnswerError(w, 301, "PermanentRedirect", "The bucket you are attempting to access must be addressed using the specified endpoint.")
	}
	skewed := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", time.Now().Add(-3*time.Hour).UTC().Format(http.TimeFormat))
		s3test.AnswerError(w, 403, "RequestTimeTooSkewed", "The difference between the request time and the current time is too large.")
	}
	const page = "<!DOCTYPE html><html><head><title>Log in</title></head><body>Welcome</body></html>"
	const listed = `<ListBucketResult><Name>acme-ci</Name><IsTruncated>%v</IsTruncated>%s</ListBucketResult>`
	contents := func(more bool, keys ...string) string {
		text := ""
		for _, k := range keys {
			text += "<Contents><Key>" + testPrefix + "/" + k + "</Key><Size>1</Size></Contents>"
		}
		return fmt.Sprintf(listed, more, text)
	}
	for _, c := range []struct {
		name, ops string
		fault     http.HandlerFunc
		want      string // "kind code", of each of ops
		text      string // in the error's text
		calls     int    // of each of ops; 0: net/http itself repeats some
	}{
		{"access denied", "get", failedWith(403, "AccessDenied", "Access Denied"), "denied AccessDenied", "allow s3:GetObject on acme-ci/team/cache/*; if that is allowed, the object may be absent: s3:ListBucket", 1},
		{"put denied", "put", failedWith(403, "AccessDenied", "Access Denied"), "denied AccessDenied", "request id REQ42; allow s3:PutObject on acme-ci/team/cache/*", 1},
		{"list denied", "list", failedWith(403, "AccessDenied", "Access Denied"), "denied AccessDenied", "allow s3:ListBucket on acme-ci", 1},
		{"no bucket", "get put list", failedWith(404, "NoSuchBucket", "The specified bucket does not exist"), "absent NoSuchBucket", "make the bucket acme-ci", 1},
		{"404 without a code", "get", raw(404, "404 page not found"), "unexpected", "status 404", 1},
		{"other region", "get put list", away, "misplaced PermanentRedirect", "the bucket is in region eu-central-1, and us-east-1 was asked: set region=eu-central-1", 1},
		{"wrong region signed", "get put list", failedWith(400, "AuthorizationHeaderMalformed", "the region 'us-east-1' is wrong; expecting 'eu-west-3'"), "misplaced AuthorizationHeaderMalformed", "set region=eu-west-3", 1},
		{"redirect", "get put list", raw(302, "", "Location: http://127.0.0.1:1/CANARY"), "misplaced", "leads elsewhere", 1},
		{"expired", "get put list", failedWith(400, "ExpiredToken", "The provided token has expired."), "credentials ExpiredToken", "have expired", 1},
		{"unknown key", "get put list", failedWith(403, "InvalidAccessKeyId", "unknown"), "credentials InvalidAccessKeyId", "does not know the access key", 1},
		{"bad signature", "get put list", failedWith(403, "SignatureDoesNotMatch", "no match"), "credentials SignatureDoesNotMatch", "the secret key is not that of", 1},
		{"skewed", "get put list", skewed, "skewed RequestTimeTooSkewed", "s ahead of the service's: set it", 2},
		{"slow down", "get put list", failedWith(503, "SlowDown", "Please reduce your request rate."), "throttled SlowDown", "fewer requests", 3},
		{"429", "get put list", failedWith(429, "TooManyRequests", "too many"), "throttled TooManyRequests", "status 429", 3},
		{"500", "get put list", failedWith(500, "InternalError", "We encountered an internal error."), "unavailable InternalError", "", 3},
		{"502 page", "get put list", raw(502, page, "Content-Type: text/html"), "unavailable", "status 502", 3},
		{"quota", "put", failedWith(403, "QuotaExceeded", "quota"), "full QuotaExceeded", "raise the bucket's quota", 1},
		{"no conditions", "put", failedWith(501, "NotImplemented", "A header you provided implies functionality that is not implemented"), "unexpected NotImplemented", "If-None-Match", 1},
		{"portal", "get put list", raw(200, page, "Content-Type: text/html; charset=utf-8"), "unexpected HTMLPage", "a proxy, a login page", 1},
		{"portal without type", "put list", raw(200, page, "Content-Type: text/plain"), "unexpected", "not that of a store", 1},
		{"nothing", "put list", raw(200, ""), "unexpected", "not that of a store", 1},
		{"garbage", "list", raw(200, "\x00\x01<<<"), "unexpected", "", 1},
		{"garbage error", "get put list", raw(400, "\x00\x01<<<"), "unexpected", "status 400", 1},
		{"error with 200", "list", raw(200, "<Error><Code>InternalError</Code><Message>late</Message></Error>"), "unavailable InternalError", "", 3},
		{"endless error", "get put list", raw(400, "<Error><Code>"+strings.Repeat("x", maxAnswer+10)), "unexpected", "status 400", 1},
		{"reset", "get put list", reset(""), "unreachable ConnectionCut", "", 0},
		{"no http", "get put list", reset("SSH-2.0-OpenSSH_9.2\r\n"), "unexpected NotHTTP", "", 3},
		{"whole for a range", "get", raw(200, "abcdef"), "unexpected WrongRange", "status 200 for a range", 1},
		{"other range", "get", raw(206, "abc", "Content-Range: bytes 0-2/6"), "unexpected WrongRange", "asked for", 1},
		{"short range", "get", raw(206, "bc", "Content-Range: bytes 1-2/6"), "unexpected WrongRange", "asked for 3 bytes", 1},
		{"no range", "get", raw(206, "bcd"), "unexpected WrongRange", "", 1},
		{"range beyond", "get", raw(206, "bcd", "Content-Range: bytes 1-3/2"), "unexpected WrongRange", "", 1},
		{"other length", "get", raw(206, "bcde", "Content-Range: bytes 1-3/6", "Content-Length: 4"), "unexpected WrongRange", "body of 4 bytes", 1},
		{"longer body", "get", reset("HTTP/1.1 206 OK\r\nContent-Range: bytes 1-3/6\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbcde\r\n0\r\n\r\n"), "unexpected WrongRange", "longer", 1},
		{"cut body", "get", reset("HTTP/1.1 206 OK\r\nContent-Range: bytes 1-3/6\r\nContent-Length: 3\r\n\r\nb"), "unreachable ConnectionCut", "", 1},
		{"cut body of no length", "get", reset("HTTP/1.0 206 OK\r\nContent-Range: bytes 1-3/6\r\n\r\nb"), "unreachable ConnectionCut", "", 1},
		{"disorder", "list", raw(200, contents(false, "v1/b", "v1/a")), "unexpected WrongList", "not in the order", 1},
		{"twice", "list", raw(200, contents(false, "v1/a", "v1/a")), "unexpected WrongList", "not in the order", 1},
		{"other prefix", "list", raw(200, contents(false, "v2/a")), "unexpected WrongList", "asked for", 1},
		{"too many", "list", raw(200, contents(false, "v1/a", "v1/b", "v1/c", "v1/d")), "unexpected WrongList", "asked for 3", 1},
		{"more of nothing", "list", raw(200, contents(true)), "unexpected WrongList", "", 1},
		{"echo", "get put list", echo, "denied AccessDenied[redacted]", "", 1},
	} {
		for op := range strings.FieldsSeq(c.ops) {
			t.Run(c.name+"/"+op, func(t *testing.T) {
				srv, s := start(t)
				if _, err := objectstest.Put(t.Context(), s, "v1/a", "abcdef"); err != nil {
					t.Fatal(err)
				}
				before := srv.Count(op)
				srv.Fault = func(asked string, _ int) http.HandlerFunc {
					if asked == op {
						return c.fault
					}
					return nil
				}
				err := do(t.Context(), s, op)
				var e *objects.Error
				if !errors.As(err, &e) {
					t.Fatalf("error = %v, want an *objects.Error", err)
				}
				if got := string(e.Kind) + " " + e.Code; !strings.HasPrefix(got, c.want) || e.Operation != op || e.Place != "s3://acme-ci/team/cache" {
					t.Errorf("error = %q of %s %s, want %q: %v", got, e.Operation, e.Place, c.want, err)
				}
				if !strings.Contains(err.Error(), c.text) || strings.ContainsAny(err.Error(), "\n\r\x00") || len(err.Error()) > 2000 {
					t.Errorf("error = %.3000q, want one line with %q", err, c.text)
				}
				if calls := srv.Count(op) - before; calls < 1 || c.calls != 0 && calls != c.calls {
					t.Errorf("%d requests, want %d", calls, c.calls)
				}
				noSecrets(t, srv, err)
			})
		}
	}
}

// do makes one call of an operation.
func do(ctx context.Context, s *Store, op string) error {
	var err error
	switch op {
	case "get":
		_, err = objectstest.Read(ctx, s, "v1/a", 1, 3)
	case "put":
		_, err = objectstest.Put(ctx, s, "v1/new", "new")
	case "list":
		_, err = s.List(ctx, "v1/", "", 3)
	}
	return err
}

// noSecrets looks into an error and all that it wraps.
func noSecrets(t *testing.T, srv *s3test.Server, err error) {
	t.Helper()
	secrets := []string{"CANARY"}
	for _, r := range srv.Requests() {
		if _, signature, ok := strings.Cut(r.Header.Get("Authorization"), "Signature="); ok {
			secrets = append(secrets, signature)
		}
	}
	for ; err != nil; err = errors.Unwrap(err) {
		for _, text := range []string{fmt.Sprintf("%v", err), fmt.Sprintf("%+v", err), fmt.Sprintf("%#v", err)} {
			for _, secret := range secrets {
				if strings.Contains(text, secret) {
					t.Errorf("%q is in %s", secret, text)
				}
			}
		}
	}
}

// A stumble is passed over; a conflict is asked again, and then what is there decides.
func TestRepeats(t *testing.T) {
	conflict := failedWith(409, conditionalConflict, "The conditional request cannot succeed due to a conflicting operation")
	for _, c := range []struct {
		name   string
		fault  http.HandlerFunc
		times  int
		exists bool
		want   string
	}{
		{"slow down once", failedWith(503, "SlowDown", "slow"), 1, false, "stored"},
		{"reset twice", reset(""), 2, false, "stored"},
		{"conflict once", conflict, 1, false, "stored"},
		{"conflict, then there", conflict, 1, true, "existed"},
		{"conflict for ever, there", conflict, 100, true, "existed"},
		{"conflict for ever, not there", conflict, 100, false, "unavailable"},
	} {
		t.Run(c.name, func(t *testing.T) {
			srv, s := start(t)
			if c.exists {
				if _, err := objectstest.Put(t.Context(), s, "v1/new", "old"); err != nil {
					t.Fatal(err)
				}
			}
			before := srv.Count("put")
			srv.Fault = func(op string, n int) http.HandlerFunc {
				if op == "put" && n < before+c.times {
					return c.fault
				}
				return nil
			}
			got := "stored"
			stored, err := objectstest.Put(t.Context(), s, "v1/new", "new")
			var e *objects.Error
			switch {
			case errors.As(err, &e):
				got = string(e.Kind)
			case err != nil:
				got = err.Error()
			case stored.Existed:
				got = "existed"
			}
			if got != c.want || srv.Count("put")-before != min(c.times+1, 3) {
				t.Errorf("Put = %s after %d requests, want %s", got, srv.Count("put")-before, c.want)
			}
		})
	}
}

// A service that wants to be asked in an hour is not waited for: by the bubble's clock, which runs when all wait.
func TestRetryAfter(t *testing.T) {
	for _, header := range []string{"Retry-After: 3600", "X-Amz-Retry-After: 3600000"} {
		synctest.Test(t, func(t *testing.T) {
			srv := strict(t)
			srv.Fault = func(string, int) http.HandlerFunc { return raw(429, "", header) }
			s := open(t, Options{
				Bucket: testBucket, Endpoint: "https://store.test", Credentials: keys, Now: time.Now,
				HTTPClient: &http.Client{Transport: inProcess{srv}},
			})
			for _, op := range []string{"get", "put", "list"} {
				began := time.Now()
				err := do(t.Context(), s, op)
				var e *objects.Error
				if !errors.As(err, &e) || e.Kind != objects.Throttled || srv.Count(op) != 3 {
					t.Errorf("%s with %s = %v after %d requests, want throttled after 3", op, header, err, srv.Count(op))
				}
				if took := time.Since(began); took > 2*time.Second || took == 0 {
					t.Errorf("%s with %s waited %v, want at most 2s", op, header, took)
				}
			}
		})
	}
}

func TestUnreachable(t *testing.T) {
	tlsServer := httptest.NewUnstartedServer(strict(t))
	tlsServer.Config.ErrorLog = log.New(io.Discard, "", 0) // it complains of clients that do as they are told
	tlsServer.StartTLS()
	t.Cleanup(tlsServer.Close)
	plain := httptest.NewServer(strict(t))
	t.Cleanup(plain.Close)
	closed := httptest.NewServer(nil)
	closed.Close()
	for _, c := range []struct{ name, endpoint, want, text string }{
		{"refused", closed.URL, "unreachable ConnectionRefused", "nothing listens there"},
		{"no such host", "https://no-such-host.invalid", "unreachable NameNotFound", "host's name"},
		{"unknown authority", tlsServer.URL, "unreachable UnknownAuthority", "ca=/path/file.pem"},
		{"no tls", strings.Replace(plain.URL, "http:", "https:", 1), "unreachable NotTLS", "http:// in endpoint="},
		{"tls unasked", strings.Replace(tlsServer.URL, "https:", "http:", 1), "unexpected", ""},
	} {
		s := open(t, Options{Bucket: testBucket, Endpoint: c.endpoint, Credentials: keys, Now: time.Now, backoff: atOnce})
		for _, op := range []string{"get", "put", "list"} {
			err := do(t.Context(), s, op)
			var e *objects.Error
			if !errors.As(err, &e) || !strings.HasPrefix(string(e.Kind)+" "+e.Code, c.want) || !strings.Contains(err.Error(), c.text) {
				t.Errorf("%s: %s = %v, want %s with %q", c.name, op, err, c.want, c.text)
			}
		}
	}
	// With the authority's certificate it is reached.
	bundle := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: tlsServer.Certificate().Raw})
	s := open(t, Options{Bucket: testBucket, Prefix: testPrefix, Endpoint: tlsServer.URL, Credentials: keys, Now: time.Now, CABundle: bundle})
	if err := do(t.Context(), s, "put"); err != nil {
		t.Errorf("put with ca = %v", err)
	}
}
