package s3

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"

	"github.com/compile-cache/compile-cache-action/internal/cache/bucket/objects"
	"github.com/compile-cache/compile-cache-action/internal/cache/bucket/objects/objectstest"
	"github.com/compile-cache/compile-cache-action/internal/cache/bucket/objects/s3/s3test"
)

// keys are credentials that can be found again in a text.
var keys = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
	return aws.Credentials{AccessKeyID: accessKey, SecretAccessKey: "secretCANARY0123456789", SessionToken: "tokenCANARY0123456789"}, nil
})

// atOnce keeps tests from waiting between attempts.
var atOnce = retry.BackoffDelayerFunc(func(int, error) (time.Duration, error) { return 0, nil })

// strict returns a server that fails the test where a request is wrong.
func strict(t *testing.T) *s3test.Server {
	return &s3test.Server{Bucket: testBucket, Prefix: testPrefix, AccessKey: accessKey, Errorf: t.Errorf}
}

// start runs a server and returns it with a store.
func start(t *testing.T, change ...func(o *Options)) (*s3test.Server, *Store) {
	t.Helper()
	srv := strict(t)
	web := httptest.NewServer(srv)
	t.Cleanup(web.Close)
	o := Options{Bucket: testBucket, Prefix: "/" + testPrefix + "/", Endpoint: web.URL, Credentials: keys, Now: time.Now, UserAgent: "compile-cache/1", backoff: atOnce}
	for _, c := range change {
		c(&o)
	}
	srv.Anonymous = o.Credentials == nil
	return srv, open(t, o)
}

func open(t *testing.T, o Options) *Store {
	t.Helper()
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestConformance(t *testing.T) {
	for name, change := range map[string]func(o *Options){
		"signed":    func(*Options) {},
		"anonymous": func(o *Options) { o.Credentials = nil },
	} {
		t.Run(name, func(t *testing.T) {
			objectstest.Run(t, func(t *testing.T) objects.Store {
				_, s := start(t, change)
				return s
			})
		})
	}
}

// What a put must say.
func TestHeaders(t *testing.T) {
	srv, s := start(t, func(o *Options) {
		o.Checksum, o.KMSKey, o.RequesterPays = "when_supported", "key-1", true
	})
	srv.Headers = map[string]string{
		"X-Amz-Checksum-Sha256": "SUM", "X-Amz-Request-Payer": "requester", "X-Amz-Server-Side-Encryption": "aws:kms",
		"X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id": "key-1", "Content-Type": "application/octet-stream",
	}
	counted := &objects.Counter{Store: s}
	stored, err := objectstest.Put(t.Context(), counted, "v1/a", "a")
	if err != nil || stored.Existed {
		t.Fatalf("Put = %+v, %v; want a new object", stored, err)
	}
	if got := counted.Counts().Uploaded; got != 1 {
		t.Errorf("%d bytes of the body were read, want 1: nothing is hashed before it is sent", got)
	}
	if got, err := objectstest.Read(t.Context(), s, "v1/a", 0, -1); err != nil || got != "a" {
		t.Errorf("Get = %q, %v; want a", got, err)
	}
	if agent := srv.Requests()[0].Header.Get("User-Agent"); !strings.Contains(agent, "compile-cache/1") {
		t.Errorf("user agent = %q, want compile-cache/1 in it", agent)
	}
	if time.Since(stored.Time).Abs() > time.Hour {
		t.Errorf("time = %v, want about now", stored.Time)
	}
	if srv.Count("put") != 1 || srv.Count("get") != 1 {
		t.Errorf("%d puts and %d gets, want one each", srv.Count("put"), srv.Count("get"))
	}
}

// A key that is no name of ours is not shown, and a page of such is passed over.
func TestForeignKeys(t *testing.T) {
	srv, s := start(t)
	if _, err := objectstest.Put(t.Context(), s, "v1/b", "b"); err != nil {
		t.Fatal(err)
	}
	srv.Hold("v1/", nil)
	srv.Hold("v1/a b", nil)
	l, err := s.List(t.Context(), "v1/", "", 1)
	if err != nil || len(l.Objects) != 1 || l.Objects[0].Name != "v1/b" || l.More {
		t.Errorf("List = %+v, %v; want v1/b", l, err)
	}
}

// A list's time is not after its beginning, however long it takes.
func TestListTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := strict(t)
		s := open(t, Options{
			Bucket: testBucket, Prefix: testPrefix, Endpoint: "https://store.test", Credentials: keys, Now: time.Now,
			HTTPClient: &http.Client{Transport: slow{inProcess{srv}}},
		})
		began := time.Now()
		l, err := s.List(t.Context(), "", "", 1)
		if err != nil || l.Time.After(began) || began.Sub(l.Time) > time.Second {
			t.Errorf("time of a list = %v, %v; want %v", l.Time, err, began)
		}
	})
}

