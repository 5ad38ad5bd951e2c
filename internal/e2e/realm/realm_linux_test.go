package realm_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"

	"github.com/compile-cache/compile-cache-action/internal/e2e/realm"
	"github.com/compile-cache/compile-cache-action/internal/e2e/workplace"
)

// tool builds a tool of this module, where it is not built yet, and returns its path.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := workplace.Tool(name)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// front puts a front before a gateway, on loopback.
func front(t *testing.T, g *realm.Gateway) *realm.Front {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := realm.NewFront(l, nil, g.Dial)
	t.Cleanup(f.Close)
	return f
}

// gateway starts a gateway with one bucket.
func gateway(t *testing.T) *realm.Gateway {
	t.Helper()
	g, err := realm.StartGateway(tool(t, "versitygw"), t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Close)
	if _, err := g.CreateBucket(t.Context(), realm.Bucket); err != nil {
		t.Fatal(err)
	}
	return g
}

func client(g *realm.Gateway, url string) *s3.Client {
	return realm.S3(credentials.NewStaticCredentialsProvider(g.Access, g.Secret, ""), url, nil, nil)
}

func put(t *testing.T, c *s3.Client, key, text string) error {
	t.Helper()
	_, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String(realm.Bucket), Key: &key, Body: strings.NewReader(text), IfNoneMatch: aws.String("*")})
	return err
}

func get(t *testing.T, c *s3.Client, key, ranged string) (string, error) {
	t.Helper()
	in := &s3.GetObjectInput{Bucket: aws.String(realm.Bucket), Key: &key}
	if ranged != "" {
		in.Range = &ranged
	}
	out, err := c.GetObject(t.Context(), in)
	if err != nil {
		return "", err
	}
	defer out.Body.Close()
	b, err := io.ReadAll(out.Body)
	return string(b), err
}

func code(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

func message(err error) string {
	if err != nil {
		return err.Error()
	}
	return ""
}

// The server keeps what is said of S3: write once, ranges, order; and its objects are files.
func TestGatewayIsS3(t *testing.T) {
	g := gateway(t)
	f := front(t, g)
	c := client(g, f.URL)
	if err := put(t, c, "v1/a", "0123456789"); err != nil {
		t.Fatal(err)
	}
	if got := code(put(t, c, "v1/a", "other")); got != "PreconditionFailed" {
		t.Errorf("second put = %q, want PreconditionFailed", got)
	}
	if got, err := get(t, c, "v1/a", "bytes=2-4"); got != "234" || err != nil {
		t.Errorf("get of a range = %q, %v, want 234", got, err)
	}
	if b, err := os.ReadFile(filepath.Join(g.Root, realm.Bucket, "v1", "a")); string(b) != "0123456789" {
		t.Errorf("the file has %q, %v", b, err)
	}
	wrong := realm.S3(credentials.NewStaticCredentialsProvider(g.Access, "wrong", ""), f.URL, nil, nil)
	if _, err := get(t, wrong, "v1/a", ""); code(err) != "SignatureDoesNotMatch" {
		t.Errorf("get with a wrong key = %q, want SignatureDoesNotMatch", code(err))
	}
	var kinds []string
	for _, r := range f.Requests() {
		kinds = append(kinds, r.Kind()+" "+http.StatusText(r.Status))
	}
	want := "put OK, put Precondition Failed, get Partial Content, get Forbidden"
	if got := strings.Join(kinds, ", "); got != want {
		t.Errorf("requests = %s, want %s", got, want)
	}
}

// Each fault of a front does to a client what its name says, and counts.
func TestFaultsFire(t *testing.T) {
	g := gateway(t)
	f := front(t, g)
	c := client(g, f.URL)
	text := strings.Repeat("0123456789", 1000)
	if err := put(t, c, "v1/a", text); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		fault *realm.Fault
		want  string // code or end of the error, or the text that is got
	}{
		{realm.SlowDown(), "SlowDown"},
		{realm.TooManyRequests(3600), "TooManyRequests"},
		{realm.Broken(), "InternalError"},
		{realm.AccessDenied(), "AccessDenied"},
		{realm.ExpiredToken(), "ExpiredToken"},
		{realm.Skewed(20 * time.Minute), "RequestTimeTooSkewed"},
		{realm.Portal(), "<!DOCTYPE html><html><body>Welcome! Please accept our terms.</body></html>"},
		{realm.Garbage(), "\r\x14\x1b"},
		{realm.FlippedBit(0), " 12"},
		{realm.Short(), "unexpected EOF"},
		{realm.WrongRange(), "012"},
		{realm.WholeForRange(), "012"},
	} {
		f.Play(test.fault)
		ranged := "bytes=0-2"
		if test.want == "unexpected EOF" {
			ranged = ""
		}
		got, err := get(t, c, "v1/a", ranged)
		if err != nil {
			got = code(err)
		}
		if got != test.want || test.fault.Fired() != 1 {
			t.Errorf("%s: got %q (fired %d), want %q once", test.fault.Name, got, test.fault.Fired(), test.want)
		}
	}
	for at, want := range map[realm.Moment]string{realm.Before: "", realm.Instead: "EOF", realm.After: ""} {
		called := 0
		fault := realm.Interrupt(at, func() { called++ })
		f.Play(fault)
		_, err := get(t, c, "v1/a", "")
		// A client may ask once more where a connection that it had used before is lost.
		if !strings.HasSuffix(message(err), want) || called == 0 || fault.Fired() != int64(called) {
			t.Errorf("interrupt %d: %v, called %d times, fired %d", at, err, called, fault.Fired())
		}
	}
	later := realm.SlowDown()
	later.Pass, later.Only = 1, func(r *realm.Request) bool { return r.Kind() == "get" }
	f.Play(later)
	for i, want := range []string{"", "SlowDown"} {
		if _, err := get(t, c, "v1/a", ""); code(err) != want {
			t.Errorf("get %d = %q, want %q", i, code(err), want)
		}
	}
	if err := put(t, c, "v1/b", "b"); err != nil {
		t.Errorf("put = %v, want none of the faults of get", err)
	}
}