// slow answers after a minute of the bubble's clock.
type slow struct{ http.RoundTripper }

func (s slow) RoundTrip(r *http.Request) (*http.Response, error) {
	time.Sleep(time.Minute)
	return s.RoundTripper.RoundTrip(r)
}

// Credentials that cannot be got are told so, once, and without what the provider must not say.
func TestNoCredentials(t *testing.T) {
	asked := 0
	srv, s := start(t, func(o *Options) {
		o.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			asked++
			return aws.Credentials{}, errors.New("sts says no to Authorization: Bearer CANARY")
		})
	})
	for _, op := range []string{"get", "put", "list"} {
		asked = 0
		err := do(t.Context(), s, op)
		var e *objects.Error
		if !errors.As(err, &e) || e.Kind != objects.Credentials || !strings.Contains(err.Error(), "sts says no") || asked != 1 {
			t.Errorf("%s = %v after asking %d times, want credentials with the provider's words, after one", op, err, asked)
		}
		noSecrets(t, srv, err)
	}
	if len(srv.Requests()) != 0 {
		t.Errorf("%d requests were made, want none", len(srv.Requests()))
	}
}

// The region of a bucket of AWS is asked for once, without credentials.
func TestFindRegion(t *testing.T) {
	var asked []string
	answer := raw(403, "", "X-Amz-Bucket-Region: cn-north-1")
	transport := inProcess{http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Method+" "+r.URL.Host)
		switch {
		case r.Method == "HEAD":
			if r.Header.Get("Authorization") != "" {
				t.Errorf("the question for the region bears credentials")
			}
			answer(w, r)
		case !strings.Contains(r.Header.Get("Authorization"), "/cn-north-1/s3/"):
			t.Errorf("authorization %q, want it for the region", r.Header.Get("Authorization"))
		default:
			s3test.AnswerError(w, 403, "AccessDenied", "Access Denied")
		}
	})}
	s := open(t, Options{Bucket: testBucket, Credentials: keys, Now: time.Now, HTTPClient: &http.Client{Transport: transport}})
	if len(asked) != 0 {
		t.Errorf("Open asked %v, want nothing", asked)
	}
	for range 2 {
		if err := do(t.Context(), s, "get"); err == nil || !strings.Contains(err.Error(), "arn:aws-cn:s3:::acme-ci/*") {
			t.Errorf("Get = %v, want the ARN of what is refused", err)
		}
	}
	if region, err := s.FindRegion(t.Context()); region != "cn-north-1" || err != nil {
		t.Errorf("FindRegion = %q, %v; want cn-north-1", region, err)
	}
	want := "[HEAD acme-ci.s3.us-east-1.amazonaws.com GET acme-ci.s3.cn-north-1.amazonaws.com.cn GET acme-ci.s3.cn-north-1.amazonaws.com.cn]"
	if got := fmt.Sprint(asked); got != want {
		t.Errorf("asked %s, want %s", got, want)
	}
	answer = raw(404, "")
	s = open(t, Options{Bucket: testBucket, Credentials: keys, Now: time.Now, HTTPClient: &http.Client{Transport: transport}})
	if region, err := s.FindRegion(t.Context()); err == nil || !strings.Contains(err.Error(), "region=") {
		t.Errorf("FindRegion = %q, %v; want an error that names region=", region, err)
	}
}

func TestOptions(t *testing.T) {
	good := Options{Bucket: "acme-ci", Now: time.Now}
	for name, change := range map[string]func(o *Options){
		"no bucket":         func(o *Options) { o.Bucket = "" },
		"bucket with slash": func(o *Options) { o.Bucket = "a/b" },
		"region":            func(o *Options) { o.Region = "x.evil.test/" },
		"dots":              func(o *Options) { o.Prefix = "a/../b" },
		"newline":           func(o *Options) { o.Prefix = "a\nb" },
		"password":          func(o *Options) { o.Endpoint = "https://user:CANARY@host" },
		"no scheme":         func(o *Options) { o.Endpoint = "host:9000" },
		"other scheme":      func(o *Options) { o.Endpoint = "ftp://host" },
		"parameters":        func(o *Options) { o.Endpoint = "https://host?X-Amz-Signature=CANARY" },
		"checksum":          func(o *Options) { o.Checksum = "always" },
		"sse":               func(o *Options) { o.SSE = "rot13" },
		"ca":                func(o *Options) { o.CABundle = []byte("no PEM") },
		"no clock":          func(o *Options) { o.Now = nil },
	} {
		o := good
		change(&o)
		if _, err := Open(o); err == nil || strings.Contains(err.Error(), "CANARY") {
			t.Errorf("%s: Open = %v, want an error without secrets", name, err)
		}
	}
	if s := open(t, good); s.String() != "s3://acme-ci" {
		t.Errorf("String = %s, want s3://acme-ci", s)
	}
}