// Each toxic does to a client what its name says.
func TestWiresBreak(t *testing.T) {
	g := gateway(t)
	f := front(t, g)
	if err := put(t, client(g, f.URL), "v1/a", strings.Repeat("x", 1<<20)); err != nil {
		t.Fatal(err)
	}
	x, err := realm.StartToxiproxy(tool(t, "server"))
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	for _, test := range []struct {
		name, kind string
		attributes map[string]any
		broken     func(error, time.Duration) bool
	}{
		{"latency", "latency", map[string]any{"latency": 100}, func(err error, took time.Duration) bool { return err == nil && took >= 100*time.Millisecond }},
		{"truncation", "limit_data", map[string]any{"bytes": 2000}, func(err error, _ time.Duration) bool { return errors.Is(err, io.ErrUnexpectedEOF) }},
		{"reset", "reset_peer", map[string]any{"timeout": 0}, func(err error, _ time.Duration) bool {
			return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, io.EOF)
		}},
		{"trickle", "slicer", map[string]any{"average_size": 1, "size_variation": 0, "delay": 1000000}, func(err error, _ time.Duration) bool { return errors.Is(err, context.DeadlineExceeded) }},
		{"silence", "timeout", map[string]any{"timeout": 0}, func(err error, _ time.Duration) bool { return errors.Is(err, context.DeadlineExceeded) }},
	} {
		w, err := x.Wire(test.name, f)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Poison(test.kind, test.attributes); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		from := time.Now()
		out, err := client(g, w.URL).GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String(realm.Bucket), Key: aws.String("v1/a")})
		if err == nil {
			_, err = io.Copy(io.Discard, out.Body)
			out.Body.Close()
		}
		if !test.broken(err, time.Since(from)) {
			t.Errorf("%s: %v after %s", test.name, err, time.Since(from))
		}
		cancel()
		if err := w.Close(); err != nil {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}
